//! Statistics worked out apart from the application, to hold its answers against.

use std::collections::BTreeMap;

use serde_json::Value;

const Z: f64 = 1.959_963_984_540_054;

/// A row of a leaderboard, as far as ranking goes.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The model.
    pub model: String,
    /// Passed.
    pub correct: u32,
    /// Of.
    pub total: u32,
}

impl Entry {
    /// Wilson's 95 % interval (1927), as the two roots of (p̂ − p)² = z²·p(1 − p)/n.
    pub fn interval(&self) -> (f64, f64) {
        let (n, p) = (f64::from(self.total), f64::from(self.correct) / f64::from(self.total));
        let (a, b, c) = (1.0 + Z * Z / n, -(2.0 * p + Z * Z / n), p * p);
        let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
        (((-b - root) / (2.0 * a)).max(0.0), ((-b + root) / (2.0 * a)).min(1.0))
    }

    /// The share that passed.
    pub fn score(&self) -> f64 {
        f64::from(self.correct) / f64::from(self.total)
    }

    /// Best and worst rank among these that the intervals allow.
    pub fn rank_range(&self, all: &[Self]) -> (usize, usize) {
        let intervals = all.iter().map(Self::interval).collect::<Vec<_>>();
        rank_range(self.interval(), &intervals)
    }

    /// The rank by score, which equal scores share.
    pub fn rank(&self, all: &[Self]) -> usize {
        1 + all.iter().filter(|other| other.score() > self.score()).count()
    }
}

/// Best and worst rank of this interval among all.
fn rank_range((low, high): (f64, f64), all: &[(f64, f64)]) -> (usize, usize) {
    let better = all.iter().filter(|other| other.0 > high).count();
    let worse = all.iter().filter(|other| other.1 < low).count();
    (1 + better, all.len() - worse)
}

/// Which tasks count: those of these values, any where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice<'a> {
    /// Of a task.
    pub scenario: Option<&'a str>,
    /// Of a task.
    pub language: Option<&'a str>,
    /// Of a task.
    pub difficulty: Option<&'a str>,
}

impl Slice<'_> {
    fn has(&self, task: &Value) -> bool {
        let dimensions = [(self.scenario, "scenario"), (self.language, "language"), (self.difficulty, "difficulty")];
        dimensions.into_iter().all(|(wanted, name)| wanted.is_none_or(|wanted| task[name] == wanted))
    }

    /// As parameters of a query, each after a `&`.
    pub fn query(&self) -> String {
        let dimensions = [(self.scenario, "scenario"), (self.language, "language"), (self.difficulty, "difficulty")];
        let given = dimensions.into_iter().filter_map(|(wanted, name)| Some(format!("&{name}={}", wanted?)));
        given.collect()
    }
}

/// Which scores are best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Best {
    /// Of pass rates.
    #[default]
    Highest,
    /// Of refusals.
    Lowest,
}

/// What a slice of one run comes to, worked out from its results as they were uploaded.
#[derive(Clone, Debug)]
pub struct Sliced {
    /// Tasks in the slice.
    pub tasks: usize,
    /// Passes.
    pub correct: u64,
    /// Attempts, or their samples.
    pub total: u64,
    /// The mean of all attempts.
    pub score: f64,
    /// 95 %.
    pub interval: Option<(f64, f64)>,
    /// The sum, where each is known.
    pub cost: Option<f64>,
    /// `numpy.percentile(latencies, [50, 95])` of those known.
    pub latencies: Option<(f64, f64)>,
}

impl Sliced {
    /// `None` where no task is in the slice.
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

    /// Checks a row, ranked among all rows of its slice.
    #[track_caller]
    pub fn assert_row(&self, row: &Value, all: &[Self], best: Best) {
        let intervals = all.iter().map(|one| one.interval.unwrap_or((0.0, 1.0))).collect::<Vec<_>>();
        let (low, high) = match best {
            Best::Highest => rank_range(self.interval.unwrap_or((0.0, 1.0)), &intervals),
            // From the other end: whoever is surely worse when more is better is surely better now.
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

/// The percentile of sorted numbers, interpolated as R's type 7.
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

/// pass@k of `correct` among `samples`: the share of the choices of `k` that hold a correct one (Chen 2021), counted
/// as 1 − Π (n − c − i)/(n − i).
pub fn pass_at(samples: u32, correct: u32, k: u32) -> f64 {
    let missed = (0..k).map(|i| {
        let wrong = samples.saturating_sub(correct + i);
        f64::from(wrong) / f64::from(samples - i)
    });
    1.0 - missed.product::<f64>()
}

/// McNemar's exact test (1947): two tails of a fair coin thrown once for each task that only one passed.
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

/// Holm's adjusted p-values (1979), in the order given.
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

/// Rank changes of the models other than `but`, between two whole leaderboards: model, from, to.
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
