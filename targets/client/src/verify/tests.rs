//! A board that tells the truth, and every way in which one may lie: with its old key, or with nobody looking.

#![allow(clippy::arithmetic_side_effects, reason = "a test that panics fails, as it should")]

use aibaas_core::{
    domain::{
        JwtAlgorithm, Keys as SigningKeys, Secret, Timestamp,
        log_record::{
            FIRST_FORMAT, FORMAT, ResultsDigest, Row, TreeHead, board_digest, board_row, canonical, first_run_digest,
            hex, run_digest, seal_digest,
        },
        merkle,
    },
    wire::{LogHead, LogLeaf},
};
use serde_json::{Value, json};

use super::{
    command::check,
    data::{Keys, Log, Tables, integer, text},
    runs::of_given_score,
};

const TASKS: usize = 4;

fn id(number: usize) -> String {
    format!("01939f41-5a00-7f3e-a7b8-{number:012}")
}

/// Tables and log of a board, which its keeper may change and sign anew.
#[derive(Clone)]
struct Board {
    /// Format of the leaves.
    format: u32,
    tables: Tables,
    leaves: Vec<Value>,
}

impl Board {
    /// Creates a board of three models, of which the third is published twice: with 1, 3, 2 and at last 4 of 4 tasks.
    fn new() -> Self {
        let mut tables = Tables::new(4);
        let add = |tables: &mut Tables, name: &str, rows: &[Value]| {
            let lines = rows.iter().map(|row| format!("{row}\n")).collect::<String>();
            tables.add(name, &lines).unwrap();
        };
        let version = json!({ "benchmark_id": "bench", "version": "1", "metric": "pass_rate", "evidence": "results",
            "attempts_per_task": 1, "private_tasks": false });
        add(&mut tables, "benchmark_versions", &[version]);
        let task = |n| json!({ "benchmark_id": "bench", "version": "1", "task_id": format!("t{n}"), "position": n });
        add(&mut tables, "benchmark_tasks", &(0..TASKS).map(task).collect::<Vec<_>>());
        let runs = [("p/a", 1), ("p/b", 3), ("p/c", 2), ("p/c", 4)];
        // The runs of the third model are of one owner.
        let series = [100, 101, 102, 102].map(id);
        let ranks = [
            (Value::Null, json!(1), json!([])),
            (Value::Null, json!(1), json!([{ "model": "p/a", "from": 1, "to": 2 }])),
            (Value::Null, json!(2), json!([{ "model": "p/a", "from": 2, "to": 3 }])),
            (json!(2), json!(1), json!([{ "model": "p/b", "from": 1, "to": 2 }])),
        ];
        for (n, ((model, passed), (before, after, moved))) in runs.into_iter().zip(ranks).enumerate() {
            let (run, seq) = (id(100 + n), n + 1);
            add(
                &mut tables,
                "runs",
                &[json!({ "id": run, "model_id": model, "benchmark_id": "bench", "version": "1",
                "status": "published", "harness": "h", "reason": null, "system_id": model, "series": series[n],
                "evaluator_relationship": "third_party", "published_at": seq * 1000, "completed_at": seq * 10 })],
            );
            let results = (0..TASKS).map(|task| {
                json!({ "run_id": run, "task_id": format!("t{task}"), "attempt": 1, "status": "success",
                    "score": if task < passed { 1.0 } else { 0.0 }, "cost_usd": 0.1 })
            });
            add(&mut tables, "results", &results.collect::<Vec<_>>());
            let share = f64::from(u32::try_from(passed).unwrap()) / 4.0;
            let squares = share * (1.0 - share) * 4.0;
            add(
                &mut tables,
                "run_slices",
                &[json!({ "run_id": run, "scenario": "", "language": "", "difficulty": "",
                "tasks": 4, "clusters": 4, "correct": passed, "total": 4, "score": share, "squares": squares,
                "cost_usd": 0.4, "uncosted": 0, "p50_ms": null, "p95_ms": null })],
            );
            let scores = (0..TASKS).map(|task| if task < passed { 1.0 } else { 0.0 }).collect::<Vec<_>>();
            add(&mut tables, "run_scores", &[json!({ "run_id": run, "scores": scores })]);
            add(
                &mut tables,
                "snapshots",
                &[json!({ "seq": seq, "id": id(seq), "benchmark_id": "bench", "version": "1",
                "created_at": seq * 1000 })],
            );
            add(
                &mut tables,
                "leaderboard_entries",
                &[json!({ "benchmark_id": "bench", "version": "1",
                "model_id": model, "system_id": model, "run_id": run, "from_seq": seq,
                "to_seq": if n == 2 { json!(4) } else { json!(null) }, "ranked": true, "display_name": "m",
                "contaminated": false })],
            );
            let previous = if n == 3 { json!(id(102)) } else { json!(null) };
            add(
                &mut tables,
                "changes",
                &[json!({ "seq": seq, "benchmark_id": "bench",
                "kind": if n == 3 { "rescored" } else { "published" }, "model_id": model, "system_id": model, "run_id": run,
                "reason": null, "previous_run_id": previous, "current_run_id": run, "rank_before": before,
                "rank_after": after, "moved": moved })],
            );
        }
        let mut board = Self { format: FORMAT, tables, leaves: Vec::new() };
        board.log();
        board
    }

    /// Writes the leaves that follow from the tables, as the server would.
    fn log(&mut self) {
        let one = |name, column, value: &str| {
            self.tables.rows(name).iter().find(|row| text(row, column) == value).unwrap().clone()
        };
        let leaf = |change: &Row| {
            let (seq, run) = (integer(change, "seq"), text(change, "run_id"));
            let record = one("runs", "id", run);
            let results = self.tables.rows("results").iter().filter(|row| text(row, "run_id") == run).cloned();
            let mut sums = ResultsDigest::default();
            results.clone().for_each(|row| sums.add(row).unwrap());
            let sums = sums.finish();
            let digest = match self.format {
                FIRST_FORMAT => first_run_digest(record, None, results).unwrap(),
                _ => run_digest(record, None, &sums).unwrap(),
            };
            let stands =
                |row: &&Row| integer(row, "from_seq") <= seq && row["to_seq"].as_i64().is_none_or(|to| to > seq);
            let entries = self.tables.rows("leaderboard_entries").iter().filter(stands);
            let rows = entries
                .map(|entry| board_row(entry.clone(), one("run_slices", "run_id", text(entry, "run_id"))).unwrap());
            let rows = rows.collect::<Vec<_>>();
            let entries = rows.len();
            let id = id(usize::try_from(seq).unwrap());
            json!({
                "format": self.format, "snapshotId": id, "seq": seq,
                "change": {
                    "id": id, "kind": change["kind"], "at": Timestamp(seq * 1000).to_string(), "benchmark": "bench",
                    "version": "1", "model": change["model_id"], "systemId": change["system_id"], "runId": run, "reason": null,
                    "previousRunId": change["previous_run_id"], "currentRunId": change["current_run_id"],
                    "rankBefore": change["rank_before"], "rankAfter": change["rank_after"], "moved": change["moved"],
                },
                "run": { "digest": hex(&digest), "results": sums.results, "privateTasks": false },
                "board": { "digest": hex(&board_digest(rows)), "entries": entries },
            })
        };
        self.leaves = self.tables.rows("changes").iter().map(leaf).collect();
    }

    /// Returns the log, with a head that the board's own key signs.
    fn signed(&self) -> Log {
        let keys = SigningKeys::derive(&Secret::new("secret"), None, JwtAlgorithm::EdDsa);
        let leaves = self.leaves.iter().zip(0..).map(|(leaf, index)| {
            let text = canonical(leaf).unwrap();
            let change = leaf["change"]["id"].as_str().unwrap().to_owned();
            LogLeaf { index, change, hash: hex(&merkle::leaf_hash(text.as_bytes())), leaf: Some(text) }
        });
        let leaves = leaves.collect::<Vec<_>>();
        let hashes = self.leaves.iter().map(|leaf| merkle::leaf_hash(canonical(leaf).unwrap().as_bytes()));
        let root = merkle::root(&hashes.collect::<Vec<_>>());
        let head = TreeHead { size: leaves.len() as u64, root, timestamp: Timestamp(9000) };
        Log {
            head: LogHead {
                size: head.size,
                root_hash: hex(&root),
                timestamp: head.timestamp.to_string(),
                key_id: keys.log_key_id().to_owned(),
                signature: keys.sign_log_head(&head),
            },
            leaves,
            keys: serde_json::from_value::<Keys>(json!(keys.log_keys())).unwrap(),
        }
    }

    fn change(&mut self, table: &str, place: usize, column: &str, value: Value) {
        assert_ne!(self.tables.rows_mut(table)[place].insert(column.to_owned(), value.clone()), Some(value));
    }
}

#[track_caller]
fn is_untrue(board: &Board, log: &Log, kept: Option<&LogHead>, said: &str) {
    let untrue = check(&board.tables, log, kept).unwrap_err().0;
    assert!(untrue.contains(said), "{untrue}");
}

#[test]
fn a_true_board_is_true() {
    let board = Board::new();
    let log = board.signed();
    let summary = check(&board.tables, &log, Some(&log.head)).unwrap();
    assert!(summary.starts_with("4 changes, 4 published runs, 4 boards and which runs stand follow"), "{summary}");
    // The log may be ahead of the data.
    let mut ahead = board.clone();
    let mut moderation = json!({ "format": 1, "change": { "id": id(5), "kind": "renamed", "model": "p/a" } });
    for member in ["snapshotId", "seq", "run", "board"] {
        moderation[member] = Value::Null;
    }
    ahead.leaves.push(moderation);
    assert!(check(&board.tables, &ahead.signed(), Some(&log.head)).is_ok());
}

#[test]
fn a_log_of_the_first_form_is_read_as_it_was_written() {
    let mut board = Board { format: FIRST_FORMAT, ..Board::new() };
    board.log();
    let log = board.signed();
    assert!(check(&board.tables, &log, None).is_ok());
    let mut lies = board.clone();
    lies.change("results", 6, "score", json!(0.0));
    is_untrue(&lies, &log, None, &format!("run {}: its record or one of its 4 results", id(101)));
    board.format = FORMAT + 1;
    board.log();
    is_untrue(&board, &board.signed(), None, &format!("has form {}", FORMAT + 1));
}

#[test]
fn a_changed_result_is_found() {
    let board = Board::new();
    let log = board.signed();
    let mut lies = board.clone();
    lies.change("results", 6, "score", json!(0.0));
    is_untrue(&lies, &log, None, &format!("run {}: its record or one of its 4 results", id(101)));
    // With a new log, the score does not follow any more.
    lies.log();
    is_untrue(&lies, &lies.signed(), None, &format!("run {}: correct is told as 3, and 2 follows", id(101)));
    // With scores that follow, the log is not the one that was published before.
    is_untrue(&lies, &lies.signed(), Some(&log.head), "forked");
    let mut lies = board.clone();
    lies.change("runs", 1, "harness", json!("another"));
    is_untrue(&lies, &log, None, "its record");
    let mut lies = board;
    lies.change("run_slices", 1, "score", json!(0.9));
    is_untrue(&lies, &log, None, "score is told as 0.9, and 0.75 follows");
}

#[test]
fn a_removed_change_is_found() {
    let board = Board::new();
    let log = board.signed();
    let mut lies = board.clone();
    lies.tables.rows_mut("changes").remove(1);
    is_untrue(&lies, &log, None, &format!("change {} is in the log and not in the data", id(2)));
    let mut lies = board.clone();
    lies.leaves.remove(1);
    is_untrue(&lies, &lies.signed(), None, &format!("change {} (snapshot 2) is in the data and not in the log", id(2)));
    let mut cut = log.clone();
    cut.leaves.remove(1);
    is_untrue(&board, &cut, None, "leaf 1 of the log is missing");
    cut.leaves.iter_mut().zip(0..).for_each(|(leaf, index)| leaf.index = index);
    is_untrue(&board, &cut, None, "the log has 3 leaves, and its head says 4");
    // The change is missing from both, but the kept head has it.
    lies.tables.rows_mut("changes").remove(1);
    lies.tables.rows_mut("snapshots").remove(1);
    is_untrue(&lies, &lies.signed(), Some(&log.head), "forked: it has 3 leaves");
}

#[test]
fn a_reordered_log_is_found() {
    let board = Board::new();
    let mut log = board.signed();
    let mut lies = board.clone();
    lies.leaves.swap(1, 2);
    is_untrue(&lies, &lies.signed(), None, &format!("change {} is out of its order", id(2)));
    log.leaves.swap(1, 2);
    log.leaves.iter_mut().zip(0..).for_each(|(leaf, index)| leaf.index = index);
    is_untrue(&board, &log, None, "the root of the log's head is not that of its leaves");
}

#[test]
fn a_rank_that_does_not_follow_is_found() {
    for (place, column, value, said) in [
        (3, "rank_after", json!(2), "rankAfter is 2, and 1 follows"),
        (3, "rank_before", json!(1), "rankBefore is 1, and 2 follows"),
        (2, "moved", json!([]), "[] is told to have moved, and [[\"p/a\",2,3]] follows"),
        (3, "previous_run_id", json!(null), "previousRunId is null"),
    ] {
        let mut lies = Board::new();
        lies.change("changes", place, column, value);
        lies.log();
        is_untrue(&lies, &lies.signed(), None, said);
    }
}

#[test]
fn a_board_that_is_not_what_was_logged_is_found() {
    let board = Board::new();
    let log = board.signed();
    let mut lies = board.clone();
    lies.change("leaderboard_entries", 0, "to_seq", json!(3));
    is_untrue(&lies, &log, None, &format!("at change {}: 2 entries are told, and the log commits to 3", id(3)));
    let mut lies = board;
    lies.change("leaderboard_entries", 0, "contaminated", json!(true));
    is_untrue(&lies, &log, None, &format!("at change {} is not what the log commits to", id(1)));
}

#[test]
fn a_forked_history_is_found() {
    let board = Board::new();
    let kept = board.signed().head;
    let mut other = board.clone();
    other.change("changes", 0, "reason", json!("another"));
    other.log();
    other.leaves[0]["change"]["reason"] = json!("another");
    let log = other.signed();
    assert!(check(&other.tables, &log, None).is_ok(), "by itself it is as good");
    is_untrue(&other, &log, Some(&kept), "forked: its first 4 leaves are not those of the head that was kept");
}

#[test]
fn a_forged_signature_or_leaf_is_found() {
    let board = Board::new();
    let log = board.signed();
    let mut forged = log.clone();
    forged.head.timestamp = Timestamp(9001).to_string();
    is_untrue(&board, &forged, None, "signature");
    let mut forged = log.clone();
    forged.keys.keys.clear();
    is_untrue(&board, &forged, None, "is not published");
    let mut forged = log.clone();
    let text = forged.leaves[0].leaf.as_mut().unwrap();
    *text = text.replace("p/a", "p/x");
    is_untrue(&board, &forged, None, "leaf 0 of the log does not have the hash");
}

#[test]
fn what_moderation_hides_is_not_a_lie_and_said() {
    let mut board = Board::new();
    let hidden = json!({ "format": 1, "snapshotId": null, "seq": null, "run": null, "board": null,
        "change": { "id": id(5), "kind": "hidden", "model": "p/b" } });
    board.leaves.push(hidden);
    let mut log = board.signed();
    for (table, column) in [("changes", "model_id"), ("leaderboard_entries", "model_id"), ("runs", "model_id")] {
        board.tables.rows_mut(table).retain(|row| text(row, column) != "p/b");
    }
    // Changes that name the hidden model are withheld, too.
    for place in [1, 3] {
        log.leaves[place].leaf = None;
    }
    board.tables.rows_mut("changes")[2].insert("moved".to_owned(), json!([]));
    let changes = board.tables.rows("changes").len();
    assert_eq!(changes, 3, "the last moved what is hidden: withheld in the log, and told of the system that it is of");
    let summary = check(&board.tables, &log, None).unwrap();
    assert!(summary.contains("of 1 boards some entries are hidden"), "{summary}");
    assert!(summary.contains("2 changes name what is hidden"), "{summary}");
    assert!(summary.contains("1 runs came in with such changes"), "{summary}");
    let mut lies = board.clone();
    let last = lies.tables.rows("run_slices").len() - 1;
    lies.change("run_slices", last, "score", json!(0.5));
    is_untrue(&lies, &log, None, "score is told as 0.5, and 1 follows");
    assert!(!summary.contains("by the rule of before"), "{summary}");
    // What the changes say of the others has to follow from them.
    for (of, told, said) in [
        ("rankAfter", json!(3), "rankAfter is 3, and 1 follows"),
        ("currentRunId", json!(id(100)), "currentRunId is"),
        ("moved", json!([]), "[] is told to have moved, and [[\"p/a\",1,2]] follows"),
        ("moved", json!([{ "model": "p/a", "from": 2, "to": 4 }]), "is told to have moved"),
    ] {
        let mut lies = board.clone();
        lies.leaves[2]["change"][of] = told;
        let mut log = lies.signed();
        for place in [1, 3] {
            log.leaves[place].leaf = None;
        }
        lies.tables.rows_mut("changes").iter_mut().for_each(|change| {
            drop(change.remove(match of {
                "rankAfter" => "rank_after",
                "currentRunId" => "current_run_id",
                _ => of,
            }))
        });
        is_untrue(&lies, &log, None, said);
    }
    // Where nothing is hidden, nothing may be missing.
    board.leaves.pop();
    let mut log = board.signed();
    for place in [1, 3] {
        log.leaves[place].leaf = None;
    }
    is_untrue(&board, &log, None, "leaf 1 of the log is withheld");
}

/// Creates the board with the last run of another owner, self-reported without anybody else's confirmation: the older
/// one stays ranked.
fn of_two_owners() -> Board {
    let mut board = Board::new();
    board.change("runs", 3, "series", json!(id(103)));
    board.change("runs", 3, "evaluator_relationship", json!("self_reported"));
    board.change("leaderboard_entries", 2, "to_seq", json!(null));
    board.change("leaderboard_entries", 3, "ranked", json!(false));
    board.change("changes", 3, "current_run_id", json!(id(102)));
    board.change("changes", 3, "rank_after", json!(2));
    board.change("changes", 3, "moved", json!([]));
    board.log();
    board
}

#[test]
fn a_run_that_is_ranked_and_should_not_be_is_found() {
    let board = of_two_owners();
    let summary = check(&board.tables, &board.signed(), None).unwrap();
    assert!(!summary.contains("by the rule of before"), "{summary}");
    // The weaker run takes the place, with ranks and a log that follow.
    let mut lies = Board::new();
    lies.change("runs", 3, "series", json!(id(103)));
    lies.change("runs", 3, "evaluator_relationship", json!("self_reported"));
    let mut under = lies.tables.rows("leaderboard_entries")[2].clone();
    under.extend([("from_seq".to_owned(), json!(4)), ("to_seq".to_owned(), json!(null))]);
    under.insert("ranked".to_owned(), json!(false));
    lies.tables.rows_mut("leaderboard_entries").push(under);
    lies.log();
    let said = format!("of p/c, run {} is ranked, and {} should be", id(103), id(102));
    is_untrue(&lies, &lies.signed(), None, &said);
    // With the same evidence, the later evaluation is ranked.
    let mut lies = of_two_owners();
    lies.change("runs", 3, "evaluator_relationship", json!("third_party"));
    lies.log();
    is_untrue(&lies, &lies.signed(), None, &format!("run {} is ranked, and {} should be", id(102), id(103)));
}

#[test]
fn a_wrong_run_that_stands_is_found() {
    // The owner's newer run does not take the place of the older one.
    let mut lies = of_two_owners();
    lies.change("runs", 3, "series", json!(id(102)));
    lies.change("runs", 3, "evaluator_relationship", json!("third_party"));
    lies.tables.rows_mut("leaderboard_entries").remove(3);
    lies.log();
    is_untrue(&lies, &lies.signed(), None, &format!("of p/c, run {} stands, and should not", id(102)));
    // A run that was published is not shown at all.
    let mut lies = of_two_owners();
    lies.tables.rows_mut("leaderboard_entries").remove(3);
    lies.log();
    is_untrue(&lies, &lies.signed(), None, &format!("run {} should stand, and does not", id(103)));
    // An entry ends with a change of another system.
    let mut lies = Board::new();
    lies.change("leaderboard_entries", 0, "to_seq", json!(4));
    lies.log();
    is_untrue(&lies, &lies.signed(), None, &format!("the entry of run {} begins or ends with snapshot 4", id(100)));
}

#[test]
fn a_newer_run_of_an_older_evaluation_does_not_stand() {
    let mut board = Board::new();
    board.change("runs", 3, "completed_at", json!(1));
    board.log();
    // This was so before there were systems, and an older instance still answers like it.
    let summary = check(&board.tables, &board.signed(), None).unwrap();
    assert!(summary.contains("after 1 changes runs stand by the rule of before there were systems"), "{summary}");
    // Since then it is untrue.
    for table in ["runs", "leaderboard_entries", "changes"] {
        board.change(table, 0, "system_id", json!("p/a~agent"));
    }
    board.log();
    is_untrue(&board, &board.signed(), None, &format!("of p/c, run {} stands, and should not", id(103)));
}

#[test]
fn ranks_follow_the_direction_of_their_version() {
    let mut lies = Board::new();
    lies.change("benchmark_versions", 0, "direction", json!("lower_is_better"));
    is_untrue(&lies, &lies.signed(), None, "rankAfter is 1, and 2 follows");
    let mut unknown = Board::new();
    unknown.change("benchmark_versions", 0, "direction", json!("sideways"));
    is_untrue(&unknown, &unknown.signed(), None, "does not tell what scores mean");
}

#[test]
fn a_score_that_a_source_gives_is_compared_with_what_is_kept() {
    let given = json!({ "run_id": "x", "score": 12.5, "standard_error": 0.25, "samples": 50 });
    let mut board = Board::new();
    board.change("benchmark_versions", 0, "evidence", json!("score"));
    is_untrue(&board, &board.signed(), None, "the score that its source gives, or what is kept of it, is missing");
    let row = |value: Value| serde_json::from_value::<Row>(value).unwrap();
    let version = row(json!({ "task_count": 4 }));
    let kept = json!({ "tasks": 4, "clusters": 0, "correct": 0, "total": 50, "score": 12.5, "squares": 0.0,
        "cost_usd": null, "standard_error": 0.25 });
    let check = |kept: Value| of_given_score("x", &version, Some(&row(given.clone())), Some(&row(kept)));
    assert!(check(kept.clone()).is_ok());
    let mut lies = kept;
    lies["standard_error"] = json!(0.05);
    assert!(check(lies).unwrap_err().0.contains("standard_error is told as 0.05, and 0.25 follows"));
}

/// Creates a board whose first run was sealed, with the seal changed by `change` as the board's keeper may.
fn sealed(change: impl Fn(&mut Row)) -> Board {
    let mut board = Board::new();
    let run = board.tables.rows("runs")[0].clone();
    board.change("runs", 0, "seal_id", json!(id(900)));
    let columns = ["system_id", "benchmark_id", "version", "harness", "harness_version", "commit_hash"];
    let same = columns.into_iter().filter_map(|column| Some((column.to_owned(), run.get(column)?.clone())));
    let mut seal = same.collect::<Row>();
    for (column, value) in [("id", json!(id(900))), ("sealed_at", json!(0)), ("after_seq", json!(0))] {
        seal.insert(column.to_owned(), value);
    }
    change(&mut seal);
    let digest = hex(&seal_digest(seal.clone()).unwrap());
    board.tables.add("seals", &format!("{}\n", json!(seal))).unwrap();
    board.log();
    let leaf = json!({ "format": FORMAT, "snapshotId": null, "seq": null, "run": null, "board": null,
        "seal": { "digest": digest }, "change": { "id": id(900), "kind": "sealed", "model": "p/a" } });
    board.leaves.insert(0, leaf);
    board
}

#[test]
fn a_run_that_is_not_what_was_sealed_is_found() {
    let board = sealed(|_| {});
    let summary = check(&board.tables, &board.signed(), None).unwrap();
    assert!(summary.contains("1 of 1 seals were opened"), "{summary}");
    let mut later = board.clone();
    later.leaves.rotate_left(1);
    is_untrue(&later, &later.signed(), None, "is in the log before its seal");
    let mut changed = board.clone();
    changed.change("seals", 0, "stopping_rule", json!("whenever"));
    is_untrue(&changed, &board.signed(), None, "is not what the log commits to");
    let mut twice = board.clone();
    twice.change("runs", 1, "seal_id", json!(id(900)));
    twice.change("runs", 1, "system_id", json!("p/a"));
    let seal = twice.leaves.remove(0);
    twice.log();
    twice.leaves.insert(0, seal);
    is_untrue(&twice, &twice.signed(), None, "was opened twice");
    let mut lost = board.clone();
    lost.leaves.remove(0);
    is_untrue(&lost, &lost.signed(), None, "is in the data and not in the log");
    let other = sealed(|seal| drop(seal.insert("commit_hash".to_owned(), json!("another"))));
    is_untrue(&other, &other.signed(), None, "\"another\" was sealed");
}
