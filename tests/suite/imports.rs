//! Every format that the client imports, as programs see it.

use aibaas_tests::{Publisher, cases, host::Host};
use serde_json::{Value, json};

use crate::real_input::{ended, importers_key};

cases![KeepsMail:
    imports_tell_programs_what_they_did,
    swe_bench_is_imported,
    live_code_bench_is_imported,
    terminal_bench_is_imported,
    helm_is_imported,
    every_eval_ever_is_imported,
    lm_eval_finds_the_samples_of_each_evaluation,
];

/// Imports with `--json`, which ends with this exit code, and returns the document.
async fn told(code: i32, arguments: &[&str], url: &str, key: &str) -> Value {
    let said = ended(code, &[arguments, &["--json"]].concat(), url, key).await;
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("one JSON document: {error}: {said}"))
}

/// How many runs were published, were there, and were refused.
fn counts(told: &Value) -> [usize; 3] {
    ["published", "alreadyThere", "refused"].map(|list| told[list].as_array().expect("a list").len())
}

fn assert_refused(told: &Value, name: &str, reason: &str) {
    let of = |row: &&Value| row["name"].as_str().is_some_and(|own| own.contains(name));
    let row = told["refused"].as_array().expect("a list").iter().find(of);
    let said = row.and_then(|row| row["reason"].as_str());
    assert!(said.is_some_and(|said| said.contains(reason)), "{name}: {reason}: {told}");
}

async fn rows(host: &Host, benchmark: &str) -> Vec<Value> {
    let board = host.client().get(format!("/api/v1/leaderboard?benchmark={benchmark}")).await.expect(200);
    board["data"].as_array().expect("rows").clone()
}

/// Rows of a table in Aider's form: one is sound, one compares providers.
fn table(model: &str, run: &str) -> String {
    let row = |name: &str, run: &str| {
        format!(
            "- {{dirname: {run}, test_cases: 20, model: '{name}', edit_format: diff, commit_hash: 1234e56, pass_rate_1: 25.0, \
             pass_rate_2: 50.0, pass_num_1: 5, pass_num_2: 10, total_tests: 20, command: c, date: 2025-02-25, versions: v, \
             seconds_per_case: 1.5, total_cost: 0.0}}\n"
        )
    };
    format!("{}{}", row(model, run), row("OpenRouter: Novita", &format!("{run}-or")))
}

async fn imports_tell_programs_what_they_did(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;
    let directory = std::env::temp_dir().join(&publisher.benchmark);
    std::fs::create_dir_all(&directory).expect("a directory");
    let file = directory.join("table.yml");
    let run = publisher.benchmark.clone();
    std::fs::write(&file, table("gpt-first", &run)).expect("a file");
    let path = directory.to_str().expect("a path");
    let arguments = |more: &[&'static str]| {
        let mut arguments = vec!["aider", path, "--benchmark", &run, "--json"];
        arguments.extend(more);
        arguments.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let import = async |code: i32, more: &[&'static str]| -> Value {
        let arguments = arguments(more);
        let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
        serde_json::from_str(&ended(code, &arguments, host.url(), &key).await).expect("one JSON document")
    };
    let leaderboard = format!("/api/v1/leaderboard?benchmark={run}");

    let told = import(0, &["--dry-run"]).await;
    assert_eq!((&told["dryRun"], told["published"].as_array().map(Vec::len)), (&json!(true), Some(1)), "{told}");
    host.client().get(&leaderboard).await.problem(404, "not_found");

    let told = import(3, &["--strict"]).await;
    let published = &told["published"][0];
    assert_eq!((&published["model"], &published["externalId"]), (&json!("openai/gpt-first"), &json!(run)), "{told}");
    assert_eq!(
        told["refused"][0]["reason"],
        "\"OpenRouter: Novita\" names who serves a model: the row compares providers"
    );
    let shown = host.client().get(&leaderboard).await.expect(200);
    assert_eq!(shown["data"][0]["runId"], published["runId"]);
    assert_eq!(shown["data"][0]["costUsd"], Value::Null, "a cost of 0 is one that nobody measured");

    // The same run, which the source calls otherwise meanwhile.
    std::fs::write(&file, table("gpt-renamed", &run)).expect("a file");
    let told = import(0, &[]).await;
    assert_eq!(
        (told["published"].as_array().map(Vec::len), told["alreadyThere"].as_array().map(Vec::len)),
        (Some(0), Some(1))
    );
    assert!(told["alreadyThere"][0]["note"].as_str().is_some_and(|note| note.contains("declared otherwise")), "{told}");
    host.client().get("/api/v1/models/openai/gpt-renamed").await.problem(404, "not_found");
    let shown = host.client().get(&leaderboard).await.expect(200);
    assert_eq!(shown["data"].as_array().map(Vec::len), Some(1));

    ended(2, &["aider", "no/such/file.yml"], host.url(), &key).await;
    std::fs::remove_dir_all(&directory).expect("it is removed");
}

async fn swe_bench_is_imported(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;
    let file = ["swe-bench", "tests/data/swe-bench/leaderboards.json"];
    let first = told(0, &file, host.url(), &key).await;
    assert_eq!(counts(&first), [2, 0, 6], "{first}");
    assert_refused(&first, "Anonymous Coder", "names no model");
    assert_refused(&first, "Fraction", "no number of 500 passes");
    assert_refused(&first, "Rocket", "--tasks N");
    let rows = rows(&host, "swe-bench-verified").await;
    let found = rows.iter().map(|row| (&row["model"], &row["correct"], &row["total"])).collect::<Vec<_>>();
    assert_eq!(
        found,
        [
            (&json!("initech/zeta-9"), &json!(325), &json!(500)),
            (&json!("anthropic/claude-imaginary-20250101"), &json!(211), &json!(500)),
        ]
    );
    let run =
        host.client().get(format!("/api/v1/runs/{}", rows[1]["runId"].as_str().expect("an id"))).await.expect(200);
    assert_eq!((&run["startedAt"], &run["completedAt"]), (&Value::Null, &json!("2025-03-01T00:00:00.000Z")));
    assert_eq!(run["evaluatorRelationship"], "third_party");
    assert_eq!(run["agent"], json!({ "name": "Tinker", "version": "1.2" }));
    assert_eq!(run["links"]["traces"], "https://tinker.example/trajs");
    assert_eq!(run["commit"], Value::Null, "nobody tells it");
    assert!(rows[1]["flags"].as_array().expect("flags").contains(&json!("unpinned")), "{}", rows[1]);
    assert_eq!(counts(&told(3, &[&file[..], &["--strict"]].concat(), host.url(), &key).await), [0, 2, 6]);
}

async fn live_code_bench_is_imported(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;
    let arguments = ["live-code-bench", "tests/data/live-code-bench", "--commit", "abc1234", "--samples", "10"];
    let first = told(0, &arguments, host.url(), &key).await;
    assert_eq!(counts(&first), [2, 0, 5], "{first}");
    assert_refused(&first, "gemini-partial", "2 of 3 problems are missing");
    let rows = rows(&host, "livecodebench").await;
    let found = rows.iter().map(|row| (&row["displayName"], &row["correct"], &row["total"])).collect::<Vec<_>>();
    let expected = [(json!("GPT-Imaginary"), json!(25), json!(30)), (json!("Imaginary-33b-Ins"), json!(13), json!(30))];
    assert_eq!(found, expected.iter().map(|(name, correct, total)| (name, correct, total)).collect::<Vec<_>>());
    assert_eq!(counts(&told(0, &arguments, host.url(), &key).await), [0, 2, 5]);
}

/// Five runs of one agent with one model are one, with five attempts at each task.
async fn terminal_bench_is_imported(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;
    let directory = std::env::temp_dir().join(format!("{}-tb", publisher.benchmark));
    let data = aibaas_tests::tools::root().join("tests/data/terminal-bench");
    let metadata = std::fs::read_to_string(data.join("run_metadata.json")).expect("the file");
    for run in 1..=5 {
        let own = directory.join(run.to_string());
        std::fs::create_dir_all(own.join("open-a-door/trial")).expect("a directory");
        std::fs::copy(data.join("results.json"), own.join("results.json")).expect("a copy");
        // The harness writes a file of this name for each trial too.
        std::fs::write(own.join("open-a-door/trial/results.json"), "{}").expect("a file");
        let metadata = metadata.replace("0d8d5f1a0006", &format!("0d8d5f1a001{run}"));
        std::fs::write(own.join("run_metadata.json"), metadata).expect("a file");
    }
    let arguments = ["terminal-bench", directory.to_str().expect("a path")];
    let first = told(0, &arguments, host.url(), &key).await;
    assert_eq!(counts(&first), [1, 0, 0], "{first}");
    let rows = rows(&host, "terminal-bench-core").await;
    assert_eq!((&rows[0]["correct"], &rows[0]["total"]), (&json!(5), &json!(20)));
    let run = rows[0]["runId"].as_str().expect("an id");
    let results = host.client().get(format!("/api/v1/runs/{run}/results?limit=100")).await.expect(200);
    let slow = results["data"].as_array().expect("results").iter().find(|result| result["task"] == "wait-for-paint");
    let slow = slow.expect("a result");
    assert_eq!(
        (&slow["status"], &slow["inputTokens"], &slow["outputTokens"]),
        (&json!("timeout"), &Value::Null, &Value::Null)
    );
    assert_eq!(counts(&told(0, &arguments, host.url(), &key).await), [0, 1, 0]);
    std::fs::remove_dir_all(&directory).expect("it is removed");
}

async fn helm_is_imported(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;
    let arguments = ["helm", "tests/data/helm", "--commit", "abc1234"];
    assert_eq!(counts(&told(0, &arguments, host.url(), &key).await), [1, 0, 0]);
    let rows = rows(&host, "helm-riddles").await;
    assert_eq!((&rows[0]["model"], &rows[0]["score"]), (&json!("initech/zeta-9"), &json!(0.75)));
    assert_eq!(counts(&told(0, &arguments, host.url(), &key).await), [0, 1, 0]);
    // Another metric is another version, which the refusal names.
    let other = [&arguments[..], &["--metric", "f1_score"]].concat();
    let refused = told(1, &other, host.url(), &key).await;
    assert!(
        refused["failed"][0]["reason"].as_str().is_some_and(|said| said.contains("--benchmark-version")),
        "{refused}"
    );
    let named = [&other[..], &["--benchmark-version", "f1"]].concat();
    assert_eq!(counts(&told(0, &named, host.url(), &key).await), [1, 0, 0]);
}

async fn every_eval_ever_is_imported(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;
    let arguments = ["every-eval-ever", "tests/data/every-eval-ever/*.json"];
    let first = told(0, &arguments, host.url(), &key).await;
    assert_eq!(counts(&first), [4, 0, 4], "{first}");
    assert_refused(&first, "riddles.alone", "neither samples nor their number");
    let doors = rows(&host, "riddles.doors").await;
    assert_eq!((&doors[0]["correct"], &doors[0]["total"]), (&json!(3), &json!(4)));
    let keys = rows(&host, "riddles.keys").await;
    assert_eq!((&keys[0]["correct"], &keys[0]["total"]), (&json!(146), &json!(300)));
    assert!(keys[0]["flags"].as_array().is_some_and(|flags| flags.contains(&json!("counts_only"))), "{keys:?}");
    let speed = rows(&host, "riddles.speed").await;
    assert_eq!((&speed[0]["score"], &speed[0]["total"]), (&json!(12.5), &Value::Null));
    assert!(speed[0]["flags"].as_array().is_some_and(|flags| flags.contains(&json!("score_only"))), "{speed:?}");
    assert_eq!(counts(&told(0, &arguments, host.url(), &key).await), [0, 4, 4]);
}

/// A directory has two evaluations of one task, each with samples of its own date.
async fn lm_eval_finds_the_samples_of_each_evaluation(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;
    let version = ["--benchmark-version", "suite"];
    let arguments = [&["lm-eval", "tests/data/lm-eval"], &version[..]].concat();
    let first = told(0, &arguments, host.url(), &key).await;
    assert_eq!(counts(&first), [2, 0, 2], "{first}");
    assert_refused(&first, "rhymes", "give the samples");
    let rows = rows(&host, "riddles").await;
    let found = rows.iter().map(|row| (&row["model"], &row["correct"], &row["total"])).collect::<Vec<_>>();
    let expected = [(json!("initech/zeta-8"), json!(4), json!(4)), (json!("initech/zeta-7"), json!(3), json!(4))];
    assert_eq!(found, expected.iter().map(|(model, correct, total)| (model, correct, total)).collect::<Vec<_>>());
    let run = rows[1]["runId"].as_str().expect("an id");
    let results = host.client().get(format!("/api/v1/runs/{run}/results")).await.expect(200);
    assert_eq!(results["data"].as_array().map(Vec::len), Some(4), "results, not counts");
}
