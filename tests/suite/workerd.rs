//! What only the Worker can meet: a trap, a schedule, hashing in objects, variables of its own.

use std::{collections::BTreeMap, process::Command, time::Duration};

use aibaas_tests::{
    Publisher, TIMEOUT, User, eventually,
    fixtures::{PASSWORD, new_address, token_in, unique},
    host::{
        Host, Kind, MAIL_FROM, Setup,
        cloudflare::{self, Workerd},
    },
    keys::{Key, VERIFY},
    plain_client,
    provider::Provider,
    tools,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// A trap costs the requests that were under way; the next one is answered as ever.
pub async fn goes_on_after_a_trap() -> Result<(), String> {
    let workerd = Workerd::start(&Setup::KeepsMail.variables(), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let publisher = Publisher::new(&host).await;
    let plain = plain_client();
    for n in 0..3 {
        let trapped =
            plain.get(format!("{}/health", host.url())).header("x-request-id", format!("trap-{n}")).send().await;
        let trapped = trapped.expect("even a trap is answered");
        assert_eq!(trapped.status(), 500, "{trapped:?}");
        host.client().get("/health").await.expect(200);
        publisher.user.api.get("/api/v1/users/me").await.expect(200);
    }
    // A trap in the Durable Object must not leave its caller hanging. The first use of a key is decided there.
    let path = format!("{}/api/v1/models/{}/m", host.url(), publisher.provider);
    let key = Key::new(&publisher.user, json!({})).await.secret;
    let body = json!({ "displayName": "M" }).to_string();
    let put = plain.put(path).bearer_auth(key).header("content-type", "application/json").body(body);
    let trapped = put.header("x-trap-admission", "1").send().await.expect("an answer");
    assert_eq!(trapped.status(), 500, "{trapped:?}");
    publisher.model("after").await;
    Ok(())
}

/// What was written to the data set.
async fn points(workerd: &Workerd) -> Vec<Value> {
    let points = plain_client().get(format!("{}/points", workerd.control)).send().await.expect("an answer");
    points.json().await.expect("points")
}

/// Every answer is a point of the data set: by route, and by nothing that tells who asked for what.
pub async fn counts_requests_in_its_data_set() -> Result<(), String> {
    let workerd = Workerd::start_counted(&Setup::KeepsMail.variables(), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let owner = User::verified(&host).await;
    let asks = Key::limited(&owner, 1000, 3600).await;
    let before = points(&workerd).await.len();
    host.client().get("/health?secret=hidden").await.expect(200);
    host.client().get("/api/v1/models/hidden/hidden").await.expect(404);
    host.client().get("/hidden").await.expect(404);
    owner.api.get("/api/v1/users/me").await.expect(200);
    asks.api.post(VERIFY).json(json!({ "key": asks.secret })).await.expect(200);
    asks.api.post(VERIFY).json(json!({ "key": "hidden" })).await.expect(200);
    plain_client().get(format!("{}/health", host.url())).header("x-request-id", "trap-1").send().await.expect("a 500");
    let points = points(&workerd).await.split_off(before);
    let told = points.iter().map(|point| point["blobs"].clone()).collect::<Vec<_>>();
    let expected = [
        json!(["/health", "GET", "200", "nobody", ""]),
        json!(["/api/v1/models/{provider}/{name}", "GET", "404", "nobody", ""]),
        json!(["none", "GET", "404", "nobody", ""]),
        json!(["/api/v1/users/me", "GET", "200", "session", ""]),
        json!([VERIFY, "POST", "200", "api_key", "valid"]),
        json!([VERIFY, "POST", "200", "api_key", "valid"]),
        // The application counted it before its answer was lost.
        json!(["/health", "GET", "200", "nobody", ""]),
        json!(["none", "other", "500", "nobody", ""]),
    ];
    assert_eq!(told, expected);
    for point in &points {
        assert_eq!(point["indexes"], json!([point["blobs"][0]]));
        assert!(point["doubles"][0].is_u64() && point["doubles"][1].is_null(), "{point}");
    }
    let text = json!(points).to_string();
    assert!(!text.contains("hidden") && !text.contains("127.0.0.1") && !text.contains(&asks.secret), "{text}");
    Ok(())
}

/// Every tick is a point of the data set, with how much waits and nothing of what it is; one that cannot be counted is a
/// tick all the same.
pub async fn counts_what_waits_in_its_data_set() -> Result<(), String> {
    let provider = Provider::start().await.map_err(|error| error.to_string())?;
    let variables = cloudflare::variables(Setup::SendsMailAndMovesTime);
    let workerd = Workerd::start_counted(&variables, Some(provider.url()))?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), Some(provider.clone()));
    let owner = User::verified(&host).await;
    let path = format!("/hooks/{}", unique("hook"));
    provider.hooks().answer(&path, 503);
    let hook = json!({ "url": host.hook_url(&path), "events": ["run.published"] });
    let hook = owner.api.post("/api/v1/webhooks").json(hook).await.expect(201);
    let hook = format!("/api/v1/webhooks/{}", hook["webhook"]["id"].as_str().expect("an id"));
    owner.api.post(format!("{hook}/test")).await.expect(202);
    eventually("the failure is noted", async || {
        let deliveries = owner.api.get(format!("{hook}/deliveries")).await.expect(200);
        (!deliveries["data"][0]["failure"].is_null()).then_some(())
    })
    .await;
    let email = new_address();
    provider.fail(&email, 100);
    host.client().post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD })).await.expect(202);
    provider.wait_for(&email, 1).await;
    host.advance(Duration::from_secs(3600)).await;

    let tick = async || {
        let before = points(&workerd).await.len();
        let fired = plain_client().post(format!("{}/cron", workerd.control)).send().await.expect("an answer");
        assert_eq!(fired.status(), 204, "{fired:?}");
        points(&workerd).await.split_off(before)
    };
    let written = tick().await;
    let [point] = &*written else { panic!("one point, and not {written:?}") };
    assert_eq!((&point["indexes"], &point["blobs"]), (&json!(["tick"]), &json!(["tick"])));
    let numbers = point["doubles"].as_array().expect("numbers").iter().filter_map(Value::as_f64).collect::<Vec<_>>();
    let [mails, given_up, oldest_age, webhooks, failing, overdue, bytes] = *numbers else { panic!("{point}") };
    assert_eq!([mails, given_up, webhooks, failing, overdue], [1.0, 0.0, 1.0, 1.0, 0.0], "{point}");
    assert!((3600.0..3600.0 + TIMEOUT.as_secs_f64()).contains(&oldest_age), "{point}");
    assert!((100_000.0..100_000_000.0).contains(&bytes), "{point}");

    let fault = async |query: &str| {
        let fault = plain_client().get(format!("{}/fault{query}", workerd.control)).send().await.expect("an answer");
        assert_eq!(fault.status(), 200, "{fault:?}");
    };
    fault("?of=database&fault=fails&times=1000").await;
    assert_eq!(tick().await, [] as [Value; 0]);
    fault("").await;
    assert_eq!(tick().await.len(), 1);
    Ok(())
}

/// What a key has used of its limit, and what was counted, outlives the object that keeps it.
pub async fn keys_outlive_their_objects() -> Result<(), String> {
    let workerd = Workerd::start(&Setup::MovesTime.variables(), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let owner = User::verified(&host).await;
    let asks = Key::limited(&owner, 100_000, 3600).await;
    let evict = async |key: &Key| {
        // What is held of it elsewhere comes back for that, and is written before it goes.
        owner.api.get(format!("{}/usage", key.path())).await.expect(200);
        let hash = ring::digest::digest(&ring::digest::SHA256, key.secret.as_bytes());
        let hash = data_encoding::HEXLOWER.encode(hash.as_ref());
        plain_client().get(format!("{}/evict?key={hash}", workerd.control)).send().await.expect("an answer");
    };
    let verify = async |key: &Key| asks.api.post(VERIFY).json(json!({ "key": key.secret })).await.expect(200);

    // A burst large enough for blocks, in three parts. A block that comes home late counts as used up: here none does.
    host.stop_time().await;
    let key = Key::limited(&owner, 1000, 3600).await;
    let mut admitted = 0;
    for _ in 0..3 {
        let burst = join_all((0..450).map(|_| verify(&key))).await;
        admitted += burst.iter().filter(|verdict| verdict["valid"] == true).count();
        evict(&key).await;
    }
    assert_eq!(admitted, 1000);
    let refused = verify(&key).await;
    assert_eq!((&refused["code"], &refused["rateLimit"]["remaining"]), (&json!("too_many_requests"), &json!(0)));
    evict(&key).await;
    let usage = owner.api.get(format!("{}/usage", key.path())).await.expect(200);
    assert_eq!(usage["totals"], json!({ "allowed": 1000, "limited": 351, "denied": 0 }));

    host.let_time_pass().await;

    // It is in the database too, from where the list has it: the first use at once, the rest with the next save.
    let shown = async || owner.api.get("/api/v1/api-keys").await.expect(200)["data"][0]["lastUsedAt"].clone();
    eventually("the use of a key is saved", async || (!shown().await.is_null()).then_some(())).await;

    owner.api.delete(key.path()).await.expect(204);
    evict(&key).await;
    assert_eq!(verify(&key).await["code"], "api_key_revoked");

    // Whoever looks at the use of a busy key does not wait for it to become idle.
    let busy = Key::new(&owner, json!({ "rateLimitWindowSeconds": 1 })).await;
    let load = async {
        for _ in 0..20 {
            join_all((0..100).map(|_| verify(&busy))).await;
        }
    };
    let looks = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            owner.api.get(format!("{}/usage", busy.path())).await.expect(200);
        }
    };
    let looks = tokio::time::timeout(TIMEOUT, looks);
    let ((), looked) = tokio::join!(load, looks);
    looked.map_err(|_| "the use of a busy key is not told".to_owned())?;
    let usage = owner.api.get(format!("{}/usage", busy.path())).await.expect(200);
    assert_eq!(usage["totals"], json!({ "allowed": 2000, "limited": 0, "denied": 0 }));
    Ok(())
}

/// What it costs D1, by its own count of rows, to publish the largest run that there may be: 10,000 tasks of 2,365 slices,
/// ten attempts each.
pub async fn publishing_the_largest_run_keeps_its_budget() -> Result<(), String> {
    const TASKS: usize = 10_000;
    let workerd = Workerd::start(&Setup::KeepsMail.variables(), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let publisher = Publisher::new(&host).await;
    let task = |n: usize| {
        let (scenario, language, difficulty) = (n % 12, n / 12 % 12, n / 144 % 13);
        json!({
            "id": format!("t{n}"), "scenario": format!("s{scenario}"), "language": format!("l{language}"),
            "difficulty": format!("d{difficulty}"),
        })
    };
    let tasks = (0..TASKS).map(task).collect::<Value>();
    let version = json!({ "title": "Largest", "metric": "pass_rate", "attemptsPerTask": 10, "tasks": tasks });
    publisher.version("1", version).await;
    let model = publisher.model("largest").await;
    let run = publisher.run(&model).await;
    for first in (0..TASKS).step_by(100) {
        let result = |(n, attempt): (usize, usize)| {
            let passed = (n + attempt) % 3 > 0;
            let (status, score) = if passed { ("success", 1) } else { ("failed", 0) };
            json!({ "task": format!("t{n}"), "attempt": attempt, "status": status, "score": score, "costUsd": 0.01 })
        };
        let results = (first..first + 100).flat_map(|n| (1..=10).map(move |attempt| (n, attempt))).map(result);
        publisher.upload(&run, results.collect()).await;
    }
    let rows = async || {
        let text = plain_client().get(format!("{}/keys", workerd.control)).send().await.expect("an answer").text();
        let counters = serde_json::from_str::<Value>(&text.await.expect("counters")).expect("JSON");
        ["rowsRead", "rowsWritten"].map(|name| counters[name].as_u64().expect("a counter"))
    };
    let before = rows().await;
    publisher.publish(&run).await;
    let after = rows().await;
    let [read, written] = [after[0] - before[0], after[1] - before[1]];
    // Of 100,000 results, each read once, and 2,365 slices. docs/internals.md says what it is.
    assert!(read <= 115_000 && written <= 2_450, "the largest run: {read} rows read, {written} written");
    Ok(())
}

/// Whichever instance revokes a key, every other one refuses it at once; a limit is one over all of them.
pub async fn instances_agree_about_keys() -> Result<(), String> {
    let workerd = Workerd::start(&Setup::MovesTime.variables(), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let another = Host::at(Kind::Cloudflare, workerd.another.clone(), None);
    let owner = User::verified(&host).await;
    let asks = Key::limited(&owner, 100_000, 3600).await;
    let there = another.client();
    let verify = async |key: &Key, from: usize| {
        let client = if from.is_multiple_of(2) { asks.api.clone() } else { there.with(&asks.secret) };
        client.post(VERIFY).json(json!({ "key": key.secret })).await.expect(200)
    };

    let admitted = async |limit: u32| {
        let key = Key::limited(&owner, limit, 3600).await;
        let mut admitted = 0;
        loop {
            let burst = join_all((0..300).map(|n| verify(&key, n))).await;
            let now = burst.iter().filter(|verdict| verdict["valid"] == true).count();
            admitted += u32::try_from(now).expect("a small number");
            assert!(admitted <= limit, "{admitted} of {limit}");
            if now < 300 {
                return admitted;
            }
        }
    };
    // Of the largest, both get leases: one that is reported late counts as used up, and here none is.
    host.stop_time().await;
    for limit in [1, 7, 100, 1500] {
        assert_eq!(admitted(limit).await, limit);
    }
    host.let_time_pass().await;

    for round in 0..100 {
        let key = Key::new(&owner, json!({})).await;
        // Enough for both to hold a lease, in some rounds.
        let uses = if round % 10 == 0 { 120 } else { 2 };
        let used = join_all((0..uses).map(|n| verify(&key, n))).await;
        assert!(used.iter().all(|verdict| verdict["valid"] == true), "round {round}: {used:?}");
        let (revokes, asked) = if round % 2 == 0 { (&host, 1) } else { (&another, 0) };
        let revoked = revokes.client().with(owner.api.credential().expect("a token")).delete(key.path()).await;
        revoked.expect(204);
        let (here, there) = (verify(&key, asked).await, verify(&key, asked + 1).await);
        assert_eq!((&here["code"], &there["code"]), (&json!("api_key_revoked"), &json!("api_key_revoked")), "{round}");
    }
    Ok(())
}

/// Where the object of a key cannot be told, its revocation has not happened, and is not said to have.
pub async fn what_cannot_be_told_is_not_revoked() -> Result<(), String> {
    let workerd = Workerd::start(&Setup::KeepsMail.variables(), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let owner = User::verified(&host).await;
    let key = Key::new(&owner, json!({})).await;
    let break_next = async || {
        let health = plain_client().get(format!("{}/health", host.url())).header("x-break-invalidation", "1");
        health.send().await.expect("an answer");
    };
    break_next().await;
    owner.api.delete(key.path()).await.problem(503, "service_unavailable");
    key.used_by(&owner.api).await.expect(200);
    assert_eq!(owner.api.get(key.path()).await.expect(200)["status"], "active");
    break_next().await;
    owner.api.patch(key.path()).json(json!({ "rateLimit": 1 })).await.problem(503, "service_unavailable");
    assert_eq!(owner.api.get(key.path()).await.expect(200)["rateLimit"], 100_000);
    owner.api.delete(key.path()).await.expect(204);
    key.used_by(&owner.api).await.problem(401, "api_key_revoked");
    Ok(())
}

/// Passwords are hashed in Durable Objects, in turn; one that traps or has too much to do costs one login, answered; none
/// hashes for somebody who has gone.
pub async fn hashes_in_durable_objects() -> Result<(), String> {
    let mut variables = Setup::KeepsMail.variables();
    variables.extend(cloudflare::hashing_objects(4));
    let workerd = Workerd::start(&variables, None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let plain = plain_client();
    let hashes = async || {
        let answer = plain.get(format!("{}/hashes", workerd.control)).send().await.expect("an answer");
        answer.json::<BTreeMap<String, u32>>().await.expect("a number for each object")
    };

    // Two of them: more attempts at once would be taken for guesses.
    let users = [User::verified(&host).await, User::verified(&host).await];
    let before = hashes().await.values().sum::<u32>();
    assert!(before >= 4, "registering and logging in are not hashed in an object");
    let logins = (0..8).map(async |n| drop(User::login(&host.client(), &users[n % 2].email).await));
    join_all(logins).await;
    let after = hashes().await;
    assert_eq!(after.values().sum::<u32>(), before + 8, "{after:?}");
    assert_eq!(after.len(), 4, "{after:?}");
    assert!(after.values().all(|hashed| (after["0"].abs_diff(*hashed)) <= 1), "not in turn: {after:?}");

    let hash = async |patience_ms: i64| {
        let url = format!("{}/hash?patience={patience_ms}", workerd.control);
        plain.get(url).send().await.expect("an answer").json::<Value>().await.expect("JSON")
    };
    assert_eq!(hash(0).await, Value::Null);
    assert_eq!(hashes().await, after);
    assert!(hash(3_600_000).await.is_string());

    let login = |user: &User, header: &'static str| {
        let body = json!({ "email": user.email, "password": PASSWORD }).to_string();
        let login = plain.post(format!("{}/api/v1/auth/login", host.url())).header("content-type", "application/json");
        async move {
            let answer = login.header(header, "1").body(body).send().await.expect("even a trap is answered");
            let (status, retry) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
            let body = answer.text().await.expect("a whole answer");
            assert!(!body.contains(PASSWORD), "{body}");
            (status, retry, body)
        }
    };
    for _ in 0..3 {
        let (status, _, body) = login(&users[0], "x-trap-hash").await;
        assert_eq!(status, 500, "{body}");
        User::login(&host.client(), &users[0].email).await;
    }
    let (status, retry, body) = login(&users[1], "x-busy-hash").await;
    assert!(status == 503 && retry, "{status} {body}");
    User::login(&host.client(), &users[1].email).await;
    let logged = plain.get(format!("{}/logs", workerd.control)).send().await.expect("an answer");
    let logged = logged.text().await.expect("the log");
    assert!(logged.contains("replaced") && !logged.contains(PASSWORD), "{logged}");
    Ok(())
}

/// A mistake in what only this host reads is told together with the others, and nothing is served.
pub async fn tells_its_own_mistakes() -> Result<(), String> {
    let mistakes = [("PASSWORD_HASHING", "elsewhere"), ("PASSWORD_HASHER_OBJECTS", "65"), ("PUBLISHING", "perhaps")];
    let variables = mistakes.into_iter().chain([("JWT_SECERT", "misspelt")]);
    let variables = variables.map(|(name, value)| (name, value.to_owned())).collect::<Vec<_>>();
    let workerd = Workerd::start(&[Setup::KeepsMail.variables(), variables].concat(), None)?;
    let plain = plain_client();
    let answer = plain.get(format!("{}/health", workerd.url)).send().await.expect("an answer");
    assert_eq!(answer.status(), 503);
    let logged = plain.get(format!("{}/logs", workerd.control)).send().await.expect("an answer");
    let logged = logged.text().await.expect("the log");
    assert!(logged.contains("3 mistake(s)"), "{logged}");
    for (name, _) in mistakes {
        assert!(logged.contains(name), "{name}: {logged}");
    }
    assert!(logged.contains("JWT_SECERT is no variable of this release; is JWT_SECRET meant?"), "{logged}");
    Ok(())
}

/// Whoever has a network of IPv6 is one client to the shield, whichever of its addresses they write from.
pub fn its_shield_counts_networks() -> Result<(), String> {
    let script = r#"
        const { networkOf } = await import(process.argv[1]);
        for (const address of process.argv.slice(2)) console.log(networkOf(address));
    "#;
    let cases = [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2"),
        ("2001:db8:1:2::", "2001:db8:1:2"),
        ("2001:db8::1", "2001:db8:0:0"),
        ("2001:db8::3:4:5:6", "2001:db8:0:0"),
        ("::1", "0:0:0:0"),
        ("", ""),
    ];
    let mut node = Command::new(tools::node()?);
    node.args(["--input-type=module", "--eval", script]).arg(tools::root().join("targets/src/cloudflare/network.mjs"));
    let output = node.args(cases.map(|(address, _)| address)).output().map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(told.lines().collect::<Vec<_>>(), cases.map(|(_, network)| network), "{output:?}");
    Ok(())
}

/// Cloudflare's own service gets the mail with both its texts, and what it sends to nobody is not tried again.
pub async fn its_binding_sends_mail() -> Result<(), String> {
    let mut variables = Setup::KeepsMail.variables();
    variables.extend([("MAIL_TRANSPORT", "cloudflare".to_owned()), ("MAIL_FROM", MAIL_FROM.to_owned())]);
    let workerd = Workerd::start(&variables, None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let email = format!("suppressed-{}", new_address());
    host.client().post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD })).await.expect(202);
    let url = format!("{}/mails", workerd.control);
    let mail = eventually("the mail", async || {
        let mails = plain_client().get(&url).send().await.expect("an answer").json::<Vec<Value>>().await;
        mails.expect("a list").into_iter().find(|mail| mail["to"] == email)
    })
    .await;
    assert!(mail["from"].as_str().is_some_and(|from| from.contains("noreply@aibaas.example")), "{mail}");
    assert!(mail["subject"].as_str().is_some_and(|subject| !subject.is_empty()), "{mail}");
    let [text, html] = ["text", "html"].map(|part| mail[part].as_str().expect("a part"));
    assert_eq!(token_in(text), token_in(html));
    let body = json!({ "token": token_in(text), "password": PASSWORD });
    host.client().post("/api/v1/auth/verify-email").json(body).await.expect(200);

    // To whom the service sends nothing any more, that is told of as by a provider's webhook.
    let tokens = User::login(&host.client(), &email).await;
    let api = host.client().with(tokens["accessToken"].as_str().expect("an access token"));
    let body = json!({ "currentPassword": PASSWORD, "newPassword": PASSWORD });
    api.post("/api/v1/auth/password/change").json(body).await.expect(204);
    let told = eventually("the person is told", async || {
        let told = api.get("/api/v1/users/me").await.expect(200)["undeliverable"].clone();
        Some(told).filter(|told| !told.is_null())
    })
    .await;
    assert_eq!(told["cause"], "bounce");
    let log = api.get("/api/v1/users/me/audit-log?limit=100").await.expect(200);
    let event = log["data"].as_array().and_then(|all| all.iter().find(|one| one["event"] == "address_undeliverable"));
    assert_eq!(event.expect("an event")["details"], json!({ "cause": "bounce", "provider": "cloudflare" }));
    Ok(())
}

/// The cron trigger sends what could not be sent at once.
pub async fn its_schedule_sends_mail() -> Result<(), String> {
    let provider = Provider::start().await.map_err(|error| error.to_string())?;
    let workerd = Workerd::start(&cloudflare::variables(Setup::SendsMailAndMovesTime), Some(provider.url()))?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), Some(provider.clone()));
    let email = new_address();
    provider.fail(&email, 1);
    host.client().post("/api/v1/auth/register").json(json!({ "email": email, "password": PASSWORD })).await.expect(202);
    provider.wait_for(&email, 1).await;
    host.advance(Duration::from_secs(30)).await;
    let fired = plain_client().post(format!("{}/cron", workerd.control)).send().await.expect("an answer");
    assert_eq!(fired.status(), 204, "{fired:?}");
    let answered = provider.wait_for(&email, 2).await.iter().map(|call| call.answered).collect::<Vec<_>>();
    assert_eq!(answered, [503, 200]);
    let token = User::verification_token(&host, &email).await;
    host.client().post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
    Ok(())
}
