//! Answers that an instance has given before: the same again while nothing has changed, and never an old one.

use aibaas_tests::{
    Answer, Client, Key, Publisher, cases,
    fixtures::{admin, row, tasks, unique},
    host::Host,
};
use reqwest::Method;
use serde_json::{Value, json};

cases![KeepsMail:
    an_answer_is_the_same_again,
    each_publication_shows_at_once,
    what_is_declared_anew_shows_at_once,
    what_a_model_is_a_variant_of_shows_at_once,
    another_version_shows_at_once_on_the_page_of_a_board,
    forms_and_orders_are_told_apart,
    what_tells_of_a_reader_is_nobody_elses;
// Nobody else publishes meanwhile.
MovesTime:
    pages_of_all_benchmarks_are_the_same_again,
    pages_of_all_benchmarks_show_at_once_what_is_done,
];

/// What is asked of a board in each of its forms, with the `Accept` that asks for it.
fn questions(publisher: &Publisher) -> Vec<(String, &'static str)> {
    let (board, benchmark) = (publisher.leaderboard_path(), &publisher.benchmark);
    let page = board.replace("/api/v1", "").replace("&limit=100", "");
    vec![
        (board.clone(), "application/json"),
        (board.clone(), "text/csv"),
        (board.clone(), "application/x-ndjson"),
        (board.replace("limit=100", "limit=20"), "*/*"),
        (board.replace("/leaderboard?", "/leaderboard.csv?"), "*/*"),
        (board.replace("/leaderboard?", "/leaderboard.ndjson?"), "*/*"),
        (format!("/api/v1/leaderboard/pareto?benchmark={benchmark}"), "*/*"),
        (page, "text/html"),
    ]
}

async fn ask(api: &Client, (path, accept): &(String, &str)) -> Answer {
    api.get(path).header("Accept", accept).await
}

fn tag(answer: &Answer) -> String {
    answer.header("etag").unwrap_or_else(|| panic!("no ETag: {answer}")).to_owned()
}

async fn an_answer_is_the_same_again(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 2, 3).await;
    let api = publisher.api.anonymous();
    for question in questions(&publisher) {
        is_the_same_again(&api, &question).await;
    }
}

/// Asserts that the question has the same answer again and again, to `HEAD` and to `If-None-Match` too.
async fn is_the_same_again(api: &Client, question: &(String, &'static str)) {
    let first = ask(api, question).await;
    first.expect(200);
    for _ in 0..3 {
        let again = ask(api, question).await;
        assert_eq!(again.text(), first.text());
        assert_eq!(again.comparable_headers(), first.comparable_headers());
        assert!(again.header("age").is_none() && again.header("cache-status").is_none(), "{again}");
    }
    let head = api.request(Method::HEAD, &question.0).header("Accept", question.1).await;
    head.expect(200);
    assert!(head.body.is_empty());
    assert_eq!(head.comparable_headers(), first.comparable_headers());
    for known in [tag(&first), format!("W/{}", tag(&first)), format!("\"other\", {}", tag(&first)), "*".to_owned()] {
        let unchanged = ask_knowing(api, question, &known).await;
        unchanged.expect(304);
        assert!(unchanged.body.is_empty(), "{unchanged}");
        for name in ["etag", "cache-control"] {
            assert_eq!(unchanged.header(name), first.header(name), "{unchanged}");
        }
        let vary = |answer: &Answer| answer.headers.get_all("vary").iter().cloned().collect::<Vec<_>>();
        assert_eq!(vary(&unchanged), vary(&first), "{unchanged}");
    }
    ask_knowing(api, question, "\"other\"").await.expect(200);
}

/// A publisher whose benchmark and models come first wherever they are listed by id, and two of the models.
async fn first_listed(host: &Host) -> (Publisher, [String; 2]) {
    let publisher = Publisher::new(host).await;
    let publisher = Publisher { provider: unique("0-maker"), benchmark: unique("0-bench"), ..publisher };
    publisher.tasks(9).await;
    let models = [publisher.model("steady").await, publisher.model("moving").await];
    publisher.published(&models[0], 4, 9).await;
    (publisher, models)
}

/// What browsers ask for that tells of more than one board, and the pages of a model and of a run.
fn pages(model: &str, run: &str) -> Vec<(String, &'static str)> {
    let paths = ["/", "/benchmarks", "/standings", "/models", "/changes"].map(str::to_owned);
    let paths = paths.into_iter().chain([format!("/leaderboard/models/{model}"), format!("/runs/{run}")]);
    paths.map(|path| (path, "text/html")).collect()
}

async fn pages_of_all_benchmarks_are_the_same_again(host: Host) {
    let (publisher, [_, moving]) = first_listed(&host).await;
    let run = publisher.published(&moving, 5, 9).await;
    let api = publisher.api.anonymous();
    for question in pages(&moving, &run) {
        is_the_same_again(&api, &question).await;
    }
}

/// The pages by path, each read when it is new and when it was read before; those that are gone are left out.
async fn shown(api: &Client, pages: &[(String, &'static str)], before: &[(String, Answer)]) -> Vec<(String, Answer)> {
    let mut shown = Vec::new();
    for page in pages {
        let known = before.iter().find(|(path, _)| *path == page.0).map(|(_, answer)| answer);
        let (first, again) = (ask(api, page).await, ask(api, page).await);
        assert_eq!(first.status, again.status, "{page:?}");
        if first.status == 200 {
            assert_eq!((first.text(), tag(&first)), (again.text(), tag(&again)), "{page:?}");
            if let Some(known) = known.filter(|known| known.text() != first.text()) {
                assert_ne!(tag(known), tag(&first), "{page:?}");
                ask_knowing(api, page, &tag(known)).await.expect(200);
            }
            shown.push((page.0.clone(), first));
        } else {
            assert_eq!(first.status, 410, "{page:?}");
        }
    }
    shown
}

async fn pages_of_all_benchmarks_show_at_once_what_is_done(host: Host) {
    let (admin, (publisher, [steady, moving])) = (admin(&host).await, first_listed(&host).await);
    let api = publisher.api.anonymous();
    let first = publisher.published(&moving, 5, 9).await;
    let pages = pages(&moving, &first);
    let paths_that = |shown: &[(String, Answer)], is: &dyn Fn(&str, &Answer) -> bool| {
        let paths = shown.iter().filter(|(path, answer)| is(path, answer)).map(|(path, _)| path.clone());
        paths.collect::<Vec<_>>()
    };
    let naming = |shown: &[(String, Answer)], text: &str| paths_that(shown, &|_, answer| answer.text().contains(text));
    let changed = |before: &[(String, Answer)], shown: &[(String, Answer)]| {
        paths_that(shown, &|path, answer| {
            before.iter().any(|(other, before)| other == path && before.text() != answer.text())
        })
    };
    let all = pages.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    let without =
        |left_out: &[&str]| all.iter().filter(|path| !left_out.contains(&path.as_str())).cloned().collect::<Vec<_>>();
    let moderate = async |act: &str, body: Value| {
        admin.api.post(format!("/api/v1/admin/models/{moving}/{act}")).json(body).await.expect(200)
    };

    let start = shown(&api, &pages, &[]).await;
    assert_eq!(naming(&start, &moving), all);

    let second = publisher.published(&moving, 7, 9).await;
    let published = shown(&api, &pages, &start).await;
    assert_eq!(changed(&start, &published), without(&["/models"]));
    assert_eq!(naming(&published, &second), without(&["/models", "/benchmarks"]));

    publisher.withdraw(&second, "the harness counted twice").await.expect(200);
    let withdrawn = shown(&api, &pages, &published).await;
    assert_eq!(changed(&published, &withdrawn), without(&["/models"]));

    moderate("hide", json!({ "reason": "It advertises a casino." })).await;
    let hidden = shown(&api, &pages, &withdrawn).await;
    assert_eq!(hidden.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>(), all[..5]);
    // The log tells that it was hidden, and names it for that.
    assert_eq!(naming(&hidden, &moving), ["/", "/changes"]);
    assert_eq!(naming(&hidden, &steady), all[..5]);

    moderate("unhide", json!({ "reason": "It was mended." })).await;
    let unhidden = shown(&api, &pages, &hidden).await;
    assert_eq!(naming(&unhidden, &moving), all);

    moderate("rename", json!({ "displayName": "Plainly renamed", "reason": "It was an advertisement." })).await;
    let renamed = shown(&api, &pages, &unhidden).await;
    assert_eq!(naming(&renamed, "Plainly renamed"), all);
}

async fn each_publication_shows_at_once(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(9).await;
    let model = publisher.model("m").await;
    let (api, questions) = (publisher.api.anonymous(), questions(&publisher));
    let mut before = Vec::new();
    let mut last = String::new();
    // Two and more in a row, each read twice: once when it is new, once when it was read before.
    for correct in 1..5 {
        last = publisher.published(&model, correct, 9).await;
        let mut now = Vec::new();
        for question in &questions {
            let (first, again) = (ask(&api, question).await, ask(&api, question).await);
            first.expect(200);
            assert_eq!((first.text(), tag(&first)), (again.text(), tag(&again)));
            now.push((first.text(), tag(&first)));
        }
        for (question, (old, new)) in questions.iter().zip(before.iter().zip(&now)) {
            assert_ne!(old, new, "{question:?} is the board of the publication before");
        }
        for known in before.iter().map(|(_, tag): &(String, String)| tag) {
            ask_knowing(&api, &questions[0], known).await.expect(200);
        }
        assert_eq!(row(&publisher.leaderboard().await, &model)["correct"], correct);
        before = now;
    }
    publisher.withdraw(&last, "the harness counted twice").await.expect(200);
    assert_eq!(row(&publisher.leaderboard().await, &model)["correct"], 3);
    for (question, (old, _)) in questions.iter().zip(&before) {
        assert_ne!(ask(&api, question).await.text(), *old, "{question:?} shows what was withdrawn");
    }
}

async fn ask_knowing(api: &Client, (path, accept): &(String, &str), known: &str) -> Answer {
    api.get(path).header("Accept", accept).header("If-None-Match", known).await
}

async fn what_is_declared_anew_shows_at_once(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    let api = publisher.api.anonymous();
    let page = format!("/leaderboard/models/{model}");
    for name in ["First name", "Second name", "Third name"] {
        let body = json!({ "displayName": name });
        publisher.api.put(format!("/api/v1/models/{model}")).json(body).await.expect(200);
        for _ in 0..2 {
            let shown = api.get(&page).await;
            shown.expect(200);
            assert!(shown.text().contains(name), "{shown}");
        }
    }
}

async fn what_a_model_is_a_variant_of_shows_at_once(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let (model, api) = (publisher.model("m").await, publisher.api.anonymous());
    publisher.published(&model, 1, 2).await;
    let page = format!("/leaderboard?benchmark={}", publisher.benchmark);
    let mut tags = Vec::new();
    for base in ["first", "second"] {
        let base = publisher.model(base).await;
        let body = json!({ "displayName": "A variant", "baseModel": base });
        publisher.api.put(format!("/api/v1/models/{model}")).json(body).await.expect(200);
        for _ in 0..2 {
            let board = api.get(publisher.leaderboard_path()).await;
            assert_eq!(row(&board.expect(200), &model)["baseModel"], *base);
            let shown = api.get(&page).header("Accept", "text/html").await;
            shown.expect(200);
            assert!(shown.text().contains(&base), "{shown}");
            tags.push([tag(&board), tag(&shown)]);
        }
    }
    assert!((0..2).all(|form| tags[1][form] != tags[2][form]), "{tags:?}");
}

async fn another_version_shows_at_once_on_the_page_of_a_board(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 1, 2).await;
    let (api, page) = (publisher.api.anonymous(), format!("/leaderboard?benchmark={}&version=1", publisher.benchmark));
    let mut tags = Vec::new();
    for is_declared in [false, true] {
        if is_declared {
            publisher.version("2", json!({ "title": "Another", "metric": "pass_rate", "tasks": tasks(2) })).await;
        }
        let (shown, _) = api.get(&page).header("Accept", "text/html").and_unchanged().await;
        assert_eq!(shown.text().contains("aria-label=\"Versions\""), is_declared, "{shown}");
        tags.push(tag(&shown));
    }
    assert_ne!(tags[0], tags[1]);
}

async fn forms_and_orders_are_told_apart(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 1, 2).await;
    let (api, benchmark) = (publisher.api.anonymous(), &publisher.benchmark);
    let board = publisher.leaderboard_path();
    for _ in 0..2 {
        let mut tags = Vec::new();
        for (accept, media_type) in [
            ("text/csv", "text/csv"),
            ("application/json", "application/json"),
            ("application/x-ndjson", "application/x-ndjson"),
            ("text/csv;q=0.1, application/x-ndjson", "application/x-ndjson"),
            ("image/png", "application/json"),
        ] {
            let answer = api.get(&board).header("Accept", accept).await;
            answer.expect(200);
            assert_eq!(answer.media_type(), Some(media_type), "{accept}: {answer}");
            tags.push((media_type, tag(&answer)));
        }
        for (one, other) in tags.iter().flat_map(|one| tags.iter().map(move |other| (one, other))) {
            assert_eq!(one.0 == other.0, one.1 == other.1, "{one:?} {other:?}");
        }
        let orders = [
            format!("/api/v1/leaderboard?limit=100&version=1&benchmark={benchmark}"),
            format!("{board}&scenario="),
            board.clone(),
        ];
        for other in &orders {
            let answer = api.get(other).await;
            if answer.status == 200 {
                assert_eq!(answer.text(), api.get(&board).await.text(), "{other}");
            }
        }
        api.get(format!("{board}&limit=100")).await.expect(400);
        api.get(format!("{board}x")).await.expect(400);
        let slice = api.get(format!("{board}&scenario=nothing")).await.expect(200);
        assert_eq!(slice["data"], json!([]));
    }
}

async fn what_tells_of_a_reader_is_nobody_elses(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 1, 2).await;
    let key = Key::new(&publisher.user, json!({ "scopes": ["leaderboard:read"], "rateLimit": 50 })).await;
    let (anybody, origin) = (publisher.api.anonymous(), "https://elsewhere.example");
    for question in questions(&publisher) {
        for _ in 0..2 {
            let of_key = ask(&key.api, &question).await;
            of_key.expect(200);
            assert!(of_key.header("ratelimit").is_some(), "{of_key}");
            assert!(of_key.header("cache-control").is_some_and(|holds| holds.starts_with("private")), "{of_key}");
            let shared = anybody.get(&question.0).header("Accept", question.1).header("X-Request-Id", "theirs").await;
            shared.expect(200);
            assert!(shared.header("ratelimit").is_none(), "{shared}");
            assert!(shared.header("cache-control").is_some_and(|holds| holds.starts_with("public")), "{shared}");
            assert_eq!(shared.header("x-request-id"), Some("theirs"));
            let other = anybody.get(&question.0).header("Accept", question.1).header("Origin", origin).await;
            let is_api = question.0.starts_with("/api/");
            assert_eq!(other.header("access-control-allow-origin"), is_api.then_some("*"), "{other}");
            assert_ne!(other.header("x-request-id"), Some("theirs"));
        }
    }
}
