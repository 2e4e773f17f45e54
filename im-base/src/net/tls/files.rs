//! Certificates, keys and lists of revocations, out of PEM files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use super::expiry;

/// Where the files are, each with its key in the configuration.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    pub(super) certificate: Path,
    pub(super) key: Path,
    pub(super) ca: Option<Path>,
    pub(super) crl: Option<Path>,
}

/// A file, and the key of the configuration that names it.
#[derive(Clone, Debug)]
pub(super) struct Path {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
}

/// What is in the files.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    ca: Vec<u8>,
    crl: Vec<u8>,
}

/// What that means.
pub(super) struct Material {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
    /// Empty where nobody is to be trusted.
    pub(super) roots: Arc<RootCertStore>,
    pub(super) revoked: Vec<CertificateRevocationListDer<'static>>,
    /// Seconds since 1970 until which the certificate is valid.
    pub(super) not_after: i64,
}

impl Path {
    async fn read(&self) -> anyhow::Result<Vec<u8>> {
        let read = tokio::fs::read(&self.path).await;
        read.with_context(|| format!("{} = {:?}: cannot be read", self.name, self.path))
    }
}

impl Paths {
    pub(super) async fn read(&self) -> anyhow::Result<Contents> {
        let optional = async |path: &Option<Path>| match path {
            Some(path) => path.read().await,
            None => Ok(Vec::new()),
        };
        Ok(Contents {
            certificate: self.certificate.read().await?,
            key: self.key.read().await?,
            ca: optional(&self.ca).await?,
            crl: optional(&self.crl).await?,
        })
    }

    /// What `contents` mean. The error names the key and the file.
    pub(super) fn parse(&self, contents: &Contents) -> anyhow::Result<Material> {
        let chain = certificates(&contents.certificate).with_context(|| {
            let Path { name, path } = &self.certificate;
            format!("{name} = {path:?}: wants the certificate in PEM, and behind it those between it and the CA")
        })?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).with_context(|| {
            let Path { name, path } = &self.key;
            format!("{name} = {path:?}: wants the certificate's private key in PEM")
        })?;
        let roots = match &self.ca {
            None => RootCertStore::empty(),
            Some(Path { name, path }) => roots(&contents.ca).with_context(|| {
                format!("{name} = {path:?}: wants the certificates of CAs in PEM")
            })?,
        };
        let revoked = match &self.crl {
            None => Vec::new(),
            Some(Path { name, path }) => {
                let lists = CertificateRevocationListDer::pem_slice_iter(&contents.crl);
                let lists = lists.collect::<Result<Vec<_>, _>>();
                match lists {
                    Ok(lists) if !lists.is_empty() => lists,
                    _ => bail!("{name} = {path:?}: wants lists of revoked certificates in PEM"),
                }
            }
        };
        let not_after = expiry::not_after(&chain[0]).with_context(|| {
            let Path { name, path } = &self.certificate;
            format!("{name} = {path:?}: is no certificate")
        })?;
        Ok(Material {
            chain,
            key,
            roots: Arc::new(roots),
            revoked,
            not_after,
        })
    }
}

impl Material {
    pub(super) fn is_expired(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.is_ok_and(|now| i64::try_from(now.as_secs()).is_ok_and(|now| now >= self.not_after))
    }
}

fn certificates(pem: &[u8]) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        bail!("there is no certificate in it");
    }
    Ok(found)
}

/// The CAs of a PEM file; ones that rustls has no use for are passed over as long as there is another one.
pub(super) fn roots(pem: &[u8]) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(pem)?);
    if added == 0 {
        bail!("there is no usable certificate of a CA in it");
    }
    Ok(roots)
}
