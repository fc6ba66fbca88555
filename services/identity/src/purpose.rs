//! Names that keep keyed hashes of different things apart.

/// Identity numbers, upper case.
pub(crate) const IDENTITY_NUMBER: &str = "identity.identity_number";
/// Mobile numbers of accounts.
pub(crate) const MOBILE: &str = "identity.accounts.mobile";
/// E-mail addresses of accounts, lower case.
pub(crate) const EMAIL: &str = "identity.accounts.email";
/// What somebody tried to sign in with.
pub(crate) const LOGIN: &str = "identity.login";
/// Addresses of clients.
pub(crate) const ADDRESS: &str = "identity.address";
/// Persons whose student number is looked up.
pub(crate) const LOOKUP: &str = "identity.lookup";
/// Student numbers that somebody tries to register.
pub(crate) const REGISTRATION: &str = "identity.registration";
/// Signatures of registration tickets.
pub(crate) const TICKET: &str = "identity.registration.ticket";
/// Recovery codes of accounts.
pub(crate) const RECOVERY_CODE: &str = "identity.recovery_code";
/// Tokens for forgotten passwords.
pub(crate) const PASSWORD_RESET: &str = "identity.password_reset";
/// Telephone numbers of those who ask for help.
pub(crate) const HELP: &str = "identity.help";
/// Accounts whose data are exported.
pub(crate) const EXPORT: &str = "identity.export";
/// Accounts that look at masked values.
pub(crate) const REVEAL: &str = "identity.reveal";
/// Refresh tokens that follow another.
pub(crate) const REFRESH_TOKEN: &str = "identity.refresh_token";
