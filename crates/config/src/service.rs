//! What all named parts of a configuration share: name, class, place, and the user's own class.

use std::sync::Arc;

use crate::check::Check;
use crate::description::Object;
use crate::place::SourcePlace;
use buildbot_render::{ObjectId, Value};

/// A named part of the configuration: a scheduler, a worker, a reporter …
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Its name; unique among its kind.
    pub name: String,
    /// Its number in the description.
    pub id: ObjectId,
    /// Class, arguments, and what the user's class changes.
    pub object: Arc<Object>,
    /// Where it was made.
    pub place: Option<SourcePlace>,
}

impl Service {
    pub(crate) fn read(check: &Check<'_>, id: ObjectId) -> Option<Self> {
        let object = check.description.shared_object(id)?;
        Some(Self {
            name: name_of(&object),
            id,
            place: check.place(object.at),
            object,
        })
    }
}

/// The name of a service: given, an attribute of the user's class, or that of its class.
pub(crate) fn name_of(object: &Object) -> String {
    object
        .arguments
        .get("name")
        .or_else(|| object.attrs.get("name"))
        .and_then(text_of)
        .or_else(|| object.own_class().rsplit('.').next().map(str::to_owned))
        .unwrap_or_default()
}

/// A name as the reference keeps it: `bytes` are decoded.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}
