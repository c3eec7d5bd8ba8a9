//! What publishing a run keeps, and what the leaderboard says of it from then on: one batch each, whole or not at all.

use crate::ports::{Statement, Timestamp};

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

/// The slice of a task, for each of `cuts`: of a dimension either its value, or '' for all.
macro_rules! cut_columns {
    () => {
        "CASE WHEN s THEN t.scenario ELSE '' END AS scenario, CASE WHEN l THEN t.language ELSE '' END AS language, \
         CASE WHEN d THEN t.difficulty ELSE '' END AS difficulty"
    };
}
/// Each task of run `?1` that this table names, once for every slice that it is in.
macro_rules! cut_joins {
    ($named:literal) => {
        concat!(
            "CROSS JOIN runs AS r ON r.id = ?1 \
             CROSS JOIN benchmark_tasks AS t ON t.benchmark_id = r.benchmark_id AND t.version = r.version AND t.task_id = ",
            $named,
            ".task_id CROSS JOIN cuts ON (NOT s OR t.scenario IS NOT NULL) AND (NOT l OR t.language IS NOT NULL) AND (NOT d OR t.difficulty IS NOT NULL)"
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

macro_rules! least_private_tasks {
    () => {
        10
    };
}
/// Of private tasks, slices of fewer are told to nobody.
pub const LEAST_PRIVATE_TASKS: u32 = least_private_tasks!();

/// Guard: every attempt at every task has its result, or the counts are there.
pub const EXPECT_COMPLETE: &str = concat!(
    "INSERT INTO batch_guard (expectation) SELECT 'complete' WHERE EXISTS (SELECT 1 ",
    super::runs::missing!(),
    ") OR EXISTS (SELECT 1 FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
       WHERE r.id = ?1 AND CASE v.evidence WHEN 'counts' THEN NOT EXISTS (SELECT 1 FROM run_counts WHERE run_id = ?1) \
         ELSE NOT EXISTS (SELECT 1 FROM results WHERE run_id = ?1) END)"
);
/// Keeps the score of each slice of a run's results: of every combination of values that its tasks have, '' standing for
/// all. Of private tasks none so small that it would tell of single ones. The percentiles are interpolated as R's type 7.
/// Sums are rounded: SQLite's last digits depend on its version, and equal scores share a rank wherever they are read.
///
/// Every join is by primary key, and nothing else is joined: a plan with nested scans would take minutes.
pub const KEEP_SLICES: &str = concat!(
    "INSERT INTO run_slices (run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted, p50_ms, p95_ms) \
     WITH cuts (s, l, d) AS (VALUES (0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 1, 1)), \
       answered AS (SELECT task_id, avg(score) AS score, sum(coalesce(correct, score >= 1)) AS correct, sum(coalesce(samples, 1)) AS total, \
         sum(cost_usd) AS cost, sum(cost_usd IS NULL) AS uncosted FROM results WHERE run_id = ?1 GROUP BY task_id), \
       clustered AS (SELECT ",
    cut_columns!(),
    ", coalesce('cluster ' || t.cluster, 'task ' || t.task_id) AS cluster, count(*) AS tasks, sum(p.score) AS score, sum(p.correct) AS correct, \
         sum(p.total) AS total, sum(p.cost) AS cost, sum(p.uncosted) AS uncosted \
         FROM answered AS p ",
    cut_joins!("p"),
    " GROUP BY 1, 2, 3, 4), \
       spread AS (SELECT *, sum(score) OVER whole / sum(tasks) OVER whole AS mean FROM clustered WINDOW whole AS (PARTITION BY scenario, language, difficulty)), \
       timed AS (SELECT ",
    cut_columns!(),
    ", x.latency_ms AS ms FROM results AS x ",
    cut_joins!("x"),
    " WHERE x.run_id = ?1 AND x.latency_ms IS NOT NULL), \
       ordered AS (SELECT *, row_number() OVER (PARTITION BY scenario, language, difficulty ORDER BY ms) - 1 AS place, \
         count(*) OVER (PARTITION BY scenario, language, difficulty) - 1 AS last FROM timed), \
       around AS (SELECT scenario, language, difficulty, (max(last) * 50 % 100) / 100.0 AS share50, (max(last) * 95 % 100) / 100.0 AS share95, \
           max(CASE WHEN place = last * 50 / 100 THEN ms END) AS below50, max(CASE WHEN place = min(last * 50 / 100 + 1, last) THEN ms END) AS above50, \
           max(CASE WHEN place = last * 95 / 100 THEN ms END) AS below95, max(CASE WHEN place = min(last * 95 / 100 + 1, last) THEN ms END) AS above95 \
         FROM ordered GROUP BY 1, 2, 3), \
       parts AS (SELECT scenario, language, difficulty, sum(tasks) AS tasks, count(*) AS clusters, sum(correct) AS correct, sum(total) AS total, \
           max(mean) AS mean, sum((score - tasks * mean) * (score - tasks * mean)) AS squares, sum(cost) AS cost, sum(uncosted) AS uncosted, \
           NULL AS p50, NULL AS p95 FROM spread GROUP BY 1, 2, 3 \
         UNION ALL SELECT scenario, language, difficulty, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, \
           below50 + (above50 - below50) * share50, below95 + (above95 - below95) * share95 FROM around) \
     SELECT ?1, scenario, language, difficulty, max(tasks), max(clusters), max(correct), max(total), round(max(mean), 12), round(max(squares), 12), \
       round(max(cost), 12), max(uncosted), max(p50), max(p95) FROM parts GROUP BY 2, 3, 4 \
     HAVING max(tasks) >= ",
    least_private_tasks!(),
    " OR scenario || language || difficulty = '' OR NOT (SELECT v.private_tasks FROM runs AS r \
       JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version WHERE r.id = ?1)"
);
/// The same of its counts: the last attempt's passes, and no slices.
pub const KEEP_COUNTED_SLICE: &str = "INSERT INTO run_slices (run_id, scenario, language, difficulty, tasks, clusters, correct, total, score, squares, cost_usd, uncosted) \
     SELECT ?1, '', '', '', total, total, passes, total, passes * 1.0 / total, passes * (total - passes) * 1.0 / total, cost_usd, cost_usd IS NULL \
     FROM (SELECT total, cost_usd, correct_by_attempt ->> (json_array_length(correct_by_attempt) - 1) AS passes FROM run_counts WHERE run_id = ?1)";
/// Keeps what a comparison needs of a run's results, in one row.
pub const KEEP_SCORES: &str = "INSERT INTO run_scores (run_id, scores, pass_counts, parts) \
     SELECT r.id, \
       (SELECT json_group_array(score) FROM (SELECT round(avg(x.score), 12) AS score FROM benchmark_tasks AS t \
          JOIN results AS x ON x.run_id = ?1 AND x.task_id = t.task_id \
          WHERE t.benchmark_id = r.benchmark_id AND t.version = r.version GROUP BY t.task_id ORDER BY t.position)), \
       (SELECT json_group_array(json_array(samples, correct, tasks)) FROM (SELECT samples, correct, count(*) AS tasks \
          FROM (SELECT sum(coalesce(samples, 1)) AS samples, sum(coalesce(correct, score >= 1)) AS correct FROM results WHERE run_id = ?1 GROUP BY task_id) \
          GROUP BY 1, 2 ORDER BY 1, 2)), \
       (SELECT json_group_object(part, json_array(given, mean)) FROM (SELECT p.key AS part, count(*) AS given, round(avg(p.value), 12) AS mean \
          FROM results AS x, json_each(x.parts) AS p WHERE x.run_id = ?1 GROUP BY 1 ORDER BY 1)) \
     FROM runs AS r JOIN benchmark_versions AS v ON v.benchmark_id = r.benchmark_id AND v.version = r.version \
     WHERE r.id = ?1 AND v.evidence = 'results'";
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

/// What publishing writes.
#[must_use]
pub fn publish(run_id: &str, owner_id: &str, snapshot_id: &str, now: Timestamp) -> Vec<Statement> {
    let of_run = |sql| Statement::new(sql).bind(run_id);
    vec![
        of_run(super::runs::EXPECT_OPEN).bind(owner_id).bind(None::<&str>),
        of_run(super::moderations::EXPECT_VISIBLE),
        of_run(EXPECT_COMPLETE),
        of_run(KEEP_SLICES),
        of_run(KEEP_COUNTED_SLICE),
        of_run(KEEP_SCORES),
        of_run(PUBLISH).bind(now),
        of_run(ADD_SNAPSHOT).bind(snapshot_id).bind(now),
        of_run(CLOSE_ENTRY).bind(snapshot_id),
        of_run(ADD_ENTRY).bind(snapshot_id),
        of_run(ADD_CHANGE).bind(snapshot_id).bind(None::<&str>),
    ]
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
