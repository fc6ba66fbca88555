//! Administrators of the province are made by two persons.

use futures::future::join_all;
use qihang_kit::{
    auth::Principal,
    testing::{self, TestService},
};
use qihang_proto::identity::v1::{
    AdministratorProposal, ConfirmAdministratorProposalRequest, ConfirmAdministratorProposalResponse,
    DeclineAdministratorProposalRequest, DisableStaffRequest, EnableStaffRequest,
    ListAdministratorProposalsRequest, ProposeAdministratorRequest, ResetStaffRequest, UpdateStaffRequest,
    WithdrawAdministratorProposalRequest, account,
    administrator_proposal::{Kind, State},
    administrator_service_client::AdministratorServiceClient,
};
use time::Duration;
use tonic::{Code, Response, Status};

use crate::{
    people::door,
    roster_support::{Way, reason},
    staff::{PASSWORD, activate, active, client, create, identity, new, root},
};

fn proposals(identity: &TestService, by: &Principal) -> AdministratorServiceClient<Way> {
    AdministratorServiceClient::new(identity.as_principal(by))
}

/// The first administrator and a second one, whom the first has made alone.
async fn two(identity: &TestService) -> (Principal, Principal, String) {
    let root = root(identity).await;
    let (id, second) = active(identity, &root, account::Role::Province, "second").await;
    (root, second, id)
}

fn creation(login: &str) -> ProposeAdministratorRequest {
    ProposeAdministratorRequest {
        kind: Kind::Create.into(),
        login: login.to_owned(),
        name: "周敏".to_owned(),
        reason: "新任处长".to_owned(),
        ..ProposeAdministratorRequest::default()
    }
}

fn about(kind: Kind, id: &str) -> ProposeAdministratorRequest {
    ProposeAdministratorRequest {
        kind: kind.into(),
        account_id: id.to_owned(),
        reason: "岗位调整".to_owned(),
        ..ProposeAdministratorRequest::default()
    }
}

async fn propose(
    identity: &TestService,
    by: &Principal,
    request: ProposeAdministratorRequest,
) -> Result<AdministratorProposal, Status> {
    let mut client = proposals(identity, by);
    client
        .propose_administrator(request)
        .await
        .map(Response::into_inner)
}

async fn confirm(
    identity: &TestService,
    by: &Principal,
    proposal: &AdministratorProposal,
) -> Result<ConfirmAdministratorProposalResponse, Status> {
    let request = ConfirmAdministratorProposalRequest {
        id: proposal.id.clone(),
        ..ConfirmAdministratorProposalRequest::default()
    };
    let mut client = proposals(identity, by);
    let answer = client.confirm_administrator_proposal(request).await;
    answer.map(Response::into_inner)
}

async fn list(identity: &TestService, by: &Principal, state: State) -> Vec<AdministratorProposal> {
    let request = ListAdministratorProposalsRequest {
        state: state.into(),
        ..ListAdministratorProposalsRequest::default()
    };
    let mut client = proposals(identity, by);
    let answer = client.list_administrator_proposals(request).await;
    answer.unwrap().into_inner().proposals
}

fn reset(id: &str) -> ResetStaffRequest {
    ResetStaffRequest {
        id: id.to_owned(),
        ..ResetStaffRequest::default()
    }
}

async fn disable(identity: &TestService, by: &Principal, id: &str) {
    let request = DisableStaffRequest {
        id: id.to_owned(),
        reason: "已调离工作岗位".to_owned(),
        ..DisableStaffRequest::default()
    };
    client(identity, by).disable_staff(request).await.unwrap();
}

async fn events(identity: &TestService, event: &'static str) -> Vec<String> {
    sqlx::query_scalar("SELECT reason FROM identity.audit_events WHERE event = $1 ORDER BY create_time, id")
        .bind(event)
        .fetch_all(&identity.db.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn one_alone_makes_a_second_and_from_then_on_it_takes_two() {
    let identity = identity().await;
    let (root, second, second_id) = two(&identity).await;
    let alone = events(&identity, "staff.create").await;
    assert_eq!(alone, ["没有其他省级管理员，由一人办理"]);
    let needed =
        |answer: Result<(), Status>| assert_eq!(reason(&answer.unwrap_err()), "SECOND_PERSON_NEEDED");
    needed(
        create(&identity, &root, new(account::Role::Province, "third"))
            .await
            .map(drop),
    );
    let (school_id, _) = active(&identity, &root, account::Role::School, "hlju.office").await;
    let mut client = client(&identity, &root);
    needed(client.reset_staff(reset(&second_id)).await.map(drop));
    let raise = UpdateStaffRequest {
        id: school_id,
        role: Some(account::Role::Province.into()),
        ..UpdateStaffRequest::default()
    };
    needed(client.update_staff(raise).await.map(drop));
    disable(&identity, &second, &root.account_id.to_string()).await;
    let enable = EnableStaffRequest {
        id: root.account_id.to_string(),
        ..EnableStaffRequest::default()
    };
    let mut client = crate::staff::client(&identity, &second);
    needed(client.enable_staff(enable.clone()).await.map(drop));
    // Who disabled the others is not alone for a week.
    identity.advance(Duration::days(7) - Duration::minutes(1)).await;
    let mut client = crate::staff::client(&identity, &second);
    needed(client.enable_staff(enable.clone()).await.map(drop));
    identity.advance(Duration::minutes(1)).await;
    let mut client = crate::staff::client(&identity, &second);
    client.enable_staff(enable).await.unwrap();
    assert_eq!(
        events(&identity, "staff.enable").await,
        ["没有其他省级管理员，由一人办理"]
    );
}

#[tokio::test]
async fn a_new_administrator_is_proposed_by_one_and_confirmed_by_another() {
    let identity = identity().await;
    let (root, second, _) = two(&identity).await;
    let proposal = propose(&identity, &root, creation("third")).await.unwrap();
    assert_eq!(
        (proposal.state(), proposal.login.as_str()),
        (State::Open, "third")
    );
    let own = confirm(&identity, &root, &proposal).await.unwrap_err();
    assert_eq!(reason(&own), "OWN_PROPOSAL");
    let twice = propose(&identity, &second, creation("third")).await.unwrap_err();
    assert_eq!(reason(&twice), "PROPOSAL_OPEN");
    let seen = list(&identity, &second, State::Open).await;
    let may: Vec<&str> = seen[0]
        .actions
        .iter()
        .filter(|action| action.allowed)
        .map(|action| action.name.as_str())
        .collect();
    assert_eq!((seen.len(), may), (1, vec!["confirm", "decline"]));
    let done = confirm(&identity, &second, &proposal).await.unwrap();
    let (proposal, activation) = (done.proposal.unwrap(), done.activation.unwrap());
    let staff = activation.staff.unwrap();
    assert_eq!(
        (proposal.state(), &proposal.account_id, &proposal.decider_id),
        (State::Confirmed, &staff.id, &second.account_id.to_string())
    );
    let session = activate(&identity, &activation.activation_token, PASSWORD)
        .await
        .unwrap();
    assert_eq!(door(&identity).bearer(&session).await.role.as_str(), "PROVINCE");
    let again = confirm(&identity, &second, &proposal).await.unwrap_err();
    assert_eq!(reason(&again), "INVALID_TRANSITION");
    let taken = propose(&identity, &root, creation("third")).await.unwrap_err();
    assert_eq!(reason(&taken), "LOGIN_TAKEN");
    assert_eq!(events(&identity, "administrator.propose").await, ["新任处长"]);
    assert_eq!(events(&identity, "administrator.confirm").await, ["新任处长"]);
}

#[tokio::test]
async fn two_who_confirm_at_once_do_it_once() {
    let identity = identity().await;
    let (root, second, _) = two(&identity).await;
    let proposal = propose(&identity, &root, creation("third")).await.unwrap();
    let done = confirm(&identity, &second, &proposal).await.unwrap();
    let token = done.activation.unwrap().activation_token;
    let session = activate(&identity, &token, PASSWORD).await.unwrap();
    let third = crate::people::with_code(door(&identity).bearer(&session).await);
    let proposal = propose(&identity, &root, creation("fourth")).await.unwrap();
    let answers = join_all([
        confirm(&identity, &second, &proposal),
        confirm(&identity, &third, &proposal),
        confirm(&identity, &second, &proposal),
        confirm(&identity, &third, &proposal),
    ])
    .await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    for answer in refused {
        assert_eq!(reason(&answer.unwrap_err()), "INVALID_TRANSITION");
    }
    let made: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.accounts WHERE login = 'fourth'")
        .fetch_one(&identity.db.pool)
        .await
        .unwrap();
    assert_eq!(made, 1);
}

#[tokio::test]
async fn a_repeat_of_a_confirmation_gives_a_new_token_until_one_was_used() {
    let identity = identity().await;
    let (root, second, _) = two(&identity).await;
    let proposal = propose(&identity, &root, creation("third")).await.unwrap();
    let request = ConfirmAdministratorProposalRequest {
        id: proposal.id,
        request_id: "0190b6a0-0000-7000-8000-000000000031".to_owned(),
        ..ConfirmAdministratorProposalRequest::default()
    };
    let token = || {
        let (mut client, request) = (proposals(&identity, &second), request.clone());
        async move {
            let answer = client.confirm_administrator_proposal(request).await.unwrap();
            answer.into_inner().activation.unwrap().activation_token
        }
    };
    let (first, last) = (token().await, token().await);
    let replaced = activate(&identity, &first, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&replaced), "ACTIVATION_INVALID");
    activate(&identity, &last, PASSWORD).await.unwrap();
    assert_eq!(token().await, "", "the account is its owner's");
}

#[tokio::test]
async fn proposals_are_declined_withdrawn_and_lapse() {
    let identity = identity().await;
    let (root, second, _) = two(&identity).await;
    let decline = |by: &Principal, proposal: &AdministratorProposal| {
        let request = DeclineAdministratorProposalRequest {
            id: proposal.id.clone(),
            reason: "编制已满".to_owned(),
            ..DeclineAdministratorProposalRequest::default()
        };
        let mut client = proposals(&identity, by);
        async move {
            client
                .decline_administrator_proposal(request)
                .await
                .map(Response::into_inner)
        }
    };
    let withdraw = |by: &Principal, proposal: &AdministratorProposal| {
        let request = WithdrawAdministratorProposalRequest {
            id: proposal.id.clone(),
            ..WithdrawAdministratorProposalRequest::default()
        };
        let mut client = proposals(&identity, by);
        async move {
            client
                .withdraw_administrator_proposal(request)
                .await
                .map(Response::into_inner)
        }
    };
    let one = propose(&identity, &root, creation("third")).await.unwrap();
    assert_eq!(reason(&decline(&root, &one).await.unwrap_err()), "OWN_PROPOSAL");
    assert_eq!(
        reason(&withdraw(&second, &one).await.unwrap_err()),
        "NOT_PROPOSER"
    );
    let declined = decline(&second, &one).await.unwrap();
    assert_eq!(
        (declined.state(), declined.decide_reason.as_str()),
        (State::Declined, "编制已满")
    );
    let two = propose(&identity, &root, creation("third")).await.unwrap();
    assert_eq!(withdraw(&root, &two).await.unwrap().state(), State::Withdrawn);
    let three = propose(&identity, &root, creation("third")).await.unwrap();
    identity.advance(Duration::days(7)).await;
    let late = confirm(&identity, &second, &three).await.unwrap_err();
    assert_eq!(reason(&late), "INVALID_TRANSITION");
    assert_eq!(list(&identity, &root, State::Lapsed).await[0].id, three.id);
    assert!(list(&identity, &root, State::Open).await.is_empty());
    let four = propose(&identity, &root, creation("third")).await.unwrap();
    assert_ne!(four.id, three.id, "what has lapsed makes room");
}

#[tokio::test]
async fn only_what_can_be_done_is_proposed() {
    let identity = identity().await;
    let (root, _, second_id) = two(&identity).await;
    let (school_id, _) = active(&identity, &root, account::Role::School, "hlju.office").await;
    let refused = |request| {
        let (identity, root) = (&identity, root.clone());
        async move { reason(&propose(identity, &root, request).await.unwrap_err()) }
    };
    assert_eq!(refused(about(Kind::Reset, &school_id)).await, "NOT_ADMINISTRATOR");
    assert_eq!(
        refused(about(Kind::Raise, &second_id)).await,
        "ALREADY_ADMINISTRATOR"
    );
    assert_eq!(
        refused(about(Kind::Enable, &second_id)).await,
        "INVALID_TRANSITION"
    );
    let own = about(Kind::Reset, &root.account_id.to_string());
    assert_eq!(refused(own).await, "SELF_NOT_ALLOWED");
}

#[tokio::test]
async fn two_raise_reset_and_enable_and_the_account_itself_has_no_say() {
    let identity = identity().await;
    let (root, second, second_id) = two(&identity).await;
    let (school_id, _) = active(&identity, &root, account::Role::School, "hlju.office").await;
    let raise = propose(&identity, &root, about(Kind::Raise, &school_id))
        .await
        .unwrap();
    let raised = confirm(&identity, &second, &raise)
        .await
        .unwrap()
        .activation
        .unwrap();
    let staff = raised.staff.unwrap();
    assert_eq!(
        (
            staff.role(),
            staff.school_code.as_str(),
            raised.activation_token.as_str()
        ),
        (account::Role::Province, "", "")
    );
    let third = crate::people::with_code(
        door(&identity)
            .bearer(
                &door(&identity)
                    .login_staff("hlju.office", PASSWORD)
                    .await
                    .unwrap(),
            )
            .await,
    );
    let reset = propose(&identity, &root, about(Kind::Reset, &second_id))
        .await
        .unwrap();
    let own = confirm(&identity, &second, &reset).await.unwrap_err();
    assert_eq!(reason(&own), "SELF_NOT_ALLOWED");
    let token = confirm(&identity, &third, &reset)
        .await
        .unwrap()
        .activation
        .unwrap()
        .activation_token;
    activate(&identity, &token, "ten black geese rest").await.unwrap();

    disable(&identity, &root, &second_id).await;
    let enable = propose(&identity, &root, about(Kind::Enable, &second_id))
        .await
        .unwrap();
    let enabled = confirm(&identity, &third, &enable)
        .await
        .unwrap()
        .activation
        .unwrap();
    assert_eq!(enabled.staff.unwrap().state(), account::State::Active);
}

#[tokio::test]
async fn the_word_of_who_was_disabled_does_not_count_and_others_see_nothing() {
    let identity = identity().await;
    let (root, second, second_id) = two(&identity).await;
    let proposal = propose(&identity, &second, creation("third")).await.unwrap();
    disable(&identity, &root, &second_id).await;
    let gone = confirm(&identity, &root, &proposal).await.unwrap_err();
    assert_eq!(reason(&gone), "PROPOSER_GONE");
    let other = propose(&identity, &root, creation("fourth")).await.unwrap();
    let late = confirm(&identity, &second, &other).await.unwrap_err();
    assert_eq!(reason(&late), "ROLE_NOT_ALLOWED", "with a token from before");
    let school = testing::school_staff(crate::people::SCHOOL);
    let denied = confirm(&identity, &school, &proposal).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
}
