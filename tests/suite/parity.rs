//! The same request gets the same answer on every host: one script, recorded on each, and compared.

use aibaas_tests::{
    Answer, Client, User,
    fixtures::{PASSWORD, passes, tasks},
    host::{Host, Kind},
};
use reqwest::Method;
use serde_json::{Value, json};

/// Headers that say something of the answer, and not of the connection or the moment.
const HEADERS: [&str; 17] = [
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "allow",
    "cache-control",
    "content-security-policy",
    "content-type",
    "link",
    "location",
    "ratelimit-policy",
    "referrer-policy",
    "set-cookie",
    "vary",
    "www-authenticate",
    "x-content-type-options",
];

/// Records the script on each of these hosts, and compares what each said with what the first did.
pub async fn compare(hosts: &[Host], stem: &str) {
    let mut recorded: Vec<(Kind, Vec<String>)> = Vec::new();
    for host in hosts {
        recorded.push((host.kind(), record(host, stem).await));
    }
    let Some(((first, expected), others)) = recorded.split_first() else { return };
    assert!(expected.len() >= 100, "{} requests", expected.len());
    for (kind, said) in others {
        let differing = expected.iter().zip(said).filter(|(expected, said)| expected != said);
        let shown =
            differing.map(|(expected, said)| format!("{first}: {expected}\n{kind}: {said}")).collect::<Vec<_>>();
        assert!(shown.is_empty(), "{} answers differ:\n{}", shown.len(), shown.join("\n\n"));
        assert_eq!(expected.len(), said.len());
    }
}

struct Recorder {
    said: Vec<String>,
}

impl Recorder {
    async fn call(&mut self, api: &Client, method: Method, path: &str, body: Option<Value>) -> Answer {
        self.call_with(api, method, path, body, &[]).await
    }

    async fn call_with(
        &mut self,
        api: &Client,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = api.request(method.clone(), path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.await;
        let headers = HEADERS
            .iter()
            .filter_map(|name| {
                // A list may come in several lines.
                let values =
                    answer.headers.get_all(*name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
                let values = values.collect::<Vec<_>>().join(", ");
                (!values.is_empty()).then(|| format!("{name}: {}", redacted_text(&values)))
            })
            .collect::<Vec<_>>();
        let body = match answer.media_type() {
            Some(media) if media.ends_with("json") => without_addresses(&redacted(answer.value()).to_string()),
            _ => redacted_text(&without_addresses(&without_others(&answer.text().replace("urn:uuid:", "")))),
        };
        self.said.push(format!("{method} {} → {} {headers:?} {body}", redacted_text(path), answer.status));
        answer
    }
}

async fn record(host: &Host, stem: &str) -> Vec<String> {
    let mut record = Recorder { said: Vec::new() };
    let nobody = host.client();
    let email = format!("{stem}@example.com");
    let auth = |name: &str| format!("/api/v1/auth/{name}");
    use Method as M;

    for path in [
        "/",
        "/health",
        "/ready",
        "/openapi.json",
        "/docs",
        "/docs/api/log",
        "/docs/guides/verify",
        "/docs/api/nothing",
        "/nowhere",
        "/api/v1/users/me",
        "/api/v1/auth/login",
    ] {
        record.call(&nobody, M::GET, path, None).await;
    }
    record.call_with(&nobody, M::GET, "/nowhere", None, &[("Accept", "text/html")]).await;
    let origin = [("Origin", "http://localhost:3000")];
    record.call_with(&nobody, M::GET, "/health", None, &origin).await;
    let preflight = [origin[0], ("Access-Control-Request-Method", "POST")];
    record.call_with(&nobody, M::OPTIONS, &auth("login"), None, &preflight).await;
    record
        .call_with(&nobody, M::OPTIONS, &auth("login"), None, &[("Origin", "https://evil.example"), preflight[1]])
        .await;

    let registration = json!({ "email": email, "password": PASSWORD, "fullName": "Ada" });
    record.call(&nobody, M::POST, &auth("register"), Some(registration.clone())).await;
    record.call(&nobody, M::POST, &auth("register"), Some(registration)).await;
    record
        .call(&nobody, M::POST, &auth("register"), Some(json!({ "email": "x", "password": "y", "fullName": "" })))
        .await;
    record.call(&nobody, M::POST, &auth("register"), Some(json!({ "surprise": true }))).await;
    record.call(&nobody, M::POST, &auth("resend-verification"), Some(json!({ "email": email }))).await;
    let login = json!({ "email": email, "password": PASSWORD });
    record.call(&nobody, M::POST, &auth("login"), Some(login.clone())).await;
    // Each link goes with the password of its own registration; three mails have been asked for.
    let mails = host.mails_to(&email, 2).await;
    record.call(&nobody, M::POST, &auth("verify-email"), Some(json!({ "token": "wrong" }))).await;
    let links = mails.iter().filter_map(|mail| mail["text"].as_str().filter(|text| text.contains("token=")));
    for token in links.map(aibaas_tests::fixtures::token_in).collect::<Vec<_>>() {
        // The address was registered several times, so the link alone does not say who did.
        let link = json!({ "token": token, "password": PASSWORD });
        let verified = nobody.post(auth("verify-email")).json(link).await;
        if verified.status == 200 {
            break;
        }
    }
    record
        .call_with(
            &nobody,
            M::POST,
            &auth("login"),
            Some(json!({ "email": email, "password": PASSWORD, "mode": "cookie" })),
            &origin,
        )
        .await;
    let tokens = record.call(&nobody, M::POST, &auth("login"), Some(login)).await.expect(200);
    record.call(&nobody, M::POST, &auth("login"), Some(json!({ "email": email, "password": "wrong wrong" }))).await;
    record.call(&nobody, M::POST, &auth("refresh"), Some(json!({ "refreshToken": tokens["refreshToken"] }))).await;
    record.call(&nobody, M::POST, &auth("refresh"), Some(json!({ "refreshToken": "x" }))).await;

    let me = nobody.with(tokens["accessToken"].as_str().expect("a token"));
    record.call(&me, M::GET, "/api/v1/users/me", None).await;
    record.call(&me, M::PATCH, "/api/v1/users/me", Some(json!({ "fullName": "Ada 🦀" }))).await;
    record.call(&me, M::PATCH, "/api/v1/users/me", Some(json!([]))).await;
    let key = json!({ "name": "k", "scopes": ["results:write", "models:write"] });
    let created = record.call(&me, M::POST, "/api/v1/api-keys", Some(key)).await.expect(201);
    record.call(&me, M::POST, "/api/v1/api-keys", Some(json!({ "name": "", "scopes": ["all"] }))).await;
    record.call(&me, M::GET, "/api/v1/api-keys", None).await;
    let program = nobody.with(created["key"].as_str().expect("a key"));

    let model = format!("{stem}/m");
    let benchmark = format!("{stem}-bench");
    record
        .call(
            &program,
            M::PUT,
            &format!("/api/v1/models/{model}"),
            Some(json!({ "displayName": "M", "inputUsdPerMtok": 0.15 })),
        )
        .await;
    let version = json!({ "title": "B", "metric": "pass_rate", "tasks": tasks(3) });
    record.call(&program, M::PUT, &format!("/api/v1/benchmarks/{benchmark}/versions/1"), Some(version)).await;
    let body = json!({
        "model": model, "benchmark": benchmark, "version": "1", "harness": "suite", "harnessVersion": "1", "commit": "abc1234",
        "evaluatorRelationship": "first_party", "generationConfig": { "temperature": 0.1, "seed": 7 },
    });
    let run = record.call(&program, M::POST, "/api/v1/runs", Some(body)).await.expect(201);
    let run = format!("/api/v1/runs/{}", run["id"].as_str().expect("an id"));
    record.call(&program, M::POST, &format!("{run}/publish"), None).await;
    let mut results = passes(2, 3);
    results[0]["costUsd"] = json!(0.1);
    results[0]["latencyMs"] = json!(1234.5);
    record.call(&program, M::POST, &format!("{run}/results"), Some(results)).await;
    record.call(&program, M::POST, &format!("{run}/results"), Some(passes(1, 3))).await;
    record.call(&program, M::PUT, &format!("{run}/counts"), Some(json!({ "total": 3, "correctByAttempt": [1] }))).await;
    record.call(&program, M::POST, &format!("{run}/publish"), None).await;
    for path in [
        run.clone(),
        format!("{run}/results"),
        format!("/api/v1/models/{model}"),
        format!("/api/v1/benchmarks/{benchmark}"),
        format!("/api/v1/leaderboard?benchmark={benchmark}"),
        format!("/api/v1/leaderboard?benchmark={benchmark}&sort=luck"),
        format!("/leaderboard?benchmark={benchmark}"),
    ] {
        record.call_with(&nobody, M::GET, &path, None, &[("Origin", "https://anywhere.example")]).await;
    }
    leaderboards(&mut record, &nobody, &program, stem).await;
    let key = format!("/api/v1/api-keys/{}", created["apiKey"]["id"].as_str().expect("an id"));
    record.call(&me, M::DELETE, &key, None).await;
    record.call(&program, M::POST, &format!("{run}/publish"), None).await;
    record.call(&me, M::POST, &auth("logout"), None).await;
    record.call(&me, M::GET, "/api/v1/users/me", None).await;
    let tokens = User::login(&nobody, &email).await;
    let me = nobody.with(tokens["accessToken"].as_str().expect("a token"));
    account(&mut record, &nobody, &me, stem).await;
    record.said
}

/// Slices, parts and private tasks, withdrawals, and everything that may be read of them.
async fn leaderboards(record: &mut Recorder, nobody: &Client, program: &Client, stem: &str) {
    use Method as M;
    let benchmark = format!("{stem}-sliced");
    let task = |n: usize| {
        json!({
            "id": format!("t{n}"), "language": if n.is_multiple_of(2) { "go" } else { "rust" }, "difficulty": if n > 9 { "hard" } else { "easy" },
            "cluster": format!("c{}", n / 2),
        })
    };
    let tasks = (0..48).map(task).collect::<Value>();
    let version = json!({ "title": "Sliced", "metric": "score", "tasks": tasks, "parts": "default", "tasksPublishedOn": "2025-06" });
    let path = format!("/api/v1/benchmarks/{benchmark}/versions/1");
    record.call(program, M::PUT, &path, Some(version)).await;
    let private = json!({ "title": "P", "metric": "pass_rate", "tasks": [{ "id": "t1" }], "privateTasks": true });
    record.call(program, M::PUT, &format!("/api/v1/benchmarks/{stem}-private/versions/1"), Some(private)).await;
    let mut runs = Vec::new();
    for (n, name) in ["a", "b", "c", "a"].into_iter().enumerate() {
        let model = format!("{stem}/{name}");
        let body = json!({ "displayName": format!("Model \"{name}\", the {n}th"), "trainingCutoff": "2025-07-01" });
        record.call(program, M::PUT, &format!("/api/v1/models/{model}"), Some(body)).await;
        let body = json!({
            "model": model, "benchmark": benchmark, "version": "1", "harness": "suite", "harnessVersion": "1",
            "commit": "abc1234", "evaluatorRelationship": "self_reported", "attemptsPolicy": "best_of_3",
        });
        let run = record.call(program, M::POST, "/api/v1/runs", Some(body)).await.expect(201);
        let run = format!("/api/v1/runs/{}", run["id"].as_str().expect("an id"));
        let result = |task: usize| {
            let share = f64::from(u32::try_from((task * (n + 3)) % 7).expect("small")) / 6.0;
            json!({
                "task": format!("t{task}"), "attempt": 1, "status": "success", "parts": { "automated": share, "panel": 0.3 },
                "latencyMs": 10.0 * share + 1.25, "costUsd": if name == "b" { None } else { Some(0.1 * share) },
            })
        };
        record.call(program, M::POST, &format!("{run}/results"), Some((0..48).map(result).collect())).await;
        record.call(program, M::POST, &format!("{run}/publish"), None).await;
        runs.push(run);
    }
    let reason = |reason: &str| Some(json!({ "reason": reason }));
    record.call(program, M::POST, &format!("{}/withdraw", runs[3]), reason("")).await;
    record.call(program, M::POST, &format!("{}/withdraw", runs[3]), reason("a mistake")).await;
    record.call(program, M::POST, &format!("{}/withdraw", runs[3]), reason("again")).await;
    let board = format!("?benchmark={benchmark}");
    for path in [
        runs[0].clone(),
        runs[3].clone(),
        format!("{}/results?limit=3", runs[0]),
        format!("/api/v1/benchmarks/{benchmark}"),
        format!("/api/v1/benchmarks/{stem}-private"),
        format!("/api/v1/leaderboard{board}"),
        format!("/api/v1/leaderboard{board}&language=go"),
        format!("/api/v1/leaderboard{board}&language=rust&difficulty=hard&sort=cost&order=desc"),
        format!("/api/v1/leaderboard{board}&limit=1"),
        format!("/api/v1/leaderboard{board}&snapshot=nonsense"),
        format!("/api/v1/leaderboard.csv{board}"),
        format!("/api/v1/leaderboard.ndjson{board}&sort=model"),
        format!("/api/v1/leaderboard/compare{board}&a={stem}/a&b={stem}/b,{stem}/c"),
        format!("/api/v1/leaderboard/compare{board}&a={stem}/a&b={stem}/a"),
        format!("/api/v1/leaderboard/pareto{board}"),
        format!("/api/v1/changes{board}"),
        format!("/api/v1/changes.atom{board}"),
        format!("/api/v1/models/{stem}/a/history"),
        format!("/api/v1/badges/{stem}/a.svg{board}"),
        format!("/leaderboard{board}"),
        format!("/leaderboard{board}&language=go"),
        format!("/leaderboard/models/{stem}/a"),
        format!("/leaderboard/compare{board}&a={stem}/a&b={stem}/b"),
    ] {
        record.call_with(nobody, M::GET, &path, None, &[("Origin", "https://anywhere.example")]).await;
    }
    let accepts = [("Accept", "text/csv")];
    record.call_with(nobody, M::GET, &format!("/api/v1/leaderboard{board}"), None, &accepts).await;
    record.call_with(nobody, M::GET, &format!("/api/v1/changes{board}"), None, &[("If-None-Match", "*")]).await;
}

/// What a person does with the account, to its end.
async fn account(record: &mut Recorder, nobody: &Client, me: &Client, stem: &str) {
    use Method as M;
    let post = [
        ("auth/password/change", json!({ "currentPassword": "wrong wrong", "newPassword": "another horse battery" })),
        ("auth/password/change", json!({ "currentPassword": PASSWORD, "newPassword": "password" })),
        ("auth/password/reset", json!({ "token": "x", "password": "another horse battery" })),
        ("auth/confirm-email", json!({ "token": "x" })),
        ("auth/login/mfa", json!({ "mfaToken": "x", "code": "000000" })),
        ("auth/mfa/totp", json!({})),
        ("auth/mfa/totp/confirm", json!({ "code": "x" })),
        ("auth/mfa/recovery-codes", json!({ "password": PASSWORD, "code": "x" })),
        ("auth/undo-email-change", json!({ "token": "x" })),
        ("users/me/email", json!({ "newEmail": format!("{stem}-new@example.com"), "password": PASSWORD })),
        ("users/me/email", json!({ "newEmail": "nobody", "password": PASSWORD })),
        ("auth/password/forgot", json!({ "email": format!("{stem}@example.com") })),
    ];
    for (path, body) in post {
        record.call(me, M::POST, &format!("/api/v1/{path}"), Some(body)).await;
    }
    for path in ["verify-email", "reset-password", "confirm-email", "undo-email-change"] {
        record.call(nobody, M::GET, &format!("/api/v1/auth/{path}?token=%22x"), None).await;
        record.call(nobody, M::POST, &format!("/api/v1/auth/{path}/confirm"), Some(json!({ "token": "x" }))).await;
    }
    for path in
        ["auth/sessions", "users/me/audit-log?limit=0", "admin/users", "admin/audit-log", "admin/mails", "admin/health"]
    {
        record.call(me, M::GET, &format!("/api/v1/{path}"), None).await;
    }
    record.call(me, M::DELETE, "/api/v1/auth/sessions/nobody", None).await;
    record.call(me, M::DELETE, "/api/v1/auth/sessions", None).await;
    record.call(me, M::DELETE, "/api/v1/auth/mfa/totp", Some(json!({ "password": PASSWORD }))).await;
    record.call(me, M::DELETE, "/api/v1/users/me", Some(json!({ "password": "wrong wrong" }))).await;
    record.call(me, M::DELETE, "/api/v1/users/me", Some(json!({ "password": PASSWORD }))).await;
    record.call(me, M::GET, "/api/v1/users/me", None).await;
}

/// The value with what differs from run to run blotted out.
fn redacted(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let secret = [
                    "accessToken",
                    "refreshToken",
                    "key",
                    "keyPrefix",
                    "x",
                    "kid",
                    "secret",
                    "otpauthUri",
                    "qrSvg",
                    "ip",
                ];
                let value = match name.as_str() {
                    name if secret.contains(&name) && value.is_string() => json!("<redacted>"),
                    // What is left of it after a moment.
                    "refreshExpiresIn" if value.is_number() => json!("<seconds>"),
                    _ => redacted(value),
                };
                (name, value)
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(redacted).collect(),
        Value::String(text) => json!(redacted_text(&text)),
        other => other,
    }
}

/// A page without what depends on the moment and on other cases: the benchmarks to choose from.
fn without_others(page: &str) -> String {
    let (mut page, chooser) = (page.to_owned(), r#"<div class="chooser">"#);
    while let Some((before, (_, after))) =
        page.split_once(chooser).and_then(|(before, rest)| Some((before, rest.split_once("</div>")?)))
    {
        page = format!("{before}{after}");
    }
    // Minutes and days, as people read them.
    let words = page.split_inclusive([' ', '<', '>']).map(|word| {
        let (text, end) = word.split_at(word.len() - usize::from(word.ends_with([' ', '<', '>'])));
        let is = |shape: &str| {
            text.len() == shape.len()
                && text.bytes().zip(shape.bytes()).all(|(own, wanted)| match wanted {
                    b'0' => own.is_ascii_digit(),
                    _ => own == wanted,
                })
        };
        if is("0000-00-00") || is("00:00") { format!("<then>{end}") } else { word.to_owned() }
    });
    words.collect()
}

/// The text with the addresses at which hosts are, or are told to be, blotted out.
fn without_addresses(text: &str) -> String {
    let text = text.replace("http://localhost:", "http://127.0.0.1:");
    let mut parts = text.split("http://127.0.0.1:");
    let mut without = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        without.push_str("<host>");
        without.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    without
}

/// The text with ids, times and tokens blotted out.
fn redacted_text(text: &str) -> String {
    let word = |c: char| c.is_ascii_alphanumeric() || "-_:.".contains(c);
    let mut redacted = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(word) {
        let (before, from) = rest.split_at(start);
        let (found, after) = from.split_at(from.find(|c| !word(c)).unwrap_or(from.len()));
        redacted.push_str(before);
        redacted.push_str(match found {
            _ if found.len() == 36 && found.bytes().filter(|byte| *byte == b'-').count() == 4 => "<id>",
            _ if found.len() == 24 && found.starts_with("20") && found.ends_with('Z') => "<time>",
            _ if found.len() > 80 => "<token>",
            _ => found,
        });
        rest = after;
    }
    redacted.push_str(rest);
    redacted
}
