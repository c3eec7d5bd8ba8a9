//! Every route, given any body, parameter and header: no answer is 500, and every refusal is a problem with a code.

use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    application::{self, asked, is_sound},
    given::{body, bytes, mutated, seeded, text},
};

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

/// Every route that takes query parameters.
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
    "/admin/mails",
    "/auth/verify-email",
    "/auth/reset-password",
    "/auth/confirm-email",
];

/// The list of keys that GitHub publishes.
const KEYS: &str = r#"{"public_keys":[{"key_identifier":"a","key":"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsx5HVQUhpU5NQtq4NTmzKgpB4XGQ3ucyUH3dE1fc0pvzoyqU/WeTmG0QPgK/DkcJPbr8c6MdyoPKRjkcUjbyTQ==\n-----END PUBLIC KEY-----\n","is_current":true}]}"#;
const SOUND_CURSOR: &str = "WyIyMDI2LTExLTIzIiwxLDIsM10";

proptest! {
    #![proptest_config(seeded())]

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
    fn reports_of_leaked_keys_are_read_or_refused(
        (body, media) in body(), id in prop_oneof![bytes(), Just(b"a".to_vec())], signature in bytes(),
        keys in mutated(KEYS),
    ) {
        let headers = [
            ("content-type", media.as_bytes().to_vec()), ("github-public-key-identifier", id),
            ("github-public-key-signature", signature),
        ];
        let answer = application::with(|application| {
            // So much time that the list is fetched again.
            application.episode.fetches(700_000, keys);
            application.ask("POST", "/secret-scanning/github", &headers, body)
        });
        is_sound(&answer, "/secret-scanning/github")?;
        prop_assert!(answer.status >= 400, "nobody signed that: {}", answer.text);
    }
}

/// Checks that sound requests are carried out, so that the other tests reach the parsers at all.
#[test]
fn sound_requests_are_done() {
    let results = br#"[{"task":"hidden-task-0","attempt":1,"status":"success","score":1}]"#;
    let key = br#"{"name":"a","scopes":["results:write"],"rateLimit":5,"allowedIps":["192.0.2.0/24"]}"#;
    for (method, path, credential, body) in [
        ("POST", "/runs/RUN/results", "KEY", &results[..]),
        ("POST", "/api-keys", "PERSON", key),
        ("GET", "/leaderboard?benchmark=sim&limit=1", "", b""),
        ("GET", "/admin/users?limit=1", "PERSON", b""),
        ("POST", "/auth/password/forgot", "", br#"{"email":"person0@example.com"}"#),
    ] {
        let mut headers = vec![("content-type", b"application/json".to_vec())];
        if !credential.is_empty() {
            headers.push(("authorization", credential.as_bytes().to_vec()));
        }
        let answer = asked(method, path, &headers, body.to_vec());
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
    }
}
