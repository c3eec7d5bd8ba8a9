//! Runs futures for the entry script, one by one and by id, so that every entry into this instance is a call
//! of the script, which can then replace the instance if it traps.

use std::{
    cell::RefCell,
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use wasm_bindgen::prelude::*;

use super::{
    current_task::{self, Id},
    glue, timers,
};

/// Work that results in a value for the script.
pub(super) type Work = Pin<Box<dyn Future<Output = JsValue>>>;

struct Task {
    work: Work,
    wakeup: Arc<Wakeup>,
}

struct Wakeup {
    id: Id,
    queued: AtomicBool,
}

impl Wake for Wakeup {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            glue::wake(self.id);
        }
    }
}

thread_local! {
    static TASKS: RefCell<HashMap<Id, Task>> = RefCell::default();
}

/// Polls the work once. Returns its result, or `undefined` when [`glue::settle`] brings it later.
pub(super) fn begin(id: Id, work: Work) -> JsValue {
    advance(Task { work, wakeup: Arc::new(Wakeup { id, queued: AtomicBool::new(false) }) })
        .unwrap_or(JsValue::UNDEFINED)
}

/// Starts the work at the next turn, in the request that is being served.
pub(super) fn spawn(id: Id, work: Work) {
    let wakeup = Arc::new(Wakeup { id, queued: AtomicBool::new(false) });
    keep(Task { work, wakeup: Arc::clone(&wakeup) });
    wakeup.wake();
}

/// Polls a task that was woken.
#[wasm_bindgen]
pub fn step(id: u32) {
    // The task is out of the table while it runs: it may start others.
    let task = TASKS.with_borrow_mut(|tasks| tasks.remove(&id));
    if let Some(outcome) = task.and_then(advance) {
        glue::settle(id, &outcome);
    }
}

/// Drops a task that nobody will ever wake.
#[wasm_bindgen]
pub fn forget(id: u32) {
    drop(TASKS.with_borrow_mut(|tasks| tasks.remove(&id)));
    timers::end(id);
}

fn advance(mut task: Task) -> Option<JsValue> {
    task.wakeup.queued.store(false, Ordering::Relaxed);
    let id = task.wakeup.id;
    let waker = Waker::from(Arc::clone(&task.wakeup));
    current_task::enter(id);
    match task.work.as_mut().poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(outcome) => {
            drop(task);
            timers::end(id);
            Some(outcome)
        }
        Poll::Pending => {
            keep(task);
            None
        }
    }
}

fn keep(task: Task) {
    TASKS.with_borrow_mut(|tasks| tasks.insert(task.wakeup.id, task));
}
