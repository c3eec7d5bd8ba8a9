//! What accounts cost on each host: the CPU and the time of registering, logging in, refreshing and asking who one is,
//! of one password hash, and whether the time of a failed login tells if the address has an account.
//!
//! `cargo bench -p aibaas-tests --bench accounts [-- native|spin|cloudflare …]`.

mod hosts;

use std::{
    collections::HashMap,
    process::ExitCode,
    time::{Duration, Instant},
};

use aibaas_tests::{
    fixtures::token_in,
    host::{Kind, Setup},
};
use reqwest::Method;
use serde_json::{Value, json};

use hosts::{Outcome, Programs, Server, cpu, cpu_since, median};

const PEOPLE: usize = 60;
const PASSWORD: &str = "correct horse battery staple 9";

fn main() -> ExitCode {
    hosts::run(measure)
}

fn measure(programs: &Programs, kinds: &[Kind]) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{:<12}{:<34}{:>18}{:>18}", "host", "call", "CPU, ms (median)", "time, ms (median)");
    for &kind in kinds {
        let mut variables = Setup::KeepsMail.variables();
        variables.extend([
            ("RATE_LIMIT_LOGIN", "100000/1".to_owned()),
            ("RATE_LIMIT_REGISTER", "100000/1".to_owned()),
            // The client says from where it calls, so that no guess meets another's delay.
            ("TRUSTED_PROXIES", "127.0.0.0/8".to_owned()),
        ]);
        let (hello, application) = programs.start(kind, &variables)?;
        drop(hello);
        let report = runtime.block_on(accounts(&application))?;
        for (call, costs) in report.rows() {
            let cpu = median(costs.iter().map(|cost| cost.0).collect());
            let time = median(costs.iter().map(|cost| cost.1).collect());
            println!("{:<12}{call:<34}{:>18.3}{:>18.3}", kind.to_string(), cpu * 1e3, time * 1e3);
        }
        let time = |call: &str| median(report.costs[call].iter().map(|cost| cost.1).collect());
        let ratio = time(WRONG) / time(UNKNOWN);
        println!("{:<12}time of a wrong password to an unknown address: {ratio:.3}", kind.to_string());
        let cpu = |call: &str| median(report.costs[call].iter().map(|cost| cost.0).collect());
        let hash = cpu(UNKNOWN) - cpu(REFUSED);
        println!("{:<12}one hash (failed less refused login): {:.1} ms CPU", kind.to_string(), hash * 1e3);
    }
    Ok(())
}

const WRONG: &str = "login, wrong password";
const UNKNOWN: &str = "login, unknown address";
const REFUSED: &str = "login, refused before the hash";

/// CPU and wall seconds of each call, by what was called.
#[derive(Default)]
struct Report {
    order: Vec<&'static str>,
    costs: HashMap<&'static str, Vec<(f64, f64)>>,
}

impl Report {
    fn rows(&self) -> impl Iterator<Item = (&'static str, &Vec<(f64, f64)>)> {
        self.order.iter().map(|call| (*call, &self.costs[call]))
    }
}

struct Caller<'a> {
    server: &'a Server,
    client: reqwest::Client,
    report: Report,
}

impl Caller<'_> {
    /// Calls from the network of this number, one call at a time, so that all that the server spends is its.
    async fn call(
        &mut self,
        name: &'static str,
        from: usize,
        (method, path): (Method, &str),
        token: Option<&str>,
        body: Option<Value>,
    ) -> Outcome<(u16, Value)> {
        let address = format!("10.{}.{}.7", from / 250, from % 250);
        let url = format!("http://{}{path}", self.server.address);
        let mut request = self.client.request(method, url).header("Accept", "application/json");
        request = request.header("X-Forwarded-For", &address).header("CF-Connecting-IP", &address);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let (before, start) = (cpu(self.server.serving), Instant::now());
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let body = answer.bytes().await?;
        let wall = start.elapsed().as_secs_f64();
        // Work after the answer is the call's too.
        tokio::time::sleep(Duration::from_millis(10)).await;
        let spent = cpu_since(before, self.server.serving).map_or(f64::NAN, |spent| spent.as_secs_f64());
        if !self.report.costs.contains_key(name) {
            self.report.order.push(name);
        }
        self.report.costs.entry(name).or_default().push((spent, wall));
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }
}

async fn accounts(server: &Server) -> Outcome<Report> {
    let mut caller = Caller { server, client: reqwest::Client::new(), report: Report::default() };
    let post = |path| (Method::POST, path);
    for person in 0..PEOPLE {
        let email = format!("person{person}@example.com");
        let credentials = json!({ "email": email, "password": PASSWORD });
        let (status, _) =
            caller.call("register", person, post("/api/v1/auth/register"), None, Some(credentials.clone())).await?;
        expect(202, status)?;
        let mailbox = format!("/dev/mail?to={email}");
        let (_, mails) = caller.call("/dev/mail", person, (Method::GET, &mailbox), None, None).await?;
        let token = token_in(mails["data"][0]["text"].as_str().unwrap_or_default());
        let (status, _) = caller
            .call("verify-email", person, post("/api/v1/auth/verify-email"), None, Some(json!({ "token": token })))
            .await?;
        expect(200, status)?;
        let login = post("/api/v1/auth/login");
        let (status, tokens) = caller.call("login", person, login, None, Some(credentials)).await?;
        expect(200, status)?;
        let body = json!({ "refreshToken": tokens["refreshToken"] });
        let (status, tokens) = caller.call("refresh", person, post("/api/v1/auth/refresh"), None, Some(body)).await?;
        expect(200, status)?;
        let token = tokens["accessToken"].as_str().unwrap_or_default();
        for name in ["me, first with its token", "me, again"] {
            let me = (Method::GET, "/api/v1/users/me");
            expect(200, caller.call(name, person, me, Some(token), None).await?.0)?;
        }
    }
    // By turns, each from a network of its own: whatever the machine does meanwhile, it does to both.
    for turn in 0..PEOPLE {
        let mut pair = [(WRONG, format!("person{turn}@example.com")), (UNKNOWN, format!("nobody{turn}@example.com"))];
        pair.rotate_left(turn % 2);
        for (name, email) in pair {
            let body = json!({ "email": email, "password": "not the password" });
            let (status, _) = caller.call(name, 1000 + turn, post("/api/v1/auth/login"), None, Some(body)).await?;
            expect(401, status)?;
        }
    }
    let refused = json!({ "email": "nobody0@example.com", "password": "not the password" });
    for guess in 0..4 {
        caller
            .call("login, more guesses", 2000 + guess, post("/api/v1/auth/login"), None, Some(refused.clone()))
            .await?;
    }
    for guess in 0..PEOPLE {
        let body = Some(refused.clone());
        let (status, _) = caller.call(REFUSED, 3000 + guess, post("/api/v1/auth/login"), None, body).await?;
        if status == 401 {
            // The delay had passed.
            caller.report.costs.entry(REFUSED).or_default().pop();
        }
    }
    Ok(caller.report)
}

fn expect(wanted: u16, status: u16) -> Outcome<()> {
    if status == wanted { Ok(()) } else { Err(format!("answered {status} instead of {wanted}").into()) }
}
