//! The types of objects in the REST API: their fields, and where these are stored.

/// A type of objects.
#[derive(Debug)]
pub(crate) struct Entity {
    /// Its name in `application.spec`.
    pub(crate) name: &'static str,
    /// The key of answers.
    pub(crate) plural: &'static str,
    /// Its fields, in the order of `application.spec`.
    pub(crate) fields: &'static [Field],
    /// Its table with what it is joined with; empty if no table holds it.
    pub(crate) from: &'static str,
    /// The column that gives the order which is not asked for.
    pub(crate) order: &'static str,
    /// Who filters and pages in the reference, which can be told apart at their edges.
    pub(crate) paging: Paging,
}

/// Who filters and pages in the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paging {
    /// The database: null is neither equal nor unequal, `contains` has wildcards, `total` counts what is returned.
    Database,
    /// Python: null differs from everything, `contains` is exact, `total` counts all that match.
    Memory,
}

/// A field of objects.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) may_be_null: bool,
    pub(crate) stored: Stored,
}

/// Where a field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// An expression over the columns, by which the database filters and orders.
    Column(&'static str),
    /// A column of JSON text.
    Json(&'static str),
    /// In other tables, by the id in this field of the object.
    Elsewhere,
}

/// The type of a field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Integer,
    /// Seconds since the epoch.
    Date,
    Text,
    Boolean,
    /// Text of some letters, up to so many.
    Identifier(usize),
    Binary,
    Json,
    Properties,
    List(&'static Kind),
    Entity(&'static Entity),
}

impl Entity {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

impl Kind {
    /// Its name in `application.spec`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Date => "datetime",
            Self::Text => "string",
            Self::Boolean => "boolean",
            Self::Identifier(_) => "identifier",
            Self::Binary => "binary",
            Self::Json => "jsonobject",
            Self::Properties => "sourcedproperties",
            Self::List(_) => "list",
            Self::Entity(entity) => entity.name,
        }
    }
}
