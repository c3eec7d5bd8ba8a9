//! Log events as single lines, for platforms that add the time themselves.

use std::fmt::{self, Write as _};

use aibaas_core::LogFormat;
use serde_json::{Map, Value};
use tracing::{
    Event,
    field::{Field, Visit},
};

/// Name of the field in which `tracing` puts an event's text.
const MESSAGE: &str = "message";

/// Writes an event as a line, with the same names as on the other hosts.
pub fn line(event: &Event<'_>, format: LogFormat) -> String {
    let level = event.metadata().level().as_str();
    match format {
        LogFormat::Text => {
            let mut text = Text::default();
            event.record(&mut text);
            // One event is one line, whatever its fields hold.
            format!("{level} {}{}", text.message, text.fields).replace(char::is_control, " ")
        }
        LogFormat::Json => {
            let mut object = Object(Map::new());
            object.0.insert("level".to_owned(), level.into());
            event.record(&mut object);
            Value::Object(object.0).to_string()
        }
    }
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        _ = match field.name() {
            MESSAGE => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }
}

struct Object(Map<String, Value>);

impl Object {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Object {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{
        Metadata, Subscriber,
        span::{Attributes, Id, Record},
    };

    use super::*;

    #[derive(Clone)]
    struct Lines(LogFormat, Arc<Mutex<Vec<String>>>);

    impl Subscriber for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            self.1.lock().unwrap().push(line(event, self.0));
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    fn lines(format: LogFormat) -> Vec<String> {
        let lines = Lines(format, Arc::default());
        tracing::subscriber::with_default(lines.clone(), || {
            tracing::info!(status = 200_u16, is_new = true, left = -1, route = "/a/{id}", "request");
            tracing::warn!(error = %"first\nsecond", "trouble");
        });
        lines.1.lock().unwrap().clone()
    }

    #[test]
    fn an_event_is_a_line() {
        let expected =
            ["INFO request status=200 is_new=true left=-1 route=\"/a/{id}\"", "WARN trouble error=first second"];
        assert_eq!(lines(LogFormat::Text), expected);
    }

    #[test]
    fn programs_read_objects() {
        let expected = [
            r#"{"level":"INFO","message":"request","status":200,"is_new":true,"left":-1,"route":"/a/{id}"}"#,
            r#"{"level":"WARN","message":"trouble","error":"first\nsecond"}"#,
        ];
        assert_eq!(lines(LogFormat::Json), expected);
    }
}
