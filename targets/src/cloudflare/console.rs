//! The log: one call of the console per event, which Workers Logs keeps.

use aibaas_core::LogSettings;
use tracing::{
    Event, Level, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};

use super::glue;
use crate::event_line::line;

/// Sends this Worker's log to the console from now on.
pub fn install(settings: LogSettings) {
    _ = tracing::subscriber::set_global_default(Console(settings));
}

/// Subscriber that writes events to the console. It ignores spans: nothing opens one.
struct Console(LogSettings);

impl Subscriber for Console {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.0.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.0.level)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let line = line(event, self.0.format);
        match *event.metadata().level() {
            Level::ERROR => glue::log_error(&line),
            Level::WARN => glue::log_warning(&line),
            _ => glue::log(&line),
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
