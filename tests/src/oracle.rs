//! Statistics computed independently of the application, to check its answers against.

use std::collections::BTreeMap;

use serde_json::Value;

const Z: f64 = 1.959_963_984_540_054;

/// The counts of a leaderboard row that ranking needs.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Name of the model.
    pub model: String,
    /// Number of passed attempts.
    pub correct: u32,
    /// Number of all attempts.
    pub total: u32,
}

impl Entry {
    /// Computes Wilson's 95 % interval (1927), as the two roots of (p̂ − p)² = z²·p(1 − p)/n.
    pub fn interval(&self) -> (f64, f64) {
        let (n, p) = (f64::from(self.total), f64::from(self.correct) / f64::from(self.total));
        let (a, b, c) = (1.0 + Z * Z / n, -(2.0 * p + Z * Z / n), p * p);
        let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
        (((-b - root) / (2.0 * a)).max(0.0), ((-b + root) / (2.0 * a)).min(1.0))
    }

    /// Returns the share of attempts that passed.
    pub fn score(&self) -> f64 {
        f64::from(self.correct) / f64::from(self.total)
    }

    /// Returns the best and the worst rank among these entries that the intervals allow.
    pub fn rank_range(&self, all: &[Self]) -> (usize, usize) {
        let intervals = all.iter().map(Self::interval).collect::<Vec<_>>();
        rank_range(self.interval(), &intervals)
    }

    /// Returns the rank by score among these entries; equal scores share a rank.
    pub fn rank(&self, all: &[Self]) -> usize {
        1 + all.iter().filter(|other| other.score() > self.score()).count()
    }
}

/// Returns the best and the worst rank of this interval among all.
fn rank_range((low, high): (f64, f64), all: &[(f64, f64)]) -> (usize, usize) {
    let better = all.iter().filter(|other| other.0 > high).count();
    let worse = all.iter().filter(|other| other.1 < low).count();
    (1 + better, all.len() - worse)
}

/// A selection of tasks by their dimensions; `None` selects any value.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice<'a> {
    /// Scenario of the selected tasks.
    pub scenario: Option<&'a str>,
    /// Language of the selected tasks.
    pub language: Option<&'a str>,
    /// Difficulty of the selected tasks.
    pub difficulty: Option<&'a str>,
}

impl Slice<'_> {
    fn has(&self, task: &Value) -> bool {
        let dimensions = [(self.scenario, "scenario"), (self.language, "language"), (self.difficulty, "difficulty")];
        dimensions.into_iter().all(|(wanted, name)| wanted.is_none_or(|wanted| task[name] == wanted))
    }

    /// Formats the slice as query parameters, each after a `&`.
    pub fn query(&self) -> String {
        let dimensions = [(self.scenario, "scenario"), (self.language, "language"), (self.difficulty, "difficulty")];
        let given = dimensions.into_iter().filter_map(|(wanted, name)| Some(format!("&{name}={}", wanted?)));
        given.collect()
    }
}

/// The direction in which scores are better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Best {
    /// Higher scores are better, as for pass rates.
    #[default]
    Highest,
    /// Lower scores are better, as for rates of refusal.
    Lowest,
}

/// Aggregates of one run over a slice, computed from its results as they were uploaded.
#[derive(Clone, Debug)]
pub struct Sliced {
    /// Number of tasks in the slice.
    pub tasks: usize,
    /// Number of passes.
    pub correct: u64,
    /// Number of attempts, or of samples where attempts have several.
    pub total: u64,
    /// Mean score of all attempts.
    pub score: f64,
    /// The score's 95 % interval, where there is enough evidence for one.
    pub interval: Option<(f64, f64)>,
    /// Sum of the costs in USD, where each is known and the sum is not zero.
    pub cost: Option<f64>,
    /// The 50th and 95th percentile of the known latencies, in milliseconds, as `numpy.percentile(latencies, [50,
    /// 95])`.
    pub latencies: Option<(f64, f64)>,
}

impl Sliced {
    /// Computes the aggregates of the results over a slice; `None` where the run has no result in it.
    pub fn of(metric: &str, tasks: &[Value], results: &[Value], slice: Slice<'_>) -> Option<Self> {
        let chosen = tasks.iter().filter(|task| slice.has(task)).collect::<Vec<_>>();
        let task_of = |result: &Value| chosen.iter().find(|task| task["id"] == result["task"]).copied();
        let mut clusters: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let (mut correct, mut total, mut latencies, mut costs) = (0, 0, Vec::new(), Vec::new());
        for result in results {
            let Some(task) = task_of(result) else { continue };
            let score = result["score"].as_f64().expect("a score");
            let cluster = if task["cluster"].is_null() { &task["id"] } else { &task["cluster"] };
            clusters.entry(format!("{} {cluster}", task["cluster"].is_null())).or_default().push(score);
            correct += result["correct"].as_u64().unwrap_or_else(|| u64::from(score >= 1.0));
            total += result["samples"].as_u64().unwrap_or(1);
            latencies.extend(result["latencyMs"].as_f64());
            costs.push(result["costUsd"].as_f64());
        }
        let scores = clusters.values().flatten().copied().collect::<Vec<_>>();
        if scores.is_empty() {
            return None;
        }
        let score = scores.iter().sum::<f64>() / count(scores.len());
        let alone = total == count_u64(chosen.len()) && clusters.len() == chosen.len();
        let wilson = |correct: u64, total: u64| {
            let small = |number: u64| u32::try_from(number).expect("small");
            Entry { model: String::new(), correct: small(correct), total: small(total) }.interval()
        };
        let many = count_u64(clusters.len());
        let interval = if metric == "pass_rate" && alone {
            Some(wilson(correct, total))
        } else if many < 20 {
            None
        } else if score == 0.0 || score == 1.0 {
            // A normal interval would have no width.
            Some(wilson(if score == 0.0 { 0 } else { many }, many))
        } else {
            let squares: f64 =
                clusters.values().map(|cluster| cluster.iter().map(|own| own - score).sum::<f64>().powi(2)).sum();
            let many = count(clusters.len());
            let half = Z * squares.sqrt() / count(scores.len()) * (many / (many - 1.0)).sqrt();
            Some(((score - half).max(0.0), (score + half).min(1.0)))
        };
        latencies.sort_by(f64::total_cmp);
        let cost = costs.into_iter().sum::<Option<f64>>().filter(|cost| *cost > 0.0);
        let latencies = (!latencies.is_empty()).then(|| (percentile(&latencies, 0.5), percentile(&latencies, 0.95)));
        Some(Self { tasks: chosen.len(), correct, total, score, interval, cost, latencies })
    }

    /// Asserts that a row shows these aggregates, and its rank and rank range among all rows of its slice.
    #[track_caller]
    pub fn assert_row(&self, row: &Value, all: &[Self], best: Best) {
        let intervals = all.iter().map(|one| one.interval.unwrap_or((0.0, 1.0))).collect::<Vec<_>>();
        let (low, high) = match best {
            Best::Highest => rank_range(self.interval.unwrap_or((0.0, 1.0)), &intervals),
            // Mirrors the ranks: a run that is surely worse where more is better is surely better here.
            Best::Lowest => {
                let (low, high) = rank_range(self.interval.unwrap_or((0.0, 1.0)), &intervals);
                (all.len() + 1 - high, all.len() + 1 - low)
            }
        };
        let is_better = |other: &&Self| match best {
            Best::Highest => other.score > self.score + 1e-12,
            Best::Lowest => other.score < self.score - 1e-12,
        };
        let rank = 1 + all.iter().filter(is_better).count();
        assert_eq!([&row["correct"], &row["total"]], [self.correct, self.total], "{self:?} {row}");
        assert_eq!([&row["rank"], &row["rankLow"], &row["rankHigh"]], [rank, low, high], "{self:?} {row}");
        let per_task = self.cost.map(|cost| cost / count(self.tasks));
        for (member, expected) in [
            ("score", Some(self.score)),
            ("scoreLow", self.interval.map(|interval| interval.0)),
            ("scoreHigh", self.interval.map(|interval| interval.1)),
            ("costUsd", self.cost),
            ("costUsdPerTask", per_task),
            ("latencyMsP50", self.latencies.map(|latencies| latencies.0)),
            ("latencyMsP95", self.latencies.map(|latencies| latencies.1)),
        ] {
            let close = match (row[member].as_f64(), expected) {
                (Some(shown), Some(expected)) => (shown - expected).abs() < 1e-9 * expected.abs().max(1.0),
                (None, None) => row[member].is_null(),
                _ => false,
            };
            assert!(close, "{member} is not {expected:?}: {self:?} {row}");
        }
    }
}

/// Computes a percentile of sorted numbers, interpolated as R's type 7.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let mut at = share * count(sorted.len() - 1);
    let mut below = 0;
    while at >= 1.0 {
        at -= 1.0;
        below += 1;
    }
    let above = sorted.get(below + 1).copied().unwrap_or(sorted[below]);
    sorted[below] + (above - sorted[below]) * at
}

/// Computes pass@k of `correct` among `samples`: the share of the choices of `k` that hold a correct one (Chen 2021),
/// as 1 − Π (n − c − i)/(n − i).
pub fn pass_at(samples: u32, correct: u32, k: u32) -> f64 {
    let missed = (0..k).map(|i| {
        let wrong = samples.saturating_sub(correct + i);
        f64::from(wrong) / f64::from(samples - i)
    });
    1.0 - missed.product::<f64>()
}

/// Computes the p-value of McNemar's exact test (1947): two tails of a fair coin, thrown once for each task that only
/// one of the two systems passed.
pub fn exact_mcnemar(first: usize, second: usize) -> f64 {
    let throws = first + second;
    let mut term = 0.5_f64.powf(count(throws));
    let mut tail = 0.0;
    for heads in 0..=first.min(second) {
        tail += term;
        term *= count(throws - heads) / count(heads + 1);
    }
    (2.0 * tail).min(1.0)
}

/// Computes Holm's adjusted p-values (1979), in the order given.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order = (0..p_values.len()).collect::<Vec<_>>();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let (mut adjusted, mut most) = (vec![0.0; p_values.len()], 0.0_f64);
    for (place, index) in order.into_iter().enumerate() {
        most = most.max(p_values[index] * count(p_values.len() - place)).min(1.0);
        adjusted[index] = most;
    }
    adjusted
}

/// Returns the rank changes of the models other than `but` between two whole leaderboards: model, old rank, new rank.
pub fn moves(before: &[Value], after: &[Value], but: &str) -> Vec<(String, u64, u64)> {
    let ranks = |rows: &[Value]| {
        let ranked = rows.iter().map(|row| (row["model"].as_str().map(str::to_owned), row["rank"].as_u64()));
        ranked.map(|(model, rank)| (model.expect("a model"), rank.expect("a rank"))).collect::<BTreeMap<_, _>>()
    };
    let (before, after) = (ranks(before), ranks(after));
    let moved = before.iter().filter_map(|(model, from)| Some((model.clone(), *from, *after.get(model)?)));
    moved.filter(|(model, from, to)| model != but && from != to).collect()
}

fn count(length: usize) -> f64 {
    f64::from(u32::try_from(length).expect("small"))
}

fn count_u64(length: usize) -> u64 {
    u64::try_from(length).expect("small")
}
