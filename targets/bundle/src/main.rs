//! `cargo run -p aibaas-bundle`: the build command of `wrangler.toml`.

use std::{io::Write, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match aibaas_bundle::build(&root) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is gone, nobody is left to tell.
            _ = writeln!(std::io::stderr(), "aibaas-bundle: {error}");
            ExitCode::FAILURE
        }
    }
}
