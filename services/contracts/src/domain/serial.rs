//! Serials and codes that people type: no confusable letters, a check character against slips.

/// Letters and digits without 0 1 O I L and U.
const ALPHABET: &[u8] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Random characters in a serial.
const BODY: usize = 8;
/// Characters of a verification code.
const CODE: usize = 8;

/// A serial, `QH<cohort>-<school>-<8 random><check>`, of random bytes: it tells nothing of how many there are.
#[must_use]
pub fn serial(cohort: i32, school_code: &str, random: [u8; BODY]) -> String {
    let short = school_code.get(5..).unwrap_or(school_code);
    let body = letters(&random);
    let check = check_letter(&format!("{cohort}{short}{body}"));
    format!("QH{cohort}-{short}-{body}{check}")
}

/// A verification code of random bytes.
#[must_use]
pub fn code(random: [u8; CODE]) -> String {
    letters(&random)
}

/// True when the check character fits, so that most slips are found without a look-up.
#[must_use]
pub fn plausible(serial: &str) -> bool {
    let mut parts = serial.split('-');
    let (Some(cohort), Some(short), Some(body), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (Some(cohort), Some((at, check))) = (cohort.strip_prefix("QH"), body.char_indices().last()) else {
        return false;
    };
    body.get(..at)
        .is_some_and(|body| check_letter(&format!("{cohort}{short}{body}")) == check)
}

fn letters(random: &[u8]) -> String {
    random.iter().map(|byte| letter(usize::from(*byte))).collect()
}

fn letter(number: usize) -> char {
    ALPHABET
        .get(number % ALPHABET.len())
        .map_or('2', |byte| char::from(*byte))
}

/// A weighted sum: any single wrong character changes it, and most swaps.
fn check_letter(text: &str) -> char {
    let sum = text
        .bytes()
        .enumerate()
        .fold(0usize, |sum, (at, byte)| sum + (at % 29 + 1) * usize::from(byte));
    letter(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_serial_names_cohort_and_school() {
        assert!(serial(2026, "4123010213", [1; 8]).starts_with("QH2026-10213-33333333"));
    }

    #[test]
    fn a_slip_shows() {
        let good = serial(2026, "4123010213", [1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(plausible(&good));
        assert!(!plausible(&good.replacen('3', "4", 1)));
        assert!(!plausible("QH2026-10213"));
    }

    proptest! {
        #[test]
        fn serials_are_plausible(random: [u8; 8]) {
            let serial = serial(2026, "4123010213", random);
            prop_assert!(plausible(&serial));
            let cut: String = serial.chars().take(serial.len() - 1).collect();
            prop_assert_ne!(serial, cut);
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _judged = plausible(&text);
        }
    }
}
