//! What a person's browser makes of the API and of its pages: Chromium, which `tests/browser` drives.

use std::{process::Stdio, time::Duration};

use aibaas_tests::{
    Publisher, User, Visitor,
    fixtures::{PASSWORD, admin},
    host::{Host, Kind, Setup},
    tools,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt as _, process::Command};

/// Ends what hangs. The longest takes a minute on two idle cores, and many times that on busy ones.
const TIMEOUT: Duration = Duration::from_secs(900);

/// Register, verify, log in, refresh, change address and password and log out, in cookie mode, from a page on another
/// origin.
pub async fn cookie_mode(kind: Kind) -> Result<(), String> {
    // Another port of localhost is of the same site, and not allowed.
    let host = Host::of(kind, Setup::ListsOrigins).await?;
    drive("cookie-mode.mjs", json!({ "api": host.url(), "links": own_address(&host).await })).await
}

/// The leaderboard's pages, light and dark, wide and narrow: judged by axe, and used by the keyboard alone.
pub async fn pages(kind: Kind) -> Result<(), String> {
    let host = Host::of(kind, Setup::KeepsMail).await?;
    let publisher = Publisher::new(&host).await;
    let tasks = (0..24).map(|n| {
        let of = |values: [&'static str; 2]| values[n % 2];
        json!({
            "id": format!("t{n}"), "scenario": of(["bug", "feature"]), "language": of(["C++", "Rust"]),
            "difficulty": if n < 8 { "easy" } else { "hard" },
        })
    });
    let version = json!({
        "title": "Repairs of code", "description": "Issues of real repositories, judged by hidden tests.",
        "metric": "pass_rate", "chanceLevel": 0.05, "tasksPublishedOn": "2025-06", "tasks": tasks.collect::<Vec<_>>(),
    });
    publisher.version("1", version.clone()).await;
    for (month, (name, correct, cost, evaluator)) in (1..).zip([
        ("a-model-whose-name-is-longer-than-most-names-are", 22, Some(2.0), "third_party"),
        ("good", 20, Some(0.5), "third_party"),
        ("good-too", 19, Some(0.75), "first_party"),
        ("fair", 12, Some(0.01), "self_reported"),
        ("unknown-cost", 11, None, "third_party"),
        ("poor", 2, Some(0.02), "third_party"),
    ]) {
        let model = publisher.model(name).await;
        // The first of these is withdrawn where there are two.
        for correct in if name == "good" { vec![24, correct] } else { vec![correct] } {
            let mut body = publisher.run_body(&model);
            body["evaluatorRelationship"] = json!(evaluator);
            body["dirty"] = json!(name == "poor");
            body["completedAt"] = json!(format!("2025-{month:02}-01T00:00:00.000Z"));
            let run = publisher.api.post("/api/v1/runs").json(body).await.expect(201);
            let run = run["id"].as_str().ok_or("a run without an id")?;
            let results = (0..24).map(|n| {
                let passed = n < correct;
                json!({
                    "task": format!("t{n}"), "attempt": 1, "status": if passed { "success" } else { "failed" },
                    "score": f64::from(u8::from(passed)), "latencyMs": 900 + 37 * n, "costUsd": cost,
                })
            });
            publisher.upload(run, results.collect()).await;
            publisher.publish(run).await;
            if correct == 24 {
                let reason = json!({ "reason": "The grader accepted empty patches." });
                publisher.api.post(format!("/api/v1/runs/{run}/withdraw")).json(reason).await.expect(200);
            }
        }
    }
    // Names as nobody gives them.
    let hostile = Publisher::new(&host).await;
    let mut named = version.clone();
    named["title"] = json!(format!("<b>\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f680} {}", "W".repeat(180)));
    named["description"] = json!("d".repeat(300));
    named["tasks"] = (1..=24).map(|n| json!({ "id": format!("t{n}") })).collect();
    hostile.version("1", named).await;
    let long = hostile.model("long").await;
    let names = json!({ "displayName": "Y".repeat(200) });
    hostile.api.put(format!("/api/v1/models/{long}")).json(names).await.expect(200);
    let runs = [hostile.published(&long, 20, 24).await, hostile.published(&hostile.model("short").await, 10, 24).await];
    let reason = json!({ "reason": "r".repeat(300) });
    let worse = hostile.published(&long, 3, 24).await;
    hostile.api.post(format!("/api/v1/runs/{worse}/withdraw")).json(reason).await.expect(200);
    // One on which nothing is published.
    let empty = Publisher::new(&host).await;
    empty.version("1", version).await;

    let shown = publisher.leaderboard().await["data"][0]["runId"].as_str().ok_or("no run")?.to_owned();
    let board = format!("benchmark={}", publisher.benchmark);
    let id = |name: &str| format!("{}/{name}", publisher.provider);
    let names = format!("benchmark={}", hostile.benchmark);
    let pages = json!([
        { "name": "board", "path": format!("/leaderboard?{board}") },
        { "name": "slice", "path": format!("/leaderboard?{board}&language=Rust&sort=cost&order=desc") },
        { "name": "no-match", "path": format!("/leaderboard?{board}&q=nobody") },
        { "name": "empty", "path": format!("/leaderboard?benchmark={}", empty.benchmark) },
        { "name": "no-board", "path": "/leaderboard?benchmark=none-of-ours", "status": 404 },
        { "name": "model", "path": format!("/leaderboard/models/{}", id("good")) },
        { "name": "compare", "path": format!("/leaderboard/compare?{board}&a={}&b={}", id("good"), id("fair")) },
        { "name": "several", "path": format!("/leaderboard/compare?{board}&a={}&b={},{}", id("good"), id("fair"), id("poor")) },
        { "name": "choose", "path": format!("/leaderboard/compare?{board}") },
        { "name": "itself", "path": format!("/leaderboard/compare?{board}&a={0}&b={0}", id("good")), "status": 422 },
        { "name": "variants", "path": format!("/leaderboard?{board}&group=baseModel") },
        { "name": "names-board", "path": format!("/leaderboard?{names}") },
        { "name": "names-model", "path": format!("/leaderboard/models/{long}") },
        { "name": "names-compare", "path": format!("/leaderboard/compare?{names}&a={long}&b={}/short", hostile.provider) },
        { "name": "names-run", "path": format!("/runs/{}", runs[0]) },
        { "name": "front", "path": "/" },
        { "name": "benchmarks", "path": "/benchmarks" },
        { "name": "models", "path": "/models" },
        { "name": "standings", "path": format!("/standings?{board}&benchmark={}", empty.benchmark) },
        { "name": "changes", "path": format!("/changes?{board}") },
        { "name": "search", "path": "/search?q=good" },
        { "name": "run", "path": format!("/runs/{shown}") },
        { "name": "nowhere", "path": "/nowhere", "status": 404 },
        { "name": "docs", "path": "/docs" },
        { "name": "docs-resource", "path": "/docs/api/api-keys" },
        { "name": "docs-guide", "path": "/docs/guides/importing" },
        { "name": "problem", "path": "/problems/too_many_requests" },
    ]);
    let board = pages[0]["path"].clone();
    drive("pages.mjs", json!({ "api": host.url(), "pages": pages, "board": board })).await
}

/// An account's pages, as [`pages`]; and an account that is used in Chromium: its cookies are kept on this address, and no
/// other site can send its forms.
pub async fn account_pages(kind: Kind) -> Result<(), String> {
    let host = Host::of(kind, Setup::KeepsMail).await?;
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 2, 3).await;
    let open = publisher.run(&model).await;
    let key =
        publisher.user.key(json!({ "name": "nightly benchmarks", "scopes": ["leaderboard:read"], "rateLimit": 6 }));
    let key = key.await;
    let client = publisher.api.with(key["key"].as_str().ok_or("no key")?);
    for n in 0..10 {
        let path = if n < 3 { "/api/v1/users/me" } else { "/api/v1/models" };
        client.get(path).await;
    }
    let visitor = Visitor::logged_in(&publisher.user).await;
    let email = &publisher.user.email;

    let id = key["apiKey"]["id"].as_str().ok_or("no id")?;
    let pages =
        ["", "/profile", "/delete", "/password", "/second-factor", "/sessions", "/events", "/keys", "/keys/new"];
    let pages = pages.into_iter().map(str::to_owned).chain([
        format!("/keys/{id}"),
        format!("/keys/{id}?bucket=day"),
        format!("/keys/{id}/change"),
        "/publishing".to_owned(),
        format!("/publishing/{open}"),
        format!("/publishing/{open}/withdraw"),
        "/login".to_owned(),
        "/register".to_owned(),
        "/forgotten".to_owned(),
        "/resend".to_owned(),
        "/verify-email?token=x".to_owned(),
        "/reset-password?token=x".to_owned(),
    ]);
    let name = |path: &str| format!("account{}", path.split('?').next().unwrap_or_default().replace('/', "-"));
    let mut pages =
        pages.map(|path| json!({ "name": name(&path), "path": format!("/account{path}") })).collect::<Vec<_>>();
    pages.push(json!({ "name": "account-none", "path": format!("/account/keys/{open}"), "status": 404 }));
    drive("pages.mjs", json!({ "api": host.url(), "pages": pages, "cookies": visitor.cookies })).await?;
    drive("account.mjs", json!({ "api": host.url(), "email": email, "password": PASSWORD })).await
}

/// The pages of administrators, as [`pages`].
pub async fn admin_pages(kind: Kind) -> Result<(), String> {
    let host = Host::of(kind, Setup::KeepsMail).await?;
    let by = admin(&host).await;
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let long = publisher.model("a-model-whose-name-is-longer-than-most-names-are").await;
    let shown = publisher.published(&long, 2, 3).await;
    let rejected = publisher.published(&publisher.model("m").await, 1, 3).await;
    let reason = json!({ "reason": "r".repeat(300) });
    by.api.post(format!("/api/v1/admin/runs/{rejected}/reject")).json(reason).await.expect(200);
    let user = User::verified(&host).await;
    let name = format!("<b>\u{5e9}\u{5dc}\u{5d5}\u{5dd}</b> \u{1f680} {}", "W".repeat(170));
    user.api.patch("/api/v1/users/me").json(json!({ "fullName": name })).await.expect(200);
    let suspended = json!({ "status": "suspended", "role": "publisher" });
    by.api.patch(format!("/api/v1/admin/users/{}", user.id())).json(suspended).await.expect(200);
    let visitor = Visitor::logged_in(&by).await;
    let (person, other) = (format!("/people/{}", publisher.user.id()), format!("/people/{}", user.id()));
    let page = |name: &str, path: &str| json!({ "name": format!("admin-{name}"), "path": format!("/admin{path}") });
    let mut pages = vec![
        page("overview", ""),
        page("people", "/people"),
        page("nobody", "/people?q=nobody-begins-like-this"),
        page("person", &person),
        page("suspended", &other),
        page("self", &format!("/people/{}", by.id())),
        page("suspend", &format!("{person}/suspend")),
        page("end-sessions", &format!("{person}/end-sessions")),
        page("remove-second-factor", &format!("{person}/remove-second-factor")),
        page("runs", "/runs"),
        page("rejected", "/runs?status=rejected"),
        page("run", &format!("/runs/{shown}")),
        page("run-rejected", &format!("/runs/{rejected}")),
        page("reject", &format!("/runs/{shown}/reject")),
        page("featured", "/featured-benchmark"),
        page("outbox", "/outbox"),
        page("outbox-sent", "/outbox?state=sent"),
        page("health", "/health"),
        page("events", "/events"),
        page("events-of-one", &format!("/events?person={}&event=role_changed", user.id())),
    ];
    pages.push(json!({ "name": "admin-none", "path": "/admin/people/none", "status": 404 }));
    drive("pages.mjs", json!({ "api": host.url(), "pages": pages, "cookies": visitor.cookies })).await
}

/// Runs a program of `tests/browser` with these options and a browser, until it ends well.
pub async fn drive(program: &str, mut options: Value) -> Result<(), String> {
    let prepared = tokio::task::spawn_blocking(|| {
        tools::npm_packages("tests/browser")?;
        Ok::<_, String>((tools::node()?, tools::chromium()?))
    });
    let (node, chromium) = prepared.await.map_err(|error| error.to_string())??;
    options["chromium"] = json!(chromium);
    if let Ok(screenshots) = std::env::var("AIBAAS_TEST_SCREENSHOTS") {
        options["screenshots"] = json!(screenshots);
    }
    // What a browser leaves behind, wherever it means to.
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut command = Command::new(node);
    command.arg(program).arg(options.to_string()).current_dir(tools::root().join("tests/browser"));
    for variable in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, folder.path());
    }
    // It ends with its standard input, and the browser with it, even where this process is killed.
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let _input = child.stdin.take();
    let (mut output, mut errors) = (child.stdout.take().ok_or("no output")?, child.stderr.take().ok_or("no errors")?);
    let (mut said, mut complained) = (String::new(), String::new());
    let whole = async {
        _ = tokio::join!(output.read_to_string(&mut said), errors.read_to_string(&mut complained));
        child.wait().await
    };
    let ended = tokio::time::timeout(TIMEOUT, whole).await;
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("{status}\n{said}{complained}")),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("it has not ended after {} s\n{said}{complained}", TIMEOUT.as_secs())),
    }
}

/// The address that the host has for itself: its tokens say it.
async fn own_address(host: &Host) -> String {
    let user = User::verified(host).await;
    let claims = user.api.credential().and_then(|token| token.split('.').nth(1)).unwrap_or_default();
    let claims = URL_SAFE_NO_PAD.decode(claims).ok().and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
    claims.and_then(|claims| Some(claims["iss"].as_str()?.to_owned())).expect("access tokens have an issuer")
}
