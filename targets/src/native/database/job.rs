//! Jobs that wait for a thread of the database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aibaas_core::ports::{DatabaseError, Rows, Statement};
use crossbeam_channel::{Sender, TrySendError};
use tokio::{sync::oneshot, time::Instant};

/// Longest wait of a batch for its turn, also where another process holds the lock, as for a backup.
pub const MAX_WAIT: Duration = Duration::from_secs(5);

/// Answer to a batch: the rows of each statement.
pub type Answer = Result<Vec<Rows>, DatabaseError>;

/// Statements of one request.
pub struct Job {
    /// Statements to run, all or nothing.
    pub statements: Vec<Statement>,
    /// Whether every statement is already known to be read-only.
    pub known_reads: bool,
    /// When the job was submitted.
    pub since: Instant,
    /// Whether the request that submitted the job is gone.
    pub abandoned: Arc<AtomicBool>,
    /// Channel for the answer.
    pub reply: oneshot::Sender<Answer>,
}

impl Job {
    /// Returns the job, while somebody waits for its answer and has not waited too long; otherwise answers it or drops
    /// it. The job has not run yet: an error tells that nothing was written.
    pub fn still_wanted(self, now: Instant) -> Option<Self> {
        if self.abandoned.load(Ordering::Relaxed) {
            return None;
        }
        if now.saturating_duration_since(self.since) > MAX_WAIT {
            self.answer(Err(DatabaseError::Overloaded("a write did not get its turn".to_owned())));
            return None;
        }
        Some(self)
    }

    /// Sends the answer, where somebody still waits for it.
    pub fn answer(self, answer: Answer) {
        let _ = self.reply.send(answer);
    }

    /// Checks whether the job may use what is kept for a full disk.
    pub fn is_essential(&self) -> bool {
        self.statements.iter().any(|statement| statement.essential)
    }
}

/// Marks a job as abandoned when its request is dropped, so that its statements need not run.
pub struct AbandonOnDrop(pub Arc<AtomicBool>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Message to a thread of the database.
pub enum Message {
    /// Run this job.
    Run(Job),
    /// Stop, once earlier messages are done.
    Stop,
}

/// Queues the job, or answers it at once when there is no room.
pub fn submit(queue: &Sender<Message>, job: Job) {
    let (message, error) = match queue.try_send(Message::Run(job)) {
        Ok(()) => return,
        Err(TrySendError::Full(message)) => (message, DatabaseError::Overloaded("too many statements wait".to_owned())),
        Err(TrySendError::Disconnected(message)) => (message, closed()),
    };
    if let Message::Run(job) = message {
        job.answer(Err(error));
    }
}

/// Creates the error of a database that is closed.
pub fn closed() -> DatabaseError {
    DatabaseError::Unavailable("the database is closed".to_owned())
}
