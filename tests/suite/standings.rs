//! Where models stand on several benchmarks, and variants of one model beside each other.

use aibaas_tests::{
    Publisher, cases,
    fixtures::{admin, tasks, unique},
    host::Host,
};
use serde_json::{Value, json};

cases![KeepsMail:
    a_model_stands_where_its_boards_say,
    standings_come_in_pages,
    what_is_hidden_stands_nowhere,
    the_matrix_has_holes_and_no_average,
    the_matrix_is_ordered_by_one_benchmark,
    what_makes_no_matrix_is_refused,
    variants_are_found_by_their_base_model,
];

/// The same publisher on another benchmark.
async fn benchmark(publisher: &Publisher, stem: &str, count: usize) -> Publisher {
    let other = Publisher { benchmark: unique(stem), ..publisher.clone() };
    let body = json!({ "title": format!("The {stem}"), "metric": "pass_rate", "tasks": tasks(count) });
    other.version("1", body).await;
    other
}

async fn get(publisher: &Publisher, path: impl Into<String>) -> Value {
    publisher.api.anonymous().get(path.into()).await.expect(200)
}

async fn standings(publisher: &Publisher, model: &str) -> Vec<Value> {
    let answer = get(publisher, format!("/api/v1/models/{model}/standings")).await;
    assert_eq!(answer["model"], model);
    answer["data"].as_array().expect("standings").clone()
}

/// What both tell of a place.
const TOLD: [&str; 10] = [
    "rank",
    "rankLow",
    "rankHigh",
    "score",
    "scoreLow",
    "scoreHigh",
    "evaluatedAt",
    "evaluatorRelationship",
    "flags",
    "runId",
];

async fn a_model_stands_where_its_boards_say(host: Host) {
    let publisher = Publisher::new(&host).await;
    let (model, rival) = (publisher.model("m").await, publisher.model("rival").await);
    let (first, second) = (benchmark(&publisher, "a", 40).await, benchmark(&publisher, "b", 30).await);
    let third = benchmark(&publisher, "c", 10).await;
    for (on, of, correct, total) in [(&first, &model, 25, 40), (&first, &rival, 30, 40), (&second, &model, 20, 30)] {
        on.published(of, correct, total).await;
    }
    third.published(&rival, 1, 10).await;
    // A system of its own, whose evidence is flagged.
    let claimed = json!({ "configuration": "high", "evaluatorRelationship": "self_reported" });
    let run = first.run_of(&model, claimed).await;
    first.upload(&run, aibaas_tests::fixtures::passes(28, 40)).await;
    first.publish(&run).await;

    let told = standings(&publisher, &model).await;
    let benchmarks = told.iter().map(|line| line["benchmark"].as_str().expect("an id")).collect::<Vec<_>>();
    assert_eq!(benchmarks, [&first.benchmark, &first.benchmark, &second.benchmark], "those it is ranked on, by id");
    assert_eq!((&told[0]["title"], &told[0]["systems"]), (&json!("The a"), &json!(3)));
    assert_eq!(
        (&told[0]["configuration"], &told[0]["flags"]),
        (&json!("high"), &json!(["missing_cost", "self_reported"]))
    );
    for on in [&first, &second] {
        let board = on.leaderboard().await;
        let rows = board["data"].as_array().expect("rows").iter().filter(|row| row["model"] == *model);
        let lines = told.iter().filter(|line| line["benchmark"] == *on.benchmark).collect::<Vec<_>>();
        let rows = rows.collect::<Vec<_>>();
        assert_eq!(rows.len(), lines.len());
        for (row, line) in rows.into_iter().zip(lines) {
            for name in TOLD.into_iter().chain(["systemId"]) {
                assert_eq!(row[name], line[name], "{name}");
            }
            assert_eq!((&line["snapshotId"], &line["version"]), (&board["snapshotId"], &board["version"]));
        }
    }
    // What is withdrawn stands no longer.
    second.withdraw(told[2]["runId"].as_str().expect("an id"), "a mistake").await.expect(200);
    assert_eq!(standings(&publisher, &model).await.len(), 2);
    let nobody = format!("/api/v1/models/{}/nobody/standings", publisher.provider);
    publisher.api.anonymous().get(nobody).await.problem(404, "not_found");
}

async fn standings_come_in_pages(host: Host) {
    let publisher = Publisher::new(&host).await;
    let model = publisher.model("m").await;
    let mut all = Vec::new();
    for stem in ["a", "b", "c"] {
        let on = benchmark(&publisher, stem, 1).await;
        on.published(&model, 1, 1).await;
        all.push(on.benchmark);
    }
    let path = format!("/api/v1/models/{model}/standings?limit=2");
    let (page, _) = publisher.api.anonymous().get(&path).and_unchanged().await;
    let first = page.expect(200);
    let second = get(&publisher, format!("{path}&cursor={}", first["nextCursor"].as_str().expect("a cursor"))).await;
    let told = [&first, &second].into_iter().flat_map(|page| page["data"].as_array().expect("standings"));
    assert_eq!(told.map(|line| line["benchmark"].as_str().expect("an id")).collect::<Vec<_>>(), all);
    assert_eq!(second["nextCursor"], Value::Null);
    let unused = publisher.model("unused").await;
    assert!(standings(&publisher, &unused).await.is_empty());
}

async fn what_is_hidden_stands_nowhere(host: Host) {
    let publisher = Publisher::new(&host).await;
    let (model, spam) = (publisher.model("m").await, publisher.model("spam").await);
    let (shown, hidden) = (benchmark(&publisher, "a", 2).await, benchmark(&publisher, "b", 2).await);
    for (on, of, correct) in [(&shown, &model, 1), (&shown, &spam, 2), (&hidden, &model, 1)] {
        on.published(of, correct, 2).await;
    }
    let admin = admin(&host).await;
    for what in [format!("models/{spam}"), format!("benchmarks/{}", hidden.benchmark)] {
        let path = format!("/api/v1/admin/{what}/hide");
        admin.api.post(path).json(json!({ "reason": "It is spam." })).await.expect(200);
    }
    let told = standings(&publisher, &model).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["benchmark"], &told[0]["rank"]), (&json!(shown.benchmark), &json!(1)));
    assert_eq!(told[0]["systems"], 1);
    publisher.api.anonymous().get(format!("/api/v1/models/{spam}/standings")).await.problem(410, "hidden");
    let matrix = get(&publisher, format!("/api/v1/standings?benchmark={}", shown.benchmark)).await;
    assert_eq!(matrix["data"].as_array().map(Vec::len), Some(1));
    let path = format!("/api/v1/standings?benchmark={}", hidden.benchmark);
    publisher.api.anonymous().get(path).await.problem(404, "not_found");
}

/// Three benchmarks; `a` and `b` on the first, `b` and `c` on the second, nobody on the third.
async fn three(host: &Host) -> (Publisher, [Publisher; 3], [String; 3]) {
    let publisher = Publisher::new(host).await;
    let models = [publisher.model("a").await, publisher.model("b").await, publisher.model("c").await];
    let boards = [
        benchmark(&publisher, "x", 20).await,
        benchmark(&publisher, "y", 20).await,
        benchmark(&publisher, "z", 20).await,
    ];
    for (board, model, correct) in [(0, 0, 4), (0, 1, 16), (1, 1, 3), (1, 2, 19)] {
        boards[board].published(&models[model], correct, 20).await;
    }
    (publisher, boards, models)
}

fn query(boards: &[&Publisher]) -> String {
    boards.iter().map(|board| format!("benchmark={}", board.benchmark)).collect::<Vec<_>>().join("&")
}

fn models(matrix: &Value) -> Vec<&str> {
    let rows = matrix["data"].as_array().expect("rows");
    rows.iter().map(|row| row["model"].as_str().expect("an id")).collect()
}

async fn the_matrix_has_holes_and_no_average(host: Host) {
    let (publisher, [x, y, z], [a, b, c]) = three(&host).await;
    // In the order that they are named in.
    let matrix = get(&publisher, format!("/api/v1/standings?{}", query(&[&y, &z, &x]))).await;
    let columns = matrix["benchmarks"].as_array().expect("benchmarks");
    let named = columns.iter().map(|column| column["benchmark"].as_str().expect("an id")).collect::<Vec<_>>();
    assert_eq!(named, [&y.benchmark, &z.benchmark, &x.benchmark]);
    assert_eq!(columns[1]["systems"], 0);
    assert_eq!((&columns[1]["snapshotId"], &columns[1]["lastEvaluatedAt"]), (&Value::Null, &Value::Null));
    assert_eq!(models(&matrix), [&a, &b, &c], "by name");
    let holes = matrix["data"].as_array().expect("rows").iter().map(|row| {
        let places = row["places"].as_array().expect("places");
        places.iter().map(Value::is_null).collect::<Vec<_>>()
    });
    assert_eq!(holes.collect::<Vec<_>>(), [[true, true, false], [false, true, false], [false, true, true]]);
    for (place, board) in [(0, &y), (2, &x)] {
        let told = board.leaderboard().await;
        for row in told["data"].as_array().expect("rows") {
            let rows = matrix["data"].as_array().expect("rows");
            let of = rows.iter().find(|of| of["systemId"] == row["systemId"]).expect("a row");
            for name in TOLD {
                assert_eq!(of["places"][place][name], row[name], "{name}");
            }
        }
        assert_eq!(columns[place]["snapshotId"], told["snapshotId"]);
    }
    let names = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
    let row = names(&matrix["data"][0]);
    assert!(row.iter().all(|name| !name.contains("average") && !name.contains("mean") && name != "score"), "{row:?}");
}

async fn the_matrix_is_ordered_by_one_benchmark(host: Host) {
    let (publisher, [x, y, _], [a, b, c]) = three(&host).await;
    let path = format!("/api/v1/standings?{}", query(&[&x, &y]));
    let by = async |board: &Publisher| get(&publisher, format!("{path}&sort={}", board.benchmark)).await;
    assert_eq!(models(&by(&x).await), [&b, &a, &c], "who does not stand there comes last");
    assert_eq!(models(&by(&y).await), [&c, &b, &a]);

    let first = get(&publisher, format!("{path}&sort={}&limit=2", y.benchmark)).await;
    let cursor = first["nextCursor"].as_str().expect("a cursor").to_owned();
    let second = get(&publisher, format!("{path}&sort={}&limit=2&cursor={cursor}", y.benchmark)).await;
    assert_eq!((models(&second), &second["nextCursor"]), (vec![&*a], &Value::Null));
    let other = format!("{path}&sort={}&cursor={cursor}", x.benchmark);
    publisher.api.anonymous().get(other).await.problem(400, "malformed_request");

    let of_one = get(&publisher, format!("{path}&provider={}", publisher.provider.to_uppercase())).await;
    assert_eq!(models(&of_one).len(), 3);
    let of_none = get(&publisher, format!("{path}&provider=nobody")).await;
    assert_eq!((models(&of_none).len(), of_none["benchmarks"].as_array().map(Vec::len)), (0, Some(2)));
}

async fn what_makes_no_matrix_is_refused(host: Host) {
    let (publisher, [x, y, _], _) = three(&host).await;
    let get = async |query: String| publisher.api.anonymous().get(format!("/api/v1/standings?{query}")).await;
    get(format!("benchmark={}", unique("none"))).await.problem(404, "not_found");
    let nine = (0..9).map(|n| format!("benchmark=b{n}")).collect::<Vec<_>>().join("&");
    for wrong in [
        nine,
        "benchmark=".to_owned(),
        "benchmark=a%20b".to_owned(),
        format!("benchmark={}&sort={}", x.benchmark, y.benchmark),
        "provider=".to_owned(),
        "baseModel=a".to_owned(),
        "limit=0".to_owned(),
        "limit=2&limit=3".to_owned(),
        "cursor=abc".to_owned(),
        "average=1".to_owned(),
    ] {
        get(wrong).await.problem(400, "malformed_request");
    }
    // Named twice, it stands once.
    let twice = get(format!("benchmark={0}&benchmark={0}", x.benchmark)).await.expect(200);
    assert_eq!(twice["benchmarks"].as_array().map(Vec::len), Some(1));
    // Without any: those that something was published on, at most eight.
    let default = get("limit=1".to_owned()).await.expect(200);
    let columns = default["benchmarks"].as_array().expect("benchmarks");
    assert!((1..=8).contains(&columns.len()) && columns.iter().all(|column| !column["snapshotId"].is_null()));
}

async fn variants_are_found_by_their_base_model(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(20).await;
    let base = publisher.model("base").await;
    let other = publisher.model("other").await;
    let mut variants = Vec::new();
    for effort in ["high", "low"] {
        let id = format!("{}/base-{effort}", publisher.provider);
        let body = json!({ "displayName": effort, "baseModel": base });
        publisher.api.put(format!("/api/v1/models/{id}")).json(body).await.expect(201);
        variants.push(id);
    }
    for (model, correct) in [(&base, 10), (&other, 15), (&variants[0], 18), (&variants[1], 2)] {
        publisher.published(model, correct, 20).await;
    }
    let rows = async |query: String| {
        let board = get(&publisher, format!("{}{query}", publisher.leaderboard_path())).await;
        let rows = board["data"].as_array().expect("rows").iter();
        rows.map(|row| (row["model"].as_str().expect("an id").to_owned(), row["rank"].clone())).collect::<Vec<_>>()
    };
    let [high, low] = [&variants[0], &variants[1]].map(String::clone);
    let told = |model: &str, rank: u32| (model.to_owned(), json!(rank));
    let of_base = [told(&high, 1), told(&base, 3), told(&low, 4)];
    assert_eq!(rows(format!("&baseModel={}", base.to_uppercase())).await, of_base, "they keep their ranks");
    let grouped = [told(&high, 1), told(&base, 3), told(&low, 4), told(&other, 2)];
    assert_eq!(rows("&group=baseModel".to_owned()).await, grouped);
    let cheapest = rows("&group=baseModel&sort=rank&order=desc".to_owned()).await;
    assert_eq!(cheapest, [told(&low, 4), told(&base, 3), told(&high, 1), told(&other, 2)], "in the order asked for");
    let matrix = get(&publisher, format!("/api/v1/standings?benchmark={}&baseModel={base}", publisher.benchmark)).await;
    assert_eq!(models(&matrix), [&base, &high, &low]);
    assert_eq!(matrix["data"][1]["baseModel"], *base);
    let path = format!("{}&baseModel=base", publisher.leaderboard_path());
    publisher.api.anonymous().get(path).await.problem(400, "malformed_request");

    let page = format!("/leaderboard?benchmark={}&group=baseModel", publisher.benchmark);
    let page = publisher.api.anonymous().get(page).await;
    page.expect(200);
    let text = page.text();
    let (_, table) = text.split_once("<tbody").expect("a table");
    let below = |model: &str| {
        let (before, _) = table.split_once(&format!("models/{model}\"")).expect("its row");
        before.rsplit_once("<tr").expect("a row").1.starts_with(" class=\"other\"")
    };
    assert_eq!([&high, &base, &low, &other].map(|model| below(model)), [false, true, true, false], "{text}");
}
