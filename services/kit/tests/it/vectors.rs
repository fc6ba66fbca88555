//! The validators against the vectors that the pages' validators are held to as well.

use qihang_kit::validators;
use serde::Deserialize;

/// What a rule says of a text.
#[derive(Deserialize)]
struct Vector {
    rule: String,
    text: String,
    holds: bool,
}

#[test]
fn every_vector_holds() {
    let vectors = include_str!("../../../../tests/vectors/validators.json");
    let vectors: Vec<Vector> = serde_json::from_str(vectors).unwrap();
    assert!(vectors.len() > 50);
    for Vector { rule, text, holds } in vectors {
        let found = match rule.as_str() {
            "identityNumber" => validators::identity_number(&text).is_ok(),
            "creditCode" => validators::credit_code(&text).is_ok(),
            "mobile" => validators::mobile(&text).is_ok(),
            "postcode" => validators::postcode(&text).is_ok(),
            "email" => validators::email(&text).is_ok(),
            "qq" => validators::qq(&text).is_ok(),
            _ => panic!("no rule {rule}"),
        };
        assert_eq!(found, holds, "{rule} of {text:?}");
    }
}
