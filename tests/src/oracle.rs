//! Statistics worked out apart from the application, to hold its answers against.

/// A row of a leaderboard, as far as ranking goes.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The model.
    pub model: String,
    /// Passed.
    pub correct: u32,
    /// Of.
    pub total: u32,
}

impl Entry {
    /// Wilson's 95 % interval (1927), as the two roots of (p̂ − p)² = z²·p(1 − p)/n.
    pub fn interval(&self) -> (f64, f64) {
        const Z: f64 = 1.959_963_984_540_054;
        let (n, p) = (f64::from(self.total), f64::from(self.correct) / f64::from(self.total));
        let (a, b, c) = (1.0 + Z * Z / n, -(2.0 * p + Z * Z / n), p * p);
        let root = (b * b - 4.0 * a * c).max(0.0).sqrt();
        (((-b - root) / (2.0 * a)).max(0.0), ((-b + root) / (2.0 * a)).min(1.0))
    }

    /// The share that passed.
    pub fn score(&self) -> f64 {
        f64::from(self.correct) / f64::from(self.total)
    }

    /// Best and worst rank among these that the intervals allow.
    pub fn rank_range(&self, all: &[Self]) -> (usize, usize) {
        let (low, high) = self.interval();
        let better = all.iter().filter(|other| other.interval().0 > high).count();
        let worse = all.iter().filter(|other| other.interval().1 < low).count();
        (1 + better, all.len() - worse)
    }

    /// The rank by score, which equal scores share.
    pub fn rank(&self, all: &[Self]) -> usize {
        1 + all.iter().filter(|other| other.score() > self.score()).count()
    }
}
