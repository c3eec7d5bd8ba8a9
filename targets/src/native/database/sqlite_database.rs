use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use aibaas_core::ports::{Database, DatabaseError, Rows, Statement};
use async_trait::async_trait;
use crossbeam_channel::Sender;
use tokio::{sync::oneshot, time::Instant};

use super::{
    connection::{CommitWatch, Durability, connect_reader, make_private},
    file::DatabaseFile,
    inline::{Inline, InlineReaders},
    job::{AbandonOnDrop, Answer, Job, Message, closed, submit},
    reader::{Kind, Kinds, read},
    writer::Writer,
};
use crate::native::metrics::WriteMetrics;

/// Most jobs that may wait for a thread; more are refused, so that an overload costs answers and not memory.
const QUEUE: usize = 4096;

/// A database file in WAL mode.
///
/// Statements that SQLite reports as read-only run in the caller's thread while they are short, else on the readers, each
/// batch of them in one snapshot. Everything else goes to the writer, which takes all batches that wait into one transaction, each within a savepoint of its own, and
/// answers them when that transaction is on the disk: many clients share one flush, and a batch that fails undoes
/// itself alone. A read that starts after a write was answered sees it, because a WAL reader sees every commit before
/// its start.
pub struct SqliteDatabase {
    inline: InlineReaders,
    readers: Sender<Message>,
    writer: Sender<Message>,
    kinds: Arc<Kinds>,
    file: DatabaseFile,
    commits: CommitWatch,
    reader_threads: Mutex<Vec<JoinHandle<()>>>,
    writer_thread: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteDatabase {
    /// Opens the file, or creates it, and starts the threads: one writer and this many readers.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when the file cannot be opened or cannot keep a write-ahead log.
    pub fn open(path: &Path, durability: Durability, readers: usize) -> Result<Self, DatabaseError> {
        Self::open_measured(path, durability, readers, WriteMetrics::default())
    }

    /// Opens the database as [`SqliteDatabase::open`] does, and measures its writes with `metrics`.
    ///
    /// # Errors
    /// The errors of [`SqliteDatabase::open`].
    pub fn open_measured(
        path: &Path,
        durability: Durability,
        readers: usize,
        metrics: WriteMetrics,
    ) -> Result<Self, DatabaseError> {
        let kinds = Arc::new(Kinds::default());
        let (writer, writer_jobs) = crossbeam_channel::bounded(QUEUE);
        let (reader, reader_jobs) = crossbeam_channel::bounded(QUEUE);

        make_private(path)?;
        let writing = Writer::open(path, durability, metrics)?;
        let writer_thread = thread("sqlite-writer", move || writing.work(&writer_jobs))?;
        let mut reader_threads = Vec::new();
        for _ in 0..readers.max(1) {
            let connection = connect_reader(path)?;
            let (jobs, writer, kinds) = (reader_jobs.clone(), writer.clone(), Arc::clone(&kinds));
            reader_threads.push(thread("sqlite-reader", move || read(&connection, &jobs, &writer, &kinds))?);
        }
        // One core is left to callers that do not read: the disk may be slow.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            inline: InlineReaders::open(path, readers.min(cores).saturating_sub(1))?,
            readers: reader,
            writer,
            kinds,
            file: DatabaseFile::of(path).map_err(|error| DatabaseError::Unavailable(error.to_string()))?,
            commits: CommitWatch::open(path)?,
            reader_threads: Mutex::new(reader_threads),
            writer_thread: Mutex::new(Some(writer_thread)),
        })
    }

    /// Returns how many batches wait for the writer.
    pub fn writes_waiting(&self) -> usize {
        self.writer.len()
    }

    /// Finishes what waits, copies the write-ahead log into the database file and ends the threads. Blocks until that
    /// is done; later calls are answered [`DatabaseError::Unavailable`].
    pub fn close(&self) {
        self.commits.close();
        self.inline.close();
        let readers = std::mem::take(&mut *self.reader_threads.lock().unwrap_or_else(PoisonError::into_inner));
        for _ in &readers {
            // This fails only when the threads are gone already.
            let _ = self.readers.send(Message::Stop);
        }
        for thread in readers {
            let _ = thread.join();
        }
        // Readers pass writes on, so the writer ends after them.
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
        answers.into_iter().next().ok_or_else(|| DatabaseError::Unexpected("a statement went unanswered".to_owned()))
    }

    async fn batch(&self, statements: Vec<Statement>) -> Answer {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let kind = self.kinds.of(&statements);
        if kind == Some(Kind::Read) {
            match self.inline.read(&statements) {
                Inline::Answered(answer) => return answer,
                Inline::Long(number) => {
                    statements.get(number).inspect(|statement| self.kinds.learn(statement, Kind::LongRead));
                }
                Inline::NotNow => {}
            }
        }
        let (reply, answer) = oneshot::channel();
        let (queue, known_reads) = match kind {
            Some(Kind::Write) => (&self.writer, false),
            Some(Kind::Read | Kind::LongRead) => (&self.readers, true),
            None => (&self.readers, false),
        };
        let asking = AbandonOnDrop(Arc::default());
        let abandoned = Arc::clone(&asking.0);
        submit(queue, Job { statements, known_reads, since: Instant::now(), abandoned, reply });
        answer.await.map_err(|_| closed())?
    }

    async fn check(&self) -> Result<(), DatabaseError> {
        let file = self.file.clone();
        let checking = tokio::task::spawn_blocking(move || file.check());
        checking.await.map_err(|error| DatabaseError::Unavailable(error.to_string()))?
    }

    /// Reads the version in the caller's thread: that takes two microseconds, and no other thread has to wake.
    fn version(&self) -> Option<i64> {
        self.commits.version()
    }
}

fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, DatabaseError> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|error| DatabaseError::Unavailable(error.to_string()))
}
