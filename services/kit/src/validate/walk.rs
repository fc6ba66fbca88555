//! Walks an encoded message along its compiled rules.

use std::{borrow::Cow, collections::HashSet};

use super::{
    MOST,
    compile::{Field, Item, Program, Scalar, Shape},
    path::{self, Step},
    rules::{Problem, SizeRules, Value},
    wire::{Cursor, DEEPEST, Malformed, Raw},
};
use crate::status::Violation;

/// Why a walk ends early.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The bytes are no message of the type.
    Malformed,
    /// Enough violations.
    Full,
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// A walk through one message.
pub(super) struct Walk<'a> {
    programs: &'a [Program],
    steps: Vec<Step<'a>>,
    depth: usize,
    pub(super) violations: Vec<Violation>,
}

/// What was seen of a field so far.
#[derive(Clone, Default)]
enum Seen<'b> {
    #[default]
    Nothing,
    One(Raw<'b>),
    Many(Vec<Raw<'b>>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(programs: &'a [Program]) -> Self {
        Self {
            programs,
            steps: Vec::new(),
            depth: 0,
            violations: Vec::new(),
        }
    }

    /// Where the walk is.
    pub(super) fn path(&self) -> String {
        path::write(&self.steps)
    }

    /// Walks one message.
    pub(super) fn message(&mut self, program: usize, bytes: &[u8]) -> Result<(), Stop> {
        let programs = self.programs;
        // A message that is not in the pool has no rules.
        let Some(program) = programs.get(program) else {
            return Ok(());
        };
        if self.depth > DEEPEST {
            return Err(Stop::Malformed);
        }
        self.depth += 1;
        let mut seen = vec![Seen::Nothing; program.fields.len()];
        let mut chosen = vec![None; program.oneofs.len()];
        let mut cursor = Cursor(bytes);
        while !cursor.is_empty() {
            let (number, raw) = cursor.field()?;
            let Ok(index) = program.fields.binary_search_by_key(&number, |field| field.number) else {
                continue;
            };
            let (Some(field), Some(raw), Some(slot)) = (program.fields.get(index), raw, seen.get_mut(index))
            else {
                return Err(Stop::Malformed);
            };
            if !fits(field, raw) {
                self.steps.push(Step::Field(&field.name));
                return Err(Stop::Malformed);
            }
            keep(field, slot, raw);
            if let Some(chosen) = field.oneof.and_then(|oneof| chosen.get_mut(oneof)) {
                forget(chosen, index, &mut seen);
            }
        }
        for (field, seen) in program.fields.iter().zip(&seen) {
            self.steps.push(Step::Field(&field.name));
            self.field(field, seen)?;
            self.steps.pop();
        }
        for (oneof, chosen) in program.oneofs.iter().zip(&chosen) {
            if oneof.required && chosen.is_none() {
                self.steps.push(Step::Field(&oneof.name));
                self.add(("REQUIRED", "请选择并填写其中一项。".to_owned()))?;
                self.steps.pop();
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn field(&mut self, field: &'a Field, seen: &Seen<'_>) -> Result<(), Stop> {
        match &field.shape {
            Shape::One(item) => self.one(field, item, seen),
            Shape::Many { size, unique, item } => self.many(field, size, *unique, item, all(seen)),
            Shape::Map { size, key, value } => self.map(field, size, key, value, all(seen)),
        }
    }

    fn one(&mut self, field: &'a Field, item: &'a Item, seen: &Seen<'_>) -> Result<(), Stop> {
        if let Scalar::Message(program) = item.scalar {
            return match whole(seen) {
                Some(bytes) => self.message(program, &bytes),
                None if field.required => self.missing(),
                None => Ok(()),
            };
        }
        let raw = match seen {
            Seen::Nothing => None,
            Seen::One(raw) => Some(*raw),
            Seen::Many(raws) => raws.last().copied(),
        };
        let value = match raw {
            Some(raw) => read(item.scalar, raw)?,
            None if field.presence && field.required => return self.missing(),
            None if field.presence => return Ok(()),
            None => zero(item.scalar),
        };
        if field.required && !field.presence && value.is_zero() {
            return self.missing();
        }
        if (field.ignore_zero || item.ignore_zero) && value.is_zero() {
            return Ok(());
        }
        self.judge(item, value)
    }

    fn many(
        &mut self,
        field: &Field,
        size: &SizeRules,
        unique: bool,
        item: &'a Item,
        raws: &[Raw<'_>],
    ) -> Result<(), Stop> {
        let mut found = HashSet::new();
        let mut count = 0;
        for raw in raws {
            for raw in unpack(item.scalar, *raw)? {
                self.steps.push(Step::Index(count));
                self.item(item, raw)?;
                if unique && !found.insert(format!("{raw:?}")) {
                    self.add(("NOT_UNIQUE", "与前面的一项重复。".to_owned()))?;
                }
                self.steps.pop();
                count += 1;
            }
        }
        self.count(field, size, count)
    }

    fn map(
        &mut self,
        field: &Field,
        size: &SizeRules,
        key: &'a Item,
        value: &'a Item,
        raws: &[Raw<'_>],
    ) -> Result<(), Stop> {
        // A key that comes again replaces the earlier entry.
        let mut entries: Vec<(Raw<'_>, Raw<'_>)> = Vec::new();
        for raw in raws {
            let entry = entry(key.scalar, value.scalar, *raw)?;
            entries.retain(|(key, _)| *key != entry.0);
            entries.push(entry);
        }
        for (key_raw, value_raw) in &entries {
            self.steps.push(Step::Key(match read(key.scalar, *key_raw)? {
                Value::Text(text) => format!("{text:?}"),
                Value::Bool(flag) => flag.to_string(),
                Value::Integer(number) => number.to_string(),
                // Other kinds cannot be keys.
                Value::Float(_) | Value::Bytes(_) => String::new(),
            }));
            self.item(key, *key_raw)?;
            self.item(value, *value_raw)?;
            self.steps.pop();
        }
        self.count(field, size, entries.len())
    }

    fn count(&mut self, field: &Field, size: &SizeRules, count: usize) -> Result<(), Stop> {
        if field.required && count == 0 {
            return self.missing();
        }
        if field.ignore_zero && count == 0 {
            return Ok(());
        }
        size.judge_items(count)
            .map_or(Ok(()), |problem| self.add(problem))
    }

    fn item(&mut self, item: &'a Item, raw: Raw<'_>) -> Result<(), Stop> {
        if let (Scalar::Message(program), Raw::Bytes(bytes)) = (item.scalar, raw) {
            return self.message(program, bytes);
        }
        let value = read(item.scalar, raw)?;
        if item.ignore_zero && value.is_zero() {
            return Ok(());
        }
        self.judge(item, value)
    }

    fn judge(&mut self, item: &Item, value: Value<'_>) -> Result<(), Stop> {
        // PostgreSQL has no texts with U+0000, whatever the contract says of a field.
        if matches!(value, Value::Text(text) if text.contains('\0')) {
            return self.add((
                "CHARACTER_INVALID",
                "含有看不见的空字符（U+0000），请删去后重试。".to_owned(),
            ));
        }
        item.rules
            .judge(value)
            .map_or(Ok(()), |problem| self.add(problem))
    }

    fn missing(&mut self) -> Result<(), Stop> {
        self.add(("REQUIRED", "请填写此项，不能为空。".to_owned()))
    }

    fn add(&mut self, (reason, message): Problem) -> Result<(), Stop> {
        self.violations.push(Violation {
            field: self.path(),
            reason: reason.to_owned(),
            message,
        });
        if self.violations.len() < MOST {
            Ok(())
        } else {
            Err(Stop::Full)
        }
    }
}

/// Keeps what is needed later: the last of a scalar, all of messages (they merge) and lists.
fn keep<'b>(field: &Field, slot: &mut Seen<'b>, raw: Raw<'b>) {
    let single = matches!(&field.shape, Shape::One(item) if !matches!(item.scalar, Scalar::Message(_)));
    match slot {
        Seen::Nothing => *slot = Seen::One(raw),
        Seen::One(_) if single => *slot = Seen::One(raw),
        Seen::One(first) => *slot = Seen::Many(vec![*first, raw]),
        Seen::Many(all) => all.push(raw),
    }
}

/// The last member of a oneof wins; the others are as if never sent.
fn forget(chosen: &mut Option<usize>, index: usize, seen: &mut [Seen<'_>]) {
    if let Some(previous) = chosen.replace(index).filter(|previous| *previous != index)
        && let Some(slot) = seen.get_mut(previous)
    {
        *slot = Seen::Nothing;
    }
}

fn all<'b, 's>(seen: &'s Seen<'b>) -> &'s [Raw<'b>] {
    match seen {
        Seen::Nothing => &[],
        Seen::One(raw) => std::slice::from_ref(raw),
        Seen::Many(raws) => raws,
    }
}

/// A message that was sent in parts is their concatenation.
fn whole<'b>(seen: &Seen<'b>) -> Option<Cow<'b, [u8]>> {
    let bytes = |raw: &Raw<'b>| if let Raw::Bytes(bytes) = raw { *bytes } else { &[] };
    match seen {
        Seen::Nothing => None,
        Seen::One(raw) => Some(Cow::Borrowed(bytes(raw))),
        Seen::Many(raws) => Some(Cow::Owned(
            raws.iter().flat_map(|raw| bytes(raw).iter().copied()).collect(),
        )),
    }
}

/// True when a field may be encoded like this.
fn fits(field: &Field, raw: Raw<'_>) -> bool {
    match (&field.shape, raw) {
        (Shape::Map { .. }, raw) => matches!(raw, Raw::Bytes(_)),
        (Shape::Many { .. }, Raw::Bytes(_)) => true,
        (Shape::Many { item, .. } | Shape::One(item), raw) => encodes(item.scalar, raw),
    }
}

fn encodes(scalar: Scalar, raw: Raw<'_>) -> bool {
    match scalar {
        Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => matches!(raw, Raw::Fixed64(_)),
        Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => matches!(raw, Raw::Fixed32(_)),
        Scalar::Text | Scalar::Bytes | Scalar::Message(_) => matches!(raw, Raw::Bytes(_)),
        _ => matches!(raw, Raw::Varint(_)),
    }
}

/// The values of one element of a list, which may be packed.
fn unpack<'b>(scalar: Scalar, raw: Raw<'b>) -> Result<Vec<Raw<'b>>, Malformed> {
    let Raw::Bytes(bytes) = raw else {
        return Ok(vec![raw]);
    };
    if matches!(scalar, Scalar::Text | Scalar::Bytes | Scalar::Message(_)) {
        return Ok(vec![raw]);
    }
    let mut cursor = Cursor(bytes);
    let mut values = Vec::new();
    while !cursor.is_empty() {
        values.push(match scalar {
            Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => Raw::Fixed64(cursor.fixed64()?),
            Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => Raw::Fixed32(cursor.fixed32()?),
            _ => Raw::Varint(cursor.varint()?),
        });
    }
    Ok(values)
}

/// Key and value of an entry of a map; absent ones are zero.
fn entry<'b>(key: Scalar, value: Scalar, raw: Raw<'b>) -> Result<(Raw<'b>, Raw<'b>), Malformed> {
    let Raw::Bytes(bytes) = raw else {
        return Err(Malformed);
    };
    let mut entry = (nothing(key), nothing(value));
    let mut cursor = Cursor(bytes);
    while !cursor.is_empty() {
        let (number, raw) = cursor.field()?;
        match (number, raw) {
            (1, Some(raw)) if encodes(key, raw) => entry.0 = raw,
            (2, Some(raw)) if encodes(value, raw) => entry.1 = raw,
            (1 | 2, _) => return Err(Malformed),
            _ => {}
        }
    }
    Ok(entry)
}

fn nothing(scalar: Scalar) -> Raw<'static> {
    match scalar {
        Scalar::Double | Scalar::Fixed64 | Scalar::Sfixed64 => Raw::Fixed64(0),
        Scalar::Float | Scalar::Fixed32 | Scalar::Sfixed32 => Raw::Fixed32(0),
        Scalar::Text | Scalar::Bytes | Scalar::Message(_) => Raw::Bytes(&[]),
        _ => Raw::Varint(0),
    }
}

fn zero(scalar: Scalar) -> Value<'static> {
    match scalar {
        Scalar::Double | Scalar::Float => Value::Float(0.0),
        Scalar::Bool => Value::Bool(false),
        Scalar::Text => Value::Text(""),
        Scalar::Bytes | Scalar::Message(_) => Value::Bytes(&[]),
        _ => Value::Integer(0),
    }
}

/// Reads a value as its type says; integers are cut to their width as everywhere in protobuf.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "protobuf cuts and reinterprets integers"
)]
fn read(scalar: Scalar, raw: Raw<'_>) -> Result<Value<'_>, Malformed> {
    Ok(match (scalar, raw) {
        (Scalar::Double, Raw::Fixed64(bits)) => Value::Float(f64::from_bits(bits)),
        (Scalar::Float, Raw::Fixed32(bits)) => Value::Float(f32::from_bits(bits).into()),
        (Scalar::Int32, Raw::Varint(value)) => Value::Integer((value as i32).into()),
        (Scalar::Int64, Raw::Varint(value)) => Value::Integer((value as i64).into()),
        (Scalar::Uint32, Raw::Varint(value)) => Value::Integer((value as u32).into()),
        (Scalar::Uint64, Raw::Varint(value)) => Value::Integer(value.into()),
        (Scalar::Sint32, Raw::Varint(value)) => Value::Integer(unzigzag(u64::from(value as u32)).into()),
        (Scalar::Sint64, Raw::Varint(value)) => Value::Integer(unzigzag(value).into()),
        (Scalar::Fixed32, Raw::Fixed32(value)) => Value::Integer(value.into()),
        (Scalar::Sfixed32, Raw::Fixed32(value)) => Value::Integer((value as i32).into()),
        (Scalar::Fixed64, Raw::Fixed64(value)) => Value::Integer(value.into()),
        (Scalar::Sfixed64, Raw::Fixed64(value)) => Value::Integer((value as i64).into()),
        (Scalar::Bool, Raw::Varint(value)) => Value::Bool(value != 0),
        (Scalar::Text, Raw::Bytes(bytes)) => Value::Text(std::str::from_utf8(bytes).map_err(|_| Malformed)?),
        (Scalar::Bytes | Scalar::Message(_), Raw::Bytes(bytes)) => Value::Bytes(bytes),
        _ => return Err(Malformed),
    })
}

#[expect(clippy::cast_possible_wrap, reason = "the definition of zigzag")]
fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}
