//! `aibaas import`: loads accounts and datasets from files into the database.

mod dataset;
mod dataset_files;
mod source;
mod users;

pub use source::{Source, import};
