//! Checks of packs that SQL cannot do: whether they can be read, and whether their results add up to what is stored.

use std::collections::{HashMap, HashSet};

use super::{Operator, OperatorError};
use crate::{
    domain::{
        TaskAttempt,
        result_pack::{self, ResultPack, StoredResult},
    },
    ports::DatabaseError,
    store::{
        checks::{self, KeptScore, PackedRun},
        packs,
    },
};

/// Number of runs that are read at a time.
const RUNS: u32 = 500;
/// Number of packs of a run that are read at a time.
const PACKS: u32 = 40;

/// Findings about packs.
#[derive(Debug, Default)]
pub(super) struct Packs {
    /// Sentences about packs that are wrong.
    pub(super) problems: Vec<String>,
    /// Ids of runs with a pack that cannot be read.
    pub(super) unreadable: HashSet<String>,
    /// Sentences about runs whose results do not add up to the stored aggregates.
    pub(super) aggregates: Vec<String>,
    /// Bytes that the packed results are charged for, by owner.
    pub(super) bytes: HashMap<String, usize>,
}

impl Operator<'_> {
    /// Reads and checks every pack.
    pub(super) async fn check_packs(&self) -> Result<Packs, OperatorError> {
        let (mut found, mut after) = (Packs::default(), String::new());
        loop {
            let runs = checks::packed_runs(&after, RUNS).run(self.database).await?;
            let Some(last) = runs.last() else { return Ok(found) };
            after = last.id.to_string();
            for run in runs {
                let sums = self.add_up(&run, &mut found).await?;
                found.check_run(&run, sums);
            }
        }
    }

    async fn add_up(&self, run: &PackedRun, found: &mut Packs) -> Result<Sums, DatabaseError> {
        let (mut sums, mut end) = (Sums::default(), TaskAttempt::default());
        loop {
            let packs = packs::list(&run.id, &end, PACKS).run(self.database).await?;
            if packs.is_empty() {
                return Ok(sums);
            }
            for pack in packs {
                match read(&pack, (&end.task, end.attempt)) {
                    Ok(results) => results.into_iter().for_each(|result| sums.add(result, run.is_share)),
                    Err(why) => {
                        found.problems.push(format!("the pack of run {} up to {:?}: {why}", run.id, pack.last));
                        if run.is_packed {
                            found.unreadable.insert(run.id.to_string());
                        }
                    }
                }
                end = TaskAttempt { task: pack.last.0, attempt: pack.last.1 };
            }
        }
    }
}

/// Reads a pack that begins after a place, and checks it against its row.
fn read(pack: &ResultPack, after: (&str, i64)) -> Result<Vec<StoredResult>, String> {
    let results = result_pack::unpack(&pack.bytes).map_err(|error| error.to_string())?;
    let key = |result: Option<&StoredResult>| result.map(|result| (result.task.clone(), result.attempt));
    let size = results.iter().map(StoredResult::size).fold(0, usize::saturating_add);
    let is_as_listed =
        key(results.first()).as_ref() == Some(&pack.first) && key(results.last()).as_ref() == Some(&pack.last);
    if !is_as_listed || (pack.results, pack.size) != (results.len(), size) {
        return Err("it holds other results than the table says".to_owned());
    }
    if (pack.first.0.as_str(), pack.first.1) <= after {
        return Err("it holds results of the one before, too".to_owned());
    }
    Ok(results)
}

impl Packs {
    fn check_run(&mut self, run: &PackedRun, sums: Sums) {
        let id = &run.id;
        if !run.is_published {
            self.problems.push(format!("run {id} has packs, and was not published"));
        }
        if !run.is_packed {
            // The run has unpacked rows as well: only those are what is read.
            if sums.results > run.rows {
                self.problems.push(format!("run {id} is being packed, and has more results in packs than rows"));
            }
            return;
        }
        if run.rows > 0 {
            self.problems.push(format!("run {id} is packed, and has {} rows of results all the same", run.rows));
        }
        if let Some(owner) = &run.owner_id {
            let bytes = self.bytes.entry(owner.clone()).or_default();
            *bytes = bytes.saturating_add(sums.bytes);
        }
        let is_missing = sums.results == 0 && run.private_tasks;
        if run.has_results && !is_missing && !run.kept.is_some_and(|kept| sums.finish().is_kept_as(&kept)) {
            self.aggregates.push(format!("run {id} is kept with another score than its results come to"));
        }
    }
}

/// Aggregates of a run's results.
#[derive(Debug, Default)]
struct Sums {
    results: u64,
    bytes: usize,
    total: i64,
    correct: i64,
    /// By task, in order: the sum of its scores, and their number.
    tasks: Vec<(String, f64, u32)>,
}

impl Sums {
    fn add(&mut self, result: StoredResult, is_share: bool) {
        let parts = result.parts.as_ref().map_or(0, String::len);
        let bytes = result.task.len().saturating_add(parts).saturating_add(64);
        self.results = self.results.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.total = self.total.saturating_add(result.samples.unwrap_or(1));
        let passes = i64::from(is_share && result.score >= 1.0);
        self.correct = self.correct.saturating_add(result.correct.unwrap_or(passes));
        match self.tasks.last_mut().filter(|(task, _, _)| *task == result.task) {
            Some((_, sum, attempts)) => {
                *sum += result.score;
                *attempts = attempts.saturating_add(1);
            }
            None => self.tasks.push((result.task, result.score, 1)),
        }
    }

    fn finish(&self) -> KeptScore {
        let means = self.tasks.iter().map(|(_, sum, attempts)| sum / f64::from(*attempts)).sum::<f64>();
        let tasks = u32::try_from(self.tasks.len()).unwrap_or(u32::MAX);
        KeptScore {
            tasks: tasks.into(),
            total: self.total,
            correct: self.correct,
            score: means / f64::from(tasks),
            scores: tasks.into(),
        }
    }
}

impl KeptScore {
    /// Compares the sums with those that are stored, up to rounding.
    fn is_kept_as(&self, kept: &Self) -> bool {
        let counts = |of: &Self| (of.tasks, of.total, of.correct, of.scores);
        counts(self) == counts(kept) && (self.score - kept.score).abs() <= 1e-9 * self.score.abs().max(1.0)
    }
}
