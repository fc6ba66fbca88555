//! What an import would do: the file checked row by row, then compared with the roster and sealed. No I/O.

use std::collections::HashMap;

use qihang_kit::{
    crypto::Sealer,
    ids::Ids,
    sheet::{self, Unreadable},
    status::Fault,
    validators,
};
use uuid::Uuid;

use crate::{
    domain::{
        locked_fields::{self, Locked},
        own_fields::{self, OwnFields},
        roster_check::{Checker, Finding, Frame, Row, Severity},
        roster_columns::{Layout, LayoutFault},
    },
    sealing::{self, Kind},
    store::{
        imports::{Change, ChangedField, Ending},
        merge::{Present, Staged},
    },
};

/// Most findings that are kept; all are counted.
const MAX_FINDINGS: usize = 10_000;

/// Most changes that are kept for the preview; all are counted.
const MAX_CHANGES: usize = 1000;

/// A file after its checks.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) rows: Vec<Row>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) errors: u32,
    pub(crate) warnings: u32,
    pub(crate) unknown_columns: Vec<String>,
}

/// Why a file goes no further than its header or its encoding.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// What is to be written.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) staged: Vec<Staged>,
    pub(crate) changes: Vec<Change>,
    pub(crate) inserted: u32,
    pub(crate) updated: u32,
    pub(crate) unchanged: u32,
}

impl Checked {
    fn add(&mut self, finding: Finding) {
        match finding.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        }
    }

    /// The counts of an ending.
    pub(crate) fn ending(&self, plan: &Plan) -> Ending {
        Ending {
            rows: u32::try_from(self.rows.len()).unwrap_or(u32::MAX),
            inserted: plan.inserted,
            updated: plan.updated,
            unchanged: plan.unchanged,
            errors: self.errors,
            warnings: self.warnings,
            unknown_columns: self.unknown_columns.clone(),
            error_code: "",
            error: String::new(),
        }
    }
}

/// Reads and checks a file.
///
/// # Errors
/// Why nothing of it can be used.
pub(crate) fn check(bytes: &[u8], frame: &Frame) -> Result<Checked, Refused> {
    let mut header = None;
    sheet::read(bytes, &mut |_, cells| {
        header = Some(cells);
        false
    })
    .map_err(unreadable)?;
    let header = header.ok_or(Unreadable::Empty).map_err(unreadable)?;
    let layout = Layout::read(&header).map_err(|fault| layout_refused(&fault))?;
    let mut checked = Checked {
        unknown_columns: layout.unknown.clone(),
        ..Checked::default()
    };
    let mut checker = Checker::new(&layout, frame);
    let mut first = true;
    sheet::read(bytes, &mut |number, cells| {
        if std::mem::take(&mut first) {
            return true;
        }
        let (row, findings) = checker.check(number, &cells);
        findings.into_iter().for_each(|finding| checked.add(finding));
        checked.rows.push(row);
        true
    })
    .map_err(unreadable)?;
    if checked.rows.is_empty() {
        return Err(Refused {
            code: "FILE_EMPTY",
            message: "文件只有表头，没有学生数据，请检查后重新上传".to_owned(),
        });
    }
    Ok(checked)
}

fn unreadable(problem: Unreadable) -> Refused {
    let code = match problem {
        Unreadable::Empty => "FILE_EMPTY",
        Unreadable::TooManyRows => "TOO_MANY_ROWS",
        Unreadable::Encoding => "ENCODING_UNKNOWN",
        Unreadable::Workbook | Unreadable::Csv(_) => "FILE_UNREADABLE",
    };
    Refused {
        code,
        message: problem.to_string(),
    }
}

fn layout_refused(fault: &LayoutFault) -> Refused {
    match fault {
        LayoutFault::Missing(missing) => Refused {
            code: "COLUMNS_MISSING",
            message: format!("缺少必需的列：{}。请补齐后重新上传", missing.join("、")),
        },
        LayoutFault::Twice(column) => Refused {
            code: "COLUMN_TWICE",
            message: format!("列{column}出现了两次，请删除其中一列后重新上传"),
        },
    }
}

/// Compares the rows with the roster and seals those that are new or changed.
///
/// # Errors
/// INTERNAL when a value does not seal or open.
pub(crate) fn plan(
    sealer: &Sealer,
    ids: &Ids,
    checked: &mut Checked,
    present: &[Present],
) -> Result<Plan, Fault> {
    let by_number: HashMap<&str, &Present> = present
        .iter()
        .map(|row| (row.student_number.as_str(), row))
        .collect();
    let by_identity: HashMap<&[u8], &Present> = present
        .iter()
        .map(|row| (row.identity_blind.as_slice(), row))
        .collect();
    let mut plan = Plan::default();
    let rows = std::mem::take(&mut checked.rows);
    for row in &rows {
        let blind = sealing::identity_blind(sealer, &row.locked.identity_number);
        if let Some(other) = by_identity.get(blind.as_slice())
            && other.student_number != row.locked.student_number
        {
            checked.add(elsewhere(row, &other.student_number));
        }
        let locked_digest = sealing::locked_digest(sealer, &row.locked);
        let own_digest = sealing::own_digest(sealer, &row.own);
        let known = by_number.get(row.locked.student_number.as_str()).copied();
        match known {
            Some(known) if known.locked_digest == locked_digest && known.roster_own_digest == own_digest => {
                plan.unchanged += 1;
                continue;
            }
            Some(_) => plan.updated += 1,
            None => plan.inserted += 1,
        }
        if plan.changes.len() < MAX_CHANGES {
            plan.changes.push(change(sealer, row, known)?);
        }
        let id = known.map_or_else(|| ids.new_id(), |known| known.id);
        plan.staged
            .push(stage(sealer, id, row, (blind, locked_digest, own_digest))?);
    }
    checked.rows = rows;
    Ok(plan)
}

fn elsewhere(row: &Row, number: &str) -> Finding {
    Finding {
        row: row.number,
        column: "sfzh",
        value: validators::mask_identity(&row.locked.identity_number),
        severity: Severity::Warning,
        message: format!("该证件号在本校名册中已属于学号{number}，请核对是否为同一人"),
    }
}

fn stage(
    sealer: &Sealer,
    id: Uuid,
    row: &Row,
    (identity_blind, locked_digest, own_digest): (Vec<u8>, Vec<u8>, Vec<u8>),
) -> Result<Staged, Fault> {
    let locked = &row.locked;
    Ok(Staged {
        id,
        student_number: locked.student_number.clone(),
        cohort: locked.cohort,
        name: locked.name.clone(),
        department: locked.department.clone(),
        class_name: locked.class_name.clone(),
        identity_blind,
        identity_sealed: sealing::seal(sealer, Kind::Identity, id, &locked.identity_number)?,
        locked: serde_json::to_string(&locked.details).map_err(|error| Fault::internal(&error))?,
        locked_digest,
        origin_region: row.own.origin_region.clone(),
        own_sealed: sealing::seal(sealer, Kind::Own, id, &row.own)?,
        own_digest,
        roster_own_sealed: sealing::seal(sealer, Kind::RosterOwn, id, &row.own)?,
    })
}

fn change(sealer: &Sealer, row: &Row, known: Option<&Present>) -> Result<Change, Fault> {
    let fields = match known {
        Some(known) => changed_fields(sealer, row, known)?,
        None => Vec::new(),
    };
    Ok(Change {
        file_row: i32::try_from(row.number).unwrap_or(i32::MAX),
        student_number: row.locked.student_number.clone(),
        name_masked: validators::mask_name(&row.locked.name),
        inserted: known.is_none(),
        fields,
    })
}

fn changed_fields(sealer: &Sealer, row: &Row, known: &Present) -> Result<Vec<ChangedField>, Fault> {
    let before = Locked {
        student_number: known.student_number.clone(),
        cohort: known.cohort,
        name: known.name.clone(),
        department: known.department.clone(),
        class_name: known.class_name.clone(),
        identity_number: sealing::open(sealer, Kind::Identity, known.id, &known.identity_sealed)?,
        details: known.locked.0.clone(),
    };
    let before_own: OwnFields = sealing::open(sealer, Kind::RosterOwn, known.id, &known.roster_own_sealed)?;
    let shown = |value: &str, personal| {
        if personal {
            validators::mask_identity(value)
        } else {
            value.to_owned()
        }
    };
    let locked = locked_fields::FIELDS
        .iter()
        .zip(before.values().into_iter().zip(row.locked.values()));
    let mut fields: Vec<ChangedField> = locked
        .filter(|(_, (old, new))| old != new)
        .map(|(field, (old, new))| ChangedField {
            field: field.title.to_owned(),
            old: shown(&old, field.personal),
            new: shown(&new, field.personal),
        })
        .collect();
    let own = own_fields::FIELDS
        .iter()
        .zip(before_own.values().into_iter().zip(row.own.values()));
    fields.extend(
        own.filter(|(_, (old, new))| old != new)
            .map(|(field, (old, new))| ChangedField {
                field: field.title.to_owned(),
                old: shown(old, true),
                new: shown(new, true),
            }),
    );
    Ok(fields)
}

#[cfg(test)]
#[path = "import_plan_tests.rs"]
mod tests;
