//! Exceptions that travel.

use crate::Value;

/// An exception of the peer, or one of ours for the peer.
///
/// Over PB it travels as a copied failure; over msgpack only [`Failure::value`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Dotted Python names of the class and its ancestors, most derived first, down to
    /// `builtins.object`. Peers recognise a class by looking for its name here.
    pub parents: Vec<String>,
    /// The message.
    pub value: String,
    /// A printable traceback.
    pub traceback: String,
}

/// What stands in place of a traceback that there is none of.
const NO_TRACEBACK: &str = "Traceback unavailable\n";

/// Longest text of a failure that is sent, in bytes. A peer drops the connection at 640 KiB, and a
/// command whose end cannot be reported would never end for the master.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Name under which a failure is copied.
const COPYABLE_FAILURE: &str = "twisted.spread.pb.CopyableFailure";

impl Failure {
    /// A failure of the class `class`, with its ancestors below `builtins.Exception`.
    ///
    /// `class` and `ancestors` are dotted names, e.g. `builtins.KeyError` and `builtins.LookupError`.
    pub fn new(class: &str, ancestors: &[&str], value: impl Into<String>) -> Self {
        let mut parents = vec![class.to_owned()];
        parents.extend(ancestors.iter().map(|&ancestor| ancestor.to_owned()));
        for root in [
            "builtins.Exception",
            "builtins.BaseException",
            "builtins.object",
        ] {
            if !parents.iter().any(|parent| parent == root) {
                parents.push(root.to_owned());
            }
        }
        Self {
            parents,
            value: value.into(),
            traceback: NO_TRACEBACK.to_owned(),
        }
    }

    /// A method that an object does not have. Masters look for this class to find out that a worker is old.
    pub fn no_such_method(method: &str) -> Self {
        Self::new(
            "twisted.spread.flavors.NoSuchMethod",
            &["builtins.AttributeError"],
            format!("No such method: remote_{method}"),
        )
    }

    /// Arguments of the wrong number or type.
    pub fn type_error(text: impl Into<String>) -> Self {
        Self::new("builtins.TypeError", &[], text)
    }

    /// Dotted name of the class.
    pub fn class(&self) -> &str {
        self.parents
            .first()
            .map_or("builtins.Exception", String::as_str)
    }

    /// Whether the class or one of its ancestors has this dotted name.
    pub fn is(&self, class: &str) -> bool {
        self.parents.iter().any(|parent| parent == class)
    }

    /// The copied failure, with the keys that upstream's programs need.
    pub fn to_value(&self) -> Value {
        let text = |text: &str| Value::Text(clipped(text));
        let pairs: [(&str, Value); 10] = [
            ("count", Value::Int(1)),
            ("type", Value::Bytes(self.class().as_bytes().to_vec())),
            ("value", text(&self.value)),
            ("captureVars", Value::Bool(false)),
            ("tb", Value::None),
            ("unsafeTracebacks", Value::Bool(false)),
            (
                "parents",
                Value::List(self.parents.iter().map(|parent| text(parent)).collect()),
            ),
            ("frames", Value::List(Vec::new())),
            ("stack", Value::List(Vec::new())),
            ("traceback", text(&self.traceback)),
        ];
        let state = pairs
            .into_iter()
            .map(|(key, value)| (text(key), value))
            .collect();
        Value::Copied {
            class: COPYABLE_FAILURE.to_owned(),
            state: Box::new(Value::Dict(state)),
        }
    }

    /// Reads a copied failure. Unknown keys are ignored, missing ones are empty.
    pub fn from_value(value: &Value) -> Option<Self> {
        let Value::Copied { class, state } = value else {
            return None;
        };
        if class != COPYABLE_FAILURE {
            return None;
        }
        let text = |key: &str| match state.get(key) {
            Some(nested @ Value::Copied { .. }) => {
                Self::from_value(nested).map(|failure| failure.value)
            }
            Some(value) => value.as_text().map(str::to_owned),
            None => None,
        };
        let mut parents: Vec<String> = state
            .get("parents")
            .and_then(Value::as_sequence)
            .unwrap_or_default()
            .iter()
            .filter_map(|parent| parent.as_text().map(str::to_owned))
            .collect();
        if let Some(class) = text("type")
            && parents.first() != Some(&class)
        {
            parents.insert(0, class);
        }
        Some(Self {
            parents,
            value: text("value").unwrap_or_default(),
            traceback: text("traceback").unwrap_or_default(),
        })
    }
}

/// The beginning of a text that is too long.
fn clipped(text: &str) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text.to_owned();
    }
    // The last four bytes within the limit hold a boundary of characters.
    let mut kept = (TEXT_BYTES_MAX - 3..=TEXT_BYTES_MAX)
        .rev()
        .filter_map(|end| text.get(..end));
    format!("{} […]", kept.next().unwrap_or_default())
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.class(), self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_survives_the_journey() {
        let failure = Failure::new("builtins.KeyError", &["builtins.LookupError"], "'workdir'");
        assert_eq!(
            Failure::from_value(&failure.to_value()),
            Some(failure.clone())
        );
        assert!(failure.is("builtins.LookupError"));
        assert_eq!(
            failure.parents.last().map(String::as_str),
            Some("builtins.object")
        );
    }

    #[test]
    fn a_failure_of_any_length_can_be_sent() {
        let failure = Failure::new("a.B", &[], "é".repeat(1 << 20));
        let mut sent = Vec::new();
        crate::pb::jelly::encode(&mut sent, &failure.to_value()).unwrap();
        assert!(sent.len() < 3 * TEXT_BYTES_MAX);
    }

    #[test]
    fn a_failure_may_hold_another_as_its_value() {
        let inner = Failure::new("a.B", &[], "inner").to_value();
        let outer = Value::Copied {
            class: COPYABLE_FAILURE.to_owned(),
            state: Box::new(Value::Dict(vec![
                (Value::from("type"), Value::from("c.D")),
                (Value::from("value"), inner),
            ])),
        };
        let failure = Failure::from_value(&outer).unwrap();
        assert_eq!((failure.class(), failure.value.as_str()), ("c.D", "inner"));
    }
}
