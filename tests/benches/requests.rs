//! What a request costs on each host, beside a bare hello on the same host in the same minute: the CPU that the
//! serving process takes for it, from /proc where there is one, and how many are answered in a second.
//!
//! `cargo bench -p aibaas-tests [-- native|spin|cloudflare …]`. It speaks with loopback alone and ends by itself.
//! On Cloudflare's host the serving process is workerd, and D1 and KV, which are simulated in it, count as well.

mod hosts;

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use aibaas_tests::{
    Host, User,
    host::{Kind, Setup},
    tools,
};
use serde_json::json;

use hosts::{Outcome, Programs, Server, cpu, median};

/// Connections that are asked at once, each one request after the other.
const CONNECTIONS: usize = 8;
const WARM_UP: usize = 2_000;
const ROUNDS: usize = 3;
const REQUESTS_A_ROUND: usize = 3_000;
const PATHS: [&str; 4] = ["/", "/health", "/api/v1/leaderboard", "/leaderboard"];

fn main() -> ExitCode {
    hosts::run(measure)
}

fn measure(programs: &Programs, kinds: &[Kind]) -> Outcome<()> {
    let mut table = String::new();
    for &kind in kinds {
        eprintln!("{kind}: starting, and importing the Aider leaderboard");
        let (hello, application) = programs.start(kind, &Setup::KeepsMail.variables())?;
        import(programs, kind, &application.url)?;
        eprintln!("{kind}: measuring");
        let mut series = vec![Series::new("hello", &hello, "/")];
        for path in PATHS {
            series.push(Series::new(path, &application, path));
        }
        for series in &series {
            series.ask(WARM_UP)?;
        }
        for _ in 0..ROUNDS {
            for series in &mut series {
                series.round()?;
            }
        }
        let hello = &series[0];
        for one in &series {
            table.push_str(&one.row(kind, hello));
        }
    }
    println!("{:<12}{:<22}{:>15}{:>13}{:>16}", "host", "path", "CPU, µs/request", "requests/s", "ratio to hello");
    print!("{table}");
    Ok(())
}

/// Publishes the Aider leaderboard there.
fn import(programs: &Programs, kind: Kind, url: &str) -> Outcome<()> {
    let host = Host::at(kind, url.to_owned(), None);
    let created = tokio::runtime::Runtime::new()?.block_on(async {
        let scopes = ["results:write", "models:write"];
        User::verified(&host).await.key(json!({ "name": "import", "scopes": scopes, "rateLimit": 100_000 })).await
    });
    let key = created["key"].as_str().ok_or("no key")?;
    let mut import = Command::new(&programs.native);
    import.args(["import", "aider"]).arg(tools::root().join("data/aider/polyglot_leaderboard.yml"));
    tools::run(import.args(["--url", url, "--api-key", key]), "it was built a moment ago")?;
    Ok(())
}

/// What one request takes.
#[derive(Clone, Copy)]
struct Cost {
    /// Seconds of CPU, where the system tells.
    cpu: Option<f64>,
    /// Seconds between two answers.
    wall: f64,
}

impl Cost {
    /// CPU if it is told for both, else time.
    fn ratio_to(self, other: Self) -> f64 {
        self.cpu.zip(other.cpu).map_or(self.wall / other.wall, |(one, other)| one / other)
    }
}

/// One path of one server.
struct Series {
    name: &'static str,
    serving: u32,
    address: SocketAddr,
    request: String,
    rounds: Vec<Cost>,
}

impl Series {
    fn new(name: &'static str, server: &Server, path: &str) -> Self {
        let Server { serving, address, .. } = *server;
        // Workerd is asked with nothing before it that would say the client's address.
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCF-Connecting-IP: 127.0.0.1\r\n\r\n");
        Self { name, serving, address, request, rounds: Vec::new() }
    }

    /// Asks so often, on all connections at once. They are new: workerd closes who is idle for some seconds.
    fn ask(&self, requests: usize) -> Outcome<()> {
        let ask = || {
            let mut connection = TcpStream::connect(self.address)?;
            connection.set_nodelay(true)?;
            connection.set_read_timeout(Some(Duration::from_secs(30)))?;
            let mut answer = Vec::new();
            (0..requests / CONNECTIONS).try_for_each(|_| exchange(&mut connection, &self.request, &mut answer))
        };
        let outcome = std::thread::scope(|scope| {
            let asking = (0..CONNECTIONS).map(|_| scope.spawn(ask)).collect::<Vec<_>>();
            asking.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
        });
        outcome.map_err(|error| format!("{}: {error}", self.name).into())
    }

    fn round(&mut self) -> Outcome<()> {
        let requests = f64::from(u32::try_from(REQUESTS_A_ROUND)?);
        let (before, start) = (cpu(self.serving), Instant::now());
        self.ask(REQUESTS_A_ROUND)?;
        let (wall, after) = (start.elapsed().as_secs_f64() / requests, cpu(self.serving));
        let spent = before.zip(after).map(|(before, after)| {
            // A thread that has ended since then was idle before it ended.
            let spent = after.iter().map(|(thread, spent)| spent - before.get(thread).copied().unwrap_or(0));
            Duration::from_nanos(spent.sum()).as_secs_f64() / requests
        });
        self.rounds.push(Cost { cpu: spent, wall });
        Ok(())
    }

    fn row(&self, kind: Kind, hello: &Self) -> String {
        let cpu = self.rounds.iter().map(|cost| cost.cpu).collect::<Option<Vec<_>>>();
        let cpu = cpu.map_or("not told".to_owned(), |cpu| format!("{:.1}", median(cpu) * 1e6));
        let rate = median(self.rounds.iter().map(|cost| 1.0 / cost.wall).collect());
        // Round by round: whatever else the machine did at the time, it did to both.
        let ratio = median(self.rounds.iter().zip(&hello.rounds).map(|(one, hello)| one.ratio_to(*hello)).collect());
        format!("{:<12}{:<22}{cpu:>15}{rate:>13.0}{ratio:>16.2}\n", kind.to_string(), self.name)
    }
}

/// Asks, and reads the whole answer, which must be a good one.
fn exchange(connection: &mut TcpStream, request: &str, answer: &mut Vec<u8>) -> std::io::Result<()> {
    connection.write_all(request.as_bytes())?;
    answer.clear();
    let mut piece = [0; 64 * 1024];
    while !is_whole(answer)? {
        match connection.read(&mut piece)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            length => answer.extend_from_slice(&piece[..length]),
        }
    }
    Ok(())
}

fn is_whole(answer: &[u8]) -> std::io::Result<bool> {
    let Some(end) = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(false) };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    if !head.starts_with("http/1.1 200 ") {
        return Err(std::io::Error::other(format!("answered {}", String::from_utf8_lossy(answer))));
    }
    let header = |name| head.lines().filter_map(|line| line.split_once(": ")).find(|header| header.0 == name);
    match header("content-length").map(|(_, length)| length.parse::<usize>()) {
        Some(Ok(length)) => Ok(answer.len() >= end + 4 + length),
        _ if header("transfer-encoding").is_some() => Ok(answer.ends_with(b"\r\n0\r\n\r\n")),
        _ => Err(std::io::Error::other(format!("an answer without an end: {head}"))),
    }
}
