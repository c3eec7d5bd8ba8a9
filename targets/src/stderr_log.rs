//! The log: one line per event, for standard error.

use std::io::{self, Write};

use aibaas_core::{LogFormat, LogSettings};
use tracing::{Dispatch, dispatcher};
use tracing_subscriber::fmt::MakeWriter;

/// Sends this program's log to what the function creates for each line. Only the first call has an effect.
pub fn install<W: Write + 'static>(settings: LogSettings, writer: impl Fn() -> W + Send + Sync + 'static) {
    _ = dispatcher::set_global_default(dispatch(settings, move || OneLine(writer())));
}

/// Creates a dispatcher that writes events to standard error.
#[cfg(feature = "spin")]
pub fn to_stderr(settings: LogSettings) -> Dispatch {
    dispatch(settings, || OneLine(io::stderr()))
}

fn dispatch(settings: LogSettings, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) -> Dispatch {
    let lines = tracing_subscriber::fmt()
        .with_max_level(settings.level)
        .with_target(false)
        .with_ansi(false)
        .log_internal_errors(false)
        .with_writer(writer);
    match settings.format {
        LogFormat::Text => Dispatch::new(lines.finish()),
        LogFormat::Json => {
            Dispatch::new(lines.json().flatten_event(true).with_current_span(false).with_span_list(false).finish())
        }
    }
}

/// A writer that writes each event as one line without control characters, whatever its fields hold. Write errors are
/// ignored: that nobody reads the log is no reason to stop.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = event.strip_suffix(b"\n").unwrap_or(event);
        let mut line = text.iter().map(|byte| if byte.is_ascii_control() { b' ' } else { *byte }).collect::<Vec<_>>();
        line.push(b'\n');
        _ = self.0.write_all(&line);
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::level_filters::LevelFilter;

    use super::*;

    #[derive(Clone, Default)]
    struct LogBuffer(Arc<Mutex<Vec<u8>>>);

    impl Write for LogBuffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LevelFilter, format: LogFormat, events: impl FnOnce()) -> String {
        let written = LogBuffer::default();
        let writer = written.clone();
        let dispatch = dispatch(LogSettings { level, format }, move || OneLine(writer.clone()));
        dispatcher::with_default(&dispatch, events);
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    fn two_events() {
        tracing::info!(status = 200, route = "/a/{id}", "request");
        tracing::warn!(error = %"first\nsecond \u{1b}[31m", "trouble");
    }

    #[test]
    fn an_event_is_a_line() {
        let text = logged(LevelFilter::INFO, LogFormat::Text, two_events);
        let lines = text.lines().collect::<Vec<_>>();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].ends_with("Z  INFO request status=200 route=\"/a/{id}\""), "{text}");
        assert!(lines[1].contains("  WARN trouble error=first second ") && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn programs_read_objects() {
        let text = logged(LevelFilter::INFO, LogFormat::Json, two_events);
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let lines = lines.collect::<Vec<_>>();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!((&lines[0]["level"], &lines[0]["message"]), (&"INFO".into(), &"request".into()), "{text}");
        assert_eq!((&lines[0]["status"], &lines[0]["route"]), (&200.into(), &"/a/{id}".into()), "{text}");
        assert_eq!(lines[1]["error"], "first\nsecond \u{1b}[31m", "{text}");
    }

    #[test]
    fn what_is_below_the_level_is_not_written() {
        let text = logged(LevelFilter::WARN, LogFormat::Text, two_events);
        assert!(text.lines().count() == 1 && text.contains("trouble"), "{text}");
        assert_eq!(logged(LevelFilter::OFF, LogFormat::Text, two_events), "");
    }
}
