//! The text of a leaf of the log: its change as the API tells it, and digests of what was published with it.

use serde::Serialize;

use super::SequencingError;
use crate::{
    app::App,
    domain::{
        RunId, TaskAttempt,
        leaderboard::ChangeKind,
        log_record::{self, DigestedResults, FORMAT, ResultsDigest},
    },
    ports::DatabaseError,
    store::{
        Answers, Batch, Handle,
        changes::{Line, Place},
        log::{self as store, RunRecord},
    },
    wire::{BoardCommitment, Change, RunCommitment, SealCommitment},
};

/// Results that are read in one go: some megabytes.
const PIECE: u32 = 4000;

/// A leaf. Its text is canonical JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Leaf {
    format: u32,
    /// The change, as the API tells it.
    change: Change,
    /// Id of the snapshot that the change made; `None` where it made none.
    snapshot_id: Option<String>,
    /// The snapshot's place in the order of all snapshots.
    seq: Option<i64>,
    /// Digest of the run that the change published.
    run: Option<RunCommitment>,
    /// Digest of the board from this change on.
    board: Option<BoardCommitment>,
    /// Digest of what was sealed; left out where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    seal: Option<SealCommitment>,
}

/// Queries in a batch that read what a change's leaf is made of.
pub struct LeafReads {
    board: Option<Handle<Vec<String>>>,
    run: Option<RunReads>,
    seal: Option<Handle<Option<log_record::Row>>>,
}

struct RunReads {
    id: RunId,
    record: Handle<Option<RunRecord>>,
    given: Handle<Option<log_record::Row>>,
}

impl RunReads {
    fn push(batch: &mut Batch, id: &RunId) -> Self {
        Self { id: id.clone(), record: batch.push(store::run(id)), given: batch.push(store::given(id)) }
    }
}

impl LeafReads {
    /// Adds the queries for the leaf of a change that stands in the log of changes.
    pub fn of(batch: &mut Batch, line: &Line) -> Self {
        let change = &line.change;
        let is_published = matches!(change.kind, ChangeKind::Published | ChangeKind::Rescored);
        let run = change.run_id.as_ref().filter(|_| is_published);
        let seal = change.seal_id.as_ref().filter(|_| change.kind == ChangeKind::Sealed);
        Self {
            board: is_snapshot(line.place).then(|| batch.push(store::board(&change.id, u32::MAX))),
            run: run.map(|id| RunReads::push(batch, id)),
            seal: seal.map(|id| batch.push(store::seal(id))),
        }
    }

    /// Adds the queries for the leaf of the run that the batch publishes, with at most `entries` entries of the board.
    pub fn of_publication(batch: &mut Batch, run_id: &RunId, snapshot_id: &str, entries: u32) -> Self {
        let board = Some(batch.push(store::board(snapshot_id, entries)));
        Self { board, run: Some(RunReads::push(batch, run_id)), seal: None }
    }

    /// Takes what was read from the batch's answers.
    ///
    /// # Errors
    /// Where the batch did not answer what was expected.
    pub fn take(self, answers: &mut Answers) -> Result<LeafContents, DatabaseError> {
        let gone = |what: &str| DatabaseError::Unexpected(format!("{what} of the log is gone"));
        let board = self.board.map(|board| answers.take(board)).transpose()?;
        let run = match self.run {
            None => None,
            Some(RunReads { id, record, given }) => {
                let record = answers.take(record)?.ok_or_else(|| gone("a run"))?;
                Some((id, record, answers.take(given)?))
            }
        };
        let seal = self.seal.map(|seal| answers.take(seal)?.ok_or_else(|| gone("a seal"))).transpose()?;
        Ok(LeafContents { board, run, seal })
    }
}

/// Checks whether the change of the place made a snapshot, whose id is the change's.
fn is_snapshot(Place(_, act): Place) -> bool {
    act == 0
}

/// What was read of a change for its leaf.
pub struct LeafContents {
    board: Option<Vec<String>>,
    run: Option<(RunId, RunRecord, Option<log_record::Row>)>,
    seal: Option<log_record::Row>,
}

impl LeafContents {
    /// Returns how many entries of the board were read.
    pub fn entries(&self) -> usize {
        self.board.as_ref().map_or(0, Vec::len)
    }

    /// Returns the leaf's text, and how many results were read for it.
    pub async fn text(self, app: &App, line: Line) -> Result<(String, u64), SequencingError> {
        let board = self.board.map(|rows| BoardCommitment {
            entries: rows.len(),
            digest: log_record::hex(&log_record::board_digest(rows)),
        });
        let (mut run, mut results_read) = (None, 0);
        if let Some((id, RunRecord { row, private_tasks, results }, given)) = self.run {
            let (results, read) = match results {
                Some(results) => (results, 0),
                None if private_tasks => (ResultsDigest::default().finish(), 0),
                None => of_results(app, &id).await.map(|results| (results, results.results))?,
            };
            results_read = read;
            let digest = log_record::run_digest(row, given, &results)?;
            run = Some(RunCommitment { digest: log_record::hex(&digest), results: results.results, private_tasks });
        }
        let seal = self.seal.map(log_record::seal_digest).transpose()?;
        let Line { place, change } = line;
        let (Place(seq, _), is_snapshot) = (place, is_snapshot(place));
        let leaf = Leaf {
            format: FORMAT,
            snapshot_id: is_snapshot.then(|| change.id.clone()),
            seq: is_snapshot.then_some(seq),
            change,
            run,
            board,
            seal: seal.map(|digest| SealCommitment { digest: log_record::hex(&digest) }),
        };
        Ok((log_record::canonical(&leaf)?, results_read))
    }
}

/// Digests the results of a run whose digest was not kept when it was published, read in pieces.
async fn of_results(app: &App, id: &RunId) -> Result<DigestedResults, SequencingError> {
    let mut digest = ResultsDigest::default();
    let mut end = TaskAttempt::default();
    loop {
        let piece = store::results(id, &end, PIECE).run(app.database()).await?;
        piece.rows.into_iter().try_for_each(|row| digest.add(row))?;
        match piece.end {
            Some(last) => end = last,
            None => return Ok(digest.finish()),
        }
    }
}
