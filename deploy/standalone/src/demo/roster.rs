//! A roster file in the national columns.

use anyhow::Context as _;
use rust_xlsxwriter::Workbook;

use super::people::{Student, student};

/// Cohort of the demonstration's students.
pub const COHORT: u32 = 2026;

const HEADERS: [&str; 25] = [
    "ksh", "xh", "xm", "xbdm", "csrq", "sfzh", "mzdm", "zzmmdm", "yxdm", "xldm", "zydm", "zy", "pyfsdm",
    "syszddm", "cxsy", "xz", "rxsj", "bysj", "sfslbdm", "szyx", "szbj", "sjhm", "dzyx", "jtdz", "jtyb",
];

/// An XLSX file with the students of a run.
///
/// # Errors
/// When the file cannot be written.
pub fn xlsx(school_code: &str, run: u32, count: u32) -> anyhow::Result<Vec<u8>> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("生源")?;
    for (column, header) in (0_u16..).zip(HEADERS) {
        sheet.write_string(0, column, header)?;
    }
    for index in 0..count {
        let values = row(school_code, &student(run, index));
        for (column, value) in (0_u16..).zip(values) {
            sheet.write_string(index + 1, column, value)?;
        }
    }
    book.save_to_buffer().context("writing the roster")
}

fn row(school_code: &str, student: &Student) -> [String; HEADERS.len()] {
    let (major_code, major, department) = student.major;
    let text = str::to_owned;
    [
        format!("22{}", student.number.get(4..).unwrap_or_default()),
        student.number.clone(),
        student.name.clone(),
        text(student.gender),
        student.birth.clone(),
        student.identity.clone(),
        text("01"),
        text("03"),
        text(school_code),
        text("31"),
        text(major_code),
        text(major),
        text("1"),
        text(student.county),
        text("城镇"),
        text("4"),
        text("202209"),
        format!("{COHORT}07"),
        text("2"),
        text(department),
        student.class.clone(),
        student.mobile.clone(),
        student.email.clone(),
        text("黑龙江省哈尔滨市示例街1号"),
        text("150001"),
    ]
}
