//! Verification of which runs stand, and which of them is ranked: docs/decisions/who-stands.md, computed anew at every
//! change.

use std::collections::{BTreeSet, HashMap};

use aibaas_core::domain::log_record::Row;

use super::{
    boards::Boards,
    data::{Tables, Untrue, integer, text},
};

/// Numbers of what was checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Number of changes after which the right runs of a system stand.
    pub changes: usize,
    /// Number of those that are right only by the rule from before there were systems: the model's run that was
    /// published last stands.
    pub older: usize,
}

/// A system on a board: benchmark, version and system.
type Key<'a> = (&'a str, &'a str, &'a str);
/// Runs that stand, and whether each is ranked.
type Standing<'a> = BTreeSet<(&'a str, bool)>;

/// A published run.
#[derive(Clone, Copy)]
struct Published<'a> {
    id: &'a str,
    /// Series of its owner's runs of the system.
    series: &'a str,
    strength: u8,
    evaluated_at: i64,
    seq: i64,
}

impl<'a> Published<'a> {
    fn of(run: &'a Row, seq: i64) -> Self {
        let time = |column| run.get(column).and_then(serde_json::Value::as_i64);
        let evaluated = ["completed_at", "started_at", "published_at"].into_iter().find_map(time);
        let id = text(run, "id");
        Self {
            id,
            series: Some(text(run, "series")).filter(|series| !series.is_empty()).unwrap_or(id),
            strength: match text(run, "evaluator_relationship") {
                "third_party" => 2,
                "first_party" => 1,
                _ => 0,
            },
            evaluated_at: evaluated.unwrap_or_default(),
            seq,
        }
    }
}

/// Checks which runs of a system stand after each change of it, and that nothing else changes with it.
///
/// # Errors
/// [`Untrue`] that names a system of which another run stands, or is ranked.
pub fn check(tables: &Tables, boards: &Boards<'_>) -> Result<Checked, Untrue> {
    let runs = tables.rows("runs").iter().map(|run| (text(run, "id"), run)).collect::<HashMap<_, _>>();
    let begin = tables.rows("leaderboard_entries").iter().filter(|entry| shows_systems(entry));
    let begin = begin.map(|entry| integer(entry, "from_seq")).min().unwrap_or(i64::MAX);
    let mut published = HashMap::<Key<'_>, Vec<Published<'_>>>::new();
    let mut systems = HashMap::new();
    let mut checked = Checked::default();
    // These are the changes of the data, since the log withholds changes that moved what is hidden, whatever system
    // they are of.
    let mut changes = tables.rows("changes").iter().collect::<Vec<_>>();
    changes.sort_by_key(|change| integer(change, "seq"));
    for change in changes {
        let seq = integer(change, "seq");
        let Some(run) = runs.get(text(change, "run_id")) else { continue };
        let key = key_of(run);
        systems.insert(seq, key);
        let of_system = published.entry(key).or_default();
        follow(of_system, text(change, "kind"), run, seq);
        let found = boards.standing((key.0, key.1), seq);
        let found = found.iter().filter(|entry| entry.system == key.2).map(|entry| (entry.run, entry.is_ranked));
        let (found, expected) = (found.collect::<Standing<'_>>(), standing(of_system));
        if found != expected {
            if seq >= begin || !is_older(of_system, &found) {
                return Err(differs(seq, key, &found, &expected));
            }
            checked.older = checked.older.saturating_add(1);
        }
        checked.changes = checked.changes.saturating_add(1);
    }
    for entry in tables.rows("leaderboard_entries") {
        for seq in ["from_seq", "to_seq"].iter().filter_map(|column| entry.get(*column)?.as_i64()) {
            if systems.get(&seq).is_some_and(|system| *system != key_of(entry)) {
                let run = text(entry, "run_id");
                return Err(Untrue::new(format!(
                    "the entry of run {run} begins or ends with snapshot {seq}, of another"
                )));
            }
        }
    }
    Ok(checked)
}

fn key_of(row: &Row) -> Key<'_> {
    let system = Some(text(row, "system_id")).filter(|system| !system.is_empty());
    (text(row, "benchmark_id"), text(row, "version"), system.unwrap_or_else(|| text(row, "model_id")))
}

/// Checks whether an entry is of a kind that did not exist before there were systems.
fn shows_systems(entry: &Row) -> bool {
    entry.get("ranked") == Some(&serde_json::Value::Bool(false)) || key_of(entry).2 != text(entry, "model_id")
}

fn follow<'a>(of_system: &mut Vec<Published<'a>>, kind: &str, run: &'a Row, seq: i64) {
    let id = text(run, "id");
    of_system.retain(|other| other.id != id);
    if !matches!(kind, "withdrawn" | "rejected") {
        of_system.push(Published::of(run, seq));
    }
}

/// Determines the runs that stand: of each owner the one that was evaluated last. Ranked is the one of the strongest
/// evidence, then of the later evaluation, then of the earlier publication.
fn standing<'a>(of_system: &[Published<'a>]) -> Standing<'a> {
    let mut latest = HashMap::<&str, Published<'_>>::new();
    for run in of_system {
        let last = latest.entry(run.series).or_insert(*run);
        if (run.evaluated_at, run.seq, run.id) > (last.evaluated_at, last.seq, last.id) {
            *last = *run;
        }
    }
    let order = |run: &&Published<'a>| (std::cmp::Reverse((run.strength, run.evaluated_at)), run.seq, run.id);
    let ranked = latest.values().min_by_key(order).map(|run| run.id);
    latest.values().map(|run| (run.id, Some(run.id) == ranked)).collect()
}

/// Checks whether the runs that stand are those by the rule from before there were systems.
fn is_older(of_system: &[Published<'_>], found: &Standing<'_>) -> bool {
    let last = of_system.iter().max_by_key(|run| run.seq).map(|run| (run.id, true));
    found.len() <= 1 && found.iter().next().is_none_or(|only| Some(*only) == last)
}

fn differs(seq: i64, key: Key<'_>, found: &Standing<'_>, expected: &Standing<'_>) -> Untrue {
    let (benchmark, version, system) = key;
    let at = format!("{benchmark} {version} with snapshot {seq}: of {system}");
    if let Some((run, _)) = found.iter().find(|(run, _)| !expected.iter().any(|(other, _)| other == run)) {
        return Untrue::new(format!("{at}, run {run} stands, and should not"));
    }
    if let Some((run, _)) = expected.iter().find(|(run, _)| !found.iter().any(|(other, _)| other == run)) {
        return Untrue::new(format!("{at}, run {run} should stand, and does not"));
    }
    let ranked = |of: &Standing<'_>| of.iter().find(|(_, ranked)| *ranked).map_or("none", |(run, _)| *run).to_owned();
    Untrue::new(format!("{at}, run {} is ranked, and {} should be", ranked(found), ranked(expected)))
}
