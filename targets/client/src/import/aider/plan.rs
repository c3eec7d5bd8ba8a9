//! What is published of the document.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;

use super::{row::Row, rows::rows};
use crate::import::{
    names::{LONGEST_NAME, slug},
    plan::{Benchmark, Entry, Plan},
};

/// The benchmark that the runs are of.
pub const BENCHMARK: &str = "aider-polyglot";
/// Its version.
pub const VERSION: &str = "1";
/// Exercises of the benchmark.
pub const TASKS: u32 = 225;
/// What of a row comes over.
const MAPPED: &[&str] = &[
    "dirname",
    "test_cases",
    "model",
    "edit_format",
    "commit_hash",
    "pass_rate_1",
    "pass_rate_2",
    "pass_num_1",
    "pass_num_2",
    "total_tests",
    "command",
    "date",
    "versions",
    "seconds_per_case",
    "total_cost",
    "editor_model",
    "editor_edit_format",
    "reasoning_effort",
    "thinking_tokens",
];

/// Makes the plan of the document.
///
/// # Errors
/// That it is no list of rows.
pub fn plan(document: &str) -> Result<Plan, String> {
    let rows = rows(document)?;
    let mut names = HashMap::<String, usize>::new();
    let mut first_lines = HashMap::<String, usize>::new();
    for row in &rows {
        if let Ok(model) = row.text("model") {
            let count = names.entry(slug(model, LONGEST_NAME)).or_default();
            *count = count.saturating_add(1);
        }
    }
    let entries = rows
        .iter()
        .map(|row| {
            let submission = row.submission(&names).and_then(|submission| {
                let line = *first_lines.entry(submission.run.external_id.clone()).or_insert(row.line);
                if line == row.line { Ok(submission) } else { Err(format!("dirname stands in line {line} already")) }
            });
            let name = row.text("model").unwrap_or("a row without a model");
            Entry { name: format!("{name} (line {})", row.line), submission }
        })
        .collect();
    let body = json!({
        "title": "Aider polyglot",
        "description": "225 Exercism exercises in C++, Go, Java, JavaScript, Python and Rust. A model has two attempts at each, the second with the output of the failed tests.",
        "metric": "pass_rate",
        "evidence": "counts",
        "taskCount": TASKS,
        "attemptsPerTask": 2,
    });
    let benchmark = Benchmark { id: BENCHMARK.to_owned(), version: VERSION.to_owned(), body };
    Ok(Plan { benchmarks: vec![benchmark], entries, unmapped: unmapped(&rows) })
}

/// Lists the fields that runs have no place for.
fn unmapped(rows: &[Row]) -> Vec<String> {
    let fields: BTreeSet<&str> = rows.iter().flat_map(|row| row.fields.keys().map(String::as_str)).collect();
    let fields: Vec<&str> = fields.into_iter().filter(|field| !MAPPED.contains(field)).collect();
    if fields.is_empty() {
        return Vec::new();
    }
    vec![format!("{}: a run has no place for them", fields.join(", "))]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::import::aider::fixtures::{LEADERBOARD, counts, sound};

    #[test]
    fn of_the_real_file_68_rows_are_sound_and_one_is_impossible() {
        let plan = plan(LEADERBOARD).unwrap();
        assert_eq!(plan.entries.len(), 69);
        let refused: Vec<_> = plan.entries.iter().filter(|entry| entry.submission.is_err()).collect();
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].name, "o1-2024-12-17 (high) (line 131)");
        assert_eq!(
            refused[0].submission.as_ref().unwrap_err(),
            "pass_rate_2 is 61.7, which 139 of 225 or 224 (pass_num_2) does not come to"
        );

        let sound = sound(&plan);
        assert_eq!(sound.iter().map(|submission| &submission.run.model).collect::<HashSet<_>>().len(), 68);
        assert_eq!(sound.iter().map(|submission| &submission.run.external_id).collect::<HashSet<_>>().len(), 68);
        assert!(sound.iter().all(|submission| counts(submission).total == 225));
        assert_eq!(sound.iter().filter(|submission| counts(submission).cost_usd.is_none()).count(), 18);
        assert_eq!(plan.unmapped.len(), 1);
        assert!(plan.unmapped[0].contains("percent_cases_well_formed"), "{:?}", plan.unmapped);
        let identifier = |text: &str| {
            text.starts_with(|first: char| first.is_ascii_alphanumeric())
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
        };
        assert!(
            sound.iter().all(|submission| identifier(&submission.model.provider) && identifier(&submission.model.name))
        );
        let unknown = sound.iter().filter(|submission| submission.model.provider == "unknown");
        assert_eq!(
            unknown.map(|submission| submission.model.name.as_str()).collect::<Vec<_>>(),
            ["quasar-alpha", "optimus-alpha"]
        );
    }
}
