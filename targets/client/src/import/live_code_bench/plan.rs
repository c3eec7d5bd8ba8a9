//! Plan of what is published of the file.

use std::collections::{BTreeMap, HashMap};

use aibaas_core::{
    domain::{BenchmarkId, VersionName},
    wire::{BenchmarkVersionPut, TaskInput},
};
use serde::Deserialize as _;
use serde_json::Value;

use super::{
    Options,
    document::{Document, Performance},
    model_rows::ModelRows,
};
use crate::import::{
    plan::{Benchmark, Entry, Plan, metric},
    python_json::python_json,
    times::unix,
};

/// Creates the plan of the file; its name tells which scenario it is of.
///
/// # Errors
/// A text that says what was not understood.
pub fn plan(file: &str, document: &[u8], options: &Options) -> Result<Plan, String> {
    let document: Document = python_json(document)?;
    let mut tasks = BTreeMap::<String, TaskInput>::new();
    let mut days = Vec::new();
    let (mut runs, mut by_model) = (Vec::<ModelRows>::new(), HashMap::<String, usize>::new());
    for (index, value) in document.performances.iter().enumerate() {
        let name = value.get("model").and_then(Value::as_str).unwrap_or("a performance without a model");
        let position = *by_model.entry(name.to_owned()).or_insert(runs.len());
        if position == runs.len() {
            runs.push(ModelRows::new(name));
        }
        let Some(rows) = runs.get_mut(position) else { continue };
        let taken = Performance::deserialize(value).map_err(|error| error.to_string()).and_then(|row| {
            if row.model.trim().is_empty() {
                return Err("model is empty".to_owned());
            }
            rows.take(&row, options.samples)?;
            days.extend(row.date.and_then(day_of));
            tasks.entry(row.task()?).or_insert_with_key(|id| TaskInput {
                scenario: row.platform.clone(),
                difficulty: row.difficulty.clone(),
                ..TaskInput::new(id.as_str())
            });
            Ok(())
        });
        if let Err(reason) = taken {
            rows.wrong.get_or_insert_with(|| format!("performance {}: {reason}", index.saturating_add(1)));
        }
    }
    if tasks.is_empty() {
        return Err("has no performance".to_owned());
    }
    let scenario = file.strip_prefix("performances_").and_then(|rest| rest.strip_suffix(".json"));
    let scenario = scenario.unwrap_or("generation");
    let id = options.benchmark.clone().unwrap_or_else(|| match scenario {
        "generation" => "livecodebench".to_owned(),
        other => format!("livecodebench-{}", crate::import::names::slug(other, 50)),
    });
    let version = options.benchmark_version.clone().unwrap_or_else(|| version(&days, tasks.len()));
    let (id, version) = (BenchmarkId::from(id), VersionName::from(version));
    let ids: Vec<String> = tasks.keys().cloned().collect();
    let graded = runs.iter().filter(|rows| rows.wrong.is_none()).any(ModelRows::has_partial_scores);
    let (mut entries, mut models) = (Vec::new(), HashMap::new());
    for rows in &runs {
        let submission = rows.submission(&ids, &document.models, (&id, &version), options).and_then(|submission| {
            match models.insert(submission.run.model.clone(), rows.name.clone()) {
                None => Ok(submission),
                Some(other) => Err(format!("makes the same identifier as {other}")),
            }
        });
        entries.push(Entry { name: rows.name.clone(), submission });
    }
    let description = format!("Problems of programming contests, by when they were published; scenario {scenario}.");
    let body = BenchmarkVersionPut {
        description: Some(description),
        tasks_published_on: days.into_iter().min(),
        tasks: Some(tasks.into_values().collect()),
        homepage: Some("https://livecodebench.github.io".to_owned()),
        ..BenchmarkVersionPut::of_results("LiveCodeBench", metric(graded))
    };
    let mut unmapped = vec![
        format!("harness version is not in the file: {} stands for it", options.code.harness_version),
        "when a model was evaluated is not in the file; its release date and link have no place in a run".to_owned(),
    ];
    if graded {
        unmapped.push("pass@1 of several samples: their number is not in the file, give --samples N".to_owned());
    }
    Ok(Plan { benchmarks: vec![Benchmark { id, version, body }], entries, unmapped })
}

/// Returns the day of a time in milliseconds since the epoch.
#[expect(clippy::cast_precision_loss, reason = "within 2⁵³ for any day there is")]
fn day_of(millis: i64) -> Option<String> {
    let time = unix(millis as f64 / 1000.0).ok()?;
    time.split_once('T').map(|(day, _)| day.to_owned())
}

/// Names the version by the months of its problems and their number, so that a later file is another version.
fn version(days: &[String], tasks: usize) -> String {
    let month = |day: Option<&String>| day.and_then(|day| day.get(..7)).map(str::to_owned);
    match (month(days.iter().min()), month(days.iter().max())) {
        (Some(first), Some(last)) => format!("{first}-to-{last}-{tasks}"),
        _ => tasks.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::measure::Metric;
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::import::plan::Evidence;

    /// An invented file in the form of the published one.
    const FILE: &str = include_str!("../../../../../tests/data/live-code-bench/performances_generation.json");

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn read(file: &str, arguments: &[&str]) -> Result<Plan, String> {
        let options = Command::parse_from([&["", "file"], arguments].concat()).options;
        plan("performances_generation.json", file.as_bytes(), &options)
    }

    fn of<'a>(plan: &'a Plan, name: &str) -> Result<&'a crate::import::plan::Submission, &'a String> {
        plan.entries.iter().find(|entry| entry.name == name).unwrap().submission.as_ref()
    }

    #[test]
    fn a_model_comes_over_whole() {
        let plan = read(FILE, &["--commit", "abc1234", "--samples", "10"]).unwrap();
        let submission = of(&plan, "Imaginary-33b-Ins").unwrap();
        assert_eq!(
            serde_json::to_value(&submission.run).unwrap(),
            json!({
                "model": "deepseek/imaginary-33b-instruct", "benchmark": "livecodebench",
                "version": "2023-08-to-2024-01-3", "harness": "livecodebench", "harnessVersion": "unknown",
                "commit": "abc1234", "dirty": false, "attemptsPolicy": "10 samples of each problem, each counts",
                "generationConfig": {}, "evaluatorRelationship": "third_party",
                "externalId": "livecodebench/livecodebench/2023-08-to-2024-01-3/Imaginary-33b-Ins",
            })
        );
        let Evidence::Results(results) = &submission.evidence else { panic!("counts") };
        let found = results.iter().map(|result| (result.task.as_str(), result.correct)).collect::<Vec<_>>();
        assert_eq!(found, [("9001", Some(10)), ("A_1", Some(0)), ("A_2", Some(3))]);
        let body = &plan.benchmarks[0].body;
        assert_eq!((body.metric, body.tasks_published_on.as_deref()), (Metric::PassRate, Some("2023-08-22")));
        let second = serde_json::to_value(&body.tasks.as_ref().unwrap()[1]).unwrap();
        assert_eq!(second, json!({"id": "A_1", "scenario": "codeforces", "difficulty": "easy"}));
        assert_eq!(read(FILE, &[]).unwrap().benchmarks[0].body.metric, Metric::Score);
    }

    #[test]
    fn what_is_wrong_refuses_its_model_alone() {
        let plan = read(FILE, &["--samples", "10"]).unwrap();
        assert!(of(&plan, "GPT-Imaginary").is_ok());
        for (name, reason) in [
            ("Partial-7b", "nothing"),
            ("gemini-partial", "2 of 3 problems are missing: A_1, A_2"),
            ("gpt-beyond", "performance 10: pass@1 of A_1 is 120, which is no percentage"),
            ("gpt-odd", "performance 11: pass@1 of A_1: 35 comes of no number of 10 passes (--samples)"),
        ] {
            match of(&plan, name) {
                Err(said) if name == "Partial-7b" => assert!(said.contains("give --provider"), "{said}"),
                Err(said) => assert_eq!(said, reason),
                Ok(_) => panic!("{name}"),
            }
        }
        assert!(of(&plan, "gpt-untold").unwrap_err().contains("missing field `pass@1`"));
        assert_eq!(read(r#"{"performances": []}"#, &[]).unwrap_err(), "has no performance");
        assert!(read("[1]", &[]).is_err());
    }
}
