//! The native server: the application on hyper, with SQLite in files on this machine.

mod admin;
mod background;
mod backup;
mod check;
mod cli;
mod connections;
mod data_directory;
mod database;
mod database_file;
mod doctor;
mod error;
mod health;
mod http_client;
mod import;
mod key_gate;
mod key_value;
mod keys;
mod log;
mod manual;
mod metrics;
mod migrate;
mod moving;
mod nightly;
mod operator;
mod output;
mod password_hasher;
mod per_thread;
mod rate_limiter;
mod scrape;
mod serve;
mod smtp;
mod system_clock;
mod traces;
mod variables;

pub use cli::main;
