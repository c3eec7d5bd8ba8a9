//! AIBaaS, the application: one axum router over the ports that a host lends it.

pub mod domain;
pub mod ports;
