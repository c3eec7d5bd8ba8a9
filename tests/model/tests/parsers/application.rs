//! One application for all cases of a test: what cases leave behind is part of the search.

use std::cell::RefCell;

use aibaas_model::{
    board::TASKS,
    run::{Answer, Episode},
};
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request},
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Returns the tasks of the benchmark that exists from the start.
pub fn tasks() -> Vec<String> {
    (0..TASKS).map(|task| format!("hidden-task-{task}")).collect()
}

/// The origin that browsers may come from.
pub const ORIGIN: &str = "https://app.example";
/// The password of all accounts in these tests.
pub const PASSWORD: &str = "a long enough pass phrase";

thread_local! {
    static APPLICATION: RefCell<Option<Application>> = const { RefCell::new(None) };
}

/// The application, with the credentials of its caller.
pub struct Application {
    /// The episode that holds the application.
    pub episode: Episode,
    person: String,
    key: String,
    run: String,
}

/// A header: its name and its value in bytes.
pub type Header<'a> = (&'a str, Vec<u8>);

/// Calls a function with the application of this thread, which the first call creates.
pub fn with<T>(use_it: impl FnOnce(&mut Application) -> T) -> T {
    APPLICATION.with_borrow_mut(|application| {
        use_it(application.get_or_insert_with(|| {
            let mut episode = Episode::new(0);
            let (person, key, run) = episode.credentials();
            Application { episode, person, key, run }
        }))
    })
}

impl Application {
    /// Sends a request with these headers alone. The values `PERSON` and `KEY` stand for an `Authorization` with the
    /// person's token or key, `RUN` in the path for a run's id.
    pub fn ask_with(&mut self, method: &str, path: &str, headers: &[Header<'_>], body: Vec<u8>) -> Answer {
        let path = path.replace("RUN", &self.run);
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = Request::builder().method(method).uri(format!("/api/v1{path}")).body(Body::from(body));
        // No server would pass on what is no URI.
        let Ok(mut request) = request else { return Answer::default() };
        for (name, value) in headers {
            let value = match value.as_slice() {
                b"PERSON" => format!("Bearer {}", self.person).into_bytes(),
                b"KEY" => format!("Bearer {}", self.key).into_bytes(),
                value => value.to_vec(),
            };
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(&value)) {
                request.headers_mut().append(name, value);
            }
        }
        self.episode.answer_to(request)
    }

    /// Sends a request with a valid `Host` header.
    pub fn ask(&mut self, method: &str, path: &str, headers: &[Header<'_>], body: Vec<u8>) -> Answer {
        let host = [("host", b"simulation.example".to_vec())];
        self.ask_with(method, path, &[&host, headers].concat(), body)
    }

    /// Sends a request with a JSON body and this credential.
    pub fn json(&mut self, method: &str, path: &str, credential: &str, body: &Value) -> Answer {
        let headers =
            [("content-type", b"application/json".to_vec()), ("authorization", credential.as_bytes().to_vec())];
        let headers = if credential.is_empty() { &headers[..1] } else { &headers[..] };
        self.ask(method, path, headers, body.to_string().into_bytes())
    }

    /// Publishes a run of this model at a benchmark with these tasks, and makes it `RUN`.
    pub fn publish(&mut self, model: u32, benchmark: &str, tasks: &[String]) {
        let run = json!({
            "model": format!("sim/m{model}"), "benchmark": benchmark, "version": "1", "harness": "model",
            "harnessVersion": "1", "commit": "abc1234", "evaluatorRelationship": "third_party",
        });
        let run = self.json("POST", "/runs", "KEY", &run);
        self.run = run.json["id"].as_str().expect("an id").to_owned();
        let result = |task| json!({ "task": task, "attempt": 1, "status": "success", "score": 1 });
        let results = tasks.iter().map(result).collect::<Value>();
        let uploaded = self.json("POST", "/runs/RUN/results", "KEY", &results);
        assert_eq!(uploaded.status, 200, "{}", uploaded.text);
        let published = self.ask("POST", "/runs/RUN/publish", &[("authorization", b"KEY".to_vec())], Vec::new());
        assert_eq!(published.status, 200, "{}", published.text);
    }

    /// Creates a key with these settings, and returns the answer's body.
    pub fn key(&mut self, settings: &Value) -> Value {
        let answer = self.json("POST", "/api-keys", "PERSON", settings);
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json
    }

    /// Logs in and returns the refresh token of the new session.
    pub fn refresh_token(&mut self) -> String {
        let credentials = json!({ "email": "root@example.com", "password": PASSWORD });
        let answer = self.json("POST", "/auth/login", "", &credentials);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["refreshToken"].as_str().expect("a token").to_owned()
    }
}

/// Sends a request to the application of this thread.
pub fn asked(method: &str, path: &str, headers: &[Header<'_>], body: Vec<u8>) -> Answer {
    with(|application| application.ask(method, path, headers, body))
}

/// Checks that the request was carried out, or refused by a problem with a code.
pub fn is_sound(answer: &Answer, what: &str) -> Result<(), TestCaseError> {
    // GitHub's keys may be out of reach.
    let unavailable = answer.status == 503 && what.contains("secret-scanning");
    prop_assert!(answer.status < 500 || unavailable, "{what}: {} {}", answer.status, answer.text);
    prop_assert!(!answer.text.contains("exactly one Host"), "{what}: nothing of it was read");
    if answer.status >= 400 && !answer.content_type.starts_with("text/html") {
        prop_assert_eq!(&answer.content_type, "application/problem+json", "{}: {}", what, &answer.text);
        prop_assert!(
            answer.json["code"].is_string() && answer.json["status"] == answer.status,
            "{what}: {}",
            answer.text
        );
    }
    Ok(())
}

/// Checks that the request was refused with this status and code.
pub fn is_refused(answer: &Answer, status: u16, code: &str, what: &str) -> Result<(), TestCaseError> {
    is_sound(answer, what)?;
    prop_assert_eq!((answer.status, answer.json["code"].as_str()), (status, Some(code)), "{}: {}", what, &answer.text);
    Ok(())
}
