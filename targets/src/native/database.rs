//! SQLite in files of this machine: one writer that groups commits, and a pool of readers.

use std::{
    collections::HashMap,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use aibaas_core::ports::{Database, DatabaseError, Rows, Statement, Value};
use async_trait::async_trait;
use crossbeam_channel::{Receiver, Sender, TrySendError};
use rusqlite::{Connection, OpenFlags, types::ValueRef};
use tokio::{sync::oneshot, time::Instant};

use super::{database_file::DatabaseFile, disk_reserve::DiskReserve};

/// Jobs that may wait for a thread; more are refused, so that an overload costs answers and not memory.
const QUEUE: usize = 4096;
/// Batches that share one commit at most.
const GROUP: usize = 128;
/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 256;
/// What the write-ahead log keeps of the disk after a rush.
const LOG_BYTES: i64 = 64 * 1024 * 1024;
/// How long a reader waits for a lock.
const BUSY: Duration = Duration::from_secs(5);
/// How long a batch waits for its turn, also where another process holds the lock, as for a backup.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the writer looks up from a lock that another process holds: who waits for it may have gone meanwhile.
const LOCK_POLL: Duration = Duration::from_millis(100);
/// How long reads may run.
const READ_TIME: Duration = Duration::from_secs(10);
/// Steps of SQLite's machine, some microseconds each hundred, between two looks at the clock.
const READ_POLL: i32 = 20_000;

/// What a commit survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The loss of power: each commit is flushed to the disk.
    Full,
    /// The end of the process only: for what may be forgotten.
    Process,
}

/// A database file in WAL mode.
///
/// Statements that SQLite itself calls read-only run on the readers, each batch of them in one snapshot.
/// Everything else goes to the writer, which takes all batches that wait into one transaction, each within a
/// savepoint of its own, and answers them when that transaction is on the disk: many clients share one flush,
/// and a batch that fails undoes itself alone. A read that starts after a write was answered sees it, because a
/// WAL reader sees every commit before its start.
pub struct SqliteDatabase {
    readers: Sender<Message>,
    writer: Sender<Message>,
    kinds: Arc<Kinds>,
    file: DatabaseFile,
    reader_threads: Mutex<Vec<JoinHandle<()>>>,
    writer_thread: Mutex<Option<JoinHandle<()>>>,
}

type Answer = Result<Vec<Rows>, DatabaseError>;

struct Job {
    statements: Vec<Statement>,
    /// Whether every statement is already known to be read-only.
    known_reads: bool,
    /// When it was asked for.
    since: Instant,
    /// Whether whoever asked has gone.
    abandoned: Arc<AtomicBool>,
    reply: oneshot::Sender<Answer>,
}

impl Job {
    /// Itself, while somebody waits for its answer and has not waited too long. It has not run yet: whoever asked knows
    /// that nothing was written.
    fn still_wanted(self, now: Instant) -> Option<Self> {
        if self.abandoned.load(Ordering::Relaxed) {
            return None;
        }
        if now.saturating_duration_since(self.since) > PATIENCE {
            self.answer(Err(DatabaseError::Overloaded("a write did not get its turn".to_owned())));
            return None;
        }
        Some(self)
    }

    fn answer(self, answer: Answer) {
        // Whoever asked may be gone.
        let _ = self.reply.send(answer);
    }

    /// Whether it may use what is kept for a full disk.
    fn is_essential(&self) -> bool {
        self.statements.iter().any(|statement| statement.essential)
    }
}

/// Says, when a request is dropped, that its statements need not run.
struct Asking(Arc<AtomicBool>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

enum Message {
    Run(Job),
    Stop,
}

impl SqliteDatabase {
    /// Opens the file, or creates it, and starts the threads: one writer and this many readers.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when the file cannot be opened or cannot keep a write-ahead log.
    pub fn open(path: &Path, durability: Durability, readers: usize) -> Result<Self, DatabaseError> {
        let kinds = Arc::new(Kinds::default());
        let (writer, writer_jobs) = crossbeam_channel::bounded(QUEUE);
        let (reader, reader_jobs) = crossbeam_channel::bounded(QUEUE);

        make_private(path)?;
        let connection = connect(path, durability)?;
        connection.busy_timeout(LOCK_POLL).map_err(unavailable)?;
        let reserve = match durability {
            Durability::Full => DiskReserve::keep(&path.with_extension("reserve")),
            Durability::Process => DiskReserve::none(),
        };
        let writer_thread = thread("sqlite-writer", move || Writer { connection, reserve }.work(&writer_jobs))?;
        let mut reader_threads = Vec::new();
        for _ in 0..readers.max(1) {
            let connection = connect_reader(path)?;
            let (jobs, writer, kinds) = (reader_jobs.clone(), writer.clone(), Arc::clone(&kinds));
            reader_threads.push(thread("sqlite-reader", move || read(&connection, &jobs, &writer, &kinds))?);
        }
        Ok(Self {
            readers: reader,
            writer,
            kinds,
            file: DatabaseFile::of(path).map_err(|error| DatabaseError::Unavailable(error.to_string()))?,
            reader_threads: Mutex::new(reader_threads),
            writer_thread: Mutex::new(Some(writer_thread)),
        })
    }

    /// Finishes what waits, brings the write-ahead log into the database file and ends the threads.
    /// Blocks until that is done; later calls are answered [`DatabaseError::Unavailable`].
    pub fn close(&self) {
        let readers = std::mem::take(&mut *self.reader_threads.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &readers {
            // It fails only when the threads are gone already.
            let _ = self.readers.send(Message::Stop);
        }
        for thread in readers {
            let _ = thread.join();
        }
        // Readers hand writes on, so the writer ends after them.
        if let Some(thread) = self.writer_thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = self.writer.send(Message::Stop);
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Database for SqliteDatabase {
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError> {
        let answers = self.batch(vec![statement]).await?;
        answers.into_iter().next().ok_or_else(|| DatabaseError::Unavailable("a statement went unanswered".to_owned()))
    }

    async fn batch(&self, statements: Vec<Statement>) -> Answer {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        let (queue, known_reads) = match self.kinds.of(&statements) {
            Some(Kind::Write) => (&self.writer, false),
            Some(Kind::Read) => (&self.readers, true),
            None => (&self.readers, false),
        };
        let asking = Asking(Arc::default());
        let abandoned = Arc::clone(&asking.0);
        submit(queue, Job { statements, known_reads, since: Instant::now(), abandoned, reply });
        answer.await.map_err(|_| closed())?
    }

    async fn check(&self) -> Result<(), DatabaseError> {
        self.file.check().await
    }
}

/// Queues the job, or answers it at once when there is no room.
fn submit(queue: &Sender<Message>, job: Job) {
    let (message, error) = match queue.try_send(Message::Run(job)) {
        Ok(()) => return,
        Err(TrySendError::Full(message)) => (message, DatabaseError::Overloaded("too many statements wait".to_owned())),
        Err(TrySendError::Disconnected(message)) => (message, closed()),
    };
    if let Message::Run(job) = message {
        job.answer(Err(error));
    }
}

fn closed() -> DatabaseError {
    DatabaseError::Unavailable("the database is closed".to_owned())
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, DatabaseError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| DatabaseError::Unavailable(error.to_string()))
}

/// The file, if it is new, is its owner's alone; SQLite gives the log beside it the same mode.
fn make_private(path: &Path) -> Result<(), DatabaseError> {
    let mut options = std::fs::File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let opened = options.open(path).map_err(|error| DatabaseError::Unavailable(format!("{}: {error}", path.display())));
    opened.map(drop)
}

fn connect(path: &Path, durability: Durability) -> Result<Connection, DatabaseError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(unavailable)?;
    connection.busy_timeout(BUSY).map_err(unavailable)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(unavailable)?;
    if mode != "wal" {
        return Err(DatabaseError::Unavailable(format!(
            "{} cannot keep a write-ahead log (mode {mode})",
            path.display()
        )));
    }
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Process => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous).map_err(unavailable)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(unavailable)?;
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(unavailable)?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES).map_err(unavailable)?;
    Ok(connection)
}

/// A connection of one's own that reads: what it is asked is answered in the caller's thread.
///
/// # Errors
/// [`DatabaseError::Unavailable`] when the file cannot be opened.
pub fn connect_reader(path: &Path) -> Result<Connection, DatabaseError> {
    let connection = connect(path, Durability::Full)?;
    connection.pragma_update(None, "query_only", true).map_err(unavailable)?;
    Ok(connection)
}

fn unavailable(error: rusqlite::Error) -> DatabaseError {
    DatabaseError::Unavailable(error.to_string())
}

fn refused(error: rusqlite::Error) -> DatabaseError {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => DatabaseError::from_sqlite_message(&message),
        error => DatabaseError::Unavailable(error.to_string()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

/// What SQLite said about each text. The texts are constants, so where one stands identifies it.
#[derive(Default)]
struct Kinds(RwLock<HashMap<(usize, usize), Kind>>);

impl Kinds {
    /// [`Kind::Write`] when one of them is known to write, [`Kind::Read`] when all are known to read.
    fn of(&self, statements: &[Statement]) -> Option<Kind> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all = Some(Kind::Read);
        for statement in statements {
            match known.get(&identity(statement.sql)) {
                Some(Kind::Write) => return Some(Kind::Write),
                Some(Kind::Read) => {}
                None => all = None,
            }
        }
        all
    }

    fn learn(&self, statement: &Statement, kind: Kind) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(identity(statement.sql), kind);
    }
}

fn identity(sql: &'static str) -> (usize, usize) {
    (sql.as_ptr().addr(), sql.len())
}

/// Whether whoever asked has gone, and how long it may take.
type Watched = (Arc<AtomicBool>, Instant);

fn read(connection: &Connection, jobs: &Receiver<Message>, writer: &Sender<Message>, kinds: &Kinds) {
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

/// A statement that does not prepare here goes to the writer too: what it names may be created earlier in its batch.
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

/// The one connection that writes.
struct Writer {
    connection: Connection,
    reserve: DiskReserve,
}

impl Writer {
    fn work(mut self, jobs: &Receiver<Message>) {
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
            self.commit(group);
            if stop {
                break;
            }
        }
        let _ = self.connection.busy_timeout(BUSY);
        // The log stays valid if this fails; the next start reads it.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    fn commit(&mut self, group: Vec<Job>) {
        let mut group = self.begin(group);
        if group.len() > 1 {
            if let Ok(answers) = together(&self.connection, &group) {
                for (job, answer) in group.into_iter().zip(answers) {
                    self.answer(job, answer);
                }
                return;
            }
            // One batch may have spoiled the commit of all (a deferred constraint, a full disk), and nothing of them
            // was written: each has its own chance.
            undo(&self.connection);
            for job in group {
                self.commit(vec![job]);
            }
        } else if let Some(job) = group.pop() {
            let answer = finish(&self.connection, &job.statements);
            self.answer(job, answer);
        }
    }

    /// Begins a transaction, once no other process holds the lock, and gives the jobs that still wait for it; none where
    /// nothing was begun.
    fn begin(&mut self, mut group: Vec<Job>) -> Vec<Job> {
        loop {
            let now = Instant::now();
            group = group.into_iter().filter_map(|job| self.admit(job)?.still_wanted(now)).collect();
            if group.is_empty() {
                return group;
            }
            match self.connection.execute_batch("BEGIN IMMEDIATE") {
                Ok(()) => {
                    // Requests may have gone while it waited for the lock.
                    let now = Instant::now();
                    group = group.into_iter().filter_map(|job| job.still_wanted(now)).collect();
                    if group.is_empty() {
                        undo(&self.connection);
                    }
                    return group;
                }
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {}
                Err(error) => {
                    let error = refused(error);
                    for job in group.drain(..) {
                        job.answer(Err(error.clone()));
                    }
                    return group;
                }
            }
        }
    }

    /// Where the disk is full, only what ends access or frees space goes on, out of the reserve.
    fn admit(&mut self, job: Job) -> Option<Job> {
        if job.is_essential() || self.reserve.is_whole() {
            return Some(job);
        }
        job.answer(Err(full()));
        None
    }

    /// Answers the job; what the disk had no room for has another chance where it may use the reserve.
    fn answer(&mut self, job: Job, answer: Answer) {
        let no_room = matches!(&answer, Err(DatabaseError::Unavailable(why)) if why.contains(SQLITE_FULL));
        if !no_room {
            return job.answer(answer);
        }
        let released = self.reserve.release();
        // What the log holds goes to where it belongs, so that its own space is used again.
        let _ = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if released && job.is_essential() { self.commit(vec![job]) } else { job.answer(Err(full())) }
    }
}

/// How SQLite words that there is no room.
const SQLITE_FULL: &str = "database or disk is full";

fn full() -> DatabaseError {
    DatabaseError::Unavailable("the disk is full: only log-outs, revocations and deletions are carried out".to_owned())
}

/// All batches in the transaction that was begun. An error means that nothing was written.
fn together(connection: &Connection, group: &[Job]) -> Result<Vec<Answer>, DatabaseError> {
    let mut answers = Vec::with_capacity(group.len());
    for job in group {
        control(connection, "SAVEPOINT one")?;
        let answer: Answer = job.statements.iter().map(|statement| run(connection, statement)).collect();
        if answer.is_err() {
            // Fails, and so ends the whole, where SQLite has rolled back the transaction on its own.
            control(connection, "ROLLBACK TO one")?;
        }
        control(connection, "RELEASE one")?;
        answers.push(answer);
    }
    control(connection, "COMMIT")?;
    Ok(answers)
}

fn transaction(connection: &Connection, statements: &[Statement]) -> Answer {
    control(connection, "BEGIN")?;
    finish(connection, statements)
}

/// Runs the statements in the transaction that was begun, and commits or undoes it.
fn finish(connection: &Connection, statements: &[Statement]) -> Answer {
    let all = || {
        let rows = statements.iter().map(|statement| run(connection, statement)).collect::<Answer>()?;
        control(connection, "COMMIT")?;
        Ok(rows)
    };
    let answer = all();
    if answer.is_err() {
        undo(connection);
    }
    answer
}

fn undo(connection: &Connection) {
    if !connection.is_autocommit() {
        // Where even this fails, the next BEGIN does too and says so to its caller.
        let _ = control(connection, "ROLLBACK");
    }
}

fn control(connection: &Connection, sql: &'static str) -> Result<(), DatabaseError> {
    connection.prepare_cached(sql).and_then(|mut prepared| prepared.execute([])).map_err(refused)?;
    Ok(())
}

/// Runs one statement on this connection.
///
/// # Errors
/// As [`Database::query`].
pub fn run(connection: &Connection, statement: &Statement) -> Result<Rows, DatabaseError> {
    let mut prepared = connection.prepare_cached(statement.sql).map_err(refused)?;
    if prepared.parameter_count() != statement.params.len() {
        return Err(DatabaseError::Unavailable(format!(
            "a statement takes {} parameters and was given {}",
            prepared.parameter_count(),
            statement.params.len()
        )));
    }
    for (index, value) in (1_usize..).zip(&statement.params) {
        match value {
            Value::Null => prepared.raw_bind_parameter(index, rusqlite::types::Null),
            Value::Integer(integer) => prepared.raw_bind_parameter(index, integer),
            Value::Real(real) => prepared.raw_bind_parameter(index, real),
            Value::Text(text) => prepared.raw_bind_parameter(index, text),
            Value::Blob(bytes) => prepared.raw_bind_parameter(index, bytes),
        }
        .map_err(refused)?;
    }
    let columns: Vec<String> = prepared.column_names().into_iter().map(str::to_owned).collect();
    let mut values = Vec::new();
    let mut rows = prepared.raw_query();
    // To the last row, also of a write without RETURNING: only then is the statement done.
    while let Some(row) = rows.next().map_err(refused)? {
        values.push(
            (0..columns.len()).map(|index| value(row.get_ref(index).map_err(refused)?)).collect::<Result<_, _>>()?,
        );
    }
    Ok(Rows::new(columns, values))
}

fn value(value: ValueRef<'_>) -> Result<Value, DatabaseError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        ValueRef::Text(text) => Value::Text(
            String::from_utf8(text.to_vec())
                .map_err(|_| DatabaseError::Unavailable("a text is not UTF-8".to_owned()))?,
        ),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static DIRECTORIES: AtomicUsize = AtomicUsize::new(0);

    struct Fixture {
        database: Arc<SqliteDatabase>,
        directory: std::path::PathBuf,
    }

    impl Fixture {
        fn path(&self) -> std::path::PathBuf {
            self.directory.join("test.db")
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            self.database.close();
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }

    async fn fixture() -> Fixture {
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("aibaas-database-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let database = Arc::new(SqliteDatabase::open(&directory.join("test.db"), Durability::Full, 3).unwrap());
        database
            .batch(vec![
                Statement::new(
                    "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n INTEGER NOT NULL DEFAULT 0) STRICT",
                ),
                Statement::new(
                    "CREATE TABLE child (t_id INTEGER NOT NULL REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED) STRICT",
                ),
                Statement::new(
                    "CREATE TABLE guard (ok INTEGER NOT NULL CONSTRAINT expectation_failed CHECK (ok = 1)) STRICT",
                ),
                Statement::new("INSERT INTO t (id, name) VALUES (1, 'counter')"),
            ])
            .await
            .unwrap();
        Fixture { database, directory }
    }

    const INSERT: &str = "INSERT INTO t (id, name) VALUES (?1, ?2)";
    const COUNT: &str = "SELECT count(*) AS n FROM t";
    const ADD: &str = "UPDATE t SET n = n + 1 WHERE id = ?1 RETURNING n";
    const GUARD: &str = "INSERT INTO guard SELECT changes() = 1 WHERE changes() <> 1";

    fn insert(id: i64, name: &str) -> Statement {
        Statement::new(INSERT).bind(id).bind(name)
    }

    async fn integer(database: &SqliteDatabase, statement: Statement) -> i64 {
        database.query(statement).await.unwrap().into_first().unwrap().integer("n").unwrap()
    }

    #[tokio::test]
    async fn a_batch_is_all_or_nothing_and_names_its_constraint() {
        let fixture = fixture().await;
        let error = fixture.database.batch(vec![insert(2, "a"), insert(3, "counter")]).await.unwrap_err();
        assert_eq!(error, DatabaseError::Constraint("t.name".to_owned()));
        assert_eq!(integer(&fixture.database, Statement::new(COUNT)).await, 1);
    }

    #[tokio::test]
    async fn a_guard_undoes_the_batch_when_the_statement_before_it_changed_nothing() {
        let fixture = fixture().await;
        let batch = |id: i64| vec![Statement::new(ADD).bind(id), Statement::new(GUARD), insert(9, "after")];
        let error = fixture.database.batch(batch(77)).await.unwrap_err();
        assert_eq!(error, DatabaseError::Constraint("expectation_failed".to_owned()));
        assert_eq!(integer(&fixture.database, Statement::new(COUNT)).await, 1);

        let rows = fixture.database.batch(batch(1)).await.unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(integer(&fixture.database, Statement::new(COUNT)).await, 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn grouped_batches_fail_alone_and_every_write_is_read_at_once() {
        let fixture = fixture().await;
        let clients = (0..32_i64).map(|client| {
            let database = Arc::clone(&fixture.database);
            tokio::spawn(async move {
                for round in 0..25_i64 {
                    let id = 1000 + client * 100 + round;
                    let add = Statement::new(ADD).bind(1_i64);
                    if round % 5 == 4 {
                        let batch = vec![add, insert(id, "x"), insert(id, "y")];
                        let error = database.batch(batch).await.unwrap_err();
                        assert_eq!(error, DatabaseError::Constraint("t.id".to_owned()));
                    } else {
                        database.batch(vec![add, Statement::new(GUARD), insert(id, &format!("{id}"))]).await.unwrap();
                        let found = Statement::new("SELECT count(*) AS n FROM t WHERE id = ?1").bind(id);
                        assert_eq!(integer(&database, found).await, 1);
                    }
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
        assert_eq!(integer(&fixture.database, Statement::new("SELECT n FROM t WHERE id = 1")).await, 32 * 20);
        assert_eq!(integer(&fixture.database, Statement::new(COUNT)).await, 32 * 20 + 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn one_winner_takes_what_is_single_use() {
        let fixture = fixture().await;
        let takers = (0..20).map(|_| {
            let database = Arc::clone(&fixture.database);
            tokio::spawn(async move {
                let take = Statement::new("UPDATE t SET n = 1 WHERE id = 1 AND n = 0 RETURNING id");
                database.query(take).await.unwrap().len()
            })
        });
        let mut winners = 0;
        for taker in takers.collect::<Vec<_>>() {
            winners += taker.await.unwrap();
        }
        assert_eq!(winners, 1);
    }

    fn job(statements: Vec<Statement>, reply: oneshot::Sender<Answer>) -> Job {
        Job { statements, known_reads: false, since: Instant::now(), abandoned: Arc::default(), reply }
    }

    /// What a group of batches is answered that share one commit, and what of them is then in the table.
    fn grouped(path: &Path, batches: Vec<Vec<Statement>>) -> (Vec<Result<usize, DatabaseError>>, i64) {
        let connection = connect(path, Durability::Full).unwrap();
        let mut writer = Writer { connection, reserve: DiskReserve::none() };
        let (group, answers): (Vec<_>, Vec<_>) = batches
            .into_iter()
            .map(|statements| {
                let (reply, answer) = oneshot::channel();
                (job(statements, reply), answer)
            })
            .unzip();
        writer.commit(group);
        assert!(writer.connection.is_autocommit());
        let answers = answers.into_iter().map(|mut answer| answer.try_recv().unwrap().map(|rows| rows.len())).collect();
        (answers, writer.connection.query_row(COUNT, [], |row| row.get(0)).unwrap())
    }

    #[tokio::test]
    async fn within_a_shared_commit_a_batch_fails_alone() {
        let fixture = fixture().await;
        let twice = vec![insert(4, "c"), insert(4, "c")];
        let unmet = vec![insert(5, "d"), Statement::new(ADD).bind(404_i64), Statement::new(GUARD)];
        let (answers, count) = grouped(&fixture.path(), vec![vec![insert(2, "a")], twice, unmet, vec![insert(3, "b")]]);
        let constraint = |name: &str| Err(DatabaseError::Constraint(name.to_owned()));
        assert_eq!(answers, [Ok(1), constraint("t.id"), constraint("expectation_failed"), Ok(1)]);
        assert_eq!(count, 3);
    }

    #[tokio::test]
    async fn a_shared_commit_that_one_batch_spoils_leaves_the_others() {
        let fixture = fixture().await;
        let orphan = vec![Statement::new("INSERT INTO child (t_id) VALUES (404)")];
        let rollback = vec![Statement::new("INSERT OR ROLLBACK INTO t (id) VALUES (1)")];
        for spoiler in [orphan, rollback] {
            let (answers, count) = grouped(&fixture.path(), vec![vec![insert(2, "a")], spoiler, vec![insert(3, "b")]]);
            assert!(matches!(answers[..], [Ok(1), Err(DatabaseError::Constraint(_)), Ok(1)]), "{answers:?}");
            assert_eq!(count, 3);
            fixture.database.query(Statement::new("DELETE FROM t WHERE id > 1")).await.unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_batch_of_reads_sees_one_snapshot() {
        let fixture = fixture().await;
        let writer = {
            let database = Arc::clone(&fixture.database);
            tokio::spawn(async move {
                for _ in 0..300 {
                    database.query(Statement::new(ADD).bind(1_i64)).await.unwrap();
                }
            })
        };
        let read = Statement::new("SELECT n FROM t WHERE id = 1");
        while !writer.is_finished() {
            let answers =
                fixture.database.batch(vec![read.clone(), Statement::new(COUNT), read.clone()]).await.unwrap();
            let mut seen = answers.into_iter().map(|rows| rows.into_first().unwrap().integer("n").unwrap());
            assert_eq!(seen.next(), seen.nth(1));
        }
        writer.await.unwrap();
    }

    #[tokio::test]
    async fn every_kind_of_value_comes_back_as_it_went() {
        let fixture = fixture().await;
        let sql = "SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, ?5 AS e";
        let statement = Statement::new(sql)
            .bind(9_007_199_254_740_992_i64)
            .bind(0.5)
            .bind("ü")
            .bind(vec![0_u8, 255])
            .bind(None::<i64>);
        let row = fixture.database.query(statement).await.unwrap().into_first().unwrap();
        assert_eq!(row.integer("a"), Ok(9_007_199_254_740_992));
        assert_eq!(row.real("b"), Ok(0.5));
        assert_eq!(row.text("c"), Ok("ü".to_owned()));
        assert_eq!(row.optional_blob("d"), Ok(Some(vec![0, 255])));
        assert_eq!(row.optional_integer("e"), Ok(None));
    }

    #[tokio::test]
    async fn what_is_not_one_whole_statement_is_refused() {
        let fixture = fixture().await;
        for statement in [
            Statement::new("INSERT INTO t (id) VALUES (50); INSERT INTO t (id) VALUES (51)"),
            Statement::new(INSERT).bind(50_i64),
            Statement::new("SELECT nothing FROM nowhere"),
        ] {
            assert!(matches!(fixture.database.query(statement).await, Err(DatabaseError::Unavailable(_))));
        }
        assert_eq!(integer(&fixture.database, Statement::new(COUNT)).await, 1);
    }

    #[tokio::test]
    async fn closing_leaves_one_file_with_everything_in_it() {
        let fixture = fixture().await;
        fixture.database.query(insert(2, "kept")).await.unwrap();
        fixture.database.close();
        assert!(matches!(fixture.database.query(Statement::new(COUNT)).await, Err(DatabaseError::Unavailable(_))));
        let log = std::fs::metadata(fixture.path().with_extension("db-wal")).map_or(0, |log| log.len());
        assert_eq!(log, 0);
        let database = SqliteDatabase::open(&fixture.path(), Durability::Full, 1).unwrap();
        assert_eq!(integer(&database, Statement::new(COUNT)).await, 2);
        database.close();
    }

    /// Another process that holds the lock, as a backup does.
    fn lock(path: &Path) -> Connection {
        let other = connect(path, Durability::Full).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        other
    }

    #[tokio::test]
    async fn a_write_whose_request_is_gone_never_runs() {
        let fixture = fixture().await;
        let other = lock(&fixture.path());
        let database = Arc::clone(&fixture.database);
        let gone = tokio::spawn(async move { database.query(insert(2, "gone")).await });
        let database = Arc::clone(&fixture.database);
        let waiting = tokio::spawn(async move { database.query(insert(3, "waiting")).await });
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        other.execute_batch("COMMIT").unwrap();
        waiting.await.unwrap().unwrap();
        let found = Statement::new("SELECT count(*) AS n FROM t WHERE id = 2");
        assert_eq!(integer(&fixture.database, found).await, 0);
    }

    #[tokio::test]
    async fn a_write_that_waited_too_long_is_refused_without_running() {
        let fixture = fixture().await;
        let (reply, mut late) = oneshot::channel();
        let mut refused = job(vec![insert(2, "late")], reply);
        refused.since = Instant::now().checked_sub(PATIENCE * 2).unwrap();
        let (reply, mut timely) = oneshot::channel();
        let connection = connect(&fixture.path(), Durability::Full).unwrap();
        let mut writer = Writer { connection, reserve: DiskReserve::none() };
        writer.commit(vec![refused, job(vec![insert(3, "timely")], reply)]);
        assert_eq!(
            late.try_recv().unwrap().unwrap_err(),
            DatabaseError::Overloaded("a write did not get its turn".to_owned())
        );
        assert!(timely.try_recv().unwrap().is_ok());
        assert_eq!(integer(&fixture.database, Statement::new(COUNT)).await, 2);
    }

    #[tokio::test]
    async fn a_read_ends_with_its_request() {
        let fixture = fixture().await;
        let endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS n FROM n";
        for _ in 0..5 {
            let database = Arc::clone(&fixture.database);
            let reading = tokio::spawn(async move { database.query(Statement::new(endless)).await });
            tokio::task::yield_now().await;
            reading.abort();
            assert!(reading.await.unwrap_err().is_cancelled());
        }
        // There are three readers: without an end, nobody would answer.
        assert_eq!(integer(&fixture.database, Statement::new(COUNT)).await, 1);
    }

    #[tokio::test]
    async fn a_full_disk_still_takes_what_ends_access() {
        let fixture = fixture().await;
        let reserve = fixture.path().with_extension("reserve");
        assert!(reserve.exists());
        let revoke = || Statement::new("UPDATE t SET n = -1 WHERE id = 1").essential();
        let pages = |pages: &'static str| {
            vec![Statement::new("UPDATE t SET n = n WHERE id = 1").essential(), Statement::new(pages)]
        };
        // The writer's file may not grow, as on a disk without room.
        fixture.database.batch(pages("PRAGMA max_page_count = 1")).await.unwrap();
        let large = Statement::new(INSERT).bind(2_i64).bind("x".repeat(100_000));
        let error = fixture.database.query(large.clone()).await.unwrap_err();
        assert_eq!(error, full());
        assert!(!reserve.exists(), "its space is given back");
        // What would fit is refused too: the reserve is not for it.
        DiskReserve::forbid(&reserve);
        assert_eq!(fixture.database.query(insert(3, "small")).await.unwrap_err(), full());
        fixture.database.query(revoke()).await.unwrap();
        assert_eq!(integer(&fixture.database, Statement::new("SELECT n FROM t WHERE id = 1")).await, -1);
        assert_eq!(integer(&fixture.database, Statement::new(COUNT)).await, 1);

        fixture.database.batch(pages("PRAGMA max_page_count = 1000000")).await.unwrap();
        DiskReserve::allow(&reserve);
        fixture.database.query(large).await.unwrap();
        assert!(reserve.exists(), "it is kept again");
    }
}
