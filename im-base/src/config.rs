//! Configuration: documented defaults, then a TOML file, then the environment.
//!
//! A configuration is a struct of sections, each a struct of keys with a doc comment; every key has a default and
//! unknown keys are refused. `FERROTALK_<SECTION>__<KEY>` overrides one key. The documentation that
//! `--print-default-config` shows is made from the doc comments.

mod address;
mod secret;
mod tls;

use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::{Table, Value};

use crate::telemetry::logging::LogConfig;

pub use address::{check_listen, check_peer};
pub use secret::Secret;
pub use tls::{LinksConfig, TlsConfig};

/// Prefix of environment variables that override keys.
pub const ENV_PREFIX: &str = "FERROTALK_";

/// The configuration of one server.
pub trait ServerConfig: Default + Serialize + DeserializeOwned + JsonSchema {
    /// What is logged.
    fn log(&self) -> &LogConfig;
    /// Where the admin port listens.
    fn admin(&self) -> &AdminConfig;
    /// How long the end may take.
    fn shutdown(&self) -> &ShutdownConfig;

    /// Checks what types cannot express. The error names the key, the value and the mend.
    fn validate(&self) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Reads the files that the configuration names, as the start does. The error names the key.
    fn check_files(&self) -> impl Future<Output = anyhow::Result<()>> {
        async { Ok(()) }
    }
}

/// The port for operators: `/healthz`, `/readyz`, `/metrics`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Address and port; empty for none. It has no password: keep it on loopback or a private network.
    pub listen: String,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
        }
    }
}

/// The end of the process.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ShutdownConfig {
    /// Seconds from SIGTERM until what is still open is abandoned.
    pub deadline_seconds: u64,
}

impl Default for ShutdownConfig {
    fn default() -> Self {
        Self {
            deadline_seconds: 10,
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file is not readable.
    #[error("cannot read the configuration {path}: {source}; check the path given with --config")]
    Unreadable {
        /// The path that was given.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("{path} is not valid TOML: line {line}: {problem}")]
    Syntax {
        /// The path that was given.
        path: PathBuf,
        /// Where it is, from 1. What is written there may be a secret, and is not shown.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// A key is unknown or its value has the wrong type.
    #[error("{key}: {problem}; {mend}")]
    Key {
        /// Section and key.
        key: String,
        /// What is wrong with it.
        problem: String,
        /// How it is written.
        mend: String,
    },
    /// A value makes no sense.
    #[error("{key} = {value:?}: {mend}")]
    Value {
        /// Section and key.
        key: &'static str,
        /// The value that was given.
        value: String,
        /// What to write instead.
        mend: String,
    },
}

impl ConfigError {
    /// A value that makes no sense, with the mend.
    pub fn value(key: &'static str, value: impl ToString, mend: impl Into<String>) -> Self {
        Self::Value {
            key,
            value: value.to_string(),
            mend: mend.into(),
        }
    }
}

/// Reads a configuration: defaults, then the file if there is one, then `environment`, then the checks.
pub fn load<C: ServerConfig>(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<C, ConfigError> {
    let mut table = match path {
        Some(path) => read_file(path)?,
        None => Table::new(),
    };
    let defaults = default_table::<C>();
    override_from(&mut table, &defaults, environment);
    let config: C = serde_path_to_error::deserialize(Value::Table(table).into_deserializer())
        .map_err(|error: serde_path_to_error::Error<toml::de::Error>| {
            let key = error.path().to_string();
            ConfigError::Key {
                problem: error.inner().message().to_owned(),
                mend: written(&defaults, &key),
                key,
            }
        })?;
    config.log().parse_filter()?;
    check_listen("admin.listen", &config.admin().listen)?;
    config.validate()?;
    Ok(config)
}

/// How a key is written: as its default is. What is no key has none.
fn written(defaults: &Table, path: &str) -> String {
    let key = path.split('[').next().unwrap_or_default();
    let default = key.split_once('.').and_then(|(section, key)| {
        let default = defaults.get(section)?.get(key)?;
        Some(format!("write it as in {key} = {default}"))
    });
    default.unwrap_or_else(|| "--print-default-config shows every key".to_owned())
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().map_or("", |span| &text[..span.start]);
        ConfigError::Syntax {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            problem: error.message().to_owned(),
        }
    })
}

fn default_table<C: ServerConfig>() -> Table {
    Table::try_from(C::default()).expect("a configuration is made of TOML types")
}

/// Overrides the keys that `known` has. A value that reads as TOML of the known type is taken as such, anything else
/// as text; variables that fit no key of this server belong to another one and are left alone.
fn override_from(
    table: &mut Table,
    known: &Table,
    environment: impl IntoIterator<Item = (String, String)>,
) {
    for (name, text) in environment {
        let Some((section, key)) = name
            .strip_prefix(ENV_PREFIX)
            .and_then(|rest| rest.split_once("__"))
        else {
            continue;
        };
        let (section, key) = (section.to_lowercase(), key.to_lowercase());
        let Some(default) = known.get(&section).and_then(|section| section.get(&key)) else {
            continue;
        };
        let value = match format!("value = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut parsed| parsed.remove("value"))
        {
            Some(value) if !default.is_str() || value.is_str() => value,
            _ => Value::String(text),
        };
        let section = table
            .entry(section)
            .or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(section) = section {
            section.insert(key, value);
        }
    }
}

/// The default configuration as a TOML file with every key explained.
pub fn documented_default<C: ServerConfig>() -> String {
    let schema = schemars::SchemaGenerator::default().into_root_schema_for::<C>();
    let mut text = String::new();
    for (section, keys) in &default_table::<C>() {
        let section_schema = property(&schema, &schema, section);
        comment(&mut text, section_schema.as_ref());
        text.push_str(&format!("[{section}]\n"));
        for (key, value) in keys.as_table().into_iter().flatten() {
            let key_schema = section_schema
                .as_ref()
                .and_then(|section| property(&schema, section, key));
            comment(&mut text, key_schema.as_ref());
            text.push_str(&format!("{key} = {value}\n"));
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The schema of a property, with the reference resolved and the property's own description kept.
fn property(root: &Schema, object: &Schema, name: &str) -> Option<Schema> {
    let found = Schema::try_from(object.get("properties")?.get(name)?.clone()).ok()?;
    let Some(reference) = found.get("$ref").and_then(|reference| reference.as_str()) else {
        return Some(found);
    };
    let definition = root.pointer(reference.trim_start_matches('#'))?;
    let mut resolved = Schema::try_from(definition.clone()).ok()?;
    if let Some(description) = found.get("description") {
        resolved.insert("description".to_owned(), description.clone());
    }
    Some(resolved)
}

fn comment(text: &mut String, schema: Option<&Schema>) {
    let description = schema
        .and_then(|schema| schema.get("description"))
        .and_then(|text| text.as_str());
    for line in description.into_iter().flat_map(str::lines) {
        text.push_str(format!("# {line}").trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Example {
        log: LogConfig,
        admin: AdminConfig,
        shutdown: ShutdownConfig,
        /// Where others find us.
        peers: Peers,
    }

    #[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Peers {
        /// Addresses, in any order.
        route: Vec<String>,
        /// A name,
        /// over two lines.
        name: String,
        /// What nobody sees.
        key: Secret,
    }

    impl Default for Peers {
        fn default() -> Self {
            Self {
                route: vec!["127.0.0.1:8200".to_owned()],
                name: "42".to_owned(),
                key: Secret::default(),
            }
        }
    }

    impl ServerConfig for Example {
        fn log(&self) -> &LogConfig {
            &self.log
        }
        fn admin(&self) -> &AdminConfig {
            &self.admin
        }
        fn shutdown(&self) -> &ShutdownConfig {
            &self.shutdown
        }
        fn validate(&self) -> Result<(), ConfigError> {
            if self.peers.route.is_empty() {
                return Err(ConfigError::value(
                    "peers.route",
                    "[]",
                    "name at least one address",
                ));
            }
            Ok(())
        }
    }

    fn from_text(text: &str, environment: &[(&str, &str)]) -> Result<Example, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("example.toml");
        std::fs::write(&path, text).unwrap();
        load(
            Some(&path),
            environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn file_and_environment_override_defaults() {
        let config = from_text(
            "[peers]\nroute = ['a:1']\n[shutdown]\ndeadline_seconds = 3",
            &[
                ("FERROTALK_PEERS__ROUTE", "['b:2', 'c:3']"),
                ("FERROTALK_PEERS__NAME", "7"),
                ("FERROTALK_PEERS__KEY", "123"),
                ("FERROTALK_LOG__FILTER", "warn,im_base=debug"),
                ("FERROTALK_STORE__URL", "of another server"),
                ("FERROTALK_LOG__FORMAT", "json"),
                ("PATH", "/bin"),
            ],
        )
        .unwrap();
        assert_eq!(config.peers.route, ["b:2", "c:3"]);
        assert_eq!(config.peers.name, "7");
        assert_eq!(config.peers.key.expose(), "123");
        let shown = format!("{config:?} {}", toml::to_string(&config).unwrap());
        assert!(!shown.contains("123"), "{shown}");
        assert_eq!(config.log.filter, "warn,im_base=debug");
        assert_eq!(
            config.log.format,
            crate::telemetry::logging::LogFormat::Json
        );
        assert_eq!(config.shutdown.deadline_seconds, 3);
    }

    #[test]
    fn errors_show_no_secrets() {
        for text in [
            "[peers]\nkey = 12345678",
            "[peers]\nkey = true",
            "[peers]\nkey = \"12345678",
            "[peers]\nkey = [\"12345678\"]",
        ] {
            let error = from_text(text, &[]).unwrap_err().to_string();
            assert!(
                !error.contains("1234") && !error.contains("true"),
                "{error}"
            );
            assert!(
                error.contains("peers.key") || error.contains("line 2"),
                "{error}"
            );
        }
    }

    #[test]
    fn errors_name_the_key() {
        for (text, wanted) in [
            ("[peers]\nrute = []", "rute"),
            ("[peer]\n", "peer"),
            (
                "[shutdown]\ndeadline_seconds = 'soon'",
                "shutdown.deadline_seconds",
            ),
            (
                "[shutdown]\ndeadline_seconds = -1",
                "shutdown.deadline_seconds",
            ),
            ("[log]\nformat = 'xml'", "log.format"),
            ("[log]\nfilter = 'im_base=loud'", "log.filter"),
            ("[admin]\nlisten = '9100'", "admin.listen"),
            ("[peers]\nroute = 'a:1'", "route = [\"127.0.0.1:8200\"]"),
            ("[peers]\nroute = [1]", "route = [\"127.0.0.1:8200\"]"),
            ("[peers]\nroute = []", "peers.route"),
            ("[peers", "not valid TOML"),
        ] {
            let error = from_text(text, &[]).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text:?}: {error}");
        }
        let error = from_text("", &[("FERROTALK_SHUTDOWN__DEADLINE_SECONDS", "soon")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("shutdown.deadline_seconds"), "{error}");
    }

    #[test]
    fn the_documented_default_is_the_default() {
        let text = documented_default::<Example>();
        for line in [
            "# Where others find us.\n[peers]\n",
            "# A name,\n# over two lines.\nname = \"42\"\n",
            "# What nobody sees.\nkey = \"\"\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
        let config = from_text(&text, &[]).unwrap();
        assert_eq!(
            Table::try_from(config).unwrap(),
            Table::try_from(Example::default()).unwrap()
        );
    }
}
