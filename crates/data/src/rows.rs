//! Rows as objects.

use buildbot_db::{Column, ColumnError, Connection, Row, Statement, StatementError, Value};
use serde_json::Value as Json;

use crate::entity::{Entity, Field, Kind, Stored};
use crate::memory::Item;
use crate::select::{Arguments, Compiled, Sql};

/// A value of any type, as it comes out of a row.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Column for Cell {
    const NAME: &'static str = "a value";

    fn from_value(value: Value<'_>) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Integer(value) => Self::Integer(value),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Blob(bytes) => Self::Bytes(bytes.to_vec()),
        })
    }
}

impl Cell {
    /// The value as a field of a kind. What a column cannot hold is null, as in the reference.
    pub(crate) fn json(self, kind: &Kind) -> Json {
        match (self, kind) {
            (Self::Null, _) => Json::Null,
            (Self::Integer(value), Kind::Boolean) => Json::Bool(value != 0),
            (Self::Integer(value), Kind::Text | Kind::Identifier(_)) => value.to_string().into(),
            (Self::Integer(value), _) => value.into(),
            (Self::Text(text), _) => text.into(),
            (Self::Bytes(bytes), _) => String::from_utf8_lossy(&bytes).into_owned().into(),
        }
    }

    /// The value of a column of JSON text.
    pub(crate) fn parse(self) -> Json {
        match self {
            Self::Text(text) => parse(&text),
            Self::Null | Self::Integer(_) | Self::Bytes(_) => Json::Null,
        }
    }
}

/// JSON text as a value; null if it is none.
pub(crate) fn parse(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_default()
}

/// The name by which errors call statements that are made of questions.
const NAME: &str = "data/select";

/// Runs a statement, and reads its rows.
pub(crate) fn all<T>(
    connection: &Connection,
    sql: &Sql,
    read: impl FnMut(&mut Row<'_>) -> Result<T, ColumnError>,
) -> Result<Vec<T>, StatementError> {
    let statement = Statement {
        name: NAME,
        text: &sql.text,
    };
    connection.all(statement, &sql.values(), read)
}

/// The first column of the first row.
pub(crate) fn first<T: Column>(
    connection: &Connection,
    sql: &Sql,
) -> Result<Option<T>, StatementError> {
    let statement = Statement {
        name: NAME,
        text: &sql.text,
    };
    connection.first(statement, &sql.values(), |row| row.take())
}

/// The first column of the first row of a statement with arguments of a path.
pub(crate) fn first_of<T: Column>(
    connection: &Connection,
    template: &str,
    arguments: &Arguments,
) -> Result<Option<T>, StatementError> {
    let mut sql = Sql::default();
    sql.push_template(template, arguments);
    first(connection, &sql)
}

/// Rows for each of many ids. In the text, `{ids}` is the list of ids; the first column is the id.
pub(crate) fn of_ids<T>(
    connection: &Connection,
    text: &str,
    ids: &[i64],
    mut read: impl FnMut(&mut Row<'_>) -> Result<T, ColumnError>,
) -> Result<Vec<(i64, T)>, StatementError> {
    let mut found = Vec::new();
    for ids in ids.chunks(IDS_MAX) {
        let mut sql = Sql::default();
        match text.split_once("{ids}") {
            Some((before, after)) => {
                sql.push(before);
                sql.push_ids(ids);
                sql.push(after);
            }
            None => {
                sql.push(text);
            }
        }
        found.extend(all(connection, &sql, |row| Ok((row.take()?, read(row)?)))?);
    }
    Ok(found)
}

/// How many ids one statement has: a power of two, so that there are few statements.
const IDS_MAX: usize = 512;

/// The objects that a compiled query gives, without what other tables hold.
pub(crate) fn objects(
    connection: &Connection,
    compiled: &Compiled,
) -> Result<Vec<Item>, StatementError> {
    all(connection, &compiled.rows, |row| {
        object(row, &compiled.columns)
    })
}

fn object(row: &mut Row<'_>, columns: &[&'static Field]) -> Result<Item, ColumnError> {
    let mut item = Item::new();
    for field in columns {
        let cell: Cell = row.take()?;
        let value = match field.stored {
            Stored::Json(_) => cell.parse(),
            Stored::Column(_) | Stored::Elsewhere => cell.json(&field.kind),
        };
        item.insert(field.name.to_owned(), value);
    }
    Ok(item)
}

/// Objects of a type by their ids.
pub(crate) fn by_ids(
    connection: &Connection,
    entity: &'static Entity,
    ids: &[i64],
) -> Result<Vec<Item>, StatementError> {
    let mut found = Vec::new();
    for ids in ids.chunks(IDS_MAX) {
        let mut condition = Sql::default();
        condition.push(entity.order).push(" IN ");
        condition.push_ids(ids);
        let compiled = crate::select::compile(
            entity,
            entity.paging,
            &condition,
            &crate::query::Query::default(),
            true,
        );
        found.extend(objects(connection, &compiled)?);
    }
    Ok(found)
}
