//! All tables. A test proves that their statements have just these columns.

use super::table::{
    Kind::{Boolean, Integer, Json, Real, Text},
    Table,
};
use crate::{
    domain::log_record,
    ports::{DatabaseError, Row},
};

/// Name of the table whose rows may be packed.
pub(in crate::store) const RESULTS: &str = "results";
/// Most rows that a statement loads.
const MOST_ROWS: usize = 1000;

/// All tables, each after those that it refers to.
pub static TABLES: [Table; 14] = [
    Table {
        name: "models",
        page: include_str!("../sql/dataset/page_models.sql"),
        load: include_str!("../sql/dataset/load_models.sql"),
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
            ("base_model", Text),
            ("created_at", Integer),
            ("updated_at", Integer),
        ],
    },
    Table {
        name: "benchmarks",
        page: include_str!("../sql/dataset/page_benchmarks.sql"),
        load: include_str!("../sql/dataset/load_benchmarks.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["id"],
        columns: &[("id", Text), ("created_at", Integer), ("current_version", Text)],
    },
    Table {
        name: "benchmark_versions",
        page: include_str!("../sql/dataset/page_benchmark_versions.sql"),
        load: include_str!("../sql/dataset/load_benchmark_versions.sql"),
        most_rows: MOST_ROWS,
        whole: false,
        keys: &["benchmark_id", "version"],
        columns: &[
            ("benchmark_id", Text),
            ("version", Text),
            ("title", Text),
            ("description", Text),
            ("metric", Text),
            ("direction", Text),
            ("unit", Text),
            ("bounds", Json),
            ("chance_level", Real),
            ("evidence", Text),
            ("task_count", Integer),
            ("attempts_per_task", Integer),
            ("private_tasks", Boolean),
            ("tasks_published_on", Text),
            ("parts", Json),
            ("part_of", Text),
            ("whole_task_count", Integer),
            ("other_scoring_of", Text),
            ("homepage", Text),
            ("licence", Text),
            ("citation", Text),
            ("conditions", Json),
            ("slices", Json),
            ("definition", Json),
            ("created_at", Integer),
        ],
    },
    Table {
        name: "benchmark_tasks",
        page: include_str!("../sql/dataset/page_benchmark_tasks.sql"),
        load: include_str!("../sql/dataset/load_benchmark_tasks.sql"),
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
        name: "seals",
        page: include_str!("../sql/dataset/page_seals.sql"),
        load: include_str!("../sql/dataset/load_seals.sql"),
        most_rows: MOST_ROWS,
        whole: false,
        keys: &["id"],
        columns: &[
            ("id", Text),
            ("model_id", Text),
            ("agent_name", Text),
            ("agent_version", Text),
            ("configuration", Text),
            ("system_id", Text),
            ("benchmark_id", Text),
            ("version", Text),
            ("harness", Text),
            ("harness_version", Text),
            ("commit_hash", Text),
            ("tasks", Integer),
            ("attempts", Integer),
            ("stopping_rule", Text),
            ("note", Text),
            ("series", Text),
            ("ordinal", Integer),
            ("sealed_at", Integer),
            ("after_seq", Integer),
            ("act", Integer),
        ],
    },
    Table {
        name: "runs",
        page: include_str!("../sql/dataset/page_runs.sql"),
        load: include_str!("../sql/dataset/load_runs.sql"),
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
            ("conditions", Json),
            ("status", Text),
            ("reason", Text),
            ("created_at", Integer),
            ("published_at", Integer),
            ("withdrawn_at", Integer),
            ("system_id", Text),
            ("agent_name", Text),
            ("agent_version", Text),
            ("configuration", Text),
            ("links", Json),
            ("series", Text),
            ("published_seq", Integer),
            ("seal_id", Text),
        ],
    },
    Table {
        name: "results",
        page: include_str!("../sql/dataset/page_results.sql"),
        load: include_str!("../sql/dataset/load_results.sql"),
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
        page: include_str!("../sql/dataset/page_run_counts.sql"),
        load: include_str!("../sql/dataset/load_run_counts.sql"),
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
        name: "run_given_scores",
        page: include_str!("../sql/dataset/page_run_given_scores.sql"),
        load: include_str!("../sql/dataset/load_run_given_scores.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["run_id"],
        columns: &[
            ("run_id", Text),
            ("score", Real),
            ("standard_error", Real),
            ("interval_low", Real),
            ("interval_high", Real),
            ("tasks", Integer),
            ("samples", Integer),
            ("cost_usd", Real),
            ("mean_latency_ms", Real),
        ],
    },
    Table {
        name: "run_slices",
        page: include_str!("../sql/dataset/page_run_slices.sql"),
        load: include_str!("../sql/dataset/load_run_slices.sql"),
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
            ("standard_error", Real),
            ("interval_low", Real),
            ("interval_high", Real),
        ],
    },
    Table {
        name: "run_scores",
        page: include_str!("../sql/dataset/page_run_scores.sql"),
        load: include_str!("../sql/dataset/load_run_scores.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["run_id"],
        columns: &[("run_id", Text), ("scores", Json), ("pass_counts", Json), ("parts", Json)],
    },
    Table {
        name: "snapshots",
        page: include_str!("../sql/dataset/page_snapshots.sql"),
        load: include_str!("../sql/dataset/load_snapshots.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["seq"],
        columns: &[("seq", Integer), ("id", Text), ("benchmark_id", Text), ("version", Text), ("created_at", Integer)],
    },
    Table {
        name: "leaderboard_entries",
        page: include_str!("../sql/dataset/page_leaderboard_entries.sql"),
        load: include_str!("../sql/dataset/load_leaderboard_entries.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["benchmark_id", "version", "model_id", "from_seq", "run_id"],
        columns: &[
            ("benchmark_id", Text),
            ("version", Text),
            ("model_id", Text),
            ("system_id", Text),
            ("run_id", Text),
            ("from_seq", Integer),
            ("to_seq", Integer),
            ("display_name", Text),
            ("contaminated", Boolean),
            ("ranked", Boolean),
        ],
    },
    Table {
        name: "changes",
        page: include_str!("../sql/dataset/page_changes.sql"),
        load: include_str!("../sql/dataset/load_changes.sql"),
        most_rows: MOST_ROWS,
        whole: true,
        keys: &["seq"],
        columns: &[
            ("seq", Integer),
            ("benchmark_id", Text),
            ("kind", Text),
            ("model_id", Text),
            ("system_id", Text),
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

impl Table {
    /// Finds the table of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        TABLES.iter().find(|table| table.name == name)
    }
}

/// Reads a row of `results` as the dataset has it.
pub(in crate::store) fn result(row: &Row) -> Result<log_record::Row, DatabaseError> {
    let table = Table::named(RESULTS).ok_or_else(|| DatabaseError::Unexpected("no table of results".to_owned()))?;
    table.row(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text between the parenthesis that opens the text and the one that closes it.
    fn in_parentheses(text: &str) -> &str {
        let mut depth = 0_i32;
        let end = text.find(|letter| {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            depth == 0
        });
        text.get(1..end.unwrap()).unwrap()
    }

    /// Splits a list at the commas outside of parentheses.
    fn parts(list: &str) -> Vec<String> {
        let mut depth = 0_i32;
        let parts = list.split(|letter| {
            depth += i32::from(letter == '(') - i32::from(letter == ')');
            depth == 0 && letter == ','
        });
        parts.map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    /// Returns the names of the columns that a page's last `SELECT` gives.
    fn columns_of_page(sql: &str) -> Vec<String> {
        let (_, select) = sql.rsplit_once("\nSELECT").unwrap();
        let (select, _) = select.split_once("\nFROM").unwrap();
        let name = |part: &String| part.rsplit([' ', '.']).next().unwrap().to_owned();
        parts(select).iter().map(name).collect()
    }

    /// Returns the columns that a statement writes, each with the expression for it.
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
            found.retain(|column| !["pack", "results", "size", "walked", "told"].contains(&column.as_str()));
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
                    let definitions = include_str!("../sql/dataset/load_benchmark_definitions.sql");
                    found.extend(loaded(definitions, "benchmark_definitions").split_off(2));
                }
                // The request that opened a run is not part of the dataset.
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
