//! The tools that build what the suite starts. A missing tool is installed where a registry has it; otherwise an error
//! says how to install it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

/// Returns the project's root.
pub fn root() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests stand in the project").to_owned()
}

/// Returns the folder that cargo builds into.
pub fn target_directory() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Runs cargo in the project and returns its standard output.
///
/// # Errors
/// Returns what cargo printed, where it failed.
pub fn cargo(arguments: &[&str]) -> Result<String, String> {
    let mut command = aibaas_bundle::cargo();
    command.args(arguments).current_dir(root());
    run(&mut command, "install Rust with rustup, https://rustup.rs")
}

/// Builds a program of the workspace once and returns its path. The features are those with which `cargo test` has
/// built the packages, so that nothing is built twice.
///
/// # Errors
/// Returns what cargo printed.
pub fn program(name: &'static str) -> Result<PathBuf, String> {
    static BUILT: Mutex<BTreeMap<&str, Result<PathBuf, String>>> = Mutex::new(BTreeMap::new());
    let build = || {
        // The example makes cargo choose the features of tests: with others it would build half of the dependencies
        // anew.
        cargo(&["build", "--quiet", "--bin", name, "--example", "openapi"])?;
        Ok(target_directory().join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
    };
    BUILT.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_insert_with(build).clone()
}

/// Returns a command of the program, with nothing of this process's environment but `PATH`.
///
/// # Errors
/// Returns what cargo printed.
pub fn command(program: &'static str) -> Result<Command, String> {
    let mut command = Command::new(self::program(program)?);
    command.env_clear().stdin(Stdio::null());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    Ok(command)
}

/// Returns a command of `aibaas-client`, as [`command`] does.
///
/// # Errors
/// Returns what cargo printed.
pub fn client() -> Result<Command, String> {
    command("aibaas-client")
}

/// Builds the Spin component in this profile of cargo: `release` as it is shipped, `tested` as the suite runs it.
///
/// # Errors
/// Returns what rustup or cargo printed.
pub fn spin_component(profile: &str) -> Result<(), String> {
    rust_target("wasm32-wasip2")?;
    let build = ["rustc", "--quiet", "--profile", profile, "--target", "wasm32-wasip2"];
    // Only a `cdylib`: beside an `rlib`, every dependency would be given object code that nobody links.
    let component = ["-p", "aibaas", "--lib", "--crate-type", "cdylib", "--no-default-features", "--features", "spin"];
    cargo(&[build.as_slice(), &component].concat()).map(drop)
}

/// Adds a compilation target with rustup, where it is missing.
///
/// # Errors
/// Returns what rustup printed, or how to install it.
pub fn rust_target(target: &str) -> Result<(), String> {
    let install = "install rustup, https://rustup.rs, or this target for your toolchain";
    let installed = run(Command::new("rustup").args(["target", "list", "--installed"]).current_dir(root()), install)?;
    if installed.lines().any(|line| line == target) {
        return Ok(());
    }
    run(Command::new("rustup").args(["target", "add", target]).current_dir(root()), install).map(drop)
}

/// Installs the npm packages of `tests/cloudflare` where they are missing, and returns the path of their Node.
///
/// # Errors
/// Returns what npm printed, or how to install it.
pub fn node() -> Result<PathBuf, String> {
    Ok(npm_packages("tests/cloudflare")?.join(".bin/node"))
}

/// Installs the npm packages of a folder where they are missing or older than its lock file, and returns the path of
/// `node_modules`.
///
/// # Errors
/// Returns what npm printed, or how to install it.
pub fn npm_packages(folder: &str) -> Result<PathBuf, String> {
    // Not `npm ci`: it wants the packages of every platform in the lock file, which a registry may not have yet.
    npm(folder, &["install", "--no-save"])
}

/// Installs exactly the npm packages of a folder's lock file where they are missing or older than it, runs none of
/// their scripts, and returns the path of `node_modules`.
///
/// # Errors
/// Returns what npm printed, or how to install it.
pub fn locked_npm_packages(folder: &str) -> Result<PathBuf, String> {
    npm(folder, &["ci", "--ignore-scripts"])
}

fn npm(folder: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = root().join(folder);
    let modified = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    let installed = modified(&folder.join("node_modules/.package-lock.json"));
    if installed.is_none() || installed < modified(&folder.join("package-lock.json")) {
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        run(
            Command::new(npm).args(arguments).current_dir(&folder),
            "install Node.js 20 or later, with npm: https://nodejs.org",
        )?;
    }
    Ok(folder.join("node_modules"))
}

/// Returns a command for a program of `tests/openapi`: of a package, such as `.bin/tsc` in `node_modules`, or of its
/// own. It works in that folder, on the Node of `tests/cloudflare`: some packages want a later one than may be
/// installed.
///
/// # Errors
/// Returns what npm printed, or how to install it.
pub fn openapi_program(path: &str) -> Result<Command, String> {
    locked_npm_packages("tests/openapi")?;
    let mut command = Command::new(node()?);
    command.arg(path).current_dir(root().join("tests/openapi")).stdin(Stdio::null());
    Ok(command)
}

/// Builds the TypeScript client once, and returns its folder.
///
/// # Errors
/// Returns what npm or its compiler printed.
pub fn typescript_client() -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || {
        let folder = root().join("clients/typescript");
        npm_packages("clients/typescript")?;
        run(Command::new(node()?).arg("scripts/build.mjs").current_dir(&folder), "see clients/typescript")?;
        Ok(folder)
    };
    BUILT.get_or_init(build).clone()
}

/// Checks and builds the example front end once, and returns the folder of its pages.
///
/// # Errors
/// Returns what npm, the compiler or the bundler printed.
pub fn example_front_end() -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || {
        typescript_client()?;
        let folder = root().join("clients/example");
        let packages = npm_packages("clients/example")?;
        for program in [&["typescript/bin/tsc"][..], &["vite/bin/vite.js", "build", "--logLevel=warn"]] {
            let mut command = Command::new(node()?);
            command.arg(packages.join(program[0])).args(&program[1..]).current_dir(&folder);
            run(&mut command, "see clients/example")?;
        }
        Ok(folder.join("dist"))
    };
    BUILT.get_or_init(build).clone()
}

/// Finds a Chromium: the one that `CHROMIUM` names, one on `PATH`, or Debian's, which root installs where it is
/// missing.
///
/// # Errors
/// Returns how to install one.
pub fn chromium() -> Result<PathBuf, String> {
    static FOUND: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let find = || {
        if let Some(named) = std::env::var_os("CHROMIUM") {
            return Ok(PathBuf::from(named));
        }
        if let Some(found) = chromium_on_path() {
            return Ok(found);
        }
        let install = "install Chromium (Debian: apt-get install chromium), or name one in CHROMIUM";
        if !run(Command::new("id").arg("-u"), install).is_ok_and(|id| id.trim() == "0") {
            return Err(format!("there is no Chromium: {install}"));
        }
        let apt_get = || {
            let mut apt_get = Command::new("apt-get");
            apt_get.args(["install", "-y", "--no-install-recommends", "chromium"]);
            run(apt_get.env("DEBIAN_FRONTEND", "noninteractive"), install)
        };
        if apt_get().is_err() {
            // apt may know no packages yet, or old ones.
            run(Command::new("apt-get").arg("update"), install)?;
            apt_get()?;
        }
        chromium_on_path().ok_or_else(|| format!("there is no Chromium: {install}"))
    };
    FOUND.get_or_init(find).clone()
}

fn chromium_on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
    let mut places = names.iter().flat_map(|name| std::env::split_paths(&path).map(move |folder| folder.join(name)));
    places.find(|place| place.is_file())
}

/// Returns the version of this `spin` program, by its path or its name on `PATH`, as `spin --version` prints it.
///
/// # Errors
/// Returns why the program cannot run the component.
pub fn spin_version(program: &Path) -> Result<String, String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|_| format!("no {} on PATH", program.display()))?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    fit_spin(&version)
}

/// Checks whether this version of Spin can run the component, and returns the version: 4.0 has only a release
/// candidate of the interfaces (WASI 0.3) that the component is built for.
///
/// # Errors
/// Returns why the version does not fit.
pub fn fit_spin(version: &str) -> Result<String, String> {
    let numbers = version.strip_prefix("spin ").and_then(|rest| {
        let mut numbers = rest.split(['.', '-', ' ']).map(str::parse::<u32>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
    });
    match numbers {
        Some(numbers) if numbers >= (4, 1) => Ok(version.to_owned()),
        _ => Err(format!("{version:?} on PATH cannot run the component, which needs spin 4.1 or later")),
    }
}

/// Runs a command to its end, and returns its standard output.
///
/// # Errors
/// Returns what the command printed, where it failed; `install` where there is no such program.
pub fn run(command: &mut Command, install: &str) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}; {install}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{command:?} failed ({}):\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}
