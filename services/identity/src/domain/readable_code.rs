//! Codes that people read out and type: recovery codes of the second factor, tokens for a forgotten password, numbers of
//! refused registrations and of requests for help.

/// Letters and digits that are not taken for one another; 32 of them, so that a byte gives one evenly.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Letters in a group.
const GROUP: usize = 5;

/// A code from random bytes, five bits of each, in groups of five.
pub(crate) fn write(random: &[u8]) -> String {
    group(&letters(random))
}

/// A code from random bytes, in one piece.
pub(crate) fn letters(random: &[u8]) -> String {
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map(char::from);
    random.iter().filter_map(letter).collect()
}

/// Letters in groups of five, as a code is shown.
pub(crate) fn group(letters: &str) -> String {
    let letters: Vec<char> = letters.chars().collect();
    let groups: Vec<String> = letters
        .chunks(GROUP)
        .map(|group| group.iter().collect())
        .collect();
    groups.join("-")
}

/// What was typed as so many letters without group marks; `None` when it cannot be such a code.
pub(crate) fn read(text: &str, length: usize) -> Option<String> {
    let letters: String = text
        .chars()
        .filter(|letter| !letter.is_whitespace() && *letter != '-')
        .collect();
    let letters = letters.to_ascii_uppercase();
    let whole = letters.len() == length && letters.bytes().all(|byte| ALPHABET.contains(&byte));
    whole.then_some(letters)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_typed_is_read_generously() {
        assert_eq!(read(" abcde fghjk", 10).as_deref(), Some("ABCDEFGHJK"));
        assert_eq!(read("ABCDE-FGHJK", 10).as_deref(), Some("ABCDEFGHJK"));
        let others = [
            "",
            "123456",
            "ABCDE-FGHJ",
            "ABCDE-FGHJKL",
            "ABCDE-FGHJ0",
            "密密密密密密密密密密",
        ];
        for not in others {
            assert_eq!(read(not, 10), None, "{not}");
        }
    }

    proptest! {
        #[test]
        fn every_code_can_be_read(random in prop::collection::vec(any::<u8>(), 1..20)) {
            let code = write(&random);
            let letters = read(&code, random.len()).unwrap();
            prop_assert_eq!(&letters, &code.replace('-', ""));
            prop_assert_eq!(group(&letters), code);
        }
    }
}
