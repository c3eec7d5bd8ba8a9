/// Computes a composite score: Σ w·s / Σ w over the parts present, each given as weight and score; `None` unless their
/// weights add up to more than 0.
///
/// An absent part does not count as nothing: the weights of the rest are renormalised.
#[must_use]
pub fn weighted_score(parts: &[(f64, f64)]) -> Option<f64> {
    let weights = parts.iter().map(|(weight, _)| weight).sum::<f64>();
    let scores = parts.iter().map(|(weight, score)| weight * score).sum::<f64>();
    (weights > 0.0).then(|| scores / weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_parts_are_renormalised() {
        let all = weighted_score(&[(40.0, 0.8), (25.0, 0.6), (20.0, 0.5), (7.5, 1.0), (7.5, 0.0)]).unwrap();
        assert!((all - 0.645).abs() < 1e-12, "{all}");
        let two = weighted_score(&[(40.0, 0.8), (25.0, 0.6)]).unwrap();
        assert!((two - 47.0 / 65.0).abs() < 1e-12, "{two}");
        assert_eq!(weighted_score(&[(7.5, 0.25)]), Some(0.25));
        assert_eq!(weighted_score(&[]), None);
    }
}
