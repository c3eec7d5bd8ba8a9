//! Turns: what may not run at the same time as anything else of its instance waits here, and gets its turn in order.
//!
//! All requests of an instance share one thread. While one of them holds SQLite's only writer lock, a password hash of
//! another would stretch that by its 50 ms, for every instance; so the two take turns. Whoever waits is woken by another
//! request, which needs wit-bindgen's `inter-task-wakeup`: without it the instance panics.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_channel::oneshot;

/// What a turn is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Holding the database's writer lock.
    Writing,
    /// Computing for so long that others feel it.
    Computing,
}

/// Hands out one turn at a time.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Whether somebody has the turn.
    taken: bool,
    writing: VecDeque<oneshot::Sender<Turn>>,
    computing: VecDeque<oneshot::Sender<Turn>>,
}

/// The turn; the next in line has it once this is dropped, wherever that happens.
pub struct Turn {
    turns: Turns,
    purpose: Purpose,
}

impl Turns {
    /// Waits for a turn. Among those of a purpose the first to ask is the first to have it; purposes alternate.
    pub async fn take(&self, purpose: Purpose) -> Turn {
        let turn = {
            let mut state = self.lock();
            if state.taken {
                let (sender, turn) = oneshot::channel();
                match purpose {
                    Purpose::Writing => state.writing.push_back(sender),
                    Purpose::Computing => state.computing.push_back(sender),
                }
                turn
            } else {
                state.taken = true;
                return self.turn(purpose);
            }
        };
        // A sender is only dropped once it has sent; if it were not so, going on would be better than hanging.
        turn.await.unwrap_or_else(|_| self.turn(purpose))
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
            // Whoever is not waiting any more hands it back, and dropping it goes on to the next.
            _ = sender.send(self.turns.turn(purpose));
        }
    }
}
