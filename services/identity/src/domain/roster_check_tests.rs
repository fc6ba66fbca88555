//! Cells, one rule a test.

use proptest::prelude::*;

use super::*;

const HEADERS: &str = "ksh,xh,xm,xbdm,csrq,sfzh,mzdm,zzmmdm,yxdm,xldm,zydm,zy,pyfsdm,dxhwpdw,syszddm,cxsy,xz,rxsj,bysj,szyx,szbj,sjhm,dzyx,zjlx";
const GOOD: &str = "26230101150001,20220001,李小明,2,19491231,11010519491231002X,01,13,10212,31,080902,软件工程,1,,230102,城镇,4,202209,202607,计算机学院,软件2201,13812345678,li@hlju.edu.cn,1";

fn frame() -> Frame {
    Frame {
        school_code: "4123010212".into(),
        short_code: "10212".into(),
        cohort: 2026,
    }
}

fn headers() -> Vec<String> {
    HEADERS.split(',').map(str::to_owned).collect()
}

/// The good row with some cells replaced, checked.
fn check(changes: &[(&str, &str)]) -> (Row, Vec<Finding>) {
    let layout = Layout::read(&headers()).unwrap();
    Checker::new(&layout, &frame()).check(2, &row(changes))
}

fn row(changes: &[(&str, &str)]) -> Vec<String> {
    let mut cells: Vec<String> = GOOD.split(',').map(str::to_owned).collect();
    for (header, value) in changes {
        let place = headers().iter().position(|known| known == header).unwrap();
        cells[place] = (*value).to_owned();
    }
    cells
}

fn only(changes: &[(&str, &str)]) -> Finding {
    let (_, findings) = check(changes);
    assert_eq!(findings.len(), 1, "{findings:?}");
    findings[0].clone()
}

#[test]
fn a_good_row_is_read_without_a_finding() {
    let (row, findings) = check(&[]);
    assert_eq!(findings, []);
    assert_eq!(row.locked.details.birth_date, "1949-12-31");
    assert_eq!(row.locked.details.graduation, "2026-07");
    assert_eq!(row.own.origin_region, "230102");
}

#[test]
fn each_wrong_cell_is_found_in_its_column() {
    for (header, value) in [
        ("ksh", "2 3"),
        ("xh", ""),
        ("xh", "2022 01"),
        ("xm", ""),
        ("xbdm", "7"),
        ("csrq", "20030231"),
        ("sfzh", "110105194912310021"),
        ("mzdm", "99"),
        ("zzmmdm", "77"),
        ("yxdm", "10213"),
        ("xldm", "9"),
        ("zydm", ""),
        ("zy", ""),
        ("pyfsdm", "9"),
        ("syszddm", "230100"),
        ("cxsy", "郊区"),
        ("xz", "4.2"),
        ("rxsj", "2022"),
        ("bysj", "202507"),
        ("szyx", ""),
        ("szbj", ""),
        ("sjhm", "123"),
        ("dzyx", "x"),
        ("zjlx", "9"),
    ] {
        let finding = only(&[(header, value)]);
        assert_eq!(
            (finding.column, finding.severity, finding.row),
            (header, Severity::Error, 2),
            "{header}={value}"
        );
        assert!(!finding.message.is_empty());
    }
}

#[test]
fn sex_and_birth_beside_the_identity_number_are_warnings() {
    let sex = only(&[("xbdm", "1")]);
    assert_eq!((sex.column, sex.severity), ("xbdm", Severity::Warning));
    let birth = only(&[("csrq", "19491230")]);
    assert_eq!((birth.column, birth.severity), ("csrq", Severity::Warning));
}

#[test]
fn a_commissioned_student_needs_the_unit() {
    for mode in ["2", "4"] {
        assert_eq!(only(&[("pyfsdm", mode)]).column, "dxhwpdw");
        assert_eq!(check(&[("pyfsdm", mode), ("dxhwpdw", "某医院")]).1, []);
    }
}

#[test]
fn a_passport_is_not_an_identity_number() {
    assert_eq!(check(&[("zjlx", "3"), ("sfzh", "E12345678")]).1, []);
}

#[test]
fn numbers_and_identities_come_once_a_file() {
    let layout = Layout::read(&headers()).unwrap();
    let frame = frame();
    let mut checker = Checker::new(&layout, &frame);
    assert_eq!(checker.check(2, &row(&[])).1, []);
    let (_, findings) = checker.check(3, &row(&[]));
    assert_eq!(
        findings.iter().map(|finding| finding.column).collect::<Vec<_>>(),
        ["xh", "sfzh"]
    );
    assert!(findings[0].message.contains("第2行"));
}

#[test]
fn reports_mask_personal_values() {
    let finding = only(&[("sfzh", "110105194912310021")]);
    assert_eq!(finding.value, "110***********0021");
}

#[test]
fn dates_are_read_as_people_write_them() {
    for text in [
        "20030415",
        "2003-4-15",
        "2003/04/15",
        "2003.4.15",
        "2003年4月15日",
        "2003-04-15 00:00:00",
    ] {
        assert_eq!(
            read_date(text, Precision::Day).as_deref(),
            Some("2003-04-15"),
            "{text}"
        );
    }
    assert_eq!(read_date("202607", Precision::Month).as_deref(), Some("2026-07"));
    assert_eq!(
        read_date("2026年7月", Precision::Month).as_deref(),
        Some("2026-07")
    );
    assert_eq!(read_date("202607", Precision::Day), None);
}

proptest! {
    #[test]
    fn any_cells_are_checked_without_a_panic(cells in proptest::collection::vec(".{0,20}", 0..30)) {
        let layout = Layout::read(&headers()).unwrap();
        let frame = frame();
        let (_, findings) = Checker::new(&layout, &frame).check(2, &cells);
        prop_assert!(!findings.is_empty());
    }
}
