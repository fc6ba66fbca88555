//! `VerificationService`: what a document is worth, for anybody who holds it.

use std::sync::Arc;

use qihang_kit::validators;
use qihang_proto::contracts::v1::{
    Verification, VerifyFileRequest, VerifySerialRequest, verification_service_server,
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tonic::{Request, Response, Status, Streaming, async_trait};
use uuid::Uuid;

use crate::{
    App,
    domain::{agreement::State, serial},
    error::Error,
    party, peers,
    scope::Scope,
    store::{
        agreements::{self, Record},
        lists,
    },
    view::{self, timestamp},
};

/// Largest file taken.
const MAX_FILE: usize = 10 * 1024 * 1024;

/// Handlers of `VerificationService`.
pub(crate) struct Verifications(pub(crate) Arc<App>);

#[async_trait]
impl verification_service_server::VerificationService for Verifications {
    async fn verify_serial(
        &self,
        request: Request<VerifySerialRequest>,
    ) -> Result<Response<Verification>, Status> {
        Ok(Response::new(by_serial(&self.0, request.get_ref()).await?))
    }

    async fn verify_file(
        &self,
        request: Request<Streaming<VerifyFileRequest>>,
    ) -> Result<Response<Verification>, Status> {
        let mut pieces = request.into_inner();
        let mut file = Vec::new();
        while let Some(piece) = pieces.message().await? {
            file.extend_from_slice(&piece.body.unwrap_or_default().data);
            if file.len() > MAX_FILE {
                return Err(Error::BadFile.into());
            }
        }
        Ok(Response::new(by_file(&self.0, file).await?))
    }
}

async fn by_serial(app: &App, request: &VerifySerialRequest) -> Result<Verification, Error> {
    let serial = request.serial.trim().to_uppercase();
    if !serial::plausible(&serial) {
        return Err(Error::NotVerified);
    }
    let mut conn = app.ctx.pool.acquire().await?;
    let id = lists::by_serial(&mut conn, &serial)
        .await?
        .ok_or(Error::NotVerified)?;
    let record = agreements::find(&mut conn, id, &Scope::system())
        .await?
        .ok_or(Error::NotVerified)?;
    let code = request.code.trim().to_uppercase();
    let known = record.verify_code.as_deref().unwrap_or_default();
    if !bool::from(code.as_bytes().ct_eq(known.as_bytes())) {
        return Err(Error::NotVerified);
    }
    worth(app, &record)
}

async fn by_file(app: &App, file: Vec<u8>) -> Result<Verification, Error> {
    if !file.starts_with(b"%PDF-") {
        return Err(Error::BadFile);
    }
    let sha256 = hex::encode(Sha256::digest(&file));
    let mut conn = app.ctx.pool.acquire().await?;
    let known: Option<Uuid> = lists::by_document(&mut conn, &sha256).await?;
    let record = match known {
        Some(id) => agreements::find(&mut conn, id, &Scope::system()).await?,
        None => None,
    };
    drop(conn);
    if let Some(record) = record {
        return worth(app, &record);
    }
    let seal = peers::verify_seal(&app.ctx, file).await?;
    let message = if seal.valid {
        "签章有效，但不是本平台现存的协议书文件，请联系学校核实".to_owned()
    } else {
        format!("这不是本平台出具的原始文件，或内容已被改动：{}", seal.reason)
    };
    Ok(Verification {
        genuine: false,
        sha256,
        message,
        ..Verification::default()
    })
}

/// What an agreement is worth now; names are masked.
fn worth(app: &App, record: &Record) -> Result<Verification, Error> {
    let student = party::open(&app.sealer, record.rules.id, &record.student_sealed)?;
    let employer: party::Employer = party::read(&record.employer);
    let (state_text, message) = match record.rules.state {
        State::Effective => ("有效", "协议已经学校审核，目前有效"),
        State::Terminating => ("有效", "协议有效，解约手续正在办理"),
        State::PendingReview | State::AmendPendingStudent => ("待学校审核", "双方已签署，学校尚未审核通过"),
        State::Terminated => ("已解约", "协议已经解约，不再有效"),
        _ => ("已作废", "协议没有生效或已作废"),
    };
    Ok(Verification {
        genuine: true,
        serial: record.serial.clone().unwrap_or_default(),
        state: view::state(record.rules.state).into(),
        state_text: state_text.to_owned(),
        student_name: validators::mask_name(&student.name),
        school_name: student.school_name,
        employer_name: employer.name,
        effective_time: record.effective_time.map(timestamp),
        sha256: record.document_sha256.clone().unwrap_or_default(),
        message: message.to_owned(),
    })
}
