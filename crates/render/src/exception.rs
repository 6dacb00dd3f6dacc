//! The exceptions that Python raises where a value cannot be computed.

use std::fmt;

use buildbot_model::python_text::repr_of_text;

/// Why a value could not be computed: an exception as Python would raise it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {message}")]
pub struct Exception {
    /// `module.Class`, such as `builtins.KeyError`.
    pub class: String,
    /// Its text.
    pub message: String,
    /// Python's traceback, if it was raised there.
    pub traceback: Option<String>,
    /// The last place in the user's code: file and line.
    pub place: Option<(String, u32)>,
}

/// The classes of exceptions that are raised here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named as in Python, without `Error`")]
pub enum Kind {
    Attribute,
    Config,
    Index,
    Key,
    Memory,
    Overflow,
    Recursion,
    Runtime,
    Type,
    Value,
    ZeroDivision,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Attribute => "builtins.AttributeError",
            Self::Config => "buildbot.config.errors.ConfigErrors",
            Self::Index => "builtins.IndexError",
            Self::Key => "builtins.KeyError",
            Self::Memory => "builtins.MemoryError",
            Self::Overflow => "builtins.OverflowError",
            Self::Recursion => "builtins.RecursionError",
            Self::Runtime => "builtins.RuntimeError",
            Self::Type => "builtins.TypeError",
            Self::Value => "builtins.ValueError",
            Self::ZeroDivision => "builtins.ZeroDivisionError",
        })
    }
}

impl Exception {
    /// An exception of one of Python's own classes, or of a wrong configuration.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            class: kind.to_string(),
            message: message.into(),
            traceback: None,
            place: None,
        }
    }

    pub(crate) fn type_error(message: impl Into<String>) -> Self {
        Self::new(Kind::Type, message)
    }

    /// A `KeyError`, whose text Python shows in quotes.
    pub(crate) fn key(text: &str) -> Self {
        Self::new(Kind::Key, repr_of_text(text))
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(Kind::Config, message)
    }

    /// The class without its module.
    pub fn name(&self) -> &str {
        self.class
            .rsplit_once('.')
            .map_or(self.class.as_str(), |(_, name)| name)
    }
}
