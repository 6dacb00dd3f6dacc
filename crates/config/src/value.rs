//! The values of a configuration, as data: what `docs/formats/config-host.md` calls values.

use buildbot_model::python_text::{repr_of_bytes, repr_of_float, repr_of_text};

use crate::description::Description;
use crate::place::Place;

/// A value of the configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// `None`.
    #[default]
    None,
    /// `True` or `False`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer beyond 64 bits, in decimal.
    BigInt(String),
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
}

impl Value {
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
    pub fn is_callable(&self, description: &Description) -> bool {
        match self {
            Self::Callable(_) | Self::Ref(_) => true,
            Self::Object(id) => description.object(*id).is_some_and(|object| {
                object.class.starts_with("buildbot.revlinks.") || object.overrides("__call__")
            }),
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
            | Self::Opaque(_) => false,
        }
    }

    /// Python's truth value.
    pub fn is_true(&self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(items) | Self::Tuple(items) | Self::Set(items) | Self::FrozenSet(items) => {
                !items.is_empty()
            }
            Self::Dict(pairs) => !pairs.is_empty(),
            Self::BigInt(_)
            | Self::Object(_)
            | Self::Callable(_)
            | Self::Opaque(_)
            | Self::Ref(_)
            | Self::Renderable(_) => true,
        }
    }

    /// Python's `repr`, without the addresses of objects.
    pub fn repr(&self, description: &Description) -> String {
        let joined = |items: &[Value]| {
            let items: Vec<String> = items.iter().map(|item| item.repr(description)).collect();
            items.join(", ")
        };
        match self {
            Self::None => "None".to_owned(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Int(number) => number.to_string(),
            Self::BigInt(digits) => digits.clone(),
            Self::Float(number) => repr_of_float(*number),
            Self::Text(text) => repr_of_text(text),
            Self::Bytes(bytes) => repr_of_bytes(bytes),
            Self::List(items) => format!("[{}]", joined(items)),
            Self::Tuple(items) if items.len() == 1 => format!("({},)", joined(items)),
            Self::Tuple(items) => format!("({})", joined(items)),
            Self::Set(items) if items.is_empty() => "set()".to_owned(),
            Self::Set(items) => format!("{{{}}}", joined(items)),
            Self::FrozenSet(items) if items.is_empty() => "frozenset()".to_owned(),
            Self::FrozenSet(items) => format!("frozenset({{{}}})", joined(items)),
            Self::Dict(pairs) => {
                let pairs: Vec<String> = pairs
                    .iter()
                    .map(|(key, value)| {
                        format!("{}: {}", key.repr(description), value.repr(description))
                    })
                    .collect();
                format!("{{{}}}", pairs.join(", "))
            }
            Self::Object(id) => description.object(*id).map_or_else(
                || "<unknown object>".to_owned(),
                |object| format!("<{} object>", object.own_class()),
            ),
            Self::Callable(callable) => format!("<function {}>", callable.name),
            Self::Opaque(opaque) => opaque.repr.clone(),
            Self::Ref(name) => name.clone(),
            Self::Renderable(renderable) => renderable.kind.repr(description),
        }
    }

    /// `str(type(value))`, as messages of the reference show it.
    pub fn python_type(&self, description: &Description) -> String {
        let name = match self {
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
            Self::Object(id) => description
                .object(*id)
                .map_or("object", |object| object.own_class()),
            Self::Callable(_) => "function",
            Self::Opaque(opaque) => opaque.class.as_str(),
            Self::Ref(_) => "object",
            Self::Renderable(renderable) => renderable.kind.class(),
        };
        format!(
            "<class '{}'>",
            name.strip_prefix("builtins.").unwrap_or(name)
        )
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

    /// How it is shown in a message: short, and unlike the reference without addresses.
    fn repr(&self, description: &Description) -> String {
        let show = |value: &Value| value.repr(description);
        let call = |name: &str, first: &Value, args: &[Value], kwargs: &[(String, Value)]| {
            let mut parts = vec![show(first)];
            parts.extend(args.iter().map(show));
            parts.extend(
                kwargs
                    .iter()
                    .map(|(name, value)| format!("{name}={}", show(value))),
            );
            format!("{name}({})", parts.join(", "))
        };
        match self {
            Self::Property { key, default, .. } if default.is_none() => {
                format!("Property({})", show(key))
            }
            Self::Property { key, default, .. } => {
                format!("Property({}, default={})", show(key), show(default))
            }
            Self::Interpolate(format) => {
                call("Interpolate", &format.format, &format.args, &format.kwargs)
            }
            Self::WithProperties(format) => call(
                "WithProperties",
                &format.format,
                &format.args,
                &format.kwargs,
            ),
            Self::FlattenList { list, .. } => call("FlattenList", list, &[], &[]),
            Self::Secret { name } => call("Secret", name, &[], &[]),
            Self::Transform {
                function,
                args,
                kwargs,
            } => call("Transform", function, args, kwargs),
            Self::Function { name, .. } => format!("renderer({name})"),
            Self::Operation {
                operator,
                left,
                right,
            } => format!("{} {operator} {}", show(left), show(right)),
            Self::Custom(opaque) => opaque.repr.clone(),
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
