//! From the draft to the student's answer.

use qihang_kit::testing;
use qihang_proto::{
    contracts::v1::*,
    messages::v1::{EmployerChanged, OriginChanged},
};
use time::{Duration, OffsetDateTime};

use crate::{
    neighbours::{SCHOOL, TWO_LEVELS},
    suite::{
        Suite, accept, approve, bare, because, edit, field, may, offer, office, reason, reject, send, terms,
    },
};

#[tokio::test]
async fn an_offer_is_drafted_sent_read_and_accepted() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let draft = suite.draft(&employer, &student).await;
    assert_eq!(draft.state(), AgreementState::Draft);
    assert_eq!(may(&draft, "send"), Ok(()));
    let hidden = GetAgreementRequest { id: draft.id.clone() };
    let mut as_student = suite.signing(&student.principal);
    let status = as_student.get_agreement(hidden).await.unwrap_err();
    assert_eq!(reason(&status), "AGREEMENT_NOT_FOUND");

    let sent = suite.signing(&employer).send_offer(send(&draft)).await.unwrap();
    let sent = sent.into_inner();
    assert_eq!(sent.state(), AgreementState::PendingStudent);
    assert_eq!(sent.waiting_for, "STUDENT");
    // Seven days, to the end of the day in Shanghai.
    let end = OffsetDateTime::from_unix_timestamp(sent.expire_time.unwrap().seconds).unwrap();
    assert_eq!((end.hour(), end.minute(), end.second()), (15, 59, 59));
    assert_eq!(
        sent.student.as_ref().unwrap().identity_number,
        "230***********1234"
    );

    let opened = as_student.open_offer(bare(&sent)).await.unwrap().into_inner();
    assert_eq!(may(&opened, "accept"), Ok(()));
    assert_eq!(
        opened.student.as_ref().unwrap().identity_number,
        "230102200401011234"
    );
    // A second look is no second step.
    as_student.open_offer(bare(&opened)).await.unwrap();
    let token = suite.reads(&student, &opened).await;
    let early = as_student
        .accept_offer(accept(&opened, &token))
        .await
        .unwrap_err();
    assert_eq!(reason(&early), "READ_TOKEN_EARLY");
    suite.service.advance(Duration::seconds(15)).await;
    let accepted = as_student.accept_offer(accept(&opened, &token)).await.unwrap();
    let accepted = accepted.into_inner();
    assert_eq!(accepted.state(), AgreementState::PendingReview);
    assert_eq!(accepted.signed_revision, 1);
    assert!(accepted.serial.starts_with("QH2026-"), "{}", accepted.serial);
    assert_eq!(accepted.verify_code.len(), 8);
    assert_eq!(may(&accepted, "requestCancel"), Ok(()));
    assert_eq!(may(&accepted, "accept"), Err("INVALID_TRANSITION".to_owned()));

    assert_eq!(suite.destination(&student).await.state(), SlotState::Reserved);
    assert_eq!(
        suite.events(&employer, &sent).await,
        ["draft", "send", "open", "accept"]
    );
    assert_eq!(
        suite.keys().await,
        [
            "contracts.agreement.offered.v1",
            "contracts.agreement.opened.v1",
            "contracts.agreement.accepted.v1"
        ]
    );
}

#[tokio::test]
async fn the_destination_follows_the_slot() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    assert_eq!(suite.destination(&student).await.state_text, "未确认");
    let accepted = suite.accepted(&employer, &student).await;
    let reserved = suite.destination(&student).await;
    assert_eq!(
        (reserved.state_text.as_str(), reserved.code.as_str()),
        ("待学校审核", "")
    );
    assert_eq!(reserved.record_id, accepted.id);
    let mut client = suite.reviews(&office());
    client.approve_agreement(approve(&accepted)).await.unwrap();
    let held = suite.destination(&student).await;
    assert_eq!((held.state(), held.code.as_str()), (SlotState::Held, "10"));
    assert!(!held.holder.is_empty() && !held.name.is_empty(), "{held:?}");
}

#[tokio::test]
async fn an_edit_voids_what_was_read_and_shows_what_changed() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&employer, &student).await;
    let token = suite.reads(&student, &sent).await;
    let mut client = suite.signing(&employer);
    let mut shorter = edit(&sent, 7000);
    shorter.valid_days = 3;
    let status = client.edit_offer(shorter).await.unwrap_err();
    assert_eq!(
        (reason(&status), field(&status)),
        ("DEADLINE_SHRINKS".to_owned(), "validDays".to_owned())
    );
    let mut longer = edit(&sent, 7000);
    longer.valid_days = 20;
    let edited = client.edit_offer(longer).await.unwrap().into_inner();
    assert_eq!(
        (edited.revision, edited.state()),
        (2, AgreementState::PendingStudent)
    );
    assert!(edited.expire_time.unwrap().seconds > sent.expire_time.unwrap().seconds);

    suite.service.advance(Duration::seconds(16)).await;
    let mut as_student = suite.signing(&student.principal);
    let mut old = accept(&edited, &token);
    old.revision = 1;
    let status = as_student.accept_offer(old).await.unwrap_err();
    assert_eq!(reason(&status), "REVISION_CHANGED");
    let status = as_student
        .accept_offer(accept(&edited, &token))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "READ_TOKEN_INVALID");
    let compared = CompareRevisionsRequest {
        id: sent.id.clone(),
        ..CompareRevisionsRequest::default()
    };
    let compared = as_student.compare_revisions(compared).await.unwrap().into_inner();
    assert_eq!((compared.from, compared.to, compared.changes.len()), (1, 2, 1));
    assert_eq!(compared.changes[0].label, "转正月薪（元）");
}

#[tokio::test]
async fn withdrawn_declined_and_expired_offers_are_over() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&employer, &student).await;
    let mut client = suite.signing(&employer);
    let withdrawn = client.withdraw_offer(because(&sent)).await.unwrap().into_inner();
    assert_eq!(withdrawn.state(), AgreementState::Withdrawn);

    let sent = suite.sent(&employer, &student).await;
    let mut as_student = suite.signing(&student.principal);
    let declined = as_student
        .decline_offer(because(&sent))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (declined.state(), declined.reason.as_str()),
        (AgreementState::Declined, "另有安排")
    );

    let sent = suite.sent(&employer, &student).await;
    let token = suite.reads(&student, &sent).await;
    suite.service.advance(Duration::days(9)).await;
    // The clock decides, not the sweep.
    let mut as_student = suite.signing(&student.principal);
    let status = as_student.accept_offer(accept(&sent, &token)).await.unwrap_err();
    assert_eq!(reason(&status), "OFFER_EXPIRED");
    suite.service.run_tasks().await;
    let expired = suite.seen(&student.principal, &sent).await;
    assert_eq!(expired.state(), AgreementState::Expired);
    assert_eq!(suite.events(&employer, &sent).await, ["draft", "send", "expire"]);
    suite.service.run_tasks().await;
}

#[tokio::test]
async fn an_open_offer_is_reminded_of_three_times_and_only_while_it_is_open() {
    const KEY: &str = "contracts.offer.expiring.v1";
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&employer, &student).await;
    let reminded = async || {
        // Twice at the same moment is once.
        suite.service.run_tasks().await;
        suite.service.run_tasks().await;
        suite.keys().await.iter().filter(|key| *key == KEY).count()
    };
    assert_eq!(reminded().await, 0, "it has just come");
    wait_until(&suite, &sent, 72).await;
    assert_eq!(reminded().await, 1, "72 hours before");
    wait_until(&suite, &sent, 25).await;
    assert_eq!(reminded().await, 1, "25 hours before");
    wait_until(&suite, &sent, 24).await;
    assert_eq!(reminded().await, 2, "24 hours before");
    wait_until(&suite, &sent, 2).await;
    assert_eq!(reminded().await, 3, "2 hours before");
    let mut as_student = suite.signing(&student.principal);
    as_student.decline_offer(because(&sent)).await.unwrap();
    suite.service.advance(Duration::hours(1)).await;
    assert_eq!(reminded().await, 3, "declined");

    // One that nobody looked at for days is reminded of once, by the most urgent.
    let sent = suite.sent(&employer, &student).await;
    wait_until(&suite, &sent, 1).await;
    assert_eq!(reminded().await, 4);
}

/// Lets time pass until so many hours, less a minute, before an offer's end.
async fn wait_until(suite: &Suite, offer: &Agreement, hours: i64) {
    let ends = OffsetDateTime::from_unix_timestamp(offer.expire_time.unwrap().seconds).unwrap();
    let moment = ends - Duration::hours(hours) + Duration::minutes(1);
    suite
        .service
        .advance(moment - suite.service.ctx.clock.now())
        .await;
}

#[tokio::test]
async fn three_offers_a_year_but_after_a_refusal_of_the_school_one_more() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let mut as_student = suite.signing(&student.principal);
    for _ in 0..2 {
        let sent = suite.sent(&employer, &student).await;
        as_student.decline_offer(because(&sent)).await.unwrap();
    }
    let accepted = suite.accepted(&employer, &student).await;
    let mut reviews = suite.reviews(&office());
    let rejected = reviews
        .reject_agreement(reject(&accepted))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(rejected.state(), AgreementState::SchoolRejected);
    assert_eq!(rejected.reason, "约定不清：工作地点不明确，请补充后重新发出");
    assert_eq!(rejected.reason_code, "TERMS_UNCLEAR");
    assert_eq!(rejected.reason_fields, ["terms.workAddress"]);
    assert_eq!(suite.destination(&student).await.state(), SlotState::Free);

    let mut client = suite.signing(&employer);
    let fresh = suite.draft(&employer, &student).await;
    let status = client.send_offer(send(&fresh)).await.unwrap_err();
    assert_eq!(reason(&status), "OFFER_LIMIT");
    let again = ReofferAgreementRequest {
        id: accepted.id.clone(),
        request_id: String::new(),
    };
    let again = client.reoffer_agreement(again).await.unwrap().into_inner();
    assert_eq!(again.supersedes_id, accepted.id);
    assert_eq!(again.terms, accepted.terms);
    let sent = client.send_offer(send(&again)).await.unwrap().into_inner();
    assert_eq!(sent.state(), AgreementState::PendingStudent);
}

#[tokio::test]
async fn an_open_offer_shuts_out_the_next_until_its_time_is_over() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let first = suite.sent(&employer, &student).await;
    let second = suite.draft(&employer, &student).await;
    let mut client = suite.signing(&employer);
    let status = client.send_offer(send(&second)).await.unwrap_err();
    assert_eq!(reason(&status), "OFFER_OPEN");
    // No sweep has come by, and yet the next one may go out.
    suite.service.advance(Duration::days(9)).await;
    let mut client = suite.signing(&employer);
    client.send_offer(send(&second)).await.unwrap();
    assert_eq!(
        suite.seen(&employer, &first).await.state(),
        AgreementState::Expired
    );
}

#[tokio::test]
async fn other_offers_wait_while_the_slot_is_taken_and_wake_when_it_is_free() {
    let suite = Suite::start().await;
    let (one, other, student) = (suite.employer(), suite.employer(), suite.student(SCHOOL).await);
    let waiting = suite.sent(&other, &student).await;
    let accepted = suite.accepted(&one, &student).await;
    let shown = suite.seen(&student.principal, &waiting).await;
    assert_eq!(may(&shown, "accept"), Err("SLOT_TAKEN".to_owned()));
    assert_eq!(may(&shown, "decline"), Ok(()));
    let mut reviews = suite.reviews(&office());
    reviews.reject_agreement(reject(&accepted)).await.unwrap();
    let shown = suite.seen(&student.principal, &waiting).await;
    assert_eq!(may(&shown, "accept"), Ok(()));
}

#[tokio::test]
async fn what_the_employer_does_not_take_the_student_names() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let mut request = offer(&student);
    request.terms = Some(Terms {
        accepts_archive: false,
        accepts_household: false,
        ..terms()
    });
    let mut client = suite.signing(&employer);
    let draft = client.create_offer(request).await.unwrap().into_inner();
    let sent = client.send_offer(send(&draft)).await.unwrap().into_inner();
    let token = suite.reads(&student, &sent).await;
    suite.service.advance(Duration::seconds(16)).await;
    let mut as_student = suite.signing(&student.principal);
    let mut call = accept(&sent, &token);
    let status = as_student.accept_offer(call.clone()).await.unwrap_err();
    assert_eq!(
        (reason(&status), field(&status)),
        ("ARCHIVE_NEEDED".into(), "archive.receiver".into())
    );
    call.archive = Some(Archive {
        receiver: "肇东市人才中心".to_owned(),
        address: "肇东市正阳大街".to_owned(),
        ..Archive::default()
    });
    let status = as_student.accept_offer(call.clone()).await.unwrap_err();
    assert_eq!(
        (reason(&status), field(&status)),
        ("HOUSEHOLD_NEEDED".into(), "household.address".into())
    );
    call.household = Some(Household {
        address: "肇东市".to_owned(),
    });
    let accepted = as_student.accept_offer(call).await.unwrap().into_inner();
    assert_eq!(accepted.archive.unwrap().receiver, "肇东市人才中心");
    assert_eq!(accepted.household.unwrap().address, "肇东市");
}

#[tokio::test]
async fn a_suspended_employers_open_offers_are_withdrawn_and_signed_ones_stay() {
    let suite = Suite::start().await;
    let employer = suite.employer();
    let (one, two) = (suite.student(SCHOOL).await, suite.student(SCHOOL).await);
    let signed = suite.accepted(&employer, &one).await;
    let open = suite.sent(&employer, &two).await;
    let id = employer.employer_id.unwrap();
    let message = EmployerChanged {
        employer_id: id.to_string(),
        state: "SUSPENDED".to_owned(),
        version: 2,
    };
    let key = "identity.employer.suspended.v1";
    suite.service.deliver(key, id, &message).await.unwrap();
    assert_eq!(
        suite.seen(&one.principal, &signed).await.state(),
        AgreementState::PendingReview
    );
    let withdrawn = suite.seen(&two.principal, &open).await;
    assert_eq!(withdrawn.state(), AgreementState::Withdrawn);
    suite.identity.employer_is(id, "SUSPENDED");
    let draft = suite.draft(&suite.employer(), &two).await;
    assert_eq!(draft.state(), AgreementState::Draft);
    let status = suite
        .signing(&employer)
        .create_offer(offer(&two))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "EMPLOYER_NOT_APPROVED");
}

#[tokio::test]
async fn an_employer_that_a_school_keeps_away_sends_its_students_nothing() {
    let suite = Suite::start().await;
    let employer = suite.employer();
    let (kept, other) = (suite.student(SCHOOL).await, suite.student(TWO_LEVELS).await);
    let draft = suite.draft(&employer, &kept).await;
    suite
        .identity
        .employer_is(employer.employer_id.unwrap(), "FROZEN");
    let mut client = suite.signing(&employer);
    let refused = client.create_offer(offer(&kept)).await.unwrap_err();
    assert_eq!(reason(&refused), "EMPLOYER_FROZEN");
    let send = SendOfferRequest {
        id: draft.id,
        ..SendOfferRequest::default()
    };
    let refused = client.send_offer(send).await.unwrap_err();
    assert_eq!(reason(&refused), "EMPLOYER_FROZEN");
    suite.sent(&employer, &other).await;
}

#[tokio::test]
async fn an_open_offer_of_an_employer_that_the_school_keeps_away_waits() {
    let suite = Suite::start().await;
    let employer = suite.employer();
    let (kept, other) = (suite.student(SCHOOL).await, suite.student(TWO_LEVELS).await);
    let (held, free) = (
        suite.sent(&employer, &kept).await,
        suite.sent(&employer, &other).await,
    );
    let held_token = suite.reads(&kept, &held).await;
    let free_token = suite.reads(&other, &free).await;
    suite.service.advance(Duration::seconds(16)).await;
    let id = employer.employer_id.unwrap();
    suite.identity.employer_is(id, "FROZEN");
    let mut client = suite.signing(&kept.principal);
    let refused = client.accept_offer(accept(&held, &held_token)).await.unwrap_err();
    assert_eq!(reason(&refused), "EMPLOYER_FROZEN");
    assert_eq!(
        suite.seen(&kept.principal, &held).await.state(),
        AgreementState::PendingStudent
    );
    let elsewhere = suite
        .signing(&other.principal)
        .accept_offer(accept(&free, &free_token))
        .await;
    assert_eq!(
        elsewhere.unwrap().into_inner().state(),
        AgreementState::PendingReview
    );
    suite.identity.employer_is(id, "APPROVED");
    let accepted = client.accept_offer(accept(&held, &held_token)).await.unwrap();
    assert_eq!(accepted.into_inner().state(), AgreementState::PendingReview);
}

#[tokio::test]
async fn a_record_that_is_not_approved_may_not_sign() {
    let suite = Suite::start().await;
    let (employer, mut student) = (suite.employer(), suite.student(SCHOOL).await);
    let sent = suite.sent(&employer, &student).await;
    let token = suite.reads(&student, &sent).await;
    suite.service.advance(Duration::seconds(16)).await;
    student.entry.origin_approved = false;
    suite.identity.enrol(student.entry.clone());
    let mut as_student = suite.signing(&student.principal);
    let status = as_student.accept_offer(accept(&sent, &token)).await.unwrap_err();
    assert_eq!(reason(&status), "ORIGIN_NOT_APPROVED");
    // The page hears of it by message; an older message later changes nothing.
    for (key, version, approved) in [
        ("identity.origin.reopened.v1", 3, false),
        ("identity.origin.approved.v1", 2, true),
    ] {
        let message = OriginChanged {
            student_id: student.entry.id.clone(),
            school_code: SCHOOL.to_owned(),
            cohort: 2026,
            version,
            approved,
        };
        let id = student.principal.student_id.unwrap();
        suite.service.deliver(key, id, &message).await.unwrap();
        let shown = suite.seen(&student.principal, &sent).await;
        assert_eq!(may(&shown, "accept"), Err("ORIGIN_NOT_APPROVED".to_owned()));
    }
    // Nobody signs on a guess.
    suite.identity.away(true);
    let status = as_student.accept_offer(accept(&sent, &token)).await.unwrap_err();
    assert_eq!(reason(&status), "IDENTITY_UNAVAILABLE");
    assert_eq!(suite.destination(&student).await.state(), SlotState::Free);
}

#[tokio::test]
async fn lists_show_each_party_its_own_page_by_page() {
    let suite = Suite::start().await;
    let employer = suite.employer();
    let student = suite.student(TWO_LEVELS).await;
    for _ in 0..3 {
        suite.sent(&suite.employer(), &student).await;
        suite.draft(&employer, &student).await;
    }
    let mut page = ListAgreementsRequest {
        page_size: 2,
        ..ListAgreementsRequest::default()
    };
    let mut as_student = suite.signing(&student.principal);
    let first = as_student
        .list_my_offers(page.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first.agreements.len(), 2);
    page.page_token = first.next_page_token;
    let last = as_student.list_my_offers(page).await.unwrap().into_inner();
    assert_eq!((last.agreements.len(), last.next_page_token.as_str()), (1, ""));
    let drafts = ListAgreementsRequest {
        state: AgreementState::Draft.into(),
        ..ListAgreementsRequest::default()
    };
    let mut client = suite.signing(&employer);
    let mine = client
        .list_sent_offers(drafts.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(mine.agreements.len(), 3);
    let mut of = async |states: &[AgreementState]| {
        let request = ListAgreementsRequest {
            states: states.iter().map(|state| i32::from(*state)).collect(),
            ..ListAgreementsRequest::default()
        };
        let page = client.list_sent_offers(request).await.unwrap().into_inner();
        page.agreements.len()
    };
    assert_eq!(of(&[AgreementState::Declined, AgreementState::Draft]).await, 3);
    assert_eq!(of(&[AgreementState::Declined]).await, 0);
    let mut stranger = suite.signing(&testing::employer(suite.service.ctx.ids.new_id()));
    let none = stranger.list_sent_offers(drafts).await.unwrap().into_inner();
    assert!(none.agreements.is_empty());
}
