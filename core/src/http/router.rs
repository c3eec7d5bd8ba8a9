//! Every route, in groups. A group has the layers that hold for all of its routes; [`middleware::complete`] is around
//! everything.

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn, from_fn_with_state},
    response::Response,
};

use super::{
    account_pages, admin, admin_pages, api_keys, auth, cors, export,
    leaderboard::{self, caching},
    log, mail_webhooks, middleware,
    problem_page::{ForBrowser, no_such_method, no_such_path, problems_as_pages},
    public_reads, publishing, secret_scanning,
    site::{self, metrics::WriteMetrics},
    users, webhooks,
};
use crate::app::App;

/// Creates the router of every route, for every host. Build it once and clone it for each request.
pub fn router(app: &App) -> Router {
    with_routes(app, Router::new())
}

/// Creates the router of every route and of `GET /metrics`, for a host that measures.
pub fn router_with_metrics(app: &App, write: WriteMetrics) -> Router {
    with_routes(app, site::metrics::routes(write).route_layer(from_fn(problems_as_pages)))
}

fn with_routes(app: &App, of_host: Router<App>) -> Router {
    let public_api =
        publishing::public_routes().merge(leaderboard::routes(app)).merge(export::routes()).merge(log::routes());
    let public_api = public_api.route_layer(from_fn_with_state(app.clone(), public_read));
    let api = private_api().merge(open(public_api));
    let api = api.fallback(cors::no_such_path).method_not_allowed_fallback(cors::no_such_method);
    let mut router = Router::new()
        .merge(site::routes().route_layer(from_fn(problems_as_pages)))
        .merge(of_host)
        .merge(open(site::public_documents().route_layer(from_fn(public_document))))
        .merge(pages(app))
        .merge(account_pages::routes())
        .merge(admin_pages::routes())
        .nest("/api/v1", api)
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method);
    if app.clock().movable().is_some() {
        router = router.layer(from_fn_with_state(app.clone(), site::follow));
    }
    router.layer(from_fn_with_state(app.clone(), middleware::complete)).with_state(app.clone())
}

/// Returns the pages of what anybody may read, with their layers.
fn pages(app: &App) -> Router<App> {
    leaderboard::page_routes(app).route_layer(from_fn_with_state(app.clone(), public_page))
}

/// Returns the routes that need credentials or change something: only for pages of listed origins, and never cached.
fn private_api() -> Router<App> {
    Router::new()
        .nest("/auth", auth::routes())
        .nest("/users", users::routes())
        .nest("/admin", admin::routes())
        .nest("/api-keys", api_keys::routes())
        .nest("/webhooks", webhooks::routes())
        .nest("/secret-scanning", secret_scanning::routes())
        .nest("/mail/webhooks", mail_webhooks::routes())
        .merge(publishing::routes())
}

/// Allows preflights from pages of any origin for routes that anybody may read. Caches may keep their answers.
fn open(reads: Router<App>) -> Router<App> {
    reads.method_not_allowed_fallback(cors::no_such_method_of_read)
}

// One layer for each group: each layer costs a copy of all that it surrounds, and of what that surrounds.

/// Opens a public read of the API to any origin, tags it, and counts it for the reader's key or network.
async fn public_read(State(app): State<App>, request: Request, next: Next) -> Response {
    cors::open_to_any_origin(&request);
    caching::tagged(request, |request| public_reads::limit_reads(&app, request, |request| next.run(request))).await
}

/// Opens a document for programs to any origin and tags it, without counting the read.
async fn public_document(request: Request, next: Next) -> Response {
    cors::open_to_any_origin(&request);
    caching::tagged(request, |request| next.run(request)).await
}

/// Counts and tags a public page, and has its problems written as pages.
async fn public_page(State(app): State<App>, request: Request, next: Next) -> Response {
    ForBrowser::note(&request);
    public_reads::limit_reads(&app, request, |request| caching::tagged(request, |request| next.run(request))).await
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use async_trait::async_trait;
    use axum::{body::Body, response::Response};
    use futures_util::FutureExt as _;
    use http::{HeaderName, Method, Request, header};
    use serde_json::Value;
    use tower::ServiceExt as _;

    use super::*;
    use crate::{
        app::ClientAddress,
        config::{Config, HostDefaults},
        counting_ports::Counting,
        ports::{Database, DatabaseError, Ports, Rows, Statement},
    };

    const LISTED: &str = "http://localhost:3000";
    const ANY: &str = "https://any.example";

    /// Returns an application whose database is empty and whose limit of reads is one.
    fn host() -> Router {
        let lookup = |name: &str| (name == "RATE_LIMIT_READS").then(|| "1/60".to_owned());
        let config = Config::load(&lookup, HostDefaults::development("http://a.example")).unwrap();
        router(&App::new(Arc::new(Counting::default()).ports(), config))
    }

    fn answer(host: &Router, method: &Method, path: &str, headers: &[(HeaderName, &str)]) -> Response {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, "a.example");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ClientAddress(Ipv4Addr::LOCALHOST.into()));
        host.clone().oneshot(request).now_or_never().expect("these ports never wait").unwrap()
    }

    fn value(answer: &Response, name: HeaderName) -> Option<&str> {
        answer.headers().get(name).map(|value| value.to_str().unwrap())
    }

    /// Returns the origin that the answer to a preflight allows.
    fn allowed(host: &Router, method: &str, path: &str, origin: &str) -> Option<String> {
        let asks = [(header::ORIGIN, origin), (header::ACCESS_CONTROL_REQUEST_METHOD, method)];
        let answer = answer(host, &Method::OPTIONS, path, &asks);
        assert_eq!(answer.status(), 204, "{method} {path}");
        value(&answer, header::ACCESS_CONTROL_ALLOW_ORIGIN).map(str::to_owned)
    }

    #[test]
    fn what_anybody_may_read_is_open_to_any_origin_and_nothing_else() {
        let host = host();
        let contract = serde_json::from_str::<Value>(include_str!("../../openapi.json")).unwrap();
        let mut open = 0;
        for (path, operations) in contract["paths"].as_object().unwrap() {
            let concrete = path.replace(['{', '}'], "");
            for (method, operation) in operations.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters")
            {
                let (method, security) = (method.to_uppercase(), operation["security"].to_string());
                let is_document = path == "/openapi.json" || path.starts_with("/.well-known/");
                let is_open = is_document || path.starts_with("/api/") && security.contains("leaderboard:read");
                open += usize::from(is_open);
                let expected = is_open.then(|| "*".to_owned());
                assert_eq!(allowed(&host, &method, &concrete, ANY), expected, "{method} {path}");
                assert_eq!(allowed(&host, &method, &concrete, LISTED).as_deref(), Some(LISTED), "{method} {path}");
            }
        }
        assert!(open > 15, "{open} public reads");
        for (method, path) in [("GET", "/nowhere"), ("GET", "/api/v1/runs"), ("PATCH", "/api/v1/models")] {
            assert_eq!(allowed(&host, method, path, ANY), None, "{method} {path}");
            assert_eq!(allowed(&host, method, path, LISTED).as_deref(), Some(LISTED), "{method} {path}");
        }
    }

    /// Database that never answers.
    struct HangingDatabase;

    #[async_trait]
    impl Database for HangingDatabase {
        async fn query(&self, _: Statement) -> Result<Rows, DatabaseError> {
            std::future::pending().await
        }

        async fn batch(&self, _: Vec<Statement>) -> Result<Vec<Rows>, DatabaseError> {
            std::future::pending().await
        }
    }

    #[test]
    fn whatever_a_browser_gets_of_pages_is_a_page() {
        let html = [(header::ACCEPT, "text/html,*/*;q=0.8")];
        let form = [html[0].clone(), (header::CONTENT_TYPE, "text/plain")];
        let long = [html[0].clone(), (header::CONTENT_LENGTH, "100000000")];
        let ports = Ports { database: Arc::new(HangingDatabase), ..Arc::new(Counting::default()).ports() };
        let config = Config::load(&|_| None, HostDefaults::development("http://a.example")).unwrap();
        let (host, stuck) = (host(), router(&App::new(ports, config)));
        let cases = [
            // Host, method, path, headers, status, and whether the answer is a page.
            (&host, Method::POST, "/models", &html[..], 405, true),
            (&host, Method::DELETE, "/account/login", &html, 405, true),
            (&host, Method::POST, "/docs", &html, 405, true),
            (&host, Method::GET, "/nowhere", &html, 404, true),
            (&host, Method::GET, "/account/nowhere", &html, 404, true),
            (&host, Method::POST, "/account/login", &form, 415, true),
            (&host, Method::POST, "/account/register", &long, 415, true),
            (&host, Method::POST, "/api/v1/auth/reset-password/confirm", &form, 415, true),
            (&host, Method::GET, "/api/v1/auth/verify-email", &html, 400, true),
            (&host, Method::GET, "/models?provider=%00", &html, 400, true),
            (&host, Method::GET, "/models?provider=%00", &[], 429, false),
            (&host, Method::GET, "/models?provider=%00", &html, 429, true),
            (&host, Method::POST, "/api/v1/models", &html, 405, false),
            (&host, Method::GET, "/api/v1/auth/login", &html, 405, false),
            (&host, Method::GET, "/api/v1/nowhere", &html, 404, false),
            (&host, Method::POST, "/models", &[], 405, false),
            (&host, Method::GET, "/nowhere", &[(header::ACCEPT, "application/json")], 404, false),
            (&stuck, Method::GET, "/models", &html, 503, true),
            (&stuck, Method::GET, "/", &html, 503, true),
            (&stuck, Method::GET, "/models", &[], 503, false),
            (&stuck, Method::GET, "/api/v1/models", &html, 503, false),
        ];
        for (host, method, path, headers, status, is_page) in cases {
            let answer = answer(host, &method, path, headers);
            assert_eq!(answer.status(), status, "{method} {path}");
            let media_type = if is_page { "text/html; charset=utf-8" } else { "application/problem+json" };
            assert_eq!(value(&answer, header::CONTENT_TYPE), Some(media_type), "{method} {path} {status}");
            assert_eq!(value(&answer, header::CONTENT_SECURITY_POLICY).is_some(), is_page, "{method} {path} {status}");
        }
    }

    #[test]
    fn each_group_has_its_layers() {
        let cases = [
            // Method, path, status, whether any origin may see it, whether it has a tag, and whether it is counted.
            (Method::GET, "/api/v1/models", 200, true, true, true),
            (Method::HEAD, "/api/v1/models", 200, true, true, true),
            (Method::HEAD, "/leaderboard", 200, false, true, true),
            (Method::HEAD, "/openapi.json", 200, true, true, false),
            (Method::GET, "/api/v1/runs/none", 404, true, false, true),
            (Method::GET, "/api/v1/export/none", 400, true, false, true),
            (Method::GET, "/leaderboard", 200, false, true, true),
            (Method::GET, "/models", 200, false, true, true),
            (Method::GET, "/runs/none", 404, false, false, true),
            (Method::GET, "/openapi.json", 200, true, true, false),
            (Method::GET, "/.well-known/jwks.json", 200, true, true, false),
            (Method::GET, "/problems", 200, false, false, false),
            (Method::GET, "/api/v1/users/me", 401, false, false, false),
            (Method::PUT, "/api/v1/models/a/b", 401, false, false, false),
            (Method::PATCH, "/api/v1/models/a/b", 405, false, false, false),
            (Method::OPTIONS, "/api/v1/models/a/b", 405, false, false, false),
            (Method::GET, "/api/v1/runs", 401, false, false, false),
            (Method::PATCH, "/api/v1/runs", 405, false, false, false),
            (Method::GET, "/api/v1/nowhere", 404, false, false, false),
            (Method::GET, "/nowhere", 404, false, false, false),
        ];
        for (method, path, status, is_open, is_tagged, is_counted) in cases {
            let host = host();
            let first = answer(&host, &method, path, &[(header::ORIGIN, ANY)]);
            assert_eq!(first.status(), status, "{method} {path}");
            let origin = value(&first, header::ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(origin, is_open.then_some("*"), "{method} {path}");
            assert_eq!(value(&first, header::ETAG).is_some(), is_tagged, "{method} {path}");
            assert_eq!(value(&first, header::VARY), Some("Origin"), "{method} {path}");
            let again = answer(&host, &method, path, &[(header::ORIGIN, ANY)]);
            assert_eq!(again.status(), if is_counted { 429 } else { status }, "{method} {path}");
            if let Some(tag) = value(&first, header::ETAG) {
                let known = answer(&self::host(), &method, path, &[(header::IF_NONE_MATCH, tag)]);
                assert_eq!(known.status(), 304, "{method} {path}");
            }
            for answer in [first, again] {
                assert!(answer.headers().contains_key("x-request-id"), "{method} {path}");
                assert!(answer.headers().contains_key(header::CACHE_CONTROL), "{method} {path}");
                assert_eq!(value(&answer, header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"), "{method} {path}");
            }
        }
    }
}
