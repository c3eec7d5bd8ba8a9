//! Output of the program for people.

use std::io::Write as _;

/// Writes a line to standard output. Write errors are ignored: that nobody reads it is no reason to stop.
pub fn print_line(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Writes a line to standard error, ignoring errors as [`print_line`] does.
pub fn warn(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
