//! The examples of `/docs/api`: each runs as it stands in its three languages, against a server whose state is made for it.
//!
//! They take what differs from the environment, and so does this: [`World::variables`] makes what a call needs.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use aibaas_docsite::{Example, Language, examples};
use aibaas_tests::{
    Authenticator, Host, Publisher, User,
    fixtures::{PASSWORD, admin, links, new_address, passes, unique},
    host::{Kind, Setup, TICK_SECRET},
    tools,
};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

type Variables = BTreeMap<&'static str, String>;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

/// A trial a call, and one that compiles what is in TypeScript.
pub fn trials() -> Vec<Trial> {
    let all = all_examples();
    assert!(all.len() > 200, "{} examples", all.len());
    let mut operations = all.iter().map(|example| example.operation.clone()).collect::<Vec<_>>();
    operations.dedup();
    let mut trials = vec![Trial::test("api::examples_are_typescript", || compile().map_err(Failed::from))];
    trials.extend(
        operations.into_iter().map(|operation| {
            Trial::test(format!("api::{operation}"), move || run_all(&operation).map_err(Failed::from))
        }),
    );
    trials
}

fn all_examples() -> Vec<Example> {
    let document = fs::read_to_string(tools::root().join("core/openapi.json")).expect("core/openapi.json");
    examples(&document).expect("a document")
}

/// Runs the examples of a call one after the other; no two calls at once, because some move the server's time.
fn run_all(operation: &str) -> Result<(), String> {
    static WORLD: Mutex<Option<World>> = Mutex::new(None);
    let mut world = WORLD.lock().unwrap_or_else(PoisonError::into_inner);
    if world.is_none() {
        *world = Some(RUNTIME.block_on(World::new())?);
    }
    let world = world.as_ref().ok_or("no world")?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    for example in all_examples().iter().filter(|example| example.operation == operation) {
        let variables = RUNTIME.block_on(world.variables(operation));
        run(example, &variables, folder.path())?;
    }
    Ok(())
}

fn run(example: &Example, variables: &Variables, folder: &Path) -> Result<(), String> {
    let (program, name) = match example.language {
        Language::Curl => {
            (super::runner::program("bash", "install bash (Debian: apt-get install bash)")?, "example.sh")
        }
        Language::TypeScript => (tools::node()?, "example.mjs"),
        Language::Python => (super::runner::program("python3", "install Python 3")?, "example.py"),
    };
    let file = folder.join(name);
    fs::write(&file, &example.text).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", folder);
    for name in &example.variables {
        let value =
            variables.get(name.as_str()).ok_or_else(|| format!("{}: nothing sets {name}", example.operation))?;
        command.env(name, value);
    }
    if example.language == Language::Curl {
        command.args(["-eu"]);
    }
    let output = command.arg(&file).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Err(format!("{} in {}:\n{}\n{}{}", example.operation, example.language.title(), example.text, said[0], said[1]))
}

/// Compiles what is in TypeScript, as strictly as it can be.
fn compile() -> Result<(), String> {
    let io = |error: std::io::Error| error.to_string();
    let folder = tempfile::tempdir().map_err(io)?;
    for example in all_examples().iter().filter(|example| example.language == Language::TypeScript) {
        fs::write(folder.path().join(format!("{}.ts", example.operation)), &example.text).map_err(io)?;
    }
    let node = "declare const process: { env: Record<string, string | undefined> };";
    fs::write(folder.path().join("node.d.ts"), node).map_err(io)?;
    let options = json!({ "compilerOptions": {
        "strict": true, "noEmit": true, "target": "es2022", "module": "esnext", "moduleDetection": "force",
        "lib": ["es2022", "dom"], "types": [], "noUncheckedIndexedAccess": true,
    } });
    fs::write(folder.path().join("tsconfig.json"), options.to_string()).map_err(io)?;
    let mut tsc = tools::openapi_program("node_modules/.bin/tsc")?;
    tools::run(tsc.arg("--project").arg(folder.path()), "see tests/openapi").map(drop)
}

/// A server with a benchmark on which two models are ranked.
struct World {
    host: Host,
    publisher: Publisher,
    key: String,
    run: String,
    seal: String,
}

impl World {
    async fn new() -> Result<Self, String> {
        let host = Host::of(Kind::Native, Setup::MovesTime).await?;
        let publisher = Publisher::new(&host).await;
        publisher.tasks(4).await;
        let mut runs = Vec::new();
        for (model, correct) in [("good", 3), ("fair", 2)] {
            let id = publisher.model(model).await;
            runs.push(publisher.published(&id, correct, 4).await);
        }
        let seal = publisher.seal(&format!("{}/good", publisher.provider)).await;
        let scopes = ["leaderboard:read", "results:write", "models:write", "keys:verify"];
        let key = publisher.user.key(json!({ "name": "all", "scopes": scopes, "rateLimit": 100_000 })).await;
        // What was published gets into the log.
        host.client().with(TICK_SECRET).post("/internal/tick").await.expect(204);
        Ok(Self { key: text(&key, "key"), run: runs.remove(0), seal, host, publisher })
    }

    /// What the environment of a call's example has: what every one may use, and a state that only this one needs.
    async fn variables(&self, operation: &str) -> Variables {
        // All examples come from one address: what is limited by it begins anew.
        self.host.advance(Duration::from_secs(3_600)).await;
        let export = self.host.client().get("/api/v1/export").await.expect(200);
        let mut all = Variables::from([
            ("API", self.host.url().to_owned()),
            ("BENCHMARK", self.publisher.benchmark.clone()),
            ("KEY", self.key.clone()),
            ("MODEL", "good".to_owned()),
            ("NEW_EMAIL", new_address()),
            ("NEW_PASSWORD", "staple battery horse correct".to_owned()),
            ("OTHER_MODEL", "fair".to_owned()),
            ("PASSWORD", PASSWORD.to_owned()),
            ("PROVIDER", self.publisher.provider.clone()),
            ("RUN_ID", self.run.clone()),
            ("SEAL_ID", self.seal.clone()),
            ("SEQ", export["seq"].to_string()),
            ("TASK", "t1".to_owned()),
            ("TICK_SECRET", TICK_SECRET.to_owned()),
            ("VERSION", "1".to_owned()),
        ]);
        self.person(operation, &mut all).await;
        self.publishing(operation, &mut all).await;
        all
    }

    /// A person who is nobody else's, and what mails, links and codes the call needs of them.
    async fn person(&self, operation: &str, all: &mut Variables) {
        if operation == "register" || operation == "resendVerification" || operation == "verifyEmail" {
            let email =
                if operation == "register" { new_address() } else { User::unverified(&self.host.client()).await };
            if operation == "verifyEmail" {
                all.insert("MAIL_TOKEN", User::verification_token(&self.host, &email).await);
            }
            all.insert("EMAIL", email);
            return;
        }
        let user = User::verified(&self.host).await;
        all.insert("EMAIL", user.email.clone());
        all.insert("USER_ID", user.id().to_owned());
        all.insert("TOKEN", user.api.credential().expect("a token").to_owned());
        all.insert("REFRESH_TOKEN", user.refresh_token().to_owned());
        match operation {
            "loginMfa" => {
                let mut authenticator = user.second_factor().await.0;
                let tokens = User::login(&user.api, &user.email).await;
                all.insert("MFA_TOKEN", text(&tokens, "mfaToken"));
                all.insert("CODE", authenticator.next().await);
            }
            "confirmTotp" => {
                let enrolled = user.api.post("/api/v1/auth/mfa/totp").await.expect(200);
                let mut authenticator = Authenticator::of(&self.host, &text(&enrolled, "secret")).await;
                all.insert("CODE", authenticator.next().await);
            }
            "disableTotp" | "createRecoveryCodes" | "deleteMe" | "changeEmail" | "removeSecondFactorOfUser" => {
                let mut authenticator = user.second_factor().await.0;
                all.insert("CODE", authenticator.next().await);
            }
            "endSession" => _ = all.insert("SESSION_ID", user.login_from(&user.api).await.session_id().await),
            "resetPassword" => {
                let body = json!({ "email": user.email });
                user.api.anonymous().post("/api/v1/auth/password/forgot").json(body).await.expect(202);
                all.insert("MAIL_TOKEN", links(&self.host, &user.email, "reset-password", 1).await.remove(0));
            }
            "confirmEmail" | "undoEmailChange" => {
                let new = new_address();
                let body = json!({ "newEmail": new, "password": PASSWORD });
                user.api.post("/api/v1/users/me/email").json(body).await.expect(202);
                let mut token = links(&self.host, &new, "confirm-email", 1).await.remove(0);
                if operation == "undoEmailChange" {
                    let body = json!({ "token": token });
                    user.api.anonymous().post("/api/v1/auth/confirm-email").json(body).await.expect(200);
                    token = links(&self.host, &user.email, "undo-email-change", 1).await.remove(0);
                }
                all.insert("MAIL_TOKEN", token);
            }
            _ => {}
        }
        let key = user.key(json!({ "name": "one", "scopes": ["leaderboard:read"] })).await;
        all.insert("API_KEY_ID", text(&key["apiKey"], "id"));
        let webhook = json!({ "url": "https://example.org/hooks/aibaas", "events": ["run.published"] });
        let webhook = user.api.post("/api/v1/webhooks").json(webhook).await.expect(201);
        let webhook = text(&webhook["webhook"], "id");
        if operation == "replayWebhookDelivery" {
            let tested = user.api.post(format!("/api/v1/webhooks/{webhook}/test")).await.expect(202);
            all.insert("DELIVERY_ID", text(&tested, "id"));
        }
        all.insert("WEBHOOK_ID", webhook);
        if operation == "verifyApiKey" {
            let key = self.publisher.user.login_from(&self.host.client()).await;
            let key = key.key(json!({ "name": unique("customer"), "scopes": ["leaderboard:read"] })).await;
            all.insert("CUSTOMER_KEY", text(&key, "key"));
        }
    }

    /// Models, benchmarks and runs that the call changes, and who may change them.
    async fn publishing(&self, operation: &str, all: &mut Variables) {
        let other = self.publisher.another();
        match operation {
            "putModel" => _ = all.insert("MODEL", unique("model")),
            "putBenchmarkVersion" => _ = all.insert("BENCHMARK", other.benchmark),
            "addRunResults" | "publishRun" | "withdrawRun" | "rejectRun" => {
                other.tasks(4).await;
                let model = other.model("one").await;
                let run = if operation == "withdrawRun" || operation == "rejectRun" {
                    other.published(&model, 1, 4).await
                } else {
                    other.run(&model).await
                };
                if operation == "publishRun" {
                    other.upload(&run, passes(1, 4)).await;
                }
                all.insert("RUN_ID", run);
            }
            "putRunCounts" => {
                let version =
                    json!({ "title": "Counts", "metric": "pass_rate", "evidence": "counts", "taskCount": 225 });
                other.version("1", version).await;
                let model = other.model("one").await;
                all.insert("RUN_ID", other.run(&model).await);
            }
            "putRunScore" => {
                let version = json!({ "title": "Scores", "metric": "score", "evidence": "score", "taskCount": 225 });
                other.version("1", version).await;
                let model = other.model("one").await;
                all.insert("RUN_ID", other.run(&model).await);
            }
            "hideModel" | "unhideModel" | "renameModel" | "hideBenchmark" | "unhideBenchmark" | "renameBenchmark" => {
                other.tasks(1).await;
                other.model("one").await;
                all.insert("BENCHMARK", other.benchmark.clone());
                all.insert("PROVIDER", other.provider.clone());
                all.insert("MODEL", "one".to_owned());
            }
            _ => {}
        }
        let document = fs::read_to_string(tools::root().join("core/openapi.json")).expect("core/openapi.json");
        if is_for_administrators(&serde_json::from_str(&document).expect("JSON"), operation) {
            let admin = admin(&self.host).await;
            all.insert("TOKEN", admin.api.credential().expect("a token").to_owned());
            if operation == "sendMailAgain" {
                let sent = admin.api.get("/api/v1/admin/mails?state=sent&limit=1").await.expect(200);
                all.insert("MAIL_ID", text(&sent["data"][0], "id"));
            }
        }
    }
}

fn is_for_administrators(document: &Value, operation: &str) -> bool {
    let items = document["paths"].as_object().expect("paths").values();
    let mut all = items.flat_map(|item| item.as_object().expect("operations").values());
    all.any(|one| one["operationId"] == operation && one["tags"][0] == "Administration")
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}")).to_owned()
}
