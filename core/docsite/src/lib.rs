//! Builds the pages below `/docs` when core is built: from `openapi.json`, the guides in `docs/` and the README. Those
//! are the only sources of text; nothing here describes what the API does.

mod call;
mod document;
mod example;
mod guides;
mod homes;
mod markdown;
mod operation;
mod overview;
mod pack;
mod resource;
mod resources;
mod schema;
mod value;

use std::collections::BTreeMap;

use serde_json::Value;

pub use example::{Example, Language, examples};
pub use guides::GUIDES;
pub use pack::{Packed, pack};

use document::Document;

/// A page, without the frame that all pages of the site share.
#[derive(Debug)]
pub struct Page {
    /// Path of the page.
    pub path: String,
    /// Heading of the page.
    pub title: String,
    /// HTML below the heading.
    pub html: String,
}

/// An operation, with the address of its documentation.
#[derive(Debug)]
pub struct Listed {
    /// HTTP method in capitals.
    pub method: String,
    /// Path, with its parameters in braces.
    pub path: String,
    /// Address of the page, with the anchor.
    pub href: String,
}

/// The complete site.
#[derive(Debug)]
pub struct Site {
    /// Pages: the overview first, then one per resource, then one per guide.
    pub pages: Vec<Page>,
    /// All operations, in the order of the document.
    pub operations: Vec<Listed>,
    /// By problem code, the indices in `operations` of those that may answer with it.
    pub problems: BTreeMap<String, Vec<usize>>,
}

/// Removes the whitespace that makes the document readable in the sources.
///
/// # Errors
/// [`Error::Document`] where the document is not JSON.
pub fn minified(openapi: &str) -> Result<String, Error> {
    Ok(serde_json::from_str::<Value>(openapi)?.to_string())
}

/// Reason why no pages can be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The document is not JSON.
    #[error("openapi.json: {0}")]
    Document(#[from] serde_json::Error),
    /// A guide of the list is missing, or lacks a heading or section that is needed.
    #[error("{0}")]
    Guide(String),
}

/// Reads the document, and finds which page describes each schema.
fn described(value: &Value) -> Document<'_> {
    let document = Document::new(value);
    let homes = homes::of(&document);
    document.with_homes(homes)
}

/// Builds the site from the document and the guides' texts; `guide` returns a text by its file, relative to the
/// project's root.
///
/// # Errors
/// [`Error`], which says what is missing.
pub fn build(openapi: &str, guide: impl Fn(&str) -> Option<String>) -> Result<Site, Error> {
    let value = serde_json::from_str::<Value>(openapi)?;
    let document = described(&value);
    let guides = guides::read(guide)?;
    let mut pages = vec![overview::page(&document, &guides)];
    pages.extend(document.resources().iter().map(|resource| resources::page(&document, resource)));
    pages.extend(guides.iter().map(|guide| guides::page(guide, &guides)));
    let mut problems = BTreeMap::<String, Vec<usize>>::new();
    for (index, operation) in document.operations().iter().enumerate() {
        for code in document.codes(operation) {
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
