//! File names: only what every system shows as what it is.

use super::content::Kind;

/// Longest name kept, in characters.
pub const MAX_CHARACTERS: usize = 128;

/// Cleans a name: no path, no control or direction characters, nothing that a file system or header treats specially.
#[must_use]
pub fn clean(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last
        .chars()
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .map(|c| if r#"<>:"|?*;%"#.contains(c) { '_' } else { c })
        .collect();
    let kept = kept.trim_matches(|c: char| c.is_whitespace() || c == '.');
    let short: String = kept.chars().take(MAX_CHARACTERS).collect();
    if short.is_empty() {
        "文件".to_owned()
    } else {
        short
    }
}

/// Gives a name the ending of what its content is, unless it has it.
#[must_use]
pub fn with_extension(name: &str, kind: Kind) -> String {
    let extension = name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_ascii_lowercase());
    if extension.is_some_and(|extension| kind.extensions().contains(&extension.as_str())) {
        return name.to_owned();
    }
    let usual = kind.extensions().first().copied().unwrap_or_default();
    let stem: String = name.chars().take(MAX_CHARACTERS - usual.len() - 1).collect();
    format!("{stem}.{usual}")
}

/// Zero-width and direction characters, which make a name look like another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_lose_paths_and_tricks() {
        for (given, kept) in [
            ("授权书.pdf", "授权书.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\a\\营业执照.png", "营业执照.png"),
            ("a\u{202e}fdp.exe", "afdp.exe"),
            ("a\r\nSet-Cookie: x", "aSet-Cookie_ x"),
            ("...", "文件"),
            ("", "文件"),
            (" .hidden ", "hidden"),
            ("a\"b;c%20.csv", "a_b_c_20.csv"),
        ] {
            assert_eq!(clean(given), kept, "{given:?}");
        }
    }

    #[test]
    fn the_ending_follows_the_content() {
        assert_eq!(with_extension("a.PDF", Kind::Pdf), "a.PDF");
        assert_eq!(with_extension("a.jpeg", Kind::Jpeg), "a.jpeg");
        assert_eq!(with_extension("a.exe", Kind::Pdf), "a.exe.pdf");
        assert_eq!(with_extension("执照", Kind::Png), "执照.png");
    }

    proptest! {
        #[test]
        fn every_name_becomes_clean_and_stays_so(name in ".{0,300}") {
            let once = clean(&name);
            prop_assert!(!once.is_empty() && once.chars().count() <= MAX_CHARACTERS);
            prop_assert!(!once.contains(['/', '\\', '"', '\r', '\n', '\0']));
            prop_assert!(with_extension(&once, Kind::Xlsx).chars().count() <= MAX_CHARACTERS);
        }
    }
}
