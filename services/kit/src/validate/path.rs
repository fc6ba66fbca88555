//! Where in a message we are, in JSON names.

use std::fmt::Write as _;

/// One step down.
#[derive(Clone, Debug)]
pub(super) enum Step<'a> {
    Field(&'a str),
    Index(usize),
    /// A key of a map, as it is to be written.
    Key(String),
}

/// `terms.rows[3].name`, `labels["a"]`.
pub(super) fn write(steps: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        // Writing to a String cannot fail.
        let _ = match step {
            Step::Field(name) if text.is_empty() => write!(text, "{name}"),
            Step::Field(name) => write!(text, ".{name}"),
            Step::Index(index) => write!(text, "[{index}]"),
            Step::Key(key) => write!(text, "[{key}]"),
        };
    }
    text
}
