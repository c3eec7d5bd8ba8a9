//! The Worker, built as it is deployed, in workerd.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::{Value, json};

use super::{Running, Setup, Started};
use crate::tools;

pub(super) fn start(setup: Setup, provider: Option<&str>, folder: tempfile::TempDir) -> Result<Started, String> {
    let (node, bundle) = built()?;
    let variables = setup.variables().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect::<serde_json::Map<_, _>>();
    let options = json!({ "bundle": bundle, "vars": variables, "outbound": provider });
    let mut command = Command::new(node);
    command.arg("serve.mjs").arg(options.to_string()).current_dir(tools::root().join("tests/cloudflare"));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut said = Vec::new();
    for line in lines.by_ref().map_while(Result::ok) {
        let port = serde_json::from_str::<Value>(&line).ok().and_then(|ready| ready["port"].as_u64());
        if let Some(port) = port {
            // Read to the end: a process whose output nobody takes would stand still.
            std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
            return Ok(Started { url: format!("http://127.0.0.1:{port}"), running: Running::Process(child), folder });
        }
        said.push(line);
    }
    _ = child.kill();
    _ = child.wait();
    Err(format!("serve.mjs never said its port:\n{}", said.join("\n")))
}

/// The Node that runs the Worker's tools, and the folder that the Worker was built into.
pub fn built() -> Result<(PathBuf, PathBuf), String> {
    static BUILT: OnceLock<Result<(PathBuf, PathBuf), String>> = OnceLock::new();
    let build = || {
        tools::rust_target("wasm32-unknown-unknown")?;
        let node = tools::node()?;
        let bundle = aibaas_bundle::build(&tools::root()).map_err(|error| error.to_string())?;
        Ok((node, bundle))
    };
    BUILT.get_or_init(build).clone()
}
