//! Waiting for what must come: as long as it may take on a busy machine, and no longer than a person would wait.

use std::{
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

/// The longest that a case waits for what must come before it fails. Nothing is to be learnt from how long it took.
pub const TIMEOUT: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(25);

/// Asks again and again until there is an answer, and returns it.
///
/// # Panics
/// Panics where there is no answer after [`TIMEOUT`].
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let until = Instant::now() + TIMEOUT;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < until, "{what}: not after {TIMEOUT:?}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits until the process has ended, and returns its exit status.
///
/// # Panics
/// Panics where the process still runs after [`TIMEOUT`].
pub async fn ended(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + TIMEOUT;
    loop {
        if let Some(status) = child.try_wait().expect("a process") {
            return status;
        }
        assert!(Instant::now() < until, "it still runs after {TIMEOUT:?}");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks again and again like [`eventually`], outside async code; returns `None` where no answer came in time.
pub fn eventually_blocking<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + TIMEOUT;
    loop {
        let answer = ask();
        if answer.is_some() || Instant::now() >= until {
            return answer;
        }
        std::thread::sleep(PAUSE);
    }
}
