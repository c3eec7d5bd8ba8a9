//! Requests that carry an `Idempotency-Key`: claimed while they run, and then their answers.

use super::query::{Query, Sql, sql};
use crate::{
    domain::UserId,
    ports::{DatabaseError, Row, Timestamp},
};

/// How long an answer is replayed, in seconds.
const REPLAY_SECONDS: i64 = 86_400;

/// Names a user as the caller of a request.
#[must_use]
pub fn user(user_id: &UserId) -> String {
    format!("person:{user_id}")
}

/// Names whoever holds one of a user's API keys. It is the user who counts: a program that goes on with a rotated key is
/// the same caller.
#[must_use]
pub fn api_key_clients(owner_id: &UserId) -> String {
    format!("programs:{owner_id}")
}

/// Forgets the requests of a user and of their programs.
pub fn forget(user_id: &UserId) -> [Query<()>; 2] {
    [user(user_id), api_key_clients(user_id)].map(|caller| sql!("idempotency/forget").bind(caller).execute())
}

/// A key, and who claims it.
#[derive(Clone)]
pub struct StoredClaim {
    /// Whose name the key is.
    pub caller: String,
    /// The header's value.
    pub key: String,
    /// Unique.
    pub id: String,
}

impl StoredClaim {
    fn on_key(&self, sql: Sql) -> Sql {
        sql.bind(self.caller.as_str()).bind(self.key.as_str())
    }

    fn of_claim(&self, sql: Sql) -> Sql {
        self.on_key(sql).bind(self.id.as_str())
    }

    /// Claims the key where it is free, for so long. [`StoredClaim::find`] tells whose it is then.
    pub fn take(&self, fingerprint: Vec<u8>, now: Timestamp, seconds: i64) -> Query<()> {
        self.on_key(sql!("idempotency/claim"))
            .bind(fingerprint)
            .bind(self.id.as_str())
            .bind(now)
            .bind(now.plus_seconds(seconds))
            .bind(now.plus_seconds(REPLAY_SECONDS))
            .execute()
    }

    /// Finds what stands under the key.
    pub fn find(&self) -> Query<Option<Claimed>> {
        self.on_key(sql!("idempotency/find")).optional(Claimed::from_row)
    }

    /// Answers it with a status and a sealed body, once.
    pub fn fulfil(&self, status: u16, sealed: Vec<u8>) -> Query<()> {
        self.of_claim(sql!("idempotency/fulfil")).bind(u32::from(status)).bind(sealed).execute()
    }

    /// The same, if the statement before changes a row.
    pub fn fulfil_if_changed(&self, status: u16, sealed: Vec<u8>) -> Query<()> {
        self.of_claim(sql!("idempotency/fulfil_if_changed")).bind(u32::from(status)).bind(sealed).execute()
    }

    /// Answers it as an upload of `count` results, of which the last statement to write stores those that are new.
    pub fn fulfil_upload(&self, count: usize) -> Query<()> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.of_claim(sql!("idempotency/fulfil_upload")).bind(count).execute()
    }

    /// Guards that it stands, unanswered: [`Guard::IdempotencyClaim`](super::Guard).
    pub fn expect(&self) -> Query<()> {
        self.of_claim(sql!("idempotency/expect_claimed")).execute()
    }

    /// Gives it up where it was not answered.
    pub fn release(&self) -> Query<()> {
        self.of_claim(sql!("idempotency/release").essential()).execute()
    }
}

/// What stands under a key.
pub struct Claimed {
    /// Of the request: `Keys::fingerprint`.
    pub fingerprint: Vec<u8>,
    /// Who claimed it.
    pub claim: String,
    /// The answer, once there is one.
    pub answer: Option<(i64, Answer)>,
}

/// The body of an answer.
pub enum Answer {
    /// Sealed by the application.
    Sealed(Vec<u8>),
    /// Composed in SQL, of nothing secret.
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
