//! Hello on Spin.
#![cfg(target_os = "wasi")]

use spin_sdk::{http::Request, http_service};

#[http_service]
async fn handle(_: Request) -> &'static str {
    "hello"
}
