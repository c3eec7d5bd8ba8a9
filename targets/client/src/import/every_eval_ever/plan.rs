//! Plan of what is published of an evaluation.

use serde::Deserialize as _;
use serde_json::Value;

use super::{
    Options,
    document::{Document, EvaluationResult},
    result::submission,
    samples::read,
};
use crate::import::plan::{Entry, Plan};

/// Creates the plan of an evaluation, with its samples where they are given.
///
/// # Errors
/// A text that says what of the samples was not understood.
pub fn plan(document: &Document, samples: Option<&[u8]>, options: &Options) -> Result<Plan, String> {
    let lines = samples.map(|lines| read(document, lines)).transpose()?.unwrap_or_default();
    let mut plan = Plan::default();
    if let (None, Some(file)) = (samples, document.samples_file()) {
        plan.unmapped
            .push(format!("{file} is not beside the evaluation: only what counts of passes tell is published"));
    }
    let names: Vec<&str> = document
        .evaluation_results
        .iter()
        .filter_map(|result| result.get("evaluation_name").and_then(Value::as_str))
        .collect();
    for value in &document.evaluation_results {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str);
        let metrics = [text("/metric_config/metric_id"), text("/metric_config/metric_name")];
        if options.metric.as_deref().is_some_and(|asked| !metrics.contains(&Some(asked))) {
            continue;
        }
        let shown = text("/evaluation_name").unwrap_or("a result without a name");
        let metric = metrics.into_iter().flatten().next().unwrap_or("score");
        let name = format!("{}: {shown} ({metric})", document.model_info.id);
        let is_alone = names.iter().filter(|other| **other == shown).count() == 1;
        let mut own = Plan::default();
        let submission = EvaluationResult::deserialize(value)
            .map_err(|error| error.to_string())
            .and_then(|result| submission(document, &result, &lines, is_alone, options))
            .map(|(benchmark, submission, remarks)| {
                own.benchmarks.push(benchmark);
                own.unmapped.extend(remarks.into_iter().map(|remark| format!("{name}: {remark}")));
                submission
            });
        own.entries.push(Entry { name, submission });
        plan.add(own);
    }
    if plan.entries.is_empty() {
        return Err(match &options.metric {
            Some(metric) => format!("has no result with the metric {metric}"),
            None => "has no result".to_owned(),
        });
    }
    plan.unmapped.push(format!(
        "schema {}: input, output, messages and attribution of samples, levels, judges, and details without a type have \
         no place in a result",
        document.schema()
    ));
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::{
        benchmark::Evidence as EvidenceKind,
        measure::{Bounds, Direction, Metric},
        result_status::ResultStatus,
    };
    use clap::Parser;
    use serde_json::json;

    use super::*;
    use crate::import::plan::{Evidence, Submission};

    /// An invented document in the form of the schema.
    const FILE: &str = include_str!("../../../../../tests/data/every-eval-ever/evaluation.json");
    const SAMPLES: &str = include_str!("../../../../../tests/data/every-eval-ever/evaluation_samples.jsonl");

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn read(document: &str, samples: Option<&str>, arguments: &[&str]) -> Result<Plan, String> {
        let options = Command::parse_from([&["", "file"], arguments].concat()).options;
        plan(&Document::read(document.as_bytes())?, samples.map(str::as_bytes), &options)
    }

    fn of<'a>(plan: &'a Plan, name: &str) -> Result<&'a Submission, &'a String> {
        let entry = plan.entries.iter().find(|entry| entry.name.contains(name)).unwrap();
        entry.submission.as_ref()
    }

    #[test]
    fn a_result_with_samples_comes_over_whole() {
        let plan = read(FILE, Some(SAMPLES), &[]).unwrap();
        let submission = of(&plan, "riddles.doors").unwrap();
        assert_eq!(
            serde_json::to_value(&submission.run).unwrap(),
            json!({
                "model": "initech/zeta-9", "benchmark": "riddles.doors", "version": "accuracy-of-4",
                "harness": "inspect_ai", "harnessVersion": "0.3.100", "commit": "abc1234", "dirty": false,
                "generationConfig": {"inferencePlatform": "together", "temperature": 0.5, "max_tokens": 256},
                "evaluatorRelationship": "third_party", "startedAt": "2025-06-01T10:00:00.000Z",
                "externalId": "every-eval-ever/accuracy-of-4/riddles/initech_zeta-9/1748772000/doors#accuracy",
                "links": {"source": "https://lab.example"},
            })
        );
        assert_eq!(
            (submission.model.display_name.as_str(), submission.run.links.as_ref().unwrap().source.as_deref()),
            ("Zeta 9", Some("https://lab.example"))
        );
        let Evidence::Results(results) = &submission.evidence else { panic!("counts") };
        assert_eq!(results.iter().filter_map(|result| result.score).collect::<Vec<_>>(), [1.0, 0.0, 1.0, 1.0]);
        assert_eq!((results[0].input_tokens, results[0].latency_ms), (Some(40), Some(120.5)));
        assert_eq!(
            (results[1].status, results[1].input_tokens, results[1].latency_ms),
            (ResultStatus::Error, None, None)
        );
        assert_eq!(plan.benchmarks[0].body.metric, Metric::PassRate);
        assert_eq!(plan.benchmarks[0].body.homepage.as_deref(), Some("https://riddles.example"));
    }

    #[test]
    fn a_score_alone_is_counted_where_it_is_that_of_passes() {
        let plan = read(FILE, None, &[]).unwrap();
        for (name, total, passed) in [("riddles.doors", 4, 3), ("riddles.keys", 300, 146)] {
            let Evidence::Counts(counts) = &of(&plan, name).unwrap().evidence else { panic!("results") };
            assert_eq!((counts.total, counts.correct_by_attempt[0]), (total, passed), "{name}");
        }
        assert!(of(&plan, "riddles.keys").unwrap().run.version.as_str().ends_with("accuracy-of-300-counts"));
        for (name, reason) in [
            ("riddles.alone", "tells a score alone: neither samples nor their number"),
            ("riddles.mean", "0.333 comes of no number of 10 passes"),
            ("riddles.judged", "its standard error is 0.01, that of passes would be"),
        ] {
            let said = of(&plan, name).unwrap_err();
            assert!(said.starts_with(reason), "{name}: {said}");
        }
        assert!(of(&plan, "riddles.odd").unwrap_err().contains("missing field `score_details`"));
        assert!(plan.unmapped.iter().any(|line| line.starts_with("evaluation_samples.jsonl is not beside")));
    }

    #[test]
    fn a_metric_of_its_own_is_what_it_is() {
        let plan = read(FILE, None, &[]).unwrap();
        let version = |name: &str| {
            let run = &of(&plan, name).unwrap().run;
            let benchmark = plan.benchmarks.iter().find(|benchmark| benchmark.id == run.benchmark).unwrap();
            (run.version.clone(), benchmark.body.clone())
        };
        let (speed, body) = version("riddles.speed");
        assert_eq!(
            (speed.as_str(), body.evidence, body.task_count),
            ("seconds-of-4-score", EvidenceKind::Score, Some(4))
        );
        assert_eq!(
            (body.direction, body.bounds),
            (Direction::LowerIsBetter, Some(Bounds { lower: Some(0.0), upper: None }))
        );
        let (_, body) = version("riddles.rank");
        let unbounded = Bounds { lower: None, upper: None };
        assert_eq!((body.direction, body.bounds), (Direction::HigherIsBetter, Some(unbounded)));
        let Evidence::Score(given) = &of(&plan, "riddles.rank").unwrap().evidence else { panic!("no score") };
        assert_eq!((given.score, given.standard_error), (1312.0, None));
        let interval =
            r#""num_samples": 4, "confidence_interval": {"lower": 1300.0, "upper": 1320.0, "confidence_level": 0.95}"#;
        let plan = read(&FILE.replace(r#""num_samples": 4"#, interval), None, &[]).unwrap();
        let Evidence::Score(given) = &of(&plan, "riddles.rank").unwrap().evidence else { panic!("no score") };
        assert_eq!(given.interval.map(|interval| (interval.low, interval.high)), Some((1300.0, 1320.0)));
    }

    #[test]
    fn what_is_of_something_else_is_refused() {
        let refusal = |document: &str, samples: &str| read(document, Some(samples), &[]).err();
        assert_eq!(
            refusal(FILE, &SAMPLES.replace("\"score\": 1.0", "\"score\": 0.0")).unwrap(),
            "its samples have another checksum than it tells"
        );
        let unsigned = FILE.replace("\"checksum\"", "\"no_checksum\"");
        let lines = SAMPLES.lines().take(3).collect::<Vec<_>>().join("\n");
        assert_eq!(refusal(&unsigned, &lines).unwrap(), "its samples are 3 lines, it tells 4");
        let other = SAMPLES.replace("riddles/initech_zeta-9/1748772000", "x");
        assert_eq!(refusal(&unsigned, &other).unwrap(), "line 1 of its samples: is of another evaluation");
        let wrong = read(&unsigned, Some(&SAMPLES.replace("\"score\": 1.0", "\"score\": 0.0")), &[]).unwrap();
        assert_eq!(of(&wrong, "riddles.doors").unwrap_err(), "the samples come to 0, the evaluation says 0.75");
        let older = FILE.replace("\"schema_version\": \"0.3.0\"", "\"schema_version\": \"0.0.1\"");
        assert_eq!(refusal(&older, SAMPLES).unwrap(), "schema_version is \"0.0.1\"; 0.3 and 0.2 are read");
        assert_eq!(refusal("{}", SAMPLES).unwrap(), "schema_version is missing");
        assert_eq!(read(FILE, None, &["--metric", "f1"]).err().unwrap(), "has no result with the metric f1");
        assert_eq!(read(FILE, None, &["--metric", "elo"]).unwrap().entries.len(), 1);
    }
}
