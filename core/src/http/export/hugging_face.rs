//! A model's results as its repository on the Hugging Face Hub takes them: a file of `.eval_results/`.

use axum::{extract::State, response::Response};
use http::HeaderMap;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    app::App,
    domain::{
        BenchmarkId, ModelId, VersionName,
        measure::{Measure, Metric},
        system,
    },
    http::{
        leaderboard::{Board, BoardSelector, RowBody, caching},
        openapi::{Hidden, IfNoneMatch, NotFound, UnnamedBoard},
        parameters::{self, Name, Slug},
        problem::ApiError,
        request::{Path, Query},
    },
};

const YAML: &str = "application/yaml";

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The dataset on the Hub that the benchmark is there.
    #[serde(deserialize_with = "parameters::repository")]
    #[param(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,99}/[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", example = "cais/hle")]
    dataset: String,
    /// The task of that dataset's `eval.yaml`.
    #[serde(default, deserialize_with = "parameters::slug")]
    #[param(value_type = Option<Slug>, default = "default")]
    task: Option<String>,
    /// What a pass rate is told as there.
    #[serde(default)]
    #[param(default = "percent")]
    scale: ScoreScale,
    /// The featured one where it is not given; without one 400 `benchmark_required`.
    #[serde(default, deserialize_with = "parameters::benchmark")]
    #[param(example = "aider-polyglot")]
    benchmark: Option<BenchmarkId>,
    /// The current one when absent; without one 400 `version_required`.
    #[serde(default, deserialize_with = "parameters::version")]
    version: Option<VersionName>,
}

/// From 0 to 100, or from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ScoreScale {
    #[default]
    Percent,
    Proportion,
}

/// Tells a model's results to the Hugging Face Hub.
///
/// YAML for a file in `.eval_results/` of the model's repository: an entry for each system of the model that is ranked on
/// the board, its agent and configuration in `notes`. Which dataset the benchmark is on the Hub, the caller says.
#[utoipa::path(
    get,
    path = "/api/v1/models/{provider}/{name}/eval-results.yaml",
    operation_id = "getModelEvalResults",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(
        ("provider" = Slug, Path, example = "openai"),
        ("name" = Slug, Path, example = "gpt-5-high"),
        Parameters,
        IfNoneMatch
    ),
    responses(
        (status = 200, description = "The file.", content_type = "application/yaml", body = String),
        (status = 400, response = UnnamedBoard),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    Path((Name(provider), Name(name))): Path<(Name<String>, Name<String>)>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let wanted = BoardSelector {
        benchmark: parameters.benchmark.as_ref(),
        version: parameters.version.as_ref(),
        snapshot: None,
    };
    let scope = wanted.find(&app).await?.ok_or_else(|| ApiError::not_found("leaderboard"))?;
    let board = Board::read(&app, scope, [None; 3]).await?;
    let model = ModelId::from(format!("{provider}/{name}"));
    let rows = board.rows.iter().filter(|row| row.model == model).collect::<Vec<_>>();
    if rows.is_empty() {
        return Err(ApiError::not_found(&format!("entry of the model {model} on this leaderboard")));
    }
    let file = File { parameters: &parameters, measure: &board.scope.measure, base_url: &app.config().base_url };
    let text = rows.into_iter().map(|row| file.entry(row)).collect::<String>();
    Ok(caching::answer(&headers, YAML, text, caching::MINUTE))
}

struct File<'a> {
    parameters: &'a Parameters,
    measure: &'a Measure,
    base_url: &'a str,
}

impl File<'_> {
    fn entry(&self, row: &RowBody) -> String {
        let is_percent = self.measure.metric == Metric::PassRate && self.parameters.scale == ScoreScale::Percent;
        let value = if is_percent { row.score * 100.0 } else { row.score };
        let source = row.links.as_ref().and_then(|links| links.source.clone());
        let source = source.unwrap_or_else(|| format!("{}/leaderboard/models/{}", self.base_url, row.model));
        let notes = system::words(row.agent.as_ref(), row.configuration.as_deref());
        let notes = if notes.is_empty() { String::new() } else { format!("  notes: {}\n", quoted(&notes)) };
        let date = row.evaluated_at.to_string();
        format!(
            "- dataset:\n    id: {}\n    task_id: {}\n  value: {}\n  date: {}\n  source:\n    url: {}\n    name: AIBaaS\n{notes}",
            quoted(&self.parameters.dataset),
            quoted(self.parameters.task.as_deref().unwrap_or("default")),
            // Scores other than shares may be so small that rounding would lose them.
            if self.measure.is_share() { rounded(value) } else { value },
            quoted(date.get(..10).unwrap_or(&date)),
            quoted(&source),
        )
    }
}

/// Quotes a text as JSON, which is YAML too (YAML 1.2, 1.2).
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Rounds to six places, which removes digits that are only an error of floating point.
fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}
