//! Whether traces are exported, and how: by the OpenTelemetry standard's variables. Where to, with which headers and how
//! much of it, the exporter and the sampler read themselves.

use std::time::Duration;

use axum::http::Uri;

/// What is not said by the exporter's own variables.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// How many spans wait at most.
    pub queue: usize,
    /// How many are sent at once.
    pub batch: usize,
    /// How long the first of a batch waits for others.
    pub delay: Duration,
    /// How long the collector has for a batch.
    pub timeout: Duration,
    /// Whether the deployment has given the service a name.
    pub names_service: bool,
}

impl TraceSettings {
    /// Reads them; `None` where no collector is named, or it is told to leave off.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>, mistakes: &mut Vec<String>) -> Option<Self> {
        let given = |name: &str| lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        // A variable of traces alone comes before that of all signals.
        let of_traces = |name: &str| {
            let own = format!("OTEL_EXPORTER_OTLP_TRACES_{name}");
            let both = [own, format!("OTEL_EXPORTER_OTLP_{name}")];
            both.into_iter().find_map(|name| Some((given(&name)?, name)))
        };
        let (endpoint, named) = of_traces("ENDPOINT")?;
        let is_off = given("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        if is_off || given("OTEL_TRACES_EXPORTER").is_some_and(|exporter| exporter == "none") {
            return None;
        }
        let uri = endpoint.parse::<Uri>().ok();
        let scheme =
            uri.as_ref().filter(|uri| uri.host().is_some_and(|host| !host.is_empty())).and_then(Uri::scheme_str);
        if !matches!(scheme, Some("http" | "https")) {
            mistakes.push(format!("{named} must be an absolute URL, such as http://localhost:4318"));
        }
        let mut only = |value: Option<(String, String)>, possible: &str| {
            if let Some((_, name)) = value.filter(|(value, _)| value != possible) {
                mistakes.push(format!("{name} must be {possible}: nothing else is built in"));
            }
        };
        only(given("OTEL_TRACES_EXPORTER").map(|value| (value, "OTEL_TRACES_EXPORTER".to_owned())), "otlp");
        only(of_traces("PROTOCOL"), "http/protobuf");
        only(of_traces("COMPRESSION"), "none");
        let mut number = |value: Option<(String, String)>, default: u32, most: u32| match value {
            None => default,
            Some((value, name)) => {
                value.parse().ok().filter(|number| (1..=most).contains(number)).unwrap_or_else(|| {
                    mistakes.push(format!("{name} must be a number from 1 to {most}"));
                    default
                })
            }
        };
        let of_batches = |name: &str| {
            let name = format!("OTEL_BSP_{name}");
            Some((given(&name)?, name))
        };
        let queue = number(of_batches("MAX_QUEUE_SIZE"), 2048, 1_000_000);
        let batch = number(of_batches("MAX_EXPORT_BATCH_SIZE"), 512, 10_000).min(queue);
        let delay = number(of_batches("SCHEDULE_DELAY"), 5_000, 600_000);
        let timeout = number(of_traces("TIMEOUT"), 10_000, 600_000);
        let attributes = given("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let is_named = attributes.split(',').any(|pair| pair.trim_start().starts_with("service.name="));
        Some(Self {
            queue: usize::try_from(queue).unwrap_or(usize::MAX),
            batch: usize::try_from(batch).unwrap_or(usize::MAX),
            delay: Duration::from_millis(delay.into()),
            timeout: Duration::from_millis(timeout.into()),
            names_service: is_named || given("OTEL_SERVICE_NAME").is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> (Option<TraceSettings>, Vec<String>) {
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let mut mistakes = Vec::new();
        (TraceSettings::load(&lookup, &mut mistakes), mistakes)
    }

    #[test]
    fn nothing_is_exported_unless_a_collector_is_named() {
        let named = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        for (variables, exports) in [
            (vec![], false),
            (vec![("OTEL_TRACES_EXPORTER", "otlp")], false),
            (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", " ")], false),
            (vec![named], true),
            (vec![("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector/v1/traces")], true),
            (vec![named, ("OTEL_SDK_DISABLED", "TRUE")], false),
            (vec![named, ("OTEL_TRACES_EXPORTER", "none")], false),
            (vec![named, ("OTEL_SDK_DISABLED", "false"), ("OTEL_TRACES_EXPORTER", "otlp")], true),
        ] {
            let (settings, mistakes) = load(&variables);
            assert_eq!((settings.is_some(), &*mistakes), (exports, &[][..]), "{variables:?}");
        }
    }

    #[test]
    fn what_is_not_possible_is_a_mistake_by_its_name() {
        let named = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ] {
            let (_, mistakes) = load(&[(name, value), named]);
            assert!(matches!(&*mistakes, [only] if only.starts_with(name)), "{name}={value}: {mistakes:?}");
        }
    }

    #[test]
    fn what_is_of_traces_comes_first() {
        let (settings, mistakes) = load(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "2000"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=b, service.name=board"),
        ]);
        let settings = settings.unwrap();
        assert_eq!((mistakes, settings.timeout.as_millis()), (Vec::new(), 2000));
        assert_eq!((settings.queue, settings.batch, settings.names_service), (100, 100, true));
    }
}
