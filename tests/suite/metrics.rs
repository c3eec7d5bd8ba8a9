//! Metrics of which less is better, in units and bounds of their own, and scores that sources publish.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{model_id, passes, row, tasks},
    host::Host,
};
use serde_json::{Value, json};

cases![KeepsMail:
    lower_scores_rank_first_where_they_are_better,
    what_a_score_means_is_told_everywhere,
    scores_out_of_bounds_are_refused_by_name,
    bounds_that_are_none_are_refused,
    what_timed_out_has_the_worst_score,
    a_given_score_is_ranked_with_its_own_interval,
    given_scores_are_checked,
    a_given_score_may_be_corrected_until_published,
    given_scores_are_never_read_by_themselves,
    what_is_unknown_sorts_last_either_way,
];

fn seconds(count: usize) -> Value {
    json!({ "title": "Seconds", "metric": "score", "direction": "lower_is_better", "unit": "s",
        "bounds": { "lower": 0 }, "tasks": tasks(count) })
}

fn given(extra: Value) -> Value {
    let mut body = json!({ "title": "Arena", "metric": "score", "evidence": "score", "taskCount": 100, "unit": "Elo",
        "bounds": {} });
    for (name, value) in extra.as_object().expect("members") {
        body[name] = value.clone();
    }
    body
}

/// A result for each of twenty tasks, each of which took about so long.
fn took(seconds: f64) -> Value {
    let result = |n: u32| {
        json!({ "task": format!("t{n}"), "attempt": 1, "status": "success",
        "score": seconds + f64::from(n % 2) })
    };
    (1..=20).map(result).collect()
}

fn order(board: &Value) -> Vec<(String, u64)> {
    let rows = board["data"].as_array().expect("rows");
    let names = rows.iter().map(|row| {
        let name = model_id(row).rsplit('/').next().expect("a name").to_owned();
        (name, row["rank"].as_u64().expect("a rank"))
    });
    names.collect()
}

#[track_caller]
fn assert_close(value: &Value, expected: f64) {
    assert!(value.as_f64().is_some_and(|value| (value - expected).abs() < 1e-6), "{value} is not {expected}");
}

async fn put_score(publisher: &Publisher, run: &str, body: Value) -> aibaas_tests::Answer {
    publisher.api.put(format!("/api/v1/runs/{run}/score")).json(body).await
}

async fn lower_scores_rank_first_where_they_are_better(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.version("1", seconds(20)).await;
    let (slow, fast) = (publisher.model("slow").await, publisher.model("fast").await);
    publisher.publish_results(&slow, took(60.0)).await;
    publisher.publish_results(&fast, took(12.0)).await;
    let middle = publisher.model("middle").await;
    publisher.publish_results(&middle, took(30.0)).await;

    let board = publisher.leaderboard().await;
    let expected = [("fast", 1), ("middle", 2), ("slow", 3)].map(|(name, rank)| (name.to_owned(), rank));
    assert_eq!(order(&board), expected);
    let best = row(&board, &fast);
    assert_eq!((&best["rankLow"], &best["rankHigh"]), (&json!(1), &json!(1)), "the intervals are far apart");
    assert_close(&best["score"], 12.5);
    assert_eq!((&best["correct"], &best["intervalMethod"]), (&Value::Null, &json!("clustered")));

    let sorted = |parameters: &str| {
        let path = format!("{}&{parameters}", publisher.leaderboard_path());
        let api = publisher.api.anonymous();
        async move { order(&api.get(path).await.expect(200)) }
    };
    assert_eq!(sorted("sort=score").await, expected, "best first");
    let mut turned = expected.to_vec();
    turned.reverse();
    assert_eq!(sorted("sort=score&order=desc").await, turned);

    // The log of changes counts ranks in the same way.
    let changes = publisher.changes().await;
    let ranks = changes.iter().map(|change| (&change["rankBefore"], &change["rankAfter"])).collect::<Vec<_>>();
    assert_eq!(ranks, [(&Value::Null, &json!(2)), (&Value::Null, &json!(1)), (&Value::Null, &json!(1))]);
    assert_eq!(changes[1]["moved"][0]["to"], 2, "slow made room for fast: {}", changes[1]);

    // So do comparisons, health, and the front of costs.
    let benchmark = &publisher.benchmark;
    let api = publisher.api.anonymous();
    let health = api.get(format!("/api/v1/benchmarks/{benchmark}/health")).await.expect(200);
    let leaders = &health["leaders"];
    assert_eq!((&leaders["first"]["model"], &leaders["second"]["model"]), (&json!(fast), &json!(middle)));
    assert_eq!(health["passedByAll"], Value::Null, "nobody can say what a pass is");
    let compare = format!("/api/v1/leaderboard/compare?benchmark={benchmark}&a={fast}&b={slow}");
    let compared = api.get(compare).await.expect(200);
    assert_eq!(compared["direction"], "lower_is_better");
    assert_close(&compared["comparisons"][0]["difference"], -48.0);
    let page = api.get(format!("/leaderboard/compare?benchmark={benchmark}&a={fast}&b={slow}")).await.text();
    assert!(page.contains("fast scores 48.00 s lower than slow, which is better"), "{page}");
}

async fn what_a_score_means_is_told_everywhere(host: Host) {
    let publisher = Publisher::new(&host).await;
    let body = seconds(20);
    publisher.version("1", body.clone()).await;
    publisher.api.put(format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark)).json(body).await.expect(200);
    let model = publisher.model("m").await;
    let run = publisher.publish_results(&model, took(12.0)).await;
    let api = publisher.api.anonymous();
    let benchmark = &publisher.benchmark;
    let bounds = json!({ "lower": 0.0, "upper": null });

    let version = &api.get(format!("/api/v1/benchmarks/{benchmark}")).await.expect(200)["versions"][0];
    let board = publisher.leaderboard().await;
    let pareto = api.get(format!("/api/v1/leaderboard/pareto?benchmark={benchmark}")).await.expect(200);
    let past = &api.get(format!("/api/v1/models/{model}/history")).await.expect(200)["data"][0];
    for told in [version, &board, &pareto, past] {
        assert_eq!((&told["metric"], &told["direction"]), (&json!("score"), &json!("lower_is_better")), "{told}");
        assert_eq!((&told["unit"], &told["bounds"]), (&json!("s"), &bounds), "{told}");
    }
    let csv = api.get(format!("/api/v1/leaderboard.csv?benchmark={benchmark}")).await.text();
    let lines = csv.lines().collect::<Vec<_>>();
    assert!(lines[0].contains(",intervalMethod,direction,unit,"), "{csv}");
    assert!(lines[1].contains(",clustered,lower_is_better,s,"), "{csv}");
    let line = api.get(format!("/api/v1/leaderboard.ndjson?benchmark={benchmark}")).await.text();
    assert!(line.contains("\"direction\":\"lower_is_better\",\"unit\":\"s\""), "{line}");
    let page = api.get(format!("/leaderboard?benchmark={benchmark}")).await.text();
    assert!(page.contains("12.50 s") && page.contains("lower is better") && page.contains("at least 0"), "{page}");
    let page = api.get(format!("/standings?benchmark={benchmark}")).await.text();
    assert!(page.contains("12.50 s") && page.contains("lower is better"), "{page}");
    let badge = api.get(format!("/api/v1/badges/{model}.svg?benchmark={benchmark}")).await.text();
    assert!(badge.contains("12.50 s · rank 1"), "{badge}");
    let page = api.get(format!("/leaderboard/models/{model}")).await.text();
    assert!(page.contains("12.50 s"), "{page}");
    let record = api.get(format!("/api/v1/runs/{run}/every-eval-ever")).await.expect(200);
    let config = &record["evaluation_results"][0]["metric_config"];
    assert_eq!((&config["lower_is_better"], &config["metric_unit"]), (&json!(true), &json!("s")));
    assert_eq!((&config["min_score"], &config["max_score"]), (&json!(0.0), &Value::Null));

    // What is usual is told too.
    let usual = publisher.another();
    usual.tasks(1).await;
    let board = usual.leaderboard().await;
    assert_eq!((&board["direction"], &board["unit"]), (&json!("higher_is_better"), &Value::Null));
    assert_eq!(board["bounds"], json!({ "lower": 0.0, "upper": 1.0 }));
}

async fn scores_out_of_bounds_are_refused_by_name(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.version("1", json!({ "title": "Mean", "metric": "score", "tasks": tasks(2) })).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let upload = |run: &str, score: f64| {
        let body = json!([{ "task": "t1", "attempt": 1, "status": "success", "score": score }]);
        publisher.api.post(format!("/api/v1/runs/{run}/results")).json(body)
    };
    let refused = upload(&run, 80.0).await;
    refused.invalid("/0/score");
    assert!(refused.text().contains("80.0 of at most 1: is it a percentage?"), "{}", refused.text());
    let refused = upload(&run, 180.0).await;
    assert!(refused.text().contains("180.0 of at most 1\""), "{}", refused.text());
    upload(&run, 0.8).await.expect(200);

    let timed = publisher.another();
    timed.version("1", seconds(2)).await;
    let run = timed.run(&timed.model("m").await).await;
    let refused = upload(&run, -3.0).await;
    refused.invalid("/0/score");
    assert!(refused.text().contains("-3.0 of at least 0"), "{}", refused.text());
    upload(&run, 2e12).await.invalid("/0/score");
    upload(&run, 80.0).await.expect(200);
}

async fn bounds_that_are_none_are_refused(host: Host) {
    let publisher = Publisher::new(&host).await;
    let put = |members: Value| {
        let mut body = json!({ "title": "B", "metric": "score", "tasks": tasks(1) });
        for (name, value) in members.as_object().expect("members") {
            body[name] = value.clone();
        }
        publisher.api.put(format!("/api/v1/benchmarks/{}/versions/1", publisher.benchmark)).json(body)
    };
    for (pointer, members) in [
        ("/direction", json!({ "direction": "sideways" })),
        ("/unit", json!({ "unit": "s".repeat(31) })),
        ("/unit", json!({ "unit": "m\u{1}s" })),
        ("/unit", json!({ "unit": "s\u{202e}" })),
        ("/unit", json!({ "metric": "pass_rate", "unit": "%" })),
        ("/bounds", json!({ "metric": "pass_rate", "bounds": { "lower": 0, "upper": 100 } })),
        ("/bounds", json!({ "parts": "default", "bounds": { "lower": 0 } })),
        ("/bounds/upper", json!({ "bounds": { "lower": 1, "upper": 1 } })),
        ("/bounds/upper", json!({ "bounds": { "lower": 0, "upper": 2e12 } })),
        ("/bounds/least", json!({ "bounds": { "least": 0 } })),
        ("/chanceLevel", json!({ "bounds": { "lower": 10, "upper": 20 }, "chanceLevel": 5 })),
    ] {
        put(members).await.invalid(pointer);
    }
    // A pass rate may be one of which less is better, and the usual bounds may be said.
    let refusals =
        json!({ "metric": "pass_rate", "direction": "lower_is_better", "bounds": { "lower": 0, "upper": 1 } });
    put(refusals).await.expect(201);
    let model = publisher.model("m").await;
    publisher.publish_results(&model, passes(0, 1)).await;
    assert_eq!(row(&publisher.leaderboard().await, &model)["score"], 0.0);
}

async fn what_timed_out_has_the_worst_score(host: Host) {
    let publisher = Publisher::new(&host).await;
    let upload = |run: String, score: f64| {
        let body = json!([{ "task": "t1", "attempt": 1, "status": "timeout", "score": score }]);
        publisher.api.post(format!("/api/v1/runs/{run}/results")).json(body)
    };
    let bounded = json!({ "title": "B", "metric": "score", "direction": "lower_is_better", "unit": "s",
        "bounds": { "lower": 0, "upper": 600 }, "tasks": tasks(1) });
    publisher.version("1", bounded).await;
    let run = publisher.run(&publisher.model("m").await).await;
    upload(run.clone(), 0.0).await.invalid("/0/score");
    upload(run, 600.0).await.expect(200);
    // Where nothing bounds it, the benchmark says what it counts as.
    let unbounded = publisher.another();
    unbounded.version("1", seconds(1)).await;
    let run = unbounded.run(&unbounded.model("m").await).await;
    upload(run, 900.0).await.expect(200);
}

async fn a_given_score_is_ranked_with_its_own_interval(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.version("1", given(json!({}))).await;
    let publish = async |name: &str, body: Value| {
        let model = publisher.model(name).await;
        let run = publisher.run(&model).await;
        let stored = put_score(&publisher, &run, body).await.expect(200);
        assert_eq!(publisher.api.get(format!("/api/v1/runs/{run}")).await.expect(200)["score"], stored);
        publisher.publish(&run).await;
        (model, run)
    };
    let interval = json!({ "low": 1280.0, "high": 1295.0 });
    let (top, _) =
        publish("top", json!({ "score": 1287.0, "interval": interval, "samples": 4000, "costUsd": 2.5 })).await;
    let (error, run) = publish("error", json!({ "score": 1250.0, "standardError": 5.0, "tasks": 50 })).await;
    let (bare, _) = publish("bare", json!({ "score": 1200.5 })).await;

    let board = publisher.leaderboard().await;
    let names = order(&board).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names, ["top", "error", "bare"]);
    let best = row(&board, &top);
    assert_eq!((&best["scoreLow"], &best["scoreHigh"]), (&json!(1280.0), &json!(1295.0)));
    assert_eq!(
        (&best["intervalMethod"], &best["correct"], &best["total"]),
        (&json!("given_interval"), &Value::Null, &json!(4000))
    );
    assert!(best["flags"].as_array().unwrap().contains(&json!("score_only")), "{best}");
    assert_eq!((&best["rankLow"], &best["rankHigh"]), (&json!(1), &json!(2)), "a score without an interval may be any");
    assert_close(&best["costUsdPerTask"], 0.025);
    let second = row(&board, &error);
    assert_eq!((&second["intervalMethod"], &second["total"]), (&json!("given_standard_error"), &Value::Null));
    assert_close(&second["scoreLow"], 1250.0 - 9.799_819_923);
    let last = row(&board, &bare);
    assert_eq!((&last["scoreLow"], &last["intervalMethod"]), (&Value::Null, &Value::Null));
    assert_eq!((&last["rankLow"], &last["rankHigh"]), (&json!(1), &json!(3)));

    let api = publisher.api.anonymous();
    let benchmark = &publisher.benchmark;
    let page = api.get(format!("/leaderboard?benchmark={benchmark}&version=1")).await.text();
    assert!(
        page.contains("1287 Elo") && page.contains("as given by the source") && page.contains("score only"),
        "{page}"
    );
    let compared =
        api.get(format!("/api/v1/leaderboard/compare?benchmark={benchmark}&version=1&a={top}&b={error}")).await;
    let compared = &compared.expect(200)["comparisons"][0];
    assert_eq!((&compared["method"], &compared["difference"]), (&json!("mover"), &json!(37.0)));
    assert!(compared["low"].as_f64().unwrap() > 24.0 && compared["high"].as_f64().unwrap() < 51.0, "{compared}");
    api.get(format!("/api/v1/benchmarks/{benchmark}/health?version=1")).await.expect(200);
    let record = api.get(format!("/api/v1/runs/{run}/every-eval-ever")).await.expect(200);
    let result = &record["evaluation_results"][0];
    assert_eq!(result["score_details"]["uncertainty"]["standard_error"]["value"], 5.0);
    assert_eq!(result["metric_config"]["score_type"], Value::Null, "a continuous score has bounds there");

    let (tiny, _) = publish("tiny", json!({ "score": 2.5e-7 })).await;
    let file = format!("/api/v1/models/{tiny}/eval-results.yaml?benchmark={benchmark}&version=1&dataset=Org/Data");
    let file = api.get(file).await.text();
    assert!(file.contains("  value: 0.00000025\n"), "{file}");
}

async fn given_scores_are_checked(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.version("1", given(json!({ "unit": null, "bounds": { "lower": 0, "upper": 1 } }))).await;
    let run = publisher.run(&publisher.model("m").await).await;
    let interval = |low: f64, high: f64| json!({ "score": 0.5, "interval": { "low": low, "high": high } });
    for (pointer, body) in [
        ("/score", json!({ "score": 80.0 })),
        ("/score", json!({})),
        ("/standardError", json!({ "score": 0.5, "standardError": -0.1 })),
        ("/standardError", json!({ "score": 0.5, "standardError": 0.6 })),
        ("/standardError", json!({ "score": 0.5, "standardError": 0.1, "interval": { "low": 0.4, "high": 0.6 } })),
        ("/interval/low", interval(0.6, 0.7)),
        ("/interval/high", interval(0.3, 0.4)),
        ("/interval/low", interval(-0.1, 0.7)),
        ("/interval/high", interval(0.1, 1.7)),
        ("/interval/level", json!({ "score": 0.5, "interval": { "low": 0.4, "high": 0.6, "level": 0.9 } })),
        ("/tasks", json!({ "score": 0.5, "tasks": 101 })),
        ("/tasks", json!({ "score": 0.5, "tasks": 0 })),
        ("/samples", json!({ "score": 0.5, "samples": 0 })),
        ("/costUsd", json!({ "score": 0.5, "costUsd": -1 })),
        ("/meanLatencyMs", json!({ "score": 0.5, "meanLatencyMs": "fast" })),
        ("/correct", json!({ "score": 0.5, "correct": 3 })),
    ] {
        put_score(&publisher, &run, body).await.invalid(pointer);
    }
    let refused = put_score(&publisher, &run, json!({ "score": 61.7 })).await;
    assert!(refused.text().contains("61.7 of at most 1: is it a percentage?"), "{}", refused.text());
    publisher.api.post(format!("/api/v1/runs/{run}/publish")).await.problem(422, "incomplete_run");
    publisher
        .api
        .post(format!("/api/v1/runs/{run}/results"))
        .json(passes(1, 1))
        .await
        .problem(409, "evidence_mismatch");
    let counts = json!({ "total": 100, "correctByAttempt": [1] });
    publisher.api.put(format!("/api/v1/runs/{run}/counts")).json(counts).await.problem(409, "evidence_mismatch");

    let results = publisher.another();
    results.tasks(1).await;
    let run = results.run(&results.model("m").await).await;
    put_score(&results, &run, json!({ "score": 0.5 })).await.problem(409, "evidence_mismatch");
    let stranger = Publisher::new(&host).await;
    put_score(&stranger, &run, json!({ "score": 0.5 })).await.problem(403, "not_owner");
}

async fn a_given_score_may_be_corrected_until_published(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.version("1", given(json!({}))).await;
    let model = publisher.model("m").await;
    let run = publisher.run(&model).await;
    put_score(&publisher, &run, json!({ "score": 1000, "standardError": 3 })).await.expect(200);
    put_score(&publisher, &run, json!({ "score": 1100 })).await.expect(200);
    publisher.publish(&run).await;
    put_score(&publisher, &run, json!({ "score": 2000 })).await.problem(409, "run_not_open");
    let board = publisher.leaderboard().await;
    let row = row(&board, &model);
    assert_eq!((&row["score"], &row["scoreLow"]), (&json!(1100.0), &Value::Null), "the error went with its score");
    assert!(row["flags"].as_array().unwrap().contains(&json!("missing_cost")), "{row}");
}

async fn given_scores_are_never_read_by_themselves(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.version("1", given(json!({}))).await;
    let benchmark = &publisher.benchmark;
    let path = format!("/api/v1/benchmarks/{benchmark}");
    let mark = |version: &str| publisher.api.put(format!("{path}/current-version")).json(json!({ "version": version }));
    mark("1").await.expect(200);
    publisher.version("2", json!({ "title": "Tasks", "metric": "pass_rate", "tasks": tasks(3) })).await;
    let described = publisher.api.anonymous().get(&path).await.expect(200);
    assert_eq!(described["currentVersion"], "2", "results are more");
    mark("1").await.problem(409, "version_of_counts");
}

async fn what_is_unknown_sorts_last_either_way(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.version("1", given(json!({}))).await;
    for (name, cost) in [("dear", Some(9.0)), ("unknown", None), ("cheap", Some(1.0))] {
        let run = publisher.run(&publisher.model(name).await).await;
        put_score(&publisher, &run, json!({ "score": 1000, "costUsd": cost })).await.expect(200);
        publisher.publish(&run).await;
    }
    let sorted = async |order_by: &str| {
        let path = format!("{}&sort=cost&order={order_by}", publisher.leaderboard_path());
        let board = publisher.api.anonymous().get(path).await.expect(200);
        order(&board).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(sorted("asc").await, ["cheap", "dear", "unknown"]);
    assert_eq!(sorted("desc").await, ["dear", "cheap", "unknown"]);
}
