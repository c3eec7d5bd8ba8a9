//! `aibaas-client export`: downloads the whole public dataset of an instance, as of one snapshot.

mod command;
mod croissant;
mod download;
mod table_writer;

pub use command::{Options, export};
