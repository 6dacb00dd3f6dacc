//! The values of a configuration, as data: what `docs/formats/config-host.md` calls values.
//!
//! Cloning copies; whoever shares a value puts it into an `Arc`.

use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::ToPrimitive as _;

use crate::exception::Exception;
use crate::interpolate::{Parsed, Template};
use crate::place::Place;
use crate::text;

/// A value of the configuration, or what becomes of one.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `None`.
    #[default]
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer beyond 64 bits; [`Value::integer`] chooses between this and [`Value::Int`].
    BigInt(Box<BigInt>),
    /// A floating point number, also infinite or not a number.
    Float(f64),
    /// A `str`.
    Text(String),
    /// A `bytes`.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A set.
    Set(Vec<Value>),
    /// A frozen set.
    FrozenSet(Vec<Value>),
    /// Any mapping, in its order.
    Dict(Vec<(Value, Value)>),
    /// A compiled regular expression.
    Regex(Box<Regex>),
    /// A `timedelta`, in seconds.
    Interval(f64),
    /// A path of `pathlib`.
    Path(String),
    /// An object that the package `buildbot` knows.
    Object(ObjectId),
    /// Code that stays in the configuration host.
    Callable(Box<Callable>),
    /// Anything else; it stays in the configuration host.
    Opaque(Box<Opaque>),
    /// A well known object of the package `buildbot`: `module.NAME`.
    Ref(String),
    /// A value that is known only later.
    Renderable(Box<Renderable>),
}

/// A compiled regular expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Regex {
    /// Text or bytes.
    pub pattern: Value,
    /// Python's flags.
    pub flags: i64,
}

/// The index of an object in the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub u32);

/// The number by which the configuration host knows something that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handle(pub u64);

/// A function, a method, or another callable.
#[derive(Debug, Clone, PartialEq)]
pub struct Callable {
    /// How to call it.
    pub handle: Handle,
    /// Its qualified name.
    pub name: String,
    /// Where it is defined.
    pub place: Option<Place>,
    /// How many positional parameters it takes, if it does not take any number.
    pub parameters: Option<u32>,
}

/// An object of which only this is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Opaque {
    /// How to call its methods.
    pub handle: Option<Handle>,
    /// `module.Class`.
    pub class: String,
    /// Its `repr`, perhaps shortened.
    pub repr: String,
}

/// A value that is known only when there is a build, a change, or a secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Renderable {
    /// Which one.
    pub kind: RenderableKind,
    /// Where it was made.
    pub place: Option<Place>,
}

/// The kinds of renderables.
#[derive(Debug, Clone, PartialEq)]
pub enum RenderableKind {
    /// `Property(key, default, defaultWhenFalse)`.
    Property {
        /// The name of the property.
        key: Value,
        /// What it is without the property.
        default: Value,
        /// Whether the default also replaces what is false.
        default_when_false: Value,
    },
    /// `Interpolate(fmt, …)`.
    Interpolate(Format),
    /// `WithProperties(fmt, …)`.
    WithProperties(Format),
    /// `FlattenList(list, types)`.
    FlattenList {
        /// The list.
        list: Value,
        /// What is flattened: `list`, `tuple`.
        types: Value,
    },
    /// `Secret(name)`.
    Secret {
        /// Its name.
        name: Value,
    },
    /// `Transform(function, …)`.
    Transform {
        /// What is called: code, or a renderable.
        function: Value,
        /// Its positional arguments.
        args: Vec<Value>,
        /// Its keyword arguments.
        kwargs: Vec<(String, Value)>,
    },
    /// A function decorated with `renderer`.
    Function {
        /// How to call it.
        handle: Handle,
        /// Its qualified name.
        name: String,
        /// Further positional arguments.
        args: Vec<Value>,
        /// Further keyword arguments.
        kwargs: Vec<(String, Value)>,
    },
    /// An operation on renderables.
    Operation {
        /// Python's operator.
        operator: String,
        /// The left side.
        left: Value,
        /// The right side.
        right: Value,
    },
    /// An object of a user's class.
    Custom(Opaque),
}

/// A format with what is filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Format {
    /// The format.
    pub format: Value,
    /// By position.
    pub args: Vec<Value>,
    /// By name.
    pub kwargs: Vec<(String, Value)>,
    parsed: Parsed,
}

impl Format {
    /// A format with what is filled in by position or by name.
    pub fn new(format: impl Into<Value>, args: Vec<Value>, kwargs: Vec<(String, Value)>) -> Self {
        Self {
            format: format.into(),
            args,
            kwargs,
            parsed: Parsed::default(),
        }
    }

    /// `text`, which is the format, as the keyed form of `Interpolate`.
    pub(crate) fn template(&self, text: &str) -> Result<Arc<Template>, Exception> {
        self.parsed.get(text)
    }
}

/// What a description knows of the objects that its values refer to.
pub trait Objects {
    /// The class of an object as the user knows it.
    fn class(&self, id: ObjectId) -> Option<&str>;

    /// Whether Python can call an object.
    fn is_callable(&self, id: ObjectId) -> bool;
}

/// Nothing is known of any object.
pub(crate) struct Unknown;

impl Objects for Unknown {
    fn class(&self, _id: ObjectId) -> Option<&str> {
        None
    }

    fn is_callable(&self, _id: ObjectId) -> bool {
        false
    }
}

impl Value {
    /// An integer of any size.
    pub fn integer(number: BigInt) -> Self {
        number
            .to_i64()
            .map_or_else(|| Self::BigInt(Box::new(number)), Self::Int)
    }

    /// The text, if this is a `str`.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The object, if this is one that the package `buildbot` knows.
    pub fn as_object(&self) -> Option<ObjectId> {
        match self {
            Self::Object(id) => Some(*id),
            _ => None,
        }
    }

    /// The elements of a list or tuple.
    pub fn as_sequence(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) | Self::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The pairs of a mapping.
    pub fn as_dict(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// What stands under `key`, if this is a mapping with that key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_dict()?
            .iter()
            .find(|(name, _)| name.as_text() == Some(key))
            .map(|(_, value)| value)
    }

    /// Whether this is `None`.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Whether Python takes it for an `int`; a `bool` is one.
    pub fn is_int(&self) -> bool {
        matches!(self, Self::Int(_) | Self::BigInt(_) | Self::Bool(_))
    }

    /// Whether it is known only later.
    pub fn is_renderable(&self) -> bool {
        matches!(self, Self::Renderable(_))
    }

    /// Whether Python can call it. A class of a user's that has `__call__` is described as a callable.
    pub fn is_callable(&self, objects: &dyn Objects) -> bool {
        match self {
            Self::Callable(_) | Self::Ref(_) => true,
            Self::Object(id) => objects.is_callable(*id),
            Self::Renderable(renderable) => {
                matches!(renderable.kind, RenderableKind::Function { .. })
            }
            Self::None
            | Self::Bool(_)
            | Self::Int(_)
            | Self::BigInt(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::List(_)
            | Self::Tuple(_)
            | Self::Set(_)
            | Self::FrozenSet(_)
            | Self::Dict(_)
            | Self::Regex(_)
            | Self::Interval(_)
            | Self::Path(_)
            | Self::Opaque(_) => false,
        }
    }

    /// Whether all of it is data, so that nothing about it must be asked of Python.
    pub fn is_plain(&self) -> bool {
        match self {
            Self::None
            | Self::Bool(_)
            | Self::Int(_)
            | Self::BigInt(_)
            | Self::Float(_)
            | Self::Text(_)
            | Self::Bytes(_) => true,
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                items.iter().all(Self::is_plain)
            }
            Self::Dict(pairs) => pairs
                .iter()
                .all(|(key, value)| key.is_plain() && value.is_plain()),
            Self::Regex(_)
            | Self::Interval(_)
            | Self::Path(_)
            | Self::Object(_)
            | Self::Callable(_)
            | Self::Opaque(_)
            | Self::Ref(_)
            | Self::Renderable(_) => false,
        }
    }

    /// Python's truth value.
    pub fn is_true(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) | Self::Interval(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                !items.is_empty()
            }
            Self::Dict(pairs) => !pairs.is_empty(),
            Self::BigInt(_)
            | Self::Regex(_)
            | Self::Path(_)
            | Self::Object(_)
            | Self::Callable(_)
            | Self::Opaque(_)
            | Self::Ref(_)
            | Self::Renderable(_) => true,
        }
    }

    /// Python's `repr`, without the addresses of objects.
    pub fn repr(&self, objects: &dyn Objects) -> String {
        text::repr_with(self, objects)
    }

    /// `str(type(value))`, as messages of the reference show it.
    pub fn python_type(&self, objects: &dyn Objects) -> String {
        let name = match self {
            Self::Object(id) => objects.class(*id).unwrap_or("object"),
            other => other.full_type_name(),
        };
        format!(
            "<class '{}'>",
            name.strip_prefix("builtins.").unwrap_or(name)
        )
    }

    /// The name of its type without the module, as far as the value itself tells it.
    pub fn type_name(&self) -> &str {
        let name = self.full_type_name();
        name.rsplit_once('.').map_or(name, |(_, name)| name)
    }

    fn full_type_name(&self) -> &str {
        match self {
            Self::None => "NoneType",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::BigInt(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "str",
            Self::Bytes(_) => "bytes",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Set(_) => "set",
            Self::FrozenSet(_) => "frozenset",
            Self::Dict(_) => "dict",
            Self::Regex(_) => "re.Pattern",
            Self::Interval(_) => "datetime.timedelta",
            Self::Path(_) => "pathlib.PosixPath",
            Self::Callable(_) => "function",
            Self::Opaque(opaque) => opaque.class.as_str(),
            Self::Object(_) => "object",
            // A class, or a function.
            Self::Ref(name) => match name.rsplit('.').next() {
                Some(last) if last.starts_with(char::is_uppercase) => "type",
                _ => "function",
            },
            Self::Renderable(renderable) => renderable.kind.class(),
        }
    }
}

impl RenderableKind {
    /// `module.Class` of the renderable.
    pub fn class(&self) -> &str {
        match self {
            Self::Property { .. } => "buildbot.process.properties.Property",
            Self::Interpolate(_) => "buildbot.process.properties.Interpolate",
            Self::WithProperties(_) => "buildbot.process.properties.WithProperties",
            Self::FlattenList { .. } => "buildbot.process.properties.FlattenList",
            Self::Secret { .. } => "buildbot.process.properties.Secret",
            Self::Transform { .. } => "buildbot.process.properties.Transform",
            Self::Function { .. } => "buildbot.process.properties.renderer",
            Self::Operation { .. } => "buildbot.process.properties.RenderableOperatorsMixin",
            Self::Custom(opaque) => &opaque.class,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Renderable> for Value {
    fn from(renderable: Renderable) -> Self {
        Self::Renderable(Box::new(renderable))
    }
}

impl From<RenderableKind> for Value {
    fn from(kind: RenderableKind) -> Self {
        Renderable { kind, place: None }.into()
    }
}
