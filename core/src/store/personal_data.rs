//! Data about a person, for the copy that they may ask for (GDPR, articles 15 and 20).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    api_keys::ApiKeyRecord,
    audit::Event,
    columns::{agent, optional_json},
    links::Purpose,
    query::{END_OF_TIME, Query, Sql, sql},
    sessions::SessionSummary,
    webhooks::{Delivery, Webhook},
};
use crate::{
    domain::{
        ApiKeyId, BenchmarkId, ModelId, RunId, SealId, Timestamp, UserId, VersionName, account::Email,
        run_links::RunLinks, run_status::RunStatus, system::Agent,
    },
    ports::{DatabaseError, Row},
};

/// Place of a row in its list: the time and the id by which the list is ordered. The time is 0 where it is ordered by the
/// id alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place(i64, String);

impl Place {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self(row.integer("place_at")?, row.text("place_id")?))
    }
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Place of the last of the rows, where the list goes on after it.
    pub next: Option<Place>,
}

/// The person whose data are read. Each list is read from its beginning, or after the place of the row that was told
/// last: what is written or deleted meanwhile moves nothing.
#[derive(Clone, Copy, Debug)]
pub struct PersonalData<'a> {
    /// Id of the person.
    pub user_id: &'a UserId,
    /// Most rows of a part.
    pub rows: u32,
}

impl PersonalData<'_> {
    /// Binds the person and how many rows to read: one more than the part has, which shows whether the list goes on.
    fn bind(&self, sql: Sql) -> Sql {
        sql.bind(self.user_id).bind(self.rows.saturating_add(1))
    }

    fn newest_first(&self, sql: Sql, after: Option<&Place>) -> Sql {
        let (at, id) = after.map_or((END_OF_TIME, ""), |Place(at, id)| (*at, id.as_str()));
        self.bind(sql).bind(at).bind(id)
    }

    fn oldest_first(&self, sql: Sql, after: Option<&Place>) -> Sql {
        let (at, id) = after.map_or((0, ""), |Place(at, id)| (*at, id.as_str()));
        self.bind(sql).bind(at).bind(id)
    }

    fn by_id(&self, sql: Sql, after: Option<&Place>) -> Sql {
        self.bind(sql).bind(after.map_or("", |Place(_, id)| id.as_str()))
    }

    fn part<T: 'static>(&self, sql: Sql, read: fn(&Row) -> Result<T, DatabaseError>) -> Query<Part<T>> {
        let most = usize::try_from(self.rows).unwrap_or(usize::MAX);
        sql.read(move |found| {
            let goes_on = found.len() > most;
            let rows = found.into_iter().take(most).collect::<Vec<_>>();
            let next = rows.last().filter(|_| goes_on).map(Place::from_row).transpose()?;
            Ok(Part { rows: rows.iter().map(read).collect::<Result<_, _>>()?, next })
        })
    }

    /// Lists the person's sessions, newest first.
    pub fn sessions(&self, after: Option<&Place>) -> Query<Part<RememberedSession>> {
        self.part(self.newest_first(sql!("personal_data/sessions"), after), RememberedSession::from_row)
    }

    /// Lists the person's API keys, newest first.
    pub fn api_keys(&self, after: Option<&Place>) -> Query<Part<ApiKeyRecord>> {
        self.part(self.newest_first(sql!("personal_data/api_keys"), after), ApiKeyRecord::from_row)
    }

    /// Lists the uses of the person's API keys, by key and day, newest first.
    pub fn api_key_use(&self, after: Option<&Place>) -> Query<Part<DailyUse>> {
        self.part(self.newest_first(sql!("personal_data/api_key_use"), after), DailyUse::from_row)
    }

    /// Lists the networks that the person has logged in from.
    pub fn known_networks(&self, after: Option<&Place>) -> Query<Part<KnownNetwork>> {
        self.part(self.by_id(sql!("personal_data/known_networks"), after), KnownNetwork::from_row)
    }

    /// Lists the person's webhooks, newest first.
    pub fn webhooks(&self, after: Option<&Place>, now: Timestamp) -> Query<Part<Webhook>> {
        self.part(self.newest_first(sql!("personal_data/webhooks"), after).bind(now), Webhook::from_row)
    }

    /// Lists the deliveries to the person's webhooks, oldest first.
    pub fn webhook_deliveries(&self, after: Option<&Place>) -> Query<Part<Delivery>> {
        self.part(self.oldest_first(sql!("personal_data/webhook_deliveries"), after), Delivery::from_row)
    }

    /// Lists the person's security events, newest first.
    pub fn security_events(&self, after: Option<&Place>) -> Query<Part<Event>> {
        self.part(self.newest_first(sql!("personal_data/security_events"), after), Event::from_row)
    }

    /// Lists the person's mails, newest first.
    pub fn mails(&self, after: Option<&Place>) -> Query<Part<MailSummary>> {
        self.part(self.newest_first(sql!("personal_data/mails"), after), MailSummary::from_row)
    }

    /// Lists the person's mailed links that are still valid, oldest first.
    pub fn pending_links(&self, after: Option<&Place>, now: Timestamp) -> Query<Part<PendingLink>> {
        self.part(self.oldest_first(sql!("personal_data/pending_links"), after).bind(now), PendingLink::from_row)
    }

    /// Lists the former addresses that are reserved for the person, oldest first.
    pub fn former_addresses(&self, after: Option<&Place>, now: Timestamp) -> Query<Part<FormerAddress>> {
        self.part(self.oldest_first(sql!("personal_data/former_addresses"), after).bind(now), FormerAddress::from_row)
    }

    /// Lists the models that the person declared.
    pub fn models(&self, after: Option<&Place>) -> Query<Part<Declared>> {
        self.part(self.by_id(sql!("personal_data/models"), after), Declared::from_row)
    }

    /// Lists the benchmarks that the person declared.
    pub fn benchmarks(&self, after: Option<&Place>) -> Query<Part<Declared>> {
        self.part(self.by_id(sql!("personal_data/benchmarks"), after), Declared::from_row)
    }

    /// Lists the runs that the person opened, oldest first.
    pub fn runs(&self, after: Option<&Place>) -> Query<Part<OpenedRun>> {
        self.part(self.oldest_first(sql!("personal_data/runs"), after), OpenedRun::from_row)
    }

    /// Lists the seals that the person made.
    pub fn seals(&self, after: Option<&Place>) -> Query<Part<MadeSeal>> {
        self.part(self.by_id(sql!("personal_data/seals"), after), MadeSeal::from_row)
    }
}

/// A session that is live, or that is still stored after its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedSession {
    /// The session as its person sees it while it is live.
    pub session: SessionSummary,
    /// When the session was ended.
    pub revoked_at: Option<Timestamp>,
    /// Why the session was ended.
    pub revoked_reason: Option<String>,
}

impl RememberedSession {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            session: SessionSummary::from_row(row)?,
            revoked_at: row.optional_integer("revoked_at")?.map(Timestamp),
            revoked_reason: row.optional_text("revoked_reason")?,
        })
    }
}

/// How often an API key was used on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DailyUse {
    /// Requests let in.
    #[schema(minimum = 0)]
    pub allowed: i64,
    /// Requests that its limit stopped.
    #[schema(minimum = 0)]
    pub limited: i64,
    /// Requests refused.
    #[schema(minimum = 0)]
    pub denied: i64,
    /// Which key.
    pub api_key_id: ApiKeyId,
    /// When the day begins (UTC).
    pub day: Timestamp,
}

impl DailyUse {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            allowed: row.integer("allowed")?,
            limited: row.integer("limited")?,
            denied: row.integer("denied")?,
            api_key_id: row.text("key_id")?.into(),
            day: Timestamp(row.integer("day")?),
        })
    }
}

/// A network that a person has logged in from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownNetwork {
    /// In CIDR notation.
    #[schema(example = "192.0.2.7/32")]
    pub network: String,
    /// When they first came from it.
    pub first_seen_at: Timestamp,
    /// When they last came from it.
    pub last_seen_at: Timestamp,
}

impl KnownNetwork {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            network: row.text("network")?,
            first_seen_at: Timestamp(row.integer("first_seen_at")?),
            last_seen_at: Timestamp(row.integer("last_seen_at")?),
        })
    }
}

/// A mail, without its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MailSummary {
    /// Which template.
    #[schema(example = "verify_email")]
    pub kind: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When the provider accepted it.
    pub sent_at: Option<Timestamp>,
}

impl MailSummary {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            kind: row.text("kind")?,
            created_at: Timestamp(row.integer("created_at")?),
            sent_at: row.optional_integer("sent_at")?.map(Timestamp),
        })
    }
}

/// A mailed link that still works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingLink {
    /// What it is for.
    #[schema(value_type = Purpose, inline)]
    pub purpose: String,
    /// The address that it moves the account to, where it does.
    #[schema(value_type = Option<Email>)]
    pub new_email: Option<String>,
    /// When it was mailed.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl PendingLink {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            purpose: row.text("purpose")?,
            new_email: row.optional_text("new_email")?,
            created_at: Timestamp(row.integer("created_at")?),
            expires_at: Timestamp(row.integer("expires_at")?),
        })
    }
}

/// An address that is kept for the account that left it, while that can be undone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FormerAddress {
    /// The address.
    #[schema(value_type = Email)]
    pub old_email: String,
    /// When the account left it.
    pub created_at: Timestamp,
    /// Until when it is kept.
    pub expires_at: Timestamp,
}

impl FormerAddress {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            old_email: row.text("old_email")?,
            created_at: Timestamp(row.integer("created_at")?),
            expires_at: Timestamp(row.integer("expires_at")?),
        })
    }
}

/// A model or a benchmark that the person declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Declared {
    /// Its id: `provider/name` of a model.
    #[schema(
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?$",
        example = "openai/gpt-5-high"
    )]
    pub id: String,
    /// When it was declared.
    pub created_at: Timestamp,
}

impl Declared {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self { id: row.text("id")?, created_at: Timestamp(row.integer("created_at")?) })
    }
}

/// A run, by what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OpenedRun {
    /// Its id.
    #[schema(value_type = RunId)]
    pub id: String,
    /// The model's id.
    pub model: ModelId,
    /// What drove the model.
    pub agent: Option<Agent>,
    /// What it ran in.
    #[schema(min_length = 1, max_length = 100)]
    pub configuration: Option<String>,
    /// Where to read more of it.
    pub links: Option<RunLinks>,
    /// The benchmark's id.
    pub benchmark: BenchmarkId,
    /// The benchmark's version.
    pub version: VersionName,
    /// What has become of it.
    #[schema(value_type = RunStatus)]
    pub status: String,
    /// When it was opened.
    pub created_at: Timestamp,
}

impl OpenedRun {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?,
            model: row.text("model_id")?.into(),
            agent: agent(row)?,
            configuration: row.optional_text("configuration")?,
            links: optional_json(row, "links")?,
            benchmark: row.text("benchmark_id")?.into(),
            version: row.text("version")?.into(),
            status: row.text("status")?,
            created_at: Timestamp(row.integer("created_at")?),
        })
    }
}

/// A seal, by what it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeSeal {
    /// Its id: `GET /seals/{id}` tells the rest.
    pub id: SealId,
    /// The model's id.
    pub model: ModelId,
    /// What drives the model.
    pub agent: Option<Agent>,
    /// What it runs in.
    #[schema(min_length = 1, max_length = 100)]
    pub configuration: Option<String>,
    /// The benchmark's id.
    pub benchmark: BenchmarkId,
    /// The benchmark's version.
    pub version: VersionName,
    /// When it was made.
    pub sealed_at: Timestamp,
}

impl MadeSeal {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            id: row.text("id")?.into(),
            model: row.text("model_id")?.into(),
            agent: agent(row)?,
            configuration: row.optional_text("configuration")?,
            benchmark: row.text("benchmark_id")?.into(),
            version: row.text("version")?.into(),
            sealed_at: Timestamp(row.integer("sealed_at")?),
        })
    }
}
