//! Two schools, each with a student, an employer and staff that walked the main job; and the province.

use std::collections::BTreeMap;

use qihang_kit::{settings::Common, telemetry::Telemetry};
use qihang_standalone::demo::{Api, Outcome, factor, people::credit_code, walk, walk::PASSWORD};
use qihang_tests::{SCHOOL, Standalone, plan_at};
use serde_json::{Value, json};

use crate::request::NOBODY;

/// 黑龙江大学, the other school.
pub(crate) const OTHER_SCHOOL: &str = "4123010212";
const STUDENT: i32 = 1;
const EMPLOYER: i32 = 2;
const DEPARTMENT: i32 = 3;
const OFFICE: i32 = 4;
const PROVINCE: i32 = 5;

/// Somebody who calls.
pub(crate) struct Caller {
    pub(crate) name: &'static str,
    /// Number of the role; `None` for somebody who is not signed in.
    pub(crate) role: Option<i32>,
    pub(crate) api: Api,
}

/// A record and who may know that it is there.
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) seen_by: Vec<&'static str>,
}

/// Records of one kind.
#[derive(Default)]
pub(crate) struct Collection {
    pub(crate) records: Vec<Record>,
    /// An id that no record has.
    pub(crate) nobody: String,
}

/// Everybody and everything.
pub(crate) struct World {
    pub(crate) suite: Standalone,
    pub(crate) telemetry: Telemetry,
    pub(crate) callers: Vec<Caller>,
    pub(crate) collections: BTreeMap<&'static str, Collection>,
    /// The walk at the first school.
    pub(crate) first: Outcome,
    /// The walk at the other school.
    pub(crate) other: Outcome,
}

impl World {
    pub(crate) async fn start() -> Self {
        let telemetry = Telemetry::start("security", &Common::embedded().unwrap().telemetry).unwrap();
        let unlimited = [
            ("gateway.rate_per_minute", "1000000"),
            ("gateway.address_rate_per_minute", "1000000"),
            ("captcha.difficulty", "8"),
        ];
        let suite = Standalone::start("security", telemetry.metrics(), &unlimited)
            .await
            .unwrap();
        let url = suite.running.url();
        let walk_at = async |school: &str, run: u32| {
            walk(url, &plan_at(&suite.secrets, school, run, 20), |_| {})
                .await
                .unwrap_or_else(|error| panic!("{error:#}"))
        };
        let first = walk_at(SCHOOL, 61).await;
        let other = walk_at(OTHER_SCHOOL, 62).await;
        let callers = callers(Api::new(url).unwrap(), &first, &other).await;
        let mut collections = fixed();
        owned(&mut collections, &first, Side::FIRST).await;
        owned(&mut collections, &other, Side::OTHER).await;
        proposed(&mut collections, &first).await;
        Self {
            suite,
            telemetry,
            callers,
            collections,
            first,
            other,
        }
    }

    pub(crate) async fn stop(self) {
        self.suite.stop().await;
        tokio::task::spawn_blocking(move || drop(self.telemetry))
            .await
            .unwrap();
    }
}

/// Names of one school's people.
struct Side {
    student: &'static str,
    employer: &'static str,
    department: &'static str,
    class: &'static str,
    office: &'static str,
    school: &'static str,
}

impl Side {
    const FIRST: Self = Self {
        student: "student",
        employer: "employer",
        department: "department",
        class: "class",
        office: "school",
        school: SCHOOL,
    };
    const OTHER: Self = Self {
        student: "other student",
        employer: "other employer",
        department: "other school's department",
        class: "other school's class",
        office: "other school",
        school: OTHER_SCHOOL,
    };
}

async fn callers(nobody: Api, first: &Outcome, other: &Outcome) -> Vec<Caller> {
    let own = first.person.major.2;
    let caller = |name, role, api: &Api| Caller {
        name,
        role: Some(role),
        api: api.clone(),
    };
    let mut callers = vec![
        caller(
            "department",
            DEPARTMENT,
            &department(&nobody, first, "dept.own", own, &[]).await,
        ),
        caller(
            "another department",
            DEPARTMENT,
            &department(&nobody, first, "dept.another", "哲学院", &[]).await,
        ),
        caller(
            "other school's department",
            DEPARTMENT,
            &department(&nobody, other, "dept.other", own, &[]).await,
        ),
        caller(
            "class",
            DEPARTMENT,
            &department(&nobody, first, "dept.class", own, &[&first.person.class]).await,
        ),
        caller(
            "another class",
            DEPARTMENT,
            &department(&nobody, first, "dept.another.class", own, &["别的班"]).await,
        ),
        caller(
            "other school's class",
            DEPARTMENT,
            &department(&nobody, other, "dept.other.class", own, &[&other.person.class]).await,
        ),
        caller("province", PROVINCE, &first.province),
        Caller {
            name: "nobody",
            role: None,
            api: nobody,
        },
    ];
    for (outcome, side) in [(first, Side::FIRST), (other, Side::OTHER)] {
        callers.push(caller(side.student, STUDENT, &outcome.student));
        callers.push(caller(side.employer, EMPLOYER, &outcome.employer));
        callers.push(caller(side.office, OFFICE, &outcome.school));
    }
    callers
}

/// A department's member of staff, made by the school; of these classes alone unless there are none.
async fn department(nobody: &Api, outcome: &Outcome, login: &str, department: &str, classes: &[&str]) -> Api {
    let wanted = json!({
        "role": "ROLE_DEPARTMENT", "login": login, "name": "教务员", "department": department, "classes": classes,
    });
    let made = outcome.school.post("/v1/staff", wanted).await.unwrap();
    let activation = json!({ "activationToken": made["activationToken"], "password": PASSWORD });
    let reply = nobody.post("/v1/staff:activate", activation).await.unwrap();
    factor::enrol(&nobody.signed_in(&reply).unwrap()).await.unwrap().0
}

/// Collections with an id that nothing has; those of public reference data have no owners.
fn fixed() -> BTreeMap<&'static str, Collection> {
    let of = |nobody: &str| Collection {
        records: Vec::new(),
        nobody: nobody.to_owned(),
    };
    let mut collections: BTreeMap<&'static str, Collection> = [
        "agreements",
        "administratorProposals",
        "announcements",
        "blacklist",
        "blockedEmployers",
        "corrections",
        "employers",
        "files",
        "helpRequests",
        "lockouts",
        "clauseTemplates",
        "members",
        "reviews",
        "roster/imports",
        "roster/operations",
        "sessions",
        "staff",
        "students",
        "uploads",
    ]
    .into_iter()
    .map(|name| (name, of(NOBODY)))
    .collect();
    collections.insert("registrationCases", of("AAAA-BBBB-CCCC-DDDD"));
    collections.insert("schools", of("4123099999"));
    // A cohort is no record: its calendar is public, and who may change it changes their own windows.
    collections.insert("calendars", of("2031"));
    collections.insert("dictionaries", of("nothing"));
    // Pages of the guide are public, and their drafts the province's.
    collections.insert("guides", of("nothing"));
    // Every office may look at every edition of the form.
    collections.insert("agreementEditions", of("nothing"));
    collections.insert("deadLetters", of(NOBODY));
    collections.insert("verifications", of("nothing"));
    collections
}

fn text(value: &Value, pointer: &str) -> String {
    let text = value.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("no {pointer} in {value}"))
        .to_owned()
}

/// Names what the walk does not leave behind by itself.
async fn made(add: &mut impl FnMut(&str, String, &[&'static str]), outcome: &Outcome, side: &Side) {
    let imports = outcome.school.get("/v1/roster/imports").await.unwrap();
    let import = text(&imports, "/imports/0/id");
    add("roster/imports", import.clone(), &[side.office]);
    add("roster/operations", import, &[side.office]);
    let wanted = json!({ "fields": [{ "field": "qq", "value": "40004" }], "reason": "号码登记有误" });
    let correction = outcome.student.post("/v1/corrections", wanted).await.unwrap();
    add(
        "corrections",
        text(&correction, "/id"),
        &[side.student, side.department, side.class, side.office],
    );
    let clause = json!({ "title": "补充条款", "text": "入职后签订劳动合同" });
    let clause = outcome
        .employer
        .post("/v1/clauseTemplates", clause)
        .await
        .unwrap();
    add("clauseTemplates", text(&clause, "/id"), &[side.employer]);
    let code = credit_code(if side.school == SCHOOL { 9101 } else { 9102 });
    let listed = json!({ "creditCode": code, "name": "虚假招聘公司", "reason": "多次收取求职者费用" });
    let listed = outcome.province.post("/v1/blacklist", listed).await.unwrap();
    add("blacklist", text(&listed, "/id"), &["province"]);
    let members = outcome.employer.get("/v1/members").await.unwrap();
    add("members", text(&members, "/members/0/id"), &[side.employer]);
}

/// Names the records of one side and who may see them.
async fn owned(collections: &mut BTreeMap<&'static str, Collection>, outcome: &Outcome, side: Side) {
    let mut add = |collection: &str, id: String, seen_by: &[&'static str]| {
        let records = &mut collections.get_mut(collection).expect("a collection").records;
        records.push(Record {
            id,
            seen_by: seen_by.to_vec(),
        });
    };
    let parties = [
        side.student,
        side.employer,
        side.department,
        side.class,
        side.office,
    ];
    add("agreements", outcome.agreement.clone(), &parties);
    let student = outcome.student.get("/v1/roster/mine").await.unwrap();
    add(
        "students",
        text(&student, "/id"),
        &[side.student, side.department, side.class, side.office],
    );
    let employer = outcome.employer.get("/v1/employer").await.unwrap();
    // Staff of any school may look an admitted employer up.
    let offices = [Side::FIRST.office, Side::OTHER.office];
    add(
        "employers",
        text(&employer, "/id"),
        &[side.employer, "province", offices[0], offices[1]],
    );
    add(
        "files",
        text(&employer, "/licenceFileId"),
        &[side.employer, "province"],
    );
    made(&mut add, outcome, &side).await;
    let sessions = outcome.student.get("/v1/sessions").await.unwrap();
    add("sessions", text(&sessions, "/sessions/0/id"), &[side.student]);
    let staff = outcome.school.get("/v1/staff").await.unwrap();
    add("staff", text(&staff, "/staff/0/id"), &[side.office, "province"]);
    // What a school is called is public: only its own staff may see its departments, and its office and the province
    // change it.
    let mut staff = vec![side.office, "province", side.department, side.class];
    if side.school == SCHOOL {
        staff.extend(["another department", "another class"]);
    }
    add("schools", side.school.to_owned(), &staff);
    let pending = json!({ "purpose": "FILE_PURPOSE_EVIDENCE", "fileName": "证明.pdf", "sizeBytes": "5" });
    let upload = outcome.student.post("/v1/uploads", pending).await.unwrap();
    add("uploads", text(&upload, "/id"), &[side.student]);
    add("files", text(&upload, "/id"), &[side.student]);
    add("announcements", announcement(outcome).await, &[side.office]);
    add(
        "helpRequests",
        help_request(outcome, side.school).await,
        &[side.office],
    );
    add(
        "registrationCases",
        failed_registration(outcome, side.school).await,
        &[side.office],
    );
}

/// What an administrator of the province proposes is for administrators alone.
async fn proposed(collections: &mut BTreeMap<&'static str, Collection>, outcome: &Outcome) {
    let wanted =
        json!({ "kind": "KIND_CREATE", "login": "second.admin", "name": "周敏", "reason": "新任处长" });
    let made = outcome
        .province
        .post("/v1/administratorProposals", wanted)
        .await
        .unwrap();
    let proposals = collections
        .get_mut("administratorProposals")
        .expect("a collection");
    proposals.records.push(Record {
        id: text(&made, "/id"),
        seen_by: vec!["province"],
    });
}

/// A draft: nobody but its office knows that it is there.
async fn announcement(outcome: &Outcome) -> String {
    let draft = json!({ "content": { "title": "安全检查", "body": "请勿外传" } });
    let made = outcome.school.post("/v1/announcements", draft).await.unwrap();
    text(&made, "/id")
}

/// A request for help from somebody without an account.
async fn help_request(outcome: &Outcome, school: &str) -> String {
    let nobody = Api::new(outcome.school.base()).unwrap();
    let wanted = json!({
        "schoolCode": school, "topic": "TOPIC_LOGIN", "contactName": "张三", "contactPhone": outcome.person.mobile, "text": "换了手机号",
    });
    let wanted = nobody.with_captcha(wanted).await.unwrap();
    nobody.post("/v1/helpRequests", wanted).await.unwrap();
    let waiting = outcome.school.get("/v1/helpRequests").await.unwrap();
    text(&waiting, "/requests/0/id")
}

/// The number of a registration that was refused.
async fn failed_registration(outcome: &Outcome, school: &str) -> String {
    let nobody = Api::new(outcome.school.base()).unwrap();
    let wrong = json!({
        "schoolCode": school, "studentNumber": outcome.person.number, "name": "无此人", "identityNumber": outcome.person.identity,
    });
    let wrong = nobody.with_captcha(wrong).await.unwrap();
    let answer = nobody
        .send(reqwest::Method::POST, "/v1/registration:verify", Some(&wrong))
        .await
        .unwrap();
    text(&answer.json(), "/metadata/caseNumber")
}
