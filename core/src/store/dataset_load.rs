//! Queries that load a dataset into an empty database.

use super::{
    Answers, Batch, Handle,
    dataset_tables::{TABLES, Table},
    query::{Query, Sql, sql},
    results,
};
use crate::ports::DatabaseError;

/// Checks whether the database holds anything that a dataset would be mixed with.
pub fn is_used() -> Query<bool> {
    sql!("dataset/is_used").one(|row| row.boolean("used"))
}

/// The loading of a dataset: one batch, all or nothing, into a database that holds no such data.
pub struct Load {
    batch: Batch,
    loaded: LoadHandles,
    versions: Vec<String>,
}

impl Default for Load {
    fn default() -> Self {
        let batch = [sql!("dataset/expect_unused").execute()].into_iter().collect();
        Self { batch, loaded: LoadHandles(Vec::new()), versions: Vec::new() }
    }
}

impl Load {
    /// Adds `count` rows, at most [`Table::most_rows`], as a JSON array. Tables come in the order of [`TABLES`].
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

    /// Returns the batch, and what reads its answers. The batch fails by [`Guard::DeploymentUnused`](super::Guard) or
    /// [`Guard::DatasetComplete`](super::Guard).
    pub fn finish(mut self) -> (Batch, LoadHandles) {
        let expect_tasks = |versions: String| sql!("dataset/expect_tasks").bind(versions).execute();
        self.batch.extend(self.versions.into_iter().map(expect_tasks));
        (self.batch, self.loaded)
    }
}

/// Reader of the answers of a [`Load`].
pub struct LoadHandles(Vec<(&'static str, Handle<u64>)>);

impl LoadHandles {
    /// Counts the rows of each table that were loaded.
    ///
    /// # Errors
    /// [`DatabaseError`] when an answer is missing or unreadable.
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
