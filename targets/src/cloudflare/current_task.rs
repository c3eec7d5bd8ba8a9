//! Which task is being polled.

use std::cell::Cell;

/// Id of a task, which the script chose.
pub(super) type Id = u32;

thread_local! {
    static CURRENT: Cell<Id> = const { Cell::new(0) };
}

/// Notes that this task is polled from now on.
pub(super) fn enter(id: Id) {
    CURRENT.set(id);
}

/// Returns the id of the task that is being polled.
pub(super) fn current() -> Id {
    CURRENT.get()
}
