//! The matrix itself.

use futures::{StreamExt as _, stream};
use qihang_standalone::demo::Answer;
use serde_json::{Value, json};

use crate::{
    calls::{Call, calls},
    world::{Caller, Record, World},
};

/// Callers at once.
const AT_ONCE: usize = 4;

/// How many cells were walked, and what was wrong.
#[derive(Default, Debug)]
struct Tally {
    /// The role alone is refused.
    roles: usize,
    /// Somebody else's record is as good as none.
    records: usize,
    /// Of those, refused by the request's form before anybody looked for the record.
    form: usize,
    /// One's own reads.
    own: usize,
    /// What was wrong, in words.
    faults: Vec<String>,
}

impl Tally {
    fn and(mut self, other: Self) -> Self {
        self.roles += other.roles;
        self.records += other.records;
        self.form += other.form;
        self.own += other.own;
        self.faults.extend(other.faults);
        self
    }
}

pub(crate) async fn refusals_tell_nothing(world: &World) {
    let before = everything(world).await;
    let calls = calls();
    for call in &calls {
        if let Some(collection) = call.collection() {
            assert!(
                world.collections.contains_key(collection),
                "{}: whose are the records of {collection}? Say so in world.rs",
                call.name
            );
        }
    }
    let tally = stream::iter(&world.callers)
        .flat_map(|caller| stream::iter(&calls).map(move |call| walk(world, call, caller)))
        .buffer_unordered(AT_ONCE)
        .fold(Tally::default(), async |all, one| all.and(one))
        .await;
    assert!(
        tally.faults.is_empty(),
        "{} faults:\n{}",
        tally.faults.len(),
        tally.faults.join("\n")
    );
    assert_eq!(
        before,
        everything(world).await,
        "a refused call has changed something"
    );
    assert!(tally.roles > 0 && tally.own > 0 && tally.records > tally.form);
    announce(&tally);
}

#[expect(clippy::print_stdout, reason = "the figure that the test is about")]
fn announce(tally: &Tally) {
    println!(
        "access matrix: {} cells of roles, {} of records ({} refused by their form), {} own reads",
        tally.roles, tally.records, tally.form, tally.own
    );
}

async fn walk(world: &World, call: &Call, caller: &Caller) -> Tally {
    let mut tally = Tally::default();
    let collection = call.collection().and_then(|name| world.collections.get(name));
    let records: &[Record] = collection.map_or(&[], |collection| &collection.records);
    let nothing = collection.map_or("", |collection| &collection.nobody);
    if call.anonymous {
        return tally;
    }
    if !caller.role.is_some_and(|role| call.roles.contains(&role)) {
        let ids = records.iter().map(|record| record.id.as_str());
        for id in ids.chain([nothing]) {
            tally.roles += 1;
            let answer = call.make(&caller.api, id).await;
            if !refused_by_role(caller, &answer) {
                tally.faults.push(told(call, caller, id, &answer));
            }
        }
        return tally;
    }
    for record in records {
        if record.seen_by.contains(&caller.name) {
            if call.reads() {
                tally.own += 1;
                let answer = call.make(&caller.api, &record.id).await;
                if answer.status.is_server_error() || answer.status.as_u16() == 403 {
                    tally.faults.push(told(call, caller, &record.id, &answer));
                }
            }
            continue;
        }
        tally.records += 1;
        let answer = call.make(&caller.api, &record.id).await;
        let none = call.make(&caller.api, nothing).await;
        if answer.status.as_u16() == 400 {
            tally.form += 1;
        }
        if !(answer.status.is_client_error() && essence(&answer) == essence(&none)) {
            tally.faults.push(format!(
                "{}\n  while nobody's is {}",
                told(call, caller, &record.id, &answer),
                String::from_utf8_lossy(&none.body)
            ));
        }
    }
    if records.is_empty() && call.reads() {
        tally.own += 1;
        let answer = call.make(&caller.api, nothing).await;
        if answer.status.is_server_error() || answer.status.as_u16() == 403 {
            tally.faults.push(told(call, caller, nothing, &answer));
        }
    }
    tally
}

fn told(call: &Call, caller: &Caller, id: &str, answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let body: String = body.chars().take(300).collect();
    format!(
        "{} by {} on {id:?}: {} {body}",
        call.name, caller.name, answer.status
    )
}

fn refused_by_role(caller: &Caller, answer: &Answer) -> bool {
    let code = &answer.json()["code"];
    match caller.role {
        None => answer.status.as_u16() == 401 && code == "TOKEN_MISSING",
        Some(_) => answer.status.as_u16() == 403 && code == "ROLE_NOT_ALLOWED",
    }
}

/// What a refusal tells: everything but what is different each time.
fn essence(answer: &Answer) -> (u16, Value) {
    let mut problem = answer.json();
    if let Some(members) = problem.as_object_mut() {
        members.remove("trace_id");
    }
    (answer.status.as_u16(), problem)
}

/// What those of the first school see of their own.
async fn everything(world: &World) -> Vec<Value> {
    let outcome = &world.first;
    let agreement = format!("/v1/agreements/{}", outcome.agreement);
    let mut seen = Vec::new();
    for (api, path) in [
        (&outcome.student, "/v1/roster/mine".to_owned()),
        (&outcome.student, format!("{agreement}/history")),
        (&outcome.student, agreement),
        (&outcome.student, "/v1/sessions".to_owned()),
        (&outcome.employer, "/v1/employer".to_owned()),
        (&outcome.school, "/v1/roster/imports".to_owned()),
        (&outcome.school, "/v1/staff".to_owned()),
        (&outcome.school, "/v1/students".to_owned()),
    ] {
        let mut value = api.get(&path).await.unwrap();
        forget_use(&mut value);
        seen.push(value);
    }
    seen
}

/// When a session was last used changes with every look.
fn forget_use(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("lastUseTime");
            members.values_mut().for_each(forget_use);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_use),
        _ => {}
    }
}

pub(crate) async fn answers_hold_nothing_of_strangers(world: &World) {
    let mut reads = calls();
    reads.retain(|call| call.reads() && !call.anonymous);
    let answers = stream::iter(&world.callers)
        .flat_map(|caller| stream::iter(&reads).map(move |call| look(world, call, caller)))
        .buffer_unordered(AT_ONCE)
        .fold(0, async |all, one| all + one)
        .await;
    assert!(answers > 40, "only {answers} answers were looked at");
}

/// Looks at what a call tells a caller of everybody's records; how many answers there were.
async fn look(world: &World, call: &Call, caller: &Caller) -> usize {
    let collection = call.collection().and_then(|name| world.collections.get(name));
    let nothing = collection.map_or("", |collection| &collection.nobody);
    let records = collection.map_or(&[][..], |collection| &collection.records);
    let mut answers = 0;
    for id in records.iter().map(|record| record.id.as_str()).chain([nothing]) {
        let answer = call.make(&caller.api, id).await;
        if answer.status.is_success() {
            answers += 1;
            reveals_nothing(world, call, caller, &answer);
        }
    }
    answers
}

fn reveals_nothing(world: &World, call: &Call, caller: &Caller, answer: &Answer) {
    let body = String::from_utf8_lossy(&answer.body);
    let holds = |secret: &str| body.contains(secret);
    for (outcome, owner) in [(&world.first, "student"), (&world.other, "other student")] {
        assert!(
            caller.name == owner || !holds(&outcome.person.identity),
            "{} shows {} the whole identity number of {owner}: {body}",
            call.name,
            caller.name
        );
    }
    let strangers = caller.name.starts_with("other") || caller.name.starts_with("another");
    if strangers {
        for secret in [
            &world.first.person.mobile,
            &world.first.person.email,
            &world.first.person.number,
        ] {
            assert!(
                !holds(secret),
                "{} shows {} {secret}: {body}",
                call.name,
                caller.name
            );
        }
        assert!(
            answer.json()["id"] != json!(world.first.agreement),
            "{} to {}",
            call.name,
            caller.name
        );
    }
}
