//! Invented people with numbers that are formally right: no identity number here was copied from anybody.

use qihang_kit::validators;

const SURNAMES: [&str; 40] = [
    "王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何",
    "郭", "马", "罗", "梁", "宋", "郑", "谢", "韩", "唐", "冯", "于", "董", "萧", "程", "曹", "袁", "邓",
    "许", "傅", "沈", "曾", "彭", "吕",
];
const GIVEN: [&str; 48] = [
    "伟", "芳", "娜", "敏", "静", "丽", "强", "磊", "军", "洋", "勇", "艳", "杰", "娟", "涛", "明", "超",
    "霞", "平", "刚", "雨桐", "子涵", "浩然", "思远", "嘉怡", "梓轩", "欣怡", "宇航", "诗涵", "俊杰", "晓东",
    "佳琪", "文博", "雪梅", "海燕", "建华", "志强", "婷婷", "雅楠", "博文", "晨曦", "天宇", "心怡", "子墨",
    "若曦", "一诺", "皓轩", "梦瑶",
];
/// Counties of Heilongjiang that identity numbers and origins come from.
const COUNTIES: [&str; 12] = [
    "230102", "230103", "230104", "230109", "230110", "230111", "230123", "230125", "230126", "230183",
    "230184", "230112",
];
const MAJORS: [(&str, &str, &str); 10] = [
    ("080901", "计算机科学与技术", "计算学部"),
    ("080902", "软件工程", "计算学部"),
    ("080202", "机械设计制造及其自动化", "机电工程学院"),
    ("080601", "电气工程及其自动化", "电气工程及自动化学院"),
    ("081001", "土木工程", "土木工程学院"),
    ("080701", "电子信息工程", "电子与信息工程学院"),
    ("120201", "工商管理", "经济与管理学院"),
    ("020401", "国际经济与贸易", "经济与管理学院"),
    ("050201", "英语", "人文社科与法学学部"),
    ("070101", "数学与应用数学", "数学学院"),
];
/// Days that birthdays spread over, from 2002-01-01.
const BIRTHDAYS: u32 = 1_000;

/// A student who was made up.
#[derive(Clone, Debug)]
pub struct Student {
    /// 学号.
    pub number: String,
    /// 姓名.
    pub name: String,
    /// 性别代码.
    pub gender: &'static str,
    /// 出生日期, yyyyMMdd.
    pub birth: String,
    /// 证件号.
    pub identity: String,
    /// County that the number names.
    pub county: &'static str,
    /// 专业: code, name, department.
    pub major: (&'static str, &'static str, &'static str),
    /// 班级.
    pub class: String,
    /// 手机.
    pub mobile: String,
    /// 邮箱.
    pub email: String,
}

/// The student at a place of a run's roster; another run has other people.
#[must_use]
pub fn student(run: u32, index: u32) -> Student {
    let serial = run.wrapping_mul(9_973).wrapping_add(index);
    let county = pick(&COUNTIES, serial / (BIRTHDAYS * 10));
    let birth = birthday(serial % BIRTHDAYS);
    let order = serial / BIRTHDAYS % 1_000;
    let head = format!("{county}{birth}{order:03}");
    let check = validators::identity_check(head.as_bytes()).map_or('X', char::from);
    let major =
        *MAJORS
            .get(index as usize % MAJORS.len())
            .unwrap_or(&("080901", "计算机科学与技术", "计算学部"));
    Student {
        number: format!("2022{run:06}{index:05}"),
        name: format!(
            "{}{}",
            pick(&SURNAMES, index.wrapping_mul(7)),
            pick(&GIVEN, index.wrapping_mul(11) / 3)
        ),
        gender: if order % 2 == 1 { "1" } else { "2" },
        birth,
        identity: format!("{head}{check}"),
        county,
        major,
        class: format!("{}2201班", major.1.chars().take(2).collect::<String>()),
        mobile: format!("139{:08}", serial % 100_000_000),
        email: format!("s{run:06}{index:05}@example.com"),
    }
}

/// A formally right credit code for a run.
#[must_use]
pub fn credit_code(run: u32) -> String {
    validators::complete_credit_code(&format!("91230199MA{:06}", run % 1_000_000))
        .map_or_else(String::new, |code| code.as_str().to_owned())
}

fn pick(list: &[&'static str], index: u32) -> &'static str {
    list.get(index as usize % list.len()).copied().unwrap_or_default()
}

fn birthday(days: u32) -> String {
    let day = time::macros::date!(2002 - 01 - 01) + time::Duration::days(i64::from(days));
    format!("{:04}{:02}{:02}", day.year(), u8::from(day.month()), day.day())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn five_thousand_people_have_right_and_different_numbers() {
        let people: Vec<Student> = (0..5_000).map(|index| student(4_321, index)).collect();
        for person in &people {
            let number = validators::identity_number(&person.identity).unwrap();
            let birth = number.birth_date().unwrap();
            assert_eq!(birth.to_string().replace('-', ""), person.birth);
            assert_eq!(number.sex() == validators::Sex::Male, person.gender == "1");
            validators::mobile(&person.mobile).unwrap();
        }
        let numbers: BTreeSet<&str> = people.iter().map(|person| person.identity.as_str()).collect();
        assert_eq!(numbers.len(), people.len());
        validators::credit_code(&credit_code(4_321)).unwrap();
    }
}
