use std::collections::BTreeMap;

/// The k that papers tell.
const USUAL_K: [u64; 4] = [1, 5, 10, 100];

/// Computes how likely at least one of k attempts at a task passes, over the tasks' mean: for the usual k that every task has
/// samples for. A count is samples, passes, and how many tasks have these; `None` without counts.
#[must_use]
pub fn mean_pass_at_k(pass_counts: &[(u64, u64, u64)]) -> Option<BTreeMap<u64, f64>> {
    let fewest = pass_counts.iter().map(|(samples, ..)| *samples).min()?;
    let tasks = pass_counts.iter().map(|(.., tasks)| *tasks as f64).sum::<f64>();
    let mean = |k: u64| {
        let passes = pass_counts.iter().map(|(n, c, tasks)| Some(pass_at_k(*n, *c, k)? * *tasks as f64));
        passes.sum::<Option<f64>>().map(|passes| (k, passes / tasks))
    };
    Some(USUAL_K.into_iter().filter(|k| *k <= fewest).filter_map(mean).collect())
}

/// Estimates how likely at least one of `k` samples passes, where `correct` of `samples` did: 1 − C(n−c, k) / C(n, k),
/// the unbiased estimator, as a product that cannot overflow. `None` where `k` is 0, or there are fewer than `k`
/// samples, or more passes.
///
/// M. Chen and others, "Evaluating large language models trained on code" (2021), arXiv 2107.03374.
#[must_use]
pub fn pass_at_k(samples: u64, correct: u64, k: u64) -> Option<f64> {
    if k == 0 || k > samples || correct > samples {
        return None;
    }
    let failed = samples.saturating_sub(correct);
    if failed < k {
        return Some(1.0);
    }
    // Of the two products, the one with fewer factors: C(n−c, k) / C(n, k) = Π (1 − k/i) = Π (1 − c/i).
    let (fewer, other) = if correct < k { (correct, k) } else { (k, correct) };
    let first = samples.saturating_sub(fewer).saturating_add(1);
    let none = (first..=samples).map(|i| 1.0 - other as f64 / i as f64).product::<f64>();
    Some(1.0 - none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_estimator() {
        for (samples, correct, k, expected) in
            [(5, 2, 2, 0.7), (10, 3, 5, 0.916_667), (100, 32, 10, 0.983_204), (10, 8, 3, 1.0), (10, 0, 5, 0.0)]
        {
            let found = pass_at_k(samples, correct, k).unwrap();
            assert!((found - expected).abs() < 5e-7, "({samples}, {correct}, {k}): {found}");
        }
    }

    #[test]
    fn is_the_share_of_draws_with_a_pass() {
        // Every subset of k of n samples, of which the first c pass.
        for samples in 1..=10_u64 {
            for correct in 0..=samples {
                for k in 1..=samples {
                    let draws = (0..1_u64 << samples).filter(|draw| u64::from(draw.count_ones()) == k);
                    let draws = draws.map(|draw| draw & ((1 << correct) - 1) != 0).collect::<Vec<_>>();
                    let share = draws.iter().filter(|passes| **passes).count() as f64 / draws.len() as f64;
                    assert!((pass_at_k(samples, correct, k).unwrap() - share).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn the_mean_weighs_each_task_alike() {
        // One task of ten samples of which three pass, and three tasks of five of which two do.
        let means = mean_pass_at_k(&[(10, 3, 1), (5, 2, 3)]).unwrap();
        assert_eq!(means.keys().copied().collect::<Vec<_>>(), [1, 5], "not every task has ten samples");
        assert!((means[&1] - (0.3 + 3.0 * 0.4) / 4.0).abs() < 1e-12, "{means:?}");
        assert!((means[&5] - (0.916_667 + 3.0) / 4.0).abs() < 5e-7, "{means:?}");
        assert_eq!(mean_pass_at_k(&[]), None);
        assert_eq!(mean_pass_at_k(&[(0, 0, 4)]), Some(BTreeMap::new()));
    }

    #[test]
    fn refuses_what_cannot_be() {
        assert_eq!(pass_at_k(5, 6, 1), None);
        assert_eq!(pass_at_k(5, 2, 6), None);
        assert_eq!(pass_at_k(5, 2, 0), None);
    }
}
