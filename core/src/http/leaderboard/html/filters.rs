//! The form that filters the rows of a board.

use maud::{Markup, html};

use super::{QueryParameters, select, text::count};
use crate::http::leaderboard::board::Board;

/// Most providers to choose from.
const PROVIDERS: usize = 60;
/// Parameters that leave rows out.
const FILTERS: [&str; 9] =
    ["scenario", "language", "difficulty", "provider", "baseModel", "period", "conditions", "sealed", "q"];
/// Parameters that change which rows there are, or their order, and that are folded away with the filters.
const FOLDED: [&str; 3] = ["periodOf", "group", "evidence"];
const PERIODS: [(&str, &str); 4] = [("", "any time"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days")];

/// Renders the form, with how many of the `matching` rows are shown; `whole` is the address without filters.
pub(super) fn form(choices: &QueryParameters, board: &Board, shown: usize, matching: usize, whole: &str) -> Markup {
    let scope = &board.scope;
    let is_given = |name: &&str| choices.get(name).is_some_and(|value| value != "all");
    let is_open = FILTERS.iter().filter(|name| **name != "q").any(is_given)
        || FOLDED.iter().any(|name| choices.get(name).is_some());
    html! {
        form class="filters" action="/leaderboard" role="search" aria-label="Filter" {
            input type="hidden" name="benchmark" value=(scope.benchmark);
            input type="hidden" name="version" value=(scope.version);
            @for name in ["snapshot", "sort", "order", "baseModel"] {
                @if let Some(value) = choices.get(name) { input type="hidden" name=(name) value=(value); }
            }
            label { span { "Model" } input type="search" name="q" maxlength="100" value=[choices.get("q")]; }
            button { "Filter" }
            @if FILTERS.iter().any(is_given) {
                a href=(whole) { "Clear" }
            }
            (status(choices, shown, matching))
            details open[is_open] {
                summary { "More filters" }
                div class="chooser" {
                    (slice_fields(choices, board))
                    (period_fields(choices))
                    (run_fields(choices, board))
                }
            }
        }
    }
}

/// Renders how many rows are shown, and what they are limited to.
fn status(choices: &QueryParameters, shown: usize, matching: usize) -> Markup {
    html! {
        p class="meta" role="status" {
            @if matching == shown { (count(matching, "row")) }
            @else { (shown) " of " (count(matching, "row")) }
            @for name in ["scenario", "language", "difficulty"] { @if let Some(value) = choices.get(name) { " · ranked on the tasks of " (name) " " strong { (value) } " alone" } }
            @if let Some(base) = choices.get("baseModel") { " · " strong { (base) } " and its variants" }
        }
    }
}

/// Renders the fields that choose tasks and providers, where there is a choice.
fn slice_fields(choices: &QueryParameters, board: &Board) -> Markup {
    let slices = &board.scope.slices;
    let slices = [
        ("scenario", "Scenario", &slices.scenario),
        ("language", "Language", &slices.language),
        ("difficulty", "Difficulty", &slices.difficulty),
    ];
    let mut providers = board.rows.iter().map(|row| row.model.provider()).collect::<Vec<_>>();
    providers.sort_unstable();
    providers.dedup();
    providers.truncate(PROVIDERS);
    html! {
        @for (name, label, values) in slices.into_iter().filter(|(_, _, values)| values.len() > 1) {
            (select(name, label, choices.get(name), values.iter().map(|value| (value.as_str(), value.as_str()))))
        }
        @if providers.len() > 1 {
            (select("provider", "Provider", choices.get("provider"), providers.iter().map(|value| (*value, *value))))
        }
    }
}

/// Renders the fields that choose when a run was published or evaluated.
fn period_fields(choices: &QueryParameters) -> Markup {
    let is_evaluated = choices.get("periodOf") == Some("evaluated");
    html! {
        label {
            span { "Within" }
            select name="period" {
                @for (value, label) in PERIODS { option value=(value) selected[choices.get("period") == Some(value)] { (label) } }
            }
        }
        label {
            span { "of its" }
            select name="periodOf" {
                option value="" { "publication" }
                option value="evaluated" selected[is_evaluated] { "evaluation" }
            }
        }
    }
}

/// Renders the fields that choose by what is known of a run: its evidence, conditions, seal and base model.
fn run_fields(choices: &QueryParameters, board: &Board) -> Markup {
    let is_all = choices.get("evidence") == Some("all");
    let by_base = choices.get("group") == Some("baseModel");
    let has_bases = board.rows.iter().any(|row| row.base_model.is_some());
    html! {
        label {
            span { "Evidence" }
            select name="evidence" {
                option value="" { "what is ranked" }
                option value="all" selected[is_all] { "all" }
            }
        }
        @if board.scope.conditions.if_any().is_some() || choices.get("conditions").is_some() {
            (select("conditions", "Conditions", choices.get("conditions"), std::iter::once(("prescribed", "as prescribed"))))
        }
        @if board.rows.iter().any(|row| row.seal.is_some()) || choices.get("sealed").is_some() {
            (select("sealed", "Sealed", choices.get("sealed"), [("true", "before it was run"), ("false", "not sealed")].into_iter()))
        }
        @if has_bases || by_base {
            label {
                span { "Together" }
                select name="group" {
                    option value="" { "nothing" }
                    option value="baseModel" selected[by_base] { "variants of a model" }
                }
            }
        }
    }
}
