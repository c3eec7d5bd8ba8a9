//! What the program writes for people.

use std::io::Write as _;

/// Writes a line to standard output. That nobody reads it is no reason to stop.
pub fn print_line(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Writes a line to standard error, as [`print_line`].
pub fn warn(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
