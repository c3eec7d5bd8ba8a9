//! Programs that call with an API key.

use std::{marker::PhantomData, sync::Arc};

use axum::extract::FromRequestParts;
use http::{HeaderMap, request::Parts};

use super::bearer;
use crate::{
    app::App,
    domain::{
        UserId,
        account::Role,
        api_key::{ApiKey, Scope, looks_like_key},
        key_use::{Decision, Denial, KeyGrant, KeyUse},
    },
    http::{
        client::Client,
        limits,
        problem::{
            API_KEY_EXPIRED, API_KEY_REQUIRED, API_KEY_REVOKED, ApiError, INSUFFICIENT_SCOPE, INVALID_API_KEY,
            IP_NOT_ALLOWED, Problem, ProblemMembers, ROLE_REQUIRED,
        },
        request_notes::CallerKind,
        unknown_keys,
    },
    ports::{Admission, Limit},
    store::{BatchError, Guard},
};

/// Scope that a route needs, as a type.
pub trait RequiredScope {
    /// The scope.
    const SCOPE: Scope;
}

macro_rules! required_scopes {
    ($($scope:ident),+) => {$(
        #[doc = concat!("The route needs [`Scope::", stringify!($scope), "`].")]
        pub struct $scope;

        impl RequiredScope for $scope {
            const SCOPE: Scope = Scope::$scope;
        }
    )+};
}
required_scopes!(LeaderboardRead, ResultsWrite, ModelsWrite, KeysVerify);

/// Extractor of a program whose API key is active and has the scope `S`; charges the request to the key's limit.
pub struct ApiKeyClient<S> {
    key: Arc<KeyGrant>,
    scope: PhantomData<S>,
}

impl<S: RequiredScope> FromRequestParts<App> for ApiKeyClient<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let client = Client::of(parts);
        let of = key_use(app, &presented_key(app, &parts.headers)?, S::SCOPE, &client);
        let decision = unknown_keys::admit(app, &client, &of).await?;
        Ok(Self { key: admitted(&client, decision, S::SCOPE)?, scope: PhantomData })
    }
}

impl<S> ApiKeyClient<S> {
    /// Returns the key's owner, who owns what the key publishes.
    #[must_use]
    pub fn owner_id(&self) -> &UserId {
        &self.key.user_id
    }
}

/// Returns the API key of a request, whose form and checksum are right, without looking up whether it is known.
///
/// # Errors
/// `missing_credentials`, `invalid_api_key`, or `api_key_required` where the credential is a person's.
pub fn presented_key(app: &App, headers: &HeaderMap) -> Result<ApiKey, ApiError> {
    let text = match headers.get("x-api-key") {
        Some(value) => value.to_str().map_err(|_| invalid_key())?,
        None => bearer(headers)?,
    };
    if looks_like_key(text) {
        return ApiKey::parse(text).ok_or_else(invalid_key);
    }
    let is_token = app.keys().verify_access_token(text, &app.config().base_url, app.now()).is_ok();
    Err(if is_token { ApiError::new(API_KEY_REQUIRED, "create an API key, and send it") } else { invalid_key() })
}

/// Returns the API key of a request that needs none, if it has one. Any other credential is ignored.
///
/// # Errors
/// `invalid_api_key` where its form or checksum is wrong.
pub fn offered_key(headers: &HeaderMap) -> Result<Option<ApiKey>, ApiError> {
    let text = match headers.get("x-api-key") {
        Some(value) => value.to_str().map_err(|_| invalid_key())?,
        None => match bearer(headers) {
            Ok(token) if looks_like_key(token) => token,
            _ => return Ok(None),
        },
    };
    ApiKey::parse(text).map(Some).ok_or_else(invalid_key)
}

/// Creates the use of a client's own key for one request, for the gate to decide.
#[must_use]
pub fn key_use(app: &App, key: &ApiKey, scope: Scope, client: &Client) -> KeyUse {
    KeyUse {
        hash: key.hash(),
        scopes: vec![scope],
        address: client.address,
        cost: 1,
        publishes: app.config().publishing.needs_publisher(scope),
        optional: false,
        verifier: None,
    }
}

/// Returns what an admitted key grants, and writes the state of its limit to the answer's headers.
///
/// # Errors
/// The reason why the key was not admitted.
pub fn admitted(client: &Client, decision: Option<Decision>, scope: Scope) -> Result<Arc<KeyGrant>, ApiError> {
    let (grant, state, allowed) = match decision.ok_or_else(|| ApiError::internal("the gate did not decide"))? {
        Decision::Unknown => return Err(invalid_key()),
        Decision::Denied(_, denial) => return Err(denied(denial, scope)),
        Decision::Limited(grant, state) => (grant, state, false),
        Decision::Allowed(grant, state) => (grant, state, true),
    };
    client.note(CallerKind::ApiKey);
    let limit =
        Limit { name: "key".to_owned(), limit: grant.rate_limit, window_seconds: grant.rate_limit_window_seconds };
    limits::report(client, &limit, &Admission { allowed, states: vec![state] })?;
    Ok(grant)
}

fn denied(denial: Denial, scope: Scope) -> ApiError {
    match denial {
        // A caller must not learn that another's key exists.
        Denial::NotYours => invalid_key(),
        Denial::Revoked => ApiError::new(API_KEY_REVOKED, "create another key"),
        Denial::Expired => ApiError::new(API_KEY_EXPIRED, "create another key"),
        Denial::OwnerSuspended => ApiError::account_suspended(),
        Denial::Address => ApiError::new(IP_NOT_ALLOWED, "the key's allowedIps do not hold this address"),
        Denial::Scope | Denial::NotNeeded => {
            let problem = Problem::new(INSUFFICIENT_SCOPE, format!("the key lacks the scope {scope}"));
            problem.with(ProblemMembers { required_scope: Some(scope), ..ProblemMembers::default() }).into()
        }
        Denial::Role => publishers_only(scope),
    }
}

/// Returns the error for a key that nobody has, or not any more.
pub fn invalid_key() -> ApiError {
    ApiError::new(INVALID_API_KEY, "this is no API key of ours")
}

/// Converts the error of a program's batch, once the handler has looked at its own guards. Where the key's owner was
/// deleted while the request ran, and with them what the request had claimed, the key is unknown by now.
#[must_use]
pub fn write_error(error: BatchError) -> ApiError {
    match error {
        BatchError::Database(error) if error.is_dangling() => invalid_key(),
        BatchError::Guard(Guard::IdempotencyClaim) => invalid_key(),
        error => error.into(),
    }
}

/// Checks that a user of this role may have a key with the scopes. A user who loses the role meanwhile, or later, may
/// keep such a key: the gate looks at the owner's role at every use.
///
/// # Errors
/// `role_required`.
pub fn may_have(app: &App, role: Role, scopes: &[Scope]) -> Result<(), ApiError> {
    let refused = app.config().publishing.refused_scope(role, scopes);
    refused.map_or(Ok(()), |scope| Err(publishers_only(scope)))
}

fn publishers_only(scope: Scope) -> ApiError {
    ApiError::new(ROLE_REQUIRED, format!("the scope {scope} needs the role publisher or admin"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::DatabaseError;

    #[test]
    fn a_program_whose_owner_is_gone_has_no_key_any_more() {
        let dangling = DatabaseError::from_sqlite_message("D1_ERROR: FOREIGN KEY constraint failed: SQLITE_CONSTRAINT");
        for gone in [BatchError::from(dangling), BatchError::Guard(Guard::IdempotencyClaim)] {
            assert!(
                matches!(write_error(gone), ApiError::Problem(problem) if problem.is(INVALID_API_KEY)),
                "it is no fault of ours"
            );
        }
        let other = DatabaseError::from_sqlite_message("UNIQUE constraint failed: runs.id");
        assert!(matches!(write_error(other.into()), ApiError::Internal(_)));
    }
}
