//! Ranks of the systems on a leaderboard.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{Aggregates, Flag, Score};
use crate::domain::{
    ModelId, RunId, SystemId, Timestamp,
    benchmark::Evidence,
    conditions::{ConditionDifference, Conditions},
    evaluator::EvaluatorRelationship,
    measure::Measure,
    run_links::RunLinks,
    seal::{BoundSeal, SealCounts},
    statistics::{RankRange, pareto_front, rank_ranges, ranks, tie_groups},
    system::System,
};

/// A run that is on a board, before it is ranked.
#[derive(Clone, Debug)]
pub struct Entry {
    /// System that the run is of.
    pub system: System,
    /// Whether the run is the ranked one of its system.
    pub ranked: bool,
    /// Id of the model that this one is a variant of.
    pub base_model: Option<ModelId>,
    /// Name of the model for people.
    pub display_name: String,
    /// Id of the run.
    pub run_id: RunId,
    /// When the run was published.
    pub published_at: Timestamp,
    /// When the model was evaluated.
    pub evaluated_at: Timestamp,
    /// Addresses with more about the run.
    pub links: Option<RunLinks>,
    /// Seal that the run was registered with before it was made.
    pub seal: Option<BoundSeal>,
    /// Numbers of seals that the run's owner had made.
    pub seals: SealCounts,
    /// Relationship of whoever evaluated the model to it.
    pub evaluator_relationship: EvaluatorRelationship,
    /// Whether the harness had uncommitted changes.
    pub dirty: bool,
    /// Whether the run tells which commit was run.
    pub pinned: bool,
    /// Conditions that held for the run.
    pub conditions: Conditions,
    /// Whether the model was trained after the tasks were published.
    pub contaminated: bool,
    /// Beginning of what the run says of how attempts were made and counted.
    pub attempts_policy: Option<String>,
    /// Aggregates over the tasks of the slice that the board is of.
    pub aggregates: Aggregates,
}

/// An entry with its score and its place among the others.
#[derive(Clone, Debug)]
pub struct RankedEntry {
    /// The entry.
    pub entry: Entry,
    /// Score of the entry.
    pub score: Score,
    /// Place of the entry; `None` where another run is ranked for its system.
    pub place: Option<Place>,
    /// Cost of the run in US dollars; `None` where it is unknown.
    pub cost_usd: Option<f64>,
    /// Cost in US dollars per task; `None` where it is unknown.
    pub cost_usd_per_task: Option<f64>,
    /// What its run had otherwise than the version prescribes.
    pub condition_differences: Vec<ConditionDifference>,
    /// What readers must know of the entry besides its score.
    pub flags: Vec<Flag>,
}

/// A place among the systems of a leaderboard.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Rank by score, from 1; equal scores share one.
    pub rank: usize,
    /// Ranks that the intervals allow.
    pub range: RankRange,
    /// Number, from 1, of the tie group: the rows that share their best possible rank.
    pub tie_group: usize,
    /// Whether no other system scores more for less; `None` where the cost is unknown.
    pub pareto_optimal: Option<bool>,
}

/// Ranks by score alone, in the order of the scores given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standings {
    /// Rank of each score, from 1; equal scores share one.
    pub ranks: Vec<usize>,
    /// Ranks that the interval of each score allows.
    pub ranges: Vec<RankRange>,
}

impl Standings {
    /// Ranks scores, the better first: higher or lower, as the measure says.
    #[must_use]
    pub fn of(measure: &Measure, scores: &[Score]) -> Self {
        // Where no interval is known, any score is possible.
        let interval = |score: &Score| measure.direction.merits(score.interval.unwrap_or(measure.bounds.range()));
        let merits = scores.iter().map(|score| measure.merit(score.score)).collect::<Vec<_>>();
        Self { ranks: ranks(&merits), ranges: rank_ranges(&scores.iter().map(interval).collect::<Vec<_>>()) }
    }
}

/// Ranks the entries of a leaderboard, best first; equal ones are ordered by model and system. Under each entry stand
/// those of its system that are not ranked, the strongest evidence first.
#[must_use]
pub fn rank(measure: &Measure, evidence: Evidence, prescribed: Conditions, entries: Vec<Entry>) -> Vec<RankedEntry> {
    let (entries, others) = entries.into_iter().partition::<Vec<_>, _>(|entry| entry.ranked);
    let scores = entries.iter().map(|entry| Score::of(measure, &entry.aggregates)).collect::<Vec<_>>();
    let by_score = Standings::of(measure, &scores);
    let costs = scores.iter().zip(&entries);
    let costs = costs.map(|(score, entry)| (measure.merit(score.score), entry.aggregates.known_cost()));
    let pareto = pareto_front(&costs.collect::<Vec<_>>());
    let ties = tie_groups(&by_score.ranges);

    let places = by_score.ranks.into_iter().zip(by_score.ranges).zip(ties).zip(pareto);
    let mut ranked = entries
        .into_iter()
        .zip(places)
        .map(|(entry, (((rank, range), tie_group), pareto_optimal))| {
            let place = Place { rank, range, tie_group, pareto_optimal };
            RankedEntry::of(measure, evidence, prescribed, entry, Some(place))
        })
        .collect::<Vec<_>>();
    let order = |ranked: &RankedEntry| {
        let system = &ranked.entry.system;
        (ranked.place.map(|place| place.rank), system.model.clone(), system.id.clone())
    };
    ranked.sort_by_cached_key(order);

    let mut others_of = BTreeMap::<SystemId, Vec<RankedEntry>>::new();
    for entry in others {
        let other = RankedEntry::of(measure, evidence, prescribed, entry, None);
        others_of.entry(other.entry.system.id.clone()).or_default().push(other);
    }
    let mut rows = Vec::with_capacity(ranked.len());
    for system in ranked {
        let mut others = others_of.remove(&system.entry.system.id).unwrap_or_default();
        others.sort_by(|a, b| by_weight(&a.entry, &b.entry));
        rows.push(system);
        rows.extend(others);
    }
    rows
}

/// Orders runs of one system by their weight, the heaviest first, as the view `standing_runs` of the schema does.
fn by_weight(a: &Entry, b: &Entry) -> Ordering {
    let strength = |entry: &Entry| entry.evaluator_relationship.strength();
    strength(b)
        .cmp(&strength(a))
        .then_with(|| b.evaluated_at.cmp(&a.evaluated_at))
        .then_with(|| a.published_at.cmp(&b.published_at))
        .then_with(|| a.run_id.cmp(&b.run_id))
}

impl RankedEntry {
    fn of(measure: &Measure, evidence: Evidence, prescribed: Conditions, entry: Entry, place: Option<Place>) -> Self {
        let score = Score::of(measure, &entry.aggregates);
        let cost_usd = entry.aggregates.known_cost();
        #[expect(clippy::cast_precision_loss, reason = "within 2⁵³")]
        let cost_usd_per_task = cost_usd.map(|cost| cost / entry.aggregates.tasks.max(1) as f64);
        let condition_differences = prescribed.differences(entry.conditions);
        let flags = Flag::of(&entry, evidence, &condition_differences);
        Self { entry, score, place, cost_usd, cost_usd_per_task, condition_differences, flags }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::measure::{Direction, Metric};

    fn entry(run: &str, system: &str, correct: u64, ranked: bool, evaluator: EvaluatorRelationship) -> Entry {
        let id = SystemId::from(system);
        Entry {
            system: System { model: id.model(), id, agent: None, configuration: None },
            ranked,
            base_model: None,
            display_name: String::new(),
            run_id: run.into(),
            published_at: Timestamp(2),
            evaluated_at: Timestamp(1),
            links: None,
            seal: None,
            seals: SealCounts::default(),
            evaluator_relationship: evaluator,
            dirty: false,
            pinned: true,
            conditions: Conditions::default(),
            contaminated: false,
            attempts_policy: None,
            aggregates: Aggregates {
                tasks: 10,
                clusters: 10,
                correct,
                total: 10,
                score: f64::from(u32::try_from(correct).unwrap()) / 10.0,
                squares: 0.0,
                cost_usd: Some(1.0),
                p50_ms: None,
                p95_ms: None,
                given: None,
            },
        }
    }

    #[test]
    fn what_is_not_ranked_takes_no_place() {
        use EvaluatorRelationship::{FirstParty, SelfReported, ThirdParty};
        let entries = vec![
            entry("claimed", "p/b", 10, false, SelfReported),
            entry("own", "p/b", 9, false, FirstParty),
            entry("worse", "p/a~000000000001", 2, true, ThirdParty),
            entry("better", "p/b", 6, true, ThirdParty),
            entry("worse too", "p/a", 2, true, ThirdParty),
        ];
        let ranked = rank(&Measure::plain(Metric::PassRate), Evidence::Results, Conditions::default(), entries);
        let told = ranked.iter().map(|row| (row.entry.run_id.as_str(), row.place.map(|place| place.rank)));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [("better", Some(1)), ("own", None), ("claimed", None), ("worse too", Some(2)), ("worse", Some(2))]
        );
        let optimal = ranked.iter().filter_map(|row| row.place?.pareto_optimal).collect::<Vec<_>>();
        assert_eq!(optimal, [true, false, false], "nor does it push others from the front");
    }

    #[test]
    fn other_conditions_than_prescribed_are_flagged() {
        let with = |run, attempts| {
            let entry = entry(run, &format!("p/{run}"), 5, true, EvaluatorRelationship::ThirdParty);
            Entry { conditions: Conditions { attempts, ..Conditions::default() }, ..entry }
        };
        let entries = vec![with("as", Some(1)), with("other", Some(3)), with("silent", None)];
        let prescribed = Conditions { attempts: Some(1), ..Conditions::default() };
        for row in rank(&Measure::plain(Metric::PassRate), Evidence::Results, prescribed, entries) {
            let is_other = row.entry.run_id.as_str() == "other";
            assert_eq!(row.flags.contains(&Flag::OtherConditions), is_other, "{:?}", row.entry.run_id);
            assert_eq!(row.condition_differences.len(), usize::from(is_other), "{:?}", row.entry.run_id);
        }
    }

    #[test]
    fn where_less_is_better_everything_turns_around() {
        use EvaluatorRelationship::ThirdParty;
        let entries = || {
            let of = |run: &str, correct, cost| {
                let mut entry = entry(run, &format!("p/{run}"), correct, true, ThirdParty);
                entry.aggregates.cost_usd = Some(cost);
                entry
            };
            vec![of("a", 9, 3.0), of("b", 1, 2.0), of("c", 5, 1.0), of("d", 5, 3.0)]
        };
        let refusals = Measure { direction: Direction::LowerIsBetter, ..Measure::plain(Metric::PassRate) };
        let told = |measure: &Measure| {
            let ranked = rank(measure, Evidence::Results, Conditions::default(), entries());
            let row = |row: &RankedEntry| {
                let place = row.place.unwrap();
                let RankRange { low, high } = place.range;
                (row.entry.run_id.to_string(), place.rank, low, high, place.tie_group, place.pareto_optimal.unwrap())
            };
            ranked.iter().map(row).collect::<Vec<_>>()
        };
        let row = |run: &str, rank, low, high, tie, optimal| (run.to_owned(), rank, low, high, tie, optimal);
        assert_eq!(
            told(&refusals),
            [
                row("b", 1, 1, 3, 1, true),
                row("c", 2, 1, 4, 1, true),
                row("d", 2, 1, 4, 1, false),
                row("a", 4, 2, 4, 2, false)
            ]
        );
        let usual = told(&Measure::plain(Metric::PassRate));
        assert_eq!(usual.first(), Some(&row("a", 1, 1, 3, 1, true)));
        assert_eq!(usual.last(), Some(&row("b", 4, 2, 4, 2, false)));
    }
}
