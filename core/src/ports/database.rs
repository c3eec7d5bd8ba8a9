use std::sync::Arc;

use async_trait::async_trait;

/// SQLite, wherever the host keeps it (D1, `spin:sqlite`, rusqlite).
///
/// Foreign keys are enforced. Parameters are positional (`?1`, `?2`, …), at most 100 a statement
/// (D1's bound): bind one JSON array and use `json_each` for more.
#[async_trait]
pub trait Database: Send + Sync {
    /// Runs one statement and returns its rows.
    ///
    /// Reads see every write that this process has been told of (read after own write).
    ///
    /// # Errors
    /// [`DatabaseError::Constraint`] when a constraint refused the write; otherwise the variant that says why the
    /// statement failed.
    async fn query(&self, statement: Statement) -> Result<Rows, DatabaseError>;

    /// Runs the statements in order, all or nothing, isolated from every other writer, and returns the rows of each.
    /// `changes()` in a statement counts the rows that the statement before it changed. A batch of reads alone sees one
    /// snapshot. When this returns `Ok`, the writes survive the loss of the process.
    ///
    /// # Errors
    /// The errors of [`Database::query`]. Nothing was written, except that after [`DatabaseError::Interrupted`] all of
    /// the batch may have been.
    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError>;

    /// Checks whether the storage under the database is still there, where the host can tell without a query: a
    /// database may go on answering from a file that has been unlinked.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] where the storage is gone.
    async fn check(&self) -> Result<(), DatabaseError> {
        Ok(())
    }

    /// Returns a number that every commit changes, whoever makes it, or `None` where the host cannot tell without
    /// waiting. Data read after the call is at least as new as the number; as long as the number stays the same,
    /// reading again gives the same data.
    fn version(&self) -> Option<i64> {
        None
    }
}

/// One SQL text from `core/src/store`, with its parameters.
#[derive(Clone, PartialEq)]
pub struct Statement {
    /// SQL text; always a constant.
    pub sql: &'static str,
    /// Values of `?1`, `?2`, … in order.
    pub params: Vec<Value>,
    /// Whether the statement ends somebody's access or frees space. Where a host's disk is full, a batch with such a
    /// statement may use the space that the host keeps in reserve for it.
    pub essential: bool,
}

/// Prints the SQL without the parameters, which may be secret.
impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Statement").field(&self.sql).finish()
    }
}

impl Statement {
    /// Creates a statement without parameters that is not essential.
    #[must_use]
    pub fn new(sql: &'static str) -> Self {
        Self { sql, params: Vec::new(), essential: false }
    }

    /// Marks the statement as one that a full disk must not stop.
    #[must_use]
    pub fn essential(mut self) -> Self {
        self.essential = true;
        self
    }

    /// Checks whether the statement only reads, so that running it twice does no harm. A statement counts as a write
    /// unless it begins with `SELECT`, or with `WITH` and writes nothing.
    #[must_use]
    pub fn is_read(&self) -> bool {
        let mut text = self.sql.trim_start();
        while let Some((_, rest)) = text.strip_prefix("--").and_then(|comment| comment.split_once('\n')) {
            text = rest.trim_start();
        }
        let begins = |verb: &str| text.get(..verb.len()).is_some_and(|start| start.eq_ignore_ascii_case(verb));
        let writes = |verb| text.contains(verb);
        begins("SELECT") || begins("WITH") && !["INSERT ", "UPDATE ", "DELETE ", "REPLACE "].into_iter().any(writes)
    }

    /// Adds the next positional parameter.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Value>) -> Self {
        self.params.push(value.into());
        self
    }
}

/// A value that SQLite stores.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// SQL `NULL`.
    Null,
    /// An integer within ±2⁵³, which a JavaScript number still carries exactly.
    Integer(i64),
    /// A finite float. D1 hands back an integral one as [`Value::Integer`]: read it with [`Row::real`].
    Real(f64),
    /// UTF-8 text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

macro_rules! value_from {
    ($($from:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )+};
}
value_from!(i64 => Integer, i32 => Integer, u32 => Integer, bool => Integer, f64 => Real, String => Text, &str => Text, Vec<u8> => Blob, &[u8] => Blob);

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Rows that a statement returned.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    columns: Arc<[String]>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// Creates rows of the named columns; each row has one value per column, in that order.
    #[must_use]
    pub fn new(columns: impl IntoIterator<Item = String>, rows: Vec<Vec<Value>>) -> Self {
        Self { columns: columns.into_iter().collect(), rows }
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Checks whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the values of each row, in the order of the columns.
    pub fn values(&self) -> impl Iterator<Item = &[Value]> {
        self.rows.iter().map(Vec::as_slice)
    }

    /// Returns the first row, if any.
    #[must_use]
    pub fn into_first(self) -> Option<Row> {
        self.into_iter().next()
    }
}

impl IntoIterator for Rows {
    type Item = Row;
    type IntoIter = Box<dyn Iterator<Item = Row> + Send>;

    fn into_iter(self) -> Self::IntoIter {
        let columns = self.columns;
        Box::new(self.rows.into_iter().map(move |values| Row { columns: Arc::clone(&columns), values }))
    }
}

/// One row. Columns are read by name, each with the type that its STRICT table promises.
#[derive(Clone, Debug)]
pub struct Row {
    columns: Arc<[String]>,
    values: Vec<Value>,
}

impl Row {
    fn value(&self, column: &str) -> Result<&Value, DatabaseError> {
        // A row has few columns, so a linear search is faster than hashing each name.
        self.columns
            .iter()
            .rposition(|name| name == column)
            .and_then(|index| self.values.get(index))
            .ok_or_else(|| DatabaseError::Unexpected(format!("no column {column} in the answer")))
    }

    /// Reads a text column.
    ///
    /// # Errors
    /// [`DatabaseError::Unexpected`] when the column is missing, null or of another type; the same holds for the other
    /// readers, where those of optional columns allow null.
    pub fn text(&self, column: &str) -> Result<String, DatabaseError> {
        self.optional_text(column)?.ok_or_else(|| unexpected(column))
    }

    /// Reads a text column that may be null.
    ///
    /// # Errors
    /// The errors of [`Row::text`], except that null is allowed.
    pub fn optional_text(&self, column: &str) -> Result<Option<String>, DatabaseError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.clone())),
            _ => Err(unexpected(column)),
        }
    }

    /// Reads an integer column.
    ///
    /// # Errors
    /// The errors of [`Row::text`].
    pub fn integer(&self, column: &str) -> Result<i64, DatabaseError> {
        self.optional_integer(column)?.ok_or_else(|| unexpected(column))
    }

    /// Reads an integer column that may be null. Accepts an integral float within ±2⁵³, since D1 returns every number
    /// as a double.
    ///
    /// # Errors
    /// The errors of [`Row::text`], except that null is allowed.
    pub fn optional_integer(&self, column: &str) -> Result<Option<i64>, DatabaseError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Integer(integer) => Ok(Some(*integer)),
            // D1 returns every number as a double.
            #[expect(clippy::cast_possible_truncation, reason = "integral and within ±2⁵³, as tested")]
            Value::Real(real) if real.fract() == 0.0 && real.abs() <= 9_007_199_254_740_992.0 => Ok(Some(*real as i64)),
            _ => Err(unexpected(column)),
        }
    }

    /// Reads a boolean that is kept as 0 or 1; any other integer counts as true.
    ///
    /// # Errors
    /// The errors of [`Row::text`].
    pub fn boolean(&self, column: &str) -> Result<bool, DatabaseError> {
        Ok(self.integer(column)? != 0)
    }

    /// Reads a float column.
    ///
    /// # Errors
    /// The errors of [`Row::text`].
    pub fn real(&self, column: &str) -> Result<f64, DatabaseError> {
        self.optional_real(column)?.ok_or_else(|| unexpected(column))
    }

    /// Reads a float column that may be null. Accepts an integer, as which D1 returns integral floats.
    ///
    /// # Errors
    /// The errors of [`Row::text`], except that null is allowed.
    pub fn optional_real(&self, column: &str) -> Result<Option<f64>, DatabaseError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Real(real) => Ok(Some(*real)),
            #[expect(clippy::cast_precision_loss, reason = "within ±2⁵³")]
            Value::Integer(integer) => Ok(Some(*integer as f64)),
            _ => Err(unexpected(column)),
        }
    }

    /// Reads a column of bytes that may be null.
    ///
    /// # Errors
    /// The errors of [`Row::text`], except that null is allowed.
    pub fn optional_blob(&self, column: &str) -> Result<Option<Vec<u8>>, DatabaseError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Blob(bytes) => Ok(Some(bytes.clone())),
            _ => Err(unexpected(column)),
        }
    }
}

fn unexpected(column: &str) -> DatabaseError {
    DatabaseError::Unexpected(format!("column {column} has an unexpected type"))
}

/// Reason why a statement failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// A constraint refused the write. Holds the column of a UNIQUE constraint, such as `users.email`, or the name of a
    /// CHECK constraint. Often the client's fault; the handler decides.
    #[error("constraint refused the write: {0}")]
    Constraint(String),
    /// The database is too busy: nothing was written. The text of this and of the following variants is for the log,
    /// never for a client.
    #[error("database is busy: {0}")]
    Overloaded(String),
    /// The call broke off or did not answer in time: nobody knows whether everything was written or nothing.
    #[error("database broke off: {0}")]
    Interrupted(String),
    /// The database is down: nothing was written.
    #[error("database: {0}")]
    Unavailable(String),
    /// The answer, or what is stored, is not what the code expects, and no retry helps: a column is missing or damaged.
    /// What was asked for may have been done.
    #[error("unexpected data: {0}")]
    Unexpected(String),
}

/// Parts of the messages by which SQLite and D1 report that a statement did not get its turn.
const OVERLOADED: [&str; 5] =
    ["is locked", "overloaded", "Too many requests queued", "Requests queued for too long", "Cannot resolve D1 DB"];
/// Parts of the messages by which D1 reports that a statement began and that its outcome is unknown: its connection,
/// its isolate or its object went away.
const INTERRUPTED: [&str; 6] =
    ["onnection lost", "exceeded timeout", "to be reset", "was reset", "reset because", "client disconnected"];

impl DatabaseError {
    /// Classifies an error by SQLite's own message, which is the same on every host.
    #[must_use]
    pub fn from_sqlite_message(message: &str) -> Self {
        for marker in ["UNIQUE constraint failed: ", "CHECK constraint failed: ", "NOT NULL constraint failed: "] {
            if let Some((_, rest)) = message.split_once(marker) {
                let name = rest.split([':', '\n', '"']).next().unwrap_or(rest).trim();
                return Self::Constraint(name.to_owned());
            }
        }
        if message.contains("FOREIGN KEY constraint failed") {
            return Self::Constraint("foreign_key".to_owned());
        }
        let says = |signs: &[&str]| signs.iter().any(|sign| message.contains(sign));
        match message.to_owned() {
            message if says(&OVERLOADED) => Self::Overloaded(message),
            message if says(&INTERRUPTED) => Self::Interrupted(message),
            message => Self::Unavailable(message),
        }
    }

    /// Checks whether another attempt a moment later may well succeed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Overloaded(_) | Self::Interrupted(_))
    }

    /// Checks whether a foreign key refused the write: what it refers to does not exist, or not any more.
    #[must_use]
    pub fn is_dangling(&self) -> bool {
        matches!(self, Self::Constraint(name) if name == "foreign_key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_constraint_from_every_hosts_wording() {
        for (message, name) in [
            ("UNIQUE constraint failed: users.email", "users.email"),
            (
                "D1_ERROR: UNIQUE constraint failed: users.email: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_UNIQUE)",
                "users.email",
            ),
            ("UNIQUE constraint failed: runs.owner_id, runs.external_id", "runs.owner_id, runs.external_id"),
            ("CHECK constraint failed: expectation_failed", "expectation_failed"),
            ("Error::Io(\"FOREIGN KEY constraint failed\")", "foreign_key"),
        ] {
            assert_eq!(DatabaseError::from_sqlite_message(message), DatabaseError::Constraint(name.to_owned()));
        }
        for message in [
            "database is locked",
            "D1_ERROR: database is locked: SQLITE_BUSY",
            "D1_ERROR: D1 DB is overloaded. Requests queued for too long.",
            "D1_ERROR: D1 DB is overloaded. Too many requests queued.",
            "D1_ERROR: Cannot resolve D1 DB due to transient issue on remote node.",
        ] {
            assert_eq!(DatabaseError::from_sqlite_message(message), DatabaseError::Overloaded(message.to_owned()));
        }
        for message in [
            "D1_ERROR: Network connection lost.",
            "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
            "D1_ERROR: Internal error in D1 DB storage caused object to be reset.",
            "D1_ERROR: D1 DB reset because its code was updated.",
            "D1_ERROR: D1 DB's isolate exceeded its memory limit and was reset.",
            "D1_ERROR: Can't read from request stream because client disconnected.",
        ] {
            assert_eq!(DatabaseError::from_sqlite_message(message), DatabaseError::Interrupted(message.to_owned()));
        }
        for message in ["no such table: users", "disk I/O error", "database or disk is full"] {
            assert_eq!(DatabaseError::from_sqlite_message(message), DatabaseError::Unavailable(message.to_owned()));
        }
    }

    #[test]
    fn what_only_reads_is_known_by_its_first_word() {
        for sql in ["SELECT 1", "  select 1", "-- One.\n-- Two.\nSELECT 1", "WITH a AS (SELECT 1) SELECT 2"] {
            assert!(Statement::new(sql).is_read(), "{sql}");
        }
        for sql in ["INSERT INTO a VALUES (1)", "WITH a AS (SELECT 1) DELETE FROM b", "-- SELECT", "", "é"] {
            assert!(!Statement::new(sql).is_read(), "{sql}");
        }
    }

    #[test]
    fn integers_survive_a_host_that_only_knows_doubles() {
        let rows = Rows::new(["n".to_owned()], vec![vec![Value::Real(1_790_000_000_123.0)]]);
        assert_eq!(rows.into_first().unwrap().integer("n"), Ok(1_790_000_000_123));
        let rows = Rows::new(["n".to_owned()], vec![vec![Value::Real(0.5)]]);
        assert!(rows.into_first().unwrap().integer("n").is_err());
    }
}
