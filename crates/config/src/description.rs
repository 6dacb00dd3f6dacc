//! The description of a configuration, as the configuration host sends it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use buildbot_render::Objects;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::place::{Place, SourcePlace};
use buildbot_render::{Handle, ObjectId, Value};

/// The version of the format that this crate reads.
pub const VERSION: u32 = 1;

/// A whole configuration as data. See `docs/formats/config-host.md`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Description {
    /// The version of the format.
    pub version: u32,
    /// The files that places refer to.
    pub files: Vec<String>,
    /// What executed the configuration.
    pub python: Python,
    /// The keys of `BuildmasterConfig`, in their order.
    pub config: Arguments,
    /// The keys as the file left them, if configurators may have changed them afterwards.
    pub keys: Option<Vec<String>>,
    /// What [`Value::Object`] refers to.
    pub objects: Vec<Arc<Object>>,
    /// What constructors found wrong.
    pub errors: Vec<Reported>,
    /// Warnings of Python and of the package.
    pub warnings: Vec<Warning>,
    /// Names that were used although they cannot work yet.
    pub unsupported: Vec<Unsupported>,
    /// How many things may be called later; without any, the host need not stay.
    pub handles: u64,
    /// What ended the execution of the file.
    pub fatal: Option<Fatal>,
    /// How long the host took.
    pub took_ms: Took,
    /// What is installed of a web front end, if the configuration has a web server.
    pub front_end: FrontEnd,
}

/// What is installed of a web front end, in the Python of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FrontEnd {
    /// The version of Python.
    #[serde(skip)]
    pub python: String,
    /// The version of Twisted, if it is installed.
    pub twisted: Option<String>,
    /// The parts: `base`, `console_view` and others.
    pub parts: Vec<FrontEndPart>,
}

/// One part of a web front end: an entry point of the group `buildbot.www`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct FrontEndPart {
    /// What `c['www']['plugins']` calls it.
    pub name: String,
    /// What brings it.
    pub distribution: String,
    /// Its version.
    pub version: String,
    /// The directory with its files, if it has one.
    #[serde(rename = "static")]
    pub files: Option<PathBuf>,
}

/// How long the host took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct Took {
    /// To execute the file.
    pub execute: f64,
    /// To describe what came out.
    pub describe: f64,
}

/// The Python that executed a configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Python {
    /// Such as `3.11.7`.
    pub version: String,
    /// Whether Twisted is there.
    pub twisted: bool,
    /// Memory of the process after it has read the configuration.
    pub rss_kb: u64,
}

/// An object that the package `buildbot` knows.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Object {
    /// The most derived class of the package: `module.Class`.
    #[serde(rename = "c")]
    pub class: String,
    /// Where it was made.
    #[serde(default)]
    pub at: Option<Place>,
    /// What this class was given.
    #[serde(rename = "a", default)]
    pub arguments: Arguments,
    /// The user's own class.
    #[serde(rename = "u", default)]
    pub user_class: Option<String>,
    /// How to call its methods, if something of it must be called.
    #[serde(rename = "h", default)]
    pub handle: Option<Handle>,
    /// The methods that the user's class overrides, sorted.
    #[serde(rename = "over", default)]
    pub overridden: Vec<String>,
    /// The class attributes that the user's class changes.
    #[serde(default)]
    pub attrs: Arguments,
    /// The description of a builder or a project as HTML, if it is in another format.
    #[serde(default)]
    pub html: Option<String>,
}

/// Values by name, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arguments(pub Vec<(String, Value)>);

/// A problem that a constructor reported.
#[derive(Debug, Clone, Deserialize)]
pub struct Reported {
    /// The reference's text.
    pub message: String,
    /// Where the constructor was called.
    #[serde(default)]
    pub at: Option<Place>,
    /// The names that it is about.
    #[serde(default)]
    pub wrong_names: Option<WrongNames>,
}

/// A warning that was given while the file was executed.
#[derive(Debug, Clone, Deserialize)]
pub struct Warning {
    /// The class of the warning.
    pub category: String,
    /// Its text.
    pub message: String,
    /// Where.
    #[serde(default)]
    pub at: Option<Place>,
}

/// Something that constructs but does not work yet.
#[derive(Debug, Clone, Deserialize)]
pub struct Unsupported {
    /// Its name in Python.
    pub name: String,
    /// Where it is used.
    #[serde(default)]
    pub at: Option<Place>,
}

/// What ended the execution of a file.
#[derive(Debug, Clone, Deserialize)]
pub struct Fatal {
    /// `missing`, `unreadable`, `syntax`, `exception`, `exit`, `no_config`, `not_a_dict`, or
    /// `config_errors`: then it is among the errors too.
    pub kind: String,
    /// The reference's text.
    pub message: String,
    /// Python's traceback.
    #[serde(default)]
    pub traceback: Option<String>,
    /// Where.
    #[serde(default)]
    pub at: Option<Place>,
    /// The name that it was about.
    #[serde(default)]
    pub wrong_name: Option<WrongName>,
}

/// A name that was wrong, and those that would have been right.
#[derive(Debug, Clone, Deserialize)]
pub struct WrongName {
    /// The wrong one.
    pub name: String,
    /// The right ones.
    pub known: Vec<String>,
}

/// Names that were wrong, and those that would have been right.
#[derive(Debug, Clone, Deserialize)]
pub struct WrongNames {
    /// The wrong ones.
    pub names: Vec<String>,
    /// The right ones.
    pub known: Vec<String>,
}

/// Why a description cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// It is not of the form that the format demands.
    #[error("the configuration host sent a description that cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is of another version.
    #[error("the configuration host speaks version {found} of the format, not {VERSION}")]
    Version {
        /// The version that it speaks.
        found: u32,
    },
}

impl Description {
    /// Reads the JSON of a description.
    ///
    /// # Errors
    ///
    /// When it is not a description of this version.
    pub fn from_json(json: &[u8]) -> Result<Self, DecodeError> {
        let description: Self = serde_json::from_slice(json)?;
        if description.version == VERSION {
            Ok(description)
        } else {
            Err(DecodeError::Version {
                found: description.version,
            })
        }
    }

    /// The object with this number.
    pub fn object(&self, id: ObjectId) -> Option<&Object> {
        self.objects
            .get(usize::try_from(id.0).ok()?)
            .map(|object| &**object)
    }

    /// The object with this number, to keep.
    pub fn shared_object(&self, id: ObjectId) -> Option<Arc<Object>> {
        self.objects.get(usize::try_from(id.0).ok()?).cloned()
    }

    /// The object that `value` stands for.
    pub fn object_of(&self, value: &Value) -> Option<&Object> {
        self.object(value.as_object()?)
    }

    /// A place with the name of its file.
    pub fn source_place(&self, place: Place) -> Option<SourcePlace> {
        let file = self.files.get(usize::try_from(place.file).ok()?)?;
        Some(SourcePlace {
            file: file.clone(),
            line: place.line,
        })
    }
}

impl Object {
    /// The class as the user knows it.
    pub fn own_class(&self) -> &str {
        self.user_class.as_deref().unwrap_or(&self.class)
    }

    /// Whether the user's class has a `method` of its own.
    pub fn overrides(&self, method: &str) -> bool {
        self.overridden
            .binary_search_by(|name| name.as_str().cmp(method))
            .is_ok()
    }
}

impl Arguments {
    /// The value of `name`, unless it was left out.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }

    /// The text of `name`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl Objects for Description {
    fn class(&self, id: ObjectId) -> Option<&str> {
        self.object(id).map(Object::own_class)
    }

    fn is_callable(&self, id: ObjectId) -> bool {
        self.object(id).is_some_and(|object| {
            object.class.starts_with("buildbot.revlinks.") || object.overrides("__call__")
        })
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ArgumentsVisitor;
        impl<'de> Visitor<'de> for ArgumentsVisitor {
            type Value = Arguments;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("values by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Arguments, A::Error> {
                let mut arguments = Vec::new();
                while let Some(argument) = map.next_entry()? {
                    arguments.push(argument);
                }
                Ok(Arguments(arguments))
            }
        }
        deserializer.deserialize_map(ArgumentsVisitor)
    }
}
