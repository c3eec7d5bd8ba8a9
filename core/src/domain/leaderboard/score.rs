//! Scores and their intervals.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    measure::{Measure, Metric},
    statistics::{Interval, MINIMUM_CLUSTERS, normal, wilson},
};

/// The score of a run, or of a slice of it, and the sums that its interval is computed from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aggregates {
    /// Number of distinct tasks.
    pub tasks: u64,
    /// Number of clusters of tasks, where a task in no cluster is one of its own; 0 where the source publishes the
    /// score.
    pub clusters: u64,
    /// Number of passes.
    pub correct: u64,
    /// Number of attempts or samples.
    pub total: u64,
    /// Mean over tasks of each task's mean score.
    pub score: f64,
    /// Σ over clusters of (Σ over its tasks of (score − mean))².
    pub squares: f64,
    /// Cost in US dollars; `None` unless every attempt's cost is known.
    pub cost_usd: Option<f64>,
    /// Median latency in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile of latency in milliseconds.
    pub p95_ms: Option<f64>,
    /// Uncertainty that the source gives, where it publishes the score.
    pub given: Option<GivenUncertainty>,
}

impl Aggregates {
    /// Returns the cost in US dollars, where it is known. Zero counts as unknown: a local model, or nobody counted.
    #[must_use]
    pub fn known_cost(&self) -> Option<f64> {
        self.cost_usd.filter(|cost| *cost > 0.0)
    }
}

impl Aggregates {
    /// Returns the number of passes; `None` where a score does not tell what a pass is, or nothing was counted.
    #[must_use]
    pub fn passes(&self, measure: &Measure) -> Option<u64> {
        Some(self.correct).filter(|_| measure.is_share() && self.clusters > 0)
    }

    /// Returns the number of attempts or samples; `None` where it is unknown.
    #[must_use]
    pub fn samples(&self) -> Option<u64> {
        Some(self.total).filter(|total| *total > 0)
    }
}

/// Uncertainty of a score, as its source gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GivenUncertainty {
    /// The standard error.
    StandardError(f64),
    /// The 95 % interval.
    Interval(Interval),
}

/// How an interval came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// Wilson's of a pass rate.
    Wilson,
    /// The normal one on a mean over tasks or clusters of them.
    Clustered,
    /// The normal one with the standard error that the source gives.
    GivenStandardError,
    /// As the source gives it.
    GivenInterval,
}

impl IntervalMethod {
    /// Returns the name of the method on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wilson => "wilson",
            Self::Clustered => "clustered",
            Self::GivenStandardError => "given_standard_error",
            Self::GivenInterval => "given_interval",
        }
    }

    /// Checks whether the interval follows from what the source gives, and cannot be computed from results.
    #[must_use]
    pub fn is_given(self) -> bool {
        matches!(self, Self::GivenStandardError | Self::GivenInterval)
    }
}

/// A score with its 95 % interval, where there is enough evidence for one.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// The score, within the version's bounds.
    pub score: f64,
    /// The 95 % interval of the score.
    pub interval: Option<Interval>,
    /// Method of the interval; `None` where there is no interval.
    pub method: Option<IntervalMethod>,
}

impl Score {
    fn new(score: f64, interval: Option<Interval>, method: IntervalMethod) -> Self {
        Self { score, interval, method: interval.map(|_| method) }
    }

    /// Computes the score and its interval. A pass rate of one attempt per task has Wilson's interval. Anything else is
    /// a mean over tasks, where attempts at a task and the tasks of a cluster belong together, unless the source gives
    /// the uncertainty.
    #[expect(clippy::cast_precision_loss, reason = "counts are within 2⁵³")]
    #[must_use]
    pub fn of(measure: &Measure, of: &Aggregates) -> Self {
        let Interval { low: least, high: most } = measure.bounds.range();
        match of.given {
            Some(GivenUncertainty::StandardError(error)) => {
                let interval = normal(of.score, error).within(least, most);
                return Self::new(of.score, Some(interval), IntervalMethod::GivenStandardError);
            }
            Some(GivenUncertainty::Interval(interval)) => {
                return Self::new(of.score, Some(interval), IntervalMethod::GivenInterval);
            }
            None => {}
        }
        if measure.metric == Metric::PassRate && of.total == of.tasks && of.clusters == of.tasks {
            return Self::new(of.score, wilson(of.correct, of.total), IntervalMethod::Wilson);
        }
        let score = of.score.max(least).min(most);
        let enough = usize::try_from(of.clusters).is_ok_and(|clusters| clusters >= MINIMUM_CLUSTERS);
        if !enough {
            return Self::new(score, None, IntervalMethod::Clustered);
        }
        // Where all failed, or all passed, the normal interval has no width; the number of clusters still bounds the
        // rate.
        if measure.is_share() && (score == 0.0 || score == 1.0) {
            let passed = if score == 0.0 { 0 } else { of.clusters };
            return Self::new(score, wilson(passed, of.clusters), IntervalMethod::Wilson);
        }
        let clusters = of.clusters as f64;
        let error = of.squares.max(0.0).sqrt() / of.tasks as f64 * (clusters / (clusters - 1.0)).sqrt();
        Self::new(score, Some(normal(score, error).within(least, most)), IntervalMethod::Clustered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{measure::Bounds, statistics::clustered_mean};

    fn aggregates(scores: &[f64], correct: u64, total: u64) -> Aggregates {
        let (tasks, mean) = (scores.len() as u64, scores.iter().sum::<f64>() / scores.len() as f64);
        let squares = scores.iter().map(|score| (score - mean).powi(2)).sum();
        let unknown = None;
        Aggregates {
            tasks,
            clusters: tasks,
            correct,
            total,
            score: mean,
            squares,
            cost_usd: None,
            p50_ms: unknown,
            p95_ms: unknown,
            given: None,
        }
    }

    #[test]
    fn one_try_a_task_is_wilsons() {
        let scores = (0..225).map(|task| f64::from(u8::from(task < 198))).collect::<Vec<_>>();
        let score = Score::of(&Measure::plain(Metric::PassRate), &aggregates(&scores, 198, 225));
        let interval = score.interval.unwrap();
        assert!((score.score - 0.88).abs() < 1e-12);
        assert!((interval.low - 0.831_038).abs() < 1e-6 && (interval.high - 0.916_205).abs() < 1e-6);
    }

    #[test]
    fn several_tries_are_clustered_by_task() {
        // A task is a cluster of its tries, so what publishing keeps gives the same interval as all scores.
        let tries = (0..25).map(|task| [f64::from(task % 2), f64::from(task % 3 / 2)]).collect::<Vec<_>>();
        let clustered = clustered_mean(&tries).unwrap();
        let means = tries.iter().map(|tries| (tries[0] + tries[1]) / 2.0).collect::<Vec<_>>();
        let score = Score::of(&Measure::plain(Metric::PassRate), &aggregates(&means, 0, 50));
        let (interval, expected) = (score.interval.unwrap(), normal(clustered.mean, clustered.standard_error));
        assert!((score.score - clustered.mean).abs() < 1e-12);
        assert!((interval.low - expected.low).abs() < 1e-12 && (interval.high - expected.high).abs() < 1e-12);
        assert!(
            Score::of(&Measure::plain(Metric::Score), &aggregates(&[0.5; 19], 0, 19)).interval.is_none(),
            "too few to tell"
        );
    }

    #[test]
    fn other_bounds_cut_the_interval_where_they_are() {
        let seconds = Measure {
            bounds: Bounds { lower: Some(0.0), upper: None },
            unit: Some("s".to_owned()),
            ..Measure::plain(Metric::Score)
        };
        // 19 at 1 and one at 41: the mean is 3, its standard error 2.
        let scores = (0..20).map(|task| if task == 0 { 41.0 } else { 1.0 }).collect::<Vec<_>>();
        let score = Score::of(&seconds, &aggregates(&scores, 0, 20));
        let interval = score.interval.unwrap();
        assert!((score.score - 3.0).abs() < 1e-12 && score.method == Some(IntervalMethod::Clustered));
        assert_eq!(interval.low, 0.0, "3 − 3.92, cut");
        assert!((interval.high - 6.919_927_969).abs() < 1e-9, "{interval:?}");
        let equal = Score::of(&seconds, &aggregates(&[1.0; 20], 20, 20)).interval.unwrap();
        assert_eq!(equal, Interval { low: 1.0, high: 1.0 }, "1 is no end of a scale of seconds");
    }

    #[test]
    fn what_a_source_gives_is_told_as_given() {
        let of = |given| {
            let aggregates = Aggregates { clusters: 0, given, ..aggregates(&[0.9; 30], 0, 30) };
            Score::of(&Measure::plain(Metric::PassRate), &aggregates)
        };
        let nothing = of(None);
        assert_eq!((nothing.interval, nothing.method), (None, None));
        let error = of(Some(GivenUncertainty::StandardError(0.1)));
        let interval = error.interval.unwrap();
        assert!((interval.low - 0.704_003_602).abs() < 1e-9 && interval.high == 1.0, "{interval:?}");
        assert_eq!(error.method, Some(IntervalMethod::GivenStandardError));
        let own = Interval { low: 0.85, high: 0.93 };
        let given = of(Some(GivenUncertainty::Interval(own)));
        assert_eq!((given.interval, given.method), (Some(own), Some(IntervalMethod::GivenInterval)));
    }
}
