//! What each viewer is shown of an agreement.

use qihang_kit::auth::Principal;

use crate::{
    neighbours::SCHOOL,
    suite::{Suite, may},
};

#[tokio::test]
async fn a_member_who_may_not_sign_is_told_of_the_state_first() {
    let suite = Suite::start().await;
    let (employer, student) = (suite.employer(), suite.student(SCHOOL).await);
    let clerk = Principal {
        employer_role: Some("HR".to_owned()),
        ..employer.clone()
    };
    let draft = suite.draft(&employer, &student).await;
    let seen = suite.seen(&clerk, &draft).await;
    assert_eq!(may(&seen, "update"), Ok(()));
    assert_eq!(may(&seen, "send"), Err("MEMBER_MAY_NOT_SIGN".to_owned()));
    assert_eq!(may(&seen, "withdraw"), Err("INVALID_TRANSITION".to_owned()));
    assert_eq!(may(&seen, "amend"), Err("INVALID_TRANSITION".to_owned()));
}
