//! Which passwords are good enough: long, not a common one, not a simple pattern, without what others know of the owner.
//! Nothing is asked of their composition.

use std::{collections::HashSet, sync::LazyLock};

/// Fewest characters.
pub(crate) const MIN_LENGTH: usize = 10;
/// Most characters.
pub(crate) const MAX_LENGTH: usize = 128;
/// Fewest different characters.
const MIN_DISTINCT: usize = 5;
/// Personal words shorter than this are too common to forbid (in characters; Chinese names count double).
const MIN_WORD: usize = 4;

static COMMON: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let list = include_str!("../../data/common-passwords.txt");
    list.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
});

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weakness {
    /// Fewer than ten characters.
    TooShort,
    /// More than 128 characters.
    TooLong,
    /// On the list.
    Common,
    /// Few different characters, or a run such as 1234567890.
    Simple,
    /// Contains the number, the name, the login or the end of the identity number.
    Personal,
}

impl Weakness {
    /// Stable reason.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::TooShort => "PASSWORD_TOO_SHORT",
            Self::TooLong => "PASSWORD_TOO_LONG",
            Self::Common => "PASSWORD_COMMON",
            Self::Simple => "PASSWORD_SIMPLE",
            Self::Personal => "PASSWORD_PERSONAL",
        }
    }

    /// The sentence for people.
    pub(crate) fn message(self) -> &'static str {
        match self {
            Self::TooShort => "密码至少 10 个字符，可以用几个词连成一句好记的话",
            Self::TooLong => "密码至多 128 个字符",
            Self::Common => "这个密码太常见，容易被猜到，请换一个",
            Self::Simple => "密码过于简单（重复或连续的字符太多），请换一个",
            Self::Personal => "密码不能包含学号、登录名、姓名、手机号或证件号的后几位，请换一个",
        }
    }
}

/// Checks a password. `personal` is what others may know of its owner; empty and very short words are passed over.
pub(crate) fn check(password: &str, personal: &[&str]) -> Result<(), Weakness> {
    let lower = password.to_lowercase();
    let length = password.chars().count();
    if length < MIN_LENGTH {
        return Err(Weakness::TooShort);
    }
    if length > MAX_LENGTH {
        return Err(Weakness::TooLong);
    }
    if COMMON.contains(lower.trim()) {
        return Err(Weakness::Common);
    }
    if is_simple(&lower) {
        return Err(Weakness::Simple);
    }
    let contained = |word: &&str| weight(word) >= MIN_WORD && lower.contains(&word.to_lowercase());
    if personal
        .iter()
        .map(|word| word.trim())
        .any(|word| contained(&word))
    {
        return Err(Weakness::Personal);
    }
    Ok(())
}

/// Length of a word, with characters beyond ASCII counted double: a Chinese name of two is as telling as four letters.
fn weight(word: &str) -> usize {
    word.chars()
        .map(|character| if character.is_ascii() { 1 } else { 2 })
        .sum()
}

/// Few different characters, or nearly all of it one run up or down.
fn is_simple(password: &str) -> bool {
    let characters: Vec<u32> = password.chars().map(u32::from).collect();
    let distinct: HashSet<&u32> = characters.iter().collect();
    if distinct.len() < MIN_DISTINCT {
        return true;
    }
    let steps = characters.iter().zip(characters.iter().skip(1));
    let runs = steps.filter(|(a, b)| a.abs_diff(**b) <= 1).count();
    characters.len() - runs < MIN_DISTINCT
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn weak_passwords_are_refused_for_what_they_are() {
        let cases = [
            ("short", Weakness::TooShort),
            ("一二三四五六七八九", Weakness::TooShort),
            ("Password123", Weakness::Common),
            ("woaini5201314", Weakness::Common),
            ("abababababab", Weakness::Simple),
            ("abcdefghijklmn", Weakness::Simple),
            ("2023210417-xq", Weakness::Personal),
            ("my LIXIAOMING pass", Weakness::Personal),
            ("李晓明的小猫咪在家里", Weakness::Personal),
            ("sunny-041234-day", Weakness::Personal),
        ];
        for (password, weakness) in cases {
            let personal = ["2023210417", "李晓明", "lixiaoming", "041234", "", "a"];
            assert_eq!(check(password, &personal), Err(weakness), "{password}");
        }
        assert_eq!(check(&"长".repeat(129), &[]), Err(Weakness::TooLong));
    }

    #[test]
    fn passphrases_without_any_theatre_are_accepted() {
        for password in ["correct horse battery", "松花江上的早晨很安静", "kq7-blue-tram"] {
            assert_eq!(check(password, &["2023210417", "李晓明"]), Ok(()), "{password}");
        }
    }

    #[test]
    fn the_list_is_lower_case_and_long_enough_to_matter() {
        assert!(COMMON.len() > 1000);
        assert!(
            COMMON
                .iter()
                .all(|entry| entry.chars().count() >= MIN_LENGTH && *entry == entry.to_lowercase())
        );
    }

    proptest! {
        #[test]
        fn an_accepted_password_keeps_every_rule(password in "\\PC{0,140}", word in "[a-z0-9]{4,12}") {
            if check(&password, &[&word]).is_ok() {
                let length = password.chars().count();
                prop_assert!((MIN_LENGTH..=MAX_LENGTH).contains(&length));
                prop_assert!(!password.to_lowercase().contains(&word));
                prop_assert!(password.chars().collect::<HashSet<_>>().len() >= 2);
            }
        }

        #[test]
        fn a_password_around_a_personal_word_is_refused(word in "[a-z0-9]{4,12}", before in "[a-z]{5}", after in "[0-9]{6}") {
            let password = [before, word.clone(), after].concat();
            prop_assert!(check(&password, &[&word]).is_err());
        }
    }
}
