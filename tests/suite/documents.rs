//! What stands around the API: its index, its health, its documents and its public keys.

use aibaas_tests::{
    Publisher, TIMEOUT, User,
    case::skip,
    cases,
    fixtures::{new_address, passes},
    host::{Host, Kind, Setup},
    tools,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::process::Command;

cases![
    KeepsMail:
        the_index_names_the_documentation,
        health_and_readiness,
        the_openapi_document_is_served_as_it_stands,
        the_documentation_has_pages,
        a_problem_says_what_to_do,
        public_keys_verify_access_tokens,
        kept_mail_is_shown,
        the_tick_needs_its_secret;
    SendsMail: a_symmetric_key_is_shown_to_nobody;
];

async fn the_index_names_the_documentation(host: Host) {
    let index = host.client().get("/").header("Accept", "application/json").await.expect(200);
    assert_eq!((&index["message"], &index["documentation"]), (&json!("AIBaaS API"), &json!("/docs")));
    assert_eq!(index["version"], env!("CARGO_PKG_VERSION"));
}

async fn health_and_readiness(host: Host) {
    assert_eq!(host.client().get("/health").await.expect(200), json!({ "status": "ok" }));
    assert_eq!(host.client().get("/ready").await.expect(200), json!({ "status": "ready" }));
}

async fn the_openapi_document_is_served_as_it_stands(host: Host) {
    let served = host.client().get("/openapi.json").await.expect(200);
    assert_eq!(served["info"]["version"], env!("CARGO_PKG_VERSION"), "the version that / tells");
    assert_eq!(&served, host.contract().await.document());
    assert!(served["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
}

/// The overview leads to a page a resource and a page a guide; that every operation and every link has its place is a test
/// of `core/docsite`.
async fn the_documentation_has_pages(host: Host) {
    let api = host.client();
    let page = async |path: &str| {
        let page = api.get(path).header("Accept", "text/html").await;
        page.expect(200);
        assert_eq!(page.media_type(), Some("text/html"));
        let tag = page.header("etag").unwrap_or_else(|| panic!("{path} has a tag")).to_owned();
        assert_eq!(api.get(path).header("If-None-Match", &tag).await.status, 304, "{path}");
        page.text()
    };
    let overview = page("/docs").await;
    for path in ["/api/v1/auth/register", "/api/v1/leaderboard", "/api/v1/changes", "/api/v1/runs/{id}/withdraw"] {
        assert!(overview.contains(path), "{path} is in the documentation");
    }
    let mut tags = Vec::new();
    let leads = overview.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let mut leads = leads.filter(|href| href.starts_with("/docs/") && !href.contains('#')).collect::<Vec<_>>();
    leads.sort_unstable();
    leads.dedup();
    assert!(leads.len() > 15, "{leads:?}");
    // The build packs the pages: what is served is what was made.
    let read = |file: &str| std::fs::read_to_string(tools::root().join(file)).ok();
    let made = aibaas_docsite::build(&read("core/openapi.json").expect("a document"), read).expect("a site");
    assert!(leads.len() < made.pages.len(), "{} pages besides the overview", made.pages.len());
    for made in &made.pages {
        assert!(page(&made.path).await.contains(&made.html), "{} is as it was made", made.path);
    }
    for path in leads {
        let text = page(path).await;
        assert!(text.contains("</main>") && text.contains("aria-current=\"page\""), "{path} is whole");
        tags.push(api.get(path).await.header("etag").map(str::to_owned));
    }
    let pages = tags.len();
    tags.sort_unstable();
    tags.dedup();
    assert_eq!(tags.len(), pages, "each page has a tag of its own");
    let keys = page("/docs/api/api-keys").await;
    for part in ["id=\"createApiKey\"", "/problems/too_many_api_keys", "urllib.request", "await fetch"] {
        assert!(keys.contains(part), "{part} is on the page of keys");
    }
    for nothing in ["/docs/api/nothing", "/docs/guides/internals"] {
        api.get(nothing).await.problem(404, "not_found");
    }
}

async fn a_problem_says_what_to_do(host: Host) {
    let page = host.client().get("/problems/too_many_api_keys").await;
    page.expect(200);
    for part in ["What to do", "Revoke a key", "href=\"/docs/api/api-keys#createApiKey\""] {
        assert!(page.text().contains(part), "{part}: {page}");
    }
    host.client().get("/problems/nothing").await.problem(404, "not_found");
}

async fn public_keys_verify_access_tokens(host: Host) {
    let user = User::verified(&host).await;
    let token = user.tokens["accessToken"].as_str().unwrap();
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let header: Value = serde_json::from_slice(&decode(signed.split('.').next().unwrap())).expect("JSON");

    let jwks = user.api.anonymous().get("/.well-known/jwks.json").await.expect(200);
    let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).expect("the token's key");
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    assert!(key.get("d").is_none(), "the private part is nobody's business");
    let public = ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, decode(key["x"].as_str().unwrap()));
    public.verify(signed.as_bytes(), &decode(signature)).expect("the signature holds");
    let mut tampered = signed.to_owned().into_bytes();
    *tampered.last_mut().unwrap() ^= 1;
    assert!(public.verify(&tampered, &decode(signature)).is_err());
}

/// With `JWT_ALGORITHM=HS256` only the deployment itself can verify its tokens, and no token of the other algorithm counts.
async fn a_symmetric_key_is_shown_to_nobody(host: Host) {
    let user = User::verified(&host).await;
    let token = user.tokens["accessToken"].as_str().unwrap();
    let (header, rest) = token.split_once('.').expect("three parts");
    let mut header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).expect("JSON");
    assert_eq!((&header["alg"], &header["typ"]), (&json!("HS256"), &json!("at+jwt")));
    let jwks = user.api.anonymous().get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(jwks, json!({ "keys": [] }));
    user.api.get("/api/v1/users/me").await.expect(200);
    for algorithm in ["EdDSA", "none", "HS512", "hs256"] {
        header["alg"] = json!(algorithm);
        let forged = format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()));
        user.api.with(&forged).get("/api/v1/users/me").await.problem(401, "invalid_token");
    }
}

async fn kept_mail_is_shown(host: Host) {
    let first = User::unverified(&host.client()).await;
    host.mails_to(&first, 1).await;
    let second = User::unverified(&host.client()).await;
    host.mails_to(&second, 1).await;
    let kept = host.client().get("/dev/mail").header("Accept", "application/json").await.expect(200);
    let place = |address: &str| kept["data"].as_array().unwrap().iter().position(|mail| mail["to"] == address).unwrap();
    assert!(place(&second) < place(&first), "newest first");
    let page = host.client().get("/dev/mail").header("Accept", "text/html").await;
    page.expect(200);
    assert_eq!(page.media_type(), Some("text/html"));
    assert!(page.text().contains(&second));
}

async fn the_tick_needs_its_secret(host: Host) {
    if host.kind() == Kind::Remote {
        skip("the TICK_SECRET of that host is its own");
    }
    let api = host.client();
    api.with(aibaas_tests::host::TICK_SECRET).post("/internal/tick").await.expect(204);
    api.post("/internal/tick").await.problem(401, "missing_credentials");
    api.with("wrong").post("/internal/tick").await.problem(401, "invalid_token");
}

/// A program with a generated client registers, logs in, makes keys, has one verified, and reads the leaderboard.
/// `tests/openapi.rs` holds that its types are those of the document.
pub async fn a_generated_client(kind: Kind) -> Result<(), String> {
    let host = Host::of(kind, Setup::KeepsMail).await?;
    let publisher = Publisher::new(&host).await;
    publisher.tasks(2).await;
    let model = publisher.model("self-reported").await;
    let run = publisher.run_of(&model, json!({ "evaluatorRelationship": "self_reported" })).await;
    publisher.upload(&run, passes(1, 2)).await;
    publisher.publish(&run).await;

    let command = tokio::task::spawn_blocking(|| tools::openapi_program("openapi-fetch.ts"));
    let mut command = Command::from(command.await.map_err(|error| error.to_string())??);
    command.args([host.url(), &new_address(), &publisher.benchmark]).kill_on_drop(true);
    let ended = tokio::time::timeout(TIMEOUT, command.output()).await.map_err(|_| "it does not end".to_owned())?;
    let output = ended.map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{}\n{told}{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let saw: Value = serde_json::from_str(&told).map_err(|error| format!("{error}: {told}"))?;
    assert!(saw["before"].as_str().is_some_and(|verdict| verdict.ends_with(" has 90 left")), "{saw}");
    assert!(saw["after"].as_str().is_some_and(|verdict| verdict.ends_with(" is refused: api_key_revoked")), "{saw}");
    let flags = json!(["the cost is not known", "only the vendor has looked"]);
    assert_eq!(saw["rows"], json!([{ "model": model, "flags": flags }]));
    assert_eq!(saw["missing"], "not_found");
    Ok(())
}
