/// The 97.5 % quantile of the standard normal distribution: both tails of a 95 % interval.
const Z: f64 = 1.959_963_984_540_054;

/// A 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// The part of the interval that the quantity can reach at all, such as 0 to 1 for a score.
    #[must_use]
    pub fn within(self, least: f64, most: f64) -> Self {
        Self { low: self.low.max(least), high: self.high.min(most) }
    }
}

/// The score interval of a pass rate `correct` / `total`; `None` when nothing was counted, or more passes than trials.
///
/// It stays within 0 and 1 and, unlike Wald's, keeps a width at 0 and at `total`.
///
/// E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
#[must_use]
pub fn wilson(correct: u64, total: u64) -> Option<Interval> {
    if total == 0 || correct > total {
        return None;
    }
    let n = total as f64;
    let rate = correct as f64 / n;
    let scale = 1.0 + Z * Z / n;
    let centre = (rate + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n)).sqrt();
    // At the ends the formula gives exactly 0 and 1; rounding would miss them by an ulp.
    Some(Interval {
        low: if correct == 0 { 0.0 } else { centre - half },
        high: if correct == total { 1.0 } else { centre + half },
    })
}

/// The normal interval on a mean with this standard error.
///
/// E. Miller, "Adding error bars to evals" (2024), arXiv 2411.00640.
#[must_use]
pub fn normal(mean: f64, standard_error: f64) -> Interval {
    let half = Z * standard_error;
    Interval { low: mean - half, high: mean + half }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_agrees_with_statsmodels() {
        for (correct, total, low, high) in [
            (81, 263, 0.255_289, 0.366_210),
            (15, 148, 0.062_386, 0.160_487),
            (0, 20, 0.0, 0.161_125),
            (10, 10, 0.722_467, 1.0),
            (198, 225, 0.831_038, 0.916_205),
        ] {
            let interval = wilson(correct, total).unwrap();
            assert!((interval.low - low).abs() < 5e-7, "{correct}/{total}: {interval:?}");
            assert!((interval.high - high).abs() < 5e-7, "{correct}/{total}: {interval:?}");
        }
    }

    #[test]
    fn wilson_reaches_the_ends_exactly_and_never_passes_them() {
        for total in 1..=400 {
            assert_eq!(wilson(0, total).unwrap().low, 0.0);
            assert_eq!(wilson(total, total).unwrap().high, 1.0);
            for correct in 0..=total {
                let Interval { low, high } = wilson(correct, total).unwrap();
                let rate = correct as f64 / total as f64;
                assert!((0.0..=rate).contains(&low) && (rate..=1.0).contains(&high) && low < high);
            }
        }
    }

    #[test]
    fn wilson_refuses_impossible_counts() {
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(226, 225), None);
    }

    #[test]
    fn the_normal_interval_is_symmetric_and_can_be_cut_to_what_is_possible() {
        let interval = normal(0.6, 0.242_212);
        assert!((interval.low - 0.125_273).abs() < 5e-7 && (interval.high - 1.074_727).abs() < 5e-7);
        assert_eq!(interval.within(0.0, 1.0), Interval { low: interval.low, high: 1.0 });
        assert_eq!(normal(0.5, 0.0), Interval { low: 0.5, high: 0.5 });
    }
}
