//! A form to choose another benchmark, for pages about one.

use maud::{Markup, html};

use crate::{domain::BenchmarkId, store::pages::VersionChoice};

/// Number of benchmarks from which the form asks for an id instead of listing them.
pub const BENCHMARKS: usize = 40;

/// Renders the form that leads to the page at `path` of another benchmark; nothing where there is only one.
pub fn form(known: &[VersionChoice], here: &BenchmarkId, path: &str) -> Markup {
    let mut benchmarks =
        known.iter().filter(|choice| choice.published || choice.benchmark == *here).collect::<Vec<_>>();
    benchmarks.dedup_by(|a, b| a.benchmark == b.benchmark);
    let is_shared = |title: &str| benchmarks.iter().filter(|other| other.title == title).count() > 1;
    html! {
        @if benchmarks.len() > 1 {
            div class="chooser" {
                form action=(path) {
                    label {
                        span { "Another benchmark" }
                        @if benchmarks.len() >= BENCHMARKS {
                            input name="benchmark" value=(here) required maxlength="100";
                        } @else {
                            select name="benchmark" {
                                @for choice in &benchmarks {
                                    option value=(choice.benchmark) selected[choice.benchmark == *here] {
                                        (choice.title) @if is_shared(&choice.title) { " (" (choice.benchmark) ")" }
                                    }
                                }
                            }
                        }
                    }
                    button { "Show" }
                }
            }
        }
    }
}
