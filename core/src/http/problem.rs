//! Errors on the wire: RFC 9457 problem details. An error of the client's is a [`Problem`] with a stable code; an error
//! of ours is an [`InternalError`], whose cause is logged and never sent.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

use crate::{
    domain::{
        TaskAttempt, ValidationError, ValidationErrorCode, api_key::Scope, api_key_settings::MemberError,
        password_hash::HashError,
    },
    mail::QueueError,
    ports::{DatabaseError, KeyGateError, RateLimitError},
    store::{BatchError, Guard},
};

/// Kind of a problem: its code, HTTP status and title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    code: &'static str,
    status: u16,
    title: &'static str,
}

impl Code {
    /// Returns the code as it stands on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.code
    }

    /// Returns the HTTP status of the code.
    #[must_use]
    pub fn status(self) -> u16 {
        self.status
    }

    /// Returns what the code means, in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.title
    }
}

macro_rules! codes {
    ($($constant:ident = $status:literal, $code:literal, $title:literal;)+) => {
        $(#[doc = $title] pub const $constant: Code = Code { code: $code, status: $status, title: $title };)+
        /// Every code, ordered by status.
        pub const CODES: &[Code] = &[$($constant),+];
    };
}
codes! {
    MALFORMED_REQUEST = 400, "malformed_request", "The request could not be read";
    BENCHMARK_REQUIRED = 400, "benchmark_required", "A benchmark must be named";
    VERSION_REQUIRED = 400, "version_required", "A version of the benchmark must be named";
    INVALID_OR_EXPIRED_TOKEN = 400, "invalid_or_expired_token", "The link is invalid or has expired";
    AMBIGUOUS_SYSTEM = 400, "ambiguous_system", "The model has several systems here";
    MISSING_CREDENTIALS = 401, "missing_credentials", "Credentials are needed";
    INVALID_TOKEN = 401, "invalid_token", "The token is invalid";
    EXPIRED_TOKEN = 401, "expired_token", "The token has expired";
    SESSION_REVOKED = 401, "session_revoked", "The session has ended";
    INVALID_CREDENTIALS = 401, "invalid_credentials", "Address or password is wrong";
    INVALID_MFA_TOKEN = 401, "invalid_mfa_token", "The login must be started again";
    INVALID_MFA_CODE = 401, "invalid_mfa_code", "The code is wrong";
    INVALID_API_KEY = 401, "invalid_api_key", "The API key is invalid";
    API_KEY_REVOKED = 401, "api_key_revoked", "The API key was revoked";
    API_KEY_EXPIRED = 401, "api_key_expired", "The API key has expired";
    EMAIL_NOT_VERIFIED = 403, "email_not_verified", "The address is not verified yet";
    ACCOUNT_SUSPENDED = 403, "account_suspended", "The account is suspended";
    INCORRECT_PASSWORD = 403, "incorrect_password", "The password is wrong";
    INCORRECT_CODE = 403, "incorrect_code", "The code is wrong";
    REAUTHENTICATION_REQUIRED = 403, "reauthentication_required", "The password is asked for again";
    USER_TOKEN_REQUIRED = 403, "user_token_required", "A person's access token is needed, not an API key";
    API_KEY_REQUIRED = 403, "api_key_required", "An API key is needed, not a person's access token";
    INSUFFICIENT_SCOPE = 403, "insufficient_scope", "The API key lacks a scope";
    IP_NOT_ALLOWED = 403, "ip_not_allowed", "The API key may not be used from this address";
    ROLE_REQUIRED = 403, "role_required", "Another role is needed";
    NOT_OWNER = 403, "not_owner", "Somebody else owns this";
    INVALID_SIGNATURE = 403, "invalid_signature", "The signature is wrong";
    PRIVATE_TASKS = 403, "private_tasks", "The tasks of this benchmark are private";
    ORIGIN_NOT_ALLOWED = 403, "origin_not_allowed", "This origin is not allowed";
    CROSS_SITE_COOKIE = 403, "cross_site_cookie", "A browser keeps no cookie for a page of another site";
    NOT_FOUND = 404, "not_found", "There is nothing here";
    METHOD_NOT_ALLOWED = 405, "method_not_allowed", "The method is not allowed here";
    REQUEST_TIMEOUT = 408, "request_timeout", "The request did not arrive in time";
    EMAIL_TAKEN = 409, "email_taken", "The address belongs to another account";
    MFA_ALREADY_ENABLED = 409, "mfa_already_enabled", "A second factor is set up already";
    MFA_NOT_ENABLED = 409, "mfa_not_enabled", "No second factor is set up";
    OWN_ACCOUNT = 409, "own_account", "An administrator does not change their own account";
    API_KEY_NOT_ACTIVE = 409, "api_key_not_active", "The API key was revoked or has expired";
    API_KEY_ALREADY_ROTATED = 409, "api_key_already_rotated", "The API key has a successor already";
    IDEMPOTENCY_IN_PROGRESS = 409, "idempotency_in_progress", "The first request with this Idempotency-Key is still running";
    TOO_MANY_API_KEYS = 409, "too_many_api_keys", "There are too many active API keys";
    TOO_MANY_WEBHOOKS = 409, "too_many_webhooks", "There are too many webhooks";
    WEBHOOK_DISABLED = 409, "webhook_disabled", "The webhook takes nothing now";
    TOO_MANY_VERSIONS = 409, "too_many_versions", "The benchmark has too many versions";
    VERSION_NOT_WHOLE = 409, "version_not_whole", "A part or a second scoring is never the current version";
    VERSION_OF_COUNTS = 409, "version_of_counts", "Counts are not put before results";
    STORAGE_QUOTA_EXCEEDED = 409, "storage_quota_exceeded", "The account's storage is used up";
    VERSION_IN_USE = 409, "version_in_use", "A version that has runs never changes";
    EXTERNAL_ID_CONFLICT = 409, "external_id_conflict", "The external id stands for another run";
    RUN_NOT_OPEN = 409, "run_not_open", "The run is not open";
    SEAL_OPENED = 409, "seal_opened", "A run was published with this seal";
    RUN_NOT_PUBLISHED = 409, "run_not_published", "The run is not published";
    PUBLISHED_TO_HIDDEN = 409, "published_to_hidden", "An administrator hid the model or the benchmark";
    EVIDENCE_MISMATCH = 409, "evidence_mismatch", "The benchmark version takes another kind of evidence";
    CONFLICTING_RESULTS = 409, "conflicting_results", "Results conflict with what was uploaded before";
    HIDDEN = 410, "hidden", "An administrator hid this";
    PAYLOAD_TOO_LARGE = 413, "payload_too_large", "The body is too large";
    UNSUPPORTED_MEDIA_TYPE = 415, "unsupported_media_type", "The body must be JSON";
    VALIDATION_FAILED = 422, "validation_failed", "The request is invalid";
    IDEMPOTENCY_KEY_REUSED = 422, "idempotency_key_reused", "The Idempotency-Key stands for another request";
    INCOMPLETE_RUN = 422, "incomplete_run", "The run does not answer every task";
    TOO_MANY_REQUESTS = 429, "too_many_requests", "Too many requests";
    TOO_MANY_ATTEMPTS = 429, "too_many_attempts", "Too many attempts";
    INTERNAL_ERROR = 500, "internal_error", "Something went wrong on our side";
    SERVICE_UNAVAILABLE = 503, "service_unavailable", "The service is unavailable for the moment";
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code)
    }
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let names = CODES.iter().map(|code| code.name());
        let codes = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        codes.description(Some("What went wrong. `/problems` tells each. A later version may add some.")).into()
    }
}

impl ToSchema for Code {
    fn name() -> Cow<'static, str> {
        "ProblemCode".into()
    }
}

/// One invalid member of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ProblemError)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body (`""` is the whole of it), or `?name` for a query parameter.
    #[schema(pattern = r"^(/[\s\S]*|\?[\s\S]+)?$", example = "/email")]
    pub pointer: String,
    /// Stable.
    pub code: ValidationErrorCode,
    /// For a person.
    #[schema(example = "not an address")]
    pub detail: String,
}

/// What problems of some codes say besides (extension members, RFC 9457, 3.2).
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemMembers {
    /// With `validation_failed`: each mistake.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1)]
    pub errors: Option<Vec<FieldError>>,
    /// With `conflicting_results`: what is stored otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 1)]
    pub conflicts: Option<Vec<TaskAttempt>>,
    /// With `incomplete_run`: what has no result; empty where counts are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub missing: Option<Vec<TaskAttempt>>,
    /// With `insufficient_scope`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub required_scope: Option<Scope>,
    /// With `benchmark_required` and `version_required`: what can be named, at most 20 of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_items = 20)]
    pub choices: Option<Vec<String>>,
    /// With `hidden` and `published_to_hidden`: the administrator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<String>,
    /// How much the account has stored, with `storage_quota_exceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub used_bytes: Option<i64>,
    /// How much it may store, with `storage_quota_exceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub quota_bytes: Option<i64>,
    /// How much of that is left, with `storage_quota_exceeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub left_bytes: Option<i64>,
}

/// Problem details (RFC 9457). A 5xx never carries a cause.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// Leads to the deployment's own page about the code, and ends in that.
    #[schema(format = "uri", pattern = "^https?://.+/problems/[a-z0-9_]+$")]
    r#type: String,
    pub title: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// Stable: decide by this.
    pub code: Code,
    pub detail: &'a str,
    /// As in `X-Request-Id`.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub request_id: &'a str,
    #[serde(flatten)]
    members: &'a ProblemMembers,
}

/// Error as it is sent to the client.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    members: ProblemMembers,
    headers: HeaderMap,
    /// Cause of an error of ours: for the log, never for the body.
    cause: Option<String>,
}

impl Problem {
    /// Creates a problem of this kind.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let mut headers = HeaderMap::new();
        if code.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Self { code, detail: detail.into(), members: ProblemMembers::default(), headers, cause: None }
    }

    /// Checks whether the problem is of this kind.
    #[must_use]
    pub fn is(&self, code: Code) -> bool {
        self.code == code
    }

    /// Returns the kind of the problem.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// Returns each invalid member of a `validation_failed`; nothing for other kinds.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        self.members.errors.as_deref().unwrap_or_default()
    }

    /// Returns the headers that the problem comes with.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the detail for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Sets a header on the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the extension members, replacing those before.
    #[must_use]
    pub fn with(mut self, members: ProblemMembers) -> Self {
        self.members = members;
        self
    }

    /// Adds the number of an upload's line, empty ones not counted, to the detail and to each pointer.
    #[must_use]
    pub fn in_line(mut self, line: usize) -> Self {
        self.detail = format!("line {line}: {}", self.detail);
        for error in self.members.errors.iter_mut().flatten() {
            error.pointer = format!("/{}{}", line.saturating_sub(1), error.pointer);
        }
        self
    }

    /// Sets `Retry-After`: in how many seconds a retry makes sense.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Sets the cause of an error of ours, for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: &impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// Returns the cause of an error of ours, for the log.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Creates the JSON body.
    #[must_use]
    pub fn body<'a>(&'a self, base_url: &str, request_id: &'a str) -> ProblemBody<'a> {
        ProblemBody {
            r#type: format!("{base_url}/problems/{}", self.code.code),
            title: self.code.title,
            status: self.code.status,
            code: self.code,
            detail: &self.detail,
            request_id,
            members: &self.members,
        }
    }
}

const OUTCOME_UNKNOWN: &str = "there was no answer in time: what was asked for may have been done; try again in a \
                               moment, with the same Idempotency-Key where there was one";

/// An error of ours: 500, or 503 where a retry may help. The cause is for the log.
#[derive(Debug)]
pub struct InternalError {
    cause: String,
    kind: InternalErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InternalErrorKind {
    /// No retry helps: 500.
    Lasting,
    /// A dependency is down or busy, and nothing was done: 503.
    Passing,
    /// What was asked for may have been done: 503.
    OutcomeUnknown,
}

/// Error of a request: the client's or ours.
#[derive(Debug)]
pub enum ApiError {
    /// The client's error, as it is sent.
    Problem(Box<Problem>),
    /// Our error, whose cause is logged and never sent.
    Internal(InternalError),
}

impl ApiError {
    /// Creates an error of the client's, of this kind.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem::new(code, detail).into()
    }

    /// Creates a `validation_failed` of these invalid members.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let members = ProblemMembers { errors: Some(errors), ..ProblemMembers::default() };
        Problem::new(VALIDATION_FAILED, "see errors for each invalid member").with(members).into()
    }

    /// Creates a `validation_failed` of one invalid member.
    #[must_use]
    pub fn invalid_member(pointer: &str, refusal: ValidationError) -> Self {
        Self::invalid(vec![FieldError { pointer: pointer.to_owned(), code: refusal.code, detail: refusal.detail }])
    }

    /// Creates a `validation_failed` of the mistakes in a key's settings.
    #[must_use]
    pub fn mistakes(mistakes: Vec<MemberError>) -> Self {
        let error = |mistake: MemberError| FieldError {
            pointer: mistake.pointer(),
            code: mistake.refusal.code,
            detail: mistake.refusal.detail,
        };
        Self::invalid(mistakes.into_iter().map(error).collect())
    }

    /// Creates a `not_found`; `what` names the missing thing.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(NOT_FOUND, format!("no such {what}"))
    }

    /// Creates a `session_revoked`.
    #[must_use]
    pub fn session_revoked() -> Self {
        Self::new(SESSION_REVOKED, "log in again")
    }

    /// Creates an `account_suspended`.
    #[must_use]
    pub fn account_suspended() -> Self {
        Self::new(ACCOUNT_SUSPENDED, "ask the operators why")
    }

    /// Creates the `role_required` of somebody who is no administrator.
    #[must_use]
    pub fn admins_only() -> Self {
        Self::new(ROLE_REQUIRED, "this needs the role admin")
    }

    /// Creates an error of ours that a retry will not mend.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::Internal(InternalError { cause: cause.into(), kind: InternalErrorKind::Lasting })
    }

    /// Creates the error of a dependency that is down or busy, which has done nothing.
    #[must_use]
    pub fn unavailable(cause: impl Into<String>) -> Self {
        Self::Internal(InternalError { cause: cause.into(), kind: InternalErrorKind::Passing })
    }

    /// Creates the error of a dependency that broke off or did not answer in time: it may have done what was asked for.
    #[must_use]
    pub fn interrupted(cause: impl Into<String>) -> Self {
        Self::Internal(InternalError { cause: cause.into(), kind: InternalErrorKind::OutcomeUnknown })
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<DatabaseError> for ApiError {
    fn from(error: DatabaseError) -> Self {
        match error {
            // A constraint that no handler expected is a mistake of ours.
            DatabaseError::Constraint(_) | DatabaseError::Unexpected(_) => Self::internal(error.to_string()),
            DatabaseError::Overloaded(_) | DatabaseError::Unavailable(_) => Self::unavailable(error.to_string()),
            DatabaseError::Interrupted(_) => Self::interrupted(error.to_string()),
        }
    }
}

/// Guards that any handler's batch may carry become their problem; one that the handler should have handled itself is a
/// mistake of ours.
impl From<BatchError> for ApiError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Guard(Guard::SessionLive) => Self::session_revoked(),
            BatchError::Guard(Guard::AccountActive) => Self::account_suspended(),
            BatchError::Guard(Guard::AdminRole) => Self::admins_only(),
            BatchError::Guard(Guard::IdempotencyClaim) => Self::unavailable(error.to_string()),
            BatchError::Guard(_) => Self::internal(error.to_string()),
            BatchError::Database(error) => error.into(),
        }
    }
}

impl From<QueueError> for ApiError {
    fn from(error: QueueError) -> Self {
        Self::internal(error.to_string())
    }
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::unavailable(error.to_string()),
            HashError::Failed(_) => Self::internal(error.to_string()),
        }
    }
}

impl From<RateLimitError> for ApiError {
    fn from(error: RateLimitError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl From<KeyGateError> for ApiError {
    fn from(error: KeyGateError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl IntoResponse for ApiError {
    /// Answers with the status, the headers, and the [`Problem`] itself as an extension: the outermost layer, which
    /// knows the request's id, writes the body.
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Problem(problem) => *problem,
            Self::Internal(error) => {
                let problem = match error.kind {
                    InternalErrorKind::Lasting => {
                        Problem::new(INTERNAL_ERROR, "the failure was logged under this request's id")
                    }
                    InternalErrorKind::Passing => {
                        Problem::new(SERVICE_UNAVAILABLE, "try again in a moment").retry_after(1)
                    }
                    InternalErrorKind::OutcomeUnknown => {
                        Problem::new(SERVICE_UNAVAILABLE, OUTCOME_UNKNOWN).retry_after(5)
                    }
                };
                problem.caused_by(&error.cause)
            }
        };
        let status = StatusCode::from_u16(problem.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.headers_mut().extend(problem.headers.clone());
        response.extensions_mut().insert(problem);
        response
    }
}
