//! Plan of what is published of a run.

use aibaas_core::{
    domain::{BenchmarkId, VersionName, strict_json::StrictObject},
    wire::{BenchmarkVersionPut, CountsPut, GivenScorePut, RunCreate},
};
use serde_json::{Map, Value};

use super::{
    Options,
    document::{Adapter, RunFiles},
    results::results,
    stats::{Chosen, chosen, find},
};
use crate::import::{
    counted::counted,
    listing::some_of,
    names::{self, LONGEST_NAME, slug},
    plan::{Benchmark, Entry, Evidence, MOST_ATTEMPTS, Model, Plan, Submission, is_partial, metric, tasks_of},
};

/// Creates the plan of a run.
///
/// # Errors
/// A text that says why it would be wrong to publish it.
pub fn plan(files: &RunFiles, options: &Options) -> Result<Plan, String> {
    let RunFiles { spec, stats, instances } = files;
    let chosen = chosen(files, options)?;
    let adapter = &spec.adapter_spec;
    let mut unmapped = vec![
        "prompts, completions and other metrics of instances: a result has no place for them".to_owned(),
        "when the run was made is not in the files".to_owned(),
    ];
    if !chosen.left.is_empty() {
        unmapped.push(format!("{}: the score is {} of {}", some_of(&chosen.left), chosen.metric, chosen.split));
    }
    let mut tasks = 0;
    let (attempts, evidence) = match instances {
        Some(instances) => results(instances, &chosen)?,
        None => {
            if adapter.num_train_trials.unwrap_or(1) > 1 || adapter.num_trials.unwrap_or(1) > 1 {
                return Err("per_instance_stats.json is missing, and there are several trials".to_owned());
            }
            let stands = if chosen.measure.is_share() { "number of passes" } else { "mean" };
            unmapped.push(format!("per_instance_stats.json is missing: only the {stands} stands"));
            let total = find(stats, "num_instances", &chosen.split).and_then(|stat| stat.mean);
            let total = total.filter(|total| total.fract() == 0.0 && (1.0..=1e9).contains(total));
            let total = total.ok_or("per_instance_stats.json is missing, and num_instances is not told")?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole number up to 10⁹")]
            let total = total as u32;
            if chosen.measure.is_share() {
                (1, Evidence::Counts(CountsPut::of(counted(&chosen.metric, chosen.mean, None, total)?, total)))
            } else {
                chosen.measure.check(chosen.mean).map_err(|wrong| format!("{} {wrong}", chosen.metric))?;
                tasks = total;
                (1, Evidence::Score(GivenScorePut::of(chosen.mean, None)))
            }
        }
    };
    if attempts > MOST_ATTEMPTS {
        return Err(format!("has {attempts} trials; the API takes {MOST_ATTEMPTS} attempts at a task"));
    }
    let (scenario, arguments) = spec.name.split_once(':').unwrap_or((&spec.name, ""));
    let id = slug(&format!("helm-{scenario}"), LONGEST_NAME);
    let (count, mut body) = body(scenario, &chosen, attempts, (&evidence, tasks), options);
    let whole = version(arguments, count, &evidence);
    let version = options.benchmark_version.clone().unwrap_or_else(|| whole.clone());
    if options.metric.is_some() && version != whole {
        body.other_scoring_of = Some(whole.into());
    }
    body.homepage = Some("https://crfm.stanford.edu/helm".to_owned());
    let (told, name) = names::vendor_and_name(&adapter.model);
    let model = Model::named(options.naming.provider(told, name)?, name)?;
    let external_id = names::external_id(&["helm", &version, &chosen.metric, &spec.name]);
    let (id, version) = (BenchmarkId::from(id), VersionName::from(version));
    let run = RunCreate {
        commit: options.commit.clone(),
        generation_config: StrictObject(config(adapter)),
        evaluator_relationship: options.evaluator.into(),
        external_id: Some(external_id),
        ..RunCreate::new(model.id(), id.clone(), version.clone(), "helm", options.harness_version.as_str())
    };
    Ok(Plan {
        benchmarks: vec![Benchmark { id, version, body }],
        entries: vec![Entry { name: spec.name.clone(), submission: Ok(Submission { model, run, evidence }) }],
        unmapped,
    })
}

/// Creates the body that declares the benchmark version, and counts its tasks.
fn body(
    scenario: &str,
    chosen: &Chosen,
    attempts: u32,
    (evidence, tasks): (&Evidence, u32),
    options: &Options,
) -> (u32, BenchmarkVersionPut) {
    let title = format!("HELM {scenario}");
    let description = format!("Scenario {scenario} of HELM, split {}, scored by {}.", chosen.split, chosen.metric);
    let (count, body) = match evidence {
        Evidence::Score(_) => (tasks, BenchmarkVersionPut::of_scores(title, tasks)),
        Evidence::Counts(CountsPut { total, .. }) => (*total, BenchmarkVersionPut::of_counts(title, *total)),
        Evidence::Results(results) => {
            let is_graded = options.graded || !chosen.measure.is_share() || results.iter().any(is_partial);
            let tasks = tasks_of(results);
            let count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
            let body = BenchmarkVersionPut::of_results(title, metric(is_graded));
            (count, BenchmarkVersionPut { tasks: Some(tasks), attempts_per_task: attempts, ..body })
        }
    };
    (count, BenchmarkVersionPut { description: Some(description), ..chosen.measure.told(body) })
}

/// Names the version by the scenario's arguments without the model, and the number of instances: with fewer of them it
/// is another test.
fn version(arguments: &str, count: u32, evidence: &Evidence) -> String {
    let own = arguments.split(',').filter(|argument| !argument.is_empty() && !argument.starts_with("model"));
    let own = slug(&own.collect::<Vec<_>>().join("-"), LONGEST_NAME - 30);
    let kind = match evidence {
        Evidence::Results(_) => "",
        Evidence::Counts(_) => "-counts",
        Evidence::Score(_) => "-score",
    };
    if own.is_empty() { format!("{count}-instances{kind}") } else { format!("{own}-{count}-instances{kind}") }
}

fn config(adapter: &Adapter) -> Map<String, Value> {
    let members = [
        ("modelDeployment", adapter.model_deployment.clone().map(Value::from)),
        ("method", adapter.method.clone().map(Value::from)),
        ("temperature", adapter.temperature.clone()),
        ("maxTokens", adapter.max_tokens.clone()),
        ("numOutputs", adapter.num_outputs.clone()),
        ("maxTrainInstances", adapter.max_train_instances.clone()),
        ("maxEvalInstances", adapter.max_eval_instances.clone()),
    ];
    let told = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    told.filter(|(_, value)| !value.is_null()).collect()
}

#[cfg(test)]
mod tests {
    use aibaas_core::domain::{
        benchmark::Evidence as EvidenceKind,
        measure::{Direction, Metric},
    };
    use clap::Parser;
    use serde_json::json;

    use super::*;

    /// An invented file in the form that HELM writes.
    const SPEC: &str = include_str!("../../../../../tests/data/helm/run_spec.json");
    const STATS: &str = include_str!("../../../../../tests/data/helm/stats.json");
    const INSTANCES: &str = include_str!("../../../../../tests/data/helm/per_instance_stats.json");

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn read(stats: &str, instances: Option<&str>, arguments: &[&str]) -> Result<Plan, String> {
        let files = RunFiles::read(SPEC.as_bytes(), stats.as_bytes(), instances.map(str::as_bytes))?;
        plan(&files, &Command::parse_from([&["", "run"], arguments].concat()).options)
    }

    #[test]
    fn a_run_comes_over_whole() {
        let plan = read(STATS, Some(INSTANCES), &["--commit", "abc1234"]).unwrap();
        let submission = plan.entries[0].submission.as_ref().unwrap();
        assert_eq!(
            serde_json::to_value(&submission.run).unwrap(),
            json!({
                "model": "initech/zeta-9", "benchmark": "helm-riddles",
                "version": "subject-doors-method-multiple_choice_joint-4-instances", "harness": "helm",
                "harnessVersion": "unknown", "commit": "abc1234", "dirty": false,
                "generationConfig": {
                    "modelDeployment": "together/zeta-9", "method": "multiple_choice_joint", "temperature": 0.0,
                    "maxTokens": 1, "numOutputs": 1, "maxTrainInstances": 5, "maxEvalInstances": 4,
                },
                "evaluatorRelationship": "third_party",
                "externalId": "helm/subject-doors-method-multiple_choice_joint-4-instances/exact_match/riddles:subject=doors,method=multiple_choice_joint,model=initech_zeta-9",
            })
        );
        let Evidence::Results(results) = &submission.evidence else { panic!("counts") };
        assert_eq!(results.iter().filter_map(|result| result.score).collect::<Vec<_>>(), [1.0, 0.0, 1.0, 1.0]);
        assert_eq!(
            (results[0].input_tokens, results[0].output_tokens, results[0].latency_ms),
            (Some(81), Some(1), Some(813.0))
        );
        assert_eq!((results[1].output_tokens, results[1].latency_ms), (None, None), "0 is what nobody measured");
        assert_eq!(plan.benchmarks[0].body.metric, Metric::PassRate);
        assert!(plan.unmapped.iter().any(|line| line == "f1_score: the score is exact_match of test"));
    }

    /// Checks that the score is the metric that HELM ranks the group by: most scenarios write all kinds of matches.
    #[test]
    fn the_score_is_what_the_group_is_ranked_by() {
        let stat = |name: &str, mean: f64| json!({"name": {"name": name, "split": "test"}, "mean": mean});
        let metrics = ["quasi_prefix_exact_match", "quasi_exact_match", "exact_match", "f1_score"];
        let instance = |id: &str| json!({"instance_id": id, "stats": metrics.map(|metric| stat(metric, 0.5))});
        let stats = Value::from(metrics.map(|metric| stat(metric, 0.5)).to_vec()).to_string();
        let instances = json!([instance("a"), instance("b")]).to_string();
        for (group, metric) in [
            ("mmlu", "exact_match"),
            ("narrative_qa", "f1_score"),
            ("legalbench", "quasi_exact_match"),
            ("mmmu", "quasi_prefix_exact_match"),
            ("wmt_14", "exact_match"),
        ] {
            let spec = SPEC.replace("\"riddles\"\n", &format!("\"{group}_subject\", \"{group}\"\n"));
            let files = RunFiles::read(spec.as_bytes(), stats.as_bytes(), Some(instances.as_bytes())).unwrap();
            let plan = plan(&files, &Command::parse_from(["", "run"]).options).unwrap();
            let description = plan.benchmarks[0].body.description.as_deref().unwrap();
            assert!(description.ends_with(&format!("scored by {metric}.")), "{group}: {description}");
        }
    }

    #[test]
    fn without_instances_passes_are_counted() {
        let plan = read(STATS, None, &[]).unwrap();
        let submission = plan.entries[0].submission.as_ref().unwrap();
        assert_eq!(submission.evidence, Evidence::Counts(CountsPut::of(3, 4)));
        assert!(submission.run.version.as_str().ends_with("-4-instances-counts"));
        assert_eq!(plan.benchmarks[0].body.task_count, Some(4));
        assert!(read(STATS, None, &["--metric", "f1_score"]).unwrap_err().contains("which no number of 4 passes"));
    }

    #[test]
    fn another_metric_is_what_it_is() {
        let stats = STATS.replace("f1_score", "inference_runtime").replace("0.9", "1.9");
        let instances = INSTANCES.replace("\"exact_match\"", "\"toxic_frac\"");
        let plan =
            read(&STATS.replace("\"exact_match\"", "\"toxic_frac\""), Some(&instances), &["--metric", "toxic_frac"]);
        let body = &plan.unwrap().benchmarks[0].body;
        assert_eq!((body.metric, body.direction), (Metric::PassRate, Direction::LowerIsBetter));
        let plan = read(&stats, None, &["--metric", "inference_runtime"]).unwrap();
        let submission = plan.entries[0].submission.as_ref().unwrap();
        assert!(
            matches!(submission.evidence, Evidence::Score(_))
                && submission.run.version.as_str().ends_with("-instances-score")
        );
        let body = &plan.benchmarks[0].body;
        assert_eq!((body.unit.as_deref(), body.evidence, body.task_count), (Some("s"), EvidenceKind::Score, Some(4)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refusal =
            |stats: &str, instances: &str, arguments: &[&str]| read(stats, Some(instances), arguments).unwrap_err();
        assert_eq!(
            refusal(&STATS.replace("\"mean\": 0.75", "\"mean\": 0.5"), INSTANCES, &[]),
            "the instances come to exact_match 0.75, stats.json says 0.5"
        );
        assert_eq!(
            refusal(STATS, INSTANCES, &["--metric", "accuracy"]),
            "has no accuracy of test; there are exact_match, f1_score"
        );
        assert_eq!(
            refusal(STATS, &INSTANCES.replace("\"id2\"", "\"id1\""), &[]),
            "instance id1 stands twice in trial 1"
        );
        assert_eq!(refusal("[]", INSTANCES, &[]), "stats.json has neither a test nor a valid split");
        assert!(refusal("{}", INSTANCES, &[]).starts_with("stats.json: "));
        let partial = read(STATS, Some(INSTANCES), &["--metric", "f1_score", "--benchmark-version", "f1"]).unwrap();
        assert_eq!(partial.benchmarks[0].body.metric, Metric::Score);
        assert!(partial.benchmarks[0].body.other_scoring_of.is_some());
    }
}
