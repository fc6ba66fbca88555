//! Percent encoding of path segments as `google.api.http` asks.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const KEPT_WITH_SLASH: &AsciiSet = &KEPT.remove(b'/');

/// Decodes a segment. `keep_slash` leaves an encoded slash as it is: the value holds several segments. `None` when the
/// bytes are not UTF-8.
pub fn decode(segment: &str, keep_slash: bool) -> Option<String> {
    if !segment.contains('%') {
        return Some(segment.to_owned());
    }
    let whole = |text: &str| {
        percent_decode_str(text)
            .decode_utf8()
            .ok()
            .map(std::borrow::Cow::into_owned)
    };
    if !keep_slash {
        return whole(segment);
    }
    let mut decoded = String::new();
    let mut rest = segment;
    while let Some(at) = find_encoded_slash(rest) {
        let (before, tail) = rest.split_at_checked(at)?;
        let (slash, after) = tail.split_at_checked(3)?;
        decoded.push_str(&whole(before)?);
        decoded.push_str(slash);
        rest = after;
    }
    decoded.push_str(&whole(rest)?);
    Some(decoded)
}

fn find_encoded_slash(text: &str) -> Option<usize> {
    match (text.find("%2F"), text.find("%2f")) {
        (Some(upper), Some(lower)) => Some(upper.min(lower)),
        (upper, lower) => upper.or(lower),
    }
}

/// Encodes a value for a path; `keep_slash` keeps slashes as borders of segments.
pub fn encode(value: &str, keep_slash: bool) -> String {
    utf8_percent_encode(value, if keep_slash { KEPT_WITH_SLASH } else { KEPT }).to_string()
}
