use std::pin::pin;

use async_trait::async_trait;
use futures_util::future::{Either, select};

/// The only way to wait.
#[async_trait]
pub trait Timer: Send + Sync {
    /// Returns after about `ms` milliseconds; with 0, after other tasks have had their turn.
    async fn sleep(&self, ms: u32);
}

/// Awaits the work and returns its result, or drops it and returns `None` when it takes longer than `ms`. Work that is
/// ready at once costs no timer.
pub async fn within<T>(timer: &dyn Timer, ms: u32, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), pin!(timer.sleep(ms))).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(((), _)) => None,
    }
}
