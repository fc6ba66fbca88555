//! Measures drawing, sealing and checking with data that differ each time, and writes a sample when given a folder:
//! `cargo run --release -p qihang-documents --example measure -- /tmp/sample`

#![expect(clippy::print_stdout, reason = "prints its measurements")]

use std::{env, fs, path::PathBuf, time::Instant};

use anyhow::Context as _;
use qihang_documents::{
    render::{self, Drawing, Template},
    seal::{self, SealKey, SealNote, TrustList},
};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};

const NOW: OffsetDateTime = datetime!(2026-05-21 06:45:00 UTC);
const ROUNDS: usize = 50;

fn main() -> anyhow::Result<()> {
    let folder = env::temp_dir().join(format!("qihang-measure-{}", std::process::id()));
    seal::create_development_key(&folder.join("seal"), NOW)?;
    let read = |name: &str| fs::read_to_string(folder.join("seal").join(name));
    let key = SealKey::from_pem(&read("key.pem")?, &read("certificate.pem")?)?;
    fs::remove_dir_all(&folder)?;
    let trust = TrustList::of(key.certificate())?;
    let note = SealNote {
        name: "启航就业服务平台".to_owned(),
        reason: "学校审核通过".to_owned(),
        time: NOW,
    };

    let started = Instant::now();
    render::warm_up(NOW);
    println!("first drawing   {:8.2} ms", started.elapsed().as_secs_f64() * 1e3);
    let mut files = Vec::new();
    measure("pdf", || {
        let pdf = render::pdf(&drawing(files.len(), ""))?;
        files.push(pdf);
        Ok(())
    })?;
    let mut sealed = Vec::new();
    measure("seal", || {
        sealed.push(key.seal(files.get(sealed.len()).cloned().context("drawn before")?, &note)?);
        Ok(())
    })?;
    let mut next = 0;
    measure("verify", || {
        seal::verify(sealed.get(next).context("sealed before")?, &trust)?;
        next += 1;
        Ok(())
    })?;
    let mut number = ROUNDS;
    measure("png, two pages", || {
        number += 1;
        render::png(&drawing(number, "待学校审核"))?;
        Ok(())
    })?;
    let last = sealed.last().context("sealed before")?;
    println!("sealed file     {:8} bytes", last.len());
    match env::args_os().nth(1).map(PathBuf::from) {
        Some(folder) => write_sample(&folder, last),
        None => Ok(()),
    }
}

fn measure(name: &str, mut round: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        round()?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let at = |part: usize| times.get(ROUNDS * part / 100).copied().unwrap_or_default();
    println!("{name:15} p50 {:8.2} ms  p95 {:8.2} ms", at(50), at(95));
    Ok(())
}

fn write_sample(folder: &std::path::Path, sealed: &[u8]) -> anyhow::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("agreement.pdf"), sealed)?;
    for (page, picture) in render::png(&drawing(7, "待学校审核"))?.into_iter().enumerate() {
        fs::write(folder.join(format!("page{}.png", page + 1)), picture)?;
    }
    Ok(())
}

fn drawing(number: usize, watermark: &str) -> Drawing {
    Drawing {
        template: Template::Agreement2026,
        data: data(number),
        watermark: watermark.to_owned(),
        time: NOW,
    }
}

fn data(number: usize) -> Value {
    let hash = format!("{number:064x}");
    json!({
        "serial": format!("QH2026-10213-{number:06}-7"), "verify_code": "K7M4P9XR", "revision": "第 2 版",
        "verify_url": format!("https://job.example.cn/verify/QH2026-10213-{number:06}-7?code=K7M4P9XR"),
        "employer": {"name": format!("黑龙江北辰精密仪器制造有限公司第{number}分公司"), "credit_code": "91230102MA1B2C3D4E",
            "nature": "民营企业", "industry": "仪器仪表制造业", "parent": "哈尔滨市道里区市场监督管理局",
            "region": "黑龙江省哈尔滨市道里区", "address": format!("黑龙江省哈尔滨市道里区友谊路 {number} 号北辰大厦 12 层"),
            "postcode": "150010", "contact": "王淑珍", "phone": "0451-84612345", "email": "hr@beichen-instruments.example.cn"},
        "archive": {"accepted": true, "receiver": "哈尔滨市人力资源和社会保障局人才服务中心",
            "address": "哈尔滨市南岗区人和街 45 号", "postcode": "150001", "contact": "李处长", "phone": "0451-87654321"},
        "household": {"accepted": false, "address": "黑龙江省牡丹江市东安区派出所（原籍）"},
        "student": {"name": format!("欧阳㛃珺{}", number % 10), "gender": "女", "ethnic": "汉族", "politics": "中国共产党预备党员",
            "birth_date": "2004年3月8日", "identity_number": "230102200403081234", "education": "本科毕业", "duration": "4 年",
            "training_mode": "非定向", "department": "机电工程学院", "major": "测控技术与仪器",
            "number": format!("20221{number:05}"), "origin": "黑龙江省牡丹江市东安区", "graduation_date": "2026年7月1日",
            "mobile": "13845612345", "email": "ouyang@stu.example.edu.cn", "address": "黑龙江省牡丹江市东安区七星街 18 号"},
        "school": {"name": "北国工业大学", "office": "学生就业指导服务中心", "contact": "赵老师", "phone": "0451-86412345",
            "address": "哈尔滨市南岗区西大直街 9 号", "postcode": "150001"},
        "terms": {"position": "嵌入式软件工程师", "job_type": "工程技术人员", "work_place": "黑龙江省哈尔滨市道里区",
            "period": "三年（2026年7月15日至2029年7月14日）", "probation": "3 个月", "probation_salary": "7200 元/月（税前）",
            "salary": format!("{} 元/月（税前）", 9000 + number), "report_by": "2026年7月15日前", "lodging": "提供集体宿舍，每间两人",
            "insurance": "五险一金，自到岗当月起缴纳", "benefits": "年度体检、带薪年休假、餐补每月 600 元、交通补贴",
            "employer_penalty": "5000 元", "student_penalty": "5000 元",
            "release": "甲方生产经营发生严重困难，提前三十日书面通知的。",
            "other": "甲方承诺乙方入职后安排不少于一个月的岗前培训，培训费用由甲方承担。"},
        "signatures": [
            {"party": "EMPLOYER", "name": "黑龙江北辰精密仪器制造有限公司", "handler": "王淑珍", "time": "2026年5月18日 09:12", "hash": hash},
            {"party": "STUDENT", "name": "欧阳㛃珺", "opinion": "同意签约", "time": "2026年5月19日 20:31", "hash": hash},
            {"party": "DEPARTMENT", "name": "机电工程学院", "opinion": "情况属实，同意", "time": "2026年5月20日 10:02", "hash": hash},
            {"party": "SCHOOL", "name": "学生就业指导服务中心", "opinion": "审核通过", "time": "2026年5月21日 14:45", "hash": hash},
        ],
    })
}
