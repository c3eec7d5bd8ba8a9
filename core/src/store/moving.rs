//! Which tables are moved when an instance moves to another host: all but these.

/// A table that is not moved.
#[derive(Clone, Copy, Debug)]
pub struct LeftBehind {
    /// Name of the table.
    pub table: &'static str,
    /// Why nothing is lost by leaving the table behind.
    pub reason: &'static str,
}

/// Tables that are not moved. A table that a migration adds is moved unless it is named here.
pub const LEFT_BEHIND: [LeftBehind; 5] = [
    LeftBehind { table: "batch_guard", reason: "never holds a row" },
    LeftBehind { table: "storage_guard", reason: "never holds a row" },
    LeftBehind { table: "d1_migrations", reason: "tells which migrations ran on this very database" },
    LeftBehind { table: "guesses_in_flight", reason: "passwords that the old host was checking" },
    LeftBehind { table: "rate_limit_totals", reason: "windows of limits, which each host keeps in a place of its own" },
];

/// Checks whether the rows of a table are moved. Tables of the database engine itself are not.
#[must_use]
pub fn is_moved(table: &str) -> bool {
    let is_the_engines = table.starts_with("sqlite_") || table.starts_with("_cf_");
    !is_the_engines && LEFT_BEHIND.iter().all(|left| left.table != table)
}
