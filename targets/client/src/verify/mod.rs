//! `aibaas-client verify`: whether a board told the truth, computed anew from its public data and its log.
//!
//! What is computed is the server's own rules of `aibaas_core::domain`, and nothing else of it: no database, no server.

mod boards;
mod changes;
mod command;
mod data;
mod directory;
mod download;
mod measure;
mod runs;
mod seals;
mod served;
mod standing;
#[cfg(test)]
mod tests;
mod tree;

pub use command::{Options, verify};
pub use download::download_log;
