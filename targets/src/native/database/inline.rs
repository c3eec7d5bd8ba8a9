//! Short reads in the caller's thread: no other thread has to wake for them.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aibaas_core::ports::{DatabaseError, Rows, Statement};
use rusqlite::Connection;
use tokio::time::Instant;

use super::{
    connection::{connect_reader, control, run, unavailable, undo},
    job::Answer,
};
use crate::native::per_thread::PerThread;

/// Steps of SQLite's machine between two polls.
const POLL: i32 = 500;
/// Polls after which a statement is long: some 10,000 steps, half a millisecond out of memory.
const MOST_POLLS: u32 = 20;
/// Longest time that a batch takes of its caller's thread: a disk may be slow.
const MOST_TIME: Duration = Duration::from_millis(2);

/// Connections on which callers read in their own threads.
pub struct InlineReaders(PerThread<InlineReader>);

/// Outcome of a read in the caller's thread.
pub enum Inline {
    /// What a thread that reads would answer.
    Answered(Answer),
    /// The statement of this number is too long for the caller's thread.
    Long(usize),
    /// No connection is free, the disk was slow, or SQLite refused: a thread that reads is to be asked.
    NotNow,
}

struct InlineReader {
    connection: Connection,
    /// Longest time of a batch.
    most_time: Duration,
    budget: Arc<Mutex<Budget>>,
}

/// What a batch may still take. Without an end, anything.
#[derive(Default)]
struct Budget {
    /// Polls since the statement began.
    polls: u32,
    /// When the batch is interrupted.
    until: Option<Instant>,
}

impl Budget {
    /// Counts a poll; returns whether the statement is interrupted.
    fn poll(&mut self) -> bool {
        self.polls = self.polls.saturating_add(1);
        self.until.is_some_and(|until| self.polls > MOST_POLLS || Instant::now() > until)
    }
}

impl InlineReaders {
    /// Opens so many connections.
    ///
    /// # Errors
    /// As [`connect_reader`].
    pub fn open(path: &Path, count: usize) -> Result<Self, DatabaseError> {
        Self::open_with(path, count, MOST_TIME)
    }

    fn open_with(path: &Path, count: usize, most_time: Duration) -> Result<Self, DatabaseError> {
        PerThread::new(count, || InlineReader::open(path, most_time)).map(Self)
    }

    /// Runs statements that only read, in one snapshot.
    pub fn read(&self, statements: &[Statement]) -> Inline {
        let Some(locked) = self.0.try_lock() else { return Inline::NotNow };
        let Some(reader) = locked.as_ref() else { return Inline::NotNow };
        let read = reader.read(statements);
        // What ends the snapshot is not interrupted.
        reader.budget().until = None;
        if read.is_err() {
            undo(&reader.connection);
        }
        match read {
            Ok(rows) => Inline::Answered(Ok(rows)),
            Err(Some(number)) => Inline::Long(number),
            Err(None) => Inline::NotNow,
        }
    }

    /// Closes the connections.
    pub fn close(&self) {
        self.0.close();
    }
}

impl InlineReader {
    fn open(path: &Path, most_time: Duration) -> Result<Self, DatabaseError> {
        let connection = connect_reader(path)?;
        // A caller's thread waits for no lock.
        connection.busy_timeout(Duration::ZERO).map_err(unavailable)?;
        let budget = Arc::<Mutex<Budget>>::default();
        let polled = Arc::clone(&budget);
        let is_over = move || polled.lock().unwrap_or_else(PoisonError::into_inner).poll();
        connection.progress_handler(POLL, Some(is_over)).map_err(unavailable)?;
        Ok(Self { connection, most_time, budget })
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the statements. The error is the number of the one that was too long, where one was.
    fn read(&self, statements: &[Statement]) -> Result<Vec<Rows>, Option<usize>> {
        // A single statement is a snapshot by itself.
        let is_one = statements.len() == 1;
        let control = |sql| if is_one { Ok(()) } else { control(&self.connection, sql).map_err(|_| None) };
        control("BEGIN")?;
        let until = Instant::now().checked_add(self.most_time);
        let rows = statements.iter().enumerate().map(|(number, statement)| {
            *self.budget() = Budget { polls: 0, until };
            let is_long = || self.budget().polls > MOST_POLLS;
            run(&self.connection, statement).map_err(|_| is_long().then_some(number))
        });
        let rows = rows.collect::<Result<_, _>>()?;
        self.budget().until = None;
        control("COMMIT")?;
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use aibaas_core::ports::Value;

    use super::{
        super::connection::{Durability, connect},
        *,
    };

    const SHORT: &str = "SELECT count(*) AS n FROM t";
    const LONG: &str = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000000) SELECT count(*) AS n FROM c";

    #[test]
    fn a_short_read_is_answered_and_a_long_one_is_not_waited_for() {
        let path = std::env::temp_dir().join(format!("aibaas-inline-{}.db", std::process::id()));
        let writer = connect(&path, Durability::Process).unwrap();
        writer.execute_batch("CREATE TABLE t (id INTEGER) STRICT; INSERT INTO t VALUES (1)").unwrap();
        // However slow the machine is, statements end by their steps.
        let readers = InlineReaders::open_with(&path, 1, Duration::from_secs(3_600)).unwrap();
        let read = |statements: &[&'static str]| {
            readers.read(&statements.iter().copied().map(Statement::new).collect::<Vec<_>>())
        };
        let counted = |answer: Inline| match answer {
            Inline::Answered(Ok(rows)) => {
                rows.into_iter().map(|rows| rows.into_first().unwrap().integer("n").unwrap()).collect::<Vec<_>>()
            }
            _ => panic!("no answer"),
        };
        assert_eq!(counted(read(&[SHORT])), [1]);
        assert!(matches!(read(&[LONG]), Inline::Long(0)));
        assert!(matches!(read(&[SHORT, SHORT, LONG]), Inline::Long(2)));
        // However often a short one runs, it is not taken for a long one.
        for n in 2..2_000 {
            writer.execute("INSERT INTO t VALUES (?1)", [n]).unwrap();
            assert_eq!(counted(read(&[SHORT, SHORT])), [n, n], "every commit from before is seen");
        }
        assert!(matches!(read(&["SELECT * FROM missing"]), Inline::NotNow));
        assert!(matches!(readers.read(&[Statement::new("SELECT ?1").bind(Value::Null)]), Inline::Answered(Ok(_))));
        let hasty = InlineReaders::open_with(&path, 1, Duration::ZERO).unwrap();
        assert!(matches!(hasty.read(&[Statement::new(LONG)]), Inline::NotNow), "the time ends before the steps");
        let locked = readers.0.lock();
        assert!(matches!(read(&[SHORT]), Inline::NotNow));
        drop(locked);
        readers.close();
        assert!(matches!(read(&[SHORT]), Inline::NotNow));
        drop(writer);
        let _ = std::fs::remove_file(&path);
    }
}
