//! Conversion of requests and answers: by hand, in one call each way, through a router that is built once.

use std::{
    cell::{OnceCell, RefCell},
    net::IpAddr,
    sync::Arc,
};

use aibaas_core::{
    App, BodyStalled, ClientAddress, Config, ConfigError, Environment, HostDefaults, LogSettings, MailProvider,
    OwnMail,
    ports::{Clock as _, Database, MailTransport, Ports, Timer, guarded_database},
    unknown_variables,
};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::BodyExt;
use serde::Serializer;
use tower::ServiceExt;
use wasm_bindgen::prelude::*;
use worker::Env;

use super::{
    adapters::{Fetch, Kv, RuntimeTimer, SystemClock, SystemEntropy, WaitUntilBackground},
    analytics, console,
    d1::D1,
    glue,
    hasher::Hashing,
    key_gate::KeyObjects,
    limiter::LimiterObjects,
    mail::EmailService,
    tasks,
};

thread_local! {
    /// The application and its router; empty where the configuration is wrong.
    static WORKER: OnceCell<(App, Router)> = const { OnceCell::new() };
    /// Mistakes in the configuration, until they are logged: what is logged before the first event is lost.
    static MISTAKES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Name of the binding that sends mail.
const EMAIL: &str = "EMAIL";

/// Address at which `wrangler dev` listens.
const DEVELOPMENT_URL: &str = "http://localhost:8787";

/// Builds the application from the variables and bindings, or notes everything that is wrong with them.
#[wasm_bindgen]
pub fn start(env: JsValue) {
    let env = env.unchecked_into::<Env>();
    let lookup = |name: &str| js_sys::Reflect::get(&env, &name.into()).ok()?.as_string();
    // A mistake in the log's settings is noted with all others.
    console::install(LogSettings::load(&lookup).unwrap_or_default());
    analytics::install(is_data_set(&env, analytics::DATASET));
    match configure(&env, &lookup) {
        Ok(app) => {
            let router = aibaas_core::router(&app);
            WORKER.with(|worker| drop(worker.set((app, router))));
        }
        Err(mistakes) => note_mistakes([mistakes]),
    }
}

/// Keeps mistakes until the first event, which logs them.
fn note_mistakes(mistakes: impl IntoIterator<Item = String>) {
    MISTAKES.with_borrow_mut(|noted| noted.extend(mistakes));
}

fn worker() -> Option<(App, Router)> {
    let worker = WORKER.with(|worker| worker.get().cloned());
    for mistake in MISTAKES.take() {
        glue::log_error(&mistake);
    }
    worker
}

fn configure(env: &Env, lookup: &dyn Fn(&str) -> Option<String>) -> Result<App, String> {
    let defaults = HostDefaults {
        environment: Environment::Production,
        base_url: DEVELOPMENT_URL.to_owned(),
        most_hash_memory_kib: 65_536,
        own_mail: OwnMail::Binding { is_bound: is_bound(env, EMAIL) },
        // Some 15 ms of CPU, and no batch for which others wait long: D1 does one thing at a time.
        most_packing_statements: 24,
    };
    let bindings = js_sys::Object::keys(env.unchecked_ref::<js_sys::Object>());
    // A variable is a text; other bindings are not variables, whatever their names.
    let names = bindings.iter().filter_map(|name| name.as_string()).filter(|name| lookup(name).is_some());
    let unknown = unknown_variables(names, &["PASSWORD_HASHING", "PASSWORD_HASHER_OBJECTS"]);
    note_mistakes(unknown.iter().map(|variable| format!("perhaps misspelt: {variable}")));
    let mut mistakes = Vec::new();
    let hashing = Hashing::load(lookup, &mut mistakes);
    let config = match Config::load(lookup, defaults) {
        Ok(config) if mistakes.is_empty() => config,
        loaded => {
            mistakes.splice(..0, loaded.err().map(|error| error.0).unwrap_or_default());
            return Err(ConfigError(mistakes).to_string());
        }
    };
    let binding = |error: worker::Error| error.to_string();
    let database: Arc<dyn Database> = Arc::new(D1(env.d1("DB").map_err(binding)?));
    let timer: Arc<dyn Timer> = Arc::new(RuntimeTimer);
    let shared = guarded_database(Arc::clone(&database), Arc::clone(&timer), Arc::new(SystemEntropy), config.deadlines);
    let clock = config.clock(SystemClock);
    let keys = env.durable_object("KEY_GATE").map_err(binding)?;
    let mail_transport: Option<Arc<dyn MailTransport>> = match config.mail_provider {
        MailProvider::Binding => Some(Arc::new(EmailService(env.get_binding(EMAIL).map_err(binding)?))),
        _ => None,
    };
    let ports = Ports {
        key_gate: Arc::new(KeyObjects::new(keys, shared, Arc::clone(&clock))),
        database,
        key_value: Arc::new(Kv(env.kv("CACHE").map_err(binding)?)),
        rate_limiter: Arc::new(LimiterObjects(env.durable_object("RATE_LIMITER").map_err(binding)?)),
        password_hasher: hashing
            .port(config.deadlines, || env.durable_object("PASSWORD_HASHER"))
            .map_err(binding)?
            .into(),
        http_client: Arc::new(Fetch),
        mail_transport,
        clock,
        timer,
        entropy: Arc::new(SystemEntropy),
        background: Arc::new(WaitUntilBackground),
    };
    Ok(App::new(ports, config))
}

/// Checks whether the deployment has a binding of this name.
fn is_bound(env: &Env, name: &str) -> bool {
    js_sys::Reflect::has(env.as_ref(), &JsValue::from_str(name)).unwrap_or(false)
}

/// Checks whether the binding of this name is a dataset: a variable may have the name too, and takes no points.
fn is_data_set(env: &Env, name: &str) -> bool {
    let member = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &JsValue::from_str(name));
    let write = member(env.as_ref(), name).and_then(|bound| member(&bound, "writeDataPoint"));
    write.is_ok_and(|write| write.is_function())
}

/// Answers a request, packed as `method
/// target
/// name
/// value
/// …`. Returns a `Response`, `undefined` when it comes later, or `null` where there is no application. A body that is
/// `late` did not arrive in time.
#[wasm_bindgen]
pub fn handle(id: u32, head: String, body: Option<Vec<u8>>, late: bool) -> JsValue {
    let Some((_, router)) = worker() else { return JsValue::NULL };
    let stalled = || Body::from_stream(stream::once(async { Err::<Bytes, _>(BodyStalled) }));
    let body = if late { stalled() } else { body.map_or_else(Body::empty, Body::from) };
    let request = read(head, body);
    tasks::begin(
        id,
        Box::pin(async move {
            let Ok(response) = router.oneshot(request).await;
            analytics::count(&response);
            write(response).await
        }),
    )
}

/// Returns the time in milliseconds since the epoch: the runtime's, unless a development clock was moved.
#[wasm_bindgen]
#[expect(clippy::cast_precision_loss, reason = "within ±2⁵³")]
pub fn now() -> f64 {
    WORKER.with(|worker| worker.get().map_or_else(|| SystemClock.now(), |(app, _)| app.clock().now())).0 as f64
}

/// Runs a tick. Returns `null`, or `undefined` when that takes longer.
#[wasm_bindgen]
pub fn tick(id: u32) -> JsValue {
    let Some((app, _)) = worker() else { return JsValue::NULL };
    tasks::begin(
        id,
        Box::pin(async move {
            aibaas_core::tick(&app).await;
            analytics::count_tick(&app).await;
            JsValue::NULL
        }),
    )
}

/// Parses a packed request. The runtime's requests are well-formed; what is not is left out. Values are slices of the
/// one text, not copies.
fn read(head: String, body: Body) -> Request<Body> {
    let head = Bytes::from(head);
    let mut lines = head.split(|byte| *byte == b'\n').map(|line| head.slice_ref(line));
    let mut request = Request::new(body);
    if let Some(method) = lines.next().and_then(|method| Method::from_bytes(&method).ok()) {
        *request.method_mut() = method;
    }
    if let Some(uri) = lines.next().and_then(|target| Uri::from_maybe_shared(target).ok()) {
        *request.uri_mut() = uri;
    }
    request.headers_mut().reserve(USUAL_HEADERS);
    while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
        // Cloudflare sets this header itself, over whatever a client sends.
        if name == "cf-connecting-ip"
            && let Ok(value) = std::str::from_utf8(&value)
            && let Ok(address) = value.parse::<IpAddr>()
        {
            request.extensions_mut().insert(ClientAddress(address));
        }
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(&name), HeaderValue::from_maybe_shared(value)) {
            request.headers_mut().append(name, value);
        }
    }
    request
}

/// Usual number of headers, for which room is made once.
const USUAL_HEADERS: usize = 24;

async fn write(response: Response) -> JsValue {
    let (parts, body) = response.into_parts();
    let (status, Ok(body)) = (parts.status.as_u16(), body.collect().await) else {
        return glue::respond_bytes(500, "{}\n\n", &[]);
    };
    let body = body.to_bytes();
    let mut packed = pack(&parts.headers, body.is_empty());
    let text = if body.len() <= SHORT { std::str::from_utf8(&body).ok() } else { None };
    match text {
        Some(text) => {
            packed.push_str(text);
            glue::respond_text(status, &packed)
        }
        None => glue::respond_bytes(status, &packed, &body),
    }
}

/// Longest body in bytes that is passed as text: up to here, it crosses faster as a string together with the headers
/// than as bytes beside them.
const SHORT: usize = 8192;

/// Headers with few different values, which the program sets. The script caches each set of them.
const FIXED: [HeaderName; 9] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::VARY,
    header::X_CONTENT_TYPE_OPTIONS,
    header::REFERRER_POLICY,
    header::CONTENT_SECURITY_POLICY,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
];

/// Packs headers as `glue.mjs` takes them: a JSON object of the fixed ones on a line, a line each for name and value of
/// every other, and an empty line.
fn pack(headers: &HeaderMap, empty: bool) -> String {
    let mut fixed = Vec::<(&str, &str)>::with_capacity(FIXED.len());
    let mut others = String::new();
    // The runtime sets the length of a body itself; an answer without a body may still say how long it would be (HEAD).
    for (name, value) in headers.iter().filter(|(name, _)| empty || *name != header::CONTENT_LENGTH) {
        let Ok(value) = std::str::from_utf8(value.as_bytes()) else { continue };
        if FIXED.contains(name) && fixed.iter().all(|(known, _)| known != name) {
            fixed.push((name.as_str(), value));
        } else {
            others.extend([name.as_str(), "\n", value, "\n"]);
        }
    }
    let mut packed = Vec::with_capacity(512);
    let done = serde_json::Serializer::new(&mut packed).collect_map(fixed);
    let fixed = done.ok().and_then(|()| String::from_utf8(packed).ok()).unwrap_or_else(|| "{}".to_owned());
    [&fixed, "\n", &others, "\n"].concat()
}
