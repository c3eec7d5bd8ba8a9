//! Every SQL text of the application, as constants, and the functions that run them or hand them back as
//! statements for a batch.

pub mod api_keys;
pub mod benchmarks;
pub mod leaderboard;
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
pub const EXPIRE_EVERYTHING: [&str; 4] =
    [rate_limits::EXPIRE, sessions::EXPIRE, users::EXPIRE_OLD_TOKENS, outbox::EXPIRE];
