use std::{future::Future, pin::Pin};

/// A future that may cross threads.
pub type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Work that goes on after the answer.
pub trait Background: Send + Sync {
    /// Starts the work without making the caller wait. It runs to its end unless the process dies, and a
    /// graceful shutdown waits for it; so it may only be what something else will do again if it is lost.
    fn spawn(&self, work: BoxFuture);
}
