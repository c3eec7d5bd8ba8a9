//! What loads a dataset into an empty database.

use super::{
    Answers, Batch, Handle,
    dataset::{TABLES, Table},
    query::{Query, Sql, sql},
    results,
};
use crate::ports::DatabaseError;

/// Tells whether the database holds what a dataset would be mixed with.
pub fn is_used() -> Query<bool> {
    sql!("dataset/is_used").one(|row| row.boolean("used"))
}

/// Loads a dataset: one batch, whole or not at all, into a database that holds nothing of the kind.
pub struct Load {
    batch: Batch,
    loaded: Loaded,
    versions: Vec<String>,
}

impl Default for Load {
    fn default() -> Self {
        let batch = [sql!("dataset/expect_unused").execute()].into_iter().collect();
        Self { batch, loaded: Loaded(Vec::new()), versions: Vec::new() }
    }
}

impl Load {
    /// Adds rows: so many, at most [`Table::most_rows`], as a JSON array. Tables come in the order of [`TABLES`].
    pub fn add(&mut self, table: &'static Table, rows: String, count: usize) {
        if table.name == "benchmark_versions" {
            self.versions.push(rows.clone());
            self.batch.extend([sql!("dataset/load_benchmark_definitions").bind(rows.as_str()).execute()]);
        }
        self.batch.extend([Sql::new(table.load).bind(rows).execute()]);
        self.loaded.0.push((table.name, self.batch.push(results::count_changes())));
        if table.whole {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.batch.extend([sql!("dataset/expect_loaded").bind(count).execute()]);
        }
    }

    /// The batch, and what its answers are read with. It fails by [`Guard::DeploymentUnused`](super::Guard) or
    /// [`Guard::DatasetComplete`](super::Guard).
    pub fn finish(mut self) -> (Batch, Loaded) {
        let expect_tasks = |versions: String| sql!("dataset/expect_tasks").bind(versions).execute();
        self.batch.extend(self.versions.into_iter().map(expect_tasks));
        (self.batch, self.loaded)
    }
}

/// Reads the answers of a [`Load`].
pub struct Loaded(Vec<(&'static str, Handle<u64>)>);

impl Loaded {
    /// How many rows of each table were loaded.
    ///
    /// # Errors
    /// When the database did not tell.
    pub fn counts(self, answers: &mut Answers) -> Result<Vec<(&'static str, u64)>, DatabaseError> {
        let mut counts = TABLES.iter().map(|table| (table.name, 0_u64)).collect::<Vec<_>>();
        for (name, loaded) in self.0 {
            let loaded = answers.take(loaded)?;
            if let Some((_, count)) = counts.iter_mut().find(|(table, _)| *table == name) {
                *count = count.saturating_add(loaded);
            }
        }
        Ok(counts)
    }
}
