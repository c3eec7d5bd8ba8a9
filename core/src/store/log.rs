//! The log of changes as a Merkle tree: its leaves, the nodes that proofs are made of, and its signed heads.

use std::collections::HashMap;

use super::{
    changes::{Line, Place},
    columns::{read_json, time},
    dataset_tables::{self, Table},
    packs,
    query::{Query, sql},
};
use crate::{
    domain::{
        RunId, SealId, TaskAttempt, Timestamp,
        log_record::{self, DigestedResults, TreeHead},
        merkle::{Hash, Node, Range},
    },
    ports::{DatabaseError, Row, Rows},
};

fn unreadable(error: impl std::fmt::Display) -> DatabaseError {
    DatabaseError::Unexpected(format!("the log: {error}"))
}

fn read_hash(row: &Row, column: &str) -> Result<Hash, DatabaseError> {
    log_record::from_hex(&row.text(column)?).ok_or_else(|| unreadable("no hash"))
}

fn read_count(row: &Row, column: &str) -> Result<u64, DatabaseError> {
    u64::try_from(row.integer(column)?).map_err(unreadable)
}

/// Converts a count to SQLite's integer, saturating.
fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// End of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    /// Number of leaves.
    pub size: u64,
    /// Ids of the keys that signed a head of this size.
    pub key_ids: Vec<String>,
}

/// Finds the end of the log.
pub fn tip() -> Query<Tip> {
    let read = |row: &Row| Ok(Tip { size: read_count(row, "size")?, key_ids: read_json(row, "key_ids")? });
    sql!("log/tip").optional(read).map(Option::unwrap_or_default)
}

/// Lists changes that have no leaf yet, oldest first.
pub fn pending(lines: u32) -> Query<Vec<Line>> {
    sql!("log/pending").bind(lines).all(Line::from_row)
}

/// The stored nodes of a tree.
#[derive(Clone, Debug, Default)]
pub struct Nodes(HashMap<Node, Hash>);

impl Nodes {
    fn from_rows(rows: Rows) -> Result<Self, DatabaseError> {
        let node = |row: Row| {
            let level = u32::try_from(row.integer("level")?).map_err(unreadable)?;
            Ok((Node { level, index: read_count(&row, "idx")? }, read_hash(&row, "hash")?))
        };
        rows.into_iter().map(node).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the hash of a node, where it was read.
    #[must_use]
    pub fn get(&self, node: Node) -> Option<Hash> {
        self.0.get(&node).copied()
    }
}

/// Reads the stored nodes that these ranges of leaves consist of.
pub fn nodes(ranges: &[Range]) -> Query<Nodes> {
    let nodes = ranges.iter().flat_map(|range| range.nodes()).map(|node| (node.level, node.index));
    let wanted = serde_json::json!(nodes.collect::<Vec<_>>()).to_string();
    sql!("log/nodes").bind(wanted).read(Nodes::from_rows)
}

/// Reads the stored nodes that the whole log consists of.
pub fn frontier() -> Query<Nodes> {
    sql!("log/frontier").read(Nodes::from_rows)
}

/// A run's row of the dataset.
#[derive(Clone, Debug)]
pub struct RunRecord {
    /// Columns of the row.
    pub row: log_record::Row,
    /// Whether the results are private.
    pub private_tasks: bool,
    /// Digest of the results when the run was published, where it was stored.
    pub results: Option<DigestedResults>,
}

fn table(name: &str) -> Result<&'static Table, DatabaseError> {
    Table::named(name).ok_or_else(|| unreadable("no such table"))
}

/// Reads the record of a run.
pub fn run(id: &RunId) -> Query<Option<RunRecord>> {
    sql!("log/run").bind(id).optional(|row| {
        let results = match row.optional_text("results_digest")? {
            None => None,
            Some(_) => Some(DigestedResults {
                digest: read_hash(row, "results_digest")?,
                results: read_count(row, "digested_results")?,
            }),
        };
        Ok(RunRecord { row: table("runs")?.row(row)?, private_tasks: row.boolean("private_tasks")?, results })
    })
}

/// Reads the counts of a run, or the score that its source publishes.
pub fn given(id: &RunId) -> Query<Option<log_record::Row>> {
    sql!("log/given").bind(id).optional(|row| {
        let name = if row.boolean("is_score")? { "run_given_scores" } else { "run_counts" };
        table(name)?.row(row)
    })
}

/// Reads a seal's row of the dataset.
pub fn seal(id: &SealId) -> Query<Option<log_record::Row>> {
    sql!("log/seal").bind(id).optional(|row| table("seals")?.row(row))
}

/// A piece of a run's results, and where to go on.
#[derive(Clone, Debug)]
pub struct ResultPiece {
    /// Results, in the order of task and attempt.
    pub rows: Vec<log_record::Row>,
    /// Task and attempt of the last result, where there may be more.
    pub end: Option<TaskAttempt>,
}

/// Lists at most `rows` results of a run after a task and attempt.
pub fn results(id: &RunId, after: &TaskAttempt, rows: u32) -> Query<ResultPiece> {
    packs::results(id, after, rows, move |found| {
        let end = packs::end_of(&found, rows);
        let rows = found.iter().map(|(_, row)| dataset_tables::result(row)).collect::<Result<_, _>>()?;
        Ok(ResultPiece { rows, end })
    })
}

/// Lists at most `rows` rows of a board as of a snapshot, in canonical JSON.
pub fn board(snapshot_id: &str, rows: u32) -> Query<Vec<String>> {
    sql!("log/board").bind(snapshot_id).bind(rows).all(|row| {
        let (entry, slice) = (table("leaderboard_entries")?.row(row)?, table("run_slices")?.row(row)?);
        log_record::board_row(entry, slice).map_err(unreadable)
    })
}

/// A leaf that is to be added.
#[derive(Clone, Debug)]
pub struct NewLeaf {
    /// Index of the leaf in the tree.
    pub index: u64,
    /// Place of the leaf's change.
    pub place: Place,
    /// Id of the leaf's change.
    pub change_id: String,
    /// Text of the leaf, canonical JSON.
    pub text: String,
}

/// A head of the log with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// Head that was signed.
    pub head: TreeHead,
    /// Id of the key that signed it.
    pub key_id: String,
    /// Signature in base64url.
    pub signature: String,
}

/// Adds leaves and the nodes that they make to a log of `size` leaves, and stores the signed head over them. The batch
/// fails by [`Guard::LogSize`](super::Guard).
pub fn append(size: u64, leaves: &[NewLeaf], nodes: &[(Node, Hash)], signed: &SignedHead) -> super::Batch {
    let leaf = |leaf: &NewLeaf| {
        let Place(seq, act) = leaf.place;
        serde_json::json!([leaf.index, seq, act, leaf.change_id, leaf.text])
    };
    let node = |(node, hash): &(Node, Hash)| serde_json::json!([node.level, node.index, log_record::hex(hash)]);
    let leaves = serde_json::Value::from_iter(leaves.iter().map(leaf)).to_string();
    let nodes = serde_json::Value::from_iter(nodes.iter().map(node)).to_string();
    let head = sql!("log/add_head").bind(integer(signed.head.size)).bind(signed.head.timestamp);
    let head = head.bind(log_record::hex(&signed.head.root)).bind(signed.key_id.as_str());
    [
        sql!("log/expect_size").bind(integer(size)).execute(),
        sql!("log/add_leaves").bind(leaves).execute(),
        sql!("log/add_nodes").bind(nodes).execute(),
        head.bind(signed.signature.as_str()).execute(),
    ]
    .into_iter()
    .collect()
}

/// Finds the newest head, with the signature of this key where that signed it.
pub fn head(key_id: &str) -> Query<Option<SignedHead>> {
    sql!("log/head").bind(key_id).optional(|row| {
        let timestamp: Timestamp = time(row, "signed_at")?;
        let head = TreeHead { size: read_count(row, "size")?, root: read_hash(row, "root_hash")?, timestamp };
        Ok(SignedHead { head, key_id: row.text("key_id")?, signature: row.text("signature")? })
    })
}

/// A leaf as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Index of the leaf in the tree.
    pub index: u64,
    /// Id of the leaf's change.
    pub change_id: String,
    /// Hash of the leaf.
    pub hash: Hash,
    /// Text of the leaf, unless it names what is hidden.
    pub text: Option<String>,
}

/// Lists leaves from an index on.
pub fn leaves(from: u64, limit: u32) -> Query<Vec<Leaf>> {
    sql!("log/leaves").bind(integer(from)).bind(limit).all(|row| {
        let (index, hash) = (read_count(row, "idx")?, read_hash(row, "hash")?);
        Ok(Leaf { index, hash, change_id: row.text("change_id")?, text: row.optional_text("leaf")? })
    })
}

/// Finds the index of a change's leaf.
pub fn index_of(change_id: &str) -> Query<Option<u64>> {
    sql!("log/index_of").bind(change_id).optional(|row| read_count(row, "idx"))
}
