//! Typed queries, each a statement with a reader of its rows, and batches of them.

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::Guard;
use crate::{
    domain::Timestamp,
    ports::{Database, DatabaseError, Row, Rows, Statement, Value},
};

type Read<T> = Box<dyn FnOnce(Rows) -> Result<T, DatabaseError> + Send>;

/// Loads `core/src/store/sql/$name.sql`, as the beginning of a [`Query`].
macro_rules! sql {
    ($name:literal) => {
        $crate::store::query::Sql::new(include_str!(concat!("sql/", $name, ".sql")))
    };
}
pub(super) use sql;

/// A statement of `core/src/store/sql`, whose parameters are being bound.
#[must_use]
pub(super) struct Sql(Statement);

impl Sql {
    pub(super) fn new(text: &'static str) -> Self {
        Self(Statement::new(text))
    }

    /// Binds the next positional parameter.
    pub(super) fn bind(self, value: impl Into<Value>) -> Self {
        Self(self.0.bind(value))
    }

    /// Binds a page of a list, newest first: time and id at which the page before ended, and how many rows at most.
    pub(super) fn bind_page(self, page: &PageBefore) -> Self {
        self.bind(page.at).bind(page.id.as_str()).bind(page.rows)
    }

    /// Marks the statement as one that a full disk must not stop: it ends somebody's access or frees space.
    pub(super) fn essential(self) -> Self {
        Self(self.0.essential())
    }

    /// Creates a query that ignores the rows.
    pub(super) fn execute(self) -> Query<()> {
        self.read(|_| Ok(()))
    }

    /// Creates a query that reads every row.
    pub(super) fn all<T: 'static>(
        self,
        mut from_row: impl FnMut(&Row) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Query<Vec<T>> {
        self.read(move |rows| rows.into_iter().map(|row| from_row(&row)).collect())
    }

    /// Creates a query that reads the first row, if there is one.
    pub(super) fn optional<T: 'static>(
        self,
        from_row: impl FnOnce(&Row) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Query<Option<T>> {
        self.read(|rows| rows.into_first().map(|row| from_row(&row)).transpose())
    }

    /// Creates a query that reads the row of a statement that always returns one.
    pub(super) fn one<T: 'static>(
        self,
        from_row: impl FnOnce(&Row) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Query<T> {
        let missing = || DatabaseError::Unexpected("a statement gave no row".to_owned());
        self.read(move |rows| from_row(&rows.into_first().ok_or_else(missing)?))
    }

    /// Creates a query that reads whether there is a row.
    pub(super) fn exists(self) -> Query<bool> {
        self.read(|rows| Ok(!rows.is_empty()))
    }

    /// Creates a query that reads how many rows there are.
    pub(super) fn count(self) -> Query<usize> {
        self.read(|rows| Ok(rows.len()))
    }

    /// Creates a query that reads the rows with a function of its own.
    pub(super) fn read<T>(self, read: impl FnOnce(Rows) -> Result<T, DatabaseError> + Send + 'static) -> Query<T> {
        Query { statement: self.0, read: Box::new(read) }
    }
}

/// Timestamp later than any other, in milliseconds.
pub const END_OF_TIME: i64 = 9_007_199_254_740_991;

/// A page of a list that is ordered by time and id, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageBefore {
    /// Time of the row that the page before ended with.
    pub at: Timestamp,
    /// Id of the row that the page before ended with.
    pub id: String,
    /// Most rows to read.
    pub rows: u32,
}

/// A statement with its parameters, and the reader that turns its rows into a `T`.
#[must_use = "a query does nothing until it is run, alone or in a batch"]
pub struct Query<T> {
    statement: Statement,
    read: Read<T>,
}

impl<T> Query<T> {
    /// Runs the query alone.
    ///
    /// # Errors
    /// The errors of [`Database::query`], and [`DatabaseError::Unexpected`] where the rows are not what the code
    /// expects.
    pub async fn run(self, database: &dyn Database) -> Result<T, DatabaseError> {
        (self.read)(database.query(self.statement).await?)
    }

    /// Runs the query by the caller's own means, where those are not a [`Database`].
    ///
    /// # Errors
    /// The errors of [`Query::run`].
    pub fn run_with(self, run: impl FnOnce(Statement) -> Result<Rows, DatabaseError>) -> Result<T, DatabaseError> {
        (self.read)(run(self.statement)?)
    }

    /// Converts the query's answer.
    pub fn map<U: 'static>(self, map: impl FnOnce(T) -> U + Send + 'static) -> Query<U>
    where
        T: 'static,
    {
        let read = self.read;
        Query { statement: self.statement, read: Box::new(move |rows| read(rows).map(map)) }
    }

    /// Returns the statement alone, for a host that runs it in a way of its own.
    #[must_use]
    pub fn into_statement(self) -> Statement {
        self.statement
    }
}

/// Key to the answer of one query in a batch.
pub struct Handle<T> {
    index: usize,
    read: Read<T>,
}

/// Queries that run in order, all or nothing. See [`Database::batch`].
#[derive(Default)]
#[must_use = "a batch does nothing until it is run"]
pub struct Batch {
    /// Statements that come before all queries, and whose rows nobody reads.
    heads: Vec<Statement>,
    statements: Vec<Statement>,
}

impl Batch {
    /// Creates a batch without queries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a query. Returns the handle for its answer in [`Answers`].
    pub fn push<T>(&mut self, query: Query<T>) -> Handle<T> {
        let handle = Handle { index: self.statements.len(), read: query.read };
        self.statements.push(query.statement);
        handle
    }

    /// Adds queries whose answers nobody reads.
    pub fn extend(&mut self, queries: impl IntoIterator<Item = Query<()>>) {
        self.statements.extend(queries.into_iter().map(|query| query.statement));
    }

    /// Adds a write that has to change exactly one row: otherwise the batch is undone and fails by the guard.
    pub fn expect<T>(&mut self, guard: Guard, query: Query<T>) -> Handle<T> {
        let handle = self.push(query);
        self.statements.push(guard.one_change());
        handle
    }

    /// Adds a guard before everything that the batch holds.
    pub fn guarded_by(&mut self, guard: Query<()>) {
        self.heads.insert(0, guard.statement);
    }

    /// Adds another batch before everything that this one holds. Nobody reads its answers.
    pub fn preceded_by(&mut self, first: Self) {
        let rest = std::mem::take(&mut self.heads);
        self.heads = first.heads;
        self.heads.extend(first.statements);
        self.heads.extend(rest);
    }

    /// Runs the batch: all of it is done, or nothing.
    ///
    /// # Errors
    /// [`BatchError::Guard`] where a guard undid the batch; otherwise the errors of [`Database::batch`].
    pub async fn run(self, database: &dyn Database) -> Result<Answers, BatchError> {
        let heads = self.heads.len();
        let mut statements = self.heads;
        statements.extend(self.statements);
        let answers = database.batch(statements).await?;
        Ok(Answers(answers.into_iter().skip(heads).map(Some).collect()))
    }

    /// Runs the batch, and also returns a fingerprint of every row that it read: it is the same only where the same
    /// queries, in the same order, read the same rows.
    ///
    /// # Errors
    /// The errors of [`Batch::run`].
    pub async fn run_with_fingerprint(self, database: &dyn Database) -> Result<(Answers, String), BatchError> {
        let answers = self.run(database).await?;
        let fingerprint = fingerprint(answers.0.iter().flatten());
        Ok((answers, fingerprint))
    }
}

/// Computes a fingerprint of the answers to several queries.
fn fingerprint<'a>(answers: impl Iterator<Item = &'a Rows>) -> String {
    let mut hash = Sha256::new();
    for rows in answers {
        hash.update(b"q");
        for row in rows.values() {
            hash.update(b"r");
            row.iter().for_each(|value| add_value(&mut hash, value));
        }
    }
    HEXLOWER.encode(&hash.finalize())
}

/// Adds a value so that no other sequence of values reads the same: a letter for its type, and the length of what has
/// no fixed one.
fn add_value(hash: &mut Sha256, value: &Value) {
    let mut add = |kind: &[u8], bytes: &[u8]| {
        hash.update(kind);
        hash.update(bytes);
    };
    match value {
        Value::Null => add(b"n", &[]),
        Value::Integer(integer) => add(b"i", &integer.to_le_bytes()),
        Value::Real(real) => add(b"f", &real.to_le_bytes()),
        Value::Text(text) => {
            add(b"t", &text.len().to_le_bytes());
            add(&[], text.as_bytes());
        }
        Value::Blob(bytes) => {
            add(b"b", &bytes.len().to_le_bytes());
            add(&[], bytes);
        }
    }
}

impl FromIterator<Query<()>> for Batch {
    fn from_iter<I: IntoIterator<Item = Query<()>>>(queries: I) -> Self {
        let mut batch = Self::new();
        batch.extend(queries);
        batch
    }
}

/// Answers of a batch's queries.
pub struct Answers(Vec<Option<Rows>>);

impl Answers {
    /// Takes the answer to one of the batch's queries.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] where the rows are not what the code expects.
    pub fn take<T>(&mut self, handle: Handle<T>) -> Result<T, DatabaseError> {
        let rows = self.0.get_mut(handle.index).and_then(Option::take);
        (handle.read)(rows.ok_or_else(|| DatabaseError::Unexpected("an answer is missing in a batch".to_owned()))?)
    }
}

/// Reason why a batch was undone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The expectation of this guard was not met.
    #[error("guard {}", .0.name())]
    Guard(Guard),
    /// The database failed otherwise.
    #[error(transparent)]
    Database(DatabaseError),
}

impl From<DatabaseError> for BatchError {
    fn from(error: DatabaseError) -> Self {
        match &error {
            DatabaseError::Constraint(name) => Guard::named(name).map_or(Self::Database(error), Self::Guard),
            _ => Self::Database(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_rows_have_the_same_fingerprint() {
        let text = |text: &str| Value::from(text);
        let rows = |rows: &[&[Value]]| Rows::new(["a".to_owned()], rows.iter().map(|row| row.to_vec()).collect());
        let all = [
            vec![],
            vec![rows(&[])],
            vec![rows(&[]), rows(&[])],
            vec![rows(&[&[]])],
            vec![rows(&[&[text("ab"), text("c")]])],
            vec![rows(&[&[text("a"), text("bc")]])],
            vec![rows(&[&[text("ab")], &[text("c")]])],
            vec![rows(&[&[text("ab")]]), rows(&[&[text("c")]])],
            vec![rows(&[&[text("abr")]])],
            vec![rows(&[&[Value::Null]])],
            vec![rows(&[&[text("")]])],
            vec![rows(&[&[Value::Blob(Vec::new())]])],
            vec![rows(&[&[Value::Integer(0)]])],
            vec![rows(&[&[Value::Real(0.0)]])],
            vec![rows(&[&[Value::Integer(1)]])],
            vec![rows(&[&[text("1")]])],
        ];
        let fingerprints = all.iter().map(|answers| fingerprint(answers.iter())).collect::<Vec<_>>();
        for (index, one) in fingerprints.iter().enumerate() {
            assert_eq!(*one, fingerprint(all[index].iter()));
            assert_eq!(fingerprints.iter().position(|other| other == one), Some(index), "{:?}", all[index]);
        }
    }
}
