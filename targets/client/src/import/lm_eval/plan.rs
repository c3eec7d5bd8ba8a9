//! Plan of what is published of the results.

use std::collections::BTreeSet;

use super::{
    Options,
    document::Document,
    model::{arguments, is_public, model},
    task::Task,
};
use crate::import::{
    listing::some_of,
    plan::{Entry, Plan},
    python_json::python_json,
};

/// Creates the plan of the results, and of the samples with their files' names.
///
/// # Errors
/// A text that says what was not understood.
pub fn plan(results: &[u8], samples: &[(String, Vec<u8>)], options: &Options) -> Result<Plan, String> {
    let document: Document = python_json(results)?;
    let model = model(&document, options)?;
    let groups: BTreeSet<&str> = document
        .group_subtasks
        .iter()
        .filter(|(_, tasks)| !tasks.is_empty())
        .map(|(group, _)| group.as_str())
        .collect();
    let tasks: Vec<&String> = document.results.keys().filter(|name| !groups.contains(name.as_str())).collect();
    let mut unmapped = vec![
        "latency, tokens and cost: the harness tells none".to_owned(),
        "doc, arguments, resps and target of samples: a result has no place for them".to_owned(),
        "standard errors: they are computed anew".to_owned(),
    ];
    let private: Vec<String> = arguments(document.config.model_args.as_ref())
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !is_public(name))
        .collect();
    if !private.is_empty() {
        unmapped.push(format!("model_args {}: not published, since they may hold what is private", some_of(&private)));
    }
    if !groups.is_empty() {
        let groups: Vec<_> = groups.into_iter().collect();
        unmapped.push(format!("groups {}: their tasks stand for themselves", some_of(&groups)));
    }
    let strangers: Vec<_> =
        samples.iter().map(|(file, _)| file).filter(|file| !tasks.iter().any(|task| is_of(file, task))).collect();
    if !strangers.is_empty() {
        unmapped.push(format!("{}: of no task of the results", some_of(&strangers)));
    }

    let mut plan = Plan { unmapped, ..Plan::default() };
    for name in tasks {
        let task = Task { name, document: &document, options };
        let files: Vec<_> =
            samples.iter().filter(|(file, _)| is_of(file, name)).map(|(_, lines)| lines.as_slice()).collect();
        let submission = task.submission(&model, &files).map(|(benchmark, submission, unmapped)| {
            plan.benchmarks.push(benchmark);
            plan.unmapped.extend(unmapped.into_iter().map(|reason| format!("{name}: {reason}")));
            submission
        });
        plan.entries.push(Entry { name: name.clone(), submission });
    }
    Ok(plan)
}

/// Checks whether a file of this name has the samples of the task: `samples_TASK_DATE.jsonl`, where the date contains
/// no `_`.
fn is_of(file: &str, task: &str) -> bool {
    let rest = file.strip_prefix("samples_").and_then(|rest| rest.strip_prefix(task)?.strip_prefix('_'));
    rest.and_then(|rest| rest.strip_suffix(".jsonl")).is_some_and(|date| !date.contains('_'))
}

#[cfg(test)]
mod tests {
    use aibaas_core::{
        domain::measure::Metric,
        wire::{GivenScorePut, ResultInput},
    };
    use serde_json::json;

    use super::*;
    use crate::import::{
        lm_eval::fixtures::{arith, of, read, results, samples},
        plan::Evidence,
    };

    #[test]
    fn a_task_with_samples_becomes_a_run() {
        let summary = samples("summary", "rouge1", &[("none", &[json!(0.25), json!(0.5), json!(0.75)])]);
        let plan = read(&results(), &[arith(), summary], &[]);
        let submission = of(&plan, "arith").as_ref().unwrap();
        assert_eq!(
            serde_json::to_value(&submission.run).unwrap(),
            json!({
                "model": "eleutherai/pythia-160m", "benchmark": "arith", "version": "3.0-5-shot",
                "harness": "lm-evaluation-harness", "harnessVersion": "0.4.13", "commit": "a1b2c3d", "dirty": false,
                "promptHash": "0f0f",
                "generationConfig": {
                    "modelSource": "hf", "modelDtype": "torch.float16", "numFewshot": 5, "filter": "strict-match",
                    "generationKwargs": {"until": ["\n"], "do_sample": false, "temperature": 0.0}, "genKwargs": {},
                    "fewshotAsMultiturn": false, "randomSeed": 0, "dtype": "float16",
                },
                "evaluatorRelationship": "third_party", "startedAt": "2024-10-19T16:28:00.500Z",
                "completedAt": "2024-10-19T16:28:12.750Z",
                "externalId": "lm-eval/arith/3.0-5-shot/exact_match,strict-match/eleutherai/pythia-160m/1729355280.5",
            })
        );
        let expected =
            [0.0, 1.0, 1.0, 0.0].iter().enumerate().map(|(id, score)| ResultInput::finished(id.to_string(), 1, *score));
        assert_eq!(submission.evidence, Evidence::Results(expected.collect()));
        assert_eq!(
            serde_json::to_value(&plan.benchmarks[0].body).unwrap(),
            json!({
                "metric": "pass_rate", "tasks": [{"id": "0"}, {"id": "1"}, {"id": "2"}, {"id": "3"}], "title": "arith",
                "description": "Task arith of lm-evaluation-harness (data set org/arith, main), scored by exact_match,strict-match.",
            })
        );
        assert_eq!(plan.benchmarks[1].body.metric, Metric::Score);
        assert_eq!((plan.benchmarks[1].id.as_str(), plan.benchmarks[1].version.as_str()), ("summary", "1-a-0-shot"));
        let words = of(&plan, "words").as_ref().unwrap();
        assert_eq!(words.evidence, Evidence::Score(GivenScorePut::of(12.5, None)), "perplexity is of all documents");
        let said = plan.unmapped.join("\n");
        for line in [
            "model_args token: ",
            "groups group: ",
            "arith: exact_match,flexible-extract: the score is exact_match,strict-match",
        ] {
            assert!(said.contains(line), "{line} in {said}");
        }
        assert!(!said.contains("hf_secret"));
    }

    #[test]
    fn files_of_samples_are_told_apart() {
        assert!(is_of("samples_mmlu_pro_2024-10-19T16-28-12.7.jsonl", "mmlu_pro"));
        assert!(!is_of("samples_mmlu_pro_2024-10-19T16-28-12.7.jsonl", "mmlu"));
        assert!(!is_of("results_2024.json", "mmlu"));
        let plan = read(&results(), &[("samples_else_2024.jsonl".to_owned(), Vec::new())], &[]);
        assert!(plan.unmapped.iter().any(|line| line == "samples_else_2024.jsonl: of no task of the results"));
    }
}
