//! Password hashing on threads of its own.

use aibaas_core::{
    domain::password_hash::{self, HashError, HashJob, HashOutcome, Memory},
    ports::PasswordHasher,
};
use async_trait::async_trait;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use tokio::{sync::oneshot, time::Instant};

use super::metrics::HashMetrics;

/// Most jobs that wait for each thread: about a second of work, after which a client had better come again.
const WAITING_PER_THREAD: usize = 32;

/// Niceness of hashing threads, with which they get a third of what threads that answer requests get on a busy machine.
/// With 10 it would be a ninth, and beside other programs a login would take seconds.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

struct Task {
    job: HashJob,
    reply: oneshot::Sender<Result<HashOutcome, HashError>>,
}

/// A hasher with a fixed number of threads, so that neither requests nor memory suffer from many logins at once.
pub struct ThreadPoolHasher {
    tasks: Sender<Task>,
    metrics: HashMetrics,
}

impl ThreadPoolHasher {
    /// Starts this many threads; each keeps the memory of one hash.
    ///
    /// # Errors
    /// [`std::io::Error`] when the system refuses a thread.
    pub fn start(threads: usize, metrics: HashMetrics) -> std::io::Result<Self> {
        let threads = threads.max(1);
        let (tasks, queue) = crossbeam_channel::bounded(threads.saturating_mul(WAITING_PER_THREAD));
        for _ in 0..threads {
            let (queue, metrics) = (queue.clone(), metrics.clone());
            std::thread::Builder::new().name("password-hasher".to_owned()).spawn(move || work(&queue, &metrics))?;
        }
        Ok(Self { tasks, metrics })
    }
}

fn work(queue: &Receiver<Task>, metrics: &HashMetrics) {
    yield_to_requests();
    let mut memory = Memory::default();
    while let Ok(task) = queue.recv() {
        metrics.waiting.dec();
        // The client has gone, so the time is not spent.
        if task.reply.is_closed() {
            continue;
        }
        let began = Instant::now();
        metrics.running.inc();
        let outcome = password_hash::run(&task.job, &mut memory);
        metrics.running.dec();
        metrics.seconds.observe(began.elapsed().as_secs_f64());
        let _ = task.reply.send(outcome);
    }
}

/// Lowers the thread's priority below that of threads that answer requests: a login takes tens of milliseconds of CPU,
/// a read less than one. On Linux niceness belongs to a thread.
#[cfg(target_os = "linux")]
fn yield_to_requests() {
    if let Err(error) = rustix::process::nice(NICENESS) {
        tracing::warn!(%error, "password hashing keeps the priority of requests");
    }
}

#[cfg(not(target_os = "linux"))]
fn yield_to_requests() {}

#[async_trait]
impl PasswordHasher for ThreadPoolHasher {
    async fn run(&self, job: HashJob) -> Result<HashOutcome, HashError> {
        let (reply, outcome) = oneshot::channel();
        // Counted before a thread can take it, so that the count is never below zero.
        self.metrics.waiting.inc();
        self.tasks.try_send(Task { job, reply }).map_err(|error| {
            self.metrics.waiting.dec();
            match error {
                TrySendError::Full(_) => {
                    self.metrics.refused.inc();
                    HashError::Busy
                }
                TrySendError::Disconnected(_) => gone(),
            }
        })?;
        outcome.await.map_err(|_| gone())?
    }
}

fn gone() -> HashError {
    HashError::Failed("the hashing threads are gone".to_owned())
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::Secret;

    use super::*;

    fn hash() -> HashJob {
        HashJob::Hash {
            password: Secret::new("correct horse"),
            salt: [7; 16],
            params: password_hash::Params { memory_kib: 1024, passes: 1, lanes: 1 },
        }
    }

    #[tokio::test]
    async fn hashes_and_verifies() {
        let hasher = ThreadPoolHasher::start(1, HashMetrics::default()).unwrap();
        let HashOutcome::Hashed(encoded) = hasher.run(hash()).await.unwrap() else { panic!("a hash was asked for") };
        let verify = HashJob::Verify { password: Secret::new("correct horse"), encoded };
        assert!(matches!(hasher.run(verify).await, Ok(HashOutcome::Verified(true))));
    }

    #[tokio::test]
    async fn says_busy_when_too_many_wait_and_answers_the_others() {
        let metrics = HashMetrics::default();
        let hasher = ThreadPoolHasher::start(1, metrics.clone()).unwrap();
        let outcomes = futures_util::future::join_all((0..200).map(|_| hasher.run(hash()))).await;
        let busy = outcomes.iter().filter(|outcome| matches!(outcome, Err(HashError::Busy))).count();
        let hashed = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert!(busy > 0 && hashed >= WAITING_PER_THREAD, "{busy} busy, {hashed} hashed");
        assert_eq!(busy + hashed, 200);
        assert_eq!(metrics.refused.get(), u64::try_from(busy).unwrap());
        assert_eq!((metrics.waiting.get(), metrics.running.get()), (0, 0));
    }
}
