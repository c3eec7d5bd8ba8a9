//! What cases start from: people and publishers, made through the public API alone.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::{
    client::{Answer, Client},
    host::{ADMIN_EMAIL, Host},
};

/// The password of everybody in the suite.
pub const PASSWORD: &str = "correct horse battery staple 9";

/// A word that no other case of any run uses.
pub fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static RUN: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| fastrand::u32(..));
    format!("{stem}-{:08x}-{}", *RUN, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Chance, from a seed that is printed, or given in `AIBAAS_TEST_SEED`.
pub fn seeded() -> fastrand::Rng {
    let given = std::env::var("AIBAAS_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("AIBAAS_TEST_SEED={seed} repeats this");
    fastrand::Rng::with_seed(seed)
}

/// A mail address that nobody has registered.
pub fn new_address() -> String {
    format!("{}@example.com", unique("person"))
}

/// The token in a mail's link.
pub fn token_in(text: &str) -> String {
    let (_, rest) = text.split_once("token=").unwrap_or_else(|| panic!("no link with a token in {text:?}"));
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.~%".contains(*c)).collect()
}

/// The tokens of the links to this page (`verify-email`, `reset-password`, `confirm-email`) that were mailed to an
/// address, newest first, once there are so many.
pub async fn links(host: &Host, email: &str, page: &str, count: usize) -> Vec<String> {
    let link = format!("/{page}?token=");
    let mails = host.mails_that(email, count, |text| text.contains(&link)).await;
    mails.iter().map(|mail| token_in(mail["text"].as_str().unwrap_or_default())).collect()
}

/// Logs in, whatever comes of it.
pub async fn try_login(api: &Client, email: &str, password: &str) -> Answer {
    api.anonymous().post("/api/v1/auth/login").json(json!({ "email": email, "password": password })).await
}

/// An administrator, logged in anew, from an address of their own.
pub async fn admin(host: &Host) -> User {
    type Cell = Arc<OnceCell<tokio::sync::Mutex<()>>>;
    static REGISTERED: Mutex<Option<HashMap<String, Cell>>> = Mutex::new(None);
    let cell = {
        let mut hosts = REGISTERED.lock().expect("no panic");
        Arc::clone(hosts.get_or_insert_default().entry(host.url().to_owned()).or_default())
    };
    let api = host.client();
    let register = || async {
        // A remote host may know the account from a run before.
        if try_login(&api, ADMIN_EMAIL, PASSWORD).await.status != 200 {
            let body = json!({ "email": ADMIN_EMAIL, "password": PASSWORD, "fullName": "Root" });
            api.post("/api/v1/auth/register").json(body).await.expect(202);
            let token = links(host, ADMIN_EMAIL, "verify-email", 1).await.remove(0);
            api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
        }
        tokio::sync::Mutex::default()
    };
    let cell = cell.get_or_init(register).await;
    // Many at once would be taken for guesses, from networks that the account has not seen: one after the other.
    let _turn = cell.lock().await;
    let tokens = User::login(&api, ADMIN_EMAIL).await;
    User {
        api: api.with(tokens["accessToken"].as_str().expect("an access token")),
        email: ADMIN_EMAIL.to_owned(),
        tokens,
    }
}

/// A person with an account, logged in.
#[derive(Clone)]
pub struct User {
    /// Calls with the access token, from an address of its own.
    pub api: Client,
    /// The address.
    pub email: String,
    /// What logging in answered.
    pub tokens: Value,
}

impl User {
    /// Registers an account and returns its address; nobody has read the mail yet.
    pub async fn unverified(api: &Client) -> String {
        let email = new_address();
        let body = json!({ "email": email, "password": PASSWORD, "fullName": "Ada Lovelace" });
        api.post("/api/v1/auth/register").json(body).await.expect(202);
        email
    }

    /// Registers, reads the mail, follows its link and logs in.
    pub async fn verified(host: &Host) -> Self {
        let api = host.client();
        let email = Self::unverified(&api).await;
        let token = Self::verification_token(host, &email).await;
        api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
        let tokens = Self::login(&api, &email).await;
        Self { api: api.with(tokens["accessToken"].as_str().expect("an access token")), email, tokens }
    }

    /// Logs in.
    pub async fn login(api: &Client, email: &str) -> Value {
        api.anonymous()
            .post("/api/v1/auth/login")
            .json(json!({ "email": email, "password": PASSWORD }))
            .await
            .expect(200)
    }

    /// The same person at another place, or once more at the same.
    pub async fn login_from(&self, api: &Client) -> Self {
        let tokens = Self::login(api, &self.email).await;
        Self {
            api: api.with(tokens["accessToken"].as_str().expect("an access token")),
            email: self.email.clone(),
            tokens,
        }
    }

    /// The account's id.
    pub fn id(&self) -> &str {
        self.tokens["user"]["id"].as_str().expect("an id")
    }

    /// The id of the session.
    pub async fn session_id(&self) -> String {
        let list = self.api.get("/api/v1/auth/sessions?limit=100").await.expect(200);
        let sessions = list["data"].as_array().expect("a list");
        let current = sessions.iter().find(|session| session["current"] == true).expect("the current session");
        current["id"].as_str().expect("an id").to_owned()
    }

    /// Asserts that the session is over, for the access token and for the refresh token.
    pub async fn assert_ended(&self) {
        self.api.get("/api/v1/users/me").await.problem(401, "session_revoked");
        let refresh = self.api.anonymous().post("/api/v1/auth/refresh");
        refresh.json(json!({ "refreshToken": self.refresh_token() })).await.problem(401, "session_revoked");
    }

    /// Asserts that the session goes on.
    pub async fn assert_live(&self) {
        self.api.get("/api/v1/users/me").await.expect(200);
    }

    /// Sets up a second factor: what shows its codes, and the recovery codes. The time of its host stands still then.
    pub async fn second_factor(&self) -> (Authenticator, Vec<String>) {
        let enrolled = self.api.post("/api/v1/auth/mfa/totp").await.expect(200);
        let secret = enrolled["secret"].as_str().expect("a secret");
        let mut authenticator = Authenticator::of(self.api.host(), secret).await;
        let code = authenticator.next().await;
        let confirmed = self.api.post("/api/v1/auth/mfa/totp/confirm").json(json!({ "code": code })).await.expect(200);
        let codes = confirmed["recoveryCodes"].as_array().expect("recovery codes");
        (authenticator, codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect())
    }

    /// The token in the newest mail to this address.
    pub async fn verification_token(host: &Host, email: &str) -> String {
        if host.sends_mail() {
            let calls = host.provider().wait_for(email, 1).await;
            return token_in(calls[0].body["text"].as_str().unwrap_or_default());
        }
        token_in(host.mails_to(email, 1).await[0]["text"].as_str().unwrap_or_default())
    }

    /// The refresh token.
    pub fn refresh_token(&self) -> &str {
        self.tokens["refreshToken"].as_str().expect("a refresh token")
    }

    /// Creates an API key and returns the whole answer.
    pub async fn key(&self, body: Value) -> Value {
        self.api.post("/api/v1/api-keys").json(body).await.expect(201)
    }

    /// A client that calls with a new key of these scopes.
    pub async fn key_client(&self, scopes: &[&str]) -> Client {
        let created = self.key(json!({ "name": unique("key"), "scopes": scopes, "rateLimit": 100_000 })).await;
        self.api.with(created["key"].as_str().expect("a key"))
    }
}

/// What shows the codes of a second factor (RFC 6238: SHA-1, 6 digits, 30 seconds).
pub struct Authenticator {
    secret: Vec<u8>,
    used: u64,
    host: Option<Host>,
}

impl Authenticator {
    /// With this secret, in base32.
    pub fn new(secret: &str) -> Self {
        let bytes = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).expect("base32");
        Self { secret: bytes, used: 0, host: None }
    }

    /// Of an account on this host, whose time it stops: a code would grow old on its way.
    pub async fn of(host: &Host, secret: &str) -> Self {
        host.stop_time().await;
        Self { host: Some(host.clone()), ..Self::new(secret) }
    }

    /// The time step of now.
    pub async fn step(&self) -> u64 {
        self.host().now_ms().await / STEP_MS
    }

    fn host(&self) -> &Host {
        self.host.as_ref().expect("it is of a host")
    }

    /// The code of a time step.
    pub fn code_at(&self, step: u64) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let tag = ring::hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
        format!("{:06}", number % 1_000_000)
    }

    /// A code that is accepted now and was not shown before; moves the time where each of them was.
    pub async fn next(&mut self) -> String {
        let now_ms = self.host().now_ms().await;
        let step = (now_ms / STEP_MS).max(self.used + 1);
        self.host().advance(Duration::from_millis((step * STEP_MS).saturating_sub(now_ms))).await;
        self.used = step;
        self.code_at(step)
    }

    /// Codes that are wrong now and a few steps from now, each different.
    pub async fn wrong(&self, count: usize) -> Vec<String> {
        let now = self.step().await;
        let right = (now - 3..=now + 3).map(|step| self.code_at(step)).collect::<Vec<_>>();
        (0..).map(|number| format!("{number:06}")).filter(|code| !right.contains(code)).take(count).collect()
    }
}

/// How long a code is the one of now.
const STEP_MS: u64 = 30_000;

/// A person and a key that may publish, with names that are theirs alone.
#[derive(Clone)]
pub struct Publisher {
    /// The person.
    pub user: User,
    /// Calls with the key.
    pub api: Client,
    /// The provider of this publisher's models.
    pub provider: String,
    /// This publisher's benchmark.
    pub benchmark: String,
}

impl Publisher {
    /// A new one.
    pub async fn new(host: &Host) -> Self {
        Self::of(User::verified(host).await).await
    }

    /// This person, with a key of theirs.
    pub async fn of(user: User) -> Self {
        let api = user.key_client(&["results:write", "models:write"]).await;
        Self { user, api, provider: unique("maker"), benchmark: unique("bench") }
    }

    /// The same person with another benchmark and another provider: an account costs two hashes of a password.
    pub fn another(&self) -> Self {
        Self { provider: unique("maker"), benchmark: unique("bench"), ..self.clone() }
    }

    /// Declares a model and returns its id.
    pub async fn model(&self, name: &str) -> String {
        let id = format!("{}/{name}", self.provider);
        self.api.put(format!("/api/v1/models/{id}")).json(json!({ "displayName": name })).await.expect(201);
        id
    }

    /// Declares version `1` of the benchmark, with tasks `t1` to `tN`.
    pub async fn tasks(&self, count: usize) {
        self.version("1", json!({ "title": "A benchmark", "metric": "pass_rate", "tasks": tasks(count) })).await;
    }

    /// The same once more, whatever comes of it.
    pub async fn tasks_again(&self, count: usize) -> Answer {
        let body = json!({ "title": "A benchmark", "metric": "pass_rate", "tasks": tasks(count) });
        self.api.put(format!("/api/v1/benchmarks/{}/versions/1", self.benchmark)).json(body).await
    }

    /// Declares a version of the benchmark.
    pub async fn version(&self, version: &str, body: Value) {
        self.api.put(format!("/api/v1/benchmarks/{}/versions/{version}", self.benchmark)).json(body).await.expect(201);
    }

    /// Opens a run on version `1` and returns its id.
    pub async fn run(&self, model: &str) -> String {
        let run = self.api.post("/api/v1/runs").json(self.run_body(model)).await.expect(201);
        run["id"].as_str().expect("an id").to_owned()
    }

    /// Opens a run of which these members are otherwise.
    pub async fn run_of(&self, model: &str, members: Value) -> String {
        let mut body = self.run_body(model);
        for (name, value) in members.as_object().expect("members") {
            body[name] = value.clone();
        }
        let run = self.api.post("/api/v1/runs").json(body).await.expect(201);
        run["id"].as_str().expect("an id").to_owned()
    }

    /// What opens a run.
    pub fn run_body(&self, model: &str) -> Value {
        json!({
            "model": model, "benchmark": self.benchmark, "version": "1", "harness": "suite", "harnessVersion": "1.0",
            "commit": "2fccd47", "evaluatorRelationship": "third_party",
        })
    }

    /// What seals a run that [`Publisher::run_body`] opens.
    pub fn seal_body(&self, model: &str) -> Value {
        json!({
            "model": model, "benchmark": self.benchmark, "version": "1", "harness": "suite", "harnessVersion": "1.0",
            "commit": "2fccd47", "attempts": 1, "stoppingRule": "One run; tasks that break are tried once more.",
        })
    }

    /// Seals a run, and returns the seal's id.
    pub async fn seal(&self, model: &str) -> String {
        let seal = self.api.post("/api/v1/seals").json(self.seal_body(model)).await.expect(201);
        seal["id"].as_str().expect("an id").to_owned()
    }

    /// Uploads results of a run.
    pub async fn upload(&self, run: &str, results: Value) {
        self.api.post(format!("/api/v1/runs/{run}/results")).json(results).await.expect(200);
    }

    /// Publishes a run.
    pub async fn publish(&self, run: &str) -> Value {
        self.api.post(format!("/api/v1/runs/{run}/publish")).await.expect(200)
    }

    /// Runs a model, uploads these results and publishes them; returns the run's id.
    pub async fn publish_results(&self, model: &str, results: Value) -> String {
        let run = self.run(model).await;
        self.upload(&run, results).await;
        self.publish(&run).await;
        run
    }

    /// Withdraws a run, whatever comes of it.
    pub async fn withdraw(&self, run: &str, reason: &str) -> Answer {
        self.api.post(format!("/api/v1/runs/{run}/withdraw")).json(json!({ "reason": reason })).await
    }

    /// The changes of this publisher's benchmark, newest first.
    pub async fn changes(&self) -> Vec<Value> {
        let path = format!("/api/v1/changes?benchmark={}&limit=100", self.benchmark);
        let feed = self.api.anonymous().get(path).await.expect(200);
        feed["data"].as_array().expect("changes").clone()
    }

    /// The whole leaderboard of version `1` in a snapshot, byte for byte.
    pub async fn snapshot(&self, id: &str) -> String {
        let answer = self.api.anonymous().get(format!("{}&snapshot={id}", self.leaderboard_path())).await;
        answer.expect(200);
        answer.text()
    }

    /// Runs a model over all `total` tasks, of which `correct` pass, and publishes it; returns the run's id.
    pub async fn published(&self, model: &str, correct: usize, total: usize) -> String {
        self.publish_results(model, passes(correct, total)).await
    }

    /// The leaderboard of version `1`.
    pub async fn leaderboard(&self) -> Value {
        self.api.anonymous().get(self.leaderboard_path()).await.expect(200)
    }

    /// Where it is.
    pub fn leaderboard_path(&self) -> String {
        format!("/api/v1/leaderboard?benchmark={}&version=1&limit=100", self.benchmark)
    }
}

/// Tasks `t1` to `tN`.
pub fn tasks(count: usize) -> Value {
    (1..=count).map(|n| json!({ "id": format!("t{n}") })).collect()
}

/// A result for each of `total` tasks, the first `correct` of which pass.
pub fn passes(correct: usize, total: usize) -> Value {
    let result = |n: usize| {
        let passed = n <= correct;
        let (status, score) = if passed { ("success", 1) } else { ("failed", 0) };
        json!({ "task": format!("t{n}"), "attempt": 1, "status": status, "score": score })
    };
    (1..=total).map(result).collect()
}

/// Rows by model id.
pub fn row<'a>(leaderboard: &'a Value, model: &str) -> &'a Value {
    let rows = leaderboard["data"].as_array().expect("rows");
    rows.iter().find(|row| model_id(row) == model).unwrap_or_else(|| panic!("no row of {model} in {leaderboard}"))
}

/// The model of a row: its id, or an object that has one.
pub fn model_id(row: &Value) -> &str {
    row["model"].as_str().or_else(|| row["model"]["id"].as_str()).expect("a model")
}
