//! The arguments of an object as typed values.
//!
//! Constructors have checked what the reference checks. What they let through although nothing can be done
//! with it, a text where seconds are needed, is a warning, and a master does not start with it.

use std::sync::Arc;

use buildbot_model::Secret;

use crate::check::Check;
use crate::description::{Description, Object};
use crate::problem::Problem;
use buildbot_render::{Callable, ObjectId, Value};

/// A type of arguments.
pub trait FromValue: Sized {
    /// What is expected, for a message: "a number".
    const EXPECTED: &'static str;

    /// The value as this type, `None` if it is none.
    fn from_value(value: &Value, description: &Description) -> Option<Self>;
}

/// Seconds, also fractions of them.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Seconds(pub f64);

/// What may be one thing, or a list of them.
#[derive(Debug, Clone, PartialEq)]
pub struct OneOrMore<T>(pub Vec<T>);

impl<T> Default for OneOrMore<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl FromValue for Value {
    const EXPECTED: &'static str = "anything";

    fn from_value(value: &Value, _: &Description) -> Option<Self> {
        Some(value.clone())
    }
}

impl FromValue for bool {
    const EXPECTED: &'static str = "True or False";

    fn from_value(value: &Value, _: &Description) -> Option<Self> {
        Some(value.is_true())
    }
}

impl FromValue for i64 {
    const EXPECTED: &'static str = "an integer";

    fn from_value(value: &Value, _: &Description) -> Option<Self> {
        match value {
            Value::Int(number) => Some(*number),
            Value::Bool(value) => Some(Self::from(*value)),
            _ => None,
        }
    }
}

impl FromValue for Seconds {
    const EXPECTED: &'static str = "a number of seconds";

    fn from_value(value: &Value, _: &Description) -> Option<Self> {
        match value {
            Value::Float(number) | Value::Interval(number) => Some(Self(*number)),
            Value::Int(number) => Some(Self(*number as f64)),
            Value::Bool(value) => Some(Self(f64::from(u8::from(*value)))),
            _ => None,
        }
    }
}

impl FromValue for String {
    const EXPECTED: &'static str = "a text";

    fn from_value(value: &Value, _: &Description) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            Value::Bytes(bytes) => Self::from_utf8(bytes.clone()).ok(),
            Value::Path(path) => Some(path.clone()),
            _ => None,
        }
    }
}

impl FromValue for Callable {
    const EXPECTED: &'static str = "a callable";

    fn from_value(value: &Value, _: &Description) -> Option<Self> {
        match value {
            Value::Callable(callable) => Some((**callable).clone()),
            _ => None,
        }
    }
}

/// Objects that are called, looked up or rendered by their description.
impl FromValue for Arc<Object> {
    const EXPECTED: &'static str = "an object of Buildbot";

    fn from_value(value: &Value, description: &Description) -> Option<Self> {
        description.shared_object(value.as_object()?)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: &Value, description: &Description) -> Option<Self> {
        if value.is_none() {
            Some(None)
        } else {
            T::from_value(value, description).map(Some)
        }
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const EXPECTED: &'static str = "a list";

    fn from_value(value: &Value, description: &Description) -> Option<Self> {
        match value {
            Value::None => Some(Self::new()),
            Value::List(items)
            | Value::Tuple(items)
            | Value::Set(items)
            | Value::FrozenSet(items) => items
                .iter()
                .map(|item| T::from_value(item, description))
                .collect(),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for OneOrMore<T> {
    const EXPECTED: &'static str = "one value or a list of them";

    fn from_value(value: &Value, description: &Description) -> Option<Self> {
        match Vec::<T>::from_value(value, description) {
            Some(items) => Some(Self(items)),
            None => T::from_value(value, description).map(|only| Self(vec![only])),
        }
    }
}

/// Properties and the like: names and values in their order.
impl FromValue for Vec<(String, Value)> {
    const EXPECTED: &'static str = "a dictionary with texts as keys";

    fn from_value(value: &Value, description: &Description) -> Option<Self> {
        if value.is_none() {
            return Some(Self::new());
        }
        value
            .as_dict()?
            .iter()
            .map(|(name, value)| {
                String::from_value(name, description).map(|name| (name, value.clone()))
            })
            .collect()
    }
}

impl<T: FromValue> FromValue for Secret<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_value(value: &Value, description: &Description) -> Option<Self> {
        T::from_value(value, description).map(Secret::new)
    }
}

/// Reads the arguments of one object.
pub(crate) struct Reader<'d> {
    description: &'d Description,
    pub(crate) object: &'d Object,
    wrong: Vec<(String, &'static str)>,
}

impl<'d> Reader<'d> {
    pub(crate) fn new(description: &'d Description, object: &'d Object) -> Self {
        Self {
            description,
            object,
            wrong: Vec::new(),
        }
    }

    /// The argument as a `T`; `default` if it was left out or cannot be one.
    pub(crate) fn read<T: FromValue>(&mut self, name: &str, default: impl FnOnce() -> T) -> T {
        let Some(value) = self.object.arguments.get(name) else {
            return default();
        };
        match T::from_value(value, self.description) {
            Some(value) => value,
            None => {
                self.wrong.push((name.to_owned(), T::EXPECTED));
                default()
            }
        }
    }

    /// Reports what was of the wrong type.
    pub(crate) fn finish(self, check: &mut Check<'_>, id: ObjectId, name: &str) {
        let class = self
            .object
            .own_class()
            .rsplit('.')
            .next()
            .unwrap_or_default();
        let at = check.place_of(id);
        for (argument, expected) in self.wrong {
            check.refuse_at_start(
                Problem::warning(format!("{class} '{name}': {argument} must be {expected}"))
                    .at(at.clone()),
            );
        }
    }
}

/// Declares the typed arguments of a class: field, type, Python's name, and a default if it is not the type's.
macro_rules! arguments {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($field:ident: $type:ty = $argument:literal $(or $default:expr)?,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $(#[doc = concat!("The argument `", $argument, "`.")] pub $field: $type,)*
        }

        impl $name {
            pub(crate) fn read(reader: &mut $crate::arguments::Reader<'_>) -> Self {
                Self {
                    $($field: reader.read($argument, || {
                        $crate::arguments::arguments!(@default $($default)?)
                    }),)*
                }
            }
        }
    };
    (@default) => { Default::default() };
    (@default $default:expr) => { $default };
}
pub(crate) use arguments;
