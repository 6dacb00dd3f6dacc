//! What can be wrong with an endpoint string.

/// Nested `endpoint=` keys; each level doubles the backslashes, so that nobody writes a third by hand.
pub(crate) const NESTING_MAX: usize = 8;

/// What is wrong with an endpoint string. Every message names the string.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("endpoint {text:?}: {problem}")]
pub struct EndpointError {
    /// The whole endpoint string.
    pub text: String,
    /// What is wrong with it.
    pub problem: Problem,
}

/// The reason of an [`EndpointError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The type is none of ours.
    #[error("unknown endpoint type {found:?}; expected {known}")]
    UnknownType {
        /// What stands there.
        found: String,
        /// The types that are known, for the reader.
        known: &'static str,
    },
    /// The last character is a `\`.
    #[error("it ends with a backslash; write \\\\ for one that counts")]
    TrailingBackslash,
    /// More positional arguments than the type has.
    #[error(
        "unexpected argument {argument:?} after {after}; a colon inside a value is written \\:"
    )]
    TooManyArguments {
        /// The first one too many.
        argument: String,
        /// The last positional argument of the type.
        after: &'static str,
    },
    /// A key that the type does not have.
    #[error("unknown key {key:?}; {kind} knows {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The endpoint type.
        kind: &'static str,
        /// The keys it has, for the reader.
        known: String,
    },
    /// An argument is given by place and by key.
    #[error("{0} is given twice")]
    Twice(&'static str),
    /// A needed argument is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A number is none, or out of range.
    #[error("{key} is {value:?}, but must be {expected}")]
    BadNumber {
        /// Name of the argument.
        key: &'static str,
        /// What stands there.
        value: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A key that Twisted has and this implementation has not.
    #[error("{key} is not supported; {instead}")]
    Unsupported {
        /// The key.
        key: &'static str,
        /// What to do about it.
        instead: &'static str,
    },
    /// A private key without a certificate.
    #[error("{key} needs {certificate} as well")]
    KeyWithoutCertificate {
        /// Name of the key's argument.
        key: &'static str,
        /// Name of the certificate's argument.
        certificate: &'static str,
    },
    /// The endpoint inside is wrong.
    #[error("in its key endpoint: {0}")]
    Nested(Box<EndpointError>),
    /// `endpoint=` inside `endpoint=` too often.
    #[error("endpoints are nested more than {NESTING_MAX} deep")]
    TooDeep,
    /// msgpack needs a host and a port for the WebSocket URL.
    #[error("Host and port must be specified in connection string")]
    NoWebSocketAddress,
}
