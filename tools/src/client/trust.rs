//! Whose certificates a client believes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use im_base::net::tls::Dialer;

/// Where systems keep the certificates of the world's CAs, after what `SSL_CERT_FILE` says.
const SYSTEM: [&str; 3] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// The CA of `ferrotalk up --tls` in the current folder.
const DEVELOPMENT: &str = "data/tls/ca.pem";

/// CAs whose certificates are believed. Clones are the same.
#[derive(Clone, Debug)]
pub struct Trust(Arc<Dialer>);

impl PartialEq for Trust {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Trust {}

impl Trust {
    /// Those of a PEM file.
    pub fn file(path: &Path) -> anyhow::Result<Self> {
        let pem = std::fs::read(path);
        let pem = pem.with_context(|| format!("cannot read the CA {}", path.display()))?;
        let dialer = Dialer::trusting(&pem).with_context(|| path.display().to_string())?;
        Ok(Self(Arc::new(dialer)))
    }

    /// That of a development installation in this folder, if there is one; otherwise those that the system has.
    pub fn usual() -> anyhow::Result<Self> {
        let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let places = [PathBuf::from(DEVELOPMENT)].into_iter().chain(named);
        let mut places = places.chain(SYSTEM.map(PathBuf::from));
        match places.find(|path| path.is_file()) {
            Some(path) => Self::file(&path),
            None => bail!("this system has no list of CAs: name the CA with --ca"),
        }
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        &self.0
    }
}

/// Whether a client speaks TLS, as a command line says it.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, clap::Args, serde::Serialize, serde::Deserialize,
)]
pub struct TlsArgs {
    /// Connect to msg_servers with TLS, at the port for it that login_server names
    #[arg(long)]
    tls: bool,
    /// PEM file with the CA that has to vouch for the servers; without it ./data/tls/ca.pem if it is there, otherwise those
    /// of the system
    #[arg(long, value_name = "FILE", requires = "tls")]
    ca: Option<PathBuf>,
}

impl TlsArgs {
    /// With TLS, and this CA.
    pub fn with_ca(ca: impl Into<PathBuf>) -> Self {
        Self {
            tls: true,
            ca: Some(ca.into()),
        }
    }

    /// Whom to believe; `None`: TLS is not wanted.
    pub fn trust(&self) -> anyhow::Result<Option<Trust>> {
        match (&self.ca, self.tls) {
            (Some(path), _) => Trust::file(path).map(Some),
            (None, true) => Trust::usual().map(Some),
            (None, false) => Ok(None),
        }
    }
}
