//! The section of a leaderboard about the benchmark's health: whether its tasks still tell systems apart.

use maud::{Markup, html};

use super::text::{Scale, address, count, grouped};
use crate::{
    domain::leaderboard::{LeaderGap, Method, TaskSet},
    http::leaderboard::health::{BenchmarkHealth, Leaders},
};

/// Most task scores that are read for a page; the API reads more.
pub const MOST_SCORES: u32 = 100_000;
/// Most tasks that are named.
const MOST_NAMED: usize = 20;

/// Renders the section; nothing where fewer than two systems are ranked.
pub fn section(health: &BenchmarkHealth, scale: Scale<'_>, pinned: Option<&str>) -> Markup {
    let of = &health.saturation;
    let api = format!("/api/v1/benchmarks/{}/health", health.benchmark);
    let parameters = [("version", health.version.as_str()), ("snapshot", pinned.unwrap_or_default())];
    html! {
        @if of.systems > 1 {
            section aria-labelledby="health" {
                h2 id="health" { "What this benchmark still tells" }
                @if let Some(leaders) = &health.leaders { p class="verdict" { (verdict(leaders, scale)) } }
                dl class="facts" {
                    @if let Some(separating) = of.separating {
                        div { dt { "Separate the best " (separating.systems) } dd { (tasks(separating.tasks)) } }
                    }
                    @if let Some(set) = &of.passed_by_all { div { dt { "Every system passes" } dd { (tasks(set.count)) } } }
                    @if let Some(set) = &of.passed_by_none { div { dt { "No system passes" } dd { (tasks(set.count)) } } }
                    @if let Some(gap) = health.leaders.as_ref().and_then(|leaders| leaders.gap.detectable_difference) {
                        div { dt { "Smallest gap it can tell" } dd { (scale.gap(gap)) } }
                    }
                }
                @for (title, set) in [("Passed by every system", &of.passed_by_all), ("Passed by none", &of.passed_by_none)] {
                    @if let Some(set) = set { (named(title, set)) }
                }
                p { a href=(address(&api, &parameters)) { "These numbers as JSON" } }
            }
        }
    }
}

fn tasks(number: usize) -> String {
    count(number, "task")
}

fn named(title: &str, set: &TaskSet) -> Markup {
    let ids = set.ids.as_deref().unwrap_or_default();
    html! {
        @if !ids.is_empty() {
            details {
                summary { (title) ": " (tasks(set.count)) }
                ul { @for id in ids.iter().take(MOST_NAMED) { li { code { (id) } } } }
                @if set.count > MOST_NAMED { p class="meta" { (set.count.saturating_sub(MOST_NAMED)) " more" } }
            }
        }
    }
}

/// Describes who leads by how much, how certain that is, and what it would take to be more certain.
fn verdict(leaders: &Leaders, scale: Scale<'_>) -> String {
    let Leaders { first, second, gap } = leaders;
    let (first, second) = (first.name(), second.name());
    if gap.found.difference == 0.0 {
        return format!("{first} and {second} share the first place: they score the same.");
    }
    let size = scale.gap(gap.found.difference);
    let leads = format!("{first} leads {second} by {size}.");
    match gap.power {
        None if gap.method == Method::Mover => format!("{leads} The sources do not say how sure that is."),
        None => format!("{leads} There are too few tasks to say how sure that is."),
        Some(power) if power >= 0.8 => {
            format!("{leads} A gap of this size is found in {} of such comparisons.", percent(power))
        }
        Some(power) => format!(
            "{leads} A gap of this size is found in only {} of such comparisons. {}",
            percent(power),
            remedy(gap)
        ),
    }
}

fn percent(share: f64) -> String {
    if share > 0.99 { "more than 99 %".to_owned() } else { format!("{:.0} %", share * 100.0) }
}

fn remedy(gap: &LeaderGap) -> String {
    let attempts = gap.attempts_needed.map(|attempts| format!("{} attempts at each task", grouped(attempts)));
    let more = gap.more_tasks.map(|more| format!("{} more tasks", grouped(more)));
    match (more, attempts) {
        (Some(more), Some(attempts)) => format!("To find it in 80 % takes {more}, or {attempts}."),
        (Some(remedy), None) | (None, Some(remedy)) => format!("To find it in 80 % takes {remedy}."),
        (None, None) => "No number of tasks like these would do.".to_owned(),
    }
}
