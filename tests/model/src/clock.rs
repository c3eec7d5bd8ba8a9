//! Time that is known only within bounds: a request takes effect some time between its start and its answer.

/// An interval of milliseconds, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The earliest.
    pub low: i64,
    /// The latest.
    pub high: i64,
}

impl Span {
    /// A moment.
    #[must_use]
    pub fn at(now: i64) -> Self {
        Self { low: now, high: now }
    }

    /// Widens it to hold the moment.
    pub fn include(&mut self, now: i64) {
        self.low = self.low.min(now);
        self.high = self.high.max(now);
    }

    /// The same or a longer one, of few lengths: that of a request grows while it is under way, and states that differ in
    /// nothing but that are to be one.
    #[must_use]
    pub fn coarse(self) -> Self {
        let length = u64::try_from(self.high - self.low).unwrap_or(0);
        Self { low: self.low, high: self.low + i64::try_from(length.next_power_of_two()).unwrap_or(0) }
    }

    /// Whether `ms` have passed since `since`, when it is now: one answer, or both.
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
