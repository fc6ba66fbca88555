//! The national columns of a roster file, and how a header is read.

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Column {
    Ksh,
    Xh,
    Xm,
    Xbdm,
    Xb,
    Csrq,
    Zjlx,
    Sfzh,
    Mzdm,
    Mz,
    Zzmmdm,
    Zzmm,
    Yxdm,
    Xldm,
    Xl,
    Zydm,
    Zy,
    Zyfx,
    Pyfsdm,
    Pyfs,
    Dxhwpdw,
    Syszddm,
    Cxsy,
    Xz,
    Rxsj,
    Bysj,
    Sfslbdm,
    Knslbdm,
    Szyx,
    Szbj,
    Rxqdaszdw,
    Dasfzrxx,
    Rxqhkszdpcs,
    Hksfzrxx,
    Sjhm,
    Dzyx,
    Qq,
    Jtdz,
    Jtyb,
    Jtdh,
    Jtlxr,
}

/// Whether a file may be without a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    Required,
    Optional,
    /// One of this column and the next, code or words.
    OneOf(Column),
}

struct Entry {
    column: Column,
    header: &'static str,
    title: &'static str,
    need: Need,
    personal: bool,
}

const fn entry(column: Column, header: &'static str, title: &'static str, need: Need) -> Entry {
    Entry {
        column,
        header,
        title,
        need,
        personal: false,
    }
}

const fn personal(column: Column, header: &'static str, title: &'static str, need: Need) -> Entry {
    Entry {
        column,
        header,
        title,
        need,
        personal: true,
    }
}

use Need::{OneOf, Optional, Required};

const ENTRIES: [Entry; Column::COUNT] = [
    personal(Column::Ksh, "ksh", "考生号", Required),
    entry(Column::Xh, "xh", "学号", Required),
    personal(Column::Xm, "xm", "姓名", Required),
    entry(Column::Xbdm, "xbdm", "性别代码", OneOf(Column::Xb)),
    entry(Column::Xb, "xb", "性别", OneOf(Column::Xbdm)),
    personal(Column::Csrq, "csrq", "出生日期", Required),
    entry(Column::Zjlx, "zjlx", "证件类型", Optional),
    personal(Column::Sfzh, "sfzh", "证件号", Required),
    entry(Column::Mzdm, "mzdm", "民族代码", OneOf(Column::Mz)),
    entry(Column::Mz, "mz", "民族", OneOf(Column::Mzdm)),
    entry(Column::Zzmmdm, "zzmmdm", "政治面貌代码", OneOf(Column::Zzmm)),
    entry(Column::Zzmm, "zzmm", "政治面貌", OneOf(Column::Zzmmdm)),
    entry(Column::Yxdm, "yxdm", "院校代码", Required),
    entry(Column::Xldm, "xldm", "学历代码", OneOf(Column::Xl)),
    entry(Column::Xl, "xl", "学历", OneOf(Column::Xldm)),
    entry(Column::Zydm, "zydm", "专业代码", Required),
    entry(Column::Zy, "zy", "专业", Required),
    entry(Column::Zyfx, "zyfx", "专业方向", Optional),
    entry(Column::Pyfsdm, "pyfsdm", "培养方式代码", OneOf(Column::Pyfs)),
    entry(Column::Pyfs, "pyfs", "培养方式", OneOf(Column::Pyfsdm)),
    entry(Column::Dxhwpdw, "dxhwpdw", "定向或委培单位", Optional),
    entry(Column::Syszddm, "syszddm", "生源所在地代码", Optional),
    entry(Column::Cxsy, "cxsy", "城乡生源", Optional),
    entry(Column::Xz, "xz", "学制", Required),
    entry(Column::Rxsj, "rxsj", "入学时间", Required),
    entry(Column::Bysj, "bysj", "毕业时间", Required),
    entry(Column::Sfslbdm, "sfslbdm", "师范生类别代码", Optional),
    personal(Column::Knslbdm, "knslbdm", "困难生类别代码", Optional),
    entry(Column::Szyx, "szyx", "所在院系", Required),
    entry(Column::Szbj, "szbj", "所在班级", Required),
    entry(Column::Rxqdaszdw, "rxqdaszdw", "入学前档案所在单位", Optional),
    entry(Column::Dasfzrxx, "dasfzrxx", "档案是否转入学校", Optional),
    entry(
        Column::Rxqhkszdpcs,
        "rxqhkszdpcs",
        "入学前户口所在地派出所",
        Optional,
    ),
    entry(Column::Hksfzrxx, "hksfzrxx", "户口是否转入学校", Optional),
    personal(Column::Sjhm, "sjhm", "手机号码", Optional),
    personal(Column::Dzyx, "dzyx", "电子邮箱", Optional),
    personal(Column::Qq, "qq", "QQ号码", Optional),
    personal(Column::Jtdz, "jtdz", "家庭地址", Optional),
    personal(Column::Jtyb, "jtyb", "家庭邮编", Optional),
    personal(Column::Jtdh, "jtdh", "家庭电话", Optional),
    personal(Column::Jtlxr, "jtlxr", "家庭联系人", Optional),
];

/// Columns of the national export that hold nothing we keep: known, passed over without a word.
const PASSED_OVER: [&str; 6] = ["yxmc", "fxmc", "syszd", "sfslb", "knslb", "zjlxmc"];

impl Column {
    /// How many there are.
    pub(crate) const COUNT: usize = 41;

    fn entry(self) -> Option<&'static Entry> {
        ENTRIES.get(self as usize)
    }

    /// The header in the national form, lower case.
    pub(crate) fn header(self) -> &'static str {
        self.entry().map_or("", |entry| entry.header)
    }

    /// What it is, in Chinese.
    pub(crate) fn title(self) -> &'static str {
        self.entry().map_or("", |entry| entry.title)
    }

    /// True when its values are masked in reports.
    pub(crate) fn personal(self) -> bool {
        self.entry().is_some_and(|entry| entry.personal)
    }

    /// The column of a header: the national name in any case, or the Chinese title.
    fn of(header: &str) -> Option<Self> {
        let lower = header.trim().trim_start_matches('\u{feff}').to_ascii_lowercase();
        let found = ENTRIES
            .iter()
            .find(|entry| entry.header == lower || entry.title == lower);
        found.map(|entry| entry.column)
    }
}

/// Which position of the file holds which column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    positions: [Option<usize>; Column::COUNT],
    /// Headers that are not known.
    pub(crate) unknown: Vec<String>,
}

/// What is wrong with a header row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LayoutFault {
    /// These columns are missing.
    Missing(Vec<String>),
    /// This column is there twice.
    Twice(String),
}

impl Layout {
    /// Reads a header row.
    ///
    /// # Errors
    /// Which required columns are missing, or which stands twice.
    pub(crate) fn read(headers: &[String]) -> Result<Self, LayoutFault> {
        let mut layout = Self {
            positions: [None; Column::COUNT],
            unknown: Vec::new(),
        };
        for (position, header) in headers.iter().enumerate() {
            let Some(column) = Column::of(header) else {
                let name = header.trim();
                if !name.is_empty() && !PASSED_OVER.contains(&name.to_ascii_lowercase().as_str()) {
                    layout.unknown.push(name.chars().take(64).collect());
                }
                continue;
            };
            let Some(slot) = layout.positions.get_mut(column as usize) else {
                continue;
            };
            if slot.replace(position).is_some() {
                return Err(LayoutFault::Twice(format!(
                    "{}（{}）",
                    column.header(),
                    column.title()
                )));
            }
        }
        let missing = layout.missing();
        if missing.is_empty() {
            Ok(layout)
        } else {
            Err(LayoutFault::Missing(missing))
        }
    }

    /// True when the file has the column.
    pub(crate) fn has(&self, column: Column) -> bool {
        self.position(column).is_some()
    }

    /// The column's place in a row of the file.
    pub(crate) fn position(&self, column: Column) -> Option<usize> {
        self.positions.get(column as usize).copied().flatten()
    }

    fn missing(&self) -> Vec<String> {
        let name = |entry: &Entry| match entry.need {
            OneOf(other) => format!("{}或{}（{}）", entry.header, other.header(), other.title()),
            _ => format!("{}（{}）", entry.header, entry.title),
        };
        let absent = |entry: &&Entry| match entry.need {
            Required => !self.has(entry.column),
            // The first of the two speaks for both.
            OneOf(other) => {
                (entry.column as usize) < other as usize && !self.has(entry.column) && !self.has(other)
            }
            Optional => false,
        };
        ENTRIES.iter().filter(absent).map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &str) -> Vec<String> {
        text.split(',').map(str::to_owned).collect()
    }

    const LEAST: &str = "ksh,xh,xm,xbdm,csrq,sfzh,mz,zzmmdm,yxdm,xl,zydm,zy,pyfsdm,xz,rxsj,bysj,szyx,szbj";

    #[test]
    fn every_entry_stands_at_its_columns_place() {
        for (index, entry) in ENTRIES.iter().enumerate() {
            assert_eq!(entry.column as usize, index, "{}", entry.header);
        }
    }

    #[test]
    fn codes_or_words_will_do_and_case_does_not_matter() {
        let layout = Layout::read(&headers(&LEAST.to_uppercase())).unwrap();
        assert!(layout.has(Column::Mz) && !layout.has(Column::Mzdm));
        assert_eq!(layout.position(Column::Xh), Some(1));
        let titled = Layout::read(&headers(&LEAST.replace("xh", "学号")));
        assert!(titled.is_ok());
    }

    #[test]
    fn missing_columns_are_named_and_unknown_ones_are_listed() {
        let Err(LayoutFault::Missing(missing)) = Layout::read(&headers("xh,xm")) else {
            panic!("read")
        };
        assert!(
            missing.contains(&"sfzh（证件号）".to_owned())
                && missing.contains(&"xbdm或xb（性别）".to_owned())
        );
        assert_eq!(missing.len(), 16);
        let layout = Layout::read(&headers(&format!("{LEAST},foo,,yxmc"))).unwrap();
        assert_eq!(layout.unknown, ["foo"]);
        let twice = Layout::read(&headers(&format!("{LEAST},学号")));
        assert_eq!(twice, Err(LayoutFault::Twice("xh（学号）".into())));
    }
}
