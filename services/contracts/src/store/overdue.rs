//! Whose reviewers are to be reminded.

use sqlx::PgConnection;

use crate::error::Error;

/// What one kind has of overdue reviews for one school's office or department.
#[derive(Debug, Clone)]
pub(crate) struct Overdue {
    pub(crate) school_code: String,
    /// Empty for the school's office.
    pub(crate) department: String,
    pub(crate) level: i16,
    pub(crate) kind: String,
    pub(crate) count: i64,
}

/// Claims today's reminders: those of schools and departments that were not reminded since midnight in Beijing, none before
/// eight in the morning. Ordered by whom they are for.
pub(crate) async fn claim(conn: &mut PgConnection) -> Result<Vec<Overdue>, Error> {
    Ok(sqlx::query_as!(
        Overdue,
        r#"
        WITH today AS (
            SELECT contracts.kit_now() AT TIME ZONE 'Asia/Shanghai' AS clock
        ), due AS (
            SELECT school_code, CASE WHEN level = 1 THEN department ELSE '' END AS department, level, kind,
                   count(*) AS count
            FROM contracts.reviews, today
            WHERE waiting AND due_time < contracts.kit_now() AND extract(hour FROM clock) >= 8
            GROUP BY 1, 2, 3, 4
        ), claimed AS (
            INSERT INTO contracts.overdue_reminders (day, school_code, department, level, create_time)
            SELECT DISTINCT clock::date, school_code, department, level, contracts.kit_now() FROM due, today
            ON CONFLICT DO NOTHING
            RETURNING school_code, department, level
        )
        SELECT due.school_code AS "school_code!", due.department AS "department!", due.level AS "level!",
               due.kind AS "kind!", due.count AS "count!"
        FROM due JOIN claimed USING (school_code, department, level)
        ORDER BY due.school_code, due.department, due.level, due.kind
        "#,
    )
    .fetch_all(conn)
    .await?)
}
