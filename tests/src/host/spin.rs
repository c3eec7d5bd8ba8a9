//! The Spin component, run by the `spin` program where a fitting version is installed, else by the host of
//! `tests/spin-host`.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use aibaas_spin_host::{InstanceLimits, Options, SpinHost};

use super::{Host, Kind, Running, Setup, Started, native};
use crate::{eventually_blocking, tools};

pub(super) fn start(setup: Setup, provider: Option<&str>, folder: tempfile::TempDir) -> Result<Started, String> {
    let (spin, url) = Spin::start(setup, provider, folder.path())?;
    let running = match spin {
        Spin::Program(child) => Running::Process(child),
        Spin::StandIn(host) => Running::Spin(host),
    };
    Ok(Started { url, direct: None, running, folder })
}

/// The running component, by what runs it.
pub enum Spin {
    /// The `spin` program, with all processes that it has started.
    Program(Child),
    /// The stand-in of `tests/spin-host`, in this process.
    StandIn(SpinHost),
}

impl Spin {
    /// Starts the component over this folder; also returns its base URL.
    ///
    /// # Errors
    /// Returns why the component does not start.
    pub fn start(setup: Setup, provider: Option<&str>, folder: &Path) -> Result<(Self, String), String> {
        Self::start_by(Path::new("spin"), setup, provider, folder)
    }

    /// Starts the component by this program where its version fits, else by the stand-in; also returns its base URL.
    ///
    /// # Errors
    /// Returns why the component does not start.
    pub fn start_by(
        program: &Path,
        setup: Setup,
        provider: Option<&str>,
        folder: &Path,
    ) -> Result<(Self, String), String> {
        built()?;
        match tools::spin_version(program) {
            Ok(version) => {
                eprintln!("spin: runs on {version}");
                let (child, url) = start_program(program, setup, provider, folder)?;
                Ok((Self::Program(child), url))
            }
            Err(reason) => {
                eprintln!("spin: {reason}; runs on tests/spin-host");
                let host = start_stand_in(setup, provider, folder)?;
                let url = format!("http://{}", host.address());
                Ok((Self::StandIn(host), url))
            }
        }
    }

    /// Returns what the component has printed; empty for the `spin` program, which keeps it in the folder.
    pub fn printed(&self) -> String {
        match self {
            Self::Program(_) => String::new(),
            Self::StandIn(host) => host.log(),
        }
    }

    /// Ends the component at once, whatever it is doing: the program and its children by SIGKILL.
    pub fn kill(self) {
        match self {
            Self::Program(child) => super::end(child),
            Self::StandIn(host) => drop(host),
        }
    }

    /// Ends the component; the stand-in first waits for what is written after the answers, the `spin` program cannot.
    pub fn stop(self) {
        match self {
            Self::Program(child) => super::end(child),
            Self::StandIn(host) => host.shutdown(),
        }
    }
}

/// Starts the stand-in over this folder, for a case that looks into it.
///
/// # Errors
/// Returns why it does not start.
pub async fn stand_in(
    folder: &Path,
    variables: Vec<(&'static str, String)>,
    instance_limits: InstanceLimits,
) -> Result<(SpinHost, Host), String> {
    let state_dir = folder.to_owned();
    let start = move || {
        built()?;
        serve(variables, None, state_dir, instance_limits)
    };
    let spin = tokio::task::spawn_blocking(start).await.map_err(|error| error.to_string())??;
    let host = Host::at(Kind::Spin, format!("http://{}", spin.address()), None);
    Ok((spin, host))
}

/// Builds the component, once.
fn built() -> Result<(), String> {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    BUILT.get_or_init(|| tools::spin_component("tested")).clone()
}

fn lower_case(variables: Vec<(&'static str, String)>) -> impl Iterator<Item = (String, String)> {
    variables.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value))
}

/// Starts the stand-in, which redirects all outbound requests to the provider, so that cases see which URLs were
/// meant.
fn start_stand_in(setup: Setup, provider: Option<&str>, folder: &Path) -> Result<SpinHost, String> {
    let outbound = provider.map(|url| url.trim_start_matches("http://").parse::<SocketAddr>());
    let outbound = outbound.transpose().map_err(|error| error.to_string())?;
    serve(setup.variables_for_cases(), outbound, folder.to_owned(), InstanceLimits::default())
}

fn serve(
    variables: Vec<(&'static str, String)>,
    outbound_redirect: Option<SocketAddr>,
    state_dir: PathBuf,
    instance_limits: InstanceLimits,
) -> Result<SpinHost, String> {
    let manifest = state_dir.join("spin.toml");
    copy_manifest(None, &manifest)?;
    let host = SpinHost::start(Options {
        manifest,
        state_dir,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        variables: lower_case(variables).collect(),
        outbound_redirect,
        instance_limits,
        flushes: false,
    });
    host.map_err(|error| format!("{error:#}"))
}

/// Starts the `spin` program, which cannot redirect outbound requests: the variables name the provider as every
/// service, and a copy of the manifest allows calls to it.
fn start_program(
    program: &Path,
    setup: Setup,
    provider: Option<&str>,
    folder: &Path,
) -> Result<(Child, String), String> {
    let manifest = folder.join("spin.toml");
    copy_manifest(provider, &manifest)?;
    let address = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|error| error.to_string())?;
    // `spin up` leaves the trigger to a child, which outlives it and holds on to its output. So both are a process
    // group, which is killed when the shell's input closes, and so also when this process is killed.
    let mut command = Command::new("sh");
    command.args(["-c", r#"{ "$@"; kill 0; } & cat; kill -KILL 0"#, "sh"]).arg(program);
    command.args(["up", "--quiet", "--listen", &address.to_string(), "--state-dir"]).arg(folder);
    command.arg("--from").arg(manifest);
    for (name, value) in lower_case(native::variables(setup, provider)) {
        command.arg("--variable").arg(format!("{name}={value}"));
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().map_err(|error| error.to_string())?;
    let listens = eventually_blocking(|| match child.try_wait() {
        Ok(None) => TcpStream::connect(address).ok().map(|_| true),
        _ => Some(false),
    });
    if listens == Some(true) {
        return Ok((child, format!("http://{address}")));
    }
    super::end(child);
    Err("spin up does not listen".to_owned())
}

/// Copies the project's manifest, with the path of the component that was built for tests, and the provider among the
/// allowed outbound hosts.
fn copy_manifest(provider: Option<&str>, to: &Path) -> Result<(), String> {
    let root = tools::root();
    let text = std::fs::read_to_string(root.join("spin.toml")).map_err(|error| error.to_string())?;
    let place = |text: String, from: &str, to: String| match text.matches(from).count() {
        1 => Ok(text.replace(from, &to)),
        count => Err(format!("spin.toml has {from:?} {count} times")),
    };
    let component = tools::target_directory().join("wasm32-wasip2/tested/aibaas.wasm");
    let source = r#"source = "target/wasm32-wasip2/release/aibaas.wasm""#;
    let mut text = place(text, source, format!("source = {component:?}"))?;
    if let Some(provider) = provider {
        let hosts = "allowed_outbound_hosts = [";
        text = place(text, hosts, format!("{hosts}{provider:?}, "))?;
    }
    std::fs::write(to, text).map_err(|error| error.to_string())
}

/// Checks of how the suite runs the `spin` program, with scripts that stand for it.
#[cfg(unix)]
pub mod false_programs {
    use std::{fs, net::TcpStream, os::unix::fs::PermissionsExt as _, path::PathBuf};

    use super::{Path, Setup, Spin, eventually_blocking, tools};

    /// Writes a script that stands for `spin` and reports this version; `up` is the shell code of `spin up`.
    fn spin(folder: &Path, version: &str, up: &str) -> Result<PathBuf, String> {
        let program = folder.join("spin");
        let script = format!("#!/bin/sh\nif [ \"$1\" = --version ]; then echo '{version}'; exit; fi\n{up}\n");
        fs::write(&program, script).map_err(|error| error.to_string())?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).map_err(|error| error.to_string())?;
        Ok(program)
    }

    /// Checks that a version that cannot run the component is never started, and that the stand-in runs it.
    ///
    /// # Errors
    /// Returns why nothing starts.
    pub fn an_old_one_is_left_alone() -> Result<(), String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let [started, state] = ["started", "state"].map(|name| folder.path().join(name));
        fs::create_dir(&state).map_err(|error| error.to_string())?;
        let old = spin(folder.path(), "spin 4.0.2 (1234567 2026-06-01)", &format!("touch '{}'", started.display()))?;
        let reason = tools::spin_version(&old).expect_err("4.0 cannot run the component");
        assert!(reason.contains("4.0.2"), "{reason}");
        let (running, _) = Spin::start_by(&old, Setup::KeepsMail, None, &state)?;
        assert!(matches!(running, Spin::StandIn(_)) && !started.exists());
        running.kill();
        Ok(())
    }

    /// Checks that children which outlive the program, as Spin's trigger does, are ended with it.
    ///
    /// # Errors
    /// Returns why nothing starts.
    pub fn children_that_outlive_it_end_with_it() -> Result<(), String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let [state, data] = ["state", "data"].map(|name| folder.path().join(name));
        for folder in [&state, &data] {
            fs::create_dir(folder).map_err(|error| error.to_string())?;
        }
        // The child listens and holds on to the output, as Spin's trigger does.
        let up = format!(
            "while [ \"$1\" != --listen ]; do shift; done\n\
             ENVIRONMENT=development '{}' serve --listen \"$2\" --data-dir '{}' &\nwait",
            tools::program("aibaas")?.display(),
            data.display(),
        );
        let new = spin(folder.path(), "spin 4.1.0 (1234567 2026-11-01)", &up)?;
        let (running, url) = Spin::start_by(&new, Setup::KeepsMail, None, &state)?;
        assert!(matches!(running, Spin::Program(_)));
        let address = url.trim_start_matches("http://").to_owned();
        assert!(TcpStream::connect(&address).is_ok());
        running.kill();
        let gone = eventually_blocking(|| TcpStream::connect(&address).is_err().then_some(()));
        gone.ok_or_else(|| "its child still listens".to_owned())
    }
}
