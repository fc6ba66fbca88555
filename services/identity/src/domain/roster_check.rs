//! One row of a roster file: every check by column, with what is wrong in Chinese.

use std::collections::HashMap;

use qihang_kit::{codes, validators};

use crate::domain::{
    locked_fields::{Details, IDENTITY_KINDS, Locked},
    own_fields::{self, OwnFields},
    roster_columns::{Column, Layout},
    roster_values::{Precision, masked, read_date},
};

/// What the rows of one file must agree with.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// School's ten-digit code.
    pub(crate) school_code: String,
    /// School's five-digit code.
    pub(crate) short_code: String,
    /// Graduation year.
    pub(crate) cohort: i32,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Severity {
    /// Keeps the file out.
    Error,
    /// Keeps nothing out.
    Warning,
}

impl Severity {
    /// As the store writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARNING",
        }
    }
}

/// Something wrong in one cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Row of the file, the header being row 1.
    pub(crate) row: u32,
    /// Column as the national form calls it.
    pub(crate) column: &'static str,
    /// The value, masked and cut.
    pub(crate) value: String,
    pub(crate) severity: Severity,
    pub(crate) message: String,
}

/// A row that could be read.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Row of the file.
    pub(crate) number: u32,
    pub(crate) locked: Locked,
    pub(crate) own: OwnFields,
}

/// Checks rows one after another and remembers what must not come twice.
pub(crate) struct Checker<'a> {
    layout: &'a Layout,
    frame: &'a Frame,
    numbers: HashMap<String, u32>,
    identities: HashMap<String, u32>,
}

/// The cells of one row with what was found in them.
struct Cells<'a> {
    layout: &'a Layout,
    cells: &'a [String],
    row: u32,
    findings: Vec<Finding>,
}

impl<'a> Checker<'a> {
    /// A checker for one file.
    pub(crate) fn new(layout: &'a Layout, frame: &'a Frame) -> Self {
        Self {
            layout,
            frame,
            numbers: HashMap::new(),
            identities: HashMap::new(),
        }
    }

    /// Checks the next row. The row is given even with errors, so that later rows are checked against it.
    pub(crate) fn check(&mut self, number: u32, cells: &[String]) -> (Row, Vec<Finding>) {
        let mut cells = Cells {
            layout: self.layout,
            cells,
            row: number,
            findings: Vec::new(),
        };
        let identity_kind = cells.identity_kind();
        let identity_number = cells.identity(&identity_kind);
        let details = cells.details(identity_kind);
        cells.compare_identity(&identity_number, &details);
        cells.school(self.frame);
        cells.cohort(self.frame.cohort, &details.graduation);
        let locked = Locked {
            student_number: cells.number(),
            cohort: self.frame.cohort,
            name: cells.required(Column::Xm, 64),
            department: cells.required(Column::Szyx, 64),
            class_name: cells.required(Column::Szbj, 64),
            identity_number,
            details,
        };
        self.unique(&mut cells, &locked);
        let own = cells.own();
        (Row { number, locked, own }, cells.findings)
    }

    fn unique(&mut self, cells: &mut Cells<'_>, locked: &Locked) {
        let pairs = [
            (&mut self.numbers, Column::Xh, &locked.student_number),
            (&mut self.identities, Column::Sfzh, &locked.identity_number),
        ];
        for (seen, column, value) in pairs {
            if value.is_empty() {
                continue;
            }
            if let Some(first) = seen.get(value) {
                cells.error(column, format!("{}与第{first}行重复", column.title()));
            } else {
                seen.insert(value.clone(), cells.row);
            }
        }
    }
}

impl Cells<'_> {
    fn get(&self, column: Column) -> &str {
        let cell = self
            .layout
            .position(column)
            .and_then(|position| self.cells.get(position));
        cell.map_or("", |text| text.trim())
    }

    fn error(&mut self, column: Column, message: String) {
        self.find(column, Severity::Error, message);
    }

    fn find(&mut self, column: Column, severity: Severity, message: String) {
        let value = masked(column, self.get(column));
        self.findings.push(Finding {
            row: self.row,
            column: column.header(),
            value,
            severity,
            message,
        });
    }

    fn text(&mut self, column: Column, longest: usize) -> String {
        let text = self.get(column).to_owned();
        if text.chars().count() > longest {
            self.error(column, format!("{}最多{longest}个字", column.title()));
        } else if text.chars().any(char::is_control) {
            self.error(
                column,
                format!("{}含有换行或其他控制字符，请删除", column.title()),
            );
        }
        text
    }

    fn required(&mut self, column: Column, longest: usize) -> String {
        let text = self.text(column, longest);
        if text.is_empty() {
            self.error(column, format!("{}不能为空", column.title()));
        }
        text
    }

    fn number(&mut self) -> String {
        let number = self.required(Column::Xh, 32);
        if number
            .chars()
            .any(|c| !c.is_ascii_alphanumeric() && !"-_./".contains(c))
        {
            self.error(Column::Xh, "学号只能含字母、数字和 - _ . /".to_owned());
        }
        number
    }

    fn identity_kind(&mut self) -> String {
        let text = self.get(Column::Zjlx);
        let found = IDENTITY_KINDS
            .iter()
            .find(|(code, name)| text == *code || text == *name);
        match found {
            Some((code, _)) => (*code).to_owned(),
            None if text.is_empty() => "1".to_owned(),
            None => {
                self.error(
                    Column::Zjlx,
                    "证件类型应为1居民身份证、2港澳台居民居住证、3护照或4外国人永久居留身份证".to_owned(),
                );
                String::new()
            }
        }
    }

    fn identity(&mut self, kind: &str) -> String {
        let text = self.required(Column::Sfzh, 32).to_ascii_uppercase();
        if text.is_empty() {
            return text;
        }
        if kind == "3" {
            if !(5..=20).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                self.error(Column::Sfzh, "护照号码应为5至20位字母或数字".to_owned());
            }
            return text;
        }
        match validators::identity_number(&text) {
            Ok(number) => number.as_str().to_owned(),
            Err(invalid) => {
                let hint = if text.ends_with("000") || text.contains('E') {
                    "；若单元格是数字格式，末位可能已丢失，请改为文本格式后重新填写"
                } else {
                    ""
                };
                self.error(Column::Sfzh, format!("{invalid}{hint}"));
                text
            }
        }
    }

    fn compare_identity(&mut self, identity: &str, details: &Details) {
        if details.identity_kind == "3" {
            return;
        }
        let Ok(number) = validators::identity_number(identity) else {
            return;
        };
        let sex = match number.sex() {
            validators::Sex::Male => "1",
            validators::Sex::Female => "2",
        };
        if matches!(details.gender.as_str(), "1" | "2") && details.gender != sex {
            let column = if self.layout.has(Column::Xbdm) {
                Column::Xbdm
            } else {
                Column::Xb
            };
            self.find(
                column,
                Severity::Warning,
                "性别与证件号第17位不一致，请核对".to_owned(),
            );
        }
        let birth = number
            .birth_date()
            .map(|date| date.to_string())
            .unwrap_or_default();
        if !details.birth_date.is_empty() && details.birth_date != birth {
            self.find(
                Column::Csrq,
                Severity::Warning,
                "出生日期与证件号第7至14位不一致，请核对".to_owned(),
            );
        }
    }

    fn school(&mut self, frame: &Frame) {
        let code = self.required(Column::Yxdm, 16);
        if !code.is_empty() && code != frame.school_code && code != frame.short_code {
            let message = format!("院校代码应为本校的{}或{}", frame.short_code, frame.school_code);
            self.error(Column::Yxdm, message);
        }
    }

    fn cohort(&mut self, cohort: i32, graduation: &str) {
        if !graduation.is_empty() && !graduation.starts_with(&format!("{cohort:04}-")) {
            self.error(Column::Bysj, format!("毕业时间应在所选的{cohort}届之内"));
        }
    }

    /// A code from its column, or from the words in the column beside it.
    fn code(&mut self, table: &str, (code, words): (Column, Option<Column>), needed: bool) -> String {
        let text = self.get(code).to_owned();
        if !text.is_empty() {
            let padded = format!("{text:0>2}");
            let known = [text.as_str(), padded.as_str()]
                .into_iter()
                .find(|code| codes::in_force(table, code));
            if let Some(known) = known {
                return known.to_owned();
            }
            self.error(code, format!("{}不在代码表内，请按国家标准填写", code.title()));
            return text;
        }
        let Some(words) = words else { return text };
        let text = self.get(words).to_owned();
        if text.is_empty() {
            if needed {
                let column = if self.layout.has(code) { code } else { words };
                self.error(column, format!("{}不能为空", words.title()));
            }
            return text;
        }
        if let Some(found) = codes::code_of(table, &text).or_else(|| self.loose(table, &text)) {
            return found.to_owned();
        }
        self.error(
            words,
            format!("{}不在代码表内，请按代码表的名称填写", words.title()),
        );
        text
    }

    /// Words that people write for entries: 汉 for 汉族, 中共党员, 共青团员, 本科.
    fn loose(&self, table: &str, text: &str) -> Option<&'static str> {
        let spoken = match (table, text) {
            ("ethnic", name) if !name.ends_with('族') => return codes::code_of(table, &format!("{name}族")),
            ("political", "中共党员") => "中国共产党党员",
            ("political", "中共预备党员") => "中国共产党预备党员",
            ("political", "共青团员") => "中国共产主义青年团团员",
            ("education_moe", "博士" | "博士研究生") => "博士生毕业",
            ("education_moe", "硕士" | "硕士研究生") => "硕士生毕业",
            ("education_moe", "本科" | "大学本科") => "本科生毕业",
            ("education_moe", "专科" | "大学专科") => "专科生毕业",
            ("education_moe", "高职") => "高职生毕业",
            _ => return None,
        };
        codes::code_of(table, spoken)
    }

    fn details(&mut self, identity_kind: String) -> Details {
        let training_mode = self.code("training_mode", (Column::Pyfsdm, Some(Column::Pyfs)), true);
        let commissioning_unit = self.text(Column::Dxhwpdw, 128);
        if matches!(training_mode.as_str(), "2" | "4") && commissioning_unit.is_empty() {
            self.error(
                Column::Dxhwpdw,
                "培养方式为定向或委培时，必须填写定向或委培单位".to_owned(),
            );
        }
        Details {
            examination_number: self.examination_number(),
            gender: self.code("gender", (Column::Xbdm, Some(Column::Xb)), true),
            birth_date: self.date(Column::Csrq, Precision::Day),
            identity_kind,
            ethnic: self.code("ethnic", (Column::Mzdm, Some(Column::Mz)), true),
            political: self.code("political", (Column::Zzmmdm, Some(Column::Zzmm)), true),
            education: self.code("education_moe", (Column::Xldm, Some(Column::Xl)), true),
            major_code: self.required(Column::Zydm, 16),
            major: self.required(Column::Zy, 64),
            major_direction: self.text(Column::Zyfx, 64),
            training_mode,
            commissioning_unit,
            household_origin: self.household_origin(),
            schooling_years: self.years(),
            enrolment: self.date(Column::Rxsj, Precision::Month),
            graduation: self.date(Column::Bysj, Precision::Month),
            normal_student: self.code("normal_student", (Column::Sfslbdm, None), false),
            hardship: self.code("hardship", (Column::Knslbdm, None), false),
            former_file_unit: self.text(Column::Rxqdaszdw, 128),
            file_moved: self.yes_or_no(Column::Dasfzrxx),
            former_police_station: self.text(Column::Rxqhkszdpcs, 128),
            household_moved: self.yes_or_no(Column::Hksfzrxx),
        }
    }

    fn examination_number(&mut self) -> String {
        let text = self.required(Column::Ksh, 32);
        if !text.is_empty() && !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            self.error(Column::Ksh, "考生号只能含字母和数字".to_owned());
        }
        text
    }

    fn household_origin(&mut self) -> String {
        let text = self.get(Column::Cxsy);
        match text {
            "" => String::new(),
            "1" | "城镇" => "城镇".to_owned(),
            "2" | "农村" => "农村".to_owned(),
            _ => {
                self.error(Column::Cxsy, "城乡生源应为城镇或农村（或代码1、2）".to_owned());
                String::new()
            }
        }
    }

    /// 1.5 to 9.5 in steps of a half.
    fn years(&mut self) -> String {
        let text = self.required(Column::Xz, 8);
        if text.is_empty() {
            return text;
        }
        let text = text.strip_suffix('年').unwrap_or(&text);
        let halves = text.parse::<f64>().ok().map(|years| years * 2.0);
        match halves {
            Some(halves) if halves.fract() == 0.0 && (3.0..=19.0).contains(&halves) => {
                format!("{}", halves / 2.0)
            }
            _ => {
                self.error(Column::Xz, "学制应为1.5至9.5，步长0.5，例如4".to_owned());
                String::new()
            }
        }
    }

    fn yes_or_no(&mut self, column: Column) -> String {
        match self.get(column) {
            "" => String::new(),
            "1" | "是" => "是".to_owned(),
            "0" | "否" => "否".to_owned(),
            _ => {
                self.error(column, format!("{}应为是或否（或1、0）", column.title()));
                String::new()
            }
        }
    }

    fn date(&mut self, column: Column, precision: Precision) -> String {
        let text = self.required(column, 32);
        if text.is_empty() {
            return text;
        }
        read_date(&text, precision).unwrap_or_else(|| {
            let form = match precision {
                Precision::Day => "年月日，例如20030415",
                Precision::Month => "年月或年月日，例如202609",
            };
            self.error(column, format!("{}不是有效日期，应为{form}", column.title()));
            String::new()
        })
    }

    fn own(&mut self) -> OwnFields {
        let own = OwnFields {
            origin_region: self.get(Column::Syszddm).to_owned(),
            mobile: self.get(Column::Sjhm).to_owned(),
            email: self.get(Column::Dzyx).to_owned(),
            qq: self.get(Column::Qq).to_owned(),
            home_address: self.get(Column::Jtdz).to_owned(),
            home_postcode: self.get(Column::Jtyb).to_owned(),
            home_phone: self.get(Column::Jtdh).to_owned(),
            family_contact: self.get(Column::Jtlxr).to_owned(),
        };
        let columns = [
            Column::Syszddm,
            Column::Sjhm,
            Column::Dzyx,
            Column::Qq,
            Column::Jtdz,
            Column::Jtyb,
            Column::Jtdh,
            Column::Jtlxr,
        ];
        for ((field, value), column) in own_fields::FIELDS.iter().zip(own.values()).zip(columns) {
            if let Some(fault) = own_fields::check(field, value) {
                self.error(column, fault.message);
            }
        }
        own
    }
}

#[cfg(test)]
#[path = "roster_check_tests.rs"]
mod tests;
