//! The TypeScript client of `clients/typescript`: by itself, and against each host, in Node and in Chromium; and the example
//! front end that uses it.

use aibaas_tests::{
    Publisher, TIMEOUT,
    host::{Host, Kind, Setup},
    tools,
};
use serde_json::json;
use tokio::process::Command;

use crate::browser::drive;

/// What needs no server: retries, sessions, pages, verdicts, types, and what `npm pack` would publish.
///
/// # Errors
/// What the tests printed, where they fail.
pub async fn by_itself() -> Result<(), String> {
    let tests = ["errors", "package", "pages", "retry", "session", "types", "verify"];
    let files = tests.map(|name| format!("test/{name}.test.mjs"));
    node(std::iter::once("--test").chain(files.iter().map(String::as_str))).await
}

/// A person and a service, through lost answers, and the README as one program.
///
/// # Errors
/// What is not as it should be.
pub async fn the_client(kind: Kind) -> Result<(), String> {
    let host = Host::of(kind, Setup::KeepsMail).await?;
    node(["test/live.mjs", host.url()]).await
}

/// The same client in a page of another port of localhost, in cookie mode.
///
/// # Errors
/// What is not as it should be.
pub async fn in_a_browser(kind: Kind) -> Result<(), String> {
    let host = Host::of(kind, Setup::KeepsMail).await?;
    let folder = built().await?;
    drive("client.mjs", json!({ "api": host.url(), "client": folder })).await
}

/// The example front end, as a person uses it.
///
/// # Errors
/// What is not as it should be.
pub async fn the_example(kind: Kind) -> Result<(), String> {
    let host = Host::of(kind, Setup::KeepsMail).await?;
    let publisher = Publisher::new(&host).await;
    publisher.tasks(4).await;
    let model = publisher.model("shown").await;
    publisher.published(&model, 3, 4).await;
    let site = tokio::task::spawn_blocking(tools::example_front_end).await.map_err(|error| error.to_string())??;
    let options = json!({ "api": host.url(), "site": site, "benchmark": publisher.benchmark, "model": model });
    drive("example.mjs", options).await
}

async fn built() -> Result<std::path::PathBuf, String> {
    tokio::task::spawn_blocking(tools::typescript_client).await.map_err(|error| error.to_string())?
}

/// Runs Node in the client's folder until it ends well.
async fn node<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<(), String> {
    let folder = built().await?;
    let node = tokio::task::spawn_blocking(tools::node).await.map_err(|error| error.to_string())??;
    let mut command = Command::new(node);
    command.args(arguments).current_dir(folder).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(TIMEOUT, command.output()).await.map_err(|_| "it does not end".to_owned())?;
    let output = ended.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("{}\n{told}{errors}", output.status))
}
