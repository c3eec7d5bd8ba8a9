//! Fixtures that cases start from: people and publishers, made through the public API alone.

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

/// Returns the stem with a suffix that no other case of any run uses.
pub fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static RUN: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| fastrand::u32(..));
    format!("{stem}-{:08x}-{}", *RUN, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Returns a random number generator, from a seed that is printed, or given in `AIBAAS_TEST_SEED`.
pub fn seeded() -> fastrand::Rng {
    let given = std::env::var("AIBAAS_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("AIBAAS_TEST_SEED={seed} repeats this");
    fastrand::Rng::with_seed(seed)
}

/// Returns a mail address that nobody has registered.
pub fn new_address() -> String {
    format!("{}@example.com", unique("person"))
}

/// Extracts the token of the link in a mail's text.
pub fn token_in(text: &str) -> String {
    let (_, rest) = text.split_once("token=").unwrap_or_else(|| panic!("no link with a token in {text:?}"));
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.~%".contains(*c)).collect()
}

/// Returns the tokens of the links to this page (`verify-email`, `reset-password`, `confirm-email`) that were mailed
/// to an address, newest first, once there are at least `count`.
pub async fn links(host: &Host, email: &str, page: &str, count: usize) -> Vec<String> {
    let link = format!("/{page}?token=");
    let mails = host.mails_that(email, count, |text| text.contains(&link)).await;
    mails.iter().map(|mail| token_in(mail["text"].as_str().unwrap_or_default())).collect()
}

/// Tries to log in and returns the answer, whatever it is.
pub async fn try_login(api: &Client, email: &str, password: &str) -> Answer {
    api.anonymous().post("/api/v1/auth/login").json(json!({ "email": email, "password": password })).await
}

/// Logs in as the administrator, from an address of its own; registers the account at the first call.
pub async fn admin(host: &Host) -> User {
    type Cell = Arc<OnceCell<tokio::sync::Mutex<()>>>;
    static REGISTERED: Mutex<Option<HashMap<String, Cell>>> = Mutex::new(None);
    let cell = {
        let mut hosts = REGISTERED.lock().expect("no panic");
        Arc::clone(hosts.get_or_insert_default().entry(host.url().to_owned()).or_default())
    };
    let api = host.client();
    let register = || async {
        // A remote host may know the account from an earlier run.
        if try_login(&api, ADMIN_EMAIL, PASSWORD).await.status != 200 {
            let body = json!({ "email": ADMIN_EMAIL, "password": PASSWORD, "fullName": "Root" });
            api.post("/api/v1/auth/register").json(body).await.expect(202);
            let token = links(host, ADMIN_EMAIL, "verify-email", 1).await.remove(0);
            api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
        }
        tokio::sync::Mutex::default()
    };
    let cell = cell.get_or_init(register).await;
    // Many logins at once from unknown networks would be throttled as guesses, so they take turns.
    let _turn = cell.lock().await;
    let tokens = User::login(&api, ADMIN_EMAIL).await;
    User {
        api: api.with(tokens["accessToken"].as_str().expect("an access token")),
        email: ADMIN_EMAIL.to_owned(),
        tokens,
    }
}

/// A person with an account and a session.
#[derive(Clone)]
pub struct User {
    /// Client that calls with the access token, from an address of its own.
    pub api: Client,
    /// The account's mail address.
    pub email: String,
    /// The answer to the login, with both tokens and the account.
    pub tokens: Value,
}

impl User {
    /// Registers an account and returns its mail address, without following the link in the mail.
    pub async fn unverified(api: &Client) -> String {
        let email = new_address();
        let body = json!({ "email": email, "password": PASSWORD, "fullName": "Ada Lovelace" });
        api.post("/api/v1/auth/register").json(body).await.expect(202);
        email
    }

    /// Registers an account, follows the link in the mail and logs in.
    pub async fn verified(host: &Host) -> Self {
        let api = host.client();
        let email = Self::unverified(&api).await;
        let token = Self::verification_token(host, &email).await;
        api.post("/api/v1/auth/verify-email").json(json!({ "token": token })).await.expect(200);
        let tokens = Self::login(&api, &email).await;
        Self { api: api.with(tokens["accessToken"].as_str().expect("an access token")), email, tokens }
    }

    /// Logs in with [`PASSWORD`] and returns the answer's body.
    pub async fn login(api: &Client, email: &str) -> Value {
        api.anonymous()
            .post("/api/v1/auth/login")
            .json(json!({ "email": email, "password": PASSWORD }))
            .await
            .expect(200)
    }

    /// Logs the same person in again, from this client's address.
    pub async fn login_from(&self, api: &Client) -> Self {
        let tokens = Self::login(api, &self.email).await;
        Self {
            api: api.with(tokens["accessToken"].as_str().expect("an access token")),
            email: self.email.clone(),
            tokens,
        }
    }

    /// Returns the account's id.
    pub fn id(&self) -> &str {
        self.tokens["user"]["id"].as_str().expect("an id")
    }

    /// Returns the id of the current session.
    pub async fn session_id(&self) -> String {
        let list = self.api.get("/api/v1/auth/sessions?limit=100").await.expect(200);
        let sessions = list["data"].as_array().expect("a list");
        let current = sessions.iter().find(|session| session["current"] == true).expect("the current session");
        current["id"].as_str().expect("an id").to_owned()
    }

    /// Asserts that the session has ended, for the access token and for the refresh token.
    pub async fn assert_ended(&self) {
        self.api.get("/api/v1/users/me").await.problem(401, "session_revoked");
        let refresh = self.api.anonymous().post("/api/v1/auth/refresh");
        refresh.json(json!({ "refreshToken": self.refresh_token() })).await.problem(401, "session_revoked");
    }

    /// Asserts that the session is still valid.
    pub async fn assert_live(&self) {
        self.api.get("/api/v1/users/me").await.expect(200);
    }

    /// Sets up a second factor; returns its authenticator and the recovery codes. The host's time stands still from
    /// then on.
    pub async fn second_factor(&self) -> (Authenticator, Vec<String>) {
        let enrolled = self.api.post("/api/v1/auth/mfa/totp").await.expect(200);
        let secret = enrolled["secret"].as_str().expect("a secret");
        let mut authenticator = Authenticator::of(self.api.host(), secret).await;
        let code = authenticator.next().await;
        let confirmed = self.api.post("/api/v1/auth/mfa/totp/confirm").json(json!({ "code": code })).await.expect(200);
        let codes = confirmed["recoveryCodes"].as_array().expect("recovery codes");
        (authenticator, codes.iter().map(|code| code.as_str().expect("a code").to_owned()).collect())
    }

    /// Returns the token in the newest mail to this address.
    pub async fn verification_token(host: &Host, email: &str) -> String {
        if host.sends_mail() {
            let calls = host.provider().wait_for(email, 1).await;
            return token_in(calls[0].body["text"].as_str().unwrap_or_default());
        }
        token_in(host.mails_to(email, 1).await[0]["text"].as_str().unwrap_or_default())
    }

    /// Returns the refresh token.
    pub fn refresh_token(&self) -> &str {
        self.tokens["refreshToken"].as_str().expect("a refresh token")
    }

    /// Creates an API key and returns the answer's body.
    pub async fn key(&self, body: Value) -> Value {
        self.api.post("/api/v1/api-keys").json(body).await.expect(201)
    }

    /// Creates a key with these scopes and returns a client that calls with it.
    pub async fn key_client(&self, scopes: &[&str]) -> Client {
        let created = self.key(json!({ "name": unique("key"), "scopes": scopes, "rateLimit": 100_000 })).await;
        self.api.with(created["key"].as_str().expect("a key"))
    }
}

/// An authenticator app: it shows the codes of a second factor (RFC 6238: SHA-1, 6 digits, 30 seconds).
pub struct Authenticator {
    secret: Vec<u8>,
    used: u64,
    host: Option<Host>,
}

impl Authenticator {
    /// Creates an authenticator with this secret, in base32, without a host.
    pub fn new(secret: &str) -> Self {
        let bytes = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).expect("base32");
        Self { secret: bytes, used: 0, host: None }
    }

    /// Creates an authenticator for an account on this host, whose time it stops: otherwise a code could expire on its
    /// way.
    pub async fn of(host: &Host, secret: &str) -> Self {
        host.stop_time().await;
        Self { host: Some(host.clone()), ..Self::new(secret) }
    }

    /// Returns the current time step of the host.
    pub async fn step(&self) -> u64 {
        self.host().now_ms().await / STEP_MS
    }

    fn host(&self) -> &Host {
        self.host.as_ref().expect("it is of a host")
    }

    /// Computes the code of a time step.
    pub fn code_at(&self, step: u64) -> String {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.secret);
        let tag = ring::hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
        format!("{:06}", number % 1_000_000)
    }

    /// Returns a code that is accepted now and was not shown before; moves the host's time on where all current ones
    /// were.
    pub async fn next(&mut self) -> String {
        let now_ms = self.host().now_ms().await;
        let step = (now_ms / STEP_MS).max(self.used + 1);
        self.host().advance(Duration::from_millis((step * STEP_MS).saturating_sub(now_ms))).await;
        self.used = step;
        self.code_at(step)
    }

    /// Returns codes that are wrong now and within three time steps of now, each different.
    pub async fn wrong(&self, count: usize) -> Vec<String> {
        let now = self.step().await;
        let right = (now - 3..=now + 3).map(|step| self.code_at(step)).collect::<Vec<_>>();
        (0..).map(|number| format!("{number:06}")).filter(|code| !right.contains(code)).take(count).collect()
    }
}

/// Length of a time step, in milliseconds.
const STEP_MS: u64 = 30_000;

/// A person and a key that may publish, with a provider and a benchmark of their own.
#[derive(Clone)]
pub struct Publisher {
    /// The person who owns the key.
    pub user: User,
    /// Client that calls with the key.
    pub api: Client,
    /// The provider of this publisher's models.
    pub provider: String,
    /// This publisher's benchmark.
    pub benchmark: String,
}

impl Publisher {
    /// Creates a person with an account, and a key that may publish.
    pub async fn new(host: &Host) -> Self {
        Self::of(User::verified(host).await).await
    }

    /// Creates a key that may publish for this person.
    pub async fn of(user: User) -> Self {
        let api = user.key_client(&["results:write", "models:write"]).await;
        Self { user, api, provider: unique("maker"), benchmark: unique("bench") }
    }

    /// Returns the same person with another benchmark and another provider: a new account would cost two password
    /// hashes.
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

    /// Declares the version of [`Publisher::tasks`] once more, and returns the answer, whatever it is.
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

    /// Opens a run with these members in place of the usual ones, and returns its id.
    pub async fn run_of(&self, model: &str, members: Value) -> String {
        let mut body = self.run_body(model);
        for (name, value) in members.as_object().expect("members") {
            body[name] = value.clone();
        }
        let run = self.api.post("/api/v1/runs").json(body).await.expect(201);
        run["id"].as_str().expect("an id").to_owned()
    }

    /// Returns the body that opens a run on version `1`.
    pub fn run_body(&self, model: &str) -> Value {
        json!({
            "model": model, "benchmark": self.benchmark, "version": "1", "harness": "suite", "harnessVersion": "1.0",
            "commit": "2fccd47", "evaluatorRelationship": "third_party",
        })
    }

    /// Returns the body that seals a run which [`Publisher::run_body`] opens.
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

    /// Publishes a run and returns the answer's body.
    pub async fn publish(&self, run: &str) -> Value {
        self.api.post(format!("/api/v1/runs/{run}/publish")).await.expect(200)
    }

    /// Opens a run of a model, uploads these results and publishes the run; returns the run's id.
    pub async fn publish_results(&self, model: &str, results: Value) -> String {
        let run = self.run(model).await;
        self.upload(&run, results).await;
        self.publish(&run).await;
        run
    }

    /// Tries to withdraw a run and returns the answer, whatever it is.
    pub async fn withdraw(&self, run: &str, reason: &str) -> Answer {
        self.api.post(format!("/api/v1/runs/{run}/withdraw")).json(json!({ "reason": reason })).await
    }

    /// Returns the changes of this publisher's benchmark, newest first (at most 100).
    pub async fn changes(&self) -> Vec<Value> {
        let path = format!("/api/v1/changes?benchmark={}&limit=100", self.benchmark);
        let feed = self.api.anonymous().get(path).await.expect(200);
        feed["data"].as_array().expect("changes").clone()
    }

    /// Returns the leaderboard of version `1` in a snapshot (at most 100 rows), byte for byte.
    pub async fn snapshot(&self, id: &str) -> String {
        let answer = self.api.anonymous().get(format!("{}&snapshot={id}", self.leaderboard_path())).await;
        answer.expect(200);
        answer.text()
    }

    /// Publishes a run of a model over `total` tasks, of which `correct` pass; returns the run's id.
    pub async fn published(&self, model: &str, correct: usize, total: usize) -> String {
        self.publish_results(model, passes(correct, total)).await
    }

    /// Returns the leaderboard of version `1` (at most 100 rows).
    pub async fn leaderboard(&self) -> Value {
        self.api.anonymous().get(self.leaderboard_path()).await.expect(200)
    }

    /// Returns the path of the leaderboard of version `1`, with its query.
    pub fn leaderboard_path(&self) -> String {
        format!("/api/v1/leaderboard?benchmark={}&version=1&limit=100", self.benchmark)
    }
}

/// Returns the declarations of tasks `t1` to `tN`.
pub fn tasks(count: usize) -> Value {
    (1..=count).map(|n| json!({ "id": format!("t{n}") })).collect()
}

/// Returns a result for each of `total` tasks, the first `correct` of which pass.
pub fn passes(correct: usize, total: usize) -> Value {
    let result = |n: usize| {
        let passed = n <= correct;
        let (status, score) = if passed { ("success", 1) } else { ("failed", 0) };
        json!({ "task": format!("t{n}"), "attempt": 1, "status": status, "score": score })
    };
    (1..=total).map(result).collect()
}

/// Returns the row of a model; panics where there is none.
pub fn row<'a>(leaderboard: &'a Value, model: &str) -> &'a Value {
    let rows = leaderboard["data"].as_array().expect("rows");
    rows.iter().find(|row| model_id(row) == model).unwrap_or_else(|| panic!("no row of {model} in {leaderboard}"))
}

/// Returns the model's id of a row, where the row has the id alone or an object with it.
pub fn model_id(row: &Value) -> &str {
    row["model"].as_str().or_else(|| row["model"]["id"].as_str()).expect("a model")
}
