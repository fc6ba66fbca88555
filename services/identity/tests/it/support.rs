//! The service under test.

use qihang_identity::{Config, DEFAULTS, MIGRATOR, NAME, build};
use qihang_kit::{
    settings::Loader,
    testing::{self, TestService},
};

/// The defaults, but keys for development, cheap passwords and easy work.
pub(crate) fn config() -> Config {
    let loader = Loader::new(DEFAULTS).unwrap();
    let loader = loader.set("crypto.development", true).unwrap();
    let loader = loader.set("passwords.memory_kib", 64).unwrap();
    let loader = loader.set("passwords.passes", 1).unwrap();
    let loader = loader.set("captcha.difficulty", 4).unwrap();
    loader.load::<Config>().unwrap().own
}

/// Identity on a database of its own.
pub(crate) async fn identity() -> TestService {
    identity_with(|_| {}).await
}

/// Identity with other settings.
pub(crate) async fn identity_with(change: impl FnOnce(&mut Config)) -> TestService {
    let mut config = config();
    change(&mut config);
    testing::service(NAME, &MIGRATOR, |ctx| build(ctx, config)).await
}
