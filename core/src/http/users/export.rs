use std::{borrow::Cow, collections::BTreeMap};

use axum::{
    Json,
    extract::{OriginalUri, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{account_gone, audit_log::SecurityEvent};
use crate::{
    app::App,
    domain::{SecurityEventName, Timestamp},
    http::{
        api_keys::ApiKeyBody,
        auth::sessions::SessionBody,
        credentials::{ClaimedSession, SessionBatch},
        openapi::RateLimited,
        page::{read_cursor, with_next_link, write_cursor},
        person_limits,
        problem::ApiError,
        request::Query,
        user_body::UserBody,
        webhooks::{DeliveryBody, WebhookBody},
    },
    ports::DatabaseError,
    store::{
        self, Answers, Handle,
        personal_data::{
            DailyUse, Declared, FormerAddress, KnownNetwork, MadeSeal, MailSummary, OpenedRun, Part, PendingLink,
            PersonalData, Place, RememberedSession,
        },
        users,
    },
};

/// Most rows of each kind in one answer, which has at most 1.5 MB in all.
const PAGE: u32 = 100;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// `nextCursor` of the page before.
    #[param(min_length = 1, max_length = 4096)]
    cursor: Option<String>,
}

/// Everything that is held about a person; of secrets, that there are some.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    exported_at: Timestamp,
    user: UserBody,
    has_password: bool,
    /// Ended ones too, while they are remembered.
    #[schema(max_items = 100)]
    sessions: Vec<ExportedSession>,
    #[schema(max_items = 100)]
    api_keys: Vec<ApiKeyBody>,
    /// By day (UTC), newest first; of the last minutes, not all.
    #[schema(max_items = 100)]
    api_key_use: Vec<DailyUse>,
    /// That the person has logged in from.
    #[schema(max_items = 100)]
    known_networks: Vec<KnownNetwork>,
    #[schema(max_items = 100)]
    webhooks: Vec<WebhookBody>,
    #[schema(max_items = 100)]
    webhook_deliveries: Vec<DeliveryBody>,
    #[schema(max_items = 100)]
    security_events: Vec<SecurityEvent>,
    #[schema(max_items = 100)]
    mails: Vec<MailSummary>,
    /// Links of mails that still work.
    #[schema(max_items = 100)]
    pending_links: Vec<PendingLink>,
    /// Kept for the account, while a change of address can be undone.
    #[schema(max_items = 100)]
    former_addresses: Vec<FormerAddress>,
    #[schema(max_items = 100)]
    models: Vec<Declared>,
    #[schema(max_items = 100)]
    benchmarks: Vec<Declared>,
    #[schema(max_items = 100)]
    runs: Vec<OpenedRun>,
    #[schema(max_items = 100)]
    seals: Vec<MadeSeal>,
    /// For the next page; null on the last. Opaque: give it back as `cursor`.
    #[schema(min_length = 1, max_length = 4096)]
    next_cursor: Option<String>,
}

/// A session that lives, or is remembered.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExportedSession {
    #[serde(flatten)]
    #[schema(inline)]
    session: SessionBody,
    revoked_at: Option<Timestamp>,
    revoked_reason: Option<String>,
}

impl From<RememberedSession> for ExportedSession {
    fn from(remembered: RememberedSession) -> Self {
        let RememberedSession { session, revoked_at, revoked_reason } = remembered;
        Self { session: session.into(), revoked_at, revoked_reason }
    }
}

/// Exports everything that is held about the caller (GDPR, articles 15 and 20).
///
/// It is one JSON document; where there is much, there are several, each with up to 100 more of every list. Of secrets it
/// tells that there are some, and no more.
#[utoipa::path(
    get,
    path = "/api/v1/users/me/export",
    operation_id = "exportMe",
    tag = "User",
    security(("accessToken" = [])),
    params(Parameters),
    responses(
        (
            status = 200,
            description = "A file.",
            body = Export,
            headers(("Content-Disposition"), ("Link"), ("RateLimit"), ("RateLimit-Policy")),
        ),
        (status = 429, response = RateLimited),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    OriginalUri(uri): OriginalUri,
    caller: ClaimedSession,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    person_limits::admit_person(&app, caller.confirm(&app).await?.confirmed()).await?;
    let now = app.now();
    let mut reading = Reading { batch: caller.batch(), places: read_cursor(parameters.cursor.as_deref())? };
    let user_id = reading.batch.user_id();
    let of_person = PersonalData { user_id, rows: PAGE };
    let user = reading.batch.push(users::find(user_id));
    let sessions = reading.push("sessions", |after| of_person.sessions(after));
    let api_keys = reading.push("apiKeys", |after| of_person.api_keys(after));
    let api_key_use = reading.push("apiKeyUse", |after| of_person.api_key_use(after));
    let known_networks = reading.push("knownNetworks", |after| of_person.known_networks(after));
    let webhooks = reading.push("webhooks", |after| of_person.webhooks(after, now));
    let webhook_deliveries = reading.push("webhookDeliveries", |after| of_person.webhook_deliveries(after));
    let security_events = reading.push("securityEvents", |after| of_person.security_events(after));
    let mails = reading.push("mails", |after| of_person.mails(after));
    let pending_links = reading.push("pendingLinks", |after| of_person.pending_links(after, now));
    let former_addresses = reading.push("formerAddresses", |after| of_person.former_addresses(after, now));
    let models = reading.push("models", |after| of_person.models(after));
    let benchmarks = reading.push("benchmarks", |after| of_person.benchmarks(after));
    let runs = reading.push("runs", |after| of_person.runs(after));
    let seals = reading.push("seals", |after| of_person.seals(after));
    let Reading { mut batch, places } = reading;
    if places.is_none() {
        batch.push(caller.event(&app, SecurityEventName::DataExported, json!({})));
    }
    let mut answers = batch.run(&app).await?;
    let user = answers.take(user)?.ok_or_else(account_gone)?;

    let mut lists = Lists { answers, places: Places::new() };
    let document = Export {
        exported_at: now,
        has_password: user.password_hash.is_some(),
        user: user.into(),
        sessions: lists.take(sessions)?.into_iter().map(Into::into).collect(),
        api_keys: lists.take(api_keys)?.into_iter().map(|key| ApiKeyBody::new(key, now)).collect(),
        api_key_use: lists.take(api_key_use)?,
        known_networks: lists.take(known_networks)?,
        webhooks: lists.take(webhooks)?.into_iter().map(Into::into).collect(),
        webhook_deliveries: lists.take(webhook_deliveries)?.into_iter().map(Into::into).collect(),
        security_events: lists.take(security_events)?.into_iter().map(Into::into).collect(),
        mails: lists.take(mails)?,
        pending_links: lists.take(pending_links)?,
        former_addresses: lists.take(former_addresses)?,
        models: lists.take(models)?,
        benchmarks: lists.take(benchmarks)?,
        runs: lists.take(runs)?,
        seals: lists.take(seals)?,
        // After the lists above, which set `places`.
        next_cursor: if lists.places.is_empty() { None } else { write_cursor(&lists.places) },
    };
    let next_cursor = document.next_cursor.clone();
    let mut response = with_next_link(Json(document).into_response(), &uri, next_cursor.as_deref());
    let attachment = HeaderValue::from_static("attachment; filename=\"aibaas-export.json\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, attachment);
    Ok(response)
}

/// What a cursor holds: of each list that goes on, by its name in the document, the place of the row told last. A list that
/// was told to its end is not there.
type Places = BTreeMap<Cow<'static, str>, Place>;

/// Batch that reads a page: what the page before left, or the beginning of every list.
struct Reading<'a> {
    batch: SessionBatch<'a>,
    places: Option<Places>,
}

impl Reading<'_> {
    fn push<T>(&mut self, name: &'static str, list: impl FnOnce(Option<&Place>) -> store::Query<Part<T>>) -> List<T> {
        let query = match &self.places {
            None => Some(list(None)),
            Some(places) => places.get(name).map(|place| list(Some(place))),
        };
        List { name, part: query.map(|query| self.batch.push(query)) }
    }
}

/// A list of the document.
struct List<T> {
    name: &'static str,
    /// None where the pages before told all of it.
    part: Option<Handle<Part<T>>>,
}

/// The lists' parts for this page.
struct Lists {
    answers: Answers,
    /// Where the lists go on that were taken so far.
    places: Places,
}

impl Lists {
    fn take<T>(&mut self, list: List<T>) -> Result<Vec<T>, DatabaseError> {
        let Some(part) = list.part else { return Ok(Vec::new()) };
        let Part { rows, next } = self.answers.take(part)?;
        self.places.extend(next.map(|place| (list.name.into(), place)));
        Ok(rows)
    }
}
