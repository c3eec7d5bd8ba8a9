//! The log of changes as a Merkle tree: how changes become its leaves.

mod leaf;
mod sequencer;
mod sequencing_error;

pub use sequencer::{NextLeaf, sequence, sequence_in_background};
use sequencing_error::SequencingError;
