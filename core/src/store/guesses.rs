//! Failed guesses at passwords and codes, and the growing delays that they cost. A guess is counted before it is
//! checked, and taken back when it was right: of many at once no more are checked than one after the other.

use crate::ports::{Statement, Timestamp};

/// How many guesses at an account, a session's password or a person's codes cost no delay.
pub const ACCOUNT_FREE: i64 = 5;
/// The same for one network, over all accounts.
pub const NETWORK_FREE: i64 = 20;

/// Milliseconds to wait after so many failures: none while they are free, then 1 s doubling to 15 min.
macro_rules! delay {
    ($free:literal) => {
        concat!("CASE WHEN failures < ", $free, " THEN 0 ELSE min(900000, 1000 << min(failures - ", $free, ", 10)) END")
    };
}
/// Counts one more, unless the delay of those before has not passed.
macro_rules! count_one {
    ($now:literal, $free:literal) => {
        concat!(
            " ON CONFLICT (subject) DO UPDATE SET previous_at = last_at, last_at = max(last_at, ",
            $now,
            "), failures = CASE WHEN last_at < ",
            $now,
            " - 86400000 THEN 1 ELSE failures + 1 END WHERE failures < ",
            $free,
            " OR last_at + (",
            delay!($free),
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

/// A guess at subject `?1` at `?2`, of which `?3` are free.
pub const RESERVE: &str = concat!(
    "INSERT INTO guesses (subject, failures, last_at, previous_at) SELECT ?1, 1, ?2, 0 WHERE true",
    count_one!("?2", "?3")
);
/// A guess at the account of address `?3`: counted under `?2` from a network (`?4`) that it knows, else under `?1`.
pub const RESERVE_ACCOUNT: &str = concat!(
    "INSERT INTO guesses (subject, failures, last_at, previous_at) SELECT CASE WHEN ",
    is_known!("?3", "?4"),
    " THEN ?2 ELSE ?1 END, 1, ?5, 0 WHERE true",
    count_one!("?5", "?6")
);
/// A guess from a network (subject `?1`), unless the account of the address `?2` knows it.
pub const RESERVE_NETWORK: &str = concat!(
    "INSERT INTO guesses (subject, failures, last_at, previous_at) SELECT ?1, 1, ?4, 0 WHERE NOT ",
    is_known!("?2", "?3"),
    count_one!("?4", "?5")
);
/// Guard after [`RESERVE_NETWORK`].
pub const EXPECT_RESERVED_OR_KNOWN: &str = concat!(
    "INSERT INTO batch_guard (expectation) SELECT 'a free guess' WHERE changes() <> 1 AND NOT ",
    is_known!("?1", "?2")
);
/// When the next guess at a subject is free, where `?2` are.
pub const FREE_AT: &str = concat!("SELECT last_at + (", delay!("?2"), ") AS free_at FROM guesses WHERE subject = ?1");
/// When the next guess from a network at an account is free, with the parameters of [`RESERVE_ACCOUNT`] and the
/// network's subject (`?5`) and how many of its guesses are free (`?7`).
pub const LOGIN_FREE_AT: &str = concat!(
    "SELECT max(last_at + (CASE WHEN subject = ?5 THEN ",
    delay!("?7"),
    " ELSE ",
    delay!("?6"),
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
/// Forgets what is a day old.
pub const EXPIRE: &str = "DELETE FROM guesses WHERE last_at < ?1 - 86400000";

/// Notes that the person has logged in from the network.
pub const REMEMBER_NETWORK: &str = "INSERT INTO known_networks (user_id, network, first_seen_at, last_seen_at) VALUES (?1, ?2, ?3, ?3) \
     ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at";
/// The same of the person of a mailed link.
pub const REMEMBER_NETWORK_OF_TOKEN: &str = "INSERT INTO known_networks (user_id, network, first_seen_at, last_seen_at) \
     SELECT user_id, ?2, ?3, ?3 FROM one_time_tokens WHERE hash = ?1 \
     ON CONFLICT (user_id, network) DO UPDATE SET last_seen_at = excluded.last_seen_at";
/// The networks that a person has logged in from.
pub const KNOWN_NETWORKS: &str = "SELECT network, first_seen_at, last_seen_at FROM known_networks WHERE user_id = ?1 ORDER BY last_seen_at DESC LIMIT 1000";
/// Forgets networks that nobody came from for 90 days.
pub const EXPIRE_NETWORKS: &str = "DELETE FROM known_networks WHERE last_seen_at < ?1 - 7776000000";

/// The statement of [`RESERVE`].
#[must_use]
pub fn reserve(subject: &str, free: i64, now: Timestamp) -> Statement {
    Statement::new(RESERVE).bind(subject).bind(now).bind(free)
}
