//! Headers: which host is meant, which client asks, and which cookies count.

use std::{cell::RefCell, net::IpAddr};

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::json;

use crate::{
    application::{self, Header, ORIGIN, asked, is_refused, is_sound},
    given::{bytes, mutated, mutated_text, seeded, text},
};

const COOKIE: &str = "__Secure-aibaas_refresh";

thread_local! {
    /// A session's refresh token; `BOUND_KEY` is a key that may be used from two address blocks only.
    static REFRESH: RefCell<Option<String>> = const { RefCell::new(None) };
    static BOUND_KEY: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Returns a strategy for a hop of `X-Forwarded-For`, and the address that it names, if any.
fn hop() -> impl Strategy<Value = (String, Option<IpAddr>)> {
    let client = prop_oneof![
        any::<IpAddr>(),
        any::<u8>().prop_map(|end| IpAddr::from([203, 0, 113, end])),
        any::<u8>().prop_map(|end| IpAddr::from([198, 51, 100, end])),
        any::<u16>().prop_map(|end| IpAddr::from([0x2001, 0xdb8, 5, end, 0, 0, 0, 1])),
    ];
    let named = (client, any::<u16>(), 0..4_u8).prop_map(|(address, port, how)| {
        let text = match (address, how) {
            (_, 0) => address.to_string(),
            (IpAddr::V4(address), 1) => format!("{address}:{port}"),
            (IpAddr::V4(address), 2) => format!("::ffff:{address}"),
            (IpAddr::V4(address), _) => format!("[::ffff:{address}]:{port}"),
            (IpAddr::V6(address), 1) => format!("[{address}]:{port}"),
            (IpAddr::V6(address), 2) => format!("[{address}]"),
            (IpAddr::V6(address), _) => format!(" {address}\t"),
        };
        (text, Some(address.to_canonical()))
    });
    let unnamed = select(vec![
        "",
        "unknown",
        "_hidden",
        "198.51.100.7:",
        "198.51.100.7:65536",
        "198.51.100.07",
        "[198.51.100.7]",
        "198.51.100",
        "2001:db8:5::1]:1",
        "[2001:db8:5::1",
        "[2001:db8:5::1]1",
        "fe80::1%eth0",
        "198.51.100.7/24",
        "\"198.51.100.7\"",
        "198.51.100.7;",
        "for=198.51.100.7",
    ]);
    prop_oneof![4 => named, 1 => unnamed.prop_map(|text| (text.to_owned(), None))]
}

/// Finds the client that the trusted proxies in `X-Forwarded-For` name, independently of the application.
fn client(hops: &[(String, Option<IpAddr>)]) -> IpAddr {
    let mut client = IpAddr::from([203, 0, 113, 9]);
    for (_, address) in hops.iter().rev() {
        let Some(address) = address else { break };
        if !client.to_string().starts_with("203.0.113.") {
            break;
        }
        client = *address;
    }
    client
}

fn cookie() -> impl Strategy<Value = (String, bool)> {
    prop_oneof![
        // `TOKEN` stands for the real refresh token.
        2 => select(vec!["=TOKEN", " = TOKEN", "=\tTOKEN "]).prop_map(|end| (format!("{COOKIE}{end}"), true)),
        1 => mutated_text("aibr_01990000-0000-7000-8000-000000000000.0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
            .prop_map(|text| (format!("{COOKIE}={}", text.replace([';', ','], "")), true)),
        2 => select(vec![
            "a=b", "", "=", "aibaas_refresh=TOKEN", "__secure-aibaas_refresh=TOKEN", "__Secure-aibaas_refresh2=TOKEN",
            "__Secure-aibaas_refresh", "x=__Secure-aibaas_refresh=TOKEN", "__Secure-aibaas_refres=TOKEN",
        ]).prop_map(|text| (text.to_owned(), false)),
    ]
}

proptest! {
    #![proptest_config(seeded())]

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

    /// Checks that exactly one valid `Host` header is accepted (RFC 9112, 3.2).
    #[test]
    fn one_host_is_meant(
        name in prop_oneof![
            text("[a-zA-Z0-9-]{1,20}(\\.[a-z0-9-]{1,10}){0,3}"), any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
            any::<std::net::Ipv6Addr>().prop_map(|address| format!("[{address}]")),
        ],
        port in proptest::option::of(any::<u16>()), other in bytes(),
        broken in select(vec!["", " ", "a b", "user@a.example", "a.example/path", "[::1", "a.example:80:80", "a\tb", "ü.example", "a?b", "a#b"]),
    ) {
        let host = port.map_or_else(|| name.clone(), |port| format!("{name}:{port}")).into_bytes();
        let ask = |hosts: &[&[u8]]| application::with(|application| {
            let headers = hosts.iter().map(|host| ("host", host.to_vec())).collect::<Vec<_>>();
            application.ask_with("GET", "/leaderboard?benchmark=sim", &headers, Vec::new())
        });
        let answer = ask(&[&host]);
        prop_assert_eq!(answer.status, 200, "{}", &answer.text);
        for hosts in [&[][..], &[&*host, &*host], &[&*host, b"b.example"], &[broken.as_bytes()]] {
            let answer = ask(hosts);
            prop_assert_eq!((answer.status, &answer.json["code"]), (400, &json!("malformed_request")), "{:?}", hosts);
        }
        let answer = ask(&[&other]);
        prop_assert!(matches!(answer.status, 200 | 400), "{other:?}: {}", answer.text);
    }

    /// Checks that a key which is bound to address blocks admits exactly the clients from there, whatever clients
    /// claim about themselves.
    #[test]
    fn who_asks_is_who_trusted_proxies_saw(hops in vec(hop(), 0..6), split in 0..6_usize, garbage in bytes()) {
        let key = BOUND_KEY.with_borrow_mut(|key| key.get_or_insert_with(|| application::with(|application| {
            let key = application.key(&json!({
                "name": "bound", "scopes": ["keys:verify"], "rateLimit": 100_000,
                "allowedIps": ["198.51.100.0/24", "2001:db8:5::/48"],
            }));
            key["key"].as_str().expect("a key").to_owned()
        })).clone());
        let ask = |told: &[Header<'_>]| {
            let headers = [("authorization", format!("Bearer {key}").into_bytes()), ("content-type", b"application/json".to_vec())];
            asked("POST", "/api-keys/verify", &[&headers, told].concat(), br#"{"key":"x"}"#.to_vec())
        };
        let told = |hops: &[(String, Option<IpAddr>)]| {
            let hops = hops.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>();
            ("x-forwarded-for", hops.join(",").into_bytes())
        };
        // One header, or two that mean the same.
        let (first, second) = hops.split_at(split.min(hops.len()));
        let headers = [first, second].into_iter().filter(|hops| !hops.is_empty()).map(told).collect::<Vec<_>>();
        let answer = ask(&headers);
        is_sound(&answer, &format!("{hops:?}"))?;
        let client = client(&hops);
        let is_let_in = match client {
            IpAddr::V4(address) => address.octets().starts_with(&[198, 51, 100]),
            IpAddr::V6(address) => address.segments().starts_with(&[0x2001, 0xdb8, 5]),
        };
        let code = answer.json["code"].as_str().unwrap_or_default();
        prop_assert_eq!(code != "ip_not_allowed", is_let_in, "{} of {:?}: {}", client, &hops, &answer.text);
        is_sound(&ask(&[("x-forwarded-for", garbage)]), "any bytes")?;
    }

    #[test]
    fn one_cookie_is_ours(
        cookies in vec((cookie(), select(vec!["; ", ";", " ;\t", "HEADER"])), 0..5), garbage in bytes(),
        origin in select(vec![ORIGIN, ORIGIN, ORIGIN, "https://app.example.evil", "null"]),
    ) {
        let token = REFRESH.with_borrow_mut(|token| token.get_or_insert_with(|| {
            application::with(application::Application::refresh_token)
        }).clone());
        let mut headers = vec![("origin", origin.as_bytes().to_vec())];
        let mut line = String::new();
        for ((cookie, _), separator) in &cookies {
            line += &cookie.replace("TOKEN", &token);
            if *separator == "HEADER" {
                headers.push(("cookie", std::mem::take(&mut line).into_bytes()));
            } else {
                line += separator;
            }
        }
        headers.push(("cookie", line.into_bytes()));
        // Values that cannot be a header are not sent.
        prop_assume!(headers.iter().all(|(_, value)| axum::http::HeaderValue::from_bytes(value).is_ok()));
        let ours = cookies.iter().filter(|((_, is_ours), _)| *is_ours).map(|((cookie, _), _)| cookie).collect::<Vec<_>>();
        let what = format!("{headers:?}");
        let answer = asked("POST", "/auth/refresh", &headers, Vec::new());
        match (ours.as_slice(), origin) {
            ([], _) => is_refused(&answer, 401, "missing_credentials", &what)?,
            ([_, _, ..], _) => is_refused(&answer, 400, "malformed_request", &what)?,
            (_, origin) if origin != ORIGIN => is_refused(&answer, 403, "origin_not_allowed", &what)?,
            ([cookie], _) if cookie.contains("TOKEN") => {
                is_sound(&answer, &what)?;
                prop_assert_eq!(answer.status, 200, "{}: {}", what, &answer.text);
            }
            ([_], _) => is_refused(&answer, 401, "invalid_token", &what)?,
        }
        is_sound(&asked("POST", "/auth/refresh", &[("origin", ORIGIN.into()), ("cookie", garbage)], Vec::new()), "any bytes")?;
    }
}
