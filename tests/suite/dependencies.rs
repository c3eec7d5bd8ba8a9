//! Hosts whose dependencies hang, fail and break off: what `tests/simulations/faults.rs` holds the application against, on
//! the hosts themselves. `docs/dependencies.md` has the table.

use std::{path::Path, time::Duration};

use aibaas_spin_host::{Dependency, Fault, InstanceLimits, SpinHost};
use aibaas_tests::{
    Answer, Publisher, TIMEOUT, User, cases, eventually,
    fixtures::{PASSWORD, new_address, try_login, unique},
    host::{
        Host, Kind, Setup, TICK_SECRET,
        cloudflare::{self, Workerd},
        native::Server,
        spin,
    },
    keys::{Key, VERIFY},
    plain_client,
    wire::Wire,
};
use futures_util::future::join_all;
use serde_json::json;

cases![SendsMailAndMovesTime: mail_outlives_its_provider];

/// What these hosts are told as `REQUEST_DEADLINE_SECONDS`. What is answered in time is asked for by [`served`]: a share of
/// it is little time for a machine that is busy with something else.
const DEADLINE: u64 = 10;
/// Between two requests that ask whether the first may still act: a client does not ask more often.
const PAUSE: Duration = Duration::from_secs(1);
/// Every call meets the fault.
const ALWAYS: u32 = 1_000_000;

fn variables() -> Vec<(&'static str, String)> {
    let mut variables = Setup::KeepsMail.variables();
    variables.retain(|(name, _)| *name != "REQUEST_DEADLINE_SECONDS");
    variables.push(("REQUEST_DEADLINE_SECONDS", DEADLINE.to_string()));
    variables
}

/// The answer, which does not wait for what hangs: that does so until it is healed.
async fn in_time(answer: impl Future<Output = Answer>) -> Answer {
    tokio::time::timeout(TIMEOUT, answer).await.expect("nothing is waited for without end")
}

/// Asks until the answer is not that a dependency was too slow.
async fn served(ask: impl AsyncFn() -> Answer) -> Answer {
    let ask = async || {
        let answer = in_time(ask()).await;
        if answer.status == 503 {
            is_unavailable(&answer);
            return None;
        }
        Some(answer)
    };
    eventually("an answer that is not 503", ask).await
}

/// Asks until the answer is of now, and not the last one that was known.
async fn fresh(ask: impl AsyncFn() -> Answer) -> Answer {
    let ask = async || Some(served(&ask).await).filter(|answer| answer.header("age").is_none());
    eventually("an answer of now", ask).await
}

/// Asks again, with the same Idempotency-Key, for as long as the first request may still act.
async fn until_free(ask: &impl AsyncFn() -> Answer) -> Answer {
    let again = async || {
        let answer = served(ask).await;
        if answer.status == 409 {
            answer.problem(409, "idempotency_in_progress");
            tokio::time::sleep(PAUSE).await;
            return None;
        }
        Some(answer)
    };
    eventually("the end of the first request", again).await
}

fn is_unavailable(answer: &Answer) {
    answer.problem(503, "service_unavailable");
    assert!(answer.retry_after().is_some_and(|seconds| (1..=60).contains(&seconds)), "{answer}");
}

/// A person whose board has been read, so that its last answer may be kept.
struct Reader {
    publisher: Publisher,
    before: Answer,
}

impl Reader {
    async fn new(host: &Host) -> Self {
        // What a host does only once must not eat into the deadline of the first request.
        served(async || host.client().get("/ready").await).await.expect(200);
        let publisher = Publisher::new(host).await;
        publisher.tasks(3).await;
        let model = publisher.model("m").await;
        publisher.published(&model, 2, 3).await;
        let before = host.client().get(publisher.leaderboard_path()).await;
        before.expect(200);
        Self { publisher, before }
    }

    fn is_last_answer(&self, answer: &Answer) {
        answer.expect(200);
        assert_eq!((&answer.body, answer.header("etag")), (&self.before.body, self.before.header("etag")), "{answer}");
        assert!(answer.header("age").is_some(), "{answer}");
        let status = answer.header("cache-status").unwrap_or_default();
        assert!(status.starts_with("aibaas; hit") && status.ends_with("detail=stale-if-error"), "{answer}");
    }
}

/// Waits until the board's last answer is kept, which is done after the answer: it shows once the database fails.
async fn until_kept(reader: &Reader, spoil: &impl AsyncFn(&str, &str, u32)) {
    let client = reader.publisher.api.anonymous();
    let ask = async || {
        spoil("database", "fails", ALWAYS).await;
        let answer = client.get(reader.publisher.leaderboard_path()).await;
        spoil("database", "", 0).await;
        (answer.status == 200).then_some(())
    };
    eventually("a board that is kept", ask).await;
}

/// Holds a host against a database and a cache that `spoil` spoils: `spoil(of, fault, times)`, where no fault heals all.
/// Returns the one whose last answer is kept then.
async fn outlives_its_stores(host: &Host, spoil: impl AsyncFn(&str, &str, u32)) -> Reader {
    let reader = Reader::new(host).await;
    let (user, board) = (&reader.publisher.user, reader.publisher.leaderboard_path());
    until_kept(&reader, &spoil).await;

    for fault in ["hangs", "fails"] {
        spoil("database", fault, ALWAYS).await;
        let client = host.client();
        let known = reader.before.header("etag").unwrap_or_default().to_owned();
        let (last, same, stranger, login, me, health) = tokio::join!(
            served(async || client.get(&board).await),
            served(async || client.get(&board).header("If-None-Match", &known).await),
            in_time(async { client.get("/api/v1/leaderboard?q=nobody-asked-for-this").await }),
            in_time(async { try_login(&host.client(), &user.email, PASSWORD).await }),
            in_time(async { user.api.get("/api/v1/users/me").await }),
            in_time(async { client.get("/health").await }),
        );
        reader.is_last_answer(&last);
        assert_eq!((same.status.as_u16(), same.body.len()), (304, 0), "{same}");
        for answer in [&stranger, &login, &me] {
            is_unavailable(answer);
        }
        health.expect(200);
        spoil("database", "", 0).await;
        served(async || user.api.get("/api/v1/users/me").await).await.expect(200);
        assert_eq!(fresh(async || client.get(&board).await).await.body, reader.before.body);
    }

    // A read that fails once is tried again.
    for _ in 0..3 {
        let me = served(async || {
            spoil("database", "fails", 1).await;
            let me = user.api.get("/api/v1/users/me").await;
            spoil("database", "", 0).await;
            me
        });
        me.await.expect(200);
    }

    // What was asked for with an Idempotency-Key is done once, whatever became of the first request.
    for (fault, times) in
        [("hangs", ALWAYS), ("hangsToTell", ALWAYS), ("breaksOff", ALWAYS), ("breaksOff", 1), ("fails", 1)]
    {
        let (name, key) = (unique("once"), unique("key"));
        let body = json!({ "name": name, "scopes": ["models:write"] });
        let create =
            async || user.api.post("/api/v1/api-keys").header("Idempotency-Key", &key).json(body.clone()).await;
        spoil("database", fault, times).await;
        let first = in_time(create()).await;
        spoil("database", "", 0).await;
        if first.status != 201 {
            is_unavailable(&first);
        }
        let again = until_free(&create).await;
        again.expect(201);
        assert!(first.status != 201 || first.body == again.body, "{fault} {times}: {first} {again}");
        assert_eq!(served(&create).await.body, again.body, "{fault} {times}");
        let keys = served(async || user.api.get("/api/v1/api-keys").await).await.expect(200);
        let made = keys["data"].as_array().into_iter().flatten().filter(|key| key["name"] == name).count();
        assert_eq!(made, 1, "{fault} {times}");
    }

    // The cache is only a cache.
    for fault in ["hangs", "fails"] {
        spoil("cache", fault, ALWAYS).await;
        let answer = fresh(async || host.client().get(&board).await).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &reader.before.body), "{fault}");
        spoil("cache", "", 0).await;
    }
    reader
}

/// The real component, over stores that hang, fail and break off.
pub async fn spin_outlives_its_stores() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (spin, host) = start_spin(folder.path(), None).await?;
    let reader = outlives_its_stores(&host, async |of, fault, times| {
        let of = if of == "cache" { Dependency::KeyValue } else { Dependency::Database };
        match fault {
            "" => spin.faults().heal(),
            "hangs" => spin.faults().set(of, Fault::Hangs, times),
            "fails" => spin.faults().set(of, Fault::Fails("connection lost"), times),
            // What nobody hears of, it has committed.
            "hangsToTell" => spin.faults().set(of, Fault::HangsToTell, times),
            _ => spin.faults().set(of, Fault::BreaksOff("connection lost"), times),
        }
    })
    .await;
    stop_spin(spin).await?;

    for fault in [Fault::Hangs, Fault::Fails("unable to open database file"), Fault::Fails("database is locked")] {
        // An instance that begins without its database shows what is known without it.
        let (spin, host) = start_spin(folder.path(), Some(fault)).await?;
        let client = host.client();
        in_time(async { client.get("/health").await }).await.expect(200);
        reader.is_last_answer(&served(async || client.get(reader.publisher.leaderboard_path()).await).await);
        is_unavailable(&in_time(async { client.get("/ready").await }).await);
        spin.faults().heal();
        served(async || client.get("/ready").await).await.expect(200);
        stop_spin(spin).await?;

        // And so does one whose database is not there yet; once it can be reached, it is made.
        let empty = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (spin, host) = start_spin(empty.path(), Some(fault)).await?;
        let client = host.client();
        in_time(async { client.get("/health").await }).await.expect(200);
        is_unavailable(&in_time(async { try_login(&client, &new_address(), PASSWORD).await }).await);
        spin.faults().heal();
        let login = served(async || try_login(&client, &new_address(), PASSWORD).await);
        login.await.problem(401, "invalid_credentials");
        stop_spin(spin).await?;
    }
    Ok(())
}

/// Starts it over this folder, with what its database does wrong from the beginning.
async fn start_spin(folder: &Path, fault: Option<Fault>) -> Result<(SpinHost, Host), String> {
    let (spin, host) = spin::stand_in(folder, variables(), InstanceLimits::default()).await?;
    if let Some(fault) = fault {
        spin.faults().set(Dependency::Database, fault, ALWAYS);
    }
    Ok((spin, host))
}

async fn stop_spin(spin: SpinHost) -> Result<(), String> {
    tokio::task::spawn_blocking(|| spin.shutdown()).await.map_err(|error| error.to_string())
}

/// The Worker, over bindings that hang, fail and break off.
pub async fn workerd_outlives_its_bindings() -> Result<(), String> {
    let variables = [&variables()[..], &cloudflare::hashing_objects(2)].concat();
    let workerd = Workerd::start(&variables, None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let plain = plain_client();
    let spoil = async |of: &str, fault: &str, times: u32| {
        let heals = format!("{}/fault", workerd.control);
        let url = if fault.is_empty() { heals } else { format!("{heals}?of={of}&fault={fault}&times={times}") };
        assert_eq!(plain.get(url).send().await.expect("an answer").status(), 200);
    };
    outlives_its_stores(&host, spoil).await;

    // What the objects cannot decide is not decided.
    let user = User::verified(&host).await;
    let key = Key::new(&user, json!({})).await;
    let login = async || try_login(&host.client(), &user.email, PASSWORD).await;
    let verify = async || key.api.post(VERIFY).json(json!({ "key": key.secret })).await;
    for fault in ["hangs", "hangsToTell", "fails", "breaksOff"] {
        for of in ["limits", "hasher"] {
            spoil(of, fault, ALWAYS).await;
            is_unavailable(&in_time(login()).await);
            spoil("", "", 0).await;
        }
        spoil("gate", fault, ALWAYS).await;
        is_unavailable(&in_time(verify()).await);
        is_unavailable(&in_time(async { user.api.delete(key.path()).await }).await);
        spoil("", "", 0).await;
        assert_eq!(served(&verify).await.expect(200)["valid"], true, "{fault}");
    }
    Ok(())
}

/// A provider that does not answer keeps nobody waiting, and no other mail; what it did not take is sent again.
async fn mail_outlives_its_provider(host: Host) {
    let (held, other, provider) = (new_address(), new_address(), host.provider());
    let register = async |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD });
        host.client().post("/api/v1/auth/register").json(body).await
    };
    provider.hold(&held);
    in_time(register(&held)).await.expect(202);
    in_time(register(&other)).await.expect(202);
    provider.wait_for(&other, 1).await;
    provider.release(&held);
    let tick = async || {
        // Long enough for another attempt.
        host.advance(Duration::from_secs(60)).await;
        let tick = host.client().post("/internal/tick").header("Authorization", &format!("Bearer {TICK_SECRET}"));
        in_time(async { tick.await }).await.expect(204);
        provider.calls_to(&held).iter().any(|call| call.answered == 200).then_some(())
    };
    eventually("the mail that was held", tick).await;
    let token = User::verification_token(&host, &held).await;
    host.client().post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
}

/// While another process holds the database, whoever writes hears 503 in time, and whoever reads is answered.
pub async fn native_outlives_a_locked_database() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let server = Server::start(folder.path(), &variables())?;
    let host = Host::at(Kind::Native, server.url.clone(), None);
    let reader = Reader::new(&host).await;
    let user = &reader.publisher.user;
    let other = rusqlite::Connection::open(folder.path().join("aibaas.db")).map_err(|error| error.to_string())?;
    let body = json!({ "name": "once", "scopes": ["models:write"] });
    let create = async || user.api.post("/api/v1/api-keys").header("Idempotency-Key", "k").json(body.clone()).await;
    other.execute_batch("BEGIN IMMEDIATE").map_err(|error| error.to_string())?;
    let client = host.client();
    let (created, login, rename, board, me) = tokio::join!(
        in_time(create()),
        in_time(async { try_login(&client, &user.email, PASSWORD).await }),
        in_time(async { user.api.patch("/api/v1/users/me").json(json!({ "fullName": "Ada" })).await }),
        served(async || client.get(reader.publisher.leaderboard_path()).await),
        served(async || user.api.get("/api/v1/users/me").await),
    );
    for answer in [&created, &login, &rename] {
        is_unavailable(answer);
    }
    assert_eq!(board.body, reader.before.body);
    me.expect(200);
    other.execute_batch("ROLLBACK").map_err(|error| error.to_string())?;
    until_free(&create).await.expect(201);
    let keys = served(async || user.api.get("/api/v1/api-keys").await).await.expect(200);
    assert_eq!(keys["data"].as_array().into_iter().flatten().filter(|key| key["name"] == "once").count(), 1, "{keys}");
    Ok(())
}

/// Neither bodies that are far too long, nor logins that come all at once, nor running out of memory stop the
/// Worker and its objects: the next request is answered.
pub async fn workerd_outlives_floods() -> Result<(), String> {
    for hashes_in_objects in [false, true] {
        let mut variables = Setup::KeepsMail.variables();
        if hashes_in_objects {
            variables.extend(cloudflare::hashing_objects(4));
        }
        let workerd = Workerd::start(&variables, None)?;
        let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
        let publisher = Publisher::new(&host).await;
        let user = &publisher.user;
        let plain = plain_client();
        let control = async |what: &str| {
            let answer = plain.get(format!("{}/{what}", workerd.control)).send().await.expect("an answer");
            answer.json::<u64>().await.expect("a number of bytes")
        };
        let goes_on = async || {
            host.client().get("/health").await.expect(200);
            user.api.get("/api/v1/users/me").await.expect(200);
        };

        for chunked in [false, true] {
            let uploads = (0..40).map(|_| huge_upload(&workerd.direct, publisher.api.credential(), chunked));
            for status in join_all(uploads).await {
                assert_eq!(status?, 413);
            }
            goes_on().await;
        }
        assert!(control("memory").await < 64 << 20);

        let logins = (0..40).map(async |_| try_login(&host.client(), &new_address(), PASSWORD).await);
        for answer in join_all(logins).await {
            match answer.status.as_u16() {
                401 => drop(answer.problem(401, "invalid_credentials")),
                _ => is_unavailable(&answer),
            }
        }
        goes_on().await;
        assert!(control("memory").await < 80 << 20);

        // What objects have counted is counted by those that take their place.
        let key = Key::limited(user, 1_000, 86_400).await;
        let stranger = host.client();
        let ask = async || {
            let body = json!({ "email": new_address() });
            stranger.post("/api/v1/auth/resend-verification").json(body).await
        };
        for _ in 0..5 {
            ask().await.expect(202);
        }
        for _ in 0..3 {
            ask().await.problem(429, "too_many_requests");
            let had = control("exhaust").await;
            assert!((80 << 20..=96 << 20).contains(&had), "{had} bytes");
            goes_on().await;
            assert!(control("memory").await < 80 << 20, "the memory is that of a new instance");
            key.used_by(&host.client()).await.expect(200);
            User::login(&host.client(), &user.email).await;
        }
        ask().await.problem(429, "too_many_requests");
    }
    Ok(())
}

/// Large bodies that nobody finishes take their own room: others of their size are told to come again, small ones go on,
/// and whoever comes after them has the room again.
pub async fn workerd_keeps_room_for_small_bodies() -> Result<(), String> {
    let workerd = Workerd::start(&Setup::KeepsMail.variables(), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let user = User::verified(&host).await;
    let large = async || host.client().post("/api/v1/auth/login").json(json!({ "email": "x".repeat(1_000_000) })).await;
    large().await.problem(413, "payload_too_large");

    let unfinished = (0..24).map(async |_| {
        loop {
            // Until it is given up, and then another.
            let mut wire = Wire::open(host.url()).await.expect("a connection");
            let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                        Content-Length: 1000000\r\n\r\n";
            let _ = wire.exchange(&[head.as_bytes(), &vec![b' '; 990_000]].concat()).await;
        }
    });
    let flood = async { drop::<Vec<()>>(join_all(unfinished).await) };
    let meanwhile = async {
        let crowded = async || Some(large().await).filter(|answer| answer.status == 503);
        for _ in 0..3 {
            is_unavailable(&eventually("a large body that finds no room", crowded).await);
            User::login(&host.client(), &user.email).await;
        }
    };
    tokio::select! {
        () = flood => {}
        () = meanwhile => {}
    }
    let room = async || Some(large().await).filter(|answer| answer.status == 413);
    eventually("the room of those who have gone", room).await;
    Ok(())
}

/// Uploads 90 MB for as long as anybody reads them, and reads the status that comes before they are all there.
/// The status of 90 MB, sent to the host itself: a proxy between them may lose an answer that comes before the body ended.
async fn huge_upload(url: &str, key: Option<&str>, chunked: bool) -> Result<u16, String> {
    let length =
        if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {}", 90 << 20) };
    let head = format!(
        "PUT /api/v1/models/maker/m HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\n{length}\r\n\r\n",
        key.unwrap_or_default()
    );
    let mut wire = Wire::open(url).await.map_err(|error| error.to_string())?;
    wire.send(head).await.map_err(|error| error.to_string())?;
    let spaces = vec![b' '; 64 * 1024];
    let piece = if chunked { [b"10000\r\n".as_slice(), &spaces, b"\r\n"].concat() } else { spaces };
    let answer = tokio::time::timeout(TIMEOUT, wire.exchange_repeated(&piece, (90 << 20) / (64 * 1024))).await;
    let answer = answer.map_err(|_| "no answer")?.map_err(|error| error.to_string())?;
    answer.map(|answer| answer.status).ok_or_else(|| "closed without an answer".to_owned())
}
