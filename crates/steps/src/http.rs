//! Requests that the master sends.

/// A request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpRequest {
    /// `GET`, `POST` …
    pub method: String,
    /// The address, with its query.
    pub url: String,
    /// Headers in their order.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Vec<u8>,
    /// Seconds until a connection stands, and between two pieces of the answer.
    pub timeout_s: Option<f64>,
    /// Whether redirections are followed.
    pub allow_redirects: bool,
    /// Whether certificates are verified.
    pub verify: bool,
    /// A file with the authorities to verify with.
    pub ca_file: Option<String>,
    /// Files with a certificate of our own and its key.
    pub certificate: Option<(String, Option<String>)>,
    /// Proxies by scheme.
    pub proxies: Vec<(String, String)>,
}

/// One exchange on the way to the answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpExchange {
    /// The address.
    pub url: String,
    /// The headers that were sent.
    pub request_headers: Vec<(String, String)>,
    /// The status.
    pub status: u16,
    /// The headers of the answer.
    pub response_headers: Vec<(String, String)>,
    /// What was answered, as text.
    pub text: String,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum HttpResponse {
    /// Redirections, and the last answer.
    Answered(Vec<HttpExchange>),
    /// There was no connection, for this reason.
    NoConnection(String),
}
