/// Fewest clusters for which a clustered standard error is worth showing: below, it is too small too often.
pub const MINIMUM_CLUSTERS: usize = 20;

/// A mean of scores that fall into clusters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusteredMean {
    /// Mean over all scores: a larger cluster weighs more.
    pub mean: f64,
    /// Standard error of that mean, with the correction for few clusters.
    pub standard_error: f64,
    /// Number of clusters that held a score.
    pub clusters: usize,
}

/// Computes the mean of all scores and its standard error, where scores in one cluster may move together: the attempts
/// at one task, or the tasks made from one text. `None` below two clusters that hold a score.
///
/// √Σ_c(Σ_{i∈c}(s_i−s̄))² / n, times √(C/(C−1)). With one score a cluster it is the ordinary standard error.
///
/// E. Miller, "Adding error bars to evals" (2024), arXiv 2411.00640; the correction is the usual one, A. C. Cameron and
/// D. L. Miller, "A practitioner's guide to cluster-robust inference" (2015).
#[must_use]
pub fn clustered_mean<C: AsRef<[f64]>>(clusters: &[C]) -> Option<ClusteredMean> {
    let mut sum = 0.0;
    let mut scores = 0.0;
    let mut filled = 0_usize;
    for cluster in clusters.iter().map(AsRef::as_ref).filter(|cluster| !cluster.is_empty()) {
        sum += cluster.iter().sum::<f64>();
        scores += count(cluster.len());
        filled = filled.saturating_add(1);
    }
    if filled < 2 {
        return None;
    }
    let mean = sum / scores;
    let squares: f64 = clusters
        .iter()
        .map(|cluster| cluster.as_ref().iter().map(|score| score - mean).sum::<f64>())
        .map(|deviation| deviation * deviation)
        .sum();
    let correction = (count(filled) / (count(filled) - 1.0)).sqrt();
    Some(ClusteredMean { mean, standard_error: squares.sqrt() / scores * correction, clusters: filled })
}

fn count(length: usize) -> f64 {
    length as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPTS: [&[f64]; 4] = [&[1.0, 1.0, 0.0], &[0.0, 0.0], &[1.0, 1.0, 1.0, 1.0], &[0.0]];

    #[test]
    fn agrees_with_statsmodels() {
        let found = clustered_mean(&ATTEMPTS).unwrap();
        assert_eq!(found.clusters, 4);
        assert!((found.mean - 0.6).abs() < 1e-12);
        assert!((found.standard_error - 0.242_212).abs() < 5e-7, "{found:?}");
        let uncorrected = found.standard_error / (4.0_f64 / 3.0).sqrt();
        assert!((uncorrected - 0.209_762).abs() < 5e-7, "{uncorrected}");
    }

    #[test]
    fn is_the_ordinary_standard_error_when_every_score_stands_alone() {
        let alone: Vec<[f64; 1]> = ATTEMPTS.concat().into_iter().map(|score| [score]).collect();
        let found = clustered_mean(&alone).unwrap();
        assert!((found.standard_error - 0.163_299).abs() < 5e-7, "{found:?}");
    }

    #[test]
    fn needs_two_clusters_and_ignores_empty_ones() {
        assert_eq!(clustered_mean::<[f64; 0]>(&[]), None);
        assert_eq!(clustered_mean(&[vec![1.0, 0.0], vec![]]), None);
        let (with, without) = (clustered_mean(&[vec![1.0], vec![], vec![0.0]]), clustered_mean(&[[1.0], [0.0]]));
        assert!(with.is_some() && with == without);
    }
}
