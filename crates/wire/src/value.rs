//! Values that both protocols carry.

/// An argument or a result, as either protocol carries it.
///
/// Tuples, byte strings apart from text, references and copied objects exist in Perspective Broker
/// only; MessagePack has byte strings, and turns tuples into lists.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Python's `None`, MessagePack's nil.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer. Device and inode numbers need more than 63 bits.
    Int(i128),
    /// A double.
    Float(f64),
    /// A byte string: file contents, challenges, exception type names.
    Bytes(Vec<u8>),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A dictionary, in the order in which it travelled.
    Dict(Vec<(Value, Value)>),
    /// An object of the peer.
    Remote(u64),
    /// An object of our own that comes home.
    Local(u64),
    /// A copied object: dotted class name and state.
    Copied {
        /// Dotted name of the class.
        class: String,
        /// The state, normally a dictionary.
        state: Box<Value>,
    },
}

impl Value {
    /// Roughly the bytes that it takes in memory.
    #[must_use]
    pub fn memory_cost(&self) -> usize {
        let below = match self {
            Value::Bytes(bytes) => bytes.len(),
            Value::Text(text) => text.len(),
            Value::List(items) | Value::Tuple(items) => items.iter().map(Value::memory_cost).sum(),
            Value::Dict(pairs) => pairs
                .iter()
                .map(|(key, value)| key.memory_cost() + value.memory_cost())
                .sum(),
            Value::Copied { class, state } => class.len() + state.memory_cost(),
            Value::None
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Remote(_)
            | Value::Local(_) => 0,
        };
        below + size_of::<Value>()
    }

    /// Text, or a byte string that is valid UTF-8: peers send either where text is meant.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// A byte string, or the bytes of a text.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            Value::Text(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// An integer; booleans count as 0 and 1.
    #[must_use]
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Value::Int(number) => Some(*number),
            Value::Bool(truth) => Some(i128::from(*truth)),
            _ => None,
        }
    }

    /// A number of any kind, as a double.
    #[must_use]
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(number) => Some(*number),
            other => other.as_int().map(|number| number as f64),
        }
    }

    /// Python's truth of the value.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Value::None => false,
            Value::Bool(truth) => *truth,
            Value::Int(number) => *number != 0,
            Value::Float(number) => *number != 0.0,
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::Text(text) => !text.is_empty(),
            Value::List(items) | Value::Tuple(items) => !items.is_empty(),
            Value::Dict(pairs) => !pairs.is_empty(),
            Value::Remote(_) | Value::Local(_) | Value::Copied { .. } => true,
        }
    }

    /// Whether this is `None`.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }

    /// The elements of a list or a tuple; a receiver treats them alike.
    #[must_use]
    pub fn as_sequence(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) | Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a dictionary.
    #[must_use]
    pub fn as_dict(&self) -> Option<&[(Value, Value)]> {
        match self {
            Value::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The value under a text key of a dictionary.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_dict()?
            .iter()
            .find(|(candidate, _)| candidate.as_text() == Some(key))
            .map(|(_, value)| value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number.into())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Float(number)
    }
}
