use std::net::IpAddr;

use axum::{
    Json as Answer,
    body::Body,
    extract::{Request, State},
};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{
        ApiKeyId, LimitState, Secret, Timestamp, UserId,
        api_key::{ApiKey, Scope},
        key_use::{Decision, Denial, KeyGrant, KeyUse, Verifier},
    },
    http::{
        client::Client,
        credentials::{KeysVerify, RequiredScope as _, admitted, key_use, presented_key},
        openapi::ForbiddenVerifier,
        problem::{
            ACCOUNT_SUSPENDED, API_KEY_EXPIRED, API_KEY_REVOKED, ApiError, Code, INSUFFICIENT_SCOPE, INVALID_API_KEY,
            IP_NOT_ALLOWED, ROLE_REQUIRED, TOO_MANY_REQUESTS,
        },
        request::{self, BODY_LIMIT, Validator},
        unknown_keys::KeyPresenter,
    },
};

/// Code of the verdict that the key is good.
const VALID: &str = "valid";
/// Code of the verdict that the key is somebody else's, and the caller's owner no service.
const NOT_YOURS: &str = "not_yours";
/// Highest cost of a verification: what a limiter can remember of one request.
const MOST_COST: u32 = 100_000;

/// A key, and what it has to be good for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ApiKeyVerify)]
struct Question {
    /// As it was presented, whatever it is.
    #[schema(value_type = String)]
    key: Secret,
    /// What it has to be good for, all of it.
    #[serde(default)]
    #[schema(value_type = Vec<Scope>)]
    scopes: Vec<String>,
    /// What it is charged of its limit where it is valid; 0 only looks.
    #[serde(default = "one")]
    #[schema(maximum = 100_000, default = 1)]
    cost: u32,
    /// The IPv4 or IPv6 address of whoever presented it. A key with `allowedIps` is valid only from those: without `ip`
    /// it is not.
    #[schema(min_length = 2, max_length = 45)]
    ip: Option<String>,
}

fn one() -> u32 {
    1
}

/// A question whose values have been checked.
struct CheckedQuestion {
    key: Secret,
    scopes: Vec<Scope>,
    cost: u32,
    address: Option<IpAddr>,
}

impl CheckedQuestion {
    async fn read(headers: &HeaderMap, body: Body) -> Result<Self, ApiError> {
        request::require_json(headers)?;
        let body = request::read_body(headers, body, BODY_LIMIT).await?;
        let Question { key, scopes: names, cost, ip } = request::parse_object(&body)?;
        let mut validator = Validator::default();
        let named = names.iter().enumerate();
        let scopes = named.filter_map(|(index, name)| validator.check(&format!("/scopes/{index}"), Scope::named(name)));
        let scopes = scopes.collect();
        validator.require(cost <= MOST_COST, "/cost", "give 0 to 100000");
        let address = ip.map(|ip| ip.parse::<IpAddr>().map(|address| address.to_canonical()));
        validator.require(!matches!(address, Some(Err(_))), "/ip", "give an IPv4 or IPv6 address");
        validator.finish()?;
        Ok(Self { key, scopes, cost, address: address.and_then(Result::ok) })
    }

    /// Returns the use of the key that was shown, for the gate to decide; `None` where it has not the form of a key.
    fn shown(&self, app: &App) -> Option<KeyUse> {
        Some(KeyUse {
            hash: ApiKey::parse(self.key.expose())?.hash(),
            publishes: self.scopes.iter().any(|scope| app.config().publishing.needs_publisher(*scope)),
            scopes: self.scopes.clone(),
            address: self.address,
            cost: self.cost,
            optional: false,
            verifier: Some(Verifier::UseBefore),
        })
    }
}

/// Whether to let a key in: by `valid`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ApiKeyVerdict)]
pub enum Verdict {
    Valid(ValidApiKey),
    Refused(RefusedApiKey),
}

/// A key that is let in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidApiKey {
    /// Let it in.
    #[schema(extensions(("x-const" = json!(true))))]
    valid: bool,
    #[schema(extensions(("x-const" = json!("valid"))))]
    code: &'static str,
    api_key_id: ApiKeyId,
    /// Its owner.
    user_id: UserId,
    /// What the key may do.
    #[schema(value_type = BTreeSet<Scope>, min_items = 1)]
    scopes: Vec<Scope>,
    rate_limit: LimitStanding,
}

/// A key that is not let in, and why.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedApiKey {
    /// Do not let it in.
    #[schema(extensions(("x-const" = json!(false))))]
    valid: bool,
    /// The first reason why not, in this order: no such key, somebody else's, revoked, expired, owner suspended, address,
    /// scope, role, limit.
    #[schema(value_type = RefusalReason, inline)]
    code: &'static str,
    /// Null where there is no such key, or it is somebody else's.
    api_key_id: Option<ApiKeyId>,
    /// Its owner; null where there is no such key, or it is somebody else's.
    user_id: Option<UserId>,
    /// What the key may do; empty where there is no such key, or it is somebody else's.
    #[schema(value_type = BTreeSet<Scope>)]
    scopes: Vec<Scope>,
    /// Null where the limit was not looked at.
    rate_limit: Option<LimitStanding>,
}

/// Where the limit of a key stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKeyLimitState)]
struct LimitStanding {
    #[schema(minimum = 1, maximum = 100_000)]
    limit: u32,
    /// What the limit still admits in this window.
    #[schema(maximum = 100_000)]
    remaining: u32,
    /// When the oldest admission leaves the window, so that more is admitted.
    reset_at: Timestamp,
}

/// Schema of the reason why a key is refused: the codes that there are.
struct RefusalReason;

impl utoipa::PartialSchema for RefusalReason {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let codes = [
            INVALID_API_KEY,
            API_KEY_REVOKED,
            API_KEY_EXPIRED,
            ACCOUNT_SUSPENDED,
            IP_NOT_ALLOWED,
            INSUFFICIENT_SCOPE,
            ROLE_REQUIRED,
            TOO_MANY_REQUESTS,
        ];
        let reasons = codes.map(Code::name).into_iter().chain([NOT_YOURS]);
        let schema = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::String);
        schema.enum_values(Some(reasons)).into()
    }
}

impl ToSchema for RefusalReason {}

impl Verdict {
    /// Creates the verdict on a key about which nothing is told.
    fn nothing(code: &'static str) -> Self {
        Self::Refused(RefusedApiKey {
            valid: false,
            code,
            api_key_id: None,
            user_id: None,
            scopes: Vec::new(),
            rate_limit: None,
        })
    }

    fn unknown() -> Self {
        Self::nothing(INVALID_API_KEY.name())
    }

    fn denied(grant: &KeyGrant, denial: Denial, now: Timestamp) -> Self {
        code(denial).map_or_else(|| Self::nothing(NOT_YOURS), |code| Self::refused(grant, code, None, now))
    }

    fn valid(grant: &KeyGrant, state: &LimitState, now: Timestamp) -> Self {
        Self::Valid(ValidApiKey {
            valid: true,
            code: VALID,
            api_key_id: grant.id.clone(),
            user_id: grant.user_id.clone(),
            scopes: grant.scopes.clone(),
            rate_limit: LimitStanding::of(grant, state, now),
        })
    }

    fn refused(grant: &KeyGrant, code: Code, state: Option<&LimitState>, now: Timestamp) -> Self {
        Self::Refused(RefusedApiKey {
            valid: false,
            code: code.name(),
            api_key_id: Some(grant.id.clone()),
            user_id: Some(grant.user_id.clone()),
            scopes: grant.scopes.clone(),
            rate_limit: state.map(|state| LimitStanding::of(grant, state, now)),
        })
    }
}

impl LimitStanding {
    fn of(grant: &KeyGrant, state: &LimitState, now: Timestamp) -> Self {
        Self {
            limit: grant.rate_limit,
            remaining: state.remaining,
            reset_at: now.plus_ms(i64::try_from(state.reset_after_ms).unwrap_or(i64::MAX)),
        }
    }
}

/// Returns the code by which a service is told of a denial; `None` for somebody else's key, of which it learns nothing.
fn code(denial: Denial) -> Option<Code> {
    Some(match denial {
        Denial::NotYours => return None,
        Denial::Revoked => API_KEY_REVOKED,
        Denial::Expired => API_KEY_EXPIRED,
        Denial::OwnerSuspended => ACCOUNT_SUSPENDED,
        Denial::Address => IP_NOT_ALLOWED,
        Denial::Scope | Denial::NotNeeded => INSUFFICIENT_SCOPE,
        Denial::Role => ROLE_REQUIRED,
    })
}

/// Checks a key, for another service.
///
/// For a service that was shown a key of its own owner's. Of anybody else's it learns nothing, `not_yours`, and neither
/// charges nor counts it; services of the platform, whose owner an administrator gave the role `service`, verify
/// everybody's. The caller's own key needs the scope `keys:verify` and is charged 1, which the headers tell of; the
/// checked key is charged `cost` where it is valid. The caller's key is looked at first: where it is refused, nobody is
/// charged. A key that checks itself is charged `cost` alone, at least 1, whatever the verdict. Whatever the checked key
/// is, the answer is 200 with a verdict; other statuses are about the caller.
#[utoipa::path(
    post,
    path = "/api/v1/api-keys/verify",
    operation_id = "verifyApiKey",
    tag = "API keys",
    security(("apiKeyHeader" = ["keys:verify"]), ("apiKeyBearer" = ["keys:verify"])),
    request_body = Question,
    responses(
        (status = 200, description = "Whether the key is good.", body = Verdict),
        (status = 403, response = ForbiddenVerifier),
    ),
)]
pub async fn handler(State(app): State<App>, request: Request) -> Result<Answer<Verdict>, ApiError> {
    let (parts, body) = request.into_parts();
    let client = Client::of(&parts);
    let caller = key_use(&app, &presented_key(&app, &parts.headers)?, KeysVerify::SCOPE, &client);
    let asked = CheckedQuestion::read(&parts.headers, body).await;
    let shown = asked.as_ref().ok().and_then(|asked| asked.shown(&app));
    let now = app.now();
    let itself = shown.as_ref().is_some_and(|shown| shown.hash == caller.hash);
    let (client_shows, service_presenter) = presenters(&app, &client, &caller, shown.as_ref());
    if let Some(refusal) = client_shows.refusal(&app, caller.hash) {
        client_shows.report(&client, &refusal)?;
    }
    // After too many unknown keys from the same client of the service, no other is looked up.
    let unlooked = service_presenter
        .as_ref()
        .zip(shown.as_ref())
        .is_some_and(|(presenter, shown)| presenter.refusal(&app, shown.hash).is_some());
    let uses = match shown.as_ref().filter(|_| !unlooked) {
        // The call itself is never free.
        Some(shown) if itself => vec![KeyUse { cost: shown.cost.max(1), ..caller }],
        Some(shown) => vec![caller, shown.clone()],
        None => vec![caller],
    };
    let decisions = app.ports().key_gate.admit(&uses, now).await?;
    client.note_decisions(&decisions);
    let mut decisions = decisions.into_iter();
    let own = decisions.next();
    if let (Some(of), Some(own)) = (uses.first(), &own)
        && let Some(admission) = client_shows.note(&app, of, own).await?
    {
        client_shows.report(&client, &admission)?;
    }
    // Reads the clock again, since deciding may have taken a moment.
    let now = app.now();
    let own_state = if let Some(Decision::Allowed(_, state)) = &own { Some(state.clone()) } else { None };
    let own = admitted(&client, own, KeysVerify::SCOPE)?;
    // Checked only now, so that a stranger hears of no mistake in the body.
    asked?;
    let Some(shown) = shown else { return Ok(Answer(Verdict::unknown())) };
    if itself {
        let state = own_state.ok_or_else(|| ApiError::internal("a key was admitted without its limit"))?;
        return Ok(Answer(match own.denial(&KeyUse { verifier: None, ..shown }, now).and_then(code) {
            None => Verdict::valid(&own, &state, now),
            Some(code) => Verdict::refused(&own, code, Some(&state), now),
        }));
    }
    if unlooked {
        return Ok(Answer(Verdict::nothing(TOO_MANY_REQUESTS.name())));
    }
    let decision = decisions.next().ok_or_else(|| ApiError::internal("the gate did not decide"))?;
    if let Some(presenter) = &service_presenter
        && let Some(admission) = presenter.note_of_service(&app, &own.user_id, &shown, &decision).await?
        && !admission.allowed
    {
        return Ok(Answer(Verdict::nothing(TOO_MANY_REQUESTS.name())));
    }
    Ok(Answer(match decision {
        Decision::Unknown => Verdict::unknown(),
        Decision::Denied(grant, denial) => Verdict::denied(&grant, denial, now),
        Decision::Limited(grant, state) => Verdict::refused(&grant, TOO_MANY_REQUESTS, Some(&state), now),
        Decision::Allowed(grant, state) => Verdict::valid(&grant, &state, now),
    }))
}

/// Returns who shows the caller's key and, as far as the caller tells, who showed the caller the other key.
fn presenters(
    app: &App,
    client: &Client,
    caller: &KeyUse,
    shown: Option<&KeyUse>,
) -> (KeyPresenter, Option<KeyPresenter>) {
    let others = shown.filter(|shown| shown.hash != caller.hash);
    (
        KeyPresenter::client(app, client),
        others.and_then(|shown| KeyPresenter::of_service(app, caller.hash, shown.address)),
    )
}
