//! Stores that hang, fail or break off, for tests.

use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// What a component depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependency {
    /// `spin:sqlite`.
    Database,
    /// `spin:key-value`.
    KeyValue,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It waits until it is healed, and then fails.
    Hangs,
    /// It does nothing, and says why.
    Fails(&'static str),
    /// A database's: it does not commit, and says why; what was to be committed can still be rolled back.
    RefusesToCommit(&'static str),
    /// A database's: it commits, and says so once it is healed.
    HangsToTell,
    /// A database's: it commits, and says that it broke off.
    BreaksOff(&'static str),
}

/// What a call comes to that is carried out.
pub(crate) enum Outcome {
    /// What it is.
    Told,
    /// The same, once all is well again.
    ToldLate(watch::Receiver<u32>),
    /// That it broke off.
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
    /// The next so many calls meet the fault.
    pub fn set(&self, of: Dependency, fault: Fault, times: u32) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = Some((of, fault, times));
    }

    /// All is well again, and what hangs goes on.
    pub fn heal(&self) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.wake();
    }

    /// What hangs goes on, and the next so many calls meet this fault instead.
    pub fn replace(&self, of: Dependency, fault: Fault, times: u32) {
        self.set(of, fault, times);
        self.wake();
    }

    /// How many calls still meet the fault that was set.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.set.lock().unwrap_or_else(PoisonError::into_inner).map_or(0, |(_, _, left)| left)
    }

    fn wake(&self) {
        self.heals.send_modify(|heals| *heals = heals.wrapping_add(1));
    }

    /// What the call has to say once it has been carried out; an error where it must not be.
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
