//! TLS: whom to trust, who we are, and what went wrong.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use tokio_rustls::TlsConnector;

use super::Stream;
use buildbot_endpoint::client::{Identity, Ssl, Tls};

/// Why TLS cannot be set up or fails.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that is needed cannot be read or holds nothing of use.
    #[error("cannot use {path}: {reason}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There are no certificates to trust.
    #[error("no trusted root certificates are found in {0}; the master cannot be verified")]
    NoRoots(String),
    /// Not a name that a certificate can be for.
    #[error("{0:?} is no name that a certificate can be valid for")]
    Name(String),
    /// Key and certificate do not fit, or similar.
    #[error("TLS cannot be set up: {0}")]
    Setup(#[from] rustls::Error),
    /// The certificate does not verify.
    #[error("the certificate of {host:?} is refused: {reason}")]
    Certificate {
        /// The name that was expected.
        host: String,
        /// Why.
        reason: String,
    },
    /// The handshake fails for another reason.
    #[error("TLS with {host:?} fails: {source}")]
    Handshake {
        /// The name that was expected.
        host: String,
        /// Why.
        source: io::Error,
    },
}

/// How much of the server's certificate is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Check {
    /// That it leads to a trusted root and is valid for the host.
    Full,
    /// That it leads to a trusted root.
    ChainOnly,
    /// Nothing.
    Nothing,
}

/// A TLS client that is ready to start.
pub(super) struct Plan {
    roots: Roots,
    identity: Option<Identity>,
    host: String,
    check: Check,
}

enum Roots {
    System,
    Directory(PathBuf),
}

impl Plan {
    /// Full verification against the roots of the system.
    pub(super) fn for_host(host: &str) -> Self {
        Self {
            roots: Roots::System,
            identity: None,
            host: host.to_owned(),
            check: Check::Full,
        }
    }

    pub(super) fn for_tls(tls: &Tls) -> Self {
        Self {
            roots: tls
                .trust_roots
                .clone()
                .map_or(Roots::System, Roots::Directory),
            identity: tls.identity.clone(),
            host: tls.tcp.host.clone(),
            check: Check::Full,
        }
    }

    pub(super) fn for_ssl(ssl: &Ssl) -> Self {
        let check = match (&ssl.hostname, &ssl.ca_certs_dir) {
            (Some(_), _) => Check::Full,
            (None, Some(_)) => Check::ChainOnly,
            (None, None) => Check::Nothing,
        };
        Self {
            roots: ssl
                .ca_certs_dir
                .clone()
                .map_or(Roots::System, Roots::Directory),
            identity: ssl.identity.clone(),
            host: ssl.hostname.clone().unwrap_or_else(|| ssl.tcp.host.clone()),
            check,
        }
    }

    /// Does the handshake on `stream`.
    pub(super) async fn start(self, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, TlsError> {
        let host = self.host.clone();
        let name = ServerName::try_from(host.clone()).map_err(|_| TlsError::Name(host.clone()))?;
        // Reads files, several hundred for the system's roots.
        let config = tokio::task::spawn_blocking(move || self.config()).await;
        let config = config
            .map_err(|error| TlsError::Setup(rustls::Error::General(error.to_string())))??;
        let connector = TlsConnector::from(Arc::new(config));
        match connector.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(source) => Err(handshake_error(host, source)),
        }
    }

    fn config(&self) -> Result<ClientConfig, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let builder = match self.check {
            Check::Full | Check::ChainOnly => {
                let verifier = Verifier::new(self.roots.load()?, self.check, provider)?;
                builder
                    .dangerous()
                    .with_custom_certificate_verifier(Arc::new(verifier))
            }
            Check::Nothing => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Anybody(provider))),
        };
        Ok(match &self.identity {
            Some(identity) => {
                let (certificates, key) = load_identity(identity)?;
                builder.with_client_auth_cert(certificates, key)?
            }
            None => builder.with_no_client_auth(),
        })
    }
}

impl Roots {
    fn load(&self) -> Result<Trusted, TlsError> {
        let mut store = Trusted {
            roots: RootCertStore::empty(),
            own: Vec::new(),
        };
        let origin = match self {
            Roots::System => {
                let found = rustls_native_certs::load_native_certs();
                for error in &found.errors {
                    tracing::warn!("root certificates of the system: {error}");
                }
                store.roots.add_parsable_certificates(found.certs);
                "the system's certificate store".to_owned()
            }
            Roots::Directory(directory) => {
                add_directory(&mut store, directory)?;
                directory.display().to_string()
            }
        };
        if store.roots.is_empty() {
            return Err(TlsError::NoRoots(origin));
        }
        Ok(store)
    }
}

/// Whom to trust.
struct Trusted {
    roots: RootCertStore,
    /// Those of a directory of the user's: any of them may be the server's own.
    own: Vec<CertificateDer<'static>>,
}

impl Trusted {
    fn add(&mut self, certificate: CertificateDer<'static>) -> Result<(), rustls::Error> {
        self.roots.add(certificate.clone())?;
        self.own.push(certificate);
        Ok(())
    }
}

/// Trusts all files of a directory that end in `.pem`; those that are of no use are skipped.
fn add_directory(store: &mut Trusted, directory: &Path) -> Result<(), TlsError> {
    let unreadable = |error: io::Error| TlsError::File {
        path: directory.to_owned(),
        reason: error.to_string(),
    };
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_none_or(|extension| extension != "pem") {
            continue;
        }
        let certificates = match CertificateDer::pem_file_iter(&path) {
            Ok(certificates) => certificates,
            Err(error) => {
                tracing::warn!("{} is skipped: {error}", path.display());
                continue;
            }
        };
        for certificate in certificates {
            let added = certificate
                .map_err(|error| error.to_string())
                .and_then(|certificate| store.add(certificate).map_err(|error| error.to_string()));
            if let Err(error) = added {
                tracing::warn!("a certificate in {} is skipped: {error}", path.display());
            }
        }
    }
    Ok(())
}

fn load_identity(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let failed = |path: &Path, reason: String| TlsError::File {
        path: path.to_owned(),
        reason,
    };
    let path = &identity.certificate;
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| failed(path, error.to_string()))?;
    if certificates.is_empty() {
        return Err(failed(path, "it holds no certificate".to_owned()));
    }
    let path = identity.private_key.as_ref().unwrap_or(path);
    let key =
        PrivateKeyDer::from_pem_file(path).map_err(|error| failed(path, error.to_string()))?;
    Ok((certificates, key))
}

fn handshake_error(host: String, source: io::Error) -> TlsError {
    let inner = source
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(reason)) = inner else {
        return TlsError::Handshake { host, source };
    };
    let reason = match reason {
        CertificateError::UnknownIssuer => {
            "it is not signed by a trusted root; trustRoots=DIRECTORY in the connection string \
             names a directory of PEM files to trust"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "it is not signed with the key of the trusted root that it names; perhaps that root is \
             of an authority that has been renewed since"
                .to_owned()
        }
        other => other.to_string(),
    };
    TlsError::Certificate { host, reason }
}

/// Checks that the certificate leads to a trusted root, or is one, and which name it is for.
///
/// `openssl req -x509` makes certificates that sign themselves and say that they are an authority's. The library takes
/// none of an authority for a server's, but OpenSSL and with it the Python worker do when it is trusted itself.
#[derive(Debug)]
struct Verifier {
    chain: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
    takes_any_name: bool,
}

impl Verifier {
    fn new(
        trusted: Trusted,
        check: Check,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let roots = Arc::new(trusted.roots);
        let chain = WebPkiServerVerifier::builder_with_provider(roots, provider).build();
        Ok(Self {
            chain: chain
                .map_err(|error| TlsError::Setup(rustls::Error::General(error.to_string())))?,
            trusted: trusted.own,
            takes_any_name: check == Check::ChainOnly,
        })
    }

    /// Whether it is trusted itself and nothing is wrong but that an authority's is used as a server's. That is looked
    /// at after its time.
    fn is_trusted_itself(
        &self,
        certificate: &CertificateDer<'_>,
        error: &CertificateError,
    ) -> bool {
        let CertificateError::Other(error) = error else {
            return false;
        };
        error.to_string() == "CaUsedAsEndEntity"
            && self.trusted.iter().any(|trusted| trusted == certificate)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut verified = self.chain.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        if let Err(rustls::Error::InvalidCertificate(error)) = &verified
            && self.is_trusted_itself(end_entity, error)
        {
            let parsed = ParsedCertificate::try_from(end_entity)?;
            verified =
                verify_server_name(&parsed, server_name).map(|()| ServerCertVerified::assertion());
        }
        match verified {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.takes_any_name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// Checks nothing about the server: what `ssl:` without `hostname` and `caCertsDir` asks for.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;

    /// A certificate for `localhost` that signs itself, as `openssl req -x509` makes them.
    fn self_signed(directory: &Path) -> CertificateDer<'static> {
        let file = directory.join("cert.pem");
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:P-256", "-nodes", "-days", "30"])
            .args(["-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost"])
            .arg("-keyout")
            .arg(directory.join("key"))
            .arg("-out")
            .arg(&file)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        CertificateDer::from_pem_file(file).unwrap()
    }

    fn verify(
        trusted: &Path,
        check: Check,
        certificate: &CertificateDer<'_>,
        name: &str,
        later: Duration,
    ) -> Result<(), CertificateError> {
        let roots = Roots::Directory(trusted.to_owned()).load().unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = Verifier::new(roots, check, provider).unwrap();
        let name = ServerName::try_from(name).unwrap();
        let now =
            UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + later);
        match verifier.verify_server_cert(certificate, &[], &name, &[], now) {
            Ok(_) => Ok(()),
            Err(rustls::Error::InvalidCertificate(error)) => Err(error),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_certificate_that_signs_itself_is_taken_if_it_is_trusted_in_time_and_for_the_name() {
        let (own, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let certificate = self_signed(own.path());
        self_signed(other.path());
        let now = Duration::ZERO;
        let later = Duration::from_secs(60 * 24 * 3600);
        let (own, other) = (own.path(), other.path());
        let full = |trusted, name, later| verify(trusted, Check::Full, &certificate, name, later);
        assert_eq!(full(own, "localhost", now), Ok(()));
        assert!(matches!(
            full(own, "example.org", now),
            Err(CertificateError::NotValidForNameContext { .. })
        ));
        assert!(matches!(
            full(own, "localhost", later),
            Err(CertificateError::ExpiredContext { .. })
        ));
        assert!(full(other, "localhost", now).is_err());
        let chain = |trusted| verify(trusted, Check::ChainOnly, &certificate, "example.org", now);
        assert_eq!(chain(own), Ok(()));
        assert!(chain(other).is_err());
    }
}
