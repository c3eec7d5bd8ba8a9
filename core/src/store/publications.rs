//! What publishing a run keeps, and what the leaderboard says of it from then on: one batch each, whole or not at all.

use crate::{
    domain::run_aggregates::{RunAggregates, Slice},
    ports::{DatabaseError, Statement, Timestamp},
};

/// Of two days or months, whether the first is not before the second, as far as both tell.
macro_rules! not_before {
    ($first:literal, $second:literal) => {
        concat!(
            "coalesce(substr(",
            $first,
            ", 1, min(length(",
            $first,
            "), length(",
            $second,
            "))) >= \
             substr(",
            $second,
            ", 1, min(length(",
            $first,
            "), length(",
            $second,
            "))), 0)"
        )
    };
}

/// Models and their ranks as of so many snapshots from this one; hidden ones have none.
macro_rules! ranked {
    ($later:literal) => {
        concat!(
            "SELECT e.model_id, e.run_id, rank() OVER (ORDER BY s.score DESC) AS place FROM this \
             CROSS JOIN leaderboard_entries AS e ON e.benchmark_id = this.benchmark_id AND e.version = this.version \
               AND e.from_seq <= this.seq", $later, " AND (e.to_seq IS NULL OR e.to_seq > this.seq", $later, ") \
             CROSS JOIN models AS h ON h.id = e.model_id AND h.hidden_reason IS NULL \
             CROSS JOIN run_slices AS s ON s.run_id = e.run_id AND s.scenario = '' AND s.language = '' AND s.difficulty = ''"
        )
    };
}

/// Of private tasks, slices of fewer are told to nobody.
pub const LEAST_PRIVATE_TASKS: u32 = 10;
/// So many slices are written in one go: some milliseconds, in which nobody else writes.
const PIECE: usize = 1000;

/// Keeps the scores of slices of a run.
pub const KEEP_SLICES: &str = include_str!("sql/publications/keep_slices.sql");
/// Keeps what a comparison needs of a run's results.
pub const KEEP_SCORES: &str = include_str!("sql/publications/keep_scores.sql");
/// Keeps the score of a run's counts: the last attempt's passes, and no slices.
pub const KEEP_COUNTED_SLICE: &str = "INSERT INTO run_slices (run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted) \
     SELECT ?1, '', '', '', total, total, passes, total, passes * 1.0 / total, passes * (total - passes) * 1.0 / total, cost_usd, cost_usd IS NULL \
     FROM (SELECT total, cost_usd, correct_by_attempt ->> (json_array_length(correct_by_attempt) - 1) AS passes FROM run_counts WHERE run_id = ?1)";
/// Publishes.
pub const PUBLISH: &str = "UPDATE runs SET status = 'published', published_at = ?2 WHERE id = ?1 AND status = 'open'";
/// A new snapshot of the leaderboard that run `?1` belongs to.
pub const ADD_SNAPSHOT: &str = "INSERT INTO snapshots (id, benchmark_id, version, created_at) SELECT ?2, benchmark_id, version, ?3 FROM runs WHERE id = ?1";
/// Ends the entry that the run's model has.
pub const CLOSE_ENTRY: &str = "UPDATE leaderboard_entries SET to_seq = (SELECT seq FROM snapshots WHERE id = ?2) \
     WHERE to_seq IS NULL AND (benchmark_id, version, model_id) = (SELECT benchmark_id, version, model_id FROM runs WHERE id = ?1)";
/// Enters the run.
pub const ADD_ENTRY: &str = concat!(
    "INSERT INTO leaderboard_entries (benchmark_id, version, model_id, run_id, from_seq, display_name, contaminated) \
     SELECT r.benchmark_id, r.version, r.model_id, r.id, (SELECT seq FROM snapshots WHERE id = ?2), m.display_name, ",
    not_before!("m.training_cutoff", "v.tasks_published_on"),
    " FROM runs AS r JOIN models AS m ON m.id = r.model_id \
     JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version WHERE r.id = ?1"
);
/// Guard: run `?1` is published, and `?2`'s (anybody's where null).
pub const EXPECT_PUBLISHED: &str = "INSERT INTO batch_guard (expectation) SELECT 'published' WHERE NOT EXISTS (\
     SELECT 1 FROM runs WHERE id = ?1 AND (?2 IS NULL OR owner_id = ?2) AND status = 'published')";
/// Takes a run out of the ranking, as `?2` says: `withdrawn` or `rejected`.
pub const END: &str = "UPDATE runs SET status = ?2, reason = ?3, withdrawn_at = ?4 WHERE id = ?1";
/// Ends the run's entry, where it has one that stands.
pub const CLOSE_ENTRY_OF_RUN: &str = "UPDATE leaderboard_entries SET to_seq = (SELECT seq FROM snapshots WHERE id = ?2) \
     WHERE to_seq IS NULL AND run_id = ?1";
/// Enters the latest run of the same model that is still published, where the model has no entry left.
pub const REINSTATE: &str = concat!(
    "INSERT INTO leaderboard_entries (benchmark_id, version, model_id, run_id, from_seq, display_name, contaminated) \
     SELECT r.benchmark_id, r.version, r.model_id, r.id, (SELECT seq FROM snapshots WHERE id = ?2), m.display_name, ",
    not_before!("m.training_cutoff", "v.tasks_published_on"),
    " FROM runs AS gone JOIN leaderboard_entries AS e ON e.benchmark_id = gone.benchmark_id AND e.version = gone.version AND e.model_id = gone.model_id \
     JOIN runs AS r ON r.id = e.run_id AND r.status = 'published' JOIN models AS m ON m.id = r.model_id \
     JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
     WHERE gone.id = ?1 AND NOT EXISTS (SELECT 1 FROM leaderboard_entries AS c WHERE c.benchmark_id = gone.benchmark_id \
       AND c.version = gone.version AND c.model_id = gone.model_id AND c.to_seq IS NULL) \
     GROUP BY r.id ORDER BY min(e.from_seq) DESC LIMIT 1"
);
/// Notes why there is snapshot `?2`: what became of run `?1`, and of the models' ranks; of the others whose rank changed
/// at most the hundred that now rank best.
pub const ADD_CHANGE: &str = concat!(
    "INSERT INTO changes (seq, benchmark_id, kind, model_id, run_id, reason, previous_run_id, current_run_id, rank_before, rank_after, moved) \
     WITH this AS MATERIALIZED (SELECT seq, benchmark_id, version FROM snapshots WHERE id = ?2), \
       before AS (",
    ranked!(" - 1"),
    "), after AS (",
    ranked!(""),
    "), moved AS MATERIALIZED (SELECT model_id, max(run_before) AS run_before, max(run_after) AS run_after, max(was) AS was, max(becomes) AS becomes \
         FROM (SELECT model_id, run_id AS run_before, NULL AS run_after, place AS was, NULL AS becomes FROM before \
           UNION ALL SELECT model_id, NULL, run_id, NULL, place FROM after) GROUP BY model_id) \
     SELECT this.seq, this.benchmark_id, coalesce(?3, CASE WHEN m.run_before IS NULL THEN 'published' ELSE 'rescored' END), r.model_id, r.id, r.reason, \
       m.run_before, m.run_after, m.was, m.becomes, \
       (SELECT json_group_array(json_object('model', model_id, 'from', was, 'to', becomes)) \
          FROM (SELECT model_id, was, becomes FROM moved WHERE was <> becomes AND model_id <> r.model_id ORDER BY becomes, model_id LIMIT 100)) \
     FROM this JOIN runs AS r ON r.id = ?1 LEFT JOIN moved AS m ON m.model_id = r.model_id"
);
/// The snapshot that a run came in with.
pub const SNAPSHOT_OF: &str = "SELECT s.id FROM leaderboard_entries AS e JOIN snapshots AS s ON s.seq = e.from_seq WHERE e.run_id = ?1 ORDER BY e.from_seq LIMIT 1";

/// A run that is to be published, as it was when its results were added up.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// The run.
    pub run_id: &'a str,
    /// Whose it is.
    pub owner_id: &'a str,
    /// Of its results.
    pub revision: i64,
    /// What was computed of them; of counts, nothing.
    pub aggregates: Option<&'a RunAggregates>,
}

impl Publication<'_> {
    fn expect_unchanged(&self) -> Statement {
        let guard = Statement::new(super::runs::EXPECT_UNCHANGED);
        guard.bind(self.run_id).bind(self.owner_id).bind(self.revision)
    }

    /// The slices that are kept before the others: the whole, by which a run is known to be kept, is never among them.
    fn pieces(&self) -> (&[Slice], &[Slice]) {
        let slices = self.aggregates.map_or(&[][..], |aggregates| aggregates.slices.as_slice());
        slices.split_at_checked(PIECE).map_or((slices, &[]), |(first, rest)| (first, rest))
    }

    /// What is written beforehand, so that nobody waits long for the writer: batches that nobody sees the effect of
    /// unless the run is published.
    ///
    /// # Errors
    /// When a number cannot be written.
    pub fn beforehand(&self) -> Result<Vec<Vec<Statement>>, DatabaseError> {
        let (_, rest) = self.pieces();
        let batch = |slices: &[Slice]| Ok(vec![self.expect_unchanged(), self.keep_slices(slices)?]);
        rest.chunks(PIECE).map(batch).collect()
    }

    /// What publishes: one batch, whole or not at all.
    ///
    /// # Errors
    /// As [`Publication::beforehand`].
    pub fn publish(&self, snapshot_id: &str, now: Timestamp) -> Result<Vec<Statement>, DatabaseError> {
        let of_run = |sql| Statement::new(sql).bind(self.run_id);
        let mut batch = vec![self.expect_unchanged(), of_run(super::moderations::EXPECT_VISIBLE)];
        match self.aggregates {
            None => batch.push(of_run(KEEP_COUNTED_SLICE)),
            Some(aggregates) => batch.extend([
                self.keep_slices(self.pieces().0)?,
                of_run(KEEP_SCORES)
                    .bind(json(&aggregates.scores)?)
                    .bind(json(&aggregates.pass_counts)?)
                    .bind(json(&aggregates.parts)?),
            ]),
        }
        batch.extend([
            of_run(PUBLISH).bind(now),
            of_run(ADD_SNAPSHOT).bind(snapshot_id).bind(now),
            of_run(CLOSE_ENTRY).bind(snapshot_id),
            of_run(ADD_ENTRY).bind(snapshot_id),
            of_run(ADD_CHANGE).bind(snapshot_id).bind(None::<&str>),
        ]);
        Ok(batch)
    }

    fn keep_slices(&self, slices: &[Slice]) -> Result<Statement, DatabaseError> {
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
        Ok(Statement::new(KEEP_SLICES).bind(self.run_id).bind(json(&rows)?))
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, DatabaseError> {
    serde_json::to_string(value).map_err(|error| DatabaseError::Unavailable(format!("what a run came to: {error}")))
}

/// How a run ends, and why. The reason is public.
#[derive(Clone, Copy, Debug)]
pub struct Ending<'a> {
    /// The run.
    pub run_id: &'a str,
    /// `withdrawn` or `rejected`.
    pub status: &'static str,
    /// For everyone to read.
    pub reason: &'a str,
    /// When.
    pub at: Timestamp,
}

impl Ending<'_> {
    /// The statement of [`END`].
    #[must_use]
    pub fn end(&self) -> Statement {
        Statement::new(END).bind(self.run_id).bind(self.status).bind(self.reason).bind(self.at)
    }

    /// What taking a published run out of the ranking writes; the run is `owner_id`'s, or anybody's.
    #[must_use]
    pub fn of_published(&self, owner_id: Option<&str>, snapshot_id: &str) -> Vec<Statement> {
        let of_run = |sql| Statement::new(sql).bind(self.run_id);
        vec![
            of_run(EXPECT_PUBLISHED).bind(owner_id),
            self.end(),
            of_run(ADD_SNAPSHOT).bind(snapshot_id).bind(self.at),
            of_run(CLOSE_ENTRY_OF_RUN).bind(snapshot_id),
            of_run(REINSTATE).bind(snapshot_id),
            of_run(ADD_CHANGE).bind(snapshot_id).bind(self.status),
        ]
    }
}
