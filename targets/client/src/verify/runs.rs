//! Verification of runs: the digests in the log, and what results add up to.

use std::collections::{BTreeMap, HashMap, HashSet};

use aibaas_core::domain::{
    log_record::{FIRST_FORMAT, ResultsDigest, Row, first_run_digest, hex, run_digest},
    run_aggregates::{Attempt, RunAggregates, RunSums, Slice, SlicedTask},
};
use serde_json::Value;

use super::{
    data::{Line, Tables, Untrue, integer, is_close, is_true, real, shown, text},
    measure,
};

/// Numbers of what was checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Number of runs whose digests and aggregates are right.
    pub runs: usize,
    /// Number of those at private tasks: what their results add up to, only the server can know.
    pub private: usize,
    /// Number of runs whose publication the log withholds: their results add up, but no digest can be compared.
    pub withheld: usize,
}

/// Checks every run that was published.
///
/// # Errors
/// [`Untrue`] that names a run which is not what the log commits to, or what does not follow from its results.
pub fn check(lines: &[Line<'_>], tables: &Tables) -> Result<Checked, Untrue> {
    let runs = tables.by("runs", "id");
    let counts = tables.by("run_counts", "run_id");
    let scores = tables.by("run_given_scores", "run_id");
    let given_of = |id: &str| counts.get(id).or_else(|| scores.get(id)).and_then(|rows| rows.first()).copied();
    let results = tables.by("results", "run_id");
    let kept = Kept::of(tables);
    let mut checked = Checked::default();
    let mut logged = HashSet::new();
    for line in lines {
        let Some((leaf, _)) = line.of_snapshot().filter(|(_, seq)| *seq <= tables.seq) else { continue };
        let Some(commitment) = &leaf.run else { continue };
        let id = text(&leaf.change, "runId");
        let run = runs.get(id).and_then(|rows| rows.first());
        let run = *run.ok_or_else(|| Untrue::new(format!("run {id} is in the log and not in the data")))?;
        let given = given_of(id);
        let mut results = results.get(id).cloned().unwrap_or_default();
        results.sort_by_key(|row| (text(row, "task_id"), integer(row, "attempt")));
        let digest =
            digest(leaf.format, run, given, &results).map_err(|error| Untrue::new(format!("run {id}: {error}")))?;
        if digest != (commitment.digest.clone(), commitment.results) {
            return Err(Untrue::new(format!(
                "run {id}: its record or one of its {} results is not what the log commits to",
                results.len()
            )));
        }
        if !kept.check(run, given, &results)? {
            checked.private = checked.private.saturating_add(1);
        }
        checked.runs = checked.runs.saturating_add(1);
        logged.insert(id);
    }
    for run in tables.rows("runs").iter().filter(|run| !logged.contains(text(run, "id"))) {
        let id = text(run, "id");
        let results = results.get(id).cloned().unwrap_or_default();
        let is_known = kept.check(run, given_of(id), &results)?;
        checked.private = checked.private.saturating_add(usize::from(!is_known));
        checked.withheld = checked.withheld.saturating_add(1);
    }
    Ok(checked)
}

fn digest(format: u32, run: &Row, given: Option<&Row>, results: &[&Row]) -> Result<(String, u64), serde_json::Error> {
    let (run, given, mut rows) = (run.clone(), given.cloned(), results.iter().map(|row| (*row).clone()));
    if format == FIRST_FORMAT {
        let hash = first_run_digest(run, given, rows)?;
        return Ok((hex(&hash), u64::try_from(results.len()).unwrap_or(u64::MAX)));
    }
    let mut digest = ResultsDigest::default();
    rows.try_for_each(|row| digest.add(row))?;
    let results = digest.finish();
    Ok((hex(&run_digest(run, given, &results)?), results.results))
}

/// What the server has stored of runs, by run.
struct Kept<'a> {
    versions: HashMap<(&'a str, &'a str), &'a Row>,
    tasks: HashMap<(&'a str, &'a str), Vec<SlicedTask>>,
    slices: HashMap<&'a str, Vec<&'a Row>>,
    scores: HashMap<&'a str, Vec<&'a Row>>,
}

fn version_of(row: &Row) -> (&str, &str) {
    (text(row, "benchmark_id"), text(row, "version"))
}

impl<'a> Kept<'a> {
    fn of(tables: &'a Tables) -> Self {
        let mut rows = tables.rows("benchmark_tasks").iter().collect::<Vec<_>>();
        rows.sort_by_key(|row| integer(row, "position"));
        let mut tasks = HashMap::<_, Vec<_>>::new();
        for row in rows {
            let optional = |column| Some(text(row, column).to_owned()).filter(|text| !text.is_empty());
            tasks.entry(version_of(row)).or_default().push(SlicedTask {
                id: text(row, "task_id").to_owned(),
                dimensions: ["scenario", "language", "difficulty"].map(optional),
                cluster: optional("cluster"),
            });
        }
        Self {
            versions: tables.rows("benchmark_versions").iter().map(|row| (version_of(row), row)).collect(),
            tasks,
            slices: tables.by("run_slices", "run_id"),
            scores: tables.by("run_scores", "run_id"),
        }
    }

    /// Checks what a run's results add up to. Returns false where that cannot be computed, because tasks are private.
    fn check(&self, run: &Row, given: Option<&Row>, results: &[&Row]) -> Result<bool, Untrue> {
        let id = text(run, "id");
        let version = self.versions.get(&version_of(run));
        let version = *version.ok_or_else(|| Untrue::new(format!("run {id}: its benchmark version is missing")))?;
        if is_true(version, "private_tasks") {
            return Ok(false);
        }
        let slices = self.slices.get(id).map_or(&[][..], Vec::as_slice);
        let whole = slices.iter().find(|row| is_whole(row)).copied();
        match text(version, "evidence") {
            "counts" => return of_counts(id, given, whole).map(|()| true),
            "score" => return of_given_score(id, version, given, whole).map(|()| true),
            _ => {}
        }
        let measure = measure::read(version)
            .ok_or_else(|| Untrue::new(format!("run {id}: its benchmark version does not tell what scores mean")))?;
        let tasks = self.tasks.get(&version_of(run)).map_or(&[][..], Vec::as_slice);
        let mut sums = RunSums::new(tasks, measure.is_share());
        results.iter().for_each(|row| sums.add(&attempt(row)));
        let attempts = u32::try_from(integer(version, "attempts_per_task")).unwrap_or(u32::MAX);
        let aggregates = sums.finish(attempts, 1);
        let aggregates = aggregates.ok_or_else(|| Untrue::new(format!("run {id}: not every task is answered")))?;
        if aggregates.slices.len() != slices.len() {
            let (computed, told) = (aggregates.slices.len(), slices.len());
            return Err(Untrue::new(format!("run {id}: {told} slices are told, and its results make {computed}")));
        }
        for slice in &aggregates.slices {
            of_slice(id, slice, slices)?;
        }
        let scores = self.scores.get(id).and_then(|rows| rows.first());
        self.of_tasks(id, tasks, &aggregates, scores.copied())?;
        Ok(true)
    }

    fn of_tasks(
        &self,
        id: &str,
        tasks: &[SlicedTask],
        aggregates: &RunAggregates,
        told: Option<&Row>,
    ) -> Result<(), Untrue> {
        let told = told.and_then(|row| row.get("scores")).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let pairs = aggregates.scores.iter().zip(told.iter().map(|score| score.as_f64().unwrap_or(f64::NAN)));
        let wrong = pairs.zip(tasks).find(|((computed, told), _)| !is_close(**computed, *told));
        match wrong {
            Some(((computed, told), task)) => {
                let task = &task.id;
                Err(Untrue::new(format!(
                    "run {id}: the score of task {task} is told as {told}, and {computed} follows"
                )))
            }
            None if told.len() != aggregates.scores.len() => {
                Err(Untrue::new(format!("run {id}: the scores of some tasks are missing")))
            }
            None => Ok(()),
        }
    }
}

fn is_whole(row: &Row) -> bool {
    ["scenario", "language", "difficulty"].iter().all(|column| text(row, column).is_empty())
}

fn attempt(row: &Row) -> Attempt {
    let parts = row.get("parts").and_then(Value::as_object).into_iter().flatten();
    Attempt {
        task: text(row, "task_id").to_owned(),
        score: real(row, "score").unwrap_or_default(),
        samples: row.get("samples").and_then(Value::as_i64),
        correct: row.get("correct").and_then(Value::as_i64),
        latency_ms: real(row, "latency_ms"),
        cost_usd: real(row, "cost_usd"),
        parts: parts.filter_map(|(part, score)| Some((part.clone(), score.as_f64()?))).collect::<BTreeMap<_, _>>(),
    }
}

/// Compares the published numbers of a slice with the computed ones; an absent latency counts as none.
fn numbers(id: &str, name: &str, told: &Row, computed: &[(&str, Option<f64>)]) -> Result<(), Untrue> {
    for (column, computed) in computed {
        let is_same = match (real(told, column), computed) {
            (Some(told), Some(computed)) => is_close(told, *computed),
            (None, _) => column.ends_with("_ms") || computed.is_none(),
            (Some(_), None) => false,
        };
        if !is_same {
            let (told, computed) = (shown(told.get(*column)), computed.map_or("null".to_owned(), |of| of.to_string()));
            return Err(Untrue::new(format!("run {id}{name}: {column} is told as {told}, and {computed} follows")));
        }
    }
    Ok(())
}

fn of_slice(id: &str, slice: &Slice, told: &[&Row]) -> Result<(), Untrue> {
    let [scenario, language, difficulty] = &slice.values;
    let is_same = |row: &&&Row| {
        [("scenario", scenario), ("language", language), ("difficulty", difficulty)]
            .iter()
            .all(|(column, value)| text(row, column) == value.as_str())
    };
    let name = if slice.is_whole() { String::new() } else { format!(", slice {}", slice.values.join("/")) };
    let told = told.iter().find(is_same).ok_or_else(|| Untrue::new(format!("run {id}{name}: it is not told")))?;
    #[expect(clippy::cast_precision_loss, reason = "counts are within 2⁵³")]
    let count = |count: i64| Some(count as f64);
    let computed = [
        ("tasks", Some(f64::from(slice.tasks))),
        ("clusters", Some(f64::from(slice.clusters))),
        ("correct", count(slice.correct)),
        ("total", count(slice.total)),
        ("score", Some(slice.score)),
        ("squares", Some(slice.squares)),
        ("cost_usd", slice.cost_usd),
        ("uncosted", Some(f64::from(slice.uncosted))),
        ("p50_ms", slice.p50_ms),
        ("p95_ms", slice.p95_ms),
    ];
    numbers(id, &name, told, &computed)
}

fn of_counts(id: &str, counts: Option<&Row>, told: Option<&Row>) -> Result<(), Untrue> {
    let (Some(counts), Some(told)) = (counts, told) else {
        return Err(Untrue::new(format!("run {id}: its counts or its score are missing")));
    };
    let total = real(counts, "total").unwrap_or_default();
    let passes = counts.get("correct_by_attempt").and_then(Value::as_array).and_then(|counts| counts.last()?.as_f64());
    let passes = passes.unwrap_or_default();
    let computed = [
        ("tasks", Some(total)),
        ("correct", Some(passes)),
        ("total", Some(total)),
        ("score", Some(passes / total)),
        ("squares", Some(passes * (total - passes) / total)),
    ];
    numbers(id, "", told, &computed)
}

/// Compares the score that a source gives with what is stored of it.
///
/// # Errors
/// [`Untrue`] that names a number which differs.
pub fn of_given_score(id: &str, version: &Row, given: Option<&Row>, told: Option<&Row>) -> Result<(), Untrue> {
    let (Some(given), Some(told)) = (given, told) else {
        return Err(Untrue::new(format!(
            "run {id}: the score that its source gives, or what is kept of it, is missing"
        )));
    };
    let computed = [
        ("tasks", real(given, "tasks").or(real(version, "task_count"))),
        ("clusters", Some(0.0)),
        ("correct", Some(0.0)),
        ("total", Some(real(given, "samples").unwrap_or_default())),
        ("score", real(given, "score")),
        ("squares", Some(0.0)),
        ("cost_usd", real(given, "cost_usd")),
        ("standard_error", real(given, "standard_error")),
        ("interval_low", real(given, "interval_low")),
        ("interval_high", real(given, "interval_high")),
    ];
    numbers(id, "", told, &computed)
}
