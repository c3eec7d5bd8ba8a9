//! What is around every page of administrators.

use axum::response::Response;
use http::StatusCode;
use maud::{Markup, html};

use super::visit::Visitor;
use crate::http::page::account_page;

/// The parts of the administration, as its navigation lists them: address and name.
const SECTIONS: [(&str, &str); 2] = [("/admin", "Overview"), ("/admin/people", "People")];

/// A page, with the navigation.
pub fn page(visitor: &Visitor, here: &str, title: &str, content: &Markup) -> Response {
    let content = html! {
        nav class="sections" aria-label="Administration" {
            @for (address, name) in SECTIONS {
                a href=(address) aria-current=[(address == here).then_some("page")] { (name) }
            }
        }
        (content)
    };
    account_page(StatusCode::OK, title, visitor.signed.caller.is_administrators(), &content)
}

/// An address with those of the parameters that say something.
pub fn address(path: &str, parameters: &[(&str, &str)]) -> String {
    let given = parameters.iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>();
    match serde_urlencoded::to_string(given) {
        Ok(query) if !query.is_empty() => format!("{path}?{query}"),
        _ => path.to_owned(),
    }
}

/// A field of a form that chooses what is listed.
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

/// What has just been done.
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
