//! A server with prepared answers, for tests.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Method, Response, Uri},
};
use serde_json::Value;
use tokio::net::TcpListener;

/// An answer: status, headers, body.
pub type Answer = (u16, Vec<(&'static str, &'static str)>, String);

/// A request: method, path with query, headers, body.
pub struct Received {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    body: Bytes,
}

impl Received {
    /// Returns the body, which is JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Starts a server that gives these answers, one after another. Returns its address, and what it receives.
pub async fn start(answers: Vec<Answer>) -> (String, Arc<Mutex<Vec<Received>>>) {
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let received = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&received);
    let app = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
        log.lock().unwrap().push(Received { method: method.to_string(), path: uri.to_string(), headers, body });
        let (status, headers, body) = answers.lock().unwrap().pop_front().unwrap();
        let response = headers
            .into_iter()
            .fold(Response::builder().status(status), |response, (name, value)| response.header(name, value));
        async move { response.body(Body::from(body)).unwrap() }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, received)
}
