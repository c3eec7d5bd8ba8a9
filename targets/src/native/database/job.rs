//! What waits for a thread of the database.

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

/// How long a batch waits for its turn, also where another process holds the lock, as for a backup.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What a batch is answered.
pub type Answer = Result<Vec<Rows>, DatabaseError>;

/// Statements that one request asks for.
pub struct Job {
    /// What is to run, whole or not at all.
    pub statements: Vec<Statement>,
    /// Whether every statement is already known to be read-only.
    pub known_reads: bool,
    /// When it was asked for.
    pub since: Instant,
    /// Whether whoever asked has gone.
    pub abandoned: Arc<AtomicBool>,
    /// Where the answer goes.
    pub reply: oneshot::Sender<Answer>,
}

impl Job {
    /// Itself, while somebody waits for its answer and has not waited too long. It has not run yet: whoever asked knows
    /// that nothing was written.
    pub fn still_wanted(self, now: Instant) -> Option<Self> {
        if self.abandoned.load(Ordering::Relaxed) {
            return None;
        }
        if now.saturating_duration_since(self.since) > PATIENCE {
            self.answer(Err(DatabaseError::Overloaded("a write did not get its turn".to_owned())));
            return None;
        }
        Some(self)
    }

    /// Answers whoever asked, where they are still there.
    pub fn answer(self, answer: Answer) {
        let _ = self.reply.send(answer);
    }

    /// Whether it may use what is kept for a full disk.
    pub fn is_essential(&self) -> bool {
        self.statements.iter().any(|statement| statement.essential)
    }
}

/// Says, when a request is dropped, that its statements need not run.
pub struct Asking(pub Arc<AtomicBool>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What a thread is told.
pub enum Message {
    /// Carry this out.
    Run(Job),
    /// End, once what was told before is done.
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

/// Says that the database takes nothing any more.
pub fn closed() -> DatabaseError {
    DatabaseError::Unavailable("the database is closed".to_owned())
}
