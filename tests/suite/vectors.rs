//! Published test vectors, where core runs natively and where it runs as a component.

use std::path::Path;

use aibaas_tests::tools;
use aibaas_vectors::Set;
use wasmtime::{
    Engine, Store,
    component::{Component, Linker, ResourceTable},
};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    p2::{bindings::sync::Command, pipe::MemoryOutputPipe},
};

/// The sets, how many of each are to be accepted and refused, and how many cannot be asked: an empty file does not pass.
const SETS: [(&str, usize, usize, usize); 11] = [
    ("Wycheproof ecdsa_secp256r1_sha256_test", 174, 310, 0),
    ("Wycheproof ed25519_test", 88, 63, 0),
    ("Wycheproof hmac_sha256_test", 66, 108, 0),
    ("Wycheproof json_web_signature_test, HS256", 10, 30, 0),
    ("Wycheproof json_web_signature_test, other algorithms", 0, 361, 0),
    ("RFC 7515 A.1, RFC 8037 A.4 and A.5", 2, 0, 0),
    ("RFC 9106 5.3, Argon2id reference implementation", 7, 6, 0),
    ("Argon2id at random, as the crate argon2 has it", 201, 0, 0),
    ("Wycheproof pbkdf2_hmacsha256_test", 43, 43, 17),
    ("RFC 7914 12", 2, 2, 2),
    ("RFC 6238 B, SHA-1", 6, 12, 0),
];
/// Far more than the report of thousands of failures.
const OUTPUT_BYTES: usize = 16 << 20;

/// As the native host runs it.
pub fn on_the_host() -> Result<(), String> {
    check(&aibaas_vectors::run())
}

/// As a component, which is how Spin runs it.
pub fn in_wasm() -> Result<(), String> {
    tools::rust_target("wasm32-wasip2")?;
    // Beside the component of Spin, whose features make cargo share its dependencies.
    let beside = ["-p", "aibaas", "--no-default-features", "--features", "aibaas/spin"];
    let vectors = ["-p", "aibaas-vectors", "--bin", "aibaas-vectors"];
    let build = ["build", "--quiet", "--profile", "tested", "--target", "wasm32-wasip2"];
    tools::cargo(&[&build[..], &beside, &vectors].concat())?;
    let component = tools::target_directory().join("wasm32-wasip2/tested/aibaas-vectors.wasm");
    let output = run(&component).map_err(|error| format!("{error:?}"))?;
    let report = output.lines().last().ok_or("it wrote nothing")?;
    check(&serde_json::from_str::<Vec<Set>>(report).map_err(|error| format!("{error}: {output}"))?)
}

fn check(report: &[Set]) -> Result<(), String> {
    let failures = report.iter().flat_map(|set| set.failures.iter().map(|failure| format!("{}: {failure}", set.name)));
    let failures = failures.collect::<Vec<_>>();
    if !failures.is_empty() {
        return Err(failures.join("\n"));
    }
    let counts = report.iter().map(|set| (set.name.as_str(), set.valid, set.invalid, set.left_out));
    let counts = counts.collect::<Vec<_>>();
    if counts == SETS { Ok(()) } else { Err(format!("{counts:#?}\ninstead of\n{SETS:#?}")) }
}

/// Runs a command to its end, with no argument, file, network or variable, and gives what it wrote.
fn run(command: &Path) -> wasmtime::Result<String> {
    let engine = Engine::default();
    let component = Component::from_file(&engine, command)?;
    let mut linker = Linker::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
    let output = MemoryOutputPipe::new(OUTPUT_BYTES);
    let wasi = WasiCtx::builder().stdout(output.clone()).build();
    let mut store = Store::new(&engine, Guest { wasi, table: ResourceTable::new() });
    let command = Command::instantiate(&mut store, &component, &linker)?;
    // Whether it was content is in what it wrote.
    _ = command.wasi_cli_run().call_run(&mut store)?;
    drop(store);
    Ok(String::from_utf8_lossy(&output.contents()).into_owned())
}

struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
