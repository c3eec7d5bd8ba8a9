use super::MovableClock;
use crate::domain::Timestamp;

/// The only source of time.
pub trait Clock: Send + Sync {
    /// Returns the current time. It may stand still within a request (Workers freeze it between I/O), but never runs
    /// back by more than clock adjustment does.
    fn now(&self) -> Timestamp;

    /// Returns this clock as one that can be moved (`DEV_CLOCK`), or `None` where it cannot.
    fn movable(&self) -> Option<&MovableClock> {
        None
    }
}
