//! What an import found, as a table to download.

use rust_xlsxwriter::{Format, Workbook, XlsxError};

use crate::store::imports::KeptFinding;

const HEADERS: [&str; 5] = ["行号", "列名", "内容（已脱敏）", "级别", "问题与处理办法"];

fn cells(finding: &KeptFinding) -> [String; 5] {
    let severity = if finding.severity == "ERROR" {
        "错误"
    } else {
        "提示"
    };
    [
        finding.file_row.to_string(),
        finding.column_name.clone(),
        finding.value.clone(),
        severity.to_owned(),
        finding.message.clone(),
    ]
}

/// The table as XLSX.
///
/// # Errors
/// When a text is too long for a cell, which none is.
pub(crate) fn xlsx(findings: &[KeptFinding]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    let bold = Format::new().set_bold();
    for (column, header) in (0..).zip(HEADERS) {
        sheet.write_string_with_format(0, column, header, &bold)?;
    }
    for (row, finding) in (1..).zip(findings) {
        for (column, cell) in (0..).zip(cells(finding)) {
            sheet.write_string(row, column, cell)?;
        }
    }
    sheet.set_column_width(4, 60)?;
    sheet.set_freeze_panes(1, 0)?;
    workbook.save_to_buffer()
}

/// The table as CSV in UTF-8 with a BOM, as Excel wants it. A cell that Excel would take for a formula gets a quote.
///
/// # Errors
/// None in memory.
pub(crate) fn csv(findings: &[KeptFinding]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(b"\xef\xbb\xbf".to_vec());
    writer.write_record(HEADERS)?;
    for finding in findings {
        writer.write_record(cells(finding).map(|cell| {
            if cell.starts_with(['=', '+', '-', '@', '\t']) {
                format!("'{cell}")
            } else {
                cell
            }
        }))?;
    }
    writer
        .into_inner()
        .map_err(|error| csv::Error::from(error.into_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(value: &str) -> KeptFinding {
        KeptFinding {
            position: 1,
            file_row: 2,
            column_name: "xm".into(),
            value: value.into(),
            severity: "ERROR".into(),
            message: "姓名不能为空".into(),
        }
    }

    #[test]
    fn a_formula_is_only_text() {
        let text = String::from_utf8(csv(&[finding("=1+1")]).unwrap()).unwrap();
        assert!(text.starts_with('\u{feff}') && text.contains(",'=1+1,"), "{text}");
    }

    #[test]
    fn the_workbook_is_one() {
        assert!(xlsx(&[finding("李**")]).unwrap().starts_with(b"PK"));
    }
}
