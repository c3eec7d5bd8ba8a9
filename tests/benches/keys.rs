//! What `POST /api/v1/api-keys/verify` costs on each host, beside a bare hello and `GET /` on the same host in the same
//! minute; how many uses a limit lets through when many connections ask at once; how long one key's uses
//! take when there are a thousand a second; and how often D1 is asked.
//!
//! `cargo bench -p aibaas-tests --bench keys [-- native|spin|cloudflare …]`.

mod hosts;
mod load;

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use aibaas_tests::{
    Host, Key, Service, User,
    host::{Kind, Setup, cloudflare::Workerd},
    keys::VERIFY,
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use hosts::{Outcome, Programs};
use load::{Connection, Series, get, request, tells, unexpected};

const ROUNDS: usize = 7;
const VALID: &str = r#""valid":true"#;

fn main() -> ExitCode {
    hosts::run(measure)
}

fn measure(programs: &Programs, kinds: &[Kind]) -> Outcome<()> {
    let runtime = Runtime::new()?;
    println!("{}", Series::heading());
    for &kind in kinds {
        eprintln!("{kind}: starting");
        let (hello, application) = programs.start(kind, &Setup::KeepsMail.variables())?;
        let keys = runtime.block_on(Keys::new(Host::at(kind, application.url.clone(), None)));
        eprintln!("{kind}: measuring");
        let address = application.address;
        let series = &mut [
            Series::new("hello", &hello, get(hello.address, "/"), None),
            Series::new("GET /", &application, get(address, "/"), None),
            Series::new("POST …/api-keys/verify", &application, keys.verify(address, &keys.shown), Some(VALID)),
        ];
        // Long enough to be timed.
        let requests = if kind == Kind::Native { 20_000 } else { 3_000 };
        Series::measure(series, ROUNDS, requests)?;
        let [hello, root, verify] = series;
        for one in [&*hello, root, verify] {
            println!("{}", one.row(kind, hello));
        }
        let speed = hello.ratio_to(verify, |cost| Some(cost.wall)).unwrap_or(f64::NAN) * 100.0;
        println!("{kind}: verify answers {speed:.0} % as many requests a second as hello");
        let cpu = verify.ratio_to(root, |cost| cost.cpu).map_or("not told".to_owned(), |cpu| format!("{cpu:.2} times"));
        println!("{kind}: CPU of verify, to that of GET /: {cpu}");
        for limit in LIMITS {
            println!("{kind}: {}", bursts(&runtime, &keys, address, limit)?);
        }
        println!("{kind}: {}", pace(address, &keys.verify(address, &keys.shown))?);
        drop(application);
        if kind == Kind::Cloudflare {
            println!("{kind}: {}", round_trips(&runtime)?);
        }
    }
    Ok(())
}

/// A service, and a key that it is shown. The limits of both are out of reach.
struct Keys {
    service: Service,
    owner: User,
    shown: String,
}

impl Keys {
    async fn new(host: Host) -> Self {
        let owner = User::verified(&host).await;
        let shown = Key::new(&owner, json!({ "rateLimitWindowSeconds": 1 })).await.secret;
        Self { service: Service::new(&host).await, owner, shown }
    }

    /// The service asks about this key.
    fn verify(&self, address: SocketAddr, shown: &str) -> String {
        let credential = self.service.0.credential().expect("a key");
        let body = json!({ "key": shown }).to_string();
        let headers = format!(
            "Authorization: Bearer {credential}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        request(address, &format!("POST {VERIFY}"), &headers, &body)
    }
}

const LIMITS: [u32; 3] = [1, 7, 100];
/// For each limit, each with a new key.
const BURSTS: usize = 5;
const CONNECTIONS: usize = 64;
/// On each connection: in all more than every limit.
const REQUESTS: usize = 4;

/// What a limit lets through of bursts that come on many connections at once.
fn bursts(runtime: &Runtime, keys: &Keys, address: SocketAddr, limit: u32) -> Outcome<String> {
    let expected = usize::try_from(limit)?;
    let (mut admitted, mut over, mut under) = (0, 0, 0);
    for _ in 0..BURSTS {
        let key = runtime.block_on(Key::limited(&keys.owner, limit, 3600));
        let passed = burst(address, &keys.verify(address, &key.secret))?;
        admitted += passed;
        over += passed.saturating_sub(expected);
        under += expected.saturating_sub(passed);
    }
    let (asked, expected) = (CONNECTIONS * REQUESTS, BURSTS * expected);
    Ok(format!(
        "limit {limit}, {BURSTS} bursts of {asked} on {CONNECTIONS} connections: admitted {admitted} of {expected}, \
         {over} over, {under} under"
    ))
}

/// Asks on every connection at once, and tells how often the key was good.
fn burst(address: SocketAddr, request: &str) -> Outcome<usize> {
    let (passed, ready) = (AtomicUsize::new(0), Barrier::new(CONNECTIONS));
    let ask = || {
        let connection = Connection::open(address);
        ready.wait();
        let mut connection = connection?;
        for _ in 0..REQUESTS {
            let answer = connection.exchange(request)?;
            if tells(answer, VALID) {
                passed.fetch_add(1, Ordering::Relaxed);
            } else if !tells(answer, r#""code":"too_many_requests""#) {
                return Err(unexpected(answer));
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let asking = (0..CONNECTIONS).map(|_| scope.spawn(ask)).collect::<Vec<_>>();
        asking.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    Ok(passed.into_inner())
}

/// Uses a second of one key, on so many connections, for so long.
const PACE: u32 = 1_000;
const PACED_CONNECTIONS: u32 = 50;
const PACED: Duration = Duration::from_secs(10);

/// How long a key's uses take that come at a steady pace, each from when it was due: what a slow answer keeps waiting
/// counts as waiting.
fn pace(address: SocketAddr, request: &str) -> Outcome<String> {
    let period = Duration::from_secs(1) * PACED_CONNECTIONS / PACE;
    let start = Instant::now() + Duration::from_millis(200);
    let ask = |place: u32| {
        let mut connection = Connection::open(address)?;
        let mut due = start + period * place / PACED_CONNECTIONS;
        let mut times = Vec::new();
        while due < start + PACED {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let answer = connection.exchange(request)?;
            if !tells(answer, VALID) {
                return Err(unexpected(answer));
            }
            times.push(due.elapsed());
            due += period;
        }
        Ok(times)
    };
    let mut times = std::thread::scope(|scope| {
        let asking = (0..PACED_CONNECTIONS).map(|place| scope.spawn(move || ask(place))).collect::<Vec<_>>();
        let times = asking.into_iter().map(|thread| thread.join().expect("no panic"));
        times.collect::<Result<Vec<_>, std::io::Error>>()
    })?
    .concat();
    let last = start.elapsed().as_secs_f64();
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100].as_secs_f64() * 1_000.0;
    let (p50, p99) = (at(50), at(99));
    let asked = times.len();
    Ok(format!("{PACE} uses a second of one key: {asked} answered in {last:.1} s, p50 {p50:.1} ms, p99 {p99:.1} ms"))
}

const WARM_UP: usize = 200;
const VERIFIES: usize = 1000;
/// After the last use, blocks are given back and the first use of all is saved in this time.
const SETTLES: Duration = Duration::from_secs(2);
/// What was counted since is saved in this time.
const SAVES: Duration = Duration::from_secs(65);

/// How often the objects of keys and D1 are asked for verifies, one after the other. The Worker is not the one that was
/// measured: around this one stands what counts.
fn round_trips(runtime: &Runtime) -> Outcome<String> {
    eprintln!("{}: counting round trips, which takes a minute", Kind::Cloudflare);
    let workerd = Workerd::start(&Setup::KeepsMail.variables(), None)?;
    let address = workerd.url.trim_start_matches("http://").parse::<SocketAddr>()?;
    let keys = runtime.block_on(Keys::new(Host::at(Kind::Cloudflare, workerd.url.clone(), None)));
    let request = keys.verify(address, &keys.shown);
    let verify = |times: usize| {
        let mut connection = Connection::open(address)?;
        (0..times).try_for_each(|_| {
            let answer = connection.exchange(&request)?;
            if tells(answer, VALID) { Ok(()) } else { Err(unexpected(answer)) }
        })
    };
    let counted = || runtime.block_on(counters(&workerd));
    verify(WARM_UP)?;
    std::thread::sleep(SETTLES);
    let (before, start) = (counted()?, Instant::now());
    verify(VERIFIES)?;
    let (time, after) = (start.elapsed(), counted()?);
    std::thread::sleep(SAVES);
    let [calls, reads, writes] = [0, 1, 2].map(|counter| after[counter] - before[counter]);
    let saved = counted()?;
    let [reads_to_save, writes_to_save] = [1, 2].map(|counter| saved[counter] - after[counter]);
    Ok(format!(
        "{VERIFIES} verifies one after the other in {:.1} s: objects decided {calls} times, D1 was read {reads} times \
         and written {writes} times; to save the use of both keys, once a minute: {reads_to_save} and {writes_to_save}",
        time.as_secs_f64()
    ))
}

/// Calls to the objects of keys that decide, and round trips to D1 that only read and that wrote.
async fn counters(workerd: &Workerd) -> Outcome<[u64; 3]> {
    let text = reqwest::get(format!("{}/keys", workerd.control)).await?.error_for_status()?.text().await?;
    let counters = serde_json::from_str::<Value>(&text)?;
    let counter = |name: &str| counters[name].as_u64().ok_or_else(|| format!("no counter {name}: {text}"));
    Ok([counter("calls")?, counter("reads")?, counter("writes")?])
}
