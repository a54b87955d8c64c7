//! TLS around the protocol, on a port of its own. Not a byte inside it is different.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use x509_parser::parse_x509_certificate;

/// Where TLS is spoken, and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsConfig {
    /// `HOST:PORT` to listen on; port 0 lets the system choose.
    pub listen: String,
    /// PEM file with the certificate of the server, and those that lead to a root.
    pub certificate: PathBuf,
    /// PEM file with its private key.
    pub key: PathBuf,
    /// PEM file with the certificates of those who sign for clients. With it, a client has to have a
    /// certificate, and acts for the client alone whose name is the common name of its subject.
    pub client_ca: Option<PathBuf>,
}

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
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
    #[error("there is no certificate in {}", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not go together, or are of a kind that is not known.
    #[error("certificate and key cannot be used")]
    Identity(#[from] rustls::Error),
    /// The authorities for clients cannot be used.
    #[error("the certificates of --tls-client-ca cannot be used")]
    ClientCa(#[from] VerifierBuilderError),
}

/// Takes connections over.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    certified: bool,
}

impl Tls {
    /// Reads the files.
    pub(crate) fn new(config: &TlsConfig) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_file(&config.key).map_err(|source| TlsError::Pem {
            what: "a private key",
            path: config.key.clone(),
            source,
        })?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = match &config.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for root in certificates(path)? {
                    roots.add(root)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                        .build()?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let server = builder.with_single_cert(certificates(&config.certificate)?, key)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(server)),
            certified: config.client_ca.is_some(),
        })
    }

    /// The handshake; and the name of the client, where certificates tell it.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        patience: Duration,
    ) -> io::Result<(Box<TlsStream<TcpStream>>, Option<String>)> {
        let stream = timeout(patience, self.acceptor.accept(stream)).await??;
        let name = match self.certified {
            true => Some(client_name(&stream)?),
            false => None,
        };
        Ok((Box::new(stream), name))
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
        return Err(TlsError::NoCertificate {
            path: path.to_owned(),
        });
    }
    Ok(certificates)
}

/// The common name in the certificate of the peer, which rustls has verified.
fn client_name(stream: &TlsStream<TcpStream>) -> io::Result<String> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidData, what);
    let (_, session) = stream.get_ref();
    let certificate = session
        .peer_certificates()
        .and_then(<[CertificateDer<'_>]>::first)
        .ok_or_else(|| invalid("the client has no certificate"))?;
    let (_, certificate) = parse_x509_certificate(certificate)
        .map_err(|_| invalid("the certificate of the client cannot be read"))?;
    let mut names = certificate.subject().iter_common_name();
    // Of two names it could be either.
    match (names.next().map(|name| name.as_str()), names.next()) {
        (Some(Ok(name)), None) => Ok(name.to_owned()),
        _ => Err(invalid(
            "the certificate of the client has not one common name",
        )),
    }
}
