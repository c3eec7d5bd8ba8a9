//! The ranked leaderboard.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{passes, row, unique},
    host::Host,
    oracle::Entry,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    intervals_and_rank_ranges_are_right,
    a_row_is_the_models_latest_run,
    concurrent_publications_all_stand,
    scores_have_a_clustered_interval,
    costs_are_known_or_left_out,
    filters_and_slices,
    sorting_and_pages,
    etag_answers_304,
    nothing_published_is_an_empty_leaderboard,
    parameters_are_checked,
    the_page_shows_the_rows,
];

/// Checks a leaderboard of pass rates against the oracle: every row, its rank, its interval and its rank range.
#[track_caller]
pub fn assert_ranked(leaderboard: &Value, entries: &[Entry]) {
    let rows = leaderboard["data"].as_array().expect("rows");
    assert_eq!(rows.len(), entries.len());
    let close = |value: &Value, expected: f64| value.as_f64().is_some_and(|value| (value - expected).abs() < 1e-9);
    for entry in entries {
        let row = row(leaderboard, &entry.model);
        let ((low, high), (best, worst)) = (entry.interval(), entry.rank_range(entries));
        assert!(close(&row["score"], entry.score()), "{entry:?} {row}");
        assert!(close(&row["scoreLow"], low) && close(&row["scoreHigh"], high), "{entry:?} {low} {high} {row}");
        assert_eq!((&row["rankLow"], &row["rankHigh"]), (&json!(best), &json!(worst)), "{entry:?}");
        assert_eq!(row["rank"], entry.rank(entries), "{entry:?}");
        assert_eq!((&row["correct"], &row["total"]), (&json!(entry.correct), &json!(entry.total)));
    }
    // Tie groups: rows of an equal rankLow, numbered from the best.
    let mut lows = rows.iter().map(|row| row["rankLow"].as_u64().unwrap()).collect::<Vec<_>>();
    lows.sort_unstable();
    lows.dedup();
    for row in rows {
        let group = lows.iter().position(|low| row["rankLow"] == *low).unwrap() + 1;
        assert_eq!(row["tieGroup"], group, "{row}");
    }
    assert!(rows.windows(2).all(|pair| pair[0]["rank"].as_u64() <= pair[1]["rank"].as_u64()), "best first");
}

async fn intervals_and_rank_ranges_are_right(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(20).await;
    let mut entries = Vec::new();
    for correct in [0_u32, 20, 10, 11, 19, 3, 10] {
        let model = publisher.model(&format!("m{}", entries.len())).await;
        publisher.published(&model, correct as usize, 20).await;
        entries.push(Entry { model, correct, total: 20 });
    }
    let leaderboard = publisher.leaderboard().await;
    assert_ranked(&leaderboard, &entries);
    // 0/20 by hand: statistics.md gives 0 and .161125.
    let none = row(&leaderboard, &entries[0].model);
    assert_eq!(none["scoreLow"].as_f64(), Some(0.0));
    assert!((none["scoreHigh"].as_f64().unwrap() - 0.161_125).abs() < 1e-6);
}

async fn a_row_is_the_models_latest_run(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let model = publisher.model("m").await;
    let first = publisher.published(&model, 4, 4).await;
    let before = publisher.leaderboard().await;
    assert_eq!(row(&before, &model)["runId"], *first);
    let second = publisher.published(&model, 1, 4).await;
    let after = publisher.leaderboard().await;
    assert_eq!(after["data"].as_array().unwrap().len(), 1, "never its best of several");
    assert_eq!((&row(&after, &model)["runId"], &row(&after, &model)["correct"]), (&json!(second), &json!(1)));
    assert_ne!(before["snapshotId"], after["snapshotId"]);
    // The earlier run still stands.
    assert_eq!(publisher.api.get(format!("/api/v1/runs/{first}")).await.expect(200)["status"], "published");
}

async fn concurrent_publications_all_stand(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(5).await;
    let models = join_all((0..12).map(|n| {
        let publisher = publisher.clone();
        async move { publisher.model(&format!("m{n}")).await }
    }))
    .await;
    join_all(models.iter().enumerate().map(|(n, model)| publisher.published(model, n % 6, 5))).await;
    let entries = models.into_iter().enumerate().map(|(n, model)| Entry {
        model,
        correct: u32::try_from(n % 6).unwrap(),
        total: 5,
    });
    assert_ranked(&publisher.leaderboard().await, &entries.collect::<Vec<_>>());
}

async fn scores_have_a_clustered_interval(host: Host) {
    let publisher = Publisher::new(&host).await;
    let tasks = aibaas_tests::fixtures::tasks(25);
    publisher.version("1", json!({ "title": "Scored", "metric": "score", "tasks": tasks })).await;
    let model = publisher.model("m").await;
    let run = publisher.run(&model).await;
    let scores = (0..25).map(|n| f64::from(n % 5) / 4.0).collect::<Vec<_>>();
    let results = scores
        .iter()
        .enumerate()
        .map(|(n, score)| json!({ "task": format!("t{}", n + 1), "attempt": 1, "status": "success", "score": score }));
    publisher.upload(&run, results.collect()).await;
    publisher.publish(&run).await;
    // Mean .5; sum of squares 5·(.25+.0625+0+.0625+.25) = 3.125; SE = √3.125/25·√(25/24).
    let half = 1.959_963_984_540_054 * 3.125_f64.sqrt() / 25.0 * (25.0_f64 / 24.0).sqrt();
    let leaderboard = publisher.leaderboard().await;
    let row = row(&leaderboard, &model);
    for (member, expected) in [("score", 0.5), ("scoreLow", 0.5 - half), ("scoreHigh", 0.5 + half)] {
        assert!((row[member].as_f64().unwrap() - expected).abs() < 1e-9, "{member} is not {expected}: {row}");
    }

    let few = Publisher::new(&host).await;
    few.version("1", json!({ "title": "Few", "metric": "score", "tasks": aibaas_tests::fixtures::tasks(5) })).await;
    let model = few.model("m").await;
    few.published(&model, 2, 5).await;
    let leaderboard = few.leaderboard().await;
    assert_eq!(leaderboard["data"][0]["scoreLow"], Value::Null, "under 20 clusters no interval is shown");
}

async fn costs_are_known_or_left_out(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    // Dear and good, cheap and poor, dear and poor, unknown.
    for (name, correct, cost) in
        [("good", 2, Some(2.0)), ("cheap", 1, Some(0.5)), ("poor", 0, Some(3.0)), ("unknown", 2, None)]
    {
        let run = publisher.run(&publisher.model(name).await).await;
        let mut results = passes(correct, 2);
        for (n, result) in results.as_array_mut().unwrap().iter_mut().enumerate() {
            result["latencyMs"] = json!(100 * (n + 1));
            if n == 0 || cost.is_some() {
                result["costUsd"] = json!(cost.unwrap_or(1.0) / 2.0);
            }
        }
        publisher.upload(&run, results).await;
        publisher.publish(&run).await;
    }
    let leaderboard = publisher.leaderboard().await;
    let of = |name: &str| row(&leaderboard, &format!("{}/{name}", publisher.provider));
    assert_eq!((&of("good")["costUsd"], &of("good")["costUsdPerTask"]), (&json!(2.0), &json!(1.0)));
    assert_eq!(of("unknown")["costUsd"], Value::Null, "one result without a cost leaves the sum unknown");
    assert!(of("unknown")["flags"].as_array().unwrap().contains(&json!("missing_cost")));
    for (name, optimal) in
        [("good", json!(true)), ("cheap", json!(true)), ("poor", json!(false)), ("unknown", Value::Null)]
    {
        assert_eq!(of(name)["paretoOptimal"], optimal, "{name}");
    }
    // numpy.percentile([100, 200], [50, 95])
    let latency = |name: &str| of("good")[name].as_f64().unwrap();
    assert!((latency("latencyMsP50") - 150.0).abs() < 1e-9 && (latency("latencyMsP95") - 195.0).abs() < 1e-9);
}

async fn filters_and_slices(host: Host) {
    let publisher = Publisher::new(&host).await;
    let task = |n: usize| {
        let language = if n.is_multiple_of(2) { "rust" } else { "go" };
        json!({ "id": format!("t{n}"), "language": language, "scenario": "edit", "difficulty": if n > 2 { "hard" } else { "easy" } })
    };
    let tasks = (1..=4).map(task).collect::<Value>();
    publisher.version("1", json!({ "title": "Sliced", "metric": "pass_rate", "tasks": tasks })).await;
    let (all, half) = (publisher.model("all-of-it").await, publisher.model("half-of-it").await);
    publisher.published(&all, 4, 4).await;
    publisher.published(&half, 2, 4).await;
    let get = |query: &str| publisher.api.anonymous().get(format!("{}&{query}", publisher.leaderboard_path()));
    let slice = get("language=rust").await.expect(200);
    assert_eq!((&row(&slice, &half)["correct"], &row(&slice, &half)["total"]), (&json!(1), &json!(2)));
    let slice = get("language=rust&difficulty=hard").await.expect(200);
    assert_eq!((&row(&slice, &half)["correct"], &row(&slice, &half)["total"]), (&json!(0), &json!(1)));
    let slice = get("scenario=edit").await.expect(200);
    assert_eq!(row(&slice, &half)["total"], 4);
    assert_eq!(get("q=half-of").await.expect(200)["data"].as_array().unwrap().len(), 1);
    assert_eq!(get("q=HALF%25").await.expect(200)["data"], json!([]), "a wildcard is a letter like others");
    assert_eq!(get(&format!("provider={}", publisher.provider)).await.expect(200)["data"].as_array().unwrap().len(), 2);
    assert_eq!(get("provider=nobody").await.expect(200)["data"], json!([]));
    assert_eq!(get("period=7d").await.expect(200)["data"].as_array().unwrap().len(), 2);
    assert_eq!(get("language=cobol").await.expect(200)["data"], json!([]));
}

async fn sorting_and_pages(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(5).await;
    for n in 0..5 {
        let model = publisher.model(&format!("m{n}")).await;
        publisher.published(&model, (n * 2) % 5, 5).await;
    }
    let api = publisher.api.anonymous();
    let names = |page: &Value| {
        let rows = page["data"].as_array().unwrap().iter();
        rows.map(|row| row["model"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let base = format!("/api/v1/leaderboard?benchmark={}", publisher.benchmark);
    for (query, expected) in [
        ("sort=rank", ["m2", "m4", "m1", "m3", "m0"]),
        ("sort=score&order=asc", ["m0", "m3", "m1", "m4", "m2"]),
        ("sort=model", ["m0", "m1", "m2", "m3", "m4"]),
        ("sort=model&order=desc", ["m4", "m3", "m2", "m1", "m0"]),
        ("sort=date", ["m4", "m3", "m2", "m1", "m0"]),
    ] {
        assert_eq!(names(&api.get(format!("{base}&{query}")).await.expect(200)), expected, "{query}");
    }
    let mut seen = Vec::new();
    let mut path = format!("{base}&limit=2");
    loop {
        let answer = api.get(&path).await;
        let page = answer.expect(200);
        seen.extend(names(&page));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        assert!(answer.header("link").is_some_and(|link| link.contains("rel=\"next\"")), "{answer}");
        path = format!("{base}&limit=2&cursor={cursor}");
    }
    assert_eq!(seen, ["m2", "m4", "m1", "m3", "m0"]);
}

async fn etag_answers_304(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 1, 2).await;
    let api = publisher.api.anonymous();
    let first = api.get(publisher.leaderboard_path()).await;
    assert_eq!(
        first.header("cache-control"),
        Some("public, max-age=60, stale-while-revalidate=300, stale-if-error=86400")
    );
    let etag = first.header("etag").expect("an ETag").to_owned();
    assert!(etag.trim_start_matches("W/").starts_with('"') && etag.ends_with('"'), "{etag}");
    let get = |tags: &str| api.get(publisher.leaderboard_path()).header("If-None-Match", tags);
    for tags in [etag.clone(), format!("\"other\", {etag}"), "*".to_owned()] {
        let unchanged = get(&tags).await;
        unchanged.expect(304);
        assert!(unchanged.body.is_empty());
        assert_eq!(unchanged.header("etag"), Some(etag.as_str()));
        assert_eq!(unchanged.header("cache-control"), first.header("cache-control"));
    }
    get("\"other\"").await.expect(200);
    let sliced = api.get(format!("{}&sort=model", publisher.leaderboard_path())).header("If-None-Match", &etag).await;
    sliced.expect(200);
    publisher.published(&model, 2, 2).await;
    let changed = get(&etag).await;
    assert_eq!(changed.expect(200)["data"][0]["correct"], 2);
    assert_ne!(changed.header("etag"), Some(etag.as_str()));
}

async fn nothing_published_is_an_empty_leaderboard(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    publisher.run(&publisher.model("m").await).await;
    let leaderboard = publisher.leaderboard().await;
    assert_eq!((&leaderboard["data"], &leaderboard["snapshotId"]), (&json!([]), &Value::Null));
    let api = host.client();
    api.get(format!("/api/v1/leaderboard?benchmark={}", unique("none"))).await.problem(404, "not_found");
    api.get(format!("/api/v1/leaderboard?benchmark={}&version=7", publisher.benchmark)).await.problem(404, "not_found");
}

async fn parameters_are_checked(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    for query in [
        "limit=0",
        "limit=101",
        "limit=ten",
        "sort=luck",
        "order=up",
        "period=1y",
        "cursor=nonsense",
        "colour=red",
        "limit=1&limit=2",
    ] {
        let answer = host.client().get(format!("/api/v1/leaderboard?benchmark={}&{query}", publisher.benchmark)).await;
        answer.problem(400, "malformed_request");
    }
}

async fn the_page_shows_the_rows(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    let body = json!({ "displayName": "<script>alert(1)</script>" });
    publisher.api.put(format!("/api/v1/models/{}/m", publisher.provider)).json(body).await.expect(201);
    publisher.published(&format!("{}/m", publisher.provider), 1, 1).await;
    let page = host
        .client()
        .get(format!("/leaderboard?benchmark={}", publisher.benchmark))
        .header("Accept", "text/html")
        .await;
    page.expect(200);
    assert_eq!(page.media_type(), Some("text/html"));
    assert!(page.text().contains("&lt;script&gt;alert(1)") || page.text().contains(&publisher.provider), "{page}");
    assert!(!page.text().contains("<script>alert(1)"), "names are escaped");
}
