//! AIBaaS, the application: one axum router over the ports that a host lends it.

mod app;
mod config;
pub mod domain;
mod http;
mod mail;
pub mod ports;
pub mod store;

pub use app::{App, ClientAddress};
pub use config::{Config, ConfigError, Environment, HostDefaults, MailProvider, Publishing};
pub use store::{migrations::migrate, rate_limits::SqlRateLimiter};
