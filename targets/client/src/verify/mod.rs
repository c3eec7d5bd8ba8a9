//! `aibaas-client verify`: checks whether a board told the truth, by computing it anew from its public data and its
//! log.
//!
//! It computes with the server's own rules of `aibaas_core::domain` on what the API tells (`aibaas_core::wire`), and with
//! nothing else of the server, such as its database.

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
