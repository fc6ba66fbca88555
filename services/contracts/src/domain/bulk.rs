//! The sheet of offers to many: which column is what, and what each row asks for (CT-49).

use std::collections::HashSet;

use super::terms::Terms;

/// Rows that one sheet may have.
pub const MAX_ROWS: usize = 200;

/// What is wrong with a sheet as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SheetFault {
    /// A column that must be there is not.
    ColumnMissing(&'static str),
    /// Nothing but a header.
    NoRows,
    /// More than [`MAX_ROWS`].
    TooManyRows,
}

/// What is wrong with one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFault {
    /// A cell that must be filled is not.
    Empty(&'static str),
    /// No whole number of yuan.
    Money(&'static str),
    /// The same student stands further up.
    Twice,
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number in the file; the header is the first.
    pub number: u32,
    /// Code or name of the school.
    pub school: String,
    /// Student number.
    pub student_number: String,
    /// Name.
    pub name: String,
    cells: Vec<(Column, String)>,
    twice: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    School,
    StudentNumber,
    Name,
    Position,
    Salary,
    ProbationSalary,
    Address,
}

/// What each column may be called; the first is what we call it.
const COLUMNS: [(Column, &[&str]); 7] = [
    (Column::School, &["学校", "学校代码", "学校名称"]),
    (Column::StudentNumber, &["学号"]),
    (Column::Name, &["姓名"]),
    (Column::Position, &["岗位"]),
    (Column::Salary, &["月薪", "转正月薪"]),
    (Column::ProbationSalary, &["试用期月薪"]),
    (Column::Address, &["工作地址", "工作地点"]),
];

impl Column {
    fn title(self) -> &'static str {
        let found = COLUMNS.iter().find(|(column, _)| *column == self);
        found
            .and_then(|(_, titles)| titles.first())
            .copied()
            .unwrap_or_default()
    }
}

/// Reads the rows of a sheet, the header among them; columns that are not known are passed over.
///
/// # Errors
/// What is wrong with the whole.
pub fn rows(sheet: Vec<(u32, Vec<String>)>) -> Result<Vec<Row>, SheetFault> {
    let mut sheet = sheet.into_iter();
    let (_, header) = sheet.next().ok_or(SheetFault::NoRows)?;
    let columns: Vec<Option<Column>> = header
        .iter()
        .map(|title| {
            let named = |(_, titles): &&(Column, &[&str])| titles.contains(&title.trim());
            COLUMNS.iter().find(named).map(|(column, _)| *column)
        })
        .collect();
    for needed in [Column::School, Column::StudentNumber, Column::Name] {
        if !columns.contains(&Some(needed)) {
            return Err(SheetFault::ColumnMissing(needed.title()));
        }
    }
    let mut seen = HashSet::new();
    let rows: Vec<Row> = sheet
        .map(|(number, cells)| {
            let mut row = row(number, &columns, cells);
            row.twice = !seen.insert((row.school.clone(), row.student_number.clone()));
            row
        })
        .collect();
    match rows.len() {
        0 => Err(SheetFault::NoRows),
        count if count > MAX_ROWS => Err(SheetFault::TooManyRows),
        _ => Ok(rows),
    }
}

fn row(number: u32, columns: &[Option<Column>], cells: Vec<String>) -> Row {
    let cells: Vec<(Column, String)> = columns
        .iter()
        .zip(cells)
        .filter_map(|(column, cell)| column.map(|column| (column, cell.trim().to_owned())))
        .filter(|(_, cell)| !cell.is_empty())
        .collect();
    let cell = |wanted: Column| {
        let found = cells.iter().find(|(column, _)| *column == wanted);
        found.map(|(_, cell)| cell.clone()).unwrap_or_default()
    };
    Row {
        number,
        school: cell(Column::School),
        student_number: cell(Column::StudentNumber),
        name: cell(Column::Name),
        twice: false,
        cells,
    }
}

impl Row {
    /// The terms of this row: the common ones with what the row has of its own.
    ///
    /// # Errors
    /// What is wrong with the row.
    pub fn terms(&self, common: &Terms) -> Result<Terms, RowFault> {
        let needed = [
            (Column::School, &self.school),
            (Column::StudentNumber, &self.student_number),
            (Column::Name, &self.name),
        ];
        if let Some((column, _)) = needed.into_iter().find(|(_, text)| text.is_empty()) {
            return Err(RowFault::Empty(column.title()));
        }
        if self.twice {
            return Err(RowFault::Twice);
        }
        let mut terms = common.clone();
        for (column, cell) in &self.cells {
            let money = || cell.parse().map_err(|_| RowFault::Money(column.title()));
            match column {
                Column::Position => terms.position.clone_from(cell),
                Column::Address => terms.work_address.clone_from(cell),
                Column::Salary => terms.salary = money()?,
                Column::ProbationSalary => terms.probation_salary = money()?,
                Column::School | Column::StudentNumber | Column::Name => {}
            }
        }
        Ok(terms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(lines: &[&[&str]]) -> Vec<(u32, Vec<String>)> {
        let line = |line: &&[&str]| line.iter().map(|cell| (*cell).to_owned()).collect();
        (1..).zip(lines.iter().map(line)).collect()
    }

    #[test]
    fn a_row_stands_on_the_common_terms() {
        let common = Terms {
            position: "会计".to_owned(),
            salary: 5000,
            ..Terms::default()
        };
        let read = rows(sheet(&[
            &["姓名", "备注", "学号", "学校代码", "月薪"],
            &["张三", "优先", " 2026001 ", "4123010213", "6500"],
            &["李四", "", "2026002", "4123010213", ""],
        ]))
        .unwrap();
        assert_eq!((read[0].number, read[0].student_number.as_str()), (2, "2026001"));
        let terms = read[0].terms(&common).unwrap();
        assert_eq!((terms.position.as_str(), terms.salary), ("会计", 6500));
        assert_eq!(read[1].terms(&common).unwrap(), common);
    }

    #[test]
    fn what_is_wrong_is_said_of_the_row_or_of_the_whole() {
        let head: &[&str] = &["学校", "学号", "姓名", "月薪"];
        assert_eq!(rows(Vec::new()), Err(SheetFault::NoRows));
        assert_eq!(rows(sheet(&[head])), Err(SheetFault::NoRows));
        let nameless = rows(sheet(&[&["学校", "学号"], &["1", "2"]]));
        assert_eq!(nameless, Err(SheetFault::ColumnMissing("姓名")));
        let mut many = vec![head];
        many.resize(MAX_ROWS + 2, &["1", "2", "3"]);
        assert_eq!(rows(sheet(&many)), Err(SheetFault::TooManyRows));
        let lines: [&[&str]; 5] = [
            head,
            &["哈尔滨工业大学", "1", "张三"],
            &["哈尔滨工业大学", "1", "张三"],
            &["哈尔滨工业大学", "2", ""],
            &["哈尔滨工业大学", "3", "王五", "六千"],
        ];
        let read = rows(sheet(&lines)).unwrap();
        let faults: Vec<_> = read
            .iter()
            .map(|row| row.terms(&Terms::default()).err())
            .collect();
        let expected = [
            None,
            Some(RowFault::Twice),
            Some(RowFault::Empty("姓名")),
            Some(RowFault::Money("月薪")),
        ];
        assert_eq!(faults, expected);
    }
}
