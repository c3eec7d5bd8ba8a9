//! The Spin component: by the `spin` program where a fit one is at hand, else by the host of `tests/spin-host`.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::OnceLock,
};

use aibaas_spin_host::{Options, SpinHost};

use super::{Running, Setup, Started};
use crate::{eventually_blocking, tools};

pub(super) fn start(setup: Setup, provider: Option<&str>, folder: tempfile::TempDir) -> Result<Started, String> {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    static PROGRAM: OnceLock<Result<String, String>> = OnceLock::new();
    BUILT.get_or_init(tools::spin_component).clone()?;
    let variables = setup.variables().into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    // The program can not lead an outbound request elsewhere; our host stands in for it where mail is sent.
    if provider.is_none() {
        match PROGRAM.get_or_init(tools::spin_program) {
            Ok(version) => {
                eprintln!("spin: runs on {version}");
                return program(variables, folder);
            }
            Err(reason) => eprintln!("spin: {reason}; runs on tests/spin-host"),
        }
    }
    let outbound = provider.map(|url| url.trim_start_matches("http://").parse::<SocketAddr>());
    let host = SpinHost::start(Options {
        manifest: tools::root().join("spin.toml"),
        state_dir: folder.path().to_owned(),
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        variables: variables.collect(),
        outbound_redirect: outbound.transpose().map_err(|error| error.to_string())?,
    });
    let host = host.map_err(|error| format!("{error:#}"))?;
    let url = format!("http://{}", host.address());
    Ok(Started { url, direct: None, running: Running::Spin(host), folder })
}

fn program(variables: impl Iterator<Item = (String, String)>, folder: tempfile::TempDir) -> Result<Started, String> {
    let address = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map_err(|error| error.to_string())?;
    // `spin up` leaves the trigger to a child, which outlives it and holds on to its output. So they are a group, which
    // ends with the shell's input: when it is closed, and also when this process is killed.
    let mut command = Command::new("sh");
    command.args(["-c", r#"{ "$@"; kill 0; } & cat; kill -KILL 0"#, "sh", "spin"]);
    command
        .args(["up", "--quiet", "--listen", &address.to_string(), "--state-dir"])
        .arg(folder.path())
        .arg("--from")
        .arg(tools::root());
    for (name, value) in variables {
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
        return Ok(Started {
            url: format!("http://{address}"),
            direct: None,
            running: Running::Process(child),
            folder,
        });
    }
    super::end(child);
    Err("spin up does not listen".to_owned())
}
