//! Aider's polyglot leaderboard: a YAML list of rows, each with the numbers of one run and no task results.

use std::collections::{BTreeSet, HashMap};

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, json};

use super::{
    names::{self, LONGEST_NAME, slug},
    plan::{Benchmark, Counts, Entry, Evidence, Model, Plan, Relationship, Run, Submission},
};

const BENCHMARK: &str = "aider-polyglot";
const VERSION: &str = "1";
/// Exercises of the benchmark.
const TASKS: u32 = 225;
/// Rates are printed with one decimal.
const ROUNDING: f64 = 0.05 + 1e-9;
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

/// Reads the document.
pub(super) fn plan(document: &str) -> Result<Plan, String> {
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

/// The fields that runs have no place for.
fn unmapped(rows: &[Row]) -> Vec<String> {
    let fields: BTreeSet<&str> = rows.iter().flat_map(|row| row.fields.keys().map(String::as_str)).collect();
    let fields: Vec<&str> = fields.into_iter().filter(|field| !MAPPED.contains(field)).collect();
    if fields.is_empty() {
        return Vec::new();
    }
    vec![format!("{}: a run has no place for them", fields.join(", "))]
}

/// A row's scalars as they are written, without YAML's guesses at types: of the commit hashes, 5318380 would be an
/// integer, 0282574 another one (or octal) and 1234e56 a float.
#[derive(Debug, Default)]
struct Row {
    line: usize,
    fields: HashMap<String, String>,
    /// Why the row cannot be read at all.
    malformed: Option<String>,
}

/// The rows of a document that is a list; what is wrong within a row is that row's affair.
fn rows(document: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let mut row: Option<Row> = None;
    let mut key: Option<String> = None;
    let mut depth = 0_usize;
    for event in Parser::new_from_str(document) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let line = span.start.line();
        if matches!(event, Event::SequenceEnd | Event::MappingEnd) {
            depth = depth.saturating_sub(1);
            if depth == 1 {
                rows.extend(row.take());
            }
            continue;
        }
        let opens = matches!(event, Event::SequenceStart(..) | Event::MappingStart(..));
        match (depth, event) {
            (
                _,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd,
            ) => {}
            (0, Event::SequenceStart(..)) => {}
            (0, _) => return Err(format!("line {line}: a list of rows is expected")),
            (1, Event::MappingStart(..)) => {
                row = Some(Row { line, ..Row::default() });
                key = None;
            }
            (1, _) => {
                let malformed =
                    Row { line, malformed: Some("is not a row of names and values".to_owned()), ..Row::default() };
                if opens { row = Some(malformed) } else { rows.push(malformed) }
            }
            (2, Event::Scalar(text, style, ..)) => {
                if let Some(row) = &mut row {
                    match key.take() {
                        None => key = Some(text.into_owned()),
                        Some(key) => row.put(key, &text, style),
                    }
                }
            }
            // A list or an alias as a value: nothing that is needed here.
            (2, _) => {
                if let Some(row) = &mut row
                    && key.take().is_none()
                {
                    row.malformed.get_or_insert_with(|| "has a name that is no text".to_owned());
                }
            }
            _ => {}
        }
        if opens {
            depth = depth.saturating_add(1);
        }
    }
    Ok(rows)
}

impl Row {
    fn put(&mut self, key: String, text: &str, style: ScalarStyle) {
        if style == ScalarStyle::Plain && ["", "~", "null"].contains(&text) {
            return;
        }
        if self.fields.insert(key.clone(), text.to_owned()).is_some() {
            self.malformed = Some(format!("{key} stands twice"));
        }
    }

    fn optional(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    fn text(&self, name: &str) -> Result<&str, String> {
        self.optional(name).map(str::trim).filter(|text| !text.is_empty()).ok_or_else(|| format!("{name} is missing"))
    }

    fn count(&self, name: &str) -> Result<u32, String> {
        let text = self.text(name)?;
        text.parse().map_err(|_| format!("{name} is {text:?}, which is no count"))
    }

    fn number(&self, name: &str) -> Result<f64, String> {
        let text = self.text(name)?;
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        number.ok_or_else(|| format!("{name} is {text:?}, which is no quantity"))
    }

    /// A quantity of which zero means that nobody measured it.
    fn measured(&self, name: &str) -> Result<Option<f64>, String> {
        if self.optional(name).is_none() {
            return Ok(None);
        }
        self.number(name).map(|number| Some(number).filter(|number| *number > 0.0))
    }

    fn submission(&self, names: &HashMap<String, usize>) -> Result<Submission, String> {
        if let Some(reason) = &self.malformed {
            return Err(reason.clone());
        }
        let counts = self.counts()?;
        let model = self.model(names)?;
        let (commit, dirty) = self.commit()?;
        let date = self.text("date")?;
        let day: jiff::civil::Date = date.parse().map_err(|_| format!("date is {date:?}, which is no date"))?;
        let run = Run {
            model: format!("{}/{}", model.provider, model.name),
            benchmark: BENCHMARK.to_owned(),
            version: VERSION.to_owned(),
            harness: "aider".to_owned(),
            harness_version: self.text("versions")?.to_owned(),
            commit,
            dirty,
            command: Some(self.text("command")?.to_owned()),
            generation_config: self.generation_config()?,
            evaluator_relationship: Relationship::ThirdParty,
            started_at: Some(format!("{day}T00:00:00.000Z")),
            external_id: self.text("dirname")?.to_owned(),
            ..Run::default()
        };
        Ok(Submission { model, run, evidence: Evidence::Counts(counts) })
    }

    fn counts(&self) -> Result<Counts, String> {
        let total = self.count("total_tests")?;
        if total != TASKS {
            return Err(format!("total_tests is {total}, the benchmark has {TASKS}"));
        }
        let correct = [self.count("pass_num_1")?, self.count("pass_num_2")?];
        let [first, second] = correct;
        if first > second || second > total {
            return Err(format!("pass_num_1 {first}, pass_num_2 {second} and total_tests {total} do not ascend"));
        }
        // Some rates are of the cases that came to an end, which may be fewer.
        let cases = if self.optional("test_cases").is_some() { self.count("test_cases")? } else { total };
        for (attempt, passed) in [("1", first), ("2", second)] {
            let name = format!("pass_rate_{attempt}");
            let rate = self.number(&name)?;
            let of = |whole: u32| (100.0 * f64::from(passed) / f64::from(whole) - rate).abs() <= ROUNDING;
            if !of(total) && !of(cases) {
                let whole = if cases == total { total.to_string() } else { format!("{total} or {cases}") };
                return Err(format!(
                    "{name} is {rate}, which {passed} of {whole} (pass_num_{attempt}) does not come to"
                ));
            }
        }
        Ok(Counts {
            total,
            correct_by_attempt: correct.to_vec(),
            cost_usd: self.measured("total_cost")?,
            mean_latency_ms: self.measured("seconds_per_case")?.map(|seconds| (seconds * 1000.0).round()),
        })
    }

    /// The commit that Aider itself stood at, and whether it had local changes. A run that was taken up again
    /// names several; the first stands for it, and all of them in the configuration.
    fn commit(&self) -> Result<(String, bool), String> {
        let hashes = self.text("commit_hash")?;
        let dirty = hashes.split(',').any(|hash| hash.trim().ends_with("-dirty"));
        let first = hashes.split(',').next().unwrap_or(hashes).trim();
        Ok((first.strip_suffix("-dirty").unwrap_or(first).to_owned(), dirty))
    }

    fn generation_config(&self) -> Result<Map<String, serde_json::Value>, String> {
        let mut config = Map::new();
        config.insert("editFormat".to_owned(), self.text("edit_format")?.into());
        for (field, member) in [
            ("editor_model", "editorModel"),
            ("editor_edit_format", "editorEditFormat"),
            ("reasoning_effort", "reasoningEffort"),
        ] {
            if let Some(text) = self.optional(field) {
                config.insert(member.to_owned(), text.into());
            }
        }
        if self.optional("thinking_tokens").is_some() {
            config.insert("thinkingTokens".to_owned(), self.count("thinking_tokens")?.into());
        }
        if let Ok(hashes) = self.text("commit_hash")
            && hashes.contains(',')
        {
            config.insert("commits".to_owned(), hashes.split(',').map(str::trim).collect());
        }
        Ok(config)
    }

    /// One row, one model: where a name stands twice, its edit format tells the two apart.
    fn model(&self, names: &HashMap<String, usize>) -> Result<Model, String> {
        let mut display_name = self.text("model")?.to_owned();
        let shared = names.get(&slug(&display_name, LONGEST_NAME)).is_some_and(|count| *count > 1);
        let provider = provider(&display_name, self.text("command")?);
        if shared {
            display_name = format!("{display_name} ({})", self.text("edit_format")?);
        }
        let name = slug(&display_name, LONGEST_NAME);
        if name.is_empty() {
            return Err(format!("model is {display_name:?}, which makes no identifier"));
        }
        Ok(Model { provider, name, display_name })
    }
}

/// The command alone does not tell: many vendors are called through an interface that imitates OpenAI's.
fn provider(model: &str, command: &str) -> String {
    if let Some(provider) = names::family(model) {
        return provider.to_owned();
    }
    // OpenRouter names the vendor, and itself where the vendor stays hidden.
    let vendor = command.split_once("openrouter/").and_then(|(_, rest)| rest.split_once('/')).map(|(vendor, _)| vendor);
    let vendor = vendor.filter(|vendor| *vendor != "openrouter").and_then(names::vendor);
    vendor.unwrap_or_else(|| names::UNKNOWN.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const LEADERBOARD: &str = include_str!("../../../../data/aider/polyglot_leaderboard.yml");

    fn sound(plan: &Plan) -> Vec<&Submission> {
        plan.entries.iter().filter_map(|entry| entry.submission.as_ref().ok()).collect()
    }

    fn counts(submission: &Submission) -> &Counts {
        match &submission.evidence {
            Evidence::Counts(counts) => counts,
            Evidence::Results(_) => panic!("no counts"),
        }
    }

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

    #[test]
    fn a_run_comes_over_whole() {
        let plan = plan(LEADERBOARD).unwrap();
        let of = |model: &str| sound(&plan).into_iter().find(|submission| submission.run.model == model).unwrap();
        let run = of("openai/o3-pro-high");
        assert_eq!((run.run.commit.as_str(), run.run.dirty), ("5318380", false));
        assert_eq!(of("google/gemini-2.5-pro-preview-03-25").run.commit, "0282574");
        let resumed = of("qwen/qwen3-32b");
        assert_eq!((resumed.run.commit.as_str(), resumed.run.dirty), ("aaacee5", true));
        assert_eq!(resumed.run.generation_config["commits"], json!(["aaacee5-dirty", "aeaf259"]));

        let run = of("openai/gpt-4o-mini-2024-07-18");
        assert_eq!(
            serde_json::to_value(&run.run).unwrap(),
            json!({
                "model": "openai/gpt-4o-mini-2024-07-18", "benchmark": "aider-polyglot", "version": "1",
                "harness": "aider", "harnessVersion": "0.69.2.dev", "commit": "a755079", "dirty": true,
                "command": "aider --model gpt-4o-mini-2024-07-18", "generationConfig": {"editFormat": "whole"},
                "evaluatorRelationship": "third_party", "startedAt": "2024-12-21T00:00:00.000Z",
                "externalId": "2024-12-21-18-41-18--polyglot-gpt-4o-mini",
            })
        );
        assert_eq!(
            serde_json::to_value(counts(run)).unwrap(),
            json!({"total": 225, "correctByAttempt": [2, 8], "costUsd": 0.3236, "meanLatencyMs": 17_300.0})
        );
        for format in ["diff", "whole"] {
            let twin = of(&format!("qwen/qwen2.5-coder-32b-instruct-{format}"));
            assert_eq!(twin.model.display_name, format!("Qwen2.5-Coder-32B-Instruct ({format})"));
        }
    }

    const ROW: &str = "- {dirname: d, test_cases: 225, model: m, edit_format: diff, commit_hash: 1234e56, pass_rate_1: 20.0, pass_rate_2: 40.0, pass_num_1: 45, pass_num_2: 90, total_tests: 225, command: c, date: 2025-02-25, versions: v, seconds_per_case: 1.5, total_cost: 0.5}\n";

    fn refusal(document: &str) -> String {
        plan(document).unwrap().entries.into_iter().next_back().unwrap().submission.unwrap_err()
    }

    #[test]
    fn scalars_stay_as_they_are_written() {
        let plan = plan(ROW).unwrap();
        assert_eq!(sound(&plan)[0].run.commit, "1234e56");
    }

    #[test]
    fn what_is_wrong_in_a_row_is_said_and_spares_the_others() {
        for (from, to, reason) in [
            ("total_tests: 225", "total_tests: 224", "total_tests is 224, the benchmark has 225"),
            ("pass_num_1: 45", "pass_num_1: 91", "pass_num_1 91, pass_num_2 90 and total_tests 225 do not ascend"),
            ("pass_num_1: 45", "pass_num_1: -1", "pass_num_1 is \"-1\", which is no count"),
            (
                "pass_rate_1: 20.0",
                "pass_rate_1: 20.1",
                "pass_rate_1 is 20.1, which 45 of 225 (pass_num_1) does not come to",
            ),
            ("pass_rate_1: 20.0", "pass_rate_1: .nan", "pass_rate_1 is \".nan\", which is no quantity"),
            ("test_cases: 225", "test_cases: 0", ""),
            ("model: m", "model: ~", "model is missing"),
            ("model: m", "model: ???", "model is \"???\", which makes no identifier"),
            ("date: 2025-02-25", "date: 2025-02-30", "date is \"2025-02-30\", which is no date"),
            ("total_cost: 0.5", "total_cost: [1]", ""),
            ("total_cost: 0.5", "total_cost: free", "total_cost is \"free\", which is no quantity"),
            ("dirname: d, ", "", "dirname is missing"),
            ("dirname: d", "dirname: d, dirname: e", "dirname stands twice"),
        ] {
            let row = ROW.replace(from, to);
            assert_ne!(row, ROW);
            let entries = plan(&format!("{row}{}", ROW.replace("dirname: d", "dirname: other"))).unwrap().entries;
            assert_eq!(entries.len(), 2);
            match &entries[0].submission {
                Err(said) => assert_eq!(said, reason),
                Ok(_) => assert_eq!(reason, "", "{to}"),
            }
            assert!(entries[1].submission.is_ok());
        }
        assert_eq!(refusal(&format!("{ROW}{ROW}")), "dirname stands in line 1 already");
        assert_eq!(refusal(&format!("{ROW}- text\n")), "is not a row of names and values");
        assert_eq!(refusal(&format!("{ROW}- [[1], {{a: b}}]\n")), "is not a row of names and values");
    }

    #[test]
    fn what_is_no_list_is_refused_whole() {
        assert_eq!(plan("model: m").unwrap_err(), "line 1: a list of rows is expected");
        assert!(plan("- {a: b").is_err());
        assert!(plan("").unwrap().entries.is_empty());
    }
}
