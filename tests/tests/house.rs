//! The rules of the house that no compiler checks.
#![expect(clippy::expect_used, reason = "tests")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use qihang_tests::root;
use regex::Regex;

const SERVICES: [&str; 7] = [
    "identity",
    "jobs",
    "events",
    "interviews",
    "contracts",
    "documents",
    "push",
];
/// Longest a source file may be.
const LINES: usize = 500;

fn metadata() -> Metadata {
    MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .exec()
        .expect("cargo metadata")
}

/// Files of the repository below a folder, without what is built, bought in or generated (the types of the web's client).
fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    const LEFT_OUT: [&str; 7] = [
        "target",
        "node_modules",
        "third_party",
        ".git",
        ".qihang",
        ".sqlx",
        "dist",
    ];
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if !LEFT_OUT.contains(&name.as_str()) {
                found.extend(files(&path, wanted));
            }
        } else if name != "schema.d.ts" && wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn with_extension<'a>(extensions: &'a [&'a str]) -> impl Fn(&Path) -> bool + 'a {
    |path| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    }
}

fn ours(package: &Package) -> BTreeSet<String> {
    package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .filter_map(|dependency| dependency.name.strip_prefix("qihang-").map(str::to_owned))
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let metadata = metadata();
    for package in metadata.workspace_packages() {
        let name = package
            .name
            .strip_prefix("qihang-")
            .expect("our names begin alike");
        let allowed: BTreeSet<&str> = match name {
            "proto" => BTreeSet::new(),
            "kit" => ["proto"].into(),
            "standalone" => SERVICES.into_iter().chain(["kit", "proto", "gateway"]).collect(),
            // Drawing and sealing are measured as they are, without the calls around them.
            "tests" => ["kit", "proto", "standalone", "documents"].into(),
            _ => ["kit", "proto"].into(),
        };
        for dependency in ours(package) {
            assert!(
                allowed.contains(dependency.as_str()),
                "{name} depends on {dependency}: services meet through proto, by calls and messages"
            );
        }
    }
}

#[test]
fn domains_are_pure() {
    let banned =
        Regex::new(r"\b(tonic|sqlx|lapin|qihang_proto|async fn|tokio|reqwest|redis)\b").expect("a pattern");
    for service in SERVICES {
        let source = root().join("services").join(service).join("src");
        let domain = |path: &Path| {
            let inside = path.strip_prefix(&source).expect("below");
            inside.starts_with("domain") || inside == Path::new("domain.rs")
        };
        for path in files(&source, &|path| with_extension(&["rs"])(path) && domain(path)) {
            for (number, line) in fs::read_to_string(&path).expect("text").lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                assert!(
                    !banned.is_match(code),
                    "{}:{}: {line}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn files_are_short_and_nothing_is_called_mod_rs() {
    let mut faults = Vec::new();
    for path in files(
        &root(),
        &with_extension(&["rs", "ts", "tsx", "proto", "sql", "typ"]),
    ) {
        let lines = fs::read_to_string(&path).expect("text").lines().count();
        if lines > LINES {
            faults.push(format!("{} has {lines} lines, more than {LINES}", path.display()));
        }
        if path.file_name().is_some_and(|name| name == "mod.rs") {
            faults.push(format!("{}: name it like its folder, beside it", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn sources_say_nothing_twice_and_leave_nothing_undone() {
    let undone = Regex::new(r"\b(TODO|FIXME|XXX)\b").expect("a pattern");
    let here = root().join("tests/tests/house.rs");
    for path in files(
        &root(),
        &with_extension(&["rs", "proto", "sql", "toml", "yaml", "md"]),
    ) {
        let text = fs::read_to_string(&path).expect("text");
        assert!(
            path == here || !undone.is_match(&text),
            "{} leaves something undone",
            path.display()
        );
    }
}

#[test]
fn paths_named_in_texts_exist() {
    let quoted = Regex::new(r"`([^`\s]+)`").expect("a pattern");
    let linked = Regex::new(r"\]\(([^)#\s]+)(?:#[^)]*)?\)").expect("a pattern");
    let root = root();
    let mut faults = Vec::new();
    for text in files(&root, &with_extension(&["md"])) {
        let words = fs::read_to_string(&text).expect("text");
        let folder = text.parent().expect("a folder");
        for found in linked.captures_iter(&words) {
            let link = &found[1];
            if !link.contains("://") && !folder.join(link).exists() {
                faults.push(format!("{} links to {link}", text.display()));
            }
        }
        for found in quoted.captures_iter(&words) {
            let path = found[1].trim_end_matches(['.', ',', ';', '/']);
            if is_ours(&root, path) && !exists(&root, folder, path) {
                faults.push(format!("{} names {path}", text.display()));
            }
        }
    }
    assert!(faults.is_empty(), "not there:\n{}", faults.join("\n"));
}

/// Whether a word means a path of this repository, rather than a route, a media type or something that is made.
fn is_ours(root: &Path, word: &str) -> bool {
    let first = word.split('/').next().unwrap_or_default();
    let made = ["", "target", ".qihang", ".git", ".sqlx"].contains(&first);
    let pattern = word.contains(['<', '*', '…', '{', '(']);
    word.contains('/') && !made && !pattern && root.join(first).exists()
}

/// In the repository, beside the text, or as a room that services have.
fn exists(root: &Path, folder: &Path, path: &str) -> bool {
    let room = |service: &str| root.join("services").join(service).join(path).exists();
    root.join(path).exists() || folder.join(path).exists() || SERVICES.iter().any(|service| room(service))
}

#[test]
fn every_dependency_has_its_line() {
    let page = fs::read_to_string(root().join("docs/dependencies.md")).expect("the page");
    let first_cells: String = page
        .lines()
        .filter(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1))
        .collect();
    for package in metadata().workspace_packages() {
        for dependency in &package.dependencies {
            assert!(
                dependency.path.is_some() || first_cells.contains(&format!("`{}`", dependency.name)),
                "docs/dependencies.md has no line for {}, which {} needs",
                dependency.name,
                package.name
            );
        }
    }
}

#[test]
fn every_service_says_what_it_is() {
    for service in SERVICES {
        let folder = root().join("services").join(service);
        for file in ["README.md", "defaults.toml", "src/main.rs", "src/lib.rs"] {
            assert!(
                folder.join(file).is_file(),
                "services/{service}/{file} is missing"
            );
        }
        let readme = fs::read_to_string(folder.join("README.md")).expect("text");
        assert!(
            readme.lines().count() <= 80,
            "services/{service}/README.md is longer than a page"
        );
    }
}
