//! The guides: pages of `docs/` about the API, and the quick start of the README.

use maud::html;

use crate::{Error, Page, markdown, resources::framed};

/// Name on the site and source file of each guide, in the order in which they are listed.
pub const GUIDES: [(&str, &str); 13] = [
    ("quick-start", "README.md"),
    ("accounts", "docs/accounts.md"),
    ("front-ends", "docs/front-ends.md"),
    ("api-keys", "docs/api-keys.md"),
    ("webhooks", "docs/webhooks.md"),
    ("idempotency", "docs/idempotency.md"),
    ("publishing", "docs/publishing.md"),
    ("importing", "docs/importing.md"),
    ("leaderboard", "docs/leaderboard.md"),
    ("dataset", "docs/dataset.md"),
    ("verify", "docs/verify.md"),
    ("administration", "docs/administration.md"),
    ("secret-scanning", "docs/secret-scanning.md"),
];

/// Heading of the README's section that is a guide.
const OF_README: &str = "\n## Quick start\n";

/// A guide, read from its file.
pub struct Guide {
    /// Last part of the guide's address.
    pub name: &'static str,
    /// Heading of the guide.
    pub title: String,
    file: &'static str,
    text: String,
}

/// Reads all guides.
pub fn read(text: impl Fn(&str) -> Option<String>) -> Result<Vec<Guide>, Error> {
    let guide = |(name, file): (&'static str, &'static str)| {
        let missing = |what: &str| Error::Guide(format!("{file}: there is no {what}"));
        let text = text(file).ok_or_else(|| missing("such file"))?;
        if file == "README.md" {
            let (_, rest) = text.split_once(OF_README).ok_or_else(|| missing("quick start"))?;
            let text = rest.split("\n## ").next().unwrap_or_default().to_owned();
            return Ok(Guide { name, title: "Quick start".to_owned(), file, text });
        }
        let title = text.lines().find_map(|line| line.strip_prefix("# ")).ok_or_else(|| missing("heading"))?;
        Ok(Guide { name, title: title.to_owned(), file, text })
    };
    GUIDES.into_iter().map(guide).collect()
}

/// Renders the page of a guide, with links to all others.
pub fn page(guide: &Guide, all: &[Guide]) -> Page {
    let (content, headings) = markdown::page(&guide.text, |target| resolve(guide.file, target));
    let navigation = html! {
        ul {
            li { a href="/docs" { "Overview" } }
            @for other in all {
                li { a href={ "/docs/guides/" (other.name) } aria-current=[(other.name == guide.name).then_some("page")] { (other.title) } }
            }
        }
    };
    let beside = html! {
        @if !headings.is_empty() {
            h2 { "On this page" }
            ul { @for heading in &headings { li { a href={ "#" (heading.anchor) } { (heading.title) } } } }
        }
    };
    let html = framed(&navigation, &beside, &maud::PreEscaped(content)).into_string();
    Page { path: format!("/docs/guides/{}", guide.name), title: guide.title.clone(), html }
}

/// Returns where a link in a guide's file leads on the site, or `None` where its target is not a page of the site.
fn resolve(file: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with('#') {
        return Some(target.to_owned());
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let mut parts = file.split('/').collect::<Vec<_>>();
    parts.pop();
    for part in path.split('/') {
        match part {
            ".." => _ = parts.pop(),
            part => parts.push(part),
        }
    }
    let path = parts.join("/");
    let (name, _) = GUIDES.iter().find(|(_, file)| **file == path)?;
    Some(anchor.map_or_else(|| format!("/docs/guides/{name}"), |anchor| format!("/docs/guides/{name}#{anchor}")))
}

#[cfg(test)]
mod tests {
    use super::resolve;

    #[test]
    fn links_lead_to_pages_of_the_site_or_nowhere() {
        let cases = [
            ("docs/accounts.md", "../README.md#publish-results", Some("/docs/guides/quick-start#publish-results")),
            ("docs/accounts.md", "api-keys.md", Some("/docs/guides/api-keys")),
            ("README.md", "docs/verify.md", Some("/docs/guides/verify")),
            ("docs/accounts.md", "#sessions", Some("#sessions")),
            ("docs/accounts.md", "https://example.com/a", Some("https://example.com/a")),
            ("docs/accounts.md", "internals.md", None),
            ("docs/accounts.md", "security/authentication.md", None),
        ];
        for (file, target, leads) in cases {
            assert_eq!(resolve(file, target).as_deref(), leads, "{target}");
        }
    }
}
