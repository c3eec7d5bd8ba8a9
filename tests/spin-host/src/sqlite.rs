//! `spin:sqlite` on rusqlite, as strict as Spin: a statement holds its connection until its rows are drained.

use std::{
    path::{Path, PathBuf},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use rusqlite::types::{Value as SqlValue, ValueRef};
use tokio::sync::{mpsc, oneshot};
use wasmtime::{
    StoreContextMut,
    component::{Accessor, Destination, FutureReader, Resource, StreamProducer, StreamReader, StreamResult},
};

use crate::{
    bindings::sqlite::{Error, Host, HostConnection, HostConnectionWithStore, QueryResult, RowResult, Value},
    faults::{Dependency, Outcome},
    state::{Guest, State},
};

/// Rows that Spin reads ahead of the component: a statement with no more rows ends even where nobody takes them.
const ROWS_AHEAD: usize = 4;

/// An open connection; a running statement shares it.
#[derive(Clone)]
pub struct Connection(Arc<Mutex<rusqlite::Connection>>);

impl Connection {
    fn open(path: &Path, flushes: bool) -> Result<Self, Error> {
        let connection = open(path, flushes).map_err(io)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    fn lock(&self) -> MutexGuard<'_, rusqlite::Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the statement; calls `columns` once with the names, then `row` for each row until it returns false.
    fn run(
        &self,
        sql: &str,
        parameters: Vec<Value>,
        columns: impl FnOnce(Vec<String>),
        mut row: impl FnMut(Row) -> bool,
    ) -> Result<(), Error> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(sql).map_err(io)?;
        columns(statement.column_names().into_iter().map(str::to_owned).collect());
        let width = statement.column_count();
        let mut rows = statement.query(rusqlite::params_from_iter(parameters.into_iter().map(to_sql))).map_err(io)?;
        while let Some(found) = rows.next().map_err(io)? {
            let values = (0..width).map(|index| from_sql(found.get_ref(index)?)).collect();
            if !row(values) {
                break;
            }
        }
        Ok(())
    }
}

/// Opens a database file; `flushes` is as in [`crate::Options::flushes`].
pub(crate) fn open(path: &Path, flushes: bool) -> rusqlite::Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(path)?;
    if !flushes {
        connection.pragma_update(None, "synchronous", "OFF")?;
    }
    Ok(connection)
}

/// A row, or the error that traps the component.
type Row = wasmtime::Result<Vec<Value>>;

fn io(error: rusqlite::Error) -> Error {
    Error::Io(error.to_string())
}

fn to_sql(value: Value) -> SqlValue {
    match value {
        Value::Integer(integer) => SqlValue::Integer(integer),
        Value::Real(real) => SqlValue::Real(real),
        Value::Text(text) => SqlValue::Text(text),
        Value::Blob(bytes) => SqlValue::Blob(bytes),
        Value::Null => SqlValue::Null,
    }
}

fn from_sql(value: ValueRef<'_>) -> wasmtime::Result<Value> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(integer) => Value::Integer(integer),
        ValueRef::Real(real) => Value::Real(real),
        // Spin kills the request where a text is not UTF-8.
        ValueRef::Text(text) => {
            Value::Text(String::from_utf8(text.to_vec()).map_err(|_| wasmtime::format_err!("TEXT that is not UTF-8"))?)
        }
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    })
}

/// Runs blocking work; only a panic in it (a bug of this host) becomes the outer error.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> wasmtime::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| wasmtime::format_err!("{error}"))
}

impl State {
    fn database_path(&self, name: &str) -> Result<PathBuf, Error> {
        if self.host.manifest.databases.contains(name) {
            Ok(self.host.database_path(name))
        } else {
            Err(Error::AccessDenied)
        }
    }

    fn connection(&self, connection: &Resource<Connection>) -> wasmtime::Result<Connection> {
        Ok(self.table.get(connection)?.clone())
    }
}

impl Host for State {}

impl HostConnection for State {
    async fn open(&mut self, database: String) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        let path = match self.database_path(&database) {
            Ok(path) => path,
            Err(error) => return Ok(Err(error)),
        };
        let flushes = self.host.flushes;
        match blocking(move || Connection::open(&path, flushes)).await? {
            Ok(connection) => Ok(Ok(self.table.push(connection)?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        sql: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<QueryResult, Error>> {
        let connection = self.connection(&connection)?;
        blocking(move || {
            let mut columns = Vec::new();
            let mut rows = Vec::new();
            let result = connection.run(
                &sql,
                parameters,
                |names| columns = names,
                |row| {
                    rows.push(row);
                    true
                },
            );
            match result {
                Ok(()) => {
                    let rows =
                        rows.into_iter().map(|row| Ok(RowResult { values: row? })).collect::<wasmtime::Result<_>>()?;
                    Ok(Ok(QueryResult { columns, rows }))
                }
                Err(error) => Ok(Err(error)),
            }
        })
        .await?
    }

    async fn last_insert_rowid(&mut self, connection: Resource<Connection>) -> wasmtime::Result<i64> {
        let connection = self.connection(&connection)?;
        blocking(move || connection.lock().last_insert_rowid()).await
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        let connection = self.connection(&connection)?;
        blocking(move || connection.lock().changes()).await
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl HostConnectionWithStore<State> for Guest {
    async fn open_async(
        accessor: &Accessor<State, Self>,
        database: String,
    ) -> wasmtime::Result<Result<Resource<Connection>, Error>> {
        let (path, flushes) = accessor.with(|mut access| {
            let state = access.get();
            (state.database_path(&database), state.host.flushes)
        });
        let path = match path {
            Ok(path) => path,
            Err(error) => return Ok(Err(error)),
        };
        match blocking(move || Connection::open(&path, flushes)).await? {
            Ok(connection) => Ok(Ok(accessor.with(|mut access| access.get().table.push(connection))?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn execute_async(
        accessor: &Accessor<State, Self>,
        connection: Resource<Connection>,
        sql: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<(Vec<String>, StreamReader<RowResult>, FutureReader<Result<(), Error>>), Error>> {
        let (connection, faults) = accessor.with(|mut access| {
            let state = access.get();
            Ok::<_, wasmtime::Error>((state.connection(&connection)?, Arc::clone(&state.host.faults)))
        })?;
        let outcome = match faults.meet(Dependency::Database, &sql).await {
            Ok(outcome) => outcome,
            Err(why) => return Ok(Err(Error::Io(why.to_owned()))),
        };
        let (columns_tx, columns) = oneshot::channel();
        let (rows_tx, rows) = mpsc::channel(ROWS_AHEAD);
        let (result_tx, result) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            // The channel is full while the component reads no row, and closed once it (or its instance) has dropped
            // the stream.
            let result = connection.run(
                &sql,
                parameters,
                |names| _ = columns_tx.send(names),
                |row| rows_tx.blocking_send(row).is_ok(),
            );
            _ = result_tx.send(result);
        });
        let Ok(columns) = columns.await else {
            let result = result.await.map_err(|_| wasmtime::format_err!("the statement's thread died"))?;
            return Ok(Err(result.err().unwrap_or(Error::InvalidConnection)));
        };
        accessor.with(|mut access| {
            let rows = StreamReader::new(&mut access, RowStream(rows))?;
            let result = FutureReader::new(&mut access, async move {
                let result = result.await.map_err(|_| wasmtime::format_err!("the statement's thread died"))?;
                Ok::<_, wasmtime::Error>(match outcome {
                    Outcome::Told => result,
                    Outcome::ToldLate(mut heals) => {
                        _ = heals.changed().await;
                        result
                    }
                    Outcome::Lost(why) => result.and_then(|()| Err(Error::Io(why.to_owned()))),
                })
            })?;
            Ok(Ok((columns, rows, result)))
        })
    }

    async fn last_insert_rowid_async(
        accessor: &Accessor<State, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<i64> {
        let connection = accessor.with(|mut access| access.get().connection(&connection))?;
        blocking(move || connection.lock().last_insert_rowid()).await
    }

    async fn changes_async(
        accessor: &Accessor<State, Self>,
        connection: Resource<Connection>,
    ) -> wasmtime::Result<u64> {
        let connection = accessor.with(|mut access| access.get().connection(&connection))?;
        blocking(move || connection.lock().changes()).await
    }
}

struct RowStream(mpsc::Receiver<Row>);

impl StreamProducer<State> for RowStream {
    type Item = RowResult;
    type Buffer = Option<RowResult>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        _: StoreContextMut<'a, State>,
        mut destination: Destination<'a, RowResult, Option<RowResult>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if finish {
            return Poll::Ready(Ok(StreamResult::Cancelled));
        }
        Poll::Ready(match ready!(self.0.poll_recv(context)) {
            Some(Ok(values)) => {
                destination.set_buffer(Some(RowResult { values }));
                Ok(StreamResult::Completed)
            }
            Some(Err(error)) => Err(error),
            None => Ok(StreamResult::Dropped),
        })
    }
}
