//! How long cheap reads wait on each host while others log in, with what memory, beside the same reads alone.
//!
//! `cargo bench -p aibaas-tests --bench logins [-- native|spin|cloudflare …]`, over the import of the Aider leaderboard. On
//! Cloudflare's host everything is one workerd, where production has many machines.

mod aider;
mod hosts;
#[expect(dead_code, reason = "reads are asked one after the other")]
mod load;
mod memory;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use aibaas_tests::{
    Host, User,
    fixtures::PASSWORD,
    host::{Kind, Setup},
};
use serde_json::json;

use hosts::{Outcome, Programs, Server};
use load::{Connection, get, request};
use memory::{forget_peak, megabytes};

/// People who log in again and again, each on a connection.
const PEOPLE: usize = 16;
/// How long each read is asked for, again and again.
const ASKING: Duration = Duration::from_secs(5);
/// Between two reads: what waits is a visitor, and no load.
const PAUSE: Duration = Duration::from_millis(1);
const READS: usize = 5;

fn main() -> ExitCode {
    hosts::run(measure)
}

fn measure(programs: &Programs, kinds: &[Kind]) -> Outcome<()> {
    let mut variables = Setup::KeepsMail.variables();
    variables.push(("RATE_LIMIT_LOGIN", "1000000/1".to_owned()));
    for &kind in kinds {
        let (hello, application) = programs.start(kind, &variables)?;
        drop(hello);
        eprintln!("{kind}: {PEOPLE} people register, and the Aider leaderboard is imported");
        let (people, token) = fill(kind, &application.url)?;
        let logins = people.iter().map(|person| login(&application, person)).collect::<Vec<_>>();
        // From a network that nobody has logged in from, logins come one by one.
        for login in &logins {
            Connection::open(application.address)?.exchange(login)?;
        }
        let reads = reads(&application, &token);
        println!("\n| {kind} | p50, ms | p99, ms | beside logins: p50 | p99 |\n|---|--:|--:|--:|--:|");
        let alone = reads.iter().map(|(_, read)| asked(&application, read)).collect::<Outcome<Vec<_>>>()?;
        let before = megabytes(application.serving, "VmRSS");
        forget_peak(application.serving);
        let (beside, rate) = while_logging_in(&application, &logins, || {
            reads.iter().map(|(_, read)| asked(&application, read)).collect::<Outcome<Vec<_>>>()
        })?;
        for (((name, _), alone), beside) in reads.iter().zip(&alone).zip(&beside?) {
            let [p50, p99, beside50, beside99] = [alone[0], alone[1], beside[0], beside[1]].map(millis);
            println!("| {name} | {p50:.2} | {p99:.2} | {beside50:.2} | {beside99:.2} |");
        }
        let [peak, after] = ["VmHWM", "VmRSS"].map(|line| megabytes(application.serving, line));
        println!(
            "\n{PEOPLE} at once: {rate:.0} logins a second; memory {before} before, at most {peak}, {after} after"
        );
    }
    Ok(())
}

/// Registers people who log in, whose addresses it returns, and one who publishes the board, with their access token.
fn fill(kind: Kind, url: &str) -> Outcome<(Vec<String>, String)> {
    let host = Host::at(kind, url.to_owned(), None);
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut people = Vec::with_capacity(PEOPLE);
        for _ in 0..PEOPLE {
            people.push(User::verified(&host).await.email);
        }
        // Of a person's sessions, new ones end the oldest.
        let reader = User::verified(&host).await;
        aider::publish(&host, &reader).await?;
        Ok((people, reader.api.credential().ok_or("no token")?.to_owned()))
    })
}

fn login(server: &Server, email: &str) -> String {
    let body = json!({ "email": email, "password": PASSWORD }).to_string();
    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    request(server.address, "POST /api/v1/auth/login", &headers, &body)
}

fn reads(server: &Server, token: &str) -> [(&'static str, String); READS] {
    let address = server.address;
    let authorized = format!("Authorization: Bearer {token}\r\n");
    [
        ("`/health`", get(address, "/health")),
        ("`GET /`", get(address, "/")),
        ("a board's JSON", get(address, aider::BOARD)),
        ("a board's page", request(address, &format!("GET {}", aider::PAGE), "Accept: text/html\r\n", "")),
        ("`GET /users/me`", request(address, "GET /api/v1/users/me", &authorized, "")),
    ]
}

/// Asks one request after the other; how long half of them took at most, and how long 99 %.
fn asked(server: &Server, request: &str) -> Outcome<[Duration; 2]> {
    let mut connection = Connection::open(server.address)?;
    let (start, mut waits) = (Instant::now(), Vec::new());
    while start.elapsed() < ASKING {
        let asked = Instant::now();
        connection.exchange(request)?;
        waits.push(asked.elapsed());
        std::thread::sleep(PAUSE);
    }
    waits.sort();
    let at = |share: usize| waits.get(waits.len() * share / 100).copied().ok_or("nothing was asked");
    Ok([at(50)?, at(99)?])
}

/// Measures while all the logins are asked for again and again; also returns how many there were in a second.
fn while_logging_in<T>(server: &Server, logins: &[String], measure: impl FnOnce() -> T) -> Outcome<(T, f64)> {
    let (is_over, count, start) = (AtomicBool::new(false), AtomicUsize::new(0), Instant::now());
    let log_in = |login: &String| {
        let mut connection = Connection::open(server.address)?;
        while !is_over.load(Ordering::Relaxed) {
            connection.exchange(login)?;
            count.fetch_add(1, Ordering::Relaxed);
        }
        std::io::Result::Ok(())
    };
    let log_in = &log_in;
    std::thread::scope(|scope| {
        let threads = logins.iter().map(|login| scope.spawn(move || log_in(login))).collect::<Vec<_>>();
        let measured = measure();
        let logins = u32::try_from(count.load(Ordering::Relaxed))?;
        let rate = f64::from(logins) / start.elapsed().as_secs_f64();
        is_over.store(true, Ordering::Relaxed);
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))?;
        Ok((measured, rate))
    })
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
