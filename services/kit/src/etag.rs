//! Versions as HTTP entity tags: `"3"` is version 3.

use crate::status::Fault;

/// The tag of a version.
#[must_use]
pub fn of(version: i32) -> String {
    format!("\"{version}\"")
}

/// The version that the caller expects; `None` when none was sent or `*`.
///
/// # Errors
/// INVALID_ARGUMENT when the text is no tag of ours.
pub fn expect(etag: &str) -> Result<Option<i32>, Fault> {
    let text = etag.trim();
    if text.is_empty() || text == "*" {
        return Ok(None);
    }
    let text = text.strip_prefix("W/").unwrap_or(text);
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or_else(|| {
            Fault::invalid(
                "etag",
                "ETAG_INVALID",
                "etag 格式不正确，请使用上次读取时返回的值",
            )
        })
}

/// Compares the caller's tag with the version in force.
///
/// # Errors
/// ABORTED `VERSION_CONFLICT` when they differ.
pub fn check(etag: &str, version: i32) -> Result<(), Fault> {
    match expect(etag)? {
        Some(expected) if expected != version => Err(conflict().with("etag", of(version))),
        _ => Ok(()),
    }
}

/// The refusal of a writer who came second.
#[must_use]
pub fn conflict() -> Fault {
    Fault::aborted("VERSION_CONFLICT", "内容已被他人更新，请刷新后查看最新内容再操作")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_comes_back_as_its_version() {
        assert_eq!(expect(&of(7)).unwrap(), Some(7));
        assert_eq!(expect("W/\"7\"").unwrap(), Some(7));
        assert_eq!(expect("").unwrap(), None);
        assert!(expect("7").is_err());
        assert!(check("\"1\"", 2).is_err());
        assert!(check("\"2\"", 2).is_ok());
    }
}
