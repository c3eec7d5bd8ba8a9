use std::collections::VecDeque;

use crate::ports::{LimitState, Timestamp};

/// A sliding log: the exact limiter. It keeps what was admitted within the window, so of any burst no window
/// admits more than the limit, and a burst that starts from empty gets all of it. Admissions of the same
/// millisecond share an entry; there are never more entries than the limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlidingLog {
    entries: VecDeque<(Timestamp, u32)>,
    /// The sum of their costs.
    used: u32,
}

impl SlidingLog {
    /// A log with these admissions, oldest first.
    #[must_use]
    pub fn from_entries(entries: impl IntoIterator<Item = (Timestamp, u32)>) -> Self {
        let entries = entries.into_iter().collect::<VecDeque<_>>();
        let used = entries.iter().fold(0_u32, |sum, (_, cost)| sum.saturating_add(*cost));
        Self { entries, used }
    }

    /// Its admissions, oldest first, with their costs.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (Timestamp, u32)> + '_ {
        self.entries.iter().copied()
    }

    /// Its admissions of this time and later.
    pub fn entries_from(&self, start: Timestamp) -> impl Iterator<Item = (Timestamp, u32)> + '_ {
        self.entries.range(self.entries.partition_point(|(at, _)| *at < start)..).copied()
    }

    /// The cost of all that is in use; call [`SlidingLog::expire`] first.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.used
    }

    /// The cost of what was admitted after this.
    #[must_use]
    pub fn used_since(&self, after: Timestamp) -> u32 {
        let recent = self.entries.iter().rev().take_while(|(at, _)| *at > after);
        recent.fold(0, |sum, (_, cost)| sum.saturating_add(*cost))
    }

    /// Whether nothing is in use.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets what has left the window. An admission at `t` weighs until `t + window_ms`, exclusively.
    pub fn expire(&mut self, window_ms: u64, now: Timestamp) {
        while let Some((_, cost)) = self.entries.pop_front_if(|(at, _)| now.ms_since(*at) >= window_ms) {
            self.used = self.used.saturating_sub(cost);
        }
    }

    /// Where the log stands; call [`SlidingLog::expire`] first.
    #[must_use]
    pub fn state(&self, limit: u32, window_ms: u64, now: Timestamp) -> LimitState {
        let reset_after_ms = self.entries.front().map_or(0, |(at, _)| window_ms.saturating_sub(now.ms_since(*at)));
        LimitState { remaining: limit.saturating_sub(self.used), reset_after_ms }
    }

    /// Charges `cost`, if it fits; call [`SlidingLog::expire`] first. Says whether it did.
    pub fn charge(&mut self, limit: u32, cost: u32, now: Timestamp) -> bool {
        let Some(used) = self.used.checked_add(cost).filter(|used| *used <= limit) else { return false };
        self.used = used;
        // A clock that was set back must not let an entry leave before those admitted earlier.
        let at = self.entries.back().map_or(now, |(last, _)| now.max(*last));
        match self.entries.back_mut() {
            Some((last, sum)) if *last == at => *sum = sum.saturating_add(cost),
            _ if cost == 0 => {}
            _ => self.entries.push_back((at, cost)),
        }
        true
    }

    /// Expires, then charges `cost` if it fits, and says where the log stands after that.
    pub fn admit(&mut self, limit: u32, window_ms: u64, cost: u32, now: Timestamp) -> (bool, LimitState) {
        self.expire(window_ms, now);
        let allowed = self.charge(limit, cost, now);
        (allowed, self.state(limit, window_ms, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rule itself, over everything ever admitted.
    fn oracle(admitted: &[(i64, u32)], limit: u32, window: i64, cost: u32, now: i64) -> bool {
        admitted.iter().filter(|(at, _)| now - at < window).map(|(_, cost)| cost).sum::<u32>() + cost <= limit
    }

    #[test]
    fn decides_as_the_rule_says() {
        for seed in 1..200_u64 {
            let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mut next = |bound: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % bound
            };
            let (limit, window) = (1 + next(8) as u32, 1 + next(50) as i64);
            let (mut log, mut admitted, mut now) = (SlidingLog::default(), Vec::new(), 1_000_i64);
            for _ in 0..200 {
                now += next(12) as i64;
                let cost = 1 + next(3) as u32;
                let (allowed, standing) = log.admit(limit, window as u64, cost, Timestamp(now));
                assert_eq!(allowed, oracle(&admitted, limit, window, cost, now), "seed {seed}");
                if allowed {
                    admitted.push((now, cost));
                }
                assert!(
                    standing.remaining == 0 || oracle(&admitted, limit, window, standing.remaining, now),
                    "seed {seed}"
                );
                assert!(!oracle(&admitted, limit, window, standing.remaining + 1, now), "seed {seed}");
                assert!(log.entries().count() <= limit as usize, "seed {seed}");
            }
        }
    }

    #[test]
    fn what_reset_promises_comes_true() {
        let mut log = SlidingLog::default();
        assert!(log.admit(2, 1000, 1, Timestamp(0)).0);
        assert!(log.admit(2, 1000, 1, Timestamp(400)).0);
        let (allowed, state) = log.admit(2, 1000, 1, Timestamp(500));
        assert_eq!((allowed, state), (false, LimitState { remaining: 0, reset_after_ms: 500 }));
        assert!(!log.admit(2, 1000, 1, Timestamp(999)).0);
        assert!(log.admit(2, 1000, 1, Timestamp(1000)).0);
    }

    #[test]
    fn a_clock_set_back_frees_nothing() {
        let mut log = SlidingLog::default();
        assert!(log.admit(1, 1000, 1, Timestamp(5000)).0);
        assert!(!log.admit(1, 1000, 1, Timestamp(4000)).0);
    }
}
