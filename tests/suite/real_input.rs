//! A real leaderboard, imported by the program that comes with the server.

use std::{
    path::PathBuf,
    process::{Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use aibaas_tests::{
    Publisher, cases,
    fixtures::row,
    host::{Host, native},
    oracle::Entry,
    tools,
};
use axum::extract::{Request, State};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::leaderboard::assert_ranked;

cases![KeepsMail: aider_is_imported_whole_whatever_happens];

/// The models that no other one beats in score and cost.
const FRONT: [&str; 8] = [
    "gpt-4o-mini-2024-07-18",
    "DeepSeek Chat V3 (prev)",
    "Grok 3 Mini Beta (high)",
    "DeepSeek-V3.2-Exp (Chat)",
    "DeepSeek-V3.2-Exp (Reasoner)",
    "gpt-5 (low)",
    "gpt-5 (medium)",
    "gpt-5 (high)",
];

fn file() -> PathBuf {
    tools::root().join("data/aider/polyglot_leaderboard.yml")
}

/// Name and passes of each row whose numbers agree with each other, read without a YAML parser.
fn sound_rows() -> (Vec<(String, u32)>, usize) {
    let text = std::fs::read_to_string(file()).expect("the file");
    let (mut sound, mut unsound) = (Vec::new(), 0);
    for block in text.split("\n- ") {
        let field = |name: &str| {
            let lines = block.lines().map(|line| line.trim().trim_start_matches("- "));
            let value = lines.filter_map(|line| line.split_once(": ")).find(|(key, _)| *key == name);
            value.map(|(_, value)| value.trim().trim_matches(['"', '\'']).to_owned())
        };
        let Some(model) = field("model") else { continue };
        let number = |name: &str| field(name).and_then(|value| value.parse::<f64>().ok());
        let (Some(passed), Some(rate)) = (number("pass_num_2"), number("pass_rate_2")) else { continue };
        let fits = [number("total_tests"), number("test_cases")].into_iter().flatten();
        if fits.into_iter().any(|total| (passed / total * 100.0 - rate).abs() <= 0.0501) {
            sound.push((model, field("pass_num_2").and_then(|passed| passed.parse().ok()).expect("a count")));
        } else {
            unsound += 1;
        }
    }
    (sound, unsound)
}

fn import(url: &str, key: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::from(native::command().expect("the binary"));
    command.args(["import", "aider"]).arg(file()).args(["--url", url, "--api-key", key]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn imported(url: &str, key: &str) -> String {
    let Output { status, stdout, stderr } = import(url, key).output().await.expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{status}: {said}");
    said
}

async fn aider_is_imported_whole_whatever_happens(host: Host) {
    let publisher = Publisher::new(&host).await;
    let created = publisher
        .user
        .key(json!({ "name": "import", "scopes": ["results:write", "models:write"], "rateLimit": 100_000 }))
        .await;
    let key = created["key"].as_str().unwrap();

    // Killed half way: the hundredth request reaches the host, but its answer never reaches the program.
    let (url, reached) = breaking_proxy(host.url(), 100).await;
    let mut halfway = import(&url, key).spawn().expect("it runs");
    reached.notified().await;
    halfway.kill().await.expect("it is killed");
    let rows = || async {
        let page = host.client().get("/api/v1/leaderboard?benchmark=aider-polyglot&limit=100").await.expect(200);
        page["data"].as_array().unwrap().len()
    };
    let published = rows().await;
    assert!((5..60).contains(&published), "{published} rows when it was killed");

    let (sound, unsound) = sound_rows();
    assert_eq!((sound.len(), unsound), (68, 1));
    let said = imported(host.url(), key).await;
    assert!(
        said.contains(&format!("published {}, already there {published}, refused 1, failed 0", 68 - published)),
        "{said}"
    );
    assert!(said.contains("61.7"), "the refused row is told with its reason: {said}");
    check(&host, &sound).await;

    let said = imported(host.url(), key).await;
    assert!(said.contains("published 0, already there 68, refused 1, failed 0"), "{said}");
    check(&host, &sound).await;
}

/// Every row ranks as the oracle says, and the best one as statistics.md does.
async fn check(host: &Host, sound: &[(String, u32)]) {
    let leaderboard = host.client().get("/api/v1/leaderboard?benchmark=aider-polyglot&limit=100").await.expect(200);
    let mut entries = Vec::new();
    for row in leaderboard["data"].as_array().expect("rows") {
        let model = row["model"].as_str().expect("a model").to_owned();
        let correct = u32::try_from(row["correct"].as_u64().expect("a count")).expect("small");
        entries.push(Entry { model, correct, total: 225 });
    }
    assert_ranked(&leaderboard, &entries);
    let sorted = |mut counts: Vec<u32>| {
        counts.sort_unstable();
        counts
    };
    let shown = sorted(entries.iter().map(|entry| entry.correct).collect());
    assert_eq!(shown, sorted(sound.iter().map(|(_, correct)| *correct).collect()), "every sound row, once");

    let best = best(&leaderboard);
    assert_eq!((&best["correct"], &best["total"], &best["rank"]), (&json!(198), &json!(225), &json!(1)));
    assert!((best["scoreLow"].as_f64().unwrap() - 0.831_038).abs() < 1e-6, "{best}");
    assert!((best["scoreHigh"].as_f64().unwrap() - 0.916_205).abs() < 1e-6, "{best}");
    assert_eq!((&best["rankLow"], &best["rankHigh"]), (&json!(1), &json!(9)));
    let ties = leaderboard["data"].as_array().expect("rows").iter().filter(|row| row["rankLow"] == 1);
    assert_eq!(ties.count(), 9, "nobody can tell these apart");
    let model = best["model"].as_str().unwrap();
    let shown = host.client().get(format!("/api/v1/models/{model}")).await.expect(200);
    assert_eq!(shown["displayName"], "gpt-5 (high)");
    let front = host.client().get("/api/v1/leaderboard/pareto?benchmark=aider-polyglot").await.expect(200);
    let points = front["data"].as_array().expect("points");
    let optimal = points.iter().filter(|point| point["paretoOptimal"] == true);
    let names = optimal.map(|point| point["displayName"].as_str().expect("a name")).collect::<Vec<_>>();
    // Cheapest first, as statistics tell: gpt-5 (high) is the dearest that is worth it.
    assert_eq!(names, FRONT);
    assert_eq!(u64::try_from(68 - points.len()).ok(), front["withoutCost"].as_u64(), "no cost is no price");
    assert!(row(&leaderboard, model)["flags"].as_array().unwrap().contains(&json!("counts_only")));
}

fn best(leaderboard: &Value) -> &Value {
    &leaderboard["data"][0]
}

struct Proxy {
    upstream: String,
    http: reqwest::Client,
    left: AtomicU32,
    reached: Arc<Notify>,
}

/// A proxy that passes on so many requests; the answer of the last of them, and every later request, it keeps.
async fn breaking_proxy(upstream: &str, requests: u32) -> (String, Arc<Notify>) {
    let reached = Arc::new(Notify::new());
    let http = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let proxy =
        Proxy { upstream: upstream.to_owned(), http, left: AtomicU32::new(requests), reached: Arc::clone(&reached) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = axum::Router::new().fallback(forward).with_state(Arc::new(proxy));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, reached)
}

async fn forward(
    State(proxy): State<Arc<Proxy>>,
    request: Request,
) -> (axum::http::StatusCode, axum::http::HeaderMap, Vec<u8>) {
    let left = proxy.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if left.is_err() {
        std::future::pending::<()>().await;
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 2 << 20).await.expect("a body");
    let mut headers = parts.headers;
    headers.remove("host");
    let call = proxy.http.request(parts.method, format!("{}{}", proxy.upstream, parts.uri)).headers(headers).body(body);
    let answer = call.send().await.expect("the host answers");
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    let body = answer.bytes().await.expect("a whole answer").to_vec();
    if left == Ok(1) {
        proxy.reached.notify_one();
        std::future::pending::<()>().await;
    }
    (status, headers, body)
}
