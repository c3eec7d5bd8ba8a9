//! Comparison of the log with the dataset's log of changes: the same lines, in the same order.

use std::collections::HashMap;

use serde_json::Value;

use super::data::{LeafText, Line, Tables, Untrue, integer, shown, text};
use aibaas_core::domain::log_record::Row;

/// Members of a change in the log, and their columns in the dataset.
const MEMBERS: [(&str, &str); 11] = [
    ("kind", "kind"),
    ("benchmark", "benchmark_id"),
    ("model", "model_id"),
    ("systemId", "system_id"),
    ("runId", "run_id"),
    ("reason", "reason"),
    ("previousRunId", "previous_run_id"),
    ("currentRunId", "current_run_id"),
    ("rankBefore", "rank_before"),
    ("rankAfter", "rank_after"),
    ("moved", "moved"),
];

/// Checks that log and dataset have the same changes.
///
/// # Errors
/// [`Untrue`] that names a line which is missing, out of order or another one.
pub fn check(lines: &[Line<'_>], tables: &Tables) -> Result<(), Untrue> {
    let snapshots = tables.rows("snapshots").iter().map(|row| (integer(row, "seq"), row)).collect::<HashMap<_, _>>();
    let mut changes = tables.rows("changes").iter().map(|row| (integer(row, "seq"), row)).collect::<HashMap<_, _>>();
    let mut last = i64::MIN;
    for line in lines {
        let Some((leaf, seq)) = line.of_snapshot() else { continue };
        if seq <= last {
            return Err(Untrue::new(format!("change {} is out of its order in the log", line.leaf.change)));
        }
        last = seq;
        if seq > tables.seq {
            continue;
        }
        let change = changes.remove(&seq);
        let (Some(change), Some(snapshot)) = (change, snapshots.get(&seq)) else {
            return Err(Untrue::new(format!("change {} is in the log and not in the data", line.leaf.change)));
        };
        compare(line, leaf, change, snapshot)?;
    }
    // A change that moderation hides is missing from both, or withheld in the log.
    let withheld = lines.iter().filter(|line| line.text.is_none()).map(|line| line.leaf.change.as_str());
    let withheld = withheld.collect::<std::collections::HashSet<_>>();
    let is_in_neither = |seq: &i64| snapshots.get(seq).is_none_or(|row| !withheld.contains(text(row, "id")));
    match changes.keys().filter(|seq| is_in_neither(seq)).min() {
        None => Ok(()),
        Some(seq) => {
            let id = snapshots.get(seq).map_or("", |row| text(row, "id"));
            Err(Untrue::new(format!("change {id} (snapshot {seq}) is in the data and not in the log")))
        }
    }
}

fn compare(line: &Line<'_>, leaf: &LeafText, change: &Row, snapshot: &Row) -> Result<(), Untrue> {
    let id = &line.leaf.change;
    let differs = |name: &str, logged: &str, told: &str| {
        Untrue::new(format!("change {id}: {name} is {logged} in the log and {told} in the data"))
    };
    if text(snapshot, "id") != id || leaf.snapshot_id.as_ref() != Some(id) {
        return Err(differs(
            "its snapshot",
            shown(leaf.snapshot_id.clone().map(Value::from).as_ref()).as_str(),
            text(snapshot, "id"),
        ));
    }
    if text(&leaf.change, "version") != text(snapshot, "version") {
        return Err(differs("version", text(&leaf.change, "version"), text(snapshot, "version")));
    }
    let at = text(&leaf.change, "at");
    if !at.parse::<jiff::Timestamp>().is_ok_and(|at| at.as_millisecond() == integer(snapshot, "created_at")) {
        return Err(differs("its time", at, &shown(snapshot.get("created_at"))));
    }
    for (member, column) in MEMBERS {
        // A member that is not written in this form is not compared.
        let (logged, told) = (leaf.change.get(member), change.get(column));
        if logged.is_some() && told.is_some() && logged != told {
            return Err(differs(member, &shown(logged), &shown(told)));
        }
    }
    Ok(())
}
