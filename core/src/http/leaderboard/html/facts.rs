//! Facts about the benchmark version of a board.

use maud::{Markup, html};

use super::text::{Scale, address, minute};
use crate::{
    domain::{
        VersionName,
        measure::{Bounds, Direction, Measure, Metric},
    },
    store::{leaderboard::Scope, pages::VersionFacts},
};

/// Renders the facts of a board on which `systems` systems are ranked.
pub fn of(facts: &VersionFacts, scope: &Scope, systems: usize) -> Markup {
    let version = |version: &VersionName| {
        let to = address("/leaderboard", &[("benchmark", scope.benchmark.as_str()), ("version", version.as_str())]);
        html! { a href=(to) { (version) } }
    };
    let is_current = facts.current_version.as_ref() == Some(&scope.version);
    let conditions = facts
        .conditions
        .said()
        .map(|(name, value)| format!("{}: {}", name.words(), name.value(value)))
        .collect::<Vec<_>>();
    html! {
        @if let Some(tasks) = facts.whole_task_count {
            p class="note" {
                "This is a part: " (facts.task_count) " of " (tasks) " tasks"
                @if let Some(whole) = &facts.part_of { " of version " (version(whole)) } "."
            }
        } @else if let Some(other) = &facts.other_scoring_of {
            p class="note" { "This is a second scoring of the tasks of version " (version(other)) "." }
        } @else if let Some(current) = facts.current_version.as_ref().filter(|_| !is_current) {
            p class="note" { "The current version of this benchmark is " (version(current)) "." }
        }
        dl class="facts" {
            div { dt { "Version" } dd { (scope.version) @if is_current { " (current)" } } }
            div { dt { "Systems" } dd { (systems) } }
            @if facts.task_count > 0 {
                div { dt { "Tasks" } dd { (facts.task_count) @if facts.private_tasks { " (private)" } @if facts.attempts_per_task > 1 { " × " (facts.attempts_per_task) } } }
            }
            div { dt { "Metric" } dd { (metric(&scope.measure)) } }
            @if let Some(level) = facts.chance_level { div { dt { "Guessing scores" } dd { (Scale::of(&scope.measure).score(level)) } } }
            @if let Some(since) = &facts.tasks_published_on { div { dt { "Tasks public since" } dd { (since) } } }
            @if !facts.parts.is_empty() {
                div { dt { "Score made of" } dd { (facts.parts.iter().map(|part| format!("{} {}", part.id, part.weight)).collect::<Vec<_>>().join(" · ")) } }
            }
            @if !conditions.is_empty() { div { dt { "Conditions" } dd { (conditions.join(" · ")) } } }
            @if let Some(licence) = &facts.licence { div { dt { "Licence" } dd { (licence) } } }
            @if let Some(homepage) = &facts.homepage { div { dt { "Home page" } dd { a href=(homepage) rel="nofollow ugc" { (homepage) } } } }
            @if let Some(snapshot) = &scope.snapshot { div { dt { "As of" } dd { time datetime=(snapshot.created_at) { (minute(snapshot.created_at)) } } } }
        }
        @if let Some(citation) = &facts.citation {
            details { summary { "How to cite it" } pre { (citation) } }
        }
    }
}

/// Describes what scores are: `pass rate`, or `mean score in s, at least 0; lower is better`.
fn metric(measure: &Measure) -> String {
    let mut text = if measure.metric == Metric::PassRate { "pass rate".to_owned() } else { "mean score".to_owned() };
    if let Some(unit) = &measure.unit {
        text = format!("{text} in {unit}");
    }
    if !measure.is_share() {
        let Bounds { lower, upper } = measure.bounds;
        text += &match (lower, upper) {
            (Some(lower), Some(upper)) => format!(", {lower} to {upper}"),
            (Some(lower), None) => format!(", at least {lower}"),
            (None, Some(upper)) => format!(", at most {upper}"),
            (None, None) => String::new(),
        };
    }
    if measure.direction == Direction::LowerIsBetter { text + "; lower is better" } else { text }
}
