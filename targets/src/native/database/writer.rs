//! The thread that writes.

use std::{path::Path, time::Duration};

use aibaas_core::ports::DatabaseError;
use crossbeam_channel::Receiver;
use rusqlite::Connection;
use tokio::time::Instant;

use super::{
    connection::{BUSY, Durability, connect, control, finish, refused, run, unavailable, undo},
    file::DatabaseFile,
    job::{Answer, Job, Message},
    reserve::DiskReserve,
};
use crate::native::metrics::WriteMetrics;

/// Most batches that share one commit.
const GROUP: usize = 128;
/// Interval at which the writer checks, while another process holds the lock, whether those who wait have gone.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// The only connection that writes.
pub struct Writer {
    pub connection: Connection,
    file: DatabaseFile,
    reserve: DiskReserve,
    metrics: WriteMetrics,
}

impl Writer {
    /// Opens the file for writing.
    ///
    /// # Errors
    /// The errors of [`connect`].
    pub fn open(path: &Path, durability: Durability, metrics: WriteMetrics) -> Result<Self, DatabaseError> {
        let connection = connect(path, durability)?;
        connection.busy_timeout(LOCK_POLL).map_err(unavailable)?;
        let file = DatabaseFile::of(path).map_err(|error| DatabaseError::Unavailable(error.to_string()))?;
        let reserve = match durability {
            Durability::Full => DiskReserve::keep(&path.with_extension("reserve")),
            Durability::Process => DiskReserve::none(),
        };
        Ok(Self { connection, file, reserve, metrics })
    }

    /// Writes until told to stop; then copies the write-ahead log into the database file.
    pub fn work(mut self, jobs: &Receiver<Message>) {
        while let Ok(Message::Run(first)) = jobs.recv() {
            let mut group = vec![first];
            let mut stop = false;
            while group.len() < GROUP && !stop {
                match jobs.try_recv() {
                    Ok(Message::Run(job)) => group.push(job),
                    Ok(Message::Stop) => stop = true,
                    Err(_) => break,
                }
            }
            let began = Instant::now();
            for job in &group {
                self.metrics.wait_seconds.observe(began.saturating_duration_since(job.since).as_secs_f64());
            }
            self.commit(group);
            self.metrics.commit_seconds.observe(began.elapsed().as_secs_f64());
            self.metrics.disk_full.set(i64::from(!self.reserve.was_whole()));
            if stop {
                break;
            }
        }
        let _ = self.connection.busy_timeout(BUSY);
        // The log stays valid if this fails; the next start reads it.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    /// Writes the batches of a group in one transaction, and answers them.
    pub fn commit(&mut self, group: Vec<Job>) {
        let mut group = self.begin(group);
        if group.len() > 1 {
            if let Ok(answers) = commit_group(&self.connection, &group) {
                for (job, answer) in group.into_iter().zip(answers) {
                    self.answer(job, answer);
                }
                return;
            }
            // One batch may have spoiled the commit of all (a deferred constraint, a full disk), and nothing of them
            // was written: each is tried by itself.
            undo(&self.connection);
            for job in group {
                self.commit(vec![job]);
            }
        } else if let Some(job) = group.pop() {
            let answer = finish(&self.connection, &job.statements);
            self.answer(job, answer);
        }
    }

    /// Begins a transaction, once no other process holds the lock. Returns the jobs that still wait for it, or none
    /// where nothing was begun.
    fn begin(&mut self, mut group: Vec<Job>) -> Vec<Job> {
        loop {
            let now = Instant::now();
            group = group.into_iter().filter_map(|job| self.admit(job)?.still_wanted(now)).collect();
            if group.is_empty() {
                return group;
            }
            // SQLite would go on writing to a file that nobody can find any more.
            if let Err(gone) = self.file.check() {
                return refuse(group, &gone);
            }
            match self.connection.execute_batch("BEGIN IMMEDIATE") {
                Ok(()) => {
                    // Requests may have gone while the writer waited for the lock.
                    let now = Instant::now();
                    group = group.into_iter().filter_map(|job| job.still_wanted(now)).collect();
                    if group.is_empty() {
                        undo(&self.connection);
                    }
                    return group;
                }
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {}
                Err(error) => return refuse(group, &refused(error)),
            }
        }
    }

    /// Admits the job to the group. Where the disk is full, only jobs that end access or free space are, out of the
    /// reserve; others are answered with an error.
    fn admit(&mut self, job: Job) -> Option<Job> {
        if job.is_essential() || self.reserve.is_whole() {
            return Some(job);
        }
        job.answer(Err(full()));
        None
    }

    /// Answers the job. A write that the disk had no room for is tried again where it may use the reserve.
    fn answer(&mut self, job: Job, answer: Answer) {
        let no_room = matches!(&answer, Err(DatabaseError::Unavailable(why)) if why.contains(SQLITE_FULL));
        if !no_room {
            return job.answer(answer);
        }
        let released = self.reserve.release();
        // Moving the log's content to the database file lets the log's space be used again.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if released && job.is_essential() { self.commit(vec![job]) } else { job.answer(Err(full())) }
    }
}

/// Answers every job with the error. Returns no jobs.
fn refuse(group: Vec<Job>, error: &DatabaseError) -> Vec<Job> {
    for job in group {
        job.answer(Err(error.clone()));
    }
    Vec::new()
}

/// SQLite's message when there is no room.
const SQLITE_FULL: &str = "database or disk is full";

/// Creates the error for when the disk has room only for essential writes.
pub fn full() -> DatabaseError {
    DatabaseError::Unavailable("the disk is full: only log-outs, revocations and deletions are carried out".to_owned())
}

/// Runs all batches in the transaction that was begun, and commits it. An error means that nothing was written.
fn commit_group(connection: &Connection, group: &[Job]) -> Result<Vec<Answer>, DatabaseError> {
    let mut answers = Vec::with_capacity(group.len());
    for job in group {
        control(connection, "SAVEPOINT one")?;
        let answer: Answer = job.statements.iter().map(|statement| run(connection, statement)).collect();
        if answer.is_err() {
            // Where SQLite has rolled back the transaction on its own, this fails, and so ends the whole group.
            control(connection, "ROLLBACK TO one")?;
        }
        control(connection, "RELEASE one")?;
        answers.push(answer);
    }
    control(connection, "COMMIT")?;
    Ok(answers)
}
