//! Faults of the stores, for tests: they hang, fail or break off.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// A dependency of the component that can be made faulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// SQLite databases, `spin:sqlite`.
    Database,
    /// Key-value stores, `spin:key-value`.
    KeyValue,
}

/// The way in which calls of a dependency go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call waits until the fault is healed, and then fails.
    Hangs,
    /// The call is not carried out, and fails with this message.
    Fails(&'static str),
    /// Only for databases: the commit is not carried out and fails with this message; its transaction can still be
    /// rolled back.
    RefusesToCommit(&'static str),
    /// Only for databases: the commit is carried out, and its result comes once the fault is healed.
    HangsToTell,
    /// Only for databases: the commit is carried out, and fails with this message nevertheless.
    BreaksOff(&'static str),
}

/// What a call that is carried out returns to the component.
pub(crate) enum Outcome {
    /// The call's own result.
    Told,
    /// The call's own result, once the fault is healed.
    ToldLate(watch::Receiver<u32>),
    /// An error with this message, although the call was carried out.
    Lost(&'static str),
}

/// Faults that a test sets and heals.
pub struct Faults {
    set: Mutex<Option<(Dependency, Fault, u32)>>,
    heals: watch::Sender<u32>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { set: Mutex::default(), heals: watch::Sender::new(0) }
    }
}

impl Faults {
    /// Makes the next `times` calls of the dependency meet the fault.
    pub fn set(&self, of: Dependency, fault: Fault, times: u32) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = Some((of, fault, times));
    }

    /// Removes the fault, and lets hanging calls go on.
    pub fn heal(&self) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.wake();
    }

    /// Sets another fault for the next `times` calls, and lets hanging calls go on.
    pub fn replace(&self, of: Dependency, fault: Fault, times: u32) {
        self.set(of, fault, times);
        self.wake();
    }

    /// Returns how many calls still meet the fault that was set.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).map_or(0, |(_, _, left)| left)
    }

    fn wake(&self) {
        self.heals.send_modify(|heals| *heals = heals.wrapping_add(1));
    }

    /// Returns what the call reports once it has been carried out; an error where it must not be carried out. A call
    /// that hangs waits here.
    pub(crate) async fn meet(&self, of: Dependency, sql: &str) -> Result<Outcome, &'static str> {
        let mut heals = self.heals.subscribe();
        match self.next(of, sql) {
            None => Ok(Outcome::Told),
            Some(Fault::Fails(why) | Fault::RefusesToCommit(why)) => Err(why),
            Some(Fault::BreaksOff(why)) => Ok(Outcome::Lost(why)),
            Some(Fault::HangsToTell) => Ok(Outcome::ToldLate(heals)),
            Some(Fault::Hangs) => {
                _ = heals.changed().await;
                Err("it hung")
            }
        }
    }

    fn next(&self, of: Dependency, sql: &str) -> Option<Fault> {
        let mut set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let (dependency, fault, left) = set.as_mut()?;
        let is_met = match fault {
            Fault::RefusesToCommit(_) | Fault::BreaksOff(_) | Fault::HangsToTell => sql.eq_ignore_ascii_case("commit"),
            Fault::Hangs | Fault::Fails(_) => true,
        };
        if !is_met || *dependency != of || *left == 0 {
            return None;
        }
        *left -= 1;
        Some(*fault)
    }
}
