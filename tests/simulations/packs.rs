//! Packing of published runs' results: every read answers the same bytes, and nothing is lost or doubled, whatever
//! fails.

use aibaas_tests::{
    reads::{Size, public_reads},
    simulation::{Failure, PACKING_STATEMENTS, Simulation},
};
use axum::http::{Method, Request};
use futures_util::{FutureExt as _, future::join};
use serde_json::{Value, json};

use super::{leaderboard::Publisher, steps::HOUR};

const FAILURES: [Failure; 4] = [Failure::Refused, Failure::Unheard, Failure::Slow, Failure::SlowToTell];
/// Setting that packs results as soon as they are published.
const AT_ONCE: (&str, &str) = ("PACK_RESULTS_AFTER_HOURS", "0");
/// Setting that writes one pack per batch, and one batch per tick.
const ONE_BY_ONE: (&str, &str) = (PACKING_STATEMENTS, "4");
/// Number of tasks whose results fill three packs of a run.
const TASKS: usize = 600;

async fn publisher(tasks: usize, variables: &[(&str, &str)]) -> Publisher {
    let admin = ("ADMIN_EMAILS", "root@example.com");
    let publisher = Publisher::on(Simulation::new(&[&[admin], variables].concat()).await, tasks).await;
    publisher.model("m").await;
    publisher
}

/// Returns how many results are rows, and how many are in packs that are read.
fn kept(simulation: &Simulation) -> (i64, i64) {
    let packed = "SELECT coalesce(sum(p.results), 0) FROM result_packs AS p JOIN runs AS r ON r.id = p.run_id WHERE r.packed_at IS NOT NULL";
    (simulation.count("SELECT count(*) FROM results"), simulation.count(packed))
}

fn unpacked_runs(simulation: &Simulation) -> i64 {
    simulation.count("SELECT count(*) FROM runs WHERE published_at IS NOT NULL AND packed_at IS NULL")
}

/// Reads a list page by page; returns the path and the bytes of each page.
async fn pages(simulation: &Simulation, path: &str) -> Vec<(String, Vec<u8>)> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = simulation.answer(Request::get(&path), None, None).await;
        assert_eq!(answer.status(), 200, "{path}");
        let link = answer.headers().get("link").and_then(|link| link.to_str().ok()).map(str::to_owned);
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body").to_vec();
        next = link.as_ref().map(|link| link.trim_start_matches('<').split('>').next().expect("a target").to_owned());
        pages.push((path, body));
        assert!(pages.len() < 3000, "{pages:?}");
    }
    pages
}

/// Reads every result from the dataset, in pages of several sizes, and from each run.
async fn every_result(simulation: &Simulation) -> Vec<(String, Vec<u8>)> {
    let (_, manifest) = simulation.call(Method::GET, "/api/v1/export", None, None).await;
    let through = manifest["seq"].as_i64().expect("a place");
    let mut read = Vec::new();
    for limit in [1000, 250, 173, 64] {
        read.extend(pages(simulation, &format!("/api/v1/export/results?through={through}&limit={limit}")).await);
    }
    // The dataset as of half of what was published.
    read.extend(pages(simulation, &format!("/api/v1/export/results?through={}&limit=1000", through / 2)).await);
    let mut runs = pages(simulation, &format!("/api/v1/export/runs?through={through}&limit=1000")).await;
    let runs = String::from_utf8(runs.remove(0).1).expect("UTF-8");
    for run in runs.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON")) {
        let id = run["id"].as_str().expect("an id");
        for limit in [100, 33] {
            let path = format!("/api/v1/runs/{id}/results?limit={limit}");
            if simulation.read(&path).await.0 == 200 {
                read.extend(pages(simulation, &path).await);
            }
        }
        let path = format!("/runs/{id}");
        read.push((path.clone(), simulation.read(&path).await.1));
    }
    read
}

fn assert_same(before: &[(String, Vec<u8>)], after: &[(String, Vec<u8>)]) {
    assert_eq!(before.len(), after.len());
    for (one, other) in before.iter().zip(after) {
        assert!(one == other, "{}\n{}\n{}", one.0, String::from_utf8_lossy(&one.1), String::from_utf8_lossy(&other.1));
    }
}

/// Checks that every public read answers the same bytes, also while some runs are packed, some are rows and one is
/// half way.
#[tokio::test]
async fn every_public_read_answers_the_same_bytes() {
    let size = Size { benchmarks: 2, models: 3, tasks: 300 };
    let simulation = Simulation::new(&[AT_ONCE, ONE_BY_ONE]).await;
    size.publish(&simulation).await;
    let reads = public_reads(&simulation, size).await;
    let answers = async || {
        let mut answers = Vec::new();
        for read in &reads {
            answers.push((read.path.clone(), simulation.read(&read.path).await.1));
        }
        answers
    };
    let (others, results) = (answers().await, every_result(&simulation).await);
    assert_eq!(kept(&simulation), (1800, 0));
    let mut ticks = 0;
    while unpacked_runs(&simulation) > 0 {
        aibaas_core::tick(&simulation.app).await;
        ticks += 1;
        assert_same(&results, &every_result(&simulation).await);
        let (rows, packed) = kept(&simulation);
        assert_eq!(rows + packed, 1800, "after {ticks} ticks");
    }
    // Two packs per run, one per tick, and one more tick that replaces the rows.
    assert_eq!((ticks, kept(&simulation)), (18, (0, 1800)));
    assert_same(&others, &answers().await);
    assert_eq!(simulation.violations().await, []);
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(simulation.count("SELECT count(*) FROM result_packs"), 12);
}

#[tokio::test]
async fn nothing_is_packed_before_its_time_or_where_nobody_asked_for_it() {
    let silent = publisher(3, &[]).await;
    silent.published("m", 1, 3).await;
    silent.simulation.pass_seconds(1000 * HOUR);
    aibaas_core::tick(&silent.simulation.app).await;
    assert_eq!(kept(&silent.simulation), (3, 0));

    let publisher = publisher(3, &[("PACK_RESULTS_AFTER_HOURS", "24")]).await;
    let simulation = &publisher.simulation;
    publisher.published("m", 1, 3).await;
    let open = publisher.uploaded("m", 2, 3).await;
    simulation.pass_seconds(24 * HOUR - 1);
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(kept(simulation), (6, 0));
    simulation.pass_seconds(1);
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(kept(simulation), (3, 3));
    // An open run is never packed, whoever writes: uploads do not know of packs.
    for set in ["packed_at = 1", "packed_at = 1, published_at = 1"] {
        let error = simulation.try_spoil(&format!("UPDATE runs SET {set} WHERE status = 'open'")).expect_err(set);
        assert!(error.starts_with("CHECK constraint failed: "), "{error}");
    }
    assert_eq!(simulation.count(&format!("SELECT count(*) FROM result_packs WHERE run_id = '{open}'")), 0);
}

/// Checks that withdrawn runs, which stay readable, are packed, and that runs with counts alone have nothing to pack.
#[tokio::test]
async fn runs_that_were_taken_out_again_are_packed_too() {
    let publisher = publisher(3, &[AT_ONCE]).await;
    let simulation = &publisher.simulation;
    let run = publisher.published("m", 1, 3).await;
    let reason = json!({ "reason": "The grader slept." });
    publisher.call(Method::POST, &format!("/runs/{run}/withdraw"), Some(reason), 200).await;
    let counted = json!({ "title": "C", "metric": "pass_rate", "evidence": "counts", "taskCount": 3 });
    publisher.call(Method::PUT, "/benchmarks/counted/versions/1", Some(counted), 201).await;
    let body = json!({
        "model": "p/m", "benchmark": "counted", "version": "1", "harness": "suite",
        "harnessVersion": "1", "commit": "abc1234", "evaluatorRelationship": "first_party",
    });
    let run = publisher.call(Method::POST, "/runs", Some(body), 201).await;
    let run = run["id"].as_str().expect("an id");
    let counts = json!({ "total": 3, "correctByAttempt": [2] });
    publisher.call(Method::PUT, &format!("/runs/{run}/counts"), Some(counts), 200).await;
    publisher.call(Method::POST, &format!("/runs/{run}/publish"), None, 200).await;
    let before = every_result(simulation).await;
    aibaas_core::tick(&simulation.app).await;
    assert_eq!((kept(simulation), unpacked_runs(simulation)), ((0, 3), 0));
    assert_same(&before, &every_result(simulation).await);
    assert_eq!(simulation.violations().await, []);
}

/// Checks that results at private tasks are packed like others, and stay private.
#[tokio::test]
async fn results_at_private_tasks_stay_private() {
    let publisher = publisher(3, &[AT_ONCE]).await;
    let simulation = &publisher.simulation;
    let tasks = (1..=40).map(|n| json!({ "id": format!("secret-{n}") })).collect::<Value>();
    let version = json!({ "title": "P", "metric": "pass_rate", "privateTasks": true, "tasks": tasks });
    publisher.call(Method::PUT, "/benchmarks/private/versions/1", Some(version), 201).await;
    let body = json!({
        "model": "p/m", "benchmark": "private", "version": "1", "harness": "suite",
        "harnessVersion": "1", "commit": "abc1234", "evaluatorRelationship": "first_party",
    });
    let run = publisher.call(Method::POST, "/runs", Some(body), 201).await;
    let run = run["id"].as_str().expect("an id");
    let result = |n: usize| json!({ "task": format!("secret-{n}"), "attempt": 1, "status": "success", "score": 1 });
    let results = (1..=40).map(result).collect::<Value>();
    publisher.call(Method::POST, &format!("/runs/{run}/results"), Some(results), 200).await;
    publisher.call(Method::POST, &format!("/runs/{run}/publish"), None, 200).await;
    publisher.published("m", 1, 3).await;
    let before = every_result(simulation).await;
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(kept(simulation), (0, 43));
    let after = every_result(simulation).await;
    assert_same(&before, &after);
    assert!(after.iter().all(|(_, body)| !String::from_utf8_lossy(body).contains("secret-")));
    let path = format!("/api/v1/runs/{run}/results");
    assert_eq!(simulation.call(Method::GET, &path, None, None).await.0, 403);
    assert_eq!(simulation.violations().await, []);
}

/// Checks that a run's results are all rows or all in packs, whichever call fails, gets no answer, or is the last.
#[tokio::test]
async fn whatever_fails_or_dies_nothing_is_lost_or_doubled() {
    for statements in [ONE_BY_ONE, (PACKING_STATEMENTS, "400")] {
        let publisher = publisher(TASKS, &[AT_ONCE, statements]).await;
        let simulation = &publisher.simulation;
        let run = publisher.published("m", 7, TASKS).await;
        let path = format!("/api/v1/runs/{run}/results?limit=100");
        let before = pages(simulation, &path).await;
        // Sets the run back to rows, which nothing in the application ever does.
        let rows = "CREATE TABLE kept AS SELECT * FROM results; CREATE TABLE kept_runs AS SELECT id FROM runs;";
        simulation.spoil(rows);
        let reset = "UPDATE runs SET packed_at = NULL, pack_again_at = NULL; DELETE FROM result_packs; DELETE FROM results; INSERT INTO results SELECT * FROM kept;";
        let mut broken = 0;
        for failure in FAILURES {
            for calls in 0.. {
                simulation.spoil(reset);
                simulation.break_after(calls, failure);
                // Nothing here waits but what the failure makes slow, and that dies.
                for _ in 0..4 {
                    _ = aibaas_core::tick(&simulation.app).now_or_never();
                    assert!([(600, 0), (0, 600)].contains(&kept(simulation)), "{failure:?} at call {calls}");
                }
                let is_over = simulation.heal();
                assert_same(&before, &pages(simulation, &path).await);
                // A run whose packing was interrupted is left alone for an hour.
                simulation.pass_seconds(HOUR);
                for _ in 0..4 {
                    aibaas_core::tick(&simulation.app).await;
                }
                assert_eq!(kept(simulation), (0, 600), "{failure:?} at call {calls}");
                assert_same(&before, &pages(simulation, &path).await);
                if is_over {
                    break;
                }
                broken += 1;
            }
        }
        assert!(broken > 40, "only {broken} failed");
        simulation.spoil("DROP TABLE kept; DROP TABLE kept_runs");
        assert_eq!(simulation.violations().await, []);
    }
}

#[tokio::test]
async fn two_at_once_pack_a_run_once() {
    for statements in [ONE_BY_ONE, (PACKING_STATEMENTS, "400")] {
        let publisher = publisher(TASKS, &[AT_ONCE, statements]).await;
        let simulation = &publisher.simulation;
        let (mut packed, mut overtaken) = (0, 0);
        for calls in 0..16 {
            let run = publisher.published("m", calls, TASKS).await;
            let path = format!("/api/v1/runs/{run}/results?limit=100");
            let before = pages(simulation, &path).await;
            packed += 600;
            // The first tick stands still at a call, and the second, which takes it for dead, overtakes it.
            simulation.break_after(u32::try_from(calls).expect("few"), Failure::Slow);
            let mut first = Box::pin(aibaas_core::tick(&simulation.app));
            let stands_still = first.as_mut().now_or_never().is_none();
            overtaken += u32::from(stands_still);
            simulation.heal();
            for _ in 0..6 {
                simulation.spoil("UPDATE runs SET pack_again_at = NULL");
                aibaas_core::tick(&simulation.app).await;
            }
            assert_eq!(kept(simulation), (0, packed), "at call {calls}");
            assert!(!stands_still || first.now_or_never().is_some(), "at call {calls}");
            assert_eq!(kept(simulation), (0, packed), "at call {calls}");
            assert_same(&before, &pages(simulation, &path).await);
        }
        assert!(overtaken > 8, "only {overtaken} stood still");
        assert_eq!(simulation.count("SELECT count(*) FROM result_packs"), 16 * 3);
        assert_eq!(simulation.violations().await, []);
        publisher.published("m", 1, TASKS).await;
        let both = join(aibaas_core::tick(&simulation.app), aibaas_core::tick(&simulation.app));
        both.await;
        for _ in 0..4 {
            aibaas_core::tick(&simulation.app).await;
        }
        assert_eq!(kept(simulation), (0, packed + 600));
    }
}

/// Checks that results which differ from the published ones stay rows while others are packed, and are packed once
/// they are restored.
#[tokio::test]
async fn results_that_are_not_those_that_were_published_are_left_as_they_are() {
    for (statements, ticks) in [(ONE_BY_ONE, 1), (ONE_BY_ONE, 3), ((PACKING_STATEMENTS, "400"), 0)] {
        let publisher = publisher(TASKS, &[AT_ONCE, statements]).await;
        let simulation = &publisher.simulation;
        let spoiled = publisher.published("m", 7, TASKS).await;
        for _ in 0..ticks {
            aibaas_core::tick(&simulation.app).await;
        }
        simulation.spoil(&format!("UPDATE results SET input_tokens = 5 WHERE run_id = '{spoiled}' AND task_id = 't1'"));
        publisher.model("other").await;
        publisher.published("other", 8, TASKS).await;
        for _ in 0..12 {
            aibaas_core::tick(&simulation.app).await;
        }
        assert_eq!(kept(simulation), (600, 600));
        let packs = format!("SELECT count(*) FROM result_packs WHERE run_id = '{spoiled}'");
        assert_eq!(simulation.count(&packs), 0);
        simulation.spoil("UPDATE results SET input_tokens = NULL");
        simulation.pass_seconds(24 * HOUR - 1);
        aibaas_core::tick(&simulation.app).await;
        assert_eq!(kept(simulation), (600, 600));
        simulation.pass_seconds(1);
        for _ in 0..5 {
            aibaas_core::tick(&simulation.app).await;
        }
        assert_eq!(kept(simulation), (0, 1200));
        assert_eq!(simulation.violations().await, []);
    }
}

/// Checks that runs without a digest are packed: imported ones, and those published before digests were kept.
#[tokio::test]
async fn runs_without_a_digest_are_packed() {
    let publisher = publisher(3, &[AT_ONCE]).await;
    let simulation = &publisher.simulation;
    publisher.published("m", 2, 3).await;
    simulation.spoil("UPDATE runs SET results_digest = NULL, digested_results = NULL");
    let before = every_result(simulation).await;
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(kept(simulation), (0, 3));
    assert_same(&before, &every_result(simulation).await);
}

#[tokio::test]
async fn a_check_finds_what_was_spoiled_of_packs() {
    let publisher = publisher(300, &[AT_ONCE]).await;
    let simulation = &publisher.simulation;
    let run = publisher.published("m", 7, 300).await;
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(simulation.violations().await, []);
    simulation.spoil("CREATE TABLE kept_packs AS SELECT * FROM result_packs");
    let mend = "DELETE FROM results; DELETE FROM result_packs; INSERT INTO result_packs SELECT * FROM kept_packs";
    let row = format!(
        "INSERT INTO results (run_id, task_id, attempt, status, score) VALUES ('{run}', 't1', 1, 'success', 1)"
    );
    for (spoil, invariant) in [
        (row.as_str(), "packs"),
        ("UPDATE result_packs SET pack = x'0102'", "packs"),
        ("UPDATE result_packs SET results = 7", "packs"),
        ("UPDATE result_packs SET size = size - 1", "packs"),
        ("UPDATE result_packs SET first_task = 'a'", "packs"),
        ("UPDATE result_packs SET last_task = last_task || 'a'", "packs"),
        ("DELETE FROM result_packs WHERE id = (SELECT min(id) FROM result_packs)", "aggregates_of_results"),
        ("DELETE FROM result_packs WHERE id = (SELECT min(id) FROM result_packs)", "results_digests"),
        ("DELETE FROM result_packs", "aggregates_of_results"),
    ] {
        simulation.spoil(spoil);
        let found = simulation.violations().await;
        assert!(found.iter().any(|violation| violation.invariant == invariant), "{spoil}: {found:?}");
        simulation.spoil(mend);
        assert_eq!(simulation.violations().await, [], "{spoil}");
    }
    simulation.spoil("UPDATE users SET storage_bytes = 64 * 300");
    let found = simulation.violations().await;
    assert!(found.iter().any(|violation| violation.invariant == "storage"), "{found:?}");
    // A page ends by what the table says about a pack: where that is wrong, the page is refused rather than cut short.
    for column in ["results", "size"] {
        simulation.spoil(&format!("UPDATE result_packs SET {column} = {column} + 1000000"));
        assert_eq!(simulation.read(&format!("/api/v1/runs/{run}/results")).await.0, 500, "{column}");
        simulation.spoil(&format!("UPDATE result_packs SET {column} = {column} - 1000000"));
    }
    assert_eq!(simulation.read(&format!("/api/v1/runs/{run}/results")).await.0, 200);
    // A damaged pack is never returned as results.
    simulation.spoil("UPDATE result_packs SET pack = x'0102'");
    assert_eq!(simulation.read(&format!("/api/v1/runs/{run}/results")).await.0, 500);
}

/// Checks that a page costs fewer steps from packs than from rows, on every page of a long list.
#[tokio::test]
async fn a_page_reads_few_packs() {
    let publisher = publisher(5000, &[AT_ONCE]).await;
    let simulation = &publisher.simulation;
    let run = publisher.open("m").await;
    for first in (0..5000).step_by(1000) {
        let result = |n: usize| json!({ "task": format!("t{n}"), "attempt": 1, "status": "success", "score": 1 });
        let results = (first + 1..=first + 1000).map(result).collect::<Value>();
        publisher.call(Method::POST, &format!("/runs/{run}/results"), Some(results), 200).await;
    }
    publisher.call(Method::POST, &format!("/runs/{run}/publish"), None, 200).await;
    let path = format!("/api/v1/runs/{run}/results?limit=50");
    let cost = async |path: &str| simulation.cost(simulation.read(path)).await.1.steps;
    let rows = cost(&path).await;
    aibaas_core::tick(&simulation.app).await;
    assert_eq!(kept(simulation), (0, 5000));
    let pages = pages(simulation, &path).await;
    assert_eq!(pages.len(), 100);
    for (path, _) in &pages {
        let packed = cost(path).await;
        assert!(packed < rows, "{path}: {packed} steps, of rows {rows}");
    }
}
