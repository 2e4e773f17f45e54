//! A CA and what it signs.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber,
};
use thiserror::Error;

/// What the certificates are good for besides the names that are given.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// A name that only certificates for links have: whoever dials can insist on it (`[links] name`).
pub(crate) const NODE_NAME: &str = "node.ferrotalk.internal";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer ones are refused by some systems.
const VALID: Duration = DAY.saturating_mul(825);

/// The files of a development CA.
#[derive(Clone, Debug)]
pub struct Files {
    dir: PathBuf,
}

/// Nothing came of it.
#[derive(Debug, Error)]
pub enum IssueError {
    /// A file or folder does not do what it must.
    #[error("{what} {}", .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: io::Error,
    },
    /// A CA whose key is somewhere else. A new one would not be believed by those who have this one.
    #[error(
        "{} is there and its key, ca.key, is not: bring it back, or begin anew without ca.pem", .0.display()
    )]
    NoKey(PathBuf),
    /// Neither a name nor an address.
    #[error("{0:?} is neither a host's name nor an address")]
    Name(String),
    /// A key that cannot be read, above all.
    #[error("making the certificate")]
    Certificate(#[from] rcgen::Error),
}

/// A certificate's serial number that is to be put on the list of revoked ones.
#[derive(Clone, Copy, Debug)]
pub struct Revoked(pub u64);

impl Files {
    /// Those of that folder, there or not.
    pub fn in_folder(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// The CA's own certificate.
    pub fn ca(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// A certificate and its key: `server` or `node`, or another name that was issued.
    pub fn pair(&self, name: &str) -> (PathBuf, PathBuf) {
        let file = |kind: &str| self.dir.join(format!("{name}.{kind}"));
        (file("pem"), file("key"))
    }

    fn ca_key(&self) -> PathBuf {
        self.dir.join("ca.key")
    }

    /// The CA, made if it is not there yet.
    fn issuer(&self) -> Result<(Issuer<'static, KeyPair>, bool), IssueError> {
        let (path, key_path) = (self.ca(), self.ca_key());
        let params = ca_params()?;
        std::fs::create_dir_all(&self.dir).map_err(|source| IssueError::File {
            what: "making the folder",
            path: self.dir.clone(),
            source,
        })?;
        if key_path.exists() && path.exists() {
            let pem = std::fs::read_to_string(&key_path).map_err(|source| IssueError::File {
                what: "reading",
                path: key_path,
                source,
            })?;
            return Ok((Issuer::new(params, KeyPair::from_pem(&pem)?), false));
        }
        if path.exists() {
            return Err(IssueError::NoKey(path));
        }
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        write_private(&key_path, &key.serialize_pem())?;
        write(&path, &certificate.pem())?;
        Ok((Issuer::new(params, key), true))
    }

    /// Makes a certificate `NAME.pem` with its key that is valid until then.
    pub fn issue(
        &self,
        name: &str,
        serial: u64,
        names: &[String],
        for_links: bool,
        until: SystemTime,
    ) -> Result<(), IssueError> {
        if let Some(name) = names.iter().find(|name| !is_host(name)) {
            return Err(IssueError::Name(name.clone()));
        }
        let (issuer, _) = self.issuer()?;
        let this_machine = THIS_MACHINE.map(str::to_owned);
        let node = for_links.then(|| NODE_NAME.to_owned());
        let names = this_machine.into_iter().chain(names.iter().cloned());
        let names: Vec<String> = names.chain(node).collect();
        let mut params = CertificateParams::new(names)?;
        let common_name = if for_links {
            "Ferrotalk node"
        } else {
            "Ferrotalk server"
        };
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.serial_number = Some(SerialNumber::from(serial));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if for_links {
            let dials = ExtendedKeyUsagePurpose::ClientAuth;
            params.extended_key_usages.push(dials);
        }
        // Clocks differ; and a certificate may be made for a past that is over.
        let now = SystemTime::now();
        params.not_before = (now.min(until) - DAY).into();
        params.not_after = until.into();
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        let (path, key_path) = self.pair(name);
        write_private(&key_path, &key.serialize_pem())?;
        write(&path, &certificate.pem())
    }

    /// Makes `crl.pem`, the CA's list of revoked certificates.
    pub fn revoke(&self, revoked: &[Revoked]) -> Result<PathBuf, IssueError> {
        let (issuer, _) = self.issuer()?;
        let now = SystemTime::now();
        let revoked = revoked.iter().map(|Revoked(serial)| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now.into(),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: (now - DAY).into(),
            next_update: (now + VALID).into(),
            crl_number: SerialNumber::from(seconds(now)),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.dir.join("crl.pem");
        write(&path, &list.signed_by(&issuer)?.pem()?)?;
        Ok(path)
    }
}

/// Makes what is missing: a CA, a certificate for clients and one for links, good for this machine and `names`. Gives what was
/// made.
pub fn development(
    files: &Files,
    names: &[String],
    renew: bool,
) -> Result<Vec<PathBuf>, IssueError> {
    let is_there = |name| {
        let (path, key_path) = files.pair(name);
        path.exists() && key_path.exists()
    };
    // The CA's key may be elsewhere, where nothing is to be made.
    if !renew && files.ca().exists() && is_there("server") && is_there("node") {
        return Ok(Vec::new());
    }
    let (_, is_new) = files.issuer()?;
    let mut made = Vec::new();
    if is_new {
        made.push(files.ca());
    }
    for (name, for_links) in [("server", false), ("node", true)] {
        if renew || is_new || !is_there(name) {
            let until = SystemTime::now() + VALID;
            files.issue(
                name,
                fastrand::u64(1..=u64::MAX >> 1),
                names,
                for_links,
                until,
            )?;
            made.push(files.pair(name).0);
        }
    }
    Ok(made)
}

/// What the CA says of itself. The same every time, so that a key alone is enough to go on.
fn ca_params() -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::new(Vec::new())?;
    let name = &mut params.distinguished_name;
    name.push(DnType::CommonName, "Ferrotalk development CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let now = SystemTime::now();
    params.not_before = (now - DAY).into();
    params.not_after = (now + VALID * 4).into();
    Ok(params)
}

/// Whether a certificate can have it: an address, or a name of letters, digits, dots and hyphens, the first part of which may be `*`.
fn is_host(name: &str) -> bool {
    let part = |part: &str| {
        let known = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
        !part.is_empty() && part.bytes().all(known)
    };
    let rest = name.strip_prefix("*.").unwrap_or(name);
    name.parse::<IpAddr>().is_ok() || rest.split('.').all(part)
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn write(path: &Path, text: &str) -> Result<(), IssueError> {
    replace(path, text, 0o644)
}

fn write_private(path: &Path, text: &str) -> Result<(), IssueError> {
    replace(path, text, 0o600)
}

/// In one step, for somebody may read it at any time.
fn replace(path: &Path, text: &str, mode: u32) -> Result<(), IssueError> {
    let new = path.with_extension("new");
    // One that was left behind would keep the mode it has.
    drop(std::fs::remove_file(&new));
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(&new);
    let written = file
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&new, path));
    written.map_err(|source| IssueError::File {
        what: "writing",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_what_is_missing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::in_folder(&folder.path().join("tls"));
        let names = ["im.example.org".to_owned(), "10.0.0.5".to_owned()];
        assert_eq!(development(&files, &names, false).unwrap().len(), 3);
        assert!(development(&files, &names, false).unwrap().is_empty());
        let before = std::fs::read(files.ca()).unwrap();
        std::fs::remove_file(files.pair("node").1).unwrap();
        assert_eq!(
            development(&files, &names, false).unwrap(),
            [files.pair("node").0]
        );
        assert_eq!(development(&files, &names, true).unwrap().len(), 2);
        assert_eq!(std::fs::read(files.ca()).unwrap(), before);
        for bad in ["no name", "", "a..b", "https://a", "10.0.0.5:80"] {
            let error = development(&files, &[bad.to_owned()], true);
            assert!(matches!(error, Err(IssueError::Name(_))), "{bad:?}");
        }
        development(&files, &["*.example.org".to_owned()], true).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn keys_are_their_owner_s() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let files = Files::in_folder(folder.path());
        development(&files, &[], false).unwrap();
        for path in [files.ca_key(), files.pair("server").1, files.pair("node").1] {
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
    }
}
