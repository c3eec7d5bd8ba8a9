//! One model against others, and scores against costs.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{passes, row, seeded, unique},
    host::Host,
    oracle::{exact_mcnemar, holm},
};
use serde_json::{Value, json};

cases![KeepsMail:
    passes_are_compared_by_the_exact_test,
    published_scores_differ_as_scipy_says,
    known_tables_of_mcnemar,
    several_comparisons_are_adjusted_together,
    random_comparisons_agree_with_holm,
    clusters_are_taken_together,
    counts_alone_have_newcombes_interval,
    a_comparison_stays_with_its_snapshot,
    private_tasks_are_compared_in_aggregates,
    what_cannot_be_compared_is_refused,
    costs_stand_against_scores,
];

#[track_caller]
pub fn assert_close(value: &Value, expected: f64) {
    assert!(value.as_f64().is_some_and(|value| (value - expected).abs() < 5e-7), "{value} is not {expected}");
}

/// A result for each task, `t1` on, that passes or fails.
pub fn results(passed: impl Iterator<Item = bool>) -> Value {
    let result = |(n, passed): (usize, bool)| {
        let status = if passed { "success" } else { "failed" };
        json!({ "task": format!("t{}", n + 1), "attempt": 1, "status": status, "score": u8::from(passed) })
    };
    passed.enumerate().map(result).collect()
}

/// Publishes a run of a new model and returns the model's id.
pub async fn ran(publisher: &Publisher, name: &str, results: Value) -> String {
    let model = publisher.model(name).await;
    let run = publisher.run(&model).await;
    publisher.upload(&run, results).await;
    publisher.publish(&run).await;
    model
}

fn path(publisher: &Publisher, a: &str, b: &str) -> String {
    format!("/api/v1/leaderboard/compare?benchmark={}&a={a}&b={b}", publisher.benchmark)
}

async fn compared(publisher: &Publisher, a: &str, b: &str) -> Value {
    publisher.api.anonymous().get(path(publisher, a, b)).await.expect(200)
}

async fn passes_are_compared_by_the_exact_test(host: Host) {
    let publisher = Publisher::new(&host).await;
    let language = |n: usize| if n <= 67 { json!("rust") } else { Value::Null };
    let tasks = (1..=100)
        .map(|n| json!({ "id": format!("t{n}"), "language": language(n), "scenario": if n > 90 { "late" } else { "early" } }));
    let body = json!({ "title": "Passes", "metric": "pass_rate", "tasks": tasks.collect::<Value>() });
    publisher.version("1", body).await;
    // Both pass 30, neither 2, the first alone 37, the second alone 31.
    let a = ran(&publisher, "a", results((0..100).map(|n| n < 67))).await;
    let b = ran(&publisher, "b", results((0..100).map(|n| n < 30 || (67..98).contains(&n)))).await;

    let answer = compared(&publisher, &a, &b).await;
    let leaderboard = publisher.leaderboard().await;
    assert_eq!(answer["snapshotId"], leaderboard["snapshotId"]);
    assert_eq!((&answer["benchmark"], &answer["version"]), (&leaderboard["benchmark"], &json!("1")));
    for (side, model) in [(&answer["a"], &a), (&answer["comparisons"][0]["b"], &b)] {
        let row = row(&leaderboard, model);
        for member in ["model", "displayName", "runId", "score"] {
            assert_eq!(side[member], row[member], "{member}");
        }
    }
    let found = &answer["comparisons"][0];
    assert_eq!((&found["method"], &found["tasks"]), (&json!("mcnemar"), &json!(100)));
    assert_eq!(found["discordant"], json!({ "aOnly": 37, "bOnly": 31 }));
    assert_close(&found["pValue"], 0.544_612);
    assert_eq!(found["pValueAdjusted"], found["pValue"], "the only comparison");
    // scipy: the mean, scipy.stats.sem and t.interval of the differences.
    for (member, expected) in
        [("difference", 0.06), ("standardError", 0.082_657_869), ("low", -0.104_011_144), ("high", 0.224_011_144)]
    {
        assert_close(&found[member], expected);
    }

    let slices = found["slices"].as_array().unwrap();
    let of = |value: &str| slices.iter().find(|slice| slice["value"] == value).unwrap();
    assert_eq!(slices.len(), 3, "a task without a language is in no language's slice");
    assert_eq!((&of("rust")["dimension"], &of("rust")["tasks"]), (&json!("language"), &json!(67)));
    assert_eq!(of("rust")["discordant"], json!({ "aOnly": 37, "bOnly": 0 }));
    let late = of("late");
    assert_eq!((&late["dimension"], &late["tasks"]), (&json!("scenario"), &json!(10)));
    assert_eq!((&late["low"], &late["high"]), (&Value::Null, &Value::Null), "under 20 tasks no interval is shown");
    // 8 of the 10 for the second: p = 2/2⁸. The other two, of 67 and 90 tasks, are smaller and larger.
    assert_close(&late["difference"], -0.8);
    assert_close(&late["pValue"], 2.0 / 256.0);
    assert_close(&late["pValueAdjusted"], 2.0 * 2.0 / 256.0);

    let back = compared(&publisher, &b, &a).await;
    let back = &back["comparisons"][0];
    assert_close(&back["difference"], -0.06);
    assert_close(&back["low"], -0.224_011_144);
    assert_eq!((&back["pValue"], &back["discordant"]), (&found["pValue"], &json!({ "aOnly": 31, "bOnly": 37 })));
}

/// `EvalPerf`'s published results of two models: the tasks, and what each uploads.
pub fn evalperf() -> (Value, [Value; 2]) {
    let of = |model: &str| {
        let result = |fields: Vec<&'static str>| {
            let (samples, correct): (u32, u32) =
                (fields[4].parse().expect("samples"), fields[5].parse().expect("passes"));
            json!({ "task": fields[3], "attempt": 1, "status": "success",
                "score": f64::from(correct) / f64::from(samples), "samples": samples, "correct": correct })
        };
        include_str!("../../data/evalplus/evalperf_per_task.csv")
            .lines()
            .map(|line| line.split(',').collect::<Vec<_>>())
            .filter(|fields| fields[0].starts_with(model))
            .map(result)
            .collect::<Vec<_>>()
    };
    let (first, second) = (of("deepseek-chat-v3_"), of("gpt-4o-2024-08-06_"));
    let tasks = first.iter().map(|result| json!({ "id": result["task"] })).collect();
    (tasks, [first.into(), second.into()])
}

async fn published_scores_differ_as_scipy_says(host: Host) {
    let publisher = Publisher::new(&host).await;
    let (tasks, [first, second]) = evalperf();
    publisher.version("1", json!({ "title": "EvalPerf", "metric": "pass_rate", "tasks": tasks })).await;
    let a = ran(&publisher, "deepseek", first).await;
    let b = ran(&publisher, "gpt-4o", second).await;
    let answer = compared(&publisher, &a, &b).await;
    let found = &answer["comparisons"][0];
    assert_eq!(
        (&found["method"], &found["tasks"], &found["discordant"]),
        (&json!("paired_t"), &json!(118), &Value::Null)
    );
    for (member, expected) in [
        ("difference", 0.019_067_797),
        ("standardError", 0.022_622_816),
        ("low", -0.025_735_504),
        ("high", 0.063_871_098),
        ("pValue", 0.401_028_230),
    ] {
        assert_close(&found[member], expected);
    }
}

async fn several_comparisons_are_adjusted_together(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(30).await;
    let best = ran(&publisher, "best", passes(28, 30)).await;
    let mut others = Vec::new();
    for correct in [26, 20, 14] {
        others.push(ran(&publisher, &format!("m{correct}"), passes(correct, 30)).await);
    }
    let answer = compared(&publisher, &best, &others.join(",")).await;
    let comparisons = answer["comparisons"].as_array().unwrap();
    assert_eq!(comparisons.iter().map(|one| one["b"]["model"].as_str().unwrap()).collect::<Vec<_>>(), others);
    // The first alone passes 2, 8 and 14: exact p-values 2/2², 2/2⁸ and 2/2¹⁴, times 1, 2 and 3.
    for (one, (p_value, factor)) in comparisons.iter().zip([(0.5, 1.0), (2.0 / 256.0, 2.0), (2.0 / 16_384.0, 3.0)]) {
        assert_close(&one["pValue"], p_value);
        assert_close(&one["pValueAdjusted"], p_value * factor);
    }
    let named_twice = format!("{},{}", others[0], others[0]);
    assert_eq!(compared(&publisher, &best, &named_twice).await["comparisons"].as_array().unwrap().len(), 1);
}

/// `b` tasks that only the first passes, `c` that only the second does, and some that both or neither does.
fn discordant(b: usize, c: usize) -> (Vec<bool>, Vec<bool>) {
    let first = (0..80).map(|n| n < b || n >= 76).collect();
    let second = (0..80).map(|n| (b..b + c).contains(&n) || n >= 76).collect();
    (first, second)
}

async fn known_tables_of_mcnemar(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(80).await;
    for (n, (b, c, p)) in
        [(18, 18, 1.0), (33, 31, 0.9007), (37, 31, 0.5446), (10, 0, 0.001_953), (0, 0, 1.0)].into_iter().enumerate()
    {
        assert!((exact_mcnemar(b, c) - p).abs() < 5e-5, "the oracle: {b}/{c}");
        let (first, second) = discordant(b, c);
        let models = (format!("a{n}"), format!("b{n}"));
        let (a, other) = (
            ran(&publisher, &models.0, results(first.into_iter())).await,
            ran(&publisher, &models.1, results(second.into_iter())).await,
        );
        let answer = compared(&publisher, &a, &other).await;
        let found = &answer["comparisons"][0];
        assert_eq!((&found["method"], &found["tasks"]), (&json!("mcnemar"), &json!(80)));
        assert_eq!(found["discordant"], json!({ "aOnly": b, "bOnly": c }));
        assert_close(&found["pValue"], exact_mcnemar(b, c));
        let share = |count: usize| f64::from(u32::try_from(count).expect("few")) / 80.0;
        assert_close(&found["difference"], share(b) - share(c));
        assert_close(&answer["a"]["score"], share(b + 4));
        assert_close(&found["b"]["score"], share(c + 4));
        assert_eq!((&answer["a"]["model"], &found["b"]["model"]), (&json!(a), &json!(other)));
        let (low, high) = (found["low"].as_f64().expect("an end"), found["high"].as_f64().expect("an end"));
        assert!(low <= share(b) - share(c) && share(b) - share(c) <= high, "{found}");
    }
}

async fn random_comparisons_agree_with_holm(host: Host) {
    assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02], "the oracle");
    let mut random = seeded();
    let publisher = Publisher::new(&host).await;
    publisher.tasks(60).await;
    let mut draw = |skill: f64| (0..60).map(|_| random.f64() < skill).collect::<Vec<_>>();
    let a = ran(&publisher, "a", results(draw(0.8).into_iter())).await;
    let mut others = Vec::new();
    for (n, skill) in [0.2, 0.5, 0.6, 0.75, 0.8].into_iter().enumerate() {
        others.push(ran(&publisher, &format!("b{n}"), results(draw(skill).into_iter())).await);
    }
    let answer = compared(&publisher, &a, &others.join(",")).await;
    let found = answer["comparisons"].as_array().expect("comparisons");
    let number = |found: &Value, member: &str| found[member].as_f64().expect("a number");
    assert_eq!(found.iter().map(|one| one["b"]["model"].as_str().expect("a model")).collect::<Vec<_>>(), others);
    let adjusted = holm(&found.iter().map(|one| number(one, "pValue")).collect::<Vec<_>>());
    for ((one, other), adjusted) in found.iter().zip(&others).zip(adjusted) {
        assert_close(&one["pValueAdjusted"], adjusted);
        let alone = compared(&publisher, &a, other).await;
        assert_close(&alone["comparisons"][0]["pValue"], number(one, "pValue"));
        let counts = |side: &str| usize::try_from(one["discordant"][side].as_u64().expect("a count")).expect("few");
        assert_close(&one["pValue"], exact_mcnemar(counts("aOnly"), counts("bOnly")));
    }
}

async fn clusters_are_taken_together(host: Host) {
    let publisher = Publisher::new(&host).await;
    let tasks = (0..60).map(|n| json!({ "id": format!("t{}", n + 1), "cluster": format!("c{}", n / 3) }));
    let body = json!({ "title": "Clustered", "metric": "pass_rate", "tasks": tasks.collect::<Value>() });
    publisher.version("1", body).await;
    // Whole clusters differ: 20 clusters say as much as 20 tasks.
    let a = ran(&publisher, "a", results((0..60).map(|n| n / 3 < 10))).await;
    let b = ran(&publisher, "b", results((0..60).map(|n| n / 3 < 6))).await;
    let answer = compared(&publisher, &a, &b).await;
    let found = &answer["comparisons"][0];
    assert_eq!((&found["method"], &found["tasks"]), (&json!("paired_t"), &json!(60)));
    assert_eq!(found["discordant"], json!({ "aOnly": 12, "bOnly": 0 }));
    // scipy: four of twenty differences are 1, the others 0.
    for (member, expected) in
        [("difference", 0.2), ("standardError", 0.091_766_294), ("low", 0.007_930_940), ("pValue", 0.042_086_287)]
    {
        assert_close(&found[member], expected);
    }
}

async fn counts_alone_have_newcombes_interval(host: Host) {
    let publisher = Publisher::new(&host).await;
    let body = json!({ "title": "Counted", "metric": "pass_rate", "evidence": "counts", "taskCount": 225 });
    publisher.version("1", body).await;
    let mut models = Vec::new();
    for correct in [198, 195] {
        let model = publisher.model(&format!("m{correct}")).await;
        let run = publisher.run(&model).await;
        let counts = json!({ "total": 225, "correctByAttempt": [correct] });
        publisher.api.put(format!("/api/v1/runs/{run}/counts")).json(counts).await.expect(200);
        publisher.publish(&run).await;
        models.push(model);
    }
    let answer = compared(&publisher, &models[0], &models[1]).await;
    let found = &answer["comparisons"][0];
    // statsmodels: confint_proportions_2indep(198, 225, 195, 225, method="newcomb")
    for (member, expected) in [("difference", 0.013_333_333), ("low", -0.048_839_137), ("high", 0.075_572_889)] {
        assert_close(&found[member], expected);
    }
    assert_eq!((&found["method"], &found["slices"]), (&json!("newcombe"), &json!([])));
    for member in ["pValue", "pValueAdjusted", "standardError", "discordant"] {
        assert_eq!(found[member], Value::Null, "{member}");
    }
}

async fn a_comparison_stays_with_its_snapshot(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(20).await;
    let a = ran(&publisher, "a", passes(15, 20)).await;
    let b = ran(&publisher, "b", passes(5, 20)).await;
    let api = publisher.api.anonymous();
    let (before, _) = api.get(path(&publisher, &a, &b)).and_unchanged().await;
    assert_eq!(
        before.header("cache-control"),
        Some("public, max-age=60, stale-while-revalidate=300, stale-if-error=86400")
    );
    let tag = before.header("etag").expect("an ETag").to_owned();
    let before = before.expect(200);

    publisher.published(&b, 20, 20).await;
    let after = api.get(path(&publisher, &a, &b)).header("If-None-Match", &tag).await.expect(200);
    assert_close(&after["comparisons"][0]["difference"], -0.25);
    let snapshot = before["snapshotId"].as_str().unwrap();
    assert_eq!(api.get(format!("{}&snapshot={snapshot}", path(&publisher, &a, &b))).await.expect(200), before);
    // What was published later has no entry in an earlier snapshot.
    let late = ran(&publisher, "late", passes(1, 20)).await;
    api.get(path(&publisher, &a, &late)).await.expect(200);
    api.get(format!("{}&snapshot={snapshot}", path(&publisher, &a, &late))).await.problem(404, "not_found");
}

async fn private_tasks_are_compared_in_aggregates(host: Host) {
    let publisher = Publisher::new(&host).await;
    let secret = unique("secret");
    let tasks = (1..=20).map(|n| json!({ "id": format!("{secret}-{n}"), "language": "go" })).collect::<Value>();
    let body = json!({ "title": "Private", "metric": "pass_rate", "privateTasks": true, "tasks": tasks });
    publisher.version("1", body).await;
    let renamed = |mut results: Value| {
        for (n, result) in results.as_array_mut().unwrap().iter_mut().enumerate() {
            result["task"] = json!(format!("{secret}-{}", n + 1));
        }
        results
    };
    let a = ran(&publisher, "a", renamed(passes(15, 20))).await;
    let b = ran(&publisher, "b", renamed(passes(5, 20))).await;
    let answer = compared(&publisher, &a, &b).await;
    assert_eq!(answer["comparisons"][0]["slices"][0]["discordant"], json!({ "aOnly": 10, "bOnly": 0 }));
    assert!(!answer.to_string().contains(&secret), "no task is named");
}

async fn what_cannot_be_compared_is_refused(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let a = ran(&publisher, "a", passes(3, 4)).await;
    let b = ran(&publisher, "b", passes(1, 4)).await;
    let idle = publisher.model("idle").await;
    let api = publisher.api.anonymous();
    for (first, others) in [(&a, &idle), (&idle, &a), (&a, &format!("{b},nobody/nothing"))] {
        api.get(path(&publisher, first, others)).await.problem(404, "not_found");
    }
    let elsewhere = format!("/api/v1/leaderboard/compare?benchmark={}&a={a}&b={b}", unique("bench"));
    api.get(elsewhere).await.problem(404, "not_found");
    api.get(format!("{}&version=2", path(&publisher, &a, &b))).await.problem(404, "not_found");
    let many = (0..21).map(|n| format!("nobody/m{n}")).collect::<Vec<_>>().join(",");
    for (first, others, pointer) in [(a.as_str(), a.as_str(), "?b"), (&a, &format!("{b},{a}"), "?b"), (&a, &many, "?b")]
    {
        let problem = api.get(path(&publisher, first, others)).await.problem(422, "validation_failed");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    for query in [
        format!("a={a}"),
        format!("b={b}"),
        format!("a={a}&b="),
        format!("a=&b={b}"),
        format!("a={a}&b={b}&limit=1"),
        format!("a={a}&a={a}&b={b}"),
    ] {
        let path = format!("/api/v1/leaderboard/compare?benchmark={}&{query}", publisher.benchmark);
        api.get(path).await.problem(400, "malformed_request");
    }
}

async fn costs_stand_against_scores(host: Host) {
    let publisher = Publisher::new(&host).await;
    let tasks = json!([{ "id": "t1", "language": "go" }, { "id": "t2", "language": "rust" }]);
    publisher.version("1", json!({ "title": "Costs", "metric": "pass_rate", "tasks": tasks })).await;
    for (name, correct, cost) in [
        ("good", 2, json!(2.0)),
        ("cheap", 1, json!(0.5)),
        ("poor", 0, json!(3.0)),
        ("local", 2, json!(0)),
        ("unknown", 2, Value::Null),
    ] {
        let mut results = passes(correct, 2);
        for result in results.as_array_mut().unwrap().iter_mut().filter(|_| !cost.is_null()) {
            result["costUsd"] = json!(cost.as_f64().unwrap() / 2.0);
        }
        ran(&publisher, name, results).await;
    }
    let path = format!("/api/v1/leaderboard/pareto?benchmark={}", publisher.benchmark);
    let api = publisher.api.anonymous();
    let answer = api.get(&path).await;
    let front = answer.expect(200);
    let points = front["data"].as_array().unwrap().iter();
    let points =
        points.map(|point| (point["displayName"].as_str().unwrap(), &point["costUsd"], &point["paretoOptimal"]));
    let (yes, no) = (json!(true), json!(false));
    let (half, two, three) = (json!(0.5), json!(2.0), json!(3.0));
    assert_eq!(points.collect::<Vec<_>>(), [("cheap", &half, &yes), ("good", &two, &yes), ("poor", &three, &no)]);
    assert_eq!(front["withoutCost"], 2, "neither free nor forgotten");
    let leaderboard = publisher.leaderboard().await;
    assert_eq!(front["snapshotId"], leaderboard["snapshotId"]);
    for point in front["data"].as_array().unwrap() {
        let row = row(&leaderboard, point["model"].as_str().unwrap());
        for (member, value) in point.as_object().unwrap() {
            assert_eq!(*value, row[member], "{member}");
        }
    }

    assert_eq!(
        answer.header("cache-control"),
        Some("public, max-age=60, stale-while-revalidate=300, stale-if-error=86400")
    );
    api.get(&path).and_unchanged().await;
    // The first task alone: what is cheap is as good as what is dear.
    let slice = api.get(format!("{path}&language=go")).await.expect(200);
    let optimal = slice["data"].as_array().unwrap().iter().map(|point| point["paretoOptimal"].as_bool().unwrap());
    assert_eq!(optimal.collect::<Vec<_>>(), [true, false, false]);
    let empty = api.get(format!("{path}&language=cobol")).await.expect(200);
    assert_eq!((&empty["data"], &empty["withoutCost"]), (&json!([]), &json!(0)));
    api.get(format!("/api/v1/leaderboard/pareto?benchmark={}", unique("bench"))).await.problem(404, "not_found");
    api.get(format!("{path}&sort=cost")).await.problem(400, "malformed_request");
}
