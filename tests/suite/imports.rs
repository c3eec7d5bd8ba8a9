//! Every format that the client imports, as programs see it.

use aibaas_tests::{Publisher, cases, host::Host};
use serde_json::{Value, json};

use crate::real_input::{ended, importers_key};

cases![KeepsMail:
    imports_tell_programs_what_they_did,
];

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
