//! Makes the pages below `/docs` when core is built: of `openapi.json`, of the guides in `docs/` and of the README. They
//! are the only place where anything is written; nothing here tells what the API does.

mod document;
mod example;
mod guides;
mod markdown;
mod operation;
mod overview;
mod pack;
mod resources;
mod schema;

use std::collections::BTreeMap;

use serde_json::Value;

pub use example::{Example, Language, examples};
pub use guides::GUIDES;
pub use pack::{Packed, pack};

use document::Document;

/// A page, without what is around every page of the site.
#[derive(Debug)]
pub struct Page {
    /// Where it is.
    pub path: String,
    /// Its heading.
    pub title: String,
    /// What stands below the heading.
    pub html: String,
}

/// An operation, and where its documentation is.
#[derive(Debug)]
pub struct Listed {
    /// In capitals.
    pub method: String,
    /// With its parameters in braces.
    pub path: String,
    /// The page with the anchor.
    pub href: String,
}

/// Everything that is made.
#[derive(Debug)]
pub struct Site {
    /// The overview first, then a page a resource, then a page a guide.
    pub pages: Vec<Page>,
    /// Every operation, in the order of the document.
    pub operations: Vec<Listed>,
    /// Places in `operations` of those that may answer with a code, by the code.
    pub problems: BTreeMap<String, Vec<usize>>,
}

/// The document without the space that makes it readable in the sources.
///
/// # Errors
/// It is no JSON.
pub fn minified(openapi: &str) -> Result<String, Error> {
    Ok(serde_json::from_str::<Value>(openapi)?.to_string())
}

/// Why no pages can be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The document is no JSON.
    #[error("openapi.json: {0}")]
    Document(#[from] serde_json::Error),
    /// A guide of the list was not given, or has no heading or section that is needed.
    #[error("{0}")]
    Guide(String),
}

/// Makes the site of the document and of the guides' texts, which are asked for by their file, from the project's root.
///
/// # Errors
/// What is missing.
pub fn build(openapi: &str, guide: impl Fn(&str) -> Option<String>) -> Result<Site, Error> {
    let value = serde_json::from_str::<Value>(openapi)?;
    let document = Document::new(&value);
    let guides = guides::read(guide)?;
    let mut pages = vec![overview::page(&document, &guides)];
    pages.extend(document.resources().iter().map(|resource| resources::page(&document, resource)));
    pages.extend(guides.iter().map(|guide| guides::page(guide, &guides)));
    let mut problems = BTreeMap::<String, Vec<usize>>::new();
    for (index, operation) in document.operations().iter().enumerate() {
        for code in operation.codes(&document) {
            let known = problems.entry(code.to_owned()).or_default();
            if known.last() != Some(&index) {
                known.push(index);
            }
        }
    }
    let listed = document.operations().iter().map(|operation| Listed {
        method: operation.method.to_uppercase(),
        path: operation.path.to_owned(),
        href: operation.href(),
    });
    Ok(Site { pages, operations: listed.collect(), problems })
}
