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
    let mut in_force: Vec<codes::Change> = tables.into_iter().flat_map(of).collect();
    let schools = store::schools::kept_by_province(&mut conn).await?;
    in_force.extend(schools.into_iter().map(school));
    Ok(in_force)
}

/// A school that the province took in, changed or closed, as a code of the table of schools.
fn school(row: store::schools::SchoolRow) -> codes::Change {
    let attributes = [
        ("school_code5", row.short_code),
        ("level", row.level),
        ("run_by", row.run_by),
    ];
    codes::Change {
        table: codes::SCHOOLS.to_owned(),
        entry: codes::Entry {
            code: row.code,
            name: row.name,
            parent: Some(row.region_code),
            attributes: attributes.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            ended: row.state == "CLOSED",
        },
    }
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
