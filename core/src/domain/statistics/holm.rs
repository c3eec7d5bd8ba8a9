/// Adjusts p-values that are read together after Holm, in the order given: the smallest times how many there are, the
/// next times one fewer, and so on, never below the one before and never above 1. Rejecting what is adjusted below α
/// keeps the chance of any false rejection below α. What was not tested (`None`) does not count.
///
/// S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979).
#[must_use]
pub fn holm(p_values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut tested: Vec<(usize, f64)> =
        p_values.iter().enumerate().filter_map(|(place, p_value)| p_value.map(|p_value| (place, p_value))).collect();
    tested.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    let mut adjusted = vec![None; p_values.len()];
    let mut least: f64 = 0.0;
    for (step, (place, p_value)) in tested.iter().enumerate() {
        let left = tested.len().saturating_sub(step) as f64;
        least = least.max((left * p_value).min(1.0));
        if let Some(own) = adjusted.get_mut(*place) {
            *own = Some(least);
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(p_values: &[f64]) -> Vec<f64> {
        let known: Vec<Option<f64>> = p_values.iter().copied().map(Some).collect();
        holm(&known).into_iter().map(Option::unwrap).collect()
    }

    #[test]
    fn agrees_with_statsmodels() {
        for (found, expected) in of(&[0.01, 0.04, 0.03, 0.005]).into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert_eq!(of(&[0.2]), [0.2]);
        assert_eq!(of(&[0.6, 0.7]), [1.0, 1.0]);
        assert_eq!(of(&[]), Vec::<f64>::new());
    }

    #[test]
    fn rejects_what_the_procedure_rejects() {
        // As Holm words it: go up the sorted values, and stop at the first p > α / (how many are left).
        let values: Vec<f64> = (1..=12_u32).map(|i| f64::from(i * 37 % 101) / 700.0).collect();
        let adjusted = of(&values);
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        for alpha in (1..400_u32).map(|alpha| f64::from(alpha) / 401.0) {
            let rejected =
                sorted.iter().zip(0_u32..).take_while(|(p, step)| f64::from(12 - step) * **p <= alpha).count();
            for (value, adjusted) in values.iter().zip(&adjusted) {
                assert_eq!(*adjusted <= alpha, sorted[..rejected].contains(value), "{value} {adjusted} {alpha}");
            }
        }
    }

    #[test]
    fn what_was_not_tested_does_not_count() {
        assert_eq!(holm(&[None, Some(0.02), None, Some(0.03)]), [None, Some(0.04), None, Some(0.04)]);
    }
}
