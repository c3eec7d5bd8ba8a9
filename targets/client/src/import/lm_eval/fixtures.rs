//! Results and samples, and their plans, for tests.

use clap::Parser;
use serde_json::{Value, json};

use super::{Options, plan};
use crate::import::plan::{Plan, Submission};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    options: Options,
}

/// Returns the options of a command line that names one file.
pub fn options(arguments: &[&str]) -> Options {
    Command::parse_from([&["", "results.json"], arguments].concat()).options
}

/// Returns synthetic results in the format of lm_eval 0.4.13: one task of passes with two filters, one of partial
/// scores.
pub fn results() -> Value {
    json!({
        "results": {
            "group": {"alias": "group", "acc,none": 0.5},
            "arith": {"name": "arith", "alias": "arith", "sample_len": 4,
                "exact_match,strict-match": 0.5, "exact_match_stderr,strict-match": 0.288_675_134_594_812_9,
                "exact_match,flexible-extract": 0.75, "exact_match_stderr,flexible-extract": 0.25},
            "summary": {"alias": "summary", "sample_len": 3, "rouge1,none": 0.5, "rouge1_stderr,none": "N/A"},
            "words": {"alias": "words", "sample_len": 3, "word_perplexity,none": 12.5},
        },
        "group_subtasks": {"group": ["arith"], "arith": []},
        "configs": {
            "arith": {"task": "arith", "dataset_path": "org/arith", "dataset_name": "main", "num_fewshot": 5,
                "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": true}],
                "generation_kwargs": {"until": ["\n"], "do_sample": false, "temperature": 0.0}},
            "summary": {"task": "summary", "metric_list": [{"metric": "rouge1", "aggregation": "mean"}]},
        },
        "versions": {"arith": 3.0, "summary": "1-a", "words": 2},
        "n-shot": {"arith": 5, "summary": 0},
        "higher_is_better": {"arith": {"exact_match": true}, "words": {"word_perplexity": false}},
        "n-samples": {"arith": {"original": 4, "effective": 4}, "summary": {"original": 3, "effective": 3}},
        "config": {"model": "hf", "model_args": "pretrained=EleutherAI/pythia-160m,dtype=float16,token=hf_secret",
            "model_dtype": "torch.float16", "gen_kwargs": {}, "random_seed": 0, "limit": null},
        "git_hash": "a1b2c3d", "date": 1_729_355_280.5, "lm_eval_version": "0.4.13",
        "task_hashes": {"arith": "0f0f"}, "model_source": "hf", "model_name": "EleutherAI/pythia-160m",
        "chat_template": null, "chat_template_sha": null, "fewshot_as_multiturn": false,
        "total_evaluation_time_seconds": "12.25",
    })
}

/// Returns the samples of one task, in the order of filters and then of documents, as the harness writes them.
pub fn samples(task: &str, metric: &str, by_filter: &[(&str, &[Value])]) -> (String, Vec<u8>) {
    let mut lines = String::new();
    for (filter, scores) in by_filter {
        for (id, score) in scores.iter().enumerate() {
            let line = json!({
                "doc_id": id, "doc": {"question": "?"}, "target": "1", "arguments": {"gen_args_0": {"arg_0": "?"}},
                "resps": [["1"]], "filtered_resps": ["1"], "filter": filter, "metrics": [metric],
                "doc_hash": "d", "prompt_hash": "p", "target_hash": "t", metric: score,
            });
            lines.push_str(&format!("{line}\n"));
        }
    }
    (format!("samples_{task}_2024-10-19T16-28-12.750000.jsonl"), lines.into_bytes())
}

/// Returns the samples of the task of passes.
pub fn arith() -> (String, Vec<u8>) {
    let (strict, flexible) = ([0, 1, 1, 0].map(Value::from), [1.0, 1.0, 1.0, 0.0].map(Value::from));
    samples("arith", "exact_match", &[("strict-match", &strict), ("flexible-extract", &flexible)])
}

/// Creates the plan of the results.
pub fn read(results: &Value, samples: &[(String, Vec<u8>)], arguments: &[&str]) -> Plan {
    plan(results.to_string().as_bytes(), samples, &options(arguments)).unwrap()
}

/// Returns the submission of a task, or why it was refused.
pub fn of<'a>(plan: &'a Plan, task: &str) -> &'a Result<Submission, String> {
    &plan.entries.iter().find(|entry| entry.name == task).unwrap().submission
}
