use std::{fs, path::PathBuf, process::Command};

use serde_json::json;
use time::{Duration, macros::datetime};

use super::*;
use crate::render::{self, Drawing, Template};

const NOW: OffsetDateTime = datetime!(2026-05-21 06:45:00 UTC);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("qihang-seal-{name}-{}", std::process::id()));
        let _absent = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn key(&self, name: &str) -> (SealKey, TrustList) {
        let folder = self.0.join(name);
        create_development_key(&folder, NOW).unwrap();
        let certificates = fs::read_to_string(folder.join("certificate.pem")).unwrap();
        let key = SealKey::from_pem(
            &fs::read_to_string(folder.join("key.pem")).unwrap(),
            &certificates,
        )
        .unwrap();
        let trust = TrustList::of(key.certificate()).unwrap();
        (key, trust)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn agreement() -> Vec<u8> {
    render::pdf(&Drawing {
        template: Template::Agreement2026,
        data: json!({"serial": "QH2026-10213-000123-7", "student": {"name": "欧阳㛃"}}),
        watermark: String::new(),
        time: NOW,
    })
    .unwrap()
}

/// An agreement with the pages that say how it came about.
fn certified() -> Vec<u8> {
    let step = json!({"number": "1", "time": "2026-06-01 08:00:00", "event": "发出邀请", "role": "用人单位", "name": "王**"});
    render::pdf(&Drawing {
        template: Template::Agreement2026,
        data: json!({"serial": "QH2026-10213-000123-7", "certificate": {"events": [step]}}),
        watermark: String::new(),
        time: NOW,
    })
    .unwrap()
}

fn note(reason: &str) -> SealNote {
    SealNote {
        name: "启航就业服务平台".to_owned(),
        reason: reason.to_owned(),
        time: NOW,
    }
}

#[test]
fn a_sealed_file_is_valid_and_names_the_signer() {
    let folder = Folder::new("valid");
    let (key, trust) = folder.key("ours");
    let plain = agreement();
    let sealed = key.seal(plain.clone(), &note("学校审核通过")).unwrap();
    assert!(sealed.starts_with(&plain), "a seal only appends");
    let report = verify(&sealed, &trust).unwrap();
    assert_eq!(report.time, NOW);
    assert!(
        report.signer.contains("Qihang Development Seal"),
        "{}",
        report.signer
    );
    assert_eq!(report.signer, key.subject());
}

#[test]
fn a_second_seal_covers_the_first() {
    let folder = Folder::new("second");
    let (key, mut trust) = folder.key("ours");
    let (other, _) = folder.key("retired");
    let once = other.seal(agreement(), &note("一")).unwrap();
    let twice = key.seal(once.clone(), &note("二")).unwrap();
    assert!(twice.starts_with(&once));
    verify(&twice, &trust).unwrap();
    assert!(matches!(verify(&once, &trust), Err(SealFault::Foreign { .. })));
    trust
        .add_pem(&fs::read_to_string(folder.0.join("retired/certificate.pem")).unwrap())
        .unwrap();
    verify(&once, &trust).unwrap();
}

#[test]
fn an_authority_on_the_trust_list_vouches_for_its_certificates() {
    let folder = Folder::new("authority");
    let (key, _) = folder.key("ours");
    folder.key("other");
    let sealed = key.seal(agreement(), &note("")).unwrap();
    let list = |name: &str| {
        let mut trust = TrustList::default();
        trust
            .add_pem(&fs::read_to_string(folder.0.join(name).join("authority.pem")).unwrap())
            .unwrap();
        trust
    };
    verify(&sealed, &list("ours")).unwrap();
    assert!(matches!(
        verify(&sealed, &list("other")),
        Err(SealFault::Foreign { .. })
    ));
}

#[test]
fn a_seal_outside_the_certificates_validity_is_foreign() {
    let folder = Folder::new("validity");
    let (key, trust) = folder.key("ours");
    for time in [NOW - Duration::days(400), NOW + Duration::days(4000)] {
        let sealed = key.seal(agreement(), &SealNote { time, ..note("") }).unwrap();
        assert!(matches!(verify(&sealed, &trust), Err(SealFault::Foreign { .. })));
    }
}

/// Every bit of a sealed file counts: flips spread over the whole file, each found.
#[test]
fn a_flipped_bit_is_found_wherever_it_is() {
    let folder = Folder::new("flip");
    let (key, trust) = folder.key("ours");
    let sealed = key.seal(agreement(), &note("学校审核通过")).unwrap();
    let step = sealed.len() / 97;
    for position in (0..sealed.len()).step_by(step).chain([sealed.len() - 1]) {
        let mut changed = sealed.clone();
        changed[position] ^= 1;
        assert!(
            verify(&changed, &trust).is_err(),
            "flip at {position} of {} is unnoticed",
            sealed.len()
        );
    }
}

#[test]
fn a_changed_word_says_changed() {
    let folder = Folder::new("changed");
    let (key, trust) = folder.key("ours");
    let mut sealed = key.seal(agreement(), &note("学校审核通过")).unwrap();
    let place = sealed.windows(6).position(|window| window == b"stream").unwrap() + 40;
    sealed[place] ^= 0x10;
    assert_eq!(verify(&sealed, &trust), Err(SealFault::Changed));
}

#[test]
fn appended_and_cut_files_are_found() {
    let folder = Folder::new("cut");
    let (key, trust) = folder.key("ours");
    let plain = agreement();
    let sealed = key.seal(plain.clone(), &note("")).unwrap();
    let mut longer = sealed.clone();
    longer.push(b'\n');
    assert_eq!(verify(&longer, &trust), Err(SealFault::NotWhole));
    // An honest incremental update after the seal, as an editor would save it.
    let document = lopdf::Document::load_mem(&sealed).unwrap();
    let mut update = lopdf::IncrementalDocument::create_from(sealed.clone(), document);
    update
        .new_document
        .add_object(lopdf::dictionary! { "Type" => "Metadata" });
    let mut edited = Vec::new();
    update.save_to(&mut edited).unwrap();
    assert_eq!(verify(&edited, &trust), Err(SealFault::NotWhole));
    for length in [
        0,
        5,
        100,
        plain.len() / 2,
        plain.len(),
        plain.len() + 500,
        sealed.len() - 1,
    ] {
        assert!(verify(&sealed[..length], &trust).is_err(), "cut to {length}");
    }
    assert_eq!(verify(&plain, &trust), Err(SealFault::Unsealed));
    assert_eq!(verify(b"hello", &trust), Err(SealFault::NotPdf));
}

#[test]
fn a_signature_moved_to_another_file_does_not_count() {
    let folder = Folder::new("moved");
    let (key, trust) = folder.key("ours");
    let (foreign, _) = folder.key("foreign");
    let ours = key.seal(agreement(), &note("")).unwrap();
    let theirs = foreign.seal(agreement(), &note("伪造")).unwrap();
    assert!(matches!(verify(&theirs, &trust), Err(SealFault::Foreign { .. })));
    let gap = |pdf: &[u8]| {
        let start = pdf
            .windows(12)
            .rposition(|window| window == b"/Contents <3" || window == b"/Contents<30")
            .unwrap();
        start + pdf[start..].iter().position(|byte| *byte == b'<').unwrap()
    };
    let (from, to) = (gap(&ours), gap(&theirs));
    let mut mixed = theirs;
    let length = 2 + 2 * 8192;
    mixed[to..to + length].copy_from_slice(&ours[from..from + length]);
    assert_eq!(verify(&mixed, &trust), Err(SealFault::Changed));
}

#[test]
fn encrypted_or_broken_files_are_not_sealed() {
    let folder = Folder::new("broken");
    let (key, _) = folder.key("ours");
    assert!(matches!(
        key.seal(b"%PDF-1.7 nothing".to_vec(), &note("")),
        Err(SealError::Pdf(_))
    ));
}

#[test]
fn a_key_and_a_certificate_must_belong_together() {
    let folder = Folder::new("pair");
    folder.key("one");
    folder.key("two");
    let read = |path: &str| fs::read_to_string(folder.0.join(path)).unwrap();
    let mixed = SealKey::from_pem(&read("one/key.pem"), &read("two/certificate.pem"));
    assert!(matches!(mixed, Err(SealError::Certificate)));
    let swapped = SealKey::from_pem(&read("one/certificate.pem"), &read("one/key.pem"));
    assert!(matches!(swapped, Err(SealError::Key)));
}

#[test]
fn the_development_key_is_private_and_made_once() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("private");
    folder.key("ours");
    let path = folder.0.join("ours/key.pem");
    let before = fs::read(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    folder.key("ours");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// Two independent verifiers: poppler's pdfsig, and pyHanko in `QIHANG_TEST_PYTHON` (or `python3`).
#[test]
fn pdfsig_and_pyhanko_accept_the_seals() {
    let python = std::env::var_os("QIHANG_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let folder = Folder::new("others");
    let (key, _) = folder.key("ours");
    let once = key.seal(agreement(), &note("学校审核通过")).unwrap();
    let twice = key.seal(once.clone(), &note("再次盖章")).unwrap();
    let certified = key.seal(certified(), &note("学校审核通过")).unwrap();
    for (name, pdf, seals) in [
        ("once.pdf", once, 1),
        ("twice.pdf", twice.clone(), 2),
        ("certified.pdf", certified, 1),
    ] {
        let path = folder.0.join(name);
        fs::write(&path, pdf).unwrap();
        let said = run(Command::new("pdfsig").arg(&path));
        assert_eq!(said.matches("Signature is Valid").count(), seals, "{said}");
        // poppler says it of a signature only when nothing follows it.
        assert!(said.trim_end().contains("Total document signed"), "{said}");
        assert!(said.contains("ETSI.CAdES.detached"), "{said}");
        let python = run(Command::new(&python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pyhanko_check.py"))
            .arg(&path)
            .arg(folder.0.join("ours/authority.pem")));
        assert_eq!(
            python.matches("intact=True valid=True trusted=True").count(),
            seals,
            "{python}"
        );
        assert!(python.trim_end().ends_with("coverage=ENTIRE_FILE"), "{python}");
    }
    let mut changed = twice;
    let place = changed.windows(6).position(|window| window == b"stream").unwrap() + 40;
    changed[place] ^= 0x10;
    let path = folder.0.join("changed.pdf");
    fs::write(&path, changed).unwrap();
    let said = run(Command::new("pdfsig").arg(&path));
    assert!(!said.contains("Signature is Valid"), "{said}");
}

fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
