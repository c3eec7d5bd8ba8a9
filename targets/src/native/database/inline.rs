//! Short reads in the caller's thread: no other thread has to wake for them.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use aibaas_core::ports::{DatabaseError, Rows, Statement};
use rusqlite::Connection;

use super::{
    connection::{connect_reader, control, run, unavailable, undo},
    job::Answer,
};
use crate::native::per_thread::PerThread;

/// Steps of SQLite's machine between two polls.
const POLL: i32 = 5_000;
/// Polls at which a statement is interrupted: after 10,000 steps at least, some half a millisecond.
const POLLS: u32 = 3;

/// Connections on which callers read in their own threads.
pub struct InlineReaders(PerThread<InlineReader>);

/// Outcome of a read in the caller's thread.
pub enum Inline {
    /// What a thread that reads would answer.
    Answered(Answer),
    /// The statement of this number is too long for the caller's thread.
    Long(usize),
    /// No connection is free, or SQLite refused: a thread that reads is to be asked.
    NotNow,
}

struct InlineReader {
    connection: Connection,
    /// Polls since the statement began.
    polls: Arc<AtomicU32>,
}

impl InlineReaders {
    /// Opens so many connections.
    ///
    /// # Errors
    /// As [`connect_reader`].
    pub fn open(path: &Path, count: usize) -> Result<Self, DatabaseError> {
        PerThread::new(count, || InlineReader::open(path)).map(Self)
    }

    /// Runs statements that only read, in one snapshot.
    pub fn read(&self, statements: &[Statement]) -> Inline {
        let Some(locked) = self.0.try_lock() else { return Inline::NotNow };
        let Some(reader) = locked.as_ref() else { return Inline::NotNow };
        let read = reader.read(statements);
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
    fn open(path: &Path) -> Result<Self, DatabaseError> {
        let connection = connect_reader(path)?;
        // A caller's thread waits for no lock.
        connection.busy_timeout(Duration::ZERO).map_err(unavailable)?;
        let polls = Arc::<AtomicU32>::default();
        let counted = Arc::clone(&polls);
        let is_long = move || counted.fetch_add(1, Ordering::Relaxed).saturating_add(1) >= POLLS;
        connection.progress_handler(POLL, Some(is_long)).map_err(unavailable)?;
        Ok(Self { connection, polls })
    }

    /// Runs the statements. The error is the number of the one that was interrupted, where one was.
    fn read(&self, statements: &[Statement]) -> Result<Vec<Rows>, Option<usize>> {
        // A single statement is a snapshot by itself.
        let is_one = statements.len() == 1;
        let control = |sql| if is_one { Ok(()) } else { control(&self.connection, sql).map_err(|_| None) };
        control("BEGIN")?;
        let rows = statements.iter().enumerate().map(|(number, statement)| {
            self.polls.store(0, Ordering::Relaxed);
            let is_long = || self.polls.load(Ordering::Relaxed) >= POLLS;
            run(&self.connection, statement).map_err(|_| is_long().then_some(number))
        });
        let rows = rows.collect::<Result<_, _>>()?;
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
        let readers = InlineReaders::open(&path, 1).unwrap();
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
        let locked = readers.0.lock();
        assert!(matches!(read(&[SHORT]), Inline::NotNow));
        drop(locked);
        readers.close();
        assert!(matches!(read(&[SHORT]), Inline::NotNow));
        drop(writer);
        let _ = std::fs::remove_file(&path);
    }
}
