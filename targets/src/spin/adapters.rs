//! The small ports of the Spin host.

use std::time::{Duration, SystemTime};

use aibaas_core::{
    domain::Timestamp,
    ports::{Background, BoxFuture, Clock, Entropy, Timer},
};
use async_trait::async_trait;
use spin_sdk::wasip3;

use crate::spawned::{attended, note_spawned};

pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

pub struct MonotonicTimer;

#[async_trait]
impl Timer for MonotonicTimer {
    async fn sleep(&self, ms: u32) {
        // A wait of 0 would be over at once, and let nobody else go on.
        spin_sdk::time::sleep(Duration::from_millis(ms.max(1).into())).await;
    }
}

pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        if getrandom::fill(buffer).is_err() {
            // A guessable token would be worse than no answer.
            std::process::abort();
        }
    }
}

pub struct SpawnedBackground;

impl Background for SpawnedBackground {
    fn spawn(&self, work: BoxFuture) {
        spawn(work);
    }
}

/// Runs the work beside the request that asks for it, also after its answer.
pub fn spawn(work: impl Future<Output = ()> + 'static) {
    wasip3::spawn(attended(work));
    note_spawned();
}
