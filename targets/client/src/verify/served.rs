//! What the instance shows of its boards now: rows that the API answers, against those that follow from the data.

use std::collections::HashMap;

use aibaas_core::domain::{
    benchmark::Metric,
    leaderboard::{Aggregates, Score},
    log_record::Row,
    statistics::{Interval, RankRange, rank_ranges, ranks},
};
use serde_json::Value;

use super::{
    boards::{Boards, Entry},
    data::{Tables, Untrue, integer, is_close, real, shown, text},
};

/// The newest snapshot of each board that has entries: its benchmark and version, its id and its place.
pub fn newest(tables: &Tables) -> Vec<((&str, &str), &str, i64)> {
    let mut newest = HashMap::new();
    for row in tables.rows("snapshots") {
        newest.insert((text(row, "benchmark_id"), text(row, "version")), (text(row, "id"), integer(row, "seq")));
    }
    let mut newest = newest.into_iter().map(|(board, (id, seq))| (board, id, seq)).collect::<Vec<_>>();
    newest.sort_unstable();
    newest
}

/// Checks the rows of a board as the API answers them.
///
/// # Errors
/// Which row is not what follows from the data.
pub fn check(tables: &Tables, boards: &Boards<'_>, board: (&str, &str), seq: i64, rows: &[Row]) -> Result<(), Untrue> {
    let version = tables.rows("benchmark_versions").iter();
    let version = version.into_iter().find(|row| (text(row, "benchmark_id"), text(row, "version")) == board);
    let metric = version.and_then(|row| Metric::named(text(row, "metric")));
    let metric = metric.ok_or_else(|| Untrue::new(format!("the board of {} {} has no metric", board.0, board.1)))?;
    let mut expected = expected(metric, boards.standing(board, seq));
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
    }
    match expected.keys().min() {
        None => Ok(()),
        Some(run) => Err(Untrue::new(format!("{} {}: run {run} stands and is not shown", board.0, board.1))),
    }
}

/// Ranks, intervals and rank ranges of what stands, by run.
fn expected<'a>(metric: Metric, standing: Vec<&Entry<'a>>) -> HashMap<&'a str, (usize, RankRange, Score)> {
    let entries = standing.into_iter().filter(|entry| entry.is_ranked).collect::<Vec<_>>();
    let scores = entries.iter().map(|entry| Score::of(metric, &aggregates(entry.slice))).collect::<Vec<_>>();
    let unknown = Interval { low: 0.0, high: 1.0 };
    let intervals = scores.iter().map(|score| score.interval.unwrap_or(unknown)).collect::<Vec<_>>();
    let ranks = ranks(&scores.iter().map(|score| score.score).collect::<Vec<_>>());
    let places = entries.iter().zip(ranks).zip(rank_ranges(&intervals)).zip(scores);
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
    }
}
