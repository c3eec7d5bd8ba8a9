//! Verification of boards: the digests in the log, and the ranks that follow from scores.

use std::collections::{HashMap, HashSet};

use aibaas_core::domain::{
    log_record::{Row, board_digest, board_row, hex},
    measure::Direction,
    statistics::ranks,
};
use serde_json::{Value, json};

use super::{
    data::{LeafText, Line, Tables, Untrue, integer, real, shown, text},
    measure::measure_of,
};

/// Most other systems that a change lists: the hundred that now rank best.
const MOST_MOVED: usize = 100;

/// An entry of a board, with what its score is made of.
pub struct Entry<'a> {
    pub model: &'a str,
    /// System of the entry: the model, or one of its systems.
    pub system: &'a str,
    pub run: &'a str,
    pub is_ranked: bool,
    pub slice: &'a Row,
    from: i64,
    to: Option<i64>,
    canonical: String,
}

impl Entry<'_> {
    fn stands_at(&self, seq: i64) -> bool {
        self.from <= seq && self.to.is_none_or(|to| to > seq)
    }
}

/// All boards, by benchmark and version.
pub struct Boards<'a>(HashMap<(&'a str, &'a str), Vec<Entry<'a>>>);

impl<'a> Boards<'a> {
    /// Reads the entries.
    ///
    /// # Errors
    /// [`Untrue`] that names an entry without a score.
    pub fn of(tables: &'a Tables) -> Result<Self, Untrue> {
        let mut slices = HashMap::new();
        for row in tables.rows("run_slices") {
            if ["scenario", "language", "difficulty"].iter().all(|column| text(row, column).is_empty()) {
                slices.insert(text(row, "run_id"), row);
            }
        }
        let mut boards = HashMap::<_, Vec<_>>::new();
        for row in tables.rows("leaderboard_entries") {
            let (model, run) = (text(row, "model_id"), text(row, "run_id"));
            let slice = slices.get(run).ok_or_else(|| Untrue::new(format!("run {run} stands without a score")))?;
            let canonical = board_row(row.clone(), (*slice).clone());
            let canonical = canonical.map_err(|error| Untrue::new(format!("the entry of run {run}: {error}")))?;
            let entry = Entry {
                model,
                system: row.get("system_id").and_then(Value::as_str).unwrap_or(model),
                run,
                is_ranked: row.get("ranked") != Some(&Value::Bool(false)),
                slice,
                from: integer(row, "from_seq"),
                to: row.get("to_seq").and_then(Value::as_i64),
                canonical,
            };
            boards.entry((text(row, "benchmark_id"), text(row, "version"))).or_default().push(entry);
        }
        Ok(Self(boards))
    }

    /// Returns the entries that stand on a board at a snapshot.
    pub fn standing(&self, (benchmark, version): (&str, &str), seq: i64) -> Vec<&Entry<'a>> {
        let board = self.0.iter().find(|(board, _)| **board == (benchmark, version)).map(|(_, entries)| entries);
        board.into_iter().flatten().filter(|entry| entry.stands_at(seq)).collect()
    }
}

/// Numbers of what was checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Number of snapshots whose boards and ranks are right.
    pub boards: usize,
    /// Number of snapshots with an entry that is hidden now: no digest can be computed, but the moves of the others are
    /// right.
    pub partly: usize,
    /// Number of changes that are withheld, because they name what is hidden now.
    pub hidden: usize,
}

/// Checks the board and the ranks of every snapshot.
///
/// # Errors
/// [`Untrue`] that names a board which is not what the log commits to, or a rank that does not follow.
pub fn check(lines: &[Line<'_>], tables: &Tables, boards: &Boards<'_>) -> Result<Checked, Untrue> {
    let hidden_now = lines.iter().fold(HashSet::new(), |hidden, line| moderated(hidden, line));
    if hidden_now.is_empty()
        && let Some(line) = lines.iter().find(|line| line.text.is_none())
    {
        let index = line.leaf.index;
        return Err(Untrue::new(format!(
            "leaf {index} of the log is withheld, and nothing in it tells what was hidden"
        )));
    }
    let mut hidden = HashSet::new();
    let mut checked = Checked::default();
    for line in lines {
        hidden = moderated(hidden, line);
        let Some((leaf, seq)) = line.of_snapshot().filter(|(_, seq)| *seq <= tables.seq) else {
            if line.text.is_none() {
                // The log does not tell which board it was.
                checked.hidden = checked.hidden.saturating_add(1);
            }
            continue;
        };
        let Some(commitment) = &leaf.board else { continue };
        let board = (text(&leaf.change, "benchmark"), text(&leaf.change, "version"));
        let after = boards.standing(board, seq);
        let before = boards.standing(board, seq.saturating_sub(1));
        let missing = commitment.entries.checked_sub(after.len());
        let missing = missing.filter(|missing| *missing == 0 || !hidden_now.is_empty()).ok_or_else(|| {
            Untrue::new(format!(
                "the board of {} {} at change {}: {} entries are told, and the log commits to {}",
                board.0,
                board.1,
                line.leaf.change,
                after.len(),
                commitment.entries
            ))
        })?;
        let digest = || board_digest(after.iter().map(|entry| entry.canonical.clone()).collect());
        if missing == 0 && hex(&digest()) != commitment.digest {
            return Err(Untrue::new(format!(
                "the board of {} {} at change {} is not what the log commits to",
                board.0, board.1, line.leaf.change
            )));
        }
        let is_empty = before.is_empty() && after.is_empty();
        let direction = if is_empty { Direction::default() } else { measure_of(tables, board)?.direction };
        let places = |entries| places(direction, entries, &hidden);
        check_ranks(line, leaf, [&places(before), &places(after)], missing)?;
        let kind = if missing == 0 { &mut checked.boards } else { &mut checked.partly };
        *kind = kind.saturating_add(1);
    }
    Ok(checked)
}

/// Updates the hidden models by a line of the log.
fn moderated<'a>(mut hidden: HashSet<&'a str>, line: &'a Line<'_>) -> HashSet<&'a str> {
    if let Some(change) = line.text.as_ref().map(|text| &text.change) {
        let subject = if change.get("model").is_some_and(Value::is_string) { "model" } else { "benchmark" };
        match text(change, "kind") {
            "hidden" => drop(hidden.insert(text(change, subject))),
            "unhidden" => drop(hidden.remove(text(change, subject))),
            _ => {}
        }
    }
    hidden
}

/// Places by system: the run, its model and its rank.
type Places<'a> = HashMap<&'a str, (&'a str, &'a str, usize)>;

fn places<'a>(direction: Direction, entries: Vec<&Entry<'a>>, hidden: &HashSet<&str>) -> Places<'a> {
    let entries = entries.into_iter().filter(|entry| entry.is_ranked && !hidden.contains(entry.model));
    let entries = entries.collect::<Vec<_>>();
    let merit = |entry: &&Entry<'_>| direction.merit(real(entry.slice, "score").unwrap_or_default());
    let placed = entries.iter().zip(ranks(&entries.iter().map(merit).collect::<Vec<_>>()));
    placed.map(|(entry, rank)| (entry.system, (entry.run, entry.model, rank))).collect()
}

/// Checks the ranks of a change. Where entries are missing, each rank may be later by as many. Hidden entries do not
/// change together with visible ones, so all others moved as far as they move among themselves.
fn check_ranks(
    line: &Line<'_>,
    leaf: &LeafText,
    [before, after]: [&Places<'_>; 2],
    missing: usize,
) -> Result<(), Untrue> {
    let change = &leaf.change;
    let system = change.get("systemId").and_then(Value::as_str).unwrap_or_else(|| text(change, "model"));
    let run = |places: &Places<'_>| places.get(system).map_or(Value::Null, |(run, ..)| json!(run));
    let rank = |places: &Places<'_>| places.get(system).map_or(Value::Null, |(.., rank)| json!(rank));
    let follows = |told: Option<&Value>, computed: &Value| match (told.and_then(Value::as_u64), computed.as_u64()) {
        (Some(told), Some(first)) => {
            usize::try_from(told.saturating_sub(first)).is_ok_and(|by| told >= first && by <= missing)
        }
        _ => told == Some(computed),
    };
    let computed = [
        ("previousRunId", run(before)),
        ("currentRunId", run(after)),
        ("rankBefore", rank(before)),
        ("rankAfter", rank(after)),
    ];
    for (member, value) in computed {
        if !follows(change.get(member), &value) {
            let told = shown(change.get(member));
            return Err(Untrue::new(format!("change {}: {member} is {told}, and {value} follows", line.leaf.change)));
        }
    }
    let mut moved = after
        .iter()
        .filter_map(|(other, (_, model, to))| {
            let (.., from) = before.get(other)?;
            (from != to && *other != system).then_some((*to, *other, *model, *from))
        })
        .collect::<Vec<_>>();
    moved.sort_unstable();
    moved.truncate(MOST_MOVED);
    let moved = moved.into_iter().map(|(to, _, model, from)| json!([model, from, to])).collect::<Vec<_>>();
    let told = change.get("moved").and_then(Value::as_array).into_iter().flatten();
    let told = told.map(|of| json!([of["model"], of["from"], of["to"]])).collect::<Vec<_>>();
    let is_same = |(told, computed): (&Value, &Value)| {
        let steps = |of: &Value| Some(of[2].as_i64()?.saturating_sub(of[1].as_i64()?));
        told[0] == computed[0] && steps(told) == steps(computed) && follows(told.get(2), &computed[2])
    };
    if told.len() == moved.len() && told.iter().zip(&moved).all(is_same) {
        return Ok(());
    }
    let (told, moved) = (Value::from(told), Value::from(moved));
    Err(Untrue::new(format!("change {}: {told} is told to have moved, and {moved} follows", line.leaf.change)))
}
