//! Between the wire and the domain.

use prost_types::{Struct, Timestamp, value::Kind as ValueKind};
use qihang_proto::documents::v1 as proto;
use serde_json::{Map, Number, Value};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Error,
    domain::{
        file::{Claim, File, FileId, State},
        purpose::Purpose,
    },
};

/// Reads an id; the validation layer has seen it before.
pub(super) fn id(field: &'static str, text: &str) -> Result<Uuid, Error> {
    text.parse().map_err(|_error| Error::BadId(field))
}

pub(super) fn file_id(text: &str) -> Result<FileId, Error> {
    id("id", text).map(FileId)
}

/// Reads an optional id, empty for none.
fn optional_id(field: &'static str, text: &str) -> Result<Option<Uuid>, Error> {
    if text.is_empty() {
        Ok(None)
    } else {
        id(field, text).map(Some)
    }
}

fn optional(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

pub(super) fn purpose(value: i32) -> Option<Purpose> {
    match proto::FilePurpose::try_from(value).ok()? {
        proto::FilePurpose::Unspecified => None,
        proto::FilePurpose::Roster => Some(Purpose::Roster),
        proto::FilePurpose::EmployerLicence => Some(Purpose::EmployerLicence),
        proto::FilePurpose::EmployerAuthorisation => Some(Purpose::EmployerAuthorisation),
        proto::FilePurpose::ContactIdentity => Some(Purpose::ContactIdentity),
        proto::FilePurpose::Evidence => Some(Purpose::Evidence),
        proto::FilePurpose::Issued => Some(Purpose::Issued),
        proto::FilePurpose::Avatar => Some(Purpose::Avatar),
    }
}

fn purpose_to_wire(purpose: Purpose) -> proto::FilePurpose {
    match purpose {
        Purpose::Roster => proto::FilePurpose::Roster,
        Purpose::EmployerLicence => proto::FilePurpose::EmployerLicence,
        Purpose::EmployerAuthorisation => proto::FilePurpose::EmployerAuthorisation,
        Purpose::ContactIdentity => proto::FilePurpose::ContactIdentity,
        Purpose::Evidence => proto::FilePurpose::Evidence,
        Purpose::Issued => proto::FilePurpose::Issued,
        Purpose::Avatar => proto::FilePurpose::Avatar,
    }
}

pub(super) fn claim(request: proto::ClaimFilesRequest) -> Result<Claim, Error> {
    Ok(Claim {
        employer_id: optional_id("employerId", &request.employer_id)?,
        student_id: optional_id("studentId", &request.student_id)?,
        owner: request.owner,
        school_code: optional(request.school_code),
        department: optional(request.department),
        class_name: optional(request.class_name),
    })
}

pub(super) fn file(file: &File) -> proto::File {
    let content = file.content();
    let (state, reject_reason) = match &file.state {
        State::Pending => (proto::file::State::Pending, ""),
        State::Ready(_) => (proto::file::State::Ready, ""),
        State::Claimed(..) => (proto::file::State::Claimed, ""),
        State::Rejected(reason) => (proto::file::State::Rejected, reason.as_str()),
    };
    proto::File {
        id: file.id.to_string(),
        purpose: purpose_to_wire(file.purpose).into(),
        state: state.into(),
        file_name: file.name.clone(),
        content_type: content
            .map(|content| content.media_type.clone())
            .unwrap_or_default(),
        size_bytes: content.map(|content| content.size).unwrap_or_default(),
        sha256: content
            .map(|content| hex::encode(&content.sha256))
            .unwrap_or_default(),
        reject_reason: reject_reason.to_owned(),
        create_time: Some(timestamp(file.create_time)),
    }
}

fn timestamp(time: OffsetDateTime) -> Timestamp {
    let nanos = i32::try_from(time.nanosecond()).unwrap_or_default();
    Timestamp {
        seconds: time.unix_timestamp(),
        nanos,
    }
}

/// A template's data as JSON.
pub(super) fn data(data: Struct) -> Value {
    let fields = data.fields.into_iter().map(|(key, field)| (key, value(field)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn value(field: prost_types::Value) -> Value {
    match field.kind {
        None | Some(ValueKind::NullValue(_)) => Value::Null,
        Some(ValueKind::NumberValue(number)) => Number::from_f64(number).map_or(Value::Null, Value::Number),
        Some(ValueKind::StringValue(text)) => Value::String(text),
        Some(ValueKind::BoolValue(flag)) => Value::Bool(flag),
        Some(ValueKind::StructValue(fields)) => data(fields),
        Some(ValueKind::ListValue(list)) => Value::Array(list.values.into_iter().map(value).collect()),
    }
}
