//! Values that threads share without waiting for each other.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Some values, of which each thread prefers one: its own, unless there are more threads than values.
pub struct PerThread<T>(Vec<Mutex<Option<T>>>);

/// A value that is locked; `None` once the values are closed.
pub type Locked<'a, T> = MutexGuard<'a, Option<T>>;

impl<T> PerThread<T> {
    /// Makes so many values.
    ///
    /// # Errors
    /// Returns the first error of `make`.
    pub fn new<E>(count: usize, mut make: impl FnMut() -> Result<T, E>) -> Result<Self, E> {
        (0..count).map(|_| make().map(Some).map(Mutex::new)).collect::<Result<_, E>>().map(Self)
    }

    /// Locks a value that is free; `None` where other threads have all of them.
    pub fn try_lock(&self) -> Option<Locked<'_, T>> {
        self.own_first().find_map(|value| value.try_lock().ok())
    }

    /// Locks a value, and waits for this thread's own where none is free; `None` where there is none at all.
    pub fn lock(&self) -> Option<Locked<'_, T>> {
        self.try_lock().or_else(|| self.own_first().next().map(locked))
    }

    /// Drops every value, each once no thread uses it.
    pub fn close(&self) {
        for value in &self.0 {
            locked(value).take();
        }
    }

    fn own_first(&self) -> impl Iterator<Item = &Mutex<Option<T>>> {
        let own = thread_number().checked_rem(self.0.len()).unwrap_or(0);
        self.0.iter().cycle().skip(own).take(self.0.len())
    }
}

fn locked<T>(value: &Mutex<Option<T>>) -> Locked<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a number that no other thread has.
fn thread_number() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    NUMBER.with(|number| *number)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn a_thread_takes_what_is_free_and_nothing_of_what_is_closed() {
        let mut made = 0;
        let values = PerThread::new(2, || {
            made += 1;
            Ok::<_, Infallible>(made)
        });
        let values = values.unwrap();
        let (first, second) = (values.try_lock().unwrap(), values.try_lock().unwrap());
        assert_ne!(*first, *second);
        assert!(values.try_lock().is_none());
        drop((first, second));
        assert!(values.lock().unwrap().is_some());
        values.close();
        assert_eq!(*values.lock().unwrap(), None);
    }
}
