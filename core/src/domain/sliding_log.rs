use std::collections::VecDeque;

use crate::domain::{LimitState, Timestamp};

/// A sliding log: the exact limiter. It keeps what was admitted within the window, so that no window admits more than
/// the limit, even of a burst, and a burst that starts from empty gets all of the limit. Admissions of the same
/// millisecond share an entry; there are never more entries than the limit.
///
/// Its time never runs back: when a clock is set back, the log stays at the latest time until the clock has caught up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlidingLog {
    entries: VecDeque<(Timestamp, u32)>,
    /// Sum of the entries' costs.
    used: u32,
    /// Latest time that the log was given.
    latest: Option<Timestamp>,
}

impl SlidingLog {
    /// Creates a log with these admissions, oldest first.
    #[must_use]
    pub fn from_entries(entries: impl IntoIterator<Item = (Timestamp, u32)>) -> Self {
        let entries = entries.into_iter().collect::<VecDeque<_>>();
        let used = entries.iter().fold(0_u32, |sum, (_, cost)| sum.saturating_add(*cost));
        Self { latest: entries.back().map(|(at, _)| *at), entries, used }
    }

    /// Returns the admissions, oldest first, with their costs.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (Timestamp, u32)> + '_ {
        self.entries.iter().copied()
    }

    /// Returns the admissions of this time and later, with their costs.
    pub fn entries_from(&self, start: Timestamp) -> impl Iterator<Item = (Timestamp, u32)> + '_ {
        self.entries.range(self.entries.partition_point(|(at, _)| *at < start)..).copied()
    }

    /// Returns the cost of all admissions in the window; call [`SlidingLog::expire`] first.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.used
    }

    /// Returns the cost of what was admitted after this time.
    #[must_use]
    pub fn used_since(&self, after: Timestamp) -> u32 {
        let recent = self.entries.iter().rev().take_while(|(at, _)| *at > after);
        recent.fold(0, |sum, (_, cost)| sum.saturating_add(*cost))
    }

    /// Checks whether the log has no admissions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets what has left the window. An admission at `t` counts until `t + window_ms`, exclusively.
    pub fn expire(&mut self, window_ms: u64, now: Timestamp) {
        let now = self.advance(now);
        while let Some((_, cost)) = self.entries.pop_front_if(|(at, _)| now.ms_since(*at) >= window_ms) {
            self.used = self.used.saturating_sub(cost);
        }
    }

    /// Returns what the limit still admits, and when more; call [`SlidingLog::expire`] first.
    #[must_use]
    pub fn state(&self, limit: u32, window_ms: u64, now: Timestamp) -> LimitState {
        let window_ms = i64::try_from(window_ms).unwrap_or(i64::MAX);
        let reset_after_ms = self.entries.front().map_or(0, |(at, _)| at.plus_ms(window_ms).ms_since(now));
        LimitState { remaining: limit.saturating_sub(self.used), reset_after_ms }
    }

    /// Charges `cost`, if it fits, and returns whether it did; call [`SlidingLog::expire`] first.
    pub fn charge(&mut self, limit: u32, cost: u32, now: Timestamp) -> bool {
        let Some(used) = self.used.checked_add(cost).filter(|used| *used <= limit) else { return false };
        self.used = used;
        let at = self.advance(now);
        match self.entries.back_mut() {
            Some((last, sum)) if *last == at => *sum = sum.saturating_add(cost),
            _ if cost == 0 => {}
            _ => self.entries.push_back((at, cost)),
        }
        true
    }

    /// Adds what was admitted elsewhere, at a time that may be past, without checking whether it fits.
    pub fn add(&mut self, cost: u32, at: Timestamp) {
        self.advance(at);
        self.used = self.used.saturating_add(cost);
        let place = self.entries.partition_point(|(earlier, _)| *earlier < at);
        match self.entries.get_mut(place) {
            Some((same, sum)) if *same == at => *sum = sum.saturating_add(cost),
            _ if cost == 0 => {}
            _ => self.entries.insert(place, (at, cost)),
        }
    }

    /// Forgets what has left the window, then charges `cost` if it fits; returns whether it did, and the state of the
    /// limit after that.
    pub fn admit(&mut self, limit: u32, window_ms: u64, cost: u32, now: Timestamp) -> (bool, LimitState) {
        self.expire(window_ms, now);
        let allowed = self.charge(limit, cost, now);
        (allowed, self.state(limit, window_ms, now))
    }

    fn advance(&mut self, now: Timestamp) -> Timestamp {
        let latest = self.latest.map_or(now, |latest| latest.max(now));
        self.latest = Some(latest);
        latest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::test_rng::TestRng;

    /// The rule of the limiter itself, over everything that was ever admitted.
    #[derive(Default)]
    struct Oracle {
        admitted: Vec<(i64, u32)>,
        /// Latest time so far.
        now: i64,
    }

    impl Oracle {
        fn used(&self, window: i64) -> u32 {
            self.admitted.iter().filter(|(at, _)| self.now - at < window).map(|(_, cost)| cost).sum()
        }

        /// Returns the most that any window of this length holds.
        fn fullest(&self, window: i64) -> u32 {
            let ending = |end: i64| {
                self.admitted.iter().filter(move |(at, _)| *at <= end && end - at < window).map(|(_, cost)| cost).sum()
            };
            self.admitted.iter().map(|(at, _)| ending(*at)).max().unwrap_or(0)
        }
    }

    /// Returns by how much a clock moves on: it may stand still, leap, and be set back.
    fn tick(numbers: &mut TestRng, window: i64) -> i64 {
        let some = numbers.below(1 + window as u64 / 2) as i64;
        match numbers.below(20) {
            0..6 => 0,
            6..17 => some,
            17 => 2 * window + some,
            _ => -2 * some,
        }
    }

    #[test]
    fn decides_as_the_rule_says() {
        for seed in 1..400_u64 {
            let mut numbers = TestRng(seed);
            let (limit, window) = (1 + numbers.below(12) as u32, 1 + numbers.below(60) as i64);
            let (mut log, mut oracle, mut clock) = (SlidingLog::default(), Oracle::default(), 1_000_000_i64);
            for _ in 0..200 {
                clock += tick(&mut numbers, window);
                oracle.now = oracle.now.max(clock);
                let cost = numbers.below(u64::from(limit) + 2).min(numbers.below(4)) as u32;
                let used = oracle.used(window);
                let (allowed, state) = log.admit(limit, window as u64, cost, Timestamp(clock));
                assert_eq!(allowed, used + cost <= limit, "seed {seed}");
                if allowed {
                    oracle.admitted.push((oracle.now, cost));
                }
                assert_eq!(state.remaining, limit - oracle.used(window), "seed {seed}");
                assert!(log.entries().count() <= limit as usize, "seed {seed}");
                assert_eq!(log.is_empty(), oracle.used(window) == 0, "seed {seed}");
            }
            assert!(oracle.fullest(window) <= limit, "seed {seed}");
        }
    }

    #[test]
    fn what_reset_promises_comes_true_and_not_before() {
        for seed in 1..200_u64 {
            let mut numbers = TestRng(seed);
            let (limit, window) = (1 + numbers.below(6) as u32, 2 + numbers.below(60) as i64);
            let (mut log, mut clock) = (SlidingLog::default(), 1_000_000_i64);
            for _ in 0..100 {
                clock += tick(&mut numbers, window);
                let (_, state) = log.admit(limit, window as u64, 1, Timestamp(clock));
                let later = |ms: u64| log.clone().admit(limit, window as u64, 0, Timestamp(clock + ms as i64)).1;
                assert!(state.reset_after_ms > 0 && state.remaining < limit, "seed {seed}");
                assert_eq!(later(state.reset_after_ms - 1).remaining, state.remaining, "seed {seed}");
                assert!(later(state.reset_after_ms).remaining > state.remaining, "seed {seed}");
            }
        }
    }

    #[test]
    fn several_limits_are_charged_together_or_not_at_all() {
        for seed in 1..200_u64 {
            let mut numbers = TestRng(seed);
            let count = 1 + numbers.below(4);
            let limits = (0..count).map(|_| (1 + numbers.below(8) as u32, 1 + numbers.below(60) as i64));
            let limits = limits.collect::<Vec<_>>();
            let mut logs = vec![SlidingLog::default(); limits.len()];
            let (mut oracle, mut clock) = (Oracle::default(), 1_000_000_i64);
            for _ in 0..150 {
                clock += tick(&mut numbers, 40);
                oracle.now = oracle.now.max(clock);
                let cost = 1 + numbers.below(3) as u32;
                let expected = limits.iter().all(|(limit, window)| oracle.used(*window) + cost <= *limit);
                let now = Timestamp(clock);
                let states = limits.iter().zip(&mut logs).map(|((limit, window), log)| {
                    log.expire(*window as u64, now);
                    log.state(*limit, *window as u64, now)
                });
                let fits = states.collect::<Vec<_>>().iter().all(|state| state.remaining >= cost);
                assert_eq!(fits, expected, "seed {seed}");
                if fits {
                    let charged = limits.iter().zip(&mut logs).all(|((limit, _), log)| log.charge(*limit, cost, now));
                    assert!(charged, "seed {seed}");
                    oracle.admitted.push((oracle.now, cost));
                }
            }
            for (limit, window) in limits {
                assert!(oracle.fullest(window) <= limit, "seed {seed}");
            }
        }
    }

    #[test]
    fn goes_on_from_what_was_kept_of_it() {
        for seed in 1..200_u64 {
            let mut numbers = TestRng(seed);
            let (limit, window) = (1 + numbers.below(12) as u32, 1 + numbers.below(60));
            let (mut log, mut clock) = (SlidingLog::default(), 1_000_000_i64);
            for _ in 0..100 {
                clock += numbers.below(window) as i64 / 2;
                let cost = 1 + numbers.below(3) as u32;
                let mut kept = SlidingLog::from_entries(log.entries());
                let decided = log.admit(limit, window, cost, Timestamp(clock));
                assert_eq!(kept.admit(limit, window, cost, Timestamp(clock)), decided, "seed {seed}");
                assert!(kept.entries().eq(log.entries()), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_lower_limit_holds_at_once() {
        let mut log = SlidingLog::default();
        assert!(log.admit(10, 1000, 6, Timestamp(0)).0);
        let (allowed, state) = log.admit(4, 1000, 1, Timestamp(1));
        assert_eq!((allowed, state), (false, LimitState { remaining: 0, reset_after_ms: 999 }));
        assert!(log.admit(7, 1000, 1, Timestamp(1)).0);
    }

    #[test]
    fn no_cost_overflows() {
        let mut log = SlidingLog::default();
        assert!(log.admit(u32::MAX, u64::MAX, u32::MAX, Timestamp(0)).0);
        assert!(!log.admit(u32::MAX, u64::MAX, u32::MAX, Timestamp(i64::MAX)).0);
        assert!(log.admit(u32::MAX, 1, u32::MAX, Timestamp(i64::MAX)).0);
        assert!(!log.admit(u32::MAX, 1, 1, Timestamp(i64::MIN)).0);
    }

    #[test]
    fn what_was_admitted_elsewhere_moves_the_time_on() {
        let mut log = SlidingLog::default();
        log.add(1, Timestamp(5000));
        // This clock is behind the other one: the charge counts from the log's latest time.
        assert!(log.admit(2, 1000, 1, Timestamp(4000)).0);
        assert_eq!(log.entries().collect::<Vec<_>>(), [(Timestamp(5000), 2)]);
        assert!(!log.admit(2, 1000, 1, Timestamp(5999)).0);
        assert!(log.admit(2, 1000, 2, Timestamp(6000)).0);
        // What comes late is entered at its own time, and does not move the log's.
        log.add(1, Timestamp(5500));
        assert_eq!(log.entries().collect::<Vec<_>>(), [(Timestamp(5500), 1), (Timestamp(6000), 2)]);
        assert_eq!((log.used(), log.used_since(Timestamp(5500))), (3, 2));
    }

    #[test]
    fn a_clock_set_back_frees_nothing() {
        let mut log = SlidingLog::default();
        assert!(log.admit(1, 1000, 1, Timestamp(5000)).0);
        let (allowed, state) = log.admit(1, 1000, 1, Timestamp(4000));
        assert_eq!((allowed, state.reset_after_ms), (false, 2000));
        // What was forgotten at the later time does not make room at the earlier one.
        assert!(log.admit(1, 1000, 0, Timestamp(6000)).0);
        assert!(log.admit(1, 1000, 1, Timestamp(5500)).0);
        assert!(!log.admit(1, 1000, 1, Timestamp(6999)).0);
        assert!(log.admit(1, 1000, 1, Timestamp(7000)).0);
    }
}
