//! The host refuses what Spin refuses, and nothing else: seen by clients, and from inside by the probe component.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use aibaas_spin_host::{InstanceLimits, Options, SpinHost};

const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "probe"
[variables]
name = { default = "world" }
[[trigger.http]]
route = "/..."
component = "probe"
[component.probe]
source = "SOURCE"
sqlite_databases = ["default"]
key_value_stores = ["default"]
allowed_outbound_hosts = ["https://api.example.com"]
[component.probe.variables]
greeting = "hello {{ name }}"
"#;

struct Probe {
    host: SpinHost,
    /// What outbound requests are redirected to.
    provider: TcpListener,
}

/// The directory of the manifest, once the component is built.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let executable = std::env::current_exe().unwrap();
        let target = executable.ancestors().nth(3).unwrap();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "-p", "aibaas-spin-probe", "--profile", "tested"]);
        build.args(["--target", "wasm32-wasip2", "--target-dir"]);
        assert!(build.arg(target).status().unwrap().success());

        let directory = target.join("spin-probe");
        _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let source = target.join("wasm32-wasip2/tested/aibaas_spin_probe.wasm");
        std::fs::write(directory.join("spin.toml"), MANIFEST.replace("SOURCE", source.to_str().unwrap())).unwrap();
        directory
    })
}

/// How long an answer may take on a busy machine.
const TIMEOUT: Duration = Duration::from_secs(120);

impl Probe {
    /// A host of its own for each test; `state` names its directory.
    fn start(state: &str) -> Self {
        Self::start_limited(state, InstanceLimits::default())
    }

    fn start_limited(state: &str, instance_limits: InstanceLimits) -> Self {
        let provider = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = SpinHost::start(Options {
            manifest: built().join("spin.toml"),
            state_dir: built().join(state),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            variables: [("name".to_owned(), "probe".to_owned())].into(),
            outbound_redirect: Some(provider.local_addr().unwrap()),
            instance_limits,
            flushes: false,
        });
        Self { host: host.unwrap(), provider }
    }

    /// Status and body, unless nothing comes for so long.
    fn try_get(&self, path: &str, patience: Duration) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.host.address()).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        let request = format!("GET {path} HTTP/1.0\r\nHost: probe.test\r\nspin-client-addr: 192.0.2.1:1\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        Some((head[9..12].parse().unwrap(), body.to_owned()))
    }

    /// All that comes back for these bytes until the connection ends.
    fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.host.address()).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        // It may be refused before all of it has left.
        _ = stream.write_all(request);
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match stream.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => answer.extend_from_slice(&piece[..length]),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                    break;
                }
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn get(&self, path: &str) -> String {
        let (status, body) = self.try_get(path, TIMEOUT).expect("an answer");
        assert_eq!(status, 200, "{path}: {}", self.host.log());
        body
    }
}

#[test]
fn grants_what_the_manifest_names() {
    let probe = Probe::start("grants");
    assert_eq!(probe.get("/variable?greeting"), "hello probe");
    assert_eq!(probe.get("/variable?name"), r#"Error::Undefined("name")"#);
    assert_eq!(probe.get("/store?default"), "value");
    assert_eq!(probe.get("/store?other"), "Error::AccessDenied");
    assert_eq!(probe.get("/database?default"), "opened");
    assert_eq!(probe.get("/database?other"), "Error::AccessDenied");
}

#[test]
fn names_the_peer_after_what_the_client_claims() {
    let peers = Probe::start("peers").get("/peers");
    let peers = peers.split(' ').collect::<Vec<_>>();
    assert_eq!(peers.len(), 2);
    assert_eq!(peers[0], "192.0.2.1:1");
    assert!(peers[1].starts_with("127.0.0.1:"));
}

#[test]
fn lets_attach() {
    assert_eq!(Probe::start("attach").get("/sql?ATTACH%20':memory:'%20AS%20other"), "Ok(0)");
}

#[test]
fn hangs_on_more_than_four_undrained_rows() {
    let probe = Probe::start("undrained");
    assert_eq!(probe.get("/undrained?4"), "1 1");
    assert_eq!(probe.try_get("/undrained?6", Duration::from_secs(2)), None);
}

#[test]
fn keeps_key_value_pairs_as_spin_does() {
    let probe = Probe::start("key-value");
    assert_eq!(probe.get("/store?default"), "value");
    let file = rusqlite::Connection::open(built().join("key-value/sqlite_key_value.db")).unwrap();
    let journal: String = file.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(journal, "delete");
    let kept: Vec<u8> = file
        .query_row("SELECT value FROM spin_key_value WHERE store = 'default' AND key = 'key'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, b"value");
}

#[test]
fn answers_a_header_that_is_not_utf8_with_a_bare_500() {
    let probe = Probe::start("utf8");
    let answer = probe.raw(b"GET /uses HTTP/1.0\r\nHost: probe.test\r\nX-Name: \xff\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 500 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = probe.raw("GET /uses HTTP/1.0\r\nHost: probe.test\r\nX-Name: é\r\n\r\n".as_bytes());
    assert!(answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("\r\n\r\n0"), "{answer}");
}

#[test]
fn closes_without_an_answer_where_no_one_host_is_named() {
    let probe = Probe::start("hosts");
    for request in [
        "GET /uses HTTP/1.1\r\n\r\n",
        "GET /uses HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n",
        "GET /uses HTTP/1.1\r\nHost: é.test\r\n\r\n",
        "GET http://a.test/uses HTTP/1.1\r\nHost: b.test\r\n\r\n",
        "CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n",
    ] {
        assert_eq!(probe.raw(request.as_bytes()), "", "{request}");
    }
    // None of them came to the component.
    let answer = probe.raw(b"GET http://a.test/uses HTTP/1.0\r\nHost: a.test\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("\r\n\r\n0"), "{answer}");
}

#[test]
fn answers_a_head_of_4_mb_with_431() {
    // What one read brings past hyper's 408 KB still counts as a head, so a little more is not always refused.
    let long = format!("GET /uses HTTP/1.1\r\nHost: probe.test\r\nX-Long: {}\r\n\r\n", "x".repeat(4_000_000));
    let answer = Probe::start("long").raw(long.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn answers_for_itself_where_spin_does() {
    let probe = Probe::start("well-known");
    assert_eq!(probe.try_get("/.well-known/spin/health", TIMEOUT), Some((200, "OK".to_owned())));
    assert_eq!(probe.try_get("/.well-known/spin/nothing", TIMEOUT), Some((404, String::new())));
}

/// What still comes until the connection ends.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    rest
}

#[test]
fn cuts_off_requests_and_what_follows_answers_when_it_ends() {
    let probe = Probe::start("cut");
    let mut waiting = TcpStream::connect(probe.host.address()).unwrap();
    waiting.write_all(b"GET /wait HTTP/1.1\r\nHost: probe.test\r\n\r\n").unwrap();
    let until = Instant::now() + TIMEOUT;
    while !probe.host.log().contains("waits") {
        assert!(Instant::now() < until, "the request never came to the component");
        thread::yield_now();
    }
    assert_eq!(probe.get("/after?https://api.example.com/"), "answered");
    let (mut asked, _) = probe.provider.accept().unwrap();
    asked.read_exact(&mut [0; 3]).unwrap();

    let address = probe.host.address();
    drop(probe.host);
    assert_eq!(rest(&mut waiting), b"");
    rest(&mut asked);
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    let file = rusqlite::Connection::open(built().join("cut/sqlite_key_value.db")).unwrap();
    let kept: i64 = file.query_row("SELECT count(*) FROM spin_key_value", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0);
}

#[test]
fn gives_an_instance_no_more_memory_than_it_may_take() {
    let free = Probe::start("memory-free");
    assert_eq!(free.get("/allocate?1024"), "taken");
    let limits = InstanceLimits { memory: Some(64 << 20), ..InstanceLimits::default() };
    let limited = Probe::start_limited("memory-limited", limits);
    assert_eq!(limited.get("/allocate?32"), "taken");
    assert_eq!(limited.get("/allocate?128"), "refused");
    assert_eq!(limited.get("/uses"), "0");
}

#[test]
fn gives_an_instance_as_many_requests_at_once_as_it_may_take() {
    let limits = InstanceLimits { requests_at_once: 1, ..InstanceLimits::default() };
    let probe = Probe::start_limited("one-at-once", limits);
    let mut waiting = TcpStream::connect(probe.host.address()).unwrap();
    waiting.write_all(b"GET /wait HTTP/1.1\r\nHost: probe.test\r\n\r\n").unwrap();
    // Another instance has to take it, whose first use it is.
    assert_eq!(probe.get("/uses"), "0");
}

#[test]
fn lets_out_only_to_allowed_hosts() {
    let probe = Probe::start("outbound");
    assert_eq!(probe.get("/get?https://evil.example/"), "ErrorCode::HttpRequestDenied");
    assert_eq!(probe.get("/get?http://api.example.com/"), "ErrorCode::HttpRequestDenied");

    thread::scope(|scope| {
        let asked = scope.spawn(|| probe.get("/get?https://api.example.com/mail"));
        let (mut stream, _) = probe.provider.accept().unwrap();
        let mut head = [0; 1024];
        let length = stream.read(&mut head).unwrap();
        let head = String::from_utf8_lossy(&head[..length]).to_ascii_lowercase();
        assert!(head.starts_with("get /mail http/1.1\r\n") && head.contains("host: api.example.com\r\n"), "{head}");
        stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").unwrap();
        assert_eq!(asked.join().unwrap(), "202");
    });
}

#[test]
fn gives_an_instance_several_requests_at_once_and_drops_it_when_idle() {
    let probe = Probe::start("instances");
    thread::scope(|scope| {
        let waiting = [(); 4].map(|()| scope.spawn(|| probe.get("/at-once")));
        let most = waiting.into_iter().map(|waiting| waiting.join().unwrap().parse::<u32>().unwrap()).max();
        assert!(most > Some(1), "{most:?}");
    });
    // It is dropped after a second without a request, or later where the machine is busy.
    let dropped = (1..=10).any(|pause| {
        thread::sleep(Duration::from_millis(1500) * pause);
        probe.get("/uses") == "0"
    });
    assert!(dropped, "the instance stays");
    assert_eq!(probe.get("/uses"), "1");
}

#[test]
fn survives_a_panic_of_the_component() {
    let probe = Probe::start("panic");
    assert_eq!(probe.try_get("/panic", TIMEOUT).unwrap().0, 500);
    assert!(probe.host.log().contains("as asked"));
    assert_eq!(probe.get("/uses"), "0");
}
