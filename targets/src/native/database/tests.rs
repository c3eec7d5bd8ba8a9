use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use aibaas_core::ports::{Database, DatabaseError, Statement};
use rusqlite::Connection;
use tokio::{sync::oneshot, time::Instant};

use super::{
    connection::connect,
    job::{Answer, Job, MAX_WAIT},
    reserve::DiskReserve,
    writer::{Writer, full},
    *,
};
use crate::native::metrics::WriteMetrics;

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

/// Commits batches as one group. Returns the answer to each, and how many rows the table then has.
fn grouped(path: &Path, batches: Vec<Vec<Statement>>) -> (Vec<Result<usize, DatabaseError>>, i64) {
    let mut writer = Writer::open(path, Durability::Full, WriteMetrics::default()).unwrap();
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
        let answers = fixture.database.batch(vec![read.clone(), Statement::new(COUNT), read.clone()]).await.unwrap();
        let mut seen = answers.into_iter().map(|rows| rows.into_first().unwrap().integer("n").unwrap());
        assert_eq!(seen.next(), seen.nth(1));
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn every_kind_of_value_comes_back_as_it_went() {
    let fixture = fixture().await;
    let sql = "SELECT ?1 AS a, ?2 AS b, ?3 AS c, ?4 AS d, ?5 AS e";
    let statement =
        Statement::new(sql).bind(9_007_199_254_740_992_i64).bind(0.5).bind("ü").bind(vec![0_u8, 255]).bind(None::<i64>);
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
        Statement::new("SELECT nothing FROM nowhere"),
    ] {
        assert!(matches!(fixture.database.query(statement).await, Err(DatabaseError::Unavailable(_))));
    }
    let short = fixture.database.query(Statement::new(INSERT).bind(50_i64)).await;
    assert!(matches!(short, Err(DatabaseError::Unexpected(_))), "{short:?}");
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

/// Takes the write lock as another process does for a backup.
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
    refused.since = Instant::now().checked_sub(MAX_WAIT * 2).unwrap();
    let (reply, mut timely) = oneshot::channel();
    let mut writer = Writer::open(&fixture.path(), Durability::Full, WriteMetrics::default()).unwrap();
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
    // There are three readers: if none of those reads ended, nobody would answer.
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
    // A write that would fit is refused too: the reserve is not for it.
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

/// Checks that a database whose file may not be written any more, as on a file system remounted read-only, still reads,
/// and refuses a batch as a whole.
#[tokio::test]
async fn a_read_only_disk_writes_nothing() {
    let fixture = fixture().await;
    // Together with a write, so that the writer's connection runs it.
    let write = Statement::new("UPDATE t SET n = n WHERE id = 1");
    fixture.database.batch(vec![write, Statement::new("PRAGMA query_only = ON")]).await.unwrap();
    let error = fixture.database.batch(vec![insert(2, "a"), insert(3, "b")]).await.unwrap_err();
    assert!(matches!(&error, DatabaseError::Unavailable(why) if why.contains("readonly")), "{error}");
    assert_eq!(integer(&fixture.database, Statement::new(COUNT)).await, 1);
}

#[tokio::test]
async fn every_commit_changes_the_version() {
    let fixture = fixture().await;
    let version = || fixture.database.version().unwrap();
    let first = version();
    fixture.database.query(Statement::new(COUNT)).await.unwrap();
    assert_eq!(version(), first, "who reads changes nothing");
    let mut seen = vec![first];
    for id in 10..15 {
        fixture.database.query(insert(id, &format!("of this process {id}"))).await.unwrap();
        seen.push(version());
        // Another connection writes, as another process would.
        connect(&fixture.path(), Durability::Full).unwrap().execute_batch("UPDATE t SET n = n + 1").unwrap();
        seen.push(version());
    }
    let told = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), told, "no number is told twice");
    fixture.database.close();
    assert_eq!(fixture.database.version(), None);
}
