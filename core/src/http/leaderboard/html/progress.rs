//! The best score over the time of evaluation.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{
    plot::{Axis, labels, marks, round_bounds},
    text::{Scale, day},
};
use crate::{domain::Timestamp, http::leaderboard::board::RowBody};

/// Most systems that have tooltips and names: the latest of those that were the best.
const MOST_TITLES: usize = 20;

/// Draws each system at the time of its evaluation, and a line through those that were the best until then; `None`
/// where all were evaluated on one day.
pub fn chart(ranked: &[RowBody], scale: Scale<'_>) -> Option<Markup> {
    let mut rows = ranked.iter().collect::<Vec<_>>();
    // Of systems that were evaluated at the same time, the best comes first.
    rows.sort_by_key(|row| (row.evaluated_at, row.rank));
    let (first, last) = (rows.first()?.evaluated_at, rows.last()?.evaluated_at);
    if day(first) == day(last) {
        return None;
    }
    let (from, to, step) = round_bounds(scale, rows.iter().map(|row| row.score));
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are within 2⁵³")]
    let ms = |at: Timestamp| at.0 as f64;
    let x = Axis { from: ms(first), to: ms(last), start: 70.0, end: 692.0 };
    let y = Axis { from, to, start: 252.0, end: 18.0 };
    let place = |row: &RowBody| (x.at(ms(row.evaluated_at)), y.at(row.score));
    let bests = bests(&rows, scale);

    let mut dots = String::new();
    for (x, y) in rows.iter().map(|row| place(row)) {
        _ = write!(dots, "M{x:.0} {y:.0}h0");
    }
    let mut line = String::new();
    for (x, y) in bests.iter().map(|row| place(row)) {
        _ = if line.is_empty() { write!(line, "M{x:.1} {y:.1}") } else { write!(line, "H{x:.1}V{y:.1}") };
    }
    _ = write!(line, "H{:.1}", x.end);
    let named = bests.iter().rev().take(MOST_TITLES).map(|row| (place(row), row.display_name.as_str()));
    let labels = labels(named, rows.iter().map(|row| place(row)), &Axis { start: 58.0, end: 704.0, ..x }, &y);
    Some(html! {
        svg class="plot" viewBox="0 0 720 284" role="img" aria-labelledby="progress-title progress-text" {
            title id="progress-title" { "The best score over time" }
            desc id="progress-text" {
                (rows.len()) " systems by the day of their evaluation, from " (day(first)) " to " (day(last))
                ", and by score. A line joins the " (bests.len()) " that were the best until then."
            }
            @for mark in marks(from, to, step) {
                path class="grid" d=(format!("M58 {:.1}H704", y.at(mark))) {}
                text x="50" y=(format!("{:.1}", y.at(mark) + 4.0)) text-anchor="end" { (scale.tick(mark)) }
            }
            @for (at, x, anchor) in [(first, 58, "start"), (last, 704, "end")] {
                text x=(x) y="274" text-anchor=(anchor) { (day(at)) }
            }
            path class="dots" d=(dots) {}
            path class="front" d=(line) {}
            @for row in bests.iter().rev().take(MOST_TITLES) {
                @let (x, y) = place(row);
                circle class="best" cx=(format!("{x:.0}")) cy=(format!("{y:.0}")) r="5" {
                    title { (row.display_name) ", " (day(row.evaluated_at)) ": " (scale.score(row.score)) }
                }
            }
            @for (x, y, anchor, text) in labels {
                text class="name" x=(format!("{x:.0}")) y=(format!("{y:.0}")) text-anchor=(anchor) { (text) }
            }
        }
    })
}

/// Returns the rows that scored better than all before them.
fn bests<'a>(rows: &[&'a RowBody], scale: Scale<'_>) -> Vec<&'a RowBody> {
    let mut bests = Vec::<&RowBody>::new();
    for &row in rows {
        let is_better = |best: &&RowBody| {
            if scale.is_lower_better() { row.score < best.score } else { row.score > best.score }
        };
        if bests.last().is_none_or(is_better) {
            bests.push(row);
        }
    }
    bests
}
