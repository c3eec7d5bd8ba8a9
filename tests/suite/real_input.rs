//! Real results, imported by the client.

use std::{
    collections::BTreeMap,
    process::{Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use aibaas_tests::{
    Publisher, cases,
    fixtures::row,
    host::Host,
    oracle::{Best, Entry, Slice, Sliced},
    plain_client, tools,
};
use axum::extract::{Request, State};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::leaderboard::assert_ranked;

cases![KeepsMail:
    aider_is_imported_whole_whatever_happens,
    evalperf_is_imported_whole_whatever_happens,
    a_log_of_inspect_is_imported,
];

const AIDER: [&str; 2] = ["aider", "data/aider/polyglot_leaderboard.yml"];
const EVALPERF: [&str; 2] = ["evalperf", "data/evalplus/evalperf_per_task.csv"];

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

/// Name and passes of each row whose numbers agree with each other, read without a YAML parser.
fn sound_rows() -> (Vec<(String, u32)>, usize) {
    let text = std::fs::read_to_string(tools::root().join(AIDER[1])).expect("the file");
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
        // Rounded, or cut off as of o1 (high).
        if fits.into_iter().any(|total| (-0.0501..0.1).contains(&(passed / total * 100.0 - rate))) {
            sound.push((model, field("pass_num_2").and_then(|passed| passed.parse().ok()).expect("a count")));
        } else {
            unsound += 1;
        }
    }
    (sound, unsound)
}

fn import(arguments: &[&str], url: &str, key: &str) -> tokio::process::Command {
    let mut command = tokio::process::Command::from(tools::client().expect("the client"));
    command.current_dir(tools::root()).arg("import").args(arguments).args(["--url", url, "--api-key", key]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn imported(arguments: &[&str], url: &str, key: &str) -> String {
    ended(0, arguments, url, key).await
}

/// Imports, which ends with this exit code, and returns what was said.
pub async fn ended(code: i32, arguments: &[&str], url: &str, key: &str) -> String {
    let Output { status, stdout, stderr } = import(arguments, url, key).output().await.expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(status.code(), Some(code), "{said}");
    said
}

/// Makes a key that may import.
pub async fn importers_key(publisher: &Publisher) -> String {
    let key = json!({ "name": "import", "scopes": ["results:write", "models:write"], "rateLimit": 100_000 });
    publisher.user.key(key).await["key"].as_str().expect("a key").to_owned()
}

/// Imports through a proxy that breaks after so many requests: the last of them reaches the host, but its answer never
/// reaches the program, which is killed.
async fn killed_half_way(arguments: &[&str], host: &Host, key: &str, requests: u32) {
    let (url, reached) = breaking_proxy(host.url(), requests).await;
    let mut halfway = import(arguments, &url, key).spawn().expect("it runs");
    reached.notified().await;
    halfway.kill().await.expect("it is killed");
}

async fn aider_is_imported_whole_whatever_happens(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;

    killed_half_way(&AIDER, &host, &key, 100).await;
    let rows = || async {
        let page = host.client().get("/api/v1/leaderboard?benchmark=aider-polyglot&limit=100").await.expect(200);
        page["data"].as_array().unwrap().len()
    };
    let published = rows().await;
    assert!((5..60).contains(&published), "{published} rows when it was killed");

    let (sound, unsound) = sound_rows();
    assert_eq!((sound.len(), unsound), (69, 0));
    let said = imported(&AIDER, host.url(), &key).await;
    assert!(
        said.contains(&format!("published {}, already there {published}, refused 0, failed 0", 69 - published)),
        "{said}"
    );
    assert!(said.contains("61.7 is 139 of 225 truncated"), "how a rate was read is told: {said}");
    check(&host, &sound).await;

    let said = imported(&AIDER, host.url(), &key).await;
    assert!(said.contains("published 0, already there 69, refused 0, failed 0"), "{said}");
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
    assert_eq!(u64::try_from(69 - points.len()).ok(), front["withoutCost"].as_u64(), "no cost is no price");
    assert!(row(&leaderboard, model)["flags"].as_array().unwrap().contains(&json!("counts_only")));
}

fn best(leaderboard: &Value) -> &Value {
    &leaderboard["data"][0]
}

/// 4,012 results of 34 models, each of 118 tasks with 50 or 100 samples.
async fn evalperf_is_imported_whole_whatever_happens(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;
    killed_half_way(&EVALPERF, &host, &key, 80).await;
    let leaderboard =
        || async { host.client().get("/api/v1/leaderboard?benchmark=evalperf&limit=100").await.expect(200) };
    let published = leaderboard().await["data"].as_array().expect("rows").len();
    assert!((5..30).contains(&published), "{published} rows when it was killed");

    let said = imported(&EVALPERF, host.url(), &key).await;
    let counts = format!("published {}, already there {published}, refused 0, failed 0", 34 - published);
    assert!(said.contains(&counts), "{said}");
    assert!(said.contains("not mapped: dps_norm: "), "{said}");
    let told = imported(&EVALPERF, host.url(), &key).await;
    assert!(told.contains("published 0, already there 34, refused 0, failed 0"), "{told}");

    let leaderboard = leaderboard().await;
    let rows = leaderboard["data"].as_array().expect("rows");
    assert_eq!(rows.len(), 34);
    let sum = |member: &str| rows.iter().map(|row| row[member].as_u64().expect("a count")).sum::<u64>();
    assert_eq!((sum("total"), sum("correct")), samples());
    let best = host.client().get("/api/v1/models/deepseek/deepseek-chat-v3").await.expect(200);
    assert_eq!(best["displayName"], "deepseek-chat-v3");
    check_evalperf(rows);

    // scipy, of these two columns of the table.
    let named = |name: &str| {
        let row = rows.iter().find(|row| row["displayName"] == name);
        row.and_then(|row| row["model"].as_str()).unwrap_or_else(|| panic!("no {name}"))
    };
    let (a, b) = (named("deepseek-chat-v3"), named("gpt-4o-2024-08-06"));
    let path = format!("/api/v1/leaderboard/compare?benchmark=evalperf&a={a}&b={b}");
    let compared = host.client().get(path).await.expect(200);
    let found = &compared["comparisons"][0];
    assert_eq!((&found["method"], &found["tasks"]), (&json!("paired_t"), &json!(118)));
    for (member, expected) in [
        ("difference", 0.019_067_8),
        ("standardError", 0.022_622_8),
        ("pValue", 0.401_028),
        ("pValueAdjusted", 0.401_028),
    ] {
        assert!(found[member].as_f64().is_some_and(|found| (found - expected).abs() < 5e-7), "{member}: {found}");
    }
}

/// Every row is what the table says, worked out apart.
fn check_evalperf(rows: &[Value]) {
    let table = std::fs::read_to_string(tools::root().join(EVALPERF[1])).expect("the file");
    let mut models = BTreeMap::<&str, Vec<Value>>::new();
    for line in table.lines().skip(1) {
        let cells = line.split(',').collect::<Vec<_>>();
        let count = |column: usize| cells[column].parse::<u32>().expect("a count");
        let score = f64::from(count(5)) / f64::from(count(4));
        let result = json!({ "task": cells[3], "score": score, "samples": count(4), "correct": count(5) });
        models.entry(cells[0]).or_default().push(result);
    }
    let expected = models.values().map(|results| {
        let tasks = results.iter().map(|result| json!({ "id": result["task"] })).collect::<Vec<_>>();
        Sliced::of("pass_rate", &tasks, results, Slice::default()).expect("tasks")
    });
    let mut expected = expected.collect::<Vec<_>>();
    expected.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.correct.cmp(&a.correct)));
    let mut rows = rows.iter().collect::<Vec<_>>();
    rows.sort_by_key(|row| (row["rank"].as_u64(), std::cmp::Reverse(row["correct"].as_u64())));
    assert_eq!(rows.len(), expected.len());
    for (row, one) in rows.into_iter().zip(&expected) {
        one.assert_row(row, &expected, Best::Highest);
    }
}

/// How many samples the table has in all, and how many of them are correct.
fn samples() -> (u64, u64) {
    let table = std::fs::read_to_string(tools::root().join(EVALPERF[1])).expect("the file");
    let rows = table.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
    rows.fold((0, 0), |(samples, correct), row| {
        let count = |column: usize| row[column].parse::<u64>().expect("a count");
        (samples + count(4), correct + count(5))
    })
}

/// A log that was cancelled is published only where that is asked for, as what it is.
async fn a_log_of_inspect_is_imported(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;
    let log = ["inspect", "data/inspect/inspect_popularity.json"];
    let said = ended(3, &log, host.url(), &key).await;
    assert!(said.contains("published 0, already there 0, refused 1, failed 0"), "{said}");
    assert!(said.contains("status is cancelled, 3 of 100 samples are there"), "{said}");

    let accepted = [log[0], log[1], "--accept-incomplete"];
    let said = imported(&accepted, host.url(), &key).await;
    assert!(said.contains("published 1, already there 0, refused 0, failed 0"), "{said}");
    let board = "/api/v1/leaderboard?benchmark=popularity";
    host.client().get(board).await.problem(400, "version_required");
    let leaderboard = host.client().get(format!("{board}&version=0-3-of-100")).await.expect(200);
    let best = best(&leaderboard);
    assert_eq!(
        (&best["model"], &best["correct"], &best["total"]),
        (&json!("openai/gpt-4o-mini"), &json!(2), &json!(3))
    );
    let run = best["runId"].as_str().expect("an id");
    let results = host.client().get(format!("/api/v1/runs/{run}/results")).await.expect(200);
    assert_eq!(results["data"][2]["inputTokens"], 70, "{results}");
    let said = imported(&accepted, host.url(), &key).await;
    assert!(said.contains("published 0, already there 1"), "{said}");
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
    let http = plain_client();
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
