//! Reads the signing key and the trust list from the places that the settings name.

use std::{fs, path::Path};

use anyhow::{Context as _, bail};
use time::OffsetDateTime;

use crate::{
    config::Signing,
    seal::{SealKey, TrustList, create_development_key},
};

/// The key that signs, and whose seals are accepted.
pub(crate) fn load(settings: &Signing, now: OffsetDateTime) -> anyhow::Result<(SealKey, TrustList)> {
    let development = settings.development_folder.as_path();
    let (certificate, key) = match (is_set(&settings.certificate_file), is_set(&settings.key_file)) {
        (true, true) => (settings.certificate_file.clone(), settings.key_file.clone()),
        (false, false) if is_set(development) => {
            create_development_key(development, now)?;
            tracing::warn!(folder = %development.display(), "documents are sealed with a development key");
            (development.join("certificate.pem"), development.join("key.pem"))
        }
        (false, false) => {
            bail!("signing.certificate_file and signing.key_file are required without a development_folder")
        }
        _ => bail!("signing.certificate_file and signing.key_file must be set together"),
    };
    let key = SealKey::from_pem(&read(&key)?, &read(&certificate)?)?;
    let mut trust = TrustList::of(key.certificate())?;
    for file in &settings.trusted_files {
        trust
            .add_pem(&read(file)?)
            .with_context(|| format!("{} is not PEM certificates", file.display()))?;
    }
    Ok((key, trust))
}

fn is_set(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn half_a_key_or_none_at_all_stops_the_start() {
        let none = Signing {
            development_folder: PathBuf::new(),
            ..Signing::default()
        };
        assert!(load(&none, OffsetDateTime::UNIX_EPOCH).is_err());
        let half = Signing {
            key_file: PathBuf::from("key.pem"),
            ..Signing::default()
        };
        assert!(load(&half, OffsetDateTime::UNIX_EPOCH).is_err());
        let absent = Signing {
            certificate_file: PathBuf::from("/absent/c.pem"),
            ..half
        };
        assert!(load(&absent, OffsetDateTime::UNIX_EPOCH).is_err());
    }
}
