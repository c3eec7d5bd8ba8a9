//! `spin:key-value` on one SQLite file.

use std::{
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rusqlite::OptionalExtension as _;
use wasmtime::component::{Accessor, FutureReader, Resource, StreamReader};

use crate::{
    bindings::key_value::{Error, Host, HostStore, HostStoreWithStore},
    faults::Dependency,
    sqlite,
    state::{Guest, State},
};

/// The largest value that Spin returns, in bytes.
const MOST_BYTES: usize = 128 << 20;

/// Every key-value store of the application, in one table.
pub(crate) struct Stores(Mutex<rusqlite::Connection>);

impl Stores {
    pub(crate) fn open(path: &Path, flushes: bool) -> rusqlite::Result<Self> {
        let connection = sqlite::open(path, flushes)?;
        // Spin's own table, and SQLite's defaults: a rollback journal, and every write on the disk.
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS spin_key_value (
                 store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key)
             )",
        )?;
        Ok(Self(Mutex::new(connection)))
    }

    fn lock(&self) -> MutexGuard<'_, rusqlite::Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store that the component has opened.
#[derive(Clone)]
pub struct Store {
    name: Arc<str>,
    stores: Arc<Stores>,
}

impl Store {
    fn run<T>(
        self,
        work: impl FnOnce(&rusqlite::Connection, &str) -> rusqlite::Result<T>,
    ) -> wasmtime::Result<Result<T, Error>> {
        // On this thread, as in Spin.
        let result = tokio::task::block_in_place(|| work(&self.stores.lock(), &self.name));
        Ok(result.map_err(|error| Error::Other(error.to_string())))
    }
}

fn opened(accessor: &Accessor<State, Guest>, store: &Resource<Store>) -> wasmtime::Result<Store> {
    accessor.with(|mut access| Ok(access.get().table.get(store)?.clone()))
}

/// Waits or fails where a test has set a fault of key-value stores.
async fn meet(accessor: &Accessor<State, Guest>) -> Result<(), Error> {
    let faults = accessor.with(|mut access| Arc::clone(&access.get().host.faults));
    faults.meet(Dependency::KeyValue, "").await.map(drop).map_err(|why| Error::Other(why.to_owned()))
}

impl Host for State {}

impl HostStore for State {
    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}

impl HostStoreWithStore<State> for Guest {
    async fn open(accessor: &Accessor<State, Self>, label: String) -> wasmtime::Result<Result<Resource<Store>, Error>> {
        accessor.with(|mut access| {
            let state = access.get();
            if !state.host.manifest.stores.contains(&label) {
                return Ok(Err(Error::AccessDenied));
            }
            let store = Store { name: label.into(), stores: Arc::clone(&state.host.stores) };
            Ok(Ok(state.table.push(store)?))
        })
    }

    async fn get(
        accessor: &Accessor<State, Self>,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        if let Err(error) = meet(accessor).await {
            return Ok(Err(error));
        }
        let sql = "SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2";
        let found = opened(accessor, &store)?.run(move |connection, store| {
            connection.query_row(sql, (store, key), |row| row.get::<_, Vec<u8>>(0)).optional()
        })?;
        Ok(found.and_then(|value| match &value {
            Some(bytes) if bytes.len() > MOST_BYTES => {
                Err(Error::Other(format!("query result exceeds limit of {MOST_BYTES} bytes")))
            }
            _ => Ok(value),
        }))
    }

    async fn set(
        accessor: &Accessor<State, Self>,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        if let Err(error) = meet(accessor).await {
            return Ok(Err(error));
        }
        let sql = "INSERT INTO spin_key_value VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value";
        opened(accessor, &store)?.run(move |connection, store| connection.execute(sql, (store, key, value)).map(drop))
    }

    async fn delete(
        accessor: &Accessor<State, Self>,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let sql = "DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2";
        opened(accessor, &store)?.run(move |connection, store| connection.execute(sql, (store, key)).map(drop))
    }

    async fn exists(
        accessor: &Accessor<State, Self>,
        store: Resource<Store>,
        key: String,
    ) -> wasmtime::Result<Result<bool, Error>> {
        let sql = "SELECT EXISTS (SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2)";
        opened(accessor, &store)?
            .run(move |connection, store| connection.query_row(sql, (store, key), |row| row.get(0)))
    }

    async fn get_keys(
        accessor: &Accessor<State, Self>,
        store: Resource<Store>,
    ) -> wasmtime::Result<(StreamReader<String>, FutureReader<Result<(), Error>>)> {
        let sql = "SELECT key FROM spin_key_value WHERE store = ?1 ORDER BY key";
        let keys = opened(accessor, &store)?.run(move |connection, store| {
            connection.prepare(sql)?.query_map([store], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()
        })?;
        let (keys, result) = match keys {
            Ok(keys) => (keys, Ok(())),
            Err(error) => (Vec::new(), Err(error)),
        };
        let result: Pin<Box<dyn Future<Output = wasmtime::Result<_>> + Send>> = Box::pin(async { Ok(result) });
        accessor.with(|mut access| Ok((StreamReader::new(&mut access, keys)?, FutureReader::new(&mut access, result)?)))
    }
}
