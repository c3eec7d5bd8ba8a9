//! Bounded queues of jobs, one for each worker: an unbounded queue grows for callers who have long gone.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use aibaas_core::domain::password_hash::HashError;

/// Most hashes of an isolate that wait for one worker: at a twentieth of a second each, as long as their requests wait.
pub const MOST_WAITING: usize = 100;

/// The places in the queues of an isolate.
pub struct Places {
    /// Number of jobs that wait for each worker.
    waiting: Box<[AtomicUsize]>,
    turn: OnceLock<AtomicUsize>,
}

/// A place in a queue, given back when it is dropped.
pub struct Place<'a> {
    waiting: &'a AtomicUsize,
    /// Number of the worker that the place is with.
    pub of: usize,
}

impl Places {
    /// Creates the places with so many workers.
    pub fn of(count: u8) -> Self {
        Self { waiting: (0..count).map(|_| AtomicUsize::new(0)).collect(), turn: OnceLock::new() }
    }

    /// Takes a place with the worker whose turn it is, else with the next one that has a place. The turns begin with
    /// `first`, which is asked for once, so that many isolates do not begin with the same worker.
    ///
    /// # Errors
    /// [`HashError::Busy`] where no worker has a place.
    pub fn take(&self, first: impl FnOnce() -> usize) -> Result<Place<'_>, HashError> {
        let turn = self.turn.get_or_init(|| AtomicUsize::new(first())).fetch_add(1, Ordering::Relaxed);
        let turn = turn.checked_rem(self.waiting.len()).unwrap_or_default();
        let (later, sooner) = self.waiting.split_at(turn);
        let in_turn = sooner.iter().zip(turn..).chain(later.iter().zip(0..));
        in_turn
            .map(|(waiting, of)| (waiting.fetch_add(1, Ordering::Relaxed), Place { waiting, of }))
            // Dropping a place that is too many gives it back at once.
            .find_map(|(before, place)| (before < MOST_WAITING).then_some(place))
            .ok_or(HashError::Busy)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many places, one after another.
    fn taken(places: &Places, count: usize) -> Vec<Place<'_>> {
        (0..count).map(|_| places.take(|| 2).unwrap()).collect()
    }

    #[test]
    fn each_has_its_turn() {
        let places = Places::of(3);
        assert_eq!(taken(&places, 7).iter().map(|place| place.of).collect::<Vec<_>>(), [2, 0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn whoever_finds_no_place_is_told_so_until_one_is_given_back() {
        let places = Places::of(3);
        let mut all = taken(&places, 3 * MOST_WAITING);
        for _ in 0..3 {
            assert!(matches!(places.take(|| 2), Err(HashError::Busy)));
        }
        let given_back = all.swap_remove(1).of;
        assert_eq!(places.take(|| 2).unwrap().of, given_back);
        drop(all);
        assert_eq!(taken(&places, 3 * MOST_WAITING).len(), 3 * MOST_WAITING);
    }

    #[test]
    fn one_that_does_nothing_keeps_nobody_from_the_others() {
        let places = Places::of(2);
        // Those of the first come to an end, those of the second do not.
        let stuck = taken(&places, 2 * MOST_WAITING).into_iter().filter(|place| place.of == 1).collect::<Vec<_>>();
        assert_eq!(stuck.len(), MOST_WAITING);
        assert!((0..10).all(|_| places.take(|| 2).unwrap().of == 0));
    }
}
