//! Plan of what is published of the table.

use std::collections::{HashMap, HashSet};

use aibaas_core::{
    domain::measure::Metric,
    wire::{BenchmarkVersionPut, TaskInput},
};

use super::{
    Options,
    model_rows::ModelRows,
    row::{Columns, Row},
};
use crate::import::plan::{Benchmark, Entry, Plan};

/// Creates the plan of the table.
///
/// # Errors
/// A text where the table is not CSV, or columns are missing.
pub fn plan(document: &[u8], options: &Options) -> Result<Plan, String> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(document);
    let columns = Columns::of(reader.headers().map_err(|error| error.to_string())?)?;
    let (mut tasks, mut known) = (Vec::new(), HashSet::new());
    let (mut runs, mut by_model) = (Vec::<ModelRows>::new(), HashMap::<String, usize>::new());
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = Row { columns: &columns, record: &record };
        if let Ok(task) = row.text("task_id")
            && known.insert(task.to_owned())
        {
            tasks.push(task.to_owned());
        }
        let model = row.text("model").unwrap_or_default();
        let index = *by_model.entry(model.to_owned()).or_insert(runs.len());
        if index == runs.len() {
            runs.push(ModelRows::new(model, line));
        }
        if let Some(rows) = runs.get_mut(index)
            && let Err(reason) = rows.take(&row)
        {
            rows.wrong.get_or_insert_with(|| format!("line {line}: {reason}"));
        }
    }
    let (mut entries, mut ids) = (Vec::new(), HashMap::new());
    for rows in &runs {
        let submission = rows.submission(&tasks, options).and_then(|submission| {
            match ids.insert(submission.run.model.clone(), rows.name.clone()) {
                None => Ok(submission),
                Some(other) => Err(format!("makes the same identifier as {other}")),
            }
        });
        entries.push(Entry { name: format!("{} (line {})", rows.name, rows.line), submission });
    }
    let tasks = tasks.into_iter().map(|task| TaskInput {
        scenario: scenario(&task).map(str::to_owned),
        language: Some("python".to_owned()),
        ..TaskInput::new(task)
    });
    let description = "Code generation tasks of EvalPlus that demand much of the processor. The score is the rate of \
                       correct samples; their speed is not part of it.";
    let body = BenchmarkVersionPut {
        description: Some(description.to_owned()),
        tasks: Some(tasks.collect()),
        ..BenchmarkVersionPut::of_results("EvalPerf", Metric::PassRate)
    };
    let (id, version) = (options.benchmark.as_str().into(), options.benchmark_version.as_str().into());
    let benchmark = Benchmark { id, version, body };
    Ok(Plan { benchmarks: vec![benchmark], entries, unmapped: columns.unmapped(options) })
}

/// Returns the dataset that a task comes from: HumanEval/9 is of HumanEval.
fn scenario(task: &str) -> Option<&str> {
    task.split_once('/').map(|(dataset, _)| dataset).filter(|dataset| !dataset.is_empty())
}

#[cfg(test)]
mod tests {
    use aibaas_core::wire::ResultInput;
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::import::plan::{Evidence, Submission};

    const TABLE: &str = include_str!("../../../../../data/evalplus/evalperf_per_task.csv");

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn read(table: &str) -> Result<Plan, String> {
        plan(table.as_bytes(), &Command::parse_from(["", "file.csv"]).options)
    }

    fn results(submission: &Submission) -> &[ResultInput] {
        match &submission.evidence {
            Evidence::Results(results) => results,
            Evidence::Counts(_) | Evidence::Score(_) => panic!("no results"),
        }
    }

    #[test]
    fn the_real_table_comes_over_whole() {
        let plan = read(TABLE).unwrap();
        let sound: Vec<_> = plan.entries.iter().map(|entry| entry.submission.as_ref().unwrap()).collect();
        assert_eq!(sound.len(), 34);
        assert_eq!(sound.iter().map(|submission| results(submission).len()).sum::<usize>(), 4012);
        assert_eq!(sound.iter().map(|submission| &submission.run.external_id).collect::<HashSet<_>>().len(), 34);
        let mut ids: Vec<_> = sound.iter().map(|submission| submission.run.model.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(
            ids,
            [
                "01-ai/yi-coder-9b-chat",
                "anthropic/claude-3-5-sonnet-20240620",
                "deepseek/deepseek-chat-v2.5",
                "deepseek/deepseek-chat-v3",
                "deepseek/deepseek-coder-33b-instruct",
                "deepseek/deepseek-coder-6.7b-instruct",
                "deepseek/deepseek-coder-v2-lite-instruct",
                "google/gemini-1.5-flash-002",
                "google/gemini-1.5-pro-002",
                "google/gemma-2-27b-it",
                "google/gemma-2-9b-it",
                "infly/opencoder-8b-instruct",
                "ise-uiuc/magicoder-s-ds-6.7b",
                "meta/llama-3.1-70b-instruct",
                "meta/llama-3.1-8b-instruct",
                "meta/meta-llama-3-8b-instruct",
                "microsoft/phi-3-medium-4k-instruct",
                "mistral/codestral-22b-v0.1",
                "mistral/mistral-large-instruct-2407",
                "mistral/mistral-nemo-instruct-2407",
                "mistral/mistral-small-instruct-2409",
                "nvidia/llama-3.1-nemotron-70b-instruct-hf",
                "openai/gpt-4o-2024-08-06",
                "openai/gpt-4o-mini-2024-07-18",
                "openai/o1-mini-2024-09-12",
                "openai/o1-mini-2024-09-12-perf-instruct",
                "openai/o1-preview-2024-09-12-perf-instruct",
                "qwen/codeqwen1.5-7b-chat",
                "qwen/qwen2.5-14b-instruct",
                "qwen/qwen2.5-32b-instruct",
                "qwen/qwen2.5-72b-instruct",
                "qwen/qwen2.5-7b-instruct",
                "qwen/qwq-32b-preview",
                "xai/grok-beta",
            ]
        );
        let tasks = plan.benchmarks[0].body.tasks.as_deref().unwrap();
        assert_eq!(tasks.len(), 118);
        assert_eq!(
            serde_json::to_value(&tasks[0]).unwrap(),
            json!({"id": "HumanEval/9", "scenario": "HumanEval", "language": "python"})
        );
        assert!(plan.unmapped.iter().any(|line| line.starts_with("dps_norm: ")), "{:?}", plan.unmapped);
    }

    #[test]
    fn a_run_comes_over_whole() {
        let plan = read(TABLE).unwrap();
        let run = plan.entries[0].submission.as_ref().unwrap();
        assert_eq!(
            serde_json::to_value(&run.run).unwrap(),
            json!({
                "model": "01-ai/yi-coder-9b-chat", "benchmark": "evalperf", "version": "1", "harness": "evalplus",
                "harnessVersion": "evalplus.github.io@8741845", "commit": "8741845", "dirty": false,
                "attemptsPolicy": "100 samples of each task, each counts",
                "generationConfig": {"temperature": 1.0, "backend": "vllm"}, "evaluatorRelationship": "third_party",
                "startedAt": "2024-10-19T16:28:00.000Z",
                "externalId": "evalperf/evalperf/1/01-ai--Yi-Coder-9B-Chat_vllm_temp_1.0/2024-10-19 16:28",
            })
        );
        assert_eq!(
            serde_json::to_value(&results(run)[1]).unwrap(),
            json!({"task": "HumanEval/0", "attempt": 1, "status": "success", "score": 0.99, "samples": 100, "correct": 99})
        );
    }

    #[test]
    fn what_is_wrong_refuses_its_model_alone() {
        let table = "model,date,temperature,task_id,n_samples,n_correct,pass_at_1_pct\n\
            org--a,2024-10-19 16:28,0.2,T/1,3,1,33.33\norg--a,2024-10-19 16:28,0.2,T/2,3,0,0.0\n";
        for (rows, reason) in [
            ("org--b,2024-10-19 16:28,1.0,T/1,3,1,\n", "1 of 2 tasks are missing: T/2"),
            ("org--b,2024-10-19 16:28,1.0,T/1,3,4,\n", "line 4: 4 of 3 samples are correct"),
            ("org--b,2024-10-19 16:28,1.0,T/1,3,-1,\n", "line 4: n_correct is \"-1\", which is no count"),
            (
                "org--b,2024-10-19 16:28,1.0,T/1,3,1,30.0\n",
                "line 4: pass_at_1_pct is 30.0, which 1 of 3 does not come to",
            ),
            ("org--b,2024-10-19 16:28,1.0\n", "line 4: n_samples is missing"),
            ("org--b,now,1.0,T/1,3,1,\norg--b,now,1.0,T/2,3,1,\n", "date: \"now\" is no date and time"),
            (
                "org--b,2024-10-19 16:28,1.0,T/1,3,1,\norg--b,2024-10-19 16:28,0.5,T/2,3,1,\n",
                "line 5: date or temperature is not that of the model's other rows",
            ),
            (
                "org--b,2024-10-19 16:28,warm,T/1,3,1,\norg--b,2024-10-19 16:28,warm,T/2,3,1,\n",
                "temperature is \"warm\", which is none",
            ),
            (
                "org--b,2024-10-19 16:28,1.0,T/1,3,1,\norg--b,2024-10-19 16:28,1.0,T/1,3,1,\n",
                "line 5: T/1 stands twice",
            ),
            (
                "org--A,2024-10-19 16:28,1.0,T/1,3,1,\norg--A,2024-10-19 16:28,1.0,T/2,3,1,\n",
                "makes the same identifier as org--a",
            ),
        ] {
            let plan = read(&format!("{table}{rows}")).unwrap();
            assert!(plan.entries[0].submission.is_ok());
            assert_eq!(plan.entries[1].submission.as_ref().unwrap_err(), reason);
        }
        assert_eq!(
            read("model,date\n").unwrap_err(),
            "columns are missing: temperature, task_id, n_samples, n_correct"
        );
        // A task that only a later row has is missing from the first model.
        let plan = read(&format!("{table}org--b,2024-10-19 16:28,1.0,T/3,3,1,\n")).unwrap();
        assert_eq!(plan.entries[0].submission.as_ref().unwrap_err(), "1 of 3 tasks are missing: T/3");
    }
}
