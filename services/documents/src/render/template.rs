//! The templates by name and version.

/// A template. Its text never changes once documents were issued with it: a new edition is a new variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Template {
    /// The three-party agreement, 2026 edition.
    Agreement2026,
    /// What the suite holds about a person, 2026 edition.
    MyData2026,
}

impl Template {
    /// Every template.
    pub const ALL: &'static [Self] = &[Self::Agreement2026, Self::MyData2026];

    /// Finds a template by its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|template| template.name() == name)
    }

    /// Name and version, as callers give it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Agreement2026 => "agreement-2026",
            Self::MyData2026 => "my-data-2026",
        }
    }

    /// Longest data that it is drawn with, in bytes of JSON.
    #[must_use]
    pub fn max_data_bytes(self) -> usize {
        match self {
            Self::Agreement2026 => 64 * 1024,
            Self::MyData2026 => 512 * 1024,
        }
    }

    pub(super) fn source(self) -> &'static str {
        match self {
            Self::Agreement2026 => include_str!("../../templates/agreement-2026/main.typ"),
            Self::MyData2026 => include_str!("../../templates/my-data-2026/main.typ"),
        }
    }
}
