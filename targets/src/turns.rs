//! Turns: work that must not run at the same time as other such work of its instance waits here, and gets its turn in
//! order.
//!
//! All requests of an instance share one thread. While one of them holds SQLite's only writer lock, another's password
//! hash would extend that by its 50 ms, for every instance; so the two take turns. A waiting request is woken by
//! another one, which needs wit-bindgen's `inter-task-wakeup`: without it the instance panics.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aibaas_core::{
    domain::password_hash::{HashError, HashJob, HashOutcome},
    ports::PasswordHasher,
};
use async_trait::async_trait;
use futures_channel::oneshot;

/// Most hashes that wait in an instance: about a second and a half of work, after which a client had better come again.
/// Spin gives an instance 16 requests at once unless configured otherwise, which all fit.
const MOST_WAITING: usize = 32;

/// Purpose of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Holding the database's writer lock.
    Writing,
    /// Computing for so long that others notice.
    Computing,
}

/// A queue that hands out one turn at a time.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Whether somebody has the turn.
    taken: bool,
    writing: VecDeque<oneshot::Sender<Turn>>,
    computing: VecDeque<oneshot::Sender<Turn>>,
}

impl State {
    fn queue(&mut self, purpose: Purpose) -> &mut VecDeque<oneshot::Sender<Turn>> {
        match purpose {
            Purpose::Writing => &mut self.writing,
            Purpose::Computing => &mut self.computing,
        }
    }

    /// Counts those who wait for this purpose, and removes those who have gone.
    fn waiting(&mut self, purpose: Purpose) -> usize {
        let queue = self.queue(purpose);
        queue.retain(|sender| !sender.is_canceled());
        queue.len()
    }
}

/// The turn. When it is dropped, the next in line gets it.
pub struct Turn {
    turns: Turns,
    purpose: Purpose,
}

impl Turns {
    /// Waits for a turn. Among those of one purpose the first to ask is the first to get it; purposes alternate.
    pub async fn take(&self, purpose: Purpose) -> Turn {
        let turn = {
            let mut state = self.lock();
            if state.taken {
                let (sender, turn) = oneshot::channel();
                state.queue(purpose).push_back(sender);
                turn
            } else {
                state.taken = true;
                return self.turn(purpose);
            }
        };
        // A sender is only dropped once it has sent; if that were not so, going on would be better than hanging.
        turn.await.unwrap_or_else(|_| self.turn(purpose))
    }

    /// Waits for a turn as [`Turns::take`] does. Returns `None` at once where `most_waiting` wait for the same purpose
    /// already.
    async fn take_unless_full(&self, purpose: Purpose, most_waiting: usize) -> Option<Turn> {
        if self.lock().waiting(purpose) >= most_waiting {
            return None;
        }
        Some(self.take(purpose).await)
    }

    fn turn(&self, purpose: Purpose) -> Turn {
        Turn { turns: self.clone(), purpose }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self, after: Purpose) -> Option<(oneshot::Sender<Turn>, Purpose)> {
        let mut state = self.lock();
        let State { taken, writing, computing } = &mut *state;
        let mut queues = [(writing, Purpose::Writing), (computing, Purpose::Computing)];
        if after == Purpose::Writing {
            queues.reverse();
        }
        let next = queues.into_iter().find_map(|(queue, purpose)| Some((queue.pop_front()?, purpose)));
        *taken = next.is_some();
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some((sender, purpose)) = self.turns.next(self.purpose) {
            // If the receiver is not waiting any more, dropping the turn passes it on to the next.
            _ = sender.send(self.turns.turn(purpose));
        }
    }
}

/// A hasher that takes turns, so that nobody else of the instance holds the database's writer lock meanwhile. Jobs that
/// come while too many wait are refused at once.
pub struct TurnHasher<Hasher> {
    pub turns: Turns,
    pub hasher: Hasher,
}

#[async_trait]
impl<Hasher: PasswordHasher> PasswordHasher for TurnHasher<Hasher> {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        let turn = self.turns.take_unless_full(Purpose::Computing, MOST_WAITING).await;
        let _turn = turn.ok_or(HashError::Busy)?;
        self.hasher.run(job).await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll, Waker},
    };

    use aibaas_core::{
        domain::{Secret, password_hash},
        ports::InlineHasher,
    };
    use futures_util::FutureExt as _;

    use super::*;

    type Waiting<'a> = Pin<Box<dyn Future<Output = Turn> + 'a>>;

    fn waiting(turns: &Turns, purpose: Purpose) -> Waiting<'_> {
        let mut waiting: Waiting<'_> = Box::pin(turns.take(purpose));
        assert!(poll(&mut waiting).is_none(), "somebody has the turn");
        waiting
    }

    fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    fn is_free(turns: &Turns) -> bool {
        turns.take(Purpose::Writing).now_or_never().is_some()
    }

    #[test]
    fn whoever_asks_first_is_first() {
        let turns = Turns::default();
        let mut turn = turns.take(Purpose::Writing).now_or_never().unwrap();
        let mut line = [(); 5].map(|()| waiting(&turns, Purpose::Writing));
        for next in 0..line.len() {
            drop(turn);
            let served = line[next..].iter_mut().map(poll).collect::<Vec<_>>();
            assert_eq!(served.iter().filter(|turn| turn.is_some()).count(), 1);
            turn = served.into_iter().next().flatten().expect("the first of those who wait");
        }
        drop((line, turn));
        assert!(is_free(&turns));
    }

    #[test]
    fn purposes_alternate() {
        let turns = Turns::default();
        let mut turn = turns.take(Purpose::Writing).now_or_never().unwrap();
        let line = |count, purpose| (0..count).map(|_| waiting(&turns, purpose)).collect::<Vec<_>>().into_iter();
        let (mut writers, mut hashes) = (line(3, Purpose::Writing), line(2, Purpose::Computing));
        for purpose in ["computing", "writing", "computing", "writing", "writing"] {
            drop(turn);
            let line = if purpose == "computing" { &mut hashes } else { &mut writers };
            turn = poll(&mut line.next().expect("one more")).expect(purpose);
        }
    }

    #[test]
    fn who_has_gone_is_passed_over() {
        let turns = Turns::default();
        let turn = turns.take(Purpose::Writing).now_or_never().unwrap();
        let gone = [(); 3].map(|()| waiting(&turns, Purpose::Writing));
        let mut stays = waiting(&turns, Purpose::Writing);
        drop(gone);
        drop(turn);
        let turn = poll(&mut stays).expect("its turn");
        // One of those who wait goes after it was handed the turn, but before it has looked.
        let handed = waiting(&turns, Purpose::Computing);
        let mut last = waiting(&turns, Purpose::Computing);
        drop(turn);
        assert!(poll(&mut last).is_none());
        drop(handed);
        drop(poll(&mut last).expect("its turn"));
        assert!(is_free(&turns));
    }

    #[test]
    fn so_many_wait_at_most_and_who_has_gone_does_not_count() {
        let turns = Turns::default();
        let turn = turns.take(Purpose::Writing).now_or_never().unwrap();
        let hash = || turns.take_unless_full(Purpose::Computing, 2);
        let mut first = Box::pin(hash());
        assert!((&mut first).now_or_never().is_none());
        let mut second = Box::pin(hash());
        assert!((&mut second).now_or_never().is_none());
        assert!(matches!(hash().now_or_never(), Some(None)), "two wait");
        drop(first);
        let mut third = Box::pin(hash());
        assert!((&mut third).now_or_never().is_none());
        assert!(matches!(hash().now_or_never(), Some(None)), "two wait");
        // Another purpose has a queue of its own.
        drop(waiting(&turns, Purpose::Writing));
        drop(turn);
        assert!(matches!((&mut second).now_or_never(), Some(Some(_))));
        assert!(matches!((&mut third).now_or_never(), Some(Some(_))));
    }

    #[tokio::test]
    async fn more_hashes_than_may_wait_are_refused_at_once_and_the_others_computed() {
        let hasher = TurnHasher { turns: Turns::default(), hasher: InlineHasher::default() };
        let job = || HashJob::Hash {
            password: Secret::new("correct horse"),
            salt: [7; 16],
            params: password_hash::Params { memory_kib: 1024, passes: 1, lanes: 1 },
        };
        let writing = hasher.turns.take(Purpose::Writing).await;
        let mut waiting = (0..MOST_WAITING).map(|_| hasher.run(job())).collect::<Vec<_>>();
        assert!(waiting.iter_mut().all(|waiting| poll(waiting).is_none()));
        assert!(matches!(hasher.run(job()).now_or_never(), Some(Err(HashError::Busy))));
        drop(writing);
        for outcome in futures_util::future::join_all(waiting).await {
            assert!(matches!(outcome, Ok(HashOutcome::Hashed(_))));
        }
    }
}
