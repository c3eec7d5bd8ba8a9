/// The 97.5 % quantile of the standard normal distribution: half the width of a 95 % interval, in standard errors.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// A 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Cuts the interval to what the quantity can reach at all, such as 0 to 1 for a score.
    #[must_use]
    pub fn within(self, least: f64, most: f64) -> Self {
        Self { low: self.low.max(least), high: self.high.min(most) }
    }
}

/// Computes the score interval of a pass rate `correct` / `total`; `None` when nothing was counted, or more passes than
/// trials.
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

/// A difference with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The first number less the second.
    pub difference: f64,
    /// The 95 % interval of the difference.
    pub interval: Interval,
}

/// Computes the difference of two independent pass rates, each a `(correct, total)`, with the hybrid of their two
/// Wilson intervals. `None` where [`wilson`] has none.
///
/// R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
/// methods", Statistics in Medicine 17 (1998), method 10.
#[must_use]
pub fn newcombe(first: (u64, u64), second: (u64, u64)) -> Option<Difference> {
    let rate =
        |(correct, total): (u64, u64)| wilson(correct, total).map(|interval| (correct as f64 / total as f64, interval));
    let Difference { difference, interval } = mover(rate(first)?, rate(second)?);
    Some(Difference { difference, interval: interval.within(-1.0, 1.0) })
}

/// Computes the difference of two independent numbers, each with its 95 % interval, with the hybrid of the two
/// intervals.
///
/// G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a general approach", Statistics
/// in Medicine 27 (2008): Newcombe's method for any two intervals.
#[must_use]
pub fn mover((a, of_a): (f64, Interval), (b, of_b): (f64, Interval)) -> Difference {
    let both = |one: f64, other: f64| (one * one + other * other).sqrt();
    let difference = a - b;
    let interval = Interval {
        low: difference - both(a - of_a.low, of_b.high - b),
        high: difference + both(of_a.high - a, b - of_b.low),
    };
    Difference { difference, interval }
}

/// Computes the normal 95 % interval of a mean with this standard error.
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
    fn newcombe_agrees_with_statsmodels() {
        for (first, second, difference, low, high) in [
            ((56, 70), (48, 80), 0.2, 0.052_431, 0.333_873),
            ((10, 10), (0, 20), 1.0, 0.679_086, 1.0),
            ((0, 20), (0, 20), 0.0, -0.161_125, 0.161_125),
            ((198, 225), (195, 225), 0.013_333, -0.048_839, 0.075_573),
        ] {
            let found = newcombe(first, second).unwrap();
            assert!((found.difference - difference).abs() < 5e-7, "{found:?}");
            assert!((found.interval.low - low).abs() < 5e-7, "{found:?}");
            assert!((found.interval.high - high).abs() < 5e-7, "{found:?}");
        }
        assert_eq!(newcombe((0, 0), (1, 2)), None);
        assert_eq!(newcombe((1, 2), (3, 2)), None);
    }

    #[test]
    fn two_normal_intervals_make_a_normal_one() {
        // √(3² + 4²) = 5.
        let found = mover((10.0, normal(10.0, 3.0)), (8.0, normal(8.0, 4.0)));
        let expected = normal(2.0, 5.0);
        assert!((found.difference - 2.0).abs() < 1e-12);
        assert!((found.interval.low - expected.low).abs() < 1e-12, "{found:?}");
        assert!((found.interval.high - expected.high).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn newcombe_the_other_way_round_is_its_mirror() {
        for correct in 0..=30 {
            for other in 0..=17 {
                let (there, back) =
                    (newcombe((correct, 30), (other, 17)).unwrap(), newcombe((other, 17), (correct, 30)).unwrap());
                let Interval { low, high } = there.interval;
                assert!((-1.0..=there.difference).contains(&low) && (there.difference..=1.0).contains(&high));
                assert!((there.difference + back.difference).abs() < 1e-15);
                assert!((low + back.interval.high).abs() < 1e-15 && (high + back.interval.low).abs() < 1e-15);
            }
        }
    }

    #[test]
    fn the_normal_interval_is_symmetric_and_can_be_cut_to_what_is_possible() {
        let interval = normal(0.6, 0.242_212);
        assert!((interval.low - 0.125_273).abs() < 5e-7 && (interval.high - 1.074_727).abs() < 5e-7);
        assert_eq!(interval.within(0.0, 1.0), Interval { low: interval.low, high: 1.0 });
        assert_eq!(normal(0.5, 0.0), Interval { low: 0.5, high: 0.5 });
    }
}
