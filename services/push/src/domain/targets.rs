//! Whom an announcement may concern, by who announces.

use qihang_kit::auth::Role;

/// Whom an announcement concerns: each list that is not empty narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// Roles.
    pub roles: Vec<Role>,
    /// Schools.
    pub school_codes: Vec<String>,
    /// Graduation years.
    pub cohorts: Vec<i32>,
    /// Departments.
    pub departments: Vec<String>,
}

/// A school speaks to people of another school, or of none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("targets outside the school")]
pub struct Outside;

impl Targets {
    /// The targets as an office may have them: the province any, a school its own people.
    ///
    /// # Errors
    /// When a school names another one, or roles that no school has.
    pub fn of_office(mut self, school_code: &str) -> Result<Self, Outside> {
        if school_code.is_empty() {
            return Ok(self);
        }
        let own = self.school_codes.iter().all(|code| code == school_code);
        let of_schools = |role: &Role| matches!(role, Role::Student | Role::Department | Role::School);
        if !own || !self.roles.iter().all(of_schools) {
            return Err(Outside);
        }
        self.school_codes = vec![school_code.to_owned()];
        Ok(self)
    }

    /// The roles of staff among those whom it concerns; graduation years concern students alone.
    #[must_use]
    pub fn staff(&self) -> Vec<Role> {
        let staff = [Role::Department, Role::School, Role::Province];
        let all = self.roles.is_empty();
        let wanted = |role: &Role| self.cohorts.is_empty() && (all || self.roles.contains(role));
        staff.into_iter().filter(wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "4123010212";

    fn roles(roles: &[Role]) -> Targets {
        Targets {
            roles: roles.to_vec(),
            ..Targets::default()
        }
    }

    fn school(code: &str) -> Targets {
        Targets {
            school_codes: vec![code.to_owned()],
            ..Targets::default()
        }
    }

    #[test]
    fn a_school_speaks_to_its_own_people_alone() {
        for wanted in [
            Targets::default(),
            school(OWN),
            roles(&[Role::Student, Role::Department]),
        ] {
            assert_eq!(wanted.of_office(OWN).unwrap().school_codes, [OWN]);
        }
        assert_eq!(school("4123010213").of_office(OWN), Err(Outside));
        assert_eq!(roles(&[Role::Employer]).of_office(OWN), Err(Outside));
        assert_eq!(roles(&[Role::Province]).of_office(OWN), Err(Outside));
    }

    #[test]
    fn the_province_speaks_to_anybody() {
        for wanted in [Targets::default(), school(OWN), roles(&[Role::Employer])] {
            assert_eq!(wanted.clone().of_office(""), Ok(wanted));
        }
    }

    #[test]
    fn receipts_are_of_staff() {
        assert_eq!(
            Targets::default().staff(),
            [Role::Department, Role::School, Role::Province]
        );
        assert_eq!(roles(&[Role::School, Role::Student]).staff(), [Role::School]);
        assert_eq!(roles(&[Role::Student]).staff(), []);
        let cohort = Targets {
            cohorts: vec![2026],
            ..Targets::default()
        };
        assert_eq!(cohort.staff(), []);
    }
}
