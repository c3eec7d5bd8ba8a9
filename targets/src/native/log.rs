//! The log of the server. A thread of its own writes the lines: no request waits for whoever reads standard error.

use std::{
    io::{self, BufWriter, Write},
    thread,
    time::Duration,
};

use aibaas_core::LogSettings;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};

use crate::stderr_log;

/// Most lines that wait to be written, some 4 MB; further ones are dropped.
const MOST_WAITING: usize = 16_384;
/// Size of the writer's buffer, in bytes.
const BUFFER: usize = 64 << 10;
/// How long lines gather before they are written: so the lines of a busy server share one write, and one wake of the
/// thread.
const GATHERING: Duration = Duration::from_millis(5);

/// The log, as long as the server runs. Dropping it writes the lines that wait.
pub struct Log {
    dropped: ErrorCounter,
    _writer: WorkerGuard,
}

impl Log {
    /// Sends this program's log to standard error from now on.
    pub fn start(settings: LogSettings) -> Self {
        let stderr = Gathering(BufWriter::with_capacity(BUFFER, io::stderr()));
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

/// A writer that rests after each flush. The log's thread flushes once no more lines wait, and takes none meanwhile.
struct Gathering<W>(W);

impl<W: Write> Write for Gathering<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    #[expect(clippy::disallowed_methods, reason = "only the log's own thread rests")]
    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.0.flush();
        thread::sleep(GATHERING);
        flushed
    }
}
