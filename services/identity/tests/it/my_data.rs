//! What the suite holds about somebody, the file of it, and erasing an account.

use std::sync::{Arc, Mutex};

use futures::TryStreamExt as _;
use qihang_kit::{
    auth::Principal,
    status::Fault,
    testing::{self, TestService},
};
use qihang_proto::{
    documents::v1::{
        IssueDocumentRequest, IssuedDocument, RenderRequest, RenderResponse, VerifySealRequest,
        VerifySealResponse,
        render_service_server::{RenderService, RenderServiceServer},
    },
    identity::v1::{
        Erasure, ExportMyDataRequest, GetErasureRequest, ListMyDataRequest, RequestErasureRequest,
        WithdrawErasureRequest, erasure, export_my_data_request::Format,
        my_data_service_client::MyDataServiceClient,
    },
    messages::v1::AccountErased,
    subject::v1::{
        GetSubjectDataRequest, Section, SubjectData,
        subject_data_service_server::{SubjectDataService, SubjectDataServiceServer},
    },
};
use time::Duration;
use tonic::{Code, Request, Response, Status, service::Routes};

use crate::{
    people::{PASSWORD, door},
    roster_support::{Way, World, identity_number, reason},
};

/// Another service that holds something, or is away.
#[derive(Clone, Default)]
struct Neighbour {
    away: bool,
    asked: Arc<Mutex<Vec<GetSubjectDataRequest>>>,
    drawn: Arc<Mutex<Vec<RenderRequest>>>,
}

#[tonic::async_trait]
impl SubjectDataService for Neighbour {
    async fn get_subject_data(
        &self,
        request: Request<GetSubjectDataRequest>,
    ) -> Result<Response<SubjectData>, Status> {
        self.asked.lock().unwrap().push(request.into_inner());
        if self.away {
            return Err(Fault::unavailable("AWAY", "服务暂时不可用").into());
        }
        let section = Section {
            name: "neighbour.things".to_owned(),
            title: "别处的记录".to_owned(),
            ..Section::default()
        };
        Ok(Response::new(SubjectData {
            sections: vec![section],
        }))
    }
}

#[tonic::async_trait]
impl RenderService for Neighbour {
    async fn render(&self, request: Request<RenderRequest>) -> Result<Response<RenderResponse>, Status> {
        self.drawn.lock().unwrap().push(request.into_inner());
        Ok(Response::new(RenderResponse {
            pages: vec![b"%PDF-1.7".to_vec()],
        }))
    }

    async fn issue_document(
        &self,
        _: Request<IssueDocumentRequest>,
    ) -> Result<Response<IssuedDocument>, Status> {
        unreachable!("identity issues nothing")
    }

    async fn verify_seal(
        &self,
        _: Request<VerifySealRequest>,
    ) -> Result<Response<VerifySealResponse>, Status> {
        unreachable!("identity verifies nothing")
    }
}

/// Identity with a neighbour, and a registered student.
async fn world(neighbour: &Neighbour) -> (World, Principal) {
    let world = World::with_students(2).await;
    let subjects = Routes::new(SubjectDataServiceServer::new(neighbour.clone()));
    let both = subjects.add_service(RenderServiceServer::new(neighbour.clone()));
    world.identity.peer("documents", both);
    let session = door(&world.identity).register(0).await;
    let student = door(&world.identity).bearer(&session).await;
    (world, student)
}

fn client(identity: &TestService, who: &Principal) -> MyDataServiceClient<Way> {
    MyDataServiceClient::new(identity.as_principal(who))
}

async fn export(world: &World, who: &Principal, format: Format) -> Result<Vec<u8>, Status> {
    let request = ExportMyDataRequest {
        format: format.into(),
    };
    let pieces = client(&world.identity, who).export_my_data(request).await?;
    let pieces: Vec<_> = pieces.into_inner().try_collect().await?;
    Ok(pieces.iter().flat_map(|piece| piece.data.to_vec()).collect())
}

async fn wish(world: &World, who: &Principal) -> Result<Erasure, Status> {
    let request = RequestErasureRequest { confirmed: true };
    let wished = client(&world.identity, who).request_erasure(request).await;
    wished.map(Response::into_inner)
}

async fn state(world: &World, who: &Principal) -> Erasure {
    let found = client(&world.identity, who)
        .get_erasure(GetErasureRequest {})
        .await;
    found.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_held_is_listed_with_its_ground_and_exported_whole() {
    let neighbour = Neighbour::default();
    let (world, student) = world(&neighbour).await;
    let listed = client(&world.identity, &student)
        .list_my_data(ListMyDataRequest {})
        .await;
    let kinds = listed.unwrap().into_inner().kinds;
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
    for name in [
        "identity.account",
        "identity.record",
        "identity.sessions",
        "neighbour.things",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    let own = kinds.iter().filter(|kind| kind.name.starts_with("identity."));
    for kind in own {
        assert!(!kind.purpose.is_empty() && !kind.basis.is_empty() && !kind.retention.is_empty());
    }
    let asked = neighbour.asked.lock().unwrap()[0].clone();
    assert_eq!(asked.student_id, student.student_id.unwrap().to_string());

    let file = export(&world, &student, Format::Json).await.unwrap();
    let text = String::from_utf8(file).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(whole["sections"].as_array().unwrap().len() >= 6);
    for value in [&identity_number(0), "软件工程", "别处的记录"] {
        assert!(text.contains(value), "{value}");
    }
    assert!(!text.contains(&identity_number(1)), "of somebody else");
    let file = export(&world, &student, Format::Pdf).await.unwrap();
    assert!(file.starts_with(b"%PDF"));
    let drawn = format!("{:?}", neighbour.drawn.lock().unwrap()[0]);
    assert!(drawn.contains("my-data-2026") && drawn.contains(&identity_number(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_never_taken_for_the_whole_and_exports_are_few() {
    let (world, student) = world(&Neighbour {
        away: true,
        ..Neighbour::default()
    })
    .await;
    let refused = export(&world, &student, Format::Json).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unavailable, "DATA_INCOMPLETE")
    );
    let here = Routes::new(SubjectDataServiceServer::new(Neighbour::default()));
    world.identity.peer("documents", here);
    for _ in 0..5 {
        export(&world, &student, Format::Json).await.unwrap();
    }
    let refused = export(&world, &student, Format::Json).await.unwrap_err();
    assert_eq!(reason(&refused), "EXPORT_LIMITED");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_erased_on_its_day_and_the_student_may_register_anew() {
    let (world, student) = world(&Neighbour::default()).await;
    assert_eq!(state(&world, &student).await.state(), erasure::State::Unspecified);
    let waiting = wish(&world, &student).await.unwrap();
    assert_eq!(waiting.state(), erasure::State::Waiting);
    assert_eq!(
        reason(&wish(&world, &student).await.unwrap_err()),
        "ERASURE_WAITING"
    );
    world.identity.advance(Duration::days(6)).await;
    world.identity.run_tasks().await;
    door(&world.identity).login(0, PASSWORD).await.unwrap();

    world.identity.advance(Duration::days(1)).await;
    world.identity.run_tasks().await;
    let gone = door(&world.identity).login(0, PASSWORD).await.unwrap_err();
    assert_eq!(reason(&gone), "LOGIN_REFUSED");
    let told = world.identity.published().await;
    let told = told
        .iter()
        .find(|delivery| delivery.key == "identity.account.erased.v1")
        .unwrap();
    let told: AccountErased = told.decode().unwrap();
    assert_eq!(told.account_id, student.account_id.to_string());
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM identity.sessions WHERE account_id = $1)
              + (SELECT count(*) FROM identity.accounts WHERE id = $1 AND (mobile_sealed IS NOT NULL OR name <> ''))",
    )
    .bind(student.account_id)
    .fetch_one(&world.identity.ctx.pool)
    .await
    .unwrap();
    assert_eq!(left, 0);
    door(&world.identity).register(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_can_be_taken_back_and_of_two_at_once_one_waits() {
    let (world, student) = world(&Neighbour::default()).await;
    let (first, second) = tokio::join!(wish(&world, &student), wish(&world, &student));
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
    let back = client(&world.identity, &student)
        .withdraw_erasure(WithdrawErasureRequest {})
        .await;
    assert_eq!(back.unwrap().into_inner().state(), erasure::State::Withdrawn);
    let again = client(&world.identity, &student)
        .withdraw_erasure(WithdrawErasureRequest {})
        .await;
    assert_eq!(reason(&again.unwrap_err()), "ERASURE_NOT_WAITING");
    world.identity.advance(Duration::days(8)).await;
    world.identity.run_tasks().await;
    door(&world.identity).login(0, PASSWORD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_of_the_running_year_keeps_the_account() {
    let (world, student) = world(&Neighbour::default()).await;
    sqlx::query(
        "INSERT INTO identity.agreement_holds VALUES (gen_random_uuid(), $1, true, 1, identity.kit_now())",
    )
    .bind(student.student_id.unwrap())
    .execute(&world.identity.ctx.pool)
    .await
    .unwrap();
    assert!(state(&world, &student).await.blocked.contains("就业协议"));
    assert_eq!(
        reason(&wish(&world, &student).await.unwrap_err()),
        "ERASURE_BLOCKED"
    );
    let staff = testing::school_staff(crate::people::SCHOOL);
    assert_eq!(
        wish(&world, &staff).await.unwrap_err().code(),
        Code::PermissionDenied,
        "an office's account is the office's"
    );
}
