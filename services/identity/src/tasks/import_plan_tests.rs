//! Files against a roster, without a database.

use std::fmt::Write as _;

use qihang_kit::validators;

use super::*;

fn frame() -> Frame {
    Frame {
        school_code: "4123010212".into(),
        short_code: "10212".into(),
        cohort: 2026,
    }
}

/// A file of so many good rows.
fn file(rows: u32) -> String {
    let mut text = String::from(
        "ksh,xh,xm,xbdm,csrq,sfzh,mzdm,zzmmdm,yxdm,xldm,zydm,zy,pyfsdm,xz,rxsj,bysj,szyx,szbj,sjhm,jtdz\n",
    );
    for row in 0..rows {
        let head = format!(
            "2301022003{:02}{:02}{:03}",
            row / 28_000 + 1,
            row / 1000 % 28 + 1,
            row % 1000
        );
        let check = char::from(validators::identity_check(head.as_bytes()).unwrap());
        let sex = if row % 2 == 1 { 1 } else { 2 };
        let birth = head.get(6..14).unwrap();
        writeln!(
            text,
            "26230101{row:06},2022{row:06},李明,{sex},{birth},{head}{check},01,13,10212,31,080902,软件工程,1,4,202209,202607,计算机学院,软件{},138{row:08},哈尔滨市道里区中央大街{row}号",
            row / 40,
        )
        .unwrap();
    }
    text
}

fn sealer() -> Sealer {
    Sealer::in_memory(&qihang_kit::crypto::CryptoSettings {
        development: true,
        ..Default::default()
    })
    .unwrap()
}

#[test]
fn a_file_is_planned_once_and_then_changes_nothing() {
    let sealer = sealer();
    let mut checked = check(file(3).as_bytes(), &frame()).unwrap();
    assert_eq!(
        (checked.errors, checked.warnings),
        (0, 0),
        "{:?}",
        checked.findings
    );
    let plan = plan(&sealer, &Ids::random(), &mut checked, &[]).unwrap();
    assert_eq!((plan.inserted, plan.updated, plan.unchanged), (3, 0, 0));
    let present: Vec<Present> = plan.staged.iter().map(present).collect();
    let again = super::plan(&sealer, &Ids::random(), &mut checked, &present).unwrap();
    assert_eq!((again.inserted, again.updated, again.unchanged), (0, 0, 3));
    let changed = file(3).replace("软件工程", "网络工程");
    let mut checked = check(changed.as_bytes(), &frame()).unwrap();
    let changed = super::plan(&sealer, &Ids::random(), &mut checked, &present).unwrap();
    assert_eq!((changed.inserted, changed.updated, changed.unchanged), (0, 3, 0));
    let expected = [ChangedField {
        field: "专业".into(),
        old: "软件工程".into(),
        new: "网络工程".into(),
    }];
    assert_eq!(changed.changes[0].fields, expected);
}

fn present(row: &Staged) -> Present {
    Present {
        id: row.id,
        student_number: row.student_number.clone(),
        cohort: row.cohort,
        name: row.name.clone(),
        department: row.department.clone(),
        class_name: row.class_name.clone(),
        identity_blind: row.identity_blind.clone(),
        identity_sealed: row.identity_sealed.clone(),
        locked: sqlx::types::Json(serde_json::from_str(&row.locked).unwrap()),
        locked_digest: row.locked_digest.clone(),
        roster_own_sealed: row.roster_own_sealed.clone(),
        roster_own_digest: row.own_digest.clone(),
    }
}

#[test]
fn what_cannot_be_used_says_why() {
    let code = |text: &str| check(text.as_bytes(), &frame()).unwrap_err().code;
    assert_eq!(code("xh,xm\n1,2\n"), "COLUMNS_MISSING");
    assert_eq!(code(file(0).as_str()), "FILE_EMPTY");
    assert_eq!(code(""), "FILE_EMPTY");
}

#[test]
fn a_person_under_another_number_is_a_warning() {
    let sealer = sealer();
    let mut checked = check(file(1).as_bytes(), &frame()).unwrap();
    let plan = plan(&sealer, &Ids::random(), &mut checked, &[]).unwrap();
    let mut known = present(&plan.staged[0]);
    known.student_number = "20199999".into();
    super::plan(&sealer, &Ids::random(), &mut checked, &[known]).unwrap();
    assert_eq!((checked.errors, checked.warnings), (0, 1));
}
