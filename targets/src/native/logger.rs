//! The log: a line an event on standard error.

use aibaas_core::ports::Clock as _;
use log::{Level, LevelFilter, Log, Metadata, Record};

use super::{output::warn, system_clock::SystemClock};

struct StderrLog;

/// Sends what this program logs to standard error, and of the libraries what is out of order.
pub fn install() {
    // It fails only when there is a logger already.
    if log::set_logger(&StderrLog).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

impl Log for StderrLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= if metadata.target().starts_with("aibaas") { Level::Info } else { Level::Warn }
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            // One event, one line, whatever a message carries.
            let message = record.args().to_string().replace(['\n', '\r'], " ");
            warn(&format!("{} {} {message}", SystemClock.now(), record.level()));
        }
    }

    fn flush(&self) {}
}
