//! Evaluations in the schema of Every Eval Ever: one JSON document with the results of one model, and beside it, where
//! they were kept, its samples, one per line.
//!
//! Each result becomes a run on a benchmark version of its own.

mod document;
mod evaluated;
mod options;
mod plan;
mod result;
mod samples;

pub use document::Document;
pub use options::Options;
pub use plan::plan;
