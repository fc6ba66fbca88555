//! Who may call what, from the descriptors: a method without an access option is refused to everybody.

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{MessageDescriptor, Value};
use qihang_proto::{POOL, options::v1::Role as RoleOption};
use time::OffsetDateTime;

use crate::{
    auth::{self, GATEWAY, Principal, Role},
    status::Fault,
};

/// The rule of one method.
#[derive(Debug)]
pub(crate) struct Rule {
    roles: Vec<Role>,
    anonymous: bool,
    /// Input message, for validation.
    pub(crate) input: MessageDescriptor,
    /// True when the client sends several messages.
    pub(crate) client_streaming: bool,
    /// True when the service sends several messages.
    server_streaming: bool,
}

/// Rules by path, `/package.Service/Method`.
static RULES: LazyLock<HashMap<String, Rule>> = LazyLock::new(|| {
    let extension = POOL.get_extension_by_name("qihang.options.v1.access");
    let mut rules = HashMap::new();
    for service in POOL.services() {
        for method in service.methods() {
            let options = method.options();
            let access = extension
                .as_ref()
                .filter(|one| options.has_extension(one))
                .map(|one| options.get_extension(one));
            let (roles, anonymous) = match access.as_deref() {
                Some(Value::Message(access)) => (roles(access), flag(access, "anonymous")),
                _ => (Vec::new(), false),
            };
            let rule = Rule {
                roles,
                anonymous,
                input: method.input(),
                client_streaming: method.is_client_streaming(),
                server_streaming: method.is_server_streaming(),
            };
            rules.insert(format!("/{}/{}", service.full_name(), method.name()), rule);
        }
    }
    rules
});

fn roles(access: &prost_reflect::DynamicMessage) -> Vec<Role> {
    let Some(value) = access.get_field_by_name("roles") else {
        return Vec::new();
    };
    let numbers = value
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_enum_number);
    numbers
        .filter_map(|number| role(RoleOption::try_from(number).ok()?))
        .collect()
}

fn flag(access: &prost_reflect::DynamicMessage, name: &str) -> bool {
    access
        .get_field_by_name(name)
        .and_then(|value| value.as_bool())
        .unwrap_or_default()
}

fn role(option: RoleOption) -> Option<Role> {
    match option {
        RoleOption::Unspecified => None,
        RoleOption::Student => Some(Role::Student),
        RoleOption::Employer => Some(Role::Employer),
        RoleOption::Department => Some(Role::Department),
        RoleOption::School => Some(Role::School),
        RoleOption::Province => Some(Role::Province),
        RoleOption::Service => Some(Role::Service),
    }
}

/// The rule of a path.
pub(crate) fn rule(path: &str) -> Option<&'static Rule> {
    RULES.get(path)
}

impl Rule {
    /// True when an access token is of no use here.
    pub(crate) fn only_services(&self) -> bool {
        !self.anonymous && self.roles == [Role::Service]
    }

    /// True when one side sends several messages.
    pub(crate) fn is_streaming(&self) -> bool {
        self.client_streaming || self.server_streaming
    }

    /// Another service that may call, as a principal.
    pub(crate) fn service_principal(&self, peer: Option<&str>) -> Option<Principal> {
        let peer = peer.filter(|peer| *peer != GATEWAY && self.roles.contains(&Role::Service))?;
        Some(Principal::service(peer, OffsetDateTime::UNIX_EPOCH))
    }

    /// Decides whether this caller may call.
    ///
    /// # Errors
    /// UNAUTHENTICATED when a login is needed, PERMISSION_DENIED when the role may not.
    pub(crate) fn check(&self, principal: Option<&Principal>, peer: Option<&str>) -> Result<(), Fault> {
        if self.anonymous {
            return Ok(());
        }
        let service = peer.is_some_and(|peer| peer != GATEWAY);
        if service && self.roles.contains(&Role::Service) {
            return Ok(());
        }
        match principal {
            Some(principal) if self.roles.contains(&principal.role) && principal.role != Role::Service => {
                Ok(())
            }
            Some(_) => Err(denied()),
            None if self.only_services() || self.roles.is_empty() => Err(denied()),
            None => Err(auth::missing()),
        }
    }
}

fn denied() -> Fault {
    Fault::permission_denied("ROLE_NOT_ALLOWED", "您的身份不能进行这项操作。")
}

#[cfg(test)]
mod tests {
    use super::*;

    const JWKS: &str = "/qihang.identity.v1.DirectoryService/GetJwks";
    const FIND: &str = "/qihang.identity.v1.DirectoryService/FindStudent";
    const UPLOAD: &str = "/qihang.documents.v1.FileService/CreateUpload";

    #[test]
    fn only_services_call_service_methods() {
        let find = rule(FIND).unwrap();
        assert!(find.check(None, Some("contracts")).is_ok());
        assert_eq!(
            find.check(None, Some(GATEWAY)).unwrap_err().reason(),
            "ROLE_NOT_ALLOWED"
        );
        assert_eq!(find.check(None, None).unwrap_err().reason(), "ROLE_NOT_ALLOWED");
    }

    #[test]
    fn anonymous_methods_are_open_and_others_want_a_login() {
        assert!(rule(JWKS).unwrap().check(None, None).is_ok());
        assert_eq!(
            rule(UPLOAD)
                .unwrap()
                .check(None, Some(GATEWAY))
                .unwrap_err()
                .reason(),
            "TOKEN_MISSING"
        );
        assert!(rule("/qihang.identity.v1.DirectoryService/Nothing").is_none());
    }
}
