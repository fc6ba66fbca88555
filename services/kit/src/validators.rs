//! Checks and masks of the numbers that people and organisations go by. Pure.

use std::fmt;

use time::{Date, Month};

/// Why a text is not what it should be; the text for people is Chinese and complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The identity number has not 17 digits and a check character.
    #[error("身份证号应为18位：17位数字加1位数字或X")]
    IdentityShape,
    /// Its date of birth does not exist.
    #[error("身份证号第7至14位不是有效的出生日期")]
    IdentityDate,
    /// Its check character is wrong.
    #[error("身份证号校验位不正确，请核对是否录入有误")]
    IdentityCheck,
    /// The credit code has not 18 characters of its alphabet.
    #[error("统一社会信用代码应为18位数字或大写字母（不含I、O、S、V、Z）")]
    CreditShape,
    /// The organisation code inside it has a wrong check character.
    #[error("统一社会信用代码第9至17位（组织机构代码）校验不正确，请核对是否录入有误")]
    CreditOrganisation,
    /// Its own check character is wrong.
    #[error("统一社会信用代码校验位不正确，请核对是否录入有误")]
    CreditCheck,
    /// Not a mobile number of the mainland.
    #[error("手机号码应为11位数字，以13至19开头")]
    Mobile,
    /// Not a postcode.
    #[error("邮政编码应为6位数字")]
    Postcode,
    /// Not an e-mail address.
    #[error("电子邮箱格式不正确，应类似 name@example.com")]
    Email,
    /// Not a telephone number.
    #[error("电话号码应为手机号码，或“区号-号码”格式的固定电话")]
    Telephone,
    /// Not a QQ number.
    #[error("QQ号码应为5至11位数字，不以0开头")]
    Qq,
}

impl Invalid {
    /// The stable reason.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::IdentityShape | Self::IdentityDate | Self::IdentityCheck => "INVALID_IDENTITY_NUMBER",
            Self::CreditShape | Self::CreditOrganisation | Self::CreditCheck => "INVALID_CREDIT_CODE",
            Self::Mobile => "INVALID_MOBILE",
            Self::Postcode => "INVALID_POSTCODE",
            Self::Email => "INVALID_EMAIL",
            Self::Telephone => "INVALID_TELEPHONE",
            Self::Qq => "INVALID_QQ",
        }
    }
}

/// Sex as an identity number tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// 男.
    Male,
    /// 女.
    Female,
}

/// A resident identity number that passed GB 11643. Its `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityNumber(String);

impl fmt::Debug for IdentityNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_identity(&self.0))
    }
}

impl IdentityNumber {
    /// The 18 characters, X in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The date of birth in it.
    #[must_use]
    pub fn birth_date(&self) -> Option<Date> {
        date(self.0.get(6..14)?)
    }

    /// The sex in it.
    #[must_use]
    pub fn sex(&self) -> Sex {
        let odd = self.0.as_bytes().get(16).is_some_and(|digit| digit % 2 == 1);
        if odd { Sex::Male } else { Sex::Female }
    }
}

/// A unified social credit code that passed GB 32100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditCode(String);

impl CreditCode {
    /// The 18 characters in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const IDENTITY_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const IDENTITY_CHECKS: &[u8; 11] = b"10X98765432";
const CREDIT_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
const CREDIT_WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
const ORGANISATION_WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];

/// Reads a resident identity number (GB 11643). Spaces around it are dropped and x becomes X. The region in it is not
/// checked: it may long have been abolished.
///
/// # Errors
/// [`Invalid`] naming the part that is wrong.
pub fn identity_number(text: &str) -> Result<IdentityNumber, Invalid> {
    let text = text.trim().to_ascii_uppercase();
    let (digits, check) = text
        .as_bytes()
        .split_at_checked(17)
        .ok_or(Invalid::IdentityShape)?;
    let &[check] = check else {
        return Err(Invalid::IdentityShape);
    };
    if !digits.iter().all(u8::is_ascii_digit) || !(check.is_ascii_digit() || check == b'X') {
        return Err(Invalid::IdentityShape);
    }
    text.get(6..14).and_then(date).ok_or(Invalid::IdentityDate)?;
    if identity_check(digits) != Some(check) {
        return Err(Invalid::IdentityCheck);
    }
    Ok(IdentityNumber(text))
}

/// The check character of the first 17 digits of an identity number.
#[must_use]
pub fn identity_check(digits: &[u8]) -> Option<u8> {
    let sum: u32 = digits
        .iter()
        .zip(IDENTITY_WEIGHTS)
        .map(|(digit, weight)| u32::from(digit.wrapping_sub(b'0')) * weight)
        .sum();
    IDENTITY_CHECKS.get(usize::try_from(sum % 11).ok()?).copied()
}

/// Reads a unified social credit code (GB 32100): spaces are dropped, letters become upper case, both check characters
/// are checked.
///
/// # Errors
/// [`Invalid`] naming the part that is wrong.
pub fn credit_code(text: &str) -> Result<CreditCode, Invalid> {
    let text: String = text
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect::<String>()
        .to_ascii_uppercase();
    let values: Vec<usize> = text
        .bytes()
        .map(|byte| CREDIT_ALPHABET.iter().position(|letter| *letter == byte))
        .collect::<Option<_>>()
        .ok_or(Invalid::CreditShape)?;
    let (body, check) = values.split_at_checked(17).ok_or(Invalid::CreditShape)?;
    let &[check] = check else {
        return Err(Invalid::CreditShape);
    };
    let organisation = text.as_bytes().get(8..17).ok_or(Invalid::CreditShape)?;
    let (organisation, organisation_check) = organisation.split_at_checked(8).ok_or(Invalid::CreditShape)?;
    if organisation_check != [organisation_digit(organisation)] {
        return Err(Invalid::CreditOrganisation);
    }
    let sum: usize = body
        .iter()
        .zip(CREDIT_WEIGHTS)
        .map(|(value, weight)| value * weight)
        .sum();
    if (31 - sum % 31) % 31 != check {
        return Err(Invalid::CreditCheck);
    }
    Ok(CreditCode(text))
}

/// The check character of an organisation code's first eight.
fn organisation_digit(body: &[u8]) -> u8 {
    let value = |byte: u8| {
        if byte.is_ascii_digit() {
            byte - b'0'
        } else {
            byte.wrapping_sub(b'A').wrapping_add(10)
        }
    };
    let sum: u32 = body
        .iter()
        .zip(ORGANISATION_WEIGHTS)
        .map(|(byte, weight)| u32::from(value(*byte)) * weight)
        .sum();
    match 11 - sum % 11 {
        10 => b'X',
        11 => b'0',
        digit => b'0' + u8::try_from(digit).unwrap_or_default(),
    }
}

/// Completes a credit code from its first 16 characters; for demonstration data and tests.
#[must_use]
pub fn complete_credit_code(head: &str) -> Option<CreditCode> {
    let organisation = head.as_bytes().get(8..16)?;
    let body = format!("{head}{}", char::from(organisation_digit(organisation)));
    CREDIT_ALPHABET
        .iter()
        .find_map(|last| credit_code(&format!("{body}{}", char::from(*last))).ok())
}

/// Checks a mainland mobile number.
///
/// # Errors
/// [`Invalid::Mobile`].
pub fn mobile(text: &str) -> Result<&str, Invalid> {
    let text = text.trim();
    match text.as_bytes() {
        [b'1', b'3'..=b'9', rest @ ..] if rest.len() == 9 && rest.iter().all(u8::is_ascii_digit) => Ok(text),
        _ => Err(Invalid::Mobile),
    }
}

/// Checks a postcode.
///
/// # Errors
/// [`Invalid::Postcode`].
pub fn postcode(text: &str) -> Result<&str, Invalid> {
    let text = text.trim();
    if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(text)
    } else {
        Err(Invalid::Postcode)
    }
}

/// Checks an e-mail address: one @, a dotted domain of letters, digits and hyphens, at most 254 characters.
///
/// # Errors
/// [`Invalid::Email`].
pub fn email(text: &str) -> Result<&str, Invalid> {
    let text = text.trim();
    let (local, domain) = text.split_once('@').ok_or(Invalid::Email)?;
    let local_fine = (1..=64).contains(&local.len())
        && local
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let label_fine = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let domain_fine = domain.contains('.') && domain.split('.').all(label_fine);
    if local_fine && domain_fine && text.len() <= 254 {
        Ok(text)
    } else {
        Err(Invalid::Email)
    }
}

/// Checks a telephone number: a mobile number, a landline with or without area code and extension, or a 400 number.
///
/// # Errors
/// [`Invalid::Telephone`].
pub fn telephone(text: &str) -> Result<&str, Invalid> {
    let text = text.trim();
    let shape = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let hyphens = text.split('-').all(|part| !part.is_empty()) && text.matches('-').count() <= 3;
    if mobile(text).is_ok() || (shape && hyphens && (7..=16).contains(&digits)) {
        Ok(text)
    } else {
        Err(Invalid::Telephone)
    }
}

/// Checks a QQ number.
///
/// # Errors
/// [`Invalid::Qq`].
pub fn qq(text: &str) -> Result<&str, Invalid> {
    let text = text.trim();
    let fine = (5..=11).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.starts_with('0');
    if fine { Ok(text) } else { Err(Invalid::Qq) }
}

/// Reads yyyyMMdd.
fn date(text: &str) -> Option<Date> {
    let year = text.get(..4)?.parse().ok()?;
    let month = text.get(4..6)?.parse::<u8>().ok()?;
    let day = text.get(6..8)?.parse().ok()?;
    if !(1800..=2100).contains(&year) {
        return None;
    }
    Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()
}

/// `230***********1234`: the first three and the last four stay.
#[must_use]
pub fn mask_identity(text: &str) -> String {
    mask(text, 3, 4)
}

/// `138****5678`: the first three and the last four stay.
#[must_use]
pub fn mask_mobile(text: &str) -> String {
    mask(text, 3, 4)
}

/// `20****17`: the first two and the last two stay.
#[must_use]
pub fn mask_number(text: &str) -> String {
    mask(text, 2, 2)
}

/// `李**`: the first character stays.
#[must_use]
pub fn mask_name(text: &str) -> String {
    mask(text, 1, 0)
}

/// `z***@example.com`: the first character and the domain stay.
#[must_use]
pub fn mask_email(text: &str) -> String {
    match text.split_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().take(1).collect::<String>()),
        None => mask(text, 1, 0),
    }
}

/// Stars for all but the first and last characters; a text too short to hide anything is all stars.
fn mask(text: &str, first: usize, last: usize) -> String {
    let length = text.chars().count();
    let hidden_all = length <= first + last;
    text.chars()
        .enumerate()
        .map(|(index, c)| {
            if !hidden_all && (index < first || index >= length - last) {
                c
            } else {
                '*'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_standards_own_identity_numbers_pass() {
        let one = identity_number("11010519491231002x").unwrap();
        assert_eq!(one.as_str(), "11010519491231002X");
        assert_eq!(one.sex(), Sex::Female);
        assert_eq!(one.birth_date().unwrap().to_string(), "1949-12-31");
        let two = identity_number(" 440524188001010014 ").unwrap();
        assert_eq!(two.sex(), Sex::Male);
        assert_eq!(identity_number("440524188013010014"), Err(Invalid::IdentityDate));
        assert_eq!(identity_number("440524188001010015"), Err(Invalid::IdentityCheck));
        assert_eq!(identity_number("44052418800101001"), Err(Invalid::IdentityShape));
    }

    #[test]
    fn real_credit_codes_pass() {
        for code in [
            "9144030071526726XG",
            "914403001922038216",
            "91110000802100433B",
            "91330100799655058B",
            "12100000400000624D",
        ] {
            assert_eq!(credit_code(code).unwrap().as_str(), code);
        }
        assert_eq!(
            credit_code(" 9144 0300 7152 6726xg").unwrap().as_str(),
            "9144030071526726XG"
        );
        assert_eq!(credit_code("9144030071526726XO"), Err(Invalid::CreditShape));
        assert_eq!(
            credit_code("9144030071526727XG"),
            Err(Invalid::CreditOrganisation)
        );
        assert_eq!(credit_code("9144030071526726XH"), Err(Invalid::CreditCheck));
        assert_eq!(credit_code(""), Err(Invalid::CreditShape));
    }

    #[test]
    fn small_formats() {
        assert!(
            mobile("13812345678").is_ok() && mobile("12812345678").is_err() && mobile("1381234567").is_err()
        );
        assert!(postcode("150000").is_ok() && postcode("15000").is_err() && postcode("15000a").is_err());
        assert!(
            email("li.lei@hlju.edu.cn").is_ok() && email("li@hlju").is_err() && email("a b@c.cn").is_err()
        );
        assert!(
            telephone("0451-86608114").is_ok()
                && telephone("400-800-8000").is_ok()
                && telephone("12").is_err()
        );
        assert!(qq("10001").is_ok() && qq("01234").is_err());
    }

    #[test]
    fn masks_keep_what_they_say() {
        assert_eq!(mask_identity("230102200001011234"), "230***********1234");
        assert_eq!(mask_mobile("13812345678"), "138****5678");
        assert_eq!(mask_name("李小明"), "李**");
        assert_eq!(mask_name("李"), "*");
        assert_eq!(mask_number("20210017"), "20****17");
        assert_eq!(mask_email("zhang@hlju.edu.cn"), "z***@hlju.edu.cn");
    }

    proptest! {
        #[test]
        fn a_wrong_character_never_passes_as_an_identity_number(
            region in 100_000_u32..700_000, days in 0_i64..40_000, order in 0_u32..1000, place in 0_usize..18, shift in 1_u8..10,
        ) {
            let day = Date::from_calendar_date(1930, Month::January, 1).unwrap() + time::Duration::days(days);
            let head = format!("{region}{:04}{:02}{:02}{order:03}", day.year(), u8::from(day.month()), day.day());
            let number = format!("{head}{}", char::from(identity_check(head.as_bytes()).unwrap()));
            let parsed = identity_number(&number).unwrap();
            prop_assert_eq!(parsed.birth_date(), Some(day));
            let mut bytes = number.into_bytes();
            if bytes[place].is_ascii_digit() {
                bytes[place] = b'0' + (bytes[place] - b'0' + shift) % 10;
                prop_assert!(identity_number(std::str::from_utf8(&bytes).unwrap()).is_err());
            }
        }

        #[test]
        fn a_wrong_character_never_passes_as_a_credit_code(head in "91[0-9]{6}[0-9A-HJ-NPQRTUWXY]{8}", place in 0_usize..18, shift in 1_usize..31) {
            if let Some(code) = complete_credit_code(&head) {
                let mut bytes = code.as_str().as_bytes().to_vec();
                let at = CREDIT_ALPHABET.iter().position(|letter| *letter == bytes[place]).unwrap();
                bytes[place] = CREDIT_ALPHABET[(at + shift) % 31];
                prop_assert!(credit_code(std::str::from_utf8(&bytes).unwrap()).is_err());
            }
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in ".{0,30}") {
            let _ = identity_number(&text);
            let _ = credit_code(&text);
            let _ = (mobile(&text).is_ok(), postcode(&text).is_ok(), email(&text).is_ok(), telephone(&text).is_ok());
            prop_assert_eq!(mask_identity(&text).chars().count(), text.chars().count());
        }
    }
}
