//! What a deployment tells those who run it: traces that go on, and a line in the log for each request.

use aibaas_tests::{
    Key, User, cases,
    fixtures::{PASSWORD, new_address},
    host::{
        Host, Kind, Setup, TICK_SECRET,
        native::{self, Server},
    },
    keys::VERIFY,
};
use serde_json::{Value, json};

cases![
    SendsMail: a_trace_goes_on;
];

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// What the host asks of other servers for a request is in the request's trace, and mail, which may be anybody's, is in
/// none; a trace is taken from nothing but a valid header, and none is made up.
async fn a_trace_goes_on(host: Host) {
    for (given, goes_on) in [
        (Some(format!("00-{TRACE}-{SPAN}-01")), true),
        (Some(format!("00-{TRACE}-{SPAN}")), false),
        (Some(format!("00-{}-{SPAN}-01", TRACE.to_uppercase())), false),
        (None, false),
    ] {
        let (email, password) = (new_address(), format!("a phrase of its own {}", new_address()));
        let body = json!({ "email": email, "password": password, "fullName": "Ada Lovelace" });
        let register = host.client().post("/api/v1/auth/register").json(body);
        let register = match &given {
            Some(given) => register.header("traceparent", given),
            None => register,
        };
        register.await.expect(202);
        host.mails_to(&email, 1).await;
        let (calls, mails) = (host.provider().ranges_of(&password), host.provider().calls_to(&email));
        for call in &calls {
            let sent = call.headers.get("traceparent").map(|sent| sent.split('-').collect::<Vec<_>>());
            if goes_on {
                let sent = sent.unwrap_or_else(|| panic!("{call:?}"));
                assert!(matches!(sent[..], ["00", TRACE, span, "01"] if span != SPAN && span.len() == 16), "{sent:?}");
            } else {
                assert_eq!(sent, None, "{given:?}");
            }
        }
        assert!(!calls.is_empty() && !mails.is_empty(), "{calls:?} {mails:?}");
        assert!(mails.iter().all(|mail| !mail.headers.contains_key("traceparent")), "{mails:?}");
    }
}

/// The line of each request says who asked, and in which trace, and whose address it was only where that is configured.
pub async fn a_request_is_a_line() {
    let address_in = |line: &Value| line["client_address"].as_str().map(str::to_owned);
    for addresses in [false, true] {
        let data = tempfile::tempdir().expect("a folder");
        let mut variables = Setup::Logs.variables();
        variables.push(("LOG_FORMAT", "json".to_owned()));
        if addresses {
            variables.push(("LOG_CLIENT_ADDRESS", "on".to_owned()));
        }
        let server = Server::start(data.path(), &variables).expect("it starts");
        let host = Host::at(Kind::Native, server.url.clone(), None);
        let user = User::verified(&host).await;
        let key = Key::new(&user, json!({ "scopes": ["keys:verify"] })).await;
        let nobody = user.api.anonymous();
        server.lines_so_far();
        let line = |id: &str| {
            let line = server.wait_for_line(id);
            serde_json::from_str::<Value>(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
        };

        let cases = [
            ("nobody", nobody.get("/api/v1/models?hidden=hidden"), 400, "/api/v1/models"),
            ("session", user.api.get("/api/v1/users/me"), 200, "/api/v1/users/me"),
            ("nobody", nobody.with("hidden").get("/api/v1/users/me"), 401, "/api/v1/users/me"),
            ("api_key", key.api.post(VERIFY).json(json!({ "key": "hidden" })), 200, VERIFY),
            ("operator", nobody.with(TICK_SECRET).post("/internal/tick"), 204, "/internal/tick"),
            ("nobody", nobody.with(PASSWORD).post("/internal/tick"), 401, "/internal/tick"),
        ];
        for (n, (caller, request, status, route)) in cases.into_iter().enumerate() {
            let id = format!("line-{n}");
            let trace = format!("00-{TRACE}-{SPAN}-00");
            request.header("X-Request-Id", &id).header("traceparent", &trace).await.expect(status);
            let line = line(&id);
            assert_eq!((&line["caller"], &line["route"]), (&caller.into(), &route.into()), "{line}");
            assert_eq!((&line["request_id"], &line["status"]), (&id.into(), &status.into()), "{line}");
            assert_eq!(line["trace_id"], TRACE, "{line}");
            assert!(line["duration_ms"].is_u64() && line["method"].is_string(), "{line}");
            assert_eq!(address_in(&line).is_some(), addresses, "{line}");
            let text = line.to_string();
            for secret in ["hidden", TICK_SECRET, PASSWORD, &key.secret[..13], &user.email, SPAN] {
                assert!(!text.contains(secret), "{secret} in {line}");
            }
        }
        nobody.get("/health").header("X-Request-Id", "no-trace").await.expect(200);
        assert_eq!(line("no-trace").get("trace_id"), None);
    }
}

/// A mistake in it stops the start.
pub fn a_wrong_log_setting_is_told() {
    let mut command = native::command().expect("the binary");
    let output = command.args(["serve", "--listen", "127.0.0.1:0"]).env("LOG_CLIENT_ADDRESS", "yes").output();
    let said = String::from_utf8_lossy(&output.expect("it runs").stderr).into_owned();
    assert!(said.contains("LOG_CLIENT_ADDRESS must be on or off"), "{said}");
}
