//! `Range` of RFC 9110: one range of bytes, or the whole.

use std::ops::Range;

/// What part of a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it: no range, one that we do not serve, or one that is not understood.
    Whole,
    /// These bytes.
    Bytes(Range<u64>),
    /// Nothing of the file lies in the range.
    Unsatisfiable,
}

/// Reads a `Range` header for a file of `size` bytes. Several ranges at once are answered with the whole.
#[must_use]
pub fn parse(header: Option<&str>, size: u64) -> Part {
    let Some(range) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Part::Whole;
    };
    let Some((first, last)) = range.split_once('-').filter(|_| !range.contains(',')) else {
        return Part::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    let number = |digits: &str| digits.parse::<u64>().ok();
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first > last => Part::Whole,
        (Some(first), _) if first >= size => Part::Unsatisfiable,
        (Some(first), Some(last)) => Part::Bytes(first..last.saturating_add(1).min(size)),
        (Some(first), None) if last.is_empty() => Part::Bytes(first..size),
        (None, Some(0)) if first.is_empty() => Part::Unsatisfiable,
        (None, Some(length)) if first.is_empty() => Part::Bytes(size.saturating_sub(length)..size),
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        for (header, part) in [
            (None, Part::Whole),
            (Some("bytes=0-0"), Part::Bytes(0..1)),
            (Some("bytes=2-4"), Part::Bytes(2..5)),
            (Some("bytes=2-"), Part::Bytes(2..10)),
            (Some("bytes=2-99"), Part::Bytes(2..10)),
            (Some("bytes=-3"), Part::Bytes(7..10)),
            (Some("bytes=-99"), Part::Bytes(0..10)),
            (Some("bytes=10-"), Part::Unsatisfiable),
            (Some("bytes=-0"), Part::Unsatisfiable),
            (Some("bytes=4-2"), Part::Whole),
            (Some("bytes=0-1,3-4"), Part::Whole),
            (Some("bytes=a-b"), Part::Whole),
            (Some("bytes=-"), Part::Whole),
            (Some("items=0-1"), Part::Whole),
        ] {
            assert_eq!(parse(header, 10), part, "{header:?}");
        }
    }
}
