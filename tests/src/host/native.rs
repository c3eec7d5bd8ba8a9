//! The native server, run as the built binary.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Mutex, mpsc},
    time::Duration,
};

use super::{Running, Setup, Started};
use crate::{TIMEOUT, provider::KEY_LIST_PATH, tools};

/// A native server that a case starts for itself; killed when dropped.
pub struct Server {
    child: Child,
    printed: Mutex<mpsc::Receiver<String>>,
    /// Base URL of the server.
    pub url: String,
}

impl Server {
    /// Starts the server over this data folder, on a free port.
    ///
    /// # Errors
    /// Returns what the server printed, where it did not start.
    pub fn start(data: &Path, variables: &[(&str, String)]) -> Result<Self, String> {
        Self::start_on("127.0.0.1:0", data, variables)
    }

    /// Starts the server over this data folder, listening on this address.
    ///
    /// # Errors
    /// Returns the same errors as [`Server::start`].
    pub fn start_on(listen: &str, data: &Path, variables: &[(&str, String)]) -> Result<Self, String> {
        let (child, url, printed) = spawn(listen, data, variables)?;
        Ok(Self { child, url, printed: Mutex::new(printed) })
    }

    /// Starts the server where no file may grow beyond `bytes`, as on a full disk.
    ///
    /// # Errors
    /// Returns the same errors as [`Server::start`].
    #[cfg(unix)]
    pub fn start_without_room(data: &Path, variables: &[(&str, String)], bytes: u64) -> Result<Self, String> {
        let program = tools::program("aibaas")?;
        let mut command = Command::new("/bin/sh");
        // With SIGXFSZ ignored, a write beyond the limit fails. The unit of `ulimit -f` is 512 bytes.
        command.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\""]).arg((bytes / 512).to_string()).arg(program);
        let (child, url, printed) = spawn_by(command.env_clear(), "127.0.0.1:0", data, variables)?;
        Ok(Self { child, url, printed: Mutex::new(printed) })
    }

    /// Waits for the next printed line that contains this text, and returns it; panics after 120 s without output.
    pub fn wait_for_line(&self, part: &str) -> String {
        let printed = self.printed.lock().expect("no panic");
        loop {
            let line = printed.recv_timeout(Duration::from_secs(120));
            let line = line.unwrap_or_else(|_| panic!("it did not print {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Returns the lines that were printed so far and not returned before.
    pub fn lines_so_far(&self) -> Vec<String> {
        self.printed.lock().expect("no panic").try_iter().collect()
    }

    /// Kills the server with SIGKILL, so that it has no time to tidy up.
    pub fn kill(mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }

    /// Returns the server's process.
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

/// Returns a command of the native server, as [`tools::command`] does.
///
/// # Errors
/// Returns what cargo printed.
pub fn command() -> Result<Command, String> {
    tools::command("aibaas")
}

pub(super) fn start(setup: Setup, provider: Option<&str>, folder: tempfile::TempDir) -> Result<Started, String> {
    let (child, url, _) = spawn("127.0.0.1:0", folder.path(), &variables(setup, provider))?;
    Ok(Started { url, direct: None, running: Running::Process(child), folder })
}

/// Returns the variables of a server whose external services are all at the provider.
pub fn variables(setup: Setup, provider: Option<&str>) -> Vec<(&'static str, String)> {
    let mut variables = setup.variables_for_cases();
    if let Some(provider) = provider {
        variables.retain(|(name, _)| *name != "BREACHED_PASSWORDS_URL");
        variables.push(("RESEND_API_URL", provider.to_owned()));
        variables.push(("BREACHED_PASSWORDS_URL", format!("{provider}/range")));
        variables.push(("GITHUB_SECRET_SCANNING_KEYS_URL", format!("{provider}{KEY_LIST_PATH}")));
    }
    variables
}

type Spawned = (Child, String, mpsc::Receiver<String>);

fn spawn(listen: &str, data: &Path, variables: &[(&str, String)]) -> Result<Spawned, String> {
    spawn_by(&mut command()?, listen, data, variables)
}

fn spawn_by(command: &mut Command, listen: &str, data: &Path, variables: &[(&str, String)]) -> Result<Spawned, String> {
    command
        .args(["serve", "--listen", listen, "--data-dir"])
        .arg(data)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
    let (lines, printed) = mpsc::channel();
    let streams: [Box<dyn std::io::Read + Send>; 2] =
        [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
    for stream in streams {
        let lines = lines.clone();
        // Read to the end: a server blocks when nobody reads its output.
        std::thread::spawn(move || {
            BufReader::new(stream).lines().map_while(Result::ok).for_each(|line| drop(lines.send(line)))
        });
    }
    drop(lines);
    let mut said = Vec::new();
    while let Ok(line) = printed.recv_timeout(TIMEOUT) {
        if let Some((_, address)) = line.split_once("listening on ") {
            let address = address.split_whitespace().next().unwrap_or(address).trim_end_matches(',');
            return Ok((child, format!("http://{address}"), printed));
        }
        said.push(line);
    }
    _ = child.kill();
    _ = child.wait();
    Err(format!("it never said where it listens:\n{}", said.join("\n")))
}
