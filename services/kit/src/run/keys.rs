//! The operator's commands on the data keys of a service.

use clap::Subcommand;

use super::Started;
use crate::crypto::{
    data_keys::{self, ACTIVATION_DELAY},
    reseal::Sealed,
};

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

/// Executes a command on services: lines for the terminal. One that seals nothing has no keys, and an id is of one service.
///
/// # Errors
/// When a key may not be dropped; the database's.
pub async fn keys(command: &Keys, services: &[Started]) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for started in services {
        let (Some(sealed), name, pool) = (&started.sealed, started.name, &started.pool) else {
            continue;
        };
        match command {
            Keys::List => lines.extend(list(started, sealed).await?),
            Keys::Rotate => {
                let id = data_keys::rotate(&sealed.sealer, pool, ACTIVATION_DELAY).await?;
                lines.push(format!("{name}  {id}  seals in ten minutes"));
            }
            Keys::Drop { id } => {
                if data_keys::list(pool).await?.iter().any(|key| key.id == *id) {
                    sealed.drop_key(pool, id).await?;
                    return Ok(vec![format!("{name}  {id}  dropped")]);
                }
            }
        }
    }
    if let Keys::Drop { id } = command {
        anyhow::bail!("there is no data key {id}");
    }
    Ok(lines)
}

async fn list(started: &Started, sealed: &Sealed) -> anyhow::Result<Vec<String>> {
    let pool = &started.pool;
    let mut lines = Vec::new();
    // They come in the order in which they became active, or will.
    let mut other = "old";
    for key in data_keys::list(pool).await? {
        let state = match (key.active, key.complete_time) {
            (true, Some(_)) => "active, everything is sealed with it",
            (true, None) => "active",
            (false, _) => other,
        };
        if key.active {
            other = "not yet active";
        }
        let count = sealed.count(pool, &key.id).await?;
        lines.push(format!(
            "{}  {}  since {}  {count} values  {state}",
            started.name, key.id, key.activate_time
        ));
    }
    Ok(lines)
}
