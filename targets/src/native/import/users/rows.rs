//! Reader of a file's rows, one at a time, each with the line that it starts in.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead as _, BufReader, Read, Seek as _},
    path::Path,
};

use csv::ByteRecord;
use serde::Deserialize;
use serde_json::Value;

/// A row, or why it cannot be read.
pub(super) struct Row {
    /// Line in which the row starts, from 1.
    pub line: u64,
    pub cells: Result<Cells, String>,
}

/// Cells of a row, not yet checked; `None` where the row has no value, or null.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Cells {
    pub id: Option<Value>,
    pub email: Option<Value>,
    pub password_hash: Option<Value>,
    pub full_name: Option<Value>,
    pub email_verified: Option<Value>,
    pub created_at: Option<Value>,
}

const COLUMNS: [&str; 6] = ["id", "email", "password_hash", "full_name", "email_verified", "created_at"];

impl Cells {
    fn put(&mut self, column: &str, value: Value) {
        let cell = match column {
            "id" => &mut self.id,
            "email" => &mut self.email,
            "password_hash" => &mut self.password_hash,
            "full_name" => &mut self.full_name,
            "email_verified" => &mut self.email_verified,
            "created_at" => &mut self.created_at,
            _ => return,
        };
        *cell = Some(value);
    }
}

/// A file that is being read.
pub(super) enum Rows<R> {
    Csv(CsvRows<R>),
    Json(JsonRows<R>),
}

impl Rows<File> {
    /// Opens the file as CSV or NDJSON, by its extension or else by its first character.
    pub fn open(path: &Path) -> Result<Self, String> {
        let failed = |error: io::Error| error.to_string();
        let mut file = File::open(path).map_err(failed)?;
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is_csv = match extension.to_ascii_lowercase().as_str() {
            "csv" => true,
            "ndjson" | "jsonl" | "json" => false,
            _ => {
                let mut start = Vec::new();
                file.by_ref().take(64).read_to_end(&mut start).map_err(failed)?;
                file.rewind().map_err(failed)?;
                without_mark(&start).trim_ascii_start().first() != Some(&b'{')
            }
        };
        Self::read(file, is_csv)
    }
}

impl<R: Read> Rows<R> {
    /// Reads CSV, or lines of JSON.
    pub fn read(file: R, is_csv: bool) -> Result<Self, String> {
        if is_csv { CsvRows::new(file).map(Self::Csv) } else { JsonRows::new(file).map(Self::Json) }
    }

    /// Returns the next row, or an error where the file cannot be read on.
    pub fn next(&mut self) -> Result<Option<Row>, String> {
        match self {
            Self::Csv(rows) => rows.next(),
            Self::Json(rows) => rows.next(),
        }
    }

    /// Returns how many bytes have been read.
    pub fn position(&self) -> u64 {
        match self {
            Self::Csv(rows) => rows.reader.position().byte(),
            Self::Json(rows) => rows.position,
        }
    }
}

/// CSV (RFC 4180) under a header, as PostgreSQL's `COPY … (FORMAT csv, HEADER)` writes it.
pub(super) struct CsvRows<R> {
    reader: csv::Reader<LineBreaks<R>>,
    columns: Vec<&'static str>,
    record: ByteRecord,
}

impl<R: Read> CsvRows<R> {
    fn new(file: R) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(LineBreaks {
            file,
            read: 0,
            ahead: VecDeque::new(),
            passed: 0,
        });
        let mut record = ByteRecord::new();
        if !reader.read_byte_record(&mut record).map_err(|error| error.to_string())? {
            return Err("the file is empty".to_owned());
        }
        let mut columns = Vec::new();
        for name in &record {
            let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
            let column = COLUMNS.into_iter().find(|column| *column == name);
            // An unknown column could mean that somebody is to be kept out, so none is ignored.
            let column = column.ok_or_else(|| format!("the header has a column {}; {}", shown(&name), expected()))?;
            if columns.contains(&column) {
                return Err(format!("the header has {column} twice"));
            }
            columns.push(column);
        }
        match COLUMNS.into_iter().find(|column| !columns.contains(column)) {
            None => Ok(Self { reader, columns, record }),
            Some(missing) => Err(format!("the header has no column {missing}; {}", expected())),
        }
    }

    fn next(&mut self) -> Result<Option<Row>, String> {
        if !self.reader.read_byte_record(&mut self.record).map_err(|error| error.to_string())? {
            return Ok(None);
        }
        let start = self.record.position().map_or(0, csv::Position::byte);
        let line = self.reader.get_mut().line_at(start);
        Ok(Some(Row { line, cells: self.cells() }))
    }

    fn cells(&self) -> Result<Cells, String> {
        if self.record.len() != self.columns.len() {
            return Err(format!("has {} values, the header {}", self.record.len(), self.columns.len()));
        }
        let mut cells = Cells::default();
        for (column, value) in self.columns.iter().zip(&self.record) {
            let value = std::str::from_utf8(value).map_err(|_| format!("{column} is not UTF-8"))?;
            cells.put(column, value.into());
        }
        Ok(cells)
    }
}

fn expected() -> String {
    format!("exactly these are expected: {}", COLUMNS.join(", "))
}

/// A reader that knows in which line a byte is. The CSV reader does not: line breaks between two records that it has
/// not skipped yet, it does not count.
struct LineBreaks<R> {
    file: R,
    read: u64,
    /// Places of `\r` and `
    /// ` that [`LineBreaks::line_at`] has not passed, and whether each is a `
    /// `.
    ahead: VecDeque<(u64, bool)>,
    passed: u64,
}

impl<R: Read> Read for LineBreaks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        for (byte, place) in buffer.iter().take(count).zip(self.read..) {
            if matches!(byte, b'\r' | b'\n') {
                self.ahead.push_back((place, *byte == b'\n'));
            }
        }
        self.read = self.read.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}

impl<R> LineBreaks<R> {
    /// Returns the line of the first byte from `start` on that is not a line break. Has to be called with ascending
    /// places.
    fn line_at(&mut self, mut start: u64) -> u64 {
        while let Some((place, is_break)) = self.ahead.front().copied()
            && place <= start
        {
            if place == start {
                start = start.saturating_add(1);
            }
            self.passed = self.passed.saturating_add(u64::from(is_break));
            self.ahead.pop_front();
        }
        self.passed.saturating_add(1)
    }
}

/// Lines of JSON, each an object.
pub(super) struct JsonRows<R> {
    reader: BufReader<R>,
    line: u64,
    position: u64,
    text: Vec<u8>,
}

impl<R: Read> JsonRows<R> {
    fn new(file: R) -> Result<Self, String> {
        let mut reader = BufReader::new(file);
        let start = reader.fill_buf().map_err(|error| error.to_string())?;
        match without_mark(start).trim_ascii_start().first() {
            None => Err("the file is empty".to_owned()),
            Some(b'[') => Err("the file is one JSON array; one object a line is expected (NDJSON)".to_owned()),
            Some(_) => Ok(Self { reader, line: 0, position: 0, text: Vec::new() }),
        }
    }

    fn next(&mut self) -> Result<Option<Row>, String> {
        loop {
            self.text.clear();
            let count = self.reader.read_until(b'\n', &mut self.text).map_err(|error| error.to_string())?;
            if count == 0 {
                return Ok(None);
            }
            self.line = self.line.saturating_add(1);
            self.position = self.position.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
            let text = if self.line == 1 { without_mark(&self.text) } else { &self.text };
            let text = text.trim_ascii();
            if !text.is_empty() {
                return Ok(Some(Row { line: self.line, cells: json_cells(text) }));
            }
        }
    }
}

/// Parses a line of JSON. Whatever is wrong, the message repeats no value.
fn json_cells(text: &[u8]) -> Result<Cells, String> {
    if text.first() != Some(&b'{') {
        return Err("is not a JSON object".to_owned());
    }
    serde_json::from_slice(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            let message = error.to_string();
            message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message).to_owned()
        }
        _ => format!("is not JSON, at column {}", error.column()),
    })
}

fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text)
}

/// Shortens and quotes a name from the file, so that it can be shown.
fn shown(name: &str) -> String {
    format!("{:?}", name.chars().take(40).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "id,email,password_hash,full_name,email_verified,created_at";

    type Lines = Vec<(u64, Result<Cells, String>)>;

    fn read(text: &str, is_csv: bool) -> Result<Lines, String> {
        let mut rows = Rows::read(text.as_bytes(), is_csv)?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            all.push((row.line, row.cells));
        }
        assert_eq!(rows.position(), text.len() as u64);
        Ok(all)
    }

    fn ids(rows: &[(u64, Result<Cells, String>)]) -> Vec<(u64, &'static str)> {
        let id = |cells: &Result<Cells, String>| cells.as_ref().ok().and_then(|cells| cells.id.clone());
        let known = ["a", "b", "c", "d", "e"];
        let name = |id: Option<Value>| known.into_iter().find(|name| id == Some((*name).into())).unwrap_or_default();
        rows.iter().map(|(line, cells)| (*line, name(id(cells)))).collect()
    }

    #[test]
    fn csv_rows_know_the_line_that_they_start_in() {
        for end in ["\n", "\r\n"] {
            let lines = [
                HEADER,
                "a,a@x.com,,,t,2024",
                "b,b@x.com,,\"two",
                "lines\",t,2024",
                "c,c@x.com,,\"a \"\"quoted\"\" name\",t,2024",
                "",
                "",
                "d,d@x.com,,,t,2024",
                "short",
                "e,e@x.com,,,t,2024",
            ];
            for last in ["", end] {
                let rows = read(&format!("{}{last}", lines.join(end)), true).unwrap();
                assert_eq!(ids(&rows), [(2, "a"), (3, "b"), (5, "c"), (8, "d"), (9, ""), (10, "e")], "{end:?}");
                assert_eq!(rows[1].1.as_ref().unwrap().full_name, Some(format!("two{end}lines").into()));
                assert_eq!(rows[2].1.as_ref().unwrap().full_name, Some("a \"quoted\" name".into()));
                assert_eq!(rows[4].1, Err("has 1 values, the header 6".to_owned()));
            }
        }
    }

    #[test]
    fn lines_are_counted_across_reads() {
        let row = |n: usize| format!("{n},p{n}@x.com,,\"{}\nx\",t,2024\r\n", "y".repeat(n % 300));
        let text = format!("{HEADER}\n{}", (0..3000).map(row).collect::<String>());
        let rows = read(&text, true).unwrap();
        assert_eq!(rows.len(), 3000);
        assert!(rows.iter().zip(0..).all(|((line, _), n)| *line == 2 + 2 * n));
    }

    #[test]
    fn columns_stand_in_any_order_and_all_of_them() {
        let text = "\u{feff}Created_At,email_verified,full_name,password_hash,email,id\n1,2,3,4,5,6\n";
        let rows = read(text, true).unwrap();
        let cells = rows[0].1.as_ref().unwrap();
        assert_eq!((&cells.id, &cells.created_at), (&Some("6".into()), &Some("1".into())));
        for (header, reason) in [
            ("", "the file is empty"),
            ("id,email", "the header has no column password_hash"),
            ("id,email,id", "the header has id twice"),
            ("id,is_active", "the header has a column \"is_active\"; exactly these are expected: id, email,"),
        ] {
            let told = read(header, true).unwrap_err();
            assert!(told.starts_with(reason), "{told}");
        }
    }

    #[test]
    fn text_that_is_not_utf_8_is_one_bad_row() {
        let text = [HEADER.as_bytes(), b"\na,\xff,,,t,1\nb,b@x.com,,,t,1"].concat();
        let mut rows = Rows::read(text.as_slice(), true).unwrap();
        assert_eq!(rows.next().unwrap().unwrap().cells, Err("email is not UTF-8".to_owned()));
        assert!(rows.next().unwrap().unwrap().cells.is_ok());
    }

    #[test]
    fn json_lines() {
        let text = "\u{feff}{\"id\":\"a\"}\r\n\n{\"id\":7,\"email_verified\":true,\"password_hash\":null}\n\
                    {\"id\":\"$2b$secret\",\"id\":1}\n{\"is_active\":1}\n{\"id\":\"$2b$secret\n\"$2b$secret\"\n[]\n{}";
        let rows = read(text, false).unwrap();
        let lines = rows.iter().map(|(line, _)| *line).collect::<Vec<_>>();
        assert_eq!(lines, [1, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(rows[0].1.as_ref().unwrap().id, Some("a".into()));
        let cells = rows[1].1.as_ref().unwrap();
        assert_eq!(
            (&cells.id, &cells.email_verified, &cells.password_hash),
            (&Some(7.into()), &Some(true.into()), &None)
        );
        let reasons = rows.iter().filter_map(|(_, cells)| cells.as_ref().err()).collect::<Vec<_>>();
        assert_eq!(reasons[0], "duplicate field `id`");
        assert!(reasons[1].starts_with("unknown field `is_active`"), "{reasons:?}");
        assert_eq!(reasons[2], "is not JSON, at column 17");
        assert_eq!(reasons[3..], ["is not a JSON object"; 2]);
        assert!(!format!("{reasons:?}").contains("secret"));
        assert_eq!(read("", false).unwrap_err(), "the file is empty");
        assert!(read(" [{}]", false).unwrap_err().contains("NDJSON"));
    }
}
