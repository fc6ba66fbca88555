//! Editions of the three-party agreement (DC-13): which there are, and which may be published.

/// A form that agreements are drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edition {
    /// Name of its template.
    pub template: &'static str,
    /// What it is, in Chinese.
    pub title: &'static str,
}

/// Every edition, newest first. The first counts as long as nothing is published.
pub const EDITIONS: &[Edition] = &[Edition {
    template: "agreement-2026",
    title: "普通高等学校毕业生就业协议书（2026 版）",
}];

/// Why an edition is not published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such edition.
    Unknown,
    /// It counts for that year already.
    Unchanged,
}

/// The edition of a name.
#[must_use]
pub fn named(template: &str) -> Option<Edition> {
    EDITIONS
        .iter()
        .copied()
        .find(|edition| edition.template == template)
}

/// The edition that counts when nothing is published.
#[must_use]
pub fn first() -> &'static str {
    EDITIONS.first().map_or("", |edition| edition.template)
}

/// Decides whether an edition may be published for a year for which another counts, or none.
///
/// # Errors
/// Why not.
pub fn publish(template: &str, in_force: Option<&str>) -> Result<Edition, Refusal> {
    let edition = named(template).ok_or(Refusal::Unknown)?;
    if in_force == Some(template) {
        return Err(Refusal::Unchanged);
    }
    Ok(edition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_is_published_when_it_is_known_and_does_not_count_yet() {
        assert_eq!(publish("agreement-1999", None), Err(Refusal::Unknown));
        let newest = first();
        assert_eq!(publish(newest, Some(newest)), Err(Refusal::Unchanged));
        for before in [None, Some("agreement-2025")] {
            assert_eq!(publish(newest, before).unwrap().template, newest);
        }
        assert!(
            EDITIONS
                .iter()
                .all(|edition| named(edition.template) == Some(*edition))
        );
    }
}
