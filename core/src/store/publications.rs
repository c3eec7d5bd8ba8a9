//! Publication and withdrawal of runs: what is stored of them, and how the leaderboard changes; one batch each, all or
//! nothing.

use super::{
    Batch, moderations,
    query::{Query, sql},
    runs, seals, webhooks,
};
use crate::{
    domain::{
        RunId, Timestamp, UserId,
        log_record::{self, DigestedResults},
        run_aggregates::{RunAggregates, Slice},
        run_status::RunStatus,
    },
    ports::DatabaseError,
};

/// Most slices that are written in one batch: some milliseconds, in which nobody else writes.
const PIECE: usize = 1000;

/// What publishing stores a run's score from.
#[derive(Clone, Copy, Debug)]
pub enum ScoreSource<'a> {
    /// Aggregates that were computed from the results.
    Aggregates(&'a RunAggregates),
    /// Counts that the run brought.
    Counts,
    /// Score that its source publishes.
    GivenScore,
}

/// A run that is to be published, as it was when its results were added up.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// Id of the run.
    pub run_id: &'a RunId,
    /// Id of the owner.
    pub owner_id: &'a UserId,
    /// Revision of the results.
    pub revision: i64,
    /// What the score is stored from.
    pub source: ScoreSource<'a>,
    /// Digest of the results, which the log commits to.
    pub results: DigestedResults,
}

impl Publication<'_> {
    fn expect_unchanged(&self) -> Query<()> {
        runs::expect_unchanged(self.run_id, self.owner_id, self.revision)
    }

    /// Splits the slices into those that the publishing batch writes and those that are written before it. The whole,
    /// by which a run is known to be published, is among the first.
    fn pieces(&self) -> (&[Slice], &[Slice]) {
        let slices = match self.source {
            ScoreSource::Aggregates(aggregates) => aggregates.slices.as_slice(),
            ScoreSource::Counts | ScoreSource::GivenScore => &[],
        };
        slices.split_at_checked(PIECE).map_or((slices, &[]), |(first, rest)| (first, rest))
    }

    /// Returns batches that write most of the slices before the publication, so that no batch holds up other writers
    /// for long. Nobody sees their effect unless the run is published. They fail by
    /// [`Guard::RunUnchanged`](super::Guard).
    ///
    /// # Errors
    /// [`DatabaseError`] when a number cannot be written.
    pub fn preparations(&self) -> Result<Vec<Batch>, DatabaseError> {
        let (_, rest) = self.pieces();
        let batch = |slices: &[Slice]| Ok([self.expect_unchanged(), self.keep_slices(slices)?].into_iter().collect());
        rest.chunks(PIECE).map(batch).collect()
    }

    /// Adds the publication of the run to a batch, which fails by [`Guard::RunUnchanged`](super::Guard),
    /// [`Guard::NotHidden`](super::Guard) or [`Guard::SealUnopened`](super::Guard).
    ///
    /// # Errors
    /// The errors of [`Publication::preparations`].
    pub fn publish(&self, batch: &mut Batch, snapshot_id: &str, now: Timestamp) -> Result<(), DatabaseError> {
        batch.extend([
            self.expect_unchanged(),
            moderations::expect_visible(self.run_id),
            seals::expect_unopened(self.run_id),
        ]);
        match self.source {
            ScoreSource::Counts => batch.extend([sql!("publications/keep_counted_slice").bind(self.run_id).execute()]),
            ScoreSource::GivenScore => {
                batch.extend([sql!("publications/keep_given_slice").bind(self.run_id).execute()])
            }
            ScoreSource::Aggregates(aggregates) => {
                batch.extend([self.keep_slices(self.pieces().0)?, self.keep_scores(aggregates)?]);
            }
        }
        batch.extend([
            add_snapshot(self.run_id, snapshot_id, now),
            sql!("publications/publish")
                .bind(self.run_id)
                .bind(now)
                .bind(snapshot_id)
                .bind(log_record::hex(&self.results.digest))
                .bind(i64::try_from(self.results.results).unwrap_or(i64::MAX))
                .execute(),
            end_entries(self.run_id, snapshot_id),
            begin_entries(self.run_id, snapshot_id),
            add_change(self.run_id, snapshot_id, None),
        ]);
        batch.extend(webhooks::queue_of_run(self.run_id, snapshot_id, now));
        Ok(())
    }

    fn keep_scores(&self, aggregates: &RunAggregates) -> Result<Query<()>, DatabaseError> {
        let keep = sql!("publications/keep_scores").bind(self.run_id).bind(json(&aggregates.scores)?);
        Ok(keep.bind(json(&aggregates.pass_counts)?).bind(json(&aggregates.parts)?).execute())
    }

    fn keep_slices(&self, slices: &[Slice]) -> Result<Query<()>, DatabaseError> {
        let row = |slice: &Slice| {
            let [scenario, language, difficulty] = &slice.values;
            serde_json::json!([
                scenario,
                language,
                difficulty,
                slice.tasks,
                slice.clusters,
                slice.correct,
                slice.total,
                slice.score,
                slice.squares,
                slice.cost_usd,
                slice.uncosted,
                slice.p50_ms,
                slice.p95_ms,
            ])
        };
        let rows = slices.iter().map(row).collect::<Vec<_>>();
        Ok(sql!("publications/keep_slices").bind(self.run_id).bind(json(&rows)?).execute())
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, DatabaseError> {
    serde_json::to_string(value).map_err(|error| DatabaseError::Unexpected(format!("what a run came to: {error}")))
}

/// The end of a run as withdrawn or rejected, and why. The reason is public.
#[derive(Clone, Copy, Debug)]
pub struct RunEnding<'a> {
    /// Id of the run.
    pub run_id: &'a RunId,
    /// New status: withdrawn or rejected.
    pub status: RunStatus,
    /// Reason, which everyone may read.
    pub reason: &'a str,
    /// When the run ends.
    pub at: Timestamp,
}

impl RunEnding<'_> {
    /// Ends the run, whatever its status.
    pub fn end(&self) -> Query<()> {
        sql!("publications/end").bind(self.run_id).bind(self.status.as_str()).bind(self.reason).bind(self.at).execute()
    }

    /// Adds to a batch that a published run is taken out of the ranking; with an owner, only where the run is theirs.
    /// The batch fails by [`Guard::RunPublished`](super::Guard).
    pub fn of_published(&self, batch: &mut Batch, owner_id: Option<&UserId>, snapshot_id: &str) {
        batch.extend([
            sql!("publications/expect_published").bind(self.run_id).bind(owner_id).execute(),
            self.end(),
            add_snapshot(self.run_id, snapshot_id, self.at),
            end_entries(self.run_id, snapshot_id),
            begin_entries(self.run_id, snapshot_id),
            add_change(self.run_id, snapshot_id, Some(self.status.as_str())),
        ]);
        batch.extend(webhooks::queue_of_run(self.run_id, snapshot_id, self.at));
    }
}

fn add_snapshot(run_id: &RunId, snapshot_id: &str, now: Timestamp) -> Query<()> {
    sql!("publications/add_snapshot").bind(run_id).bind(snapshot_id).bind(now).execute()
}

/// Ends the entries of the run's system that do not stand any more, or not with the same right to be ranked.
fn end_entries(run_id: &RunId, snapshot_id: &str) -> Query<()> {
    sql!("publications/end_entries").bind(run_id).bind(snapshot_id).execute()
}

/// Begins entries for the runs of the run's system that stand and have none.
fn begin_entries(run_id: &RunId, snapshot_id: &str) -> Query<()> {
    sql!("publications/begin_entries").bind(run_id).bind(snapshot_id).execute()
}

fn add_change(run_id: &RunId, snapshot_id: &str, kind: Option<&str>) -> Query<()> {
    sql!("publications/add_change").bind(run_id).bind(snapshot_id).bind(kind).execute()
}

/// Finds the snapshot that a run was published with.
pub fn snapshot_of(run_id: &RunId) -> Query<Option<String>> {
    sql!("publications/snapshot_of").bind(run_id).optional(|row| row.text("id"))
}
