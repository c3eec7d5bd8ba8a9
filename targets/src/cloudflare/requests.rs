//! A request in, an answer out: by hand, in one call each way, through a router that is built once.

use std::{cell::OnceCell, net::IpAddr, sync::Arc};

use aibaas_core::{
    App, ClientAddress, Config, Environment, HostDefaults,
    ports::{InlineHasher, Ports},
};
use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header},
    response::Response,
};
use http_body_util::BodyExt;
use tower::ServiceExt;
use wasm_bindgen::prelude::*;
use worker::Env;

use super::{
    adapters::{AfterTheAnswer, Fetch, Kv, SystemClock, SystemEntropy},
    d1::D1,
    glue,
    limiter::DurableObjects,
    tasks,
};

struct Worker {
    router: Router,
    /// Absent where the configuration is wrong.
    app: Option<App>,
}

thread_local! {
    static WORKER: OnceCell<Worker> = const { OnceCell::new() };
}

/// Where `wrangler dev` listens.
const DEVELOPMENT_URL: &str = "http://localhost:8787";

/// Builds the application from the variables and bindings.
#[wasm_bindgen]
pub fn start(env: JsValue) {
    let worker = match configure(env.unchecked_into()) {
        Ok(app) => Worker { router: app.router(), app: Some(app) },
        Err(mistakes) => {
            glue::log_error(&mistakes);
            Worker { router: Router::new().fallback(unconfigured), app: None }
        }
    };
    WORKER.with(|cell| drop(cell.set(worker)));
}

fn configure(env: Env) -> Result<App, String> {
    let lookup = |name: &str| js_sys::Reflect::get(&env, &name.into()).ok()?.as_string();
    let defaults = HostDefaults { environment: Environment::Production, base_url: DEVELOPMENT_URL.to_owned() };
    let config = Config::load(&lookup, defaults).map_err(|error| error.to_string())?;
    let binding = |error: worker::Error| error.to_string();
    let ports = Ports {
        database: Arc::new(D1(env.d1("DB").map_err(binding)?)),
        key_value: Arc::new(Kv(env.kv("CACHE").map_err(binding)?)),
        rate_limiter: Arc::new(DurableObjects(env.durable_object("RATE_LIMITER").map_err(binding)?)),
        password_hasher: Arc::new(InlineHasher),
        http_client: Arc::new(Fetch),
        mail_transport: None,
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        background: Arc::new(AfterTheAnswer),
    };
    Ok(App::new(ports, config))
}

/// Answers a request, packed as `method\nurl\nname\nvalue\n…`, with a `Response`, or with `undefined` when
/// it comes later.
#[wasm_bindgen]
pub fn handle(id: u32, head: &str, body: Option<Vec<u8>>) -> JsValue {
    let Some(router) = WORKER.with(|cell| cell.get().map(|worker| worker.router.clone())) else { return JsValue::NULL };
    let request = read(head, body.unwrap_or_default());
    tasks::begin(
        id,
        Box::pin(async move {
            let Ok(response) = router.oneshot(request).await;
            write(response).await
        }),
    )
}

/// Does what is due; `null`, or `undefined` when it goes on.
#[wasm_bindgen]
pub fn tick(id: u32) -> JsValue {
    let app = WORKER.with(|cell| cell.get().and_then(|worker| worker.app.clone()));
    tasks::begin(
        id,
        Box::pin(async move {
            if let Some(app) = app {
                app.tick().await;
            }
            JsValue::NULL
        }),
    )
}

/// What the runtime calls a request is well-formed; what is not all the same is left out.
fn read(head: &str, body: Vec<u8>) -> Request<Body> {
    let mut lines = head.split('\n');
    let mut request = Request::new(Body::from(body));
    if let Some(method) = lines.next().and_then(|method| Method::from_bytes(method.as_bytes()).ok()) {
        *request.method_mut() = method;
    }
    if let Some(uri) = lines.next().and_then(|url| target(url).parse::<Uri>().ok()) {
        *request.uri_mut() = uri;
    }
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        // Cloudflare sets it itself, over whatever a client sends.
        if name == "cf-connecting-ip"
            && let Ok(address) = value.parse::<IpAddr>()
        {
            request.extensions_mut().insert(ClientAddress(address));
        }
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes())) {
            request.headers_mut().append(name, value);
        }
    }
    request
}

/// Path and query of an absolute URL, as the other hosts see them.
fn target(url: &str) -> &str {
    url.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|slash| rest.get(slash..))).unwrap_or("/")
}

async fn write(response: Response) -> JsValue {
    let (parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else { return glue::respond(500, "", &[]) };
    let mut head = String::with_capacity(512);
    for (name, value) in &parts.headers {
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            for part in [name.as_str(), "\n", value, "\n"] {
                head.push_str(part);
            }
        }
    }
    glue::respond(parts.status.as_u16(), &head, &body.to_bytes())
}

async fn unconfigured() -> (StatusCode, [(HeaderName, &'static str); 3], &'static str) {
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store"), (header::RETRY_AFTER, "60")],
        r#"{"type":"https://aibaas.com/problems/service_unavailable","title":"Service Unavailable","status":503,"code":"service_unavailable","detail":"This deployment is not configured."}"#,
    )
}
