//! What cases start from: people and publishers, made through the public API alone.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::{client::Client, host::Host};

/// The password of everybody in the suite.
pub const PASSWORD: &str = "correct horse battery staple 9";

/// A word that no other case of any run uses.
pub fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static RUN: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| fastrand::u32(..));
    format!("{stem}-{:08x}-{}", *RUN, NEXT.fetch_add(1, Ordering::Relaxed))
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
        let user = User::verified(host).await;
        let api = user.key_client(&["leaderboard:read", "results:write", "models:write"]).await;
        Self { user, api, provider: unique("maker"), benchmark: unique("bench") }
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

    /// Declares a version of the benchmark.
    pub async fn version(&self, version: &str, body: Value) {
        self.api.put(format!("/api/v1/benchmarks/{}/versions/{version}", self.benchmark)).json(body).await.expect(201);
    }

    /// Opens a run on version `1` and returns its id.
    pub async fn run(&self, model: &str) -> String {
        let run = self.api.post("/api/v1/runs").json(self.run_body(model)).await.expect(201);
        run["id"].as_str().expect("an id").to_owned()
    }

    /// What opens a run.
    pub fn run_body(&self, model: &str) -> Value {
        json!({
            "model": model, "benchmark": self.benchmark, "version": "1", "harness": "suite", "harnessVersion": "1.0",
            "commit": "2fccd47", "evaluatorRelationship": "third_party",
        })
    }

    /// Uploads results of a run.
    pub async fn upload(&self, run: &str, results: Value) {
        self.api.post(format!("/api/v1/runs/{run}/results")).json(results).await.expect(200);
    }

    /// Publishes a run.
    pub async fn publish(&self, run: &str) -> Value {
        self.api.post(format!("/api/v1/runs/{run}/publish")).await.expect(200)
    }

    /// Runs a model over all `total` tasks, of which `correct` pass, and publishes it; returns the run's id.
    pub async fn published(&self, model: &str, correct: usize, total: usize) -> String {
        let run = self.run(model).await;
        self.upload(&run, passes(correct, total)).await;
        self.publish(&run).await;
        run
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
