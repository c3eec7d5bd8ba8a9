//! Requests that carry an `Idempotency-Key`: claimed while they run, and then their answers.

use crate::ports::{DatabaseError, Row, Statement, Timestamp};

/// How long a claim keeps others out, in seconds: longer than any request lives.
pub const CLAIM_SECONDS: i64 = 90;
/// How long an answer is replayed, in seconds.
pub const REPLAY_SECONDS: i64 = 86_400;

/// Claims key `?2` of caller `?1`, where nobody has it: nobody sent it, whoever claimed it never fulfilled that, or its
/// answer is forgotten at `?5`.
pub const CLAIM: &str = "INSERT INTO idempotent_requests (caller, key, fingerprint, claim, claimed_until, expires_at) \
     VALUES (?1, ?2, ?3, ?4, ?6, ?7) ON CONFLICT (caller, key) DO UPDATE SET fingerprint = excluded.fingerprint, \
       claim = excluded.claim, claimed_until = excluded.claimed_until, expires_at = excluded.expires_at, \
       status = NULL, answer = NULL \
     WHERE expires_at <= ?5 OR (status IS NULL AND claimed_until <= ?5)";
/// What stands under a key.
pub const FIND: &str =
    "SELECT fingerprint, claim, status, answer FROM idempotent_requests WHERE caller = ?1 AND key = ?2";
/// Answers a claim.
pub const FULFIL: &str = "UPDATE idempotent_requests SET status = ?4, answer = ?5 \
     WHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL";
/// Answers a claim, if the statement before changed a row.
pub const FULFIL_IF_CHANGED: &str = "UPDATE idempotent_requests SET status = ?4, answer = ?5 \
     WHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL AND changes() > 0";
/// Answers the claim of an upload of `?4` results, of which the last statement to write stored those that are new.
/// D1 binds every number as a double.
pub const FULFIL_UPLOAD: &str = "UPDATE idempotent_requests SET status = 200, \
       answer = json_object('accepted', changes(), 'repeated', CAST(?4 AS INTEGER) - changes()) \
     WHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL";
/// Guard: the claim stands, unanswered.
pub const EXPECT_CLAIMED: &str = "INSERT INTO batch_guard (expectation) SELECT 'claimed' WHERE NOT EXISTS (\
     SELECT 1 FROM idempotent_requests WHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL)";
/// Gives up a claim that was not answered.
pub const RELEASE: &str =
    "DELETE FROM idempotent_requests WHERE caller = ?1 AND key = ?2 AND claim = ?3 AND status IS NULL";
/// Forgets every request of a caller.
pub const FORGET: &str = "DELETE FROM idempotent_requests WHERE caller = ?1";
/// Forgets answers after their day.
pub const EXPIRE: &str = "DELETE FROM idempotent_requests WHERE (caller, key) IN ( \
       SELECT r.caller, r.key FROM idempotent_requests AS r WHERE r.expires_at <= ?1 ORDER BY r.expires_at LIMIT ?2) \
     RETURNING 1";

/// A person, as the caller of a request.
#[must_use]
pub fn person(user_id: &str) -> String {
    format!("person:{user_id}")
}

/// Whoever holds one of a person's API keys. It is the person who counts: a program that goes on with a rotated key is
/// the same caller.
#[must_use]
pub fn programs(owner_id: &str) -> String {
    format!("programs:{owner_id}")
}

/// What forgets the requests of a person and of their programs.
#[must_use]
pub fn forget(user_id: &str) -> [Statement; 2] {
    [person(user_id), programs(user_id)].map(|caller| Statement::new(FORGET).bind(caller))
}

/// A key, and who claims it.
#[derive(Clone)]
pub struct Claim {
    /// Whose name the key is.
    pub caller: String,
    /// The header's value.
    pub key: String,
    /// Unique.
    pub id: String,
}

impl Claim {
    fn statement(&self, sql: &'static str) -> Statement {
        Statement::new(sql).bind(self.caller.as_str()).bind(self.key.as_str())
    }

    /// Claims the key where it is free, and reads whose it is.
    #[must_use]
    pub fn take(&self, fingerprint: Vec<u8>, now: Timestamp) -> Vec<Statement> {
        let claim = self.statement(CLAIM).bind(fingerprint).bind(self.id.as_str()).bind(now);
        let claim = claim.bind(now.plus_seconds(CLAIM_SECONDS)).bind(now.plus_seconds(REPLAY_SECONDS));
        vec![claim, self.statement(FIND)]
    }

    /// Gives the claim up where it was not answered, and reads what stands under the key.
    #[must_use]
    pub fn release(&self) -> Vec<Statement> {
        vec![self.mine(RELEASE).essential(), self.statement(FIND)]
    }

    /// The statement, of this claim: further parameters follow.
    #[must_use]
    pub fn mine(&self, sql: &'static str) -> Statement {
        self.statement(sql).bind(self.id.as_str())
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
    /// Reads a row of [`FIND`].
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
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
