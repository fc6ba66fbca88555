//! Editions of the form: published by the province, kept by each agreement.

use qihang_kit::{auth::Principal, testing};
use qihang_proto::contracts::v1::{edition_service_client::EditionServiceClient, *};
use tonic::Code;

use crate::{
    neighbours::SCHOOL,
    suite::{Suite, approve, office, reason},
};

const NEWEST: &str = "agreement-2026";
const BEFORE: &str = "agreement-2025";

fn publish(template: &str) -> PublishEditionRequest {
    PublishEditionRequest {
        template: template.to_owned(),
        cohort: 2026,
        request_id: String::new(),
    }
}

macro_rules! editions {
    ($suite:expr, $who:expr) => {
        EditionServiceClient::new($suite.service.as_principal($who))
    };
}

/// An agreement that waits for the school.
async fn accepted(suite: &Suite) -> Agreement {
    let student = suite.student(SCHOOL).await;
    suite.accepted(&suite.employer(), &student).await
}

/// The templates of the documents that were issued after the school's approval.
async fn issued(suite: &Suite, agreements: &[Agreement]) -> Vec<String> {
    for agreement in agreements {
        let mut reviews = suite.reviews(&office());
        reviews.approve_agreement(approve(agreement)).await.unwrap();
    }
    suite.service.relay_until_idle().await;
    let issued = suite.documents.issued();
    let of = |agreement: &Agreement| {
        let owner = format!("contracts.agreement/{}", agreement.id);
        let request = issued.iter().find(|request| request.owner == owner);
        request.unwrap().template.clone()
    };
    agreements.iter().map(of).collect()
}

/// The form of last year, which nobody can publish any more.
async fn last_years(suite: &Suite) {
    sqlx::query(
        "INSERT INTO contracts.editions VALUES (gen_random_uuid(), $1, 2020, gen_random_uuid(), '张三', contracts.kit_now())",
    )
    .bind(BEFORE)
    .execute(&suite.service.ctx.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn an_agreement_keeps_the_edition_of_its_draft() {
    let suite = Suite::start().await;
    last_years(&suite).await;
    let old = accepted(&suite).await;
    let province = testing::province_staff();
    let published = editions!(suite, &province)
        .publish_edition(publish(NEWEST))
        .await
        .unwrap();
    assert_eq!(published.get_ref().cohort, 2026);
    let new = accepted(&suite).await;
    assert_eq!(issued(&suite, &[old, new]).await, [BEFORE, NEWEST]);
}

#[tokio::test]
async fn the_province_publishes_known_editions_once() {
    let suite = Suite::start().await;
    let province = testing::province_staff();
    let mut client = editions!(suite, &province);
    let unknown = client
        .publish_edition(publish("agreement-1999"))
        .await
        .unwrap_err();
    assert_eq!(
        (unknown.code(), reason(&unknown).as_str()),
        (Code::InvalidArgument, "EDITION_UNKNOWN")
    );
    client.publish_edition(publish(NEWEST)).await.unwrap();
    let again = client.publish_edition(publish(NEWEST)).await.unwrap_err();
    assert_eq!(reason(&again), "EDITION_UNCHANGED");
    let listed = client
        .list_editions(ListEditionsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((listed.editions.len(), listed.published.len()), (1, 1));
    let refused = async |who: &Principal| {
        let status = editions!(suite, who)
            .publish_edition(publish(NEWEST))
            .await
            .unwrap_err();
        status.code()
    };
    assert_eq!(refused(&office()).await, Code::PermissionDenied);
}

#[tokio::test]
async fn of_two_publications_at_once_one_counts() {
    let suite = Suite::start().await;
    let province = testing::province_staff();
    let (mut first, mut second) = (editions!(suite, &province), editions!(suite, &province));
    let (first, second) = tokio::join!(
        first.publish_edition(publish(NEWEST)),
        second.publish_edition(publish(NEWEST))
    );
    assert_eq!(usize::from(first.is_ok()) + usize::from(second.is_ok()), 1);
}

#[tokio::test]
async fn a_sample_is_drawn_with_a_mark() {
    let suite = Suite::start().await;
    let sample = PreviewEditionRequest {
        template: NEWEST.to_owned(),
    };
    let reply = editions!(suite, &office()).preview_edition(sample).await.unwrap();
    let piece = reply.into_inner().message().await.unwrap().unwrap();
    assert_eq!(piece.content_type, "application/pdf");
    assert!(!piece.data.is_empty());
    let missing = PreviewEditionRequest {
        template: "agreement-1999".to_owned(),
    };
    let missing = editions!(suite, &office())
        .preview_edition(missing)
        .await
        .unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}
