//! What a Worker's first answer costs a fresh isolate: the CPU of workerd from its start to the end of `GET /`, beside that
//! of an empty Worker and of the usual stack (`tests/benches/peers`).
//!
//! `cargo bench -p aibaas-tests --bench cold_starts`. Workerd compiles what it runs; Cloudflare may have it compiled.

#[expect(dead_code, reason = "the other hosts are not started")]
mod hosts;
#[expect(dead_code, reason = "one request is asked once")]
mod load;
#[path = "peers/mod.rs"]
mod peer;

use std::{path::Path, process::ExitCode, time::Duration};

use aibaas_tests::{
    host::{Setup, cloudflare},
    tools,
};

use hosts::{Outcome, cpu_since, median};
use load::{Connection, get};

const ROUNDS: usize = 9;
/// What is done after the answer counts as well.
const AFTERWARDS: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    hosts::exit_code(measure())
}

fn measure() -> Outcome<()> {
    let (node, worker) = cloudflare::built()?;
    let hello = tools::root().join("tests/benches/hello/worker");
    let workers = [("an empty Worker", hello), ("the usual stack", peer::built()?), ("AIBaaS", worker)];
    // Migrating the database would count, and neither needs it for this answer.
    let no_migrations = tempfile::tempdir()?;
    let mut rounds = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let mut round = Vec::with_capacity(workers.len());
        for (_, build) in &workers {
            round.push(first_answer(&node, build, no_migrations.path())?.as_secs_f64() * 1e3);
        }
        rounds.push(round);
    }
    println!("| Worker | ms of CPU | more than an empty one |\n|---|--:|--:|");
    for (place, (name, _)) in workers.iter().enumerate() {
        let figure = |of: &dyn Fn(&Vec<f64>) -> f64| median(rounds.iter().map(of).collect());
        let whole = figure(&|round| round[place]);
        let more = figure(&|round| round[place] - round[0]);
        println!("| {name} | {whole:.0} | {more:.1} |");
    }
    Ok(())
}

/// CPU of a workerd from its start to the end of its Worker's first answer.
fn first_answer(node: &Path, build: &Path, migrations: &Path) -> Outcome<Duration> {
    let mut variables = Setup::KeepsMail.variables();
    variables.push(("JWT_SECRET", "of the benchmark alone, where nobody logs in".to_owned()));
    let server = hosts::workerd(node, build, migrations, &variables)?;
    Connection::open(server.address)?.exchange(&get(server.address, "/"))?;
    std::thread::sleep(AFTERWARDS);
    Ok(cpu_since(Some(Default::default()), server.serving).ok_or("the system does not tell CPU")?)
}
