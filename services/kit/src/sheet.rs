//! Tables that people upload, as rows of text: XLSX, or CSV in UTF-8 or GB 18030.

use std::io::Cursor;

use calamine::{DataRef, Reader as _, Xlsx};
use encoding_rs::GB18030;

/// Most rows a file may have, the header not counted.
pub const MAX_ROWS: u32 = 200_000;

/// Most bytes a file may have.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Most columns that are looked at.
pub const MAX_COLUMNS: usize = 256;

/// Longest text of a cell that is looked at, in bytes.
pub const MAX_CELL: usize = 4096;

/// Why a file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No bytes.
    #[error("文件是空的，请检查后重新上传")]
    Empty,
    /// It begins as a workbook and is none.
    #[error("不是可读取的 Excel 文件（.xlsx），请用 Excel 另存为 .xlsx 或 CSV 后重新上传")]
    Workbook,
    /// Neither UTF-8 nor GB 18030.
    #[error("文件编码既不是 UTF-8 也不是 GB 18030，请另存为 UTF-8 编码的 CSV 后重新上传")]
    Encoding,
    /// A quote is not closed, or the like; the line.
    #[error("CSV 第{0}行附近格式有误，请检查引号是否成对")]
    Csv(u64),
    /// More than [`MAX_ROWS`].
    #[error("文件超过{MAX_ROWS}行，请分批导入")]
    TooManyRows,
}

/// Gives each row that is not blank to `row`, with its number in the file, the first being the header. `row` answers
/// false to stop.
///
/// # Errors
/// Why the file cannot be read, or cannot be read on.
pub fn read(bytes: &[u8], row: &mut dyn FnMut(u32, Vec<String>) -> bool) -> Result<(), Unreadable> {
    if bytes.is_empty() {
        return Err(Unreadable::Empty);
    }
    if bytes.starts_with(b"PK\x03\x04") {
        read_workbook(bytes, row)
    } else {
        read_csv(bytes, row)
    }
}

fn read_csv(bytes: &[u8], row: &mut dyn FnMut(u32, Vec<String>) -> bool) -> Result<(), Unreadable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => GB18030
            .decode_without_bom_handling_and_without_replacement(bytes)
            .ok_or(Unreadable::Encoding)?,
    };
    if text.contains('\0') {
        return Err(Unreadable::Encoding);
    }
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut count = 0;
    for (index, record) in reader.records().enumerate() {
        let record =
            record.map_err(|error| Unreadable::Csv(error.position().map_or(0, csv::Position::line)))?;
        let cells: Vec<String> = record.iter().take(MAX_COLUMNS).map(cut).collect();
        if !give(
            &mut count,
            u32::try_from(index + 1).unwrap_or(u32::MAX),
            cells,
            row,
        )? {
            return Ok(());
        }
    }
    Ok(())
}

fn read_workbook(bytes: &[u8], row: &mut dyn FnMut(u32, Vec<String>) -> bool) -> Result<(), Unreadable> {
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|_| Unreadable::Workbook)?;
    let sheet = workbook
        .sheet_names()
        .first()
        .cloned()
        .ok_or(Unreadable::Workbook)?;
    let mut reader = workbook
        .worksheet_cells_reader(&sheet)
        .map_err(|_| Unreadable::Workbook)?;
    let mut count = 0;
    let mut present = 0;
    let mut cells: Vec<String> = Vec::new();
    while let Some(cell) = reader.next_cell().map_err(|_| Unreadable::Workbook)? {
        let (number, column) = cell.get_position();
        if number < present {
            // Nobody could find the row again by its number.
            return Err(Unreadable::Workbook);
        }
        if number != present {
            if !give(&mut count, present + 1, std::mem::take(&mut cells), row)? {
                return Ok(());
            }
            present = number;
        }
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if column >= MAX_COLUMNS {
            continue;
        }
        if cells.len() <= column {
            cells.resize(column + 1, String::new());
        }
        if let Some(slot) = cells.get_mut(column) {
            *slot = cut(&text(cell.get_value()));
        }
    }
    give(&mut count, present + 1, cells, row)?;
    Ok(())
}

/// Hands a row on unless it is blank; false when the reader should stop.
fn give(
    count: &mut u32,
    number: u32,
    cells: Vec<String>,
    row: &mut dyn FnMut(u32, Vec<String>) -> bool,
) -> Result<bool, Unreadable> {
    if cells.iter().all(|cell| cell.trim().is_empty()) {
        return Ok(true);
    }
    *count += 1;
    // The header is one of them.
    if *count > MAX_ROWS + 1 {
        return Err(Unreadable::TooManyRows);
    }
    Ok(row(number, cells))
}

fn cut(cell: &str) -> String {
    let mut end = cell.len().min(MAX_CELL);
    while !cell.is_char_boundary(end) {
        end -= 1;
    }
    cell.get(..end).unwrap_or_default().to_owned()
}

/// A cell as text: whole numbers without a point, dates as yyyy-MM-dd.
fn text(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(yes) => if *yes { "是" } else { "否" }.to_owned(),
        DataRef::DateTime(time) => {
            let (year, month, day, ..) = time.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        DataRef::Error(_) | DataRef::Empty => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use rust_xlsxwriter::{Format, Workbook};

    use super::*;

    fn rows(bytes: &[u8]) -> Result<Vec<(u32, Vec<String>)>, Unreadable> {
        let mut rows = Vec::new();
        read(bytes, &mut |number, cells| {
            rows.push((number, cells));
            true
        })?;
        Ok(rows)
    }

    #[test]
    fn csv_is_read_in_utf_8_with_and_without_bom_and_in_gb_18030() {
        let text = "xh,xm\r\n1,李小明\r\n\r\n2,\"㐀,䶮\"\r\n";
        let expected = rows(text.as_bytes()).unwrap();
        assert_eq!(expected.len(), 3);
        assert_eq!(expected[2].1[1], "㐀,䶮");
        let bom = [b"\xef\xbb\xbf", text.as_bytes()].concat();
        assert_eq!(rows(&bom).unwrap(), expected);
        let (gb, _, _) = GB18030.encode(text);
        assert_eq!(rows(&gb).unwrap(), expected);
    }

    #[test]
    fn what_is_neither_is_refused_with_the_way_out() {
        assert_eq!(rows(b""), Err(Unreadable::Empty));
        assert_eq!(rows(b"PK\x03\x04nonsense"), Err(Unreadable::Workbook));
        assert_eq!(rows(&[0xff, 0xff, 0x30, 0xff]), Err(Unreadable::Encoding));
        assert_eq!(rows(b"a\0b"), Err(Unreadable::Encoding));
    }

    #[test]
    fn a_workbook_gives_numbers_and_dates_as_people_mean_them() {
        let mut workbook = Workbook::new();
        let sheet = workbook.add_worksheet();
        sheet
            .write_string(0, 0, "xh")
            .unwrap()
            .write_string(0, 1, "csrq")
            .unwrap();
        let date = Format::new().set_num_format("yyyy-mm-dd");
        sheet.write_number(2, 0, 20_220_001.0).unwrap();
        sheet.write_number_with_format(2, 1, 37_726.0, &date).unwrap();
        let rows = rows(&workbook.save_to_buffer().unwrap()).unwrap();
        assert_eq!(rows[1], (3, vec!["20220001".to_owned(), "2003-04-15".to_owned()]));
    }

    #[test]
    fn a_file_of_too_many_rows_is_refused() {
        let text = "1\n".repeat(usize::try_from(MAX_ROWS).unwrap() + 2);
        assert_eq!(rows(text.as_bytes()), Err(Unreadable::TooManyRows));
    }
}
