//! What a request costs on each host, beside a bare hello on the same host in the same minute: the CPU that the
//! serving process takes for it, from /proc where there is one, and how many are answered in a second.
//!
//! `cargo bench -p aibaas-tests [-- native|spin|cloudflare …]`. It speaks with loopback alone and ends by itself.
//! On Cloudflare's host the serving process is workerd, and D1 and KV, which are simulated in it, count as well.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use aibaas_spin_host::{Options, SpinHost};
use aibaas_tests::{
    Host, User,
    host::{Kind, Setup, cloudflare},
    tools,
};
use serde_json::{Value, json};

/// Connections that are asked at once, each one request after the other.
const CONNECTIONS: usize = 8;
const WARM_UP: usize = 2_000;
const ROUNDS: usize = 3;
const REQUESTS_A_ROUND: usize = 3_000;
const PATHS: [&str; 4] = ["/", "/health", "/api/v1/leaderboard", "/leaderboard"];

/// The argument by which this program runs Spin in a process of its own, whose CPU can be told from the client's.
const SERVE_SPIN: &str = "serve-spin";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let outcome = match arguments.as_slice() {
        [command, manifest, state, variables] if command == SERVE_SPIN => serve_spin(manifest, state, variables),
        // Cargo says `--bench` to every benchmark.
        hosts => measure(&hosts.iter().map(String::as_str).filter(|host| *host != "--bench").collect::<Vec<_>>()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(hosts: &[&str]) -> Outcome<()> {
    _ = rustls::crypto::ring::default_provider().install_default();
    let programs = Programs::build()?;
    let mut table = String::new();
    for kind in [Kind::Native, Kind::Spin, Kind::Cloudflare] {
        if !hosts.is_empty() && !hosts.contains(&kind.to_string().as_str()) {
            continue;
        }
        eprintln!("{kind}: starting, and importing the Aider leaderboard");
        let (hello, application) = programs.start(kind)?;
        programs.import(kind, &application.url)?;
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

/// What is started, built as it is shipped.
struct Programs {
    native: PathBuf,
    native_hello: PathBuf,
    node: PathBuf,
    worker: PathBuf,
}

impl Programs {
    fn build() -> Outcome<Self> {
        eprintln!("building every host for release");
        tools::cargo(&["build", "--quiet", "--release", "-p", "aibaas", "-p", "aibaas-hello", "--bins"])?;
        tools::spin_component()?;
        let component = ["--release", "--target", "wasm32-wasip2", "-p", "aibaas-hello", "--lib"];
        tools::cargo(&[["build", "--quiet"].as_slice(), &component].concat())?;
        let (node, worker) = cloudflare::built()?;
        let binary =
            |name| tools::target_directory().join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        Ok(Self { native: binary("aibaas"), native_hello: binary("aibaas-hello"), node, worker })
    }

    /// A bare hello and the application, each in a process of its own.
    fn start(&self, kind: Kind) -> Outcome<(Server, Server)> {
        let hello = tools::root().join("tests/benches/hello");
        match kind {
            Kind::Native => {
                let folder = tempfile::tempdir()?;
                let mut serve = Command::new(&self.native);
                serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
                serve.env_clear().envs(Setup::KeepsMail.variables());
                Ok((
                    Server::start(&mut Command::new(&self.native_hello), None)?,
                    Server::start(&mut serve, Some(folder))?,
                ))
            }
            Kind::Spin => {
                let variables = Setup::KeepsMail.variables().into_iter();
                let variables = variables.map(|(name, value)| (name.to_ascii_lowercase(), json!(value)));
                let hello = spin(&hello.join("spin.toml"), &json!({}))?;
                Ok((hello, spin(&tools::root().join("spin.toml"), &Value::Object(variables.collect()))?))
            }
            Kind::Cloudflare => Ok((self.workerd(&hello.join("worker"))?, self.workerd(&self.worker)?)),
            Kind::Remote => Err("a remote host has no hello to compare with".into()),
        }
    }

    fn workerd(&self, build: &Path) -> Outcome<Server> {
        let variables = Setup::KeepsMail.variables().into_iter();
        let options = json!({
            "buildDir": build,
            "wranglerToml": tools::root().join("wrangler.toml"),
            "migrationsDir": tools::root().join("migrations"),
            "vars": variables.map(|(name, value)| (name.to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
            "bare": true,
        });
        let mut node = Command::new(&self.node);
        node.arg("serve.mjs").arg(options.to_string()).current_dir(tools::root().join("tests/cloudflare"));
        Server::start(&mut node, None)
    }

    /// Publishes the Aider leaderboard there.
    fn import(&self, kind: Kind, url: &str) -> Outcome<()> {
        let host = Host::at(kind, url.to_owned(), None);
        let created = tokio::runtime::Runtime::new()?.block_on(async {
            let scopes = ["results:write", "models:write"];
            User::verified(&host).await.key(json!({ "name": "import", "scopes": scopes, "rateLimit": 100_000 })).await
        });
        let key = created["key"].as_str().ok_or("no key")?;
        let mut import = Command::new(&self.native);
        import.args(["import", "aider"]).arg(tools::root().join("data/aider/polyglot_leaderboard.yml"));
        tools::run(import.args(["--url", url, "--api-key", key]), "it was built a moment ago")?;
        Ok(())
    }
}

/// A process that serves; ended when dropped.
struct Server {
    child: Child,
    /// Whose CPU counts.
    serving: u32,
    /// Where clients are to call.
    url: String,
    /// Where it answers with nothing in between.
    address: SocketAddr,
    /// Goes with it.
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts it, once it has printed `listening on URL`, or the JSON of `serve.mjs`.
    fn start(command: &mut Command, folder: Option<tempfile::TempDir>) -> Outcome<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut server = Self {
            serving: child.id(),
            child,
            url: String::new(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            _folder: folder,
        };
        let mut lines = BufReader::new(output).lines();
        for line in lines.by_ref().map_while(Result::ok) {
            let ready = serde_json::from_str::<Value>(&line).unwrap_or_default();
            if let (Some(port), Some(worker)) = (ready["port"].as_u64(), ready["workerPort"].as_u64()) {
                server.url = format!("http://127.0.0.1:{port}");
                server.address.set_port(u16::try_from(worker)?);
                server.serving = descendant("workerd", server.child.id()).unwrap_or(server.serving);
            } else if let Some((_, url)) = line.split_once("listening on ") {
                server.address = url.trim_start_matches("http://").parse()?;
                server.url = url.to_owned();
            } else {
                continue;
            }
            // Read to the end: a process whose output nobody takes would stand still.
            std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
            return Ok(server);
        }
        Err(format!("{command:?} ended before it was ready").into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Who minds its input ends in good order with it.
        drop(self.child.stdin.take());
        for _ in 0..20 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn spin(manifest: &Path, variables: &Value) -> Outcome<Server> {
    let folder = tempfile::tempdir()?;
    let mut this = Command::new(std::env::current_exe()?);
    this.arg(SERVE_SPIN).args([manifest, folder.path()]).arg(variables.to_string());
    Server::start(&mut this, Some(folder))
}

/// Serves until standard input ends.
fn serve_spin(manifest: &str, state: &str, variables: &str) -> Outcome<()> {
    let host = SpinHost::start(Options {
        manifest: manifest.into(),
        state_dir: state.into(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        variables: serde_json::from_str(variables)?,
        outbound_redirect: None,
    })?;
    println!("listening on http://{}", host.address());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    host.shutdown();
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
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

/// Nanoseconds on a CPU by thread; what is told of the whole process counts in ticks, which are too long.
fn cpu(process: u32) -> Option<HashMap<String, u64>> {
    let mut threads = HashMap::new();
    for thread in std::fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten() {
        // It may have ended since it was listed.
        let Ok(statistics) = std::fs::read_to_string(thread.path().join("schedstat")) else { continue };
        let spent = statistics.split(' ').next()?.parse().ok()?;
        threads.insert(thread.file_name().to_string_lossy().into_owned(), spent);
    }
    (!threads.is_empty()).then_some(threads)
}

/// A process of this name that the ancestor has started, or what it has started.
fn descendant(name: &str, ancestor: u32) -> Option<u32> {
    let mut parents = HashMap::new();
    let mut named = Vec::new();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(id) = process.file_name().to_str().and_then(|id| id.parse::<u32>().ok()) else { continue };
        let Ok(status) = std::fs::read_to_string(process.path().join("stat")) else { continue };
        let (command, rest) = status.split_once('(')?.1.rsplit_once(')')?;
        parents.insert(id, rest.split_whitespace().nth(1)?.parse::<u32>().ok()?);
        if command == name {
            named.push(id);
        }
    }
    let climb = |id: &u32| std::iter::successors(Some(*id), |id| parents.get(id).copied()).any(|id| id == ancestor);
    named.into_iter().find(climb)
}
