//! Every SQL text of the application prepares against the migrated schema, and none scans a table that grows.

use aibaas_core::store::{
    EVERY_STATEMENT,
    migrations::{CREATE_LOG, MIGRATIONS, Migration},
};
use rusqlite::Connection;

fn migrated() -> Connection {
    let database = Connection::open_in_memory().expect("a database in memory");
    database.execute_batch(CREATE_LOG).expect("the log of migrations");
    for statement in MIGRATIONS.iter().flat_map(Migration::statements) {
        database.execute_batch(statement).unwrap_or_else(|error| panic!("{error}\n{statement}"));
    }
    database
}

/// The plan's steps that read a whole table. What a statement makes itself (`json_each`, a common table
/// expression, a subquery's rows) is as long as its input; the log of migrations does not grow with use.
fn scans(database: &Connection, sql: &str, tables: &[String]) -> Vec<String> {
    let mut plan =
        database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap_or_else(|error| panic!("{error}\n{sql}"));
    // A plan needs no values: what is not bound is null.
    let steps = plan.raw_query().mapped(|row| row.get::<_, String>("detail")).collect::<Result<Vec<_>, _>>();
    let is_table = |name: &str| {
        let alias = |table: &String| {
            sql.contains(&format!("{table} AS {name} ")) || sql.contains(&format!("{table} AS {name}\n"))
        };
        tables.iter().any(|table| table == name || alias(table) || sql.ends_with(&format!("{table} AS {name}")))
    };
    let whole =
        |step: &String| step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next()).is_some_and(is_table);
    steps.expect("a query plan").into_iter().filter(whole).collect()
}

fn tables(database: &Connection) -> Vec<String> {
    let mut names = database
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('d1_migrations', 'sqlite_sequence')",
        )
        .expect("the schema");
    names.query_map([], |row| row.get(0)).expect("the schema").collect::<Result<_, _>>().expect("the tables' names")
}

#[test]
fn every_statement_prepares() {
    let database = migrated();
    for (name, sql) in EVERY_STATEMENT {
        database.prepare(sql).unwrap_or_else(|error| panic!("{name}: {error}\n{sql}"));
    }
}

#[test]
fn no_statement_scans_a_growing_table() {
    let database = migrated();
    let tables = tables(&database);
    let scanning = EVERY_STATEMENT
        .iter()
        .map(|(name, sql)| (name, scans(&database, sql, &tables)))
        .filter(|(_, scans)| !scans.is_empty())
        .collect::<Vec<_>>();
    assert!(scanning.is_empty(), "{scanning:#?}");
}

#[test]
fn a_scan_would_be_found() {
    let database = migrated();
    let tables = tables(&database);
    for sql in ["SELECT * FROM users WHERE full_name = ?1", "SELECT u.id FROM users AS u WHERE u.full_name = ?1"] {
        assert_eq!(scans(&database, sql, &tables).len(), 1, "{sql}");
    }
    assert!(scans(&database, "SELECT * FROM users WHERE email = ?1", &tables).is_empty());
}
