//! Failed guesses at passwords and codes, and the growing delays that they cost. Of many guesses at once, no more are
//! checked than would be if they came one after the other: a code is counted in the batch that acts on it; a password
//! is in flight while it is checked, and no more are in flight than could all be wrong.

use serde_json::json;

use super::query::{Query, Sql, sql};
use crate::domain::{Timestamp, UserId};

/// Time after which a check counts as broken off, in milliseconds: no request of a deployment lives longer.
const BROKEN_OFF_MS: i64 = 60_000;

/// Rules that slow down guesses at a subject.
#[derive(Clone, Copy, Debug)]
pub struct GuessPolicy {
    /// Number of failures that cost no delay.
    pub free: i64,
    /// Longest delay, in milliseconds; each time that it passes without a guess, one failure is forgiven. So typing
    /// errors of many people, or of many days, do not add up.
    pub longest_ms: i64,
}

/// Policy for an account, a session's password and a person's codes.
pub const ACCOUNT: GuessPolicy = GuessPolicy { free: 5, longest_ms: 900_000 };
/// Policy for one network, over all accounts.
const NETWORK: GuessPolicy = GuessPolicy { free: 20, longest_ms: 60_000 };

/// Subject at which a password is guessed.
#[derive(Clone)]
pub struct Target {
    /// Address of the account, where it makes a difference whether that knows the client's network.
    address: Option<String>,
    network: String,
    /// What is counted where the account knows the network, as JSON.
    acquaintance: String,
    /// What is counted where the account does not know the network, as JSON.
    stranger: String,
}

impl Target {
    /// Returns a target that counts guesses under one subject, whoever makes them.
    #[must_use]
    pub fn of(subject: &str) -> Self {
        Self {
            address: None,
            network: String::new(),
            acquaintance: "[]".to_owned(),
            stranger: json!([[subject, ACCOUNT.free, ACCOUNT.longest_ms]]).to_string(),
        }
    }

    /// Returns the target for the account of an address. Guesses from a network that the account knows count under
    /// `acquaintance`, others under `stranger` and, for the network over all accounts, under `anybody`.
    #[must_use]
    pub fn of_account(address: &str, network: &str, acquaintance: &str, stranger: &str, anybody: &str) -> Self {
        let account = |subject: &str| json!([subject, ACCOUNT.free, ACCOUNT.longest_ms]);
        Self {
            address: Some(address.to_owned()),
            network: network.to_owned(),
            acquaintance: json!([account(acquaintance)]).to_string(),
            stranger: json!([account(stranger), [anybody, NETWORK.free, NETWORK.longest_ms]]).to_string(),
        }
    }

    fn bind(&self, sql: Sql) -> Sql {
        sql.bind(self.address.as_deref())
            .bind(self.network.as_str())
            .bind(self.acquaintance.as_str())
            .bind(self.stranger.as_str())
    }

    /// Begins the check of a password guessed at the target, unless that has to wait; [`expect_begun`] follows.
    pub fn begin(&self, id: &str, now: Timestamp) -> Query<()> {
        self.bind(sql!("login_throttle/begin").bind(id).bind(now).bind(now.plus_ms(BROKEN_OFF_MS))).execute()
    }

    /// Reads when a password may be checked.
    pub fn turn(&self, now: Timestamp) -> Query<Turn> {
        self.bind(sql!("login_throttle/turn").bind(now))
            .one(|row| Ok(Turn { free_at: Timestamp(row.integer("free_at")?), is_full: row.boolean("is_full")? }))
    }
}

/// When a password may be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Time until which a delay runs.
    pub free_at: Timestamp,
    /// Whether another check has to end before.
    pub is_full: bool,
}

/// Guards that the [`Target::begin`] before it in the batch has begun a check: [`Guard::PasswordTurn`](super::Guard).
pub fn expect_begun() -> Query<()> {
    sql!("login_throttle/expect_begun").execute()
}

/// Counts the password of this check as wrong.
pub fn count(id: &str, now: Timestamp) -> Query<()> {
    sql!("login_throttle/count").bind(id).bind(now).execute()
}

/// Ends the check of a password: it is no longer in flight.
pub fn end(id: &str) -> Query<()> {
    sql!("login_throttle/end").bind(id).execute()
}

/// Counts a guess at a subject, unless the delay of earlier ones has not passed.
pub fn reserve(subject: &str, policy: GuessPolicy, now: Timestamp) -> Query<()> {
    sql!("login_throttle/reserve").bind(subject).bind(now).bind(policy.free).bind(policy.longest_ms).execute()
}

/// Reads when the next guess at a subject is allowed.
pub fn free_at(subject: &str, policy: GuessPolicy) -> Query<Timestamp> {
    let free_at = sql!("login_throttle/free_at").bind(subject).bind(policy.free).bind(policy.longest_ms);
    free_at.optional(|row| row.integer("free_at").map(Timestamp)).map(|at| at.unwrap_or(Timestamp(0)))
}

/// Takes back a guess that was right, as if it had not been made.
pub fn take_back(subject: &str, guessed_at: Timestamp) -> Query<()> {
    sql!("login_throttle/take_back").bind(subject).bind(guessed_at).execute()
}

/// Deletes the failures at a subject: whoever guessed right is the owner.
pub fn clear(subject: &str) -> Query<()> {
    sql!("login_throttle/clear").bind(subject).execute()
}

/// Notes that a person has logged in from a network.
pub fn remember_network(user_id: &UserId, network: &str, now: Timestamp) -> Query<()> {
    sql!("login_throttle/remember_network").bind(user_id).bind(network).bind(now).execute()
}

/// Notes that the person of a mailed link came from a network.
pub fn remember_network_of_link(link_hash: &[u8], network: &str, now: Timestamp) -> Query<()> {
    sql!("login_throttle/remember_network_of_link").bind(link_hash).bind(network).bind(now).execute()
}
