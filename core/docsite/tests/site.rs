//! Checks that the site of the project's own document and guides is complete, linked and small.

#![expect(clippy::disallowed_methods, clippy::expect_used, reason = "a test runs where there are files, and fails")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use aibaas_docsite::{Page, Site, build, examples};

/// Most bytes that a browser loads before it shows a page, with the frame around every page.
const FIRST_PAINT_BYTES: usize = 100_000;
const AROUND_BYTES: usize = 3_000;

fn file(path: &str) -> Option<String> {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).ok()
}

fn document() -> String {
    file("core/openapi.json").expect("core/openapi.json")
}

fn site() -> Site {
    build(&document(), file).expect("a site")
}

/// Lists the values of an attribute in a page.
fn attributes<'a>(page: &'a Page, name: &'a str) -> impl Iterator<Item = &'a str> {
    let start = format!(" {name}=\"");
    let parts = page.html.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap_or_default());
    parts.collect::<Vec<_>>().into_iter()
}

#[test]
fn every_operation_is_on_exactly_one_page() {
    let site = site();
    assert!(site.operations.len() > 80, "{} operations", site.operations.len());
    for operation in &site.operations {
        let (path, id) = operation.href.split_once('#').expect("an anchor");
        let with = site.pages.iter().filter(|page| attributes(page, "id").any(|anchor| anchor == id));
        assert_eq!(with.map(|page| page.path.as_str()).collect::<Vec<_>>(), [path], "{}", operation.path);
    }
}

#[test]
fn every_link_leads_somewhere() {
    let site = site();
    let anchors = site.pages.iter().map(|page| {
        let all = attributes(page, "id").collect::<Vec<_>>();
        let different = all.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(all.len(), different.len(), "{}: an anchor stands for two places", page.path);
        (page.path.as_str(), different)
    });
    let anchors = anchors.collect::<BTreeMap<_, _>>();
    let mut links = 0;
    for page in &site.pages {
        for href in attributes(page, "href").filter(|href| !href.contains("://")) {
            links += 1;
            let (path, anchor) = href.split_once('#').map_or((href, None), |(path, anchor)| (path, Some(anchor)));
            let path = if path.is_empty() { page.path.as_str() } else { path };
            let known = match (anchors.get(path), path.strip_prefix("/problems/")) {
                (Some(there), _) => anchor.is_none_or(|anchor| there.contains(anchor)),
                (None, Some(code)) => site.problems.contains_key(code),
                (None, None) => ["/openapi.json", "/problems"].contains(&path),
            };
            assert!(known, "{}: {href}", page.path);
        }
    }
    assert!(links > 1_000, "{links} links are looked at");
}

#[test]
fn every_page_is_small() {
    let sheet = |name: &str| file(&format!("core/src/http/site/{name}.css")).expect("a style").len();
    let around = sheet("style") + sheet("docs") + AROUND_BYTES;
    for page in site().pages {
        let bytes = page.html.len() + around;
        assert!(bytes < FIRST_PAINT_BYTES, "{}: {bytes} bytes", page.path);
    }
}

#[test]
fn variables_have_names_of_variables() {
    let document = document();
    let all = examples(&document).expect("examples");
    for name in all.iter().flat_map(|example| &example.variables) {
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        assert!(is_name, "{name:?}");
    }
}
