//! `aibaas-client import`: publishes other systems' results through the public API.
//!
//! Each source has a module that converts documents to a [`plan::Plan`]; plans are published in the same way for all.
//! Every run carries the name that it has at its source, so an import that was interrupted or repeated publishes
//! nothing twice.

mod aider;
mod counted;
mod evalperf;
mod every_eval_ever;
#[cfg(test)]
mod fuzz;
mod helm;
mod inputs;
mod inspect;
mod listing;
mod live_code_bench;
mod lm_eval;
mod measure;
mod names;
mod options;
mod plan;
mod publish;
mod publisher;
mod python_json;
mod rates;
mod source;
mod summary;
mod swe_bench;
mod terminal_bench;
mod times;

pub use source::{Source, import};
