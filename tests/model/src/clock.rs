//! Time that is known only within bounds: a request takes effect some time between its start and its answer.

/// An interval of milliseconds since the epoch, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The earliest time.
    pub low: i64,
    /// The latest time.
    pub high: i64,
}

impl Span {
    /// Creates the interval of a single moment.
    #[must_use]
    pub fn at(now: i64) -> Self {
        Self { low: now, high: now }
    }

    /// Widens the interval to include the moment.
    pub fn include(&mut self, now: i64) {
        self.low = self.low.min(now);
        self.high = self.high.max(now);
    }

    /// Lengthens the interval to a power of two. An interval grows while its request is under way; rounding merges
    /// states that differ in nothing else.
    #[must_use]
    pub fn coarse(self) -> Self {
        let length = u64::try_from(self.high - self.low).unwrap_or(0);
        Self { low: self.low, high: self.low + i64::try_from(length.next_power_of_two()).unwrap_or(0) }
    }

    /// Checks whether `ms` milliseconds have passed between `since` and this time; returns both answers where both are
    /// possible.
    #[must_use]
    pub fn passed(self, ms: i64, since: Self) -> Vec<bool> {
        if self.low >= since.high + ms {
            vec![true]
        } else if self.high < since.low + ms {
            vec![false]
        } else {
            vec![true, false]
        }
    }
}
