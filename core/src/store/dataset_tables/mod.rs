//! The tables of the public dataset: their columns, and the statements that read and load them.

mod all;
mod table;

pub use all::TABLES;
pub(super) use all::{RESULTS, result};
pub(super) use table::Kind;
pub use table::{Key, Table};
