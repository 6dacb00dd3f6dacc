//! What goes into statements and comes out of rows.

use buildbot_model::{
    BuildId, BuildNumber, BuildRequestId, BuilderId, BuildsetId, ChangeId, ChangeSourceId,
    CodebaseId, LogId, MasterId, ObjectId, PatchId, ProjectId, Results, SchedulerId, SourceStampId,
    StepId, StepNumber, TagId, Timestamp, UserId, WorkerId,
};
use rusqlite::types::{ToSqlOutput, ValueRef};

/// A value of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// Numbers, ids, seconds, results and booleans.
    Integer(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

impl From<i64> for Value<'_> {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Integer(value.into())
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'a> From<&'a Option<String>> for Value<'a> {
    fn from(value: &'a Option<String>) -> Self {
        value.as_ref().map_or(Self::Null, Self::from)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, T::into)
    }
}

/// Whole seconds, as everywhere in the database.
impl From<Timestamp> for Value<'_> {
    fn from(value: Timestamp) -> Self {
        Self::Integer(i64::try_from(value.seconds()).unwrap_or(i64::MAX))
    }
}

impl From<Results> for Value<'_> {
    fn from(value: Results) -> Self {
        Self::Integer(value.code())
    }
}

/// A column that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("column {column} holds {found}, expected {expected}")]
pub struct ColumnError {
    column: usize,
    found: String,
    expected: &'static str,
}

/// Reads the columns of a row from left to right.
#[derive(Debug)]
pub struct Row<'a> {
    row: &'a rusqlite::Row<'a>,
    next: usize,
}

impl<'a> Row<'a> {
    pub(crate) fn new(row: &'a rusqlite::Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    /// The next column.
    pub fn take<T: Column>(&mut self) -> Result<T, ColumnError> {
        let column = self.next;
        self.next += 1;
        let value = self.row.get_ref(column).map_err(|error| ColumnError {
            column,
            found: error.to_string(),
            expected: T::NAME,
        })?;
        let value = Value::from(value);
        T::from_value(value).ok_or_else(|| ColumnError {
            column,
            found: value.describe(),
            expected: T::NAME,
        })
    }

    /// The next column as results; `None` is "not complete", which is NULL in some tables and -1 in others.
    pub fn results(&mut self) -> Result<Option<Results>, ColumnError> {
        let column = self.next;
        match self.take::<Option<i64>>()? {
            None | Some(-1) => Ok(None),
            Some(code) => match Results::from_code(code) {
                Some(results) => Ok(Some(results)),
                None => Err(ColumnError {
                    column,
                    found: code.to_string(),
                    expected: "results",
                }),
            },
        }
    }
}

impl Value<'_> {
    fn describe(self) -> String {
        match self {
            Self::Null => "NULL".to_owned(),
            Self::Integer(value) => value.to_string(),
            Self::Text(_) => "text".to_owned(),
            Self::Blob(_) => "bytes".to_owned(),
        }
    }
}

/// What Python stored: a float in a column of integers is cut off, text that is no UTF-8 is bytes.
impl<'a> From<ValueRef<'a>> for Value<'a> {
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Null => Self::Null,
            ValueRef::Integer(value) => Self::Integer(value),
            ValueRef::Real(value) => Self::Integer(value as i64),
            ValueRef::Text(bytes) => str::from_utf8(bytes).map_or(Self::Blob(bytes), Self::Text),
            ValueRef::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

/// A type that a column can have.
pub trait Column: Sized {
    /// Its name in errors.
    const NAME: &'static str;

    /// The value, if it is of this type.
    fn from_value(value: Value<'_>) -> Option<Self>;
}

impl Column for i64 {
    const NAME: &'static str = "an integer";

    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Integer(value) => Some(value),
            Value::Null | Value::Text(_) | Value::Blob(_) => None,
        }
    }
}

impl Column for bool {
    const NAME: &'static str = "0 or 1";

    fn from_value(value: Value<'_>) -> Option<Self> {
        Some(i64::from_value(value)? != 0)
    }
}

/// SQLite checks no encoding: what is no UTF-8 is replaced, so that one bad row does not hide the others.
impl Column for String {
    const NAME: &'static str = "text";

    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.to_owned()),
            Value::Blob(bytes) => Some(Self::from_utf8_lossy(bytes).into_owned()),
            // A number that Python stored in a column of text.
            Value::Integer(value) => Some(value.to_string()),
            Value::Null => None,
        }
    }
}

impl Column for Vec<u8> {
    const NAME: &'static str = "bytes";

    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Blob(bytes) => Some(bytes.to_vec()),
            Value::Text(text) => Some(text.as_bytes().to_vec()),
            Value::Null | Value::Integer(_) => None,
        }
    }
}

impl Column for Timestamp {
    const NAME: &'static str = "seconds";

    fn from_value(value: Value<'_>) -> Option<Self> {
        let seconds = i64::from_value(value)?;
        Some(Self::from_seconds(u64::try_from(seconds).unwrap_or(0)))
    }
}

impl<T: Column> Column for Option<T> {
    const NAME: &'static str = T::NAME;

    fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            Value::Integer(_) | Value::Text(_) | Value::Blob(_) => T::from_value(value).map(Some),
        }
    }
}

macro_rules! ids {
    ($($name:ident)+) => {$(
        impl From<$name> for Value<'_> {
            fn from(id: $name) -> Self {
                Self::Integer(id.0)
            }
        }

        impl Column for $name {
            const NAME: &'static str = "an id";

            fn from_value(value: Value<'_>) -> Option<Self> {
                i64::from_value(value).map($name)
            }
        }
    )+};
}

ids! {
    BuildId BuildNumber BuildRequestId BuilderId BuildsetId ChangeId ChangeSourceId CodebaseId LogId MasterId
    ObjectId PatchId ProjectId SchedulerId SourceStampId StepId StepNumber TagId UserId WorkerId
}
