//! The leaderboard's pages and badges, as text. How a browser shows them: `browser.rs`.

use aibaas_tests::{Publisher, cases, fixtures::unique, host::Host};
use serde_json::json;

cases![KeepsMail:
    the_page_takes_what_the_api_takes,
    the_page_of_a_model_tells_every_run,
    models_are_compared_in_words,
    pages_of_what_is_not_there,
    pages_are_cached_by_their_tag,
    badges,
];

/// Where each of these stands in the text, which has them all.
#[track_caller]
fn order(text: &str, names: &[&str]) -> Vec<usize> {
    names.iter().map(|name| text.find(name).unwrap_or_else(|| panic!("{name} is missing in {text}"))).collect()
}

/// Three models: good and dear, middling and cheap, poor and of unknown cost.
async fn board(host: &Host) -> Publisher {
    let publisher = Publisher::new(host).await;
    let tasks =
        (0..20).map(|n| json!({ "id": format!("t{n}"), "language": if n % 2 == 0 { "C++" } else { "Rust & co" } }));
    publisher
        .version(
            "1",
            json!({ "title": "Repairs <of code>", "metric": "pass_rate", "tasks": tasks.collect::<Vec<_>>() }),
        )
        .await;
    for (name, correct, cost) in [("dear", 18, Some(2.0)), ("cheap", 12, Some(0.1)), ("poor", 2, None)] {
        let run = publisher.run(&publisher.model(name).await).await;
        let results = (0..20).map(|n| {
            let passed = n < correct;
            json!({
                "task": format!("t{n}"), "attempt": 1, "status": if passed { "success" } else { "failed" },
                "score": f64::from(u8::from(passed)), "costUsd": cost,
            })
        });
        publisher.upload(&run, results.collect()).await;
        publisher.publish(&run).await;
    }
    publisher
}

async fn the_page_takes_what_the_api_takes(host: Host) {
    let publisher = board(&host).await;
    let page = |query: &str| {
        let path = format!("/leaderboard?benchmark={}&version=1&{query}", publisher.benchmark);
        let request = host.client().get(path);
        async move {
            let answer = request.await;
            answer.expect(200);
            answer.text()
        }
    };
    let [dear, cheap, poor] = ["dear", "cheap", "poor"].map(|name| format!("value=\"{}/{name}\"", publisher.provider));
    // A form sends its empty fields too.
    let whole = page("scenario=&language=&provider=&period=&q=&sort=").await;
    assert!(order(&whole, &[&dear, &cheap, &poor]).is_sorted(), "by rank");
    assert!(whole.contains("Repairs &lt;of code&gt;") && !whole.contains("<of code>"), "titles are escaped");
    assert!(whole.contains("90.0 %") && whole.contains("18/20"));
    assert!(whole.contains("The cost of 1 of 3 models is unknown"), "{whole}");
    assert!(order(&page("sort=cost").await, &[&cheap, &dear, &poor]).is_sorted());
    assert!(order(&page("sort=rank&order=desc").await, &[&poor, &cheap, &dear]).is_sorted());
    let found = page("q=CHEA").await;
    assert!(found.contains(&cheap) && !found.contains(&dear));
    let slice = page("language=Rust+%26+co").await;
    assert!(slice.contains("<strong>Rust &amp; co</strong> alone") && slice.contains("9/10"), "{slice}");
    assert!(page("q=nobody").await.contains("No model matches."));
    let path = format!("/leaderboard?benchmark={}", publisher.benchmark);
    for wrong in ["sort=luck", "period=1h", "colour=red", "cursor=abc"] {
        host.client().get(format!("{path}&{wrong}")).await.problem(400, "malformed_request");
    }
}

async fn the_page_of_a_model_tells_every_run(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(20).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 11, 20).await;
    let bad = publisher.published(&model, 19, 20).await;
    let reason = json!({ "reason": "The grader was <asleep>." });
    publisher.api.post(format!("/api/v1/runs/{bad}/withdraw")).json(reason).await.expect(200);
    publisher.published(&model, 13, 20).await;
    let page = host.client().get(format!("/leaderboard/models/{model}")).await;
    page.expect(200);
    let text = page.text();
    let (_, runs) = text.split_once("id=\"runs\"").expect("the runs");
    assert!(order(runs, &["65.0 %", "95.0 %", "55.0 %"]).is_sorted(), "newest first: {runs}");
    assert!(text.contains("The grader was &lt;asleep&gt;.") && text.contains(">withdrawn<"), "{text}");
    assert_eq!(text.matches(">current<").count(), 1, "{text}");
    assert_eq!(text.matches(">superseded<").count(), 1, "{text}");
    assert!(text.contains(&format!("/leaderboard?benchmark={}", publisher.benchmark)));
    let declared = publisher.model("unused").await;
    let unused = host.client().get(format!("/leaderboard/models/{declared}")).await;
    unused.expect(200);
    assert!(unused.text().contains("No run of this model has been published yet."));
}

async fn models_are_compared_in_words(host: Host) {
    let publisher = board(&host).await;
    let [dear, cheap, poor] = ["dear", "cheap", "poor"].map(|name| format!("{}/{name}", publisher.provider));
    let path = format!("/leaderboard/compare?benchmark={}", publisher.benchmark);
    let page = |query: String| {
        let request = host.client().get(format!("{path}{query}"));
        async move {
            let answer = request.await;
            answer.expect(200);
            answer.text()
        }
    };
    // 16 tasks that only one passed, none the other way: 2 of 2¹⁶.
    let clear = page(format!("&a={dear}&b={poor}")).await;
    assert!(clear.contains("dear scores 80.0 percentage points higher than poor."), "{clear}");
    assert!(clear.contains("fewer than 1 in 1,000") && clear.contains("<dd>16</dd>") && clear.contains("&lt; .001"));
    assert!(clear.contains("Rust &amp; co<small>language</small>"), "{clear}");
    // Six against none is 2 of 2⁶; of two comparisons, Holm's is no less.
    let several = page(format!("&a={dear}&b={cheap},{poor}")).await;
    assert!(
        several.contains("dear against 2 models") && several.contains("cheap") && several.contains(">.031<"),
        "{several}"
    );

    let choice = page(format!("&a={dear}")).await;
    assert!(choice.contains("Choose two models") && choice.matches("name=\"model\"").count() == 6, "{choice}");
    assert!(choice.contains(&format!("value=\"{dear}\" placeholder")), "{choice}");
    let ticked = host.client().get(format!("{path}&model={dear}&model={cheap}&model={poor}")).await;
    ticked.expect(303);
    assert_eq!(ticked.header("location"), Some(format!("{path}&a={dear}&b={cheap}%2C{poor}").as_str()));

    for (query, status) in [
        (format!("&a={dear}&b={dear}"), 422),
        (format!("&a={dear}&b=nobody/at-all"), 404),
        (format!("&version=2&a={dear}&b={poor}"), 404),
    ] {
        let page = host.client().get(format!("{path}{query}")).await;
        page.expect(status);
        assert_eq!(page.media_type(), Some("text/html"), "{query}");
    }
    host.client().get(format!("{path}&c=d")).await.problem(400, "malformed_request");
}

async fn pages_of_what_is_not_there(host: Host) {
    let api = host.client();
    let snapshot = "01939f42-9d10-7c6a-b0c1-d2e3f4a5b6c7";
    for path in [
        format!("/leaderboard?benchmark={}", unique("none")),
        format!("/leaderboard?snapshot={snapshot}"),
        format!("/leaderboard/models/nobody/{}", unique("none")),
    ] {
        let page = api.get(&path).await;
        page.expect(404);
        assert_eq!(page.media_type(), Some("text/html"), "{path}");
        assert!(page.text().contains("<h1>No such"), "{page}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
    }
    api.get("/leaderboard/models/a/b?c=d").await.problem(400, "malformed_request");
}

async fn pages_are_cached_by_their_tag(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 1, 1).await;
    for path in [
        format!("/leaderboard?benchmark={}", publisher.benchmark),
        format!("/leaderboard/models/{model}"),
        format!("/api/v1/badges/{model}.svg?benchmark={}", publisher.benchmark),
    ] {
        let (answer, _) = host.client().get(&path).and_unchanged().await;
        assert_eq!(
            answer.header("cache-control"),
            Some("public, max-age=60, stale-while-revalidate=300, stale-if-error=86400"),
            "{path}"
        );
    }
    let path = format!("/leaderboard/models/{model}");
    let before = host.client().get(&path).await.header("etag").map(str::to_owned);
    publisher.published(&model, 0, 1).await;
    assert_ne!(host.client().get(&path).await.header("etag").map(str::to_owned), before);
}

async fn badges(host: Host) {
    let publisher = board(&host).await;
    let path = |name: &str| format!("/api/v1/badges/{}/{name}", publisher.provider);
    let of = |name: &str| format!("{}?benchmark={}", path(name), publisher.benchmark);
    let badge = host.client().get(of("dear.svg")).header("Origin", "https://anywhere.example").await;
    badge.expect(200);
    assert_eq!(badge.media_type(), Some("image/svg+xml"));
    assert_eq!(badge.header("access-control-allow-origin"), Some("*"));
    let title = format!("{}: 90.0 % · rank 1–2", publisher.benchmark);
    let text = badge.text();
    assert!(text.contains(&format!("role=\"img\" aria-label=\"{title}\"><title>{title}</title>")), "{text}");
    assert!(!text.contains("http:") || text.matches("http:").count() == 1, "the namespace alone: {text}");
    for unknown in [
        of("nobody.svg"),
        of("dear"),
        format!("{}?benchmark={}", path("dear.svg"), unique("none")),
        format!("{}&version=2", of("dear.svg")),
    ] {
        host.client().get(unknown).await.problem(404, "not_found");
    }
    host.client().get(format!("{}&size=9", of("dear.svg"))).await.problem(400, "malformed_request");
}
