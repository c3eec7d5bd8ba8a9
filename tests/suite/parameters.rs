//! Query parameters: what the OpenAPI document promises of each is what the server takes.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{admin, unique},
    host::Host,
};
use reqwest::Method;
use serde_json::{Value, json};

cases![KeepsMail:
    parameters_keep_to_the_document,
    no_parameter_is_given_twice,
    names_differ_by_more_than_case,
];

/// A value that a schema does not allow, and what of it it breaks.
fn broken(document: &Value, schema: &Value) -> Vec<(&'static str, String)> {
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect("a schema"),
        None => schema,
    };
    let mut values = Vec::new();
    if let Some(most) = schema["maxLength"].as_u64() {
        values.push(("maxLength", "a".repeat(usize::try_from(most).unwrap() + 1)));
    }
    if schema["minLength"].as_u64().is_some_and(|least| least > 0) {
        values.push(("minLength", String::new()));
    }
    if schema.get("pattern").is_some() {
        values.push(("pattern", "!".to_owned()));
        values.push(("pattern", "a b".to_owned()));
    }
    if schema.get("enum").is_some() {
        values.push(("enum", "none-of-them".to_owned()));
    }
    if schema["format"] == "date-time" {
        values.push(("format", "yesterday".to_owned()));
    }
    if schema["type"] == "integer" {
        values.push(("type", "one".to_owned()));
        values.extend(schema["minimum"].as_i64().map(|least| ("minimum", (least - 1).to_string())));
        values.extend(schema["maximum"].as_i64().map(|most| ("maximum", (most + 1).to_string())));
    }
    values
}

/// Each promise of each query parameter, broken alone beside the required ones, is 400; a parameter that is not
/// described is 400 too.
async fn parameters_keep_to_the_document(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let other = publisher.model("n").await;
    publisher.published(&model, 1, 2).await;
    publisher.published(&other, 2, 2).await;
    let key = publisher.user.key(json!({ "name": "k", "scopes": ["models:write"] })).await["apiKey"]["id"].clone();
    let webhook = json!({ "url": "https://example.org/", "events": ["log.changed"] });
    let webhook = publisher.user.api.post("/api/v1/webhooks").json(webhook).await.expect(201)["webhook"]["id"].clone();
    let administrator = admin(&host).await.api;
    let (provider, name) = model.split_once('/').expect("provider/name");
    let contract = host.contract().await;
    let mut looked_at = 0;
    for (method, template, operation) in contract.operations().filter(|(method, ..)| *method == Method::GET) {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let resolved = parameters.iter().map(|parameter| match parameter.get("$ref").and_then(Value::as_str) {
            Some(reference) => contract.document().pointer(reference.trim_start_matches('#')).expect("a parameter"),
            None => parameter,
        });
        let in_query = resolved.filter(|parameter| parameter["in"] == "query").collect::<Vec<_>>();
        let path = template
            .replace("{provider}", provider)
            .replace("{name}", name)
            .replace("{table}", "models")
            .replace("{version}", "1");
        let path = if template.contains("/api-keys/") {
            path.replace("{id}", key.as_str().expect("an id"))
        } else if template.contains("/webhooks/") {
            path.replace("{id}", webhook.as_str().expect("an id"))
        } else {
            path.replace("{id}", &publisher.benchmark)
        };
        if path.contains('{') {
            continue;
        }
        let api = if template.contains("/admin/") {
            &administrator
        } else if ["/api-keys", "/webhooks", "/users/", "/auth/sessions"].iter().any(|part| template.contains(part)) {
            &publisher.user.api
        } else if template == "/api/v1/runs" {
            &publisher.api
        } else {
            &publisher.user.api.anonymous()
        };
        let given = |name: &str| match name {
            "a" => Some(model.clone()),
            "b" => Some(other.clone()),
            "benchmark" => Some(publisher.benchmark.clone()),
            "through" => Some("0".to_owned()),
            "token" => Some("x".to_owned()),
            _ => None,
        };
        let required = in_query.iter().filter(|parameter| parameter["required"] == true);
        let required = required.filter_map(|parameter| {
            let name = parameter["name"].as_str()?;
            Some((name, given(name)?))
        });
        let required = required.collect::<Vec<_>>();
        for parameter in &in_query {
            let name = parameter["name"].as_str().expect("a name");
            // A form of a page sends its empty fields too, and pages take whatever they are linked with.
            let page = !template.starts_with("/api/");
            for (promise, value) in broken(contract.document(), &parameter["schema"]) {
                if page && value.is_empty() {
                    continue;
                }
                let mut query = required.clone();
                query.retain(|(other, _)| *other != name);
                query.push((name, value.clone()));
                let query = query
                    .iter()
                    .map(|(name, value)| format!("{name}={}", value.replace(' ', "%20").replace('!', "%21")))
                    .collect::<Vec<_>>();
                let address = format!("{path}?{}", query.join("&"));
                let answer = api.request(method.clone(), &address).header("Accept", "application/json").await;
                assert_eq!(answer.status, 400, "{promise} of {name} in {template}: {answer}");
                looked_at += 1;
            }
        }
        if operation["responses"].get("400").is_some() && !in_query.is_empty() {
            let answer = api.request(method, format!("{path}?no-such-parameter=1")).await;
            assert_eq!(answer.status, 400, "{template}: {answer}");
        }
    }
    assert!(looked_at > 100, "only {looked_at} promises were looked at");
}

async fn no_parameter_is_given_twice(host: Host) {
    let api = host.client();
    for path in [
        "/dev/mail?to=a@example.com&to=b@example.com",
        "/api/v1/models?limit=1&limit=2",
        "/api/v1/changes?limit=1&limit=1",
        "/api/v1/leaderboard?benchmark=a&benchmark=b",
    ] {
        api.get(path).header("Accept", "application/json").await.problem(400, "malformed_request");
    }
}

/// Ids of models and benchmarks are one whatever the case of their letters: nobody takes a name that looks like
/// another's.
async fn names_differ_by_more_than_case(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    let model = publisher.model("mixed").await;
    let loud = model.to_uppercase();
    let api = &publisher.api;
    let again = api.put(format!("/api/v1/models/{loud}")).json(json!({ "displayName": "Mixed" })).await;
    assert_eq!(again.expect(200)["id"], model);
    let stranger = Publisher::new(&host).await;
    let taken = stranger.api.put(format!("/api/v1/models/{loud}")).json(json!({ "displayName": "Mine" })).await;
    taken.problem(403, "not_owner");
    assert_eq!(api.anonymous().get(format!("/api/v1/models/{loud}")).await.expect(200)["id"], model);

    let benchmark = publisher.benchmark.to_uppercase();
    let mut run = publisher.run_body(&model);
    (run["model"], run["benchmark"]) = (json!(loud), json!(benchmark));
    run["externalId"] = json!(unique("case"));
    let run = api.post("/api/v1/runs").json(run).await.expect(201);
    assert_eq!((&run["model"], &run["benchmark"]), (&json!(model), &json!(publisher.benchmark)));
    publisher.published(&model, 1, 1).await;
    let found = api.anonymous().get(format!("/api/v1/leaderboard?benchmark={benchmark}")).await.expect(200);
    assert_eq!(found["benchmark"], publisher.benchmark);
    assert_eq!(found["data"][0]["model"], model);
    let health = api.anonymous().get(format!("/api/v1/benchmarks/{benchmark}/health")).await.expect(200);
    assert_eq!(health["benchmark"], publisher.benchmark);
}
