//! The values that the expressions of a tac file can have.

use std::cell::Cell;
use std::rc::Rc;

use crate::worker::LogTarget;

/// A value. Cloning is cheap: whatever can be large is shared.
#[derive(Clone)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Rc<str>),
    List(Rc<Items>),
    Tuple(Rc<Items>),
    Dict(Rc<Pairs>),
    /// `os.environ`
    Environ,
    /// A module, function or class, by its canonical dotted name.
    Known(&'static str),
    /// A method, still without its arguments.
    Method(Rc<Value>, Rc<str>),
    File(Rc<OpenFile>),
    /// What `open` and `sys.stdout` give to a log observer; a stream that is written to.
    Stream(LogTarget),
    Application,
    Observer(LogTarget),
    /// The `emit` method of an observer.
    Emit(LogTarget),
    LevelPredicate,
    /// The worker; there is one.
    Worker,
}

/// How deep lists may be nested, and how much a list may hold: values and bytes of text, those in its
/// lists included. Both keep comparing, printing and dropping cheap.
const NESTING_MAX: usize = 16;
const SIZE_MAX: usize = 1_000_000;

/// The values of a list or a tuple.
pub(crate) struct Items {
    values: Vec<Value>,
    extent: Extent,
}

/// The keys and values of a dict, in the order of their insertion, keys unique.
pub(crate) struct Pairs {
    pairs: Vec<(Value, Value)>,
    extent: Extent,
}

/// How deep and how large a value is.
#[derive(Clone, Copy)]
struct Extent {
    nesting: usize,
    count: usize,
}

/// A list would be nested too deeply or hold too much.
#[derive(Debug)]
pub(crate) struct TooLarge;

impl Extent {
    fn around<'a>(values: impl Iterator<Item = &'a Value>) -> Result<Self, TooLarge> {
        let mut extent = Self {
            nesting: 0,
            count: 1,
        };
        for value in values {
            let inner = value.extent();
            extent.nesting = extent.nesting.max(inner.nesting);
            extent.count = extent.count.saturating_add(inner.count);
        }
        extent.nesting += 1;
        if extent.nesting > NESTING_MAX || extent.count > SIZE_MAX {
            return Err(TooLarge);
        }
        Ok(extent)
    }
}

impl Items {
    pub(crate) fn new(values: Vec<Value>) -> Result<Rc<Self>, TooLarge> {
        let extent = Extent::around(values.iter())?;
        Ok(Rc::new(Self { values, extent }))
    }

    pub(crate) fn values(&self) -> &[Value] {
        &self.values
    }
}

impl Pairs {
    /// Later values replace earlier ones of the same key.
    pub(crate) fn new(given: Vec<(Value, Value)>) -> Result<Rc<Self>, TooLarge> {
        let mut pairs: Vec<(Value, Value)> = Vec::new();
        for (key, value) in given {
            match pairs.iter_mut().find(|(known, _)| known.equals(&key)) {
                Some(pair) => pair.1 = value,
                None => pairs.push((key, value)),
            }
        }
        let extent = Extent::around(pairs.iter().flat_map(|(key, value)| [key, value]))?;
        Ok(Rc::new(Self { pairs, extent }))
    }

    pub(crate) fn pairs(&self) -> &[(Value, Value)] {
        &self.pairs
    }

    pub(crate) fn get(&self, key: &Value) -> Option<&Value> {
        self.pairs
            .iter()
            .find(|(known, _)| known.equals(key))
            .map(|(_, value)| value)
    }
}

/// A text file that was read; the position moves as in Python.
pub(crate) struct OpenFile {
    content: String,
    position: Cell<usize>,
}

impl OpenFile {
    /// `content` with its line ends turned into `\n`.
    pub(crate) fn new(content: &str) -> Self {
        Self {
            content: content.replace("\r\n", "\n").replace('\r', "\n"),
            position: Cell::new(0),
        }
    }

    pub(crate) fn read(&self) -> &str {
        let rest = self.content.get(self.position.get()..).unwrap_or("");
        self.position.set(self.content.len());
        rest
    }

    /// The next line with its `\n`; empty at the end.
    pub(crate) fn read_line(&self) -> &str {
        let start = self.position.get();
        let rest = self.content.get(start..).unwrap_or("");
        let length = rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        self.position.set(start + length);
        rest.get(..length).unwrap_or("")
    }
}

impl Value {
    pub(crate) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// What a message calls a value of this kind. Never the value, which may be secret.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "True or False",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a fractional number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Dict(_) => "a dict",
            Self::Environ => "os.environ",
            Self::Known(name) => name,
            Self::Method(..) | Self::Emit(_) => "a method without its call",
            Self::File(_) => "an open file",
            Self::Stream(_) => "an output stream",
            Self::Application => "the application",
            Self::Observer(_) => "a log observer",
            Self::LevelPredicate => "a log filter",
            Self::Worker => "the worker",
        }
    }

    fn extent(&self) -> Extent {
        match self {
            Self::List(items) | Self::Tuple(items) => items.extent,
            Self::Dict(pairs) => pairs.extent,
            // Methods hold their object; objects of methods are not methods.
            Self::Method(object, _) => {
                let inner = object.extent();
                Extent {
                    nesting: inner.nesting + 1,
                    count: inner.count,
                }
            }
            Self::Text(text) => Extent {
                nesting: 0,
                count: text.len().saturating_add(1),
            },
            _ => Extent {
                nesting: 0,
                count: 1,
            },
        }
    }

    /// How much work comparing or printing the value is.
    pub(crate) fn size(&self) -> usize {
        self.extent().count
    }

    /// Python's truth; `None` for what the environment must decide.
    pub(crate) fn truth(&self) -> Option<bool> {
        Some(match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) | Self::Tuple(items) => !items.values().is_empty(),
            Self::Dict(pairs) => !pairs.pairs().is_empty(),
            Self::Environ => return None,
            _ => true,
        })
    }

    /// Python's `==`.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) | (Self::Environ, Self::Environ) => true,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) | (Self::Tuple(a), Self::Tuple(b)) => {
                a.values().len() == b.values().len()
                    && a.values().iter().zip(b.values()).all(|(a, b)| a.equals(b))
            }
            (Self::Dict(a), Self::Dict(b)) => {
                a.pairs().len() == b.pairs().len()
                    && a.pairs()
                        .iter()
                        .all(|(key, value)| b.get(key).is_some_and(|other| value.equals(other)))
            }
            (Self::Known(a), Self::Known(b)) => a == b,
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) => a.partial_cmp(&b) == Some(std::cmp::Ordering::Equal),
                _ => false,
            },
        }
    }

    /// The value as a number; True and False are 1 and 0.
    pub(crate) fn number(&self) -> Option<Number> {
        match self {
            Self::Bool(value) => Some(Number::Int(i128::from(*value))),
            Self::Int(value) => Some(Number::Int(*value)),
            Self::Float(value) => Some(Number::Float(*value)),
            _ => None,
        }
    }
}

/// A number of either kind.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Number {
    Int(i128),
    Float(f64),
}

impl Number {
    pub(crate) fn float(self) -> f64 {
        match self {
            Self::Int(value) => value as f64,
            Self::Float(value) => value,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.partial_cmp(b),
            _ => self.float().partial_cmp(&other.float()),
        }
    }
}
