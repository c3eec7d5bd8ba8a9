use std::{future::Future, pin::Pin};

/// A boxed future without a result that may cross threads.
pub type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Work that goes on after the answer.
pub trait Background: Send + Sync {
    /// Starts the work without making the caller wait. The work runs to its end unless the process dies, and a graceful
    /// shutdown waits for it. So it may only be work that something else repeats if it is lost.
    fn spawn(&self, work: BoxFuture);
}
