//! Conversion of one result of an evaluation to a submission.

use aibaas_core::{
    domain::{
        BenchmarkId, VersionName, evaluator::EvaluatorRelationship, run_links::RunLinks, strict_json::StrictObject,
    },
    wire::{BenchmarkVersionPut, CountsPut, GivenInterval, GivenScorePut, RunCreate},
};
use serde_json::{Map, Value};

use super::{
    Options,
    document::{Document, EvaluationResult},
    evaluated,
    samples::{Sample, results},
};
use crate::import::{
    measure::Measure,
    names::{self, LONGEST_NAME, slug},
    plan::{Benchmark, Evidence, Model, Submission, is_partial, metric, tasks_of},
    rates::{self, fit},
    times::{unix, utc},
};

/// Members of `generation_args` that are published: numbers and switches, no texts that may hold private data.
const PUBLIC_ARGS: &[&str] = &["temperature", "top_p", "top_k", "max_tokens", "reasoning", "max_attempts"];
/// Tolerance between a given standard error and that of passes.
const ROUNDING: f64 = 0.02;

/// Creates the benchmark version and the run, and adds remarks about how its numbers were read. `is_alone` tells
/// whether no other result has the same evaluation.
///
/// # Errors
/// A text that says why it would be wrong to publish the result.
pub fn submission(
    document: &Document,
    result: &EvaluationResult,
    samples: &[Sample],
    is_alone: bool,
    options: &Options,
) -> Result<(Benchmark, Submission, Vec<String>), String> {
    let mut remarks = Vec::new();
    let (test, scorer) = evaluated::names(document, result);
    let (measure, whole) = result.metric_config.measure()?;
    let printed = result.score_details.score.to_string();
    let score = result.score_details.score.as_f64().unwrap_or(f64::NAN);
    let decimals = rates::decimals(&printed);
    let (attempts, evidence) = match results(samples, result, is_alone, &measure)? {
        Some((attempts, evidence)) => {
            compare(&evidence, score, whole, decimals)?;
            (attempts, evidence)
        }
        None if !measure.is_share() => {
            remarks.push("has no samples: only its score stands, as it is given".to_owned());
            (1, given(result, score, &measure)?)
        }
        None => {
            remarks.push("has no samples: only the number of passes stands".to_owned());
            (1, counted(document, result, score, whole, decimals)?)
        }
    };
    let id = slug(test, LONGEST_NAME);
    if id.is_empty() {
        return Err(format!("the evaluation is {test:?}, which makes no identifier"));
    }
    let (count, kind, body) = match &evidence {
        Evidence::Counts(CountsPut { total, .. }) => (*total, "-counts", BenchmarkVersionPut::of_counts(test, *total)),
        Evidence::Score(_) => {
            let total = number(document, result)?;
            (total, "-score", BenchmarkVersionPut::of_scores(test, total))
        }
        Evidence::Results(results) => {
            let is_graded = options.graded || !measure.is_share() || results.iter().any(is_partial);
            let tasks = tasks_of(results);
            let count = u32::try_from(tasks.len()).unwrap_or(u32::MAX);
            let body = BenchmarkVersionPut::of_results(test, metric(is_graded));
            (count, "", BenchmarkVersionPut { tasks: Some(tasks), attempts_per_task: attempts, ..body })
        }
    };
    let whole_task_count = evaluated::whole(result, count);
    if let Some(whole) = whole_task_count {
        remarks.push(format!("{count} of {whole} samples were evaluated: they stand as a version of their own"));
    }
    let dataset = result.source_data.dataset_name.as_deref().unwrap_or("without a name");
    let body = BenchmarkVersionPut {
        description: Some(format!("{test}, data set {dataset}, scored by {scorer}.")),
        whole_task_count,
        homepage: homepage(result),
        ..measure.told(body)
    };
    let part = whole_task_count.map(|whole| format!("-of-{whole}")).unwrap_or_default();
    let own = || format!("{}-of-{count}{part}{kind}", slug(scorer, LONGEST_NAME - 40));
    let version = options.benchmark_version.clone().unwrap_or_else(own);
    let (id, version) = (BenchmarkId::from(id), VersionName::from(version));
    let (model, run) = run(document, result, (&id, &version), options, &mut remarks)?;
    let benchmark = Benchmark { id, version, body };
    Ok((benchmark, Submission { model, run, evidence }, remarks))
}

/// Compares the mean of the samples with the score.
fn compare(evidence: &Evidence, score: f64, whole: f64, decimals: u8) -> Result<(), String> {
    let Evidence::Results(results) = evidence else { return Ok(()) };
    let count = results.iter().map(|_| 1.0).sum::<f64>();
    let mean = whole * results.iter().filter_map(|result| result.score).sum::<f64>() / count;
    match fit(score, mean, decimals) {
        Some(_) => Ok(()),
        None => Err(format!("the samples come to {mean}, the evaluation says {score}")),
    }
}

/// Computes the number of passes from the score, where it can only be that of passes.
fn counted(
    document: &Document,
    result: &EvaluationResult,
    score: f64,
    whole: f64,
    decimals: u8,
) -> Result<Evidence, String> {
    let uncertainty = result.score_details.uncertainty.as_ref();
    let total = number(document, result)?;
    let (passed, _) = rates::passes(score, whole, decimals, total)?;
    if let Some(error) = uncertainty.and_then(|uncertainty| uncertainty.standard_error.as_ref())
        && total > 1
    {
        let rate = f64::from(passed) / f64::from(total);
        let expected = whole * (rate * (1.0 - rate) / f64::from(total.saturating_sub(1))).sqrt();
        let unit = 0.1_f64.powi(i32::from(decimals));
        if (error.value - expected).abs() > expected * ROUNDING + unit {
            return Err(format!("its standard error is {}, that of passes would be {expected}", error.value));
        }
    }
    Ok(Evidence::Counts(CountsPut::of(passed, total)))
}

/// Returns how many samples the score is of.
fn number(document: &Document, result: &EvaluationResult) -> Result<u32, String> {
    let total = evaluated::samples(document, result);
    total.filter(|total| *total > 0).ok_or("tells a score alone: neither samples nor their number".to_owned())
}

/// Takes the score as it is given, with its 95 % interval or its standard error.
fn given(result: &EvaluationResult, score: f64, measure: &Measure) -> Result<Evidence, String> {
    measure.check(score).map_err(|wrong| format!("the score is {score}, which {wrong}"))?;
    let uncertainty = result.score_details.uncertainty.as_ref();
    let error = uncertainty.and_then(|uncertainty| uncertainty.standard_error.as_ref()).map(|error| error.value);
    let interval = uncertainty.and_then(|uncertainty| uncertainty.confidence_interval.as_ref());
    let interval = interval.filter(|interval| interval.confidence_level == Some(0.95));
    let interval = interval.and_then(|interval| {
        Some(GivenInterval { low: interval.lower?, high: interval.upper?, level: GivenInterval::level() })
    });
    let fits = |interval: &GivenInterval| {
        (interval.low..=interval.high).contains(&score)
            && measure.check(interval.low).and(measure.check(interval.high)).is_ok()
    };
    let given = match interval.filter(fits) {
        Some(interval) => GivenScorePut { interval: Some(interval), ..GivenScorePut::of(score, None) },
        None => GivenScorePut::of(score, error),
    };
    Ok(Evidence::Score(given))
}

fn homepage(result: &EvaluationResult) -> Option<String> {
    let url = match &result.source_data.url {
        Some(Value::Array(urls)) => urls.first().and_then(Value::as_str),
        Some(Value::String(url)) => Some(url.as_str()),
        _ => None,
    };
    let url = url.filter(|url| url.starts_with("https://"));
    let hub = result.source_data.hf_repo.as_deref().and_then(evaluated::hub_page);
    url.map(str::to_owned).or(hub)
}

fn run(
    document: &Document,
    result: &EvaluationResult,
    (id, version): (&BenchmarkId, &VersionName),
    options: &Options,
    remarks: &mut Vec<String>,
) -> Result<(Model, RunCreate), String> {
    let info = &document.model_info;
    let (told, name) = names::vendor_and_name(&info.id);
    let told = told.or_else(|| info.developer.as_deref().and_then(names::vendor)).filter(|vendor| vendor != "unknown");
    let display_name = info.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(name);
    let model = Model {
        display_name: display_name.to_owned(),
        ..Model::named(options.naming.provider(told, &info.id)?, name)?
    };
    let time = result.evaluation_timestamp.as_ref().or(document.evaluation_timestamp.as_ref());
    let library = document.eval_library.as_ref();
    let details = library.map(|library| &library.additional_details);
    let commit = ["commit", "git_hash", "git_commit"].iter().find_map(|name| details?.get(*name)?.as_str());
    let harness = library.map(|library| &library.name).or(document.source_metadata.source_name.as_ref());
    let metric = result.metric_config.name();
    let result_id =
        result.evaluation_result_id.clone().unwrap_or_else(|| format!("{}/{metric}", result.evaluation_name));
    let harness = harness.map_or("unknown", String::as_str);
    let harness_version = library.and_then(|library| library.version.as_deref()).unwrap_or("unknown");
    let external_id = names::external_id(&["every-eval-ever", version.as_str(), &document.evaluation_id, &result_id]);
    let source = document.source_metadata.source_organization_url.clone().filter(|url| url.starts_with("https://"));
    let run = RunCreate {
        commit: options.commit.clone().or_else(|| commit.map(str::to_owned)),
        generation_config: StrictObject(config(document, result)),
        evaluator_relationship: relationship(document, remarks),
        started_at: time.map(|text| moment(text)).transpose()?,
        external_id: Some(external_id),
        links: source.map(|source| RunLinks { source: Some(source), ..RunLinks::default() }),
        ..RunCreate::new(model.id(), id.clone(), version.clone(), harness, harness_version)
    };
    Ok((model, run))
}

fn config(document: &Document, result: &EvaluationResult) -> Map<String, Value> {
    let mut config = Map::new();
    let known = |text: &Option<String>| text.clone().filter(|text| !text.is_empty() && text != "unknown");
    if let Some(platform) = known(&document.model_info.inference_platform) {
        config.insert("inferencePlatform".to_owned(), platform.into());
    }
    if let Some(engine) = document.model_info.inference_engine.as_ref().filter(|engine| !engine.is_null()) {
        config.insert("inferenceEngine".to_owned(), engine.clone());
    }
    for (name, value) in result.generation_config.iter().flat_map(|config| &config.generation_args) {
        if PUBLIC_ARGS.contains(&name.as_str()) && (value.is_number() || value.is_boolean()) {
            config.insert(name.clone(), value.clone());
        }
    }
    config
}

fn relationship(document: &Document, remarks: &mut Vec<String>) -> EvaluatorRelationship {
    let told = document.source_metadata.evaluator_relationship.as_str();
    let (relationship, shown) = match told {
        "first_party" => return EvaluatorRelationship::FirstParty,
        "third_party" => return EvaluatorRelationship::ThirdParty,
        "collaborative" => (EvaluatorRelationship::FirstParty, "first_party"),
        _ => (EvaluatorRelationship::SelfReported, "self_reported"),
    };
    remarks.push(format!("evaluator_relationship {told} is {shown} here"));
    relationship
}

/// Parses a time: seconds since 1970, or a time with an offset.
fn moment(text: &str) -> Result<String, String> {
    match text.parse::<f64>() {
        Ok(seconds) => unix(seconds),
        Err(_) => utc(text),
    }
}
