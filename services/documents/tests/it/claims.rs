//! Claims: all or none, by the uploader's files only, and what they open to whom.

use qihang_kit::testing;
use qihang_proto::documents::v1::{
    ClaimFilesRequest, FilePurpose, GetFileRequest, ReleaseFilesRequest, file::State,
};
use tonic::Code;

use crate::harness::{self, Suite, pdf, png, reason};

fn claim(ids: &[&str], uploader: &harness::Principal) -> ClaimFilesRequest {
    ClaimFilesRequest {
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        owner: "identity.request/1".to_owned(),
        uploader_account_id: uploader.account_id.to_string(),
        purposes: vec![FilePurpose::Evidence.into()],
        school_code: "10213".to_owned(),
        ..ClaimFilesRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_takes_all_files_or_none() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let one = suite
        .upload(&student, FilePurpose::Evidence, "a.pdf", &pdf("a"))
        .await;
    let two = suite
        .upload(&student, FilePurpose::Evidence, "b.png", &png())
        .await;
    let pending = suite
        .open(&student, FilePurpose::Evidence, "c.pdf", 9)
        .await
        .unwrap();
    let foreign = suite
        .upload(&harness::student(2), FilePurpose::Evidence, "d.pdf", &pdf("d"))
        .await;
    for (last, expected) in [
        (pending.id.as_str(), "FILE_NOT_READY"),
        (foreign.id.as_str(), "FILE_NOT_FOUND"),
        (one.id.as_str(), "FILE_NOT_FOUND"),
        ("00000000-0000-7000-8000-000000000000", "FILE_NOT_FOUND"),
    ] {
        let refused = suite
            .claim(claim(&[&one.id, &two.id, last], &student))
            .await
            .unwrap_err();
        assert_eq!(reason(&refused), expected);
        let file = suite
            .files(&student)
            .get_file(GetFileRequest { id: one.id.clone() })
            .await
            .unwrap()
            .into_inner();
        assert_eq!(file.state(), State::Ready, "nothing was claimed");
    }
    let claimed = suite.claim(claim(&[&two.id, &one.id], &student)).await.unwrap();
    assert_eq!(
        claimed.iter().map(|file| &file.id).collect::<Vec<_>>(),
        [&two.id, &one.id]
    );
    assert!(claimed.iter().all(|file| file.state() == State::Claimed));
    // The same record again changes nothing; another record comes too late; new bytes too.
    assert_eq!(
        suite.claim(claim(&[&two.id, &one.id], &student)).await.unwrap(),
        claimed
    );
    let other = ClaimFilesRequest {
        owner: "identity.request/2".to_owned(),
        ..claim(&[&one.id], &student)
    };
    assert_eq!(reason(&suite.claim(other).await.unwrap_err()), "FILE_IN_USE");
    assert_eq!(
        reason(&suite.put(&student, &one.id, &pdf("x")).await.unwrap_err()),
        "FILE_IN_USE"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn purposes_are_one_for_all_or_one_each() {
    let suite = Suite::start().await;
    let employer = harness::employer(1);
    let licence = suite
        .upload(&employer, FilePurpose::EmployerLicence, "a.pdf", &pdf("a"))
        .await;
    let card = suite
        .upload(&employer, FilePurpose::ContactIdentity, "b.png", &png())
        .await;
    let with = |purposes: &[FilePurpose]| ClaimFilesRequest {
        purposes: purposes.iter().map(|purpose| (*purpose).into()).collect(),
        ..claim(&[&licence.id, &card.id], &employer)
    };
    let (is_licence, is_card) = (FilePurpose::EmployerLicence, FilePurpose::ContactIdentity);
    for (purposes, expected) in [
        (vec![is_licence], "FILE_WRONG_PURPOSE"),
        (vec![is_card, is_licence], "FILE_WRONG_PURPOSE"),
        (vec![is_licence, is_card, is_card], "PURPOSES_MISMATCH"),
    ] {
        assert_eq!(reason(&suite.claim(with(&purposes)).await.unwrap_err()), expected);
    }
    suite.claim(with(&[is_licence, is_card])).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_records_at_once_one_gets_the_file() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let one = suite
        .upload(&student, FilePurpose::Evidence, "a.pdf", &pdf("a"))
        .await;
    let two = suite
        .upload(&student, FilePurpose::Evidence, "b.pdf", &pdf("b"))
        .await;
    let claims = (0..8).map(|number| {
        let ids = if number % 2 == 0 {
            [one.id.as_str(), &two.id]
        } else {
            [two.id.as_str(), &one.id]
        };
        suite.claim(ClaimFilesRequest {
            owner: format!("identity.request/{number}"),
            ..claim(&ids, &student)
        })
    });
    let outcomes = futures::future::join_all(claims).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(
        outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().err())
            .all(|status| reason(status) == "FILE_IN_USE")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_opens_the_file_to_those_it_names_and_to_the_province() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let file = suite
        .upload(&student, FilePurpose::Evidence, "a.pdf", &pdf("a"))
        .await;
    let employer = harness::employer(1);
    suite
        .claim(ClaimFilesRequest {
            employer_id: employer.employer_id.unwrap().to_string(),
            department: "D1".to_owned(),
            class_name: "C1".to_owned(),
            ..claim(&[&file.id], &student)
        })
        .await
        .unwrap();
    for (principal, allowed) in [
        (student, true),
        (employer, true),
        (harness::school("10213"), true),
        (harness::department("10213", "D1"), true),
        (testing::class_staff("10213", "D1", &["C1", "C3"]), true),
        (testing::class_staff("10213", "D1", &["C2"]), false),
        (harness::province(), true),
        (harness::student(2), false),
        (harness::employer(2), false),
        (harness::school("10214"), false),
        (harness::department("10213", "D2"), false),
        (harness::department("10214", "D1"), false),
    ] {
        let outcome = suite.download(&principal, &file.id, &[]).await;
        assert_eq!(outcome.is_ok(), allowed, "{:?}", principal.role);
        assert!(allowed || outcome.unwrap_err().code() == Code::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_may_not_claim_or_read_for_services() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let file = suite
        .upload(&student, FilePurpose::Evidence, "a.pdf", &pdf("a"))
        .await;
    let refused = suite
        .files(&student)
        .claim_files(claim(&[&file.id], &student))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let request = qihang_proto::documents::v1::ReadFileRequest { id: file.id };
    assert_eq!(
        suite
            .files(&student)
            .read_file(request)
            .await
            .err()
            .unwrap()
            .code(),
        Code::PermissionDenied
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_record_gives_back_is_nobodys_and_soon_gone() {
    let suite = Suite::start().await;
    let student = harness::student(1);
    let file = suite
        .upload(&student, FilePurpose::Evidence, "a.pdf", &pdf("a"))
        .await;
    suite.claim(claim(&[&file.id], &student)).await.unwrap();
    let release = |owner: &str| ReleaseFilesRequest {
        ids: vec![file.id.clone()],
        owner: owner.to_owned(),
    };
    let state = async || {
        let request = GetFileRequest { id: file.id.clone() };
        suite
            .files(&student)
            .get_file(request)
            .await
            .map(|file| file.into_inner().state())
    };
    suite.release(release("identity.request/2")).await;
    assert_eq!(state().await.unwrap(), State::Claimed, "another record's");
    suite.release(release("identity.request/1")).await;
    assert_eq!(state().await.unwrap(), State::Ready);
    suite.advance(time::Duration::hours(25)).await;
    suite.sweep().await;
    assert_eq!(state().await.unwrap_err().code(), Code::NotFound);
}
