//! The data set as files: loaded into a native instance whole, or not at all.

use std::path::{Path, PathBuf};

use aibaas_tests::{
    Publisher, TIMEOUT, User,
    host::{
        Host, Kind, Setup,
        native::{self, Server},
    },
};
use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Copy, Everything, TABLES, assert_same, export, import, text, try_export, whole};

/// An instance of its own, with something on it.
async fn filled() -> (Server, Host, TempDir, Everything) {
    let data = tempfile::tempdir().expect("a folder");
    let server = Server::start(data.path(), &Setup::KeepsMail.variables()).expect("it starts");
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let everything = Everything::on(&host).await;
    (server, host, data, everything)
}

/// Where nobody else publishes, every list is the same too, and the copy goes on from there.
pub async fn a_copy_is_the_same_and_goes_on() {
    let (server, host, _data, everything) = filled().await;
    let mut reads = everything.reads().await;
    for list in ["models", "benchmarks", "changes", "changes.atom"] {
        reads.push(format!("/api/v1/{list}"));
    }
    let copy = Copy::of(&server.url).await;
    assert_same(&host, &copy.host, &reads).await;
    for table in TABLES {
        let at = |host: Host| async move {
            let seq = host.client().get("/api/v1/export").await.expect(200)["seq"].as_i64().unwrap();
            whole(&host, table, seq, 1000).await
        };
        assert_eq!(at(host.clone()).await, at(copy.host.clone()).await, "{table}");
    }

    // Whoever comes to the copy has nothing there of what somebody else published, and can publish beside it.
    let seq = copy.host.client().get("/api/v1/export").await.expect(200)["seq"].as_i64().unwrap();
    let stranger = Publisher::new(&copy.host).await;
    let name = json!({ "displayName": "Mine" });
    stranger.api.put(format!("/api/v1/models/{}", everything.models[0])).json(name).await.problem(403, "not_owner");
    let mut body = stranger.run_body(&everything.models[2]);
    body["benchmark"] = json!(everything.publisher.benchmark);
    body["version"] = json!("5");
    let run = stranger.api.post("/api/v1/runs").json(body.clone()).await.expect(201)["id"].as_str().unwrap().to_owned();
    stranger.upload(&run, json!([{ "task": "lonely", "attempt": 1, "status": "success", "score": 1 }])).await;
    stranger.publish(&run).await;
    let after = copy.host.client().get("/api/v1/export").await.expect(200);
    assert_eq!(after["seq"].as_i64(), Some(seq + 1));
    body["version"] = json!("4");
    let run = stranger.api.post("/api/v1/runs").json(body).await.expect(201)["id"].as_str().unwrap().to_owned();
    stranger.api.post(format!("/api/v1/runs/{run}/publish")).await.problem(422, "incomplete_run");
}

/// Every row of every table, as one text.
fn everything_in(data: &Path) -> String {
    let database = Connection::open(data.join("aibaas.db")).expect("the database");
    let mut all = String::new();
    for table in TABLES {
        let mut rows = database.prepare(&format!("SELECT * FROM {table}")).expect("the table");
        let columns = rows.column_count();
        let mut rows = rows.query([]).expect("the rows");
        while let Some(row) = rows.next().expect("a row") {
            let cells = (0..columns).map(|column| format!("{:?}", row.get_ref(column).expect("a cell")));
            all += &format!("{table} {}\n", cells.collect::<Vec<_>>().join(" "));
        }
    }
    all
}

fn change(file: &Path, from: &str, to: &str) {
    let was = std::fs::read_to_string(file).expect("the file");
    let is = was.replacen(from, to, 1);
    assert_ne!(was, is, "{from} in {}", file.display());
    std::fs::write(file, is).expect("written");
}

fn copied(dataset: &Path, to: &Path) -> PathBuf {
    std::fs::create_dir(to).expect("a folder");
    for entry in std::fs::read_dir(dataset).expect("the dataset") {
        let path = entry.expect("a file").path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).expect("copied");
    }
    to.to_owned()
}

/// Writes SHA256SUMS anew, as somebody who changes a dataset on purpose would.
fn sign(dataset: &Path) {
    let mut sum = std::process::Command::new("sh");
    sum.args(["-c", "sha256sum *.ndjson manifest.json > SHA256SUMS"]);
    assert!(sum.current_dir(dataset).status().expect("sha256sum").success());
}

/// What is not whole, or of another form, or would be mixed with something, is refused, and nothing is changed.
pub async fn a_dataset_that_does_not_fit_is_refused() {
    let (server, host, data, everything) = filled().await;
    let folder = tempfile::tempdir().expect("a folder");
    let dataset = folder.path().join("dataset");
    export(&server.url, &dataset).await;

    let (well, said) = try_export(&server.url, &dataset).await;
    assert!(!well && said.contains("not empty"), "{said}");
    let nowhere = folder.path().join("nowhere");
    let (well, said) = try_export(&format!("{}/wrong", server.url), &nowhere).await;
    assert!(!well && said.contains("404"), "{said}");
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "nothing is left of an export that failed");

    let before = everything_in(data.path());
    let (well, said) = import(&dataset, data.path()).await;
    assert!(!well && said.contains("already"), "{said}");
    assert_eq!(everything_in(data.path()), before);

    let results = "results.ndjson";
    type Spoil = fn(&Path);
    let spoilt: [(&str, &str, Spoil); 9] = [
        ("changed", results, |dataset| change(&dataset.join("results.ndjson"), "\"attempt\":1", "\"attempt\":2")),
        ("cut", results, |dataset| {
            let path = dataset.join("results.ndjson");
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("missing", "changes.ndjson", |dataset| std::fs::remove_file(dataset.join("changes.ndjson")).unwrap()),
        ("unsigned", "runs.ndjson", |dataset| change(&dataset.join("SHA256SUMS"), "  runs.ndjson", "  ruins.ndjson")),
        ("schema", "0003_other.sql", |dataset| {
            change(&dataset.join("manifest.json"), "\"schema\": \"", "\"schema\": \"0003_other.sql\", \"was\": \"");
            sign(dataset);
        }),
        ("form", "form 2", |dataset| {
            change(&dataset.join("manifest.json"), "\"format\": 1", "\"format\": 2");
            sign(dataset);
        }),
        ("fewer", "rows", |dataset| {
            std::fs::write(dataset.join("run_counts.ndjson"), "").unwrap();
            sign(dataset);
        }),
        ("orphan", "nothing was loaded", |dataset| {
            change(&dataset.join("results.ndjson"), "\"run_id\":\"", "\"run_id\":\"no");
            sign(dataset);
        }),
        ("contradiction", "contradicts itself", |dataset| {
            change(&dataset.join("benchmark_tasks.ndjson"), "\"language\":\"rust\"", "\"language\":\"cobol\"");
            sign(dataset);
        }),
    ];
    for (name, reason, spoil) in spoilt {
        let broken = copied(&dataset, &folder.path().join(name));
        spoil(&broken);
        let fresh = folder.path().join(format!("{name}-data"));
        let (well, said) = import(&broken, &fresh).await;
        assert!(!well && said.contains(reason), "{name}: {said}");
        if fresh.exists() {
            assert_eq!(everything_in(&fresh), "", "{name}");
            let (well, said) = import(&dataset, &fresh).await;
            assert!(well, "{name}, then the whole one: {said}");
        }
    }
    // Accounts are in nobody's way.
    let used = folder.path().join("used-data");
    let other = Server::start(&used, &Setup::KeepsMail.variables()).expect("it starts");
    let there = Host::at(Kind::Native, other.url.clone(), None);
    let user = User::verified(&there).await;
    let (well, said) = import(&dataset, &used).await;
    assert!(well && said.contains("runs 11"), "{said}");
    user.api.get("/api/v1/users/me").await.expect(200);
    assert_same(&host, &there, &everything.reads().await).await;
    let (well, _) = import(&dataset, &used).await;
    assert!(!well, "never twice");
}

/// SIGKILL in the middle leaves an instance with nothing in it, which the same dataset can then be loaded into.
pub async fn a_killed_import_leaves_nothing() {
    let (server, _host, _data, _everything) = filled().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (dataset, data) = (folder.path().join("dataset"), folder.path().join("data"));
    export(&server.url, &dataset).await;
    // An import that comes to nothing makes the database, so that what is written ahead later is rows.
    let broken = copied(&dataset, &folder.path().join("broken"));
    change(&broken.join("results.ndjson"), "\"run_id\":\"", "\"run_id\":\"no");
    sign(&broken);
    let (well, said) = import(&broken, &data).await;
    assert!(!well && said.contains("nothing was loaded"), "{said}");
    // Long enough to be killed in the middle: many more benchmarks.
    let benchmark = |n: u32| format!("{{\"id\":\"more-{n:06}\",\"created_at\":1}}\n");
    let more = (0..200_000).map(benchmark).collect::<String>();
    let path = dataset.join("benchmarks.ndjson");
    let all = std::fs::read_to_string(&path).unwrap() + &more;
    std::fs::write(&path, &all).unwrap();
    let manifest = dataset.join("manifest.json");
    let mut told: Value = serde_json::from_str(&std::fs::read_to_string(&manifest).unwrap()).unwrap();
    told["tables"][1]["rows"] = json!(all.lines().count());
    std::fs::write(&manifest, told.to_string()).unwrap();
    sign(&dataset);

    let mut command = tokio::process::Command::from(native::command().expect("the server"));
    command.args(["import", "dataset", text(&dataset), "--data-dir", text(&data)]).kill_on_drop(true);
    let mut halfway = command.spawn().expect("it runs");
    let log = data.join("aibaas.db-wal");
    // The log grows before the commit: what does not fit in memory is written ahead.
    let started = std::time::Instant::now();
    while !std::fs::metadata(&log).is_ok_and(|log| log.len() > 1_000_000) {
        assert!(started.elapsed() < TIMEOUT && halfway.try_wait().expect("a process").is_none(), "nothing is written");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    halfway.kill().await.expect("it is killed");
    assert_eq!(everything_in(&data), "");
    let (well, said) = import(&dataset, &data).await;
    assert!(well && said.contains("benchmarks 200001"), "{said}");
}
