//! The client of an instance of AIBaaS: publishes other systems' results to it, and downloads its public data set.
//!
//! It speaks the public API, and shares no code with the server.

mod api;
mod cli;
mod error;
mod export;
mod import;
mod output;
#[cfg(test)]
mod test_server;

pub use cli::main;
