//! What an approved employer changes of itself, and how its approval goes on.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::{
    identity::v1::{
        ApproveEmployerRequest, Employer, EmployerProfile, GetEmployerRequest, ListEmployersRequest,
        ReturnEmployerRequest, ReviseEmployerRequest, WithdrawRevisionRequest, employer::State,
    },
    messages::v1::EmployerExpiring,
};
use time::Duration;

use crate::{
    employer::{approve, client, pending, registered},
    roster_support::{SCHOOL, World, reason},
};

async fn approved(world: &World, number: u32) -> (Employer, Principal) {
    let (_, administrator) = registered(world, number).await;
    let sent = pending(world, &administrator).await;
    let mut province = client(world, &testing::province_staff());
    let done = province.approve_employer(approve(&sent)).await.unwrap();
    (done.into_inner(), administrator)
}

fn renamed(name: &str) -> ReviseEmployerRequest {
    ReviseEmployerRequest {
        name: name.to_owned(),
        profile: Some(EmployerProfile {
            legal_person: Some("李建国".into()),
            ..EmployerProfile::default()
        }),
        ..ReviseEmployerRequest::default()
    }
}

#[tokio::test]
async fn a_new_name_counts_once_the_province_has_approved_it() {
    let world = World::new().await;
    let (old, administrator) = approved(&world, 5).await;
    let mut own = client(&world, &administrator);
    let revise = ReviseEmployerRequest {
        licence_file_id: world.documents.add("new licence"),
        ..renamed("某某智能科技有限公司")
    };
    let asked = own.revise_employer(revise.clone()).await.unwrap().into_inner();
    let revision = asked.revision.as_ref().unwrap();
    assert_eq!((asked.state(), &asked.name), (State::Approved, &old.name));
    assert_eq!(revision.name, "某某智能科技有限公司");
    assert_eq!(revision.licence_file_id, revise.licence_file_id);
    assert_eq!(revision.authorisation_file_id, old.authorisation_file_id, "kept");
    assert_eq!(revision.profile.as_ref().unwrap().legal_person(), "李建国");

    let mut school = client(&world, &testing::school_staff(SCHOOL));
    let look = GetEmployerRequest { id: old.id.clone() };
    let seen = school.get_employer(look).await.unwrap().into_inner();
    assert_eq!((seen.revision, seen.name), (None, old.name.clone()));
    let mut province = client(&world, &testing::province_staff());
    let waiting = ListEmployersRequest {
        revised: true,
        ..ListEmployersRequest::default()
    };
    let waiting = province
        .list_employers(waiting)
        .await
        .unwrap()
        .into_inner()
        .employers;
    assert_eq!(waiting.len(), 1);
    let early = province.approve_employer(approve(&old)).await.unwrap_err();
    assert_eq!(
        reason(&early),
        "VERSION_CONFLICT",
        "the submission of the first approval"
    );
    let decide = ApproveEmployerRequest {
        submission_version: 2,
        ..approve(&old)
    };
    let done = province.approve_employer(decide).await.unwrap().into_inner();
    assert_eq!(
        (done.name.as_str(), done.revision),
        ("某某智能科技有限公司", None)
    );
    assert_eq!(done.licence_file_id, revise.licence_file_id);
}

#[tokio::test]
async fn a_revision_that_is_returned_or_taken_back_leaves_what_was_approved() {
    let world = World::new().await;
    let (old, administrator) = approved(&world, 6).await;
    let mut own = client(&world, &administrator);
    own.revise_employer(renamed("")).await.unwrap();
    let back = own.withdraw_revision(WithdrawRevisionRequest::default()).await;
    assert_eq!(back.unwrap().into_inner().revision, None);
    let none = own.withdraw_revision(WithdrawRevisionRequest::default()).await;
    assert_eq!(reason(&none.unwrap_err()), "INVALID_TRANSITION");
    own.revise_employer(renamed("假名有限公司")).await.unwrap();
    let refuse = ReturnEmployerRequest {
        id: old.id.clone(),
        submission_version: 3,
        reason_code: "PAPERS_MISMATCH".into(),
        reason: "营业执照上不是这个名称".into(),
        ..ReturnEmployerRequest::default()
    };
    let mut province = client(&world, &testing::province_staff());
    let returned = province.return_employer(refuse).await.unwrap().into_inner();
    assert_eq!((returned.state(), &returned.name), (State::Approved, &old.name));
    assert_eq!(returned.review_reason_code, "PAPERS_MISMATCH");
    assert_eq!(returned.approval_expire_time, old.approval_expire_time);
    let clerk = Principal {
        employer_role: Some("HR".into()),
        ..administrator
    };
    let by_clerk = client(&world, &clerk).revise_employer(renamed("")).await;
    assert_eq!(reason(&by_clerk.unwrap_err()), "ADMINISTRATOR_ONLY");
}

#[tokio::test]
async fn an_employer_is_reminded_thrice_and_renews_before_the_end() {
    let world = World::new().await;
    let (old, administrator) = approved(&world, 8).await;
    let reminders = async || {
        world.identity.run_tasks().await;
        let published = world.identity.published().await;
        let keys = published
            .iter()
            .filter(|message| message.key == "identity.employer.expiring.v1");
        keys.map(|message| message.decode::<EmployerExpiring>().unwrap().days)
            .collect::<Vec<_>>()
    };
    world.identity.advance(Duration::days(334)).await;
    assert!(reminders().await.is_empty());
    world.identity.advance(Duration::days(1)).await;
    assert_eq!(reminders().await, [30]);
    assert_eq!(reminders().await, [30], "once");
    world.identity.advance(Duration::days(29)).await;
    assert_eq!(
        reminders().await,
        [30, 1],
        "what was slept through is not told late"
    );
    client(&world, &administrator)
        .revise_employer(renamed(""))
        .await
        .unwrap();
    world.identity.advance(Duration::days(1)).await;
    assert_eq!(reminders().await, [30, 1]);
    let decide = ApproveEmployerRequest {
        submission_version: 2,
        ..approve(&old)
    };
    let mut province = client(&world, &testing::province_staff());
    let renewed = province.approve_employer(decide).await.unwrap().into_inner();
    let year = renewed.approval_expire_time.unwrap().seconds - renewed.review_time.unwrap().seconds;
    assert_eq!((renewed.state(), year), (State::Approved, 365 * 86_400));
}
