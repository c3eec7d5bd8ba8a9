use axum::{extract::State, response::Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::ApiKeyBody;
use crate::{
    app::App,
    domain::api_key::{ApiKey, SCOPES},
    http::{
        credentials::{Person, may_publish},
        idempotency::{Caller, Claim, Idempotent, Reply},
        problem::{ApiError, TOO_MANY_API_KEYS},
        request::{Json, Validator},
    },
    ports::{Statement, Timestamp},
    store::{
        EXPECT_ONE_CHANGE,
        api_keys::{self, NewApiKey},
    },
};

/// The limiter remembers each admission of a window.
const MOST_RATE_LIMIT: u32 = 100_000;
const MOST_ALLOWED_IPS: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Body {
    name: String,
    description: Option<String>,
    scopes: Vec<String>,
    #[serde(default = "default_limit")]
    rate_limit: u32,
    #[serde(default = "default_window")]
    rate_limit_window_seconds: u32,
    expires_at: Option<String>,
    expires_in_days: Option<u32>,
    #[serde(default)]
    allowed_ips: Vec<String>,
    #[serde(default)]
    environment: KeyEnvironment,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeyEnvironment {
    #[default]
    Live,
    Test,
}

fn default_limit() -> u32 {
    1000
}

fn default_window() -> u32 {
    3600
}

impl Body {
    fn check(self, now: Timestamp) -> Result<NewApiKey, ApiError> {
        let mut validator = Validator::default();
        let name = validator.text("/name", &self.name, 1, 255);
        let description = validator.optional_text("/description", self.description.as_deref(), 1000);
        validator.require(!self.scopes.is_empty(), "/scopes", "give at least one scope");
        for (index, scope) in self.scopes.iter().enumerate() {
            let pointer = format!("/scopes/{index}");
            validator.require(
                SCOPES.contains(&scope.as_str()),
                &pointer,
                &format!("the scopes are {}", SCOPES.join(", ")),
            );
            let repeated = self.scopes.iter().take(index).any(|earlier| earlier == scope);
            validator.require(!repeated, &pointer, "name each scope once");
        }
        validator.require((1..=MOST_RATE_LIMIT).contains(&self.rate_limit), "/rateLimit", "give 1 to 100000");
        let window = 1..=86_400;
        validator.require(
            window.contains(&self.rate_limit_window_seconds),
            "/rateLimitWindowSeconds",
            "give 1 to 86400",
        );
        validator.require(self.allowed_ips.len() <= MOST_ALLOWED_IPS, "/allowedIps", "give at most 100");
        let mut allowed_ips: Vec<String> = Vec::new();
        for (index, block) in self.allowed_ips.iter().enumerate() {
            let pointer = format!("/allowedIps/{index}");
            if let Some(block) = validator.check(&pointer, api_keys::allowed_ip(block)) {
                validator.require(!allowed_ips.contains(&block), &pointer, "name each block once");
                allowed_ips.push(block);
            }
        }
        let expires_at = self.expiry(&mut validator, now);
        validator.finish()?;
        let environment = match self.environment {
            KeyEnvironment::Live => "live",
            KeyEnvironment::Test => "test",
        };
        Ok(NewApiKey {
            name,
            description,
            scopes: self.scopes,
            rate_limit: self.rate_limit,
            rate_limit_window_seconds: self.rate_limit_window_seconds,
            allowed_ips,
            environment,
            expires_at,
        })
    }

    fn expiry(&self, validator: &mut Validator, now: Timestamp) -> Option<Timestamp> {
        match (&self.expires_at, self.expires_in_days) {
            (Some(_), Some(_)) => {
                validator.refuse("/expiresInDays", "invalid_value", "give expiresAt or expiresInDays, not both");
                None
            }
            (Some(text), None) => {
                let time = validator.timestamp("/expiresAt", text)?;
                validator.require(time > now, "/expiresAt", "give a time to come");
                Some(time)
            }
            (None, Some(days)) => {
                validator.require((1..=3650).contains(&days), "/expiresInDays", "give 1 to 3650");
                Some(now.plus_seconds(i64::from(days).saturating_mul(86_400)))
            }
            (None, None) => None,
        }
    }
}

/// Makes a key, which is shown this once.
pub async fn handler(
    State(app): State<App>,
    person: Person,
    Idempotent(request, Json(body)): Idempotent<Json<Body>>,
) -> Result<Response, ApiError> {
    request.once(&app, Caller::Person(&person), |claim| create(&app, &person, body, claim)).await
}

async fn create(app: &App, person: &Person, body: Body, claim: Claim) -> Result<Reply, ApiError> {
    let now = app.now();
    let new = body.check(now)?;
    if new.scopes.iter().any(|scope| may_publish(app, "user", scope).is_err()) {
        let (user, _) = person.read(app, Vec::new()).await?;
        new.scopes.iter().try_for_each(|scope| may_publish(app, &user.role, scope))?;
    }
    let key = ApiKey::generate(new.environment, &app.random())
        .ok_or_else(|| ApiError::internal("too little randomness for a key"))?;
    let id = app.new_id();
    let mut writes = vec![
        api_keys::create(&id, &person.user_id, &new, &key, now),
        Statement::new(EXPECT_ONE_CHANGE),
        person.event(app, "api_key_created", json!({ "apiKeyId": id.as_str() })),
    ];
    let record = new.into_record(id, person.user_id.clone(), &key, now);
    let answer = json!({ "apiKey": ApiKeyBody::new(record, now), "key": key.secret().expose() });
    let reply = Reply::json(StatusCode::CREATED, &answer)?;
    writes.extend(claim.fulfil(app, &reply)?);
    match person.write(app, writes).await? {
        Err(error) if error.is_guard() => {
            let detail = format!("revoke one of your {} active keys first", api_keys::MOST_ACTIVE);
            Err(ApiError::new(TOO_MANY_API_KEYS, detail))
        }
        answers => answers.map(|_| reply).map_err(ApiError::from),
    }
}
