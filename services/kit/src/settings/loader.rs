//! Lays settings over each other: embedded defaults, then what the environment and the program say.

use std::{fs, path::PathBuf};

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::{Common, DEFAULTS, Loaded, NOT_SETTINGS, PREFIX, SettingsError};

/// What to do with names that are not settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// An error; for a process with one service.
    Refuse,
    /// Passed over; for a process with several services, whose variables meet in one environment.
    Ignore,
}

/// Collects settings in layers.
///
/// ```
/// # use qihang_kit::settings::Loader;
/// # #[derive(serde::Deserialize)] struct Config { title: String }
/// let settings = Loader::new("title = \"x\"")?.set("database.url", "postgres://localhost/qihang")?.load::<Config>()?;
/// assert_eq!(&*settings.common.database.url, "postgres://localhost/qihang");
/// # Ok::<(), qihang_kit::settings::SettingsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Loader {
    /// Names that belong to [`Common`].
    common: Vec<String>,
    defaults: Table,
    table: Table,
}

impl Loader {
    /// kit's defaults with the service's own on top.
    ///
    /// # Errors
    /// When the text is not TOML.
    pub fn new(service_defaults: &str) -> Result<Self, SettingsError> {
        let mut table: Table = parse(DEFAULTS)?;
        let common = table.keys().cloned().collect();
        merge(&mut table, parse(service_defaults)?);
        Ok(Self {
            common,
            defaults: table.clone(),
            table,
        })
    }

    /// Lays the process's environment on top.
    ///
    /// # Errors
    /// Unknown names, values of the wrong kind.
    pub fn environment(self, unknown: Unknown) -> Result<Self, SettingsError> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        self.variables(variables, unknown)
    }

    /// Lays variables on top.
    ///
    /// # Errors
    /// Unknown names, values of the wrong kind.
    pub fn variables(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
        unknown: Unknown,
    ) -> Result<Self, SettingsError> {
        for (name, value) in variables {
            let Some(key) = name
                .strip_prefix(PREFIX)
                .filter(|_| !name.starts_with(NOT_SETTINGS))
            else {
                continue;
            };
            let key = key.to_lowercase().replace("__", ".");
            if unknown == Unknown::Ignore && self.kind(&key).is_none() {
                continue;
            }
            self.put(&key, Value::String(value), &name)?;
        }
        Ok(self)
    }

    /// Sets one setting, e.g. `database.url`.
    ///
    /// # Errors
    /// An unknown name or a value of the wrong kind.
    pub fn set(mut self, key: &str, value: impl Into<Value>) -> Result<Self, SettingsError> {
        self.put(key, value.into(), "program")?;
        Ok(self)
    }

    /// Reads the whole into types.
    ///
    /// # Errors
    /// The name and what is wrong with it.
    pub fn load<C: DeserializeOwned>(self) -> Result<Loaded<C>, SettingsError> {
        let (common, own): (Table, Table) = self
            .table
            .into_iter()
            .partition(|(key, _)| self.common.contains(key));
        let common: Common = Value::Table(common).try_into().map_err(shape)?;
        common.check()?;
        Ok(Loaded {
            common,
            own: Value::Table(own).try_into().map_err(shape)?,
        })
    }

    fn put(&mut self, key: &str, value: Value, origin: &str) -> Result<(), SettingsError> {
        let (key, value) = match self.kind(key) {
            Some(Kind::Value) => (key, value),
            Some(Kind::File) => (key.strip_suffix("_file").unwrap_or(key), read(key, value)?),
            None => {
                return Err(SettingsError::Unknown {
                    key: key.to_owned(),
                    origin: origin.to_owned(),
                });
            }
        };
        let value = match (find(&self.defaults, key), value) {
            (Some(default), Value::String(text)) => coerce(key, default, text)?,
            (_, value) => value,
        };
        let mut table = &mut self.table;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                table.insert(part.to_owned(), value);
                break;
            }
            let Some(next) = table
                .entry(part)
                .or_insert_with(|| Value::Table(Table::new()))
                .as_table_mut()
            else {
                break;
            };
            table = next;
        }
        Ok(())
    }

    /// What the name stands for; `None` when it is no setting.
    fn kind(&self, key: &str) -> Option<Kind> {
        if let Some(value) = find(&self.defaults, key) {
            return (!value.is_table()).then_some(Kind::Value);
        }
        if key
            .strip_suffix("_file")
            .is_some_and(|key| find(&self.defaults, key).is_some_and(Value::is_str))
        {
            return Some(Kind::File);
        }
        let (parent, name) = key.rsplit_once('.')?;
        if !find(&self.defaults, parent)?
            .as_table()
            .is_some_and(Table::is_empty)
        {
            return None;
        }
        Some(if name.ends_with("_file") {
            Kind::File
        } else {
            Kind::Value
        })
    }
}

/// Settings of a process with one service: its defaults, with the environment on top.
///
/// # Errors
/// The name of what is unknown or wrong.
pub fn load<C: DeserializeOwned>(service_defaults: &str) -> Result<Loaded<C>, SettingsError> {
    Loader::new(service_defaults)?
        .environment(Unknown::Refuse)?
        .load()
}

enum Kind {
    Value,
    File,
}

pub(super) fn parse(text: &str) -> Result<Table, SettingsError> {
    text.parse()
        .map_err(|error: toml::de::Error| SettingsError::Defaults(error.to_string()))
}

pub(super) fn shape(error: toml::de::Error) -> SettingsError {
    SettingsError::Shape(error.to_string().trim().replace('\n', ", "))
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn find<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    match key.split_once('.') {
        None => table.get(key),
        Some((first, rest)) => find(table.get(first)?.as_table()?, rest),
    }
}

/// Reads a secret; the line end that editors add is not part of it.
fn read(key: &str, value: Value) -> Result<Value, SettingsError> {
    let path = PathBuf::from(value.as_str().unwrap_or_default());
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Value::String(text.trim_end_matches(['\r', '\n']).to_owned())),
        Err(source) => Err(SettingsError::File {
            key: key.to_owned(),
            path,
            source,
        }),
    }
}

/// Turns a variable's text into the kind that the default has.
fn coerce(key: &str, default: &Value, text: String) -> Result<Value, SettingsError> {
    let parsed = match default {
        Value::String(_) | Value::Datetime(_) | Value::Table(_) => Some(Value::String(text.clone())),
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Array(_) => Some(list(&text)),
    };
    parsed.ok_or_else(|| SettingsError::Value {
        key: key.to_owned(),
        problem: format!("`{text}` is not of type {}", default.type_str()),
    })
}

/// `["a", "b"]`, or `a,b` for short.
fn list(text: &str) -> Value {
    let parsed = format!("list = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("list"));
    parsed.filter(Value::is_array).unwrap_or_else(|| {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
    })
}
