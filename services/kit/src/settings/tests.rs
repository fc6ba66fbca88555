//! Tests of settings.

use std::fs;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    title: String,
    names: Vec<String>,
    signing: Signing,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signing {
    key: String,
    key_file: String,
}

const OWN: &str =
    "title = \"t\"\nnames = []\nlisten = \"127.0.0.1:9101\"\n[signing]\nkey = \"\"\nkey_file = \"\"";

fn load(variables: &[(&str, &str)]) -> Result<Loaded<Own>, SettingsError> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Loader::new(OWN)?.variables(variables, Unknown::Refuse)?.load()
}

#[test]
fn the_environment_lies_over_the_services_defaults_over_kits() {
    let settings = load(&[
        ("QIHANG_DATABASE__MAX_CONNECTIONS", "5"),
        ("QIHANG_PEERS__IDENTITY", "http://identity:9000"),
        ("QIHANG_TITLE", "12345"),
        ("QIHANG_NAMES", "a, b"),
        ("QIHANG_METRICS_LISTEN", "0.0.0.0:9100"),
        ("QIHANG_SIGNING__KEY_FILE", "k.pem"),
        ("QIHANG_TEST_DATABASE_URL", "not a setting"),
        ("HOME", "/"),
    ])
    .unwrap();
    assert_eq!(settings.common.database.max_connections, 5);
    assert_eq!(settings.common.listen.port(), 9101);
    assert_eq!(settings.common.metrics_listen.unwrap().port(), 9100);
    assert_eq!(
        settings.common.peers.get("identity").unwrap(),
        "http://identity:9000"
    );
    assert_eq!(
        (settings.own.title.as_str(), settings.own.names.len()),
        ("12345", 2)
    );
    assert_eq!(
        (
            settings.own.signing.key.as_str(),
            settings.own.signing.key_file.as_str()
        ),
        ("", "k.pem")
    );
}

#[test]
fn unknown_names_and_wrong_kinds_are_refused_by_name() {
    let error = load(&[("QIHANG_DATABSE__URL", "x")]).unwrap_err().to_string();
    assert_eq!(error, "QIHANG_DATABSE__URL: there is no setting `databse.url`");
    let error = load(&[("QIHANG_DATABASE__MAX_CONNECTIONS", "many")])
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "setting `database.max_connections`: `many` is not of type integer"
    );
    let error = load(&[("QIHANG_TELEMETRY__SAMPLE_RATIO", "2")])
        .unwrap_err()
        .to_string();
    assert!(error.contains("sample_ratio"), "{error}");
    let error = Loader::new("extra = 1")
        .unwrap()
        .load::<Own>()
        .unwrap_err()
        .to_string();
    assert!(error.contains("extra"), "{error}");
}

#[test]
fn secrets_come_from_files_and_never_show() {
    let path = std::env::temp_dir().join(format!("qihang-secret-{}", std::process::id()));
    fs::write(&path, "0123456789abcdef0123456789abcdef\n").unwrap();
    let settings = load(&[
        ("QIHANG_AUTH__SERVICE_SECRET_FILE", path.to_str().unwrap()),
        ("QIHANG_DATABASE__URL", "postgres://me:hush@host/db"),
    ])
    .unwrap();
    fs::remove_file(&path).unwrap();
    settings.common.validate().unwrap();
    assert_eq!(settings.common.auth.service_secret.expose_secret().len(), 32);
    let shown = format!("{settings:?}");
    assert!(
        !shown.contains("0123456789abcdef") && !shown.contains("hush"),
        "{shown}"
    );
    assert!(matches!(
        load(&[("QIHANG_AUTH__SERVICE_SECRET_FILE", "/nowhere")]),
        Err(SettingsError::File { .. })
    ));
}
