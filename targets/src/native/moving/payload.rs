//! The content that is sealed: a head, the tables with their rows, and the number of rows, each a line of JSON;
//! compressed.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
};

use aibaas_core::store::migrations::{MIGRATIONS, SchemaState, newer};
use data_encoding::BASE64;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{
    MoveError,
    rows::{Sink, Table},
    sealed::OpeningReader,
};

/// Longest line in bytes: a row is of 2 MB at most, and a character takes up to six.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The first line.
#[derive(Debug, Deserialize, Serialize)]
struct PayloadHeader {
    /// Release that wrote the file.
    program: String,
    /// Names of the migrations that had run.
    migrations: Vec<String>,
}

/// Refuses the rows of a database whose migrations differ from those that this program knows.
///
/// # Errors
/// [`MoveError`] that says which release can move it.
pub fn check_schema(applied: &[String]) -> Result<(), MoveError> {
    let found = SchemaState::of(applied);
    if !found.unknown.is_empty() {
        return Err(MoveError(newer(&found.unknown)));
    }
    if let Some(pending) = found.pending.first() {
        return Err(MoveError(format!(
            "the database is of an older release, before {}: migrate it first (aibaas migrate), and move it then",
            pending.name
        )));
    }
    Ok(())
}

/// A sink that writes rows as lines.
pub struct PayloadWriter<W: Write> {
    out: GzEncoder<W>,
    counts: BTreeMap<String, u64>,
    table: String,
}

impl<W: Write> PayloadWriter<W> {
    /// Creates the writer, and writes the head.
    ///
    /// # Errors
    /// [`MoveError`] when the head cannot be written.
    pub fn new(out: W) -> Result<Self, MoveError> {
        let migrations = MIGRATIONS.iter().map(|migration| migration.name.to_owned()).collect();
        let head = PayloadHeader { program: env!("CARGO_PKG_VERSION").to_owned(), migrations };
        let out = GzEncoder::new(out, Compression::default());
        let mut writer = Self { out, counts: BTreeMap::new(), table: String::new() };
        writer.line(&head)?;
        Ok(writer)
    }

    fn line(&mut self, line: &impl Serialize) -> Result<(), MoveError> {
        serde_json::to_writer(&mut self.out, line).map_err(|error| MoveError::new(error.to_string()))?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Ends the lines. Returns the output, and how many rows there are.
    ///
    /// # Errors
    /// [`MoveError`] when the end cannot be written.
    pub fn finish(mut self) -> Result<(W, u64), MoveError> {
        let counts = std::mem::take(&mut self.counts);
        self.line(&json!({ "rows": counts }))?;
        Ok((self.out.finish()?, counts.values().sum()))
    }
}

impl<W: Write> Sink for PayloadWriter<W> {
    fn table(&mut self, table: &Table) -> Result<(), MoveError> {
        self.table.clone_from(&table.name);
        self.counts.insert(table.name.clone(), 0);
        self.line(&json!({ "table": table.name, "columns": table.columns }))
    }

    fn row(&mut self, row: &[Value]) -> Result<(), MoveError> {
        if let Some(count) = self.counts.get_mut(&self.table) {
            *count = count.saturating_add(1);
        }
        let row = row.iter().map(to_json).collect::<Result<Vec<_>, _>>()?;
        self.line(&row)
    }
}

fn to_json(value: &Value) -> Result<Json, MoveError> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Integer(integer) => json!(integer),
        Value::Real(real) if real.is_finite() => json!(real),
        Value::Real(real) => return Err(MoveError(format!("{real} is no number that the application keeps"))),
        Value::Text(text) => Json::String(text.clone()),
        Value::Blob(bytes) => json!({ "base64": BASE64.encode(bytes) }),
    })
}

fn from_json(value: Json) -> Option<Value> {
    Some(match value {
        Json::Null => Value::Null,
        Json::Number(number) => match number.as_i64() {
            Some(integer) => Value::Integer(integer),
            None => Value::Real(number.as_f64()?),
        },
        Json::String(text) => Value::Text(text),
        Json::Object(members) => Value::Blob(BASE64.decode(members.get("base64")?.as_str()?.as_bytes()).ok()?),
        Json::Bool(_) | Json::Array(_) => return None,
    })
}

/// Passes all rows of a sealed file to the sink.
///
/// # Errors
/// [`MoveError`] where the file cannot be opened, is damaged, or the sink refuses.
pub fn open(path: &Path, passphrase: &str, sink: &mut impl Sink) -> Result<(), MoveError> {
    read(OpeningReader::new(BufReader::new(File::open(path)?), passphrase)?, sink)
}

/// Passes all rows to the sink, and checks that they are as many as were written.
///
/// # Errors
/// [`MoveError`] where the file is of another schema, or damaged, or the sink refuses.
pub fn read<R: Read>(file: R, sink: &mut impl Sink) -> Result<(), MoveError> {
    let strange = |what: &str| MoveError(format!("the file holds {what}, which this release does not write"));
    let mut lines = BufReader::new(GzDecoder::new(file));
    let mut line = String::new();
    let mut next = |line: &mut String| {
        line.clear();
        lines.by_ref().take(LONGEST).read_line(line)
    };
    next(&mut line)?;
    let head: PayloadHeader = serde_json::from_str(&line).map_err(|_| strange("another head"))?;
    check_schema(&head.migrations)?;
    let (mut counts, mut table) = (BTreeMap::<String, u64>::new(), String::new());
    let told = loop {
        next(&mut line)?;
        match serde_json::from_str(&line).map_err(|_| strange("a line that is no JSON"))? {
            Json::Array(values) => {
                let row = values.into_iter().map(from_json).collect::<Option<Vec<_>>>();
                sink.row(&row.ok_or_else(|| strange("another kind of value"))?)?;
                let count = counts.get_mut(&table).ok_or_else(|| strange("rows of no table"))?;
                *count = count.saturating_add(1);
            }
            Json::Object(mut members) => match members.remove("rows") {
                Some(told) => break told,
                None => {
                    let begun = table_of(members).ok_or_else(|| strange("another kind of line"))?;
                    sink.table(&begun)?;
                    table = begun.name;
                    counts.insert(table.clone(), 0);
                }
            },
            _ => return Err(strange("another kind of line")),
        }
    };
    // Reading to the end of the sealed file proves that it is complete.
    next(&mut line)?;
    let after = std::io::copy(&mut lines.into_inner().into_inner(), &mut std::io::sink())?;
    if told != json!(counts) || !line.is_empty() || after != 0 {
        return Err(MoveError::new("the file does not hold as many rows as it says"));
    }
    Ok(())
}

fn table_of(mut members: Map<String, Json>) -> Option<Table> {
    let name = members.remove("table")?.as_str()?.to_owned();
    Some(Table { name, columns: serde_json::from_value(members.remove("columns")?).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::moving::rows::Counter;

    fn packed(lines: &str) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        out.write_all(lines.as_bytes()).unwrap();
        out.finish().unwrap()
    }

    fn refusal(file: &[u8]) -> String {
        read(file, &mut Counter::default()).unwrap_err().0
    }

    #[derive(Default)]
    struct RowCollector(Vec<Table>, Vec<Vec<Value>>);

    impl Sink for RowCollector {
        fn table(&mut self, table: &Table) -> Result<(), MoveError> {
            self.0.push(table.clone());
            Ok(())
        }

        fn row(&mut self, row: &[Value]) -> Result<(), MoveError> {
            self.1.push(row.to_vec());
            Ok(())
        }
    }

    #[test]
    fn rows_are_read_as_they_were() {
        let table = Table { name: "t".to_owned(), columns: vec!["a".to_owned()] };
        let values = [
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Integer(1),
            Value::Real(1.0),
            Value::Real(1e21),
            Value::Real(1.0 / 3.0),
            Value::Real(5e-324),
            Value::Text("a\n\u{0}\"'".to_owned()),
            Value::Blob(vec![0, 255]),
        ];
        let mut writer = PayloadWriter::new(Vec::new()).unwrap();
        writer.table(&table).unwrap();
        values.iter().for_each(|value| writer.row(std::slice::from_ref(value)).unwrap());
        let (file, rows) = writer.finish().unwrap();
        let mut kept = RowCollector::default();
        read(&file[..], &mut kept).unwrap();
        assert_eq!((kept.0, rows), (vec![table], 9));
        assert_eq!(kept.1, values.map(|value| vec![value]));
        for end in [1, 20, file.len() / 2, file.len() - 1] {
            assert!(read(&file[..end], &mut Counter::default()).is_err(), "{end}");
        }
    }

    #[test]
    fn what_another_release_wrote_is_refused() {
        let head = |names: &[&str]| json!({ "program": "9.9.9", "migrations": names }).to_string();
        let ours = MIGRATIONS.iter().map(|migration| migration.name).collect::<Vec<_>>();
        let newer = [&ours[..], &["9999_of_tomorrow.sql"]].concat();
        assert!(refusal(&packed(&format!("{}\n", head(&newer)))).contains("a newer release"));
        assert!(refusal(&packed(&format!("{}\n", head(&ours[1..])))).contains("aibaas migrate"));
        let head = head(&ours);
        let table = "{\"table\":\"t\",\"columns\":[\"a\"]}";
        for (rest, why) in [
            ("{\"rows\":{\"t\":1}}\n".to_owned(), "as many rows"),
            (format!("{table}\n[1]\n{{\"rows\":{{\"t\":2}}}}\n"), "as many rows"),
            (format!("{table}\n[1]\n{{\"rows\":{{\"t\":1}}}}\n[1]\n"), "as many rows"),
            (format!("{table}\n[true]\n"), "another kind of value"),
            ("[1]\n".to_owned(), "rows of no table"),
            (format!("{table}\n"), "no JSON"),
            (format!("{table}\n[\"{}\"]\n", "a".repeat(17 << 20)), "no JSON"),
            ("{}\n".to_owned(), "another kind of line"),
        ] {
            let said = refusal(&packed(&format!("{head}\n{rest}")));
            assert!(said.contains(why), "{rest}: {said}");
        }
    }
}
