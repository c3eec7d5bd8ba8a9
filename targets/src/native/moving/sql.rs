//! Rows as SQL that `wrangler d1 execute --file` accepts: statements of less than 100 KB, none that begins or ends a
//! transaction, and numbers that stay exactly what they are.

use std::io::Write;

use aibaas_core::store::migrations::{MIGRATIONS, schema};
use rusqlite::{Connection, types::Value};

use super::{
    MoveError,
    database::tables,
    rows::{Sink, Table, begin, missing, quoted},
};

/// Most bytes of a statement; D1's limit is 100 KB.
const STATEMENT: usize = 90_000;
/// Most rows of a statement: SQLite counts its instructions, and D1 allows 25,000 of them.
const ROWS: usize = 500;
/// Most bytes of a value in a row that is too long for a statement; longer ones are put together from pieces.
const VALUE: usize = 1000;
/// Most characters of a piece: one may take four bytes, and each of them two digits.
const LENGTH: usize = 11_000;
/// Text that wrangler takes for the beginning of a transaction wherever it stands.
const TRANSACTION: &str = "BEGIN TRANSACTION";

/// Sink that writes rows as statements, which change nothing in a database that is not empty, or has another schema.
pub struct SqlWriter<W> {
    out: W,
    /// Beginning of an `INSERT INTO …`, up to its first row.
    head: String,
    statement: String,
    rows: usize,
    /// Tables of the schema that were not begun.
    left: Vec<Table>,
    /// Names of tables, with how many rows each has.
    counts: Vec<(String, u64)>,
}

impl<W: Write> SqlWriter<W> {
    /// Creates the writer, and writes statements that fail on a database into which these rows do not belong.
    ///
    /// # Errors
    /// [`MoveError`] when the file cannot be written.
    pub fn new(out: W) -> Result<Self, MoveError> {
        let database = Connection::open_in_memory()?;
        for migration in MIGRATIONS {
            database.execute_batch(migration.sql)?;
        }
        Self::of(out, tables(&database)?)
    }

    /// Creates the writer for these tables.
    fn of(mut out: W, left: Vec<Table>) -> Result<Self, MoveError> {
        let names = MIGRATIONS.iter().map(|migration| format!("'{}'", migration.name)).collect::<Vec<_>>().join(",");
        let count = MIGRATIONS.len();
        refuse(
            &mut out,
            &format!("the schema of this database is not {}", schema()),
            &format!(
                "(SELECT count(*) FROM d1_migrations) <> {count} OR (SELECT count(*) FROM d1_migrations WHERE name IN ({names})) <> {count}"
            ),
        )?;
        out.write_all(
            b"CREATE TABLE moving_pieces (value INTEGER NOT NULL, place INTEGER NOT NULL, piece TEXT NOT NULL, PRIMARY KEY (value, place)) STRICT;\n",
        )?;
        Ok(Self { out, head: String::new(), statement: String::new(), rows: 0, left, counts: Vec::new() })
    }

    fn flush(&mut self) -> Result<(), MoveError> {
        if self.rows > 0 {
            writeln!(self.out, "{}{};", self.head, self.statement)?;
        }
        self.statement.clear();
        self.rows = 0;
        Ok(())
    }

    /// Ends the file with a statement that undoes all of it where rows are missing. Returns the output, and how many
    /// rows there are.
    ///
    /// # Errors
    /// [`MoveError`] when a table was not begun, or the file cannot be written.
    pub fn finish(mut self) -> Result<(W, u64), MoveError> {
        self.flush()?;
        missing(&self.left)?;
        for (table, count) in &self.counts {
            let condition = format!("(SELECT count(*) FROM {}) <> {count}", quoted(table));
            refuse(&mut self.out, &format!("{table} does not have its {count} rows"), &condition)?;
        }
        self.out.write_all(b"DROP TABLE moving_pieces;\n")?;
        self.out.flush()?;
        Ok((self.out, self.counts.iter().map(|(_, count)| count).sum()))
    }

    /// Writes a row that is too long for one statement.
    fn long_row(&mut self, row: &[Value]) -> Result<(), MoveError> {
        self.flush()?;
        let mut values = Vec::new();
        for (number, value) in row.iter().enumerate() {
            let written = literal(value);
            if written.len() <= VALUE {
                values.push(written);
                continue;
            }
            let together =
                format!("(SELECT group_concat(piece, '' ORDER BY place) FROM moving_pieces WHERE value = {number})");
            let (text, together) = match value {
                Value::Text(text) => (text.clone(), together),
                Value::Blob(bytes) => (hex(bytes), format!("unhex({together})")),
                Value::Null | Value::Integer(_) | Value::Real(_) => return Err(MoveError::new("a number is too long")),
            };
            let letters = text.chars().collect::<Vec<_>>();
            for (place, piece) in letters.chunks(LENGTH).enumerate() {
                let piece = literal(&Value::Text(piece.iter().collect()));
                writeln!(self.out, "INSERT INTO moving_pieces (value,place,piece) VALUES ({number},{place},{piece});")?;
            }
            values.push(together);
        }
        writeln!(self.out, "{}({});\nDELETE FROM moving_pieces;", self.head, values.join(","))?;
        Ok(())
    }
}

impl<W: Write> Sink for SqlWriter<W> {
    fn table(&mut self, table: &Table) -> Result<(), MoveError> {
        self.flush()?;
        begin(&mut self.left, table)?;
        let name = quoted(&table.name);
        refuse(&mut self.out, "this database is not empty", &format!("EXISTS (SELECT 1 FROM {name})"))?;
        self.head = format!("INSERT INTO {name} ({}) VALUES ", table.column_list());
        self.counts.push((table.name.clone(), 0));
        Ok(())
    }

    fn row(&mut self, row: &[Value]) -> Result<(), MoveError> {
        if let Some((_, count)) = self.counts.last_mut() {
            *count = count.saturating_add(1);
        }
        let written = format!("({})", row.iter().map(literal).collect::<Vec<_>>().join(","));
        let length = self.head.len().saturating_add(self.statement.len()).saturating_add(written.len());
        if length > STATEMENT || self.rows >= ROWS {
            self.flush()?;
        }
        if self.head.len().saturating_add(written.len()) > STATEMENT {
            return self.long_row(row);
        }
        if self.rows > 0 {
            self.statement.push(',');
        }
        self.statement.push_str(&written);
        self.rows = self.rows.saturating_add(1);
        Ok(())
    }
}

/// Writes a statement that fails with this reason where the condition holds: D1 then undoes the whole file.
fn refuse(out: &mut impl Write, why: &str, condition: &str) -> Result<(), MoveError> {
    // No JSON path begins like the reason, and SQLite shows the path that is wrong.
    let why = literal(&Value::Text(why.to_owned()));
    Ok(writeln!(out, "INSERT INTO batch_guard (expectation) SELECT json_extract('{{}}', {why}) WHERE {condition};")?)
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXUPPER.encode(bytes)
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => exact(*real),
        Value::Blob(bytes) => format!("X'{}'", hex(bytes)),
        // SQLite ends a text at a NUL, and readers of the file end lines at line breaks.
        Value::Text(text) if text.contains(char::is_control) || text.contains(TRANSACTION) => {
            format!("CAST(X'{}' AS TEXT)", hex(text.as_bytes()))
        }
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
    }
}

/// Largest power of ten with which a decimal number becomes binary without an error however it is done (Clinger, 1990).
const POWER: i32 = 22;
const DIGITS: usize = 15;

/// Writes a number so that every SQLite reads the same number: decimal where that is certain, otherwise as a fraction
/// of powers of two, whose steps are exact.
fn exact(real: f64) -> String {
    let shortest = format!("{real:e}");
    let (digits, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let count = digits.chars().filter(char::is_ascii_digit).count();
    let power = exponent.parse::<i32>().unwrap_or(i32::MAX);
    let last = power.saturating_sub(i32::try_from(count).unwrap_or(i32::MAX)).saturating_add(1);
    if count <= DIGITS && last.abs() <= POWER && power.abs() <= POWER {
        return format!("{real:?}");
    }
    // IEEE 754: sign, exponent, and 52 bits of the significand behind the 1 that is not stored.
    let bits = real.to_bits();
    let (stored, fraction) = ((bits >> 52) & 0x7ff, bits & 0x000f_ffff_ffff_ffff);
    let hidden = if stored == 0 { 0 } else { 0x0010_0000_0000_0000 };
    let mut power = i32::try_from(stored.max(1)).unwrap_or_default().saturating_sub(1075);
    let sign = if real.is_sign_negative() { "-" } else { "" };
    let mut written = format!("({sign}{}.0", fraction | hidden);
    while power != 0 {
        let step = power.unsigned_abs().min(52);
        written.push_str(if power < 0 { "/" } else { "*" });
        written.push_str(&format!("{}.0", 1_u64.checked_shl(step).unwrap_or(1)));
        let step = i32::try_from(step).unwrap_or_default();
        power = if power < 0 { power.saturating_add(step) } else { power.saturating_sub(step) };
    }
    written.push(')');
    written
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn reads(database: &Connection, literal: &str) -> Value {
        database.query_row(&format!("SELECT {literal}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn numbers_are_read_as_they_were() {
        let database = Connection::open_in_memory().unwrap();
        let some = [0.0, 1.0, -2.5, 0.1, 1.0 / 3.0, -2.0 / 3.0, 1e22, 1e23, 123_456_789.123_456_79, 5e-324, 2.2e-308];
        let made = (1..2000_u64).map(|number| {
            let bits = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            f64::from_bits(bits)
        });
        for real in some.into_iter().chain([f64::MAX, f64::MIN_POSITIVE]).chain(made.filter(|real| real.is_finite())) {
            let Value::Real(read) = reads(&database, &exact(real)) else { panic!("{real:e}") };
            assert_eq!(read.to_bits(), real.to_bits(), "{real:e} as {}", exact(real));
        }
        assert_eq!(exact(0.25), "0.25");
        assert_eq!(exact(3.0), "3.0");
        assert!(exact(1.0 / 3.0).contains('/'));
    }

    #[test]
    fn texts_are_read_as_they_were() {
        let database = Connection::open_in_memory().unwrap();
        for text in ["", "it's", "a\nb\r\n\0c", "BEGIN TRANSACTION;", "ä€😀", "\\n"] {
            let text = Value::Text(text.to_owned());
            let written = literal(&text);
            assert!(!written.contains(char::is_control) && !written.contains(TRANSACTION), "{written}");
            assert_eq!(reads(&database, &written), text);
        }
        let bytes = Value::Blob(vec![0, 1, 255]);
        assert_eq!(reads(&database, &literal(&bytes)), bytes);
    }

    #[test]
    fn long_rows_arrive_in_statements_that_are_short() {
        let database = Connection::open_in_memory().unwrap();
        database
            .execute_batch("CREATE TABLE t (a INTEGER, b TEXT CHECK (json_valid(b)), c BLOB, d TEXT); CREATE TABLE d1_migrations (name); CREATE TABLE batch_guard (expectation CHECK (0))")
            .unwrap();
        for migration in MIGRATIONS {
            database.execute("INSERT INTO d1_migrations VALUES (?1)", [migration.name]).unwrap();
        }
        let columns = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let table = Table { name: "t".to_owned(), columns };
        let rows = (0..1500_i64).map(|number| {
            let length = if number % 500 == 7 { 70_000 } else { 3 };
            let lines = ["a\nb", "中\n", "😀\n"][usize::try_from(number / 500).unwrap()];
            vec![
                Value::Integer(number),
                Value::Text(format!("[\"{}\"]", "'€\\n".repeat(length))),
                Value::Blob(vec![200; length]),
                Value::Text(lines.repeat(length)),
            ]
        });
        let rows = rows.collect::<Vec<_>>();
        let mut writer = SqlWriter::of(Vec::new(), vec![table.clone()]).unwrap();
        writer.table(&table).unwrap();
        rows.iter().for_each(|row| writer.row(row).unwrap());
        let (sql, count) = writer.finish().unwrap();
        assert_eq!(count, 1500);
        let sql = String::from_utf8(sql).unwrap();
        for statement in sql.lines() {
            assert!(statement.len() < 100_000 && statement.ends_with(';'), "{}", statement.len());
            database.execute_batch(statement).unwrap();
        }
        let mut read = database.prepare("SELECT a, b, c, d FROM t ORDER BY a").unwrap();
        let read =
            read.query_map([], |row| (0..4).map(|index| row.get::<_, Value>(index)).collect::<Result<Vec<_>, _>>());
        assert!(read.unwrap().map(Result::unwrap).eq(rows));
        // A second run is refused, by the second statement for this table.
        let again = sql.lines().filter(|line| line.contains("not empty")).map(|line| database.execute_batch(line));
        let refusals = again.map(|refused| refused.unwrap_err().to_string()).collect::<Vec<_>>();
        assert!(refusals.len() == 1 && refusals[0].contains("this database is not empty"), "{refusals:?}");
    }
    #[test]
    fn only_what_the_schema_has_is_written_and_all_of_it() {
        let known = SqlWriter::new(Vec::new()).unwrap().left;
        assert!(known.len() > 25 && known.iter().any(|table| table.name == "users"), "{known:?}");
        let mut writer = SqlWriter::new(Vec::new()).unwrap();
        for table in &known {
            let renamed = Table { name: format!("{}') --", table.name), ..table.clone() };
            let mut other = table.clone();
            other.columns.push("more".to_owned());
            for strange in [renamed, other] {
                assert!(writer.table(&strange).unwrap_err().0.contains("not as this release has it"));
            }
            writer.table(table).unwrap();
            assert!(writer.table(table).is_err(), "twice");
        }
        assert_eq!(writer.finish().unwrap().1, 0);
        let mut writer = SqlWriter::new(Vec::new()).unwrap();
        known.iter().skip(1).for_each(|table| writer.table(table).unwrap());
        assert!(writer.finish().is_err_and(|error| error.0.contains(&known[0].name)));
    }
}
