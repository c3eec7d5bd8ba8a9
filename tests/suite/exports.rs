//! Results in the formats of other sites.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{passes, row, unique},
    host::Host,
};
use serde_json::{Value, json};

use crate::{
    dataset::TABLES,
    real_input::{ended, importers_key},
};

cases![KeepsMail:
    a_run_is_a_record_of_every_eval_ever,
    a_record_of_every_eval_ever_comes_back,
    results_are_a_file_for_the_hub,
    columns_are_described_in_croissant,
];

fn record_path(run: &str) -> String {
    format!("/api/v1/runs/{run}/every-eval-ever")
}

/// Whether every value below `additional_details` and `details` is text, as the schema wants it.
fn assert_details_are_text(value: &Value) {
    for (name, value) in value.as_object().into_iter().flatten() {
        if ["additional_details", "details"].contains(&name.as_str()) {
            let of = value.as_object().expect("an object");
            assert!(of.values().all(Value::is_string), "{name}: {value}");
        } else {
            assert_details_are_text(value);
        }
    }
    value.as_array().into_iter().flatten().for_each(assert_details_are_text);
}

async fn a_run_is_a_record_of_every_eval_ever(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(40).await;
    let model = publisher.model("m").await;
    let members = json!({
        "agent": { "name": "Hands", "version": "1" }, "generationConfig": { "temperature": 0.5, "effort": { "level": 3 } },
        "completedAt": "2026-01-02T03:04:05.000Z", "command": "hands --go", "evaluatorRelationship": "self_reported",
    });
    let run = publisher.run_of(&model, members).await;
    let api = publisher.api.anonymous();
    api.get(record_path(&run)).await.problem(404, "not_found");
    publisher.upload(&run, passes(30, 40)).await;
    publisher.publish(&run).await;
    let answer = api.get(record_path(&run)).header("Origin", "https://anywhere.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let record = answer.expect(200);
    assert_details_are_text(&record);
    assert_eq!((&record["schema_version"], &record["model_info"]["id"]), (&json!("0.3.0"), &json!(model)));
    assert_eq!(record["evaluation_timestamp"], "2026-01-02T03:04:05.000Z");
    let source = &record["source_metadata"];
    assert_eq!(
        (&source["source_type"], &source["evaluator_relationship"]),
        (&json!("evaluation_run"), &json!("other"))
    );
    assert_eq!(source["additional_details"]["evaluator_relationship"], "self_reported");
    let agent = record["model_info"]["additional_details"]["agent"].as_str().expect("text");
    assert_eq!(serde_json::from_str::<Value>(agent).expect("JSON"), json!({ "name": "Hands", "version": "1" }));

    let [result] = record["evaluation_results"].as_array().expect("results").as_slice() else { panic!("{record}") };
    let told = api.get(format!("/api/v1/runs/{run}")).await.expect(200);
    let interval = &result["score_details"]["uncertainty"]["confidence_interval"];
    assert_eq!(result["score_details"]["score"], told["aggregates"]["score"]);
    assert_eq!(
        (&interval["lower"], &interval["upper"]),
        (&told["aggregates"]["scoreLow"], &told["aggregates"]["scoreHigh"])
    );
    let metric = &result["metric_config"];
    assert_eq!((&metric["lower_is_better"], &metric["max_score"]), (&json!(false), &json!(1.0)));
    let config = &result["generation_config"];
    assert_eq!(config["generation_args"], json!({ "temperature": 0.5, "execution_command": "hands --go" }));
    assert_eq!(config["additional_details"], json!({ "effort": "{\"level\":3}" }));

    publisher.withdraw(&run, "It was wrong.").await.expect(200);
    let withdrawn = api.get(record_path(&run)).await.expect(200);
    assert_eq!(withdrawn["source_metadata"]["additional_details"]["status"], "withdrawn");
}

async fn a_record_of_every_eval_ever_comes_back(host: Host) {
    let publisher = Publisher::new(&host).await;
    let key = importers_key(&publisher).await;
    publisher.tasks(40).await;
    let model = publisher.model("m").await;
    let run = publisher.published(&model, 30, 40).await;
    let mut record = publisher.api.anonymous().get(record_path(&run)).await.expect(200);
    let benchmark = unique("elsewhere");
    record["evaluation_results"][0]["evaluation_name"] = json!(benchmark);
    let file = std::env::temp_dir().join(format!("{benchmark}.json"));
    std::fs::write(&file, record.to_string()).expect("a file");
    let path = file.to_str().expect("a path");
    let said = ended(0, &["every-eval-ever", path, "--commit", "1234567", "--json"], host.url(), &key).await;
    let told = serde_json::from_str::<Value>(&said).expect("one JSON document");
    assert_eq!(told["published"].as_array().map(Vec::len), Some(1), "{told}");
    std::fs::remove_file(&file).expect("it is there");
    let board = host.client().get(format!("/api/v1/leaderboard?benchmark={benchmark}")).await.expect(200);
    let [row] = board["data"].as_array().expect("rows").as_slice() else { panic!("{board}") };
    assert_eq!((&row["score"], &row["correct"], &row["total"]), (&json!(0.75), &json!(30), &json!(40)));
}

async fn results_are_a_file_for_the_hub(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(40).await;
    let model = publisher.model("m").await;
    let date = "2026-01-02T03:04:05.000Z";
    for (correct, members) in [
        (30, json!({ "completedAt": date, "links": { "source": "https://logs.example/1" } })),
        (33, json!({ "completedAt": date, "agent": { "name": "Hands" }, "configuration": "say \"high\"" })),
    ] {
        let run = publisher.run_of(&model, members).await;
        publisher.upload(&run, passes(correct, 40)).await;
        publisher.publish(&run).await;
    }
    let api = publisher.api.anonymous();
    let path =
        format!("/api/v1/models/{model}/eval-results.yaml?benchmark={}&dataset=Org/Data-Set", publisher.benchmark);
    let answer = api.get(&path).await;
    answer.expect(200);
    assert_eq!(answer.media_type(), Some("application/yaml"));
    let text = answer.text();
    let [with_agent, alone] = text.split("- dataset:\n").skip(1).collect::<Vec<_>>()[..] else { panic!("{text}") };
    assert_eq!(
        alone,
        "    id: \"Org/Data-Set\"\n    task_id: \"default\"\n  value: 75\n  date: \"2026-01-02\"\n  source:\n    \
         url: \"https://logs.example/1\"\n    name: AIBaaS\n"
    );
    assert!(with_agent.contains("  value: 82.5\n"), "{text}");
    assert!(with_agent.ends_with("  notes: \"Hands · say \\\"high\\\"\"\n"), "{text}");
    assert!(with_agent.contains(&format!("/leaderboard/models/{model}\"\n")), "{text}");

    let proportion = api.get(format!("{path}&scale=proportion&task=all")).await.text();
    assert!(proportion.contains("  value: 0.825\n") && proportion.contains("    task_id: \"all\"\n"), "{proportion}");
    let board = publisher.leaderboard().await;
    assert_eq!(row(&board, &model)["score"], json!(0.825), "what is ranked first");
    let other = publisher.model("idle").await;
    api.get(path.replace(&model, &other)).await.problem(404, "not_found");
    api.get(path.replace("Org/Data-Set", "Data-Set")).await.problem(400, "malformed_request");
    api.get(path.replace("&dataset=Org/Data-Set", "")).await.problem(400, "malformed_request");
}

async fn columns_are_described_in_croissant(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    publisher.published(&publisher.model("m").await, 2, 4).await;
    let answer = host.client().get("/api/v1/export/croissant").header("Origin", "https://anywhere.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.media_type(), Some("application/ld+json"));
    let described = answer.expect(200);
    assert_eq!(described["conformsTo"], "http://mlcommons.org/croissant/1.0");
    let files = described["distribution"].as_array().expect("files");
    let records = described["recordSet"].as_array().expect("records");
    assert!(records.iter().map(|of| of["@id"].as_str().expect("an id")).eq(TABLES), "{described}");
    for ((file, of), table) in files.iter().zip(records).zip(TABLES) {
        assert_eq!(file["@id"], format!("{table}.ndjson"));
        let (_, path) = file["contentUrl"].as_str().expect("an address").split_once("/api/").expect("of the API");
        let page = host.client().get(format!("/api/{path}")).await;
        page.expect(200);
        let fields = of["field"].as_array().expect("fields");
        let Some(row) = page.text().lines().next().map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        else {
            continue;
        };
        let named = fields.iter().map(|field| field["name"].as_str().expect("a name")).collect::<Vec<_>>();
        for (column, value) in row.as_object().expect("an object") {
            // What holds several values is not described.
            assert!(named.contains(&column.as_str()) || !value.is_number() && !value.is_string(), "{table}: {column}");
        }
        for field in fields {
            let value = row.get(field["name"].as_str().expect("a name")).expect("a column");
            let fits = match field["dataType"].as_str().expect("a type") {
                "sc:Integer" | "sc:DateTime" => value.is_null() || value.is_i64(),
                "sc:Float" => value.is_null() || value.is_number(),
                "sc:Boolean" => value.is_null() || value.is_boolean(),
                "sc:Text" => value.is_null() || value.is_string(),
                other => panic!("{other}"),
            };
            assert!(fits, "{table}: {field} of {value}");
        }
    }
}
