//! Snapshots: what pages, cursors and earlier states of a leaderboard show while others publish.

use aibaas_tests::{Publisher, cases, host::Host};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

cases![KeepsMail:
    pages_keep_the_snapshot_that_they_began_on,
    pages_of_a_chosen_order_keep_it_too,
    a_cursor_goes_with_what_it_was_given_for,
    an_earlier_snapshot_reads_the_same_for_ever,
    a_snapshot_belongs_to_its_leaderboard,
    unchanged_answers_are_304,
];

async fn several(publisher: &Publisher, models: usize) -> Vec<String> {
    publisher.tasks(6).await;
    let names = (0..models).map(|n| format!("m{n}")).collect::<Vec<_>>();
    let models = join_all(names.iter().map(|name| publisher.model(name))).await;
    join_all(models.iter().enumerate().map(|(n, model)| publisher.published(model, n % 7, 6))).await;
    models
}

fn rows(page: &Value) -> Vec<Value> {
    page["data"].as_array().expect("rows").clone()
}

/// Pages through while others publish; what the pages showed, and of which snapshot.
async fn pages_while_others_publish(publisher: &Publisher, query: &str) -> (Vec<Value>, String) {
    let api = publisher.api.anonymous();
    let base = format!("/api/v1/leaderboard?benchmark={}&version=1&{query}", publisher.benchmark);
    let first = api.get(&base).await.expect(200);
    let snapshot = first["snapshotId"].as_str().expect("a snapshot").to_owned();
    let publish = join_all((0..12).map(|n| async move {
        // Half are models that it has, half are new.
        let name = format!("m{n}");
        let body = json!({ "displayName": name });
        publisher.api.put(format!("/api/v1/models/{}/{name}", publisher.provider)).json(body).await;
        publisher.published(&format!("{}/{name}", publisher.provider), (n + 3) % 7, 6).await
    }));
    let follow = async {
        let mut seen = rows(&first);
        let mut next = first["nextCursor"].as_str().map(str::to_owned);
        while let Some(cursor) = next {
            let page = api.get(format!("{base}&cursor={cursor}")).await.expect(200);
            assert_eq!(page["snapshotId"], *snapshot, "a page of another snapshot");
            seen.extend(rows(&page));
            next = page["nextCursor"].as_str().map(str::to_owned);
        }
        seen
    };
    let (seen, published) = join(follow, publish).await;
    assert_eq!(published.len(), 12);
    assert_ne!(publisher.leaderboard().await["snapshotId"], *snapshot);
    (seen, snapshot)
}

async fn pages_keep_the_snapshot_that_they_began_on(host: Host) {
    let publisher = Publisher::new(&host).await;
    several(&publisher, 6).await;
    let before = rows(&publisher.leaderboard().await);
    let (seen, snapshot) = pages_while_others_publish(&publisher, "limit=1").await;
    assert_eq!(seen, before, "each row of the first page's snapshot, once");
    let now = serde_json::from_str::<Value>(&publisher.snapshot(&snapshot).await).expect("JSON");
    assert_eq!(rows(&now), before);
}

async fn pages_of_a_chosen_order_keep_it_too(host: Host) {
    let publisher = Publisher::new(&host).await;
    several(&publisher, 6).await;
    let query = format!("provider={}&period=30d&sort=date&order=asc&limit=2", publisher.provider);
    let whole = format!("/api/v1/leaderboard?benchmark={}&version=1&{query}&limit=100", publisher.benchmark);
    let whole = whole.replace("&limit=2", "");
    let before = rows(&publisher.api.anonymous().get(whole).await.expect(200));
    let (seen, _) = pages_while_others_publish(&publisher, &query).await;
    assert_eq!(seen, before);
}

async fn a_cursor_goes_with_what_it_was_given_for(host: Host) {
    let (publisher, other) = (Publisher::new(&host).await, Publisher::new(&host).await);
    several(&publisher, 4).await;
    several(&other, 4).await;
    let get = |benchmark: &str, query: &str| {
        let path = format!("/api/v1/leaderboard?benchmark={benchmark}&{query}");
        let request = publisher.api.anonymous().get(path);
        async move { request.await }
    };
    let (own, given) = (&publisher.benchmark, "sort=score&order=desc&q=m&limit=2");
    let first = get(own, given).await.expect(200);
    let cursor = first["nextCursor"].as_str().expect("a second page").to_owned();
    let second = get(own, &format!("{given}&cursor={cursor}")).await.expect(200);
    let all = get(own, "sort=score&order=desc&q=m").await.expect(200);
    assert_eq!(rows(&all)[2..], rows(&second)[..]);
    // How many more are wanted may change.
    let third = get(own, &format!("sort=score&order=desc&q=m&limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!(rows(&all)[2..3], rows(&third)[..]);
    for otherwise in [
        "limit=2",
        "sort=score&limit=2",
        "sort=score&order=asc&q=m&limit=2",
        "sort=cost&order=desc&q=m&limit=2",
        "sort=score&order=desc&q=m1&limit=2",
        "sort=score&order=desc&q=m&language=go&limit=2",
        "sort=score&order=desc&q=m&scenario=edit&limit=2",
        "sort=score&order=desc&q=m&difficulty=hard&limit=2",
        "sort=score&order=desc&q=m&provider=somebody&limit=2",
        "sort=score&order=desc&q=m&period=7d&limit=2",
    ] {
        get(own, &format!("{otherwise}&cursor={cursor}")).await.problem(400, "malformed_request");
    }
    get(&other.benchmark, &format!("{given}&cursor={cursor}")).await.problem(404, "not_found");
    for broken in [&cursor[1..], &format!("{cursor}A"), "bnVsbA", "W10", "eyJhIjoxfQ", "%00"] {
        get(own, &format!("{given}&cursor={broken}")).await.problem(400, "malformed_request");
    }
}

async fn an_earlier_snapshot_reads_the_same_for_ever(host: Host) {
    let publisher = Publisher::new(&host).await;
    let models = several(&publisher, 3).await;
    let fresh = publisher.api.anonymous().get(publisher.leaderboard_path()).await;
    let snapshot = fresh.expect(200)["snapshotId"].as_str().expect("a snapshot").to_owned();
    let before = publisher.snapshot(&snapshot).await;
    assert_eq!(before, fresh.text(), "the newest, named or not");
    let sliced = format!("{}&snapshot={snapshot}&sort=model&q=M0", publisher.leaderboard_path());
    let sliced_before = publisher.api.anonymous().get(&sliced).await.text();

    let renamed = json!({ "displayName": "Another name", "deprecated": true, "trainingCutoff": "2025-01-01" });
    publisher.api.put(format!("/api/v1/models/{}", models[0])).json(renamed).await.expect(200);
    assert_eq!(publisher.snapshot(&snapshot).await, before, "renamed");
    let second = publisher.published(&models[0], 6, 6).await;
    let named = publisher.leaderboard().await["snapshotId"].as_str().expect("a snapshot").to_owned();
    let with_second = publisher.snapshot(&named).await;
    assert!(with_second.contains("Another name") && !before.contains("Another name"));
    publisher.withdraw(&second, "the harness counted twice").await.expect(200);
    let first = serde_json::from_str::<Value>(&before).expect("JSON")["data"][0]["runId"].clone();
    publisher.withdraw(first.as_str().expect("a run"), "and so did the one before").await.expect(200);
    publisher.published(&models[1], 0, 6).await;
    assert_eq!(publisher.snapshot(&snapshot).await, before, "withdrawn and published since");
    assert_eq!(publisher.snapshot(&named).await, with_second);
    assert_eq!(publisher.api.anonymous().get(&sliced).await.text(), sliced_before);
    let again = publisher.api.anonymous().get(format!("{}&snapshot={snapshot}", publisher.leaderboard_path())).await;
    assert_eq!(again.text(), before, "whether it is kept or read anew");
}

async fn a_snapshot_belongs_to_its_leaderboard(host: Host) {
    let (publisher, other) = (Publisher::new(&host).await, Publisher::new(&host).await);
    several(&publisher, 1).await;
    several(&other, 1).await;
    let snapshot = publisher.leaderboard().await["snapshotId"].as_str().expect("a snapshot").to_owned();
    let api = publisher.api.anonymous();
    let alone = api.get(format!("/api/v1/leaderboard?snapshot={snapshot}")).await.expect(200);
    assert_eq!((&alone["benchmark"], &alone["version"]), (&json!(publisher.benchmark), &json!("1")));
    api.get(format!("{}&snapshot={snapshot}", other.leaderboard_path())).await.problem(404, "not_found");
    api.get(format!("/api/v1/leaderboard?snapshot={snapshot}&version=2")).await.problem(404, "not_found");
    for (unknown, status, code) in
        [("01939f41-5a00-7f3e-a7b8-c9d0e1f2a3b4", 404, "not_found"), ("nonsense", 400, "malformed_request")]
    {
        let answer = api.get(format!("{}&snapshot={unknown}", publisher.leaderboard_path())).await;
        answer.problem(status, code);
    }
}

async fn unchanged_answers_are_304(host: Host) {
    let publisher = Publisher::new(&host).await;
    let models = several(&publisher, 3).await;
    let api = publisher.api.anonymous();
    let board = publisher.leaderboard_path();
    let paths = [
        board.clone(),
        format!("{board}&sort=cost&q=m"),
        format!("{board}&period=7d"),
        format!("{}&sort=cost", board.replace("limit=100", "limit=1")),
        board.replace("/leaderboard?", "/leaderboard.csv?"),
        board.replace("/leaderboard?", "/leaderboard.ndjson?"),
        format!("/api/v1/changes?benchmark={}", publisher.benchmark),
    ];
    let mut tags = Vec::new();
    for path in &paths {
        let first = api.get(path).await;
        first.expect(200);
        let tag = first.header("etag").unwrap_or_else(|| panic!("no ETag: {first}")).to_owned();
        let strong = tag.trim_start_matches("W/").to_owned();
        for known in [tag.clone(), format!("W/{strong}"), format!("\"a\" , {strong},\"b\""), "*".to_owned()] {
            let unchanged = api.get(path).header("If-None-Match", &known).await;
            unchanged.expect(304);
            assert!(unchanged.body.is_empty(), "{unchanged}");
            assert_eq!(unchanged.header("etag"), Some(tag.as_str()), "{unchanged}");
            assert_eq!(unchanged.header("cache-control"), first.header("cache-control"), "{unchanged}");
        }
        for unknown in ["\"other\"", strong.trim_matches('"'), ""] {
            api.get(path).header("If-None-Match", unknown).await.expect(200);
        }
        tags.push(strong);
    }
    // One address, three forms: none is taken for another.
    for (accept, path) in [("text/csv", &paths[0]), ("application/x-ndjson", &paths[0])] {
        let other = api.get(path).header("Accept", accept).header("If-None-Match", &tags[0]).await;
        assert_eq!(other.status, 200, "{other}");
    }
    publisher.published(&models[0], 6, 6).await;
    for (path, tag) in paths.iter().zip(&tags) {
        let changed = api.get(path).header("If-None-Match", tag).await;
        assert_eq!(changed.status, 200, "{changed}");
        assert_ne!(changed.header("etag").map(|tag| tag.trim_start_matches("W/")), Some(tag.as_str()), "{changed}");
    }
}
