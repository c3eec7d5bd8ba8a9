//! The release before, whose Workers still serve while a migration runs: what it reads and writes on the new schema.

use std::collections::BTreeSet;

use aibaas_core::store::migrations::{CREATE_LOG, MIGRATIONS, Migration};
use rusqlite::{Connection, types::Value};

use super::{apply, rows};

/// A statement of the release before, with parameters that its code could have bound.
struct EarlierStatement {
    name: String,
    sql: String,
    parameters: Vec<Value>,
}

/// What a statement came to: its rows, each value under the name of its column, and how many rows it changed.
struct Outcome {
    rows: Vec<Vec<(String, Value)>>,
    changes: i64,
}

impl EarlierStatement {
    fn of(told: &serde_json::Value) -> Self {
        let text = |member: &str| told[member].as_str().expect("a text").to_owned();
        let parameters = told["parameters"].as_array().expect("parameters").iter().map(Self::parameter).collect();
        Self { name: text("name"), sql: text("sql"), parameters }
    }

    /// Reads a parameter. Numbers are bound as D1 binds them, as doubles; `{"blob": …}` is in hexadecimal.
    fn parameter(given: &serde_json::Value) -> Value {
        match given {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Number(number) => Value::Real(number.as_f64().expect("a number")),
            serde_json::Value::String(text) => Value::Text(text.clone()),
            serde_json::Value::Object(blob) => {
                let digits = blob["blob"].as_str().expect("hexadecimal digits");
                let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("a byte");
                Value::Blob((0..digits.len()).step_by(2).map(byte).collect())
            }
            other => panic!("{other}"),
        }
    }

    /// Reads statements as the files beside `0018.sql` hold them.
    fn all(told: &serde_json::Value) -> Vec<Self> {
        told.as_array().expect("statements").iter().map(Self::of).collect()
    }

    /// Tells whether it is a guard: those that are met neither change nor find anything.
    fn is_guard(&self) -> bool {
        self.sql.starts_with("INSERT INTO batch_guard")
    }

    fn run(&self, database: &Connection) -> Outcome {
        // Unlike `changes()` itself, reading this leaves what the next statement may ask for as it is.
        let changed = || database.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0)).expect("a count");
        let before = changed();
        let mut statement = database.prepare(&self.sql).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let columns = statement.column_names().into_iter().map(str::to_owned).collect::<Vec<_>>();
        let row = |row: &rusqlite::Row<'_>| {
            columns.iter().enumerate().map(|(place, name)| Ok((name.clone(), row.get(place)?))).collect()
        };
        let rows = statement
            .query_map(rusqlite::params_from_iter(&self.parameters), row)
            .and_then(Iterator::collect)
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
        Outcome { rows, changes: changed() - before }
    }
}

impl Outcome {
    /// Checks that the old code would take this for what it got before: new columns do it no harm.
    fn assert_same(mut self, before: &Self, what: &str) {
        if let Some(first) = before.rows.first() {
            let known = |(name, _): &(String, Value)| first.iter().any(|(before, _)| before == name);
            self.rows.iter_mut().for_each(|row| row.retain(known));
        }
        assert_eq!(self.rows, before.rows, "{what}");
        assert_eq!(self.changes, before.changes, "{what}: rows changed");
    }
}

/// What the release before commits, or undoes, as one.
struct EarlierBatch {
    name: String,
    statements: Vec<EarlierStatement>,
}

impl EarlierBatch {
    fn of(told: &serde_json::Value) -> Self {
        let name = told["name"].as_str().expect("a name").to_owned();
        Self { name, statements: EarlierStatement::all(&told["statements"]) }
    }

    /// Runs it and rolls it back.
    fn run(&self, database: &Connection) -> Vec<Outcome> {
        database.execute_batch("BEGIN").expect("a transaction");
        let outcomes = self.statements.iter().map(|statement| statement.run(database)).collect();
        database.execute_batch("ROLLBACK").expect("it is undone");
        outcomes
    }
}

/// Makes the database of the release before, and tells which migrations came since.
fn database_of_0018() -> (Connection, &'static [Migration]) {
    let database = Connection::open_in_memory().expect("a database in memory");
    database.execute_batch(CREATE_LOG).expect("the log of migrations");
    let last = MIGRATIONS.iter().position(|one| one.name == "0018_runs_by_owner.sql").expect("the migration");
    let (old, new) = MIGRATIONS.split_at(last + 1);
    apply(&database, old);
    database.execute_batch("BEGIN").expect("a transaction");
    database.execute_batch(include_str!("../data/databases/0018.sql")).expect("the rows");
    database.execute_batch("COMMIT").expect("they refer to each other");
    (database, new)
}

/// Checks that what the release before reads, for the public and for accounts, it reads on the new schema too, and finds
/// there what it found before: a deployment to Workers migrates before the new code comes.
#[test]
fn reads_of_the_release_before_find_the_same() {
    let (database, new) = database_of_0018();
    let told = serde_json::from_str(include_str!("../data/databases/0018_reads.json")).expect("statements");
    let reads = EarlierStatement::all(&told);
    assert!(reads.len() > 100);
    let before = reads.iter().map(|read| read.run(&database)).collect::<Vec<_>>();
    apply(&database, new);
    assert!(rows(&database, "PRAGMA foreign_key_check").is_empty());
    for (read, before) in reads.iter().zip(before) {
        assert!(!before.rows.is_empty(), "{}: it reads something", read.name);
        assert_eq!(before.changes, 0, "{}: it only reads", read.name);
        read.run(&database).assert_same(&before, &read.name);
    }
}

/// Checks that what the release before writes, it can write on the new schema too, with the same effect on as many rows.
#[test]
fn writes_of_the_release_before_change_the_same() {
    let (database, new) = database_of_0018();
    let told: Vec<serde_json::Value> =
        serde_json::from_str(include_str!("../data/databases/0018_writes.json")).expect("batches");
    let batches = told.iter().map(EarlierBatch::of).collect::<Vec<_>>();
    let before = batches.iter().map(|batch| batch.run(&database)).collect::<Vec<_>>();

    let mut idle = BTreeSet::new();
    let mut busy = BTreeSet::new();
    for (statement, outcome) in
        batches.iter().flat_map(|batch| &batch.statements).zip(before.iter().flatten()).filter(|(s, _)| !s.is_guard())
    {
        let does_nothing = outcome.changes == 0 && outcome.rows.is_empty();
        if does_nothing { &mut idle } else { &mut busy }.insert(&statement.name);
    }
    idle.retain(|name| !busy.contains(name));
    assert!(idle.is_empty(), "they do nothing in any batch, which tests nothing: {idle:?}");

    apply(&database, new);
    for (batch, before) in batches.iter().zip(before) {
        let after = batch.run(&database);
        for ((statement, before), after) in batch.statements.iter().zip(before).zip(after) {
            after.assert_same(&before, &format!("{}: {}", batch.name, statement.name));
        }
    }
}

/// Checks that what the release before expects of a batch still refuses it under the name that its code knows.
#[test]
fn guards_of_the_release_before_still_refuse() {
    let (database, new) = database_of_0018();
    let schema: String = database
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'batch_guard'", [], |row| row.get(0))
        .expect("the guards");
    let names = schema.split("CONSTRAINT ").skip(1).filter_map(|rest| rest.split_whitespace().next());
    let names = names.collect::<Vec<_>>();
    assert!(names.len() > 40);
    apply(&database, new);
    for name in names {
        let refused = database.execute("INSERT INTO batch_guard (expectation) VALUES (?1)", [name]);
        assert_eq!(refused.expect_err(name).to_string(), format!("CHECK constraint failed: {name}"));
    }
}
