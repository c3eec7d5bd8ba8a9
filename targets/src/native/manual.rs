//! `aibaas completions` and `aibaas man`: completion scripts and manual pages, generated from the command line's
//! definition.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;

use super::{error::CliError, output::print_line};

/// Which shell.
#[derive(Args, Debug)]
pub struct CompletionsOptions {
    /// The shell that completes.
    shell: Shell,
}

/// Where the pages go.
#[derive(Args, Debug)]
pub struct ManOptions {
    /// Write a page for each command into this directory, in place of one for all to standard output.
    #[arg(long, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
}

/// Writes the shell's completion script to standard output.
pub fn completions(mut command: Command, options: &CompletionsOptions) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, "aibaas", &mut script);
    write(&script)
}

/// Writes the manual pages.
///
/// # Errors
/// [`CliError`] where a page cannot be written.
pub fn man(command: Command, options: &ManOptions) -> Result<ExitCode, CliError> {
    let failed = |error: std::io::Error| CliError::failed(format!("the manual cannot be written: {error}"));
    let Some(directory) = &options.dir else {
        let mut page = Vec::new();
        Man::new(command).render(&mut page).map_err(failed)?;
        return Ok(write(&page));
    };
    std::fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(command, directory).map_err(failed)?;
    print_line(&format!("the manual is in {}: man {0}/aibaas.1", directory.display()));
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output. Write errors are ignored: it is no mistake that nobody reads.
fn write(bytes: &[u8]) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(bytes);
    ExitCode::SUCCESS
}
