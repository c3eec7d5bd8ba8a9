//! Verification of the rows that the API returns for present boards, against those that follow from the data.

use std::collections::HashMap;

use aibaas_core::domain::{
    leaderboard::{Aggregates, GivenUncertainty, Score, Standings},
    log_record::Row,
    measure::Measure,
    statistics::{Interval, RankRange},
};
use serde_json::{Value, json};

use super::{
    boards::{Boards, Entry},
    data::{Tables, Untrue, integer, is_close, real, shown, text},
    measure::measure_of,
};

/// Finds the newest snapshot of each board: benchmark and version, its id and its place.
pub fn newest(tables: &Tables) -> Vec<((&str, &str), &str, i64)> {
    let mut newest = HashMap::new();
    for row in tables.rows("snapshots") {
        newest.insert((text(row, "benchmark_id"), text(row, "version")), (text(row, "id"), integer(row, "seq")));
    }
    let mut newest = newest.into_iter().map(|(board, (id, seq))| (board, id, seq)).collect::<Vec<_>>();
    newest.sort_unstable();
    newest
}

/// Checks the rows of a board as the API returns them.
///
/// # Errors
/// [`Untrue`] that names a row which does not follow from the data.
pub fn check(tables: &Tables, boards: &Boards<'_>, board: (&str, &str), seq: i64, rows: &[Row]) -> Result<(), Untrue> {
    let mut expected = expected(&measure_of(tables, board)?, boards.standing(board, seq));
    for row in rows.iter().filter(|row| row.get("rank").is_some_and(Value::is_number)) {
        let run = text(row, "runId");
        let differs = |what: &str| Untrue::new(format!("{} {}, row of run {run}: {what}", board.0, board.1));
        let Some((rank, range, score)) = expected.remove(run) else { return Err(differs("it does not stand there")) };
        for (member, computed) in [("rank", rank), ("rankLow", range.low), ("rankHigh", range.high)] {
            if row.get(member).and_then(Value::as_u64) != u64::try_from(computed).ok() {
                return Err(differs(&format!("{member} is {}, and {computed} follows", shown(row.get(member)))));
            }
        }
        let (low, high) = (score.interval.map(|of| of.low), score.interval.map(|of| of.high));
        for (member, computed) in [("score", Some(score.score)), ("scoreLow", low), ("scoreHigh", high)] {
            let is_same = match (real(row, member), computed) {
                (Some(told), Some(computed)) => is_close(told, computed),
                (told, computed) => told.is_none() && computed.is_none(),
            };
            if !is_same {
                let computed = computed.map_or("null".to_owned(), |of| of.to_string());
                return Err(differs(&format!("{member} is {}, and {computed} follows", shown(row.get(member)))));
            }
        }
        // An older instance names no method.
        let method = row.get("intervalMethod");
        let computed = json!(score.method);
        if method.is_some_and(|told| *told != computed) {
            return Err(differs(&format!("intervalMethod is {}, and {computed} follows", shown(method))));
        }
    }
    match expected.keys().min() {
        None => Ok(()),
        Some(run) => Err(Untrue::new(format!("{} {}: run {run} stands and is not shown", board.0, board.1))),
    }
}

/// Computes ranks, intervals and rank ranges of the ranked entries, by run.
fn expected<'a>(measure: &Measure, standing: Vec<&Entry<'a>>) -> HashMap<&'a str, (usize, RankRange, Score)> {
    let entries = standing.into_iter().filter(|entry| entry.is_ranked).collect::<Vec<_>>();
    let scores = entries.iter().map(|entry| Score::of(measure, &aggregates(entry.slice))).collect::<Vec<_>>();
    let Standings { ranks, ranges } = Standings::of(measure, &scores);
    let places = entries.iter().zip(ranks).zip(ranges).zip(scores);
    places.map(|(((entry, rank), range), score)| (entry.run, (rank, range, score))).collect()
}

fn aggregates(slice: &Row) -> Aggregates {
    let count = |column| u64::try_from(integer(slice, column)).unwrap_or_default();
    Aggregates {
        tasks: count("tasks"),
        clusters: count("clusters"),
        correct: count("correct"),
        total: count("total"),
        score: real(slice, "score").unwrap_or_default(),
        squares: real(slice, "squares").unwrap_or_default(),
        cost_usd: real(slice, "cost_usd"),
        p50_ms: real(slice, "p50_ms"),
        p95_ms: real(slice, "p95_ms"),
        given: real(slice, "standard_error").map(GivenUncertainty::StandardError).or_else(|| {
            let (low, high) = real(slice, "interval_low").zip(real(slice, "interval_high"))?;
            Some(GivenUncertainty::Interval(Interval { low, high }))
        }),
    }
}
