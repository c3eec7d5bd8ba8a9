//! Values and pure rules: no I/O, no clock.

pub mod account;
pub mod api_key;
pub mod api_key_settings;
pub mod benchmark;
pub mod common_passwords;
pub mod conditions;
pub mod ecdsa_p256;
pub mod evaluator;
pub mod formats;
mod ids;
pub mod jws;
pub mod key_lease;
pub mod key_use;
pub mod leaderboard;
mod limit_state;
pub mod log_record;
pub mod mail_state;
pub mod measure;
pub mod merkle;
pub mod network;
pub mod origin;
pub mod password_hash;
pub mod recovery_code;
pub mod result_pack;
pub mod result_status;
pub mod run_aggregates;
pub mod run_links;
pub mod run_status;
pub mod seal;
mod secret;
mod security_event;
mod signing_keys;
mod sliding_log;
pub mod standard_webhooks;
pub mod statistics;
pub mod strict_json;
pub mod system;
mod task_attempt;
#[cfg(test)]
mod test_rng;
mod timestamp;
pub mod totp;
mod trace_parent;
pub mod undeliverable;
pub mod user_agent;
mod validation_error;
pub mod values;
pub mod visible;
pub mod webhook;
mod wire_names;
pub mod withheld_slices;

pub use ids::{
    ApiKeyId, BenchmarkId, ModelId, RunId, SealId, SessionId, SystemId, UserId, VersionName, WebhookDeliveryId,
    WebhookId, uuid_v7,
};
pub use jws::JwtAlgorithm;
pub use limit_state::LimitState;
pub use secret::Secret;
pub use security_event::SecurityEventName;
pub use signing_keys::{ACCESS_TOKEN_SECONDS, AccessClaims, Jwk, Jwks, Keys, RefreshToken, TokenError};
pub use sliding_log::SlidingLog;
pub use task_attempt::TaskAttempt;
pub use timestamp::Timestamp;
pub use trace_parent::TraceParent;
pub use validation_error::{ValidationError, ValidationErrorCode};
