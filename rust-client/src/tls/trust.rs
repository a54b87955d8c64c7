//! Whether it is the server that it should be.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{
    CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, UnixTime,
};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    self, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};

use super::pins::{Pin, PinError};
use super::{TlsOptions, Trust};
use crate::server::ServerAddress;

/// Why TLS cannot be spoken, before anything is sent.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A PEM file.
    #[error("cannot take {what} from {}", path.display())]
    Pem {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// The file holds none.
    #[error("there is no certificate in {}", .0.display())]
    NoCertificate(PathBuf),
    /// The host is no name that a certificate could be for.
    #[error("the host of the server is no name for TLS")]
    Host(#[from] InvalidDnsNameError),
    /// The key that the server had before.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// Certificate and key do not go together, or are of a kind that is not known.
    #[error("certificate and key cannot be used")]
    Identity(#[from] rustls::Error),
}

/// Whether a connection came to nothing because the server's certificate was not taken.
#[must_use]
pub fn is_distrust(error: &io::Error) -> bool {
    let error = error.get_ref().and_then(|error| error.downcast_ref());
    matches!(error, Some(rustls::Error::InvalidCertificate(_)))
}

/// All that a handshake needs.
pub(super) struct Handshake {
    connector: TlsConnector,
    name: ServerName<'static>,
    pinned: Option<Arc<Pinned>>,
}

impl Handshake {
    pub(super) fn new(server: &ServerAddress, options: &TlsOptions) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let mut pinned = None;
        let builder = match &options.trust {
            Trust::Authority(path) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(path)? {
                    roots.add(root)?;
                }
                builder.with_root_certificates(roots)
            }
            Trust::Pinned(path) => {
                let pin = Pin::look_up(path, server)?;
                let verifier = pinned.insert(Arc::new(Pinned { pin, provider }));
                let verifier = Arc::clone(verifier);
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(verifier)
            }
        };
        let config = match &options.certificate {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let own = certificates(certificate)?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Pem {
                    what: "a private key",
                    path: key.clone(),
                    source,
                })?;
                builder.with_client_auth_cert(own, key)?
            }
        };
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name: ServerName::try_from(server.host().to_owned())?,
            pinned,
        })
    }

    pub(super) async fn shake(
        &self,
        stream: std::net::TcpStream,
        timeout: Duration,
    ) -> io::Result<TlsStream<tokio::net::TcpStream>> {
        stream.set_nonblocking(true)?;
        let stream = tokio::net::TcpStream::from_std(stream)?;
        let shaking = self.connector.connect(self.name.clone(), stream);
        let stream = tokio::time::timeout(timeout, shaking).await??;
        // Kept only now: the signature has shown that the server has the key to the certificate.
        let (_, session) = stream.get_ref();
        let certificate = session.peer_certificates().and_then(|all| all.first());
        if let (Some(pinned), Some(certificate)) = (&self.pinned, certificate) {
            let parsed = ParsedCertificate::try_from(certificate).map_err(io::Error::other)?;
            let key = parsed.subject_public_key_info();
            pinned.pin.keep(&key).map_err(io::Error::other)?;
        }
        Ok(stream)
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |source| TlsError::Pem {
        what: "certificates",
        path: path.to_owned(),
        source,
    };
    let read = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let certificates: Vec<_> = read.collect::<Result<_, _>>().map_err(failed)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(certificates)
}

/// Takes the key that is pinned, whatever the certificate says around it. That the server *has* the key
/// is in the signature of the handshake, which is verified as always.
#[derive(Debug)]
struct Pinned {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        self.pin
            .check(&parsed.subject_public_key_info())
            .map_err(|error| rustls::Error::Other(OtherError(Arc::new(error))))?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}
