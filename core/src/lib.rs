//! AIBaaS, the application: one axum router over the ports that a host implements.

#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a test that panics fails, as it should"
    )
)]

mod amended;
mod app;
mod backlog;
mod config;
#[cfg(test)]
mod counting_ports;
mod dev_clock;
pub mod domain;
mod http;
mod log;
mod mail;
mod memory;
pub mod operators;
mod packing;
pub mod ports;
mod pwned_passwords;
mod schedule;
pub mod store;
mod webhooks;
pub mod wire;

pub use app::{App, ClientAddress};
pub use backlog::Backlog;
pub use config::{
    Config, ConfigError, Environment, HostDefaults, LogFormat, LogSettings, MailProvider, OwnMail, Publishing, Risk,
    SmtpEncryption, SmtpSettings, UnknownVariable, unknown_variables,
};
pub use http::{
    BodyStalled, CallerKind, HostRefusal, RequestRecord, Sleep, UnreadBody, WriteMetrics, openapi_text, refuse, router,
    router_with_metrics, watch_body,
};
pub use schedule::tick;
pub use store::{
    key_gate::SqlKeyGate,
    migrations::{MigrationError, migrate},
    rate_limits::SqlRateLimiter,
};
