//! Links and fields that several pages have.

use maud::{Markup, html};

use super::QueryParameters;

/// Renders the link to the next page of a list; nothing where there is none.
pub(super) fn more(choices: &QueryParameters, next: Option<&str>, name: &str) -> Markup {
    html! {
        @if let Some(next) = next {
            p class="pages" { a rel="next" href=(choices.with(&[("cursor", next)])) { (name) } }
        }
    }
}

/// Renders a field to choose one of the values, or all.
pub(super) fn select<'a>(
    name: &str,
    label: &str,
    chosen: Option<&str>,
    values: impl Iterator<Item = (&'a str, &'a str)>,
) -> Markup {
    html! {
        label {
            span { (label) }
            select name=(name) {
                option value="" { "all" }
                @for (value, text) in values { option value=(value) selected[chosen == Some(value)] { (text) } }
            }
        }
    }
}
