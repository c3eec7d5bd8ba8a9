//! Test of an evaluation, and the part of the dataset that was evaluated.

use std::collections::HashSet;

use serde_json::Value;

use super::document::{Document, EvaluationResult};

/// Returns the names of the test and of its scorer.
///
/// Converters of schema 0.2 named an evaluation by its scorer, so that everything that `choice` scored had one name:
/// for these, the dataset is the test.
pub fn names<'a>(document: &'a Document, result: &'a EvaluationResult) -> (&'a str, &'a str) {
    let metric = &result.metric_config;
    let names_scorer = document.source_metadata.source_type.as_deref() == Some("evaluation_run")
        && metric.metric_id.is_none()
        && metric.metric_name.is_none();
    match result.source_data.dataset_name.as_deref().filter(|dataset| names_scorer && !dataset.trim().is_empty()) {
        Some(dataset) => (dataset, &result.evaluation_name),
        None => (&result.evaluation_name, metric.name()),
    }
}

/// Returns the number of samples that the score is of: `samples_number` is of the dataset, of which only some may have
/// been evaluated.
pub fn samples(document: &Document, result: &EvaluationResult) -> Option<u32> {
    let told = result.score_details.uncertainty.as_ref().and_then(|uncertainty| uncertainty.num_samples);
    let ids = result.source_data.sample_ids.iter().map(Value::to_string).collect::<HashSet<_>>().len();
    let rows = document.detailed_evaluation_results.as_ref().and_then(|details| details.total_rows);
    let rows = rows.filter(|_| document.evaluation_results.len() == 1);
    let counted = Some(ids).filter(|ids| *ids > 0).or(rows).and_then(|count| u32::try_from(count).ok());
    told.or(counted).or(result.source_data.samples_number)
}

/// Returns the number of samples in the dataset, where fewer were evaluated.
pub fn whole(result: &EvaluationResult, evaluated: u32) -> Option<u32> {
    result.source_data.samples_number.filter(|whole| *whole > evaluated)
}

/// Returns the page of a dataset on the hub; `None` where the name is a path on somebody's disk.
pub fn hub_page(repository: &str) -> Option<String> {
    let is_plain = |part: &str| {
        !part.is_empty() && part.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '.' | '_' | '-'))
    };
    let (owner, name) = repository.split_once('/')?;
    (is_plain(owner) && is_plain(name)).then(|| format!("https://huggingface.co/datasets/{owner}/{name}"))
}

#[cfg(test)]
mod tests {
    use aibaas_core::wire::CountsPut;
    use clap::Parser;
    use serde_json::json;

    use super::{super::Options, *};
    use crate::import::plan::Evidence;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    /// Returns a smoke run of two samples as converters of schema 0.2 wrote it: without a library, and with the scorer
    /// as its name.
    fn smoke() -> Value {
        json!({
            "schema_version": "0.2.0", "evaluation_id": "Riddles/initech_zeta-9/1748772000.0",
            "evaluation_timestamp": "1748772000.0",
            "source_metadata": {"source_name": "inspect_ai", "source_type": "evaluation_run",
                "evaluator_relationship": "third_party"},
            "model_info": {"id": "initech/zeta-9"},
            "evaluation_results": [{
                "evaluation_name": "choice",
                "source_data": {"dataset_name": "Riddles", "hf_repo": "/home/somebody/cache/Riddles",
                    "samples_number": 165, "sample_ids": ["a", 2]},
                "metric_config": {"lower_is_better": false, "min_score": 0.0, "max_score": 1.0},
                "score_details": {"score": 0.5},
            }],
            "detailed_evaluation_results": {"file_path": "away.jsonl", "total_rows": 2},
        })
    }

    fn plan(document: &Value) -> crate::import::plan::Plan {
        let options = Command::parse_from(["", "file"]).options;
        super::super::plan(&Document::read(document.to_string().as_bytes()).unwrap(), None, &options).unwrap()
    }

    #[test]
    fn some_samples_of_a_data_set_are_a_part_of_it() {
        let plan_of = plan(&smoke());
        let submission = plan_of.entries[0].submission.as_ref().unwrap();
        assert_eq!(submission.evidence, Evidence::Counts(CountsPut::of(1, 2)));
        let benchmark = &plan_of.benchmarks[0];
        assert_eq!((benchmark.id.as_str(), benchmark.version.as_str()), ("riddles", "choice-of-2-of-165-counts"));
        assert_eq!(benchmark.body.whole_task_count, Some(165));
        assert_eq!(benchmark.body.homepage, None, "a path is no page");
        assert_eq!(
            (submission.run.harness.as_str(), submission.run.harness_version.as_str()),
            ("inspect_ai", "unknown")
        );
        let mut whole = smoke();
        whole["evaluation_results"][0]["source_data"]["samples_number"] = json!(2);
        let whole = &plan(&whole).benchmarks[0];
        assert_eq!((whole.version.as_str(), whole.body.whole_task_count), ("choice-of-2-counts", None));
        let mut rows = smoke();
        rows["evaluation_results"][0]["source_data"]["sample_ids"] = json!([]);
        assert_eq!(plan(&rows).benchmarks[0].body.whole_task_count, Some(165), "the rows tell it too");
    }

    #[test]
    fn pages_are_of_repositories() {
        assert_eq!(hub_page("a/B_c.d").as_deref(), Some("https://huggingface.co/datasets/a/B_c.d"));
        for path in ["/home/a/b", "a", "a/b/c", "a/", "../b?c"] {
            assert_eq!(hub_page(path), None, "{path}");
        }
    }
}
