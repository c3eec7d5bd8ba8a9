//! Results of a run, task by task, as they are uploaded, listed and added up for publication.

use std::collections::BTreeMap;

use serde::{Serialize, ser::SerializeSeq as _};
use utoipa::ToSchema;

use super::{
    columns::{optional_json, read_named},
    dataset_tables, packs,
    query::{Query, sql},
};
use crate::{
    domain::{
        RunId, TaskAttempt, UserId,
        formats::{Score, TaskId},
        log_record,
        result_status::ResultStatus,
        run_aggregates::Attempt,
    },
    ports::{DatabaseError, Row},
};

/// The result of one attempt at one task.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Result)]
pub struct TaskResult {
    /// The task's id.
    #[schema(value_type = TaskId)]
    pub task: String,
    /// From 1 to the version's `attemptsPerTask`.
    #[schema(minimum = 1, maximum = 10)]
    pub attempt: i64,
    /// How it ended.
    pub status: ResultStatus,
    /// Within the version's bounds. Where it has parts, computed from theirs.
    #[schema(example = 1.0)]
    pub score: f64,
    /// Of each part of a composite score that was given, its score; left out where the version has no parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, Score>>, nullable = false)]
    pub parts: Option<BTreeMap<String, f64>>,
    /// How many samples it stands for, where there are several.
    #[schema(minimum = 0)]
    pub samples: Option<i64>,
    /// How many of them passed.
    #[schema(minimum = 0)]
    pub correct: Option<i64>,
    /// Milliseconds.
    #[schema(minimum = 0, example = 1834.5)]
    pub latency_ms: Option<f64>,
    /// Tokens that the model read.
    #[schema(minimum = 0, example = 812)]
    pub input_tokens: Option<i64>,
    /// Tokens that it wrote.
    #[schema(minimum = 0, example = 240)]
    pub output_tokens: Option<i64>,
    /// US dollars.
    #[schema(minimum = 0, example = 0.0034)]
    pub cost_usd: Option<f64>,
}

impl TaskResult {
    /// Reads a row of `results`.
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        Ok(Self {
            task: row.text("task_id")?,
            attempt: row.integer("attempt")?,
            status: read_named(row, "status", ResultStatus::named)?,
            score: row.real("score")?,
            parts: optional_json(row, "parts")?,
            samples: row.optional_integer("samples")?,
            correct: row.optional_integer("correct")?,
            latency_ms: row.optional_real("latency_ms")?,
            input_tokens: row.optional_integer("input_tokens")?,
            output_tokens: row.optional_integer("output_tokens")?,
            cost_usd: row.optional_real("cost_usd")?,
        })
    }
}

/// Uploaded results, in the form that the statements read: JSON lists, because SQLite reads each of them several times,
/// and names of members would be longer than their values.
#[derive(Clone, Debug)]
pub struct Upload(String);

impl Upload {
    /// Encodes the results, each with its place in the upload.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] when a number cannot be written.
    pub fn new(results: &[(usize, &TaskResult)]) -> Result<Self, DatabaseError> {
        let rows =
            results.iter().map(|(position, result)| UploadRow { position: *position, result }).collect::<Vec<_>>();
        let rows = serde_json::to_string(&rows);
        rows.map(Self).map_err(|error| DatabaseError::Unexpected(format!("an upload: {error}")))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A result, with its place in the upload.
struct UploadRow<'a> {
    position: usize,
    result: &'a TaskResult,
}

impl Serialize for UploadRow<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let TaskResult { task, attempt, status, score, parts, samples, correct, .. } = self.result;
        let TaskResult { latency_ms, input_tokens, output_tokens, cost_usd, .. } = self.result;
        let mut list = serializer.serialize_seq(Some(12))?;
        list.serialize_element(&self.position)?;
        list.serialize_element(task)?;
        list.serialize_element(attempt)?;
        list.serialize_element(status)?;
        list.serialize_element(score)?;
        list.serialize_element(samples)?;
        list.serialize_element(correct)?;
        list.serialize_element(latency_ms)?;
        list.serialize_element(input_tokens)?;
        list.serialize_element(output_tokens)?;
        list.serialize_element(cost_usd)?;
        list.serialize_element(parts)?;
        list.end()
    }
}

/// An uploaded result whose task or attempt the run's version does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownTask {
    /// Place in the upload, from 0.
    pub position: i64,
    /// Task and attempt that the result names.
    pub named: TaskAttempt,
}

/// Guards that the run's version has every task and attempt of the upload: [`Guard::TasksKnown`](super::Guard).
pub fn expect_known_tasks(run_id: &RunId, upload: &Upload) -> Query<()> {
    sql!("results/expect_known_tasks").bind(run_id).bind(upload.as_str()).execute()
}

/// Lists the results that [`expect_known_tasks`] failed by, at most 100.
pub fn unknown_tasks(run_id: &RunId, upload: &Upload) -> Query<Vec<UnknownTask>> {
    sql!("results/unknown_tasks")
        .bind(run_id)
        .bind(upload.as_str())
        .all(|row| Ok(UnknownTask { position: row.integer("position")?, named: task_attempt(row)? }))
}

/// Guards that no result of the upload contradicts one that the run has: [`Guard::ResultsConsistent`](super::Guard).
pub fn expect_consistent(run_id: &RunId, upload: &Upload) -> Query<()> {
    sql!("results/expect_consistent").bind(run_id).bind(upload.as_str()).execute()
}

/// Lists the results that [`expect_consistent`] failed by, at most 100.
pub fn conflicts(run_id: &RunId, upload: &Upload) -> Query<Vec<TaskAttempt>> {
    sql!("results/conflicts").bind(run_id).bind(upload.as_str()).all(task_attempt)
}

/// Stores the results of the upload that are new.
pub fn add(run_id: &RunId, upload: &Upload) -> Query<()> {
    sql!("results/add").bind(run_id).bind(upload.as_str()).execute()
}

/// Counts the rows that the last write of the batch has changed, and leaves that count as it is.
pub fn count_changes() -> Query<u64> {
    sql!("results/count_changes").one(|row| Ok(u64::try_from(row.integer("changes")?).unwrap_or(0)))
}

/// Lists a run's results after a place, by task and attempt.
pub fn list(run_id: &RunId, after: &TaskAttempt, rows: u32) -> Query<Vec<TaskResult>> {
    packs::results(run_id, after, rows, |found| found.iter().map(|(_, row)| TaskResult::from_row(row)).collect())
}

/// Lists attempts at tasks that the run has no result for, at most 100, in the order of the tasks.
pub fn missing(run_id: &RunId) -> Query<Vec<TaskAttempt>> {
    sql!("results/missing").bind(run_id).all(task_attempt)
}

/// A piece of a run's results, as publishing adds them up.
#[derive(Clone, Debug)]
pub struct AttemptPiece {
    /// Attempts, by task and attempt.
    pub attempts: Vec<Attempt>,
    /// The same results as rows of the dataset.
    pub rows: Vec<log_record::Row>,
    /// Task and attempt at which the piece ends; `None` where no further piece can follow.
    pub end: Option<TaskAttempt>,
}

/// Reads at most `rows` results of a person's open run after a place.
pub fn attempts(run_id: &RunId, owner_id: &UserId, after: &TaskAttempt, rows: u32) -> Query<AttemptPiece> {
    let piece = sql!("results/attempts").bind(run_id).bind(owner_id).bind(after.task.as_str()).bind(after.attempt);
    piece.bind(rows).read(move |found| {
        let is_last = u32::try_from(found.len()).is_ok_and(|found| found < rows);
        let (mut attempts, mut end) = (Vec::with_capacity(found.len()), None);
        let mut rows = Vec::with_capacity(found.len());
        for row in found {
            attempts.push(attempt_from_row(&row)?);
            rows.push(dataset_tables::result(&row)?);
            end = Some(TaskAttempt { task: row.text("task_id")?, attempt: row.integer("attempt")? });
        }
        Ok(AttemptPiece { attempts, rows, end: end.filter(|_| !is_last) })
    })
}

fn attempt_from_row(row: &Row) -> Result<Attempt, DatabaseError> {
    Ok(Attempt {
        task: row.text("task_id")?,
        score: row.real("score")?,
        samples: row.optional_integer("samples")?,
        correct: row.optional_integer("correct")?,
        latency_ms: row.optional_real("latency_ms")?,
        cost_usd: row.optional_real("cost_usd")?,
        parts: optional_json(row, "parts")?.unwrap_or_default(),
    })
}

fn task_attempt(row: &Row) -> Result<TaskAttempt, DatabaseError> {
    Ok(TaskAttempt { task: row.text("task")?, attempt: row.integer("attempt")? })
}
