//! Why TLS did not come about, or ended.

use std::fmt;
use std::io;

use rustls::{AlertDescription, CertificateError, Error};

use crate::net::connection::CloseReason;

/// What rustls says, with a constant word for it: the reason of the connection's end, and its metric label.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsError(pub(super) Error);

impl TlsError {
    /// The constant word.
    pub fn reason(&self) -> CloseReason {
        CloseReason(match &self.0 {
            Error::InvalidMessage(_) => "tls_not_spoken",
            Error::NoCertificatesPresented => "tls_certificate_missing",
            Error::InvalidCertificate(error) => of_certificate(error),
            Error::InvalidCertRevocationList(_) => "tls_revocation_list_bad",
            Error::AlertReceived(alert) => of_alert(*alert),
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => "tls_no_agreement",
            _ => "tls_broken",
        })
    }
}

fn of_certificate(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "tls_certificate_expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "tls_certificate_not_valid_yet"
        }
        CertificateError::Revoked => "tls_certificate_revoked",
        CertificateError::UnknownRevocationStatus => "tls_revocation_unknown",
        // A CA of the same name is not the same CA.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "tls_certificate_unknown"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "tls_certificate_of_another"
        }
        _ => "tls_certificate_bad",
    }
}

/// The other side ended it: usually for what it thinks of our certificate.
fn of_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied
        | AlertDescription::DecryptError
        | AlertDescription::CertificateRequired => "tls_refused_by_peer",
        AlertDescription::HandshakeFailure
        | AlertDescription::ProtocolVersion
        | AlertDescription::InsufficientSecurity => "tls_no_agreement",
        _ => "tls_broken",
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Error::InvalidMessage(_) => {
                f.write_str("the other side does not speak TLS on this port")
            }
            Error::NoCertificatesPresented => {
                f.write_str("the other side has shown no certificate")
            }
            Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::BadSignature,
            ) => f.write_str(
                "the other side's certificate is by nobody who is trusted here; name its CA",
            ),
            Error::InvalidCertificate(error) => {
                write!(f, "the other side's certificate is refused: {error}")
            }
            Error::AlertReceived(alert) => {
                write!(f, "the other side ended TLS, saying {alert:?}")
            }
            error => write!(f, "TLS: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_survives_the_way_through_an_io_error() {
        let expired = Error::InvalidCertificate(CertificateError::Expired);
        let error = io::Error::from(TlsError(expired));
        assert_eq!(
            CloseReason::from(&error),
            CloseReason("tls_certificate_expired")
        );
    }
}
