//! The database.

use anyhow::Context;
use im_base::config::{ConfigError, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store;

/// The database.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// `sqlite:PATH`: folder and file are made when they are missing.
    /// `mysql://USER@HOST:PORT/DATABASE`, also for MariaDB: the database is made when this user may.
    pub url: String,
    /// A file whose first line is the password of a MySQL user.
    pub password_file: String,
    /// The password itself, which goes before `password_file` and one in the URL. Give it by environment, as
    /// FERROTALK_STORE__PASSWORD.
    pub password: Secret,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            url: "sqlite:data/ferrotalk.db".to_owned(),
            password_file: String::new(),
            password: Secret::default(),
        }
    }
}

impl StoreConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        if store::is_url(&self.url) {
            return Ok(());
        }
        let mend = "write sqlite:PATH, for example sqlite:data/ferrotalk.db, or mysql://USER@HOST:PORT/DATABASE, \
                    and the password into store.password_file";
        Err(ConfigError::value(
            "store.url",
            store::shown(&self.url),
            mend,
        ))
    }

    /// The password of a MySQL user, where one is given apart from the URL. The error names the key.
    pub(crate) fn password(&self) -> anyhow::Result<Option<String>> {
        let given = self.password.expose();
        if !given.is_empty() {
            return Ok(Some(given.to_owned()));
        }
        if self.password_file.is_empty() {
            return Ok(None);
        }
        let file = &self.password_file;
        let text = std::fs::read_to_string(file).with_context(|| {
            format!("store.password_file = {file:?}: cannot be read, name a file with the password in its first line")
        })?;
        Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
    }
}
