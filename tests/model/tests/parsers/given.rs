//! Inputs for parsers: random ones, and ones that are nearly right.

use proptest::{collection::vec, prelude::*, sample::select, string::string_regex, test_runner::RngSeed};

/// Returns a configuration with the seed of `PROPTEST_RNG_SEED`, or else a new one, and prints the seed: the output of
/// a failed test shows it.
pub fn seeded() -> ProptestConfig {
    let config = ProptestConfig::default();
    let seed = match config.rng_seed {
        RngSeed::Fixed(seed) => seed,
        RngSeed::Random => fastrand::u64(..),
    };
    println!("PROPTEST_RNG_SEED={seed}");
    ProptestConfig { rng_seed: RngSeed::Fixed(seed), ..config }
}

pub fn text(pattern: &str) -> BoxedStrategy<String> {
    string_regex(pattern).expect("a pattern").boxed()
}

/// Returns a strategy for random bytes and random text.
pub fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..300), any::<String>().prop_map(String::into_bytes)]
}

/// Returns a strategy for the text with a piece taken out, doubled or replaced.
pub fn mutated(sound: &'static str) -> BoxedStrategy<Vec<u8>> {
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

/// Returns a strategy like [`mutated`] for text, with invalid UTF-8 replaced.
pub fn mutated_text(sound: &'static str) -> BoxedStrategy<String> {
    mutated(sound).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).boxed()
}

/// Returns a strategy for JSON of any shape, not deep.
pub fn json() -> BoxedStrategy<serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(|number| serde_json::Number::from_f64(number).map_or(0.into(), Into::into)),
        any::<String>().prop_map(Into::into),
        select(vec!["person0@example.com", "1e999", "2026-11-23T01:02:03.004Z", "sim/m0", "hidden-task-0", "success"])
            .prop_map(Into::into),
    ];
    let names = "email password fullName token refreshToken name scopes rateLimit allowedIps key cost model benchmark version \
                 task attempt status score samples correct costUsd reason results tasks metric title id mode code expiresAt \
                 ip type url parts";
    let names = select(names.split(' ').filter(|name| !name.is_empty()).collect::<Vec<_>>());
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Into::into),
            vec((names.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
    .boxed()
}

/// Returns a strategy for a body, and the content type that it is sent with.
pub fn body() -> impl Strategy<Value = (Vec<u8>, &'static str)> {
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
