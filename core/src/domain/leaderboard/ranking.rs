//! Who stands where.

use super::{Aggregates, Flag, Score};
use crate::{
    domain::{
        ModelId, RunId,
        benchmark::{Evidence, Metric},
        conditions::Conditions,
        evaluator::EvaluatorRelationship,
        statistics::{Interval, RankRange, pareto_front, rank_ranges, ranks, tie_groups},
    },
    ports::Timestamp,
};

/// One model's entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `provider/name`.
    pub model: ModelId,
    /// What people call it.
    pub display_name: String,
    /// Its run.
    pub run_id: RunId,
    /// When that was published.
    pub published_at: Timestamp,
    /// Who evaluated.
    pub evaluator_relationship: EvaluatorRelationship,
    /// Whether the harness had uncommitted changes.
    pub dirty: bool,
    /// Under which conditions it was made.
    pub conditions: Conditions,
    /// Whether the model was trained after the tasks were published.
    pub contaminated: bool,
    /// How attempts were made and counted, as the run says: the beginning of it.
    pub attempts_policy: Option<String>,
    /// Of the slice.
    pub aggregates: Aggregates,
}

/// An entry, and its place among the others.
#[derive(Clone, Debug)]
pub struct RankedEntry {
    /// The entry.
    pub entry: Entry,
    /// Its score.
    pub score: Score,
    /// Its rank by score, from 1; equal scores share it.
    pub rank: usize,
    /// The ranks that the intervals allow.
    pub range: RankRange,
    /// Rows that share their best possible rank, numbered from 1.
    pub tie_group: usize,
    /// US dollars, where they are known.
    pub cost_usd: Option<f64>,
    /// US dollars a task.
    pub cost_usd_per_task: Option<f64>,
    /// Whether nothing scores more for less; `None` where the cost is unknown.
    pub pareto_optimal: Option<bool>,
    /// What readers must know besides.
    pub flags: Vec<Flag>,
}

/// Ranks the entries of a leaderboard, best first; equal ones by model.
#[must_use]
pub fn rank(metric: Metric, evidence: Evidence, entries: Vec<Entry>) -> Vec<RankedEntry> {
    let scores = entries.iter().map(|entry| Score::of(metric, &entry.aggregates)).collect::<Vec<_>>();
    // Where no interval can be told, any score is possible.
    let unknown = Interval { low: 0.0, high: 1.0 };
    let intervals = scores.iter().map(|score| score.interval.unwrap_or(unknown)).collect::<Vec<_>>();
    let ranges = rank_ranges(&intervals);
    let ranks = ranks(&scores.iter().map(|score| score.score).collect::<Vec<_>>());
    let costs = scores.iter().zip(&entries).map(|(score, entry)| (score.score, entry.aggregates.known_cost()));
    let pareto = pareto_front(&costs.collect::<Vec<_>>());
    let ties = tie_groups(&ranges);

    let places = ranks.into_iter().zip(ranges).zip(ties).zip(pareto);
    let mut ranked = entries
        .into_iter()
        .zip(scores)
        .zip(places)
        .map(|((entry, score), (((rank, range), tie_group), pareto_optimal))| {
            let cost_usd = entry.aggregates.known_cost();
            #[expect(clippy::cast_precision_loss, reason = "within 2⁵³")]
            let cost_usd_per_task = cost_usd.map(|cost| cost / entry.aggregates.tasks.max(1) as f64);
            let flags = Flag::of(&entry, evidence);
            RankedEntry { entry, score, rank, range, tie_group, cost_usd, cost_usd_per_task, pareto_optimal, flags }
        })
        .collect::<Vec<_>>();
    ranked.sort_by(|a, b| a.rank.cmp(&b.rank).then_with(|| a.entry.model.cmp(&b.entry.model)));
    ranked
}
