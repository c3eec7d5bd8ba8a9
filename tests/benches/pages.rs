//! What a page costs a host, each asked for as a browser does: the CPU of the serving process for one request.
//!
//! `cargo bench -p aibaas-tests --bench pages [-- native|spin|cloudflare …]`, over the import of the Aider leaderboard, 69
//! systems on one benchmark. On Cloudflare's host the serving process is workerd, and D1 and KV, which are simulated in it,
//! count as well.

// Not every benchmark uses all of these.
#[allow(dead_code)]
mod hosts;
#[allow(dead_code)]
mod load;

use std::process::{Command, ExitCode};

use aibaas_tests::{
    Host, User, Visitor,
    host::{Kind, Setup},
    tools,
};
use serde_json::json;

use hosts::{Outcome, Programs};
use load::{Series, get, request};

const ROUNDS: usize = 3;
const REQUESTS_A_ROUND: usize = 400;
const BOARD: &str = "/leaderboard?benchmark=aider-polyglot";
const PAGES: [&str; 6] = ["/", BOARD, "/benchmarks", "/models", "/standings", "/docs"];

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
    let runtime = tokio::runtime::Runtime::new()?;
    let (created, visitor) = runtime.block_on(async {
        let user = User::verified(&host).await;
        let scopes = ["results:write", "models:write"];
        let key = user.key(json!({ "name": "import", "scopes": scopes, "rateLimit": 100_000 })).await;
        (key, Visitor::logged_in(&user).await)
    });
    let key = created["key"].as_str().ok_or("no key")?;
    let mut import = Command::new(hosts::binary("aibaas-client"));
    import.args(["import", "aider"]).arg(tools::root().join("data/aider/polyglot_leaderboard.yml"));
    tools::run(import.args(["--url", url, "--api-key", key]), "it was built a moment ago")?;
    let board =
        runtime.block_on(async { host.client().get("/api/v1/leaderboard?benchmark=aider-polyglot").await.expect(200) });
    let cookies = visitor.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    Ok(Filled {
        run: board["data"][0]["runId"].as_str().ok_or("no run")?.to_owned(),
        cookies: format!("Cookie: {}\r\n", cookies.join("; ")),
    })
}
