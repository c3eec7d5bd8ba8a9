//! Benchmarks as cards: the best systems, how many are ranked, and when one was last evaluated.

use maud::{Markup, html};

use super::text::{Scale, address, count, day, model_address, system_name};
use crate::{
    domain::system::words,
    http::leaderboard::board::{Board, RowBody},
    store::standings::ListedBoard,
};

/// Number of systems on a card.
const TOP: usize = 3;

/// A benchmark, and its board where that was read.
pub struct Card<'a> {
    pub listed: &'a ListedBoard,
    pub board: Option<&'a Board>,
}

impl<'a> Card<'a> {
    /// Creates the card of a benchmark, with its board where that is among those that were read.
    pub fn of(listed: &'a ListedBoard, boards: &'a [Board]) -> Self {
        Self { listed, board: boards.iter().find(|board| board.scope.benchmark == listed.scope.benchmark) }
    }

    pub fn markup(&self) -> Markup {
        let scope = &self.listed.scope;
        let scale = Scale::of(&scope.measure);
        let rows = self.board.map_or(&[][..], |board| &board.rows);
        let systems = self.board.map_or(self.listed.systems, |board| board.rows.len());
        let evaluated = self.board.and_then(Board::last_evaluated);
        html! {
            li class="card" {
                h3 { a href=(address("/leaderboard", &[("benchmark", scope.benchmark.as_str())])) { (scope.title) } }
                @if !rows.is_empty() { ol { @for row in rows.iter().take(TOP) { (top(row, scale)) } } }
                p class="meta" {
                    @if systems == 0 { "Nothing published yet" } @else { (count(systems, "system")) }
                    @if let Some(at) = evaluated { " · last evaluated " time datetime=(at) { (day(at)) } }
                }
            }
        }
    }
}

fn top(row: &RowBody, scale: Scale<'_>) -> Markup {
    let name = system_name(&row.display_name, None, None);
    let system = words(row.agent.as_ref(), row.configuration.as_deref());
    html! {
        li {
            span class="place" { (ranks(row.rank_low, row.rank_high)) }
            span class="who" { a href=(model_address(&row.model)) { (name) } @if !system.is_empty() { small { (system) } } }
            span class="score" { (scale.score(row.score)) }
        }
    }
}

/// Renders the ranks that the intervals allow, `1` or `1–9`, with a word for those who do not see the dash.
pub fn ranks(low: Option<usize>, high: Option<usize>) -> Markup {
    html! {
        @match low.zip(high) {
            Some((low, high)) if low == high => { span class="sr" { "Rank " } (low) }
            Some((low, high)) => { span class="sr" { "Rank " } (low) "–" (high) }
            None => "",
        }
    }
}
