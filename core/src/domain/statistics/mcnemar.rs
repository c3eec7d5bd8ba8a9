use statrs::distribution::{Binomial, DiscreteCDF as _};

use super::rounding::significant;

/// On how many tasks two models disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Discordant {
    /// Tasks that only the first passed.
    pub a_only: u64,
    /// Tasks that only the second passed.
    pub b_only: u64,
}

/// Computes the exact two-sided p-value of McNemar's test: how likely discordant counts at least as uneven are if
/// neither model is better; 1 where they never disagree. The tasks must be independent of one another.
///
/// Q. McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
/// Psychometrika 12 (1947); exact, by the binomial distribution.
#[must_use]
pub fn mcnemar(discordant: Discordant) -> f64 {
    let Discordant { a_only, b_only } = discordant;
    // The distribution is refused only where the probability is out of bounds, and a half is not.
    Binomial::new(0.5, a_only.saturating_add(b_only))
        .map_or(1.0, |coins| significant(2.0 * coins.cdf(a_only.min(b_only))).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(a_only: u64, b_only: u64) -> f64 {
        mcnemar(Discordant { a_only, b_only })
    }

    #[test]
    fn agrees_with_scipy() {
        for (a_only, b_only, expected) in [
            (18, 18, 1.0),
            (33, 31, 0.900_653_246_252_033_4),
            (37, 31, 0.544_612_223_419_259_2),
            (10, 0, 0.001_953_125),
            (0, 0, 1.0),
            (1, 0, 1.0),
            (3, 9, 0.145_996_093_75),
            (100, 150, 0.001_883_300_935_076_160_2),
            (2000, 2100, 0.122_064_979_991_136_55),
            (1, 40, 3.819_877_747_446_298_6e-11),
            (5000, 5600, 5.902_161_563_805_957e-9),
        ] {
            for found in [of(a_only, b_only), of(b_only, a_only)] {
                assert!((found / expected - 1.0).abs() < 1e-10, "{a_only}/{b_only}: {found}");
            }
        }
    }

    #[test]
    fn is_twice_the_smaller_tail() {
        for n in 0..=60_u32 {
            let mut choose = 1_u64;
            let mut tail = 0_u64;
            for fewer in 0..=n / 2 {
                tail += choose;
                choose = choose * u64::from(n - fewer) / u64::from(fewer + 1);
                let expected = (2.0 * tail as f64 / 2_f64.powi(n.cast_signed())).min(1.0);
                let found = of(fewer.into(), (n - fewer).into());
                assert!((found - expected).abs() < 1e-11, "{fewer} of {n}: {found} {expected}");
            }
        }
    }
}
