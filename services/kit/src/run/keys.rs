//! The operator's commands on the data keys of a service.

use clap::Subcommand;

use super::Started;
use crate::crypto::data_keys::{self, ACTIVATION_DELAY};

/// What can be done with data keys.
#[derive(Subcommand)]
pub enum Keys {
    /// Lists them, and how many values each has sealed.
    List,
    /// Makes one that seals in ten minutes; an hour later the suite begins to seal everything with it.
    Rotate,
    /// Deletes one that nothing is sealed with any more.
    Drop {
        /// Id from the list.
        id: String,
    },
}

/// Executes a command on one service: lines for the terminal. A service that seals nothing has none.
///
/// # Errors
/// When a key may not be dropped; the database's.
pub async fn keys(command: &Keys, started: &Started) -> anyhow::Result<Vec<String>> {
    let Some(sealed) = &started.sealed else {
        return Ok(Vec::new());
    };
    let (name, pool) = (started.name, &started.pool);
    let line = match command {
        Keys::List => return list(started).await,
        Keys::Rotate => {
            let id = data_keys::rotate(&sealed.sealer, pool, ACTIVATION_DELAY).await?;
            format!("{name}  {id}  seals in ten minutes")
        }
        Keys::Drop { id } => {
            sealed.drop_key(pool, id).await?;
            format!("{name}  {id}  dropped")
        }
    };
    Ok(vec![line])
}

async fn list(started: &Started) -> anyhow::Result<Vec<String>> {
    let (Some(sealed), pool) = (&started.sealed, &started.pool) else {
        return Ok(Vec::new());
    };
    let mut lines = Vec::new();
    for key in data_keys::list(pool).await? {
        let state = match (key.active, key.complete_time) {
            (true, Some(_)) => "active, everything is sealed with it",
            (true, None) => "active",
            (false, _) => "old, or not yet active",
        };
        let count = sealed.count(pool, &key.id).await?;
        lines.push(format!(
            "{}  {}  since {}  {count} values  {state}",
            started.name, key.id, key.activate_time
        ));
    }
    Ok(lines)
}
