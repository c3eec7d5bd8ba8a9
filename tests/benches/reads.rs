//! What each public read costs where 10⁴, 10⁵ and 10⁶ results are stored, of 500 runs on 10 benchmarks: the rows that
//! SQLite visits, the steps that it makes, the time until the answer is there, and the answer's length. The application
//! runs in this process, over a database file with the settings of the native server; nothing is measured of HTTP.
//!
//! `LIBSQLITE3_FLAGS=SQLITE_ENABLE_STMT_SCANSTATUS cargo bench -p aibaas-tests --features scanstatus --bench reads`;
//! without flag and feature no rows are told. A number of tasks a benchmark as an argument measures that size alone.

use std::time::{Duration, Instant};

use aibaas_tests::{
    reads::{Read, Size, described, public_reads},
    simulation::{Cost, Simulation},
};

const TASKS: [usize; 3] = [20, 200, 2000];
const MOST_ROUNDS: usize = 101;
const LONGEST: Duration = Duration::from_secs(1);

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let chosen = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect::<Vec<_>>();
    let tasks = if chosen.is_empty() { TASKS.to_vec() } else { chosen };
    let mut columns = Vec::new();
    for tasks in tasks {
        let size = Size { benchmarks: 10, models: 50, tasks };
        columns.push((size, measure(size).await));
    }
    for (what, of) in [
        (
            "rows visited",
            (|measured| measured.cost.rows.map(|rows| rows.to_string())) as fn(&Measured) -> Option<String>,
        ),
        ("steps", |measured| Some(measured.cost.steps.to_string())),
        ("median time, ms", |measured| Some(format!("{:.2}", measured.time.as_secs_f64() * 1e3))),
        ("answer, bytes", |measured| Some(measured.bytes.to_string())),
    ] {
        println!();
        print!("{what:<36}");
        columns.iter().for_each(|(size, _)| print!("{:>12}", size.results()));
        println!();
        for (row, first) in columns[0].1.iter().enumerate() {
            print!("{:<36}", first.name);
            columns.iter().for_each(|(_, reads)| print!("{:>12}", of(&reads[row]).unwrap_or("-".to_owned())));
            println!();
        }
    }
}

/// A read, and what it costs.
struct Measured {
    name: String,
    cost: Cost,
    time: Duration,
    bytes: usize,
}

async fn measure(size: Size) -> Vec<Measured> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("aibaas.db");
    let simulation = Simulation::in_file(&file, &[]).await;
    let start = Instant::now();
    size.publish(&simulation).await;
    let took = start.elapsed().as_secs_f64();
    let [results, runs, slices] =
        ["results", "runs", "run_slices"].map(|table| simulation.count(&format!("SELECT count(*) FROM {table}")));
    let bytes = simulation.count("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size");
    eprintln!("{results} results of {runs} runs, {slices} slices, {} MB, published in {took:.0} s", bytes / 1_000_000);

    let described = described(&simulation).await;
    let reads = public_reads(&simulation, size).await.into_iter();
    let mut measured = Vec::new();
    for read in reads.filter(|read| described.iter().any(|path| path == read.template)) {
        measured.push(one(&simulation, &read, read.name.to_owned()).await);
        if measured.len() == 1 {
            simulation.cache(true);
            measured.push(one(&simulation, &read, format!("{}, kept in the cache", read.name)).await);
            simulation.cache(false);
        }
    }
    measured
}

async fn one(simulation: &Simulation, read: &Read, name: String) -> Measured {
    let start = Instant::now();
    let (status, body) = simulation.read(&read.path).await;
    let rounds = (LONGEST.as_micros() / start.elapsed().as_micros().max(1)).clamp(5, MOST_ROUNDS as u128);
    assert_eq!(status, 200, "{}: {}", read.path, String::from_utf8_lossy(&body));
    simulation.complete_background().await;
    let (_, cost) = simulation.cost(simulation.read(&read.path)).await;
    simulation.complete_background().await;
    // Prepares what is read.
    simulation.read(&read.path).await;
    let mut times = Vec::new();
    for _ in 0..rounds {
        let start = Instant::now();
        simulation.read(&read.path).await;
        times.push(start.elapsed());
        simulation.complete_background().await;
    }
    times.sort_unstable();
    Measured { name, cost, time: times[times.len() / 2], bytes: body.len() }
}
