//! Logs: structured, to standard error.

use std::io::IsTerminal;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::ConfigError;

/// What is logged and how it looks.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogConfig {
    /// Which events: a level (`error`, `warn`, `info`, `debug`, `trace`), or levels by module such as
    /// `info,im_base::peer=debug`.
    pub filter: String,
    /// `text` for people, `json` for machines: one object a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
            format: LogFormat::Text,
        }
    }
}

impl LogConfig {
    /// The error names the key and the mend. A word alone has to be a level: taken for a module, as the library would, a
    /// level with a typing mistake would keep all else out of the log, errors too.
    pub(crate) fn parse_filter(&self) -> Result<EnvFilter, ConfigError> {
        let words = self.filter.split(',').map(str::trim);
        let mut words = words.filter(|word| !word.contains(['=', '[', ']', '{', '}']));
        let problem = match words.find(|word| word.parse::<LevelFilter>().is_err()) {
            Some(word) => format!("{word:?} is no level"),
            None => match EnvFilter::try_new(&self.filter) {
                Ok(filter) => return Ok(filter),
                Err(error) => error.to_string(),
            },
        };
        let mend = format!("{problem}; write a level such as info, or module=level");
        Err(ConfigError::value("log.filter", &self.filter, mend))
    }
}

/// Starts logging for the process. A second call changes nothing, so that several servers can share a process in
/// tests. An unreadable filter is an error that names it.
pub fn init(config: &LogConfig) -> anyhow::Result<()> {
    let filter = config.parse_filter()?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // An error means that a subscriber is there already: the first one stays.
    let _already_there = match config.format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_alone_is_a_level() {
        let parsed = |filter: &str| {
            let filter = filter.to_owned();
            let config = LogConfig {
                filter,
                ..LogConfig::default()
            };
            config.parse_filter().map(drop)
        };
        for good in [
            "info",
            "WARN",
            "off",
            "info,im_base::peer=debug",
            "msg_server=trace, error",
            "info,[request{user=7}]=debug",
        ] {
            assert!(parsed(good).is_ok(), "{good}");
        }
        for bad in ["inof", "im_base", "info,debgu", "im_base=loud"] {
            let error = parsed(bad).unwrap_err().to_string();
            assert!(error.contains("log.filter"), "{error}");
        }
    }
}
