//! The code tables of this process: those of the binary with what the province has published and is in force today.

use qihang_kit::{codes, db};

use crate::{
    App,
    domain::{calendar::today, dictionary},
    store,
};

/// What is published and has begun today, for every table.
///
/// # Errors
/// The database's.
pub(crate) async fn in_force(app: &App) -> sqlx::Result<Vec<codes::Change>> {
    let mut conn = app.ctx.pool.acquire().await?;
    let today = today(db::now(&mut conn).await?);
    let changes = store::dictionaries::all(&mut conn, None).await?;
    let mut tables: Vec<&str> = changes.iter().map(|change| change.table.as_str()).collect();
    tables.sort_unstable();
    tables.dedup();
    let of = |table: &str| {
        let table = table.to_owned();
        dictionary::overlay(&changes, &table, today)
            .into_iter()
            .map(move |entry| codes::Change {
                table: table.clone(),
                entry,
            })
    };
    Ok(tables.into_iter().flat_map(of).collect())
}

/// Brings this process's tables up to date.
///
/// # Errors
/// The database's.
pub(crate) async fn refresh(app: &App) -> sqlx::Result<()> {
    let changes = in_force(app).await?;
    if codes::install(&changes) {
        tracing::info!(changes = changes.len(), "code tables changed");
    }
    Ok(())
}
