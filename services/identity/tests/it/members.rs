//! The people of an employer: invited, asking, promoted, gone.

use futures::future::join_all;
use qihang_kit::{auth::Principal, testing};
use qihang_proto::identity::v1::{
    ActivateStaffRequest, ApproveMemberRequest, InviteMemberRequest, IssuedSession, JoinEmployerRequest,
    JoinEmployerResponse, ListMembersRequest, LoginEmployerRequest, Member, MemberInvitation,
    ReissueInvitationRequest, RejectMemberRequest, RemoveMemberRequest, UpdateMemberRequest,
    employer_service_client::EmployerServiceClient, member_service_client::MemberServiceClient,
    staff_service_client::StaffServiceClient,
};
use time::Duration;
use tonic::{Response, Status};

use crate::{
    employer::registration,
    people::door,
    roster_support::{Way, World, reason},
};

pub(crate) const PASSWORD: &str = "nine white cranes fly";
const CREDIT_CODE: &str = "9144030071526726XG";

pub(crate) fn client(world: &World, who: &Principal) -> MemberServiceClient<Way> {
    MemberServiceClient::new(world.identity.as_principal(who))
}

/// A registered employer's administrator, signed in.
pub(crate) async fn administrator(world: &World) -> Principal {
    let request = registration(world, "13800000001", "a@example.com").await;
    let mut client = EmployerServiceClient::new(world.identity.anonymous());
    let answer = client.register_employer(request).await.unwrap().into_inner();
    let session = IssuedSession {
        tokens: answer.tokens,
        ..IssuedSession::default()
    };
    door(&world.identity).bearer(&session).await
}

fn invitation(role: &str, number: u32) -> InviteMemberRequest {
    InviteMemberRequest {
        name: "钱小红".to_owned(),
        mobile: format!("1390000{number:04}"),
        email: format!("m{number}@example.com"),
        role: role.to_owned(),
        request_id: String::new(),
    }
}

async fn invite(
    world: &World,
    by: &Principal,
    request: InviteMemberRequest,
) -> Result<MemberInvitation, Status> {
    client(world, by)
        .invite_member(request)
        .await
        .map(Response::into_inner)
}

async fn activate(world: &World, token: &str) -> Result<IssuedSession, Status> {
    let request = ActivateStaffRequest {
        activation_token: token.to_owned(),
        password: PASSWORD.to_owned(),
    };
    let mut client = StaffServiceClient::new(door(&world.identity).way());
    client.activate_staff(request).await.map(Response::into_inner)
}

/// A member who took their invitation up: the id and who they are signed in.
pub(crate) async fn member(world: &World, by: &Principal, role: &str, number: u32) -> (String, Principal) {
    let invited = invite(world, by, invitation(role, number)).await.unwrap();
    let session = activate(world, &invited.activation_token).await.unwrap();
    (
        invited.member.unwrap().id,
        door(&world.identity).bearer(&session).await,
    )
}

async fn join(world: &World, number: u32) -> Result<JoinEmployerResponse, Status> {
    let door = door(&world.identity);
    let (captcha_id, captcha_answer) = door.captcha().await;
    let request = JoinEmployerRequest {
        captcha_id,
        captcha_answer,
        credit_code: CREDIT_CODE.to_owned(),
        name: "孙大明".to_owned(),
        mobile: format!("1370000{number:04}"),
        email: format!("j{number}@example.com"),
        password: PASSWORD.to_owned(),
        message: "人力资源部".to_owned(),
        request_id: String::new(),
    };
    let mut client = MemberServiceClient::new(door.way());
    client.join_employer(request).await.map(Response::into_inner)
}

pub(crate) async fn login(world: &World, login: &str) -> Result<IssuedSession, Status> {
    let door = door(&world.identity);
    let (captcha_id, captcha_answer) = door.captcha().await;
    let request = LoginEmployerRequest {
        login: login.to_owned(),
        password: PASSWORD.to_owned(),
        captcha_id,
        captcha_answer,
        ..LoginEmployerRequest::default()
    };
    door.sessions()
        .login_employer(request)
        .await
        .map(Response::into_inner)
}

async fn list(world: &World, by: &Principal, state: &str) -> Vec<Member> {
    let request = ListMembersRequest {
        state: state.to_owned(),
        ..ListMembersRequest::default()
    };
    let answer = client(world, by).list_members(request).await.unwrap();
    answer.into_inner().members
}

fn approve(id: &str, role: &str) -> ApproveMemberRequest {
    ApproveMemberRequest {
        id: id.to_owned(),
        role: role.to_owned(),
        ..ApproveMemberRequest::default()
    }
}

fn remove(id: &str) -> RemoveMemberRequest {
    RemoveMemberRequest {
        id: id.to_owned(),
        reason: "已离职".to_owned(),
        ..RemoveMemberRequest::default()
    }
}

fn change(id: &str, role: &str) -> UpdateMemberRequest {
    UpdateMemberRequest {
        id: id.to_owned(),
        role: role.to_owned(),
        ..UpdateMemberRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_invited_sets_a_password_and_acts_for_the_employer() {
    let world = World::new().await;
    let admin = administrator(&world).await;
    let request = InviteMemberRequest {
        request_id: world.identity.ctx.ids.new_id().to_string(),
        ..invitation("SIGNER", 1)
    };
    let first = invite(&world, &admin, request.clone()).await.unwrap();
    let again = invite(&world, &admin, request.clone()).await.unwrap();
    assert_eq!(
        first.member.as_ref().unwrap().id,
        again.member.as_ref().unwrap().id
    );
    let gone = activate(&world, &first.activation_token).await.unwrap_err();
    assert_eq!(reason(&gone), "ACTIVATION_INVALID", "the newest token counts");
    let session = activate(&world, &again.activation_token).await.unwrap();
    let signer = door(&world.identity).bearer(&session).await;
    assert_eq!(signer.employer_role.as_deref(), Some("SIGNER"));
    assert_eq!(signer.employer_id, admin.employer_id);
    let used = invite(&world, &admin, request).await.unwrap_err();
    assert_eq!(
        reason(&used),
        "INVALID_TRANSITION",
        "no second token for a taken account"
    );
    assert!(login(&world, "m1@example.com").await.is_ok());

    let refused = invite(&world, &signer, invitation("HR", 2)).await.unwrap_err();
    assert_eq!(reason(&refused), "ADMINISTRATOR_ONLY");
    let taken = invite(&world, &admin, invitation("HR", 1)).await.unwrap_err();
    assert_eq!(reason(&taken), "LOGIN_TAKEN");
    let seen = list(&world, &signer, "ACTIVE").await;
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].mobile_masked, "139****0001");
    assert!(
        seen[1]
            .actions
            .iter()
            .all(|action| action.allowed == (action.name == "remove"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_waits_for_an_administrator_and_after_a_week_for_the_province() {
    let world = World::new().await;
    let unknown = join(&world, 1).await.unwrap_err();
    assert_eq!(reason(&unknown), "EMPLOYER_NOT_REGISTERED");
    let admin = administrator(&world).await;
    let answer = join(&world, 1).await.unwrap();
    assert_eq!(answer.employer_name, "哈尔滨某某科技有限公司");
    let early = login(&world, "13700000001").await.unwrap_err();
    assert_eq!(reason(&early), "MEMBERSHIP_PENDING");
    let asked = list(&world, &admin, "REQUESTED").await;
    assert_eq!((asked.len(), asked[0].message.as_str()), (1, "人力资源部"));

    let province = testing::province_staff();
    assert!(list(&world, &province, "").await.is_empty());
    let mut office = client(&world, &province);
    let unseen = office.approve_member(approve(&asked[0].id, "ADMIN")).await;
    assert_eq!(reason(&unseen.unwrap_err()), "MEMBER_NOT_FOUND");
    world.identity.advance(Duration::days(7)).await;
    assert_eq!(list(&world, &province, "").await.len(), 1);
    let mut office = client(&world, &province);
    let approved = office.approve_member(approve(&asked[0].id, "ADMIN")).await;
    assert_eq!(approved.unwrap().into_inner().state, "ACTIVE");
    assert!(login(&world, "13700000001").await.is_ok());

    join(&world, 2).await.unwrap();
    let other = list(&world, &admin, "REQUESTED").await.remove(0);
    let reject = RejectMemberRequest {
        id: other.id.clone(),
        reason: "不是本单位员工".to_owned(),
        ..RejectMemberRequest::default()
    };
    let mut office = client(&world, &admin);
    let rejected = office.reject_member(reject).await.unwrap().into_inner();
    assert_eq!(rejected.remove_reason, "不是本单位员工");
    let late = office.approve_member(approve(&other.id, "HR")).await.unwrap_err();
    assert_eq!(reason(&late), "INVALID_TRANSITION");
    let shut = login(&world, "13700000002").await.unwrap_err();
    assert_eq!(reason(&shut), "ACCOUNT_DISABLED");
    join(&world, 2).await.expect("who was not let in may ask again");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_is_out_at_once_and_may_join_elsewhere() {
    let world = World::new().await;
    let admin = administrator(&world).await;
    let (id, hr) = member(&world, &admin, "HR", 1).await;
    let (_, stranger) = crate::employer::registered(&world, 7).await;
    let foreign = client(&world, &stranger).remove_member(remove(&id)).await;
    assert_eq!(reason(&foreign.unwrap_err()), "MEMBER_NOT_FOUND");
    let session = login(&world, "m1@example.com").await.unwrap();
    let left = client(&world, &hr).remove_member(remove(&id)).await;
    assert_eq!(left.unwrap().into_inner().state, "REMOVED");
    let refresh = crate::people::refresh_token(&session);
    let ended = door(&world.identity).refresh(refresh, "").await.unwrap_err();
    assert_eq!(reason(&ended), "REFRESH_INVALID");
    let shut = login(&world, "m1@example.com").await.unwrap_err();
    assert_eq!(reason(&shut), "ACCOUNT_DISABLED");
    let again = invite(&world, &stranger, invitation("ADMIN", 1)).await.unwrap();
    activate(&world, &again.activation_token).await.unwrap();
    let back = login(&world, "m1@example.com").await.unwrap();
    assert_eq!(
        door(&world.identity).bearer(&back).await.employer_id,
        stranger.employer_id
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays_even_when_two_leave_at_once() {
    let world = World::new().await;
    let admin = administrator(&world).await;
    let own = admin.account_id.to_string();
    let alone = client(&world, &admin).remove_member(remove(&own)).await;
    assert_eq!(reason(&alone.unwrap_err()), "LAST_ADMINISTRATOR");
    let lower = client(&world, &admin).update_member(change(&own, "HR")).await;
    assert_eq!(reason(&lower.unwrap_err()), "LAST_ADMINISTRATOR");
    let (second, other) = member(&world, &admin, "HR", 1).await;
    let raised = client(&world, &admin)
        .update_member(change(&second, "ADMIN"))
        .await;
    assert_eq!(raised.unwrap().into_inner().role, "ADMIN");
    let other = Principal {
        employer_role: Some("ADMIN".to_owned()),
        ..other
    };
    let left = join_all([(&admin, own), (&other, second)].map(|(who, id)| {
        let mut client = client(&world, who);
        async move { client.remove_member(remove(&id)).await.is_ok() }
    }))
    .await;
    assert_eq!(left.iter().filter(|left| **left).count(), 1);
    assert_eq!(list(&world, &admin, "ACTIVE").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_invitation_is_given_again_and_a_stale_look_is_refused() {
    let world = World::new().await;
    let admin = administrator(&world).await;
    let invited = invite(&world, &admin, invitation("HR", 1)).await.unwrap();
    let shown = invited.member.unwrap();
    world.identity.advance(Duration::hours(72)).await;
    let old = activate(&world, &invited.activation_token).await.unwrap_err();
    assert_eq!(reason(&old), "ACTIVATION_INVALID");
    let reissue = ReissueInvitationRequest {
        id: shown.id.clone(),
        etag: shown.etag.clone(),
        request_id: String::new(),
    };
    let mut office = client(&world, &admin);
    let fresh = office
        .reissue_invitation(reissue.clone())
        .await
        .unwrap()
        .into_inner();
    let stale = office.reissue_invitation(reissue).await.unwrap_err();
    assert_eq!(reason(&stale), "VERSION_CONFLICT");
    activate(&world, &fresh.activation_token).await.unwrap();
    let late = ReissueInvitationRequest {
        id: shown.id,
        ..ReissueInvitationRequest::default()
    };
    let taken = office.reissue_invitation(late).await.unwrap_err();
    assert_eq!(reason(&taken), "INVALID_TRANSITION");
}
