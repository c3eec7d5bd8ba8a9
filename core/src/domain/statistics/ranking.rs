use super::Interval;

/// The ranks that a row may hold, given how far the intervals of all rows reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RankRange {
    /// Best rank: one more than the number of rows that are surely better.
    pub low: usize,
    /// Worst rank: the number of all rows but those that are surely worse.
    pub high: usize,
}

/// Computes the rank range of each row, in the order given: low = 1 + #{j: lo_j > hi_i}, high = N − #{j: hi_j < lo_i}.
/// Intervals that only touch do not separate two rows. Ends are numbers, never NaN.
///
/// W.-L. Chiang and others, "Chatbot Arena" (2024), arXiv 2403.04132.
#[must_use]
pub fn rank_ranges(intervals: &[Interval]) -> Vec<RankRange> {
    let lows = sorted(intervals.iter().map(|interval| interval.low));
    let highs = sorted(intervals.iter().map(|interval| interval.high));
    let rows = intervals.len();
    intervals
        .iter()
        .map(|interval| {
            let not_better = lows.partition_point(|low| *low <= interval.high);
            let worse = highs.partition_point(|high| *high < interval.low);
            RankRange { low: rows.saturating_sub(not_better).saturating_add(1), high: rows.saturating_sub(worse) }
        })
        .collect()
}

/// Computes the rank of each score, the highest first, in the order given. Equal scores share a rank and the ranks
/// after them are skipped (1, 2, 2, 4), as in sports. Scores are numbers, never NaN.
#[must_use]
pub fn ranks(scores: &[f64]) -> Vec<usize> {
    let ordered = sorted(scores.iter().copied());
    scores
        .iter()
        .map(|score| {
            let not_better = ordered.partition_point(|other| other <= score);
            ordered.len().saturating_sub(not_better).saturating_add(1)
        })
        .collect()
}

/// Numbers the tie group of each row, in the order given: rows whose `low` is equal share one, numbered 1, 2, 3 … from
/// the best.
#[must_use]
pub fn tie_groups(ranges: &[RankRange]) -> Vec<usize> {
    let mut lows: Vec<usize> = ranges.iter().map(|range| range.low).collect();
    lows.sort_unstable();
    lows.dedup();
    ranges.iter().map(|range| lows.partition_point(|low| *low <= range.low)).collect()
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<f64> = numbers.collect();
    numbers.sort_unstable_by(f64::total_cmp);
    numbers
}

#[cfg(test)]
mod tests {
    use super::super::{aider, wilson};
    use super::*;

    #[test]
    fn aider_rank_ranges() {
        let intervals: Vec<Interval> = aider::ROWS.iter().map(|row| wilson(row.passed, row.cases).unwrap()).collect();
        let ranges = rank_ranges(&intervals);
        let best = aider::ROWS.iter().position(|row| row.model == "gpt-5 (high)").unwrap();
        assert_eq!(ranges[best], RankRange { low: 1, high: 9 });
        assert_eq!(ranges.iter().filter(|range| range.low == 1).count(), 9);
        let groups = tie_groups(&ranges);
        assert_eq!(groups.iter().filter(|group| **group == 1).count(), 9);
        for (range, rank) in ranges.iter().zip(ranks(&aider::scores())) {
            assert!(range.low <= rank && rank <= range.high, "{range:?} {rank}");
        }
    }

    #[test]
    fn rank_ranges_follow_the_definition() {
        let interval = |low, high| Interval { low, high };
        let mut intervals =
            vec![interval(0.1, 0.2), interval(0.2, 0.3), interval(0.25, 0.25), interval(0.3, 0.9), interval(0.0, 1.0)];
        intervals.extend(aider::ROWS.iter().map(|row| wilson(row.passed, row.cases).unwrap()));
        let expected: Vec<RankRange> = intervals
            .iter()
            .map(|i| RankRange {
                low: 1 + intervals.iter().filter(|j| j.low > i.high).count(),
                high: intervals.len() - intervals.iter().filter(|j| j.high < i.low).count(),
            })
            .collect();
        assert_eq!(rank_ranges(&intervals), expected);
        assert_eq!(rank_ranges(&[]), []);
        assert_eq!(rank_ranges(&[interval(0.0, 1.0)]), [RankRange { low: 1, high: 1 }]);
    }

    #[test]
    fn equal_scores_share_a_rank() {
        assert_eq!(ranks(&[0.5, 0.9, 0.7, 0.7, 0.1, 0.7]), [5, 1, 2, 2, 6, 2]);
        assert_eq!(ranks(&[0.0, -0.0]), [1, 1]);
        assert_eq!(ranks(&[]), Vec::<usize>::new());
    }

    #[test]
    fn tie_groups_have_no_gaps() {
        let range = |low| RankRange { low, high: 9 };
        assert_eq!(tie_groups(&[range(4), range(1), range(1), range(7), range(4)]), [2, 1, 1, 3, 2]);
        assert_eq!(tie_groups(&[]), Vec::<usize>::new());
    }
}
