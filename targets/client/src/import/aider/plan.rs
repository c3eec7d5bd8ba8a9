//! Plan of what is published of a leaderboard.

use std::collections::{BTreeSet, HashMap};

use super::{Options, row::Row, rows::rows, table::Table};
use crate::import::{
    names::{LONGEST_NAME, slug},
    plan::{Benchmark, Entry, Plan},
};

/// Fields of a row that are imported.
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

/// Creates the plan of the document; its file's name tells which of Aider's benchmarks it is of.
///
/// # Errors
/// A text where the document is not a list of rows.
pub fn plan(file: &str, document: &str, options: &Options) -> Result<Plan, String> {
    let rows = rows(document)?;
    let table = Table::of(file, &rows, options);
    let mut unmapped = unmapped(&rows);
    let mut names = HashMap::<String, usize>::new();
    let mut first_lines = HashMap::new();
    for row in &rows {
        if let Ok(model) = row.text("model") {
            let count = names.entry(slug(model, LONGEST_NAME)).or_default();
            *count = count.saturating_add(1);
        }
    }
    let entries = rows
        .iter()
        .map(|row| {
            let name = format!("{} (line {})", row.text("model").unwrap_or("a row without a model"), row.line);
            let submission = row.submission(&names, &table).and_then(|(submission, remarks)| {
                let line = *first_lines.entry(submission.run.external_id.clone()).or_insert(row.line);
                if line != row.line {
                    return Err(format!("dirname stands in line {line} already"));
                }
                unmapped.extend(remarks.into_iter().map(|remark| format!("{name}: {remark}")));
                Ok(submission)
            });
            Entry { name, submission }
        })
        .collect();
    let benchmark =
        table.body().map(|body| Benchmark { id: table.benchmark.clone(), version: table.version.clone(), body });
    Ok(Plan { benchmarks: benchmark.into_iter().collect(), entries, unmapped })
}

/// Lists the fields that have no place in a run.
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

    use crate::import::aider::fixtures::{LEADERBOARD, counts, planned, sound};

    #[test]
    fn of_the_real_file_every_row_is_sound() {
        let plan = planned("polyglot_leaderboard.yml", LEADERBOARD, &[]).unwrap();
        let sound = sound(&plan);
        assert_eq!((plan.entries.len(), sound.len()), (69, 69));
        assert_eq!(sound.iter().map(|submission| &submission.run.model).collect::<HashSet<_>>().len(), 69);
        assert_eq!(sound.iter().map(|submission| &submission.run.external_id).collect::<HashSet<_>>().len(), 69);
        assert!(sound.iter().all(|submission| counts(submission).total == 225));
        assert_eq!(sound.iter().filter(|submission| counts(submission).cost_usd.is_none()).count(), 18);
        assert_eq!(plan.unmapped.len(), 2);
        assert!(plan.unmapped[0].contains("percent_cases_well_formed"), "{:?}", plan.unmapped);
        assert_eq!(
            plan.unmapped[1],
            "o1-2024-12-17 (high) (line 131): pass_rate_2 61.7 is 139 of 225 truncated, not rounded"
        );
        let identifier = |text: &str| {
            text.starts_with(|first: char| first.is_ascii_alphanumeric())
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
        };
        assert!(
            sound.iter().all(|submission| identifier(&submission.model.provider) && identifier(&submission.model.name))
        );
        // The vendor is unknown: the rows only say that OpenRouter served the model.
        let hidden = sound.iter().filter(|submission| submission.model.provider == "openrouter");
        assert_eq!(
            hidden.map(|submission| submission.model.name.as_str()).collect::<Vec<_>>(),
            ["quasar-alpha", "optimus-alpha"]
        );
    }

    /// Rows as `edit` and `refactor` have them: rates only, of the cases that came to an end.
    const REFACTOR: &str = "\
- {dirname: a, test_cases: 89, model: gpt-x, edit_format: diff, commit_hash: 1234e56, pass_rate_1: 49.4, command: c, date: 2024-05-04, versions: v, seconds_per_case: 55.7, total_cost: 0.0000}
- {dirname: b, test_cases: 83, model: claude-x, edit_format: diff, commit_hash: 1234e57, pass_rate_1: 72.3, command: c, date: 2024-05-04, versions: v, seconds_per_case: 67.8, total_cost: 27.9}
- {dirname: c, test_cases: 89, model: gpt-y, edit_format: diff, commit_hash: 1234e57, pass_rate_1: 49.8, command: c, date: 2024-05-04, versions: v, seconds_per_case: 67.8, total_cost: 27.9}
- {dirname: d, test_cases: 90, model: gpt-z, edit_format: diff, commit_hash: 1234e57, pass_rate_1: 50.0, command: c, date: 2024-05-04, versions: v, seconds_per_case: 67.8, total_cost: 27.9}
";

    #[test]
    fn rates_without_counts_come_over_where_the_size_is_told() {
        let plan = planned("refactor_leaderboard.yml", REFACTOR, &[]).unwrap();
        assert!(plan.benchmarks.is_empty());
        for entry in &plan.entries {
            let reason = entry.submission.as_ref().unwrap_err();
            assert_eq!(reason, "total_tests is missing: give --tasks N, how many exercises the benchmark has");
        }
        let plan = planned("refactor_leaderboard.yml", REFACTOR, &["--tasks", "89"]).unwrap();
        assert_eq!((plan.benchmarks[0].id.as_str(), plan.benchmarks[0].body.task_count), ("aider-refactor", Some(89)));
        assert_eq!(plan.benchmarks[0].body.attempts_per_task, 1);
        let sound = sound(&plan);
        let found = sound.iter().map(|submission| (counts(submission).total, counts(submission).correct_by_attempt[0]));
        assert_eq!(found.collect::<Vec<_>>(), [(89, 44), (89, 60)]);
        assert_eq!(
            plan.entries[2].submission.as_ref().unwrap_err(),
            "pass_rate_1: 49.8 comes of no number of 89 passes"
        );
        assert_eq!(plan.entries[3].submission.as_ref().unwrap_err(), "test_cases is 90, more than the benchmark's 89");
        let said = plan.unmapped.join("\n");
        assert!(said.contains("gpt-x (line 1): pass_num_1 is not told: 44 of 89, by the rate"), "{said}");
        assert!(said.contains("claude-x (line 2): pass_num_1 is not told: 60 of 83, by the rate"), "{said}");
    }
}
