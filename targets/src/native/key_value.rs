//! The cache: a table in a file of its own, emptied at each start, that never grows beyond a bound.

use std::{path::Path, sync::Arc};

use aibaas_core::ports::{Clock, Database as _, DatabaseError, KeyValue, KeyValueError, Statement};
use async_trait::async_trait;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Mutex;

use super::database::{Durability, SqliteDatabase, full};

const CREATE: &str = include_str!("key_value/create.sql");
const CREATE_INDEX: &str = include_str!("key_value/create_index.sql");
const GET: &str = include_str!("key_value/get.sql");
const PUT: &str = include_str!("key_value/put.sql");
const PURGE: &str = include_str!("key_value/purge.sql");
const EVICT: &str = include_str!("key_value/evict.sql");

/// Keeps the file within 64 MiB, in pages of 4 KiB.
const BOUND: &str = "PRAGMA max_page_count = 16384";

/// Shortest time to live that every host can keep, in seconds.
const SHORTEST_SECONDS: u32 = 60;

/// [`KeyValue`] in a SQLite file.
pub struct SqliteKeyValue {
    database: SqliteDatabase,
    clock: Arc<dyn Clock>,
    /// 1 while the disk is to be left to the database.
    disk_full: Gauge,
    /// Whoever makes room holds it: the others may find enough of it.
    room: Mutex<()>,
}

impl SqliteKeyValue {
    /// Creates an empty cache in this file. What an earlier process left there is removed: it was written without
    /// flushing, so a loss of power may have damaged it.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when the file cannot be created.
    pub async fn create(path: &Path, clock: Arc<dyn Clock>, disk_full: Gauge) -> Result<Self, DatabaseError> {
        Self::create_bounded(path, clock, disk_full, BOUND).await
    }

    async fn create_bounded(
        path: &Path,
        clock: Arc<dyn Clock>,
        disk_full: Gauge,
        bound: &'static str,
    ) -> Result<Self, DatabaseError> {
        for suffix in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(suffix);
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(DatabaseError::Unavailable(format!("{}: {error}", path.display())));
                }
                _ => {}
            }
        }
        let database = SqliteDatabase::open(path, Durability::Process, 1)?;
        database.batch([CREATE, CREATE_INDEX, bound].into_iter().map(Statement::new).collect()).await?;
        Ok(Self { database, clock, disk_full, room: Mutex::default() })
    }

    /// Removes expired entries.
    ///
    /// # Errors
    /// [`KeyValueError`] when the file cannot be written.
    pub async fn purge(&self) -> Result<(), KeyValueError> {
        self.run(Statement::new(PURGE).bind(self.clock.now())).await
    }

    /// Closes the file as [`SqliteDatabase::close`] does.
    pub fn close(&self) {
        self.database.close();
    }

    /// Runs a statement. Returns whether the bound kept it from being carried out.
    async fn finds_no_room(&self, statement: Statement) -> Result<bool, KeyValueError> {
        match self.database.query(statement).await {
            Ok(_) => Ok(false),
            Err(error) if error == full() => Ok(true),
            Err(error) => Err(failed(error)),
        }
    }

    async fn run(&self, statement: Statement) -> Result<(), KeyValueError> {
        self.database.query(statement).await.map_err(failed)?;
        Ok(())
    }
}

fn failed(error: DatabaseError) -> KeyValueError {
    KeyValueError(error.to_string())
}

#[async_trait]
impl KeyValue for SqliteKeyValue {
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        let rows = self.database.query(Statement::new(GET).bind(key).bind(self.clock.now())).await.map_err(failed)?;
        rows.into_first().map_or(Ok(None), |row| row.optional_blob("value").map_err(failed))
    }

    async fn put(&self, key: &str, value: &[u8], ttl_seconds: u32) -> Result<(), KeyValueError> {
        if self.disk_full.get() > 0 {
            return Err(KeyValueError("the disk is full".to_owned()));
        }
        let expires = self.clock.now().plus_seconds(i64::from(ttl_seconds.max(SHORTEST_SECONDS)));
        let put = || Statement::new(PUT).bind(key).bind(value).bind(expires);
        if !self.finds_no_room(put()).await? {
            return Ok(());
        }
        let _room = self.room.lock().await;
        if self.finds_no_room(put()).await? {
            self.run(Statement::new(EVICT)).await?;
            self.run(put()).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use aibaas_core::domain::Timestamp;

    use super::*;

    /// A bound of 1 MiB.
    const SMALL: &str = "PRAGMA max_page_count = 256";

    struct ManualClock(AtomicI64);

    impl Clock for ManualClock {
        fn now(&self) -> Timestamp {
            Timestamp(self.0.load(Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn keeps_replaces_expires_and_forgets() {
        let path = std::env::temp_dir().join(format!("aibaas-cache-{}.db", std::process::id()));
        let clock = Arc::new(ManualClock(AtomicI64::new(0)));
        let cache = SqliteKeyValue::create(&path, clock.clone(), Gauge::default()).await.unwrap();
        assert_eq!(cache.get("k").await.unwrap(), None);
        cache.put("k", b"1", 600).await.unwrap();
        cache.put("k", b"2", 600).await.unwrap();
        cache.put("short", b"", 1).await.unwrap();
        assert_eq!(cache.get("k").await.unwrap(), Some(b"2".to_vec()));
        clock.0.store(59_999, Ordering::Relaxed);
        assert_eq!(cache.get("short").await.unwrap(), Some(Vec::new()));
        clock.0.store(60_000, Ordering::Relaxed);
        assert_eq!(cache.get("short").await.unwrap(), None);
        cache.purge().await.unwrap();
        assert_eq!(cache.get("k").await.unwrap(), Some(b"2".to_vec()));

        cache.put("k", b"3", 600).await.unwrap();
        cache.close();
        let cache = SqliteKeyValue::create(&path, clock, Gauge::default()).await.unwrap();
        assert_eq!(cache.get("k").await.unwrap(), None);
        cache.close();
        let _ = std::fs::remove_file(&path);
    }
    #[tokio::test]
    async fn stays_within_its_bound_and_leaves_a_full_disk_alone() {
        let folder = std::env::temp_dir().join(format!("aibaas-bounded-cache-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("cache.db");
        let (clock, disk_full) = (Arc::new(ManualClock(AtomicI64::new(0))), Gauge::default());
        let cache = SqliteKeyValue::create_bounded(&path, clock.clone(), disk_full.clone(), SMALL).await.unwrap();
        let value = vec![7; 10_000];
        cache.put("marker", b"1", 1_000_000).await.unwrap();
        for n in 0..500_i64 {
            clock.0.store(n, Ordering::Relaxed);
            cache.put(&format!("answers/{n}"), &value, 600_000).await.unwrap();
        }
        assert_eq!(cache.get("answers/499").await.unwrap(), Some(value.clone()), "the newest is there");
        assert_eq!(cache.get("answers/0").await.unwrap(), None, "the oldest made room");
        assert_eq!(cache.get("marker").await.unwrap(), Some(b"1".to_vec()), "what lives longest stays");
        disk_full.set(1);
        cache.put("another", b"", 600).await.unwrap_err();
        disk_full.set(0);
        cache.put("another", b"", 600).await.unwrap();
        cache.close();
        assert!(std::fs::metadata(&path).unwrap().len() <= 1 << 20);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
