//! Verification of seals: each is what the log commits to, is in the log before the run that has it, and matches that
//! run.

use std::collections::HashMap;

use aibaas_core::domain::log_record::{Row, hex, seal_digest};

use super::data::{Line, Tables, Untrue, integer, shown, text};

/// Columns that a seal and its run have in common.
const SAID: [&str; 6] = ["system_id", "benchmark_id", "version", "harness", "harness_version", "commit_hash"];

/// Checks every seal, and every published run that has one. Returns how many seals there are, and how many were opened.
///
/// # Errors
/// [`Untrue`] that names a seal which is not what the log commits to, or a run that does not match its seal.
pub fn check(lines: &[Line<'_>], tables: &Tables) -> Result<(usize, usize), Untrue> {
    let seals = tables.rows("seals").iter().map(|row| (text(row, "id"), row)).collect::<HashMap<_, _>>();
    let logged = logged(lines, tables, &seals)?;
    // A seal made after the newest snapshot may not have its leaf yet.
    let unlogged = seals.iter().filter(|(id, row)| !logged.contains_key(*id) && integer(row, "after_seq") < tables.seq);
    if let Some((id, _)) = unlogged.min_by_key(|(id, _)| **id) {
        return Err(Untrue::new(format!("seal {id} is in the data and not in the log")));
    }
    let published = lines.iter().filter_map(|line| {
        let (leaf, _) = line.of_snapshot()?;
        leaf.run.as_ref().map(|_| (text(&leaf.change, "runId"), line.leaf.index))
    });
    let published = published.collect::<HashMap<_, _>>();
    let mut opened = HashMap::new();
    for run in tables.rows("runs").iter().filter(|run| !text(run, "seal_id").is_empty()) {
        let (id, sealed) = (text(run, "id"), text(run, "seal_id"));
        let seal = seals.get(sealed).ok_or_else(|| Untrue::new(format!("run {id}: its seal {sealed} is missing")))?;
        of_run(run, seal)?;
        if let (Some(seal), Some(run)) = (logged.get(sealed), published.get(id))
            && seal > run
        {
            return Err(Untrue::new(format!("run {id} is in the log before its seal {sealed}")));
        }
        if let Some(other) = opened.insert(sealed, id) {
            return Err(Untrue::new(format!("seal {sealed} was opened twice: by run {other} and by run {id}")));
        }
    }
    Ok((seals.len(), opened.len()))
}

/// Finds the leaf of each seal, and checks the seal's digest in it.
fn logged<'a>(
    lines: &'a [Line<'_>],
    tables: &Tables,
    seals: &HashMap<&str, &Row>,
) -> Result<HashMap<&'a str, u64>, Untrue> {
    let newest = lines.iter().filter(|line| line.of_snapshot().is_some_and(|(_, seq)| seq <= tables.seq)).count();
    let mut seen = 0_usize;
    let mut logged = HashMap::new();
    for line in lines {
        let Some(leaf) = &line.text else { continue };
        seen = seen.saturating_add(usize::from(leaf.seq.is_some_and(|seq| seq <= tables.seq)));
        let Some(commitment) = &leaf.seal else { continue };
        let id = line.leaf.change.as_str();
        match seals.get(id) {
            Some(row) => {
                let digest = seal_digest((*row).clone()).map_err(|error| Untrue::new(format!("seal {id}: {error}")))?;
                if hex(&digest) != commitment.digest {
                    return Err(Untrue::new(format!("seal {id} is not what the log commits to")));
                }
            }
            // A seal made after the newest snapshot of the data may be younger than the data.
            None if seen == newest => {}
            None => return Err(Untrue::new(format!("seal {id} is in the log and not in the data"))),
        }
        logged.insert(id, line.leaf.index);
    }
    Ok(logged)
}

fn of_run(run: &Row, seal: &Row) -> Result<(), Untrue> {
    let id = text(run, "id");
    if let Some(column) = SAID.into_iter().find(|column| run.get(*column) != seal.get(*column)) {
        let (ran, sealed) = (shown(run.get(column)), shown(seal.get(column)));
        return Err(Untrue::new(format!("run {id}: {column} is {ran}, and {sealed} was sealed")));
    }
    let began = ["started_at", "completed_at"].into_iter().find_map(|column| run.get(column)?.as_i64());
    if began.is_some_and(|began| began < integer(seal, "sealed_at")) {
        return Err(Untrue::new(format!("run {id} began before it was sealed")));
    }
    Ok(())
}
