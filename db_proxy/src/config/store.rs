//! The database.

use std::io;

use im_base::config::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// The password of a MySQL user, where one is given apart from the URL.
    pub(crate) fn password(&self) -> io::Result<Option<String>> {
        let given = self.password.expose();
        if !given.is_empty() {
            return Ok(Some(given.to_owned()));
        }
        if self.password_file.is_empty() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&self.password_file)?;
        Ok(Some(text.lines().next().unwrap_or_default().to_owned()))
    }
}
