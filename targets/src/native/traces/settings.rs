//! Settings of the export of traces, from the OpenTelemetry standard's variables. The exporter reads the headers'
//! variables itself.

use std::time::Duration;

use aibaas_core::domain::Secret;
use axum::http::Uri;
use opentelemetry_sdk::trace::Sampler;

/// Path that the standard appends to the address of a collector for all signals.
const PATH: &str = "/v1/traces";
/// Names of the samplers in the standard, for error texts.
const SAMPLERS: &str = "always_on, always_off, traceidratio, or one of them with parentbased_ before it";

/// Settings that the exporter does not read by itself.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// Address that spans are sent to; it may hold a password.
    pub endpoint: Secret,
    /// Sampler that decides which traces are made.
    pub sampler: Sampler,
    /// Most spans that wait.
    pub queue: usize,
    /// Most spans of a batch.
    pub batch: usize,
    /// How long the first span of a batch waits for others.
    pub delay: Duration,
    /// Time limit of the collector for a batch.
    pub timeout: Duration,
    /// Whether the deployment has given the service a name.
    pub names_service: bool,
}

impl TraceSettings {
    /// Reads the settings; `None` where no collector is named, or the export is turned off.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>, mistakes: &mut Vec<String>) -> Option<Self> {
        let given = |name: &str| lookup(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        // A variable for traces alone takes precedence over that for all signals.
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
        let is_for_all = !named.contains("TRACES");
        let endpoint = if is_for_all { format!("{}{PATH}", endpoint.trim_end_matches('/')) } else { endpoint };
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
        let sampler = sampler(&given, mistakes);
        let attributes = given("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let is_named = attributes.split(',').any(|pair| pair.trim_start().starts_with("service.name="));
        Some(Self {
            endpoint: Secret::new(endpoint),
            sampler,
            queue: usize::try_from(queue).unwrap_or(usize::MAX),
            batch: usize::try_from(batch).unwrap_or(usize::MAX),
            delay: Duration::from_millis(delay.into()),
            timeout: Duration::from_millis(timeout.into()),
            names_service: is_named || given("OTEL_SERVICE_NAME").is_some(),
        })
    }
}

/// Returns the sampler that is named, or else the standard's default.
fn sampler(given: &dyn Fn(&str) -> Option<String>, mistakes: &mut Vec<String>) -> Sampler {
    let ratio = given("OTEL_TRACES_SAMPLER_ARG").map_or(Some(1.0), |text| text.parse::<f64>().ok());
    let ratio = ratio.filter(|ratio| (0.0..=1.0).contains(ratio)).unwrap_or_else(|| {
        mistakes.push("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1".to_owned());
        1.0
    });
    let name = given("OTEL_TRACES_SAMPLER").unwrap_or_else(|| "parentbased_always_on".to_owned());
    let (own, of_parent) = match name.strip_prefix("parentbased_") {
        Some(own) => (own, true),
        None => (&*name, false),
    };
    let own = match own {
        "always_on" => Sampler::AlwaysOn,
        "always_off" => Sampler::AlwaysOff,
        "traceidratio" => Sampler::TraceIdRatioBased(ratio),
        _ => {
            mistakes.push(format!("OTEL_TRACES_SAMPLER must be {SAMPLERS}"));
            Sampler::AlwaysOff
        }
    };
    if of_parent { Sampler::ParentBased(Box::new(own)) } else { own }
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
            ("OTEL_TRACES_SAMPLER", "jaeger_remote"),
            ("OTEL_TRACES_SAMPLER", "parentbased_parentbased_always_on"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
            ("OTEL_TRACES_SAMPLER_ARG", "NaN"),
            ("OTEL_TRACES_SAMPLER_ARG", "10%"),
        ] {
            let (_, mistakes) = load(&[(name, value), named]);
            assert!(matches!(&*mistakes, [only] if only.starts_with(name)), "{name}={value}: {mistakes:?}");
        }
    }

    #[test]
    fn it_goes_where_it_is_told_and_samples_as_it_is_told() {
        let all = "OTEL_EXPORTER_OTLP_ENDPOINT";
        for (name, value, endpoint) in [
            (all, " http://user:hidden@collector:4318/ ", "http://user:hidden@collector:4318/v1/traces"),
            (all, "https://collector/otlp", "https://collector/otlp/v1/traces"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector/traces ", "https://collector/traces"),
        ] {
            let settings = load(&[(name, value)]).0.unwrap();
            assert_eq!(settings.endpoint.expose(), endpoint);
            assert!(!format!("{settings:?}").contains("hidden"));
        }
        for (name, sampler) in [
            ("", "ParentBased(AlwaysOn)"),
            ("always_on", "AlwaysOn"),
            ("always_off", "AlwaysOff"),
            ("traceidratio ", "TraceIdRatioBased(0.25)"),
            ("parentbased_always_on", "ParentBased(AlwaysOn)"),
            ("parentbased_always_off", "ParentBased(AlwaysOff)"),
            ("parentbased_traceidratio", "ParentBased(TraceIdRatioBased(0.25))"),
        ] {
            let variables =
                [(all, "http://collector"), ("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", "0.25")];
            let (settings, mistakes) = load(&variables);
            assert_eq!((format!("{:?}", settings.unwrap().sampler), mistakes), (sampler.to_owned(), Vec::new()));
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
