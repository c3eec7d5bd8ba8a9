//! What a benchmark measures: every host, built as it is shipped, in processes whose CPU can be told from the client's.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    time::Duration,
};

use aibaas_spin_host::{InstanceLimits, Options, SpinHost};
use aibaas_tests::{
    host::{Kind, cloudflare},
    tools,
};
use serde_json::{Value, json};

/// The argument by which a benchmark runs Spin in a process of its own.
const SERVE_SPIN: &str = "serve-spin";

/// What every benchmark says that measures Spin.
pub const STAND_IN: &str = "spin is the stand-in of tests/spin-host, not the spin program";

pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A benchmark's `main`: measures the hosts that its arguments name, or all.
pub fn run(measure: fn(&Programs, &[Kind]) -> Outcome<()>) -> ExitCode {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let outcome = match arguments.as_slice() {
        [command, manifest, state, variables] if command == SERVE_SPIN => serve_spin(manifest, state, variables),
        names => {
            _ = rustls::crypto::ring::default_provider().install_default();
            // Cargo says `--bench` to every benchmark.
            let mut names = names.iter().filter(|name| *name != "--bench").peekable();
            let all = names.peek().is_none();
            let names = names.collect::<Vec<_>>();
            let wanted = |kind: &Kind| all || names.iter().any(|name| **name == kind.to_string());
            let kinds = [Kind::Native, Kind::Spin, Kind::Cloudflare].into_iter().filter(wanted).collect::<Vec<_>>();
            if kinds.contains(&Kind::Spin) {
                println!("{STAND_IN}");
            }
            Programs::build(&kinds).and_then(|programs| measure(&programs, &kinds))
        }
    };
    exit_code(outcome)
}

/// What a benchmark's `main` returns; tells why it failed.
pub fn exit_code(outcome: Outcome<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns where a program is that was built for release.
pub fn binary(name: &str) -> PathBuf {
    tools::target_directory().join("release").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// What is started, built as it is shipped.
pub struct Programs {
    native: PathBuf,
    native_hello: PathBuf,
}

impl Programs {
    fn build(kinds: &[Kind]) -> Outcome<Self> {
        eprintln!("building for release");
        // Whatever is measured: it is the client that imports.
        let packages = ["-p", "aibaas", "-p", "aibaas-client", "-p", "aibaas-hello"];
        tools::cargo(&[["build", "--quiet", "--release", "--bins"].as_slice(), &packages].concat())?;
        if kinds.contains(&Kind::Spin) {
            tools::spin_component("release")?;
            let component = ["--release", "--target", "wasm32-wasip2", "-p", "aibaas-hello", "--lib"];
            tools::cargo(&[["build", "--quiet"].as_slice(), &component].concat())?;
        }
        if kinds.contains(&Kind::Cloudflare) {
            cloudflare::built()?;
        }
        Ok(Self { native: binary("aibaas"), native_hello: binary("aibaas-hello") })
    }

    /// A bare hello and the application with these variables, each in a process of its own.
    pub fn start(&self, kind: Kind, variables: &[(&'static str, String)]) -> Outcome<(Server, Server)> {
        let hello = tools::root().join("tests/benches/hello");
        match kind {
            Kind::Native => {
                let folder = tempfile::tempdir()?;
                let mut serve = Command::new(&self.native);
                serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
                serve.env_clear().envs(variables.iter().cloned());
                Ok((
                    Server::start(&mut Command::new(&self.native_hello), None)?,
                    Server::start(&mut serve, Some(folder))?,
                ))
            }
            Kind::Spin => {
                let variables = variables.iter().map(|(name, value)| (name.to_ascii_lowercase(), json!(value)));
                let hello = spin(&hello.join("spin.toml"), &json!({}))?;
                Ok((hello, spin(&tools::root().join("spin.toml"), &Value::Object(variables.collect()))?))
            }
            Kind::Cloudflare => {
                let (node, worker) = cloudflare::built()?;
                let migrations = tools::root().join("migrations");
                let workerd = |build: &Path| workerd(&node, build, &migrations, variables);
                Ok((workerd(&hello.join("worker"))?, workerd(&worker)?))
            }
            Kind::Remote => Err("a remote host has no hello to compare with".into()),
        }
    }
}

/// A process that serves; ended when dropped.
pub struct Server {
    child: Child,
    /// Whose CPU counts.
    pub serving: u32,
    /// Where clients are to call.
    pub url: String,
    /// Where it answers with nothing in between.
    pub address: SocketAddr,
    /// Goes with it.
    _folder: Option<tempfile::TempDir>,
}

impl Server {
    /// Starts it, once it has printed `listening on URL`, or the JSON of `serve.mjs`.
    fn start(command: &mut Command, folder: Option<tempfile::TempDir>) -> Outcome<Self> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut server = Self {
            serving: child.id(),
            child,
            url: String::new(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            _folder: folder,
        };
        let mut lines = BufReader::new(output).lines();
        for line in lines.by_ref().map_while(Result::ok) {
            let ready = serde_json::from_str::<Value>(&line).unwrap_or_default();
            if let (Some(port), Some(worker)) = (ready["port"].as_u64(), ready["workerPort"].as_u64()) {
                server.url = format!("http://127.0.0.1:{port}");
                server.address.set_port(u16::try_from(worker)?);
                server.serving = descendant("workerd", server.child.id()).unwrap_or(server.serving);
            } else if let Some((_, address)) = line.split_once("listening on ") {
                let address = address.split([',', ' ']).next().unwrap_or(address);
                server.address = address.trim_start_matches("http://").parse()?;
                server.url = format!("http://{}", server.address);
            } else {
                continue;
            }
            // Read to the end: a process whose output nobody takes would stand still.
            std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
            return Ok(server);
        }
        Err(format!("{command:?} ended before it was ready").into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Who minds its input ends in good order with it.
        drop(self.child.stdin.take());
        for _ in 0..20 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A Worker in a workerd of its own.
pub fn workerd(node: &Path, build: &Path, migrations: &Path, variables: &[(&'static str, String)]) -> Outcome<Server> {
    let options = json!({
        "buildDir": build,
        "wranglerToml": tools::root().join("wrangler.toml"),
        "migrationsDir": migrations,
        "vars": variables.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
        "bare": true,
    });
    let mut node = Command::new(node);
    node.arg("serve.mjs").arg(options.to_string()).current_dir(tools::root().join("tests/cloudflare"));
    Server::start(&mut node, None)
}

fn spin(manifest: &Path, variables: &Value) -> Outcome<Server> {
    let folder = tempfile::tempdir()?;
    let mut this = Command::new(std::env::current_exe()?);
    this.arg(SERVE_SPIN).args([manifest, folder.path()]).arg(variables.to_string());
    Server::start(&mut this, Some(folder))
}

/// Serves until standard input ends.
fn serve_spin(manifest: &str, state: &str, variables: &str) -> Outcome<()> {
    let host = SpinHost::start(Options {
        manifest: manifest.into(),
        state_dir: state.into(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        variables: serde_json::from_str(variables)?,
        outbound_redirect: None,
        instance_limits: InstanceLimits::default(),
        flushes: true,
    })?;
    println!("listening on http://{}", host.address());
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    host.shutdown();
    Ok(())
}

/// Nanoseconds on a CPU by thread; what is told of the whole process counts in ticks, which are too long.
pub fn cpu(process: u32) -> Option<HashMap<String, u64>> {
    let mut threads = HashMap::new();
    for thread in std::fs::read_dir(format!("/proc/{process}/task")).ok()?.flatten() {
        // It may have ended since it was listed.
        let Ok(statistics) = std::fs::read_to_string(thread.path().join("schedstat")) else { continue };
        let spent = statistics.split(' ').next()?.parse().ok()?;
        threads.insert(thread.file_name().to_string_lossy().into_owned(), spent);
    }
    (!threads.is_empty()).then_some(threads)
}

/// What a process has spent on a CPU since it had spent that.
pub fn cpu_since(before: Option<HashMap<String, u64>>, process: u32) -> Option<Duration> {
    let (before, after) = before.zip(cpu(process))?;
    // A thread that has ended since then was idle before it ended.
    let spent = after.iter().map(|(thread, spent)| spent - before.get(thread).copied().unwrap_or(0));
    Some(Duration::from_nanos(spent.sum()))
}

/// A process of this name that the ancestor has started, or what it has started.
fn descendant(name: &str, ancestor: u32) -> Option<u32> {
    let mut parents = HashMap::new();
    let mut named = Vec::new();
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(id) = process.file_name().to_str().and_then(|id| id.parse::<u32>().ok()) else { continue };
        let Ok(status) = std::fs::read_to_string(process.path().join("stat")) else { continue };
        let (command, rest) = status.split_once('(')?.1.rsplit_once(')')?;
        parents.insert(id, rest.split_whitespace().nth(1)?.parse::<u32>().ok()?);
        if command == name {
            named.push(id);
        }
    }
    let climb = |id: &u32| std::iter::successors(Some(*id), |id| parents.get(id).copied()).any(|id| id == ancestor);
    named.into_iter().find(climb)
}

/// The value in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
