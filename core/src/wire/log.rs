//! The log of changes: its head, its leaves, and what they commit to.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{
    Timestamp,
    formats::{Sha256Hex, Uuid},
};

/// A signed state of the log. Signed are four lines, each ended by a line feed: `aibaas log head v1`, `size`, `rootHash` and
/// `timestamp`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogHead {
    /// How many leaves it has.
    #[schema(minimum = 1, example = 68)]
    pub size: u64,
    /// The root over them (RFC 9162).
    #[schema(value_type = Sha256Hex)]
    pub root_hash: String,
    /// When it was signed.
    #[schema(value_type = Timestamp)]
    pub timestamp: String,
    /// `kid` in `/.well-known/log-keys.json`.
    #[schema(min_length = 1, max_length = 128, example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    pub key_id: String,
    /// Ed25519, in base64url.
    #[schema(
        pattern = "^[A-Za-z0-9_-]{86}$",
        example = "7uSEDoBvyUQmJbMmPWYO2Rlh3SKVYOMoXQi2nuSHJjLBPTpqUNoLGLGhqWvjPCVZyBLYLL7rOKXGbGnlVE5xBA"
    )]
    pub signature: String,
}

/// A leaf of the log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogLeaf {
    /// Its place in the tree, from 0.
    #[schema(minimum = 0)]
    pub index: u64,
    /// The change's id.
    #[schema(value_type = Uuid)]
    pub change: String,
    /// SHA-256 of a zero byte and `leaf`.
    #[schema(value_type = Sha256Hex)]
    pub hash: String,
    /// Canonical JSON (RFC 8785), byte for byte what was hashed. Null where it names a model or a benchmark that an
    /// administrator hid; proofs do not need it.
    pub leaf: Option<String>,
}

/// Leaves of the log, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogLeafList {
    #[schema(max_items = 100)]
    pub data: Vec<LogLeaf>,
    /// `from` of the next page; null on the last.
    #[schema(minimum = 1)]
    pub next_from: Option<u64>,
}

/// Commitment of a leaf to the run that its change published.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunCommitment {
    pub digest: String,
    /// How many results the digest is over.
    pub results: u64,
    /// Whether results were left out because tasks are private.
    pub private_tasks: bool,
}

/// Commitment of a leaf to the board as it stands since its change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct BoardCommitment {
    pub digest: String,
    pub entries: usize,
}

/// Commitment of a leaf to what its change sealed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SealCommitment {
    pub digest: String,
}
