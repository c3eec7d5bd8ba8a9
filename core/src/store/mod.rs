//! Every SQL text of the application, as constants, and the functions that run them or hand them back as
//! statements for a batch.

pub mod admin;
pub mod api_keys;
pub mod audit;
pub mod benchmarks;
pub mod guesses;
pub mod imports;
pub mod leaderboard;
pub mod mfa;
pub mod migrations;
pub mod models;
pub mod outbox;
pub mod rate_limits;
pub mod runs;
pub mod sessions;
pub mod users;

/// Guard: fails the batch unless the statement before it changed exactly one row.
pub const EXPECT_ONE_CHANGE: &str = "INSERT INTO batch_guard (expectation) SELECT 'one change' WHERE changes() <> 1";

/// What a schedule forgets; each takes the time now.
pub const EXPIRE_EVERYTHING: [&str; 8] = [
    rate_limits::EXPIRE,
    sessions::EXPIRE,
    users::EXPIRE_OLD_TOKENS,
    outbox::EXPIRE,
    guesses::EXPIRE,
    guesses::EXPIRE_NETWORKS,
    audit::EXPIRE,
    mfa::EXPIRE_CHALLENGES,
];

/// Every SQL text, by name: `tests/` prepares each against the migrated schema and reads its query plan.
pub const EVERY_STATEMENT: &[(&str, &str)] = &[
    ("admin::EXPECT_ADMIN", admin::EXPECT_ADMIN),
    ("admin::USERS", admin::USERS),
    ("admin::USERS_BY_STATUS", admin::USERS_BY_STATUS),
    ("admin::SEARCH", admin::SEARCH),
    ("admin::CHANGE", admin::CHANGE),
    ("api_keys::CREATE", api_keys::CREATE),
    ("api_keys::LIST", api_keys::LIST),
    ("api_keys::OF_USER", api_keys::OF_USER),
    ("api_keys::REVOKE", api_keys::REVOKE),
    ("api_keys::BY_HASH", api_keys::BY_HASH),
    ("api_keys::TOUCH", api_keys::TOUCH),
    ("audit::ADD", audit::ADD),
    ("audit::ADD_IF_CHANGED", audit::ADD_IF_CHANGED),
    ("audit::ADD_FOR_ADDRESS", audit::ADD_FOR_ADDRESS),
    ("audit::ADD_FOR_UNPROVED", audit::ADD_FOR_UNPROVED),
    ("audit::ADD_FOR_TOKEN", audit::ADD_FOR_TOKEN),
    ("audit::ADD_FOR_SESSION_IF_CHANGED", audit::ADD_FOR_SESSION_IF_CHANGED),
    ("audit::OF_USER", audit::OF_USER),
    ("audit::ALL", audit::ALL),
    ("audit::WIPE", audit::WIPE),
    ("audit::EXPIRE", audit::EXPIRE),
    ("benchmarks::OWNER", benchmarks::OWNER),
    ("benchmarks::CLAIM", benchmarks::CLAIM),
    ("benchmarks::EXPECT_OWNER", benchmarks::EXPECT_OWNER),
    ("benchmarks::EXPECT_SAME_OR_UNUSED", benchmarks::EXPECT_SAME_OR_UNUSED),
    ("benchmarks::CLEAR_TASKS", benchmarks::CLEAR_TASKS),
    ("benchmarks::PUT_VERSION", benchmarks::PUT_VERSION),
    ("benchmarks::PUT_TASKS", benchmarks::PUT_TASKS),
    ("benchmarks::VERSION_EXISTS", benchmarks::VERSION_EXISTS),
    ("benchmarks::LIST", benchmarks::LIST),
    ("benchmarks::VERSIONS", benchmarks::VERSIONS),
    ("benchmarks::TASKS", benchmarks::TASKS),
    ("guesses::RESERVE", guesses::RESERVE),
    ("guesses::RESERVE_ACCOUNT", guesses::RESERVE_ACCOUNT),
    ("guesses::RESERVE_NETWORK", guesses::RESERVE_NETWORK),
    ("guesses::EXPECT_RESERVED_OR_KNOWN", guesses::EXPECT_RESERVED_OR_KNOWN),
    ("guesses::FREE_AT", guesses::FREE_AT),
    ("guesses::LOGIN_FREE_AT", guesses::LOGIN_FREE_AT),
    ("guesses::TAKE_BACK", guesses::TAKE_BACK),
    ("guesses::CLEAR", guesses::CLEAR),
    ("guesses::EXPIRE", guesses::EXPIRE),
    ("guesses::REMEMBER_NETWORK", guesses::REMEMBER_NETWORK),
    ("guesses::REMEMBER_NETWORK_OF_TOKEN", guesses::REMEMBER_NETWORK_OF_TOKEN),
    ("guesses::KNOWN_NETWORKS", guesses::KNOWN_NETWORKS),
    ("guesses::EXPIRE_NETWORKS", guesses::EXPIRE_NETWORKS),
    ("imports::USERS_THERE", imports::USERS_THERE),
    ("imports::ADD_USERS", imports::ADD_USERS),
    ("leaderboard::SCOPE", leaderboard::SCOPE),
    ("leaderboard::SCOPE_OF_SNAPSHOT", leaderboard::SCOPE_OF_SNAPSHOT),
    ("leaderboard::ENTRIES", leaderboard::ENTRIES),
    ("mfa::ADD_CHALLENGE", mfa::ADD_CHALLENGE),
    ("mfa::CHALLENGE", mfa::CHALLENGE),
    ("mfa::CHARGE_CHALLENGE", mfa::CHARGE_CHALLENGE),
    ("mfa::OF_USER", mfa::OF_USER),
    ("mfa::USE_STEP", mfa::USE_STEP),
    ("mfa::USE_RECOVERY_CODE", mfa::USE_RECOVERY_CODE),
    ("mfa::PUT_PENDING", mfa::PUT_PENDING),
    ("mfa::CONFIRM", mfa::CONFIRM),
    ("mfa::REMOVE", mfa::REMOVE),
    ("mfa::SET_ENABLED", mfa::SET_ENABLED),
    ("mfa::EXPECT_ENABLED", mfa::EXPECT_ENABLED),
    ("mfa::FORGET_RECOVERY_CODES", mfa::FORGET_RECOVERY_CODES),
    ("mfa::ADD_RECOVERY_CODES", mfa::ADD_RECOVERY_CODES),
    ("mfa::FORGET_CHALLENGES", mfa::FORGET_CHALLENGES),
    ("mfa::EXPIRE_CHALLENGES", mfa::EXPIRE_CHALLENGES),
    ("migrations::CREATE_LOG", migrations::CREATE_LOG),
    ("migrations::APPLIED", migrations::APPLIED),
    ("migrations::RECORD", migrations::RECORD),
    ("EXPECT_ONE_CHANGE", EXPECT_ONE_CHANGE),
    ("models::OWNER", models::OWNER),
    ("models::PUT", models::PUT),
    ("models::BY_ID", models::BY_ID),
    ("models::LIST", models::LIST),
    ("outbox::ADD_FOR_ACCOUNT", outbox::ADD_FOR_ACCOUNT),
    ("outbox::ADD_IF_CHANGED", outbox::ADD_IF_CHANGED),
    ("outbox::ADD", outbox::ADD),
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
    ("outbox::DELETE_TO", outbox::DELETE_TO),
    ("outbox::DELETE", outbox::DELETE),
    ("outbox::EXPIRE", outbox::EXPIRE),
    ("rate_limits::CHARGE", rate_limits::CHARGE),
    ("rate_limits::STATES", rate_limits::STATES),
    ("rate_limits::EXPIRE", rate_limits::EXPIRE),
    ("runs::BY_ID", runs::BY_ID),
    ("runs::BY_EXTERNAL_ID", runs::BY_EXTERNAL_ID),
    ("runs::CREATE", runs::CREATE),
    ("runs::EXPECT_OPEN", runs::EXPECT_OPEN),
    ("runs::UNKNOWN_TASKS", runs::UNKNOWN_TASKS),
    ("runs::EXPECT_KNOWN_TASKS", runs::EXPECT_KNOWN_TASKS),
    ("runs::CONFLICTS", runs::CONFLICTS),
    ("runs::EXPECT_NO_CONFLICT", runs::EXPECT_NO_CONFLICT),
    ("runs::ADD_RESULTS", runs::ADD_RESULTS),
    ("runs::CHANGES", runs::CHANGES),
    ("runs::RESULTS", runs::RESULTS),
    ("runs::PUT_COUNTS", runs::PUT_COUNTS),
    ("runs::MISSING", runs::MISSING),
    ("runs::EXPECT_COMPLETE", runs::EXPECT_COMPLETE),
    ("runs::KEEP_CELLS", runs::KEEP_CELLS),
    ("runs::KEEP_COUNTED_CELL", runs::KEEP_COUNTED_CELL),
    ("runs::KEEP_LATENCIES", runs::KEEP_LATENCIES),
    ("runs::PUBLISH", runs::PUBLISH),
    ("runs::ADD_SNAPSHOT", runs::ADD_SNAPSHOT),
    ("runs::CLOSE_ENTRY", runs::CLOSE_ENTRY),
    ("runs::ADD_ENTRY", runs::ADD_ENTRY),
    ("runs::SNAPSHOT_OF", runs::SNAPSHOT_OF),
    ("sessions::CREATE", sessions::CREATE),
    ("sessions::ROTATE", sessions::ROTATE),
    ("sessions::END_REUSED", sessions::END_REUSED),
    ("sessions::END", sessions::END),
    ("sessions::END_OLDEST", sessions::END_OLDEST),
    ("sessions::END_OTHERS", sessions::END_OTHERS),
    ("sessions::END_OF_TOKEN", sessions::END_OF_TOKEN),
    ("sessions::END_OF_USER", sessions::END_OF_USER),
    ("sessions::LIST", sessions::LIST),
    ("sessions::OF_USER", sessions::OF_USER),
    ("sessions::BY_ID", sessions::BY_ID),
    ("sessions::EXPECT_LIVE", sessions::EXPECT_LIVE),
    ("sessions::EXPIRE", sessions::EXPIRE),
    ("users::BY_EMAIL_FROM_NETWORK", users::BY_EMAIL_FROM_NETWORK),
    ("users::REGISTER", users::REGISTER),
    ("users::ADD_VERIFICATION", users::ADD_VERIFICATION),
    ("users::ADD_TOKEN", users::ADD_TOKEN),
    ("users::ADD_NEW_ADDRESS", users::ADD_NEW_ADDRESS),
    ("users::USE_TOKEN", users::USE_TOKEN),
    ("users::VERIFY", users::VERIFY),
    ("users::RESET_PASSWORD", users::RESET_PASSWORD),
    ("users::CHANGE_EMAIL", users::CHANGE_EMAIL),
    ("users::DELETE_UNPROVED", users::DELETE_UNPROVED),
    ("users::END_TOKENS_OF_TOKEN", users::END_TOKENS_OF_TOKEN),
    ("users::END_TOKENS", users::END_TOKENS),
    ("users::END_NEW_ADDRESSES", users::END_NEW_ADDRESSES),
    ("users::BY_LIVE_TOKEN", users::BY_LIVE_TOKEN),
    ("users::CHANGE_PASSWORD", users::CHANGE_PASSWORD),
    ("users::REHASH", users::REHASH),
    ("users::EXPECT_PASSWORD", users::EXPECT_PASSWORD),
    ("users::PROMOTE", users::PROMOTE),
    ("users::DEMOTE", users::DEMOTE),
    ("users::DELETE", users::DELETE),
    ("users::OWN_MODELS", users::OWN_MODELS),
    ("users::OWN_BENCHMARKS", users::OWN_BENCHMARKS),
    ("users::OWN_RUNS", users::OWN_RUNS),
    ("users::BY_TOKEN", users::BY_TOKEN),
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
            include_str!("guesses.rs"),
            include_str!("imports.rs"),
            include_str!("leaderboard.rs"),
            include_str!("mfa.rs"),
            include_str!("migrations.rs"),
            include_str!("models.rs"),
            include_str!("outbox.rs"),
            include_str!("rate_limits.rs"),
            include_str!("runs.rs"),
            include_str!("sessions.rs"),
            include_str!("users.rs"),
        ];
        let constants = sources
            .iter()
            .flat_map(|source| source.lines())
            .filter(|line| line.strip_prefix("pub const ").is_some_and(|rest| rest.contains(": &str =")));
        assert_eq!(constants.count(), EVERY_STATEMENT.len());
    }
}
