//! People at the door: captchas answered, registrations, sign-ins, and the tokens they get.

use std::net::IpAddr;

use qihang_kit::{
    auth::{FixedKeys, Principal, Verifier},
    testing::{Acting, TestService},
};
use qihang_proto::identity::v1::{
    Captcha, CreateCaptchaRequest, GetJwksRequest, IssuedSession, LoginStaffRequest, LoginStudentRequest,
    RefreshRequest, SetCredentialsRequest, VerifyStudentRequest, VerifyStudentResponse, captcha,
    captcha_service_client::CaptchaServiceClient, directory_service_client::DirectoryServiceClient,
    registration_service_client::RegistrationServiceClient, session_service_client::SessionServiceClient,
};
use sha2::{Digest as _, Sha256};
use tonic::{Response, Status};

use crate::roster_support::{Way, identity_number};

pub(crate) const SCHOOL: &str = "4123010212";
pub(crate) const PASSWORD: &str = "blue tram to the river";

/// Somebody at an address.
pub(crate) struct Door<'a> {
    pub(crate) identity: &'a TestService,
    pub(crate) address: IpAddr,
}

/// A door at the usual address.
pub(crate) fn door(identity: &TestService) -> Door<'_> {
    Door {
        identity,
        address: IpAddr::from([192, 0, 2, 1]),
    }
}

/// A door at an address of its own.
pub(crate) fn door_at(identity: &TestService, last: u8) -> Door<'_> {
    Door {
        identity,
        address: IpAddr::from([198, 51, 100, last]),
    }
}

/// What a registration asks for, right for a row of the roster.
pub(crate) fn verification(row: u32) -> VerifyStudentRequest {
    VerifyStudentRequest {
        school_code: SCHOOL.to_owned(),
        student_number: number(row),
        name: "李明".to_owned(),
        identity_number: identity_number(row),
        ..VerifyStudentRequest::default()
    }
}

/// Credentials that are accepted.
pub(crate) fn credentials(ticket: &str) -> SetCredentialsRequest {
    SetCredentialsRequest {
        ticket: ticket.to_owned(),
        mobile: "13812345678".to_owned(),
        email: "li@example.com".to_owned(),
        password: PASSWORD.to_owned(),
        request_id: String::new(),
    }
}

pub(crate) fn number(row: u32) -> String {
    format!("2022{row:06}")
}

/// Does the work of a captcha.
pub(crate) fn solve(captcha: &Captcha) -> String {
    let good = |nonce: &u32| {
        let hash = Sha256::digest(format!("{}{nonce}", captcha.challenge));
        u32::from_be_bytes(hash[..4].try_into().unwrap()).leading_zeros() >= captcha.difficulty
    };
    (0..).find(good).unwrap().to_string()
}

impl Door<'_> {
    pub(crate) fn way(&self) -> Way {
        self.identity.acting(Acting {
            address: self.address,
            ..Acting::default()
        })
    }

    pub(crate) fn registration(&self) -> RegistrationServiceClient<Way> {
        RegistrationServiceClient::new(self.way())
    }

    pub(crate) fn sessions(&self) -> SessionServiceClient<Way> {
        SessionServiceClient::new(self.way())
    }

    /// A solved captcha: id and answer.
    pub(crate) async fn captcha(&self) -> (String, String) {
        let request = CreateCaptchaRequest {
            kind: captcha::Kind::ProofOfWork.into(),
        };
        let captcha = CaptchaServiceClient::new(self.way())
            .create_captcha(request)
            .await
            .unwrap()
            .into_inner();
        let answer = solve(&captcha);
        (captcha.id, answer)
    }

    pub(crate) async fn verify(
        &self,
        request: VerifyStudentRequest,
    ) -> Result<VerifyStudentResponse, Status> {
        let (captcha_id, captcha_answer) = self.captcha().await;
        let request = VerifyStudentRequest {
            captcha_id,
            captcha_answer,
            ..request
        };
        self.registration()
            .verify_student(request)
            .await
            .map(Response::into_inner)
    }

    pub(crate) async fn set(&self, request: SetCredentialsRequest) -> Result<IssuedSession, Status> {
        self.registration()
            .set_credentials(request)
            .await
            .map(Response::into_inner)
    }

    /// Registers the student of a row.
    pub(crate) async fn register(&self, row: u32) -> IssuedSession {
        let ticket = self.verify(verification(row)).await.unwrap().ticket;
        self.set(credentials(&ticket)).await.unwrap()
    }

    pub(crate) async fn login(&self, row: u32, password: &str) -> Result<IssuedSession, Status> {
        let (captcha_id, captcha_answer) = self.captcha().await;
        let request = LoginStudentRequest {
            school_code: SCHOOL.to_owned(),
            student_number: number(row),
            password: password.to_owned(),
            captcha_id,
            captcha_answer,
        };
        self.sessions()
            .login_student(request)
            .await
            .map(Response::into_inner)
    }

    pub(crate) async fn login_staff(&self, login: &str, password: &str) -> Result<IssuedSession, Status> {
        self.login_with_code(login, password, "").await
    }

    pub(crate) async fn login_with_code(
        &self,
        login: &str,
        password: &str,
        totp_code: &str,
    ) -> Result<IssuedSession, Status> {
        let (captcha_id, captcha_answer) = self.captcha().await;
        let (login, password) = (login.to_owned(), password.to_owned());
        let request = LoginStaffRequest {
            login,
            password,
            totp_code: totp_code.to_owned(),
            captcha_id,
            captcha_answer,
        };
        self.sessions()
            .login_staff(request)
            .await
            .map(Response::into_inner)
    }

    pub(crate) async fn refresh(&self, token: &str, request_id: &str) -> Result<IssuedSession, Status> {
        let request = RefreshRequest {
            refresh_token: token.to_owned(),
            request_id: request_id.to_owned(),
        };
        self.sessions().refresh(request).await.map(Response::into_inner)
    }

    /// Who an access token says its bearer is, by the published keys.
    pub(crate) async fn bearer(&self, session: &IssuedSession) -> Principal {
        let verifier = self.verifier().await;
        verifier
            .verify(&session.tokens.as_ref().unwrap().access_token)
            .await
            .unwrap()
    }

    /// A verifier with the keys that are published now.
    pub(crate) async fn verifier(&self) -> Verifier {
        let jwks = DirectoryServiceClient::new(self.way())
            .get_jwks(GetJwksRequest {})
            .await
            .unwrap()
            .into_inner();
        let keys = FixedKeys(serde_json::from_str(&jwks.jwks_json).unwrap());
        Verifier::new(keys, self.identity.auth(), self.identity.ctx.clock.clone())
    }
}

/// The same person with a second factor, which staff need for everything but enrolling one.
pub(crate) fn with_code(principal: Principal) -> Principal {
    Principal {
        amr: vec!["pwd".to_owned(), "otp".to_owned()],
        ..principal
    }
}

/// The refresh token of a session.
pub(crate) fn refresh_token(session: &IssuedSession) -> &str {
    &session.tokens.as_ref().unwrap().refresh_token
}

/// The seconds that a refused caller is told to wait.
pub(crate) fn wait_seconds(status: &Status) -> i64 {
    use tonic_types::StatusExt as _;
    let delay = status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay)
        .unwrap();
    i64::try_from(delay.as_secs()).unwrap()
}
