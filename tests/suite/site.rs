//! The pages of the site around the leaderboard. How a browser shows them: `browser.rs`.

use aibaas_tests::{
    Publisher, cases,
    client::Answer,
    fixtures::{passes, tasks, unique},
    host::Host,
};
use reqwest::Method;
use serde_json::json;

cases![KeepsMail:
    a_browser_sees_the_front_page,
    benchmarks_and_models_are_pages,
    words_find_models_and_benchmarks,
    a_run_has_a_page,
    a_private_run_keeps_its_tasks,
    changes_are_a_page,
    standings_are_a_page,
    hostile_names_are_text,
    hostile_names_are_data,
    names_have_no_lines_and_turn_nothing_around,
    the_header_marks_where_a_page_is,
    problems_are_pages_for_browsers,
    pages_tell_who_links_to_them,
    pages_of_the_site_have_tags,
];

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn browse(host: &Host, path: impl AsRef<str>) -> Answer {
    host.client().get(path.as_ref()).header("Accept", HTML).await
}

async fn page(host: &Host, path: impl AsRef<str>) -> String {
    let answer = browse(host, path.as_ref()).await;
    answer.expect(200);
    assert_eq!(answer.media_type(), Some("text/html"), "{}", path.as_ref());
    let policy = answer.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let text = answer.text();
    assert!(!text.contains("<script") && !text.contains(" style=") && !text.contains("<style"), "{}", path.as_ref());
    assert!(text.len() < 90_000, "{}: {} bytes", path.as_ref(), text.len());
    text
}

/// What stands between this and the next that.
#[track_caller]
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{from} is missing in {text}"));
    rest.split_once(to).unwrap_or_else(|| panic!("{to} is missing in {rest}")).0
}

/// A board with three systems, and what it is called.
async fn board(host: &Host) -> (Publisher, String) {
    let publisher = Publisher::new(host).await;
    let title = unique("Riddles");
    publisher.version("1", json!({ "title": title, "metric": "pass_rate", "tasks": tasks(20) })).await;
    for (name, correct) in [("best", 19), ("second", 15), ("third", 2), ("last", 1)] {
        publisher.published(&publisher.model(name).await, correct, 20).await;
    }
    (publisher, title)
}

async fn a_browser_sees_the_front_page(host: Host) {
    let (publisher, title) = board(&host).await;
    let text = page(&host, "/").await;
    // Published on last, it is among the first.
    let card = between(&text, &format!("benchmark={}\">{title}</a>", publisher.benchmark), "</li><li class=\"card\"");
    let names = ["best", "second", "third"].map(|name| format!("{}/{name}\"", publisher.provider));
    let places = names.iter().map(|name| card.find(name.as_str()).unwrap_or_else(|| panic!("{name}: {card}")));
    assert!(places.collect::<Vec<_>>().is_sorted(), "{card}");
    assert!(!card.contains("/last\"") && card.contains("4 systems") && card.contains("95.0 %"), "{card}");
    let told = publisher.leaderboard().await;
    let (low, high) = (&told["data"][1]["rankLow"], &told["data"][1]["rankHigh"]);
    assert!(low != high && card.contains(&format!("{low}–{high}")), "{card}");
    assert!(text.contains("Latest changes") && text.contains("action=\"/search\""), "{text}");
    let header = between(&text, "<header>", "</header>");
    for to in ["/", "/benchmarks", "/models", "/leaderboard/compare", "/standings", "/changes", "/docs"] {
        assert!(header.contains(&format!("href=\"{to}\"")), "{to} in {header}");
    }
    // For programs it is what it was, however recently a browser asked, and caches keep the two apart.
    for accept in ["application/json", "*/*", "application/json, text/html"] {
        page(&host, "/").await;
        let index = host.client().get("/").header("Accept", accept).await;
        assert_eq!(index.expect(200)["message"], "AIBaaS API", "{accept}");
        assert!(index.header("vary").is_some_and(|vary| vary.contains("Accept")), "{index}");
    }
}

async fn benchmarks_and_models_are_pages(host: Host) {
    let (publisher, title) = board(&host).await;
    // Every benchmark is on some page.
    let (mut path, mut found) = ("/benchmarks".to_owned(), false);
    for _ in 0..50 {
        let text = page(&host, &path).await;
        found |= text.contains(&format!("benchmark={}\">{title}</a>", publisher.benchmark));
        match text.split_once("rel=\"next\" href=\"") {
            Some((_, rest)) => path = rest.split('"').next().expect("an address").replace("&amp;", "&"),
            None => break,
        }
    }
    assert!(found, "{title} is on no page");
    let of_provider = page(&host, format!("/models?provider={}", publisher.provider)).await;
    for name in ["best", "second", "third", "last"] {
        assert!(of_provider.contains(&format!("/leaderboard/models/{}/{name}\"", publisher.provider)), "{name}");
    }
    assert_eq!(of_provider.matches("<th scope=\"row\">").count(), 4, "{of_provider}");
    assert!(of_provider.contains(&format!("<option value=\"{}\" selected>", publisher.provider)), "{of_provider}");
    // A form sends its empty fields too.
    page(&host, "/models?provider=").await;
    assert!(
        page(&host, format!("/models?provider={}", unique("nobody"))).await.contains("There is no such model yet.")
    );
    // Fifty a page.
    for n in 0..51 {
        publisher.model(&format!("many-{n:02}")).await;
    }
    let first = page(&host, format!("/models?provider={}", publisher.provider)).await;
    assert_eq!(first.matches("<th scope=\"row\">").count(), 50);
    let next = between(&first, "rel=\"next\" href=\"", "\"").replace("&amp;", "&");
    assert_eq!(page(&host, next).await.matches("<th scope=\"row\">").count(), 5);
}

async fn words_find_models_and_benchmarks(host: Host) {
    let (publisher, title) = board(&host).await;
    let found = page(&host, format!("/search?q=SECOND+{}", publisher.provider)).await;
    assert!(found.contains(&format!("/leaderboard/models/{}/second\"", publisher.provider)), "{found}");
    assert!(found.contains("0 benchmarks, 1 model"), "{found}");
    let benchmark = page(&host, format!("/search?q={}", title.to_lowercase())).await;
    assert!(benchmark.contains(&format!("benchmark={}\">{title}</a>", publisher.benchmark)), "{benchmark}");
    let nothing = page(&host, "/search?q=%25+100%25+nowhere_at_all").await;
    assert!(nothing.contains("Nothing has all of these words in its name."), "{nothing}");
    for empty in ["/search", "/search?q=", "/search?q=%20"] {
        assert!(page(&host, empty).await.contains("action=\"/search\""), "{empty}");
    }
    let long = browse(&host, format!("/search?q={}", "x".repeat(101))).await;
    long.expect(400);
}

async fn a_run_has_a_page(host: Host) {
    let publisher = Publisher::new(&host).await;
    let tasks = (1..=60).map(|n| json!({ "id": format!("t{n}"), "language": if n % 2 == 0 { "Rust" } else { "C++" } }));
    let conditions = json!({ "tools": false, "timeLimitSeconds": 60 });
    let body = json!({
        "title": "Riddles", "metric": "pass_rate", "conditions": conditions, "tasks": tasks.collect::<Vec<_>>(),
    });
    publisher.version("1", body).await;
    let model = publisher.model("m").await;
    let members = json!({
        "configuration": "high", "evaluatorRelationship": "self_reported", "conditions": { "tools": true },
        "links": { "source": "https://example.com/source?a=1&b=2" }, "command": "run <all> --fast",
        "startedAt": "2025-03-04T05:06:07Z",
    });
    let earlier = publisher.run_of(&model, json!({ "configuration": "high" })).await;
    publisher.upload(&earlier, passes(10, 60)).await;
    publisher.publish(&earlier).await;
    let run = publisher.run_of(&model, members).await;
    publisher.upload(&run, passes(45, 60)).await;
    let open = page(&host, format!("/runs/{run}")).await;
    assert!(open.contains("It is open") && !open.contains("75.0 %"), "{open}");
    publisher.publish(&run).await;

    let text = page(&host, format!("/runs/{run}")).await;
    assert!(text.contains("A later run of its owner has taken its place."), "evaluated earlier: {text}");
    assert!(text.contains("75.0 %") && text.contains("45 of 60"), "{text}");
    for flag in ["self-reported", "other conditions"] {
        assert!(text.contains(&format!("<span class=\"flag\">{flag}</span>")), "{flag} in {text}");
    }
    assert!(text.contains("href=\"https://example.com/source?a=1&amp;b=2\""), "{text}");
    assert!(text.contains("run &lt;all&gt; --fast") && text.contains("2025-03-04 05:06 UTC"), "{text}");
    let slices = between(&text, "id=\"slices\"", "</table>");
    assert!(
        slices.contains("C++") && slices.contains("Rust") && slices.contains("<td class=\"n\">30</td>"),
        "{slices}"
    );
    let others = between(&text, "id=\"others\"", "</table>");
    assert!(others.contains(&format!("/runs/{earlier}")) && others.contains("16.7 %"), "{others}");
    let results = between(&text, "id=\"results\"", "</table>");
    assert_eq!(results.matches("<th scope=\"row\">").count(), 50);
    let next = between(&text, "rel=\"next\" href=\"", "\"").replace("&amp;", "&");
    let rest = page(&host, format!("/runs/{run}{}", next.trim_start_matches(&format!("/runs/{run}")))).await;
    assert_eq!(between(&rest, "id=\"results\"", "</table>").matches("<th scope=\"row\">").count(), 10);

    let reason = "The grader was <asleep>.";
    publisher.withdraw(&run, reason).await.expect(200);
    let withdrawn = page(&host, format!("/runs/{run}")).await;
    assert!(
        withdrawn.contains("Its publisher withdrew it.") && withdrawn.contains("was &lt;asleep&gt;."),
        "{withdrawn}"
    );
    let nowhere = browse(&host, "/runs/01939f42-9d10-7c6a-b0c1-d2e3f4a5b6c7").await;
    nowhere.expect(404);
    assert!(nowhere.text().contains("<h1>No such run</h1>"), "{nowhere}");
}

async fn a_private_run_keeps_its_tasks(host: Host) {
    let publisher = Publisher::new(&host).await;
    let secret = unique("secret");
    let tasks = (1..=12).map(|n| json!({ "id": format!("{secret}-{n}") })).collect::<Vec<_>>();
    let body = json!({ "title": "Hidden tasks", "metric": "pass_rate", "privateTasks": true, "tasks": tasks });
    publisher.version("1", body).await;
    let results =
        (1..=12).map(|n| json!({ "task": format!("{secret}-{n}"), "attempt": 1, "status": "success", "score": 1 }));
    let run = publisher.publish_results(&publisher.model("m").await, results.collect()).await;
    let text = page(&host, format!("/runs/{run}")).await;
    assert!(text.contains("The tasks are private") && text.contains("100.0 %"), "{text}");
    assert!(!text.contains(&secret), "{text}");
}

async fn changes_are_a_page(host: Host) {
    let (publisher, _) = board(&host).await;
    let text = page(&host, format!("/changes?benchmark={}", publisher.benchmark)).await;
    let order = ["last", "third", "second", "best"].map(|name| format!("models/{}/{name}\"", publisher.provider));
    let places = order.iter().map(|name| text.find(name.as_str()).unwrap_or_else(|| panic!("{name}: {text}")));
    assert!(places.collect::<Vec<_>>().is_sorted(), "newest first: {text}");
    assert_eq!(text.matches("was published").count(), 4, "{text}");
    assert!(text.contains(": rank 4") && text.contains("/runs/"), "{text}");
    assert!(page(&host, "/changes").await.contains("<ol class=\"changes\">"));
    browse(&host, "/changes?cursor=abc").await.expect(400);
}

async fn standings_are_a_page(host: Host) {
    let (publisher, title) = board(&host).await;
    let other = Publisher { benchmark: unique("other"), ..publisher.clone() };
    other.tasks(20).await;
    other.published(&format!("{}/last", publisher.provider), 20, 20).await;
    let path = format!("/standings?benchmark={}&benchmark={}", publisher.benchmark, other.benchmark);
    let text = page(&host, &path).await;
    assert!(text.contains(&title) && text.contains("4 systems"), "{text}");
    let rows = between(&text, "<tbody>", "</tbody>");
    assert_eq!(rows.matches("<span class=\"sr\">not evaluated</span>").count(), 3, "{rows}");
    let last = between(rows, &format!("models/{}/last\"", publisher.provider), "</tr>");
    assert!(last.contains("5.0 %") && last.contains("100.0 %") && last.contains("</span>1</strong>"), "{last}");
    let sorted = page(&host, format!("{path}&sort={}&provider=&baseModel=", other.benchmark)).await;
    let rows = between(&sorted, "<tbody>", "</tbody>");
    let first = between(rows, "<th scope=\"row\">", "</th>");
    assert!(first.contains("/last\""), "{first}");
    assert_eq!(sorted.matches("aria-sort=\"ascending\"").count(), 1);
    let nowhere = browse(&host, format!("/standings?benchmark={}", unique("none"))).await;
    nowhere.expect(404);
    browse(&host, format!("{path}&sort=nothing")).await.expect(400);
    // From the model's page, and from the board's.
    let model = page(&host, format!("/leaderboard/models/{}/last", publisher.provider)).await;
    assert!(model.contains("href=\"/standings?benchmark="), "{model}");
    let board = page(&host, format!("/leaderboard?benchmark={}", publisher.benchmark)).await;
    assert!(board.contains(&format!("href=\"/standings?benchmark={}\"", publisher.benchmark)), "{board}");
}

async fn hostile_names_are_text(host: Host) {
    let publisher = Publisher::new(&host).await;
    let names = [
        "<img src=x onerror=alert(1)>".to_owned(),
        "\"><script>alert(1)</script>".to_owned(),
        "مرحبا بالعالم".to_owned(),
        "🔬🧪 laboratory".to_owned(),
        "W".repeat(200),
        "]]><!-- --><svg/onload=1>".to_owned(),
    ];
    let title = "<b>\"Titles\" & 'quotes'</b> ".to_owned() + &"t".repeat(150);
    let description = "</p><iframe src=//evil.example>";
    let body = json!({ "title": title, "description": description, "metric": "pass_rate", "tasks": tasks(20) });
    publisher.version("1", body).await;
    let mut last = String::new();
    for (n, name) in names.iter().enumerate() {
        let id = format!("{}/m{n}", publisher.provider);
        publisher.api.put(format!("/api/v1/models/{id}")).json(json!({ "displayName": name })).await.expect(201);
        last = publisher.run_of(&id, json!({ "configuration": name.chars().take(100).collect::<String>() })).await;
        publisher.upload(&last, passes(n + 1, 20)).await;
        publisher.publish(&last).await;
    }
    let benchmark = format!("benchmark={}", publisher.benchmark);
    for path in [
        "/".to_owned(),
        format!("/leaderboard?{benchmark}"),
        format!("/standings?{benchmark}"),
        format!("/changes?{benchmark}"),
        format!("/models?provider={}", publisher.provider),
        format!("/leaderboard/models/{}/m1", publisher.provider),
        format!("/search?q={}", publisher.provider),
        format!("/runs/{last}"),
        "/search?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E".to_owned(),
    ] {
        let text = page(&host, &path).await;
        for tag in ["<img src=x", "<svg/onload", "<iframe", "<b>\"", "<!-- -->"] {
            assert!(!text.contains(tag), "{tag} in {path}");
        }
    }
    let models = page(&host, format!("/models?provider={}", publisher.provider)).await;
    assert!(models.contains("&lt;img src=x onerror=alert(1)&gt;") && models.contains("مرحبا بالعالم"), "{models}");
}

/// Feeds, badges, maps, tables and what other sites show of a page hold names as they are, and nothing else by them.
async fn hostile_names_are_data(host: Host) {
    let publisher = Publisher::new(&host).await;
    let title = format!("=cmd|' /C calc'!A0 \"><script>&amp; {}", "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{1f680}");
    publisher.version("1", json!({ "title": title, "metric": "pass_rate", "tasks": tasks(20) })).await;
    let names = [
        "=HYPERLINK(\"//evil.example\")".to_owned(),
        "+1+1".to_owned(),
        "-1-1".to_owned(),
        "@SUM(1)".to_owned(),
        "</title><script>alert(1)</script>]]>".to_owned(),
        "\u{645}\u{631}\u{62d}\u{628}\u{627} \u{1f52c}".to_owned(),
        "\u{1f9ea}".repeat(200),
    ];
    for (n, name) in names.iter().enumerate() {
        let id = format!("{}/m{n}", publisher.provider);
        publisher.api.put(format!("/api/v1/models/{id}")).json(json!({ "displayName": name })).await.expect(201);
        let configuration = name.chars().take(50).collect::<String>();
        let run = publisher.run_of(&id, json!({ "configuration": configuration })).await;
        publisher.upload(&run, passes(n + 1, 20)).await;
        publisher.publish(&run).await;
    }
    let benchmark = format!("benchmark={}", publisher.benchmark);
    let read = async |path: String| {
        let answer = host.client().get(&path).await;
        answer.expect(200);
        answer.text()
    };
    let table = read(format!("/api/v1/leaderboard.csv?{benchmark}")).await;
    for name in &names[..4] {
        let quoted = name.replace('"', "\"\"");
        assert!(table.contains(&format!("'{quoted}")), "{name} in {table}");
        let bare = [format!(",{quoted}"), format!(",\"{quoted}"), format!("\n{quoted}")];
        assert!(!bare.iter().any(|bare| table.contains(bare.as_str())), "{name} runs in {table}");
    }
    let badge = format!("/api/v1/badges/{}/m4.svg?{benchmark}", publisher.provider);
    for path in ["/sitemap.xml".to_owned(), format!("/api/v1/changes.atom?{benchmark}"), badge] {
        let text = read(path.clone()).await;
        let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
        assert!(!document.descendants().any(|node| node.tag_name().name() == "script"), "{path}: {text}");
    }
    let shown = page(&host, format!("/leaderboard?{benchmark}")).await;
    let told = between(&shown, "<meta property=\"og:title\" content=\"", "\">");
    assert!(told.contains("&quot;&gt;&lt;script&gt;&amp;amp; ") && told.contains('\u{1f680}'), "{told}");
    for name in ["m4", "m6"] {
        let path = format!("/leaderboard/models/{}/{name}", publisher.provider);
        let text = page(&host, path).await;
        assert_eq!(text.matches("</title>").count(), 1, "{text}");
        assert_eq!(text.matches("<meta property=\"og:title\"").count(), 1, "{text}");
    }
}

async fn names_have_no_lines_and_turn_nothing_around(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    for name in ["two\nlines", "a\r\nBcc: everybody@example.com", "\u{202e}yek", "a\u{2066}b", "a\u{0}b", "a\u{2028}b"]
    {
        let model = format!("/api/v1/models/{}/named", publisher.provider);
        publisher.api.put(model).json(json!({ "displayName": name })).await.invalid("/displayName");
        let version = json!({ "title": name, "metric": "pass_rate", "tasks": tasks(2) });
        let path = format!("/api/v1/benchmarks/{}/versions/2", publisher.benchmark);
        publisher.api.put(path).json(version).await.invalid("/title");
        let key = json!({ "name": name, "scopes": ["leaderboard:read"] });
        publisher.user.api.post("/api/v1/api-keys").json(key).await.invalid("/name");
        publisher.user.api.patch("/api/v1/users/me").json(json!({ "fullName": name })).await.invalid("/fullName");
    }
}

async fn the_header_marks_where_a_page_is(host: Host) {
    let (publisher, _) = board(&host).await;
    for (path, to, mark) in [
        ("/".to_owned(), "/", "page"),
        ("/benchmarks".to_owned(), "/benchmarks", "page"),
        (format!("/leaderboard?benchmark={}", publisher.benchmark), "/benchmarks", "true"),
        (format!("/models?provider={}", publisher.provider), "/models", "page"),
        (format!("/leaderboard/models/{}/best", publisher.provider), "/models", "true"),
        (format!("/leaderboard/compare?benchmark={}", publisher.benchmark), "/leaderboard/compare", "page"),
        (format!("/standings?benchmark={}", publisher.benchmark), "/standings", "page"),
        (format!("/changes?benchmark={}", publisher.benchmark), "/changes", "page"),
        ("/docs".to_owned(), "/docs", "page"),
        ("/docs/api/api-keys".to_owned(), "/docs", "true"),
        ("/problems".to_owned(), "/docs", "true"),
        ("/account/login".to_owned(), "/account", "true"),
    ] {
        let answer = browse(&host, &path).await;
        answer.expect(200);
        let text = answer.text();
        let header = between(&text, "<header>", "</header>");
        assert!(header.contains(&format!("href=\"{to}\" aria-current=\"{mark}\"")), "{path}: {header}");
        assert_eq!(header.matches("aria-current").count(), 1, "{path}: {header}");
    }
}

async fn problems_are_pages_for_browsers(host: Host) {
    for (method, path, status) in [
        (Method::POST, "/models", 405),
        (Method::DELETE, "/account/login", 405),
        (Method::POST, "/account/login", 415),
        (Method::POST, "/api/v1/auth/reset-password/confirm", 415),
        (Method::GET, "/api/v1/auth/verify-email", 400),
        (Method::GET, "/account/verify-email", 400),
    ] {
        let answer = host.client().request(method, path).header("Accept", HTML).await;
        answer.expect(status);
        assert_eq!(answer.media_type(), Some("text/html"), "{answer}");
        assert!(answer.text().contains("<h1>"), "{answer}");
    }
    let large = format!("email={}", "a".repeat(100_000));
    let large = host.client().post("/account/login").body("application/x-www-form-urlencoded", large);
    let large = large.header("Accept", HTML).await;
    large.expect(413);
    assert_eq!(large.media_type(), Some("text/html"), "{large}");
    let of_api = host.client().post("/api/v1/models").header("Accept", HTML).await;
    of_api.problem(405, "method_not_allowed");
    let of_api = host.client().get("/api/v1/nowhere").header("Accept", HTML).await;
    of_api.problem(404, "not_found");
    for (path, status, code) in [
        (format!("/{}", unique("nowhere")), 404, "not_found"),
        ("/leaderboard?sort=luck".to_owned(), 400, "malformed_request"),
        ("/changes?colour=red".to_owned(), 400, "malformed_request"),
        ("/problems/no_such_code".to_owned(), 404, "not_found"),
    ] {
        let answer = browse(&host, &path).await;
        answer.expect(status);
        assert_eq!(answer.media_type(), Some("text/html"), "{path}");
        assert!(answer.header("content-security-policy").is_some(), "{path}");
        let text = answer.text();
        let id = answer.header("x-request-id").expect("an id");
        assert!(text.contains(&format!("/problems/{code}")) && text.contains(id), "{text}");
        // Programs get what they always got.
        host.client().get(&path).header("Accept", "application/json").await.problem(status, code);
        host.client().get(&path).await.problem(status, code);
    }
    let of_api = host.client().get("/api/v1/runs/none").header("Accept", HTML).await;
    of_api.problem(404, "not_found");
}

async fn pages_tell_who_links_to_them(host: Host) {
    let (publisher, title) = board(&host).await;
    let text = page(&host, format!("/leaderboard?benchmark={}&sort=cost", publisher.benchmark)).await;
    let canonical = between(&text, "<link rel=\"canonical\" href=\"", "\"").to_owned();
    let path = format!("/leaderboard?benchmark={}&amp;version=1", publisher.benchmark);
    let base = canonical.strip_suffix(&path).unwrap_or_else(|| panic!("{canonical}")).to_owned();
    assert!(base.starts_with("http"), "{canonical}");
    assert!(text.contains(&format!("<meta property=\"og:title\" content=\"{title}\">")), "{text}");
    assert!(text.contains(&format!("<meta property=\"og:image\" content=\"{base}/card.png\">")), "{text}");
    assert!(between(&text, "<meta name=\"description\" content=\"", "\"").contains("4 systems"), "{text}");

    let icon = host.client().get("/favicon.svg").await;
    icon.expect(200);
    assert_eq!(icon.media_type(), Some("image/svg+xml"));
    let card = host.client().get("/card.png").await;
    card.expect(200);
    assert_eq!((card.media_type(), card.body.get(..4)), (Some("image/png"), Some(&b"\x89PNG"[..])));
    let robots = host.client().get("/robots.txt").await;
    robots.expect(200);
    assert!(robots.text().contains(&format!("Sitemap: {base}/sitemap.xml")), "{robots}");
    let map = host.client().get("/sitemap.xml").await;
    map.expect(200);
    let text = map.text();
    assert!(text.starts_with("<?xml") && text.contains(&format!("<loc>{base}/benchmarks</loc>")), "{text}");
    assert!(text.contains(&format!("<loc>{base}/leaderboard?benchmark={}</loc>", publisher.benchmark)), "{text}");
    assert!(text.contains(&format!("<loc>{base}/leaderboard/models/{}/best</loc>", publisher.provider)), "{text}");
}

async fn pages_of_the_site_have_tags(host: Host) {
    let (publisher, _) = board(&host).await;
    let run = publisher.leaderboard().await["data"][0]["runId"].as_str().expect("an id").to_owned();
    // What nobody else's case changes meanwhile.
    for path in [
        format!("/runs/{run}"),
        format!("/models?provider={}", publisher.provider),
        format!("/standings?benchmark={}", publisher.benchmark),
        format!("/changes?benchmark={}", publisher.benchmark),
        format!("/search?q={}", publisher.provider),
    ] {
        let (answer, _) = host.client().get(&path).header("Accept", HTML).and_unchanged().await;
        let held = "public, max-age=60, stale-while-revalidate=300, stale-if-error=86400";
        assert_eq!(answer.header("cache-control"), Some(held), "{path}");
    }
}
