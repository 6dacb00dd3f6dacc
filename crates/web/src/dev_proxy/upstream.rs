//! The master that a proxy asks, with one connection for each request.

use std::sync::Arc;
use std::time::Duration;

use buildbot_model::Secret;
use http_body_util::{Either, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERER, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Request, Response, StatusCode, Uri, upgrade};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::TaskTracker;

/// How long a master may take to accept a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);

/// The cookie with which Buildbot knows people.
const SESSION: &str = "TWISTED_SESSION";

/// What belongs to one connection and not to the message.
const OF_CONNECTION: [HeaderName; 5] = [CONNECTION, UPGRADE, TE, TRAILER, TRANSFER_ENCODING];

/// Why a master cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// Its address is none.
    #[error("buildbot_url must be such as http://localhost:8010/, not '{0}'")]
    Url(String),
    /// There is no TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// Why a master does not answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("{0}")]
    Connect(std::io::Error),
    #[error("it does not accept within {} s", CONNECT_PATIENCE.as_secs())]
    Late,
    #[error("{0}")]
    Http(hyper::Error),
    #[error("{0}")]
    Uri(hyper::http::Error),
    #[error("only a WebSocket can be opened here")]
    NoUpgrade,
}

type Body = Either<Empty<Bytes>, Incoming>;

pub(super) struct Upstream {
    tls: Option<TlsConnector>,
    host: String,
    port: u16,
    /// `host`, or `host:port` if the port is not the usual one.
    authority: String,
    /// What its paths begin with.
    path: String,
    session: Option<Secret<String>>,
    tasks: TaskTracker,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Upstream {
    pub(super) fn new(
        url: &str,
        session: Option<Secret<String>>,
        takes_any_certificate: bool,
        tasks: TaskTracker,
    ) -> Result<Self, UpstreamError> {
        let wrong = || UpstreamError::Url(url.to_owned());
        let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let host = uri.host().ok_or_else(wrong)?;
        let tls = match uri.scheme_str() {
            Some("http") => None,
            Some("https") => Some(connector(takes_any_certificate).map_err(UpstreamError::Tls)?),
            _ => return Err(wrong()),
        };
        let usual = if tls.is_some() { 443 } else { 80 };
        Ok(Self {
            authority: match uri.port_u16() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            },
            port: uri.port_u16().unwrap_or(usual),
            host: host.trim_matches(['[', ']']).to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
            session: session.map(|given| Secret::new(session_of(given.expose()))),
            tls,
            tasks,
        })
    }

    /// Its address without a `/` at the end.
    pub(super) fn url(&self) -> String {
        format!("{}{}", self.origin(), self.path)
    }

    fn origin(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Response<Incoming>, AskError> {
        let request = Request::get(format!("{}{path}", self.path));
        let mut request = request
            .body(Either::Left(Empty::new()))
            .map_err(AskError::Uri)?;
        self.prepare(request.headers_mut());
        self.send(request).await
    }

    /// Passes a request on, and the answer back.
    pub(super) async fn pass(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Incoming>, AskError> {
        let (mut head, body) = request.into_parts();
        head.uri = self.uri(&head.uri)?;
        for name in OF_CONNECTION {
            head.headers.remove(name);
        }
        self.prepare(&mut head.headers);
        let mut answer = self
            .send(Request::from_parts(head, Either::Right(body)))
            .await?;
        for name in OF_CONNECTION {
            answer.headers_mut().remove(name);
        }
        Ok(answer)
    }

    /// Passes a WebSocket on: once both sides have agreed, bytes go to and fro as they come.
    pub(super) async fn upgrade(
        &self,
        mut request: Request<Incoming>,
    ) -> Result<Response<Incoming>, AskError> {
        if !request.headers().contains_key(UPGRADE) {
            return Err(AskError::NoUpgrade);
        }
        let of_client = upgrade::on(&mut request);
        let (mut head, _) = request.into_parts();
        head.uri = self.uri(&head.uri)?;
        self.prepare(&mut head.headers);
        let request = Request::from_parts(head, Either::Left(Empty::new()));
        let mut answer = self.send(request).await?;
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            let of_master = upgrade::on(&mut answer);
            self.tasks.spawn(async move {
                let (Ok(client), Ok(master)) = tokio::join!(of_client, of_master) else {
                    return;
                };
                let (mut client, mut master) = (TokioIo::new(client), TokioIo::new(master));
                // One of them has gone.
                drop(tokio::io::copy_bidirectional(&mut client, &mut master).await);
            });
        }
        Ok(answer)
    }

    fn uri(&self, of_client: &Uri) -> Result<Uri, AskError> {
        let rest = of_client.path_and_query().map_or("/", |rest| rest.as_str());
        let uri = Uri::builder().path_and_query(format!("{}{rest}", self.path));
        uri.build().map_err(AskError::Uri)
    }

    /// The master believes that its own page asks.
    fn prepare(&self, headers: &mut HeaderMap) {
        let mut set = |name, text: String| match HeaderValue::from_str(&text) {
            Ok(value) => drop(headers.insert(name, value)),
            Err(_) => drop(headers.remove(name)),
        };
        set(HOST, self.authority.clone());
        set(ORIGIN, self.origin());
        headers.remove(REFERER);
        let Some(session) = &self.session else {
            return;
        };
        let cookies = headers.get_all(COOKIE);
        let others = cookies
            .iter()
            .filter_map(|cookies| cookies.to_str().ok())
            .flat_map(|cookies| cookies.split(';'))
            .map(str::trim)
            .filter(|cookie| !cookie.is_empty() && !cookie.starts_with(SESSION));
        let mut all: Vec<String> = others.map(str::to_owned).collect();
        all.push(format!("{SESSION}={}", session.expose()));
        if let Ok(mut value) = HeaderValue::from_str(&all.join("; ")) {
            value.set_sensitive(true);
            headers.insert(COOKIE, value);
        }
    }

    async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, AskError> {
        let connecting = tokio::time::timeout(CONNECT_PATIENCE, self.connect());
        let stream = connecting.await.map_err(|_| AskError::Late)??;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(AskError::Http)?;
        self.tasks.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to the master ends");
            }
        });
        sender.send_request(request).await.map_err(AskError::Http)
    }

    async fn connect(&self) -> Result<Box<dyn Stream>, AskError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(AskError::Connect)?;
        stream.set_nodelay(true).map_err(AskError::Connect)?;
        let Some(tls) = &self.tls else {
            return Ok(Box::new(stream));
        };
        let name = ServerName::try_from(self.host.clone());
        let name = name.map_err(|error| AskError::Connect(std::io::Error::other(error)))?;
        let stream = tls.connect(name, stream).await.map_err(AskError::Connect)?;
        Ok(Box::new(stream))
    }
}

/// The value of the cookie, also if somebody gives all cookies as browsers show them.
fn session_of(given: &str) -> String {
    given
        .split(';')
        .filter_map(|cookie| cookie.split_once('='))
        .find(|(name, _)| name.trim() == SESSION)
        .map_or(given, |(_, value)| value)
        .trim()
        .to_owned()
}

fn connector(takes_any_certificate: bool) -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    // What the system trusts; those that cannot be read are missed when they are needed.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    if takes_any_certificate {
        config
            .dangerous()
            .set_certificate_verifier(Arc::new(Anybody(provider)));
    }
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Takes every certificate: `--unsafe_ssl`.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::task::TaskTracker;

    use super::{Upstream, session_of};

    #[test]
    fn masters_have_addresses() {
        let check = |url: &str, expected: Option<(&str, u16, &str)>| {
            let upstream = Upstream::new(url, None, false, TaskTracker::new()).ok();
            let found = upstream.map(|it| (it.host.clone(), it.port, it.url()));
            let expected =
                expected.map(|(host, port, url)| (host.to_owned(), port, url.to_owned()));
            assert_eq!(found, expected, "{url}");
        };
        check("http://h//", Some(("h", 80, "http://h")));
        check("https://h/bb/", Some(("h", 443, "https://h/bb")));
        check(
            "http://[::1]:8010",
            Some(("::1", 8010, "http://[::1]:8010")),
        );
        check("ftp://h", None);
        check("h:8010", None);
        check("", None);
    }

    #[test]
    fn a_session_is_found_among_all_cookies() {
        assert_eq!(session_of("abc"), "abc");
        assert_eq!(session_of("a=b; TWISTED_SESSION=x.y; c=d"), "x.y");
    }
}
