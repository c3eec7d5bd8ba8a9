//! What a Spin application carries: verifications with an empty and with a full window, writers, registrations all at once,
//! leaderboards out of the cache and without it, what the cache keeps, and bodies that stall.
//!
//! `cargo bench -p aibaas-tests --bench writers [-- PART … MANIFEST …]`: these parts (`verify`, `write`, `register`,
//! `boards`, `stall`) or all, of each manifest, whose component has been built, or of the project's. Of several, what is
//! told compares.

mod memory;

use std::{
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use aibaas_spin_host::{InstanceLimits, Options, SpinHost};
use aibaas_tests::{
    Host, Key, Service, User,
    fixtures::{PASSWORD, Publisher, new_address},
    host::{Kind, Setup},
    keys::VERIFY,
    tools,
};
use reqwest::{Client, Method, Request};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use memory::{forget_peak, megabytes};

/// The argument by which the benchmark runs Spin in a process of its own.
const SERVE: &str = "serve";
/// How long verifications are asked for, at each number of connections.
const VERIFYING: Duration = Duration::from_secs(10);
const WRITING: Duration = Duration::from_secs(20);
const READS: usize = 300;
/// Publications after each of which the board is read.
const PUBLICATIONS: usize = 12;
/// Connections whose bodies never come.
const STALLED: usize = 3_000;
/// How long others are asked for meanwhile, and how long the stalled have for their answers.
const STALLING: Duration = Duration::from_secs(20);
const PARTS: [&str; 5] = ["verify", "write", "register", "boards", "stall"];
/// Uses in a window that is full.
const USES: i64 = 60_000;
/// People whom each of the 64 writers writes as.
const PEOPLE_A_WRITER: usize = 3;
/// Each connection numbers its requests from its own multiple of this.
const NUMBERS_A_CONNECTION: usize = 1_000_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench").collect::<Vec<_>>();
    let outcome = match arguments.as_slice() {
        [command, manifest, state] if command == SERVE => serve(manifest, state),
        arguments => measure(arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until standard input ends.
fn serve(manifest: &str, state: &str) -> Outcome<()> {
    let mut variables = Setup::KeepsMail.variables();
    variables.push(("RATE_LIMIT_REGISTER", "100000/1".to_owned()));
    let host = SpinHost::start(Options {
        manifest: manifest.into(),
        state_dir: state.into(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        variables: variables.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect(),
        outbound_redirect: None,
        instance_limits: InstanceLimits::default(),
        flushes: true,
    })?;
    println!("http://{}", host.address());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    host.shutdown();
    Ok(())
}

struct Server {
    child: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Server {
    fn start(manifest: &Path) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let mut this = Command::new(std::env::current_exe()?);
        this.arg(SERVE).args([manifest, folder.path()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = this.spawn()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut url)?;
        Ok(Self { child, url: url.trim().to_owned(), folder })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn measure(arguments: &[String]) -> Outcome<()> {
    _ = rustls::crypto::ring::default_provider().install_default();
    let is_part = |argument: &&String| PARTS.contains(&argument.as_str());
    let (parts, manifests) = arguments.iter().partition::<Vec<_>, _>(is_part);
    let mut manifests = manifests.into_iter().map(PathBuf::from).collect::<Vec<_>>();
    if manifests.is_empty() {
        tools::spin_component("release")?;
        manifests.push(tools::root().join("spin.toml"));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for manifest in manifests {
        println!("{}, on the stand-in of tests/spin-host, not on the spin program", manifest.display());
        runtime.block_on(measure_one(&Server::start(&manifest)?, |part| {
            parts.is_empty() || parts.iter().any(|wanted| *wanted == part)
        }))?;
    }
    Ok(())
}

async fn measure_one(server: &Server, wants: impl Fn(&str) -> bool) -> Outcome<()> {
    let host = Host::at(Kind::Spin, server.url.clone(), None);
    if wants("verify") {
        verifications(server, &host).await?;
    }
    if wants("write") {
        writers(server, &host).await;
    }
    if wants("register") {
        registrations(server).await;
    }
    if wants("boards") {
        boards(server, &host).await?;
    }
    if wants("stall") {
        stalled(server, &host).await?;
    }
    Ok(())
}

async fn verifications(server: &Server, host: &Host) -> Outcome<()> {
    let owner = User::verified(host).await;
    let service = Service::new(host).await;
    let credential = service.0.credential().ok_or("no key")?.to_owned();
    let shown = Key::new(&owner, json!({ "rateLimit": 100_000, "rateLimitWindowSeconds": 86_400 })).await;
    let body = json!({ "key": shown.secret });
    let verify = |_| call(server, Method::POST, VERIFY, Some(&credential), Some(&body));
    for connections in [1, 16, 64] {
        report(&format!("verify, {connections} connections"), &load(connections, Until::Over(VERIFYING), verify).await);
    }
    fill(server, &shown.id)?;
    for connections in [1, 64] {
        let name = format!("verify, {connections} connections, 60,000 uses");
        report(&name, &load(connections, Until::Over(VERIFYING), verify).await);
    }
    Ok(())
}

async fn writers(server: &Server, host: &Host) {
    // Each person may change so much an hour, so each writer is several.
    let mut writers = Vec::new();
    for _ in 0..64 * PEOPLE_A_WRITER {
        writers.push(User::verified(host).await);
    }
    let tokens = writers.iter().filter_map(|writer| writer.api.credential()).collect::<Vec<_>>();
    for writers in [1, 4, 64] {
        // Each of them is as many people as there are for it.
        let people = tokens.len() / writers;
        let rename = |number: usize| {
            let body = json!({ "fullName": format!("Name {number}") });
            let (writer, times) = (number / NUMBERS_A_CONNECTION, number % NUMBERS_A_CONNECTION);
            let token = tokens.get(writer * people + times % people).copied();
            call(server, Method::PATCH, "/api/v1/users/me", token, Some(&body))
        };
        report(&format!("{writers} writers for 20 seconds"), &load(writers, Until::Over(WRITING), rename).await);
    }
}

async fn registrations(server: &Server) {
    let register = |_| {
        let body = json!({ "email": new_address(), "password": PASSWORD });
        call(server, Method::POST, "/api/v1/auth/register", None, Some(&body))
    };
    for clients in [64, 200] {
        forget_peak(server.child.id());
        report(&format!("{clients} registrations at once"), &load(clients, Until::Once, register).await);
        println!("    memory {} at most", megabytes(server.child.id(), "VmHWM"));
    }
}

/// Pages of a leaderboard that the cache keeps, and of a size that it does not; then what the cache holds as the board
/// changes.
async fn boards(server: &Server, host: &Host) -> Outcome<()> {
    let publisher = Publisher::new(host).await;
    publisher.tasks(20).await;
    for model in ["first", "second", "third"] {
        let model = publisher.model(model).await;
        publisher.published(&model, 7, 20).await;
    }
    let whole = publisher.leaderboard_path();
    for (name, limit) in [("board out of the cache", 20), ("board without the cache", 13)] {
        let path = whole.replace("limit=100", &format!("limit={limit}"));
        let read = |_| call(server, Method::GET, &path, None, None);
        load(1, Until::Times(5), read).await;
        report(name, &load(1, Until::Times(READS), read).await);
    }
    let cache = rusqlite::Connection::open(server.folder.path().join("sqlite_key_value.db"))?;
    let kept = || cache.query_row("SELECT count(*) FROM spin_key_value", [], |row| row.get::<_, i64>(0));
    let before = kept()?;
    for number in 0..PUBLICATIONS {
        let model = publisher.model(&format!("model-{number}")).await;
        publisher.published(&model, number, 20).await;
        load(1, Until::Times(3), |_| call(server, Method::GET, &whole, None, None)).await;
    }
    println!("  {PUBLICATIONS} publications: the cache has {} entries, {before} before", kept()?);
    Ok(())
}

/// Logins that send one byte of their body, and what others hear meanwhile.
async fn stalled(server: &Server, host: &Host) -> Outcome<()> {
    let user = User::verified(host).await;
    forget_peak(server.child.id());
    println!("  {STALLED} stalled bodies: memory {} before", megabytes(server.child.id(), "VmRSS"));
    let address = server.url.trim_start_matches("http://");
    let stall = async |_| -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address).await?;
        let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                    Content-Length: 100\r\n\r\n{";
        stream.write_all(head.as_bytes()).await?;
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    let stalls = futures_util::future::join_all((0..STALLED).map(async |number| {
        let answer = tokio::time::timeout(2 * STALLING, stall(number)).await;
        answer.map(|answer| {
            answer.map_or_else(|_| "closed".to_owned(), |head| String::from_utf8_lossy(&head).into_owned())
        })
    }));
    let health = |_| call(server, Method::GET, "/health", None, None);
    let me = |_| call(server, Method::GET, "/api/v1/users/me", user.api.credential(), None);
    let others = async {
        let (health, me) = tokio::join!(load(1, Until::Over(STALLING), health), load(1, Until::Over(STALLING), me));
        report("/health meanwhile", &health);
        report("a read with a session meanwhile", &me);
    };
    let (stalls, ()) = tokio::join!(stalls, others);
    let mut answers = std::collections::BTreeMap::<String, usize>::new();
    for answer in stalls {
        *answers.entry(answer.unwrap_or_else(|_| "still held".to_owned())).or_default() += 1;
    }
    println!(
        "    they hear {answers:?}; memory {} at most, {} now",
        megabytes(server.child.id(), "VmHWM"),
        megabytes(server.child.id(), "VmRSS")
    );
    Ok(())
}

/// Puts uses into the window of a key, as its schema has them.
fn fill(server: &Server, key_id: &str) -> Outcome<()> {
    let database = rusqlite::Connection::open(server.folder.path().join("sqlite_db.db"))?;
    let now = i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_millis())?;
    let totals = "SELECT count(*) FROM sqlite_schema WHERE name = 'rate_limit_totals'";
    let with_totals = database.query_row(totals, [], |row| row.get::<_, i64>(0))? > 0;
    database.execute_batch("PRAGMA busy_timeout = 20000; BEGIN IMMEDIATE")?;
    // Before what there is.
    let sql = if with_totals {
        "INSERT INTO rate_limit_totals (subject, name, at, cost, running, expires_at) \
         SELECT ?1, 'key', ?2 - 3600000 + value, 1, value - ?3, ?2 + 80000000 FROM numbers"
    } else {
        "INSERT INTO rate_limit_events (subject, name, at, cost, expires_at) \
         SELECT ?1, 'key', ?2 - 3600000 + value, 1, ?2 + 80000000 FROM numbers"
    };
    let numbers =
        "WITH RECURSIVE numbers (value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM numbers WHERE value < ?3)";
    let sql = format!("{numbers} {sql}");
    database.execute(&sql, (key_id, now, USES))?;
    database.execute_batch("COMMIT")?;
    Ok(())
}

fn call(server: &Server, method: Method, path: &str, token: Option<&str>, body: Option<&Value>) -> Request {
    let mut request = Client::new().request(method, format!("{}{path}", server.url));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    request.build().expect("a request")
}

#[derive(Clone, Copy)]
enum Until {
    /// Each connection asks once.
    Once,
    /// Each connection asks so often.
    Times(usize),
    /// Each asks anew until the time is over.
    Over(Duration),
}

struct Loaded {
    /// Of answers in order, from the shortest.
    latencies: Vec<Duration>,
    /// Which were none of 2xx.
    refused: usize,
    elapsed: Duration,
}

/// Asks on so many connections, each one request after the other.
async fn load(connections: usize, until: Until, request: impl Fn(usize) -> Request) -> Loaded {
    let start = Instant::now();
    let goes_on = |asked: usize| match until {
        Until::Once => asked == 0,
        Until::Times(times) => asked < times,
        Until::Over(time) => start.elapsed() < time,
    };
    let asking = (0..connections).map(|connection| {
        let request = &request;
        async move {
            let client = Client::builder().pool_max_idle_per_host(1).build().expect("a client");
            let (mut latencies, mut refused) = (Vec::new(), 0);
            while goes_on(latencies.len()) {
                let request = request(connection * NUMBERS_A_CONNECTION + latencies.len());
                let asked = Instant::now();
                let answer = async { client.execute(request).await?.error_for_status()?.bytes().await };
                refused += usize::from(answer.await.is_err());
                latencies.push(asked.elapsed());
            }
            (latencies, refused)
        }
    });
    let answers = futures_util::future::join_all(asking).await;
    let elapsed = start.elapsed();
    let refused = answers.iter().map(|(_, refused)| refused).sum();
    let mut latencies = answers.into_iter().flat_map(|(latencies, _)| latencies).collect::<Vec<_>>();
    latencies.sort();
    Loaded { latencies, refused, elapsed }
}

fn report(name: &str, loaded: &Loaded) {
    let Loaded { latencies, refused, elapsed } = loaded;
    let at = |share: usize| {
        let place = (latencies.len() * share / 100).min(latencies.len().saturating_sub(1));
        latencies.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1000.0)
    };
    let count = u32::try_from(latencies.len()).map_or(f64::NAN, f64::from);
    println!(
        "  {name:<38}{:>8.0}/s   p50 {:>8.1} ms   p99 {:>8.1} ms   longest {:>8.1} ms   {refused} refused",
        count / elapsed.as_secs_f64(),
        at(50),
        at(99),
        at(100)
    );
}
