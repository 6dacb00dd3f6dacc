//! The HTTP request that turns a connection into a WebSocket stream.
//!
//! Source: `docs/formats/msgpack.md`, "WebSocket" and "Authentication".

use buildbot_model::Secret;
use data_encoding::BASE64;
use tungstenite::handshake::derive_accept_key;

/// Longest head of a request or response, and most headers in it.
const HEAD_BYTES_MAX: usize = 16 << 10;
const HEADERS_MAX: usize = 64;

/// Why the stream was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// Not HTTP, or not a request or response that opens a WebSocket.
    #[error("not a WebSocket handshake: {0}")]
    Malformed(String),
    /// The head does not end.
    #[error("an HTTP head of more than {HEAD_BYTES_MAX} bytes")]
    TooLong,
    /// The server answers with something other than 101.
    #[error("the master answers the request with status {status} {reason}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its text.
        reason: String,
    },
}

/// What a worker asks for.
#[derive(Debug, Clone)]
pub struct ClientRequest {
    /// Host and port as they stand in the URL; IPv6 addresses in brackets.
    pub authority: String,
    /// Begins with `/`.
    pub path: String,
    /// Name of the worker; must not contain a colon.
    pub name: String,
    /// Its password.
    pub password: Secret<String>,
    /// 16 random bytes.
    pub key: [u8; 16],
}

impl ClientRequest {
    fn encoded_key(&self) -> String {
        BASE64.encode(&self.key)
    }

    /// The bytes of the request.
    pub fn encode(&self) -> Vec<u8> {
        let credentials = format!("{}:{}", self.name, self.password.expose());
        format!(
            "GET {path} HTTP/1.1\r\n\
             User-Agent: buildbot-worker/{version}\r\n\
             Host: {authority}\r\n\
             Upgrade: WebSocket\r\n\
             Connection: Upgrade\r\n\
             Pragma: no-cache\r\n\
             Cache-Control: no-cache\r\n\
             Authorization: Basic {credentials}\r\n\
             Sec-WebSocket-Key: {key}\r\n\
             Sec-WebSocket-Version: 13\r\n\
             \r\n",
            path = self.path,
            version = env!("CARGO_PKG_VERSION"),
            authority = self.authority,
            credentials = BASE64.encode(credentials.as_bytes()),
            key = self.encoded_key(),
        )
        .into_bytes()
    }

    /// Reads the response: its length once it is whole and opens the stream.
    pub fn read_response(&self, input: &[u8]) -> Result<Option<usize>, HandshakeError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let Some(length) = head_length(response.parse(input), input)? else {
            return Ok(None);
        };
        let status = response.code.unwrap_or_default();
        if status != 101 {
            let reason = response.reason.unwrap_or_default().to_owned();
            return Err(HandshakeError::Refused { status, reason });
        }
        let accept = header(response.headers, "Sec-WebSocket-Accept");
        let expected = derive_accept_key(self.encoded_key().as_bytes());
        if accept != Some(expected.as_bytes()) {
            return Err(malformed("Sec-WebSocket-Accept does not match the key"));
        }
        if header(response.headers, "Sec-WebSocket-Extensions").is_some() {
            return Err(malformed("an extension that was not offered"));
        }
        Ok(Some(length))
    }
}

/// Name and password as a worker gives them.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Name of the worker.
    pub name: String,
    /// The password that it gives.
    pub password: Secret<String>,
}

/// A request that a master has received.
#[derive(Debug, Clone)]
pub struct ServerRequest {
    /// How many bytes it had.
    pub length: usize,
    /// `None` without an `Authorization` header.
    pub credentials: Option<Credentials>,
    accept: String,
}

impl ServerRequest {
    /// Reads a request once it is whole. An error is to be answered with [`BAD_REQUEST`].
    pub fn read(input: &[u8]) -> Result<Option<Self>, HandshakeError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let Some(length) = head_length(request.parse(input), input)? else {
            return Ok(None);
        };
        if request.method != Some("GET") {
            return Err(malformed("the method is not GET"));
        }
        let upgrade = header(request.headers, "Upgrade").unwrap_or_default();
        if !upgrade.eq_ignore_ascii_case(b"websocket") {
            return Err(malformed("no upgrade to WebSocket is asked for"));
        }
        if header(request.headers, "Sec-WebSocket-Version") != Some(b"13") {
            return Err(malformed("the version of WebSocket is not 13"));
        }
        let Some(key) = header(request.headers, "Sec-WebSocket-Key") else {
            return Err(malformed("Sec-WebSocket-Key is missing"));
        };
        let credentials = header(request.headers, "Authorization")
            .map(credentials)
            .transpose()?;
        Ok(Some(Self {
            length,
            credentials,
            accept: derive_accept_key(key),
        }))
    }

    /// The bytes of the response that opens the stream.
    pub fn accept(&self) -> Vec<u8> {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\n\
             Server: buildbot/{version}\r\n\
             Upgrade: WebSocket\r\n\
             Connection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\
             \r\n",
            version = env!("CARGO_PKG_VERSION"),
            accept = self.accept,
        )
        .into_bytes()
    }
}

/// The response to wrong or missing credentials; the connection is closed after it.
pub const UNAUTHORIZED: &[u8] = b"HTTP/1.1 401 Unauthorized\r\n\r\n";

/// The response to a request that cannot be read; the connection is closed after it.
pub const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad request\r\n\r\n";

fn head_length(
    parsed: httparse::Result<usize>,
    input: &[u8],
) -> Result<Option<usize>, HandshakeError> {
    match parsed {
        Ok(httparse::Status::Complete(length)) => Ok(Some(length)),
        Ok(httparse::Status::Partial) if input.len() > HEAD_BYTES_MAX => {
            Err(HandshakeError::TooLong)
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(error) => Err(HandshakeError::Malformed(error.to_string())),
    }
}

fn header<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a [u8]> {
    let header = headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name));
    header.map(|header| header.value)
}

fn credentials(value: &[u8]) -> Result<Credentials, HandshakeError> {
    let value = std::str::from_utf8(value).unwrap_or_default();
    let encoded = match value.split_once(' ') {
        Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => encoded.trim(),
        _ => return Err(malformed("the authorization is not Basic")),
    };
    let decoded = BASE64
        .decode(encoded.as_bytes())
        .ok()
        .and_then(|decoded| String::from_utf8(decoded).ok())
        .ok_or_else(|| malformed("the credentials cannot be decoded"))?;
    match decoded.split_once(':') {
        Some((name, password)) => Ok(Credentials {
            name: name.to_owned(),
            password: Secret::new(password.to_owned()),
        }),
        None => Err(malformed("the credentials have no colon")),
    }
}

fn malformed(what: &str) -> HandshakeError {
    HandshakeError::Malformed(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> ClientRequest {
        ClientRequest {
            authority: "master.example:9990".to_owned(),
            path: "/".to_owned(),
            name: "w".to_owned(),
            password: Secret::new("p:q".to_owned()),
            key: [7; 16],
        }
    }

    #[test]
    fn the_two_ends_agree() {
        let request = request();
        let bytes = request.encode();
        for length in 0..bytes.len() {
            assert!(ServerRequest::read(&bytes[..length]).unwrap().is_none());
        }
        let received = ServerRequest::read(&bytes).unwrap().unwrap();
        assert_eq!(received.length, bytes.len());
        let credentials = received.credentials.as_ref().unwrap();
        assert_eq!(
            (
                credentials.name.as_str(),
                credentials.password.expose().as_str()
            ),
            ("w", "p:q")
        );
        let mut response = received.accept();
        let length = response.len();
        response.extend(b"more");
        assert_eq!(request.read_response(&response), Ok(Some(length)));
    }

    fn check(response: &[u8], error: HandshakeError) {
        assert_eq!(request().read_response(response), Err(error));
    }

    #[test]
    fn a_refusal_is_told_from_nonsense() {
        check(
            UNAUTHORIZED,
            HandshakeError::Refused {
                status: 401,
                reason: "Unauthorized".to_owned(),
            },
        );
        check(
            b"HTTP/1.1 101 x\r\nSec-WebSocket-Accept: no\r\n\r\n",
            malformed("Sec-WebSocket-Accept does not match the key"),
        );
        check(
            b"\x02\x80",
            HandshakeError::Malformed("invalid HTTP version".to_owned()),
        );
        let endless = [b"HTTP/1.1 101 x\r\nA: ".as_slice(), &[b'a'; HEAD_BYTES_MAX]].concat();
        check(&endless, HandshakeError::TooLong);
    }

    #[test]
    fn a_master_names_what_is_wrong_with_a_request() {
        let good = String::from_utf8(request().encode()).unwrap();
        for (from, to) in [
            ("GET", "PUT"),
            ("Upgrade: WebSocket", "Upgrade: other"),
            ("Version: 13", "Version: 8"),
            ("Sec-WebSocket-Key", "X-Key"),
            ("Basic ", "Digest "),
            ("Basic ", "Basic %"),
        ] {
            let bad = good.replace(from, to);
            assert_ne!(bad, good);
            assert!(ServerRequest::read(bad.as_bytes()).is_err(), "{to}");
        }
        let anonymous = good.replace("Authorization", "X-Authorization");
        assert!(
            ServerRequest::read(anonymous.as_bytes())
                .unwrap()
                .unwrap()
                .credentials
                .is_none()
        );
    }
}
