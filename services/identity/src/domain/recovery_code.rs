//! Recovery codes: ten letters that people can read out and type, for the day when the telephone with the codes is lost.

/// Letters and digits that are not taken for one another; 32 of them, so that a byte gives one evenly.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Letters of a code: fifty bits, far out of reach of what the throttle lets anybody try.
pub(crate) const LETTERS: usize = 10;
/// Codes that an account gets at a time.
pub(crate) const COUNT: usize = 10;

/// A code from random bytes, in two groups.
pub(crate) fn write(random: &[u8; LETTERS]) -> String {
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map(char::from);
    let (first, second) = random.split_at(LETTERS / 2);
    let group = |bytes: &[u8]| bytes.iter().filter_map(letter).collect::<String>();
    format!("{}-{}", group(first), group(second))
}

/// What was typed as ten letters without group mark; `None` when it cannot be a code.
pub(crate) fn read(text: &str) -> Option<String> {
    let letters: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '-')
        .collect();
    let letters = letters.to_ascii_uppercase();
    let whole = letters.len() == LETTERS && letters.bytes().all(|byte| ALPHABET.contains(&byte));
    whole.then_some(letters)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_typed_is_read_generously() {
        assert_eq!(read(" abcde fghjk").as_deref(), Some("ABCDEFGHJK"));
        assert_eq!(read("ABCDE-FGHJK").as_deref(), Some("ABCDEFGHJK"));
        for not in [
            "",
            "123456",
            "ABCDE-FGHJ",
            "ABCDE-FGHJKL",
            "ABCDE-FGHJ0",
            "密密密密密密密密密密",
        ] {
            assert_eq!(read(not), None, "{not}");
        }
    }

    proptest! {
        #[test]
        fn every_code_can_be_read(random in any::<[u8; LETTERS]>()) {
            let code = write(&random);
            prop_assert_eq!(read(&code), Some(code.replace('-', "")));
        }
    }
}
