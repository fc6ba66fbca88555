//! Where a student stands on the way to an agreement, read from the states of their records alone.

use time::OffsetDateTime;

use super::{
    agreement::State,
    slot::{Kind, Slot},
};

/// Titles of the steps, and the page that explains each.
pub const STEPS: [(&str, &str); 6] = [
    ("核对并送审生源信息", "origin-check"),
    ("等待学校审核生源信息", "origin-check"),
    ("等待用人单位发出签约邀请", "online-signing"),
    ("阅读签约邀请并应约", "online-signing"),
    ("等待学校审核协议", "online-signing"),
    ("签约完成", "online-signing"),
];

/// The student's record (生源信息), as identity knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// True when the school has approved it.
    pub approved: bool,
    /// Who acts next on it: STUDENT, DEPARTMENT or SCHOOL.
    pub waiting_for: String,
    /// Since when.
    pub since: Option<OffsetDateTime>,
}

/// What matters of the agreement that has the slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// State.
    pub state: State,
    /// Who acts next.
    pub waiting_for: &'static str,
    /// Since when.
    pub since: OffsetDateTime,
}

/// Where a student stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The step, from 1.
    pub step: usize,
    /// Who acts next; empty for nobody.
    pub waiting_for: String,
    /// Since when.
    pub since: Option<OffsetDateTime>,
    /// What to do, in Chinese.
    pub advice: &'static str,
}

/// Finds the place. `offers` is since when the oldest open offer waits.
#[must_use]
pub fn place(origin: &Origin, slot: Slot, signed: Option<Signed>, offers: Option<OffsetDateTime>) -> Place {
    if let Some(signed) = signed {
        return of_agreement(signed);
    }
    if let Some(reference) = slot.reference() {
        return elsewhere(reference.kind);
    }
    if !origin.approved {
        return of_origin(origin);
    }
    match offers {
        Some(since) => at(
            4,
            "STUDENT",
            Some(since),
            "您有待应约的签约邀请，请在有效期内阅读并应约或拒绝",
        ),
        None => at(
            3,
            "EMPLOYER",
            None,
            "请与用人单位达成意向，并把学校、学号和姓名告诉单位，由单位发出签约邀请",
        ),
    }
}

fn of_origin(origin: &Origin) -> Place {
    match origin.waiting_for.as_str() {
        "DEPARTMENT" => at(
            2,
            "DEPARTMENT",
            origin.since,
            "生源信息正在等待院系审核，审核前您仍可修改后重新送审",
        ),
        "SCHOOL" => at(
            2,
            "SCHOOL",
            origin.since,
            "生源信息正在等待学校审核，请留意审核结果",
        ),
        _ => at(
            1,
            "STUDENT",
            origin.since,
            "请在【生源信息核对】中核对、补全并送审",
        ),
    }
}

fn of_agreement(signed: Signed) -> Place {
    let Signed {
        state,
        waiting_for,
        since,
    } = signed;
    match state {
        State::AmendPendingStudent => at(
            5,
            waiting_for,
            Some(since),
            "用人单位修改了协议内容，请重新阅读后确认或拒绝；逾期按双方上次签署的版本继续审核",
        ),
        State::Effective => at(
            6,
            "",
            None,
            "协议已生效，可下载签章后的协议书；如需更换单位请先办理解约",
        ),
        State::Terminating => at(6, "", None, "解约正在办理，完成后可以重新签约"),
        _ => at(
            5,
            waiting_for,
            Some(since),
            "协议正在等待审核，审核期间不能与其他单位签约",
        ),
    }
}

fn elsewhere(kind: Kind) -> Place {
    let advice = match kind {
        Kind::Online => "您已在线上签约，可在【线上签约】中查看进度",
        Kind::Offline => "您已登记线下签约，如需线上签约请先办理解约",
        Kind::Other => "您已登记其他去向，如需签约请先解除原登记",
    };
    at(6, "", None, advice)
}

fn at(step: usize, waiting_for: &str, since: Option<OffsetDateTime>, advice: &'static str) -> Place {
    Place {
        step,
        waiting_for: waiting_for.to_owned(),
        since,
        advice,
    }
}

impl Place {
    /// The sentence for the student.
    #[must_use]
    pub fn text(&self) -> String {
        let title = STEPS
            .get(self.step.saturating_sub(1))
            .map_or("", |(title, _)| *title);
        let (step, all, advice) = (self.step, STEPS.len(), self.advice);
        format!("您现在在第 {step} 步，共 {all} 步：{title}。{advice}。")
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::{super::slot::Reference, *};

    const THEN: OffsetDateTime = datetime!(2026-03-01 08:00 UTC);

    fn origin(approved: bool, waiting_for: &str) -> Origin {
        Origin {
            approved,
            waiting_for: waiting_for.to_owned(),
            since: Some(THEN),
        }
    }

    fn slot(kind: Kind) -> Slot {
        Slot::Held(Reference {
            kind,
            id: Uuid::nil(),
        })
    }

    fn told(place: &Place) -> (usize, &str, Option<OffsetDateTime>) {
        (place.step, place.waiting_for.as_str(), place.since)
    }

    #[test]
    fn before_the_record_is_approved_it_comes_first_even_with_offers() {
        for (waits, step, who) in [
            ("STUDENT", 1, "STUDENT"),
            ("DEPARTMENT", 2, "DEPARTMENT"),
            ("SCHOOL", 2, "SCHOOL"),
        ] {
            let place = place(&origin(false, waits), Slot::Free, None, Some(THEN));
            assert_eq!(told(&place), (step, who, Some(THEN)));
        }
    }

    #[test]
    fn an_approved_record_waits_for_an_offer_and_an_offer_for_the_student() {
        let approved = origin(true, "");
        let without = place(&approved, Slot::Free, None, None);
        assert_eq!(told(&without), (3, "EMPLOYER", None));
        let with = place(&approved, Slot::Free, None, Some(THEN));
        assert_eq!(told(&with), (4, "STUDENT", Some(THEN)));
    }

    #[test]
    fn an_agreement_says_who_acts_next() {
        for (state, waiting_for, step, who) in [
            (State::PendingReview, "SCHOOL", 5, "SCHOOL"),
            (State::PendingReview, "DEPARTMENT", 5, "DEPARTMENT"),
            (State::AmendPendingStudent, "STUDENT", 5, "STUDENT"),
            (State::Effective, "", 6, ""),
            (State::Terminating, "", 6, ""),
        ] {
            let signed = Signed {
                state,
                waiting_for,
                since: THEN,
            };
            let place = place(&origin(true, ""), slot(Kind::Online), Some(signed), Some(THEN));
            assert_eq!((place.step, place.waiting_for.as_str()), (step, who), "{state:?}");
        }
    }

    #[test]
    fn another_destination_is_the_end_of_the_way() {
        for kind in [Kind::Offline, Kind::Other] {
            let place = place(&origin(true, ""), slot(kind), None, Some(THEN));
            assert_eq!(told(&place), (6, "", None));
        }
    }

    #[test]
    fn the_sentence_counts_the_steps() {
        let text = place(&origin(true, ""), Slot::Free, None, None).text();
        assert!(
            text.starts_with("您现在在第 3 步，共 6 步：等待用人单位发出签约邀请。"),
            "{text}"
        );
    }
}
