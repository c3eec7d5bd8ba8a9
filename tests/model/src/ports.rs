//! The application's ports, implemented over the world.

use aibaas_core::{
    domain::{
        Secret, Timestamp,
        password_hash::{HashError, HashJob, HashOutcome},
    },
    ports::{
        Background, BoxFuture, Clock, Database, DatabaseError, Entropy, HttpClient, HttpError, KeyValue, KeyValueError,
        OutboundRequest, OutboundResponse, PasswordHasher, Rows, Statement, Timer,
    },
};
use axum::http::Method;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{faults::Fault, world::World};

/// The greatest age of a value that the cache returns, in milliseconds.
const CACHE_LAG_MS: i64 = 60_000;

#[async_trait::async_trait]
impl Database for World {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        Ok(self.batch(vec![statement]).await?.pop().unwrap_or_default())
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
        let statements = statements.into_iter().map(|statement| self.mutated(statement)).collect::<Vec<_>>();
        self.turn(i64::MIN).await;
        let down = || Err(DatabaseError::Unavailable("as the plan has it".to_owned()));
        match self.strike(&Fault::DATABASE) {
            Some((Fault::DatabaseFails, _)) => return down(),
            Some((Fault::DatabaseFailsAfterCommit, delay)) => {
                self.carry_out(&statements).ok();
                self.delay(delay).await;
                return down();
            }
            Some((Fault::DatabaseIsSlow, delay)) => return self.carry_out_later(statements, delay).await,
            Some((_, delay)) => {
                let answers = self.carry_out(&statements);
                self.delay(delay).await;
                return answers;
            }
            None => {}
        }
        let answers = self.carry_out(&statements);
        self.turn(i64::MIN).await;
        answers
    }
}

#[async_trait::async_trait]
impl KeyValue for World {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        self.turn(i64::MIN).await;
        let struck = self.strike(&Fault::CACHE);
        let state = self.state();
        let versions = state.cache.get(key).map(Vec::as_slice).unwrap_or_default();
        match struck {
            Some((Fault::CacheIsStale, age)) => {
                let then = state.now - age.min(CACHE_LAG_MS);
                let seen = versions.iter().rev().find(|(at, _)| *at <= then);
                Ok(seen.and_then(|(_, value)| value.clone()))
            }
            Some((Fault::CacheForgets, _)) => Ok(None),
            Some(_) => Err(KeyValueError("as the plan has it".to_owned())),
            None => Ok(versions.last().and_then(|(_, value)| value.clone())),
        }
    }

    async fn put(&self, key: &str, value: &[u8], _: u32) -> Result<(), KeyValueError> {
        self.turn(i64::MIN).await;
        if let Some((Fault::CacheFails, _)) = self.strike(&Fault::CACHE) {
            return Err(KeyValueError("as the plan has it".to_owned()));
        }
        let mut state = self.state();
        let now = state.now;
        let versions = state.cache.entry(key.to_owned()).or_default();
        versions.retain(|(at, _)| *at > now - 2 * CACHE_LAG_MS);
        versions.push((now, Some(value.to_vec())));
        Ok(())
    }
}

/// The mail provider, which honours idempotency keys as Resend does.
#[async_trait::async_trait]
impl HttpClient for World {
    async fn send(&self, request: OutboundRequest) -> Result<OutboundResponse, HttpError> {
        self.turn(i64::MIN).await;
        let lost = || Err(HttpError("no answer".to_owned()));
        let answer = |status| Ok(OutboundResponse { status, headers: Vec::new(), body: Vec::new() });
        if request.method == Method::GET {
            let body = self.state().fetched.clone();
            return Ok(OutboundResponse { status: 200, headers: Vec::new(), body });
        }
        let struck = self.strike(&Fault::MAIL);
        match struck {
            Some((Fault::MailIsRefused, delay)) => return answer(if delay % 2 == 0 { 429 } else { 500 }),
            Some((Fault::MailIsLost, delay)) => {
                self.delay(delay.min(10_000)).await;
                return lost();
            }
            _ => {}
        }
        let certain = struck.is_none();
        self.state().accept_mail(&request, certain);
        match struck {
            Some((fault, delay)) => {
                self.delay(delay.min(10_000)).await;
                if fault == Fault::MailAnswerIsLost { lost() } else { answer(200) }
            }
            None => {
                self.turn(i64::MIN).await;
                answer(200)
            }
        }
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp(self.state().now)
    }
}

#[async_trait::async_trait]
impl Timer for World {
    async fn sleep(&self, ms: u32) {
        self.delay(ms.into()).await;
    }
}

impl Entropy for World {
    fn fill(&self, buffer: &mut [u8]) {
        let mut state = self.state();
        let current = state.current;
        let seed = state.seed;
        match state.streams.get_mut(&current) {
            Some(streams) => streams.entropy.fill(buffer),
            None => fastrand::Rng::with_seed(seed).fill(buffer),
        }
        // The length of a link's token, by which a mail's link is traced to its request.
        if buffer.len() == 32 {
            state.tokens.insert(URL_SAFE_NO_PAD.encode(&buffer), current);
        }
        // The length of the random part of a UUIDv7, which ends with the last six of these bytes.
        if let [_, _, _, _, end @ ..] = buffer
            && let Ok(end) = <[u8; 6]>::try_from(&*end)
        {
            state.makers.insert(end, current);
        }
    }
}

impl Background for World {
    fn spawn(&self, work: BoxFuture) {
        let mut state = self.state();
        let current = state.current;
        state.spawned.push((current, work));
    }
}

/// A stand-in for Argon2id: logins handle real hashes, at no cost.
#[async_trait::async_trait]
impl PasswordHasher for World {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        self.turn(i64::MIN).await;
        Ok(match job {
            HashJob::Hash { password, salt, params } => {
                let text = |bytes: &[u8]| base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes);
                let digest = ring::digest::digest(&ring::digest::SHA256, password.expose().as_bytes());
                let cost = format!("m={},t={},p={}", params.memory_kib, params.passes, params.lanes);
                let encoded = format!("$argon2id$v=19${cost}${}${}", text(&salt), text(digest.as_ref()));
                HashOutcome::Hashed(Secret::new(encoded))
            }
            HashJob::Verify { password, encoded } => {
                let digest = ring::digest::digest(&ring::digest::SHA256, password.expose().as_bytes());
                let end = base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest.as_ref());
                HashOutcome::Verified(encoded.expose().ends_with(&end))
            }
        })
    }
}
