//! What stands around a board on its page: its facts, and other versions and benchmarks.

use super::chooser;
use crate::{
    domain::{BenchmarkId, VersionName},
    http::{leaderboard::board::BoardSelector, problem::ApiError},
    store::{
        Answers, Batch, Handle,
        pages::{self, VersionChoice, VersionFacts},
    },
};

/// What stands around a board on its page, and may change without a new snapshot.
#[derive(Debug, Default)]
pub(super) struct BoardSurroundings {
    pub(super) known: Vec<VersionChoice>,
    pub(super) facts: VersionFacts,
}

/// Queries in a batch that read [`BoardSurroundings`].
pub(super) struct SurroundingsReads {
    known: Handle<Vec<VersionChoice>>,
    facts: Handle<Option<VersionFacts>>,
}

impl BoardSurroundings {
    /// Returns what the page shows of it: other benchmarks come and go unseen, where there are too many to list.
    pub(super) fn shown(&self, benchmark: &BenchmarkId) -> String {
        let versions = self.known.iter().filter(|choice| choice.benchmark == *benchmark).collect::<Vec<_>>();
        let others = chooser::form(&self.known, benchmark, "").into_string();
        format!("{:?} {versions:?} {others}", self.facts)
    }
}

impl SurroundingsReads {
    /// Adds the queries to the batch that looks up the board; `None` where the benchmark or version is known only after
    /// that.
    pub(super) fn push_early(batch: &mut Batch, wanted: BoardSelector<'_>) -> Option<Self> {
        let benchmark = wanted.benchmark?;
        let is_clear = wanted.snapshot.is_none() || wanted.version.is_some();
        is_clear.then(|| Self::push(batch, benchmark, wanted.version))
    }

    /// Adds the queries to a batch.
    pub(super) fn push(batch: &mut Batch, benchmark: &BenchmarkId, version: Option<&VersionName>) -> Self {
        Self {
            known: batch.push(pages::choices(benchmark, chooser::BENCHMARKS)),
            facts: batch.push(pages::version_facts(benchmark, version)),
        }
    }

    /// Takes what was read from the batch's answers.
    pub(super) fn take(self, answers: &mut Answers) -> Result<BoardSurroundings, ApiError> {
        Ok(BoardSurroundings { known: answers.take(self.known)?, facts: answers.take(self.facts)?.unwrap_or_default() })
    }
}
