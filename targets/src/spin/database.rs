//! `Database` over `spin:sqlite`. A connection serves one call at a time, and each result is drained before the next
//! statement: an open one would hold the connection for ever.
//!
//! Reads have connections of their own: with a write-ahead log they wait for nobody. Writes of an instance are grouped:
//! one of them at a time takes SQLite's writer lock, and includes all that wait by then, each within a savepoint of its
//! own. So many share one lock and one flush, and a batch that fails undoes itself alone.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aibaas_core::ports::{Database, DatabaseError, Rows, Statement, Value};
use async_trait::async_trait;
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use spin_sdk::{
    sqlite::{self, Connection},
    wasip3::clocks::monotonic_clock,
};

use super::adapters::spawn;
use crate::turns::{Purpose, Turn, Turns};

/// Most idle read connections that an instance keeps.
const KEPT_CONNECTIONS: usize = 8;

/// Most batches that share one commit: as many as the requests that Spin gives an instance at once.
const GROUP: usize = 16;

/// Busy timeout of one try, in which SQLite retries after 1, 2, 5 and 10 ms. With a longer timeout it would retry ever
/// more seldom, up to every 100 ms, and whoever has waited longest would lose to everybody who comes.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 18";

/// Longest pause between two tries, in nanoseconds: chance decides which of the waiting instances is next.
const JITTER_NS: u64 = 3_000_000;

/// The application's database.
#[derive(Clone)]
pub struct SpinDatabase(Arc<Inner>);

struct Inner {
    turns: Turns,
    /// How long a statement waits for a lock before its caller is told that the database is busy.
    patience: Duration,
    /// Unused read connections, outside of any transaction.
    readers: Mutex<Vec<Connection>>,
    /// Unused connection of the writer, outside of any transaction.
    writer: Mutex<Option<Connection>>,
    /// Batches that wait to be written, in order of arrival.
    waiting: Mutex<VecDeque<Job>>,
}

type Answer = Result<Vec<Rows>, DatabaseError>;

struct Job {
    statements: Vec<Statement>,
    /// Time at which the batch stops waiting, in nanoseconds of the monotonic clock.
    deadline: u64,
    reply: oneshot::Sender<Answer>,
}

impl SpinDatabase {
    /// Creates a database that writes in turns of `turns`, and waits at most `patience` for other instances.
    pub fn new(turns: Turns, patience: Duration) -> Self {
        let inner =
            Inner { turns, patience, readers: Mutex::default(), writer: Mutex::default(), waiting: Mutex::default() };
        Self(Arc::new(inner))
    }

    /// Applies the settings that stay in the database file: with a write-ahead log, readers and the writer do not block
    /// each other.
    pub async fn prepare(&self) {
        if let Err(error) = self.read(&[Statement::new("PRAGMA journal_mode = WAL")]).await {
            tracing::warn!(%error, "no write-ahead log, which costs speed");
        }
    }

    async fn read(&self, statements: &[Statement]) -> Answer {
        let deadline = self.0.deadline();
        loop {
            match self.0.try_read(statements).await {
                Err(error) if is_busy(&error) && monotonic_clock::now() < deadline => pause().await,
                other => return other,
            }
        }
    }

    async fn write(&self, statements: Vec<Statement>) -> Answer {
        let (reply, answer) = oneshot::channel();
        lock(&self.0.waiting).push_back(Job { statements, deadline: self.0.deadline(), reply });
        let mut answer = answer;
        loop {
            // Either another request's group includes this batch, or it is this request's turn.
            match select(answer, pin!(self.0.turns.take(Purpose::Writing))).await {
                Either::Left((answered, _)) => {
                    let lost = |_| Err(DatabaseError::Interrupted("a batch went unanswered".to_owned()));
                    return answered.unwrap_or_else(lost);
                }
                Either::Right((turn, unanswered)) => {
                    // The group is written apart from the request: the others in it must not depend on whether its
                    // client stays.
                    let inner = Arc::clone(&self.0);
                    spawn(async move { inner.write_waiting(turn).await });
                    answer = unanswered;
                }
            }
        }
    }
}

#[async_trait]
impl Database for SpinDatabase {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        let answers = self.batch(vec![statement]).await?;
        answers.into_iter().next().ok_or_else(|| DatabaseError::Unexpected("a statement went unanswered".to_owned()))
    }

    async fn batch(&self, statements: Vec<Statement>) -> Answer {
        if statements.iter().all(Statement::is_read) {
            self.read(&statements).await
        } else {
            self.write(statements).await
        }
    }
}

impl Inner {
    /// Returns the deadline of a statement that begins now.
    fn deadline(&self) -> u64 {
        monotonic_clock::now().saturating_add(u64::try_from(self.patience.as_nanos()).unwrap_or(u64::MAX))
    }

    async fn try_read(&self, statements: &[Statement]) -> Answer {
        let idle = lock(&self.readers).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => Connection::open_default().await.map_err(error)?,
        };
        let answers = match statements {
            // A single statement is a snapshot by itself.
            [statement] => vec![execute(&connection, statement).await?],
            statements => {
                control(&connection, "BEGIN").await?;
                let answers = run(&connection, statements).await?;
                control(&connection, "COMMIT").await?;
                answers
            }
        };
        // Connections that failed or are too many are dropped, which rolls back.
        let mut readers = lock(&self.readers);
        if readers.len() < KEPT_CONNECTIONS {
            readers.push(connection);
        }
        Ok(answers)
    }

    /// Writes the waiting batches in one transaction, and answers them.
    async fn write_waiting(&self, _turn: Turn) {
        let Some(deadline) = lock(&self.waiting).front().map(|job| job.deadline) else { return };
        let connection = match self.begin(deadline).await {
            Ok(connection) => connection,
            Err(error) => {
                // The other batches have deadlines of their own.
                if let Some(job) = lock(&self.waiting).pop_front() {
                    _ = job.reply.send(Err(error));
                }
                return;
            }
        };
        // The group includes batches that came while it waited for the lock.
        let group = self.take_waiting();
        match commit(&connection, &group, deadline).await {
            Ok(answers) => {
                self.give_back(connection);
                for (job, answer) in group.into_iter().zip(answers) {
                    _ = job.reply.send(answer);
                }
            }
            Err(error) => {
                let was_open = roll_back(connection).await;
                // What may have been committed must not be done again.
                let nothing_was_written = was_open || !matches!(error, DatabaseError::Interrupted(_));
                if nothing_was_written && group.len() > 1 {
                    self.write_apart(group).await;
                } else {
                    for job in group {
                        _ = job.reply.send(Err(error.clone()));
                    }
                }
            }
        }
    }

    /// Writes each batch of a group by itself, after the group could not be committed and nothing of it was written.
    /// One batch may have spoiled it for all (a full disk, a deferred constraint).
    async fn write_apart(&self, group: Vec<Job>) {
        for job in group {
            let answer = self.write_alone(&job).await;
            _ = job.reply.send(answer);
        }
    }

    async fn write_alone(&self, job: &Job) -> Answer {
        let connection = self.begin(job.deadline).await?;
        match commit(&connection, std::slice::from_ref(job), job.deadline).await {
            Ok(mut answers) => {
                self.give_back(connection);
                answers.pop().unwrap_or_else(|| Ok(Vec::new()))
            }
            Err(error) => {
                roll_back(connection).await;
                Err(error)
            }
        }
    }

    /// Takes the writer's connection, and begins a transaction with the writer's lock.
    async fn begin(&self, deadline: u64) -> Result<Connection, DatabaseError> {
        let kept = lock(&self.writer).take();
        let connection = match kept {
            Some(connection) => connection,
            None => {
                let connection = Connection::open_default().await.map_err(error)?;
                match control(&connection, BUSY_TIMEOUT).await {
                    // A libSQL server has its own way to let writers wait.
                    Err(error) if is_unsupported(&error) => {}
                    set => set?,
                }
                connection
            }
        };
        retry_while_locked(&connection, "BEGIN IMMEDIATE", deadline).await?;
        Ok(connection)
    }

    fn give_back(&self, connection: Connection) {
        *lock(&self.writer) = Some(connection);
    }

    fn take_waiting(&self) -> Vec<Job> {
        let mut waiting = lock(&self.waiting);
        // Batches whose requests have gone need not be written.
        waiting.retain(|job| !job.reply.is_canceled());
        let group = waiting.len().min(GROUP);
        waiting.drain(..group).collect()
    }
}

/// Runs and commits the batches of a transaction that has begun. An error means that none of them was written, once it
/// is rolled back.
async fn commit(connection: &Connection, group: &[Job], deadline: u64) -> Result<Vec<Answer>, DatabaseError> {
    let mut answers = Vec::with_capacity(group.len());
    match group {
        [job] => answers.push(Ok(run(connection, &job.statements).await?)),
        group => {
            for job in group {
                control(connection, "SAVEPOINT one").await?;
                let answer = run(connection, &job.statements).await;
                if answer.is_err() {
                    // Where SQLite has rolled back the transaction on its own, this fails, and so ends the whole group.
                    control(connection, "ROLLBACK TO one").await?;
                }
                control(connection, "RELEASE one").await?;
                answers.push(answer);
            }
        }
    }
    retry_while_locked(connection, "COMMIT", deadline).await?;
    Ok(answers)
}

/// Rolls back. Returns whether there was a transaction, so that nothing of it can have been committed. Dropping the
/// connection rolls back too, but some time later.
async fn roll_back(connection: Connection) -> bool {
    control(&connection, "ROLLBACK").await.is_ok()
}

/// Runs a statement that needs a lock, again and again while somebody else has the lock, until the deadline.
async fn retry_while_locked(connection: &Connection, sql: &'static str, deadline: u64) -> Result<(), DatabaseError> {
    loop {
        match control(connection, sql).await {
            Err(error) if is_busy(&error) && monotonic_clock::now() < deadline => pause().await,
            other => return other,
        }
    }
}

async fn run(connection: &Connection, statements: &[Statement]) -> Answer {
    let mut answers = Vec::with_capacity(statements.len());
    for statement in statements {
        answers.push(execute(connection, statement).await?);
    }
    Ok(answers)
}

async fn control(connection: &Connection, sql: &'static str) -> Result<(), DatabaseError> {
    execute(connection, &Statement::new(sql)).await.map(drop)
}

async fn execute(connection: &Connection, statement: &Statement) -> Result<Rows, DatabaseError> {
    let result =
        connection.execute(statement.sql, statement.params.iter().cloned().map(into_spin)).await.map_err(error)?;
    let columns = result.columns().to_vec();
    let rows = result.collect().await.map_err(error)?;
    Ok(Rows::new(columns, rows.into_iter().map(|row| row.values.into_iter().map(from_spin).collect()).collect()))
}

async fn pause() {
    // The clock's last digits are random enough to spread those who wait.
    spin_sdk::time::sleep(Duration::from_nanos(monotonic_clock::now() % JITTER_NS)).await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks whether the statement was refused before anything was written, or rolled back, so that it may be tried again.
fn is_busy(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Overloaded(_))
}

/// Checks whether a libSQL server refused the statement because it does not accept it from clients.
fn is_unsupported(error: &DatabaseError) -> bool {
    error.to_string().contains("unsupported statement")
}

fn error(error: sqlite::Error) -> DatabaseError {
    match error {
        sqlite::Error::Io(message) => DatabaseError::from_sqlite_message(&message),
        other => DatabaseError::Unavailable(other.to_string()),
    }
}

fn into_spin(value: Value) -> sqlite::Value {
    match value {
        Value::Null => sqlite::Value::Null,
        Value::Integer(integer) => sqlite::Value::Integer(integer),
        Value::Real(real) => sqlite::Value::Real(real),
        Value::Text(text) => sqlite::Value::Text(text),
        Value::Blob(bytes) => sqlite::Value::Blob(bytes),
    }
}

fn from_spin(value: sqlite::Value) -> Value {
    match value {
        sqlite::Value::Null => Value::Null,
        sqlite::Value::Integer(integer) => Value::Integer(integer),
        sqlite::Value::Real(real) => Value::Real(real),
        sqlite::Value::Text(text) => Value::Text(text),
        sqlite::Value::Blob(bytes) => Value::Blob(bytes),
    }
}
