//! What the parties of the walk fill in and hand in.

use serde_json::{Value, json};

/// A paper to show: a small picture.
pub(super) const PAPER: &[u8] = include_bytes!("../../assets/paper.png");

/// What the employer says of itself.
pub(super) fn profile() -> Value {
    json!({
        "natureCode": "39", "industryCode": "34", "scaleCode": "3", "regionCode": "230109",
        "address": "哈尔滨市松北区创新一路1号", "postcode": "150028", "legalPerson": "周明", "contactName": "周经理",
        "contactPhone": "0451-88888888", "contactEmail": "hr@example.com", "introduction": "演示用的虚构单位。",
    })
}

/// What employer and student agree on.
pub fn terms() -> Value {
    json!({
        "position": "软件工程师", "jobCategoryCode": "13", "workRegionCode": "230109",
        "workAddress": "哈尔滨市松北区创新一路1号", "contractMonths": 36, "probationMonths": 3, "probationSalary": 6800,
        "salary": 8000, "reportBy": report_by(), "lodging": "提供宿舍", "insurance": "五险一金，自入职当月起缴纳",
        "benefits": "带薪年假、工作餐、年度体检", "employerPenalty": 3000, "studentPenalty": 3000,
        "release": "乙方升学、应征入伍、录用为公务员时，双方可解除本协议", "acceptsArchive": false, "acceptsHousehold": false,
    })
}

/// What a student accepts an offer with that was read.
pub fn acceptance(revision: &Value, read_token: &str) -> Value {
    json!({
        "revision": revision, "readToken": read_token,
        "archive": {
            "receiver": "哈尔滨市人才服务局", "address": "哈尔滨市道里区经纬二道街1号", "postcode": "150010", "contact": "档案科",
            "phone": "0451-84664000",
        },
        "household": { "address": "黑龙江省哈尔滨市南岗区西大直街92号" },
    })
}

/// A day half a year from now.
fn report_by() -> String {
    let day = qihang_kit::clock::Clock::system().now().date() + time::Duration::days(180);
    format!("{:04}-{:02}-{:02}", day.year(), u8::from(day.month()), day.day())
}
