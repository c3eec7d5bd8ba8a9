//! What holds for every page, whether it has examples or not.

use aibaas_core::store::migrations::MIGRATIONS;
use aibaas_tests::tools;

use super::page::Page;

/// The kinds of blocks. `sh` runs as it stands, `sh server` starts a server; `console` shows commands that need an account
/// or a program that not everybody has; `ts` is run by the suite; the rest is looked at.
const KINDS: [&str; 9] = ["sh", "sh server", "console", "text", "ini", "nginx", "sql", "ts", "yaml"];

/// Pages that are to be read at a sitting, and how many lines they may have.
const SHORT: [(&str, usize); 3] = [("README.md", 150), ("ARCHITECTURE.md", 150), ("docs/decisions/", 60)];

/// Where code spans name files of the project.
const FOLDERS: [&str; 8] = [".ci/", "clients/", "core/", "data/", "docs/", "migrations/", "targets/", "tests/"];

fn none(problems: Vec<String>) -> Result<(), String> {
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// Every link within the project leads to a file, and to a heading of it where it names one.
pub fn every_link_leads_somewhere(pages: &[Page]) -> Result<(), String> {
    let mut problems = Vec::new();
    let mut count = 0;
    for page in pages {
        for (line, target) in page.links() {
            let Some((path, anchor)) = page.resolve(&target) else { continue };
            count += 1;
            if !tools::root().join(&path).exists() {
                problems.push(format!("{}:{line}: {target}: there is no {path}", page.path));
            } else if let Some(anchor) = anchor {
                let other = pages.iter().find(|other| other.path == path);
                if !other.is_some_and(|other| other.anchors().contains(&anchor)) {
                    problems.push(format!("{}:{line}: {target}: {path} has no such heading", page.path));
                }
            }
        }
    }
    assert!(count > 0, "the pages have links");
    none(problems)
}

/// Every page of `docs/` can be reached from the README.
pub fn every_page_is_linked(pages: &[Page]) -> Result<(), String> {
    let mut reached = vec!["README.md".to_owned()];
    let mut next = 0;
    while let Some(path) = reached.get(next).cloned() {
        next += 1;
        let Some(page) = pages.iter().find(|page| page.path == path) else { continue };
        for (path, _) in page.links().iter().filter_map(|(_, target)| page.resolve(target)) {
            if !reached.contains(&path) {
                reached.push(path);
            }
        }
    }
    let lost = pages.iter().filter(|page| page.path.starts_with("docs/") && !reached.contains(&page.path));
    none(lost.map(|page| format!("{}: no link leads to it", page.path)).collect())
}

/// Every file that prose names is there. What the changelog names may be gone, and data came from elsewhere.
pub fn every_file_that_is_named_exists(pages: &[Page]) -> Result<(), String> {
    let is_path = |code: &str| {
        FOLDERS.iter().any(|folder| code.starts_with(folder))
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"./_-".contains(&byte))
    };
    let mut problems = Vec::new();
    for page in pages.iter().filter(|page| page.path != "CHANGELOG.md" && !page.path.starts_with("data/")) {
        for (line, code) in page.code_spans() {
            if is_path(&code) && !tools::root().join(&code).exists() {
                problems.push(format!("{}:{line}: there is no {code}", page.path));
            }
        }
    }
    none(problems)
}

/// Short pages stay short.
pub fn short_pages_stay_short(pages: &[Page]) -> Result<(), String> {
    let mut problems = Vec::new();
    for (name, most) in SHORT {
        let mut known = pages.iter().filter(|page| page.path.starts_with(name)).peekable();
        assert!(known.peek().is_some(), "{name}");
        let long = known.filter(|page| page.lines() > most);
        problems.extend(long.map(|page| format!("{}: {} lines, at most {most}", page.path, page.lines())));
    }
    none(problems)
}

/// Every block says what it is, so that none is left out because its kind is misspelt.
pub fn every_block_says_what_it_is(pages: &[Page]) -> Result<(), String> {
    let mut problems = Vec::new();
    for page in pages {
        let unknown = page.blocks().into_iter().filter(|block| !KINDS.contains(&block.info.as_str()));
        problems
            .extend(unknown.map(|block| format!("{}:{}: {:?} is no kind of block", page.path, block.line, block.info)));
    }
    none(problems)
}

/// Every sample of what commands print tells of the newest schema.
pub fn every_sample_has_the_newest_schema(pages: &[Page]) -> Result<(), String> {
    let newest = MIGRATIONS.last().expect("migrations").name;
    let mut problems = Vec::new();
    let mut count = 0;
    for page in pages {
        for block in page.blocks() {
            for line in block.text.lines().filter(|line| line.contains("schema") && line.contains(".sql")) {
                count += 1;
                if !line.contains(newest) {
                    problems.push(format!("{}:{}: {line:?} is not of {newest}", page.path, block.line));
                }
            }
        }
    }
    assert!(count >= 4, "the pages show samples");
    none(problems)
}
