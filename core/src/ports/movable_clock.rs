use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::Clock;
use crate::domain::Timestamp;

/// A development host's clock that can be moved forward and stopped, so that nobody has to wait for what comes with
/// time, and so that time stands still while a test looks.
pub struct MovableClock {
    host: Box<dyn Clock>,
    movement: Mutex<Movement>,
}

/// State of a movable clock, which all instances of a host share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Movement {
    /// Version number that grows with each change, so that a state which is read late never replaces a newer one.
    version: u64,
    /// Milliseconds by which the running clock is ahead of the host's clock.
    ahead_ms: i64,
    /// Time at which the clock stands still, in milliseconds since the epoch; `None` while it runs.
    stopped_at: Option<i64>,
}

impl MovableClock {
    /// Creates a clock that runs with the host's time.
    pub fn new(host: impl Clock + 'static) -> Self {
        Self { host: Box::new(host), movement: Mutex::default() }
    }

    /// Returns the clock's state after a step forward of `step_ms` milliseconds, stopped from then on if `stops`.
    /// Returns `None` where the clock would go back, or further than `farthest_ms` ahead of the host's clock.
    pub fn after(&self, step_ms: i64, stops: bool, farthest_ms: i64) -> Option<Movement> {
        let (now, movement, host) = (self.now().plus_ms(step_ms), self.movement(), self.host.now());
        let ahead_ms = now.0.saturating_sub(host.0);
        (step_ms >= 0 && ahead_ms <= farthest_ms).then(|| Movement {
            version: movement.version.saturating_add(1),
            ahead_ms,
            stopped_at: stops.then_some(now.0),
        })
    }

    /// Adopts this state from now on, unless the clock has a newer one.
    pub fn follow(&self, movement: Movement) {
        let mut known = self.movement.lock().unwrap_or_else(PoisonError::into_inner);
        if movement.version > known.version {
            *known = movement;
        }
    }

    /// Checks whether the clock stands still.
    pub fn is_stopped(&self) -> bool {
        self.movement().stopped_at.is_some()
    }

    fn movement(&self) -> Movement {
        *self.movement.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        let Movement { ahead_ms, stopped_at, .. } = self.movement();
        stopped_at.map_or_else(|| self.host.now().plus_ms(ahead_ms), Timestamp)
    }

    fn movable(&self) -> Option<&MovableClock> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct ManualClock(Arc<AtomicI64>);

    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn moves_forward_stops_and_goes_on() {
        let hand = ManualClock::default();
        assert!(hand.movable().is_none());
        let clock = MovableClock::new(hand.clone());
        let step = |ms, stops| clock.follow(clock.after(ms, stops, 10_000).unwrap());
        step(500, false);
        hand.0.store(100, Ordering::Relaxed);
        assert_eq!(clock.now(), Timestamp(600));
        step(0, true);
        hand.0.store(200, Ordering::Relaxed);
        assert_eq!(clock.now(), Timestamp(600));
        step(50, true);
        assert_eq!(clock.now(), Timestamp(650));
        step(0, false);
        hand.0.store(300, Ordering::Relaxed);
        assert_eq!(clock.now(), Timestamp(750), "it goes on from where it stood");
        assert_eq!((clock.after(-1, true, 10_000), clock.after(9_551, false, 10_000)), (None, None));
        assert!(clock.after(9_550, false, 10_000).is_some());
    }

    #[test]
    fn what_is_read_late_changes_nothing() {
        let clock = MovableClock::new(ManualClock::default());
        let old = clock.after(1, true, 10).unwrap();
        clock.follow(old);
        clock.follow(clock.after(1, true, 10).unwrap());
        clock.follow(old);
        assert_eq!(clock.now(), Timestamp(2));
    }
}
