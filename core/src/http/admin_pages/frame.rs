//! Frame of every page of administrators.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::{addresses, visit::Visitor};
use crate::http::{
    account_pages::{form::Mistakes, page_error::PageError},
    page::Frame,
    problem::{ApiError, ROLE_REQUIRED},
};

/// Sections of the administration, as its navigation lists them: address and name.
const SECTIONS: [(&str, &str); 7] = [
    ("/admin", "Overview"),
    (addresses::PEOPLE, "People"),
    (addresses::RUNS, "Runs"),
    (addresses::FEATURED_BENCHMARK, "Featured benchmark"),
    (addresses::OUTBOX, "Outbox"),
    (addresses::HEALTH, "Health"),
    (addresses::EVENTS, "Security events"),
];

/// Answers with a page, with the navigation.
pub fn page(visitor: &Visitor, here: &str, title: &str, content: &Markup) -> Response {
    framed(visitor, here, title, false, content)
}

fn framed(visitor: &Visitor, here: &str, title: &str, is_refused: bool, content: &Markup) -> Response {
    let content = html! {
        nav class="sections" aria-label="Administration" {
            @for (address, name) in SECTIONS {
                a href=(address) aria-current=[(address == here).then_some("page")] { (name) }
            }
        }
        (content)
    };
    let is_administrators = visitor.logged_in.caller.is_administrators();
    let frame = Frame { title, here, sheet: Some("/account.css"), is_refused, is_administrators };
    frame.page(StatusCode::OK, &content)
}

/// Answers with a page that holds a form, which may have been refused.
pub fn form_page(visitor: &Visitor, here: &str, title: &str, mistakes: &Mistakes, content: &Markup) -> Response {
    mistakes.shown(framed(visitor, here, title, mistakes.are_any(), content))
}

/// Returns an address with those of the parameters that are not empty.
pub fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let given = parameters.iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>();
    match serde_urlencoded::to_string(given) {
        Ok(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path.to_owned(),
    }
}

/// Renders a list, and the text `none` where it is empty.
pub fn rows(rows: impl ExactSizeIterator<Item = Markup>, none: &str) -> Markup {
    html! {
        @if rows.len() == 0 { p class="none" { (none) } }
        ul class="cards rows" { @for row in rows { (row) } }
    }
}

/// Renders the link to the next page of a list, with the filters that were chosen; nothing on the last page.
pub fn older(name: &str, path: &str, chosen: &[(&str, &str)], next: Option<&str>) -> Markup {
    let to = next.map(|next| address(path, &[chosen, &[("cursor", next)]].concat()));
    html! { @if let Some(to) = to { p { a rel="next" href=(to) { (name) } } } }
}

/// Renders a field of a form that filters a list.
pub fn choice(name: &str, label: &str, chosen: &str, options: &[(&str, &str)]) -> Markup {
    html! {
        label {
            span { (label) }
            select name=(name) {
                @for (value, text) in options { option value=(value) selected[*value == chosen] { (text) } }
            }
        }
    }
}

/// Sorts an error to the fields of a form.
///
/// # Errors
/// The error itself, where no form can mend it or the sender is no administrator.
pub fn mistakes_of(error: ApiError) -> Result<Mistakes, PageError> {
    match error {
        ApiError::Problem(problem) if problem.is(ROLE_REQUIRED) => Err(PageError::Api(ApiError::Problem(problem))),
        error => Mistakes::of(error.into(), "password"),
    }
}

/// Renders the notice of what has just been done, if anything was.
pub fn notice(told: Option<&str>) -> Markup {
    html! { @if let Some(told) = told { p class="note" role="status" { (told) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_what_was_chosen() {
        assert_eq!(address("/admin/people", &[("q", ""), ("cursor", "")]), "/admin/people");
        assert_eq!(address("/admin/people", &[("q", "a&b"), ("status", "")]), "/admin/people?q=a%26b");
    }
}
