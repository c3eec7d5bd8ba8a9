//! Slices of the leaderboard by scenario, language and difficulty, and what only chooses and orders its rows.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{row, seeded, unique},
    host::Host,
    oracle::{Best, Slice, Sliced},
};
use fastrand::Rng;
use futures_util::future::join_all;
use serde_json::{Value, json};

cases![KeepsMail:
    every_slice_is_what_its_results_say,
    slices_of_several_attempts_and_clusters,
    slices_where_less_is_better,
    filters_choose_rows_and_leave_their_ranks,
    every_order_goes_both_ways,
    a_slice_that_no_task_is_in_is_empty,
];

const SCENARIOS: [&str; 3] = ["edit", "fix", "write"];
const LANGUAGES: [&str; 2] = ["go", "rust"];
const DIFFICULTIES: [&str; 2] = ["easy", "hard"];

/// Tasks of random values, some of none; where there are clusters, most are in one.
fn tasks(random: &mut Rng, count: usize, clusters: u32) -> Vec<Value> {
    let task = |n: usize| {
        let mut task = json!({ "id": format!("t{n}") });
        for (name, values) in [("scenario", &SCENARIOS[..]), ("language", &LANGUAGES), ("difficulty", &DIFFICULTIES)] {
            if random.u8(..8) > 0 {
                task[name] = json!(random.choice(values));
            }
        }
        if clusters > 0 && random.u8(..5) > 0 {
            task["cluster"] = json!(format!("c{}", random.u32(..clusters)));
        }
        task
    };
    (1..=count).map(task).collect()
}

/// What a version measures and how.
#[derive(Clone, Copy, Debug)]
struct Measure {
    metric: &'static str,
    attempts: u32,
    samples: bool,
    clusters: u32,
    best: Best,
}

/// Random results of a model: better or worse by `skill`, some without a cost or a latency.
fn results(random: &mut Rng, tasks: &[Value], measure: Measure, skill: f64) -> Vec<Value> {
    let costs = random.u8(..4);
    let mut results = Vec::new();
    for task in tasks {
        for attempt in 1..=measure.attempts {
            let mut result = json!({ "task": task["id"], "attempt": attempt, "status": "success" });
            if measure.samples {
                let passed = (0..4).filter(|_| random.f64() < skill).count();
                result["samples"] = json!(4);
                result["correct"] = json!(passed);
                result["score"] = json!(f64::from(u32::try_from(passed).expect("few")) / 4.0);
            } else if measure.metric == "score" {
                // Of eighths, whose sums are exact: equal scores share a rank.
                result["score"] = json!(f64::from(random.u32(..=8)) / 8.0);
            } else {
                result["score"] = json!(u8::from(random.f64() < skill));
            }
            let worst = u8::from(measure.best == Best::Lowest);
            if result["score"] == worst && random.bool() {
                result["status"] = json!(random.choice(["failed", "timeout", "error"]));
            }
            if random.u8(..5) > 0 {
                result["latencyMs"] = json!(f64::from(random.u32(..100_000)) / 8.0);
            }
            // One model in four costs nothing, one has a few unknown costs.
            match costs {
                0 => {}
                1 if random.u8(..20) == 0 => {}
                _ => result["costUsd"] = json!(f64::from(random.u32(1..1000)) / 1024.0),
            }
            results.push(result);
        }
    }
    results
}

/// A benchmark of such tasks with published models; their results beside their names.
async fn published(
    publisher: &Publisher,
    random: &mut Rng,
    measure: Measure,
    models: usize,
) -> (Publisher, Vec<Value>, Vec<(String, Vec<Value>)>) {
    let publisher = publisher.another();
    let tasks = tasks(random, 70, measure.clusters);
    let version = json!({
        "title": "Sliced", "metric": measure.metric, "tasks": tasks, "attemptsPerTask": measure.attempts,
        "direction": if measure.best == Best::Lowest { "lower_is_better" } else { "higher_is_better" },
    });
    publisher.version("1", version).await;
    let mut all = Vec::new();
    for n in 0..models {
        let skill = random.f64();
        all.push((publisher.model(&format!("m{n}")).await, results(random, &tasks, measure, skill)));
    }
    join_all(all.iter().map(|(model, results)| publisher.publish_results(model, json!(results)))).await;
    (publisher, tasks, all)
}

fn every_slice() -> Vec<Slice<'static>> {
    fn or_any<'a>(values: &[&'a str]) -> Vec<Option<&'a str>> {
        values.iter().copied().map(Some).chain([None]).collect()
    }
    let mut slices = Vec::new();
    for scenario in or_any(&SCENARIOS) {
        for language in or_any(&LANGUAGES) {
            for difficulty in or_any(&DIFFICULTIES) {
                slices.push(Slice { scenario, language, difficulty });
            }
        }
    }
    slices
}

async fn check_slices(publisher: &Publisher, random: &mut Rng, measure: Measure, slices: &[Slice<'_>]) {
    let (publisher, tasks, models) = published(publisher, random, measure, 6).await;
    let check = async |slice: &Slice<'_>| {
        let path = format!("{}{}", publisher.leaderboard_path(), slice.query());
        let leaderboard = publisher.api.anonymous().get(path).await.expect(200);
        let of = |results: &Vec<Value>| Sliced::of(measure.metric, &tasks, results, *slice);
        let expected = models.iter().filter_map(|(_, results)| of(results)).collect::<Vec<_>>();
        assert_eq!(leaderboard["data"].as_array().map(Vec::len), Some(expected.len()), "{slice:?}");
        for ((model, _), one) in models.iter().zip(&expected) {
            one.assert_row(row(&leaderboard, model), &expected, measure.best);
        }
    };
    join_all(slices.iter().map(check)).await;
}

async fn every_slice_is_what_its_results_say(host: Host) {
    let mut random = seeded();
    let measure = Measure { metric: "pass_rate", attempts: 1, samples: false, clusters: 0, best: Best::Highest };
    check_slices(&Publisher::new(&host).await, &mut random, measure, &every_slice()).await;
}

async fn slices_where_less_is_better(host: Host) {
    let mut random = seeded();
    let measure = Measure { metric: "pass_rate", attempts: 1, samples: false, clusters: 0, best: Best::Lowest };
    check_slices(&Publisher::new(&host).await, &mut random, measure, &every_slice()[..8]).await;
}

async fn slices_of_several_attempts_and_clusters(host: Host) {
    let mut random = seeded();
    let publisher = Publisher::new(&host).await;
    for measure in [
        Measure { metric: "pass_rate", attempts: 2, samples: false, clusters: 0, best: Best::Highest },
        Measure { metric: "pass_rate", attempts: 1, samples: false, clusters: 30, best: Best::Highest },
        Measure { metric: "pass_rate", attempts: 2, samples: true, clusters: 0, best: Best::Highest },
        Measure { metric: "score", attempts: 1, samples: false, clusters: 40, best: Best::Lowest },
        Measure { metric: "score", attempts: 2, samples: false, clusters: 0, best: Best::Lowest },
    ] {
        let mut slices = every_slice();
        random.shuffle(&mut slices);
        slices.truncate(6);
        slices.push(Slice::default());
        check_slices(&publisher, &mut random, measure, &slices).await;
    }
}

async fn filters_choose_rows_and_leave_their_ranks(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(6).await;
    let other = unique("another");
    for (n, provider) in [&publisher.provider, &other].into_iter().cycle().take(6).enumerate() {
        let model = format!("{provider}/m{n}");
        let body = json!({ "displayName": format!("Model No. {n}") });
        publisher.api.put(format!("/api/v1/models/{model}")).json(body).await.expect(201);
        publisher.published(&model, n, 6).await;
    }
    let all = publisher.leaderboard().await;
    let rows = all["data"].as_array().expect("rows");
    let chosen = async |query: &str, fits: &(dyn Fn(&str) -> bool + Sync)| {
        let path = format!("{}&{query}", publisher.leaderboard_path());
        let shown = publisher.api.anonymous().get(path).await.expect(200);
        let expected = rows.iter().filter(|row| fits(row["model"].as_str().expect("a model"))).collect::<Vec<_>>();
        assert_eq!(shown["data"], json!(expected), "{query}");
        assert_eq!(shown["snapshotId"], all["snapshotId"], "{query}");
        expected.len()
    };
    assert_eq!(chosen(&format!("provider={other}"), &|model| model.starts_with(&other)).await, 3);
    assert_eq!(chosen(&format!("provider={}", other.to_uppercase()), &|model| model.starts_with(&other)).await, 3);
    assert_eq!(chosen("q=m3", &|model| model.ends_with("/m3")).await, 1);
    assert_eq!(chosen("q=No.%205", &|model| model.ends_with("/m5")).await, 1);
    assert_eq!(chosen("q=model%20no", &|_| true).await, 6);
    assert_eq!(chosen("q=no_%205", &|_| false).await, 0);
    assert_eq!(chosen(&format!("q=m3&provider={other}&period=7d"), &|model| model == format!("{other}/m3")).await, 1);
    for period in ["7d", "30d", "90d", "all"] {
        assert_eq!(chosen(&format!("period={period}"), &|_| true).await, 6);
    }
}

async fn every_order_goes_both_ways(host: Host) {
    let mut random = seeded();
    let measure = Measure { metric: "pass_rate", attempts: 1, samples: false, clusters: 0, best: Best::Highest };
    let (publisher, tasks, models) = published(&Publisher::new(&host).await, &mut random, measure, 8).await;
    // Whatever chance gave: two of no known cost or latency.
    for name in ["free", "free-too"] {
        let model = publisher.model(name).await;
        let results = results(&mut random, &tasks, measure, 0.5).into_iter().map(|mut result| {
            let members = result.as_object_mut().expect("an object");
            members.remove("costUsd");
            members.remove("latencyMs");
            result
        });
        publisher.publish_results(&model, results.collect()).await;
    }
    let api = publisher.api.anonymous();
    for (sort, member) in
        [("score", "score"), ("cost", "costUsd"), ("latency", "latencyMsP50"), ("date", "publishedAt")]
    {
        for order in ["asc", "desc"] {
            let path = format!("{}&language=rust&sort={sort}&order={order}", publisher.leaderboard_path());
            let rows = api.get(path).await.expect(200)["data"].as_array().expect("rows").clone();
            assert_eq!(rows.len(), models.len() + 2, "each model once");
            let known = rows.iter().map(|row| &row[member]).take_while(|value| !value.is_null()).collect::<Vec<_>>();
            assert!(rows[known.len()..].iter().all(|row| row[member].is_null()), "{sort} {order}: unknown comes last");
            let sorted = known.windows(2).all(|pair| {
                let (a, b) = if order == "asc" { (pair[0], pair[1]) } else { (pair[1], pair[0]) };
                match (a.as_f64(), b.as_f64()) {
                    (Some(a), Some(b)) => a <= b,
                    _ => a.as_str() <= b.as_str(),
                }
            });
            assert!(sorted, "{sort} {order}: {known:?}");
            if sort == "cost" || sort == "latency" {
                assert!((1..=models.len()).contains(&known.len()), "{known:?}");
            }
        }
    }
}

async fn a_slice_that_no_task_is_in_is_empty(host: Host) {
    let publisher = Publisher::new(&host).await;
    let tasks = json!([
        { "id": "t1", "scenario": "edit", "language": "go" },
        { "id": "t2", "scenario": "fix", "language": "rust" },
        { "id": "t3" },
    ]);
    publisher.version("1", json!({ "title": "B", "metric": "pass_rate", "tasks": tasks })).await;
    publisher.published(&publisher.model("m").await, 2, 3).await;
    let whole = publisher.leaderboard().await;
    for query in
        ["scenario=edit&language=rust", "difficulty=hard", "scenario=Edit", "language=go%00", "scenario=edit%25"]
    {
        let shown =
            publisher.api.anonymous().get(format!("{}&{query}", publisher.leaderboard_path())).await.expect(200);
        assert_eq!((&shown["data"], &shown["snapshotId"]), (&json!([]), &whole["snapshotId"]), "{query}");
    }
    let benchmark = publisher.api.get(format!("/api/v1/benchmarks/{}", publisher.benchmark)).await.expect(200);
    let version = &benchmark["versions"][0];
    assert_eq!(version["taskCount"], 3);
    assert_eq!(version["slices"], json!({ "scenario": ["edit", "fix"], "language": ["go", "rust"], "difficulty": [] }));
}
