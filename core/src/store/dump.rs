//! The public data set, table by table: what `GET /export` tells, and what loads it into an empty database.
//!
//! A dump is of one moment, the snapshot `through`, whatever is published meanwhile. The log of changes says of each run
//! when it was published and when it was taken out again, so both are told as they were then. Models, benchmarks and
//! versions that no published run stands on are told as they are when they are asked for. Nothing is told of what an
//! administrator hid. Rows of a table that were declared while the tables before it were read may lack what they refer
//! to: loading leaves them out.
//!
//! A page walks so many rows of a table by its primary key, whether they are public or not, and so costs no more than
//! them.

use serde::{Deserialize, Serialize};

use super::{
    Batch, Handle,
    query::{Answers, Query, Sql, sql},
    results,
};
use crate::ports::{DatabaseError, Row, Rows, Value};

/// The form of what is told; another number is another form.
pub const FORMAT: u32 = 1;

/// What a column holds, and how it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Real,
    Boolean,
    /// Text that is JSON; told as it stands, so that not a byte of it changes.
    Json,
}

/// How many rows a statement loads at most.
const MOST_ROWS: usize = 1000;

/// A table of the public data set.
#[derive(Debug)]
pub struct Table {
    /// Its name, also in the schema.
    pub name: &'static str,
    /// What reads a page of it.
    page: &'static str,
    /// What loads rows of it.
    load: &'static str,
    /// How many rows one statement loads at most.
    most_rows: usize,
    /// Whether every row is loaded: only what was declared while the dump was made may lack what it refers to.
    whole: bool,
    keys: &'static [&'static str],
    columns: &'static [(&'static str, Kind)],
}

use Kind::{Boolean, Integer, Json, Real, Text};

/// Every table, each after those that it refers to.
pub static TABLES: [Table; 12] = [
    Table {
        name: "models",
        page: include_str!("sql/dump/page_models.sql"),
        load: include_str!("sql/dump/load_models.sql"),
        most_rows: 1,
        whole: true,
        keys: &["id"],
        columns: &[
            ("id", Text),
            ("provider", Text),
            ("display_name", Text),
            ("context_window", Integer),
            ("input_usd_per_mtok", Real),
            ("output_usd_per_mtok", Real),
            ("licence", Text),
            ("released_on", Text),
            ("training_cutoff", Text),
            ("deprecated", Boolean),
            ("created_at", Integer),
            ("updated_at", Integer),
        ],
    },
    Table {
        name: "benchmarks",
        page: include_str!("sql/dump/page_benchmarks.sql"),
        load: include_str!("sql/dump/load_benchmarks.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["id"],
        columns: &[("id", Text), ("created_at", Integer)],
    },
    Table {
        name: "benchmark_versions",
        page: include_str!("sql/dump/page_benchmark_versions.sql"),
        load: include_str!("sql/dump/load_benchmark_versions.sql"),
        most_rows: MOST_ROWS,
        whole: false,
        keys: &["benchmark_id", "version"],
        columns: &[
            ("benchmark_id", Text),
            ("version", Text),
            ("title", Text),
            ("description", Text),
            ("metric", Text),
            ("chance_level", Real),
            ("evidence", Text),
            ("task_count", Integer),
            ("attempts_per_task", Integer),
            ("private_tasks", Boolean),
            ("tasks_published_on", Text),
            ("parts", Json),
            ("slices", Json),
            ("definition", Json),
            ("created_at", Integer),
        ],
    },
    Table {
        name: "benchmark_tasks",
        page: include_str!("sql/dump/page_benchmark_tasks.sql"),
        load: include_str!("sql/dump/load_benchmark_tasks.sql"),
        most_rows: MOST_ROWS,
        whole: false,
        keys: &["benchmark_id", "version", "task_id"],
        columns: &[
            ("benchmark_id", Text),
            ("version", Text),
            ("task_id", Text),
            ("position", Integer),
            ("scenario", Text),
            ("language", Text),
            ("difficulty", Text),
            ("cluster", Text),
        ],
    },
    Table {
        name: "runs",
        page: include_str!("sql/dump/page_runs.sql"),
        load: include_str!("sql/dump/load_runs.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["id"],
        columns: &[
            ("id", Text),
            ("model_id", Text),
            ("benchmark_id", Text),
            ("version", Text),
            ("harness", Text),
            ("harness_version", Text),
            ("commit_hash", Text),
            ("dirty", Boolean),
            ("prompt_hash", Text),
            ("generation_config", Json),
            ("attempts_policy", Text),
            ("command", Text),
            ("evaluator_relationship", Text),
            ("external_id", Text),
            ("started_at", Integer),
            ("completed_at", Integer),
            ("status", Text),
            ("reason", Text),
            ("created_at", Integer),
            ("published_at", Integer),
            ("withdrawn_at", Integer),
        ],
    },
    Table {
        name: "results",
        page: include_str!("sql/dump/page_results.sql"),
        load: include_str!("sql/dump/load_results.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["run_id", "task_id", "attempt"],
        columns: &[
            ("run_id", Text),
            ("task_id", Text),
            ("attempt", Integer),
            ("status", Text),
            ("score", Real),
            ("samples", Integer),
            ("correct", Integer),
            ("latency_ms", Real),
            ("input_tokens", Integer),
            ("output_tokens", Integer),
            ("cost_usd", Real),
            ("parts", Json),
        ],
    },
    Table {
        name: "run_counts",
        page: include_str!("sql/dump/page_run_counts.sql"),
        load: include_str!("sql/dump/load_run_counts.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["run_id"],
        columns: &[
            ("run_id", Text),
            ("total", Integer),
            ("correct_by_attempt", Json),
            ("cost_usd", Real),
            ("mean_latency_ms", Real),
        ],
    },
    Table {
        name: "run_slices",
        page: include_str!("sql/dump/page_run_slices.sql"),
        load: include_str!("sql/dump/load_run_slices.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["run_id", "scenario", "language", "difficulty"],
        columns: &[
            ("run_id", Text),
            ("scenario", Text),
            ("language", Text),
            ("difficulty", Text),
            ("tasks", Integer),
            ("clusters", Integer),
            ("correct", Integer),
            ("total", Integer),
            ("score", Real),
            ("squares", Real),
            ("cost_usd", Real),
            ("uncosted", Integer),
            ("p50_ms", Real),
            ("p95_ms", Real),
        ],
    },
    Table {
        name: "run_scores",
        page: include_str!("sql/dump/page_run_scores.sql"),
        load: include_str!("sql/dump/load_run_scores.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["run_id"],
        columns: &[("run_id", Text), ("scores", Json), ("pass_counts", Json), ("parts", Json)],
    },
    Table {
        name: "snapshots",
        page: include_str!("sql/dump/page_snapshots.sql"),
        load: include_str!("sql/dump/load_snapshots.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["seq"],
        columns: &[("seq", Integer), ("id", Text), ("benchmark_id", Text), ("version", Text), ("created_at", Integer)],
    },
    Table {
        name: "leaderboard_entries",
        page: include_str!("sql/dump/page_leaderboard_entries.sql"),
        load: include_str!("sql/dump/load_leaderboard_entries.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["benchmark_id", "version", "model_id", "from_seq"],
        columns: &[
            ("benchmark_id", Text),
            ("version", Text),
            ("model_id", Text),
            ("run_id", Text),
            ("from_seq", Integer),
            ("to_seq", Integer),
            ("display_name", Text),
            ("contaminated", Boolean),
        ],
    },
    Table {
        name: "changes",
        page: include_str!("sql/dump/page_changes.sql"),
        load: include_str!("sql/dump/load_changes.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["seq"],
        columns: &[
            ("seq", Integer),
            ("benchmark_id", Text),
            ("kind", Text),
            ("model_id", Text),
            ("run_id", Text),
            ("reason", Text),
            ("previous_run_id", Text),
            ("current_run_id", Text),
            ("rank_before", Integer),
            ("rank_after", Integer),
            ("moved", Json),
        ],
    },
];

/// A part of a primary key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Key {
    /// Of a text column.
    Text(String),
    /// Of an integer column.
    Integer(i64),
}

/// Rows of a table, one object a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Each ended by a line break.
    pub lines: String,
    /// The key to go on after, where there is more. A page may be short, or empty, and yet not the last.
    pub next: Option<Vec<Key>>,
}

impl Table {
    /// The table of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }

    /// Reads at most `limit` rows as of the snapshot with the place `through`, after a key or from the first; `None`
    /// where the key is no key of this table.
    pub fn page(&'static self, through: i64, limit: u32, after: Option<Vec<Key>>) -> Option<Query<Page>> {
        let page = Sql::new(self.page).bind(through).bind(limit);
        let kinds = self.keys.iter().map(|key| self.kind(key));
        let page = match after {
            None => {
                let first = |kind| if kind == Integer { Value::Integer(0) } else { Value::Text(String::new()) };
                kinds.map(first).fold(page, Sql::bind)
            }
            Some(after) if after.len() == self.keys.len() => {
                kinds.zip(after).try_fold(page, |page, (kind, key)| match (kind, key) {
                    (Integer, Key::Integer(integer)) => Some(page.bind(integer)),
                    (Text, Key::Text(text)) => Some(page.bind(text)),
                    _ => None,
                })?
            }
            Some(_) => return None,
        };
        Some(page.read(|rows| self.read(rows)))
    }

    /// How many rows one statement loads at most.
    #[must_use]
    pub fn most_rows(&self) -> usize {
        self.most_rows
    }

    fn kind(&self, column: &str) -> Kind {
        self.columns.iter().find(|(name, _)| *name == column).map_or(Text, |(_, kind)| *kind)
    }

    fn read(&self, rows: Rows) -> Result<Page, DatabaseError> {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let mut lines = String::new();
        let mut last = None;
        for row in rows {
            if row.boolean("told")? {
                self.write(&row, &mut lines)?;
            }
            last = Some(row);
        }
        let next = match last {
            Some(last) if last.integer("walked")? > count => Some(self.key(&last)?),
            _ => None,
        };
        Ok(Page { lines, next })
    }

    fn key(&self, row: &Row) -> Result<Vec<Key>, DatabaseError> {
        let key = |column: &&str| match self.kind(column) {
            Integer => row.integer(column).map(Key::Integer),
            _ => row.text(column).map(Key::Text),
        };
        self.keys.iter().map(key).collect()
    }

    fn write(&self, row: &Row, lines: &mut String) -> Result<(), DatabaseError> {
        for (index, (name, kind)) in self.columns.iter().enumerate() {
            lines.push_str(if index == 0 { "{\"" } else { ",\"" });
            lines.push_str(name);
            lines.push_str("\":");
            let value = match kind {
                Text => row.optional_text(name)?.map(|text| serde_json::Value::String(text).to_string()),
                Integer => row.optional_integer(name)?.map(|integer| integer.to_string()),
                Real => row.optional_real(name)?.map(|real| serde_json::Value::from(real).to_string()),
                Boolean => Some(row.boolean(name)?.to_string()),
                Json => row.optional_text(name)?,
            };
            lines.push_str(value.as_deref().unwrap_or("null"));
        }
        lines.push_str("}\n");
        Ok(())
    }
}

/// Tells whether the database holds what a dump would be mixed with.
pub fn is_used() -> Query<bool> {
    sql!("dump/is_used").one(|row| row.boolean("used"))
}

/// Loads a dump: one batch, whole or not at all, into a database that holds nothing of the kind.
pub struct Load {
    batch: Batch,
    loaded: Loaded,
    versions: Vec<String>,
}

impl Default for Load {
    fn default() -> Self {
        let batch = [sql!("dump/expect_unused").execute()].into_iter().collect();
        Self { batch, loaded: Loaded(Vec::new()), versions: Vec::new() }
    }
}

impl Load {
    /// Adds rows: so many, at most [`Table::most_rows`], as a JSON array. Tables come in the order of [`TABLES`].
    pub fn add(&mut self, table: &'static Table, rows: String, count: usize) {
        if table.name == "benchmark_versions" {
            self.versions.push(rows.clone());
            self.batch.extend([sql!("dump/load_benchmark_definitions").bind(rows.as_str()).execute()]);
        }
        self.batch.extend([Sql::new(table.load).bind(rows).execute()]);
        self.loaded.0.push((table.name, self.batch.push(results::count_changes())));
        if table.whole {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.batch.extend([sql!("dump/expect_loaded").bind(count).execute()]);
        }
    }

    /// The batch, and what its answers are read with. It fails by [`Guard::DeploymentUnused`](super::Guard) or
    /// [`Guard::DatasetComplete`](super::Guard).
    pub fn finish(mut self) -> (Batch, Loaded) {
        let expect_tasks = |versions: String| sql!("dump/expect_tasks").bind(versions).execute();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands between the parenthesis that opens the text and the one that closes it.
    fn in_parentheses(text: &str) -> &str {
        let mut depth = 0_i32;
        let end = text.find(|letter| {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            depth == 0
        });
        &text[1..end.unwrap()]
    }

    /// The parts between commas that stand in no parentheses.
    fn parts(list: &str) -> Vec<String> {
        let mut depth = 0_i32;
        let parts = list.split(|letter| {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            depth == 0 && letter == ','
        });
        parts.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    /// The names of the columns that a page's last `SELECT` gives.
    fn columns_of_page(sql: &str) -> Vec<String> {
        let (_, select) = sql.rsplit_once("\nSELECT").unwrap();
        let (select, _) = select.split_once("\nFROM").unwrap();
        let name = |part: &String| part.rsplit([' ', '.']).next().unwrap().to_owned();
        parts(select).iter().map(name).collect()
    }

    /// The columns that a statement writes, each with what it writes there.
    fn loaded(sql: &str, table: &str) -> Vec<(String, String)> {
        let (_, columns) = sql.split_once(&format!("INSERT INTO {table} ")).unwrap();
        let columns = in_parentheses(columns);
        let values = match sql.split_once("VALUES ") {
            Some((_, values)) => in_parentheses(values),
            None => sql.split_once("\nSELECT").unwrap().1.split_once("\nFROM").unwrap().0,
        };
        let (columns, values) = (parts(columns), parts(values));
        assert_eq!(columns.len(), values.len(), "{table}");
        columns.into_iter().zip(values).collect()
    }

    #[test]
    fn a_page_tells_every_column_of_its_table() {
        for table in &TABLES {
            let mut found = columns_of_page(table.page);
            found.retain(|column| !["walked", "told"].contains(&column.as_str()));
            let mut declared = table.columns.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
            found.sort();
            declared.sort();
            assert_eq!(found, declared, "{}", table.name);
        }
    }

    #[test]
    fn every_column_of_a_table_is_loaded_from_its_name() {
        for table in &TABLES {
            let mut found = loaded(table.load, table.name);
            match table.name {
                "benchmark_versions" => {
                    let definitions = include_str!("sql/dump/load_benchmark_definitions.sql");
                    found.extend(loaded(definitions, "benchmark_definitions").split_off(2));
                }
                // What opened a run is not told.
                "runs" => assert_eq!(found.pop(), Some(("request".to_owned(), "'{}'".to_owned()))),
                _ => {}
            }
            let mut declared = table.columns.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>();
            let mut names = found.iter().map(|(column, _)| column.clone()).collect::<Vec<_>>();
            names.sort();
            declared.sort();
            assert_eq!(names, declared, "{}", table.name);
            for (column, value) in found {
                let expected = [format!("value ->> '{column}'"), format!("?1 ->> '$[0].{column}'")];
                assert!(expected.contains(&value), "{}: {column} is {value}", table.name);
            }
        }
    }
}
