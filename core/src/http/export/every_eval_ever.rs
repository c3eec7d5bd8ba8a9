//! A run as `every_eval_ever` tells one: the aggregate record of its schema 0.3.

use axum::{Json, extract::State};
use serde_json::{Map, Value, json};

use crate::{
    app::App,
    domain::{
        RunId, Timestamp,
        benchmark::Evidence,
        evaluator::EvaluatorRelationship,
        leaderboard::{Aggregates, GivenUncertainty, Score},
        measure::{Bounds, Direction, Metric},
        statistics::Interval,
    },
    http::{
        moderation::refuse_hidden,
        openapi::{Hidden, IfNoneMatch, NotFound},
        problem::ApiError,
        publishing::find,
        request::Path,
    },
    store::runs::{Run, RunDeclaration},
};

const SCHEMA: &str = "0.3.0";
/// Members of a generation config that the schema has fields for, as numbers.
const NUMBERS: [&str; 4] = ["temperature", "top_p", "top_k", "max_tokens"];

/// Tells a run to `every_eval_ever`.
///
/// The aggregate record of schema 0.3.0, of a run that was published. What the schema has no place for stands in its
/// `additional_details`, as text. `aibaas-client import every-eval-ever` reads it back.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/every-eval-ever",
    operation_id = "getRunEveryEvalEver",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(("id" = RunId, Path), IfNoneMatch),
    responses(
        (status = 200, description = "The record.", body = Object),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn handler(State(app): State<App>, Path(id): Path<RunId>) -> Result<Json<Value>, ApiError> {
    let run = find(&app, &id).await?;
    refuse_hidden("run's model or benchmark", run.hidden_reason.clone())?;
    let published = || Some((run.aggregates.as_ref()?, run.published_at?));
    let (aggregates, published_at) = published().ok_or_else(|| ApiError::not_found("published run"))?;
    Ok(Json(record(&run, aggregates, published_at, &app.config().base_url)))
}

fn record(run: &Run, aggregates: &Aggregates, published_at: Timestamp, base_url: &str) -> Value {
    let declared = &run.declared;
    let evaluated_at = run.evaluated_at.unwrap_or(published_at).to_string();
    let source_type = match run.evidence {
        Evidence::Results => "evaluation_run",
        Evidence::Counts | Evidence::Score => "documentation",
    };
    let evaluator_relationship = match declared.evaluator_relationship {
        EvaluatorRelationship::FirstParty => "first_party",
        EvaluatorRelationship::ThirdParty => "third_party",
        EvaluatorRelationship::SelfReported => "other",
    };
    json!({
        "schema_version": SCHEMA,
        "evaluation_id": format!("{}/{}/{}", declared.benchmark, declared.system_id, run.id),
        "evaluation_timestamp": evaluated_at,
        // Not the time of the request: the record is the same whenever it is read.
        "retrieved_timestamp": published_at.0.div_euclid(1000).to_string(),
        "source_metadata": {
            "source_name": "AIBaaS",
            "source_type": source_type,
            "source_organization_name": "AIBaaS",
            "source_organization_url": base_url,
            "evaluator_relationship": evaluator_relationship,
            "additional_details": details(&[
                ("evaluator_relationship", Some(json!(declared.evaluator_relationship))),
                ("status", Some(json!(run.status))),
                ("reason", run.reason.as_ref().map(|reason| json!(reason))),
            ]),
        },
        "model_info": {
            "name": declared.model.as_str().split_once('/').map_or(declared.model.as_str(), |(_, name)| name),
            "id": declared.model,
            "developer": declared.model.provider(),
            "additional_details": details(&[
                ("agent", declared.agent.as_ref().map(|agent| json!(agent))),
                ("configuration", declared.configuration.as_ref().map(|configuration| json!(configuration))),
            ]),
        },
        "eval_library": {
            "name": declared.harness,
            "version": declared.harness_version,
            "additional_details": details(&[
                ("commit", declared.commit.as_ref().map(|commit| json!(commit))),
                ("dirty", Some(json!(declared.dirty))),
                ("prompt_hash", declared.prompt_hash.as_ref().map(|hash| json!(hash))),
            ]),
        },
        "evaluation_results": [result(run, aggregates, &evaluated_at, base_url)],
    })
}

fn result(run: &Run, aggregates: &Aggregates, evaluated_at: &str, base_url: &str) -> Value {
    let RunDeclaration { benchmark, version, .. } = &run.declared;
    let (metric_id, metric_name) = match run.measure.metric {
        Metric::PassRate => ("pass_rate".to_owned(), "Pass rate"),
        // What a score is differs from benchmark to benchmark, so the benchmark names the metric.
        Metric::Score => (format!("{benchmark}.score"), "Mean score"),
    };
    let Score { score, interval, method } = Score::of(&run.measure, aggregates);
    let bounds = |Interval { low, high }: Interval| json!({ "lower": low, "upper": high, "confidence_level": 0.95 });
    let Bounds { lower, upper } = run.measure.bounds;
    let unit = run.measure.unit.as_deref().or(run.measure.is_share().then_some("proportion"));
    let mut uncertainty = Map::new();
    uncertainty.extend(aggregates.samples().map(|samples| ("num_samples".to_owned(), json!(samples))));
    if let Some(GivenUncertainty::StandardError(error)) = aggregates.given {
        uncertainty.insert("standard_error".to_owned(), json!({ "value": error }));
    }
    uncertainty.extend(interval.map(|interval| ("confidence_interval".to_owned(), bounds(interval))));
    json!({
        "evaluation_result_id": run.id,
        "evaluation_name": benchmark,
        "source_data": {
            "dataset_name": benchmark,
            "source_type": "url",
            "url": [format!("{base_url}/leaderboard?benchmark={benchmark}&version={version}")],
            "additional_details": details(&[
                ("version", Some(json!(version))),
                ("tasks", Some(json!(aggregates.tasks))),
            ]),
        },
        "evaluation_timestamp": evaluated_at,
        "metric_config": known(&[
            ("metric_id", Some(json!(metric_id))),
            ("metric_name", Some(json!(metric_name))),
            ("metric_unit", unit.map(|unit| json!(unit))),
            ("lower_is_better", Some(json!(run.measure.direction == Direction::LowerIsBetter))),
            // In the schema, a continuous score has both bounds.
            ("score_type", lower.and(upper).map(|_| json!("continuous"))),
            ("min_score", lower.map(|lower| json!(lower))),
            ("max_score", upper.map(|upper| json!(upper))),
        ]),
        "score_details": {
            "score": score,
            "uncertainty": uncertainty,
            "details": details(&[
                ("correct", aggregates.passes(&run.measure).map(|correct| json!(correct))),
                ("interval_method", method.map(|method| json!(method))),
                ("cost_usd", aggregates.known_cost().map(|cost| json!(cost))),
                ("latency_ms_p50", aggregates.p50_ms.map(|ms| json!(ms))),
                ("latency_ms_p95", aggregates.p95_ms.map(|ms| json!(ms))),
                ("links", run.declared.links.as_ref().map(|links| json!(links))),
            ]),
        },
        "generation_config": generation_config(&run.declared),
    })
}

/// Splits a generation config into what the schema has fields for, and the rest as text.
fn generation_config(declared: &RunDeclaration) -> Value {
    let config = declared.generation_config.as_object().cloned().unwrap_or_default();
    let (mut own, rest): (Map<_, _>, Map<_, _>) =
        config.into_iter().partition(|(name, value)| NUMBERS.contains(&name.as_str()) && value.is_number());
    own.extend(declared.command.as_ref().map(|command| ("execution_command".to_owned(), json!(command))));
    let rest = rest.into_iter().map(|(name, value)| (name, text(value))).collect::<Map<_, _>>();
    json!({ "generation_args": own, "additional_details": rest })
}

/// Returns the members that have a value.
fn known(of: &[(&str, Option<Value>)]) -> Map<String, Value> {
    of.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?))).collect()
}

/// Returns the members that have a value, each as text, as the schema wants it.
fn details(of: &[(&str, Option<Value>)]) -> Map<String, Value> {
    let known = of.iter().filter_map(|(name, value)| Some(((*name).to_owned(), text(value.clone()?))));
    known.collect()
}

fn text(value: Value) -> Value {
    if value.is_string() { value } else { Value::String(value.to_string()) }
}
