//! The offices of the walk without its student: for tests that send students of their own.

use std::time::Instant;

use super::{Api, Plan, Walk};

/// Those who wait for students, signed in.
#[derive(Clone, Debug)]
pub struct Offices {
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
    let mut walk = begin(base, plan)?;
    let province = walk.province().await?;
    let (school, _) = walk.school(&province).await?;
    walk.roster(&school).await?;
    let mut open = Vec::new();
    for number in 0..employers {
        let plan = Plan {
            run: plan.run + number,
            ..plan.clone()
        };
        open.push(begin(base, &plan)?.employer(&province).await?);
    }
    Ok(Offices {
        school,
        employers: open,
    })
}

fn begin<'a>(base: &str, plan: &'a Plan) -> anyhow::Result<Walk<'a, fn(super::Step)>> {
    Ok(Walk {
        plan,
        nobody: Api::new(base)?,
        report: |_| {},
        begun: Instant::now(),
    })
}
