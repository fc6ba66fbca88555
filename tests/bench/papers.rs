//! Drawing an agreement and sealing it.

use std::path::Path;

use qihang_documents::{
    render::{self, Drawing, Template},
    seal::{SealKey, SealNote, create_development_key},
};
use qihang_kit::clock::Clock;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use serde_json::{Value, json};

use crate::measure::{Line, Series, cpu, micros};

/// Documents of a round.
const DOCUMENTS: usize = 100;
/// Seals of a round.
const SEALS: usize = 1_000;
/// Rounds of each side.
const ROUNDS: usize = 5;

/// The data of an agreement, all different for each number.
fn data(number: usize) -> Value {
    let person = |title: &str| format!("{title}{number}");
    json!({
        "serial": format!("QH2026-10213-{number:06}-7"),
        "verify_code": "AB12CD34",
        "verify_url": format!("https://example.invalid/verify/QH2026-10213-{number:06}-7?code=AB12CD34"),
        "revision": "第 2 版",
        "employer": { "name": person("哈尔滨某某装备制造有限公司"), "credit_code": format!("91230100MA{number:08}"),
            "nature": "国有企业", "industry": "制造业", "region": "黑龙江省哈尔滨市", "address": person("南岗区学府路"),
            "postcode": "150086", "contact": person("王芳"), "phone": "0451-86608114", "email": "hr@example.cn" },
        "archive": { "accepted": true, "receiver": person("哈尔滨市人才服务中心"), "address": person("道里区友谊路") },
        "household": { "accepted": true, "address": person("南岗区西大直街") },
        "student": { "name": person("李明"), "gender": "男", "ethnic": "汉族", "politics": "共青团员", "birth_date": "2003年5月6日",
            "identity_number": format!("2301022003050{number:05}"), "education": "本科", "duration": "4年", "training_mode": "非定向",
            "department": "计算机学院", "major": "软件工程", "number": format!("2022{number:06}"), "origin": "黑龙江省齐齐哈尔市",
            "graduation_date": "2026年7月", "mobile": format!("138{number:08}"), "email": "li@example.cn", "address": person("龙沙区中华路") },
        "school": { "name": "哈尔滨工业大学", "office": "就业指导中心", "contact": "赵老师", "phone": "0451-86412114" },
        "terms": { "position": person("软件工程师"), "work_place": person("哈尔滨市松北区"), "period": "36个月", "probation": "3个月",
            "probation_salary": "6000元", "salary": "7500元", "report_by": "2026年7月20日", "lodging": "提供宿舍",
            "insurance": "五险一金", "benefits": "餐补、交通补贴", "release": "双方协商一致", "other": person("其他约定按公司制度执行。") },
        "signatures": [
            { "party": "EMPLOYER", "name": person("王芳"), "time": "2026-05-01 09:00", "hash": format!("{number:064x}") },
            { "party": "STUDENT", "name": person("李明"), "time": "2026-05-02 09:00", "hash": format!("{number:064x}") },
            { "party": "SCHOOL", "name": "就业指导中心", "opinion": "同意", "time": "2026-05-03 09:00" },
        ],
    })
}

/// Measures both on this thread alone.
pub(crate) fn lines(folder: &Path) -> anyhow::Result<Vec<Line>> {
    let now = Clock::system().now();
    render::warm_up(now);
    let own = std::process::id();
    let drawing = |number: usize| Drawing {
        template: Template::Agreement2026,
        data: data(number),
        watermark: String::new(),
        time: now,
    };
    let mut drawn = Series::default();
    for round in 0..ROUNDS {
        let before = cpu(own)?;
        for number in 0..DOCUMENTS {
            drop(render::pdf(&drawing(round * DOCUMENTS + number))?);
        }
        drawn.push(micros(cpu(own)? - before, DOCUMENTS) / 1e3);
    }
    let (sealed, bare) = seals(folder, render::pdf(&drawing(0))?)?;
    Ok(vec![
        Line {
            name: "agreement PDF, two pages, all data different: CPU".to_owned(),
            ours: drawn,
            unit: "ms",
            baseline: None,
            goal: "≤ 10 ms",
        },
        Line {
            name: "PAdES signature of it (P-256): CPU".to_owned(),
            ours: sealed,
            unit: "ms",
            baseline: Some(("one bare signature (P-256)", bare)),
            goal: "≤ 5 ms",
        },
    ])
}

fn seals(folder: &Path, pdf: Vec<u8>) -> anyhow::Result<(Series, Series)> {
    let (own, now) = (std::process::id(), Clock::system().now());
    create_development_key(folder, now)?;
    let read = |name: &str| std::fs::read_to_string(folder.join(name));
    let key = SealKey::from_pem(&read("key.pem")?, &read("certificate.pem")?)?;
    let note = SealNote {
        name: "启航".to_owned(),
        reason: "学校审核通过".to_owned(),
        time: now,
    };
    let random = SystemRandom::new();
    let bare_key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
        .and_then(|pkcs8| {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random)
                .map_err(|_| ring::error::Unspecified)
        })
        .map_err(|_| anyhow::anyhow!("a key cannot be made"))?;
    let (mut sealed, mut bare) = (Series::default(), Series::default());
    for _ in 0..ROUNDS {
        let before = cpu(own)?;
        for _ in 0..SEALS {
            drop(key.seal(pdf.clone(), &note)?);
        }
        sealed.push(micros(cpu(own)? - before, SEALS) / 1e3);
        let before = cpu(own)?;
        for _ in 0..SEALS * 10 {
            bare_key
                .sign(&random, &[7; 512])
                .map_err(|_| anyhow::anyhow!("it does not sign"))?;
        }
        bare.push(micros(cpu(own)? - before, SEALS * 10) / 1e3);
    }
    Ok((sealed, bare))
}
