//! Results of published runs, before and after they are packed.

use std::{path::Path, time::Duration};

use aibaas_tests::{
    Publisher, cases,
    fixtures::{passes, tasks},
    host::{
        Host, Kind, Setup, TICK_SECRET,
        cloudflare::{self, Workerd},
        native::Server,
        spin::Spin,
    },
};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

use crate::backups::{run, text};

cases![MovesTime:
    what_is_read_is_the_same_bytes_packed,
    others_are_told_of_no_private_task,
];

/// Later than results are packed.
const LATER: Duration = Duration::from_secs(25 * 3600);

/// What is due is packed, a part at a time on some hosts, behind what other cases published before.
async fn pack(host: &Host) {
    host.advance(LATER).await;
    for _ in 0..20 {
        host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
    }
}

/// Each page of a list with where the next one is.
async fn pages(host: &Host, path: String) -> Vec<(String, String)> {
    let (api, mut next, mut pages) = (host.client(), Some(path), Vec::new());
    while let Some(path) = next {
        let page = api.get(&path).await;
        page.expect(200);
        next = page
            .header("link")
            .map(|link| link.trim_start_matches('<').split('>').next().expect("a target").to_owned());
        pages.push((path, page.text()));
    }
    pages
}

/// Runs with several attempts, every number that a result may have, and scores of parts.
async fn published(publisher: &Publisher) -> Vec<String> {
    let model = publisher.model("m").await;
    publisher.tasks(600).await;
    let whole = publisher.published(&model, 400, 600).await;

    let version = json!({ "title": "Parts", "metric": "score", "attemptsPerTask": 3, "tasks": tasks(40), "parts": [
        { "id": "automated", "weight": 40 }, { "id": "staff", "weight": 7.5 },
    ] });
    publisher.version("2", version).await;
    let run = publisher.run_of(&model, json!({ "version": "2" })).await;
    let result = |n: usize, attempt: usize| {
        let share = 1.0 / (n + attempt) as f64;
        // What timed out or broke scores 0.
        let status = ["success", "failed", "timeout", "error"][n % 4];
        let (automated, staff) = if n % 4 < 2 { (share, 1) } else { (0.0, 0) };
        json!({
            "task": format!("t{n}"), "attempt": attempt, "status": status,
            "parts": { "automated": automated, "staff": staff }, "samples": 3 + n, "correct": n % 3,
            "latencyMs": share * 1e5, "inputTokens": 1_000_000_000, "outputTokens": n * attempt, "costUsd": share * 1e-7,
        })
    };
    let results = (1..=40).flat_map(|n| (1..=3).map(move |attempt| (n, attempt)));
    publisher.upload(&run, results.map(|(n, attempt)| result(n, attempt)).collect()).await;
    publisher.publish(&run).await;
    let taken_out = publisher.published(&model, 30, 600).await;
    publisher.withdraw(&taken_out, "The grader slept.").await.expect(200);
    vec![whole, run, taken_out]
}

/// What anybody reads of these runs, and of all results.
async fn everything(host: &Host, runs: &[String], through: i64) -> Vec<(String, String)> {
    let mut read = Vec::new();
    for run in runs {
        for limit in [100, 37] {
            read.extend(pages(host, format!("/api/v1/runs/{run}/results?limit={limit}")).await);
        }
        for path in [format!("/api/v1/runs/{run}"), format!("/api/v1/runs/{run}/every-eval-ever")] {
            let answer = host.client().get(&path).await;
            answer.expect(200);
            read.push((path, answer.text()));
        }
    }
    for limit in [1000, 611] {
        read.extend(pages(host, format!("/api/v1/export/results?through={through}&limit={limit}")).await);
    }
    read
}

fn assert_same(before: &[(String, String)], after: &[(String, String)]) {
    assert_eq!(before.len(), after.len());
    for (one, other) in before.iter().zip(after) {
        assert_eq!(one, other);
    }
}

async fn newest(host: &Host) -> i64 {
    host.client().get("/api/v1/export").await.expect(200)["seq"].as_i64().expect("a place")
}

async fn what_is_read_is_the_same_bytes_packed(host: Host) {
    let publisher = Publisher::new(&host).await;
    let runs = published(&publisher).await;
    let through = newest(&host).await;
    let before = everything(&host, &runs, through).await;
    pack(&host).await;
    assert_same(&before, &everything(&host, &runs, through).await);
}

async fn others_are_told_of_no_private_task(host: Host) {
    let publisher = Publisher::new(&host).await;
    let secret = |n: usize| format!("secret-{}-{n}", publisher.benchmark);
    let tasks = (1..=30).map(|n| json!({ "id": secret(n) })).collect::<Value>();
    publisher.version("1", json!({ "title": "P", "metric": "pass_rate", "privateTasks": true, "tasks": tasks })).await;
    let model = publisher.model("m").await;
    let result = |n: usize| json!({ "task": secret(n), "attempt": 1, "status": "success", "score": 1 });
    let run = publisher.publish_results(&model, (1..=30).map(result).collect()).await;
    pack(&host).await;
    host.client().get(format!("/api/v1/runs/{run}/results")).await.problem(403, "private_tasks");
    let through = newest(&host).await;
    let told = pages(&host, format!("/api/v1/export/results?through={through}&limit=1000")).await;
    assert!(told.iter().all(|(_, page)| !page.contains(&secret(1)[..10])), "a private task is told");
    let log = host.client().get(format!("/api/v1/runs/{run}")).await.expect(200);
    assert_eq!(log["aggregates"]["tasks"], 30);
}

/// Packs on a host that nobody else uses; an open run beside it.
async fn packed(host: &Host) {
    let publisher = Publisher::new(host).await;
    let runs = published(&publisher).await;
    let open = publisher.run(&format!("{}/m", publisher.provider)).await;
    publisher.upload(&open, passes(3, 9)).await;
    let through = newest(host).await;
    let before = everything(host, &runs, through).await;
    pack(host).await;
    assert_same(&before, &everything(host, &runs, through).await);
}

/// What is in the database below a folder: rows of results, packs, and the results that these hold.
fn kept(folder: &Path) -> [i64; 3] {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let Ok(database) = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_WRITE) else { continue };
            let count = |sql: &str| database.query_row(sql, [], |row| row.get::<_, i64>(0)).ok();
            let rows = count("SELECT count(*) FROM results");
            let packs = count("SELECT count(*) FROM result_packs");
            let results = count("SELECT sum(results) FROM result_packs");
            if let (Some(rows), Some(packs), Some(results)) = (rows, packs, results) {
                return [rows, packs, results];
            }
        }
    }
    panic!("no database with packs below {}", folder.display());
}

/// 600, 120 and 600 results in three packs each but the second's one; nine of an open run.
const PACKED: [i64; 3] = [9, 7, 1320];

/// Packs stay what they are in a backup and on their way to another host, and are whole by a check.
pub async fn on_native() {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &Setup::MovesTime.variables()).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    packed(&host).await;
    let backup = data.path().join("backup.db");
    let (code, said) = run(&["backup", text(&backup), "--data-dir", text(data.path())]);
    assert_eq!(code, Some(0), "{said}");
    server.kill();
    assert_eq!(kept(data.path()), PACKED);
    let copies = tempfile::tempdir().expect("a folder");
    let (sealed, passphrase) = (copies.path().join("sealed"), copies.path().join("passphrase"));
    std::fs::write(&passphrase, "a passphrase of the tests\n").expect("a file");
    let moves = |way: &str, data: &Path| {
        run(&["move", way, text(&sealed), "--passphrase-file", text(&passphrase), "--data-dir", text(data)])
    };
    let (code, said) = moves("out", data.path());
    assert_eq!(code, Some(0), "{said}");
    let (restored, moved) = (copies.path().join("restored"), copies.path().join("moved"));
    let (code, said) = moves("in", &moved);
    assert_eq!(code, Some(0), "{said}");
    std::fs::create_dir(&restored).expect("a folder");
    std::fs::copy(&backup, restored.join("aibaas.db")).expect("copied");
    for copy in [&restored, &moved] {
        assert_eq!(kept(copy), PACKED);
        let (code, said) = run(&["check", "--data-dir", text(copy)]);
        assert!(code == Some(0) && said.contains(": 0 violations"), "{said}");
    }
}

/// Packs are blobs there, too.
pub async fn on_spin() -> Result<(), String> {
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = data.path().to_owned();
    let start = move || Spin::start(Setup::MovesTime, None, &folder);
    let (spin, url) = tokio::task::spawn_blocking(start).await.map_err(|error| error.to_string())??;
    packed(&Host::at(Kind::Spin, url, None)).await;
    tokio::task::spawn_blocking(|| spin.stop()).await.map_err(|error| error.to_string())?;
    assert_eq!(kept(data.path()), PACKED);
    Ok(())
}

/// And in D1, where a tick writes little.
pub async fn in_workerd() -> Result<(), String> {
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    let workerd = Workerd::start_over(Some(data.path()), &cloudflare::variables(Setup::MovesTime), None)?;
    packed(&Host::at(Kind::Cloudflare, workerd.url.clone(), None)).await;
    tokio::task::spawn_blocking(|| drop(workerd)).await.map_err(|error| error.to_string())?;
    assert_eq!(kept(data.path()), PACKED);
    Ok(())
}
