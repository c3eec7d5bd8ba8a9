use statrs::distribution::{ContinuousCDF as _, StudentsT};

use super::{Interval, MINIMUM_CLUSTERS, clustered_mean, rounding::significant};

/// The difference of two models on the same tasks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedDifference {
    /// Mean over tasks of the first's score less the second's.
    pub difference: f64,
    /// Standard error of the difference.
    pub standard_error: f64,
    /// Number of clusters of tasks: as many as tasks where each stands alone.
    pub clusters: usize,
    /// 95 % t interval of the difference; `None` below [`MINIMUM_CLUSTERS`].
    pub interval: Option<Interval>,
    /// Two-sided p-value of the t test; `None` below [`MINIMUM_CLUSTERS`].
    pub p_value: Option<f64>,
}

/// Computes the mean of per-task differences, given cluster by cluster, with the clustered standard error of
/// [`clustered_mean`], and Student's t with as many degrees of freedom as clusters less one. `None` below two clusters
/// that hold a task.
///
/// With every task its own cluster the error is √(SE_A² + SE_B² − 2·Cov(A, B)/n): pairing takes out how hard the tasks
/// are.
///
/// E. Miller, "Adding error bars to evals" (2024), arXiv 2411.00640; Student, "The probable error of a mean",
/// Biometrika 6 (1908).
#[must_use]
pub fn paired_difference<C: AsRef<[f64]>>(differences: &[C]) -> Option<PairedDifference> {
    let mean = clustered_mean(differences)?;
    let student = (mean.clusters >= MINIMUM_CLUSTERS)
        .then(|| StudentsT::new(0.0, 1.0, mean.clusters.saturating_sub(1) as f64).ok())
        .flatten();
    Some(PairedDifference {
        difference: mean.mean,
        standard_error: mean.standard_error,
        clusters: mean.clusters,
        interval: student.map(|student| {
            let half = significant(student.inverse_cdf(0.975)) * mean.standard_error;
            Interval { low: mean.mean - half, high: mean.mean + half }
        }),
        p_value: student.map(|student| {
            // Without any spread a difference is certain, and so is equality.
            match mean.mean.abs() / mean.standard_error {
                t if t.is_nan() => 1.0,
                t => significant(2.0 * student.sf(t)),
            }
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::super::evalperf;
    use super::*;

    fn alone(differences: &[f64]) -> Vec<[f64; 1]> {
        differences.iter().map(|difference| [*difference]).collect()
    }

    #[test]
    fn evalperf_agrees_with_scipy() {
        let (deepseek, gpt) = (
            evalperf::scores("deepseek-chat-v3_openai_temp_1.0"),
            evalperf::scores("gpt-4o-2024-08-06_openai_temp_1.0"),
        );
        assert!(deepseek.len() == 118 && deepseek.keys().eq(gpt.keys()));
        let differences: Vec<[f64; 1]> = deepseek.iter().map(|(task, score)| [score - gpt[task]]).collect();
        let found = paired_difference(&differences).unwrap();
        assert_eq!(found.clusters, 118);
        assert!((found.difference - 0.019_067_796_610_169_5).abs() < 1e-12, "{found:?}");
        assert!((found.standard_error - 0.022_622_815_703_488_04).abs() < 1e-12, "{found:?}");
        assert!((found.p_value.unwrap() - 0.401_028_229_863_874_9).abs() < 1e-10, "{found:?}");
        let interval = found.interval.unwrap();
        assert!((interval.low + 0.025_735_504_425_260_56).abs() < 1e-10, "{found:?}");
        assert!((interval.high - 0.063_871_097_645_599_56).abs() < 1e-10, "{found:?}");
    }

    #[test]
    fn student_agrees_with_scipy() {
        for (freedom, t, p_value) in [
            (19.0, 0.0, 1.0),
            (19.0, 1.96, 0.064_828_979_288_969_33),
            (24.0, 12.0, 1.249_869_155_033_815_8e-11),
            (117.0, 0.1, 0.920_515_473_429_895_1),
            (224.0, 5.0, 1.156_447_026_495_811_8e-6),
            (1000.0, 12.0, 4.324_057_386_774_429e-31),
        ] {
            let found = 2.0 * StudentsT::new(0.0, 1.0, freedom).unwrap().sf(t);
            assert!((found / p_value - 1.0).abs() < 1e-10, "{freedom} {t}: {found}");
        }
        for (freedom, quantile) in [
            (19.0, 2.093_024_054_408_308_7),
            (24.0, 2.063_898_561_628_024_5),
            (117.0, 1.980_447_598_683_402_5),
            (1000.0, 1.962_339_080_826_408_3),
            (9999.0, 1.960_201_263_621_357_7),
        ] {
            let found = StudentsT::new(0.0, 1.0, freedom).unwrap().inverse_cdf(0.975);
            assert!((found / quantile - 1.0).abs() < 1e-10, "{freedom}: {found}");
        }
    }

    #[test]
    fn the_error_is_that_of_both_less_what_they_share() {
        let a: Vec<f64> = (0..50_u32).map(|i| f64::from(i * 37 % 50) / 50.0).collect();
        let b: Vec<f64> = (0..50_u32).map(|i| f64::from((i * 37 + i % 7 * 3) % 50) / 50.0).collect();
        let n = 50.0;
        let mean = |scores: &[f64]| scores.iter().sum::<f64>() / n;
        let covariance = |x: &[f64], y: &[f64]| {
            x.iter().zip(y).map(|(x_i, y_i)| (x_i - mean(x)) * (y_i - mean(y))).sum::<f64>() / (n - 1.0)
        };
        let expected = ((covariance(&a, &a) + covariance(&b, &b) - 2.0 * covariance(&a, &b)) / n).sqrt();
        let differences: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        let found = paired_difference(&alone(&differences)).unwrap();
        assert!((found.standard_error - expected).abs() < 1e-14, "{found:?} {expected}");
        assert!((found.difference - (mean(&a) - mean(&b))).abs() < 1e-14);
    }

    #[test]
    fn clusters_count_once_each() {
        // Every difference twice, in clusters of two, says no more than each once.
        let once: Vec<f64> = (0..25_u32).map(|i| f64::from(i % 4) - 1.2).collect();
        let twice: Vec<[f64; 2]> = once.iter().map(|difference| [*difference; 2]).collect();
        let (once, twice) = (paired_difference(&alone(&once)).unwrap(), paired_difference(&twice).unwrap());
        assert_eq!(once.clusters, twice.clusters);
        assert!((once.standard_error - twice.standard_error).abs() < 1e-14);
        assert!((once.p_value.unwrap() - twice.p_value.unwrap()).abs() < 1e-12);
    }

    #[test]
    fn few_clusters_say_too_little() {
        let of = |tasks: usize| {
            let differences: Vec<f64> = (0..tasks).map(|i| (i % 3) as f64 - 1.0).collect();
            paired_difference(&alone(&differences))
        };
        assert!(of(19).is_some_and(|found| found.interval.is_none() && found.p_value.is_none()));
        assert!(of(20).is_some_and(|found| found.interval.is_some() && found.p_value.is_some()));
        assert_eq!(of(1), None);
        assert_eq!(of(0), None);
    }

    #[test]
    fn without_spread_all_is_certain() {
        let same = paired_difference(&[[0.0]; 20]).unwrap();
        assert_eq!((same.difference, same.p_value), (0.0, Some(1.0)));
        assert_eq!(same.interval, Some(Interval { low: 0.0, high: 0.0 }));
        let better = paired_difference(&[[0.5]; 20]).unwrap();
        assert_eq!((better.difference, better.p_value), (0.5, Some(0.0)));
    }
}
