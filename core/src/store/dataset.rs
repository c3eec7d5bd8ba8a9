//! The public dataset, table by table: what `GET /export` returns, and what loads it into an empty database.
//!
//! A dataset is of one moment, the snapshot `through`, whatever is published meanwhile. The log of changes holds when
//! each run was published and when it was withdrawn, so both are written as they were then. Models, benchmarks and
//! versions that no published run refers to are written as they are at the time of the request. What an administrator
//! hid is left out. Rows of a table that were declared while the tables before it were read may lack what they refer
//! to: loading leaves them out.
//!
//! A page walks a number of rows of a table by its primary key, whether they are public or not, and so costs no more
//! than that many.

use super::{
    dataset_tables::{
        Kind::{Integer, Text},
        RESULTS,
    },
    packs::{self, ResultKey},
    query::{Query, Sql},
};
use crate::ports::{DatabaseError, Rows, Value};

pub use super::{
    dataset_load::{Load, LoadHandles, is_used},
    dataset_tables::{Key, TABLES, Table},
};

/// Version of the dataset's format; another number is another format.
pub const FORMAT: u32 = 1;

/// Most bytes of text that a page of results holds.
const PAGE_SIZE: usize = 1_000_000;
/// Bytes that a row of results counts besides its texts.
const ROW_SIZE: usize = 300;

/// Rows of a table, as lines of JSON objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Lines, each ended by a line break.
    pub lines: String,
    /// Key to go on after, where there is more. A page may be short, or empty, and yet not the last.
    pub next: Option<Vec<Key>>,
}

impl Table {
    /// Reads at most `limit` rows as of the snapshot with the place `through`, after a key or from the first; `None`
    /// where the key is not one of this table.
    pub fn page(&'static self, through: i64, limit: u32, after: Option<Vec<Key>>) -> Option<Query<Page>> {
        let page = Sql::new(self.page).bind(through).bind(limit);
        if self.name == RESULTS {
            let after = after.map_or_else(|| Some(ResultKey::default()), ResultKey::of)?;
            let page = page.bind(after.run.as_str()).bind(after.task.as_str()).bind(after.attempt);
            return Some(page.read(move |found| self.read_results(found, &after, limit)));
        }
        let kinds = self.keys.iter().map(|key| self.kind(key));
        let page = match after {
            None => {
                let first = |kind| if kind == Integer { Value::Integer(0) } else { Value::Text(String::new()) };
                kinds.map(first).fold(page, Sql::bind)
            }
            Some(after) if after.len() == self.keys.len() => {
                kinds.zip(after).try_fold(page, |page, (kind, key)| match (kind, key) {
                    (Integer, Key::Integer(integer)) => Some(page.bind(integer)),
                    (Text, Key::Text(text)) => Some(page.bind(text)),
                    _ => None,
                })?
            }
            Some(_) => return None,
        };
        Some(page.read(|rows| self.read(rows)))
    }

    fn read(&self, rows: Rows) -> Result<Page, DatabaseError> {
        let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let mut lines = String::new();
        let mut last = None;
        for row in rows {
            if row.boolean("told")? {
                self.write(&row, &mut lines)?;
            }
            last = Some(row);
        }
        let next = match last {
            Some(last) if last.integer("walked")? > count => Some(self.key(&last)?),
            _ => None,
        };
        Ok(Page { lines, next })
    }

    /// Merges rows and packs to a page: the same as if all of them were rows.
    fn read_results(&self, found: Rows, after: &ResultKey, limit: u32) -> Result<Page, DatabaseError> {
        let (mut lines, mut count, mut size) = (String::new(), 0_u32, 0_usize);
        let mut last = None;
        for (key, row) in packs::merged(found, after)? {
            let parts = row.optional_text("parts")?.map_or(0, |parts| parts.len());
            size = size.saturating_add(key.task.len()).saturating_add(parts).saturating_add(ROW_SIZE);
            if count >= limit || (count > 0 && size > PAGE_SIZE) {
                return Ok(Page { lines, next: last.map(ResultKey::into_keys) });
            }
            if row.boolean("told")? {
                self.write(&row, &mut lines)?;
            }
            count = count.saturating_add(1);
            last = Some(key);
        }
        Ok(Page { lines, next: None })
    }
}
