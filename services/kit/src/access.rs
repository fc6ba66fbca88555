//! Who may call what, from the descriptors: a method without an access option is refused to everybody.

use std::{collections::HashMap, sync::LazyLock};

use prost_reflect::{MessageDescriptor, Value};
use qihang_proto::{POOL, options::v1::Role as RoleOption};
use time::{Duration, OffsetDateTime};

use crate::{
    auth::{self, GATEWAY, Principal, Role},
    status::Fault,
};

/// How long a proof of the person counts as fresh.
const FRESH: Duration = Duration::minutes(10);

/// The rule of one method.
#[derive(Debug)]
pub(crate) struct Rule {
    roles: Vec<Role>,
    anonymous: bool,
    step_up: bool,
    without_second_factor: bool,
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
            let access = access.as_deref().and_then(Value::as_message);
            let says = |name| access.is_some_and(|access| flag(access, name));
            let rule = Rule {
                roles: access.map(roles).unwrap_or_default(),
                anonymous: says("anonymous"),
                step_up: says("step_up"),
                without_second_factor: says("without_second_factor"),
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

    /// True when nobody needs to sign in.
    pub(crate) fn is_open(&self) -> bool {
        self.anonymous
    }

    /// Decides whether this caller may call now.
    ///
    /// # Errors
    /// UNAUTHENTICATED when a login is needed, PERMISSION_DENIED when the role may not or the person must be proved anew.
    pub(crate) fn check(
        &self,
        principal: Option<&Principal>,
        peer: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), Fault> {
        if self.anonymous {
            return Ok(());
        }
        // A service that brings a person's token acts for that person and has no more rights than they.
        let service = principal.is_none() && peer.is_some_and(|peer| peer != GATEWAY);
        if service && self.roles.contains(&Role::Service) {
            return Ok(());
        }
        match principal {
            Some(principal) if self.roles.contains(&principal.role) && principal.role != Role::Service => {
                self.proved(principal, now)
            }
            Some(_) => Err(denied()),
            None if self.only_services() || self.roles.is_empty() => Err(denied()),
            None => Err(auth::missing()),
        }
    }

    /// Whether the person was proved as the method wants it.
    fn proved(&self, principal: &Principal, now: OffsetDateTime) -> Result<(), Fault> {
        if principal.role.is_staff() && !principal.has_second_factor() && !self.without_second_factor {
            return Err(unenrolled());
        }
        if self.step_up && now - principal.auth_time >= FRESH {
            return Err(stale(principal));
        }
        Ok(())
    }
}

fn denied() -> Fault {
    Fault::permission_denied("ROLE_NOT_ALLOWED", "您的身份不能进行这项操作。")
}

fn unenrolled() -> Fault {
    Fault::permission_denied(
        "SECOND_FACTOR_REQUIRED",
        "管理账号须先启用动态验证码：请在“账号安全”中绑定身份验证器并完成确认，然后继续操作。",
    )
}

/// The proof is too old. `factors` names what StepUp takes, the most usual first.
fn stale(principal: &Principal) -> Fault {
    let (factors, how) = if principal.has_second_factor() {
        ("totp,recovery_code", "动态验证码")
    } else {
        ("password", "密码")
    };
    let message = format!("此操作需要重新验证身份：请输入{how}完成验证后重试，验证后 10 分钟内有效。");
    Fault::permission_denied("STEP_UP_REQUIRED", message).with("factors", factors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    const RESET: &str = "/qihang.identity.v1.StaffService/ResetStaff";
    const NOW: OffsetDateTime = time::macros::datetime!(2027-03-01 08:00 UTC);
    const ENROL: &str = "/qihang.identity.v1.AccountService/EnrolTotp";
    const SEND: &str = "/qihang.contracts.v1.SigningService/SendOffer";
    const JWKS: &str = "/qihang.identity.v1.DirectoryService/GetJwks";
    const FIND: &str = "/qihang.identity.v1.DirectoryService/FindStudent";
    const UPLOAD: &str = "/qihang.documents.v1.FileService/CreateUpload";

    #[test]
    fn only_services_call_service_methods() {
        let find = rule(FIND).unwrap();
        assert!(find.check(None, Some("contracts"), NOW).is_ok());
        assert_eq!(
            find.check(None, Some(GATEWAY), NOW).unwrap_err().reason(),
            "ROLE_NOT_ALLOWED"
        );
        assert_eq!(
            find.check(None, None, NOW).unwrap_err().reason(),
            "ROLE_NOT_ALLOWED"
        );
    }

    #[test]
    fn a_service_that_acts_for_a_person_has_their_rights_and_no_more() {
        let rule = Rule {
            roles: vec![Role::Service, Role::School],
            anonymous: false,
            step_up: false,
            without_second_factor: false,
            input: rule(FIND).unwrap().input.clone(),
            client_streaming: false,
            server_streaming: false,
        };
        assert!(rule.check(None, Some("contracts"), NOW).is_ok());
        let refused = rule.check(Some(&testing::province_staff()), Some("contracts"), NOW);
        assert_eq!(refused.unwrap_err().reason(), "ROLE_NOT_ALLOWED");
        let school = testing::school_staff("4123010213");
        assert!(rule.check(Some(&school), Some("contracts"), NOW).is_ok());
    }

    #[test]
    fn anonymous_methods_are_open_and_others_want_a_login() {
        assert!(rule(JWKS).unwrap().check(None, None, NOW).is_ok());
        assert_eq!(
            rule(UPLOAD)
                .unwrap()
                .check(None, Some(GATEWAY), NOW)
                .unwrap_err()
                .reason(),
            "TOKEN_MISSING"
        );
        assert!(rule("/qihang.identity.v1.DirectoryService/Nothing").is_none());
    }

    #[test]
    fn a_step_up_method_wants_a_proof_of_the_last_ten_minutes() {
        let rule = rule(RESET).unwrap();
        let check = |principal: &Principal, age| {
            let principal = Principal {
                auth_time: NOW - age,
                ..principal.clone()
            };
            rule.check(Some(&principal), Some(GATEWAY), NOW)
        };
        let staff = testing::school_staff("4123010213");
        assert!(check(&staff, Duration::ZERO).is_ok());
        assert!(check(&staff, FRESH - Duration::SECOND).is_ok());
        let refused = check(&staff, FRESH).unwrap_err();
        assert_eq!(refused.reason(), "STEP_UP_REQUIRED");
        assert!(refused.message().contains("重新验证身份") && refused.message().contains("动态验证码"));
        let by_password = Principal {
            auth_time: NOW - FRESH,
            ..testing::employer(uuid::Uuid::nil())
        };
        let send = super::rule(SEND).unwrap();
        let refused = send.check(Some(&by_password), Some(GATEWAY), NOW).unwrap_err();
        assert_eq!(refused.reason(), "STEP_UP_REQUIRED");
        assert!(refused.message().contains("输入密码"));
        let student = testing::student("4123010213", uuid::Uuid::nil());
        assert_eq!(
            check(&student, FRESH).unwrap_err().reason(),
            "ROLE_NOT_ALLOWED",
            "the role comes first"
        );
    }

    #[test]
    fn staff_without_a_second_factor_can_only_enrol() {
        let plain = |principal: Principal| Principal {
            amr: vec!["pwd".to_owned()],
            auth_time: NOW,
            ..principal
        };
        let check =
            |path, principal: &Principal| rule(path).unwrap().check(Some(principal), Some(GATEWAY), NOW);
        for staff in [
            testing::department_staff("4123010213", "外语系"),
            testing::school_staff("4123010213"),
            testing::province_staff(),
        ] {
            assert!(check(UPLOAD, &staff).is_ok());
            let refused = check(UPLOAD, &plain(staff.clone())).unwrap_err();
            assert_eq!(refused.reason(), "SECOND_FACTOR_REQUIRED");
            assert!(check(ENROL, &plain(staff)).is_ok());
        }
        for other in [
            testing::student("4123010213", uuid::Uuid::nil()),
            testing::employer(uuid::Uuid::nil()),
        ] {
            assert!(check(UPLOAD, &plain(other)).is_ok(), "only staff must have one");
        }
    }

    #[test]
    fn every_other_method_takes_an_old_proof() {
        let old = Principal {
            auth_time: NOW - Duration::days(30),
            ..testing::student("4123010213", uuid::Uuid::nil())
        };
        assert!(
            rule(UPLOAD)
                .unwrap()
                .check(Some(&old), Some(GATEWAY), NOW)
                .is_ok()
        );
    }
}
