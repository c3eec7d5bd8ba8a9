//! Check of a key's limit: no window lets in more than the limit, and nobody is refused while the limit has room.

use crate::clock::Span;

/// The uses of one key, as far as the answers tell.
#[derive(Debug)]
pub struct Ledger {
    limit: usize,
    window_ms: i64,
    uses: Vec<Use>,
}

#[derive(Debug)]
struct Use {
    at: Span,
    /// The latest that any clock had shown by the use: where a clock was set back, a limit's time stands still until
    /// it has caught up, and the use may count from then.
    latest: i64,
    /// Whether the use was certainly let in.
    certain: bool,
}

impl Ledger {
    /// Creates a ledger of a limit: at most `limit` uses in any window.
    #[must_use]
    pub fn new(limit: usize, window_ms: i64) -> Self {
        Self { limit, window_ms, uses: Vec::new() }
    }

    /// Returns the limit, in uses per window.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Notes that a use was let in; `latest` is the latest time that the clock has shown.
    ///
    /// # Errors
    /// Returns why that is certainly more than the limit.
    pub fn let_in(&mut self, at: Span, latest: i64) -> Result<(), String> {
        self.uses.push(Use { at, latest, certain: true });
        // All uses that certainly lie within one window that ends with this use, or contains it.
        let certain = self.uses.iter().filter(|known| known.certain).map(|known| known.at);
        let certain = certain.filter(|span| span.high > at.low - self.window_ms - 1).collect::<Vec<_>>();
        for first in &certain {
            let within = |span: &&Span| span.low >= first.low && span.high < first.low + self.window_ms;
            let count = certain.iter().filter(within).count();
            if count > self.limit {
                return Err(format!("{count} uses within {} ms from {}, of {}", self.window_ms, first.low, self.limit));
            }
        }
        let horizon = at.low - 4 * self.window_ms;
        if self.uses.len() > 4 * self.limit + 64 {
            self.uses.retain(|known| known.at.high > horizon);
        }
        Ok(())
    }

    /// Notes that a use may have been let in, since its answer was lost.
    pub fn perhaps(&mut self, at: Span, latest: i64) {
        self.uses.push(Use { at, latest, certain: false });
    }

    /// Checks a refusal for the limit's sake, while `others` were under way.
    ///
    /// # Errors
    /// Returns why there was certainly room.
    pub fn refused(&self, at: Span, others: usize) -> Result<(), String> {
        let counts = |known: &&Use| known.at.high.max(known.latest) > at.low - self.window_ms;
        let recent = self.uses.iter().filter(counts).count() + others;
        if recent < self.limit {
            return Err(format!("refused with {recent} of {} uses in {} ms", self.limit, self.window_ms));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limits_time_stands_still_while_a_clock_catches_up() {
        let used = |latest| {
            let mut ledger = Ledger::new(1, 1000);
            ledger.let_in(Span::at(5000), latest).unwrap();
            ledger
        };
        assert!(used(5000).refused(Span::at(5999), 0).is_ok());
        assert!(used(5000).refused(Span::at(6000), 0).is_err());
        assert!(used(5300).refused(Span::at(6000), 0).is_ok());
        assert!(used(5300).refused(Span::at(6300), 0).is_err());
    }
}
