//! Captchas: made, kept in the cache until their first answer, and checked.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use captcha_rs::CaptchaBuilder;
use qihang_kit::{cache::Cache, context::Context, status::Fault};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::Error;

/// Letters and digits that are not taken for one another.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Characters of a picture.
const LENGTH: usize = 5;
/// Media type that the library's pictures have.
const PREFIX: &str = "data:image/jpeg;base64,";

/// What is kept of a captcha until its answer.
#[derive(Debug, Serialize, Deserialize)]
enum Kept {
    Image { answer: String },
    Work { challenge: String, difficulty: u32 },
}

/// A picture to answer.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) content_type: &'static str,
}

/// Work to do.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) id: String,
    pub(crate) challenge: String,
}

/// Makes a picture.
///
/// # Errors
/// The cache's; INTERNAL when the library gives something else than a picture.
pub(crate) async fn image(ctx: &Context, life: Duration) -> Result<Image, Error> {
    let text = text(&ctx.ids.bytes::<LENGTH>());
    let drawn = text.clone();
    let bytes = tokio::task::spawn_blocking(move || draw(drawn))
        .await
        .map_err(|_| Error::Inconsistent("captcha picture"))?
        .ok_or(Error::Inconsistent("captcha picture"))?;
    let id = keep(
        ctx,
        &Kept::Image {
            answer: text.to_lowercase(),
        },
        life,
    )
    .await?;
    Ok(Image {
        id,
        bytes,
        content_type: "image/jpeg",
    })
}

/// Makes work of a difficulty.
///
/// # Errors
/// The cache's.
pub(crate) async fn work(ctx: &Context, difficulty: u32, life: Duration) -> Result<Work, Error> {
    let challenge = ctx.ids.token(16);
    let id = keep(
        ctx,
        &Kept::Work {
            challenge: challenge.clone(),
            difficulty,
        },
        life,
    )
    .await?;
    Ok(Work { id, challenge })
}

/// Checks an answer. The captcha is gone after it, right or wrong.
///
/// # Errors
/// CAPTCHA_INVALID; the cache's.
pub(crate) async fn verify(cache: &Cache, id: &str, answer: &str) -> Result<(), Error> {
    let kept = if id.is_empty() {
        None
    } else {
        cache.take(&key(id)).await?
    };
    let kept: Kept = kept
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or(Error::Captcha)?;
    let right = match kept {
        Kept::Image { answer: right } => right
            .as_bytes()
            .ct_eq(answer.trim().to_lowercase().as_bytes())
            .into(),
        Kept::Work {
            challenge,
            difficulty,
        } => zero_bits(&challenge, answer) >= difficulty,
    };
    if right { Ok(()) } else { Err(Error::Captcha) }
}

/// Leading zero bits of SHA-256 over challenge and answer.
fn zero_bits(challenge: &str, answer: &str) -> u32 {
    let hash = Sha256::new()
        .chain_update(challenge)
        .chain_update(answer)
        .finalize();
    let mut bits = 0;
    for byte in hash {
        bits += byte.leading_zeros();
        if byte != 0 {
            break;
        }
    }
    bits
}

async fn keep(ctx: &Context, kept: &Kept, life: Duration) -> Result<String, Error> {
    let id = ctx.ids.token(16);
    let bytes = serde_json::to_vec(kept).map_err(|error| Fault::internal(&error))?;
    ctx.cache.set(&key(&id), bytes, life).await?;
    Ok(id)
}

fn key(id: &str) -> String {
    format!("identity:captcha:{id}")
}

fn text(random: &[u8]) -> String {
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 32)).copied().map(char::from);
    random.iter().filter_map(letter).collect()
}

fn draw(text: String) -> Option<Vec<u8>> {
    let captcha = CaptchaBuilder::new()
        .text(text)
        .width(150)
        .height(50)
        .complexity(3)
        .compression(60)
        .build();
    STANDARD.decode(captcha.to_base64().strip_prefix(PREFIX)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_bits_are_counted_across_bytes() {
        let found = (0_u32..)
            .find(|nonce| zero_bits("challenge", &nonce.to_string()) >= 10)
            .unwrap();
        let hash = Sha256::digest(format!("challenge{found}"));
        assert_eq!(hash[0], 0);
        assert!(hash[1] < 64);
    }

    #[test]
    fn a_picture_is_drawn_for_any_text() {
        for byte in [0_u8, 31, 255] {
            let text = text(&[byte; LENGTH]);
            assert_eq!(text.chars().count(), LENGTH);
            let picture = draw(text).unwrap();
            assert_eq!(picture.get(..2), Some([0xFF, 0xD8].as_slice()));
        }
    }
}
