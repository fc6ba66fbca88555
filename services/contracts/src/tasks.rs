//! Background work, one file a task.

mod codes;
mod deadlines;
mod overdue;
mod reminders;

use std::sync::Arc;

use qihang_kit::tasks::Task;

use crate::App;

/// Every task.
pub(crate) fn all(app: &Arc<App>) -> Vec<Arc<dyn Task>> {
    vec![
        Arc::new(codes::Codes(app.clone())),
        Arc::new(deadlines::Deadlines(app.clone())),
        Arc::new(overdue::OverdueReviews(app.clone())),
        Arc::new(reminders::Reminders(app.clone())),
    ]
}
