//! Statistical power: how sure a benchmark can be of a difference, and what it would take to be surer.

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::interval::Z;

/// The 80 % quantile of the standard normal distribution.
const Z_POWER: f64 = 0.841_621_233_572_914_3;
/// Most tasks, or attempts a task, that are given as an answer.
const MOST: f64 = 1e9;

/// Computes the power of a two-sided test at 5 % to find a difference of this size, given its standard error; `None`
/// where both are zero.
///
/// J. Cohen, "Statistical power analysis for the behavioral sciences" (1988).
#[must_use]
pub fn power(difference: f64, standard_error: f64) -> Option<f64> {
    let normal = Normal::standard();
    let effect = difference.abs() / standard_error;
    (!effect.is_nan()).then(|| normal.cdf(effect - Z) + normal.cdf(-effect - Z))
}

/// Computes the smallest difference that a two-sided test at 5 % finds with a power of 80 %, given its standard error.
///
/// E. Miller, "Adding error bars to evals" (2024), arXiv 2411.00640, section 5.
#[must_use]
pub fn detectable_difference(standard_error: f64) -> f64 {
    (Z + Z_POWER) * standard_error
}

/// Computes how many tasks like these it takes to find a difference with a power of 80 %, given its standard error on
/// `tasks` of them; `None` where there is no difference to find, or more than 10⁹ would be needed.
///
/// E. Miller (2024), section 5: `(z_{α/2} + z_β)² · V / δ²`, V being the variance of a task's difference.
#[must_use]
pub fn tasks_needed(tasks: u64, difference: f64, standard_error: f64) -> Option<u64> {
    if difference == 0.0 {
        return None;
    }
    let ratio = detectable_difference(standard_error) / difference.abs();
    whole(tasks as f64 * ratio * ratio)
}

/// The part of a difference's variance that is due to chance in the attempts, summed over the two systems that differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttemptVariance {
    /// Mean variance of one attempt at a task.
    pub of_attempt: f64,
    /// Mean variance of a task's mean over its attempts.
    pub of_mean: f64,
}

/// Computes how many attempts at each of the same tasks it takes to find a difference with a power of 80 %; `None`
/// where no number of attempts suffices, because of how much the tasks themselves differ, or more than 10⁹ would be
/// needed.
///
/// E. Miller (2024), sections 3.1 and 5: V = ω² + σ_A²/K_A + σ_B²/K_B, solved for K.
#[must_use]
pub fn attempts_needed(tasks: u64, difference: f64, standard_error: f64, chance: AttemptVariance) -> Option<u64> {
    let tasks = tasks as f64;
    let between = (tasks * standard_error * standard_error - chance.of_mean).max(0.0);
    let bearable = tasks * (difference / (Z + Z_POWER)).powi(2);
    let left = bearable - between;
    (left > 0.0).then(|| whole(chance.of_attempt / left)).flatten()
}

/// Estimates the variance of an attempt, and of a task's mean, from how often tasks were passed: `(attempts, passes,
/// tasks)`. Each task's is `p(1 − p)·n/(n − 1)`, the unbiased estimate. `None` unless each task was tried at least
/// twice.
#[must_use]
pub fn attempt_variance(pass_counts: &[(u64, u64, u64)]) -> Option<AttemptVariance> {
    let (mut of_attempt, mut of_mean, mut all) = (0.0, 0.0, 0.0);
    for &(attempts, passes, tasks) in pass_counts {
        if attempts < 2 || passes > attempts {
            return None;
        }
        let (attempts, tasks) = (attempts as f64, tasks as f64);
        let rate = passes as f64 / attempts;
        let mean = rate * (1.0 - rate) / (attempts - 1.0);
        of_attempt += tasks * mean * attempts;
        of_mean += tasks * mean;
        all += tasks;
    }
    (all > 0.0).then(|| AttemptVariance { of_attempt: of_attempt / all, of_mean: of_mean / all })
}

/// Rounds up to a whole number from 1 on, not lifted by rounding errors; `None` above [`MOST`].
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to 10⁹")]
fn whole(number: f64) -> Option<u64> {
    let number = (number * (1.0 - 1e-12)).ceil().max(1.0);
    (number <= MOST).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::super::{evalperf, paired_difference};
    use super::*;

    /// Compares with statsmodels: `NormalIndPower(ddof=0).power(d, 1, .05, ratio=0)`, the test of one mean.
    #[test]
    fn power_agrees_with_statsmodels() {
        for (effect, expected) in [
            (0.0, 0.05),
            (0.5, 0.079_097_534_160_596_4),
            (1.0, 0.170_075_045_753_087_5),
            (2.8, 0.799_556_871_435_651_4),
            (4.0, 0.979_326_631_902_575_7),
        ] {
            let found = power(effect, 1.0).unwrap();
            assert!((found - expected).abs() < 1e-9, "{effect}: {found}");
            assert_eq!(power(-effect, 1.0), Some(found));
        }
        assert_eq!(power(0.1, 0.0), Some(1.0));
        assert_eq!(power(0.0, 0.0), None);
    }

    /// Checks Miller's example: a difference of 3 % with ω² = 1/9 takes 969 questions.
    #[test]
    fn tasks_needed_agrees_with_miller() {
        let variance = 1.0_f64 / 9.0;
        for tasks in [100_u64, 198, 1000] {
            assert_eq!(tasks_needed(tasks, 0.03, (variance / tasks as f64).sqrt()), Some(969));
        }
        assert_eq!(tasks_needed(100, 0.0, 0.1), None);
        assert_eq!(tasks_needed(100, 0.0, 0.0), None, "nothing tells apart what does not differ");
        assert_eq!(tasks_needed(100, 1e-9, 0.1), None);
        assert_eq!(tasks_needed(100, 0.5, 0.0), Some(1));
    }

    #[test]
    fn what_is_needed_is_detected_and_no_less() {
        let variance = 0.2_f64;
        let needed = tasks_needed(50, 0.04, (variance / 50.0).sqrt()).unwrap();
        let error = |tasks: u64| (variance / tasks as f64).sqrt();
        assert!(detectable_difference(error(needed)) <= 0.04);
        assert!(detectable_difference(error(needed - 1)) > 0.04);
        assert!((power(0.04, error(needed)).unwrap() - 0.8).abs() < 1e-3);
    }

    /// Compares with scipy on the per-task pass@1: n = 118, difference .0190678, standard error .0226228.
    #[test]
    fn evalperf_cannot_tell_two_models_apart() {
        let of = |model: &str| evalperf::scores(model);
        let (a, b) = (of("deepseek-chat-v3_openai_temp_1.0"), of("gpt-4o-2024-08-06_openai_temp_1.0"));
        let differences = a.iter().map(|(task, score)| [score - b[task]]).collect::<Vec<_>>();
        let found = paired_difference(&differences).unwrap();
        let (difference, error) = (found.difference, found.standard_error);
        assert!((power(difference, error).unwrap() - 0.134_507_163_300_327_1).abs() < 1e-9);
        assert!((detectable_difference(error) - 0.063_379_746_066_986_83).abs() < 1e-12);
        assert_eq!(tasks_needed(118, difference, error), Some(1304));
    }

    #[test]
    fn attempts_take_chance_away_but_not_how_tasks_differ() {
        // Five tasks tried four times: passed 0, 1, 2, 3 and 4 times. numpy.var(ddof=1): 0, 1/4, 1/3, 1/4, 0.
        let counts = [(4, 0, 1), (4, 1, 1), (4, 2, 1), (4, 3, 1), (4, 4, 1)];
        let chance = attempt_variance(&counts).unwrap();
        assert!((chance.of_attempt - (0.25 + 1.0 / 3.0 + 0.25) / 5.0).abs() < 1e-12, "{chance:?}");
        assert!((chance.of_mean - chance.of_attempt / 4.0).abs() < 1e-12, "{chance:?}");
        assert_eq!(attempt_variance(&[(1, 1, 10)]), None);
        assert_eq!(attempt_variance(&[]), None);

        // ω² = 0.1, σ² of both together 1/3, one attempt each, 198 tasks.
        let (tasks, between, both) = (198_u64, 0.1, 1.0 / 3.0);
        let chance = AttemptVariance { of_attempt: both, of_mean: both };
        let error = ((between + both) / tasks as f64).sqrt();
        let needed = attempts_needed(tasks, 0.08, error, chance).unwrap();
        let error_with = |attempts: u64| ((between + both / attempts as f64) / tasks as f64).sqrt();
        assert!(detectable_difference(error_with(needed)) <= 0.08);
        assert!(detectable_difference(error_with(needed - 1)) > 0.08);
        assert_eq!(attempts_needed(tasks, 0.05, error, chance), None, "ω² alone hides it");
    }
}
