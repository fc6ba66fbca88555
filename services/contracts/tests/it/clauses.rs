//! An employer's own words for 补充条款; and who is reminded of reviews that wait too long.

use prost::Message as _;
use qihang_kit::{auth::Principal, client::ServiceChannel, testing};
use qihang_proto::{
    contracts::v1::{clause_template_service_client::ClauseTemplateServiceClient, *},
    messages::v1::ReviewsOverdue,
};
use time::Duration;
use tonic::service::interceptor::InterceptedService;

use crate::{
    neighbours::{DEPARTMENT, SCHOOL, TWO_LEVELS},
    suite::{Suite, reason},
};

type Way = InterceptedService<ServiceChannel, testing::Acting>;

impl Suite {
    fn clauses(&self, who: &Principal) -> ClauseTemplateServiceClient<Way> {
        ClauseTemplateServiceClient::new(self.service.as_principal(who))
    }
}

fn clause(title: &str, text: &str) -> CreateClauseTemplateRequest {
    CreateClauseTemplateRequest {
        title: title.to_owned(),
        text: text.to_owned(),
        request_id: String::new(),
    }
}

async fn titles(suite: &Suite, who: &Principal) -> Vec<String> {
    let reply = suite
        .clauses(who)
        .list_clause_templates(ListClauseTemplatesRequest {})
        .await;
    let templates = reply.unwrap().into_inner().templates;
    templates.into_iter().map(|template| template.title).collect()
}

#[tokio::test]
async fn clauses_are_kept_changed_and_deleted_by_their_employer_alone() {
    let suite = Suite::start().await;
    let (own, other) = (suite.employer(), suite.employer());
    let mut client = suite.clauses(&own);
    let made = client
        .create_clause_template(clause("实习", "入职前可安排实习"))
        .await;
    let made = made.unwrap().into_inner();
    let again = client
        .create_clause_template(clause(" 实习 ", "另一段"))
        .await
        .unwrap_err();
    assert_eq!(reason(&again), "CLAUSE_TITLE_TAKEN");
    suite
        .clauses(&other)
        .create_clause_template(clause("实习", "别家的"))
        .await
        .unwrap();

    let change = UpdateClauseTemplateRequest {
        id: made.id.clone(),
        title: "实习安排".to_owned(),
        text: "入职前可安排带薪实习".to_owned(),
        etag: made.etag.clone(),
    };
    let foreign = suite
        .clauses(&other)
        .update_clause_template(change.clone())
        .await
        .unwrap_err();
    assert_eq!(reason(&foreign), "CLAUSE_NOT_FOUND");
    let changed = client
        .update_clause_template(change.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(changed.text, "入职前可安排带薪实习");
    let stale = client.update_clause_template(change).await.unwrap_err();
    assert_eq!(reason(&stale), "VERSION_CONFLICT");

    let delete = DeleteClauseTemplateRequest { id: made.id };
    let foreign = suite
        .clauses(&other)
        .delete_clause_template(delete.clone())
        .await
        .unwrap_err();
    assert_eq!(reason(&foreign), "CLAUSE_NOT_FOUND");
    client.delete_clause_template(delete.clone()).await.unwrap();
    assert!(titles(&suite, &own).await.is_empty());
    assert_eq!(titles(&suite, &other).await, ["实习"]);
    let gone = client.delete_clause_template(delete).await.unwrap_err();
    assert_eq!(reason(&gone), "CLAUSE_NOT_FOUND");
}

#[tokio::test]
async fn a_clause_may_not_hold_what_an_offer_may_not() {
    let suite = Suite::start().await;
    let own = suite.employer();
    let mut client = suite.clauses(&own);
    for words in ["入职须交押 金 500 元", "扣押身份证至转正", "缴纳风险金"] {
        let status = client
            .create_clause_template(clause("条款", words))
            .await
            .unwrap_err();
        assert_eq!(reason(&status), "TERMS_FORBIDDEN", "{words}");
    }
    let blank = client
        .create_clause_template(clause("条款", "   "))
        .await
        .unwrap_err();
    assert_eq!(reason(&blank), "TEXT_BLANK");
    for number in 0..50 {
        client
            .create_clause_template(clause(&format!("条款 {number}"), "无"))
            .await
            .unwrap();
    }
    let status = client
        .create_clause_template(clause("再一条", "无"))
        .await
        .unwrap_err();
    assert_eq!(reason(&status), "CLAUSE_LIMIT");
}

async fn reminders(suite: &Suite) -> Vec<ReviewsOverdue> {
    suite.service.run_tasks().await;
    let published = suite.service.published().await;
    published
        .iter()
        .filter(|message| message.key == "contracts.review.overdue.v1")
        .map(|message| ReviewsOverdue::decode(message.payload.clone()).unwrap())
        .collect()
}

#[tokio::test]
async fn reviewers_are_reminded_once_a_day_of_what_waits_too_long() {
    let suite = Suite::start().await;
    for school in [SCHOOL, SCHOOL, TWO_LEVELS] {
        suite
            .accepted(&suite.employer(), &suite.student(school).await)
            .await;
    }
    assert!(reminders(&suite).await.is_empty());
    // Noon in Beijing, three days later.
    let start = suite.service.clock.now();
    let noon = start.replace_time(time::macros::time!(04:00)) + Duration::days(3);
    suite.service.clock.set(noon).await;
    let mut told: Vec<_> = reminders(&suite)
        .await
        .into_iter()
        .map(|one| (one.school_code, one.department, one.level, one.counts[0].overdue))
        .collect();
    told.sort();
    let expected = [
        (SCHOOL.to_owned(), String::new(), 2, 2),
        (TWO_LEVELS.to_owned(), DEPARTMENT.to_owned(), 1, 1),
    ];
    assert_eq!(told, expected);
    suite.service.advance(Duration::hours(2)).await;
    assert_eq!(reminders(&suite).await.len(), 2);
    suite.service.advance(Duration::hours(14)).await;
    // Four in the morning: nobody is woken.
    assert_eq!(reminders(&suite).await.len(), 2);
    suite.service.advance(Duration::hours(8)).await;
    assert_eq!(reminders(&suite).await.len(), 4);
}
