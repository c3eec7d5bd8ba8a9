//! The machine's clock, timer and random generator.

use std::time::Duration;

use aibaas_core::{
    domain::Timestamp,
    ports::{Clock, Entropy, Timer},
};
use async_trait::async_trait;

/// Clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// Timer of the runtime.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemTimer;

#[async_trait]
impl Timer for SystemTimer {
    async fn sleep(&self, ms: u32) {
        match ms {
            0 => tokio::task::yield_now().await,
            ms => tokio::time::sleep(Duration::from_millis(ms.into())).await,
        }
    }
}

/// Cryptographic random generator of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        if getrandom::fill(buffer).is_err() {
            // Guessable tokens would be worse than no server. No supported system gets here once it has booted.
            std::process::abort();
        }
    }
}
