//! The log of the server. A thread of its own writes the lines: no request waits for whoever reads standard error.

use std::io::{self, BufWriter};

use aibaas_core::LogSettings;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};

use crate::stderr_log;

/// Most lines that wait to be written, some 4 MB; further ones are dropped.
const MOST_WAITING: usize = 16_384;
/// Size of the writer's buffer, in bytes.
const BUFFER: usize = 64 << 10;

/// The log, as long as the server runs. Dropping it writes the lines that wait.
pub struct Log {
    dropped: ErrorCounter,
    _writer: WorkerGuard,
}

impl Log {
    /// Sends this program's log to standard error from now on.
    pub fn start(settings: LogSettings) -> Self {
        let stderr = BufWriter::with_capacity(BUFFER, io::stderr());
        let builder = NonBlockingBuilder::default().buffered_lines_limit(MOST_WAITING).thread_name("log");
        let (lines, writer) = builder.finish(stderr);
        let dropped = lines.error_counter();
        stderr_log::install(settings, move || lines.clone());
        Self { dropped, _writer: writer }
    }

    /// Returns the counter of lines that were dropped because too many waited.
    pub fn dropped(&self) -> ErrorCounter {
        self.dropped.clone()
    }
}
