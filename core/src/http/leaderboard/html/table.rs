//! The ranked table.

use std::collections::{HashMap, HashSet};

use maud::{Markup, html};

use super::{
    QueryParameters,
    plot::{BarRange, bar, bar_axis},
    text::{Scale, count, day, duration, model_address, system_name, usd, words},
};
use crate::{
    domain::{
        BenchmarkId, VersionName,
        leaderboard::{Flag, IntervalMethod},
        run_links::RunLinks,
        system::words as words_of,
    },
    http::leaderboard::board::RowBody,
};

/// Most systems of the Pareto front that are listed.
const MOST_OF_FRONT: usize = 12;

/// Flags, the words that stand for them, and what they mean.
const FLAGS: [(Flag, &str, &str); 9] = [
    (
        Flag::CountsOnly,
        "counts only",
        "The source tells how many tasks passed, but not which: there is nothing to check task by task.",
    ),
    (
        Flag::ScoreOnly,
        "score only",
        "The source publishes one number for the whole run: there is nothing to check it by.",
    ),
    (
        Flag::SelfReported,
        "self-reported",
        "The numbers come from whoever made the model or sells it; nobody else has evaluated it.",
    ),
    (
        Flag::DirtyHarness,
        "changed harness",
        "The harness had changes that are in no commit, so the run cannot be repeated exactly.",
    ),
    (
        Flag::Contamination,
        "possible contamination",
        "The tasks were public before the model's training ended: it may have seen them.",
    ),
    (Flag::BestOfN, "best of several", "Each task was tried more than once and the best try counts."),
    (
        Flag::OtherConditions,
        "other conditions",
        "The run was made under other conditions than this version prescribes; under the flag stands which.",
    ),
    (
        Flag::Unpinned,
        "unpinned",
        "The source does not tell which commit of the code was run, so the run cannot be repeated exactly.",
    ),
    (
        Flag::MissingCost,
        "cost unknown",
        "The cost of at least one attempt is unknown, or was told as zero: unknown is not free.",
    ),
];

/// The ranked table of one page; what is true of all its rows is said once.
pub struct Table<'a> {
    choices: &'a QueryParameters,
    scale: Scale<'a>,
    range: BarRange,
    rows: &'a [RowBody],
    /// Whether the rows have different evaluator relationships; otherwise there is no column for them.
    evaluators_differ: bool,
    has_latency: bool,
    has_cost: bool,
    /// Flags that every row has, where there are several rows.
    common: Vec<Flag>,
    /// Display names that several models of the page share.
    alike: HashSet<&'a str>,
    /// How many models share each tie group, on the whole board.
    ties: Vec<usize>,
}

impl<'a> Table<'a> {
    /// Creates the table of one page: `board` holds everything that was ranked, `rows` the rows of the page.
    pub fn new(choices: &'a QueryParameters, scale: Scale<'a>, board: &[RowBody], rows: &'a [RowBody]) -> Self {
        let first = rows.first();
        let is_common = |flag: &Flag| rows.len() > 1 && rows.iter().all(|row| row.flags.contains(flag));
        let groups = board.iter().filter_map(|row| row.tie_group).max().unwrap_or(0);
        let size = |group: usize| board.iter().filter(|row| row.tie_group == Some(group)).count();
        Self {
            choices,
            scale,
            range: BarRange::of(scale, board),
            rows,
            evaluators_differ: rows
                .iter()
                .any(|row| first.is_some_and(|first| first.evaluator_relationship != row.evaluator_relationship)),
            has_latency: rows.iter().any(|row| row.latency_ms_p50.is_some()),
            has_cost: board.iter().any(|row| row.cost_usd.is_some()),
            common: first.map(|row| row.flags.iter().copied().filter(is_common).collect()).unwrap_or_default(),
            alike: alike(rows),
            ties: (0..=groups).map(size).collect(),
        }
    }

    /// Renders the table, within the form that compares the ticked rows.
    pub fn markup(&self, benchmark: &BenchmarkId, version: &VersionName, snapshot: Option<&str>) -> Markup {
        html! {
            form action="/leaderboard/compare" {
                input type="hidden" name="benchmark" value=(benchmark);
                input type="hidden" name="version" value=(version);
                @if let Some(snapshot) = snapshot { input type="hidden" name="snapshot" value=(snapshot); }
                div class="wide" role="region" tabindex="0" aria-label="Ranked models" {
                    table class="board ranks" aria-describedby="about" {
                        thead { (self.head()) }
                        @for (first, group) in self.groups() { (self.group(first, group)) }
                    }
                }
                p class="tools" { small { "Two, or one against several: the first is compared with each other." } button { "Compare the ticked models" } }
                p class="meta" id="about" {
                    "Ranges of ranks and bars show 95 % intervals."
                    @if self.shows_ties() { " Models that a stripe joins are a tie: the best rank that their intervals allow is the same." }
                }
            }
            (self.legend())
        }
    }

    fn head(&self) -> Markup {
        html! {
            tr {
                (self.column("rank", "Rank", None))
                (self.column("model", "Model", None))
                (self.column("score", if self.scale.is_lower_better() { "Score, lower is better" } else { "Score" }, Some("n")))
                th scope="col" class="bar" { (bar_axis(self.range, self.scale)) }
                @if self.scale.is_percent() { th scope="col" class="n" { "Passed" } }
                @if self.has_cost { (self.column("cost", "Cost, $", Some("n"))) }
                @if self.has_latency { (self.column("latency", "Latency", Some("n"))) }
                @if self.evaluators_differ { th scope="col" { "By" } }
                (self.column("evaluatedAt", "Evaluated", None))
                (self.column("date", "Published", None))
                th scope="col" { "Compare" }
            }
        }
    }

    /// Renders a header that sorts by its column, and the other way round where the table is sorted by it already.
    fn column(&self, key: &str, label: &str, class: Option<&str>) -> Markup {
        let descends =
            |by: &str| matches!(by, "date" | "evaluatedAt") || by == "score" && !self.scale.is_lower_better();
        let sorted_by = self.choices.get("sort").unwrap_or("rank");
        let active = sorted_by == key;
        let descending = self.choices.get("order").map_or(descends(key), |order| order == "desc");
        let turned = if descending { "asc" } else { "desc" };
        let address = match active {
            true if turned == (if descends(key) { "desc" } else { "asc" }) => {
                self.choices.with(&[("sort", key), ("order", "")])
            }
            true => self.choices.with(&[("sort", key), ("order", turned)]),
            false => self.choices.with(&[("sort", if key == "rank" { "" } else { key }), ("order", "")]),
        };
        let direction = if descending { "descending" } else { "ascending" };
        html! { th scope="col" class=[class] aria-sort=[active.then_some(direction)] { a href=(address) { (label) } } }
    }

    /// Checks whether ties are marked: sorted or grouped otherwise, the rows of a tie do not stand together.
    fn shows_ties(&self) -> bool {
        matches!(self.choices.get("sort"), None | Some("rank" | "score")) && !self.is_grouped()
    }

    /// Checks whether variants of a model stand together, in place of ties.
    fn is_grouped(&self) -> bool {
        self.choices.get("group") == Some("baseModel")
    }

    /// Returns adjacent rows of a tie group, with the place of the first. Where variants stand together, it returns
    /// those of a model instead; where neither is shown, all rows.
    fn groups(&self) -> impl Iterator<Item = (usize, &'a [RowBody])> {
        let (ties, by_base) = (self.shows_ties(), self.is_grouped());
        // A row that is not ranked stands with the ranked one above it.
        let groups = self.rows.chunk_by(move |a, b| {
            !b.ranked || if by_base { a.base() == b.base() } else { !ties || a.ranked && a.tie_group == b.tie_group }
        });
        groups.scan(0_usize, |next, group| {
            let first = *next;
            *next = first.saturating_add(group.len());
            Some((first, group))
        })
    }

    fn group(&self, first: usize, rows: &[RowBody]) -> Markup {
        let size = rows.first().and_then(|row| self.ties.get(row.tie_group?)).copied().unwrap_or(1);
        html! { tbody class=[(size > 1 && self.shows_ties()).then_some("tie")] {
                @for (n, row) in rows.iter().enumerate() { (self.row(first.saturating_add(n), row, self.is_grouped() && n > 0)) }
            }
        }
    }

    /// Renders a row. `place` is its place on the page, `below` whether it stands under another one of its base model.
    fn row(&self, place: usize, row: &RowBody, below: bool) -> Markup {
        let interval = row.score_low.zip(row.score_high);
        let range = row.rank_low.zip(row.rank_high).filter(|(low, high)| low != high);
        let range = range.map(|(low, high)| format!("{low}–{high}")).unwrap_or_default();
        let system = words_of(row.agent.as_ref(), row.configuration.as_deref());
        html! {
            tr class=[(below || !row.ranked).then_some("other")] {
                td class="k" { @match row.rank { Some(rank) => { (rank) small { (range) } }, None => span class="none" { "also" } } }
                // A `th` in this column is its row's header without a `scope`, which every row would repeat. Names are
                // long, so the box takes its name from the header (`aria-labelledby`).
                th id={ "r" (place) } {
                    a href=(model_address(&row.model)) { (row.display_name) }
                    @if self.alike.contains(row.display_name.as_str()) { small { (row.model) } } @else if row.display_name != row.model.as_str() { small { (row.model.provider()) } }
                    @if !system.is_empty() { small { (system) } }
                    @if let Some(base) = &row.base_model { small { "variant of " a href=(self.choices.with(&[("baseModel", base.as_str())])) { (base) } } }
                    @if let Some(links) = &row.links { small { (links_of(links)) } }
                    @for flag in row.flags.iter().filter(|flag| **flag != Flag::MissingCost && !self.common.contains(flag)) {
                        " " span class="flag" { (label(*flag)) }
                    }
                    @for difference in &row.condition_differences { small { (difference) } }
                    (seals_of(row))
                }
                td class="n" {
                    (self.scale.score(row.score))
                    (interval_of(row, self.scale))
                }
                td class="bar" { (bar(self.range, row.score, interval)) }
                @if self.scale.is_percent() {
                    td class="n p" { @match row.correct.zip(row.total) { Some((correct, total)) => { (correct) "/" (total) }, None => span class="none" { "–" } } }
                }
                @if self.has_cost {
                    td class="n u" {
                        @match row.cost_usd { Some(cost) => (usd(cost)), None => span class="none" { "unknown" } }
                        @if row.pareto_optimal == Some(true) { b role="img" aria-label="Pareto-optimal" { "★" } }
                    }
                }
                @if self.has_latency {
                    td class="n l" {
                        @match row.latency_ms_p50 { Some(ms) => (duration(ms)), None => span class="none" { "–" } }
                        @if let Some(ms) = row.latency_ms_p95 { small { (duration(ms)) } }
                    }
                }
                @if self.evaluators_differ { td { (words(row.evaluator_relationship.as_str())) } }
                td { (day(row.evaluated_at)) }
                td { (day(row.published_at)) }
                td class="c" { @if row.ranked { input type="checkbox" name="model" value=(row.system_id) aria-labelledby={ "r" (place) }; } }
            }
        }
    }

    /// Renders the legend: what the marks of this table mean, and what holds for every row.
    fn legend(&self) -> Markup {
        let occurs = |flag: &Flag| self.rows.iter().any(|row| row.flags.contains(flag));
        let evaluator =
            self.rows.first().filter(|_| !self.evaluators_differ).map(|row| words(row.evaluator_relationship.as_str()));
        html! {
            section aria-labelledby="legend" {
                h2 id="legend" { "How to read this" }
                dl class="legend" {
                    dt { "Range" }
                    dd { "Under the rank: the ranks that the intervals allow. Where the ranges of two models overlap, their order is not certain." }
                    @if self.rows.iter().any(|row| row.pareto_optimal == Some(true)) {
                        dt { "★" }
                        dd { "Pareto-optimal: no other model scores as " (if self.scale.is_lower_better() { "low" } else { "high" }) " for as little." }
                    }
                    @if self.has_latency { dt { "Latency" } dd { "The median of an attempt; under it the 95th percentile." } }
                    @if self.rows.iter().any(|row| !row.ranked) {
                        dt { "also" }
                        dd { "Another owner's run of the system above it. Ranked is the run of the strongest evidence: third party, then first party, then self-reported; then the one evaluated last." }
                    }
                    @if let Some(evaluator) = evaluator {
                        dt { "Every row" }
                        dd { "Evaluated by: " (evaluator) "." }
                    }
                    @if self.rows.iter().any(|row| row.seal.is_some() || row.seals.sealed > 0) {
                        dt { "Seals" }
                        dd { "What a runner registered before the run: the log numbered it first. Of several that were made for one system, those that were never opened may be runs that came out worse." }
                    }
                    @for (flag, label, meaning) in FLAGS.into_iter().filter(|(flag, ..)| occurs(flag)) {
                        dt { span class="flag" { (label) } }
                        dd { @if self.common.contains(&flag) { "Every row. " } (meaning) }
                    }
                }
            }
        }
    }
}

/// Returns the display names that several models share.
fn alike(rows: &[RowBody]) -> HashSet<&str> {
    let mut models = HashMap::new();
    let shared = rows.iter().filter(|row| {
        let name = row.display_name.as_str();
        *models.entry(name).or_insert(&row.model) != &row.model
    });
    shared.map(|row| row.display_name.as_str()).collect()
}

/// Renders whether the run of a row was sealed, and how many seals its owner made.
fn seals_of(row: &RowBody) -> Markup {
    html! {
        @if row.seal.is_some() || row.seals.sealed > 0 {
            small {
                @if let Some(seal) = &row.seal {
                    a href={ "/api/v1/seals/" (seal.id) } { "sealed before it was run" }
                    @if row.seals.sealed > 0 { " · " }
                }
                @if let Some(words) = row.seals.words() { (words) }
            }
        }
    }
}

/// Renders the interval under a score, marked where the source gave it; without one, the reason.
pub fn interval_of(row: &RowBody, scale: Scale<'_>) -> Markup {
    let is_given = row.interval_method.is_some_and(IntervalMethod::is_given);
    html! {
        @match row.score_low.zip(row.score_high) {
            Some((low, high)) => small { (scale.interval(low, high)) @if is_given { " as given by the source" } },
            None if row.flags.contains(&Flag::ScoreOnly) => small { "no interval given" },
            None => small { "too few tasks" },
        }
    }
}

/// Renders the links of a run.
pub fn links_of(links: &RunLinks) -> Markup {
    let given = links.each().into_iter().filter_map(|(name, link)| Some((name, link?)));
    html! {
        @for (n, (name, link)) in given.enumerate() {
            @if n > 0 { " · " }
            a href=(link) rel="nofollow noopener noreferrer ugc" { (name) }
        }
    }
}

/// Returns the words that are shown for a flag.
pub fn label(flag: Flag) -> &'static str {
    FLAGS.into_iter().find(|(known, ..)| *known == flag).map_or(flag.as_str(), |(_, label, _)| label)
}

/// Renders who is best, how certain that is, and which of those that may be the best costs least.
pub fn at_a_glance(board: &[RowBody], scale: Scale<'_>) -> Markup {
    let name = |row: &RowBody| system_name(&row.display_name, row.agent.as_ref(), row.configuration.as_deref());
    let first = || board.iter().filter(|row| row.rank_low == Some(1));
    let tied = first().count();
    let priced = first().filter_map(|row| Some((row.cost_usd?, row)));
    let cheapest = priced.min_by(|(a, _), (b, _)| a.total_cmp(b)).filter(|_| tied > 1);
    html! {
        @if let Some(best) = board.first() {
            p class="verdict" {
                strong { (name(best)) } " scores " (if scale.is_lower_better() { "lowest" } else { "highest" }) ": " strong { (scale.score(best.score)) }
                @if let Some((low, high)) = best.score_low.zip(best.score_high) { " " (scale.interval(low, high)) }
                ". "
                @if tied > 1 {
                    "That alone does not make it the best: the intervals of " (count(tied, "model")) " of " (board.len()) " reach the first rank. "
                } @else if board.len() > 1 { "No other model's interval reaches the first rank." }
                @if let Some((cost, row)) = cheapest { "Of these " strong { (name(row)) } " costs least: $" (usd(cost)) "." }
            }
        }
    }
}

/// Renders the Pareto front, the best score first, and how many systems have no known cost.
pub fn most_for_the_money(board: &[RowBody], scale: Scale<'_>) -> Markup {
    let mut front = board.iter().filter(|row| row.pareto_optimal == Some(true)).collect::<Vec<_>>();
    front.sort_by(|a, b| b.cost_usd.unwrap_or(0.0).total_cmp(&a.cost_usd.unwrap_or(0.0)));
    let without_cost = board.iter().filter(|row| row.cost_usd.is_none()).count();
    html! {
        section class="glance" aria-labelledby="glance" {
            h2 id="glance" { "Most for the money" }
            @if !front.is_empty() {
                ol class="front" {
                    @for row in front.iter().take(MOST_OF_FRONT) {
                        li { a href=(model_address(&row.model)) { (system_name(&row.display_name, row.agent.as_ref(), row.configuration.as_deref())) } span { (scale.score(row.score)) } span { "$" (row.cost_usd.map(usd).unwrap_or_default()) } }
                    }
                }
            }
            @if front.len() > MOST_OF_FRONT { p class="meta" { "The plot has " (front.len().saturating_sub(MOST_OF_FRONT)) " more, which cost less." } }
            @if without_cost > 0 {
                p class="meta" {
                    "The cost of " (without_cost) " of " (count(board.len(), "model")) " is unknown. Unknown is not free: they are left out of the plot and of this list."
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            Timestamp,
            evaluator::EvaluatorRelationship,
            measure::{Measure, Metric},
            seal::SealCounts,
            system::Agent,
        },
        http::{leaderboard::html::ROWS, page::Frame},
    };

    /// Creates a row with names and numbers as long as those of real boards.
    fn row(n: usize) -> RowBody {
        RowBody {
            rank: Some(n),
            rank_low: Some(n.saturating_sub(5)),
            rank_high: Some(n + 5),
            tie_group: Some(n / 3),
            ranked: true,
            system_id: format!("anthropic/claude-opus-4-20250514-32k-thinking-{n}").into(),
            agent: Some(Agent { name: "mini-SWE-agent".to_owned(), version: Some("1.17.2".to_owned()) }),
            configuration: Some("high reasoning, 250 steps".to_owned()),
            base_model: Some("anthropic/claude-opus-4-20250514".into()),
            model: format!("anthropic/claude-opus-4-20250514-32k-thinking-{n}").into(),
            display_name: format!("claude-opus-4-20250514 (32k thinking) {n}"),
            score: 0.72,
            score_low: Some(0.657),
            score_high: Some(0.774),
            interval_method: None,
            correct: Some(162),
            total: Some(225),
            cost_usd: Some(65.75),
            cost_usd_per_task: Some(0.292),
            latency_ms_p50: Some(44_100.0),
            latency_ms_p95: Some(91_000.0),
            pareto_optimal: Some(n.is_multiple_of(10)),
            run_id: "01a2081f-2c7d-795d-8393-0b4db28a6121".into(),
            published_at: Timestamp(1_795_395_723_004),
            evaluated_at: Timestamp(1_795_395_723_004 + 86_400_000 * i64::try_from(n).unwrap()),
            links: None,
            evaluator_relationship: if n == 1 {
                EvaluatorRelationship::SelfReported
            } else {
                EvaluatorRelationship::ThirdParty
            },
            flags: if n.is_multiple_of(4) { vec![Flag::SelfReported, Flag::Contamination] } else { Vec::new() },
            condition_differences: Vec::new(),
            seal: None,
            seals: SealCounts::default(),
        }
    }

    /// Measures what the first paint of a board of these rows takes, in bytes, without what is around its table.
    fn first_paint(board: &[RowBody], rows: &[RowBody]) -> usize {
        let rate = Measure::plain(Metric::PassRate);
        let choices =
            QueryParameters::of(&http::Uri::from_static("/leaderboard?benchmark=a&sort=cost"), "/leaderboard").unwrap();
        let table = Table::new(&choices, Scale::of(&rate), board, rows).markup(&"a".into(), &"1".into(), None);
        let plot = crate::http::leaderboard::html::plot::cost_plot(board, Scale::of(&rate)).unwrap();
        let progress = crate::http::leaderboard::html::progress::chart(board, Scale::of(&rate)).unwrap();
        let page =
            Frame { title: "A benchmark", ..Frame::default() }.document(&html! { (plot) (progress) (at_a_glance(board, Scale::of(&rate))) (most_for_the_money(board, Scale::of(&rate))) (table) }).into_string();
        page.len() + include_str!("../../site/style.css").len()
    }

    #[test]
    fn a_page_of_a_long_board_and_its_style_are_under_a_hundred_kilobytes() {
        let board = (1..=200).map(row).collect::<Vec<_>>();
        // The rest of a page, its filters above all, takes less than 4 KB.
        for ranked in [ROWS, 100, 200] {
            let bytes = first_paint(board.get(..ranked).unwrap(), board.get(..ROWS).unwrap());
            assert!(bytes < 96_000, "{bytes} bytes of {ranked} rows");
        }
    }

    #[test]
    fn headers_sort_and_turn_around() {
        let mean = Measure::plain(Metric::Score);
        let sorted = |query: &'static str| {
            let choices =
                QueryParameters::of(&http::Uri::try_from(format!("/leaderboard?{query}")).unwrap(), "/leaderboard");
            Table::new(&choices.unwrap(), Scale::of(&mean), &[row(1)], &[row(1)]).head().into_string()
        };
        let plain = sorted("language=rust");
        assert!(
            plain.contains(
                "aria-sort=\"ascending\"><a href=\"/leaderboard?language=rust&amp;sort=rank&amp;order=desc\">Rank"
            ),
            "{plain}"
        );
        assert!(plain.contains("href=\"/leaderboard?language=rust&amp;sort=score\">Score"), "{plain}");
        let turned = sorted("sort=score&order=asc&cursor=abc");
        assert!(turned.contains("aria-sort=\"ascending\"><a href=\"/leaderboard?sort=score\">Score"), "{turned}");
        assert!(turned.contains("href=\"/leaderboard\">Rank"), "{turned}");
    }
}
