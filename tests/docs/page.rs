//! Pages in Markdown: their headings, fenced blocks, links and code spans.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use aibaas_tests::tools;

/// A page of the project.
pub struct Page {
    /// Where it is, from the project's root.
    pub path: String,
    text: String,
}

/// A fenced block.
pub struct Block {
    /// The number of its first line within the fence.
    pub line: usize,
    /// What stands behind the opening fence.
    pub info: String,
    /// Its lines, without the indentation of the fence.
    pub text: String,
}

/// A line of the page.
enum Line<'a> {
    Heading { level: usize, title: &'a str },
    Prose(&'a str),
    Fenced,
}

impl Page {
    /// Makes a page of a text.
    pub fn of(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Reads every page that people read: those beside the README, in `docs/` and in `data/`, and those of clients.
    pub fn all() -> Vec<Self> {
        let root = tools::root();
        let mut paths =
            fs::read_dir(&root).expect("the project").map(|entry| entry.expect("an entry").path()).collect();
        for folder in ["docs", "data"] {
            walk(&root.join(folder), &mut paths);
        }
        paths.extend(["example", "typescript"].map(|client| root.join("clients").join(client).join("README.md")));
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
        paths.sort();
        let name =
            |path: &Path| path.strip_prefix(&root).expect("within the project").to_str().expect("UTF-8").to_owned();
        paths.iter().map(|path| Self::of(&name(path), &fs::read_to_string(path).expect("a page"))).collect()
    }

    /// Counts its lines.
    pub fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// Returns its fenced blocks.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, Block)> = None;
        for (number, line) in (1..).zip(self.text.lines()) {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(info)) => {
                    let block = Block { line: number + 1, info: info.trim().to_owned(), text: String::new() };
                    open = Some((line.len() - line.trim_start().len(), block));
                }
                (None, None) => {}
                (Some(_), Some(_)) => blocks.extend(open.take().map(|(_, block)| block)),
                (Some((indent, block)), None) => {
                    let indent = (*indent).min(line.len() - line.trim_start().len());
                    block.text.push_str(&line[indent..]);
                    block.text.push('\n');
                }
            }
        }
        assert!(open.is_none(), "{}: a block has no end", self.path);
        blocks
    }

    fn classified(&self) -> impl Iterator<Item = (usize, Line<'_>)> {
        let mut is_fenced = false;
        (1..).zip(self.text.lines()).map(move |(number, line)| {
            let is_fence = line.trim_start().starts_with("```");
            is_fenced ^= is_fence;
            let level = line.bytes().take_while(|byte| *byte == b'#').count();
            let line = match line[level..].strip_prefix(' ') {
                _ if is_fence || is_fenced => Line::Fenced,
                Some(title) if level > 0 => Line::Heading { level, title },
                _ => Line::Prose(line),
            };
            (number, line)
        })
    }

    /// Returns the anchors of its headings, as GitHub makes them.
    pub fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = Vec::new();
        for (_, line) in self.classified() {
            let Line::Heading { title, .. } = line else { continue };
            let slug = slug(title);
            let same = anchors.iter().filter(|known| **known == slug).count();
            anchors.push(if same == 0 { slug } else { format!("{slug}-{same}") });
        }
        anchors
    }

    /// Returns the first and last line of a section: up to the next heading that is not below its own.
    pub fn section(&self, anchor: &str) -> Option<(usize, usize)> {
        let mut headings = self.classified().filter_map(|(number, line)| match line {
            Line::Heading { level, title } => Some((number, level, title)),
            _ => None,
        });
        let (first, level, _) = headings.find(|(_, _, title)| slug(title) == anchor)?;
        let next = headings.find(|(_, other, _)| *other <= level);
        Some((first, next.map_or(usize::MAX, |(number, ..)| number - 1)))
    }

    /// Returns the targets of its links, with their lines.
    pub fn links(&self) -> Vec<(usize, String)> {
        let prose = self.classified().filter_map(|(number, line)| match line {
            Line::Heading { title: text, .. } | Line::Prose(text) => Some((number, text)),
            Line::Fenced => None,
        });
        let targets = prose.flat_map(|(number, text)| {
            // Every other piece is code, in which brackets mean nothing.
            let text = text.split('`').step_by(2).collect::<String>();
            let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            targets.map(|(target, _)| (number, target.to_owned())).collect::<Vec<_>>()
        });
        targets.collect()
    }

    /// Returns what its prose has in backticks, with the lines.
    pub fn code_spans(&self) -> Vec<(usize, String)> {
        let prose = self.classified().filter_map(|(number, line)| match line {
            Line::Heading { title: text, .. } | Line::Prose(text) => Some((number, text)),
            Line::Fenced => None,
        });
        let spans = prose.flat_map(|(number, text)| {
            text.split('`').skip(1).step_by(2).map(|code| (number, code.to_owned())).collect::<Vec<_>>()
        });
        spans.collect()
    }

    /// Returns the links of the paragraph that begins with `First:`: what has to be followed before the page.
    pub fn first(&self) -> Vec<String> {
        let is_prose = |line: &Line<'_>| matches!(line, Line::Prose(text) if !text.is_empty());
        let mut lines =
            self.classified().skip_while(|(_, line)| !matches!(line, Line::Prose(text) if text.starts_with("First:")));
        let Some((start, _)) = lines.next() else { return Vec::new() };
        let end = lines.find(|(_, line)| !is_prose(line)).map_or(usize::MAX, |(number, _)| number);
        self.links().into_iter().filter(|(line, _)| (start..end).contains(line)).map(|(_, target)| target).collect()
    }

    /// Resolves a link of the page: a path from the project's root, and an anchor where it has one. `None` leads out of the
    /// project.
    pub fn resolve(&self, target: &str) -> Option<(String, Option<String>)> {
        if target.contains("://") || target.starts_with("mailto:") {
            return None;
        }
        let (file, anchor) =
            target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor.to_owned())));
        if file.is_empty() {
            return Some((self.path.clone(), anchor));
        }
        let mut path = PathBuf::from(&self.path);
        path.pop();
        for component in Path::new(file).components() {
            match component {
                Component::ParentDir => _ = path.pop(),
                Component::CurDir => {}
                other => path.push(other),
            }
        }
        Some((path.to_str().expect("UTF-8").to_owned(), anchor))
    }
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, paths) } else { paths.push(path) }
    }
}

fn slug(title: &str) -> String {
    let kept = title.to_lowercase();
    let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}
