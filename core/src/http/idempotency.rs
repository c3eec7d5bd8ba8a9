//! `Idempotency-Key`: a POST takes effect once, however often the request is sent, and its answer is replayed.
//!
//! A request first *claims* its key; another request with the same key is told to wait. The answer is serialized before
//! its effect is written, and *fulfils* the claim in the same batch: neither is ever stored without the other. A
//! refusal changes nothing, is not remembered, and frees the key. The claim of a request that died expires; if that
//! request was only slow, its late batch finds the claim gone and is undone.

use axum::{
    extract::{FromRequest, FromRequestParts, OriginalUri, Request},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{
    client::Client,
    credentials::{ClaimedSession, ConfirmedSession},
    problem::{ApiError, IDEMPOTENCY_IN_PROGRESS, IDEMPOTENCY_KEY_REUSED, MALFORMED_REQUEST, Problem},
    request::{FromBody, read},
};
use crate::{
    app::App,
    domain::UserId,
    store::{
        Batch, BatchError, Guard,
        idempotency::{self as store, Claimed},
    },
};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const MOST_KEY_BYTES: usize = 255;
/// How long a form that was sent twice waits before each look at the first one's answer, in milliseconds: 8 s in all.
/// Each look is one query; D1 allows 50 an invocation on the free plan.
const WAITS_MS: [u32; 9] = [100, 200, 400, 800, 1000, 1300, 1400, 1400, 1400];

/// The `Idempotency-Key` of a request, if it has one. As an extractor it is for requests without a body; for others see
/// [`Idempotent`].
pub struct Idempotency(Option<KeyedRequest>);

struct KeyedRequest {
    key: String,
    /// Whether a duplicate waits for the first one's answer: so for forms, which no browser retries by itself.
    waits: bool,
    /// SHA-256 of what must be the same when the key comes again: method, path and body.
    digest: [u8; 32],
}

/// Extractor of a body and the idempotency key that it came with.
pub struct Idempotent<B>(pub Idempotency, pub B);

impl<S: Sync> FromRequestParts<S> for Idempotency {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::of(key(&parts.headers)?, false, parts, &[]))
    }
}

impl<B: FromBody, S: Sync> FromRequest<S> for Idempotent<B> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let key = key(&parts.headers)?;
        let (read, bytes) = read::<B>(&parts.headers, body).await?;
        Ok(Self(Idempotency::of(key, false, &parts, &bytes), read))
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(given) = headers.get(KEY) else { return Ok(None) };
    let refusal = || ApiError::new(MALFORMED_REQUEST, "Idempotency-Key: give 1 to 255 printable ASCII characters");
    let key = std::str::from_utf8(given.as_bytes()).ok().filter(|key| is_key(key)).ok_or_else(refusal)?;
    Ok(Some(key.to_owned()))
}

fn is_key(key: &str) -> bool {
    (1..=MOST_KEY_BYTES).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Sender of a request, within whose name an idempotency key is unique.
pub enum Caller<'a> {
    /// A user, whose session is confirmed in the round trip that claims the key.
    Session(&'a ClaimedSession),
    /// A program whose API key belongs to this user.
    ApiKeyClient(&'a UserId),
    /// A client without a credential, known by its network.
    Network(&'a Client),
}

impl Caller<'_> {
    fn name(&self) -> String {
        match self {
            Self::Session(session) => session.idempotency_caller(),
            Self::ApiKeyClient(owner_id) => store::api_key_clients(owner_id),
            Self::Network(client) => format!("network:{}", client.network()),
        }
    }

    /// Claims the key unless another request holds it, and returns what is then stored under it.
    async fn claim(
        &self,
        app: &App,
        claim: &store::StoredClaim,
        fingerprint: Vec<u8>,
    ) -> Result<Option<Claimed>, ApiError> {
        let take = |batch: &mut Batch| {
            batch.push(claim.take(fingerprint, app.now(), app.deadlines().claim_seconds()));
            batch.push(claim.find())
        };
        let (found, mut answers) = match self {
            Self::Session(session) => {
                let mut batch = session.batch();
                (take(&mut batch), batch.run(app).await?)
            }
            Self::ApiKeyClient(_) | Self::Network(_) => {
                let mut batch = Batch::new();
                (take(&mut batch), batch.run(app.database()).await?)
            }
        };
        Ok(answers.take(found)?)
    }
}

/// Response that is serialized before its effect is written, so that both can be stored in one batch.
pub struct Reply {
    status: StatusCode,
    body: Vec<u8>,
}

impl Reply {
    /// Serializes the body as JSON.
    ///
    /// # Errors
    /// An internal error, when the body cannot be serialized.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(body).map_err(|error| ApiError::internal(error.to_string()))?;
        Ok(Self { status, body })
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let headers = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        (self.status, headers, self.body).into_response()
    }
}

/// A request's hold on its idempotency key while it runs; empty for a request without a key. Fulfilling consumes it.
#[must_use = "a request is answered by fulfilling its claim"]
pub struct Claim(Option<store::StoredClaim>);

/// A reply with its fulfilled claim, which [`Idempotency::once`] sends.
pub struct Fulfilled {
    reply: Reply,
    claim: Claim,
}

impl Fulfilled {
    /// Returns the claim, for a handler whose batch was undone, or changed nothing, and so did not fulfil it.
    pub fn undone(self) -> Claim {
        self.claim
    }
}

/// A fulfilled claim whose reply is not known before the batch has run.
pub struct FulfilledUpload(Claim);

impl FulfilledUpload {
    /// Adds the reply that the batch stored.
    pub fn reply(self, reply: Reply) -> Fulfilled {
        Fulfilled { reply, claim: self.0 }
    }
}

impl Claim {
    /// Returns the proof that the round trip of the claim confirmed the session, where the request has a key.
    pub fn confirmed<'a>(&self, caller: &'a ClaimedSession) -> Option<ConfirmedSession<'a>> {
        self.0.as_ref().and_then(|claim| ConfirmedSession::by_claim_of(&claim.caller, caller))
    }

    /// Fulfils the claim in the batch that makes the reply true. If the claim has passed to another request,
    /// [`Guard::IdempotencyClaim`] undoes the batch.
    ///
    /// # Errors
    /// An internal error, when the reply cannot be sealed.
    pub fn fulfil(self, batch: &mut Batch, app: &App, reply: Reply) -> Result<Fulfilled, ApiError> {
        if let Some((claim, sealed)) = self.sealed(app, &reply)? {
            batch.expect(Guard::IdempotencyClaim, claim.fulfil(reply.status.as_u16(), sealed));
        }
        Ok(Fulfilled { reply, claim: self })
    }

    /// Fulfils the claim like [`Claim::fulfil`], but stores the reply only if the batch's previous statement changes a
    /// row.
    ///
    /// # Errors
    /// As [`Claim::fulfil`].
    pub fn fulfil_if_changed(self, batch: &mut Batch, app: &App, reply: Reply) -> Result<Fulfilled, ApiError> {
        if let Some((claim, sealed)) = self.sealed(app, &reply)? {
            batch.guarded_by(claim.expect());
            batch.push(claim.fulfil_if_changed(reply.status.as_u16(), sealed));
        }
        Ok(Fulfilled { reply, claim: self })
    }

    /// Fulfils the claim with an upload's reply, `{"accepted":…,"repeated":…}`. `count` is the number of uploaded
    /// results, of which the last writing statement stores those that are new.
    pub fn fulfil_upload(self, batch: &mut Batch, count: usize) -> FulfilledUpload {
        if let Self(Some(claim)) = &self {
            batch.guarded_by(claim.expect());
            batch.push(claim.fulfil_upload(count));
        }
        FulfilledUpload(self)
    }

    /// Fulfils the claim after the effect, for work that would give the same reply again. Logs a failure to store the
    /// reply, and frees the key then.
    pub async fn remember(self, app: &App, reply: Reply) -> Fulfilled {
        let remembered = match self.sealed(app, &reply) {
            Ok(Some((claim, sealed))) => {
                let fulfil = claim.fulfil(reply.status.as_u16(), sealed);
                fulfil.run(app.database()).await.map_err(ApiError::from)
            }
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let (Err(error), Self(Some(claim))) = (remembered, &self) {
            tracing::warn!(?error, "an answer was not remembered");
            release_later(app, claim.clone());
        }
        Fulfilled { reply, claim: self }
    }

    fn sealed(&self, app: &App, reply: &Reply) -> Result<Option<(&store::StoredClaim, Vec<u8>)>, ApiError> {
        let Some(claim) = &self.0 else { return Ok(None) };
        let sealed = app.keys().seal(&claim.id, app.random(), &reply.body).map_err(ApiError::internal)?;
        Ok(Some((claim, sealed)))
    }
}

impl Idempotency {
    /// Returns the idempotency of a form whose page gave it a key, so that it takes effect once. The browser shows the
    /// answer to the second of two submissions, so that one waits for the first.
    pub fn of_form(key: &str, parts: &Parts, body: &[u8]) -> Self {
        Self::of(Some(key).filter(|key| is_key(key)).map(str::to_owned), true, parts, body)
    }

    fn of(key: Option<String>, waits: bool, parts: &Parts, body: &[u8]) -> Self {
        let digest = || {
            // Inside a nested route, the request's own URI holds only the end of the path.
            let path = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri).path();
            let head = format!("{} {path}\n", parts.method);
            Sha256::new().chain_update(head).chain_update(body).finalize().into()
        };
        Self(key.map(|key| KeyedRequest { key, waits, digest: digest() }))
    }

    /// Runs the work, or replays its stored answer. The batch of the work has to fulfil the [`Claim`].
    ///
    /// # Errors
    /// `idempotency_key_reused`, `idempotency_in_progress`, or the error of the caller's session; else the error of the
    /// work.
    pub async fn once<W>(
        self,
        app: &App,
        caller: Caller<'_>,
        work: impl FnOnce(Claim) -> W,
    ) -> Result<Response, ApiError>
    where
        W: Future<Output = Result<Fulfilled, ApiError>>,
    {
        let Some(KeyedRequest { key, waits, digest }) = self.0 else {
            return Ok(work(Claim(None)).await?.reply.into_response());
        };
        let claim = store::StoredClaim { caller: caller.name(), key, id: app.new_id() };
        let fingerprint = app.keys().fingerprint(&digest).map_err(ApiError::internal)?;
        let mut held = ClaimGuard { app, claim: Some(claim.clone()) };
        let mut found = caller.claim(app, &claim, fingerprint.clone()).await?;
        for wait in WAITS_MS.iter().filter(|_| waits) {
            let is_running = |found: &Claimed| {
                let is_same = found.claim != claim.id && app.keys().is_fingerprint(&digest, &found.fingerprint);
                is_same && found.answer.is_none()
            };
            if !found.as_ref().is_some_and(is_running) {
                break;
            }
            app.ports().timer.sleep(*wait).await;
            found = claim.find().run(app.database()).await?;
            if found.is_none() {
                // The first request was refused and has freed the key: this one runs for itself.
                found = caller.claim(app, &claim, fingerprint.clone()).await?;
            }
        }
        let found = found.ok_or_else(|| ApiError::internal("a claimed key is gone"))?;
        if found.claim != claim.id {
            held.claim = None;
            return replay(app, &digest, found);
        }
        let refusal = match work(Claim(Some(claim.clone()))).await {
            Ok(fulfilled) => {
                held.claim = None;
                return Ok(fulfilled.reply.into_response());
            }
            Err(refusal) => refusal,
        };
        let released = release(app, &claim).await;
        held.claim = None;
        match released {
            Ok(None) => Err(refusal),
            // An answer is stored: the batch was committed although it seemed to fail, or another request took over the
            // claim.
            Ok(Some(found)) => match replay(app, &digest, found) {
                Err(ApiError::Problem(problem)) if problem.is(IDEMPOTENCY_KEY_REUSED) => Err(refusal),
                told => told,
            },
            Err(error) => {
                tracing::warn!(%error, "an Idempotency-Key is not free until its claim ends");
                Err(refusal)
            }
        }
    }
}

/// Releases the claim if it has no answer, and returns what is then stored under the key.
async fn release(app: &App, claim: &store::StoredClaim) -> Result<Option<Claimed>, BatchError> {
    let mut batch = Batch::new();
    batch.push(claim.release());
    let found = batch.push(claim.find());
    Ok(batch.run(app.database()).await?.take(found)?)
}

/// Answers a request whose key another request has claimed: with that one's answer, or an error.
fn replay(app: &App, digest: &[u8], found: Claimed) -> Result<Response, ApiError> {
    if !app.keys().is_fingerprint(digest, &found.fingerprint) {
        return Err(ApiError::new(IDEMPOTENCY_KEY_REUSED, "send another request with a key of its own"));
    }
    let Some((status, answer)) = found.answer else {
        let detail = "its answer comes with the same request, sent again in a moment";
        return Err(Problem::new(IDEMPOTENCY_IN_PROGRESS, detail).retry_after(1).into());
    };
    let body = match answer {
        store::Answer::Clear(body) => Some(body.into_bytes()),
        store::Answer::Sealed(sealed) => app.keys().open(&found.claim, &sealed).map(|body| body.to_vec()),
    };
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let (Some(status), Some(body)) = (status, body) else {
        return Err(ApiError::internal("a remembered answer cannot be read"));
    };
    let mut response = Reply { status, body }.into_response();
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Guard that releases the claim when it is dropped. Where a client goes away half way, its key is at once free for the
/// next try; whatever the database still carries out of the first is undone by its guard.
struct ClaimGuard<'a> {
    app: &'a App,
    claim: Option<store::StoredClaim>,
}

impl Drop for ClaimGuard<'_> {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            release_later(self.app, claim);
        }
    }
}

fn release_later(app: &App, claim: store::StoredClaim) {
    let worker = app.clone();
    app.ports().background.spawn(Box::pin(async move {
        if let Err(error) = release(&worker, &claim).await {
            tracing::warn!(%error, "an Idempotency-Key is not free until its claim ends");
        }
    }));
}
