//! Work that goes on after the answer.

use aibaas_core::ports::{Background, BoxFuture};
use tokio_util::task::TaskTracker;

/// Tasks of the runtime, counted so that a shutdown can wait for them.
#[derive(Clone, Debug, Default)]
pub struct TrackedTasks(TaskTracker);

impl TrackedTasks {
    /// Waits until all tasks are done.
    pub async fn drain(&self) {
        self.0.close();
        self.0.wait().await;
    }
}

impl Background for TrackedTasks {
    fn spawn(&self, work: BoxFuture) {
        self.0.spawn(work);
    }
}
