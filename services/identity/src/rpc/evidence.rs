//! Evidence: files that a student uploaded and a request names, tied to the student so that the reviewers may look at them.

use qihang_kit::status::Fault;
use qihang_proto::documents::v1::{ClaimFilesRequest, FilePurpose};
use uuid::Uuid;

use super::{origin::claim_files, person::Person};
use crate::App;

/// Most files of one request: as many as documents ties at once.
const MOST: usize = 20;

/// Ties files to the caller's record of a kind, e.g. `identity.origin`. A file may be named more than once.
///
/// # Errors
/// EVIDENCE_LIMIT; FILE_UNUSABLE in `field` when one cannot be used; DOCUMENTS_UNAVAILABLE.
pub(crate) async fn claim(
    app: &App,
    person: &Person,
    (kind, field): (&str, &str),
    files: impl IntoIterator<Item = Uuid>,
) -> Result<(), Fault> {
    let mut ids: Vec<String> = files.into_iter().map(|id| id.to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    if ids.len() > MOST {
        let message = format!("证明材料最多{MOST}个文件，请合并后再提交");
        return Err(Fault::invalid(field, "EVIDENCE_LIMIT", message));
    }
    let student_id = person.student_id()?;
    let request = ClaimFilesRequest {
        ids,
        owner: format!("{kind}/{student_id}"),
        uploader_account_id: person.principal.account_id.to_string(),
        purposes: vec![FilePurpose::Evidence.into()],
        school_code: person.school_code()?.to_owned(),
        student_id: student_id.to_string(),
        department: person.principal.department.clone().unwrap_or_default(),
        class_name: person.principal.classes.first().cloned().unwrap_or_default(),
        ..ClaimFilesRequest::default()
    };
    claim_files(app, request, field).await.map(drop)
}
