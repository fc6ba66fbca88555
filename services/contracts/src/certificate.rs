//! The data of the certificate behind an agreement in force: how it came about, step by step, masked (CT-45).

use std::net::IpAddr;

use prost_types::Value;
use qihang_kit::{auth::ClientKind, validators};
use sqlx::PgConnection;

use crate::{
    error::Error,
    paper::{entry, list, moment_to_the_second, text},
    store::{
        agreements::Record,
        history::{self, Link},
        revisions,
    },
};

/// Most steps that are printed; the chain's head covers all.
const MOST_STEPS: usize = 100;

/// The certificate of a revision as the approval left it: what came later is not in it, so that the same approval asks for
/// the same document however late.
///
/// # Errors
/// `Inconsistent` when the chain of the steps is broken: such an agreement gets no sealed document.
pub(crate) async fn data(conn: &mut PgConnection, record: &Record, revision: i32) -> Result<Value, Error> {
    let id = record.rules.id;
    let links = history::list(&mut *conn, id).await?;
    if !history::intact(&links) {
        return Err(Error::Inconsistent {
            table: "history",
            column: "hash",
            id,
        });
    }
    let approval = links.iter().rposition(|link| link.step.event == "approve");
    let end = approval.ok_or(Error::Inconsistent {
        table: "history",
        column: "event",
        id,
    })?;
    let signatures = revisions::signatures(conn, id, revision).await?;
    let content = signatures.first().map(|signed| hex::encode(&signed.hash));
    let until: Vec<&Link> = links.iter().take(end + 1).collect();
    let head = until.last().map(|link| hex::encode(&link.hash));
    let shown: Vec<(&Link, &str)> = until
        .iter()
        .filter_map(|link| Some((*link, words(&link.step.event)?)))
        .collect();
    let skipped = shown.len().saturating_sub(MOST_STEPS);
    let steps = shown.iter().skip(skipped).map(|(link, words)| step(link, words));
    Ok(entry([
        ("revision", text(format!("第 {revision} 版"))),
        ("content_sha256", text(content.unwrap_or_default())),
        ("chain_sha256", text(head.unwrap_or_default())),
        (
            "chain_note",
            text(format!(
                "截至审核通过共 {} 步，生成本页时已逐步校验一致",
                until.len()
            )),
        ),
        ("events", list(steps.collect())),
    ]))
}

fn step(link: &Link, words: &str) -> Value {
    let step = &link.step;
    let name = match step.actor_role.as_str() {
        "SYSTEM" => step.actor_name.clone(),
        _ => validators::mask_name(&step.actor_name),
    };
    entry([
        ("number", text(link.sequence.to_string())),
        ("time", text(moment_to_the_second(step.create_time))),
        ("event", text(words)),
        ("role", text(role(&step.actor_role))),
        ("name", text(name)),
        ("address", text(masked(&step.address))),
        ("client", text(ClientKind::parse(&step.client).title())),
    ])
}

/// The step in words; none for those that say nothing of the signing.
pub(crate) fn words(event: &str) -> Option<&'static str> {
    Some(match event {
        "send" => "签署并发出邀请",
        "edit" => "修改并重新签署",
        "open" => "打开协议",
        "accept" => "应约并签署",
        "amend" => "应约后修改并签署",
        "confirmAmendment" => "确认修改并签署",
        "refuseAmendment" => "不同意修改",
        "takeBackAmendment" => "撤回修改",
        "amendmentTimeout" => "修改超时失效",
        "requestCancel" => "申请撤销",
        "withdrawCancel" => "收回撤销申请",
        "cancelLapse" => "撤销申请失效",
        "passLevel" => "院系审核通过",
        "approve" => "学校审核通过",
        _ => return None,
    })
}

fn role(role: &str) -> &'static str {
    match role {
        "STUDENT" => "毕业生",
        "EMPLOYER" => "用人单位",
        "DEPARTMENT" => "院系",
        "SCHOOL" => "学校",
        _ => "平台",
    }
}

/// The first half of an address: enough to tell networks apart, not a household.
fn masked(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V4(address)) => {
            let [one, two, ..] = address.octets();
            format!("{one}.{two}.*.*")
        }
        Ok(IpAddr::V6(address)) => {
            let [one, two, ..] = address.segments();
            format!("{one:x}:{two:x}:*")
        }
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_first_half() {
        assert_eq!(masked("203.0.113.7"), "203.0.*.*");
        assert_eq!(masked("2001:db8:1:2:3:4:5:6"), "2001:db8:*");
        assert_eq!(masked(""), "");
    }
}
