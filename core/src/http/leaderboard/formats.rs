//! The leaderboard as a table: CSV (RFC 4180) and newline-delimited JSON, by what the client accepts.

use http::{HeaderMap, header};
use serde::Serialize;

use super::board::RowBody;
use crate::{
    domain::{
        ModelId, Timestamp,
        evaluator::EvaluatorRelationship,
        leaderboard::IntervalMethod,
        measure::{Direction, Measure},
    },
    http::{problem::ApiError, problem_page::wants_html},
};

/// A format that rows are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object with a page of rows.
    Json,
    /// CSV with a header.
    Csv,
    /// One JSON object per line.
    Ndjson,
}

impl Format {
    /// Returns the `Content-Type` of the format.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

/// Returns the format that `Accept` prefers (RFC 9110, 12.5.1); JSON where it states no preference, or names none of
/// them.
#[must_use]
pub fn accepted(headers: &HeaderMap) -> Format {
    let ranges = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best = (Format::Json, 0.0);
    for range in ranges.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let format = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "application/json" | "application/*" | "*/*" => Format::Json,
            "text/csv" => Format::Csv,
            "application/x-ndjson" | "application/ndjson" => Format::Ndjson,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.trim().parse::<f64>().ok()).unwrap_or(1.0);
        if quality > best.1 {
            best = (format, quality);
        }
    }
    best.0
}

/// Returns everything that `Accept` decides: the media type of rows, and `text/html` where a page is preferred to JSON.
#[must_use]
pub fn chosen(headers: &HeaderMap) -> [&'static str; 2] {
    [accepted(headers).media_type(), if wants_html(headers) { "text/html" } else { "" }]
}

/// A CSV row: each field is one cell.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cells<'a> {
    rank: Option<usize>,
    rank_low: Option<usize>,
    rank_high: Option<usize>,
    tie_group: Option<usize>,
    model: &'a str,
    display_name: String,
    score: f64,
    score_low: Option<f64>,
    score_high: Option<f64>,
    correct: Option<u64>,
    total: Option<u64>,
    cost_usd: Option<f64>,
    cost_usd_per_task: Option<f64>,
    #[serde(rename = "latencyMsP50")]
    latency_ms_p50: Option<f64>,
    #[serde(rename = "latencyMsP95")]
    latency_ms_p95: Option<f64>,
    pareto_optimal: Option<bool>,
    run_id: &'a str,
    published_at: Timestamp,
    evaluator_relationship: EvaluatorRelationship,
    flags: String,
    ranked: bool,
    system_id: &'a str,
    agent: Option<String>,
    agent_version: Option<String>,
    configuration: Option<String>,
    base_model: Option<&'a str>,
    evaluated_at: Timestamp,
    source: Option<&'a str>,
    logs: Option<&'a str>,
    traces: Option<&'a str>,
    paper: Option<&'a str>,
    condition_differences: String,
    interval_method: Option<IntervalMethod>,
    direction: Direction,
    unit: Option<String>,
    seal: Option<&'a str>,
    sealed_at: Option<Timestamp>,
    seals: i64,
    seals_opened: i64,
}

/// Writes the rows as CSV with a header; only the header where there are none.
///
/// # Errors
/// An internal error where the rows cannot be written.
pub fn csv(rows: &[RowBody], measure: &Measure) -> Result<String, ApiError> {
    let failed = |error: &dyn std::fmt::Display| ApiError::internal(error.to_string());
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).has_headers(false).from_writer(Vec::new());
    writer.write_record(HEADER).map_err(|error| failed(&error))?;
    for row in rows {
        let agent = row.agent.as_ref();
        let links = row.links.as_ref();
        let cells = Cells {
            rank: row.rank,
            rank_low: row.rank_low,
            rank_high: row.rank_high,
            tie_group: row.tie_group,
            model: row.model.as_str(),
            display_name: no_formula(&row.display_name),
            score: row.score,
            score_low: row.score_low,
            score_high: row.score_high,
            correct: row.correct,
            total: row.total,
            cost_usd: row.cost_usd,
            cost_usd_per_task: row.cost_usd_per_task,
            latency_ms_p50: row.latency_ms_p50,
            latency_ms_p95: row.latency_ms_p95,
            pareto_optimal: row.pareto_optimal,
            run_id: row.run_id.as_str(),
            published_at: row.published_at,
            evaluator_relationship: row.evaluator_relationship,
            flags: row.flags.iter().map(|flag| flag.as_str()).collect::<Vec<_>>().join(" "),
            ranked: row.ranked,
            system_id: row.system_id.as_str(),
            agent: agent.map(|agent| no_formula(&agent.name)),
            agent_version: agent.and_then(|agent| agent.version.as_deref()).map(no_formula),
            configuration: row.configuration.as_deref().map(no_formula),
            base_model: row.base_model.as_ref().map(ModelId::as_str),
            evaluated_at: row.evaluated_at,
            source: links.and_then(|links| links.source.as_deref()),
            logs: links.and_then(|links| links.logs.as_deref()),
            traces: links.and_then(|links| links.traces.as_deref()),
            paper: links.and_then(|links| links.paper.as_deref()),
            condition_differences: row
                .condition_differences
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; "),
            interval_method: row.interval_method,
            direction: measure.direction,
            unit: measure.unit.as_deref().map(no_formula),
            seal: row.seal.as_ref().map(|seal| seal.id.as_str()),
            sealed_at: row.seal.as_ref().map(|seal| seal.sealed_at),
            seals: row.seals.sealed,
            seals_opened: row.seals.opened,
        };
        writer.serialize(cells).map_err(|error| failed(&error))?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(&error))?;
    String::from_utf8(bytes).map_err(|error| failed(&error))
}

const HEADER: [&str; 39] = [
    "rank",
    "rankLow",
    "rankHigh",
    "tieGroup",
    "model",
    "displayName",
    "score",
    "scoreLow",
    "scoreHigh",
    "correct",
    "total",
    "costUsd",
    "costUsdPerTask",
    "latencyMsP50",
    "latencyMsP95",
    "paretoOptimal",
    "runId",
    "publishedAt",
    "evaluatorRelationship",
    "flags",
    "ranked",
    "systemId",
    "agent",
    "agentVersion",
    "configuration",
    "baseModel",
    "evaluatedAt",
    "source",
    "logs",
    "traces",
    "paper",
    "conditionDifferences",
    "intervalMethod",
    "direction",
    "unit",
    "seal",
    "sealedAt",
    "seals",
    "sealsOpened",
];

/// Puts an apostrophe before a free text that a spreadsheet would run as a formula (OWASP, CSV injection): also one
/// that begins with characters that a spreadsheet does not show, or with the full-width forms that it reads alike.
fn no_formula(text: &str) -> String {
    let shown = text.trim_start_matches(|character: char| {
        character.is_whitespace() || character.is_control() || is_invisible(character)
    });
    let begins = shown.starts_with(['=', '+', '-', '@', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}', '\u{2212}']);
    if begins || text.starts_with(['\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// Checks whether a character is one of Unicode's default-ignorable characters or format controls, which may hide the
/// beginning of a formula.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E0FFF}')
}

/// A row with the direction and unit of its score, which a line that stands alone needs.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    row: &'a RowBody,
    direction: Direction,
    unit: Option<&'a str>,
}

/// Writes the rows as newline-delimited JSON.
#[must_use]
pub fn ndjson(rows: &[RowBody], measure: &Measure) -> String {
    let lines = rows.iter().map(|row| Line { row, direction: measure.direction, unit: measure.unit.as_deref() });
    lines.filter_map(|line| serde_json::to_string(&line).ok()).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_liked_most_is_given() {
        let of = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            accepted(&headers)
        };
        assert_eq!(accepted(&HeaderMap::new()), Format::Json);
        assert_eq!(of("*/*"), Format::Json);
        assert_eq!(of("text/csv"), Format::Csv);
        assert_eq!(of("text/csv;q=0.5, application/x-ndjson"), Format::Ndjson);
        assert_eq!(of("text/html, */*;q=0.8"), Format::Json);
        assert_eq!(of("text/csv; header=present; q=0.9, application/json; q=0.8"), Format::Csv);
        assert_eq!(of("text/csv;q=0"), Format::Json);
        assert_eq!(of("image/png"), Format::Json);
    }

    #[test]
    fn a_formula_is_only_text() {
        assert_eq!(no_formula("=1+1"), "'=1+1");
        for hidden in ["\u{FF1D}1+1", "\u{200B}=1+1", "\u{FEFF}@SUM(1)", " =1", "\u{A0}\u{2060}\u{FF0B}1", "\t1"] {
            assert_eq!(no_formula(hidden), format!("'{hidden}"));
        }
        assert_eq!(no_formula("gpt-5 (high)"), "gpt-5 (high)");
    }
}
