//! Failed guesses at passwords and codes, and the growing delays that they cost. A guess is counted before it is
//! checked, and taken back when it was right: of many at once no more are checked than one after the other.

use crate::ports::{Statement, Timestamp};

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
/// Whether the network is one that the owner of the address has logged in from.
macro_rules! is_known {
    ($email:literal, $network:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM users AS u JOIN known_networks AS k ON k.user_id = u.id WHERE u.email = ",
            $email,
            " AND k.network = ",
            $network,
            ")"
        )
    };
}

/// A guess at subject `?1` at `?2`, with the patience `?3`, `?4`.
pub const RESERVE: &str = concat!(
    "INSERT INTO guesses (subject, failures, last_at, previous_at) SELECT ?1, 1, ?2, 0 WHERE true",
    count_one!("?2", "?3", "?4")
);
/// A guess at the account of address `?3`: counted under `?2` from a network (`?4`) that it knows, else under `?1`.
pub const RESERVE_ACCOUNT: &str = concat!(
    "INSERT INTO guesses (subject, failures, last_at, previous_at) SELECT CASE WHEN ",
    is_known!("?3", "?4"),
    " THEN ?2 ELSE ?1 END, 1, ?5, 0 WHERE true",
    count_one!("?5", "?6", "?7")
);
/// A guess from a network (subject `?1`), unless the account of the address `?2` knows it.
pub const RESERVE_NETWORK: &str = concat!(
    "INSERT INTO guesses (subject, failures, last_at, previous_at) SELECT ?1, 1, ?4, 0 WHERE NOT ",
    is_known!("?2", "?3"),
    count_one!("?4", "?5", "?6")
);
/// Guard after [`RESERVE_NETWORK`].
pub const EXPECT_RESERVED_OR_KNOWN: &str = concat!(
    "INSERT INTO batch_guard (expectation) SELECT 'a free guess' WHERE changes() <> 1 AND NOT ",
    is_known!("?1", "?2")
);
/// When the next guess at a subject is free, with the patience `?2`, `?3`.
pub const FREE_AT: &str =
    concat!("SELECT last_at + (", delay!("failures", "?2", "?3"), ") AS free_at FROM guesses WHERE subject = ?1");
/// When the next guess from a network at an account is free, with the parameters of [`RESERVE_ACCOUNT`] but the time, the
/// network's subject (`?5`) and its patience (`?8`, `?9`).
pub const LOGIN_FREE_AT: &str = concat!(
    "SELECT max(last_at + (CASE WHEN subject = ?5 THEN ",
    delay!("failures", "?8", "?9"),
    " ELSE ",
    delay!("failures", "?6", "?7"),
    " END)) AS free_at FROM guesses WHERE subject IN (CASE WHEN ",
    is_known!("?3", "?4"),
    " THEN ?2 ELSE ?1 END, CASE WHEN ",
    is_known!("?3", "?4"),
    " THEN NULL ELSE ?5 END)"
);
/// The guess of `?2` was right: as if it had not been made.
pub const TAKE_BACK: &str = "UPDATE guesses SET failures = max(failures - 1, 0), \
     last_at = CASE WHEN last_at = ?2 THEN previous_at ELSE last_at END WHERE subject = ?1";
/// Whoever guessed right is the owner: none of their failures counts any more.
pub const CLEAR: &str = "DELETE FROM guesses WHERE subject = ?1";
/// Forgets what nobody added to for a day.
pub const EXPIRE: &str = "DELETE FROM guesses WHERE last_at < ?1 - 86400000";

/// Notes that the person has logged in from the network.
pub const REMEMBER_NETWORK: &str = "INSERT INTO known_networks (user_id, network, first_seen_at, last_seen_at) VALUES (?1, ?2, ?3, ?3) \
     ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at";
/// The same of the person of a mailed link.
pub const REMEMBER_NETWORK_OF_TOKEN: &str = "INSERT INTO known_networks (user_id, network, first_seen_at, last_seen_at) \
     SELECT user_id, ?2, ?3, ?3 FROM one_time_tokens WHERE hash = ?1 \
     ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at";
/// The networks that a person has logged in from.
pub const KNOWN_NETWORKS: &str = "SELECT network, first_seen_at, last_seen_at FROM known_networks WHERE user_id = ?1 ORDER BY network LIMIT ?2 OFFSET ?3";
/// Forgets networks that nobody came from for 90 days.
pub const EXPIRE_NETWORKS: &str = "DELETE FROM known_networks WHERE last_seen_at < ?1 - 7776000000";

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
