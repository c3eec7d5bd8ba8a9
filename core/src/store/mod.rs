//! Every SQL text of the application, as constants, and the functions that run them or hand them back as
//! statements for a batch.

pub mod admin;
pub mod api_keys;
pub mod audit;
pub mod benchmarks;
pub mod changes;
mod columns;
pub mod comparisons;
pub mod declarations;
pub mod dump;
mod dump_load;
mod dump_tables;
pub mod email_undos;
mod guard;
pub mod guesses;
pub mod idempotency;
pub mod imports;
pub mod key_gate;
pub mod key_uses;
pub mod leaderboard;
pub mod leaks;
pub mod links;
pub mod mfa;
pub mod migrations;
pub mod models;
pub mod moderations;
pub mod outbox;
pub mod pages;
pub mod publications;
mod query;
pub mod rate_limits;
pub mod results;
pub mod run_history;
pub mod runs;
pub mod sessions;
pub mod storage;
pub mod users;

pub use guard::Guard;
pub use query::{Answers, Batch, BatchError, Handle, PageBefore, Query};

/// Guard: fails the batch unless the statement before it changed exactly one row.
pub const EXPECT_ONE_CHANGE: &str = "INSERT INTO batch_guard (expectation) SELECT 'one change' WHERE changes() <> 1";

/// What a schedule forgets. Each takes the time now and how many rows at most, and the last of each group returns a row
/// for each that it forgot; what stands in one group belongs into one batch.
pub const EXPIRE_EVERYTHING: [&[&str]; 13] = [
    &[rate_limits::EXPIRE],
    &[sessions::EXPIRE],
    &[users::EXPIRE_OLD_TOKENS],
    &[outbox::EXPIRE],
    &[guesses::EXPIRE],
    &[guesses::EXPIRE_NETWORKS],
    &[guesses::EXPIRE_IN_FLIGHT],
    &[email_undos::EXPIRE],
    &[users::WIPE_GIVEN_UP, users::EXPIRE_GIVEN_UP],
    &[audit::EXPIRE],
    &[mfa::EXPIRE_CHALLENGES],
    &[key_uses::EXPIRE],
    &[idempotency::EXPIRE],
];

/// Every SQL text, by name: `tests/` prepares each against the migrated schema and reads its query plan.
pub const EVERY_STATEMENT: &[(&str, &str)] = &[
    ("admin::EXPECT_ADMIN", admin::EXPECT_ADMIN),
    ("admin::USERS", admin::USERS),
    ("admin::USERS_BY_STATUS", admin::USERS_BY_STATUS),
    ("admin::SEARCH", admin::SEARCH),
    ("admin::CHANGE", admin::CHANGE),
    ("api_keys::SOME_OF_USER", api_keys::SOME_OF_USER),
    ("audit::ADD", audit::ADD),
    ("audit::ADD_IF_CHANGED", audit::ADD_IF_CHANGED),
    ("audit::ADD_FOR_ADDRESS", audit::ADD_FOR_ADDRESS),
    ("audit::ADD_FOR_UNPROVED", audit::ADD_FOR_UNPROVED),
    ("audit::ADD_FOR_TOKEN", audit::ADD_FOR_TOKEN),
    ("audit::ADD_FOR_SESSION_IF_CHANGED", audit::ADD_FOR_SESSION_IF_CHANGED),
    ("audit::OF_USER", audit::OF_USER),
    ("audit::SOME_OF_USER", audit::SOME_OF_USER),
    ("audit::ALL", audit::ALL),
    ("audit::WIPE", audit::WIPE),
    ("audit::EXPIRE", audit::EXPIRE),
    ("email_undos::OF_USER", email_undos::OF_USER),
    ("email_undos::EXPIRE", email_undos::EXPIRE),
    ("guesses::EXPIRE_IN_FLIGHT", guesses::EXPIRE_IN_FLIGHT),
    ("guesses::EXPIRE", guesses::EXPIRE),
    ("guesses::KNOWN_NETWORKS", guesses::KNOWN_NETWORKS),
    ("guesses::EXPIRE_NETWORKS", guesses::EXPIRE_NETWORKS),
    ("idempotency::EXPECT_CLAIMED", idempotency::EXPECT_CLAIMED),
    ("idempotency::EXPIRE", idempotency::EXPIRE),
    ("key_uses::BY_DAY_OF_USER", key_uses::BY_DAY_OF_USER),
    ("key_uses::EXPIRE", key_uses::EXPIRE),
    ("mfa::REMOVE", mfa::REMOVE),
    ("mfa::SET_ENABLED", mfa::SET_ENABLED),
    ("mfa::FORGET_RECOVERY_CODES", mfa::FORGET_RECOVERY_CODES),
    ("mfa::FORGET_CHALLENGES", mfa::FORGET_CHALLENGES),
    ("mfa::EXPIRE_CHALLENGES", mfa::EXPIRE_CHALLENGES),
    ("migrations::CREATE_LOG", migrations::CREATE_LOG),
    ("EXPECT_ONE_CHANGE", EXPECT_ONE_CHANGE),
    ("moderations::ADD", moderations::ADD),
    ("moderations::HIDE_MODEL", moderations::HIDE_MODEL),
    ("moderations::UNHIDE_MODEL", moderations::UNHIDE_MODEL),
    ("moderations::RENAME_MODEL", moderations::RENAME_MODEL),
    ("moderations::RENAME_ENTRIES", moderations::RENAME_ENTRIES),
    ("moderations::HIDE_BENCHMARK", moderations::HIDE_BENCHMARK),
    ("moderations::UNHIDE_BENCHMARK", moderations::UNHIDE_BENCHMARK),
    ("moderations::RENAME_BENCHMARK", moderations::RENAME_BENCHMARK),
    ("moderations::RENAME_VERSIONS", moderations::RENAME_VERSIONS),
    ("moderations::MODEL", moderations::MODEL),
    ("moderations::BENCHMARK", moderations::BENCHMARK),
    ("outbox::ADD_FOR_ACCOUNT", outbox::ADD_FOR_ACCOUNT),
    ("outbox::ADD_FOR_RESERVED", outbox::ADD_FOR_RESERVED),
    ("outbox::ADD_IF_CHANGED", outbox::ADD_IF_CHANGED),
    ("outbox::ADD", outbox::ADD),
    ("outbox::ADD_FOR_USER_IF_CHANGED", outbox::ADD_FOR_USER_IF_CHANGED),
    ("outbox::ADD_FOR_TOKEN", outbox::ADD_FOR_TOKEN),
    ("outbox::ADD_FOR_SESSION_IF_CHANGED", outbox::ADD_FOR_SESSION_IF_CHANGED),
    ("outbox::CLAIM", outbox::CLAIM),
    ("outbox::SENT", outbox::SENT),
    ("outbox::KEPT", outbox::KEPT),
    ("outbox::FAILED", outbox::FAILED),
    ("outbox::GIVEN_UP", outbox::GIVEN_UP),
    ("outbox::NEWEST", outbox::NEWEST),
    ("outbox::NEWEST_TO", outbox::NEWEST_TO),
    ("outbox::OF_PERSON", outbox::OF_PERSON),
    ("outbox::DELETE_OF_PERSON", outbox::DELETE_OF_PERSON),
    ("outbox::DELETE", outbox::DELETE),
    ("outbox::EXPIRE", outbox::EXPIRE),
    ("rate_limits::EXPIRE", rate_limits::EXPIRE),
    ("runs::CHANGES", runs::CHANGES),
    ("sessions::OF_USER", sessions::OF_USER),
    ("sessions::BY_ID", sessions::BY_ID),
    ("sessions::EXPECT_LIVE", sessions::EXPECT_LIVE),
    ("sessions::EXPIRE", sessions::EXPIRE),
    ("storage::SET_QUOTA", storage::SET_QUOTA),
    ("users::LIVE_LINKS", users::LIVE_LINKS),
    ("users::WIPE_GIVEN_UP", users::WIPE_GIVEN_UP),
    ("users::EXPIRE_GIVEN_UP", users::EXPIRE_GIVEN_UP),
    ("users::ADD_NEW_ADDRESS", users::ADD_NEW_ADDRESS),
    ("users::END_TOKENS", users::END_TOKENS),
    ("users::END_NEW_ADDRESSES", users::END_NEW_ADDRESSES),
    ("users::DELETE", users::DELETE),
    ("users::OWN_MODELS", users::OWN_MODELS),
    ("users::OWN_BENCHMARKS", users::OWN_BENCHMARKS),
    ("users::OWN_RUNS", users::OWN_RUNS),
    ("users::RENAME", users::RENAME),
    ("users::BY_ID", users::BY_ID),
    ("users::EXPIRE_OLD_TOKENS", users::EXPIRE_OLD_TOKENS),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_is_listed() {
        let sources = [
            include_str!("mod.rs"),
            include_str!("admin.rs"),
            include_str!("api_keys.rs"),
            include_str!("audit.rs"),
            include_str!("benchmarks.rs"),
            include_str!("changes.rs"),
            include_str!("comparisons.rs"),
            include_str!("dump.rs"),
            include_str!("email_undos.rs"),
            include_str!("guesses.rs"),
            include_str!("idempotency.rs"),
            include_str!("imports.rs"),
            include_str!("key_uses.rs"),
            include_str!("leaderboard.rs"),
            include_str!("leaks.rs"),
            include_str!("mfa.rs"),
            include_str!("migrations.rs"),
            include_str!("models.rs"),
            include_str!("moderations.rs"),
            include_str!("outbox.rs"),
            include_str!("pages.rs"),
            include_str!("publications.rs"),
            include_str!("rate_limits.rs"),
            include_str!("runs.rs"),
            include_str!("sessions.rs"),
            include_str!("storage.rs"),
            include_str!("users.rs"),
        ];
        let constants = sources
            .iter()
            .flat_map(|source| source.lines())
            .filter(|line| line.strip_prefix("pub const ").is_some_and(|rest| rest.contains(": &str =")));
        assert_eq!(constants.count(), EVERY_STATEMENT.len());
    }
}
