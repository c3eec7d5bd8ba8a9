//! What the application keeps: typed queries, by subject. Their SQL is in `sql/<subject>/<name>.sql`, one statement a
//! file.

pub mod admin;
pub mod api_keys;
pub mod audit;
pub mod benchmarks;
pub mod changes;
mod columns;
pub mod comparisons;
pub mod dataset;
mod dataset_load;
mod dataset_tables;
pub mod declarations;
pub mod email_undos;
mod expiry;
mod guard;
pub mod idempotency;
pub mod imports;
pub mod key_gate;
pub mod key_uses;
pub mod leaderboard;
pub mod links;
pub mod log;
pub mod login_throttle;
pub mod mfa;
pub mod migrations;
pub mod models;
pub mod moderations;
pub mod outbox;
pub mod own_runs;
pub mod pages;
pub mod personal_data;
pub mod publications;
mod query;
pub mod rate_limits;
pub mod results;
pub mod run_history;
pub mod runs;
pub mod seals;
pub mod secret_scanning;
pub mod sessions;
pub mod standings;
pub mod storage;
pub mod users;

pub use expiry::{EXPIRIES, Expiry};
pub use guard::Guard;
pub use query::{Answers, Batch, BatchError, Handle, PageBefore, Query};
