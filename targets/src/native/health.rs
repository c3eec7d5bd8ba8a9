//! `aibaas health`: checks whether a server is ready, for supervisors that have no other means to ask.

use std::{net::SocketAddr, process::ExitCode};

use aibaas_core::{
    domain::network::names_this_machine,
    ports::{HttpClient as _, HttpError},
};
use clap::Args;
use serde_json::Value;

use super::{
    error::CliError,
    http_client::{ReqwestClient, get},
    output::print_line,
    serve,
};

/// Which server is asked.
#[derive(Args, Debug)]
pub struct Options {
    /// Its address, such as https://api.example.com; without it, the one that a server of this machine listens on.
    url: Option<String>,
    /// Where that one listens.
    #[arg(long, env = "AIBAAS_LISTEN", value_name = "ADDRESS:PORT", default_value = serve::LISTEN)]
    listen: SocketAddr,
}

/// State of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The server answers requests.
    Ready,
    /// The server runs and cannot answer, for this reason.
    NotReady(String),
    /// No server runs at the address, or it is something else.
    NotThere(String),
}

/// Asks `/ready`. Returns exit code 0 where the server is ready.
///
/// # Errors
/// [`CliError`] where it is not ready.
pub async fn run(options: Options) -> Result<ExitCode, CliError> {
    let url = options.url.unwrap_or_else(|| format!("http://{}", serve::reachable(options.listen)));
    match ask(&url).await {
        Health::Ready => {
            print_line(&format!("{url} is ready"));
            Ok(ExitCode::SUCCESS)
        }
        Health::NotReady(why) => Err(CliError::failed(format!("{url} is not ready: {why}"))),
        Health::NotThere(why) => Err(CliError::failed(format!("{url}: {why}"))),
    }
}

/// Asks the server at this address for its state.
pub async fn ask(url: &str) -> Health {
    let url = format!("{}/ready", url.trim_end_matches('/'));
    let is_here = url.parse::<http::Uri>().is_ok_and(|url| url.host().is_some_and(names_this_machine));
    let answer = async {
        let client = if is_here { ReqwestClient::direct()? } else { ReqwestClient::new()? };
        client.send(get(url)).await
    };
    let answer = match answer.await {
        Ok(answer) => answer,
        Err(HttpError(why)) => return Health::NotThere(why),
    };
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let member = |name: &str| body.get(name).and_then(Value::as_str);
    match (answer.status, member("status"), member("detail")) {
        (200, Some("ready"), _) => Health::Ready,
        (503, _, Some(detail)) => Health::NotReady(detail.to_owned()),
        (status, ..) => Health::NotThere(format!("it answers {status}, and not as aibaas does")),
    }
}
