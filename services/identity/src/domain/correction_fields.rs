//! The fields that a correction may name. Corrected values are checked as the roster's import checks a row, so that a
//! correction can bring in nothing that a file could not.

use crate::domain::{
    locked_fields::{self, Locked},
    own_fields::{self, FieldFault, OwnFields},
    roster_check::{Checker, Frame, Severity},
    roster_columns::{Column, Layout},
};

/// Each field with its column in roster files: all but the cohort, which is which list a student stands on.
const FIELDS: [(&str, Column); 35] = [
    ("studentNumber", Column::Xh),
    ("name", Column::Xm),
    ("department", Column::Szyx),
    ("className", Column::Szbj),
    ("identityNumber", Column::Sfzh),
    ("examinationNumber", Column::Ksh),
    ("genderCode", Column::Xbdm),
    ("birthDate", Column::Csrq),
    ("identityKind", Column::Zjlx),
    ("ethnicCode", Column::Mzdm),
    ("politicalCode", Column::Zzmmdm),
    ("educationCode", Column::Xldm),
    ("majorCode", Column::Zydm),
    ("major", Column::Zy),
    ("majorDirection", Column::Zyfx),
    ("trainingModeCode", Column::Pyfsdm),
    ("commissioningUnit", Column::Dxhwpdw),
    ("householdOrigin", Column::Cxsy),
    ("schoolingYears", Column::Xz),
    ("enrolment", Column::Rxsj),
    ("graduation", Column::Bysj),
    ("normalStudentCode", Column::Sfslbdm),
    ("hardshipCode", Column::Knslbdm),
    ("formerFileUnit", Column::Rxqdaszdw),
    ("fileMoved", Column::Dasfzrxx),
    ("formerPoliceStation", Column::Rxqhkszdpcs),
    ("householdMoved", Column::Hksfzrxx),
    ("originRegionCode", Column::Syszddm),
    ("mobile", Column::Sjhm),
    ("email", Column::Dzyx),
    ("qq", Column::Qq),
    ("homeAddress", Column::Jtdz),
    ("homePostcode", Column::Jtyb),
    ("homePhone", Column::Jtdh),
    ("familyContact", Column::Jtlxr),
];

/// A record's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) locked: Locked,
    pub(crate) own: OwnFields,
}

/// The settled name of a field that may be corrected.
pub(crate) fn named(name: &str) -> Option<&'static str> {
    let wanted = locked_fields::field_named(name).map_or(name, |field| field.name);
    FIELDS.iter().map(|(name, _)| *name).find(|name| *name == wanted)
}

/// The names of all fields that may be corrected, in the manual's order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(name, _)| *name)
}

/// What a field is called.
pub(crate) fn title(name: &str) -> &'static str {
    let locked = locked_fields::field_named(name).map(|field| field.title);
    let own = own_fields::FIELDS.iter().find(|field| field.name == name);
    locked.or(own.map(|field| field.title)).unwrap_or_default()
}

impl Fields {
    /// The value of a field.
    pub(crate) fn value(&self, name: &str) -> String {
        let mut own = own_fields::FIELDS.iter().zip(self.own.values());
        let own = || {
            own.find(|(field, _)| field.name == name)
                .map(|(_, value)| value.to_owned())
        };
        self.locked.value(name).or_else(own).unwrap_or_default()
    }

    /// The fields with other values, normalised, and what does not go together in them.
    ///
    /// # Errors
    /// Each field whose value cannot be.
    pub(crate) fn corrected<'a>(
        &self,
        school_code: &str,
        changes: impl IntoIterator<Item = (&'a str, &'a str)> + Clone,
    ) -> Result<(Self, Vec<String>), Vec<FieldFault>> {
        let changed = |name: &str| {
            let mut found = changes.clone().into_iter().filter(|(field, _)| *field == name);
            found.next().map(|(_, value)| value.trim().to_owned())
        };
        let mut headers = vec![Column::Yxdm.header().to_owned()];
        let mut cells = vec![school_code.to_owned()];
        for (name, column) in FIELDS {
            headers.push(column.header().to_owned());
            cells.push(changed(name).unwrap_or_else(|| self.value(name)));
        }
        let Ok(layout) = Layout::read(&headers) else {
            return Err(Vec::new());
        };
        let frame = Frame {
            school_code: school_code.to_owned(),
            short_code: school_code.to_owned(),
            cohort: self.locked.cohort,
        };
        let (row, findings) = Checker::new(&layout, &frame).check(1, &cells);
        let (errors, warnings): (Vec<_>, Vec<_>) = findings
            .into_iter()
            .partition(|finding| finding.severity == Severity::Error);
        let faults: Vec<FieldFault> = errors
            .into_iter()
            .map(|finding| FieldFault {
                field: field_of(finding.column),
                reason: "INVALID_VALUE",
                message: finding.message,
            })
            .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        let fields = Self {
            locked: row.locked,
            own: row.own,
        };
        Ok((
            fields,
            warnings.into_iter().map(|finding| finding.message).collect(),
        ))
    }
}

fn field_of(header: &str) -> &'static str {
    let found = FIELDS.iter().find(|(_, column)| column.header() == header);
    found.map_or("fields", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_but_the_cohort_may_be_corrected_and_has_a_title() {
        let locked = locked_fields::FIELDS.iter().map(|field| field.name);
        let own = own_fields::FIELDS.iter().map(|field| field.name);
        let all: Vec<&str> = locked.chain(own).filter(|name| *name != "cohort").collect();
        let mut ours: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
        assert!(ours.iter().all(|name| !title(name).is_empty()));
        ours.sort_unstable();
        let mut wanted = all.clone();
        wanted.sort_unstable();
        assert_eq!(ours, wanted);
        assert_eq!((named("gender"), named("cohort")), (Some("genderCode"), None));
    }
}
