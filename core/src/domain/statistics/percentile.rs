/// The percentile of some numbers, 0 to 100 (more counts as 100), between two neighbours in proportion; `None` of none.
///
/// R. J. Hyndman and Y. Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996),
/// definition 7, the default of numpy and R.
#[must_use]
pub fn percentile(numbers: &[f64], percent: u8) -> Option<f64> {
    let mut ordered = numbers.to_vec();
    ordered.sort_unstable_by(f64::total_cmp);
    // In hundredths of a place, so that the place below is an exact division.
    let place = ordered.len().checked_sub(1)?.saturating_mul(usize::from(percent.min(100)));
    let below = *ordered.get(place / 100)?;
    let above = ordered.get((place / 100).saturating_add(1)).copied().unwrap_or(below);
    let share = u32::try_from(place % 100).map_or(0.0, f64::from) / 100.0;
    Some(below + (above - below) * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_numpy() {
        let numbers = [15.0, 20.0, 35.0, 40.0, 50.0];
        for (percent, expected) in [(0, 15.0), (25, 20.0), (40, 29.0), (50, 35.0), (95, 48.0), (100, 50.0), (255, 50.0)]
        {
            let found = percentile(&numbers, percent).unwrap();
            assert!((found - expected).abs() < 1e-12, "{percent}: {found}");
        }
    }

    #[test]
    fn does_not_mind_order_or_size() {
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7.0], 95), Some(7.0));
        assert_eq!(percentile(&[3.0, 1.0], 50), Some(2.0));
    }
}
