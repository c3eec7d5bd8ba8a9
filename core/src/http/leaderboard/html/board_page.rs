//! The content of a board's page: facts, charts, filters, the table, and links to the same data.

use maud::{Markup, html};

use super::{
    QueryParameters, ROWS, chooser, facts, filters, health, more, progress,
    table::{Table, at_a_glance, most_for_the_money},
    text::{Scale, address},
};
use crate::{
    http::leaderboard::{
        board::{Board, RowBody},
        health::BenchmarkHealth,
    },
    store::pages::{VersionChoice, VersionFacts},
};

/// A board and what stands on its page.
pub(super) struct BoardPage {
    pub(super) choices: QueryParameters,
    pub(super) known: Vec<VersionChoice>,
    pub(super) facts: VersionFacts,
    pub(super) board: Board,
    /// The ranked rows of the board.
    pub(super) ranked: Vec<RowBody>,
    /// The rows on this page.
    pub(super) rows: Vec<RowBody>,
    /// Number of rows that the filters leave.
    pub(super) matching: usize,
    pub(super) next: Option<String>,
    /// Health of the benchmark, where the whole board is shown.
    pub(super) health: Option<BenchmarkHealth>,
}

impl BoardPage {
    /// Renders the content of the page; `plot` is the chart of score by cost.
    pub(super) fn markup(&self, plot: Option<Markup>) -> Markup {
        let scope = &self.board.scope;
        let scale = Scale::of(&scope.measure);
        let snapshot = scope.snapshot.as_ref().map(|snapshot| snapshot.id.as_str());
        let pinned = self.choices.get("snapshot").and(snapshot);
        html! {
            @if let Some(description) = &scope.description { p class="lede" { (description) } }
            (facts::of(&self.facts, scope, self.ranked.len()))
            @if pinned.is_some() {
                p class="note" { "This is an earlier state, kept as it was. " a href=(self.choices.with(&[("snapshot", "")])) { "See the newest" } }
            }
            (self.versions())
            @if self.board.rows.is_empty() {
                p class="note" {
                    @if scope.snapshot.is_some() { "No run answers this choice of tasks. " a href=(self.whole()) { "Show every task" } }
                    @else { "Nothing has been published on this version yet." }
                }
            } @else {
                (at_a_glance(&self.ranked, scale))
                (self.drawings(plot))
                (filters::form(&self.choices, &self.board, self.rows.len(), self.matching, &self.whole()))
                @if self.rows.is_empty() {
                    p class="note" { "No model matches. " a href=(self.whole()) { "Show all " (self.ranked.len()) } }
                } @else {
                    (Table::new(&self.choices, scale, &self.ranked, &self.rows).markup(&scope.benchmark, &scope.version, pinned))
                }
            }
            @if let Some(health) = &self.health { (health::section(health, scale, pinned)) }
            (chooser::form(&self.known, &scope.benchmark, "/leaderboard"))
            (self.data())
        }
    }

    /// Renders the charts of score by cost and over time, folded away: the table is what people come for.
    fn drawings(&self, plot: Option<Markup>) -> Markup {
        let scale = Scale::of(&self.board.scope.measure);
        let progress = progress::chart(&self.ranked, scale);
        html! {
            @if plot.is_some() || progress.is_some() {
                details class="fold" {
                    summary {
                        @match (&plot, &progress) {
                            (Some(_), Some(_)) => "Score by cost and over time",
                            (Some(_), None) => "Score by cost",
                            (None, _) => "Score over time",
                        }
                    }
                    @if let Some(plot) = plot {
                        div class="overview" {
                            figure { div class="wide" role="region" tabindex="0" aria-label="Plot" { (plot) } figcaption { "Score against cost. The line is the Pareto front: the best score that the money buys." } }
                            (most_for_the_money(&self.ranked, scale))
                        }
                    }
                    @if let Some(chart) = progress {
                        figure { div class="wide" role="region" tabindex="0" aria-label="Chart" { (chart) } figcaption { "Every system by the day of its evaluation. The line is the best score until then." } }
                    }
                }
            }
        }
    }

    /// Returns the address of the board without filters.
    pub(super) fn whole(&self) -> String {
        address(
            "/leaderboard",
            &[("benchmark", self.board.scope.benchmark.as_str()), ("version", self.board.scope.version.as_str())],
        )
    }

    /// Renders links to the versions of the benchmark; nothing where there is only one.
    fn versions(&self) -> Markup {
        let scope = &self.board.scope;
        let versions = self.known.iter().filter(|choice| choice.benchmark == scope.benchmark).collect::<Vec<_>>();
        html! {
            @if versions.len() > 1 {
                nav class="versions" aria-label="Versions" {
                    @for choice in versions.iter().take(20) {
                        @let here = choice.version == scope.version;
                        a href=(address("/leaderboard", &[("benchmark", choice.benchmark.as_str()), ("version", choice.version.as_str())])) aria-current=[here.then_some("page")] { (choice.version) @if !choice.whole { small { " part or second scoring" } } }
                    }
                }
            }
        }
    }

    /// Renders the link to the next rows, and links to the same data for programs.
    fn data(&self) -> Markup {
        let scope = &self.board.scope;
        let benchmark = ("benchmark", scope.benchmark.as_str());
        let version = ("version", scope.version.as_str());
        let api = |path: &str| self.choices.elsewhere(path, &[benchmark, version]);
        html! {
            (more(&self.choices, self.next.as_deref(), &format!("Next {ROWS} rows")))
            nav class="data" aria-label="Data" {
                @if let Some(snapshot) = &scope.snapshot {
                    a href=(self.choices.with(&[benchmark, version, ("snapshot", snapshot.id.as_str())])) { "Permalink of this state" }
                }
                a href=(api("/api/v1/leaderboard.csv")) { "CSV" }
                a href=(api("/api/v1/leaderboard.ndjson")) { "NDJSON" }
                a href=(api("/api/v1/leaderboard")) { "JSON" }
                a href=(address("/leaderboard/seals", &[benchmark, version])) { "Seals" }
                a href=(address("/changes", &[benchmark])) { "Changes" }
                a href=(address("/standings", &[benchmark])) { "Beside other benchmarks" }
                a href=(address("/api/v1/changes.atom", &[benchmark])) type="application/atom+xml" { "Atom feed" }
            }
        }
    }
}
