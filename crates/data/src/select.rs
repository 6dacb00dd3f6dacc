//! Questions as SQL: the only place in which statements are made of what somebody asks. Values are parameters, always.

use std::fmt::Write as _;

use buildbot_db::Value;

use crate::entity::{Entity, Field, Paging, Stored};
use crate::query::{Bytes, Filter, Literal, Operator, Order, Query};

/// A value of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bound {
    Null,
    Integer(i64),
    Text(String),
}

impl Bound {
    pub(crate) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(*value),
            Self::Text(value) => Value::Text(value),
        }
    }
}

/// A statement with its values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) values: Vec<Bound>,
}

impl Sql {
    /// Adds text without values.
    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Adds a value.
    pub(crate) fn bind(&mut self, value: Bound) -> &mut Self {
        self.values.push(value);
        let _ = write!(self.text, "${}", self.values.len());
        self
    }

    /// Adds text in which `{name}` stands for an argument of the path.
    pub(crate) fn push_template(&mut self, template: &str, arguments: &Arguments) -> &mut Self {
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            self.push(before);
            let Some((name, after)) = after.split_once('}') else {
                return self.push(after);
            };
            match arguments.get(name) {
                Some(value) => self.bind(value.clone()),
                None => self.push("NULL"),
            };
            rest = after;
        }
        self.push(rest)
    }

    fn push_list(&mut self, values: impl Iterator<Item = Bound>) {
        self.push("(");
        for (index, value) in values.enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
        self.push(")");
    }

    /// Adds a list of ids. Its length is a power of two, so that there are few different statements.
    pub(crate) fn push_ids(&mut self, ids: &[i64]) {
        let last = ids.last().copied().unwrap_or(-1);
        let padding = ids.len().max(1).next_power_of_two() - ids.len();
        let all = ids
            .iter()
            .copied()
            .chain(std::iter::repeat_n(last, padding));
        self.push_list(all.map(Bound::Integer));
    }

    /// Its values, as the database takes them.
    pub(crate) fn values(&self) -> Vec<Value<'_>> {
        self.values.iter().map(Bound::value).collect()
    }
}

/// What a path says: numbers and names by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Arguments(pub(crate) Vec<(&'static str, Bound)>);

impl Arguments {
    pub(crate) fn get(&self, name: &str) -> Option<&Bound> {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    /// A number; 0, which nothing has for an id, if there is none.
    pub(crate) fn integer(&self, name: &str) -> i64 {
        match self.get(name) {
            Some(Bound::Integer(value)) => *value,
            Some(Bound::Text(_) | Bound::Null) | None => 0,
        }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Bound::Text(value)) => value,
            Some(Bound::Integer(_) | Bound::Null) | None => "",
        }
    }
}

/// How much of a query the database answers.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// The rows. Columns are the stored fields in [`Compiled::columns`].
    pub(crate) rows: Sql,
    /// How many match before paging, if that is asked for and not simply the number of rows.
    pub(crate) count: Option<Sql>,
    /// The fields of a row, from left to right.
    pub(crate) columns: Vec<&'static Field>,
    /// What is left to do in memory.
    pub(crate) rest: Rest,
}

/// What the database does not do.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    pub(crate) filters: Vec<Filter>,
    pub(crate) order: bool,
    pub(crate) page: bool,
}

/// Makes the statement for the objects of a type for which a condition holds.
///
/// Differs: filters that the reference does not apply are applied: several values of `buildrequestid`, `complete` and
/// `claimed`, anything but one value of `claimed_by_masterid`; where it filters in memory, dates are compared as numbers,
/// and `contains` takes several texts. Comparing nothing with a value leaves the object out and is no error.
/// Differs: pages of `buildrequests` are full; in the reference those with requests of several codebases are shorter.
pub(crate) fn compile(
    entity: &'static Entity,
    paging: Paging,
    condition: &Sql,
    query: &Query,
    is_collection: bool,
) -> Compiled {
    let (stored, rest): (Vec<&Filter>, Vec<&Filter>) = query
        .filters
        .iter()
        .partition(|filter| column(filter.field).is_some());
    let order_is_stored = query.order.iter().all(|o| column(o.field).is_some());
    let is_negative = |number: Option<i64>| number.is_some_and(|number| number < 0);
    let slices =
        entity.paging == Paging::Memory && (is_negative(query.limit) || is_negative(query.offset));
    let pages = rest.is_empty() && order_is_stored && !slices;

    let columns: Vec<&'static Field> = entity
        .fields
        .iter()
        .filter(|field| field.stored != Stored::Elsewhere)
        .collect();
    let mut body = Sql::default();
    body.push(" FROM ").push(entity.from);
    push_conditions(&mut body, entity, paging, condition, &stored);

    let mut rows = Sql::default();
    rows.push("SELECT ");
    for (index, field) in columns.iter().enumerate() {
        if index > 0 {
            rows.push(", ");
        }
        match field.stored {
            Stored::Column(expression) | Stored::Json(expression) => rows.push(expression),
            Stored::Elsewhere => rows.push("NULL"),
        };
    }
    rows.text.push_str(&body.text);
    rows.values.clone_from(&body.values);
    if is_collection {
        push_order(
            &mut rows,
            entity,
            if order_is_stored { query } else { &NOTHING },
        );
        let asked = query.limit.is_some() || query.offset.is_some();
        if pages && asked {
            rows.push(" LIMIT ")
                .bind(Bound::Integer(query.limit.unwrap_or(-1)));
            rows.push(" OFFSET ")
                .bind(Bound::Integer(query.offset.unwrap_or(0)));
        }
    } else {
        rows.push(" LIMIT 1");
    }
    // Seen: by these fields the reference orders in memory, so that it knows how many there are.
    let orders_itself = |order: &Order| {
        matches!(
            (entity.name, order.field.name),
            ("build", "complete") | ("commit", "revision")
        )
    };
    let counts = pages
        && (paging == Paging::Memory || query.order.iter().any(orders_itself))
        && (query.limit.is_some() || query.offset.is_some());
    let count = counts.then(|| {
        let mut count = Sql::default();
        count.push("SELECT COUNT(*)").push(&body.text);
        count.values = body.values;
        count
    });
    Compiled {
        rows,
        count,
        columns,
        rest: Rest {
            filters: rest.into_iter().cloned().collect(),
            order: !order_is_stored,
            page: !pages,
        },
    }
}

static NOTHING: Query = Query {
    fields: Vec::new(),
    filters: Vec::new(),
    order: Vec::new(),
    limit: None,
    offset: None,
    properties: Vec::new(),
    bytes: Bytes::Text,
};

fn column(field: &Field) -> Option<&'static str> {
    match field.stored {
        Stored::Column(expression) => Some(expression),
        Stored::Json(_) | Stored::Elsewhere => None,
    }
}

fn push_conditions(
    sql: &mut Sql,
    entity: &Entity,
    paging: Paging,
    condition: &Sql,
    filters: &[&Filter],
) {
    let mut word = " WHERE ";
    if !condition.text.is_empty() {
        // The condition comes first, so that its parameters keep their numbers.
        sql.push(word).push(&condition.text);
        sql.values.extend(condition.values.iter().cloned());
        word = " AND ";
    }
    for filter in filters {
        let Some(expression) = column(filter.field) else {
            continue;
        };
        sql.push(word);
        push_filter(sql, paging, expression, filter);
        word = " AND ";
        if let Some(hint) = hint(entity, filter) {
            sql.push(word).push(hint);
        }
    }
}

/// What follows from a filter, and has an index where the filter has none.
///
/// A build that runs has a request that is not complete: nobody goes through the history to find it.
fn hint(entity: &Entity, filter: &Filter) -> Option<&'static str> {
    let asks_for = |value: bool| {
        filter.field.name == "complete"
            && match filter.operator {
                Operator::In => filter.values == [Literal::Boolean(value)],
                Operator::NotIn => filter.values == [Literal::Boolean(!value)],
                _ => false,
            }
    };
    let unclaimed = filter.field.name == "claimed"
        && filter.operator == Operator::In
        && filter.values == [Literal::Boolean(false)];
    match entity.name {
        "build" if asks_for(false) => Some(
            "builds.buildrequestid IN (SELECT unfinished.id FROM buildrequests AS unfinished WHERE unfinished.complete = 0)",
        ),
        "buildrequest" if unclaimed => Some("buildrequests.complete = 0"),
        _ => None,
    }
}

/// Nothing is equal to null in SQL, so it is looked for by itself.
fn push_filter(sql: &mut Sql, paging: Paging, expression: &str, filter: &Filter) {
    let expression = if expression.contains(' ') {
        &format!("({expression})")
    } else {
        expression
    };
    let (nulls, values): (Vec<_>, Vec<_>) = filter
        .values
        .iter()
        .cloned()
        .partition(|value| *value == Literal::Null);
    if nulls.is_empty() {
        return push_comparison(sql, paging, expression, filter);
    }
    let others = Filter {
        values,
        ..filter.clone()
    };
    let (word, null) = match filter.operator {
        Operator::In => (" OR ", " IS NULL"),
        Operator::NotIn => (" AND ", " IS NOT NULL"),
        Operator::Less
        | Operator::LessOrEqual
        | Operator::Greater
        | Operator::GreaterOrEqual
        | Operator::Contains => {
            sql.push("FALSE");
            return;
        }
    };
    sql.push("(");
    if !others.values.is_empty() {
        push_comparison(sql, paging, expression, &others);
        sql.push(word);
    }
    sql.push(expression).push(null).push(")");
}

fn push_comparison(sql: &mut Sql, paging: Paging, expression: &str, filter: &Filter) {
    let bound = |literal: &Literal| match literal {
        Literal::Null => Bound::Null,
        Literal::Integer(value) => Bound::Integer(*value),
        Literal::Boolean(value) => Bound::Integer((*value).into()),
        Literal::Text(value) => Bound::Text(value.clone()),
    };
    let compare = |sql: &mut Sql, operator: &str| {
        let value = filter.values.first().map_or(Bound::Integer(0), bound);
        sql.push(expression).push(operator).bind(value);
    };
    match filter.operator {
        Operator::In if filter.values.len() == 1 => compare(sql, " = "),
        Operator::In => {
            sql.push(expression).push(" IN ");
            sql.push_list(filter.values.iter().map(bound));
        }
        Operator::NotIn => {
            sql.push("(").push(expression);
            if filter.values.len() == 1 {
                sql.push(" <> ");
                let value = filter.values.first().map_or(Bound::Integer(0), bound);
                sql.bind(value);
            } else {
                sql.push(" NOT IN ");
                sql.push_list(filter.values.iter().map(bound));
            }
            if paging == Paging::Memory {
                sql.push(" OR ").push(expression).push(" IS NULL");
            }
            sql.push(")");
        }
        Operator::Less => compare(sql, " < "),
        Operator::LessOrEqual => compare(sql, " <= "),
        Operator::Greater => compare(sql, " > "),
        Operator::GreaterOrEqual => compare(sql, " >= "),
        Operator::Contains => {
            sql.push("(");
            for (index, value) in filter.values.iter().enumerate() {
                if index > 0 {
                    sql.push(" OR ");
                }
                let text = match value {
                    Literal::Null => String::new(),
                    Literal::Integer(value) => value.to_string(),
                    Literal::Boolean(value) => i64::from(*value).to_string(),
                    Literal::Text(value) => value.clone(),
                };
                if paging == Paging::Database {
                    sql.push(expression).push(" LIKE ");
                    sql.bind(Bound::Text(format!("%{text}%")));
                } else {
                    sql.push("instr(").push(expression).push(", ");
                    sql.bind(Bound::Text(text)).push(") > 0");
                }
            }
            sql.push(")");
        }
    }
}

fn push_order(sql: &mut Sql, entity: &Entity, query: &Query) {
    let mut word = " ORDER BY ";
    let mut is_total = false;
    for order in &query.order {
        let Some(expression) = column(order.field) else {
            continue;
        };
        sql.push(word).push(expression);
        if order.descending {
            sql.push(" DESC");
        }
        is_total |= expression == entity.order;
        word = ", ";
    }
    if !is_total {
        sql.push(word).push(entity.order);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Sql, compile};
    use crate::endpoints::{Source, find};
    use crate::query::Query;
    use buildbot_db::{Database, Statement};

    fn compiled(path: &str, question: &str) -> super::Compiled {
        let path: Vec<String> = path.split('/').map(str::to_owned).collect();
        let (endpoint, arguments) = find(&path).expect("a path");
        let parameters: Vec<(String, String)> = question
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let query = Query::parse(endpoint.entity, true, &parameters).expect("a query");
        let Source::Where(template) = &endpoint.source else {
            panic!("{path:?} is no table");
        };
        let mut condition = Sql::default();
        condition.push_template(template, &arguments);
        compile(endpoint.entity, endpoint.paging, &condition, &query, true)
    }

    #[test]
    fn values_are_parameters_and_conditions_are_in_one_statement() {
        let sql = compiled(
            "builders/7/builds",
            "results__ne=0&state_string__contains=a'b&order=-number&limit=5&offset=2",
        );
        let (_, rest) = sql.rows.text.split_once(" FROM ").expect("a table");
        assert_eq!(
            rest,
            "builds WHERE builds.builderid = $1 AND (builds.results <> $2) \
             AND (builds.state_string LIKE $3) ORDER BY builds.number DESC, builds.id LIMIT $4 OFFSET $5"
        );
        assert_eq!(
            sql.rows.values,
            [
                Bound::Integer(7),
                Bound::Integer(0),
                Bound::Text("%a'b%".to_owned()),
                Bound::Integer(5),
                Bound::Integer(2)
            ]
        );
        assert!(sql.count.is_none() && sql.rest.filters.is_empty());
    }

    #[test]
    fn what_no_column_holds_is_left_for_memory_and_not_paged_before() {
        let sql = compiled("builders", "tags__contains=x&limit=5");
        assert!(sql.rest.page && sql.rest.filters.len() == 1);
        assert!(!sql.rows.text.contains("LIMIT"));
    }

    #[test]
    fn hot_paths_go_through_indices() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("state.sqlite");
        buildbot_db::create(&path).expect("a schema");
        let database = Database::open(&path).expect("a database");
        for (path, question) in [
            ("builders/7/builds", "order=-number&limit=20"),
            ("builds", "order=-buildid&complete=true&limit=20"),
            ("builds", "order=-started_at&complete=false"),
            ("builds", "builderid=7&order=-number&limit=200"),
            ("builds", "buildrequestid=9"),
            ("builds", "workerid=3&order=-buildid&limit=5"),
            (
                "buildrequests",
                "claimed=false&limit=50&order=-priority&order=-submitted_at",
            ),
            ("buildrequests", "complete=false"),
            ("buildrequests", "order=-buildrequestid&limit=1000"),
            ("buildsets", "order=-submitted_at&limit=200"),
            ("buildsets", "complete=false"),
            ("changes", "order=-changeid&limit=50"),
            ("builds/7/steps", ""),
            ("steps/7/logs", ""),
            ("buildrequests/7/builds", ""),
            ("builds/7/property_list", ""),
        ] {
            let sql = compiled(path, question).rows;
            let plan = database.read(move |connection| {
                let text = format!("EXPLAIN QUERY PLAN {}", sql.text);
                let statement = Statement {
                    name: "plan",
                    text: &text,
                };
                connection.all(statement, &sql.values(), |row| {
                    let _: (i64, i64, i64) = (row.take()?, row.take()?, row.take()?);
                    row.take::<String>()
                })
            });
            let plan = plan.expect("a plan").join("; ");
            // Going through a table by its key is no more than what is asked for, if nothing sorts it then.
            let scans = plan.contains("SCAN builds") || plan.contains("SCAN build");
            let sorts = plan.contains("USE TEMP B-TREE FOR ORDER BY");
            assert!(!(scans && sorts), "{path}?{question}: {plan}");
        }
    }
}
