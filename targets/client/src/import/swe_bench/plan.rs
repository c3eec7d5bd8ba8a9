//! Plan of what is published of the file.

use std::collections::HashSet;

use aibaas_core::{
    domain::{BenchmarkId, VersionName},
    wire::BenchmarkVersionPut,
};
use serde_json::Value;

use super::{
    Options,
    document::{Board, Document, Row},
    row::submission,
};
use crate::import::{
    names::{LONGEST_NAME, slug},
    plan::{Benchmark, Entry, Plan},
    python_json::python_json,
};

/// Number of tasks of each board.
const TASKS: &[(&str, u32)] =
    &[("Test", 2294), ("Verified", 500), ("Lite", 300), ("Multimodal", 517), ("Multilingual", 300), ("bash-only", 500)];
/// Members of a row that are imported, or are only for show.
const MAPPED: &[&str] = &[
    "name",
    "folder",
    "resolved",
    "date",
    "site",
    "logs",
    "trajs",
    "trajs_docent",
    "os_model",
    "os_system",
    "checked",
    "verified",
    "tags",
    "warning",
    "mini-swe-agent_version",
    "instance_cost",
    "cost",
    "agent",
    "agent_org",
    "model_display",
    "model_org",
    "reasoning_effort",
    "logo",
];

/// Creates the plan of the file.
///
/// # Errors
/// A text that says what was not understood, or that no board has a name that is asked for.
pub fn plan(document: &[u8], options: &Options) -> Result<Plan, String> {
    let document: Document = python_json(document)?;
    for asked in &options.boards {
        if !document.leaderboards.iter().any(|board| board.name == *asked) {
            let boards: Vec<_> = document.leaderboards.iter().map(|board| board.name.as_str()).collect();
            return Err(format!("has no board {asked}; there are {}", boards.join(", ")));
        }
    }
    let mut plan = Plan::default();
    let boards = document.leaderboards.iter();
    for board in boards.filter(|board| options.boards.is_empty() || options.boards.contains(&board.name)) {
        plan.add(of_board(board, options));
    }
    Ok(plan)
}

fn of_board(board: &Board, options: &Options) -> Plan {
    let known = TASKS.iter().find(|(name, _)| *name == board.name).map(|(_, tasks)| *tasks);
    let tasks = options.tasks.or(known);
    let id = BenchmarkId::from(format!("swe-bench-{}", slug(&board.name, LONGEST_NAME - 10)));
    let version = VersionName::from(options.benchmark_version.as_str());
    let mut plan = Plan::default();
    let mut folders = HashSet::new();
    let mut unmapped = Vec::<&str>::new();
    for value in &board.results {
        let shown = value.get("name").and_then(Value::as_str).unwrap_or("a row without a name");
        let name = format!("{}: {shown}", board.name);
        for member in value.as_object().into_iter().flatten().map(|(member, _)| member.as_str()) {
            if !MAPPED.contains(&member) && !unmapped.contains(&member) {
                unmapped.push(member);
            }
        }
        let submission = Row::deserialized(value).and_then(|row| {
            let tasks = tasks.ok_or_else(|| {
                format!("how many tasks {0} has is not known here: give --board {0} --tasks N", board.name)
            })?;
            let (submission, remarks) = submission(&row, (&id, &version), tasks, options)?;
            if !folders.insert(submission.run.external_id.clone()) {
                return Err("folder stands twice".to_owned());
            }
            plan.unmapped.extend(remarks.into_iter().map(|remark| format!("{name}: {remark}")));
            Ok(submission)
        });
        plan.entries.push(Entry { name, submission });
    }
    if !unmapped.is_empty() {
        plan.unmapped.push(format!("{}: a run has no place for them", unmapped.join(", ")));
    }
    plan.unmapped.push(format!("harness version is not in the file: {} stands for it", options.code.harness_version));
    if let Some(tasks) = tasks {
        let description = "Issues of repositories that a system has to resolve. A row is an agent with a model.";
        let body = BenchmarkVersionPut {
            description: Some(description.to_owned()),
            homepage: Some("https://www.swebench.com".to_owned()),
            ..BenchmarkVersionPut::of_counts(format!("SWE-bench {}", board.name), tasks)
        };
        plan.benchmarks.push(Benchmark { id, version, body });
    }
    plan
}

impl Row {
    fn deserialized(value: &Value) -> Result<Self, String> {
        serde::Deserialize::deserialize(value).map_err(|error: serde_json::Error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::{evaluator::EvaluatorRelationship, system::Agent};
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::import::plan::Evidence;

    /// An invented file in the form of the published one.
    const FILE: &str = include_str!("../../../../../tests/data/swe-bench/leaderboards.json");

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn read(file: &str, arguments: &[&str]) -> Result<Plan, String> {
        plan(file.as_bytes(), &Command::parse_from([&["", "leaderboards.json"], arguments].concat()).options)
    }

    fn refusal<'a>(plan: &'a Plan, name: &str) -> &'a str {
        let entry = plan.entries.iter().find(|entry| entry.name == name).unwrap();
        entry.submission.as_ref().unwrap_err()
    }

    #[test]
    fn a_row_comes_over_whole() {
        let plan = read(FILE, &["--commit", "abc1234"]).unwrap();
        let submission = plan.entries[0].submission.as_ref().unwrap();
        assert_eq!(
            serde_json::to_value(&submission.run).unwrap(),
            json!({
                "model": "anthropic/claude-imaginary-20250101", "benchmark": "swe-bench-verified", "version": "1",
                "harness": "swe-bench", "harnessVersion": "unknown", "commit": "abc1234", "dirty": false,
                "attemptsPolicy": "1 attempt",
                "generationConfig": {
                    "openModel": false, "openSystem": true, "checked": true,
                    "logs": "s3://example/verified/20250301_tinker/logs",
                },
                "evaluatorRelationship": "third_party", "completedAt": "2025-03-01T00:00:00.000Z",
                "externalId": "swe-bench/swe-bench-verified/1/20250301_tinker",
                "agent": {"name": "Tinker", "version": "1.2"},
                "links": {"source": "https://tinker.example", "traces": "https://tinker.example/trajs"},
            })
        );
        let run = &submission.run;
        assert_eq!(run.agent, Some(Agent { name: "Tinker".to_owned(), version: Some("1.2".to_owned()) }));
        let links = run.links.as_ref().unwrap();
        assert_eq!(links.source.as_deref(), Some("https://tinker.example"));
        assert_eq!(links.traces.as_deref(), Some("https://tinker.example/trajs"));
        let Evidence::Counts(counts) = &submission.evidence else { panic!("results") };
        assert_eq!((counts.total, counts.correct_by_attempt[0], counts.cost_usd), (500, 211, None));

        let mini =
            plan.entries.iter().find(|entry| entry.name.contains("medium")).unwrap().submission.as_ref().unwrap();
        assert_eq!(
            (mini.run.model.as_str(), mini.run.configuration.as_deref()),
            ("initech/zeta-9", Some("medium reasoning"))
        );
        let Evidence::Counts(counts) = &mini.evidence else { panic!("results") };
        assert_eq!((counts.correct_by_attempt[0], counts.cost_usd), (325, Some(100.0)));
        assert_eq!(plan.benchmarks.len(), 1);
    }

    #[test]
    fn costs_and_pages_of_newer_rows_come_over() {
        let row = |cost: f64| {
            json!({"name": "GPT-9", "folder": format!("{cost}"), "resolved": 70.6, "date": "2030-01-01",
                "trajs": "s3://example/trajs", "trajs_docent": "https://docent.example/1", "cost": cost,
                "instance_cost": cost / 500.0, "instance_calls": 50.9, "checked": "true (by us)",
                "tags": ["Model: gpt-9"], "mini-swe-agent_version": "1.0.0"})
        };
        let file = json!({"leaderboards": [{"name": "bash-only", "results": [row(279.167), row(0.0)]}]});
        let plan = read(&file.to_string(), &[]).unwrap();
        let of = |place: usize| plan.entries[place].submission.as_ref().unwrap();
        let cost = |place: usize| match &of(place).evidence {
            Evidence::Counts(counts) => counts.cost_usd,
            other => panic!("{other:?}"),
        };
        assert_eq!((cost(0), cost(1)), (Some(279.167), None), "0 is what nobody measured");
        assert_eq!(of(0).run.links.as_ref().unwrap().traces.as_deref(), Some("https://docent.example/1"));
        assert_eq!(of(0).run.evaluator_relationship, EvaluatorRelationship::ThirdParty);
        assert!(plan.unmapped.iter().any(|line| line.starts_with("instance_calls: ")));
    }

    #[test]
    fn what_is_no_run_of_one_model_is_refused() {
        let plan = read(FILE, &[]).unwrap();
        for (name, reason) in [
            ("Verified: Anonymous Coder", "names no model: a run is of one, with an agent or without"),
            ("Verified: Duet", "is of 2 models (gpt-imaginary, o3-imaginary): a run is of one"),
            ("Verified: Fraction", "resolved: 39.58 comes of no number of 500 passes, which the board has"),
            ("Verified: Stranger", "nothing tells who made \"homebrew-7b\": give --provider, where it is a model"),
            ("Moonshot: Rocket", "how many tasks Moonshot has is not known here: give --board Moonshot --tasks N"),
        ] {
            assert_eq!(refusal(&plan, name), reason);
        }
        assert!(refusal(&plan, "Verified: Undated").contains("missing field `date`"));
        let told = read(FILE, &["--board", "Moonshot", "--tasks", "40"]).unwrap();
        assert!(told.entries.iter().all(|entry| entry.submission.is_ok()));
        assert_eq!(told.benchmarks[0].id.as_str(), "swe-bench-moonshot");
        assert!(read(FILE, &["--board", "None"]).unwrap_err().contains("there are Verified, Moonshot"));
        assert!(read("[]", &[]).is_err());
    }
}
