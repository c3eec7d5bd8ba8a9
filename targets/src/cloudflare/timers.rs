//! Waiting, by `setTimeout`. What is waited for no more is cleared, since almost no deadline ever passes.

use std::{
    cell::RefCell,
    collections::HashMap,
    pin::Pin,
    task::{Context, Poll, Waker},
};

use wasm_bindgen::prelude::*;

use super::glue;

thread_local! {
    /// Who waits, by the id of the timer.
    static WAITING: RefCell<HashMap<u32, Waker>> = RefCell::default();
}

/// Ready after some milliseconds. The timer is set when it is first waited for.
pub(super) struct Sleep {
    ms: u32,
    timer: Option<u32>,
}

impl Sleep {
    pub(super) fn new(ms: u32) -> Self {
        Self { ms, timer: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let waker = context.waker();
        match self.timer {
            None => {
                let id = glue::set_timer(self.ms);
                self.timer = Some(id);
                WAITING.with_borrow_mut(|waiting| waiting.insert(id, waker.clone()));
                Poll::Pending
            }
            Some(id) => WAITING.with_borrow_mut(|waiting| match waiting.get_mut(&id) {
                Some(waits) => {
                    waits.clone_from(waker);
                    Poll::Pending
                }
                None => Poll::Ready(()),
            }),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.timer
            && WAITING.with_borrow_mut(|waiting| waiting.remove(&id)).is_some()
        {
            glue::clear_timer(id);
        }
    }
}

/// The time of this timer has come.
#[wasm_bindgen]
pub fn ring(id: u32) {
    if let Some(waker) = WAITING.with_borrow_mut(|waiting| waiting.remove(&id)) {
        waker.wake();
    }
}
