//! The contract against its own rules, read from the descriptors.

use std::collections::{BTreeMap, HashMap};

use prost_reflect::{EnumDescriptor, Kind, MessageDescriptor};
use qihang_proto::POOL;
use qihang_tests::contract::{SERVICE, access, flag, methods, roles, route};

/// Commands that may be repeated without a request id, and why.
const REPEATABLE: &[(&str, &str)] = &[
    ("PreviewDictionaryChange", "it writes nothing"),
    ("MarkAnnouncementRead", "what is read stays read"),
    (
        "CreateReadToken",
        "a second token does no harm: each is good for the same revision alone",
    ),
    ("RevokeOtherSessions", "what is ended stays ended"),
    ("ClaimReview", "claiming again extends the claim"),
    ("SetAvatar", "the same portrait twice is once"),
    ("RemoveAvatar", "what is gone stays gone"),
    ("BlockEmployer", "what is blocked stays blocked"),
    ("UpdateClauseTemplate", "title and text are set: twice is once"),
    ("ClaimQueuedReview", "claiming again extends the claim"),
    ("ReleaseQueuedReview", "what is given back stays given back"),
    (
        "ClaimNextReview",
        "after a lost answer one more is claimed; the first is in the caller's queue and lapses in ten minutes",
    ),
    ("RevealCorrection", "every look is written down"),
    ("ReplayDeadLetter", "a message has its effect once"),
    ("DropDeadLetter", "what is gone stays gone"),
    (
        "StepUp",
        "a second proof does no harm: tokens are never kept, so there is no first answer to give",
    ),
    ("EnrolTotp", "a secret that was not confirmed is replaced"),
    (
        "ConfirmTotp",
        "a code counts once; recovery codes are never kept, so there is no first answer to give",
    ),
    (
        "IssueStudentReset",
        "a new token replaces the one before; tokens are never kept, so there is no first answer to give",
    ),
    (
        "IssueEmployerReset",
        "a new token replaces the one before; tokens are never kept, so there is no first answer to give",
    ),
    (
        "IssueMemberReset",
        "a new token replaces the one before; tokens are never kept, so there is no first answer to give",
    ),
    ("RevealStudent", "every look is written down"),
    ("RemoveTotp", "what is gone stays gone"),
    ("ExportMyData", "it changes nothing"),
    ("RequestErasure", "one wish of an account waits at a time"),
    ("WithdrawErasure", "what is taken back stays taken back"),
    ("ReleaseReview", "what is given back stays given back"),
];

fn messages() -> Vec<MessageDescriptor> {
    POOL.all_messages()
        .filter(|message| message.package_name().starts_with("qihang.") && !message.is_map_entry())
        .collect()
}

fn enums() -> Vec<EnumDescriptor> {
    POOL.all_enums()
        .filter(|one| one.package_name().starts_with("qihang."))
        .collect()
}

#[test]
fn every_call_says_who_may_call_it_and_has_a_route_unless_it_is_for_services() {
    for method in methods() {
        let name = method.full_name().to_owned();
        let access = access(&method).unwrap_or_else(|| panic!("{name} has no access option"));
        let (roles, anonymous) = (roles(&access), flag(&access, "anonymous"));
        assert!(
            anonymous == roles.is_empty(),
            "{name}: roles or anonymous, one of them"
        );
        let internal = roles == [SERVICE];
        assert!(
            internal || !roles.contains(&SERVICE),
            "{name}: services and people do not share a call"
        );
        // The gateway serves the key set itself, at its well-known place.
        let unrouted = internal || method.name() == "GetJwks";
        assert_eq!(
            route(&method).is_none(),
            unrouted,
            "{name}: a route, or for services alone"
        );
    }
}

#[test]
fn no_two_calls_share_a_route() {
    let mut routes = BTreeMap::new();
    for method in methods() {
        let Some((verb, path)) = route(&method) else {
            continue;
        };
        let shape: Vec<&str> = path
            .split('/')
            .map(|part| {
                if part.starts_with('{') && part.ends_with('}') {
                    "{}"
                } else {
                    part
                }
            })
            .collect();
        let before = routes.insert((verb, shape.join("/")), method.full_name().to_owned());
        assert_eq!(
            before,
            None,
            "{} has the route of another call: {path}",
            method.full_name()
        );
        assert!(path.starts_with("/v1/"), "{}: {path}", method.full_name());
    }
}

#[test]
fn everything_has_a_comment() {
    let mut comments = HashMap::new();
    for file in POOL.files() {
        let proto = file.file_descriptor_proto();
        for location in proto.source_code_info.iter().flat_map(|info| &info.location) {
            let text = location.leading_comments.clone().unwrap_or_default();
            comments.insert((file.name().to_owned(), location.path.clone()), text);
        }
    }
    let check = |file: &str, path: &[i32], name: &str| {
        let text = comments
            .get(&(file.to_owned(), path.to_vec()))
            .cloned()
            .unwrap_or_default();
        assert!(text.trim().len() > 2, "{name} has no comment");
    };
    for service in POOL
        .services()
        .filter(|service| service.package_name().starts_with("qihang."))
    {
        check(service.parent_file().name(), service.path(), service.full_name());
    }
    for method in methods() {
        check(
            method.parent_service().parent_file().name(),
            method.path(),
            method.full_name(),
        );
    }
    for message in messages() {
        check(message.parent_file().name(), message.path(), message.full_name());
        for field in message.fields() {
            check(message.parent_file().name(), field.path(), field.full_name());
        }
    }
    for one in enums() {
        check(one.parent_file().name(), one.path(), one.full_name());
        for value in one.values() {
            check(one.parent_file().name(), value.path(), value.full_name());
        }
    }
}

#[test]
fn enums_begin_with_unspecified_and_values_bear_the_enums_name() {
    for one in enums() {
        let mut prefix = String::new();
        for letter in one.name().chars() {
            if letter.is_ascii_uppercase() && !prefix.is_empty() {
                prefix.push('_');
            }
            prefix.push(letter.to_ascii_uppercase());
        }
        let zero = one
            .get_value(0)
            .unwrap_or_else(|| panic!("{} has no zero", one.full_name()));
        assert_eq!(
            zero.name(),
            format!("{prefix}_UNSPECIFIED"),
            "{}",
            one.full_name()
        );
        for value in one.values() {
            assert!(
                value.name().starts_with(&format!("{prefix}_")),
                "{}",
                value.full_name()
            );
        }
    }
}

#[test]
fn creates_and_verbs_can_be_repeated_safely() {
    for method in methods() {
        let access = access(&method).expect("checked elsewhere");
        let Some((verb, _)) = route(&method) else { continue };
        let raw = method.is_client_streaming();
        let exempt = REPEATABLE.iter().any(|(name, _)| *name == method.name());
        if flag(&access, "anonymous") || raw || exempt || !["post", "patch"].contains(&verb.as_str()) {
            continue;
        }
        let field = method.input().get_field_by_name("request_id");
        assert!(
            field.is_some_and(|field| field.kind() == Kind::String),
            "{} changes something and takes no request_id",
            method.full_name()
        );
    }
}

#[test]
fn lists_are_paged_alike() {
    for method in methods().filter(|method| method.name().starts_with("List")) {
        let (request, reply) = (method.input(), method.output());
        let Some(size) = request.get_field_by_name("page_size") else {
            continue;
        };
        assert_eq!(size.kind(), Kind::Int32, "{}", method.full_name());
        assert!(
            request.get_field_by_name("page_token").is_some(),
            "{}",
            method.full_name()
        );
        assert!(
            reply.get_field_by_name("next_page_token").is_some(),
            "{}",
            method.full_name()
        );
    }
}

#[test]
fn every_request_text_has_a_limit() {
    let rules = POOL
        .get_extension_by_name("buf.validate.field")
        .expect("the rules are in the contract");
    for method in methods() {
        for field in method.input().fields() {
            let limited = field.options().has_extension(&rules);
            assert!(
                field.kind() != Kind::String || limited || field.is_map(),
                "{} has no limit",
                field.full_name()
            );
        }
    }
}
