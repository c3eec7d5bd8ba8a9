//! The Worker, built as it is deployed, in workerd.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use serde_json::{Value, json};

use super::{Running, Setup, Started};
use crate::tools;

/// Lock for the folder that the Worker is built into; whoever reads or writes the folder holds it.
pub static BUNDLE: Mutex<()> = Mutex::new(());

/// Environment variables that keep wrangler from asking questions and from sending reports.
pub const QUIET: [(&str, &str); 5] = [
    ("WRANGLER_SEND_METRICS", "false"),
    ("WRANGLER_SEND_ERROR_REPORTS", "false"),
    ("WRANGLER_HIDE_BANNER", "true"),
    ("CLOUDFLARE_CF_FETCH_ENABLED", "false"),
    ("CI", "1"),
];

/// A workerd of a case's own; ended when dropped.
pub struct Workerd {
    child: Option<Child>,
    /// Base URL of the Worker, behind a stand-in for Cloudflare's edge.
    pub url: String,
    /// Base URL of the Worker without an edge.
    pub direct: String,
    /// URL of the control port, which triggers the schedule and shows the log.
    pub control: String,
    /// Base URL of a second instance of the Worker.
    pub another: String,
}

impl Workerd {
    /// Starts workerd with these variables; the Worker's outbound requests go to the provider.
    ///
    /// # Errors
    /// Returns what the tools printed.
    pub fn start(variables: &[(&str, String)], provider: Option<&str>) -> Result<Self, String> {
        Self::start_with(json!({}), variables, provider)
    }

    /// Starts workerd as [`Workerd::start`] does, with a data set of Analytics Engine, whose contents the control port
    /// shows.
    ///
    /// # Errors
    /// Returns what the tools printed.
    pub fn start_counted(variables: &[(&str, String)], provider: Option<&str>) -> Result<Self, String> {
        Self::start_with(json!({ "analytics": true }), variables, provider)
    }

    /// Starts workerd as [`Workerd::start`] does, with its databases, caches and objects in this folder.
    ///
    /// # Errors
    /// Returns what the tools printed.
    pub fn start_over(
        data: Option<&Path>,
        variables: &[(&str, String)],
        provider: Option<&str>,
    ) -> Result<Self, String> {
        let persist = data.map_or_else(|| json!({}), |data| json!({ "persist": data }));
        Self::start_with(persist, variables, provider)
    }

    fn start_with(mut options: Value, variables: &[(&str, String)], provider: Option<&str>) -> Result<Self, String> {
        let (node, bundle) = built()?;
        let _reading = BUNDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let root = tools::root();
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>();
        options["buildDir"] = json!(bundle);
        options["wranglerToml"] = json!(root.join("wrangler.toml"));
        options["migrationsDir"] = json!(root.join("migrations"));
        options["vars"] = json!(variables);
        options["twice"] = json!(true);
        if let Some(port) = provider.and_then(|url| url.rsplit(':').next()?.parse::<u16>().ok()) {
            options["outboundPort"] = json!(port);
        }
        let mut command = Command::new(node);
        command.arg("serve.mjs").arg(options.to_string()).current_dir(root.join("tests/cloudflare"));
        // The process ends when its standard input does, even where this process is killed.
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let nowhere = String::new;
        let mut workerd =
            Self { child: Some(child), url: nowhere(), direct: nowhere(), control: nowhere(), another: nowhere() };
        let output = workerd.child.as_mut().and_then(|child| child.stdout.take()).ok_or("no output")?;
        let mut lines = BufReader::new(output).lines();
        for line in lines.by_ref().map_while(Result::ok) {
            let ready = serde_json::from_str::<Value>(&line).unwrap_or_default();
            if let (Some(port), Some(control)) = (ready["port"].as_u64(), ready["controlPort"].as_u64()) {
                workerd.url = format!("http://127.0.0.1:{port}");
                workerd.direct = format!("http://127.0.0.1:{}", ready["workerPort"]);
                workerd.control = format!("http://127.0.0.1:{control}");
                workerd.another = format!("http://127.0.0.1:{}", ready["anotherPort"]);
                // Read to the end: a process blocks when nobody reads its output.
                std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
                return Ok(workerd);
            }
        }
        Err("serve.mjs ended before it was ready; what it said stands above".to_owned())
    }
}

impl Drop for Workerd {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            super::end(child);
        }
    }
}

/// Returns the Worker's variables; where it sends mail, it hashes passwords as on the free plan.
pub fn variables(setup: Setup) -> Vec<(&'static str, String)> {
    let mut variables = setup.variables_for_cases();
    if setup.sends_mail() {
        variables.extend(hashing_objects(8));
    }
    variables
}

/// Returns the variables that have passwords hashed in `count` Durable Objects.
pub fn hashing_objects(count: u8) -> [(&'static str, String); 2] {
    [("PASSWORD_HASHING", "durable_object".to_owned()), ("PASSWORD_HASHER_OBJECTS", count.to_string())]
}

pub(super) fn start(setup: Setup, provider: Option<&str>, folder: tempfile::TempDir) -> Result<Started, String> {
    let mut workerd = Workerd::start(&variables(setup), provider)?;
    let child = workerd.child.take().ok_or("no process")?;
    let (url, direct) = (workerd.url.clone(), Some(workerd.direct.clone()));
    Ok(Started { url, direct, running: Running::Process(child), folder })
}

/// Builds the Worker once; returns the path of the Node that runs its tools, and the folder that it was built into.
///
/// # Errors
/// Returns what the tools printed.
pub fn built() -> Result<(PathBuf, PathBuf), String> {
    static BUILT: OnceLock<Result<(PathBuf, PathBuf), String>> = OnceLock::new();
    let build = || {
        tools::rust_target("wasm32-unknown-unknown")?;
        let node = tools::node()?;
        let _writing = BUNDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let bundle = aibaas_bundle::build(&tools::root()).map_err(|error| error.to_string())?;
        Ok((node, bundle))
    };
    BUILT.get_or_init(build).clone()
}
