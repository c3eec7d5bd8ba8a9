//! Builds the Worker into `build/`: the application as wasm, the glue that wasm-bindgen generates for it, and the
//! scripts of `targets/src/cloudflare`. Needs only cargo.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use wasm_bindgen_cli_support::Bindgen;

/// The module that `wrangler.toml` names as `main`.
pub const ENTRY: &str = "worker.mjs";
/// Scripts of `targets/src/cloudflare`, copied beside the wasm unchanged.
const SCRIPTS: [&str; 3] = [ENTRY, "glue.mjs", "network.mjs"];

/// Most memory that the application may take, in pages of 64 KiB: 96 MiB. A Worker has 128 MB for everything, and one
/// that takes more is ended with all its requests; an instance that finds no more memory is replaced by the entry
/// script.
const MOST_PAGES: u64 = 96 * 16;

/// Reason why no Worker was built.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Path of the file.
        path: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// Cargo could not be started.
    #[error("cargo: {0}")]
    Cargo(io::Error),
    /// Compilation failed; cargo reported why on standard error.
    #[error("the application did not build for wasm32-unknown-unknown")]
    Compile,
    /// wasm-bindgen refused the module.
    #[error("wasm-bindgen: {0}")]
    Bindgen(String),
}

/// Builds the Worker of the project at `root` and returns the folder that holds it (`root/build`).
///
/// # Errors
/// [`BundleError`], when cargo, wasm-bindgen or the file system refuses.
pub fn build(root: &Path) -> Result<PathBuf, BundleError> {
    let wasm = compile(root)?;
    let output = root.join("build");
    // Files of an earlier build would be uploaded too.
    match fs::remove_dir_all(&output) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file(&output)(error)),
        _ => fs::create_dir_all(&output).map_err(file(&output))?,
    }
    bind(&wasm, &output).map_err(|error| BundleError::Bindgen(format!("{error:#}")))?;
    for script in SCRIPTS {
        let (from, to) = (root.join("targets/src/cloudflare").join(script), output.join(script));
        fs::copy(&from, &to).map_err(file(&from))?;
    }
    Ok(output)
}

/// Returns a command of the cargo that runs this program, set up so that it reuses what another cargo built.
///
/// `cargo run` and `cargo test` set variables about the package that they run. Build scripts that read them would run
/// anew, and everything that depends on them would be built again, so they are removed.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "cargo says by variables which cargo and which package it is")]
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_")) {
            command.env_remove(&name);
        }
    }
    command
}

fn compile(root: &Path) -> Result<PathBuf, BundleError> {
    // Only a `cdylib`: beside an `rlib`, every dependency would be given object code that nobody links.
    let output = cargo()
        .current_dir(root)
        .args(["rustc", "--quiet", "--profile", "worker", "--target", "wasm32-unknown-unknown", "--package", "aibaas"])
        .args(["--lib", "--crate-type", "cdylib", "--no-default-features", "--features", "cloudflare"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(BundleError::Cargo)?;
    if !output.status.success() {
        return Err(BundleError::Compile);
    }
    // Asking cargo for the artifact's path respects CARGO_TARGET_DIR and every other way to move it.
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message.pointer("/target/name").is_some_and(|name| name == "aibaas"))
        .filter_map(|message| message.get("filenames")?.as_array().cloned())
        .flatten()
        .filter_map(|name| name.as_str().map(PathBuf::from))
        .find(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .ok_or(BundleError::Compile)
}

fn bind(wasm: &Path, output: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut bound = Bindgen::new()
        .input_path(wasm)
        .out_name("aibaas")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        // After a trap the entry script starts a fresh instance.
        .reset_state_function(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate_output()?;
    for memory in bound.wasm_mut().memories.iter_mut() {
        memory.maximum = Some(MOST_PAGES);
    }
    bound.emit(output)?;
    Ok(())
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> BundleError {
    let path = path.to_owned();
    move |source| BundleError::File { path, source }
}
