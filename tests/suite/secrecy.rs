//! A key is shown when it is made, and is nowhere after that: not in an answer, not in what is stored, not in a log.

use std::{
    fs::File,
    path::Path,
    process::{Child, Stdio},
};

use aibaas_tests::{
    Answer, Key, Service, User,
    client::Request,
    ended, eventually,
    fixtures::{admin, unique},
    host::{
        Host, Kind, Setup,
        cloudflare::{self, Workerd},
        native,
        spin::Spin,
    },
    keys::VERIFY,
    plain_client,
};
use base64::{
    Engine as _,
    engine::{GeneralPurpose, general_purpose::STANDARD, general_purpose::URL_SAFE_NO_PAD},
};
use data_encoding::{HEXLOWER, HEXUPPER};
use serde_json::{Value, json};

/// What the native program keeps and prints.
pub async fn on_native() {
    let (data, said) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let printed = said.path().join("printed");
    let mut command = native::command().expect("the binary");
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
    command.envs(Setup::Logs.variables()).stdout(File::create(&printed).expect("a file"));
    let errors = File::options().append(true).open(&printed).expect("the file");
    let mut server = Server(command.stderr(Stdio::from(errors)).spawn().expect("it starts"));
    let host = Host::at(Kind::Native, url(&printed).await, None);
    let made = live(&host).await;
    made.are_nowhere_in(&[data.path(), said.path()], "");
    server.terminate().await;
    requests_are_logged(&std::fs::read_to_string(&printed).expect("what it printed"));
    made.are_nowhere_in(&[data.path(), said.path()], "");
}

/// Sees that the log has what could hold a key.
#[track_caller]
fn requests_are_logged(log: &str) {
    for route in ["/api/v1/models/{provider}/{name}", "/api/v1/api-keys/verify", "/api/v1/api-keys/{id}/rotate"] {
        assert!(log.contains(route), "{route} in {log}");
    }
}

/// A process that ends with its case.
struct Server(Child);

impl Server {
    async fn terminate(&mut self) {
        let sent = std::process::Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()));
        ended(&mut self.0).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// Where it says that it listens.
async fn url(printed: &Path) -> String {
    eventually("it says where it listens", || async {
        let text = std::fs::read_to_string(printed).expect("what it printed");
        let (_, address) = text.split_once("listening on ")?;
        let (address, _) = address.split_once(',')?;
        Some(format!("http://{address}"))
    })
    .await
}

/// What the Spin component keeps and prints.
///
/// # Errors
/// Why it does not start.
pub async fn on_spin() -> Result<(), String> {
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    let folder = data.path().to_owned();
    let start = move || Spin::start(Setup::Logs, None, &folder);
    let (spin, url) = tokio::task::spawn_blocking(start).await.map_err(|error| error.to_string())??;
    let host = Host::at(Kind::Spin, url, None);
    let made = live(&host).await;
    if matches!(spin, Spin::StandIn(_)) {
        requests_are_logged(&spin.printed());
    }
    made.are_nowhere_in(&[data.path()], &spin.printed());
    // What is written after the answers is written once it has ended.
    tokio::task::spawn_blocking(|| spin.stop()).await.map_err(|error| error.to_string())?;
    made.are_nowhere_in(&[data.path()], "");
    Ok(())
}

/// What the Worker keeps in its database, its cache and its objects, and what it logs.
///
/// # Errors
/// Why it does not start.
pub async fn in_workerd() -> Result<(), String> {
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    let workerd = Workerd::start_over(Some(data.path()), &cloudflare::variables(Setup::Logs), None)?;
    let host = Host::at(Kind::Cloudflare, workerd.url.clone(), None);
    let made = live(&host).await;
    let plain = plain_client();
    let logged = plain.get(format!("{}/logs", workerd.control)).send().await.expect("an answer");
    let logged = logged.text().await.expect("the log");
    requests_are_logged(&logged);
    made.are_nowhere_in(&[data.path()], &logged);
    tokio::task::spawn_blocking(|| drop(workerd)).await.map_err(|error| error.to_string())?;
    made.are_nowhere_in(&[data.path()], "");
    Ok(())
}

/// The keys that were made, and every answer that showed none of them.
#[derive(Default)]
struct Made {
    keys: Vec<Key>,
}

impl Made {
    /// Takes up a key out of what making it answered.
    fn take(&mut self, user: &User, answer: &Answer) -> Key {
        let created = answer.expect(201);
        let key = Key::of(&user.api, &created);
        assert_eq!(answer.text().matches(random_part(&key)).count(), 1, "a key is shown once");
        self.are_not_in(&answer.text(), "the answer about another key");
        self.keys.push(key.clone());
        key
    }

    /// Sends it, and asserts that the answer shows no key.
    async fn hears(&self, request: Request) -> Answer {
        let answer = request.await;
        self.are_not_in(&format!("{} {:?}", answer.text(), answer.headers), &answer.to_string());
        answer
    }

    #[track_caller]
    fn are_not_in(&self, text: &str, place: &str) {
        for key in &self.keys {
            for (spelling, needle) in spellings(key) {
                assert!(!text.contains(&needle), "the {spelling} of a key is in {place}");
            }
        }
    }

    /// Looks through every file of the folders, and through a log.
    #[track_caller]
    fn are_nowhere_in(&self, folders: &[&Path], log: &str) {
        self.are_not_in(log, "the log");
        let mut files = Vec::new();
        folders.iter().for_each(|folder| read(folder, &mut files));
        for (path, bytes) in &files {
            // What is no UTF-8 falls out; keys and their spellings are ASCII.
            self.are_not_in(&String::from_utf8_lossy(bytes), path);
        }
        // What is meant to be there is found, so that the search is known to look where keys would be.
        for key in &self.keys {
            let start = &key.secret[..13];
            let hash = ring::digest::digest(&ring::digest::SHA256, key.secret.as_bytes());
            for (what, needle) in [("start", start.as_bytes()), ("hash", hash.as_ref())] {
                let holds =
                    |bytes: &Vec<u8>| bytes.windows(needle.len()).any(|part| part[0] == needle[0] && part == needle);
                assert!(files.iter().any(|(_, bytes)| holds(bytes)), "the {what} of a key is not stored");
            }
        }
    }
}

/// What of a key nobody can guess.
fn random_part(key: &Key) -> &str {
    &key.secret[9..41]
}

/// The ways in which a key may be written down; the first is a part of the key as it is.
fn spellings(key: &Key) -> Vec<(&'static str, String)> {
    let hidden = &key.secret.as_bytes()[9..];
    let mut spellings = vec![
        ("random part", random_part(key).to_owned()),
        ("upper-case hexadecimal form", HEXUPPER.encode(hidden)),
        ("hexadecimal form", HEXLOWER.encode(hidden)),
    ];
    for engine in [STANDARD, URL_SAFE_NO_PAD] {
        spellings.extend((0..3).map(|before| ("base64 form", base64_within(&engine, before, &key.secret))));
    }
    spellings
}

/// What base64 makes of a text that stands behind so many other bytes and before others.
fn base64_within(engine: &GeneralPurpose, before: usize, text: &str) -> String {
    let encoded = engine.encode(["?".repeat(before).as_str(), text].concat());
    let encoded = encoded.trim_end_matches('=');
    encoded[4 * before.min(1)..encoded.len() - 2].to_owned()
}

fn read(folder: &Path, files: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, files);
        } else if path.is_file() {
            files.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
}

/// The life of some keys, with the mistakes that people make with them.
async fn live(host: &Host) -> Made {
    let (admin, user, service) = (admin(host).await, User::verified(host).await, Service::new(host).await);
    let mut made = Made::default();
    let body = |settings: Value| {
        let mut body = json!({ "name": unique("key"), "scopes": ["models:write", "keys:verify"] });
        settings.as_object().into_iter().flatten().for_each(|(member, value)| body[member] = value.clone());
        body
    };
    let create = |settings: Value| user.api.post("/api/v1/api-keys").json(body(settings));
    let key = made.take(&user, &create(json!({})).await);
    let limited = made.take(&user, &create(json!({ "rateLimit": 1, "environment": "test" })).await);
    // Its answer is kept, and replayed.
    let (name, again) = (unique("once"), body(json!({ "allowedIps": ["192.0.2.0/24"] })));
    let once = || user.api.post("/api/v1/api-keys").header("Idempotency-Key", &name).json(again.clone());
    let elsewhere = made.take(&user, &once().await);
    assert_eq!(once().await.expect(201)["key"], elsewhere.secret);

    for (key, statuses) in [(&key, [201, 200]), (&limited, [201, 429]), (&elsewhere, [403, 403])] {
        let path = format!("/api/v1/models/{}/m", unique("probe"));
        for status in statuses {
            let put = user.api.anonymous().put(&path).json(json!({ "displayName": "M" }));
            made.hears(put.header("X-API-Key", &key.secret)).await.expect(status);
        }
        for settings in
            [json!({}), json!({ "cost": 0 }), json!({ "scopes": ["results:write"] }), json!({ "ip": "::1" })]
        {
            made.hears(service.shown(&key.secret, &settings)).await.expect(200);
        }
        made.hears(key.used_by(&key.api)).await;
        made.hears(Service(key.api.clone()).shown(&key.secret, &json!({}))).await;
        mistakes(&made, &user, &service, key).await;
    }

    let rotated = user.api.post(format!("{}/rotate", key.path())).json(json!({ "overlapSeconds": 0 })).await;
    let rotated = made.take(&user, &rotated);
    made.hears(rotated.used_by(&rotated.api)).await.expect(200);
    made.hears(user.api.post(format!("{}/rotate", key.path())).json(json!({}))).await;
    made.hears(user.api.delete(limited.path())).await.expect(204);
    for key in [&key, &limited] {
        made.hears(key.used_by(&key.api)).await.problem(401, "api_key_revoked");
        made.hears(service.shown(&key.secret, &json!({}))).await.expect(200);
    }
    for key in made.keys.clone() {
        made.hears(user.api.get(key.path())).await.expect(200);
        made.hears(user.api.get(format!("{}/usage", key.path()))).await.expect(200);
    }
    for path in ["/api/v1/api-keys", "/api/v1/users/me/audit-log?limit=100", "/api/v1/users/me/export"] {
        made.hears(user.api.get(path)).await.expect(200);
    }
    made.hears(admin.api.get("/api/v1/admin/audit-log?limit=100")).await.expect(200);
    made.hears(admin.api.get("/dev/mail").header("Accept", "application/json")).await.expect(200);
    made
}

/// A key where it does not belong.
async fn mistakes(made: &Made, user: &User, service: &Service, key: &Key) {
    let (nobody, secret) = (user.api.anonymous(), key.secret.as_str());
    for path in [
        format!("/api/v1/api-keys?cursor={secret}"),
        format!("/api/v1/api-keys?limit={secret}"),
        format!("/api/v1/api-keys/{secret}"),
        format!("/api/v1/leaderboard?benchmark={secret}&version=1"),
        format!("/api/v1/models?cursor={secret}"),
        format!("/api/v1/runs/{secret}"),
        format!("/{secret}"),
    ] {
        let answer = made.hears(user.api.get(&path)).await;
        assert!(answer.status.as_u16() < 500, "{answer}");
    }
    made.hears(nobody.get(format!("/api/v1/api-keys?api_key={secret}"))).await.problem(401, "missing_credentials");
    for (header, value) in [
        ("Authorization", secret.to_owned()),
        ("Authorization", format!("Basic {}", STANDARD.encode(secret))),
        ("Authorization", format!("Token {secret}")),
        ("Authorization", format!("Bearer {secret}, {secret}")),
        ("X-API-Key", format!("{secret} ")),
        ("X-API-Key", format!("Bearer {secret}")),
        ("X-Api-Token", secret.to_owned()),
        ("Cookie", format!("key={secret}")),
        ("X-Request-Id", secret.to_owned()),
        ("Accept", secret.to_owned()),
    ] {
        let answer = made.hears(nobody.post(VERIFY).header(header, &value).json(json!({ "key": secret }))).await;
        assert!(!answer.status.is_server_error(), "{answer}");
    }
    let login = nobody.elsewhere().post("/api/v1/auth/login");
    made.hears(login.json(json!({ "email": user.email, "password": secret })))
        .await
        .problem(401, "invalid_credentials");
    for body in [
        json!({ "key": secret, "ip": secret }),
        json!({ "key": secret, "scopes": [secret] }),
        json!({ "key": [secret] }),
        json!({ "key": secret, "cost": secret }),
    ] {
        made.hears(service.0.post(VERIFY).json(body)).await.problem(422, "validation_failed");
    }
    let broken = json!({ "key": secret }).to_string();
    made.hears(service.0.post(VERIFY).body("application/json", &broken[..broken.len() - 1])).await.expect(400);
    made.hears(service.0.post(VERIFY).body("text/plain", secret)).await.expect(415);
    let settings = json!({ "name": "x", "scopes": [secret], "allowedIps": [secret], "environment": secret });
    made.hears(user.api.post("/api/v1/api-keys").json(settings)).await.problem(422, "validation_failed");
}
