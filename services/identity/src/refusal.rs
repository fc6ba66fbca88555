//! What the rules' refusals are called, and their Chinese sentences with the way out.

use qihang_kit::status::Fault;

use crate::{
    domain::{
        administrator,
        calendar::{self, Closed},
        correction, correction_fields, employer, locked_fields, member,
        origin::{self, IssueProblem, Part},
        own_fields::FieldFault,
        school,
    },
    error::Error,
};

impl From<origin::Refusal> for Fault {
    fn from(refusal: origin::Refusal) -> Self {
        use origin::Refusal;
        match refusal {
            Refusal::InvalidTransition { from, event } => {
                let message = format!(
                    "生源信息当前为“{}”，不能进行此操作，请刷新页面后查看",
                    from.title()
                );
                Self::precondition("INVALID_TRANSITION", message)
                    .with("from", from.as_str())
                    .with("event", event)
            }
            Refusal::NotYours { .. } => Self::permission_denied("NOT_YOUR_STEP", "此操作不属于您的角色"),
            Refusal::OtherLevel { waits_for } => other_level("生源信息", waits_for),
            Refusal::VersionConflict { present } => version_conflict(present),
            Refusal::Fields(faults) => fields(faults, "own"),
            Refusal::NotChecked => Self::invalid(
                "checked",
                "NOT_CHECKED",
                "请先核对全部信息，勾选“我已核对”后再送审",
            ),
            Refusal::WindowClosed(closed) => closed.into(),
            Refusal::Issue { field, problem } => issue(&field, problem),
            Refusal::Unsettled { field } => {
                let message = format!("学生标记“{}”有误，请先选择保持原值或已更正", title(&field));
                Self::precondition("ISSUE_UNSETTLED", message).with("field", field)
            }
            Refusal::NotCorrected { field } => {
                let message = format!(
                    "“{}”自送审以来没有变化，请先导入更正后的名册，或选择保持原值",
                    title(&field)
                );
                Self::precondition("ISSUE_NOT_CORRECTED", message).with("field", field)
            }
            Refusal::OwnEdit => Self::precondition(
                "OWN_EDIT",
                "送审后的只读信息由您导入更改，不能由同一人审核，请由其他老师审核",
            ),
            Refusal::AgreementHeld => Self::precondition(
                "AGREEMENT_HELD",
                "该生已有生效或待审核的就业协议，不能退回生源信息；如需更改，请先办理解约或使用信息纠错",
            ),
        }
    }
}

impl From<correction::Refusal> for Fault {
    fn from(refusal: correction::Refusal) -> Self {
        use correction::Refusal;
        let field = |index: usize| format!("fields[{index}].field");
        match refusal {
            Refusal::InvalidTransition { from, event } => {
                let message = format!(
                    "该纠错申请当前为“{}”，不能进行此操作，请刷新页面后查看",
                    from.title()
                );
                Self::precondition("INVALID_TRANSITION", message)
                    .with("from", from.as_str())
                    .with("event", event)
            }
            Refusal::NotYours => Self::permission_denied("NOT_YOUR_STEP", "此操作不属于您的角色"),
            Refusal::OtherLevel { waits_for } => other_level("纠错申请", waits_for),
            Refusal::SamePerson => Self::precondition(
                "SAME_PERSON",
                "更正姓名、证件号或考生号须由两人审核，您已审核过，请由另一位老师复核",
            ),
            Refusal::BaseNotApproved => Self::precondition(
                "ORIGIN_NOT_APPROVED",
                "生源信息审核通过后才能纠错；审核前请直接修改，或在送审时标记有误的只读信息",
            ),
            Refusal::ValuesChanged { fields } => {
                let titles: Vec<&str> = fields
                    .iter()
                    .map(|field| correction_fields::title(field))
                    .collect();
                let message = format!(
                    "申请之后“{}”已有变动，请对照现值，确认后再通过",
                    titles.join("、")
                );
                Self::precondition("VALUES_CHANGED", message).with("fields", fields.join(","))
            }
            Refusal::UnknownField { index } => Self::invalid(
                &field(index),
                "UNKNOWN_FIELD",
                "不是生源信息中可以纠错的项目，请从列表中选择",
            ),
            Refusal::Twice { index } => {
                Self::invalid(&field(index), "FIELD_TWICE", "同一项目只能填写一次，请合并")
            }
            Refusal::SameValue { index } => Self::invalid(
                &format!("fields[{index}].value"),
                "SAME_VALUE",
                "更正后的内容与现有内容相同，请检查",
            ),
            Refusal::EvidenceMissing { index } => Self::invalid(
                &format!("fields[{index}].evidenceFileIds"),
                "EVIDENCE_MISSING",
                "更正姓名、证件号或考生号须上传证明材料",
            ),
            Refusal::Fields(faults) => fields(faults, "fields"),
        }
    }
}

impl From<Closed> for Fault {
    fn from(Closed { kind, days }: Closed) -> Self {
        let title = kind.title();
        let fault = |message: String| Self::precondition("WINDOW_CLOSED", message);
        match days {
            Some(days) => fault(format!(
                "{title}的时间为{days}，现在不能办理；如有疑问请联系学校就业部门"
            ))
            .with("openDay", calendar::day(days.open()))
            .with("closeDay", calendar::day(days.close())),
            None => fault(format!(
                "学校和省里规定的{title}时间没有重合，现在不能办理，请联系学校就业部门"
            )),
        }
    }
}

impl From<employer::Refusal> for Fault {
    fn from(refusal: employer::Refusal) -> Self {
        use employer::Refusal;
        match refusal {
            Refusal::InvalidTransition { from, event } => {
                let message = format!("单位当前为“{}”，不能进行此操作，请刷新页面后查看", from.title());
                Self::precondition("INVALID_TRANSITION", message)
                    .with("from", from.as_str())
                    .with("event", event)
            }
            Refusal::NotYours { .. } => Self::permission_denied("NOT_YOUR_STEP", "此操作不属于您的角色"),
            Refusal::AdministratorOnly => Self::permission_denied(
                "ADMINISTRATOR_ONLY",
                "只有单位管理员可以修改和提交单位信息，请联系本单位管理员",
            ),
            Refusal::VersionConflict { present } => version_conflict(present),
            Refusal::Fields(faults) => fields(faults, "profile"),
            Refusal::NameBlank => Self::invalid("name", "NAME_BLANK", "请填写单位名称"),
            Refusal::SamePaper => Self::invalid(
                "licenceFileId",
                "SAME_PAPER",
                "证照、授权书和经办人身份证须为三个不同的文件",
            ),
            Refusal::SecondPersonNeeded => {
                Self::precondition("SECOND_PERSON_NEEDED", "恢复须由两人办理，请由另一位工作人员确认")
            }
            Refusal::NotYet => Self::precondition("NOT_YET", "认证尚未到期"),
            Refusal::Blacklisted => Self::precondition(
                "EMPLOYER_BLACKLISTED",
                "该单位在黑名单中，不能通过认证；如已整改，请先移出黑名单",
            ),
        }
    }
}

impl From<administrator::Refusal> for Fault {
    fn from(refusal: administrator::Refusal) -> Self {
        use administrator::Refusal;
        match refusal {
            Refusal::InvalidTransition { from, event } => {
                let message = format!("该申请当前为“{}”，不能进行此操作，请刷新页面后查看", from.title());
                Self::precondition("INVALID_TRANSITION", message)
                    .with("from", from.as_str())
                    .with("event", event)
            }
            Refusal::OwnProposal => {
                Self::precondition("OWN_PROPOSAL", "不能处理自己提交的申请，请由另一名省级管理员办理")
            }
            Refusal::NotProposer => {
                Self::precondition("NOT_PROPOSER", "只有提交人可以撤回申请；如不同意，请选择拒绝")
            }
            Refusal::DeciderGone => {
                Self::permission_denied("ROLE_NOT_ALLOWED", "您的账号已不是可用的省级管理员，不能处理申请")
            }
            Refusal::ProposerGone => Self::precondition(
                "PROPOSER_GONE",
                "提交人已不是省级管理员，该申请不再有效，请拒绝后重新提交",
            ),
        }
    }
}

impl From<administrator::Unfit> for Error {
    fn from(unfit: administrator::Unfit) -> Self {
        use administrator::Unfit;
        match unfit {
            Unfit::Staff(refusal) => refusal.into(),
            Unfit::NotAdministrator => Fault::precondition(
                "NOT_ADMINISTRATOR",
                "该账号不是省级管理员，无须两人确认，请直接办理",
            )
            .into(),
            Unfit::IsAdministrator => {
                Fault::precondition("ALREADY_ADMINISTRATOR", "该账号已是省级管理员，请刷新页面后查看").into()
            }
        }
    }
}

impl From<member::Refusal> for Fault {
    fn from(refusal: member::Refusal) -> Self {
        use member::Refusal;
        match refusal {
            Refusal::InvalidTransition { from, event } => {
                let message = format!("成员当前为“{}”，不能进行此操作，请刷新页面后查看", from.title());
                Self::precondition("INVALID_TRANSITION", message)
                    .with("from", from.as_str())
                    .with("event", event)
            }
            Refusal::AdministratorOnly => Self::permission_denied(
                "ADMINISTRATOR_ONLY",
                "只有单位管理员可以管理成员，请联系本单位管理员",
            ),
            Refusal::NotProvincesYet => Self::precondition(
                "NOT_YET",
                "加入申请由单位管理员处理，超过 7 天未处理的才由省就业中心办理",
            ),
            Refusal::NotYours => Self::permission_denied("NOT_YOUR_STEP", "此操作不属于您的角色"),
            Refusal::Oneself => Self::precondition(
                "SELF_NOT_ALLOWED",
                "不能为自己的账号签发，请由其他管理员办理；没有其他管理员的请联系省就业中心",
            ),
            Refusal::LastAdministrator => Self::precondition(
                "LAST_ADMINISTRATOR",
                "这是本单位最后一位管理员，不能移除或改为其他角色；请先指定另一位管理员",
            ),
        }
    }
}

impl From<school::Refusal> for Fault {
    fn from(refusal: school::Refusal) -> Self {
        use school::{Refusal, State};
        match refusal {
            Refusal::Already(State::Open) => {
                Self::precondition("INVALID_TRANSITION", "该学校没有停用，请刷新页面后查看")
            }
            Refusal::Already(State::Closed) => {
                Self::precondition("INVALID_TRANSITION", "该学校已经停用，请刷新页面后查看")
            }
            Refusal::Closed => Self::precondition(
                "SCHOOL_CLOSED",
                "该学校已停用，不再办理注册、导入生源和创建账号；如有疑问请联系省就业中心",
            ),
            Refusal::ProvinceOnly { field } => {
                let message = "校名、所在地、办学层次和性质由省就业中心维护，如需更改请联系省就业中心";
                Self::permission_denied("PROVINCE_ONLY", message).and_field(field, "PROVINCE_ONLY", message)
            }
            Refusal::RegionUnknown => Self::invalid(
                "regionCode",
                "REGION_UNKNOWN",
                "所在地不是本省的市（地区）代码，请从列表中选择",
            ),
        }
    }
}

fn other_level(what: &str, waits_for: Part) -> Fault {
    let who = if waits_for == Part::Department {
        "院系"
    } else {
        "学校"
    };
    Fault::precondition(
        "OTHER_REVIEW_LEVEL",
        format!("该{what}正在等待{who}审核，请由{who}处理"),
    )
}

fn version_conflict(present: u32) -> Fault {
    Fault::aborted("VERSION_CONFLICT", "提交的内容已更新，请查看最新版本后再处理")
        .with("presentVersion", present.to_string())
}

/// One violation a field.
fn fields(faults: Vec<FieldFault>, parent: &str) -> Fault {
    let mut faults = faults.into_iter();
    let path = |field: &str| format!("{parent}.{field}");
    let Some(first) = faults.next() else {
        return Fault::invalid(parent, "INVALID", "填写的内容有误，请检查");
    };
    let fault = Fault::invalid(&path(first.field), first.reason, first.message);
    faults.fold(fault, |fault, next| {
        fault.and_field(&path(next.field), next.reason, next.message)
    })
}

fn issue(field: &str, problem: IssueProblem) -> Fault {
    let title = title(field);
    let (reason, message) = match problem {
        IssueProblem::UnknownField => (
            "UNKNOWN_FIELD",
            format!("“{title}”不是只读信息中的项目，无法标记或处理"),
        ),
        IssueProblem::Twice => ("FLAGGED_TWICE", format!("“{title}”重复标记，请合并为一条")),
        IssueProblem::SameValue => (
            "SAME_VALUE",
            format!("“{title}”填写的正确内容与现有内容相同，请检查"),
        ),
        IssueProblem::EvidenceMissing => ("EVIDENCE_MISSING", format!("标记“{title}”有误时须上传证明材料")),
    };
    Fault::invalid("flaggedIssues", reason, message).with("field", field)
}

fn title(field: &str) -> String {
    locked_fields::field_named(field).map_or_else(|| field.to_owned(), |field| field.title.to_owned())
}
