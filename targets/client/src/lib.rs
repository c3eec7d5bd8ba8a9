//! The client of an instance of AIBaaS: publishes other systems' results to it, and downloads and verifies its public
//! dataset.
//!
//! It uses the public API. Only verification shares code with the server: the rules of `aibaas_core::domain`.

mod api;
mod cli;
mod error;
mod export;
mod import;
mod output;
#[cfg(test)]
mod test_server;
mod verify;

pub use cli::main;
