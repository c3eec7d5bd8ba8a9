//! Whatever bytes come from outside, nothing panics, nothing is answered 500, and every refusal is a problem with a code.
//!
//! Each case is made of a seed that proptest prints; what failed once is kept in a file of regressions and tried
//! first. `PROPTEST_CASES=100000 cargo test --test parsers` looks for longer.

use std::cell::RefCell;

use aibaas_core::{
    domain::{
        JwtAlgorithm, Keys, RefreshToken, Secret,
        account::{self, Email},
        api_key::ApiKey,
        jws::Verifier,
        network::Network,
        password_hash,
        recovery_code::RecoveryCode,
        user_agent, values,
    },
    ports::{HashJob, Timestamp},
};
use aibaas_model::run::{Answer, Episode};
use axum::{
    body::Body,
    http::{HeaderValue, Method, Request},
};
use proptest::{collection::vec, prelude::*, sample::select, string::string_regex};

fn text(pattern: &str) -> BoxedStrategy<String> {
    string_regex(pattern).expect("a pattern").boxed()
}

/// Bytes that are no form of anything, and such as are nearly one.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..300), any::<String>().prop_map(String::into_bytes)]
}

/// A text of which a piece was taken out, doubled or replaced.
fn mutated(sound: &'static str) -> BoxedStrategy<Vec<u8>> {
    let length = sound.len();
    (0..=length, 0..=length, bytes(), 0..4_u8)
        .prop_map(move |(one, other, bytes, how)| {
            let (start, end) = (one.min(other), one.max(other));
            let sound = sound.as_bytes();
            let middle = match how {
                0 => Vec::new(),
                1 => [&sound[start..end], &sound[start..end]].concat(),
                2 => bytes,
                _ => sound[start..end].iter().map(|byte| byte ^ 1).collect(),
            };
            [&sound[..start], &middle, &sound[end..]].concat()
        })
        .boxed()
}

/// JSON of any shape, not deep.
fn json() -> BoxedStrategy<serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|number| serde_json::Number::from_f64(number).map_or(0.into(), Into::into)),
        any::<String>().prop_map(Into::into),
        select(vec!["person0@example.com", "1e999", "2026-11-23T01:02:03.004Z", "sim/m0", "hidden-task-0", "success"])
            .prop_map(Into::into),
    ];
    let names = select(vec![
        "email",
        "password",
        "fullName",
        "token",
        "refreshToken",
        "name",
        "scopes",
        "rateLimit",
        "allowedIps",
        "key",
        "cost",
        "model",
        "benchmark",
        "version",
        "task",
        "attempt",
        "status",
        "score",
        "samples",
        "correct",
        "costUsd",
        "reason",
        "results",
        "tasks",
        "metric",
        "title",
        "id",
        "mode",
        "code",
        "expiresAt",
        "ip",
        "type",
        "url",
        "parts",
    ]);
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Into::into),
            vec((names.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
    .boxed()
}

/// A body, and what it says that it is.
fn body() -> impl Strategy<Value = (Vec<u8>, &'static str)> {
    let bytes = prop_oneof![
        3 => json().prop_map(|json| json.to_string().into_bytes()),
        1 => vec(json(), 0..4).prop_map(|lines| {
            lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()
        }),
        1 => bytes(),
        1 => mutated(r#"[{"task":"hidden-task-0","attempt":1,"status":"success","score":1,"samples":4,"correct":2}]"#),
        1 => mutated(r#"{"email":"person0@example.com","password":"a long enough pass phrase","fullName":"Ada"}"#),
        1 => mutated(r#"{"name":"a","scopes":["results:write"],"rateLimit":5,"allowedIps":["192.0.2.0/24","2001:db8::/32"]}"#),
        1 => mutated(r#"[{"token":"aib_live_00000000000000000000000000000000000000","type":"aibaas_api_key","url":"","source":"content"}]"#),
    ];
    let media = select(vec![
        "application/json",
        "application/json",
        "application/x-ndjson",
        "application/x-www-form-urlencoded",
        "text/plain",
        "application/json; charset=utf-8",
        "",
    ]);
    (bytes, media)
}

/// Every route that takes a body.
const BODIES: &[(&str, &str)] = &[
    ("POST", "/auth/register"),
    ("POST", "/auth/verify-email"),
    ("POST", "/auth/verify-email/confirm"),
    ("POST", "/auth/resend-verification"),
    ("POST", "/auth/login"),
    ("POST", "/auth/login/mfa"),
    ("POST", "/auth/refresh"),
    ("POST", "/auth/logout"),
    ("POST", "/auth/password/forgot"),
    ("POST", "/auth/password/reset"),
    ("POST", "/auth/reset-password/confirm"),
    ("POST", "/auth/confirm-email"),
    ("POST", "/auth/confirm-email/confirm"),
    ("POST", "/auth/password/change"),
    ("POST", "/auth/mfa/totp"),
    ("POST", "/auth/mfa/totp/confirm"),
    ("DELETE", "/auth/mfa/totp"),
    ("POST", "/auth/mfa/recovery-codes"),
    ("PATCH", "/users/me"),
    ("POST", "/users/me/email"),
    ("DELETE", "/users/me"),
    ("PATCH", "/admin/users/x"),
    ("POST", "/admin/runs/x/reject"),
    ("POST", "/api-keys"),
    ("PATCH", "/api-keys/x"),
    ("POST", "/api-keys/x/rotate"),
    ("POST", "/api-keys/verify"),
    ("POST", "/secret-scanning/github"),
    ("PUT", "/models/sim/m0"),
    ("PUT", "/benchmarks/sim/versions/2"),
    ("POST", "/runs"),
    ("POST", "/runs/RUN/results"),
    ("POST", "/runs/RUN/publish"),
    ("POST", "/runs/RUN/withdraw"),
    ("PUT", "/runs/RUN/counts"),
];

/// Every route that takes parameters.
const QUERIES: &[&str] = &[
    "/leaderboard",
    "/leaderboard.csv",
    "/leaderboard.ndjson",
    "/leaderboard/compare",
    "/leaderboard/pareto",
    "/models",
    "/models/sim/m0",
    "/models/sim/m0/history",
    "/benchmarks",
    "/benchmarks/sim",
    "/benchmarks/sim/versions/1/tasks",
    "/runs/RUN",
    "/runs/RUN/results",
    "/changes",
    "/changes.atom",
    "/badges/sim/m0.svg",
    "/auth/sessions",
    "/api-keys",
    "/api-keys/x/usage",
    "/users/me/audit-log",
    "/users/me/export",
    "/admin/users",
    "/admin/audit-log",
    "/auth/verify-email",
    "/auth/reset-password",
    "/auth/confirm-email",
];

thread_local! {
    /// One application for all cases of a test: what they leave behind is part of the search.
    static APPLICATION: RefCell<Option<(Episode, Credentials)>> = const { RefCell::new(None) };
}

struct Credentials {
    person: String,
    key: String,
    run: String,
}

fn asked(method: &str, path: &str, headers: &[(&str, Vec<u8>)], body: Vec<u8>) -> Answer {
    APPLICATION.with_borrow_mut(|application| {
        let (episode, credentials) = application.get_or_insert_with(|| {
            let mut episode = Episode::new(0);
            let (person, key, run) = episode.credentials();
            (episode, Credentials { person, key, run })
        });
        let path = path.replace("RUN", &credentials.run);
        let Ok(mut request) = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).expect("a method"))
            .uri(format!("/api/v1{path}"))
            .body(Body::from(body))
        else {
            // No server would hand that on.
            return Answer::default();
        };
        for (name, value) in headers {
            let value = match value.as_slice() {
                b"PERSON" => format!("Bearer {}", credentials.person).into_bytes(),
                b"KEY" => format!("Bearer {}", credentials.key).into_bytes(),
                value => value.to_vec(),
            };
            if let (Ok(name), Ok(value)) = (name.parse::<axum::http::HeaderName>(), HeaderValue::from_bytes(&value)) {
                request.headers_mut().append(name, value);
            }
        }
        episode.answer_to(request)
    })
}

fn is_sound(answer: &Answer, what: &str) -> Result<(), TestCaseError> {
    // GitHub's keys, which nobody serves here, are waited for in vain.
    let unavailable = answer.status == 503 && what.contains("secret-scanning");
    prop_assert!(answer.status < 500 || unavailable, "{what}: {} {}", answer.status, answer.text);
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

const SOUND_CURSOR: &str = "WyIyMDI2LTExLTIzIiwxLDIsM10";

proptest! {
    #[test]
    fn bodies_are_read_or_refused(
        route in select(BODIES.to_vec()), (body, media) in body(),
        credential in select(vec!["PERSON", "KEY", ""]), once in prop_oneof![Just(Vec::new()), bytes()],
    ) {
        let mut headers = vec![("content-type", media.as_bytes().to_vec())];
        if !credential.is_empty() {
            headers.push(("authorization", credential.as_bytes().to_vec()));
        }
        if !once.is_empty() {
            headers.push(("idempotency-key", once));
        }
        let answer = asked(route.0, route.1, &headers, body);
        is_sound(&answer, &format!("{route:?}"))?;
    }

    #[test]
    fn parameters_are_read_or_refused(
        path in select(QUERIES.to_vec()),
        names in vec(select(vec![
            "limit", "cursor", "benchmark", "version", "scenario", "language", "difficulty", "provider", "q", "period", "sort",
            "order", "snapshot", "a", "b", "after", "from", "to", "bucket", "status", "token", "zzz",
        ]), 0..4),
        values in vec(prop_oneof![
            text("[ -~]{0,40}"), any::<String>(),
            select(vec!["sim", "1", "0", "-1", "100", "101", "99999999999999999999", "7d", "all", "score", "desc", "%", "%ff", "%00"])
                .prop_map(str::to_owned),
            mutated(SOUND_CURSOR).prop_map(|cursor| String::from_utf8_lossy(&cursor).into_owned()),
        ], 4),
        raw in any::<bool>(),
    ) {
        let encode = |value: &str| -> String {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte) && raw;
            value.bytes().map(|byte| match plain(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            }).collect()
        };
        let pairs = names.iter().zip(&values).map(|(name, value)| format!("{name}={}", encode(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        let answer = asked("GET", &format!("{path}?{query}"), &[("authorization", b"PERSON".to_vec())], Vec::new());
        is_sound(&answer, &format!("{path}?{query}"))?;
    }

    #[test]
    fn headers_are_read_or_refused(
        path in select(vec!["/users/me", "/runs/RUN", "/leaderboard?benchmark=sim", "/auth/sessions"]),
        names in vec(select(vec![
            "authorization", "x-api-key", "cookie", "idempotency-key", "x-forwarded-for", "x-request-id", "if-none-match",
            "accept", "origin", "user-agent", "content-type", "if-modified-since", "traceparent",
        ]), 1..4),
        values in vec(prop_oneof![
            bytes(), mutated("Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJzdWIiOiIxIn0.c2ln"),
            mutated("__Secure-aibaas_refresh=0190.0.abc; a=b"), mutated("192.0.2.1, 2001:db8::1, [::1]:80, unknown"),
            mutated("aib_live_00000000000000000000000000000000000000"), mutated("W/\"abc\", *"),
            mutated("text/csv;q=0.5, application/x-ndjson, */*;q=0"),
        ], 4),
        posted in any::<bool>(),
    ) {
        let headers = names.iter().copied().zip(values.iter().cloned()).collect::<Vec<_>>();
        let (method, path) = if posted { ("POST", "/auth/refresh") } else { ("GET", path) };
        let answer = asked(method, path, &headers, Vec::new());
        is_sound(&answer, &format!("{method} {path} {headers:?}"))?;
    }

    #[test]
    fn reports_of_leaked_keys_are_read_or_refused((body, media) in body(), id in bytes(), signature in bytes()) {
        let headers = [
            ("content-type", media.as_bytes().to_vec()), ("github-public-key-identifier", id),
            ("github-public-key-signature", signature),
        ];
        let answer = asked("POST", "/secret-scanning/github", &headers, body);
        is_sound(&answer, "/secret-scanning/github")?;
        prop_assert!(answer.status >= 400, "nobody signed that: {}", answer.text);
    }

    #[test]
    fn addresses_read_as_they_print(given in prop_oneof![any::<String>(), text("[A-Za-z.+-]{1,20}@[a-z.-]{1,30}")]) {
        if let Ok(email) = Email::parse(&given) {
            let printed = email.as_str().to_owned();
            prop_assert_eq!(Email::parse(&printed).map(|email| email.as_str().to_owned()).ok(), Some(printed));
        }
        let _ = account::full_name(&given);
        let _ = account::new_password(&Secret::new(given.as_str()), None, Some(&given));
    }

    #[test]
    fn networks_read_as_they_print(
        given in prop_oneof![any::<String>(), text("[0-9a-f.:/]{1,40}"), text("[0-9]{1,3}(\\.[0-9]{1,3}){3}/[0-9]{1,3}")],
        address in any::<std::net::IpAddr>(), length in 0_u8..140,
    ) {
        let printed = |network: &Network| network.to_string();
        for text in [given, format!("{address}/{length}"), address.to_string()] {
            let Some(network) = Network::parse(&text) else { continue };
            prop_assert_eq!(Network::parse(&printed(&network)).as_ref().map(printed), Some(printed(&network)));
            let _ = network.contains(address);
        }
        prop_assert!(Network::parse(&address.to_string()).is_some_and(|network| network.contains(address)));
        prop_assert!(Network::of_client(address).contains(address) || address.to_canonical() != address);
    }

    #[test]
    fn one_wrong_character_makes_no_key(random in vec(any::<u8>(), 64), at in 9_usize..47, with in "[0-9A-Za-z]", other in any::<String>()) {
        let random = <[u8; 64]>::try_from(random.as_slice()).expect("64 bytes");
        let _ = ApiKey::parse(&other);
        let Some(key) = ApiKey::generate("live", &random) else { return Ok(()) };
        let sound = key.secret().expose().to_owned();
        prop_assert!(ApiKey::parse(&sound).is_some());
        let mut wrong = sound.clone();
        wrong.replace_range(at..=at, &with);
        prop_assert_eq!(ApiKey::parse(&wrong).is_some(), wrong == sound, "{}", wrong);
    }

    #[test]
    fn tokens_are_ours_or_refused(given in any::<String>(), near in mutated("eyJhbGciOiJIUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImEifQ.eyJzdWIiOiIxIiwiZXhwIjo5fQ.c2ln")) {
        let near = String::from_utf8_lossy(&near).into_owned();
        for algorithm in [JwtAlgorithm::EdDsa, JwtAlgorithm::Hs256] {
            let keys = Keys::derive(&Secret::new("a secret of this test, and long enough"), None, algorithm);
            for token in [&given, &near] {
                prop_assert!(keys.verify_access_token(token, "http://a.example", Timestamp(0)).is_err());
                prop_assert!(Verifier::hs256(b"another").payload(token).is_none());
                if let Some(token) = RefreshToken::parse(token) {
                    prop_assert!(!keys.is_refresh_token(&token, b"nonce"));
                }
            }
        }
        let _ = (RecoveryCode::parse(&given), values::timestamp(&given), values::day_or_month(&given), user_agent::device(&given));
        let _ = values::text(&given, 1, 100);
    }

    #[test]
    fn hashes_of_other_systems_are_read_or_wrong(
        given in any::<String>(),
        near in prop_oneof![
            mutated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA"),
            mutated("$2b$04$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZabcde"),
            mutated("$pbkdf2-sha256$i=1000,l=32$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            mutated("pbkdf2_sha256$1000$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            mutated("$scrypt$ln=4,r=8,p=1$c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ],
    ) {
        for encoded in [given, String::from_utf8_lossy(&near).into_owned()] {
            // What would take minutes is bounded by its own unit tests.
            let _ = password_hash::needs_rehash(&encoded, password_hash::Params::DEFAULT);
            if encoded.len() < 120 && !encoded.contains("m=1") && !encoded.contains("00000") {
                let job = HashJob::Verify { password: Secret::new("x"), encoded: Secret::new(encoded) };
                prop_assert!(password_hash::run(&job, &mut password_hash::Memory::default()).is_ok());
            }
        }
    }
}
