//! What administrators hide and rename: told nowhere from the answer on, with a reason that stays public.

use aibaas_tests::{
    Answer, Publisher, User, cases,
    client::Client,
    fixtures::{admin, row},
    host::Host,
};
use serde_json::{Value, json};

cases![KeepsMail:
    a_hidden_model_is_told_nowhere,
    a_hidden_benchmark_is_told_nowhere,
    what_is_shown_again_is_as_it_was,
    nothing_is_published_to_what_is_hidden,
    a_given_name_stays,
    a_given_title_stays,
    the_log_tells_of_moderation_in_its_order,
    moderating_is_for_administrators,
];

const REASON: &str = "It advertises a casino.";

async fn moderate(admin: &User, what: &str, act: &str, body: Value) -> Answer {
    admin.api.post(format!("/api/v1/admin/{what}/{act}")).json(body).await
}

async fn hide(admin: &User, what: &str) -> Value {
    moderate(admin, what, "hide", json!({ "reason": REASON })).await.expect(200)
}

async fn unhide(admin: &User, what: &str) -> Value {
    moderate(admin, what, "unhide", json!({ "reason": "It was mended." })).await.expect(200)
}

/// Asserts that it is gone, and why.
async fn is_gone(api: &Client, path: String) {
    let problem = api.get(path).await.problem(410, "hidden");
    assert_eq!(problem["reason"], REASON);
}

/// A board with three models, of which the first is the best.
struct Board {
    publisher: Publisher,
    models: [String; 3],
    runs: Vec<String>,
}

impl Board {
    async fn new(host: &Host) -> Self {
        let publisher = Publisher::new(host).await;
        publisher.tasks(4).await;
        let models = [publisher.model("spam").await, publisher.model("good").await, publisher.model("fair").await];
        let mut runs = Vec::new();
        for (model, correct) in models.iter().zip([4, 3, 2]) {
            runs.push(publisher.published(model, correct, 4).await);
        }
        Self { publisher, models, runs }
    }

    /// The answers of everything that tells of the board, by path.
    async fn everywhere(&self) -> Vec<(String, Answer)> {
        let api = self.publisher.api.anonymous();
        let (board, provider) = (&self.publisher.benchmark, &self.publisher.provider);
        let mut answers = Vec::new();
        for path in [
            format!("/api/v1/leaderboard?benchmark={board}"),
            format!("/api/v1/leaderboard?benchmark={board}&limit=100&sort=score"),
            format!("/api/v1/leaderboard.csv?benchmark={board}"),
            format!("/api/v1/leaderboard.ndjson?benchmark={board}&q=spam"),
            format!("/api/v1/leaderboard/pareto?benchmark={board}"),
            format!("/leaderboard?benchmark={board}"),
            format!("/api/v1/changes.atom?benchmark={board}"),
            format!("/api/v1/changes?benchmark={board}&limit=100"),
            format!("/leaderboard/models/{provider}/good"),
        ] {
            let answer = api.get(path.as_str()).await;
            answer.expect(200);
            answers.push((path, answer));
        }
        answers
    }
}

async fn a_hidden_model_is_told_nowhere(host: Host) {
    let (admin, board) = (admin(&host).await, Board::new(&host).await);
    let (publisher, [spam, good, _]) = (&board.publisher, &board.models);
    let api = publisher.api.anonymous();
    let before = publisher.leaderboard().await;
    assert!(board.everywhere().await.iter().filter(|(_, answer)| answer.text().contains(spam.as_str())).count() >= 7);
    let tags = board.everywhere().await.into_iter().map(|(_, answer)| answer.header("etag").map(str::to_owned));
    let tags = tags.collect::<Vec<_>>();
    let cursor = api.get(format!("/api/v1/leaderboard?benchmark={}&limit=1", publisher.benchmark)).await.expect(200);

    let state = hide(&admin, &format!("models/{spam}")).await;
    let expected = json!({ "id": spam, "name": "spam", "renamed": false, "hidden": true, "hiddenReason": REASON });
    assert_eq!(state, expected);
    for ((path, answer), tag) in board.everywhere().await.into_iter().zip(tags) {
        assert!(!answer.text().contains(spam.as_str()), "{path}: {answer}");
        // Whoever kept an answer is not told that it still holds.
        if let Some(tag) = tag.filter(|_| !path.contains("/models/")) {
            assert_eq!(api.get(path).header("If-None-Match", &tag).await.status, 200);
        }
    }
    let after = publisher.leaderboard().await;
    assert_eq!((row(&after, good)["rank"].clone(), after["data"].as_array().map(Vec::len)), (json!(1), Some(2)));
    // Nor in what was read before, by its snapshot or its cursor.
    let snapshot = before["snapshotId"].as_str().expect("a snapshot");
    assert!(!publisher.snapshot(snapshot).await.contains(spam.as_str()));
    let next = cursor["nextCursor"].as_str().expect("a cursor");
    let next = api.get(format!("/api/v1/leaderboard?benchmark={}&limit=1&cursor={next}", publisher.benchmark)).await;
    next.problem(400, "malformed_request");

    for path in [format!("models/{spam}"), format!("models/{spam}/history"), format!("runs/{}", board.runs[0])] {
        is_gone(&api, format!("/api/v1/{path}")).await;
    }
    is_gone(&api, format!("/api/v1/runs/{}/results", board.runs[0])).await;
    let page = api.get(format!("/leaderboard/models/{spam}")).await;
    assert!(page.status == 410 && page.text().contains(REASON), "{page}");
    let compare = format!("/api/v1/leaderboard/compare?a={good}&b={spam}&benchmark={}", publisher.benchmark);
    api.get(compare).await.problem(404, "not_found");
    api.get(format!("/api/v1/badges/{spam}.svg?benchmark={}", publisher.benchmark)).await.problem(404, "not_found");
    let list = all(&api, "/api/v1/models").await;
    assert!(list.contains(good) && !list.contains(spam), "models are listed by id");
    let dataset = exported(&api).await;
    assert!(dataset.contains(good.as_str()) && !dataset.contains(spam.as_str()) && !dataset.contains(&board.runs[0]));
}

async fn a_hidden_benchmark_is_told_nowhere(host: Host) {
    let (admin, board) = (admin(&host).await, Board::new(&host).await);
    let publisher = &board.publisher;
    let (api, benchmark) = (publisher.api.anonymous(), publisher.benchmark.as_str());
    let snapshot = publisher.leaderboard().await["snapshotId"].as_str().expect("a snapshot").to_owned();
    publisher.leaderboard().await;
    hide(&admin, &format!("benchmarks/{benchmark}")).await;
    for path in [
        format!("leaderboard?benchmark={benchmark}"),
        format!("leaderboard?snapshot={snapshot}"),
        format!("leaderboard.csv?benchmark={benchmark}"),
        format!("leaderboard/pareto?benchmark={benchmark}"),
        format!("leaderboard/compare?a={}&b={}&benchmark={benchmark}", board.models[0], board.models[1]),
        format!("badges/{}.svg?benchmark={benchmark}", board.models[0]),
        format!("benchmarks/{benchmark}"),
        format!("runs/{}", board.runs[0]),
    ] {
        is_gone(&api, format!("/api/v1/{path}")).await;
    }
    for path in [format!("/leaderboard?benchmark={benchmark}"), format!("/leaderboard?snapshot={snapshot}")] {
        let page = api.get(path).await;
        assert!(page.status == 410 && page.text().contains(REASON), "{page}");
    }
    let history = api.get(format!("/api/v1/models/{}/history", board.models[0])).await.expect(200);
    assert_eq!(history["data"], json!([]));
    assert!(!all(&api, "/api/v1/benchmarks").await.contains(&benchmark.to_owned()));
    assert!(!api.get("/leaderboard").await.text().contains(benchmark));
    assert!(!exported(&api).await.contains(benchmark));
    let kinds = publisher.changes().await;
    let kinds = kinds.iter().map(|change| change["kind"].as_str().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(kinds, ["hidden"]);
}

async fn what_is_shown_again_is_as_it_was(host: Host) {
    let (admin, board) = (admin(&host).await, Board::new(&host).await);
    let publisher = &board.publisher;
    for what in [format!("models/{}", board.models[0]), format!("benchmarks/{}", publisher.benchmark)] {
        let before = publisher.leaderboard().await;
        hide(&admin, &what).await;
        // What others do meanwhile goes on.
        assert_eq!(hide(&admin, &what).await["hidden"], true, "twice is as good as once");
        let shown = unhide(&admin, &what).await;
        assert_eq!((&shown["hidden"], &shown["hiddenReason"]), (&json!(false), &Value::Null));
        unhide(&admin, &what).await;
        assert_eq!(publisher.leaderboard().await, before);
    }
    let kinds = publisher.changes().await;
    let kinds = kinds.iter().map(|change| change["kind"].as_str().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(kinds, ["unhidden", "hidden", "published", "published", "published"]);
}

async fn nothing_is_published_to_what_is_hidden(host: Host) {
    let (admin, board) = (admin(&host).await, Board::new(&host).await);
    let (publisher, model) = (&board.publisher, &board.models[0]);
    for what in [format!("models/{model}"), format!("benchmarks/{}", publisher.benchmark)] {
        let run = publisher.run(model).await;
        publisher.upload(&run, aibaas_tests::fixtures::passes(1, 4)).await;
        hide(&admin, &what).await;
        let publish = publisher.api.post(format!("/api/v1/runs/{run}/publish")).await;
        assert_eq!(publish.problem(409, "published_to_hidden")["reason"], REASON);
        let open = publisher.api.post("/api/v1/runs").json(publisher.run_body(model)).await;
        assert_eq!(open.problem(409, "published_to_hidden")["reason"], REASON);
        unhide(&admin, &what).await;
        publisher.publish(&run).await;
    }
    // A hidden model has no rank that others could lose to, and its own run can still be withdrawn.
    hide(&admin, &format!("models/{model}")).await;
    publisher.published(&board.models[2], 4, 4).await;
    let change = &publisher.changes().await[0];
    assert_eq!((&change["rankBefore"], &change["rankAfter"]), (&json!(2), &json!(1)));
    publisher.withdraw(&board.runs[0], "spam it was").await.expect(200);
    assert_eq!(publisher.changes().await[0], *change, "nothing is told of it");
}

async fn a_given_name_stays(host: Host) {
    let (admin, board) = (admin(&host).await, Board::new(&host).await);
    let (publisher, model) = (&board.publisher, &board.models[0]);
    let api = publisher.api.anonymous();
    let snapshot = publisher.leaderboard().await["snapshotId"].as_str().expect("a snapshot").to_owned();
    for hidden in ["a\nb", "\u{202e}evil"] {
        let body = json!({ "displayName": hidden, "reason": REASON });
        moderate(&admin, &format!("models/{model}"), "rename", body).await.invalid("/displayName");
    }
    let body = json!({ "displayName": "Plain", "reason": REASON });
    let state = moderate(&admin, &format!("models/{model}"), "rename", body.clone()).await.expect(200);
    let expected = json!({ "id": model, "name": "Plain", "renamed": true, "hidden": false, "hiddenReason": null });
    assert_eq!(state, expected);
    moderate(&admin, &format!("models/{model}"), "rename", body).await.expect(200);
    for display_name in ["Buy now", "spam"] {
        let put = publisher.api.put(format!("/api/v1/models/{model}"));
        let put = put.json(json!({ "displayName": display_name, "licence": display_name })).await.expect(200);
        assert_eq!((&put["displayName"], &put["licence"]), (&json!("Plain"), &json!(display_name)));
    }
    assert_eq!(api.get(format!("/api/v1/models/{model}")).await.expect(200)["displayName"], "Plain");
    assert_eq!(row(&publisher.leaderboard().await, model)["displayName"], "Plain");
    assert!(publisher.snapshot(&snapshot).await.contains("\"Plain\""));
    publisher.published(model, 4, 4).await;
    assert_eq!(row(&publisher.leaderboard().await, model)["displayName"], "Plain");
    let feed = api.get("/api/v1/changes?limit=100").await.expect(200);
    let renamed = |change: &&Value| change["kind"] == "renamed" && change["model"] == *model;
    let renamed = feed["data"].as_array().expect("changes").iter().filter(renamed).collect::<Vec<_>>();
    assert_eq!(renamed.len(), 1, "twice is as good as once");
    assert_eq!((&renamed[0]["name"], &renamed[0]["reason"]), (&json!("Plain"), &json!(REASON)));
}

async fn a_given_title_stays(host: Host) {
    let (admin, board) = (admin(&host).await, Board::new(&host).await);
    let publisher = &board.publisher;
    let (api, benchmark) = (publisher.api.anonymous(), publisher.benchmark.as_str());
    let body = json!({ "title": "a\nb", "reason": REASON });
    moderate(&admin, &format!("benchmarks/{benchmark}"), "rename", body).await.invalid("/title");
    let body = json!({ "title": "Plain", "reason": REASON });
    let state = moderate(&admin, &format!("benchmarks/{benchmark}"), "rename", body).await.expect(200);
    assert_eq!((&state["name"], &state["renamed"]), (&json!("Plain"), &json!(true)));
    let path = |version: &str| format!("/api/v1/benchmarks/{benchmark}/versions/{version}");
    let declared = json!({ "title": "A benchmark", "metric": "pass_rate", "tasks": aibaas_tests::fixtures::tasks(4) });
    // The same again is the same, and a new version has the given title too.
    for (version, status) in [("1", 200), ("2", 201)] {
        let put = publisher.api.put(path(version)).json(declared.clone()).await.expect(status);
        assert_eq!(put["title"], "Plain");
    }
    assert_eq!(api.get(format!("/api/v1/benchmarks/{benchmark}")).await.expect(200)["title"], "Plain");
    assert!(api.get(format!("/leaderboard?benchmark={benchmark}")).await.text().contains("<h1>Plain</h1>"));
    let change = &publisher.changes().await[0];
    assert_eq!(
        (&change["kind"], &change["name"], &change["reason"]),
        (&json!("renamed"), &json!("Plain"), &json!(REASON))
    );
    assert_eq!((&change["model"], &change["version"], &change["runId"]), (&Value::Null, &Value::Null, &Value::Null));
}

async fn the_log_tells_of_moderation_in_its_order(host: Host) {
    let (admin, board) = (admin(&host).await, Board::new(&host).await);
    let publisher = &board.publisher;
    let (api, what) = (publisher.api.anonymous(), format!("benchmarks/{}", publisher.benchmark));
    let log = format!("/api/v1/changes?benchmark={}", publisher.benchmark);
    let start = publisher.changes().await[0]["id"].as_str().expect("an id").to_owned();
    hide(&admin, &what).await;
    unhide(&admin, &what).await;
    publisher.published(&board.models[1], 4, 4).await;
    moderate(&admin, &what, "rename", json!({ "title": "T", "reason": REASON })).await.expect(200);
    let kinds = |page: &Value| {
        let kind = |change: &Value| change["kind"].as_str().unwrap_or_default().to_owned();
        page["data"].as_array().expect("changes").iter().map(kind).collect::<Vec<_>>()
    };
    let whole = api.get(format!("{log}&after={start}")).await.expect(200);
    assert_eq!(kinds(&whole), ["hidden", "unhidden", "rescored", "renamed"]);
    // Page by page, forward and backward, nothing is missed and nothing comes twice.
    for (order, first) in [("after", format!("{log}&limit=1&after={start}")), ("newest", format!("{log}&limit=1"))] {
        let (mut told, mut path) = (Vec::new(), Some(first.clone()));
        while let Some(next) = path {
            let page = api.get(next).await.expect(200);
            told.extend(kinds(&page));
            path = page["nextCursor"].as_str().map(|cursor| format!("{first}&cursor={cursor}"));
        }
        let newest = ["renamed", "rescored", "unhidden", "hidden", "published", "published", "published"];
        assert_eq!(told, if order == "after" { whole_kinds() } else { newest.map(str::to_owned).to_vec() });
    }
    // From each line on come those after it.
    for (at, change) in whole["data"].as_array().expect("changes").iter().enumerate() {
        let id = change["id"].as_str().expect("an id");
        let rest = api.get(format!("{log}&after={id}")).await.expect(200);
        assert_eq!(kinds(&rest), kinds(&whole)[at + 1..]);
    }
    assert_eq!(whole["latest"], whole["data"][3]["id"]);
    let events = admin.api.get("/api/v1/admin/audit-log?limit=100").await.expect(200);
    let ours = |event: &&Value| event["details"]["benchmarkId"] == *publisher.benchmark;
    let ours = events["data"].as_array().expect("events").iter().filter(ours);
    let ours = ours.map(|event| event["event"].as_str().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(ours, ["benchmark_renamed", "benchmark_unhidden", "benchmark_hidden"]);
}

fn whole_kinds() -> Vec<String> {
    ["hidden", "unhidden", "rescored", "renamed"].map(str::to_owned).to_vec()
}

async fn moderating_is_for_administrators(host: Host) {
    let (admin, board) = (admin(&host).await, Board::new(&host).await);
    let (owner, model) = (&board.publisher.user, format!("models/{}", board.models[0]));
    let benchmark = format!("benchmarks/{}", board.publisher.benchmark);
    let reason = || json!({ "reason": REASON });
    for what in [&model, &benchmark] {
        for act in ["hide", "unhide"] {
            moderate(owner, what, act, reason()).await.problem(403, "role_required");
            moderate(&admin, what, act, json!({})).await.invalid("/reason");
            moderate(&admin, what, act, json!({ "reason": " " })).await.invalid("/reason");
        }
    }
    let named = json!({ "displayName": "M", "reason": REASON });
    moderate(owner, &model, "rename", named.clone()).await.problem(403, "role_required");
    moderate(&admin, &model, "rename", json!({ "displayName": "", "reason": REASON })).await.invalid("/displayName");
    moderate(&admin, &benchmark, "rename", json!({ "title": "", "reason": REASON })).await.invalid("/title");
    moderate(&admin, "models/nobody/nothing", "rename", named).await.problem(404, "not_found");
    for nothing in ["models/nobody/nothing", "benchmarks/nothing-of-the-kind"] {
        moderate(&admin, nothing, "hide", reason()).await.problem(404, "not_found");
    }
    let key = board.publisher.api.post(format!("/api/v1/admin/{model}/hide")).json(reason()).await;
    key.problem(403, "user_token_required");
    assert_eq!(board.publisher.leaderboard().await["data"].as_array().map(Vec::len), Some(3));
}

/// The ids of a whole list.
async fn all(api: &Client, path: &str) -> Vec<String> {
    let (mut ids, mut next) = (Vec::new(), Some(format!("{path}?limit=100")));
    while let Some(at) = next {
        let page = api.get(at).await.expect(200);
        ids.extend(
            page["data"].as_array().expect("a list").iter().filter_map(|one| Some(one["id"].as_str()?.to_owned())),
        );
        next = page["nextCursor"].as_str().map(|cursor| format!("{path}?limit=100&cursor={cursor}"));
    }
    ids
}

/// Every table of the public data set.
async fn exported(api: &Client) -> String {
    let manifest = api.get("/api/v1/export").await.expect(200);
    let mut text = String::new();
    for table in manifest["tables"].as_array().expect("tables") {
        let mut next = Some(format!("{}&limit=1000", table["href"].as_str().expect("a path")));
        while let Some(at) = next {
            let page = api.get(at).await;
            text.push_str(&page.text());
            let link = page.header("link").map(str::to_owned);
            next = link.and_then(|link| Some(link.split(['<', '>']).nth(1)?.to_owned()));
        }
    }
    text
}
