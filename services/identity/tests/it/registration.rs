//! Registration of students.

use futures::future::join_all;
use qihang_kit::testing;
use qihang_proto::{
    identity::v1::{
        FindStudentNumberRequest, GetRegistrationCaseRequest, SetCredentialsRequest, UpdateSchoolRequest,
        VerifyStudentRequest, registration_service_client::RegistrationServiceClient,
        school_service_client::SchoolServiceClient,
    },
    messages::v1::StudentRegistered,
};
use time::Duration;
use tonic::{Code, Status};

use crate::{
    people::{PASSWORD, SCHOOL, credentials, door, door_at, number, verification},
    roster_support::{World, identity_number, reason},
};

fn metadata(status: &Status, key: &str) -> String {
    use tonic_types::StatusExt as _;
    status
        .get_details_error_info()
        .unwrap()
        .metadata
        .remove(key)
        .unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_student_of_the_roster_registers_and_is_signed_in() {
    let world = World::with_students(2).await;
    let door = door(&world.identity);
    let verified = door.verify(verification(1)).await.unwrap();
    assert_eq!(verified.student_number, number(1));
    assert_eq!(verified.name_masked, "李*");
    let session = door.set(credentials(&verified.ticket)).await.unwrap();
    let account = session.account.as_ref().unwrap();
    assert_eq!(
        (account.name.as_str(), account.school_name.as_str()),
        ("李明", "黑龙江大学")
    );
    assert_eq!(account.mobile_masked, "138****5678");
    assert_eq!(account.department, "外国语学院");
    let bearer = door.bearer(&session).await;
    assert_eq!(bearer.student_id.unwrap().to_string(), account.student_id);
    assert_eq!(bearer.school_code.as_deref(), Some(SCHOOL));
    assert_eq!(bearer.classes, ["软件0"]);
    assert_eq!(account.classes, ["软件0"]);
    assert_eq!(bearer.name, "李*");
    assert_eq!(bearer.amr, ["pwd"]);
    let published = world.identity.published().await;
    let message = published
        .iter()
        .find(|delivery| delivery.key == "identity.student.registered.v1")
        .unwrap();
    assert_eq!(
        message.decode::<StudentRegistered>().unwrap().student_id,
        account.student_id
    );
    let again = door.verify(verification(1)).await.unwrap_err();
    assert_eq!(
        (again.code(), reason(&again).as_str()),
        (Code::AlreadyExists, "ALREADY_REGISTERED")
    );
    let late = door.set(credentials(&verified.ticket)).await.unwrap_err();
    assert_eq!(reason(&late), "ALREADY_REGISTERED");
}

/// Registrations of row 1 that do not match, and what of them does: number, name, identity number.
fn differing() -> [(VerifyStudentRequest, [bool; 3]); 4] {
    let right = || verification(1);
    let (number, name, identity) = ("2099999999".to_owned(), "李四".to_owned(), identity_number(0));
    let unknown = VerifyStudentRequest {
        student_number: number,
        ..right()
    };
    let other_name = VerifyStudentRequest {
        name: name.clone(),
        ..right()
    };
    let other_identity = VerifyStudentRequest {
        identity_number: identity,
        ..right()
    };
    let both = VerifyStudentRequest {
        name,
        identity_number: "x".to_owned(),
        ..right()
    };
    [
        (unknown, [false, false, false]),
        (other_name, [true, false, true]),
        (other_identity, [true, true, false]),
        (both, [true, false, false]),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_difference_gets_the_same_answer_and_the_school_can_see_which_it_was() {
    let world = World::with_students(2).await;
    let staff = testing::school_staff(SCHOOL);
    let office = UpdateSchoolRequest {
        code: SCHOOL.to_owned(),
        office_contact: Some("王老师".to_owned()),
        office_phone: Some("0451-86608114".to_owned()),
        ..UpdateSchoolRequest::default()
    };
    SchoolServiceClient::new(world.identity.as_principal(&staff))
        .update_school(office)
        .await
        .unwrap();
    let mut sentences = Vec::new();
    for (request, matches) in differing() {
        let number = request.student_number.clone();
        let refused = door(&world.identity).verify(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "ROSTER_MISMATCH")
        );
        assert_eq!(metadata(&refused, "officePhone"), "0451-86608114");
        let case_number = metadata(&refused, "caseNumber");
        sentences.push(refused.message().replace(&case_number, "*"));
        world.identity.change_data_key().await;
        let mut client = RegistrationServiceClient::new(world.identity.as_principal(&staff));
        let request = GetRegistrationCaseRequest {
            case_number: case_number.clone(),
        };
        let case = client
            .get_registration_case(request.clone())
            .await
            .unwrap()
            .into_inner();
        assert_eq!(
            [case.number_known, case.name_matches, case.identity_matches],
            matches
        );
        assert_eq!(case.student_number, number);
        let other = testing::school_staff("4123010213");
        let mut client = RegistrationServiceClient::new(world.identity.as_principal(&other));
        assert_eq!(
            client.get_registration_case(request).await.unwrap_err().code(),
            Code::NotFound
        );
    }
    sentences.dedup();
    assert_eq!(sentences.len(), 1, "{sentences:?}");
    assert!(sentences[0].contains("王老师"));
}

#[tokio::test(flavor = "multi_thread")]
async fn five_failures_in_an_hour_are_the_limit_of_an_address_and_of_a_number() {
    let world = World::with_students(3).await;
    let wrong = |row| VerifyStudentRequest {
        name: "李四".to_owned(),
        ..verification(row)
    };
    let first = door_at(&world.identity, 1);
    for _ in 0..5 {
        assert_eq!(
            reason(&first.verify(wrong(0)).await.unwrap_err()),
            "ROSTER_MISMATCH"
        );
    }
    let limited = first.verify(verification(1)).await.unwrap_err();
    assert_eq!(
        (limited.code(), reason(&limited).as_str()),
        (Code::ResourceExhausted, "REGISTRATION_LIMITED")
    );
    assert_eq!(crate::people::wait_seconds(&limited), 3600);
    let second = door_at(&world.identity, 2);
    assert_eq!(
        reason(&second.verify(verification(0)).await.unwrap_err()),
        "REGISTRATION_LIMITED",
        "by the number"
    );
    assert!(second.verify(verification(1)).await.is_ok());
    world.identity.advance(Duration::hours(1)).await;
    assert!(first.verify(verification(0)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_guesses_at_once_do_not_pass_the_limit() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let wrong = || VerifyStudentRequest {
        name: "李四".to_owned(),
        ..verification(0)
    };
    let answers = join_all((0..20).map(|_| door.verify(wrong()))).await;
    let mismatches = answers
        .iter()
        .filter(|answer| reason(answer.as_ref().unwrap_err()) == "ROSTER_MISMATCH");
    assert_eq!(mismatches.count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn weak_passwords_and_bad_contacts_are_refused_by_field() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let ticket = door.verify(verification(0)).await.unwrap().ticket;
    let tail = identity_number(0)[12..].to_owned();
    let with = |password: &str| SetCredentialsRequest {
        password: password.to_owned(),
        ..credentials(&ticket)
    };
    let cases = [
        (with("short"), "PASSWORD_TOO_SHORT"),
        (with("password123"), "PASSWORD_COMMON"),
        (with(&format!("tram {} river", number(0))), "PASSWORD_PERSONAL"),
        (with(&format!("tram {tail} river")), "PASSWORD_PERSONAL"),
    ];
    for (request, expected) in cases {
        assert_eq!(reason(&door.set(request).await.unwrap_err()), expected);
    }
    let mobile = SetCredentialsRequest {
        mobile: "12345678901".to_owned(),
        ..credentials(&ticket)
    };
    assert_eq!(door.set(mobile).await.unwrap_err().code(), Code::InvalidArgument);
    let email = SetCredentialsRequest {
        email: "nobody".to_owned(),
        ..credentials(&ticket)
    };
    assert_eq!(door.set(email).await.unwrap_err().code(), Code::InvalidArgument);
    let forged = SetCredentialsRequest {
        ticket: "x".repeat(75),
        ..credentials(&ticket)
    };
    assert_eq!(reason(&door.set(forged).await.unwrap_err()), "TICKET_INVALID");
    world.identity.advance(Duration::minutes(30)).await;
    assert_eq!(
        reason(&door.set(credentials(&ticket)).await.unwrap_err()),
        "TICKET_EXPIRED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_registrations_at_once_one_makes_the_account() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let ticket = door.verify(verification(0)).await.unwrap().ticket;
    let answers = join_all((0..10).map(|_| door.set(credentials(&ticket)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    for refused in answers.iter().filter_map(|answer| answer.as_ref().err()) {
        assert_eq!(reason(refused), "ALREADY_REGISTERED");
    }
    let accounts: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.accounts WHERE role = 'STUDENT'")
        .fetch_one(&world.identity.db.pool)
        .await
        .unwrap();
    assert_eq!(accounts, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_with_the_same_request_id_needs_the_same_password() {
    let world = World::with_students(1).await;
    let door = door(&world.identity);
    let ticket = door.verify(verification(0)).await.unwrap().ticket;
    let request_id = "0190b6a0-0000-7000-8000-000000000001".to_owned();
    let request = SetCredentialsRequest {
        request_id,
        ..credentials(&ticket)
    };
    let answers = join_all((0..4).map(|_| door.set(request.clone()))).await;
    let accounts: Vec<String> = answers
        .into_iter()
        .map(|answer| answer.unwrap().account.unwrap().id)
        .collect();
    assert!(accounts.iter().all(|id| *id == accounts[0]), "{accounts:?}");
    let other = SetCredentialsRequest {
        password: "quite another sentence".to_owned(),
        ..request
    };
    assert_eq!(reason(&door.set(other).await.unwrap_err()), "REQUEST_ID_REUSED");
    assert!(door.login(0, PASSWORD).await.is_ok());
    let kept: Vec<u8> =
        sqlx::query_scalar("SELECT response FROM identity.idempotency_keys WHERE method = 'SetCredentials'")
            .fetch_one(&world.identity.db.pool)
            .await
            .unwrap();
    assert_eq!(kept.len(), 38, "the account's id and nothing else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_number_is_shown_masked_and_seldom() {
    let world = World::with_students(4).await;
    let find = async |address: u8, row: u32, name: &str| {
        let door = door_at(&world.identity, address);
        let (captcha_id, captcha_answer) = door.captcha().await;
        let request = FindStudentNumberRequest {
            school_code: SCHOOL.to_owned(),
            name: name.to_owned(),
            identity_number: identity_number(row).to_lowercase(),
            captcha_id,
            captcha_answer,
        };
        door.registration()
            .find_student_number(request)
            .await
            .map(|found| found.into_inner().student_number_masked)
    };
    assert_eq!(find(1, 0, "李明").await.unwrap(), "20******00");
    assert_eq!(
        reason(&find(1, 0, "李四").await.unwrap_err()),
        "STUDENT_NOT_FOUND"
    );
    assert!(find(1, 0, "李明").await.is_ok());
    let person = find(2, 0, "李明").await.unwrap_err();
    assert_eq!(
        reason(&person),
        "LOOKUP_LIMITED",
        "three a day for a person, from wherever"
    );
    for row in [1, 2] {
        assert!(find(1, row, "李明").await.is_ok());
    }
    assert_eq!(
        reason(&find(1, 3, "李明").await.unwrap_err()),
        "LOOKUP_LIMITED",
        "five an hour for an address"
    );
    let audited: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM identity.audit_events WHERE event = 'registration.find_number'",
    )
    .fetch_one(&world.identity.db.pool)
    .await
    .unwrap();
    assert_eq!(audited, 5);
}
