//! Refusals that calls describe: each is a status with the codes that it may have. What holds for every refusal with a
//! code (headers, extension members, an example) follows from the code.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::{
    PartialSchema as _, ToResponse,
    openapi::{Ref, RefOr, Response},
};

use crate::http::problem::{self, *};

macro_rules! refusals {
    ($($(#[doc = $description:literal])+ $name:ident: $($code:ident),+;)+) => {
        $(
            $(#[doc = $description])+
            #[allow(dead_code, reason = "some are named by rules alone")]
            pub struct $name;

            impl ToResponse<'static> for $name {
                fn response() -> (&'static str, RefOr<Response>) {
                    (stringify!($name), RefOr::Ref(Ref::from_response_name(stringify!($name))))
                }
            }
        )+

        /// Returns every refusal by its name.
        pub fn refusal_components() -> Value {
            Value::Object([$((
                stringify!($name).to_owned(),
                refusal(stringify!($name), &[$($description),+], &[$(problem::$code),+]),
            )),+].into_iter().collect())
        }
    };
}

refusals! {
    /// Another account has taken the address since.
    ConflictAddress: EMAIL_TAKEN;
    /// A part or a second scoring of another version; or counts or given scores, where a whole version brings results.
    ConflictCurrentVersion: VERSION_NOT_WHOLE, VERSION_OF_COUNTS;
    /// The run is no longer open, or its benchmark version takes other evidence.
    ConflictCounts: RUN_NOT_OPEN, EVIDENCE_MISMATCH;
    /// A second factor is set up already.
    ConflictEnrolment: MFA_ALREADY_ENABLED;
    /// The first request with this `Idempotency-Key` still runs.
    ConflictInProgress: IDEMPOTENCY_IN_PROGRESS;
    /// Too many active keys, or the first request with this `Idempotency-Key` still runs.
    ConflictKey: TOO_MANY_API_KEYS, IDEMPOTENCY_IN_PROGRESS;
    /// The key was revoked or has expired.
    ConflictKeyChange: API_KEY_NOT_ACTIVE;
    /// The administrator's own account.
    ConflictOwnAccount: OWN_ACCOUNT;
    /// The run was rejected or withdrawn, or the first request with this `Idempotency-Key` still runs. Or another run was
    /// published with its seal.
    ConflictPublish: RUN_NOT_OPEN, IDEMPOTENCY_IN_PROGRESS, PUBLISHED_TO_HIDDEN, SEAL_OPENED;
    /// No second factor is set up, or none waits for its first code; or the first request with this `Idempotency-
    /// Key` still runs.
    ConflictRecoveryCodes: MFA_NOT_ENABLED, IDEMPOTENCY_IN_PROGRESS;
    /// The run was withdrawn.
    ConflictRejection: RUN_NOT_OPEN;
    /// The run is no longer open, takes no results, or holds another result for a task and attempt (each listed), and
    /// nothing was stored; or the first request with this `Idempotency-Key` still runs. Or the account's storage is
    /// used up.
    ConflictResults:
        RUN_NOT_OPEN, EVIDENCE_MISMATCH, CONFLICTING_RESULTS, IDEMPOTENCY_IN_PROGRESS, STORAGE_QUOTA_EXCEEDED;
    /// The key has a successor already, was revoked or has expired; there are too many active keys; or the first
    /// request with this `Idempotency-Key` still runs.
    ConflictRotation: API_KEY_ALREADY_ROTATED, API_KEY_NOT_ACTIVE, TOO_MANY_API_KEYS, IDEMPOTENCY_IN_PROGRESS;
    /// Another run has this `externalId`, or the first request with this `Idempotency-Key` still runs. Or the
    /// account's storage is used up, or a run was published with the seal before.
    ConflictRun: EXTERNAL_ID_CONFLICT, IDEMPOTENCY_IN_PROGRESS, PUBLISHED_TO_HIDDEN, STORAGE_QUOTA_EXCEEDED, SEAL_OPENED;
    /// An administrator hid the model or the benchmark; or the first request with this `Idempotency-Key` still runs. Or the
    /// account's storage is used up.
    ConflictSeal: IDEMPOTENCY_IN_PROGRESS, PUBLISHED_TO_HIDDEN, STORAGE_QUOTA_EXCEEDED;
    /// No second factor is set up, or none waits for its first code.
    ConflictSecondFactor: MFA_NOT_ENABLED;
    /// Runs stand on this version, and it no longer changes; or the benchmark has too many versions; or the
    /// account's storage is used up.
    ConflictVersion: VERSION_IN_USE, TOO_MANY_VERSIONS, STORAGE_QUOTA_EXCEEDED;
    /// Too many webhooks, or the first request with this `Idempotency-Key` still runs.
    ConflictWebhook: TOO_MANY_WEBHOOKS, IDEMPOTENCY_IN_PROGRESS;
    /// The webhook is disabled, or too much waits for it.
    ConflictWebhookDisabled: WEBHOOK_DISABLED;
    /// The run is open, or was rejected.
    ConflictWithdrawal: RUN_NOT_PUBLISHED;
    /// The caller is no administrator.
    ForbiddenAdministrator: ROLE_REQUIRED, USER_TOKEN_REQUIRED, ACCOUNT_SUSPENDED;
    /// The code is wrong; or the caller may not.
    ForbiddenCode: INCORRECT_CODE, USER_TOKEN_REQUIRED, ACCOUNT_SUSPENDED;
    /// The session is older than 10 minutes and came without the password, or with a wrong one; or the caller may
    /// not.
    ForbiddenEnrolment: REAUTHENTICATION_REQUIRED, INCORRECT_PASSWORD, USER_TOKEN_REQUIRED, ACCOUNT_SUSPENDED;
    /// An API key cannot manage keys; the account is suspended; or, with `PUBLISHING=roles`, a scope that publishes
    /// needs the role `publisher` or `admin`.
    ForbiddenKeyCreation: USER_TOKEN_REQUIRED, ACCOUNT_SUSPENDED, ROLE_REQUIRED;
    /// The password was right, but; or a cookie asked for from an origin that is not allowed, or from a page of another
    /// site, for which browsers keep none.
    ForbiddenLogin: EMAIL_NOT_VERIFIED, ACCOUNT_SUSPENDED, ORIGIN_NOT_ALLOWED, CROSS_SITE_COOKIE;
    /// The login asked for a cookie, and this origin is not allowed one; or the page is of another site, for which browsers
    /// keep none.
    ForbiddenOrigin: ORIGIN_NOT_ALLOWED, CROSS_SITE_COOKIE;
    /// The page's origin is not allowed to ask.
    ForbiddenPage: ORIGIN_NOT_ALLOWED;
    /// The password is wrong; or the caller may not.
    ForbiddenPassword: INCORRECT_PASSWORD, USER_TOKEN_REQUIRED, ACCOUNT_SUSPENDED;
    /// A person's access token is needed, not an API key; or the account is suspended.
    ForbiddenProgram: USER_TOKEN_REQUIRED, ACCOUNT_SUSPENDED;
    /// The key may not do this here.
    ForbiddenPublisher:
        API_KEY_REQUIRED, INSUFFICIENT_SCOPE, IP_NOT_ALLOWED, ROLE_REQUIRED, NOT_OWNER, ACCOUNT_SUSPENDED;
    /// The API key may not be used from here, or its owner is suspended.
    ForbiddenReader: IP_NOT_ALLOWED, ACCOUNT_SUSPENDED;
    /// The password is not the one that was chosen with this registration. The link still works.
    ForbiddenRegistration: INCORRECT_PASSWORD;
    /// The password or the code is wrong; or the caller may not.
    ForbiddenSecondFactor: INCORRECT_PASSWORD, INCORRECT_CODE, USER_TOKEN_REQUIRED, ACCOUNT_SUSPENDED;
    /// The cookie from an origin that is not allowed, a suspended account, or an API key in place of a person's
    /// token.
    ForbiddenSession: ORIGIN_NOT_ALLOWED, ACCOUNT_SUSPENDED, USER_TOKEN_REQUIRED;
    /// The signature is missing, or is not of this body by a key that is published.
    ForbiddenSignature: INVALID_SIGNATURE;
    /// The caller's own key lacks `keys:verify` or may not be used from here, or its owner is suspended; or the
    /// credential is a person's. What the checked key may not is told by 200.
    ForbiddenVerifier: API_KEY_REQUIRED, INSUFFICIENT_SCOPE, IP_NOT_ALLOWED, ACCOUNT_SUSPENDED;
    /// The signature is missing, is not of this body, or is not of now.
    ForbiddenWebhook: INVALID_SIGNATURE;
    /// An administrator hid it; `reason` says why.
    Hidden: HIDDEN;
    /// Tasks or counts are missing, and each is listed, unless the tasks are private and somebody else's; or the
    /// `Idempotency-Key` stands for another request.
    IncompleteCoverage: INCOMPLETE_RUN, IDEMPOTENCY_KEY_REUSED;
    /// Our fault. Never carries a cause.
    InternalError: INTERNAL_ERROR;
    /// No such user or wrong password, alike.
    InvalidCredentials: INVALID_CREDENTIALS;
    /// Unreadable; or the token is unknown, used or expired, all alike.
    InvalidLink: MALFORMED_REQUEST, INVALID_OR_EXPIRED_TOKEN;
    /// Well-formed but invalid, unknown members included, and each fault is listed; or the `Idempotency-Key` stands
    /// for another request.
    InvalidOrKeyReused: VALIDATION_FAILED, IDEMPOTENCY_KEY_REUSED;
    /// A body that is not JSON, or a parameter that is unknown or cannot be read.
    MalformedRequest: MALFORMED_REQUEST;
    /// No such thing, or not yours to see.
    NotFound: NOT_FOUND;
    /// This deployment takes no such events: nothing checks them.
    NotConfigured: NOT_FOUND;
    /// What is missing stands in the detail.
    NotReady: SERVICE_UNAVAILABLE;
    /// Over 64 KiB.
    PayloadTooLarge: PAYLOAD_TOO_LARGE;
    /// The benchmark version keeps its tasks private; or the API key may not be used from here, or its owner is
    /// suspended.
    PrivateTasks: PRIVATE_TASKS, IP_NOT_ALLOWED, ACCOUNT_SUSPENDED;
    /// Over a limit. Nothing was consumed; after `Retry-After` the limit admits again.
    RateLimited: TOO_MANY_REQUESTS;
    /// The body stopped arriving: within 15 seconds fewer than 8 KiB came. The connection closes.
    RequestTimeout: REQUEST_TIMEOUT;
    /// Over a limit (`too_many_requests`), or too many wrong guesses (`too_many_attempts`): each further one makes
    /// the wait longer. Success forgives.
    TooManyAttempts: TOO_MANY_REQUESTS, TOO_MANY_ATTEMPTS;
    /// Too many wrong guesses: each further one makes the wait longer. Or the password was asked for 30 times within an
    /// hour, right or wrong.
    TooManyGuesses: TOO_MANY_ATTEMPTS;
    /// No credentials that hold.
    Unauthorized:
        MISSING_CREDENTIALS, INVALID_TOKEN, EXPIRED_TOKEN, SESSION_REVOKED, INVALID_API_KEY, API_KEY_REVOKED, API_KEY_EXPIRED;
    /// No refresh token, or none that holds.
    UnauthorizedRefresh: MISSING_CREDENTIALS, INVALID_TOKEN, EXPIRED_TOKEN, SESSION_REVOKED;
    /// The challenge no longer holds (`invalid_mfa_token`: unknown, used, expired, out of attempts, or the password
    /// has changed), or the code is wrong or was used before (`invalid_mfa_code`).
    UnauthorizedSecondFactor: INVALID_MFA_TOKEN, INVALID_MFA_CODE;
    /// Not the tick secret.
    UnauthorizedTick: MISSING_CREDENTIALS, INVALID_TOKEN;
    /// A dependency is down.
    Unavailable: SERVICE_UNAVAILABLE;
    /// A parameter that is unknown or cannot be read; or no benchmark is named and none is featured; or no version is
    /// named and the benchmark has no current one. `choices` names them.
    UnnamedBoard: MALFORMED_REQUEST, BENCHMARK_REQUIRED, VERSION_REQUIRED;
    /// What names the board cannot be read or is missing, as there; or the model that is named has several systems on the
    /// board, each named in `detail`.
    UnnamedSystem: MALFORMED_REQUEST, BENCHMARK_REQUIRED, VERSION_REQUIRED, AMBIGUOUS_SYSTEM;
    /// Not a media type that the call takes.
    UnsupportedMediaType: UNSUPPORTED_MEDIA_TYPE;
    /// Over 1 MiB.
    UploadTooLarge: PAYLOAD_TOO_LARGE;
    /// Well-formed but invalid, unknown members included; each fault is listed.
    ValidationFailed: VALIDATION_FAILED;
}

/// Refusals that report a limit whatever their code is.
const LIMITED: [&str; 4] = ["ForbiddenLogin", "ForbiddenOrigin", "InvalidCredentials", "UnauthorizedSecondFactor"];

fn refusal(name: &str, description: &[&str], codes: &[Code]) -> Value {
    let status = codes.first().map(|code| code.status());
    let mut rules = vec![
        json!({ "$ref": "#/components/schemas/Problem" }),
        json!({ "type": "object", "properties": {
            "status": { "type": "integer", "const": status },
            "code": { "type": "string", "enum": codes.iter().map(|code| code.name()).collect::<Vec<_>>() },
        } }),
    ];
    let schema = serde_json::to_value(ProblemMembers::schema()).unwrap_or_default();
    rules.extend(codes.iter().filter_map(|code| {
        let names = members(*code)?.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let properties =
            names.iter().map(|name| (name.clone(), schema.pointer(&format!("/properties/{name}")).cloned()));
        let properties = properties.collect::<BTreeMap<_, _>>();
        let rule = json!({
            "type": "object", "properties": properties, "required": names, "additionalProperties": true,
        });
        let condition = json!({ "properties": { "code": { "type": "string", "const": code.name() } } });
        Some(if codes.len() == 1 { rule } else { json!({ "if": condition, "then": rule }) })
    }));
    let examples = codes.iter().map(|code| (code.name().to_owned(), json!({ "value": example(*code) })));
    let description = description.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    json!({
        "description": description,
        "headers": headers(codes, LIMITED.contains(&name)),
        "content": { "application/problem+json": {
            "schema": { "allOf": rules },
            "examples": examples.collect::<serde_json::Map<_, _>>(),
        } },
    })
}

/// Returns the headers that come with every one of these codes, and those that come with some.
fn headers(codes: &[Code], are_limited: bool) -> Value {
    let mut headers = ["Cache-Control", "Referrer-Policy", "X-Content-Type-Options", "X-Request-Id"]
        .map(|name| (name, name))
        .to_vec();
    for code in codes {
        match *code {
            IDEMPOTENCY_IN_PROGRESS if codes.len() > 1 => headers.push(("Retry-After", "Retry-After-In-Progress")),
            IDEMPOTENCY_IN_PROGRESS | SERVICE_UNAVAILABLE | TOO_MANY_REQUESTS | TOO_MANY_ATTEMPTS => {
                headers.push(("Retry-After", "Retry-After"));
            }
            UNSUPPORTED_MEDIA_TYPE => headers.push(("Accept-Encoding", "Accept-Encoding")),
            code if code.status() == 401 => headers.push(("WWW-Authenticate", "WWW-Authenticate")),
            _ => {}
        }
    }
    // Any call may have been counted before it was refused.
    headers.extend(if are_limited || codes.contains(&TOO_MANY_REQUESTS) {
        [("RateLimit", "RateLimit"), ("RateLimit-Policy", "RateLimit-Policy")]
    } else {
        [("RateLimit", "RateLimit-Counted"), ("RateLimit-Policy", "RateLimit-Policy-Counted")]
    });
    let reference = |component: &str| json!({ "$ref": format!("#/components/headers/{component}") });
    headers.into_iter().map(|(name, component)| (name.to_owned(), reference(component))).collect()
}

/// Returns the extension members that a problem of this code always has, each with an example; `None` where it has
/// none.
fn members(code: Code) -> Option<serde_json::Map<String, Value>> {
    let attempt = json!([{ "task": "python/two-fer", "attempt": 1 }]);
    let members = match code {
        VALIDATION_FAILED => {
            json!({ "errors": [{ "pointer": "/email", "code": "invalid_email", "detail": "not an address" }] })
        }
        CONFLICTING_RESULTS => json!({ "conflicts": attempt }),
        INCOMPLETE_RUN => json!({ "missing": attempt }),
        BENCHMARK_REQUIRED => json!({ "choices": ["aider-polyglot"] }),
        VERSION_REQUIRED => json!({ "choices": ["2024-12-20"] }),
        INSUFFICIENT_SCOPE => json!({ "requiredScope": "results:write" }),
        _ => return None,
    };
    members.as_object().cloned()
}

fn example(code: Code) -> Value {
    let problem = Problem::new(code, format!("{}.", code.title()));
    let body = problem.body("https://api.example.com", "01939f42-9d10-7c6a-b0c1-d2e3f4a5b6c7");
    let mut body = serde_json::to_value(body).unwrap_or_default();
    if let (Value::Object(body), Some(members)) = (&mut body, members(code)) {
        body.extend(members);
    }
    body
}
