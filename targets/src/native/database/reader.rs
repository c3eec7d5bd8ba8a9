//! A thread that reads.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aibaas_core::ports::Statement;
use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::time::Instant;

use super::{
    connection::{run, transaction},
    job::{Answer, Message, submit},
};

/// Time limit of a batch of reads.
const READ_TIME: Duration = Duration::from_secs(10);
/// Steps of SQLite's virtual machine between two looks at the clock; a hundred take some microseconds.
const READ_POLL: i32 = 20_000;

/// Whether a statement writes, and how long it reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The statement only reads, and was never too long for its caller's thread.
    Read,
    /// The statement only reads, and was too long once.
    LongRead,
    /// The statement may write.
    Write,
}

/// What SQLite said about each statement's text. The texts are constants, so their address identifies them.
#[derive(Default)]
pub struct Kinds(RwLock<HashMap<(usize, usize), Kind>>);

impl Kinds {
    /// Returns [`Kind::Write`] when one of the statements is known to write, the longer kind of read when all are known
    /// to read, and otherwise `None`.
    pub fn of(&self, statements: &[Statement]) -> Option<Kind> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = Some(Kind::Read);
        for statement in statements {
            match known.get(&identity(statement.sql)) {
                Some(Kind::Write) => return Some(Kind::Write),
                Some(kind) => all = all.map(|longest| longest.max(*kind)),
                None => all = None,
            }
        }
        all
    }

    /// Notes the kind of a statement. One that was too long once stays so.
    pub fn learn(&self, statement: &Statement, kind: Kind) {
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry(identity(statement.sql)).or_insert(kind);
        *known = kind.max(*known);
    }
}

fn identity(sql: &'static str) -> (usize, usize) {
    (sql.as_ptr().addr(), sql.len())
}

/// Whether the request is gone, and the deadline of its reads.
type Watched = (Arc<AtomicBool>, Instant);

/// Runs batches that only read, and passes others to the writer, until told to stop.
pub fn read(connection: &Connection, jobs: &Receiver<Message>, writer: &Sender<Message>, kinds: &Kinds) {
    let running: Arc<Mutex<Option<Watched>>> = Arc::default();
    let watched = Arc::clone(&running);
    let is_over = move || {
        let running = watched.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().is_some_and(|(abandoned, until)| abandoned.load(Ordering::Relaxed) || Instant::now() > *until)
    };
    if let Err(error) = connection.progress_handler(READ_POLL, Some(is_over)) {
        tracing::warn!(%error, "reads have no time-out");
    }
    while let Ok(Message::Run(job)) = jobs.recv() {
        let now = Instant::now();
        let Some(job) = job.still_wanted(now) else { continue };
        let watch = |job| *running.lock().unwrap_or_else(PoisonError::into_inner) = job;
        watch(Some((Arc::clone(&job.abandoned), now.checked_add(READ_TIME).unwrap_or(now))));
        if job.known_reads || all_read(connection, &job.statements, kinds) {
            let answer = snapshot(connection, &job.statements);
            job.answer(answer);
        } else {
            submit(writer, job);
        }
        watch(None);
    }
}

/// Checks whether all statements are read-only. One that does not prepare here counts as a write: what it names may be
/// created earlier in its batch.
fn all_read(connection: &Connection, statements: &[Statement], kinds: &Kinds) -> bool {
    statements.iter().all(|statement| match connection.prepare_cached(statement.sql) {
        Ok(prepared) if prepared.readonly() => {
            kinds.learn(statement, Kind::Read);
            true
        }
        Ok(_) => {
            kinds.learn(statement, Kind::Write);
            false
        }
        Err(_) => false,
    })
}

fn snapshot(connection: &Connection, statements: &[Statement]) -> Answer {
    match statements {
        // A single statement is a snapshot by itself.
        [statement] => Ok(vec![run(connection, statement)?]),
        statements => transaction(connection, statements),
    }
}
