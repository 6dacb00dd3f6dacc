//! The query language: fields, filters, order and pages, as parameters of a URL.

use crate::entity::{Entity, Field, Kind};

/// What is asked of an endpoint.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// Which fields are wanted; none for all.
    pub(crate) fields: Vec<&'static Field>,
    /// All hold.
    pub(crate) filters: Vec<Filter>,
    /// The first is the most significant.
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<i64>,
    pub(crate) offset: Option<i64>,
    /// Names of properties, `*` for all.
    pub(crate) properties: Vec<String>,
    /// How bytes that are no text are told.
    pub(crate) bytes: Bytes,
}

/// How bytes that are no text are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Bytes {
    /// As the text that they nearly are.
    #[default]
    Text,
    /// In base64.
    Base64,
}

/// A condition on a field.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) field: &'static Field,
    pub(crate) operator: Operator,
    /// One, or several for the operators that take them.
    pub(crate) values: Vec<Literal>,
}

/// A field by which is sorted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) field: &'static Field,
    pub(crate) descending: bool,
}

/// How a field and values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    /// Is one of them.
    In,
    /// Is none of them.
    NotIn,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// Has one of them in it: text in text, an element in a list.
    Contains,
}

/// A value of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    Null,
    Integer(i64),
    Boolean(bool),
    Text(String),
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// A parameter that no endpoint has.
    #[error("unrecognized query parameter '{0}'")]
    Unknown(String),
    /// A field that the type does not have.
    #[error("no such field '{0}'")]
    NoField(String),
    /// `limit` is no number.
    #[error("invalid limit")]
    Limit,
    /// `offset` is no number.
    #[error("invalid offset")]
    Offset,
    /// A value that the field cannot have.
    #[error("invalid filter value for {0}")]
    Value(String),
    /// Order by a field that is not among those that are wanted.
    #[error("cannot order on un-selected fields")]
    Order,
    /// A filter on such a field.
    #[error("cannot filter on un-selected fields")]
    Filter,
    /// A filter where there is one object.
    #[error("this is not a collection")]
    NoCollection,
}

impl Operator {
    pub(crate) fn parse(name: &str, has_one_value: bool) -> Option<Self> {
        Some(match name {
            "eq" | "in" => Self::In,
            "ne" | "notin" => Self::NotIn,
            "contains" => Self::Contains,
            "lt" if has_one_value => Self::Less,
            "le" if has_one_value => Self::LessOrEqual,
            "gt" if has_one_value => Self::Greater,
            "ge" if has_one_value => Self::GreaterOrEqual,
            _ => return None,
        })
    }
}

impl Query {
    /// Understands the parameters of a URL for objects of a type.
    ///
    /// A parameter with `__` whose field or operator nobody knows is not looked at, as in the reference.
    pub(crate) fn parse(
        entity: &'static Entity,
        is_collection: bool,
        parameters: &[(String, String)],
    ) -> Result<Self, QueryError> {
        let mut query = Self::default();
        let mut seen: Vec<&str> = Vec::new();
        for (name, _) in parameters {
            if seen.contains(&name.as_str()) {
                continue;
            }
            seen.push(name);
            let values = parameters
                .iter()
                .filter(|(other, _)| other == name)
                .map(|(_, value)| value.as_str());
            query.take(entity, name, &values.collect::<Vec<_>>())?;
        }
        let is_wanted = |field: &Field| {
            query.fields.is_empty() || query.fields.iter().any(|wanted| wanted.name == field.name)
        };
        if !query.order.iter().all(|order| is_wanted(order.field)) {
            return Err(QueryError::Order);
        }
        if !query.filters.iter().all(|filter| is_wanted(filter.field)) {
            return Err(QueryError::Filter);
        }
        if !is_collection && !query.filters.is_empty() {
            return Err(QueryError::NoCollection);
        }
        Ok(query)
    }

    fn take(
        &mut self,
        entity: &'static Entity,
        name: &str,
        values: &[&str],
    ) -> Result<(), QueryError> {
        let first = values.first().copied().unwrap_or_default();
        let field_named = |name: &str| {
            let field = entity.field(name);
            field.ok_or_else(|| QueryError::NoField(name.to_owned()))
        };
        match name {
            "field" => {
                for value in values {
                    self.fields.push(field_named(value)?);
                }
            }
            "order" => {
                for value in values {
                    let (name, descending) = match value.strip_prefix('-') {
                        Some(name) => (name, true),
                        None => (*value, false),
                    };
                    let field = field_named(name)?;
                    // Another order by the same field decides nothing.
                    if self
                        .order
                        .iter()
                        .all(|known| known.field.name != field.name)
                    {
                        self.order.push(Order { field, descending });
                    }
                }
            }
            "limit" => self.limit = Some(integer(first).ok_or(QueryError::Limit)?),
            "offset" => self.offset = Some(integer(first).ok_or(QueryError::Offset)?),
            "property" => self.properties = values.iter().map(|&name| name.to_owned()).collect(),
            _ => self.take_filter(entity, name, values)?,
        }
        Ok(())
    }

    fn take_filter(
        &mut self,
        entity: &'static Entity,
        name: &str,
        values: &[&str],
    ) -> Result<(), QueryError> {
        let (field, operator) = match entity.field(name) {
            Some(field) => (Some(field), Some(Operator::In)),
            None => {
                let Some((field, operator)) = name.rsplit_once("__") else {
                    return Err(QueryError::Unknown(name.to_owned()));
                };
                let operator = Operator::parse(operator, values.len() == 1);
                (entity.field(field), operator)
            }
        };
        let (Some(field), Some(operator)) = (field, operator) else {
            return Ok(());
        };
        let values: Option<Vec<Literal>> = values
            .iter()
            .map(|value| Literal::parse(&field.kind, value))
            .collect();
        self.filters.push(Filter {
            field,
            operator,
            values: values.ok_or_else(|| QueryError::Value(name.to_owned()))?,
        });
        Ok(())
    }

    /// Whether a field is to be in the answer.
    pub(crate) fn wants(&self, field: &Field) -> bool {
        self.fields.is_empty() || self.fields.iter().any(|wanted| wanted.name == field.name)
    }
}

impl Literal {
    fn parse(kind: &Kind, text: &str) -> Option<Self> {
        match kind {
            Kind::Integer | Kind::Date => integer(text).map(Self::Integer),
            Kind::Text | Kind::Binary => Some(Self::Text(text.to_owned())),
            Kind::Boolean => match text.to_lowercase().as_str() {
                "on" | "true" | "yes" | "1" => Some(Self::Boolean(true)),
                "off" | "false" | "no" | "0" => Some(Self::Boolean(false)),
                _ => None,
            },
            Kind::Identifier(length_max) => {
                let fits = is_identifier(text) && text.chars().count() <= *length_max;
                fits.then(|| Self::Text(text.to_owned()))
            }
            Kind::List(of) => Self::parse(of, text),
            Kind::Json | Kind::Properties | Kind::Entity(_) => None,
        }
    }
}

/// An integer as Python's `int` reads it; beyond 64 bits the largest one.
pub(crate) fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (digits, negative) = match text.as_bytes().first()? {
        b'-' => (&text[1..], true),
        b'+' => (&text[1..], false),
        _ => (text, false),
    };
    let well_formed = digits
        .split('_')
        .all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()));
    if !well_formed {
        return None;
    }
    let mut value: i64 = 0;
    for digit in digits.bytes().filter(u8::is_ascii_digit) {
        value = value
            .saturating_mul(10)
            .saturating_add(i64::from(digit - b'0'));
    }
    Some(if negative { -value } else { value })
}

/// Whether a text can name a step or a log in a path.
pub(crate) fn is_identifier(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next();
    first.is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-'))
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::{Query, integer};
    use crate::entities::{BUILD, LOG, WORKER};

    #[test]
    fn integers_are_those_of_python() {
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(integer(text), expected, "{text}");
        check("7", Some(7));
        check(" +7 ", Some(7));
        check("-1_0", Some(-10));
        check("99999999999999999999", Some(i64::MAX));
        for wrong in ["", "-", "x", "1.5", "_1", "1__0", "--1"] {
            check(wrong, None);
        }
    }

    #[test]
    fn errors_have_the_texts_of_the_reference() {
        let check = |query: &str, is_collection: bool, expected: &str| {
            let parameters: Vec<(String, String)> = query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let parsed = Query::parse(&BUILD, is_collection, &parameters);
            let found = parsed.map_or_else(|error| error.to_string(), |_| String::new());
            assert_eq!(found, expected, "{query}");
        };
        check("zz=1", true, "unrecognized query parameter 'zz'");
        check("zz__eq=1", true, "");
        check("number__bad=1", true, "");
        check("order=zz", true, "no such field 'zz'");
        check("order=-", true, "no such field ''");
        check("field=zz", true, "no such field 'zz'");
        check("limit=x", true, "invalid limit");
        check("offset=", true, "invalid offset");
        check("number=x", true, "invalid filter value for number");
        check("number__lt=x", true, "invalid filter value for number__lt");
        check("number__lt=1&number__lt=x", true, "");
        check("properties=x", true, "invalid filter value for properties");
        check("complete=maybe", true, "invalid filter value for complete");
        check("complete=YES", true, "");
        check(
            "field=number&order=buildid",
            true,
            "cannot order on un-selected fields",
        );
        check(
            "field=number&buildid=1",
            true,
            "cannot filter on un-selected fields",
        );
        check("number=1", false, "this is not a collection");
        check("limit=1&order=number", false, "");
    }

    #[test]
    fn what_cannot_be_a_value_is_refused() {
        let one = |name: &str, value: &str| [(name.to_owned(), value.to_owned())];
        assert!(Query::parse(&LOG, true, &one("slug", "a b")).is_err());
        assert!(Query::parse(&LOG, true, &one("type", "st")).is_err());
        assert!(Query::parse(&WORKER, true, &one("connected_to__contains", "1")).is_err());
        assert!(Query::parse(&WORKER, true, &one("workerinfo", "1")).is_err());
    }
}
