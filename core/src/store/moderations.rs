//! Moderation: what administrators hide and rename, and the public log of it.

use super::query::{Query, sql};
use crate::ports::{DatabaseError, Row, Statement, Timestamp};

/// A line in the log, where the statement before changed something.
pub const ADD: &str = include_str!("sql/moderations/add.sql");
/// Hides a model.
pub const HIDE_MODEL: &str = include_str!("sql/moderations/hide_model.sql");
/// Shows it again.
pub const UNHIDE_MODEL: &str = include_str!("sql/moderations/unhide_model.sql");
/// Names a model.
pub const RENAME_MODEL: &str = include_str!("sql/moderations/rename_model.sql");
/// Names it on every board.
pub const RENAME_ENTRIES: &str = include_str!("sql/moderations/rename_entries.sql");
/// Hides a benchmark.
pub const HIDE_BENCHMARK: &str = include_str!("sql/moderations/hide_benchmark.sql");
/// Shows it again.
pub const UNHIDE_BENCHMARK: &str = include_str!("sql/moderations/unhide_benchmark.sql");
/// Names a benchmark.
pub const RENAME_BENCHMARK: &str = include_str!("sql/moderations/rename_benchmark.sql");
/// Names its versions.
pub const RENAME_VERSIONS: &str = include_str!("sql/moderations/rename_versions.sql");
/// How moderation left a model.
pub const MODEL: &str = include_str!("sql/moderations/model.sql");
/// How moderation left a benchmark.
pub const BENCHMARK: &str = include_str!("sql/moderations/benchmark.sql");

/// Guards that neither the model nor the benchmark of a run is hidden: [`Guard::NotHidden`](super::Guard).
pub fn expect_visible(run_id: &str) -> Query<()> {
    sql!("moderations/expect_visible").bind(run_id).execute()
}

/// What is moderated.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A model, by its id.
    Model(&'a str),
    /// A benchmark, by its id.
    Benchmark(&'a str),
}

/// What is done to it.
#[derive(Clone, Copy, Debug)]
pub enum Act<'a> {
    /// It is told nowhere any more.
    Hide,
    /// It is told again.
    Unhide,
    /// It is called this, whatever its owner declares.
    Rename(&'a str),
}

impl Act<'_> {
    /// Its name in the log.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Hide => "hidden",
            Self::Unhide => "unhidden",
            Self::Rename(_) => "renamed",
        }
    }
}

impl Subject<'_> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Model(id) | Self::Benchmark(id) => id,
        }
    }

    /// Reads how it stands, by [`Moderated::from_row`].
    #[must_use]
    pub fn read(&self) -> Statement {
        match self {
            Self::Model(id) => Statement::new(MODEL).bind(*id),
            Self::Benchmark(id) => Statement::new(BENCHMARK).bind(*id),
        }
    }

    /// What changes it; nothing where it is so already.
    fn change(&self, act: Act<'_>, reason: &str, now: Timestamp) -> Statement {
        let of_subject = |sql| Statement::new(sql).bind(self.id());
        match (self, act) {
            (Self::Model(_), Act::Hide) => of_subject(HIDE_MODEL).bind(reason),
            (Self::Model(_), Act::Unhide) => of_subject(UNHIDE_MODEL),
            (Self::Model(_), Act::Rename(name)) => of_subject(RENAME_MODEL).bind(name).bind(now),
            (Self::Benchmark(_), Act::Hide) => of_subject(HIDE_BENCHMARK).bind(reason),
            (Self::Benchmark(_), Act::Unhide) => of_subject(UNHIDE_BENCHMARK),
            (Self::Benchmark(_), Act::Rename(title)) => of_subject(RENAME_BENCHMARK).bind(title),
        }
    }

    /// What moderation writes: the change, its line in the log, whatever `event` records of it, and what follows.
    #[must_use]
    pub fn moderate(&self, act: Act<'_>, reason: &str, id: &str, now: Timestamp, event: Statement) -> Vec<Statement> {
        let (model, benchmark) = match self {
            Self::Model(id) => (Some(*id), None),
            Self::Benchmark(id) => (None, Some(*id)),
        };
        let name = if let Act::Rename(name) = act { Some(name) } else { None };
        let add = Statement::new(ADD).bind(id).bind(act.kind()).bind(model).bind(benchmark).bind(name);
        let mut writes = vec![self.change(act, reason, now), add.bind(reason).bind(now), event];
        if let Some(name) = name {
            let sql = if model.is_some() { RENAME_ENTRIES } else { RENAME_VERSIONS };
            writes.push(Statement::new(sql).bind(self.id()).bind(name));
        }
        writes
    }
}

/// A model or a benchmark as moderation left it.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moderated {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether an administrator gave it that name.
    pub renamed: bool,
    /// Whether it is told nowhere.
    pub hidden: bool,
    /// Why.
    pub hidden_reason: Option<String>,
    /// Who declared it.
    #[serde(skip)]
    pub owner_id: Option<String>,
}

impl Moderated {
    /// Reads a row of [`MODEL`] or [`BENCHMARK`].
    ///
    /// # Errors
    /// When a column is missing.
    pub fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let hidden_reason = row.optional_text("hidden_reason")?;
        Ok(Self {
            id: row.text("id")?,
            name: row.text("name")?,
            renamed: row.boolean("renamed")?,
            hidden: hidden_reason.is_some(),
            hidden_reason,
            owner_id: row.optional_text("owner_id")?,
        })
    }
}
