//! The log of changes: followed while they happen, held against the leaderboards before and after, and as an Atom feed.

use std::collections::HashSet;

use aibaas_tests::{Client, Publisher, cases, fixtures::unique, host::Host, oracle::moves};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

cases![KeepsMail:
    every_change_comes_once_while_they_happen,
    changes_agree_with_the_leaderboards,
    pages_lead_through_the_log,
    the_log_is_cheap_to_ask,
    parameters_are_checked,
    the_feed_is_atom,
    the_feed_survives_any_text,
];

fn items(page: &Value) -> Vec<Value> {
    page["data"].as_array().expect("changes").clone()
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

/// Polls from `after` on until `done`, as a client that keeps only the last id; what it was told.
async fn follow(api: &Client, filter: &str, after: Value, done: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let mut after = after.as_str().map(str::to_owned);
    let mut told: Vec<Value> = Vec::new();
    for _ in 0..2000 {
        if done(&told) {
            return told;
        }
        let from = after.as_ref().map_or_else(String::new, |after| format!("&after={after}"));
        let page = api.get(format!("/api/v1/changes?limit=7{filter}{from}")).await.expect(200);
        let mut new = items(&page);
        if after.is_none() {
            // Without a place to start from it is the newest first.
            new.reverse();
        }
        if let Some(last) = new.last() {
            after = Some(text(&last["id"]));
        }
        told.extend(new);
    }
    panic!("still not all after {} changes", told.len());
}

async fn every_change_comes_once_while_they_happen(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(8).await;
    let models = join_all((0..16).map(|n| {
        let publisher = publisher.clone();
        async move { publisher.model(&format!("m{n}")).await }
    }))
    .await;
    let api = publisher.api.anonymous();
    publisher.published(&models[0], 3, 8).await;
    let own = |changes: &[Value]| changes.iter().filter(|change| change["benchmark"] == publisher.benchmark).count();
    // Where everything that happens on the host is followed, others publish too.
    let latest = api.get("/api/v1/changes?limit=1").await.expect(200)["latest"].clone();
    let of_benchmark = format!("&benchmark={}", publisher.benchmark);
    let from = publisher.changes().await[0]["id"].clone();
    let all = follow(&api, "", latest, |told| own(told) >= 16);
    let filtered = follow(&api, &of_benchmark, from, |told| told.len() >= 16);
    let publish = join_all(models.iter().enumerate().map(|(n, model)| publisher.published(model, n % 9, 8)));
    let ((mut all, filtered), runs) = join(join(all, filtered), publish).await;
    all.retain(|change| change["benchmark"] == publisher.benchmark);
    assert_eq!(all, filtered, "the same, followed either way");
    let told = filtered.iter().map(|change| text(&change["runId"])).collect::<HashSet<_>>();
    assert_eq!((filtered.len(), told), (16, runs.into_iter().collect()), "each once");
    let mut listed = publisher.changes().await;
    assert_eq!(listed.len(), 17);
    listed.reverse();
    assert_eq!(listed[1..], filtered[..], "in the order in which they happened");
    // Nothing comes twice, and nothing comes later.
    let last = text(&filtered[15]["id"]);
    let page = api.get(format!("/api/v1/changes?after={last}{of_benchmark}")).await.expect(200);
    assert_eq!((&page["data"], &page["nextCursor"]), (&json!([]), &Value::Null));
    check_ranks(&publisher, &listed).await;
}

/// Each change, oldest first, against the whole leaderboard before and after it.
async fn check_ranks(publisher: &Publisher, changes: &[Value]) {
    let mut before: Vec<Value> = Vec::new();
    for change in changes {
        let snapshot = publisher.snapshot(change["id"].as_str().expect("a snapshot")).await;
        let snapshot: Value = serde_json::from_str(&snapshot).expect("JSON");
        let after = items(&snapshot);
        let model = change["model"].as_str().expect("a model");
        fn of<'a>(rows: &'a [Value], model: &str, member: &str) -> &'a Value {
            rows.iter().find(|row| row["model"] == model).map_or(&Value::Null, |row| &row[member])
        }
        assert_eq!(&change["rankBefore"], of(&before, model, "rank"), "{change}");
        assert_eq!(&change["rankAfter"], of(&after, model, "rank"), "{change}");
        assert_eq!(&change["previousRunId"], of(&before, model, "runId"), "{change}");
        assert_eq!(&change["currentRunId"], of(&after, model, "runId"), "{change}");
        assert_eq!(change["at"], snapshot["generatedAt"], "{change}");
        let told = change["moved"].as_array().expect("moves").iter();
        let mut told = told
            .map(|one| {
                (text(&one["model"]), one["from"].as_u64().expect("a rank"), one["to"].as_u64().expect("a rank"))
            })
            .collect::<Vec<_>>();
        told.sort_unstable();
        assert_eq!(told, moves(&before, &after, model), "{change}");
        before = after;
    }
}

async fn changes_agree_with_the_leaderboards(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let mut standing = Vec::new();
    for (name, correct) in [("a", 2), ("b", 2), ("c", 4), ("a", 1), ("d", 3), ("b", 4), ("c", 0), ("e", 4)] {
        let model = format!("{}/{name}", publisher.provider);
        if !standing.iter().any(|(known, _)| *known == model) {
            publisher.model(name).await;
        }
        standing.push((model.clone(), publisher.published(&model, correct, 4).await));
    }
    for (at, reason) in [(7, "a wrong prompt"), (3, "a wrong harness"), (0, "both")] {
        publisher.withdraw(&standing[at].1, reason).await.expect(200);
    }
    let mut changes = publisher.changes().await;
    changes.reverse();
    let kinds = changes.iter().map(|change| change["kind"].as_str().expect("a kind")).collect::<Vec<_>>();
    assert_eq!(
        kinds[..8],
        ["published", "published", "published", "rescored", "published", "rescored", "rescored", "published"]
    );
    assert_eq!(kinds[8..], ["withdrawn"; 3]);
    for (change, (model, run)) in changes.iter().zip(&standing) {
        assert_eq!((&change["model"], &change["runId"]), (&json!(model), &json!(run)));
        assert_eq!((&change["reason"], &change["version"]), (&Value::Null, &json!("1")));
        assert_eq!(change["snapshotId"], Value::Null, "its id is the snapshot's");
    }
    assert_eq!(changes[8]["reason"], "a wrong prompt");
    check_ranks(&publisher, &changes).await;
}

async fn pages_lead_through_the_log(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let model = publisher.model("m").await;
    for correct in [0, 1, 2, 3, 0, 1, 2] {
        publisher.published(&model, correct, 3).await;
    }
    let api = publisher.api.anonymous();
    let newest_first = publisher.changes().await;
    let pages = async |query: String| {
        let (mut seen, mut path) = (Vec::new(), query.clone());
        loop {
            let answer = api.get(&path).await;
            let page = answer.expect(200);
            seen.extend(items(&page));
            let Some(cursor) = page["nextCursor"].as_str() else { return seen };
            assert!(answer.header("link").is_some_and(|link| link.contains("rel=\"next\"")), "{answer}");
            path = format!("{query}&cursor={cursor}");
        }
    };
    let base = format!("/api/v1/changes?benchmark={}&limit=2", publisher.benchmark);
    assert_eq!(pages(base.clone()).await, newest_first);
    let third = text(&newest_first[4]["id"]);
    let mut later = newest_first[..4].to_vec();
    later.reverse();
    assert_eq!(pages(format!("{base}&after={third}")).await, later, "oldest first, strictly later");
    // A new one does not shift the pages of who reads on.
    let first = api.get(&base).await.expect(200);
    publisher.published(&model, 3, 3).await;
    let cursor = first["nextCursor"].as_str().expect("more");
    assert_eq!(items(&api.get(format!("{base}&cursor={cursor}")).await.expect(200)), newest_first[2..4]);
    // Another benchmark's place is a place too.
    let other = Publisher::new(&host).await;
    other.tasks(1).await;
    other.published(&other.model("m").await, 1, 1).await;
    let after = text(&other.changes().await[0]["id"]);
    assert_eq!(items(&api.get(format!("{base}&after={after}")).await.expect(200)), Vec::<Value>::new());
}

async fn the_log_is_cheap_to_ask(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("m").await;
    publisher.published(&model, 1, 2).await;
    let api = publisher.api.anonymous();
    let after = text(&publisher.changes().await[0]["id"]);
    let path = format!("/api/v1/changes?benchmark={}&after={after}", publisher.benchmark);
    let (quiet, _) = api.get(&path).and_unchanged().await;
    assert_eq!(items(&quiet.expect(200)), Vec::<Value>::new());
    assert_eq!(quiet.header("cache-control"), Some("public, max-age=5"));
    let tag = quiet.header("etag").expect("an ETag").to_owned();
    publisher.published(&model, 2, 2).await;
    let news = api.get(&path).header("If-None-Match", &tag).await;
    assert_eq!(items(&news.expect(200)).len(), 1);
    assert_ne!(news.header("etag"), Some(tag.as_str()));
    let any = api.get(&path).header("Origin", "https://anywhere.example").await;
    assert_eq!(any.header("access-control-allow-origin"), Some("*"));
}

async fn parameters_are_checked(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(1).await;
    publisher.published(&publisher.model("m").await, 1, 1).await;
    let api = publisher.api.anonymous();
    for query in ["limit=0", "limit=101", "cursor=nonsense", "colour=red", "limit=1&limit=2"] {
        api.get(format!("/api/v1/changes?{query}")).await.problem(400, "malformed_request");
    }
    // Nothing stands after what never was.
    api.get("/api/v1/changes?after=01939f41-5a00-7f3e-a7b8-c9d0e1f2a3b4").await.problem(404, "not_found");
    let nothing = api.get(format!("/api/v1/changes?benchmark={}", unique("none"))).await;
    assert!(items(&nothing.expect(200)).is_empty(), "{nothing}");
    let latest = api.get("/api/v1/changes?limit=1").await.expect(200);
    assert_eq!(latest["latest"].as_str().map(str::len), Some(36), "{latest}");
}

const ATOM: &str = "http://www.w3.org/2005/Atom";

/// What RFC 4287 requires of a feed and its entries; gives the entries' ids.
#[track_caller]
fn check_atom(feed: &str, newest_first: &[Value]) -> Vec<String> {
    let document = roxmltree::Document::parse(feed).unwrap_or_else(|error| panic!("{error}: {feed}"));
    let root = document.root_element();
    let is = |node: roxmltree::Node<'_, '_>, name: &str| node.has_tag_name((ATOM, name));
    assert!(is(root, "feed"), "{feed}");
    let children = |node: roxmltree::Node<'_, '_>, name: &str| {
        node.children()
            .filter(|child| is(*child, name))
            .map(|child| child.text().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let one = |node: roxmltree::Node<'_, '_>, name: &str| {
        let mut found = children(node, name);
        assert_eq!(found.len(), 1, "exactly one {name}: {feed}");
        found.remove(0)
    };
    let is_time = |time: &str| time.len() == 24 && time.ends_with('Z') && time.as_bytes()[10] == b'T';
    let entries = root.children().filter(|child| is(*child, "entry")).collect::<Vec<_>>();
    assert!(!one(root, "title").is_empty());
    let absolute = |id: &str| id.starts_with("urn:") || id.starts_with("http") || id.starts_with("tag:");
    assert!(absolute(&one(root, "id")), "an id is an IRI: {feed}");
    let updated = one(root, "updated");
    assert!(is_time(&updated), "{updated}");
    let links = |node: roxmltree::Node<'_, '_>, relation: &str| {
        let links = node.children().filter(|child| is(*child, "link"));
        let links = links.filter(|link| link.attribute("rel").unwrap_or("alternate") == relation);
        links.filter_map(|link| link.attribute("href").map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(links(root, "self").len(), 1, "{feed}");
    let authored = root.children().any(|child| is(child, "author"));
    let mut ids = Vec::new();
    for entry in &entries {
        let id = one(*entry, "id");
        assert!(absolute(&id) && !ids.contains(&id), "{id}: {feed}");
        assert!(!one(*entry, "title").is_empty() && is_time(&one(*entry, "updated")), "{feed}");
        assert!(authored || entry.children().any(|child| is(child, "author")), "somebody wrote it: {feed}");
        let told = !children(*entry, "content").is_empty() || !links(*entry, "alternate").is_empty();
        assert!(told, "an entry without content has an alternate link: {feed}");
        ids.push(id);
    }
    assert_eq!(entries.len(), newest_first.len().min(50), "the newest fifty");
    for ((entry, id), change) in entries.iter().zip(&ids).zip(newest_first) {
        let known = change["id"].as_str().expect("an id");
        assert!(id.contains(known), "{id} is not of {known}");
        assert_eq!(one(*entry, "updated"), change["at"], "{feed}");
        let model = change["model"].as_str().expect("a model");
        assert!(
            entry.descendants().any(|node| node.text().is_some_and(|text| text.contains(model))),
            "{model}: {feed}"
        );
    }
    if let Some(newest) = newest_first.first() {
        assert_eq!(updated, newest["at"]);
    }
    ids
}

async fn the_feed_is_atom(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(3).await;
    let models = [publisher.model("m").await, publisher.model("n").await];
    for n in 0..26 {
        let run = publisher.published(&models[n % 2], n % 4, 3).await;
        publisher.withdraw(&run, "a mistake").await.expect(200);
    }
    let api = publisher.api.anonymous();
    let path = format!("/api/v1/changes.atom?benchmark={}", publisher.benchmark);
    let (feed, _) = api.get(&path).and_unchanged().await;
    assert_eq!(feed.media_type(), Some("application/atom+xml"), "{feed}");
    let ids = check_atom(&feed.text(), &publisher.changes().await);
    let tag = feed.header("etag").expect("an ETag").to_owned();
    publisher.withdraw(&publisher.published(&models[0], 3, 3).await, "a mistake").await.expect(200);
    let later = api.get(&path).header("If-None-Match", &tag).await;
    later.expect(200);
    let later_ids = check_atom(&later.text(), &publisher.changes().await);
    assert_eq!(later_ids[2..], ids[..48], "an entry keeps its id");

    let all = api.get("/api/v1/changes.atom").await;
    all.expect(200);
    roxmltree::Document::parse(&all.text()).expect("XML");
    api.get("/api/v1/changes.atom?colour=red").await.problem(400, "malformed_request");
}

async fn the_feed_survives_any_text(host: Host) {
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = format!("{}/m", publisher.provider);
    let name = "</title><script>alert('&amp;')</script> ]]> 🦀";
    publisher.api.put(format!("/api/v1/models/{model}")).json(json!({ "displayName": name })).await.expect(201);
    let reasons = [
        "<b>&lt;]]></b> \"quoted\" & 'so'",
        "tab\tand\nline",
        "a\u{1}\u{8}\u{b}\u{1b}",
        "b\u{fffe}\u{ffff}",
        "\u{202e}right to left",
    ];
    for reason in reasons {
        let run = publisher.published(&model, 1, 2).await;
        // Taken, and no danger to who reads the feed.
        publisher.withdraw(&run, reason).await.expect(200);
    }
    let path = format!("/api/v1/changes.atom?benchmark={}", publisher.benchmark);
    let feed = publisher.api.anonymous().get(path).await.text();
    check_atom(&feed, &publisher.changes().await);
    let document = roxmltree::Document::parse(&feed).expect("XML");
    assert!(document.descendants().all(|node| !node.has_tag_name("script")));
    let said = |text: &str| document.descendants().any(|node| node.text().is_some_and(|found| found.contains(text)));
    assert!(said(reasons[0]), "the reason, as it was given: {feed}");
}
