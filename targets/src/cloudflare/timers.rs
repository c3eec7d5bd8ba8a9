//! Timers, by `setTimeout`. Almost no deadline ever passes, and a request has several at once, one within the other. So
//! a task has at most one timer of the runtime, for whichever comes first, and it is cleared when the task ends.

use std::{
    cell::RefCell,
    collections::HashMap,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use wasm_bindgen::prelude::*;

use super::{
    current_task::{Id, current},
    glue,
};

thread_local! {
    /// Alarms of each task.
    static WAITING: RefCell<HashMap<Id, Alarms>> = RefCell::default();
}

/// Alarms of a task.
#[derive(Default)]
struct Alarms {
    /// Id of the runtime's timer, and when it rings.
    timer: Option<(u32, f64)>,
    last_id: u32,
    /// Alarms that have not rung.
    waiting: Vec<Alarm>,
}

struct Alarm {
    id: u32,
    at: f64,
    waker: Waker,
}

impl Alarms {
    /// Sets the runtime's timer to the first of all alarms.
    fn set(&mut self, task: Id, now: f64) {
        let Some(first) = self.waiting.iter().map(|alarm| alarm.at).min_by(f64::total_cmp) else { return };
        if self.timer.is_some_and(|(_, at)| at <= first) {
            return;
        }
        self.clear();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
        let ms = (first - now) as u32;
        self.timer = Some((glue::set_timer(task, ms), first));
    }

    fn clear(&mut self) {
        if let Some((timer, _)) = self.timer.take() {
            glue::clear_timer(timer);
        }
    }
}

/// A future that is ready some milliseconds after it is first polled.
pub(super) struct Sleep {
    ms: u32,
    /// Ids of the task and of the alarm.
    alarm: Option<(Id, u32)>,
}

impl Sleep {
    pub(super) fn new(ms: u32) -> Self {
        Self { ms, alarm: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker();
        match self.alarm {
            None => {
                let (task, now) = (current(), js_sys::Date::now());
                let id = WAITING.with_borrow_mut(|waiting| {
                    let alarms = waiting.entry(task).or_default();
                    let id = alarms.last_id.wrapping_add(1);
                    alarms.last_id = id;
                    alarms.waiting.push(Alarm { id, at: now + f64::from(self.ms), waker: waker.clone() });
                    alarms.set(task, now);
                    id
                });
                self.alarm = Some((task, id));
                Poll::Pending
            }
            Some((task, id)) => WAITING.with_borrow_mut(|waiting| {
                let alarms = waiting.get_mut(&task).map(|alarms| &mut alarms.waiting);
                match alarms.and_then(|alarms| alarms.iter_mut().find(|alarm| alarm.id == id)) {
                    Some(alarm) => {
                        alarm.waker.clone_from(waker);
                        Poll::Pending
                    }
                    None => Poll::Ready(()),
                }
            }),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let Some((task, id)) = self.alarm else { return };
        WAITING.with_borrow_mut(|waiting| {
            if let Some(alarms) = waiting.get_mut(&task) {
                alarms.waiting.retain(|alarm| alarm.id != id);
            }
        });
    }
}

/// Drops the alarms of a task that has ended.
pub(super) fn end(task: Id) {
    if let Some(mut alarms) = WAITING.with_borrow_mut(|waiting| waiting.remove(&task)) {
        alarms.clear();
    }
}

/// Wakes what is due when the task's timer rings, and sets it to the next alarm.
#[wasm_bindgen]
pub fn ring(task: Id) {
    let due = WAITING.with_borrow_mut(|waiting| {
        let Some(alarms) = waiting.get_mut(&task) else { return Vec::new() };
        let Some((_, now)) = alarms.timer.take() else { return Vec::new() };
        let (due, waiting) = std::mem::take(&mut alarms.waiting).into_iter().partition(|alarm| alarm.at <= now);
        alarms.waiting = waiting;
        alarms.set(task, now);
        due
    });
    for Alarm { waker, .. } in due {
        waker.wake();
    }
}
