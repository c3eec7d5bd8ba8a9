//! Stored results: rows of `results`, or packs of them once their run was published long enough ago.

use super::{
    Batch,
    dataset_tables::{self, Key},
    query::{Query, sql},
};
use crate::{
    domain::{
        RunId, TaskAttempt, Timestamp,
        log_record::{self, DigestedResults},
        result_pack::{self, ResultPack, StoredResult},
    },
    ports::{DatabaseError, Row, Rows, Value},
};

/// Place of a result in the order of all: run, task, attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ResultKey {
    pub(super) run: String,
    pub(super) task: String,
    pub(super) attempt: i64,
}

impl ResultKey {
    /// Reads the key from a cursor; `None` where the cursor holds something else.
    pub(super) fn of(keys: Vec<Key>) -> Option<Self> {
        match <[Key; 3]>::try_from(keys) {
            Ok([Key::Text(run), Key::Text(task), Key::Integer(attempt)]) => Some(Self { run, task, attempt }),
            _ => None,
        }
    }

    /// Returns the key as a cursor holds it.
    pub(super) fn into_keys(self) -> Vec<Key> {
        vec![Key::Text(self.run), Key::Text(self.task), Key::Integer(self.attempt)]
    }

    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self { run: row.text("run_id")?, task: row.text("task_id")?, attempt: row.integer("attempt")? })
    }
}

/// Columns of a packed result, named as those of a row.
const COLUMNS: [&str; 13] = [
    "told",
    "run_id",
    "task_id",
    "attempt",
    "status",
    "score",
    "samples",
    "correct",
    "latency_ms",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "parts",
];

fn as_values(result: StoredResult, run_id: &str, told: Option<i64>) -> Vec<Value> {
    vec![
        told.into(),
        run_id.into(),
        result.task.into(),
        result.attempt.into(),
        result.status.into(),
        result.score.into(),
        result.samples.into(),
        result.correct.into(),
        result.latency_ms.into(),
        result.input_tokens.into(),
        result.output_tokens.into(),
        result.cost_usd.into(),
        result.parts.into(),
    ]
}

/// Merges rows of results with those of packs (rows whose column `pack` is not null), after a key and in the order of
/// keys.
pub(super) fn merged(found: Rows, after: &ResultKey) -> Result<Vec<(ResultKey, Row)>, DatabaseError> {
    let mut results = Vec::with_capacity(found.len());
    for row in found {
        let Some(pack) = row.optional_blob("pack")? else {
            results.push((ResultKey::from_row(&row)?, row));
            continue;
        };
        let run_id = row.text("run_id")?;
        let damaged = |why: String| DatabaseError::Unexpected(format!("a pack of run {run_id}: {why}"));
        let told = row.optional_integer("told")?;
        let unpacked = result_pack::unpack(&pack).map_err(|error| damaged(error.to_string()))?;
        // SQL ended the walk by these numbers: if they were wrong, a page would seem to be the last one.
        let size = unpacked.iter().map(StoredResult::size).fold(0, usize::saturating_add);
        if (integer(unpacked.len()), integer(size)) != (row.integer("results")?, row.integer("size")?) {
            return Err(damaged("it holds something else than the table says".to_owned()));
        }
        let rows = unpacked.into_iter().map(|result| as_values(result, &run_id, told)).collect();
        for row in Rows::new(COLUMNS.map(str::to_owned), rows) {
            let key = ResultKey::from_row(&row)?;
            if key > *after {
                results.push((key, row));
            }
        }
    }
    results.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(results)
}

/// Reads at most `rows` results of a run after a place, packed or not.
pub(super) fn results<T>(
    run_id: &RunId,
    after: &TaskAttempt,
    rows: u32,
    read: impl FnOnce(Vec<(ResultKey, Row)>) -> Result<T, DatabaseError> + Send + 'static,
) -> Query<T> {
    let key = ResultKey { run: run_id.to_string(), task: after.task.clone(), attempt: after.attempt };
    let found = sql!("results/list").bind(run_id).bind(after.task.as_str()).bind(after.attempt).bind(rows);
    found.read(move |found| {
        let mut results = merged(found, &key)?;
        results.truncate(usize::try_from(rows).unwrap_or(usize::MAX));
        read(results)
    })
}

/// Tells where the results end that were found where so many were asked for; `None` where no more can follow.
pub(super) fn end_of(found: &[(ResultKey, Row)], rows: u32) -> Option<TaskAttempt> {
    let is_full = u32::try_from(found.len()).is_ok_and(|count| count >= rows);
    let (key, _) = found.last().filter(|_| is_full)?;
    Some(TaskAttempt { task: key.task.clone(), attempt: key.attempt })
}

/// A published run whose results are to be packed.
#[derive(Clone, Debug)]
pub struct DueRun {
    /// Id of the run.
    pub id: RunId,
    /// Digest of the results when the run was published, where it was stored.
    pub results: Option<DigestedResults>,
    /// Whether the digest leaves out results at private tasks.
    pub private_tasks: bool,
}

/// Claims the next run of those published by `published_by`. Nobody else claims it until `left_alone_until`.
pub fn claim(published_by: Timestamp, now: Timestamp, left_alone_until: Timestamp) -> Query<Option<DueRun>> {
    sql!("packs/claim").bind(published_by).bind(now).bind(left_alone_until).optional(|row| {
        let unreadable = |digest| DatabaseError::Unexpected(format!("{digest} is no digest of results"));
        let digest = row.optional_text("results_digest")?;
        let digest =
            digest.map(|digest| log_record::from_hex(&digest).ok_or_else(|| unreadable(digest))).transpose()?;
        let results = row.optional_integer("digested_results")?.and_then(|count| u64::try_from(count).ok());
        Ok(DueRun {
            id: RunId::from(row.text("id")?.as_str()),
            results: digest.zip(results).map(|(digest, results)| DigestedResults { digest, results }),
            private_tasks: row.boolean("private_tasks")?,
        })
    })
}

/// Progress of packing a run's results.
#[derive(Clone, Debug)]
pub struct PackingProgress {
    /// Number of packed results.
    pub results: i64,
    /// Task and attempt of the last packed result.
    pub end: TaskAttempt,
}

/// Reads how far the results of a run are packed.
pub fn begun(run_id: &RunId) -> Query<PackingProgress> {
    sql!("packs/begun").bind(run_id).one(|row| {
        let end = TaskAttempt { task: row.text("task")?, attempt: row.integer("attempt")? };
        Ok(PackingProgress { results: row.integer("results")?, end })
    })
}

/// A piece of a run's results, as they are packed.
#[derive(Clone, Debug)]
pub struct StoredPiece {
    /// Results, by task and attempt.
    pub results: Vec<StoredResult>,
    /// The same results as rows of the dataset.
    pub rows: Vec<log_record::Row>,
    /// Task and attempt at which the piece ends; `None` where no further piece can follow.
    pub end: Option<TaskAttempt>,
}

/// Reads at most `rows` results of a run after a place.
pub fn piece(run_id: &RunId, after: &TaskAttempt, rows: u32) -> Query<StoredPiece> {
    results(run_id, after, rows, move |found| {
        let end = end_of(&found, rows);
        let results = found.iter().map(|(_, row)| stored(row)).collect::<Result<_, _>>()?;
        let rows = found.iter().map(|(_, row)| dataset_tables::result(row)).collect::<Result<_, _>>()?;
        Ok(StoredPiece { results, rows, end })
    })
}

fn stored(row: &Row) -> Result<StoredResult, DatabaseError> {
    Ok(StoredResult {
        task: row.text("task_id")?,
        attempt: row.integer("attempt")?,
        status: row.text("status")?,
        score: row.real("score")?,
        samples: row.optional_integer("samples")?,
        correct: row.optional_integer("correct")?,
        latency_ms: row.optional_real("latency_ms")?,
        input_tokens: row.optional_integer("input_tokens")?,
        output_tokens: row.optional_integer("output_tokens")?,
        cost_usd: row.optional_real("cost_usd")?,
        parts: row.optional_text("parts")?,
    })
}

/// Lists packs of a run after a place, also those that nobody reads yet.
pub fn list(run_id: &RunId, after: &TaskAttempt, packs: u32) -> Query<Vec<ResultPack>> {
    let count = |row: &Row, column| {
        let unreadable = |error| DatabaseError::Unexpected(format!("{column} of a pack: {error}"));
        usize::try_from(row.integer(column)?).map_err(unreadable)
    };
    let list = sql!("packs/list").bind(run_id).bind(after.task.as_str()).bind(after.attempt).bind(packs);
    list.all(move |row| {
        Ok(ResultPack {
            first: (row.text("first_task")?, row.integer("first_attempt")?),
            last: (row.text("last_task")?, row.integer("last_attempt")?),
            results: count(row, "results")?,
            size: count(row, "size")?,
            bytes: row.optional_blob("pack")?.unwrap_or_default(),
        })
    })
}

fn integer(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn add(run_id: &RunId, pack: &ResultPack) -> Query<()> {
    let ((first_task, first_attempt), (last_task, last_attempt)) = (&pack.first, &pack.last);
    let add = sql!("packs/add").bind(run_id).bind(first_task.as_str()).bind(*first_attempt);
    let add = add.bind(last_task.as_str()).bind(*last_attempt).bind(integer(pack.results)).bind(integer(pack.size));
    add.bind(pack.bytes.as_slice()).execute()
}

fn expect_unpacked(run_id: &RunId, packed: i64, rows: Option<i64>) -> Query<()> {
    sql!("packs/expect_unpacked").bind(run_id).bind(packed).bind(rows).execute()
}

/// Adds packs to a run of which `packed` results are packed so far. Nobody reads them before [`replace`], and the run
/// stays next in turn. The batch fails by [`Guard::ResultsUnpacked`](super::Guard).
pub fn prepare(run_id: &RunId, packed: i64, packs: &[ResultPack]) -> Batch {
    let mut batch = Batch::new();
    batch.extend([expect_unpacked(run_id, packed, None)]);
    batch.extend(packs.iter().map(|pack| add(run_id, pack)));
    batch.extend([leave_alone(run_id, None)]);
    batch
}

/// Replaces the `rows` rows of a run by packs: those that are stored already, with `packed` results, and the given
/// ones. The batch fails by [`Guard::ResultsUnpacked`](super::Guard).
pub fn replace(run_id: &RunId, packed: i64, packs: &[ResultPack], rows: i64, now: Timestamp) -> Batch {
    let mut batch = Batch::new();
    batch.extend([expect_unpacked(run_id, packed, Some(rows))]);
    batch.extend(packs.iter().map(|pack| add(run_id, pack)));
    batch.extend([
        sql!("packs/delete_rows").bind(run_id).execute(),
        sql!("packs/finish").bind(run_id).bind(now).execute(),
    ]);
    batch
}

/// Deletes the packs of a run that nobody reads, and leaves the run alone until the given time.
pub fn give_up(run_id: &RunId, until: Timestamp) -> Batch {
    let mut batch = Batch::new();
    batch.extend([sql!("packs/discard").bind(run_id).execute(), leave_alone(run_id, Some(until))]);
    batch
}

fn leave_alone(run_id: &RunId, until: Option<Timestamp>) -> Query<()> {
    sql!("packs/leave_alone").bind(run_id).bind(until).execute()
}
