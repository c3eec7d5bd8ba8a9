//! The client of an instance of AIBaaS: publishes other systems' results to it, and downloads and verifies its public
//! dataset.
//!
//! It uses the public API. With the server it shares the bodies of `aibaas_core::wire` and the values that they are made
//! of, and verification the rules of `aibaas_core::domain`; nothing else.

mod api;
mod cli;
mod error;
mod export;
mod exported;
mod import;
mod instance;
mod output;
#[cfg(test)]
mod test_server;
mod verify;

pub use cli::main;
