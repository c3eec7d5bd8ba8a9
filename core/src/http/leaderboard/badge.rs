use axum::{extract::State, response::Response};
use http::HeaderMap;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    board::{Board, BoardSelector, RowBody},
    caching::{self, MINUTE},
    html::Scale,
    named_system,
};
use crate::{
    app::App,
    domain::{BenchmarkId, ModelId, SystemId, VersionName},
    http::{
        openapi::{Hidden, IfNoneMatch, NotFound, UnnamedSystem},
        parameters::{self, Name, Slug},
        problem::ApiError,
        request::{Path, Query},
    },
};

/// Widths of characters of 11-pixel Verdana, in pixels. Others have [`COMMON_WIDTH`] or, outside of ASCII, [`WIDE`].
const WIDTHS: [(&str, f64); 9] = [
    ("ijl|'", 3.2),
    ("ftI.,:;!·/() ", 4.3),
    ("rst-[]{}", 5.2),
    ("ackvxyzJL\"", 6.3),
    ("bdeghnopquFEPTSBCAKVXYZ0123456789–_?$*", 7.2),
    ("DGHNOQRU", 8.5),
    ("wM~+=<>#", 9.4),
    ("mW", 10.9),
    ("%@", 11.9),
];
const COMMON_WIDTH: f64 = 7.0;
const WIDE: f64 = 11.5;
const PADDING: f64 = 6.0;
/// Most characters of a label; the rest is cut.
const MOST_LETTERS: usize = 60;

#[derive(Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// The featured one where it is not given; without one 400 `benchmark_required`.
    #[serde(default, deserialize_with = "parameters::benchmark")]
    #[param(example = "aider-polyglot")]
    benchmark: Option<BenchmarkId>,
    /// The current one when absent; without one 400 `version_required`.
    #[serde(default, deserialize_with = "parameters::version")]
    version: Option<VersionName>,
    /// Which system of the model, by its `systemId`; not needed where no other one stands.
    #[serde(default, deserialize_with = "parameters::optional_system")]
    system: Option<SystemId>,
}

/// Draws a badge of a model's score and rank range.
///
/// An image for a README. Any origin may read it, without credentials.
#[utoipa::path(
    get,
    path = "/api/v1/badges/{provider}/{name}.svg",
    operation_id = "getBadge",
    tag = "Leaderboard",
    security((), ("apiKeyHeader" = ["leaderboard:read"]), ("apiKeyBearer" = ["leaderboard:read"])),
    params(
        ("provider" = Slug, Path, example = "openai"),
        ("name" = Slug, Path, example = "gpt-5-high"),
        Parameters,
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The badge.", content_type = "image/svg+xml", body = String),
        (status = 400, response = UnnamedSystem),
        (status = 404, response = NotFound),
        (status = 410, response = Hidden),
    ),
)]
pub async fn handler(
    State(app): State<App>,
    headers: HeaderMap,
    Path((Name(provider), Name(file))): Path<(Name<String>, Name<String>)>,
    Query(parameters): Query<Parameters>,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::not_found("badge");
    let name = file.strip_suffix(".svg").ok_or_else(unknown)?;
    let wanted = BoardSelector {
        benchmark: parameters.benchmark.as_ref(),
        version: parameters.version.as_ref(),
        snapshot: None,
    };
    let scope = wanted.find(&app).await?.ok_or_else(unknown)?;
    let board = Board::read(&app, scope, [None; 3]).await?;
    let model = ModelId::from(format!("{provider}/{name}"));
    let asked = parameters.system.unwrap_or_else(|| model.as_str().into());
    let row = named_system::find(&asked, &board.rows, |row| &row.system_id)?;
    let row = row.filter(|row| row.model == model).ok_or_else(unknown)?;
    let badge = drawing(board.scope.benchmark.as_str(), &message(row, Scale::of(&board.scope.measure)));
    Ok(caching::answer(&headers, "image/svg+xml", badge.into_string(), MINUTE))
}

/// Formats the message of a badge, such as `88.0 % · rank 1–9`.
fn message(row: &RowBody, scale: Scale<'_>) -> String {
    let range = match row.rank_low.zip(row.rank_high) {
        None => "–".to_owned(),
        Some((low, high)) if low == high => low.to_string(),
        Some((low, high)) => format!("{low}–{high}"),
    };
    format!("{} · rank {range}", scale.score(row.score))
}

/// Draws label and message side by side, as SVG. Their widths are stated (`textLength`), so that any font fits.
fn drawing(label: &str, message: &str) -> Markup {
    let label = label.chars().take(MOST_LETTERS).collect::<String>();
    let (label_width, message_width) = (text_width(&label), text_width(message));
    let split = label_width + 2.0 * PADDING;
    let whole = split + message_width + 2.0 * PADDING;
    let title = format!("{label}: {message}");
    let text = |start: f64, width: f64, text: &str| {
        html! {
            text x=(format!("{:.1}", start + PADDING)) y="14" textLength=(format!("{width:.1}")) lengthAdjust="spacingAndGlyphs" { (text) }
        }
    };
    html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(format!("{whole:.1}")) height="20" role="img" aria-label=(title) {
            title { (title) }
            clipPath id="r" { rect width=(format!("{whole:.1}")) height="20" rx="3" {} }
            g clip-path="url(#r)" {
                rect width=(format!("{split:.1}")) height="20" fill="#3b3f46" {}
                rect x=(format!("{split:.1}")) width=(format!("{:.1}", whole - split)) height="20" fill="#1d4ed8" {}
            }
            g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" {
                (text(0.0, label_width, &label))
                (text(split, message_width, message))
            }
        }
    }
}

/// Estimates the width of a text, in pixels.
fn text_width(text: &str) -> f64 {
    let width = |letter: char| {
        let known = WIDTHS.iter().find(|(letters, _)| letters.contains(letter)).map(|(_, width)| *width);
        known.unwrap_or(if letter.is_ascii() { COMMON_WIDTH } else { WIDE })
    };
    text.chars().map(width).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_is_as_wide_as_its_text() {
        let short = drawing("a", "1 %").into_string();
        let long = drawing("aider-polyglot", "88.0 % · rank 1–9").into_string();
        let width = |svg: &str| {
            svg.split("width=\"").nth(1).and_then(|rest| rest.split('"').next()?.parse::<f64>().ok()).unwrap()
        };
        assert!(width(&short) < 60.0 && (190.0..240.0).contains(&width(&long)), "{} {}", width(&short), width(&long));
        assert!(long.contains("aria-label=\"aider-polyglot: 88.0 % · rank 1–9\""));
    }

    #[test]
    fn what_a_label_says_is_escaped() {
        assert!(!drawing("<script>", "\"").into_string().contains("<script>"));
    }
}
