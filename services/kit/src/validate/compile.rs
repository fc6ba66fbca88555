//! Reads the rules of every message through reflection and turns them into plain data, once a process.

use std::collections::{BTreeSet, HashMap};

use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    ReflectMessage as _, Value,
};
use regex::Regex;

use super::{
    Checks,
    rules::{Form, Range, Rules, SizeRules, TextRules},
};

/// What is checked of one message type.
#[derive(Debug, Default)]
pub(super) struct Program {
    /// Sorted by number.
    pub(super) fields: Vec<Field>,
    /// Oneofs by their place in the descriptor.
    pub(super) oneofs: Vec<Oneof>,
}

/// What is checked of one field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) required: bool,
    /// Presence is known: rules apply only to what is set.
    pub(super) presence: bool,
    /// Index into the program's oneofs.
    pub(super) oneof: Option<usize>,
    /// Not judged when it has the zero value.
    pub(super) ignore_zero: bool,
}

/// A oneof that may be required.
#[derive(Debug)]
pub(super) struct Oneof {
    pub(super) name: String,
    pub(super) required: bool,
}

/// How many values a field has.
#[derive(Debug)]
pub(super) enum Shape {
    One(Item),
    Many {
        size: SizeRules,
        unique: bool,
        item: Item,
    },
    Map {
        size: SizeRules,
        key: Box<Item>,
        value: Box<Item>,
    },
}

/// One value.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) scalar: Scalar,
    pub(super) rules: Rules,
    pub(super) ignore_zero: bool,
}

/// How a value is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    Text,
    Bytes,
    /// Index of the message's program.
    Message(usize),
}

struct Compiler {
    field: Option<ExtensionDescriptor>,
    oneof: Option<ExtensionDescriptor>,
    message: Option<ExtensionDescriptor>,
    by_name: HashMap<String, usize>,
    unsupported: Vec<String>,
}

pub(super) fn compile(pool: &DescriptorPool) -> Checks {
    let messages: Vec<MessageDescriptor> = pool.all_messages().collect();
    let by_name = messages
        .iter()
        .enumerate()
        .map(|(index, one)| (one.full_name().to_owned(), index))
        .collect();
    let extension = |name: &str| pool.get_extension_by_name(&format!("buf.validate.{name}"));
    let mut compiler = Compiler {
        field: extension("field"),
        oneof: extension("oneof"),
        message: extension("message"),
        by_name,
        unsupported: Vec::new(),
    };
    let programs = messages.iter().map(|message| compiler.message(message)).collect();
    Checks {
        programs,
        by_name: compiler.by_name,
        unsupported: compiler.unsupported,
    }
}

impl Compiler {
    fn message(&mut self, message: &MessageDescriptor) -> Program {
        if option(self.message.as_ref(), &message.options()).is_some() {
            self.unsupported
                .push(format!("{}: message rules", message.full_name()));
        }
        let real = message.oneofs().filter(|oneof| !oneof.is_synthetic());
        let oneofs = real.map(|oneof| Oneof {
            name: camel(oneof.name()),
            required: option(self.oneof.as_ref(), &oneof.options())
                .is_some_and(|rules| flag(&rules, "required")),
        });
        let oneofs: Vec<Oneof> = oneofs.collect();
        let mut fields: Vec<Field> = message
            .fields()
            .map(|field| self.field(&field, &oneofs))
            .collect();
        fields.sort_by_key(|field| field.number);
        Program { fields, oneofs }
    }

    fn field(&mut self, field: &FieldDescriptor, oneofs: &[Oneof]) -> Field {
        let rules = option(self.field.as_ref(), &field.options());
        let oneof = field
            .containing_oneof()
            .filter(|oneof| !oneof.is_synthetic())
            .map(|oneof| camel(oneof.name()));
        let ignore = rules.as_ref().map_or(0, ignore);
        // IGNORE_ALWAYS switches off everything, so the rules are as good as absent.
        let rules = rules.filter(|_| ignore != 3);
        self.refuse_unknown(field, rules.as_ref());
        Field {
            number: field.number(),
            name: field.json_name().to_owned(),
            shape: self.shape(field, rules.as_ref()),
            required: rules.as_ref().is_some_and(|rules| flag(rules, "required")),
            presence: field.supports_presence(),
            oneof: oneof.and_then(|name| oneofs.iter().position(|oneof| oneof.name == name)),
            ignore_zero: ignore == 1,
        }
    }

    fn shape(&mut self, field: &FieldDescriptor, rules: Option<&DynamicMessage>) -> Shape {
        if let Kind::Message(entry) = field.kind()
            && field.is_map()
        {
            let rules = rules.and_then(|rules| child(rules, "map"));
            let part = |name: &str| rules.as_ref().and_then(|rules| child(rules, name));
            let size = size(rules.as_ref(), None, "min_pairs", "max_pairs");
            let key = Box::new(self.item(&entry.map_entry_key_field(), part("keys").as_ref()));
            let value = Box::new(self.item(&entry.map_entry_value_field(), part("values").as_ref()));
            return Shape::Map { size, key, value };
        }
        if field.is_list() {
            let rules = rules.and_then(|rules| child(rules, "repeated"));
            let items = rules.as_ref().and_then(|rules| child(rules, "items"));
            return Shape::Many {
                size: size(rules.as_ref(), None, "min_items", "max_items"),
                unique: rules.as_ref().is_some_and(|rules| flag(rules, "unique")),
                item: self.item(field, items.as_ref()),
            };
        }
        Shape::One(self.item(field, rules))
    }

    fn item(&mut self, field: &FieldDescriptor, rules: Option<&DynamicMessage>) -> Item {
        let ignore = rules.map_or(0, ignore);
        let rules = rules.filter(|_| ignore != 3);
        let compiled = rules.map(|rules| self.rules(field, rules)).unwrap_or_default();
        Item {
            scalar: self.scalar(&field.kind()),
            rules: compiled,
            ignore_zero: ignore == 1,
        }
    }

    fn scalar(&self, kind: &Kind) -> Scalar {
        match kind {
            Kind::Double => Scalar::Double,
            Kind::Float => Scalar::Float,
            Kind::Int32 | Kind::Enum(_) => Scalar::Int32,
            Kind::Int64 => Scalar::Int64,
            Kind::Uint32 => Scalar::Uint32,
            Kind::Uint64 => Scalar::Uint64,
            Kind::Sint32 => Scalar::Sint32,
            Kind::Sint64 => Scalar::Sint64,
            Kind::Fixed32 => Scalar::Fixed32,
            Kind::Fixed64 => Scalar::Fixed64,
            Kind::Sfixed32 => Scalar::Sfixed32,
            Kind::Sfixed64 => Scalar::Sfixed64,
            Kind::Bool => Scalar::Bool,
            Kind::String => Scalar::Text,
            Kind::Bytes => Scalar::Bytes,
            Kind::Message(message) => Scalar::Message(
                self.by_name
                    .get(message.full_name())
                    .copied()
                    .unwrap_or(usize::MAX),
            ),
        }
    }

    fn rules(&mut self, field: &FieldDescriptor, rules: &DynamicMessage) -> Rules {
        let kind = field.kind();
        let name = match &kind {
            Kind::Double => "double",
            Kind::Float => "float",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::Uint32 => "uint32",
            Kind::Uint64 => "uint64",
            Kind::Sint32 => "sint32",
            Kind::Sint64 => "sint64",
            Kind::Fixed32 => "fixed32",
            Kind::Fixed64 => "fixed64",
            Kind::Sfixed32 => "sfixed32",
            Kind::Sfixed64 => "sfixed64",
            Kind::Bool => "bool",
            Kind::String => "string",
            Kind::Bytes => "bytes",
            Kind::Enum(_) => "enum",
            Kind::Message(_) => return Rules::Free,
        };
        let Some(rules) = child(rules, name) else {
            return Rules::Free;
        };
        match &kind {
            Kind::Double | Kind::Float => Rules::Float {
                range: range(&rules, float),
                finite: flag(&rules, "finite"),
            },
            Kind::Bool => get(&rules, "const")
                .and_then(|value| value.as_bool())
                .map_or(Rules::Free, Rules::Bool),
            Kind::String => Rules::Text(Box::new(self.text(field, &rules))),
            Kind::Bytes => Rules::Bytes(size(Some(&rules), Some("len"), "min_len", "max_len")),
            Kind::Enum(kind) => {
                let defined = || kind.values().map(|value| value.number()).collect::<BTreeSet<_>>();
                Rules::Enum {
                    defined: flag(&rules, "defined_only").then(defined),
                    range: range(&rules, integer),
                }
            }
            _ => Rules::Integer(range(&rules, integer)),
        }
    }

    fn text(&mut self, field: &FieldDescriptor, rules: &DynamicMessage) -> TextRules {
        let pattern = string(rules, "pattern").and_then(|pattern| {
            Regex::new(&pattern)
                .map_err(|error| self.unsupported.push(format!("{}: {error}", field.full_name())))
                .ok()
        });
        let forms = [
            ("email", Form::Email),
            ("uuid", Form::Uuid),
            ("ip", Form::Ip),
            ("ipv4", Form::Ipv4),
            ("ipv6", Form::Ipv6),
            ("hostname", Form::Hostname),
            ("uri", Form::Uri),
        ];
        TextRules {
            exactly: string(rules, "const"),
            characters: size(Some(rules), Some("len"), "min_len", "max_len"),
            bytes: size(Some(rules), Some("len_bytes"), "min_bytes", "max_bytes"),
            pattern,
            prefix: string(rules, "prefix"),
            suffix: string(rules, "suffix"),
            contains: string(rules, "contains"),
            lacks: string(rules, "not_contains"),
            among: list(rules, "in", |value| value.as_str().map(str::to_owned)),
            not_among: list(rules, "not_in", |value| value.as_str().map(str::to_owned)),
            form: forms
                .into_iter()
                .find(|(name, _)| flag(rules, name))
                .map(|(_, form)| form),
        }
    }

    /// Notes rules that this module does not know, so that none is silently passed over.
    fn refuse_unknown(&mut self, field: &FieldDescriptor, rules: Option<&DynamicMessage>) {
        const KNOWN: &str = " required ignore type string bytes bool enum repeated map float double int32 int64 uint32 uint64 \
            sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 const lt lte gt gte in not_in finite example len min_len max_len \
            len_bytes min_bytes max_bytes pattern prefix suffix contains not_contains email uuid ip ipv4 ipv6 hostname uri \
            defined_only min_items max_items unique items min_pairs max_pairs keys values ";
        const NOT_FOR_BYTES: [&str; 8] = [
            "const", "pattern", "prefix", "suffix", "contains", "in", "not_in", "ip",
        ];
        let Some(rules) = rules else { return };
        for (rule, value) in rules.fields() {
            let known = KNOWN.contains(&format!(" {} ", rule.name()));
            let of_bytes = rules.descriptor().name() == "BytesRules" && NOT_FOR_BYTES.contains(&rule.name());
            if !known || of_bytes {
                self.unsupported
                    .push(format!("{}: {}", field.full_name(), rule.full_name()));
            }
            if let Value::Message(rules) = value {
                self.refuse_unknown(field, Some(rules));
            }
        }
    }
}

fn option(extension: Option<&ExtensionDescriptor>, options: &DynamicMessage) -> Option<DynamicMessage> {
    let extension = extension.filter(|extension| options.has_extension(extension))?;
    options.get_extension(extension).as_message().cloned()
}

/// A rule that is set; unset ones would read as zero.
fn get(rules: &DynamicMessage, name: &str) -> Option<Value> {
    if !rules.has_field_by_name(name) {
        return None;
    }
    rules.get_field_by_name(name).map(|value| value.into_owned())
}

fn child(rules: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    get(rules, name)?.as_message().cloned()
}

fn flag(rules: &DynamicMessage, name: &str) -> bool {
    get(rules, name)
        .and_then(|value| value.as_bool())
        .unwrap_or_default()
}

fn string(rules: &DynamicMessage, name: &str) -> Option<String> {
    get(rules, name)?.as_str().map(str::to_owned)
}

fn ignore(rules: &DynamicMessage) -> i32 {
    get(rules, "ignore")
        .and_then(|value| value.as_enum_number())
        .unwrap_or_default()
}

fn size(rules: Option<&DynamicMessage>, exactly: Option<&str>, least: &str, most: &str) -> SizeRules {
    let number = |name: &str| get(rules?, name)?.as_u64();
    SizeRules {
        exactly: exactly.and_then(number),
        least: number(least),
        most: number(most),
    }
}

fn list<T>(rules: &DynamicMessage, name: &str, read: impl Fn(&Value) -> Option<T>) -> Vec<T> {
    let value = get(rules, name);
    value
        .iter()
        .filter_map(Value::as_list)
        .flatten()
        .filter_map(read)
        .collect()
}

fn range<T>(rules: &DynamicMessage, read: impl Fn(&Value) -> Option<T> + Copy) -> Range<T> {
    let one = |name: &str| read(&get(rules, name)?);
    Range {
        exactly: one("const"),
        less: one("lt"),
        at_most: one("lte"),
        greater: one("gt"),
        at_least: one("gte"),
        among: list(rules, "in", read),
        not_among: list(rules, "not_in", read),
    }
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::I32(value) | Value::EnumNumber(value) => Some((*value).into()),
        Value::I64(value) => Some((*value).into()),
        Value::U32(value) => Some((*value).into()),
        Value::U64(value) => Some((*value).into()),
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::F32(value) => Some((*value).into()),
        Value::F64(value) => Some(*value),
        _ => None,
    }
}

/// `snake_case` to `lowerCamelCase`, as in JSON.
fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for character in name.chars() {
        match character {
            '_' => upper = true,
            _ if upper => {
                camel.push(character.to_ascii_uppercase());
                upper = false;
            }
            _ => camel.push(character),
        }
    }
    camel
}
