//! What a sign-in costs, against the bare password hash in it.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use qihang_standalone::demo::{Api, Outcome, walk::PASSWORD};
use serde_json::json;

use crate::{
    SCHOOL,
    measure::{Line, Series, child, cpu, micros},
};

/// Sign-ins of a round.
const LOGINS: usize = 15;
/// Rounds of each side: an address gets 60 captchas a minute, whatever the gateway's own limits are.
const ROUNDS: usize = 3;

/// Measures a student's sign-in with its captcha.
pub(crate) async fn line(url: &str, outcome: &Outcome) -> anyhow::Result<Line> {
    let identity = child("qihang-identity")?;
    let api = Api::new(url)?;
    // The settings of identity's defaults.
    let params = Params::new(19_456, 2, 1, None).map_err(|error| anyhow::anyhow!("{error}"))?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon
        .hash_password_with_salt(PASSWORD.as_bytes(), b"sixteen bytes ok")
        .map_err(|error| anyhow::anyhow!("{error}"))?
        .to_string();
    let (mut ours, mut bare) = (Series::default(), Series::default());
    for _ in 0..ROUNDS {
        let before = cpu(identity)?;
        for _ in 0..LOGINS {
            let login =
                json!({ "schoolCode": SCHOOL, "studentNumber": outcome.person.number, "password": PASSWORD });
            let login = api.with_captcha(login).await?;
            api.post("/v1/sessions:loginStudent", login).await?;
        }
        ours.push(micros(cpu(identity)? - before, LOGINS) / 1e3);
        let before = cpu(std::process::id())?;
        for _ in 0..LOGINS {
            let hash = PasswordHash::new(&hash).map_err(|error| anyhow::anyhow!("{error}"))?;
            argon
                .verify_password(PASSWORD.as_bytes(), &hash)
                .map_err(|error| anyhow::anyhow!("{error}"))?;
        }
        bare.push(micros(cpu(std::process::id())? - before, LOGINS) / 1e3);
    }
    Ok(Line {
        name: "sign-in of a student with captcha: CPU of identity".to_owned(),
        ours,
        unit: "ms",
        baseline: Some(("bare Argon2id of the same cost", bare)),
        goal: "≤ 1.05 of bare",
    })
}
