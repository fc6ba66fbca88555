//! ProfileService: what people keep about themselves.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller, Principal, Role},
    etag,
    idempotency::Call,
    status::Fault,
    validators,
};
use qihang_proto::{
    documents::v1::{
        ClaimFilesRequest, FilePurpose, ReleaseFilesRequest, file_service_client::FileServiceClient,
    },
    identity::v1::{
        BlockEmployerRequest, GetPrivacyRequest, GetProfileRequest, ListBlockedEmployersRequest,
        ListBlockedEmployersResponse, Privacy, Profile, RemoveAvatarRequest, SetAvatarRequest,
        UnblockEmployerRequest, UpdatePrivacyRequest, UpdateProfileRequest, profile_service_server,
    },
};
use sqlx::PgConnection;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    App,
    domain::privacy::MOST_BLOCKED,
    error::{Error, Missing},
    rpc::{
        origin::claim_files,
        profile_view::{self, Contacts},
    },
    store::{
        self,
        accounts::{self, AccountRow},
        audit::{self, Event},
        profiles::{self, ProfileRow},
    },
};

/// Shows and changes profiles.
pub(crate) struct ProfileService(pub(crate) Arc<App>);

/// A profile with the account that it belongs to.
struct Loaded {
    account: AccountRow,
    row: ProfileRow,
    contacts: Contacts,
}

impl ProfileService {
    async fn load(&self, conn: &mut PgConnection, id: Uuid) -> Result<Loaded, Error> {
        let account = accounts::get(conn, id)
            .await?
            .ok_or(Error::NotFound(Missing::Account))?;
        Ok(Loaded {
            row: profiles::get(conn, id).await?,
            contacts: Contacts::open(&account, &self.0.sealer)?,
            account,
        })
    }

    async fn shown(&self, conn: &mut PgConnection, id: Uuid) -> Result<Profile, Error> {
        let loaded = self.load(conn, id).await?;
        Ok(profile_view::profile(
            &loaded.account,
            &loaded.row,
            &loaded.contacts,
        ))
    }

    async fn update(
        &self,
        request: &UpdateProfileRequest,
        principal: &Principal,
        caller: &Caller,
    ) -> Result<Profile, Error> {
        let (app, id) = (&self.0, principal.account_id);
        let mut transaction = app.ctx.pool.begin().await?;
        let call = Call::new("UpdateProfile", id, &request.request_id, request);
        // The answer holds personal data, so not it but only that there was one is kept.
        call.once(&mut transaction, async |conn| {
            let loaded = self.load(conn, id).await?;
            etag::check(&request.etag, loaded.account.version)?;
            let contacts = changed_contacts(&loaded.contacts, request, principal.role)?;
            let row = changed_row(loaded.row, request, principal.role)?;
            let key = (id, loaded.account.version);
            let pair = (contacts.mobile.as_str(), contacts.email.as_str());
            if !profiles::save_contacts(conn, &app.sealer, key, pair).await? {
                return Err(etag::conflict());
            }
            profiles::save(conn, id, &row).await?;
            let event = Event::of("profile.update", id);
            audit::write(conn, app.ctx.ids.new_id(), &event, caller).await?;
            Ok(())
        })
        .await?;
        let shown = self.shown(&mut transaction, id).await?;
        transaction.commit().await?;
        Ok(shown)
    }

    /// Sets or removes the portrait; the one before is given back once nothing names it any more.
    async fn change_avatar(&self, principal: &Principal, file: Option<&str>) -> Result<Profile, Error> {
        let (app, id) = (&self.0, principal.account_id);
        let owner = format!("identity.avatar/{id}");
        let file = match file {
            Some(file) => Some(self.claim_avatar(principal, file, &owner).await?),
            None => None,
        };
        let mut transaction = app.ctx.pool.begin().await?;
        let before = profiles::get(&mut transaction, id).await?;
        let row = ProfileRow {
            avatar_file_id: file,
            ..before.clone()
        };
        profiles::save(&mut transaction, id, &row).await?;
        let shown = self.shown(&mut transaction, id).await?;
        transaction.commit().await?;
        if let Some(old) = before.avatar_file_id.filter(|old| Some(*old) != file) {
            self.release(old, owner).await;
        }
        Ok(shown)
    }

    async fn claim_avatar(&self, principal: &Principal, file: &str, owner: &str) -> Result<Uuid, Error> {
        let unusable = |_| Fault::invalid("fileId", "FILE_UNUSABLE", "文件编号不正确，请重新上传");
        let id: Uuid = file.parse().map_err(unusable)?;
        let request = ClaimFilesRequest {
            ids: vec![id.to_string()],
            owner: owner.to_owned(),
            uploader_account_id: principal.account_id.to_string(),
            purposes: vec![FilePurpose::Avatar.into()],
            ..ClaimFilesRequest::default()
        };
        claim_files(&self.0, request, "fileId").await?;
        Ok(id)
    }

    /// A portrait that is not given back is kept and shown to nobody but its owner; no reason to fail for.
    async fn release(&self, id: Uuid, owner: String) {
        let request = ReleaseFilesRequest {
            ids: vec![id.to_string()],
            owner,
        };
        let mut client = FileServiceClient::new(self.0.ctx.channels.get("documents"));
        if let Err(status) = client.release_files(request).await {
            tracing::warn!(file.id = %id, code = ?status.code(), "an old portrait was not given back");
        }
    }

    async fn update_privacy(
        &self,
        request: &UpdatePrivacyRequest,
        principal: &Principal,
        caller: &Caller,
    ) -> Result<Privacy, Error> {
        let (app, student) = (&self.0, student(principal)?);
        let mut transaction = app.ctx.pool.begin().await?;
        let account = principal.account_id;
        let call = Call::new("UpdatePrivacy", account, &request.request_id, request);
        let answer = call
            .once(&mut transaction, async |conn| {
                let before = profiles::privacy(conn, student).await?;
                let version = before.as_ref().map_or(0, |row| row.version);
                etag::check(&request.etag, version)?;
                let settings = profile_view::settings(before.as_ref())?.with(profile_view::changes(request));
                if !profiles::save_privacy(conn, (student, version), settings).await? {
                    return Err(etag::conflict());
                }
                let event = Event {
                    student_id: Some(student),
                    ..Event::of("privacy.update", account)
                };
                audit::write(conn, app.ctx.ids.new_id(), &event, caller).await?;
                let after = profiles::privacy(conn, student).await?;
                Ok(profile_view::privacy(after.as_ref())?)
            })
            .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    async fn block(&self, student: Uuid, employer: &str) -> Result<ListBlockedEmployersResponse, Error> {
        let id: Uuid = employer.parse().map_err(|_| employer_not_found())?;
        let mut transaction = self.0.ctx.pool.begin().await?;
        store::students::lock(&mut transaction, student).await?;
        if !profiles::block(&mut transaction, student, id).await? {
            return Err(employer_not_found().into());
        }
        let blocked = profiles::blocked(&mut transaction, student).await?;
        if blocked.len() > MOST_BLOCKED {
            let message = format!("最多屏蔽{MOST_BLOCKED}家单位，请先移除不再需要屏蔽的单位");
            return Err(Fault::precondition("BLOCK_LIMIT", message).into());
        }
        transaction.commit().await?;
        Ok(profile_view::blocked(blocked))
    }
}

fn student(principal: &Principal) -> Result<Uuid, Error> {
    principal.student_id.ok_or(Error::NotFound(Missing::Account))
}

fn employer_not_found() -> Fault {
    Fault::not_found("EMPLOYER_NOT_FOUND", "没有找到该单位，请刷新后重试")
}

/// A contact as it will be: checked when it is given, and never empty for those who sign in or are reached by it.
fn contact(
    (field, title): (&'static str, &'static str),
    given: Option<&str>,
    present: &str,
    role: Role,
    check: fn(&str) -> Result<&str, validators::Invalid>,
) -> Result<String, Fault> {
    let Some(given) = given.map(str::trim) else {
        return Ok(present.to_owned());
    };
    if given.is_empty() {
        return match role {
            Role::Student | Role::Employer => Err(Fault::invalid(
                field,
                "REQUIRED",
                format!("{title}不能为空，请填写"),
            )),
            _ => Ok(String::new()),
        };
    }
    let checked = check(given);
    checked
        .map(str::to_owned)
        .map_err(|invalid| Fault::invalid(field, invalid.reason(), format!("{title}：{invalid}")))
}

fn changed_contacts(
    present: &Contacts,
    request: &UpdateProfileRequest,
    role: Role,
) -> Result<Contacts, Fault> {
    let (mobile, email) = (request.mobile.as_deref(), request.email.as_deref());
    Ok(Contacts {
        mobile: contact(
            ("mobile", "手机号码"),
            mobile,
            &present.mobile,
            role,
            validators::mobile,
        )?,
        email: contact(
            ("email", "电子邮箱"),
            email,
            &present.email,
            role,
            validators::email,
        )?,
    })
}

fn changed_row(present: ProfileRow, request: &UpdateProfileRequest, role: Role) -> Result<ProfileRow, Fault> {
    let office = [("title", &request.title), ("officePhone", &request.office_phone)];
    if role == Role::Student {
        let given = office.into_iter().find(|(_, value)| value.is_some());
        return match given {
            Some((field, _)) => Err(Fault::invalid(field, "NOT_FOR_STUDENTS", "学生没有此项，请留空")),
            None => Ok(present),
        };
    }
    let phone = request.office_phone.as_deref();
    let words = ("officePhone", "办公电话");
    // Anybody may be without an office telephone.
    let office_phone = contact(
        words,
        phone,
        &present.office_phone,
        Role::School,
        validators::telephone,
    )?;
    let title = request.title.as_deref().map(str::trim).unwrap_or(&present.title);
    Ok(ProfileRow {
        title: title.to_owned(),
        office_phone,
        ..present
    })
}

#[tonic::async_trait]
impl profile_service_server::ProfileService for ProfileService {
    async fn get_profile(&self, request: Request<GetProfileRequest>) -> Result<Response<Profile>, Status> {
        let id = auth::principal(&request)?.account_id;
        let mut conn = self.0.ctx.pool.acquire().await.map_err(Error::from)?;
        Ok(Response::new(self.shown(&mut conn, id).await?))
    }

    async fn update_profile(
        &self,
        request: Request<UpdateProfileRequest>,
    ) -> Result<Response<Profile>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            self.update(request.get_ref(), principal, &caller).await?,
        ))
    }

    async fn set_avatar(&self, request: Request<SetAvatarRequest>) -> Result<Response<Profile>, Status> {
        let principal = auth::principal(&request)?;
        let file = Some(request.get_ref().file_id.as_str());
        Ok(Response::new(self.change_avatar(principal, file).await?))
    }

    async fn remove_avatar(
        &self,
        request: Request<RemoveAvatarRequest>,
    ) -> Result<Response<Profile>, Status> {
        let principal = auth::principal(&request)?;
        Ok(Response::new(self.change_avatar(principal, None).await?))
    }

    async fn get_privacy(&self, request: Request<GetPrivacyRequest>) -> Result<Response<Privacy>, Status> {
        let student = student(auth::principal(&request)?)?;
        let mut conn = self.0.ctx.pool.acquire().await.map_err(Error::from)?;
        let row = profiles::privacy(&mut conn, student).await.map_err(Error::from)?;
        Ok(Response::new(profile_view::privacy(row.as_ref())?))
    }

    async fn update_privacy(
        &self,
        request: Request<UpdatePrivacyRequest>,
    ) -> Result<Response<Privacy>, Status> {
        let (principal, caller) = (auth::principal(&request)?, auth::caller(&request));
        Ok(Response::new(
            Self::update_privacy(self, request.get_ref(), principal, &caller).await?,
        ))
    }

    async fn list_blocked_employers(
        &self,
        request: Request<ListBlockedEmployersRequest>,
    ) -> Result<Response<ListBlockedEmployersResponse>, Status> {
        let student = student(auth::principal(&request)?)?;
        let mut conn = self.0.ctx.pool.acquire().await.map_err(Error::from)?;
        let rows = profiles::blocked(&mut conn, student).await.map_err(Error::from)?;
        Ok(Response::new(profile_view::blocked(rows)))
    }

    async fn block_employer(
        &self,
        request: Request<BlockEmployerRequest>,
    ) -> Result<Response<ListBlockedEmployersResponse>, Status> {
        let student = student(auth::principal(&request)?)?;
        Ok(Response::new(
            self.block(student, &request.get_ref().employer_id).await?,
        ))
    }

    async fn unblock_employer(
        &self,
        request: Request<UnblockEmployerRequest>,
    ) -> Result<Response<ListBlockedEmployersResponse>, Status> {
        let student = student(auth::principal(&request)?)?;
        let mut conn = self.0.ctx.pool.acquire().await.map_err(Error::from)?;
        // What is no id is on nobody's list.
        if let Ok(employer) = request.get_ref().employer_id.parse() {
            let done = profiles::unblock(&mut conn, student, employer).await;
            done.map_err(Error::from)?;
        }
        let rows = profiles::blocked(&mut conn, student).await.map_err(Error::from)?;
        Ok(Response::new(profile_view::blocked(rows)))
    }
}
