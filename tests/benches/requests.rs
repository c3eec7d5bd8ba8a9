//! What a request costs on each host, beside a bare hello on the same host in the same minute: the CPU that the
//! serving process takes for it, from /proc where there is one, and how many are answered in a second.
//!
//! `cargo bench -p aibaas-tests [-- native|spin|cloudflare …]`. It speaks with loopback alone and ends by itself.
//! On Cloudflare's host the serving process is workerd, and D1 and KV, which are simulated in it, count as well.

mod aider;
mod hosts;
mod load;

use std::process::ExitCode;

use aibaas_tests::{
    Host, User,
    host::{Kind, Setup},
};

use hosts::{Outcome, Programs};
use load::{Series, get, request};

const ROUNDS: usize = 3;
const REQUESTS_A_ROUND: usize = 3_000;
const PATHS: [&str; 4] = ["/", "/health", aider::BOARD, aider::PAGE];

fn main() -> ExitCode {
    hosts::run(measure)
}

fn measure(programs: &Programs, kinds: &[Kind]) -> Outcome<()> {
    println!("{}", Series::heading());
    for &kind in kinds {
        eprintln!("{kind}: starting, and importing the Aider leaderboard");
        let (hello, application) = programs.start(kind, &Setup::KeepsMail.variables())?;
        let token = import(kind, &application.url)?;
        eprintln!("{kind}: measuring");
        let mut series = vec![Series::new("hello", &hello, get(hello.address, "/"), None)];
        let paths = PATHS.map(|path| Series::new(path, &application, get(application.address, path), None));
        series.extend(paths);
        let me =
            request(application.address, "GET /api/v1/users/me", &format!("Authorization: Bearer {token}\r\n"), "");
        series.push(Series::new("/api/v1/users/me", &application, me, None));
        Series::measure(&mut series, ROUNDS, REQUESTS_A_ROUND)?;
        for one in &series {
            println!("{}", one.row(kind, &series[0]));
        }
    }
    Ok(())
}

/// Publishes the Aider leaderboard there, and returns an access token of who did.
fn import(kind: Kind, url: &str) -> Outcome<String> {
    let host = Host::at(kind, url.to_owned(), None);
    tokio::runtime::Runtime::new()?.block_on(async {
        let user = User::verified(&host).await;
        aider::publish(&host, &user).await?;
        Ok(user.api.credential().ok_or("no token")?.to_owned())
    })
}
