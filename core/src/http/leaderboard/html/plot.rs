//! Drawings of scores, as SVG whose geometry is in attributes: the pages allow no style of their own.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::text::{Scale, usd};
use crate::{
    domain::{Timestamp, VersionName, statistics::Interval},
    http::leaderboard::board::RowBody,
};

/// Most points that have a circle and a tooltip each; of more, all but the Pareto front share one path.
const MOST_TITLES: usize = 75;
const MOST_LABELS: usize = 14;
/// Estimated width of a letter of a label.
const LETTER: f64 = 7.5;
const LINE: f64 = 15.0;

/// Linear map from values (`from` to `to`) to coordinates (`start` to `end`).
#[derive(Clone, Copy)]
pub struct Axis {
    pub from: f64,
    pub to: f64,
    pub start: f64,
    pub end: f64,
}

impl Axis {
    pub fn at(&self, value: f64) -> f64 {
        let span = self.to - self.from;
        let share = if span > 0.0 { (value - self.from) / span } else { 0.5 };
        self.start + share * (self.end - self.start)
    }
}

/// Returns round bounds that hold these scores, within those of the scale, and the step between marks.
pub fn round_bounds(scale: Scale<'_>, scores: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    if scale.is_share() {
        return score_bounds(scores);
    }
    let (low, high) =
        scores.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), score| (low.min(score), high.max(score)));
    if !low.is_finite() || !high.is_finite() {
        return (0.0, 1.0, 0.5);
    }
    // Equal scores span nothing, so the bounds are around them.
    let span = if high > low { high - low } else { high.abs().max(1.0) };
    let power = 10_f64.powf((span / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|of| of * power).find(|step| span / step <= 5.0).unwrap_or(span);
    let (mut from, mut to) = ((low / step + 1e-9).floor() * step, (high / step - 1e-9).ceil() * step);
    if to <= from {
        (from, to) = (from - step, from + step);
    }
    let Interval { low: least, high: most } = scale.bounds().range();
    (from.max(least), to.min(most), step)
}

/// Range of scores that the bars of a column are drawn in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BarRange {
    from: f64,
    to: f64,
}

impl BarRange {
    /// Returns 0 to 1 where scores are shares, else round bounds that hold the scores and intervals of the rows.
    pub fn of(scale: Scale<'_>, rows: &[RowBody]) -> Self {
        if scale.is_share() {
            return Self { from: 0.0, to: 1.0 };
        }
        let ends = rows.iter().flat_map(|row| [Some(row.score), row.score_low, row.score_high]).flatten();
        let (from, to, _) = round_bounds(scale, ends);
        Self { from, to }
    }

    fn at(self, score: f64) -> String {
        let axis = Axis { from: self.from, to: self.to, start: 4.0, end: 196.0 };
        format!("{:.0}", axis.at(score.max(self.from).min(self.to)))
    }
}

/// Returns round bounds that hold these scores, within 0 to 1, and the step between marks.
fn score_bounds(scores: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let (low, high) = scores.fold((1.0_f64, 0.0_f64), |(low, high), score| (low.min(score), high.max(score)));
    let step = if high - low > 0.5 { 0.2 } else { 0.1 };
    let from = ((low + 1e-9) / step).floor() * step;
    let to = ((high - 1e-9) / step).ceil() * step;
    let (from, to) = (from.clamp(0.0, 1.0), to.clamp(0.0, 1.0));
    if to - from < step { ((to - step).max(0.0), (from + step).min(1.0), step) } else { (from, to, step) }
}

pub fn marks(from: f64, to: f64, step: f64) -> impl Iterator<Item = f64> {
    let count = ((to - from) / step).round();
    (0_u8..=20).map(f64::from).take_while(move |n| *n <= count).map(move |n| from + n * step)
}

/// Draws the bar of a row: the 95 % interval, and the score within it.
pub fn bar(range: BarRange, score: f64, interval: Option<(f64, f64)>) -> Markup {
    let at = |score: f64| range.at(score);
    html! {
        svg viewBox="0 0 200 14" {
            @if let Some((low, high)) = interval { path d={ "M" (at(low)) " 7H" (at(high)) } {} }
            // The style sheet sets `cy` and `r`, which saves a kilobyte for a hundred rows.
            circle cx=(at(score)) {}
        }
    }
}

/// Draws the axis above a column of bars.
pub fn bar_axis(range: BarRange, scale: Scale<'_>) -> Markup {
    let BarRange { from, to } = range;
    html! {
        svg class="axis" viewBox="0 0 200 14" role="img" aria-label={ "Axis from " (from) " to " (to) " with 95 % intervals" } {
            @for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
                text x=(4.0 + share * 192.0) y="11" text-anchor=(anchor) { (scale.tick(from + share * (to - from))) }
            }
        }
    }
}

/// Draws the bar of a difference between −`reach` and `reach`, with zero in its middle.
pub fn difference_bar(difference: f64, interval: Option<(f64, f64)>, reach: f64) -> Markup {
    let axis = Axis { from: -reach, to: reach, start: 4.0, end: 196.0 };
    let at = |value: f64| format!("{:.1}", axis.at(value.clamp(-reach, reach)));
    html! {
        svg viewBox="0 0 200 14" {
            path class="zero" d="M100 0V14" {}
            @if let Some((low, high)) = interval { path d={ "M" (at(low)) " 7H" (at(high)) } {} }
            circle cx=(at(difference)) cy="7" r="4" {}
        }
    }
}

/// Draws the axis above a column of differences.
pub fn difference_axis(scale: Scale<'_>, reach: f64) -> Markup {
    let (low, high) = (scale.difference(-reach), scale.difference(reach));
    html! {
        svg class="axis" viewBox="0 0 200 14" role="img" aria-label={ "Axis from " (low) " to " (high) "; on the right A scores higher" } {
            text x="4" y="11" { (low) " B higher" }
            text x="100" y="11" text-anchor="middle" { "0" }
            text x="196" y="11" text-anchor="end" { "A higher " (high) }
        }
    }
}

/// Plots score against cost of the ranked rows whose cost is known; `None` where there are fewer than two.
pub fn cost_plot(rows: &[RowBody], scale: Scale<'_>) -> Option<Markup> {
    let mut points =
        rows.iter().filter(|row| row.ranked).filter_map(|row| Some((row.cost_usd?, row))).collect::<Vec<_>>();
    points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let ((least, _), (most, _)) = (points.first()?, points.last().filter(|_| points.len() > 1)?);
    let (from, to, step) = round_bounds(scale, points.iter().map(|(_, row)| row.score));
    let x = Axis { from: (least / 1.5).log10(), to: (most * 1.5).log10(), start: 58.0, end: 704.0 };
    let y = Axis { from, to, start: 372.0, end: 18.0 };
    let place = |cost: f64, row: &RowBody| (x.at(cost.log10()), y.at(row.score));

    let front = points.iter().filter(|(_, row)| row.pareto_optimal == Some(true)).collect::<Vec<_>>();
    let line = front_path(front.iter().map(|(cost, row)| place(*cost, row)), x.end);
    let crowd = points.len() > MOST_TITLES;
    let beaten = points.iter().filter(|(_, row)| crowd && row.pareto_optimal != Some(true));
    let dots = dots_path(beaten.map(|(cost, row)| place(*cost, row)));
    let labelled =
        front.iter().rev().take(MOST_LABELS).map(|(cost, row)| (place(*cost, row), row.display_name.as_str()));
    let labels = labels(labelled, points.iter().map(|(cost, row)| place(*cost, row)), &x, &y);

    Some(html! {
        svg class="plot" viewBox="0 0 720 420" role="img" aria-labelledby="plot-title plot-text" {
            title id="plot-title" { "Score against cost" }
            desc id="plot-text" {
                (points.len()) " models by the cost of their run, from " (usd(*least)) " to " (usd(*most))
                " US dollars on a logarithmic axis, and by score. A line joins the " (front.len())
                " models of the Pareto front: no other scores as " (if scale.is_lower_better() { "low" } else { "high" }) " for as little. The table has every number."
            }
            @for mark in marks(from, to, step) {
                path class="grid" d=(format!("M{} {:.1}H{}", x.start, y.at(mark), x.end)) {}
                text x="50" y=(format!("{:.1}", y.at(mark) + 4.0)) text-anchor="end" { (scale.tick(mark)) }
            }
            @for mark in cost_marks(*least / 1.5, *most * 1.5) {
                path class="grid" d=(format!("M{:.1} {}V{}", x.at(mark.log10()), y.start, y.end)) {}
                text x=(format!("{:.1}", x.at(mark.log10()))) y="390" text-anchor="middle" { "$" (short(mark)) }
            }
            text x="381" y="412" text-anchor="middle" { "Cost of the run, US dollars (logarithmic)" }
            path class="front" d=(line) {}
            @if crowd { path class="dots" d=(dots) {} }
            @for (cost, row) in &points {
                @let (x, y) = place(*cost, row);
                @let best = row.pareto_optimal == Some(true);
                @if best || !crowd {
                    circle class=[best.then_some("best")] cx=(format!("{x:.0}")) cy=(format!("{y:.0}")) r=(if best { "5" } else { "4" }) {
                        title { (row.display_name) ", " (scale.score(row.score)) ", $" (usd(*cost)) }
                    }
                }
            }
            @for (x, y, anchor, text) in labels {
                text class="name" x=(format!("{x:.0}")) y=(format!("{y:.0}")) text-anchor=(anchor) { (text) }
            }
        }
    })
}

/// Returns the path of the Pareto front through its points, up to the end of the axis.
fn front_path(points: impl Iterator<Item = (f64, f64)>, end: f64) -> String {
    let mut path = String::new();
    for (x, y) in points {
        // Until the next point, this is the best score that the money buys.
        _ = if path.is_empty() { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
    }
    _ = write!(path, "H{end:.1}");
    path
}

/// Returns one path of all points that have no title, which is shorter than an element for each.
fn dots_path(points: impl Iterator<Item = (f64, f64)>) -> String {
    let mut path = String::new();
    for (x, y) in points {
        _ = write!(path, "M{x:.0} {y:.0}h0");
    }
    path
}

/// Places each label where it hides no point and no other label; those that fit nowhere are left out.
pub fn labels<'a>(
    wanted: impl Iterator<Item = ((f64, f64), &'a str)>,
    points: impl Iterator<Item = (f64, f64)>,
    x_axis: &Axis,
    y_axis: &Axis,
) -> Vec<(f64, f64, &'static str, &'a str)> {
    let mut taken = points.map(|(x, y)| [x - 4.0, y - 4.0, x + 4.0, y + 4.0]).collect::<Vec<_>>();
    let mut placed = Vec::new();
    for ((x, y), text) in wanted {
        let width = f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX)) * LETTER;
        let places = [
            (x - 8.0, y - 8.0, "end"),
            (x - 9.0, y + 4.0, "end"),
            (x, y - 11.0, "middle"),
            (x + 52.0, y - 11.0, "end"),
            (x + 8.0, y - 8.0, "start"),
            (x + 9.0, y + 4.0, "start"),
            (x + 8.0, y + 16.0, "start"),
            (x, y + 19.0, "middle"),
        ];
        let fitting = places.into_iter().find_map(|(x, y, anchor)| {
            let left = match anchor {
                "end" => x - width,
                "middle" => x - width / 2.0,
                _ => x,
            };
            let [left, top, right, bottom] = [left, y - LINE + 4.0, left + width, y + 4.0];
            let inside = left > x_axis.start && right < x_axis.end && top > y_axis.end - 14.0 && bottom < y_axis.start;
            let free = taken.iter().all(|[l, t, r, b]| right < *l || left > *r || bottom < *t || top > *b);
            (inside && free).then_some(((x, y, anchor), [left, top, right, bottom]))
        });
        if let Some(((x, y, anchor), area)) = fitting {
            taken.push(area);
            placed.push((x, y, anchor, text));
        }
    }
    placed
}

/// Returns round amounts within the bounds: 1, 2, 5, 10 …, or powers of ten where there would be many.
fn cost_marks(least: f64, most: f64) -> Vec<f64> {
    let wide = (most / least).log10() > 3.0;
    let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = (-9_i8..=9).map(|power| 10_f64.powi(i32::from(power)));
    let all = powers.flat_map(|power| steps.iter().map(move |step| step * power));
    all.filter(|mark| (least..=most).contains(mark)).collect()
}

/// Formats an amount without needless zeros.
fn short(amount: f64) -> String {
    if amount >= 1.0 { format!("{amount:.0}") } else { format!("{amount:.9}").trim_end_matches('0').to_owned() }
}

/// A published score, and when its run was evaluated.
#[derive(Clone, Debug)]
pub struct DatedScore {
    /// When the run was evaluated.
    pub at: Timestamp,
    /// Version of the benchmark: scores of different versions are not joined.
    pub version: VersionName,
    /// The score.
    pub score: f64,
    /// The score's 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// Text of the tooltip.
    pub text: String,
}

/// Draws scores over time, oldest first, with their intervals; `None` where there are none. `id` is unique on the page.
pub fn history_chart(scores: &[DatedScore], scale: Scale<'_>, id: usize, title: &str) -> Option<Markup> {
    let (first, last) = (scores.first()?, scores.last()?);
    let every = scores.iter().flat_map(|score| {
        let (low, high) = score.interval.unwrap_or((score.score, score.score));
        [low, high, score.score]
    });
    let (from, to, step) = round_bounds(scale, every);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are within 2⁵³")]
    let ms = |at: Timestamp| at.0 as f64;
    let x = Axis { from: ms(first.at), to: ms(last.at), start: 78.0, end: 684.0 };
    let y = Axis { from, to, start: 150.0, end: 24.0 };
    let mut lines = String::new();
    let mut ranges = String::new();
    let mut version = None;
    let mut versions = Vec::new();
    for score in scores {
        let (x, middle) = (x.at(ms(score.at)), y.at(score.score));
        let command = if version == Some(&score.version) { 'L' } else { 'M' };
        _ = write!(lines, "{command}{x:.1} {middle:.1}");
        if let Some((low, high)) = score.interval {
            _ = write!(ranges, "M{x:.1} {:.1}V{:.1}", y.at(low), y.at(high));
        }
        if version != Some(&score.version) {
            versions.push((x, score.version.as_str()));
        }
        version = Some(&score.version);
    }
    let days = [(first.at, x.at(ms(first.at))), (last.at, x.at(ms(last.at)))];
    let days = days.iter().map(|(at, x)| (super::text::day(*at), x)).collect::<Vec<_>>();
    let one_day = days.first().map(|(day, _)| day) == days.last().map(|(day, _)| day);
    Some(html! {
        svg class="plot" viewBox="0 0 720 184" role="img" aria-labelledby={ "history-" (id) } {
            title id={ "history-" (id) } { (title) }
            @for mark in marks(from, to, step) {
                path class="grid" d=(format!("M58 {:.1}H704", y.at(mark))) {}
                text x="50" y=(format!("{:.1}", y.at(mark) + 4.0)) text-anchor="end" { (scale.tick(mark)) }
            }
            @for (day, x) in days.iter().take(if one_day { 1 } else { 2 }) {
                text x=(format!("{x:.1}")) y="174" text-anchor="middle" { (day) }
            }
            @for (x, version) in versions {
                text class="name" x=(format!("{x:.1}")) y="12" text-anchor="middle" { (version) }
            }
            path class="range" d=(ranges) {}
            path class="front" d=(lines) {}
            @for score in scores {
                circle class="best" cx=(format!("{:.1}", x.at(ms(score.at)))) cy=(format!("{:.1}", y.at(score.score))) r="5" {
                    title { (score.text) }
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::measure::{Bounds, Measure, Metric};

    #[test]
    fn bounds_are_round_and_hold_every_score() {
        let close = |(from, to, step): (f64, f64, f64), expected: [f64; 3]| {
            [from, to, step].iter().zip(expected).all(|(value, expected)| (value - expected).abs() < 1e-9)
        };
        assert!(close(score_bounds([0.62, 0.88].into_iter()), [0.6, 0.9, 0.1]));
        assert!(close(score_bounds([0.031, 0.88].into_iter()), [0.0, 1.0, 0.2]));
        assert!(close(score_bounds([0.7].into_iter()), [0.6, 0.8, 0.1]), "{:?}", score_bounds([0.7].into_iter()));
        assert!(close(score_bounds([1.0].into_iter()), [0.9, 1.0, 0.1]));
        assert!(close(score_bounds([0.0].into_iter()), [0.0, 0.1, 0.1]));
    }

    #[test]
    fn axes_of_other_scales_are_round_too() {
        let of = |lower, scores: &[f64]| {
            let measure = Measure { bounds: Bounds { lower, upper: None }, ..Measure::plain(Metric::Score) };
            round_bounds(Scale::of(&measure), scores.iter().copied())
        };
        assert_eq!(of(None, &[1180.0, 1287.0]), (1150.0, 1300.0, 50.0));
        assert_eq!(of(Some(0.0), &[3.0, 41.0]), (0.0, 50.0, 10.0));
        assert_eq!(of(Some(0.0), &[0.0]), (0.0, 0.2, 0.2), "nothing below the bound");
        assert_eq!(of(None, &[]), (0.0, 1.0, 0.5));
        assert_eq!(marks(1150.0, 1300.0, 50.0).collect::<Vec<_>>(), [1150.0, 1200.0, 1250.0, 1300.0]);
    }

    #[test]
    fn cost_marks_are_round() {
        assert_eq!(cost_marks(0.3, 30.0), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]);
        assert_eq!(cost_marks(0.09, 250.0), [0.1, 1.0, 10.0, 100.0]);
        assert_eq!([0.05, 20.0, 0.000_1].map(short), ["0.05", "20", "0.0001"]);
    }

    #[test]
    fn labels_hide_nothing() {
        let axis = |start, end| Axis { from: 0.0, to: 1.0, start, end };
        let points = [(300.0, 200.0), (302.0, 202.0), (304.0, 204.0)];
        let wanted = points.iter().map(|point| (*point, "a name that is long"));
        let placed = labels(wanted, points.into_iter(), &axis(58.0, 704.0), &axis(372.0, 18.0));
        for (n, a) in placed.iter().enumerate() {
            for b in placed.iter().skip(n + 1) {
                assert!((a.1 - b.1).abs() > 10.0 || a.2 != b.2, "{placed:?}");
            }
        }
    }
}
