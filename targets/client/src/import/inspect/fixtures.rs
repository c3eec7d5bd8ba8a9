//! Logs, and their plans, for tests.

use aibaas_core::wire::{ResultInput, RunCreate};
use clap::Parser;
use serde_json::{Value, json};

use super::{Log, Options, plan};
use crate::import::plan::{Evidence, Plan};

/// A real log, of an evaluation that was cancelled.
pub const LOG: &str = include_str!("../../../../../data/inspect/inspect_popularity.json");

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    options: Options,
}

/// Returns the options of a command line that names one file.
pub fn options(arguments: &[&str]) -> Options {
    Command::parse_from([&["", "a.json"], arguments].concat()).options
}

/// Creates the plan of one log.
pub fn read(log: &[u8], arguments: &[&str]) -> Plan {
    let options = options(arguments);
    plan(vec![("a.json".to_owned(), Log::read(log, &options))], &options)
}

/// Returns why the log is refused.
pub fn refusal(log: &Value, arguments: &[&str]) -> String {
    read(log.to_string().as_bytes(), arguments).entries.remove(0).submission.unwrap_err()
}

/// Returns the run and the results of the first log.
pub fn sound(plan: &Plan) -> (&RunCreate, &[ResultInput]) {
    let submission = plan.entries[0].submission.as_ref().unwrap();
    match &submission.evidence {
        Evidence::Results(results) => (&submission.run, results),
        Evidence::Counts(_) | Evidence::Score(_) => panic!("no results"),
    }
}

/// Returns a finished log: two samples, two epochs.
pub fn finished() -> Value {
    let sample = |id: i64, epoch: u32, value: Value| json!({"id": id, "epoch": epoch, "scores": {"match": {"value": value}, "other": {"value": 7}}});
    json!({
        "version": 2, "status": "success",
        "eval": {
            "eval_id": "e", "created": "2025-01-01T00:00:00Z", "task": "pkg/My Task", "task_version": "1-A",
            "dataset": {"name": "d", "samples": 2, "sample_ids": [10, 9]}, "model": "hf/meta-llama/Llama-3.1-8B",
            "config": {"epochs": 2, "epochs_reducer": ["mean"]}, "packages": {"inspect_ai": "0.3"},
            "revision": {"type": "git", "origin": "o", "commit": "abc", "dirty": true},
            "scorers": [{"name": "match"}],
        },
        "plan": {"steps": [{"solver": "generate"}], "config": {"temperature": 0.5, "top_p": null, "extra_headers": {"x": "y"}}},
        "samples": [sample(10, 1, json!("C")), sample(10, 2, json!("I")), sample(9, 1, json!("P")), sample(9, 2, json!(true))],
    })
}
