//! Scores and their intervals.

use crate::domain::{
    benchmark::Metric,
    statistics::{Interval, MINIMUM_CLUSTERS, normal, wilson},
};

/// The score of a run, or of a slice of it, and what its interval is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aggregates {
    /// Distinct tasks.
    pub tasks: u64,
    /// Clusters of tasks; a task that is in none is one of its own.
    pub clusters: u64,
    /// Passes.
    pub correct: u64,
    /// Attempts or samples.
    pub total: u64,
    /// The mean over tasks of each task's mean score.
    pub score: f64,
    /// Σ over clusters of (Σ over its tasks of (score − mean))².
    pub squares: f64,
    /// US dollars, where every attempt's cost is known.
    pub cost_usd: Option<f64>,
    /// Median latency in milliseconds.
    pub p50_ms: Option<f64>,
    /// 95th percentile of latency in milliseconds.
    pub p95_ms: Option<f64>,
}

impl Aggregates {
    /// The cost, where it is known. Zero is no price: a local model, or nobody counted.
    #[must_use]
    pub fn known_cost(&self) -> Option<f64> {
        self.cost_usd.filter(|cost| *cost > 0.0)
    }
}

/// A score with its 95 % interval, where there is enough to tell one.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// 0 to 1.
    pub score: f64,
    /// 95 %.
    pub interval: Option<Interval>,
}

impl Score {
    /// A pass rate of one try a task has Wilson's interval; anything else is a mean over tasks, whose attempts, and the
    /// tasks of a cluster, belong together.
    #[expect(clippy::cast_precision_loss, reason = "counts are within 2⁵³")]
    #[must_use]
    pub fn of(metric: Metric, of: &Aggregates) -> Self {
        if metric == Metric::PassRate && of.total == of.tasks && of.clusters == of.tasks {
            return Self { score: of.score, interval: wilson(of.correct, of.total) };
        }
        let score = of.score.clamp(0.0, 1.0);
        let enough = usize::try_from(of.clusters).is_ok_and(|clusters| clusters >= MINIMUM_CLUSTERS);
        let clusters = of.clusters as f64;
        let error = of.squares.max(0.0).sqrt() / of.tasks as f64 * (clusters / (clusters - 1.0)).sqrt();
        // Where all failed, or all passed, the normal interval has no width; how many clusters there were still tells.
        let interval = match score {
            0.0 => wilson(0, of.clusters),
            1.0 => wilson(of.clusters, of.clusters),
            _ => Some(normal(score, error).within(0.0, 1.0)),
        };
        Self { score, interval: interval.filter(|_| enough) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::statistics::clustered_mean;

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
        }
    }

    #[test]
    fn one_try_a_task_is_wilsons() {
        let scores = (0..225).map(|task| f64::from(u8::from(task < 198))).collect::<Vec<_>>();
        let score = Score::of(Metric::PassRate, &aggregates(&scores, 198, 225));
        let interval = score.interval.unwrap();
        assert!((score.score - 0.88).abs() < 1e-12);
        assert!((interval.low - 0.831_038).abs() < 1e-6 && (interval.high - 0.916_205).abs() < 1e-6);
    }

    #[test]
    fn several_tries_are_clustered_by_task() {
        // What publishing keeps comes to the same as all the scores: a task is a cluster of its tries.
        let tries = (0..25).map(|task| [f64::from(task % 2), f64::from(task % 3 / 2)]).collect::<Vec<_>>();
        let clustered = clustered_mean(&tries).unwrap();
        let means = tries.iter().map(|tries| (tries[0] + tries[1]) / 2.0).collect::<Vec<_>>();
        let score = Score::of(Metric::PassRate, &aggregates(&means, 0, 50));
        let (interval, expected) = (score.interval.unwrap(), normal(clustered.mean, clustered.standard_error));
        assert!((score.score - clustered.mean).abs() < 1e-12);
        assert!((interval.low - expected.low).abs() < 1e-12 && (interval.high - expected.high).abs() < 1e-12);
        assert!(Score::of(Metric::Score, &aggregates(&[0.5; 19], 0, 19)).interval.is_none(), "too few to tell");
    }
}
