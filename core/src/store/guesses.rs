//! Failed guesses at passwords and codes, and the growing delays that they cost. Of many at once no more are checked than
//! one after the other: a code is counted in the batch that acts on it; a password is in flight while it is checked, and
//! no more are in flight than could all be wrong.

use serde_json::json;

use crate::ports::{DatabaseError, Rows, Statement, Timestamp};

/// After so long a check counts as broken off, in milliseconds: no request lives longer.
const BROKEN_OFF_MS: i64 = 60_000;

/// How guesses at one thing are slowed down.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How many cost no delay.
    pub free: i64,
    /// The longest delay, in milliseconds; each time that it passes without a guess, one failure is forgiven. So typing
    /// errors of many people, or of many days, do not add up.
    pub longest_ms: i64,
}

/// For an account, a session's password and a person's codes.
pub const ACCOUNT: Patience = Patience { free: 5, longest_ms: 900_000 };
/// For one network, over all accounts.
pub const NETWORK: Patience = Patience { free: 20, longest_ms: 60_000 };

/// The failures that still count at a time.
macro_rules! left {
    ($now:literal, $longest:literal) => {
        concat!("max(0, failures - CAST((", $now, " - last_at) / ", $longest, " AS INTEGER))")
    };
}
/// Milliseconds to wait after so many failures: none while they are free, then 1 s doubling to the longest.
macro_rules! delay {
    ($failures:expr, $free:literal, $longest:literal) => {
        concat!(
            "CASE WHEN ",
            $failures,
            " < ",
            $free,
            " THEN 0 ELSE min(",
            $longest,
            ", 1000 << min(",
            $failures,
            " - ",
            $free,
            ", 20)) END"
        )
    };
}
/// Counts one more, unless the delay of those before has not passed.
macro_rules! count_one {
    ($now:literal, $free:literal, $longest:literal) => {
        concat!(
            " ON CONFLICT (subject) DO UPDATE SET previous_at = last_at, last_at = max(last_at, ",
            $now,
            "), failures = ",
            left!($now, $longest),
            " + 1 WHERE ",
            left!($now, $longest),
            " < ",
            $free,
            " OR last_at + (",
            delay!(left!($now, $longest), $free, $longest),
            ") <= ",
            $now
        )
    };
}
/// A guess at subject `?1` at `?2`, with the patience `?3`, `?4`.
pub const RESERVE: &str = concat!(
    "INSERT INTO guesses (subject, failures, last_at, previous_at) SELECT ?1, 1, ?2, 0 WHERE true",
    count_one!("?2", "?3", "?4")
);
/// When the next guess at a subject is free, with the patience `?2`, `?3`.
pub const FREE_AT: &str =
    concat!("SELECT last_at + (", delay!("failures", "?2", "?3"), ") AS free_at FROM guesses WHERE subject = ?1");
/// The guess of `?2` was right: as if it had not been made.
pub const TAKE_BACK: &str = "UPDATE guesses SET failures = max(failures - 1, 0), \
     last_at = CASE WHEN last_at = ?2 THEN previous_at ELSE last_at END WHERE subject = ?1";
/// Whoever guessed right is the owner: none of their failures counts any more.
pub const CLEAR: &str = "DELETE FROM guesses WHERE subject = ?1";
/// Begins to check a password.
pub const BEGIN: &str = include_str!("sql/guesses/begin.sql");
/// Guard after [`BEGIN`].
pub const EXPECT_BEGUN: &str = include_str!("sql/guesses/expect_begun.sql");
/// When a password may be checked.
pub const TURN: &str = include_str!("sql/guesses/turn.sql");
/// The password was wrong.
pub const COUNT: &str = include_str!("sql/guesses/count.sql");
/// The password is not being checked any more.
pub const END: &str = include_str!("sql/guesses/end.sql");
/// Forgets what was broken off.
pub const EXPIRE_IN_FLIGHT: &str = include_str!("sql/guesses/expire_in_flight.sql");
/// Forgets what nobody added to for a day.
pub const EXPIRE: &str = "DELETE FROM guesses WHERE subject IN ( \
       SELECT g.subject FROM guesses AS g WHERE g.last_at < ?1 - 86400000 ORDER BY g.last_at LIMIT ?2) \
     RETURNING 1";

/// Notes that the person has logged in from the network.
pub const REMEMBER_NETWORK: &str = "INSERT INTO known_networks (user_id, network, first_seen_at, last_seen_at) VALUES (?1, ?2, ?3, ?3) \
     ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at";
/// The same of the person of a mailed link.
pub const REMEMBER_NETWORK_OF_TOKEN: &str = "INSERT INTO known_networks (user_id, network, first_seen_at, last_seen_at) \
     SELECT user_id, ?2, ?3, ?3 FROM one_time_tokens WHERE hash = ?1 \
     ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at";
/// Forgets networks that nobody came from for 90 days.
pub const EXPIRE_NETWORKS: &str = "DELETE FROM known_networks WHERE (user_id, network) IN ( \
       SELECT n.user_id, n.network FROM known_networks AS n WHERE n.last_seen_at < ?1 - 7776000000 ORDER BY n.last_seen_at LIMIT ?2) \
     RETURNING 1";

/// What a password is guessed at.
#[derive(Clone)]
pub struct Target {
    /// The address whose account it is, where it makes a difference whether that knows the client's network.
    address: Option<String>,
    network: String,
    /// What is counted where the account knows the network.
    acquaintance: String,
    /// What is counted where it does not.
    stranger: String,
}

impl Target {
    /// One thing, whoever guesses.
    #[must_use]
    pub fn of(subject: &str) -> Self {
        Self {
            address: None,
            network: String::new(),
            acquaintance: "[]".to_owned(),
            stranger: json!([[subject, ACCOUNT.free, ACCOUNT.longest_ms]]).to_string(),
        }
    }

    /// The account of an address: under `acquaintance` from a network that it knows, else under `stranger` and, for the
    /// network over all accounts, `anybody`.
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

    fn bind(&self, statement: Statement) -> Statement {
        statement
            .bind(self.address.as_deref())
            .bind(self.network.as_str())
            .bind(self.acquaintance.as_str())
            .bind(self.stranger.as_str())
    }

    /// Begins to check a password guessed at it, in a batch that fails by its guard where that has to wait.
    #[must_use]
    pub fn begin(&self, id: &str, now: Timestamp) -> [Statement; 2] {
        let begin = Statement::new(BEGIN).bind(id).bind(now).bind(now.plus_ms(BROKEN_OFF_MS));
        [self.bind(begin), Statement::new(EXPECT_BEGUN)]
    }

    /// Asks for the [`Turn`].
    #[must_use]
    pub fn turn(&self, now: Timestamp) -> Statement {
        self.bind(Statement::new(TURN).bind(now))
    }
}

/// When a password may be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// No sooner than this: a delay runs.
    pub free_at: Timestamp,
    /// Not before another one has been checked.
    pub is_full: bool,
}

impl Turn {
    /// Reads the row of [`TURN`].
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_rows(rows: Rows) -> Result<Self, DatabaseError> {
        let Some(row) = rows.into_first() else { return Ok(Self { free_at: Timestamp(0), is_full: false }) };
        Ok(Self { free_at: Timestamp(row.integer("free_at")?), is_full: row.boolean("is_full")? })
    }
}

/// What ends the check of a wrong password.
#[must_use]
pub fn wrong(id: &str, now: Timestamp) -> [Statement; 2] {
    [Statement::new(COUNT).bind(id).bind(now), end(id)]
}

/// What ends the check of a password that was right, or was not checked after all.
#[must_use]
pub fn end(id: &str) -> Statement {
    Statement::new(END).bind(id)
}

/// The statement of [`RESERVE`].
#[must_use]
pub fn reserve(subject: &str, patience: Patience, now: Timestamp) -> Statement {
    patience.bind(Statement::new(RESERVE).bind(subject).bind(now))
}

impl Patience {
    /// Binds its two numbers.
    #[must_use]
    pub fn bind(self, statement: Statement) -> Statement {
        statement.bind(self.free).bind(self.longest_ms)
    }
}
