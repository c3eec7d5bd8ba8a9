//! The Spin component: one instance serves many requests, also concurrently, and lives for about a second after the
//! last.

mod adapters;
mod application;
mod database;
mod http_client;
mod key_value;
mod migrated;
mod requests;
