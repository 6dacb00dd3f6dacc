//! Properties of changes and buildsets as the database keeps them: a JSON list of the value and its source.

use buildbot_model::Property;
use serde_json::value::RawValue;

use crate::value::{Column, ColumnError, Row};

/// `[value, source]`.
pub(crate) fn encode(property: &Property) -> String {
    let source = serde_json::Value::from(property.source.as_str());
    format!("[{}, {source}]", property.value)
}

/// The value and its source; what is no such list is taken for a value without a source.
pub(crate) fn decode(text: String) -> Property {
    match serde_json::from_str::<(Box<RawValue>, String)>(&text) {
        Ok((value, source)) => Property {
            value: value.get().to_owned(),
            source,
        },
        Err(_) => Property {
            value: text,
            source: String::new(),
        },
    }
}

/// A name and such a list.
pub(crate) fn read(row: &mut Row<'_>) -> Result<(String, Property), ColumnError> {
    Ok((row.take()?, decode(row.take()?)))
}

/// A row of two columns.
pub(crate) fn pair<A: Column, B: Column>(row: &mut Row<'_>) -> Result<(A, B), ColumnError> {
    Ok((row.take()?, row.take()?))
}
