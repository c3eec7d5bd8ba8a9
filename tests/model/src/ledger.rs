//! Limits held against their promise: of any window no more than the limit is let in, and nobody is refused who had room.

use crate::clock::Span;

/// What a key was used for, as far as the answers tell.
#[derive(Debug)]
pub struct Ledger {
    limit: usize,
    window_ms: i64,
    /// Uses, and whether each was certainly let in.
    uses: Vec<(Span, bool)>,
}

impl Ledger {
    /// At most `limit` uses in any window.
    #[must_use]
    pub fn new(limit: usize, window_ms: i64) -> Self {
        Self { limit, window_ms, uses: Vec::new() }
    }

    /// The limit.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// A use was let in.
    ///
    /// # Errors
    /// Where that is certainly more than the limit.
    pub fn let_in(&mut self, at: Span) -> Result<(), String> {
        self.uses.push((at, true));
        // All that certainly lie within one window that ends with this one, or holds it.
        let certain = self.uses.iter().filter(|(_, certain)| *certain).map(|(span, _)| *span);
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
            self.uses.retain(|(span, _)| span.high > horizon);
        }
        Ok(())
    }

    /// A use may have been let in: its answer was lost.
    pub fn perhaps(&mut self, at: Span) {
        self.uses.push((at, false));
    }

    /// A use was refused for the limit's sake; `others` were under way.
    ///
    /// # Errors
    /// Where there was certainly room.
    pub fn refused(&self, at: Span, others: usize) -> Result<(), String> {
        let recent = self.uses.iter().filter(|(span, _)| span.high > at.low - self.window_ms).count() + others;
        if recent < self.limit {
            return Err(format!("refused with {recent} of {} uses in {} ms", self.limit, self.window_ms));
        }
        Ok(())
    }
}
