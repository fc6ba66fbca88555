//! The offices of the walk without its student: for tests that send students of their own.

use std::{net::Ipv4Addr, time::Instant};

use anyhow::Context as _;

use super::{Api, Plan, Reading, Walk, people};

/// Address of the first student, a private one.
const FIRST: u32 = Ipv4Addr::new(10, 0, 1, 0).to_bits();

/// Those who wait for students, signed in.
#[derive(Clone, Debug)]
pub struct Offices {
    /// The API as nobody.
    nobody: Api,
    /// The school's staff; its roster is taken in.
    pub school: Api,
    /// Employers that the province has let in.
    pub employers: Vec<Api>,
}

/// Opens the school with its roster, and so many employers.
///
/// # Errors
/// The first refusal.
pub async fn open(base: &str, plan: &Plan, employers: u32) -> anyhow::Result<Offices> {
    let nobody = Api::new(base)?;
    let mut walk = begin(&nobody, plan);
    let province = walk.province().await?;
    let (school, _) = walk.school(&province).await?;
    walk.roster(&school).await?;
    let mut open = Vec::new();
    for number in 0..employers {
        let plan = Plan {
            run: plan.run + number,
            ..plan.clone()
        };
        open.push(begin(&nobody, &plan).employer(&province).await?);
    }
    Ok(Offices {
        nobody,
        school,
        employers: open,
    })
}

impl Offices {
    /// A student of the roster, registered and with an approved record, who begins to read an offer of one of the employers.
    /// Each calls from an address of their own.
    ///
    /// # Errors
    /// The first refusal.
    pub async fn reading(&self, plan: &Plan, index: u32) -> anyhow::Result<Reading> {
        let person = people::student(plan.run, index);
        let nobody = self.nobody.clone().at(Ipv4Addr::from_bits(FIRST + index));
        let mut walk = begin(&nobody, plan);
        let student = walk.register(&person).await?;
        walk.origin(&student, &self.school).await?;
        let employer = self.employers.get(index as usize % self.employers.len().max(1));
        let agreement = walk
            .offer(employer.context("there is no employer")?, &person)
            .await?;
        Reading::begin(&student, &agreement).await
    }
}

fn begin<'a>(nobody: &Api, plan: &'a Plan) -> Walk<'a, fn(super::Step)> {
    Walk {
        plan,
        nobody: nobody.clone(),
        report: |_| {},
        begun: Instant::now(),
    }
}
