//! Runs every fuzz target on its corpus: what fuzzing once found stays found.
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

use std::fs;

use qihang_kit::sheet;
use qihang_tests::root;

#[path = "../fuzz/targets.rs"]
mod targets;

/// Gives each file of a corpus to a target; answers how many.
fn replay(corpus: &str, target: fn(&[u8])) -> usize {
    let folder = root().join("tests/fuzz/corpus").join(corpus);
    let files = fs::read_dir(&folder).expect("a corpus");
    files
        .map(|file| target(&fs::read(file.expect("a file").path()).expect("its bytes")))
        .count()
}

#[test]
fn the_transcoder_keeps_its_promises() {
    assert!(replay("transcoder", targets::transcoder) >= 20);
}

#[test]
fn the_templates_keep_their_promises() {
    assert!(replay("template", targets::template) >= 10);
}

#[test]
fn page_tokens_keep_their_promises() {
    assert!(replay("page_token", targets::page_token) >= 5);
}

#[test]
fn the_reader_of_tables_keeps_its_promises() {
    assert!(replay("sheet", targets::sheet) >= 10);
}

#[test]
fn the_corpus_of_tables_has_a_workbook_that_is_read() {
    let book = fs::read(root().join("tests/fuzz/corpus/sheet/book")).expect("a workbook");
    let mut cells = Vec::new();
    sheet::read(&book, &mut |_, row| {
        cells = row;
        true
    })
    .expect("a good workbook");
    assert_eq!(cells, ["2003-04-15", "1.5", "李明"]);
}
