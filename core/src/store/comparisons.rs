//! What a comparison of models reads: a row for the version, and one for each model, however many results there are.

use super::{
    leaderboard::{Scope, Snapshot},
    runs::Aggregates,
};
use crate::ports::{DatabaseError, Row, Statement};

/// The version, with its tasks in order.
pub const VERSION: &str = "SELECT v.*, d.definition FROM benchmark_versions AS v \
     JOIN benchmark_definitions AS d ON d.benchmark_id = v.benchmark_id AND d.version = v.version \
     WHERE v.benchmark_id = ?1 AND v.version = ?2";
/// The entries of the models in the JSON array `?4`, as they stood at snapshot `?3`, with the score of each task.
/// `CROSS JOIN` keeps SQLite from reading the whole leaderboard first.
pub const COMPARED: &str = "SELECT e.model_id, e.display_name, e.run_id, s.tasks, s.clusters, s.correct, s.total, s.score, s.squares, \
       s.cost_usd, s.uncosted, s.p50_ms, s.p95_ms, p.scores FROM json_each(?4) AS w \
     CROSS JOIN leaderboard_entries AS e ON e.benchmark_id = ?1 AND e.version = ?2 AND e.model_id = w.value \
       AND e.from_seq = (SELECT max(x.from_seq) FROM leaderboard_entries AS x \
         WHERE x.benchmark_id = ?1 AND x.version = ?2 AND x.model_id = w.value AND x.from_seq <= ?3) \
       AND (e.to_seq IS NULL OR e.to_seq > ?3) \
     CROSS JOIN models AS m ON m.id = e.model_id AND m.hidden_reason IS NULL \
     JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = '' AND s.language = '' AND s.difficulty = '' \
     LEFT JOIN run_scores AS p ON p.run_id = e.run_id";

/// A model's entry, with the score of each task.
#[derive(Clone, Debug)]
pub struct ComparedRun {
    /// `provider/name`.
    pub model: String,
    /// What people call it.
    pub display_name: String,
    /// Its run.
    pub run_id: String,
    /// Over all tasks.
    pub aggregates: Aggregates,
    /// Each task's mean score, in the order of the version's tasks; `None` where the evidence is counts.
    pub scores: Option<Vec<f64>>,
}

impl ComparedRun {
    /// Reads a row of [`COMPARED`].
    ///
    /// # Errors
    /// When a column is missing or unreadable.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let unreadable = |error: &dyn std::fmt::Display| DatabaseError::Unavailable(format!("a run's scores: {error}"));
        let scores = row.optional_text("scores")?;
        let scores = scores.map(|scores| serde_json::from_str(&scores).map_err(|error| unreadable(&error)));
        Ok(Self {
            model: row.text("model_id")?,
            display_name: row.text("display_name")?,
            run_id: row.text("run_id")?,
            aggregates: Aggregates::from_row(row)?.ok_or_else(|| unreadable(&"an entry without a score"))?,
            scores: scores.transpose()?,
        })
    }
}

/// The statements of [`VERSION`] and [`COMPARED`].
#[must_use]
pub fn compared(scope: &Scope, snapshot: &Snapshot, models: &[&str]) -> [Statement; 2] {
    let of_version = |sql| Statement::new(sql).bind(scope.benchmark.as_str()).bind(scope.version.as_str());
    let models = serde_json::json!(models).to_string();
    [of_version(VERSION), of_version(COMPARED).bind(snapshot.seq).bind(models)]
}
