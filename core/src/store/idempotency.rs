//! Requests with an `Idempotency-Key`: their claims while they run, and their answers after.

use super::query::{Query, Sql, sql};
use crate::{
    domain::{Timestamp, UserId},
    ports::{DatabaseError, Row},
};

/// How long an answer is replayed, in seconds.
const REPLAY_SECONDS: i64 = 86_400;

/// Returns the caller's name for a user with an access token.
#[must_use]
pub fn user(user_id: &UserId) -> String {
    format!("person:{user_id}")
}

/// Returns the caller's name for all programs with an API key of a user. The user counts, not the key: a program that
/// goes on with a rotated key is the same caller.
#[must_use]
pub fn api_key_clients(owner_id: &UserId) -> String {
    format!("programs:{owner_id}")
}

/// Deletes the requests of a user and of their programs.
pub fn forget(user_id: &UserId) -> [Query<()>; 2] {
    [user(user_id), api_key_clients(user_id)].map(|caller| sql!("idempotency/forget").bind(caller).execute())
}

/// A claim of an `Idempotency-Key`.
#[derive(Clone)]
pub struct StoredClaim {
    /// Name of the caller in whose name the key is claimed.
    pub caller: String,
    /// Value of the header.
    pub key: String,
    /// Unique id of the claim.
    pub id: String,
}

impl StoredClaim {
    fn on_key(&self, sql: Sql) -> Sql {
        sql.bind(self.caller.as_str()).bind(self.key.as_str())
    }

    fn of_claim(&self, sql: Sql) -> Sql {
        self.on_key(sql).bind(self.id.as_str())
    }

    /// Claims the key for `seconds` where it is free. [`StoredClaim::find`] then reads whose claim stands.
    pub fn take(&self, fingerprint: Vec<u8>, now: Timestamp, seconds: i64) -> Query<()> {
        self.on_key(sql!("idempotency/claim"))
            .bind(fingerprint)
            .bind(self.id.as_str())
            .bind(now)
            .bind(now.plus_seconds(seconds))
            .bind(now.plus_seconds(REPLAY_SECONDS))
            .execute()
    }

    /// Finds the claim that stands under the key.
    pub fn find(&self) -> Query<Option<Claimed>> {
        self.on_key(sql!("idempotency/find")).optional(Claimed::from_row)
    }

    /// Stores the answer to the claim: a status and a sealed body. A claim is answered once.
    pub fn fulfil(&self, status: u16, sealed: Vec<u8>) -> Query<()> {
        self.of_claim(sql!("idempotency/fulfil")).bind(u32::from(status)).bind(sealed).execute()
    }

    /// Stores the answer as [`StoredClaim::fulfil`] does, if the statement before changed a row.
    pub fn fulfil_if_changed(&self, status: u16, sealed: Vec<u8>) -> Query<()> {
        self.of_claim(sql!("idempotency/fulfil_if_changed")).bind(u32::from(status)).bind(sealed).execute()
    }

    /// Stores the answer to an upload of `count` results, of which the last write of the batch stored those that are
    /// new.
    pub fn fulfil_upload(&self, count: usize) -> Query<()> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.of_claim(sql!("idempotency/fulfil_upload")).bind(count).execute()
    }

    /// Guards that the claim stands, unanswered: [`Guard::IdempotencyClaim`](super::Guard).
    pub fn expect(&self) -> Query<()> {
        self.of_claim(sql!("idempotency/expect_claimed")).execute()
    }

    /// Gives up the claim where it was not answered.
    pub fn release(&self) -> Query<()> {
        self.of_claim(sql!("idempotency/release").essential()).execute()
    }
}

/// Claim that stands under a key.
pub struct Claimed {
    /// Fingerprint of the request, by `Keys::fingerprint`.
    pub fingerprint: Vec<u8>,
    /// Id of the claim.
    pub claim: String,
    /// Status and body of the answer, once there is one.
    pub answer: Option<(i64, Answer)>,
}

/// Body of an answer.
pub enum Answer {
    /// Body that the application sealed.
    Sealed(Vec<u8>),
    /// Body that SQL composed, of nothing secret.
    Clear(String),
}

impl Claimed {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let answer = |status| {
            let clear = row.optional_text("answer").ok().flatten().map(Answer::Clear);
            let sealed = || row.optional_blob("answer").map(|sealed| Answer::Sealed(sealed.unwrap_or_default()));
            Ok::<_, DatabaseError>((status, clear.map_or_else(sealed, Ok)?))
        };
        Ok(Self {
            fingerprint: row.optional_blob("fingerprint")?.unwrap_or_default(),
            claim: row.text("claim")?,
            answer: row.optional_integer("status")?.map(answer).transpose()?,
        })
    }
}
