use tracing::level_filters::LevelFilter;

use super::{ConfigError, reader::Reader};

/// Level and format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// `LOG_LEVEL`: the least severe level that is logged.
    pub level: LevelFilter,
    /// `LOG_FORMAT`: the form of a log line.
    pub format: LogFormat,
}

/// Form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: the message, then `name=value` for each field.
    Text,
    /// For programs: one JSON object.
    Json,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: LevelFilter::INFO, format: LogFormat::Text }
    }
}

impl LogSettings {
    /// Reads the settings of the log alone, as [`Config::load`](super::Config::load) does: a host logs before it is
    /// configured.
    ///
    /// # Errors
    /// [`ConfigError`] where `LOG_LEVEL` or `LOG_FORMAT` is wrong.
    pub fn load(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut read = Reader { lookup, mistakes: Vec::new() };
        let settings = read.log_settings();
        if read.mistakes.is_empty() { Ok(settings) } else { Err(ConfigError(read.mistakes)) }
    }
}

impl Reader<'_> {
    pub(super) fn log_settings(&mut self) -> LogSettings {
        let default = LogSettings::default();
        let level = match self.get("LOG_LEVEL").as_deref() {
            None => default.level,
            Some("off") => LevelFilter::OFF,
            Some("error") => LevelFilter::ERROR,
            Some("warn") => LevelFilter::WARN,
            Some("info") => LevelFilter::INFO,
            Some(_) => {
                self.mistake("LOG_LEVEL must be off, error, warn or info");
                default.level
            }
        };
        let format = match self.get("LOG_FORMAT").as_deref() {
            None => default.format,
            Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(_) => {
                self.mistake("LOG_FORMAT must be text or json");
                default.format
            }
        };
        LogSettings { level, format }
    }

    pub(super) fn log_client_address(&mut self) -> bool {
        match self.get("LOG_CLIENT_ADDRESS").as_deref() {
            None | Some("off") => false,
            Some("on") => true,
            Some(_) => {
                self.mistake("LOG_CLIENT_ADDRESS must be on or off");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(level: &str, format: &str) -> Result<LogSettings, ConfigError> {
        LogSettings::load(&|name| match name {
            "LOG_LEVEL" => Some(level.to_owned()),
            "LOG_FORMAT" => Some(format.to_owned()),
            _ => None,
        })
    }

    #[test]
    fn levels_and_formats_have_names() {
        assert_eq!(load("", ""), Ok(LogSettings::default()));
        assert_eq!(load("off", "json"), Ok(LogSettings { level: LevelFilter::OFF, format: LogFormat::Json }));
        assert_eq!(load(" warn ", "text"), Ok(LogSettings { level: LevelFilter::WARN, format: LogFormat::Text }));
        let ConfigError(mistakes) = load("loud", "xml").unwrap_err();
        assert!(
            matches!(&mistakes[..], [level, format] if level.contains("LOG_LEVEL") && format.contains("LOG_FORMAT"))
        );
    }
}
