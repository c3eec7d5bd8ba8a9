//! What a page costs a host, each asked for as a browser does: the CPU of the serving process for one request.
//!
//! `cargo bench -p aibaas-tests --bench pages [-- native|spin|cloudflare …]`, over the import of the Aider leaderboard, 69
//! systems on one benchmark. On Cloudflare's host the serving process is workerd, and D1 and KV, which are simulated in it,
//! count as well.

mod aider;
// Not every benchmark uses all of these.
#[allow(dead_code)]
mod hosts;
#[allow(dead_code)]
mod load;

use std::process::ExitCode;

use aibaas_tests::{
    Host, User, Visitor,
    host::{Kind, Setup},
};

use hosts::{Outcome, Programs};
use load::{Series, get, request};

const ROUNDS: usize = 3;
const REQUESTS_A_ROUND: usize = 400;
const PAGES: [&str; 6] = ["/", aider::PAGE, "/benchmarks", "/models", "/standings", "/docs"];

fn main() -> ExitCode {
    hosts::run(measure)
}

fn measure(programs: &Programs, kinds: &[Kind]) -> Outcome<()> {
    println!("{}", Series::heading());
    for &kind in kinds {
        eprintln!("{kind}: starting, and importing the Aider leaderboard");
        let (hello, application) = programs.start(kind, &Setup::KeepsMail.variables())?;
        let filled = fill(kind, &application.url)?;
        eprintln!("{kind}: measuring");
        let address = application.address;
        let browse = |path: &str, cookies: &str| {
            request(address, &format!("GET {path}"), &format!("Accept: text/html\r\n{cookies}"), "")
        };
        let mut series = vec![Series::new("hello", &hello, get(hello.address, "/"), None)];
        series.extend(PAGES.map(|path| Series::new(path, &application, browse(path, ""), None)));
        series.push(Series::new("/runs/{id}", &application, browse(&format!("/runs/{}", filled.run), ""), None));
        series.push(Series::new("/account", &application, browse("/account", &filled.cookies), Some("Your account")));
        Series::measure(&mut series, ROUNDS, REQUESTS_A_ROUND)?;
        for one in &series {
            println!("{}", one.row(kind, &series[0]));
        }
    }
    Ok(())
}

/// What was published there, and who is logged in.
struct Filled {
    run: String,
    /// The header that a browser sends.
    cookies: String,
}

/// Publishes the Aider leaderboard there.
fn fill(kind: Kind, url: &str) -> Outcome<Filled> {
    let host = Host::at(kind, url.to_owned(), None);
    tokio::runtime::Runtime::new()?.block_on(async {
        let user = User::verified(&host).await;
        aider::publish(&host, &user).await?;
        let board = host.client().get(aider::BOARD).await.expect(200);
        let visitor = Visitor::logged_in(&user).await;
        let cookies = visitor.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        Ok(Filled {
            run: board["data"][0]["runId"].as_str().ok_or("no run")?.to_owned(),
            cookies: format!("Cookie: {}\r\n", cookies.join("; ")),
        })
    })
}
