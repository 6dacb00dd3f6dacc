//! The arguments of an object as typed values.
//!
//! Constructors have checked what the reference checks. What they let through although nothing can be done
//! with it, a text where seconds are needed, is a warning, and a master does not start with it.

use std::sync::Arc;

use buildbot_model::Secret;

use crate::check::Check;
use crate::defaults::{self, Constant};
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

/// An argument for which `None` is not the same as to leave it out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given(pub Option<Value>);

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

impl FromValue for Given {
    const EXPECTED: &'static str = "anything";

    fn from_value(value: &Value, _: &Description) -> Option<Self> {
        Some(Self(Some(value.clone())))
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
    /// What its class has for arguments that are left out, if other classes have something else.
    defaults: &'static [(&'static str, Constant)],
    /// Attributes of the user's class stand for arguments that are left out.
    pub(crate) with_attributes: bool,
    wrong: Vec<(String, &'static str)>,
    #[cfg(test)]
    pub(crate) seen: Vec<String>,
}

impl<'d> Reader<'d> {
    pub(crate) fn new(description: &'d Description, object: &'d Object) -> Self {
        Self {
            description,
            object,
            defaults: defaults::of_class(&object.class),
            with_attributes: false,
            wrong: Vec::new(),
            #[cfg(test)]
            seen: Vec::new(),
        }
    }

    /// The argument as a `T`; `default` if it was left out or cannot be one.
    pub(crate) fn read<T: FromValue>(&mut self, name: &str, default: impl FnOnce() -> T) -> T {
        #[cfg(test)]
        self.seen.push(name.to_owned());
        let given = self.object.arguments.get(name);
        let attribute = || self.object.attrs.get(name).filter(|_| self.with_attributes);
        let Some(value) = given.or_else(attribute) else {
            return self.default_of_class(name).unwrap_or_else(default);
        };
        match T::from_value(value, self.description) {
            Some(value) => value,
            None => {
                self.wrong.push((name.to_owned(), T::EXPECTED));
                default()
            }
        }
    }

    fn default_of_class<T: FromValue>(&self, name: &str) -> Option<T> {
        let (_, constant) = self.defaults.iter().find(|(known, _)| *known == name)?;
        T::from_value(&constant.value(), self.description)
    }

    /// All arguments, for constructors that take any.
    pub(crate) fn all(&self) -> Vec<(String, Value)> {
        self.object
            .arguments
            .iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }

    /// Whether something was of the wrong type.
    #[cfg(test)]
    pub(crate) fn wrong(&self) -> Vec<&str> {
        self.wrong.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Reports what was of the wrong type.
    pub(crate) fn finish(self, check: &mut Check<'_>, id: ObjectId, name: &str) {
        let class = self
            .object
            .own_class()
            .rsplit('.')
            .next()
            .unwrap_or_default();
        let owner = match name {
            "" => class.to_owned(),
            name => format!("{class} '{name}'"),
        };
        let at = check.place_of(id);
        if at.is_some() && check.problems.errors.iter().any(|error| error.at == at) {
            // The constructor has refused it already.
            return;
        }
        for (argument, expected) in self.wrong {
            check.refuse_at_start(
                Problem::warning(format!("{owner}: {argument} must be {expected}")).at(at.clone()),
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

/// Declares what classes of one kind may be: variant, type of its arguments, Python's classes.
macro_rules! kinds {
    ($(#[$meta:meta])* pub enum $name:ident in $package:literal {
        $($(#[$doc:meta])* $variant:ident $(($type:ty))? = $($class:literal)|+,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        pub enum $name {
            $($(#[$doc])* $variant $((Box<$type>))?,)*
            /// A class of the user's; its arguments are in the object.
            Custom,
        }

        impl $crate::parts::Kind for $name {
            #[cfg(test)]
            const CLASSES: &'static [&'static str] = &[$($(concat!($package, ".", $class),)+)*];

            fn read(reader: &mut $crate::arguments::Reader<'_>) -> Self {
                let class = reader.object.class.as_str();
                let class = class
                    .strip_prefix($package)
                    .and_then(|class| class.strip_prefix('.'));
                match class {
                    $(Some($($class)|+) => Self::$variant $((Box::new(<$type>::read(reader))))?,)*
                    _ => Self::Custom,
                }
            }
        }
    };
}
pub(crate) use kinds;
