//! The native server, as the built binary.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{OnceLock, mpsc},
    time::Duration,
};

use super::{Running, Setup, Started};
use crate::{provider::KEY_LIST_PATH, tools};

/// A native server that a case starts for itself; killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Server {
    /// Starts it over this data folder.
    ///
    /// # Errors
    /// What it printed, where it did not start.
    pub fn start(data: &Path, variables: &[(&str, String)]) -> Result<Self, String> {
        let (child, url) = spawn(data, variables)?;
        Ok(Self { child, url })
    }

    /// SIGKILL: no time to tidy up.
    pub fn kill(mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }

    /// The process.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The built binary.
///
/// # Errors
/// What cargo printed.
pub fn binary() -> Result<PathBuf, String> {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BINARY.get_or_init(tools::native_binary).clone()
}

/// The binary with nothing of this process's configuration.
///
/// # Errors
/// What cargo printed.
pub fn command() -> Result<Command, String> {
    let mut command = Command::new(binary()?);
    command.env_clear().stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    Ok(command)
}

pub(super) fn start(setup: Setup, provider: Option<&str>, folder: tempfile::TempDir) -> Result<Started, String> {
    let mut variables = setup.variables();
    if let Some(provider) = provider {
        variables.retain(|(name, _)| *name != "BREACHED_PASSWORDS_URL");
        variables.push(("RESEND_API_URL", provider.to_owned()));
        variables.push(("BREACHED_PASSWORDS_URL", format!("{provider}/range")));
        variables.push(("GITHUB_SECRET_SCANNING_KEYS_URL", format!("{provider}{KEY_LIST_PATH}")));
    }
    let (child, url) = spawn(folder.path(), &variables)?;
    Ok(Started { url, running: Running::Process(child), folder })
}

fn spawn(data: &Path, variables: &[(&str, String)]) -> Result<(Child, String), String> {
    let mut command = command()?;
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let (lines, printed) = mpsc::channel();
    let streams: [Box<dyn std::io::Read + Send>; 2] =
        [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
    for stream in streams {
        let lines = lines.clone();
        // Read to the end: a server whose output nobody takes would stand still.
        std::thread::spawn(move || {
            BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(lines.send(line)))
        });
    }
    drop(lines);
    let mut said = Vec::new();
    while let Ok(line) = printed.recv_timeout(Duration::from_secs(30)) {
        if let Some((_, url)) = line.split_once("listening on ") {
            let url = url.split_whitespace().next().unwrap_or(url).trim_end_matches(['/', ',', '.']).to_owned();
            return Ok((child, url));
        }
        said.push(line);
    }
    _ = child.kill();
    _ = child.wait();
    Err(format!("it never said where it listens:\n{}", said.join("\n")))
}
