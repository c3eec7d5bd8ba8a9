//! Moderation: what administrators hide and rename, and the public log of it.

use super::{
    columns::time,
    query::{Query, sql},
};
use crate::{
    domain::{BenchmarkId, ModelId, RunId, Timestamp, UserId},
    ports::{DatabaseError, Row},
};

/// Guards that neither the model nor the benchmark of a run is hidden: [`Guard::NotHidden`](super::Guard).
pub fn expect_visible(run_id: &RunId) -> Query<()> {
    sql!("moderations/expect_visible").bind(run_id).execute()
}

/// Reads when something was last hidden, shown again or renamed.
pub fn last() -> Query<Option<Timestamp>> {
    sql!("moderations/last").optional(|row| time(row, "created_at"))
}

/// Subject of moderation.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A model, by its id.
    Model(&'a ModelId),
    /// A benchmark, by its id.
    Benchmark(&'a BenchmarkId),
}

impl Subject<'_> {
    /// Returns the subject's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Model(id) => id.as_str(),
            Self::Benchmark(id) => id.as_str(),
        }
    }

    /// Finds the present state of the subject.
    pub fn find(&self) -> Query<Option<Moderated>> {
        let sql = match self {
            Self::Model(id) => sql!("moderations/model").bind(*id),
            Self::Benchmark(id) => sql!("moderations/benchmark").bind(*id),
        };
        sql.optional(Moderated::from_row)
    }
}

/// An act of moderation.
#[derive(Clone, Copy, Debug)]
pub enum Act<'a> {
    /// Hides the subject everywhere.
    Hide,
    /// Shows the subject again.
    Unhide,
    /// Gives the subject this name, whatever its owner declares.
    Rename(&'a str),
}

impl Act<'_> {
    /// Returns the act's name in the log.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Hide => "hidden",
            Self::Unhide => "unhidden",
            Self::Rename(_) => "renamed",
        }
    }
}

/// An act of an administrator, and why. One batch carries it out: [`Moderation::apply`], [`Moderation::log`], what else
/// records it where the statement before changed a row, and [`Moderation::rename_copies`].
#[derive(Clone, Copy, Debug)]
pub struct Moderation<'a> {
    /// Subject of the act.
    pub subject: Subject<'a>,
    /// What is done to the subject.
    pub act: Act<'a>,
    /// Reason, which everyone may read.
    pub reason: &'a str,
    /// When the act happens.
    pub at: Timestamp,
}

impl Moderation<'_> {
    /// Changes the subject, or nothing where it is so already.
    pub fn apply(&self) -> Query<()> {
        let sql = match (self.subject, self.act) {
            (Subject::Model(id), Act::Hide) => sql!("moderations/hide_model").bind(id).bind(self.reason),
            (Subject::Model(id), Act::Unhide) => sql!("moderations/unhide_model").bind(id),
            (Subject::Model(id), Act::Rename(name)) => {
                sql!("moderations/rename_model").bind(id).bind(name).bind(self.at)
            }
            (Subject::Benchmark(id), Act::Hide) => sql!("moderations/hide_benchmark").bind(id).bind(self.reason),
            (Subject::Benchmark(id), Act::Unhide) => sql!("moderations/unhide_benchmark").bind(id),
            (Subject::Benchmark(id), Act::Rename(title)) => sql!("moderations/rename_benchmark").bind(id).bind(title),
        };
        sql.execute()
    }

    /// Writes a line of the public log with this id, where the statement before changed a row.
    pub fn log(&self, id: &str) -> Query<()> {
        let (model, benchmark) = match self.subject {
            Subject::Model(id) => (Some(id), None),
            Subject::Benchmark(id) => (None, Some(id)),
        };
        let name = if let Act::Rename(name) = self.act { Some(name) } else { None };
        sql!("moderations/add")
            .bind(id)
            .bind(self.act.kind())
            .bind(model)
            .bind(benchmark)
            .bind(name)
            .bind(self.reason)
            .bind(self.at)
            .execute()
    }

    /// Renames the copies of a changed name: a model's on every board, a benchmark's in its versions.
    #[must_use]
    pub fn rename_copies(&self) -> Option<Query<()>> {
        let Act::Rename(name) = self.act else { return None };
        let sql = match self.subject {
            Subject::Model(id) => sql!("moderations/rename_entries").bind(id),
            Subject::Benchmark(id) => sql!("moderations/rename_versions").bind(id),
        };
        Some(sql.bind(name).execute())
    }
}

/// A model or a benchmark as moderation left it.
#[derive(Clone, Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Moderated {
    /// The id of the model or of the benchmark.
    #[schema(example = "openai/gpt-5-high")]
    pub id: String,
    /// What people call it: the model's display name, or the title of the benchmark's newest version.
    #[schema(example = "GPT-5 (high)")]
    pub name: String,
    /// Whether an administrator gave it that name.
    pub renamed: bool,
    /// Whether it is told nowhere.
    pub hidden: bool,
    /// Why; everyone may read it.
    pub hidden_reason: Option<String>,
    /// Who declared it.
    #[serde(skip)]
    pub owner_id: Option<UserId>,
}

impl Moderated {
    fn from_row(row: &Row) -> Result<Self, DatabaseError> {
        let hidden_reason = row.optional_text("hidden_reason")?;
        Ok(Self {
            id: row.text("id")?,
            name: row.text("name")?,
            renamed: row.boolean("renamed")?,
            hidden: hidden_reason.is_some(),
            hidden_reason,
            owner_id: row.optional_text("owner_id")?.map(Into::into),
        })
    }
}
