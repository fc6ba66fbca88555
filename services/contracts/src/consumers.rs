//! What this service does on messages, one file a message.

mod correction;
mod employer;
mod issue_document;
mod origin;
mod review;

use std::sync::Arc;

use qihang_kit::consume::Consumer;

use crate::App;

/// Every consumer.
pub(crate) fn all(app: &Arc<App>) -> Vec<Arc<dyn Consumer>> {
    vec![
        Arc::new(issue_document::IssueDocument(app.clone())),
        Arc::new(origin::Origins),
        Arc::new(review::Reviews(app.clone())),
        Arc::new(correction::Corrections),
        Arc::new(employer::Suspensions(app.clone())),
    ]
}
