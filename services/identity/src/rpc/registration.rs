//! RegistrationService.

use std::sync::Arc;

use qihang_kit::{
    auth::{self, Caller},
    validators,
};
use qihang_proto::identity::v1::{
    FindStudentNumberRequest, FindStudentNumberResponse, GetRegistrationCaseRequest, IssuedSession,
    RegistrationCase, SetCredentialsRequest, VerifyStudentRequest, VerifyStudentResponse,
    registration_service_server,
};
use time::Duration;
use tonic::{Request, Response, Status};

use crate::{
    App, captcha,
    error::{Error, Missing},
    limits::{self, Limit},
    purpose,
    rpc::{person::timestamp, set_credentials, verify_student},
    sealing,
    store::{
        audit::{self, Event},
        students,
    },
};

/// Registers students.
pub(crate) struct RegistrationService(pub(crate) Arc<App>);

impl RegistrationService {
    async fn find_number(
        &self,
        request: &FindStudentNumberRequest,
        caller: &Caller,
    ) -> Result<FindStudentNumberResponse, Error> {
        let Self(app) = self;
        captcha::verify(&app.ctx.cache, &request.captcha_id, &request.captcha_answer).await?;
        let identity = request.identity_number.trim().to_uppercase();
        let address = limits::address(&app.sealer, caller);
        let person = app.sealer.blind_index(purpose::LOOKUP, &identity);
        let mut transaction = app.ctx.pool.begin().await?;
        for (limit, subject) in look_up_limits(app).iter().zip([&address, &person]) {
            limit.check(&mut transaction, subject).await?;
            limit.count(&mut transaction, subject).await?;
        }
        let blind = sealing::identity_blind(&app.sealer, &identity);
        let found = students::find_number(
            &mut transaction,
            &request.school_code,
            request.name.trim(),
            &blind,
        )
        .await?;
        let event = Event {
            event: "registration.find_number",
            refused: found.is_none(),
            student_id: found.as_ref().map(|(id, _)| *id),
            school_code: Some(request.school_code.clone()),
            ..Event::default()
        };
        audit::write(&mut transaction, app.ctx.ids.new_id(), &event, caller).await?;
        transaction.commit().await?;
        let (_, number) = found.ok_or(Error::StudentNotFound)?;
        Ok(FindStudentNumberResponse {
            student_number_masked: validators::mask_number(&number),
        })
    }

    async fn case(&self, school_code: &str, case_number: &str) -> Result<RegistrationCase, Error> {
        let Self(app) = self;
        let mut conn = app.ctx.pool.acquire().await?;
        let case_number = case_number.trim().to_uppercase();
        let case = audit::get_case(&mut conn, school_code, &case_number).await?;
        let case = case.ok_or(Error::NotFound(Missing::Case))?;
        let number = app.sealer.open(
            &case.student_number_sealed,
            &verify_student::tie(&case.case_number),
        )?;
        Ok(RegistrationCase {
            student_number: String::from_utf8(number)
                .map_err(|_| Error::Inconsistent("registration_cases"))?,
            case_number: case.case_number,
            number_known: case.number_known,
            name_matches: case.name_matches,
            identity_matches: case.identity_matches,
            create_time: Some(timestamp(case.create_time)),
        })
    }
}

/// Limits of look-ups, by address and by person, in this order.
fn look_up_limits(app: &App) -> [Limit; 2] {
    let settings = &app.config.limits_of_attempts;
    let reason = "LOOKUP_LIMITED";
    [
        Limit {
            bucket: "lookup.address",
            reason,
            max: settings.lookup_per_hour,
            window: Duration::HOUR,
        },
        Limit {
            bucket: "lookup.person",
            reason,
            max: settings.lookup_per_person,
            window: Duration::DAY,
        },
    ]
}

#[tonic::async_trait]
impl registration_service_server::RegistrationService for RegistrationService {
    async fn find_student_number(
        &self,
        request: Request<FindStudentNumberRequest>,
    ) -> Result<Response<FindStudentNumberResponse>, Status> {
        let caller = auth::caller(&request);
        Ok(Response::new(self.find_number(request.get_ref(), &caller).await?))
    }

    async fn verify_student(
        &self,
        request: Request<VerifyStudentRequest>,
    ) -> Result<Response<VerifyStudentResponse>, Status> {
        let caller = auth::caller(&request);
        Ok(Response::new(
            verify_student::verify(&self.0, request.get_ref(), &caller).await?,
        ))
    }

    async fn set_credentials(
        &self,
        request: Request<SetCredentialsRequest>,
    ) -> Result<Response<IssuedSession>, Status> {
        let caller = auth::caller(&request);
        Ok(Response::new(
            set_credentials::set(&self.0, request.get_ref(), &caller).await?,
        ))
    }

    async fn get_registration_case(
        &self,
        request: Request<GetRegistrationCaseRequest>,
    ) -> Result<Response<RegistrationCase>, Status> {
        let school = auth::principal(&request)?
            .school_code
            .clone()
            .ok_or(Error::NotFound(Missing::Case))?;
        Ok(Response::new(
            self.case(&school, &request.get_ref().case_number).await?,
        ))
    }
}
