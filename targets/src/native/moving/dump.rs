//! Reader of rows from the file that `wrangler d1 export` writes: one statement per line, of which only those with rows
//! are read. None is run.

use std::{
    collections::BTreeSet,
    io::{BufRead, Read},
};

use rusqlite::types::Value;
use serde::de::IgnoredAny;

use super::{MoveError, database::Loader, payload::check_schema, rows::Sink as _};

/// Beginning of such a file.
pub const BEGINNING: &[u8] = b"PRAGMA defer_foreign_keys";
/// Longest line in bytes: D1 stores 2 MB a row, and an apostrophe or byte takes two characters at most.
const LONGEST: u64 = 16 * 1024 * 1024;

/// What the file does not represent exactly.
#[derive(Default)]
pub struct Ambiguities {
    /// Columns with texts of several lines, in which a literal `
    /// ` would have become a line's end.
    pub columns: BTreeSet<String>,
}

/// Loads the rows of the file into the database.
///
/// # Errors
/// [`MoveError`] where the file is cut off, of another schema, or of a form that this release does not know.
pub fn read(mut file: impl BufRead, loader: &mut Loader) -> Result<Ambiguities, MoveError> {
    let (mut ambiguities, mut applied, mut created) = (Ambiguities::default(), Vec::new(), BTreeSet::new());
    let (mut line, mut table, mut number, mut is_ended) = (Vec::new(), String::new(), 0_u64, false);
    loop {
        line.clear();
        if file.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number = number.saturating_add(1);
        let at = |what: &str| MoveError(format!("line {number}: {what}"));
        let text = std::str::from_utf8(&line).map_err(|_| at("it is not UTF-8"))?.trim_end();
        is_ended = text.ends_with(';');
        created.extend(created_name(text));
        let Some(insert) = Insert::parse(text).map_err(|what| at(&what))? else { continue };
        if insert.table == "d1_migrations" {
            applied.extend(insert.row.into_iter().filter_map(|cell| match cell.value {
                Value::Text(name) if name.ends_with(".sql") => Some(name),
                _ => None,
            }));
            continue;
        }
        if !aibaas_core::store::moving::is_moved(&insert.table) {
            continue;
        }
        if insert.table != table {
            // The migrations come first, since their table is the oldest.
            check_schema(&applied)?;
            let known = loader.expected(&insert.table);
            let known = known.ok_or_else(|| at(&format!("a table {} is not expected here", insert.table)))?;
            if insert.columns.as_ref().is_some_and(|columns| *columns != known.columns) {
                return Err(at(&format!("the table {} has other columns", insert.table)));
            }
            loader.table(&known)?;
            table.clone_from(&insert.table);
        }
        for cell in insert.row.iter().filter(|cell| cell.is_doubtful) {
            let column = insert.columns.as_ref().and_then(|columns| columns.get(cell.place));
            ambiguities.columns.insert(format!("{table}.{}", column.map_or("?", String::as_str)));
        }
        let row = insert.row.into_iter().map(|cell| cell.value).collect::<Vec<_>>();
        loader.row(&row).map_err(|error| at(&error.0))?;
    }
    check_schema(&applied)?;
    // Views and indexes come last: a file that lacks one of them may lack rows, too.
    let missing = loader.views_and_indexes()?.into_iter().find(|name| !created.contains(name));
    if let Some(missing) = missing.or_else(|| (!is_ended).then(|| "the end of a statement".to_owned())) {
        return Err(MoveError(format!("the file is cut off, or was exported in part: it lacks {missing}")));
    }
    for empty in created.iter().filter_map(|name| loader.expected(name)).collect::<Vec<_>>() {
        loader.table(&empty)?;
    }
    Ok(ambiguities)
}

/// Returns the name of what a line creates, if it creates anything.
fn created_name(line: &str) -> Option<String> {
    let rest = line.strip_prefix("CREATE ")?;
    let rest = rest.strip_prefix("UNIQUE ").unwrap_or(rest);
    let (_, rest) = rest.split_once(' ')?;
    let rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest);
    let name = rest.split([' ', '(']).next()?;
    Some(name.trim_matches('"').to_owned())
}

/// A value of a row.
#[derive(Debug, PartialEq)]
struct Cell {
    place: usize,
    value: Value,
    is_doubtful: bool,
}

/// A row that a line inserts.
#[derive(Debug, PartialEq)]
struct Insert {
    table: String,
    columns: Option<Vec<String>>,
    row: Vec<Cell>,
}

impl Insert {
    /// Parses a line; returns `None` where it is not an `INSERT`.
    fn parse(line: &str) -> Result<Option<Self>, String> {
        let Some(rest) = line.strip_prefix("INSERT INTO ") else { return Ok(None) };
        let mut text = Cursor(rest);
        let parsed = text.insert();
        parsed.map(Some).ok_or_else(|| {
            let place = line.len().saturating_sub(text.0.len());
            format!("this release cannot read what stands at its byte {place}")
        })
    }
}

/// The rest of a line.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn take(&mut self, expected: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn insert(&mut self) -> Option<Insert> {
        let table = self.name()?;
        let _ = self.take(" ");
        let mut columns = None;
        if self.take("(").is_some() {
            let mut names = vec![self.name()?];
            while self.take(",").is_some() {
                names.push(self.name()?);
            }
            self.take(") ")?;
            columns = Some(names);
        }
        self.take("VALUES")?;
        let _ = self.take(" ");
        self.take("(")?;
        let mut row = Vec::new();
        loop {
            let place = row.len();
            let (value, is_doubtful) = self.value()?;
            row.push(Cell { place, value, is_doubtful });
            if self.take(",").is_none() {
                break;
            }
        }
        self.take(");")?;
        let is_whole = self.0.is_empty() && columns.as_ref().is_none_or(|columns| columns.len() == row.len());
        is_whole.then_some(Insert { table, columns, row })
    }

    fn name(&mut self) -> Option<String> {
        if self.0.starts_with('"') {
            return self.until('"');
        }
        let end = self.0.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
        let (name, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// Reads what is quoted by this mark; two marks within stand for one.
    fn until(&mut self, mark: char) -> Option<String> {
        let mut text = String::new();
        let mut rest = self.0.strip_prefix(mark)?;
        loop {
            let (before, after) = rest.split_once(mark)?;
            text.push_str(before);
            let Some(again) = after.strip_prefix(mark) else {
                self.0 = after;
                return Some(text);
            };
            text.push(mark);
            rest = again;
        }
    }

    /// Reads a value. Returns it with whether it may have been another one.
    fn value(&mut self) -> Option<(Value, bool)> {
        if self.take("NULL").is_some() {
            return Some((Value::Null, false));
        }
        if self.0.starts_with('\'') {
            return Some((Value::Text(self.until('\'')?), false));
        }
        if self.take("X").is_some() {
            let hex = self.until('\'')?;
            let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?;
            return Some((Value::Blob(bytes), false));
        }
        if self.0.starts_with("replace(") {
            return self.lines();
        }
        let end = self.0.find([',', ')'])?;
        let (number, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        let integer = number.parse::<i64>().map(Value::Integer);
        let value =
            integer.ok().or_else(|| Some(Value::Real(number.parse().ok().filter(|real: &f64| real.is_finite())?)))?;
        Some((value, false))
    }

    /// Reads a text of several lines, whose ends are written `
    /// ` and `\r` within `replace(…)`. Returns it with whether it may have been another one.
    fn lines(&mut self) -> Option<(Value, bool)> {
        let mut opened = 0_usize;
        while self.take("replace(").is_some() {
            opened = opened.saturating_add(1);
        }
        let written = self.until('\'')?;
        let mut marks = Vec::new();
        for _ in 0..opened {
            marks.push(match () {
                () if self.take(",'\\n',char(10))").is_some() => ("\\n", '\n'),
                () if self.take(",'\\r',char(13))").is_some() => ("\\r", '\r'),
                () => return None,
            });
        }
        // The export writes line ends this way, and leaves a literal `
        // ` of the text as it is. In JSON, line ends are only between strings, and a literal `
        // ` only within them.
        if let Some(text) = between_strings(&written, &marks) {
            return Some((Value::Text(text), false));
        }
        let text = marks.iter().fold(written, |text, (mark, end)| text.replace(mark, &end.to_string()));
        Some((Value::Text(text), true))
    }
}

/// Replaces marks by line ends, but not within strings; `None` where the text is not JSON.
fn between_strings(written: &str, marks: &[(&str, char)]) -> Option<String> {
    if !written.starts_with(['{', '[']) {
        return None;
    }
    let (mut text, mut rest, mut is_string) = (String::with_capacity(written.len()), written, false);
    while let Some(letter) = rest.chars().next() {
        let mark = marks.iter().find(|(mark, _)| !is_string && rest.starts_with(mark));
        if let Some((mark, end)) = mark {
            text.push(*end);
            rest = rest.strip_prefix(mark)?;
            continue;
        }
        let mut letters = rest.chars();
        letters.next();
        text.push(letter);
        if letter == '"' {
            is_string = !is_string;
        } else if letter == '\\' {
            text.extend(letters.next());
        }
        rest = letters.as_str();
    }
    serde_json::from_str::<IgnoredAny>(&text).is_ok().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &str) -> Option<Vec<(Value, bool)>> {
        let line = format!("INSERT INTO \"t\" (\"a\") VALUES({values});");
        let line = if values.contains(',') { line.replace(" (\"a\")", "") } else { line };
        let insert = Insert::parse(&line).ok()??;
        Some(insert.row.into_iter().map(|cell| (cell.value, cell.is_doubtful)).collect())
    }

    #[test]
    fn values_are_read_as_they_were() {
        let text = |text: &str| Value::Text(text.to_owned());
        let sure = |value| Some(vec![(value, false)]);
        assert_eq!(row("NULL"), sure(Value::Null));
        assert_eq!(row("-12"), sure(Value::Integer(-12)));
        assert_eq!(row("0.1"), sure(Value::Real(0.1)));
        assert_eq!(row("1e+21"), sure(Value::Real(1e21)));
        assert_eq!(row("X'00ff'"), sure(Value::Blob(vec![0, 255])));
        assert_eq!(row("'it''s; \"so\"'"), sure(text("it's; \"so\"")));
        assert_eq!(row("'a\\nb'"), sure(text("a\\nb")));
        assert_eq!(row("''"), sure(text("")));
        assert_eq!(row("replace('a\\nb',\'\\n\',char(10))"), Some(vec![(text("a\nb"), true)]));
        assert_eq!(
            row("replace(replace('a\\r\\nb',\'\\r\',char(13)),\'\\n\',char(10))"),
            Some(vec![(text("a\r\nb"), true)])
        );
        let several = Insert::parse("INSERT INTO t VALUES(1,'a',NULL);").unwrap().unwrap();
        assert!(several.table == "t" && several.columns.is_none() && several.row.len() == 3);
    }

    #[test]
    fn ends_of_lines_in_json_are_told_from_escapes() {
        let written = "{\\n  \"a\": \"x\\ny\\\\n\",\\n  \"b\": \"\\\"\\n\"\\n}";
        let read = row(&format!("replace('{written}','\\n',char(10))"));
        let meant = "{\n  \"a\": \"x\\ny\\\\n\",\n  \"b\": \"\\\"\\n\"\n}";
        assert_eq!(read, Some(vec![(Value::Text(meant.to_owned()), false)]));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for values in ["", "'a", "1,", "abs(1)", "9e999", "ERROR", "replace('a','b',char(10))", "1) --", "X'0'"] {
            assert_eq!(row(values), None, "{values}");
        }
        assert_eq!(Insert::parse("CREATE TABLE t (a)"), Ok(None));
        assert!(Insert::parse("INSERT INTO t SELECT 1;").is_err());
        assert!(Insert::parse("INSERT INTO \"t\" (\"a\",\"b\") VALUES(1);").is_err());
    }

    #[test]
    fn what_is_created_is_named() {
        for (line, name) in [
            ("CREATE TABLE users (", Some("users")),
            ("CREATE TABLE IF NOT EXISTS \"a_b\" (", Some("a_b")),
            ("CREATE UNIQUE INDEX i ON t (a);", Some("i")),
            ("CREATE VIEW v AS SELECT 1;", Some("v")),
            ("INSERT INTO t VALUES(1);", None),
        ] {
            assert_eq!(created_name(line).as_deref(), name, "{line}");
        }
    }
}
