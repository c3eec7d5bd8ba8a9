//! What a large instance takes: bytes of an account and of a result, before and after packing, and how long its backup,
//! its check and its move to another directory take.
//!
//! `cargo bench -p aibaas-tests --bench bulk [-- ACCOUNTS RUNS]`: 100,000 accounts, and 2,000 runs of 500 results
//! with random numbers, on the native server, as it is built for tests. Bytes are those of a backup, which is compact.

use std::{error::Error, fmt::Write as _, path::Path, time::Instant};

use aibaas_tests::{
    Host, Publisher,
    fixtures::{seeded, tasks},
    host::{
        Kind, Setup, TICK_SECRET,
        native::{self, Server},
    },
    tools,
};
use futures_util::future::join_all;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ACCOUNTS: usize = 100_000;
const RUNS: usize = 2_000;
const TASKS: usize = 500;
/// Runs that are published side by side.
const AT_ONCE: usize = 8;

fn main() -> Outcome<()> {
    _ = rustls::crypto::ring::default_provider().install_default();
    let mut sizes = std::env::args().filter_map(|argument| argument.parse::<usize>().ok());
    let (accounts, runs) = (sizes.next().unwrap_or(ACCOUNTS), sizes.next().unwrap_or(RUNS));
    let folder = tempfile::tempdir()?;
    let instance = Instance { folder: folder.path() };
    instance.aibaas("migrate", &["migrate"])?;
    let empty = instance.backed_up("empty")?;

    let mut users = "id,email,password_hash,full_name,email_verified,created_at\n".to_owned();
    for n in 0..accounts {
        writeln!(users, "{n},person{n}@example.com,,Person {n},t,2024-01-02T03:04:05Z")?;
    }
    std::fs::write(folder.path().join("users.csv"), users)?;
    instance.aibaas("import users", &["import", "users", "users.csv"])?;
    let peopled = instance.backed_up("accounts")?;
    println!("{:.0} bytes an account", per(peopled.saturating_sub(empty), accounts));

    let runtime = tokio::runtime::Runtime::new()?;
    let started = Instant::now();
    let server = instance.serve(&[])?;
    runtime.block_on(publish(&Host::at(Kind::Native, server.url.clone(), None), runs));
    drop(server);
    println!("{} results published in {:.0} s", runs * TASKS, started.elapsed().as_secs_f64());
    let full = instance.backed_up("accounts and results")?;
    println!("{:.1} bytes a result, with what publishing keeps", per(full.saturating_sub(peopled), runs * TASKS));

    std::fs::write(folder.path().join("passphrase"), "a passphrase of the benchmark\n")?;
    instance.aibaas("check", &["check"])?;
    instance.aibaas("move out", &["move", "out", "sealed", "--passphrase-file", "passphrase"])?;
    let arrived = ["move", "in", "sealed", "--passphrase-file", "passphrase", "--data-dir", "moved"];
    instance.aibaas("move in", &arrived)?;
    instance.aibaas("check of what arrived", &["check", "--data-dir", "moved"])?;
    instance.aibaas("move sql", &["move", "sql", "sealed", "moved.sql", "--passphrase-file", "passphrase"])?;

    let started = Instant::now();
    let server = instance.serve(&[("PACK_RESULTS_AFTER_HOURS", "0".to_owned())])?;
    runtime.block_on(instance.pack(&Host::at(Kind::Native, server.url.clone(), None)))?;
    drop(server);
    println!("packed in {:.0} s", started.elapsed().as_secs_f64());
    let packed = instance.backed_up("accounts and packs")?;
    let of_packs = per(packed.saturating_sub(peopled), runs * TASKS);
    println!("{of_packs:.1} bytes a packed result, with what publishing keeps");
    instance.aibaas("check of packs", &["check"])?;
    Ok(())
}

fn per(bytes: u64, count: usize) -> f64 {
    bytes as f64 / count.max(1) as f64
}

/// A data directory, and files beside it.
struct Instance<'a> {
    folder: &'a Path,
}

impl Instance<'_> {
    /// Runs a command of the program, and prints how long it took.
    fn aibaas(&self, name: &str, arguments: &[&str]) -> Outcome<()> {
        let mut command = native::command()?;
        command.args(arguments).current_dir(self.folder).env("AIBAAS_DATA_DIR", "data");
        let started = Instant::now();
        tools::run(&mut command, "it is the program of this project")?;
        println!("{name}: {:.1} s", started.elapsed().as_secs_f64());
        Ok(())
    }

    /// Makes a backup, and returns its size in bytes.
    fn backed_up(&self, what: &str) -> Outcome<u64> {
        self.aibaas(&format!("backup of {what}"), &["backup", "backup.db", "--force"])?;
        let bytes = std::fs::metadata(self.folder.join("backup.db"))?.len();
        println!("{what}: {bytes} bytes");
        Ok(bytes)
    }

    fn serve(&self, more: &[(&'static str, String)]) -> Outcome<Server> {
        let variables = [&Setup::KeepsMail.variables()[..], more].concat();
        Ok(Server::start(&self.folder.join("data"), &variables)?)
    }

    /// Ticks until every run is packed.
    async fn pack(&self, host: &Host) -> Outcome<()> {
        let file = Connection::open_with_flags(self.folder.join("data/aibaas.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let is_left = "SELECT EXISTS (SELECT 1 FROM runs WHERE status = 'published' AND packed_at IS NULL)";
        while file.query_row(is_left, [], |row| row.get(0))? {
            host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
        }
        Ok(())
    }
}

/// Publishes runs of a benchmark, each with a result of every task, of which nearly every number is another one.
async fn publish(host: &Host, runs: usize) {
    let publisher = Publisher::new(host).await;
    publisher.version("1", json!({ "title": "Bulk", "metric": "pass_rate", "tasks": tasks(TASKS) })).await;
    let mut models = Vec::new();
    for n in 0..20 {
        models.push(publisher.model(&format!("m{n}")).await);
    }
    let mut random = seeded();
    for first in (0..runs).step_by(AT_ONCE) {
        let some = (first..runs.min(first + AT_ONCE)).map(|n| {
            let results = (1..=TASKS).map(|task| {
                let passed = random.bool();
                let (status, score) = if passed { ("success", 1) } else { ("failed", 0) };
                json!({
                    "task": format!("t{task}"), "attempt": 1, "status": status, "score": score,
                    "latencyMs": random.u32(100..60_000), "inputTokens": random.u32(100..100_000),
                    "outputTokens": random.u32(10..10_000), "costUsd": f64::from(random.u32(1..1_000_000)) / 1e6,
                })
            });
            let (publisher, model, results) = (&publisher, &models[n % models.len()], results.collect::<Value>());
            async move { publisher.publish_results(model, results).await }
        });
        join_all(some.collect::<Vec<_>>()).await;
    }
}
