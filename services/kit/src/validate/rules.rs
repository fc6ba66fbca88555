//! The rules of single values, and the sentence for each.

use std::{
    collections::BTreeSet,
    fmt::Display,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use regex::Regex;

/// A problem with a value: stable reason and sentence.
pub(super) type Problem = (&'static str, String);

/// Rules of a value of one kind.
#[derive(Debug, Default)]
pub(super) enum Rules {
    /// Anything goes.
    #[default]
    Free,
    Integer(Range<i128>),
    Float {
        range: Range<f64>,
        finite: bool,
    },
    Bool(bool),
    Text(Box<TextRules>),
    Bytes(SizeRules),
    Enum {
        defined: Option<BTreeSet<i32>>,
        range: Range<i128>,
    },
}

/// Bounds and lists of numbers.
#[derive(Debug)]
pub(super) struct Range<T> {
    pub(super) exactly: Option<T>,
    pub(super) less: Option<T>,
    pub(super) at_most: Option<T>,
    pub(super) greater: Option<T>,
    pub(super) at_least: Option<T>,
    pub(super) among: Vec<T>,
    pub(super) not_among: Vec<T>,
}

impl<T> Default for Range<T> {
    fn default() -> Self {
        Self {
            exactly: None,
            less: None,
            at_most: None,
            greater: None,
            at_least: None,
            among: Vec::new(),
            not_among: Vec::new(),
        }
    }
}

/// Bounds of a size.
#[derive(Debug, Default)]
pub(super) struct SizeRules {
    pub(super) exactly: Option<u64>,
    pub(super) least: Option<u64>,
    pub(super) most: Option<u64>,
}

/// Rules of texts.
#[derive(Debug, Default)]
pub(super) struct TextRules {
    pub(super) exactly: Option<String>,
    pub(super) characters: SizeRules,
    pub(super) bytes: SizeRules,
    pub(super) pattern: Option<Regex>,
    pub(super) prefix: Option<String>,
    pub(super) suffix: Option<String>,
    pub(super) contains: Option<String>,
    pub(super) lacks: Option<String>,
    pub(super) among: Vec<String>,
    pub(super) not_among: Vec<String>,
    pub(super) form: Option<Form>,
}

/// Well-known forms of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Email,
    Uuid,
    Ip,
    Ipv4,
    Ipv6,
    Hostname,
    Uri,
}

/// A value to judge.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Integer(i128),
    Float(f64),
    Bool(bool),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Value<'_> {
    /// True for the value that a field has when nobody sets it.
    pub(super) fn is_zero(self) -> bool {
        match self {
            Self::Integer(value) => value == 0,
            Self::Float(value) => value.to_bits() == 0,
            Self::Bool(value) => !value,
            Self::Text(value) => value.is_empty(),
            Self::Bytes(value) => value.is_empty(),
        }
    }
}

impl Rules {
    /// The first problem of a value.
    pub(super) fn judge(&self, value: Value<'_>) -> Option<Problem> {
        match (self, value) {
            (Self::Integer(range), Value::Integer(value)) => range.judge(value),
            (Self::Float { range, finite }, Value::Float(value)) => {
                if *finite && !value.is_finite() {
                    return Some(("NOT_FINITE", "应为有限的数。".to_owned()));
                }
                range.judge(value)
            }
            (Self::Bool(exactly), Value::Bool(value)) => (value != *exactly).then(|| {
                (
                    "NOT_ALLOWED",
                    if *exactly {
                        "须勾选此项。".to_owned()
                    } else {
                        "不能勾选此项。".to_owned()
                    },
                )
            }),
            (Self::Text(rules), Value::Text(text)) => rules.judge(text),
            (Self::Bytes(rules), Value::Bytes(bytes)) => rules.judge(bytes.len(), "字节"),
            (Self::Enum { defined, range }, Value::Integer(value)) => {
                let known = defined
                    .as_ref()
                    .is_none_or(|all| i32::try_from(value).is_ok_and(|value| all.contains(&value)));
                let listed = range.judge(value).is_none();
                (!known || !listed).then(|| ("UNKNOWN_VALUE", "不是允许的选项，请重新选择。".to_owned()))
            }
            _ => None,
        }
    }
}

impl<T: PartialOrd + Copy + Display> Range<T> {
    fn judge(&self, value: T) -> Option<Problem> {
        let small = |text: String| Some(("TOO_SMALL", text));
        let large = |text: String| Some(("TOO_LARGE", text));
        if let Some(exactly) = self.exactly.filter(|exactly| value != *exactly) {
            return Some(("NOT_ALLOWED", format!("只能是 {exactly}，现在是 {value}。")));
        }
        if !self.among.is_empty() && !self.among.contains(&value) {
            return Some((
                "NOT_ALLOWED",
                format!("只能是 {}，现在是 {value}。", join(&self.among)),
            ));
        }
        if self.not_among.contains(&value) {
            return Some(("NOT_ALLOWED", format!("不能是 {value}。")));
        }
        let above = self.greater.is_none_or(|bound| value > bound)
            && self.at_least.is_none_or(|bound| value >= bound);
        let below =
            self.less.is_none_or(|bound| value < bound) && self.at_most.is_none_or(|bound| value <= bound);
        if self.is_outside() {
            // Bounds the wrong way round mean: outside of them.
            return (!above && !below).then(|| ("NOT_ALLOWED", format!("现在的 {value} 不在允许的范围内。")));
        }
        match (above, below) {
            (false, _) => match (self.at_least, self.greater) {
                (Some(bound), _) => small(format!("不得小于 {bound}，现在是 {value}。")),
                (_, Some(bound)) => small(format!("必须大于 {bound}，现在是 {value}。")),
                _ => None,
            },
            (_, false) => match (self.at_most, self.less) {
                (Some(bound), _) => large(format!("不得大于 {bound}，现在是 {value}。")),
                (_, Some(bound)) => large(format!("必须小于 {bound}，现在是 {value}。")),
                _ => None,
            },
            _ => None,
        }
    }

    fn is_outside(&self) -> bool {
        let lower = self.greater.or(self.at_least);
        let upper = self.less.or(self.at_most);
        lower
            .zip(upper)
            .is_some_and(|(lower, upper)| upper < lower || (upper <= lower && self.strict()))
    }

    fn strict(&self) -> bool {
        self.greater.is_some() || self.less.is_some()
    }
}

impl SizeRules {
    pub(super) fn judge(&self, size: usize, unit: &str) -> Option<Problem> {
        let size = size as u64;
        if let Some(exactly) = self.exactly.filter(|exactly| size != *exactly) {
            return Some(("LENGTH", format!("应为 {exactly} 个{unit}，现在有 {size} 个。")));
        }
        if let Some(least) = self.least.filter(|least| size < *least) {
            return Some(match size {
                0 => ("REQUIRED", "请填写此项，不能为空。".to_owned()),
                _ => ("TOO_SHORT", format!("至少 {least} 个{unit}，现在有 {size} 个。")),
            });
        }
        let most = self.most.filter(|most| size > *most)?;
        Some(("TOO_LONG", format!("至多 {most} 个{unit}，现在有 {size} 个。")))
    }

    /// The same for lists.
    pub(super) fn judge_items(&self, size: usize) -> Option<Problem> {
        let size = size as u64;
        if let Some(least) = self.least.filter(|least| size < *least) {
            return Some(("TOO_FEW", format!("至少 {least} 项，现在有 {size} 项。")));
        }
        let most = self.most.filter(|most| size > *most)?;
        Some(("TOO_MANY", format!("至多 {most} 项，现在有 {size} 项。")))
    }

    fn is_free(&self) -> bool {
        self.exactly.is_none() && self.least.is_none() && self.most.is_none()
    }
}

impl TextRules {
    fn judge(&self, text: &str) -> Option<Problem> {
        // Counting characters is most of the work, and most texts are far too short to break a limit.
        if !self.characters.is_free()
            && let Some(problem) = self.characters.judge(text.chars().count(), "字符")
        {
            return Some(problem);
        }
        if let Some(problem) = self.bytes.judge(text.len(), "字节") {
            return Some(problem);
        }
        if let Some(exactly) = self.exactly.as_deref().filter(|exactly| *exactly != text) {
            return Some(("NOT_ALLOWED", format!("只能是“{exactly}”。")));
        }
        if !self.among.is_empty() && !self.among.iter().any(|one| one == text) {
            return Some(("NOT_ALLOWED", format!("只能是：{}。", join(&self.among))));
        }
        if self.not_among.iter().any(|one| one == text) {
            return Some(("NOT_ALLOWED", "不能填写这个值。".to_owned()));
        }
        self.judge_parts(text).or_else(|| self.form?.judge(text))
    }

    fn judge_parts(&self, text: &str) -> Option<Problem> {
        if let Some(prefix) = self.prefix.as_deref().filter(|prefix| !text.starts_with(prefix)) {
            return Some(("PATTERN", format!("应以“{prefix}”开头。")));
        }
        if let Some(suffix) = self.suffix.as_deref().filter(|suffix| !text.ends_with(suffix)) {
            return Some(("PATTERN", format!("应以“{suffix}”结尾。")));
        }
        if let Some(part) = self.contains.as_deref().filter(|part| !text.contains(part)) {
            return Some(("PATTERN", format!("应含有“{part}”。")));
        }
        if let Some(part) = self.lacks.as_deref().filter(|part| text.contains(part)) {
            return Some(("PATTERN", format!("不能含有“{part}”。")));
        }
        let pattern = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text))?;
        Some(("PATTERN", format!("格式不正确，应符合 {}。", pattern.as_str())))
    }
}

/// The address form of the HTML standard, which is what `buf.validate` means by an e-mail address.
#[expect(clippy::expect_used, reason = "a constant, compiled in a test")]
static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    const LABEL: &str = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
    Regex::new(&format!(
        r"^[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{LABEL}(?:\.{LABEL})*$"
    ))
    .expect("a constant")
});

impl Form {
    fn judge(self, text: &str) -> Option<Problem> {
        let (good, reason, sentence) = match self {
            Self::Email => (
                EMAIL.is_match(text),
                "EMAIL",
                "应为电子邮箱地址，例如 name@example.com。",
            ),
            Self::Uuid => (is_uuid(text), "UUID", "应为 36 位的 UUID 编号。"),
            Self::Ip => (text.parse::<IpAddr>().is_ok(), "IP", "应为 IP 地址。"),
            Self::Ipv4 => (text.parse::<Ipv4Addr>().is_ok(), "IP", "应为 IPv4 地址。"),
            Self::Ipv6 => (text.parse::<Ipv6Addr>().is_ok(), "IP", "应为 IPv6 地址。"),
            Self::Hostname => (is_hostname(text), "HOSTNAME", "应为域名，例如 www.example.com。"),
            Self::Uri => (
                is_uri(text),
                "URI",
                "应为完整的网址，例如 https://www.example.com/。",
            ),
        };
        (!good).then(|| (reason, sentence.to_owned()))
    }
}

fn is_uuid(text: &str) -> bool {
    let places = [8, 13, 18, 23];
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| {
            if places.contains(&at) {
                byte == b'-'
            } else {
                byte.is_ascii_hexdigit()
            }
        })
}

fn is_hostname(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last_is_number = name
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 253 && name.split('.').all(label) && !last_is_number
}

fn is_uri(text: &str) -> bool {
    text.parse::<http::Uri>()
        .is_ok_and(|uri| uri.scheme().is_some() && uri.authority().is_some())
}

fn join<T: Display>(values: &[T]) -> String {
    values
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("、")
}
