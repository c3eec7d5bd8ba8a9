//! Who stands where: systems rather than models, the run evaluated last of each owner, and of a system's runs the one of
//! the strongest evidence.

use aibaas_tests::{
    Publisher, User, cases,
    fixtures::{passes, row},
    host::Host,
};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

cases![KeepsMail:
    nobody_takes_the_place_of_another_owners_run,
    an_older_evaluation_moves_nothing_back,
    agents_and_configurations_are_rows_of_their_own,
    withdrawing_what_is_ranked_lets_the_other_owner_stand,
    two_owners_publish_at_once,
    evaluation_dates_sort_and_filter,
    what_stands_beside_keeps_its_place,
    a_model_with_several_systems_is_not_guessed,
    a_run_tells_its_system_and_its_links,
    what_makes_no_system_is_refused,
    another_system_is_another_request,
    a_model_may_be_a_variant];

/// Another person who publishes on the same benchmark, about models of anybody.
async fn stranger(host: &Host, publisher: &Publisher) -> Publisher {
    let stranger = Publisher::of(User::verified(host).await).await;
    Publisher { benchmark: publisher.benchmark.clone(), ..stranger }
}

/// Publishes a run of which these members are otherwise, with so many of ten tasks passed.
async fn published(publisher: &Publisher, model: &str, correct: usize, members: Value) -> String {
    let run = publisher.run_of(model, members).await;
    publisher.upload(&run, passes(correct, 10)).await;
    publisher.publish(&run).await;
    run
}

async fn rows(publisher: &Publisher, query: &str) -> Vec<Value> {
    let path = format!("{}{query}", publisher.leaderboard_path());
    let board = publisher.api.anonymous().get(path).await.expect(200);
    board["data"].as_array().expect("rows").clone()
}

fn runs(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["runId"].as_str().expect("an id")).collect()
}

const THIRD: &str = "third_party";
const SELF: &str = "self_reported";

fn by(evaluator: &str) -> Value {
    json!({ "evaluatorRelationship": evaluator })
}

async fn nobody_takes_the_place_of_another_owners_run(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(10).await;
    let (model, rival) = (publisher.model("m").await, publisher.model("rival").await);
    let trusted = published(&publisher, &model, 9, by(THIRD)).await;
    published(&publisher, &rival, 5, by(THIRD)).await;
    let before = publisher.leaderboard().await;
    let stranger = stranger(&host, &publisher).await;
    let claimed = published(&stranger, &model, 1, by(SELF)).await;
    let after = publisher.leaderboard().await;
    assert_eq!(after["data"], before["data"], "the ranking is as it was");
    assert_eq!(row(&after, &model)["ranked"], true);
    let change = &publisher.changes().await[0];
    assert_eq!((&change["kind"], &change["runId"]), (&json!("published"), &json!(claimed)));
    assert_eq!((&change["previousRunId"], &change["currentRunId"]), (&json!(trusted), &json!(trusted)));
    assert_eq!((&change["rankBefore"], &change["rankAfter"], &change["moved"]), (&json!(1), &json!(1), &json!([])));

    let all = rows(&publisher, "&evidence=all").await;
    assert_eq!(runs(&all)[..2], [&trusted, &claimed], "directly under it");
    assert_eq!(all.len(), 3);
    let beside = &all[1];
    assert_eq!((&beside["ranked"], beside["score"].as_f64()), (&json!(false), Some(0.1)));
    for nothing in ["rank", "rankLow", "rankHigh", "tieGroup", "paretoOptimal"] {
        assert_eq!(beside[nothing], Value::Null, "{nothing}");
    }
    assert_eq!((&all[0], &all[2]), (&before["data"][0], &before["data"][1]), "statistics are of the ranked");
    // Nor does evidence that is as strong, and evaluated earlier.
    let past = json!({ "evaluatorRelationship": THIRD, "completedAt": "2020-01-01T00:00:00Z" });
    published(&stranger, &model, 0, past).await;
    assert_eq!(publisher.leaderboard().await["data"], before["data"]);
}

async fn an_older_evaluation_moves_nothing_back(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(10).await;
    let model = publisher.model("m").await;
    let new = published(&publisher, &model, 6, json!({ "completedAt": "2025-01-17T00:00:00Z" })).await;
    let old = json!({ "startedAt": "2024-12-20T00:00:00Z", "completedAt": "2024-12-21T00:00:00Z" });
    let old = published(&publisher, &model, 4, old).await;
    let board = publisher.leaderboard().await;
    let stands = row(&board, &model);
    assert_eq!((&stands["runId"], &stands["evaluatedAt"]), (&json!(new), &json!("2025-01-17T00:00:00.000Z")));
    let changes = publisher.changes().await;
    assert_eq!((&changes[0]["kind"], &changes[0]["runId"]), (&json!("published"), &json!(old)));
    assert_eq!((&changes[0]["previousRunId"], &changes[0]["currentRunId"]), (&json!(new), &json!(new)));
    assert_eq!(rows(&publisher, "&evidence=all").await.len(), 1, "of one owner one run stands");
    // Published once more it is what it is, in the snapshot that it was published with.
    let path = format!("/api/v1/runs/{old}/publish");
    let again = publisher.api.post(path).await.expect(200);
    assert_eq!((&again["snapshotId"], &again["run"]["status"]), (&changes[0]["id"], &json!("published")));
    // By either date, the history tells both.
    let history = async |by: &str| {
        let path = format!("/api/v1/models/{model}/history?by={by}");
        publisher.api.anonymous().get(path).await.expect(200)["data"].as_array().expect("runs").clone()
    };
    let (evaluated, listed) = (history("evaluated").await, history("published").await);
    assert_eq!((runs(&evaluated), runs(&listed)), (vec![&*new, &*old], vec![&*old, &*new]));
    assert_eq!((&evaluated[0]["current"], &evaluated[0]["ranked"]), (&json!(true), &json!(true)));
    assert_eq!((&evaluated[1]["current"], &evaluated[1]["ranked"]), (&json!(false), &json!(false)));
    // A later one takes its place, and when that is gone, the one evaluated last stands again.
    let newest = published(&publisher, &model, 5, json!({ "startedAt": "2025-02-01T00:00:00Z" })).await;
    assert_eq!(publisher.changes().await[0]["kind"], "rescored");
    publisher.withdraw(&newest, "a mistake").await.expect(200);
    assert_eq!(row(&publisher.leaderboard().await, &model)["runId"], *new);
}

async fn agents_and_configurations_are_rows_of_their_own(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(10).await;
    let model = publisher.model("m").await;
    let systems = [
        (4, json!({})),
        (5, json!({ "agent": { "name": "OpenHands" } })),
        (6, json!({ "agent": { "name": "OpenHands", "version": "0.59.0" } })),
        (7, json!({ "agent": { "name": "OpenHands", "version": "0.59.0" }, "configuration": "high" })),
        (8, json!({ "configuration": "high" })),
    ];
    for (correct, members) in &systems {
        published(&publisher, &model, *correct, members.clone()).await;
        assert_eq!(publisher.changes().await[0]["kind"], "published");
    }
    let board = rows(&publisher, "").await;
    let ids = board.iter().map(|row| row["systemId"].as_str().expect("an id")).collect::<Vec<_>>();
    assert_eq!(ids.len(), 5, "{board:#?}");
    for (row, (correct, members)) in board.iter().zip(systems.iter().rev()) {
        assert_eq!((&row["model"], row["correct"].as_u64()), (&json!(model), Some(*correct as u64)));
        assert_eq!(row["configuration"], members["configuration"]);
        assert_eq!(row["agent"]["name"], members["agent"]["name"]);
        assert_eq!(row["agent"]["version"], members["agent"]["version"]);
        let id = row["systemId"].as_str().expect("an id");
        assert!(id == model && *members == json!({}) || id.starts_with(&format!("{model}~")), "{id}");
    }
    for (part, found) in [("openh", 3), ("0.59", 2), ("HIGH", 2), ("low", 0)] {
        assert_eq!(rows(&publisher, &format!("&q={part}")).await.len(), found, "{part}");
    }
    // The same system again is rescored, and others that moved are told apart.
    published(&publisher, &model, 10, systems[1].1.clone()).await;
    let change = &publisher.changes().await[0];
    assert_eq!((&change["kind"], &change["systemId"]), (&json!("rescored"), &json!(ids[3])));
    assert_eq!(change["agent"], json!({ "name": "OpenHands", "version": null }));
    let moved = change["moved"].as_array().expect("moves");
    let told = moved.iter().map(|moved| moved["systemId"].as_str().expect("an id")).collect::<Vec<_>>();
    assert_eq!(told, ids[..3]);
    assert_eq!((&moved[1]["configuration"], &moved[1]["agent"]["version"]), (&json!("high"), &json!("0.59.0")));
    // Before that they stood as they stood.
    let snapshot = publisher.changes().await[1]["id"].as_str().expect("an id").to_owned();
    assert_eq!(rows(&publisher, &format!("&snapshot={snapshot}")).await, board);
    let page = format!("/leaderboard?benchmark={}", publisher.benchmark);
    let page = publisher.api.anonymous().get(page).await.text();
    assert!(page.contains("OpenHands 0.59.0 · high"), "{page}");
}

async fn withdrawing_what_is_ranked_lets_the_other_owner_stand(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(10).await;
    let model = publisher.model("m").await;
    let trusted = published(&publisher, &model, 9, by(THIRD)).await;
    let stranger = stranger(&host, &publisher).await;
    let claimed = published(&stranger, &model, 3, by(SELF)).await;
    let (before, snapshot) = (rows(&publisher, "&evidence=all").await, publisher.leaderboard().await);
    publisher.withdraw(&claimed, "not mine").await.problem(403, "not_owner");
    publisher.withdraw(&trusted, "a mistake").await.expect(200);
    let after = rows(&publisher, "&evidence=all").await;
    assert_eq!((runs(&after), &after[0]["rank"], &after[0]["ranked"]), (vec![&*claimed], &json!(1), &json!(true)));
    let change = &publisher.changes().await[0];
    assert_eq!((&change["previousRunId"], &change["currentRunId"]), (&json!(trusted), &json!(claimed)));
    let earlier = snapshot["snapshotId"].as_str().expect("an id");
    assert_eq!(rows(&publisher, &format!("&evidence=all&snapshot={earlier}")).await, before, "as it was");
    // Stronger evidence outranks it again, whoever brings it, and leaves it where it is.
    let stronger = published(&publisher, &model, 5, by(THIRD)).await;
    assert_eq!(publisher.changes().await[0]["kind"], "published");
    assert_eq!(runs(&rows(&publisher, "&evidence=all").await), [&stronger, &claimed]);
    stranger.withdraw(&claimed, "wrong").await.expect(200);
    assert_eq!(runs(&rows(&publisher, "&evidence=all").await), [&stronger]);
}

async fn two_owners_publish_at_once(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(10).await;
    let model = publisher.model("m").await;
    let stranger = stranger(&host, &publisher).await;
    let opened = async |of: &Publisher, day: usize| {
        let at = format!("2025-03-{:02}T00:00:00Z", day + 1);
        let run = of.run_of(&model, json!({ "evaluatorRelationship": THIRD, "completedAt": at })).await;
        of.upload(&run, passes(day, 10)).await;
        run
    };
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for day in 0..4 {
        own.push(opened(&publisher, 2 * day).await);
        others.push(opened(&stranger, 2 * day + 1).await);
    }
    let publish = async |of: &Publisher, run: &String| of.publish(run).await;
    let (of_own, of_others) =
        (own.iter().map(|run| publish(&publisher, run)), others.iter().map(|run| publish(&stranger, run)));
    join(join_all(of_own), join_all(of_others)).await;
    let all = rows(&publisher, "&evidence=all").await;
    assert_eq!(runs(&all), [&others[3], &own[3]], "of each the one evaluated last, the later one ranked");
    assert_eq!(publisher.changes().await.len(), 8, "each publication has its line");
}

async fn evaluation_dates_sort_and_filter(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(10).await;
    let (old, new) = (publisher.model("old").await, publisher.model("new").await);
    let undated = published(&publisher, &new, 3, json!({})).await;
    let dated = published(&publisher, &old, 9, json!({ "completedAt": "2021-05-06T07:08:09Z" })).await;
    assert_eq!(runs(&rows(&publisher, "&sort=evaluatedAt").await), [&undated, &dated]);
    assert_eq!(runs(&rows(&publisher, "&sort=evaluatedAt&order=asc").await), [&dated, &undated]);
    assert_eq!(runs(&rows(&publisher, "&sort=date").await), [&dated, &undated]);
    assert_eq!(rows(&publisher, "&period=30d").await.len(), 2);
    let recent = rows(&publisher, "&period=30d&periodOf=evaluated").await;
    assert_eq!((runs(&recent), &recent[0]["rank"]), (vec![&*undated], &json!(2)));
    assert_eq!(recent[0]["evaluatedAt"], recent[0]["publishedAt"], "where nothing else is known");
    for wrong in ["&periodOf=opened", "&evidence=some", "&sort=evaluated"] {
        let path = format!("{}{wrong}", publisher.leaderboard_path());
        publisher.api.anonymous().get(path).await.problem(400, "malformed_request");
    }
}

async fn what_stands_beside_keeps_its_place(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(10).await;
    let stranger = stranger(&host, &publisher).await;
    let mut expected = Vec::new();
    for (name, correct) in [("a", 9), ("b", 5), ("c", 1)] {
        let model = publisher.model(name).await;
        expected.push(published(&publisher, &model, correct, by(THIRD)).await);
        expected.push(published(&stranger, &model, 10 - correct, by("first_party")).await);
    }
    assert_eq!(runs(&rows(&publisher, "&evidence=all").await), expected);
    let upwards = [&expected[4], &expected[5], &expected[2], &expected[3], &expected[0], &expected[1]];
    assert_eq!(runs(&rows(&publisher, "&evidence=all&sort=score&order=asc").await), upwards);
    // In pages none is skipped and none repeated.
    let base = format!("/api/v1/leaderboard?benchmark={}&version=1&evidence=all&limit=1", publisher.benchmark);
    let (mut seen, mut next) = (Vec::new(), Some(base.clone()));
    while let Some(path) = next {
        let page = publisher.api.anonymous().get(&path).await.expect(200);
        seen.extend(runs(page["data"].as_array().expect("rows")).into_iter().map(str::to_owned));
        next = page["nextCursor"].as_str().map(|cursor| format!("{base}&cursor={cursor}"));
    }
    assert_eq!(seen, expected);
    let csv = format!("/api/v1/leaderboard.csv?benchmark={}&evidence=all", publisher.benchmark);
    let csv = publisher.api.anonymous().get(csv).await.text();
    let beside = csv.lines().find(|line| line.contains(&expected[1])).expect("its line");
    assert!(
        beside.starts_with(",,,,") && csv.lines().next().expect("a header").contains("ranked,systemId,agent"),
        "{csv}"
    );
}

async fn a_model_with_several_systems_is_not_guessed(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(10).await;
    let (model, only) = (publisher.model("m").await, publisher.model("only").await);
    published(&publisher, &only, 2, json!({ "configuration": "low" })).await;
    published(&publisher, &model, 7, json!({ "configuration": "high" })).await;
    published(&publisher, &model, 4, json!({ "configuration": "low" })).await;
    let board = rows(&publisher, "").await;
    let [high, low] = [0, 1].map(|at: usize| board[at]["systemId"].as_str().expect("an id").to_owned());
    let api = publisher.api.anonymous();
    let compare = async |a: &str, b: &str| {
        let path = format!("/api/v1/leaderboard/compare?benchmark={}&a={a}&b={b}", publisher.benchmark);
        api.get(path).await
    };
    let guessed = compare(&model, &only).await.problem(400, "ambiguous_system");
    let detail = guessed["detail"].as_str().unwrap_or_default();
    assert!(detail.contains(&high) && detail.contains(&low), "{detail}");
    compare(&only, &model).await.problem(400, "ambiguous_system");
    let compared = compare(&high, &format!("{low},{only}")).await.expect(200);
    assert_eq!((&compared["a"]["systemId"], &compared["a"]["configuration"]), (&json!(high), &json!("high")));
    let others = compared["comparisons"].as_array().expect("comparisons");
    assert_eq!((&others[0]["b"]["systemId"], &others[1]["b"]["model"]), (&json!(low), &json!(only)));
    assert_eq!(others[0]["tasks"], 10);
    compare(&only, board[2]["systemId"].as_str().expect("an id")).await.invalid("?b");

    let badge = async |query: &str| {
        api.get(format!("/api/v1/badges/{model}.svg?benchmark={}{query}", publisher.benchmark)).await
    };
    badge("").await.problem(400, "ambiguous_system");
    assert!(badge(&format!("&system={high}")).await.text().contains("70.0 %"));
    assert!(badge(&format!("&system={low}")).await.text().contains("40.0 %"));
    badge(&format!("&system={model}~000000000000")).await.problem(404, "not_found");
    // Where the model alone stands too, its id is that system's own.
    published(&publisher, &model, 1, json!({})).await;
    assert!(badge("").await.text().contains("10.0 %"));
    let pareto = api.get(format!("/api/v1/leaderboard/pareto?benchmark={}", publisher.benchmark)).await.expect(200);
    assert_eq!(pareto["withoutCost"], 4);
    let history = api.get(format!("/api/v1/models/{model}/history")).await.expect(200);
    let told = history["data"].as_array().expect("runs").iter().map(|run| &run["systemId"]).collect::<Vec<_>>();
    assert_eq!(told, [&json!(model), &json!(low), &json!(high)]);
    let page = api.get(format!("/leaderboard/models/{model}")).await.text();
    assert!(page.contains("<small>high</small>"), "{page}");
}

async fn a_run_tells_its_system_and_its_links(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(10).await;
    let model = publisher.model("m").await;
    let links = json!({ "source": "https://example.com/run", "paper": "https://example.com/p.pdf?a=b#c" });
    let members = json!({ "agent": { "name": " A " }, "configuration": "high", "links": links });
    let run = publisher.run_of(&model, members).await;
    let get = async || publisher.api.anonymous().get(format!("/api/v1/runs/{run}")).await.expect(200);
    let opened = get().await;
    assert_eq!(opened["agent"], json!({ "name": "A", "version": null }), "trimmed");
    assert_eq!((&opened["configuration"], &opened["evaluatedAt"]), (&json!("high"), &Value::Null));
    let told = json!({ "source": links["source"], "logs": null, "traces": null, "paper": links["paper"] });
    assert_eq!(opened["links"], told);
    publisher.upload(&run, passes(3, 10)).await;
    publisher.publish(&run).await;
    let shown = get().await;
    assert_eq!(shown["evaluatedAt"], shown["publishedAt"]);
    let board = publisher.leaderboard().await;
    let row = row(&board, &model);
    assert_eq!((&row["links"], &row["systemId"]), (&told, &shown["systemId"]));
    let csv = format!("/api/v1/leaderboard.csv?benchmark={}", publisher.benchmark);
    let csv = publisher.api.anonymous().get(csv).await.text();
    assert!(csv.contains(",A,,high,,") && csv.contains(",https://example.com/run,,,https://"), "{csv}");
    let page = publisher.api.anonymous().get(format!("/leaderboard?benchmark={}", publisher.benchmark)).await.text();
    assert!(page.contains("href=\"https://example.com/run\" rel=\"nofollow"), "{page}");
}

async fn what_makes_no_system_is_refused(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    let model = publisher.model("m").await;
    let long = "x".repeat(101);
    for (pointer, members) in [
        ("/agent/name", json!({ "agent": { "name": "" } })),
        ("/agent/name", json!({ "agent": { "name": long } })),
        ("/agent/name", json!({ "agent": { "version": "1" } })),
        ("/agent/version", json!({ "agent": { "name": "a", "version": " " } })),
        ("/agent/home", json!({ "agent": { "name": "a", "home": "b" } })),
        ("/configuration", json!({ "configuration": "" })),
        ("/configuration", json!({ "configuration": "two\nlines" })),
        ("/configuration", json!({ "configuration": "high\u{200b}" })),
        ("/agent/name", json!({ "agent": { "name": "Open\u{ad}Hands" } })),
        ("/configuration", json!({ "configuration": long })),
        ("/links/source", json!({ "links": { "source": "http://example.com" } })),
        ("/links/logs", json!({ "links": { "logs": "javascript:alert(1)" } })),
        ("/links/blog", json!({ "links": { "blog": "https://example.com" } })),
        ("/completedAt", json!({ "completedAt": "2999-01-01T00:00:00Z" })),
        ("/startedAt", json!({ "startedAt": "2999-01-01T00:00:00Z" })),
    ] {
        let mut body = publisher.run_body(&model);
        for (name, value) in members.as_object().expect("members") {
            body[name] = value.clone();
        }
        publisher.api.post("/api/v1/runs").json(body).await.invalid(pointer);
    }
}

async fn another_system_is_another_request(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    let model = publisher.model("m").await;
    let open = async |members: Value| {
        let mut body = publisher.run_body(&model);
        body["externalId"] = json!("one");
        for (name, value) in members.as_object().expect("members") {
            body[name] = value.clone();
        }
        publisher.api.post("/api/v1/runs").json(body).await
    };
    let first = open(json!({ "configuration": "high" })).await.expect(201);
    let again = open(json!({ "configuration": "high", "agent": null, "links": null })).await.expect(200);
    assert_eq!(again["id"], first["id"]);
    for other in [
        json!({}),
        json!({ "configuration": "low" }),
        json!({ "configuration": "high", "agent": { "name": "a" } }),
        json!({ "configuration": "high", "links": { "logs": "https://example.com" } }),
    ] {
        open(other).await.problem(409, "external_id_conflict");
    }
}

async fn a_model_may_be_a_variant(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(10).await;
    let model = publisher.model("m-high").await;
    let base = format!("{}/m", publisher.provider);
    let put = async |base: Value| {
        let body = json!({ "displayName": "M (high)", "baseModel": base });
        publisher.api.put(format!("/api/v1/models/{model}")).json(body).await
    };
    put(json!(model)).await.invalid("/baseModel");
    put(json!("m")).await.invalid("/baseModel");
    let shown = put(json!(base.to_uppercase())).await.expect(200);
    assert_eq!(shown["baseModel"], *base, "in lower case, declared or not");
    publisher.published(&model, 3, 10).await;
    assert_eq!(row(&publisher.leaderboard().await, &model)["baseModel"], *base);
    assert_eq!(put(Value::Null).await.expect(200)["baseModel"], Value::Null);
}
