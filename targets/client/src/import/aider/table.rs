//! Properties that the rows of a file have in common.

use aibaas_core::{
    domain::{BenchmarkId, VersionName},
    wire::BenchmarkVersionPut,
};

use super::{Options, row::Row};
use crate::import::options::Naming;

/// Number of exercises in the polyglot benchmark.
const POLYGLOT_TASKS: u32 = 225;

/// Benchmark of a file's rows.
#[derive(Debug)]
pub struct Table<'a> {
    pub benchmark: BenchmarkId,
    pub version: VersionName,
    board: &'static str,
    tasks: Option<u32>,
    /// Number of attempts at each exercise.
    pub attempts: u32,
    pub naming: &'a Naming,
    /// Commit for rows that name none.
    pub commit: Option<&'a str>,
}

impl<'a> Table<'a> {
    /// Determines the benchmark from the file's name, the options and the rows.
    pub fn of(file: &str, rows: &[Row], options: &'a Options) -> Self {
        let board = ["edit", "refactor"].into_iter().find(|board| file.starts_with(board)).unwrap_or("polyglot");
        let known = (board == "polyglot" && options.benchmark.is_none()).then_some(POLYGLOT_TASKS);
        let told = || rows.iter().find_map(|row| row.count("total_tests").ok());
        let tries_twice =
            rows.iter().any(|row| ["pass_num_2", "pass_rate_2"].into_iter().any(|field| row.optional(field).is_some()));
        Self {
            benchmark: options.benchmark.clone().unwrap_or_else(|| format!("aider-{board}")).into(),
            version: options.benchmark_version.as_str().into(),
            board,
            tasks: options.tasks.or(known).or_else(told),
            attempts: if tries_twice { 2 } else { 1 },
            naming: &options.naming,
            commit: options.commit.as_deref(),
        }
    }

    /// Returns the number of exercises of a row.
    ///
    /// # Errors
    /// A text where nothing tells the number, or it differs from the benchmark's.
    pub fn tasks(&self, row: &Row) -> Result<u32, String> {
        let Some(tasks) = self.tasks else {
            return Err("total_tests is missing: give --tasks N, how many exercises the benchmark has".to_owned());
        };
        if row.optional("total_tests").is_some() {
            let total = row.count("total_tests")?;
            if total != tasks {
                return Err(format!("total_tests is {total}, the benchmark has {tasks}"));
            }
        }
        Ok(tasks)
    }

    /// Returns the body that declares the benchmark version; `None` where its size is not known.
    pub fn body(&self) -> Option<BenchmarkVersionPut> {
        let description = match self.board {
            "polyglot" => {
                "225 Exercism exercises in C++, Go, Java, JavaScript, Python and Rust. A model has two attempts at each, the second with the output of the failed tests."
            }
            "edit" => "Exercism exercises in Python that Aider has a model edit.",
            _ => "Methods of Python classes that Aider has a model refactor.",
        };
        Some(BenchmarkVersionPut {
            description: Some(description.to_owned()),
            attempts_per_task: self.attempts,
            ..BenchmarkVersionPut::of_counts(format!("Aider {}", self.board), self.tasks?)
        })
    }
}
