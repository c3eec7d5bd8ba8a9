//! The leaderboard as CSV and as lines of JSON: the same rows as in JSON.

use aibaas_tests::{Answer, Publisher, cases, host::Host};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    csv_and_lines_agree_with_json,
    csv_is_quoted,
    the_accepted_form_is_chosen,
    all_rows_come_unless_fewer_are_wanted,
];

/// Names that need quoting, costs that are unknown, and a composite of everything that a row can hold.
async fn published(host: &Host) -> Publisher {
    let publisher = Publisher::new(host).await;
    publisher.tasks(3).await;
    for (n, name) in ["Plain", "Comma, Inc.", "The \"Best\"", "naïve 🦀", " spaces ", "=1+1"].iter().enumerate() {
        let model = format!("{}/m{n}", publisher.provider);
        publisher.api.put(format!("/api/v1/models/{model}")).json(json!({ "displayName": name })).await.expect(201);
        let run = publisher
            .run_of(&model, json!({ "evaluatorRelationship": if n == 1 { "self_reported" } else { "first_party" } }))
            .await;
        let results = (1..=3).map(|task| {
            let mut result = json!({ "task": format!("t{task}"), "attempt": 1, "status": "failed", "score": 0 });
            if task <= n {
                result = json!({ "task": format!("t{task}"), "attempt": 1, "status": "success", "score": 1 });
            }
            if n != 2 {
                result["costUsd"] = json!(0.1);
                result["latencyMs"] = json!(100 * task);
            }
            result
        });
        publisher.upload(&run, results.collect()).await;
        publisher.publish(&run).await;
    }
    publisher
}

/// RFC 4180, strictly: records end in CRLF, and a field that holds a quote, a comma or a line's end is quoted.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut rest) = (Vec::new(), Vec::new(), text);
    while !rest.is_empty() {
        let (field, after) = if let Some(quoted) = rest.strip_prefix('"') {
            let mut field = String::new();
            let mut left = quoted;
            loop {
                let (before, after) = left.split_once('"').expect("a quote that closes");
                field.push_str(before);
                left = after;
                match left.strip_prefix('"') {
                    Some(after) => {
                        field.push('"');
                        left = after;
                    }
                    None => break,
                }
            }
            (field, left)
        } else {
            let end = rest.find([',', '\r', '\n']).unwrap_or(rest.len());
            assert!(!rest[..end].contains('"'), "a bare quote: {}", &rest[..end]);
            (rest[..end].to_owned(), &rest[end..])
        };
        record.push(field);
        if let Some(after) = after.strip_prefix(',') {
            rest = after;
            assert!(!rest.is_empty(), "a record that does not end");
        } else {
            rest = after.strip_prefix("\r\n").unwrap_or_else(|| panic!("no CRLF before {after:?}"));
            records.push(std::mem::take(&mut record));
        }
    }
    records
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

fn lines(answer: &Answer) -> Vec<Value> {
    answer.expect(200);
    assert_eq!(answer.media_type(), Some("application/x-ndjson"), "{answer}");
    let text = answer.text();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn csv(answer: &Answer) -> Vec<Vec<String>> {
    answer.expect(200);
    assert_eq!(answer.media_type(), Some("text/csv"), "{answer}");
    assert!(answer.header("content-type").is_some_and(|value| value.contains("charset=utf-8")), "{answer}");
    records(&answer.text())
}

/// A row whose members are cells: what an agent, links and seals consist of is beside each other.
fn flat(row: &Value) -> serde_json::Map<String, Value> {
    let mut members = row.as_object().expect("a row").clone();
    let agent = members.insert("agent".to_owned(), row["agent"]["name"].clone()).expect("an agent, or null");
    members.insert("agentVersion".to_owned(), agent["version"].clone());
    let links = members.remove("links").expect("links, or null");
    members.extend(["source", "logs", "traces", "paper"].map(|name| (name.to_owned(), links[name].clone())));
    let (seal, seals) = (&row["seal"], &row["seals"]);
    let cells = [("seal", &seal["id"]), ("sealedAt", &seal["sealedAt"]), ("seals", &seals["sealed"])];
    members.extend(cells.map(|(name, value)| (name.to_owned(), value.clone())));
    members.insert("sealsOpened".to_owned(), seals["opened"].clone());
    members
}

async fn csv_and_lines_agree_with_json(host: Host) {
    let publisher = published(&host).await;
    let api = publisher.api.anonymous();
    for query in ["", "&sort=model&order=desc", "&q=m1", "&provider=nobody", "&sort=cost"] {
        let json = api.get(format!("{}{query}", publisher.leaderboard_path())).await.expect(200);
        let rows = json["data"].as_array().expect("rows");
        let suffixed = |suffix: &str| {
            format!("{}{query}", publisher.leaderboard_path())
                .replace("/leaderboard?", &format!("/leaderboard.{suffix}?"))
        };
        // A line stands alone: it says what its score means, as the page of JSON does for all rows.
        let mut told = lines(&api.get(suffixed("ndjson")).await);
        for line in &mut told {
            let line = line.as_object_mut().expect("a row");
            let measure = ["direction", "unit"].map(|name| line.remove(name));
            assert_eq!(measure, ["direction", "unit"].map(|name| Some(json[name].clone())), "{query}");
        }
        assert_eq!(told, *rows, "{query}");
        let table = csv(&api.get(suffixed("csv")).await);
        let (header, body) = table.split_first().expect("a header, always");
        assert_eq!(body.len(), rows.len(), "{query}");
        for (record, row) in body.iter().zip(rows) {
            assert_eq!(record.len(), header.len());
            for (name, value) in &flat(row) {
                let column = header.iter().position(|column| column == name);
                let column = column.unwrap_or_else(|| panic!("no column {name} in {header:?}"));
                let formula = name == "displayName" && cell(value).starts_with('=');
                let shown = if formula { record[column].trim_start_matches('\'') } else { &record[column] };
                assert_eq!(shown, cell(value), "{name} of {row}");
            }
        }
    }
}

async fn csv_is_quoted(host: Host) {
    let publisher = published(&host).await;
    let path = publisher.leaderboard_path().replace("/leaderboard?", "/leaderboard.csv?");
    let answer = publisher.api.anonymous().get(path).await;
    let table = csv(&answer);
    let column = table[0].iter().position(|column| column == "displayName").expect("a column");
    let mut names = table[1..].iter().map(|record| record[column].as_str()).collect::<Vec<_>>();
    names.sort_unstable();
    assert!(
        names.contains(&"Comma, Inc.") && names.contains(&"The \"Best\"") && names.contains(&"naïve 🦀"),
        "{names:?}"
    );
    let text = answer.text();
    assert!(text.contains("\"Comma, Inc.\"") && text.contains("\"The \"\"Best\"\"\""), "{text}");
    // A spreadsheet must not take a name for a formula, nor may the name be lost.
    assert!(names.iter().any(|name| name.trim_start_matches('\'') == "=1+1"), "{names:?}");
}

async fn the_accepted_form_is_chosen(host: Host) {
    let publisher = published(&host).await;
    let get = |accept: &str| {
        let request = publisher.api.anonymous().get(publisher.leaderboard_path()).header("Accept", accept);
        async move { request.await }
    };
    for (accept, media) in [
        ("text/csv", "text/csv"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/html;q=0.1, text/csv;q=0.9", "text/csv"),
        ("text/csv;q=0.5, application/json", "application/json"),
    ] {
        let answer = get(accept).await;
        answer.expect(200);
        assert_eq!(answer.media_type(), Some(media), "{accept}: {answer}");
        assert!(answer.header("vary").is_some_and(|vary| vary.to_lowercase().contains("accept")), "{answer}");
    }
    let bare = publisher.api.anonymous().get(publisher.leaderboard_path()).await;
    assert_eq!(bare.media_type(), Some("application/json"));
    let odd = get("image/png").await;
    assert_eq!(odd.media_type(), Some("application/json"), "what nobody offers gets JSON: {odd}");
    // The suffix says it whatever is accepted.
    let path = publisher.leaderboard_path().replace("/leaderboard?", "/leaderboard.csv?");
    csv(&publisher.api.anonymous().get(path).header("Accept", "application/json").await);
}

async fn all_rows_come_unless_fewer_are_wanted(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    join_all((0..21).map(|n| {
        let publisher = &publisher;
        async move {
            let model = publisher.model(&format!("m{n}")).await;
            publisher.published(&model, n % 3, 2).await
        }
    }))
    .await;
    let base = format!("benchmark={}", publisher.benchmark);
    let api = publisher.api.anonymous();
    assert_eq!(
        api.get(format!("/api/v1/leaderboard?{base}")).await.expect(200)["data"].as_array().map(Vec::len),
        Some(20)
    );
    assert_eq!(csv(&api.get(format!("/api/v1/leaderboard.csv?{base}")).await).len(), 1 + 21);
    assert_eq!(lines(&api.get(format!("/api/v1/leaderboard.ndjson?{base}")).await).len(), 21);
    let accepted = api.get(format!("/api/v1/leaderboard?{base}")).header("Accept", "text/csv").await;
    assert_eq!(csv(&accepted).len(), 1 + 21);
    let first = api.get(format!("/api/v1/leaderboard.csv?{base}&limit=20")).await;
    assert_eq!(csv(&first).len(), 1 + 20);
    assert!(first.header("link").is_some_and(|link| link.contains("rel=\"next\"")), "{first}");
    api.get(format!("/api/v1/leaderboard.csv?{base}&limit=ten")).await.problem(400, "malformed_request");
    api.get("/api/v1/leaderboard.csv?benchmark=there-is-none").await.problem(404, "not_found");
    api.get("/api/v1/leaderboard.xlsx").await.problem(404, "not_found");
}
