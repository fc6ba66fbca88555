//! The contract as tests read it: calls with their routes and who may make them, from the descriptors.

use prost_reflect::{DynamicMessage, MethodDescriptor, Value};
use qihang_proto::POOL;

/// Number of the role of services in `qihang.options.v1.Role`.
pub const SERVICE: i32 = 6;

/// Every method of the suite's own services.
pub fn methods() -> impl Iterator<Item = MethodDescriptor> {
    POOL.services()
        .filter(|service| service.package_name().starts_with("qihang."))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
}

/// An option of a method; `None` when the method does not have it.
#[must_use]
pub fn option(method: &MethodDescriptor, name: &str) -> Option<DynamicMessage> {
    let extension = POOL.get_extension_by_name(name)?;
    let options = method.options();
    options
        .has_extension(&extension)
        .then(|| options.get_extension(&extension).as_message().cloned())
        .flatten()
}

/// `(verb, path)` of a method's HTTP route.
#[must_use]
pub fn route(method: &MethodDescriptor) -> Option<(String, String)> {
    let http = option(method, "google.api.http")?;
    ["get", "put", "post", "delete", "patch"]
        .into_iter()
        .find_map(|verb| {
            let path = http.get_field_by_name(verb)?.as_str().map(str::to_owned)?;
            (!path.is_empty()).then(|| (verb.to_owned(), path))
        })
}

/// Who may call a method.
#[must_use]
pub fn access(method: &MethodDescriptor) -> Option<DynamicMessage> {
    option(method, "qihang.options.v1.access")
}

/// A flag of an option.
#[must_use]
pub fn flag(message: &DynamicMessage, field: &str) -> bool {
    message
        .get_field_by_name(field)
        .is_some_and(|value| value.as_bool() == Some(true))
}

/// Numbers of the roles that may call.
#[must_use]
pub fn roles(access: &DynamicMessage) -> Vec<i32> {
    let roles = access.get_field_by_name("roles");
    let roles = roles.as_deref().and_then(Value::as_list).unwrap_or_default();
    roles.iter().filter_map(Value::as_enum_number).collect()
}
