//! What code of configurations gets of the data interface: the objects of the REST API in the shapes that Python has.
//!
//! Values are written as the configuration host has them (`docs/formats/config-host.md`): instants, bytes, pairs and
//! dictionaries with keys of users can be told apart.

use buildbot_db::Reader;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::endpoints::{self, Shape};
use crate::entities;
use crate::entity::{Entity, Field, Kind, Paging};
use crate::query::{Bytes, Filter, Literal, Operator, Order, Query};
use crate::reader::{Answer, Data, RawLog, ReadError};
use crate::topic::Topic;

/// How much text of one log is given to code of a configuration: all of it is held here and there.
const RAW_BYTES_MAX: usize = 64 << 20;

/// What is wanted of a path: filters, fields, order and page, as Python states them.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// Which fields; `None` for all. Unknown ones are not looked at.
    pub fields: Option<Vec<String>>,
    /// All hold.
    pub filters: Vec<Condition>,
    /// Names of fields, with `-` in front for descending order.
    pub order: Vec<String>,
    /// How many objects at most.
    pub limit: Option<i64>,
    /// How many are left out first.
    pub offset: Option<i64>,
    /// Names of properties that objects are to have, `*` for all.
    pub properties: Vec<String>,
}

/// A condition on a field: its name, the operator, the values.
#[derive(Debug, Deserialize)]
pub struct Condition(pub String, pub String, pub Vec<Json>);

/// What is at a path, as values of the configuration host.
#[derive(Debug, Clone, PartialEq)]
pub enum PythonAnswer {
    /// Nothing.
    Nothing,
    /// One object.
    One(Json),
    /// Objects.
    Many {
        /// They.
        items: Vec<Json>,
        /// How many there are.
        total: usize,
        /// Whether the list says which page it is.
        ///
        /// Seen: lists that the database has paged do not.
        tells_page: bool,
    },
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// A field or an operator that does not exist: what `KeyError` is about.
    #[error("{0}")]
    NoKey(String),
    /// A filter with a value that no field of its type has.
    #[error("invalid filter value for {0}")]
    Value(String),
    /// A log that is too large to be given in one piece.
    #[error("the log has more than {RAW_BYTES_MAX} bytes; read its contents in parts")]
    TooLarge,
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl Data {
    /// What is at a path, for code of a configuration. Builds wait for it, so it does not wait behind clients.
    pub async fn get(&self, path: &[String], wanted: Wanted) -> Result<PythonAnswer, GetError> {
        let Some((endpoint, arguments)) = endpoints::find(path) else {
            return Err(ReadError::NoPath(path.join("/")).into());
        };
        let entity = endpoint.entity;
        let query = query(entity, &wanted)?;
        let page_is_told = endpoint.paging == Paging::Memory;
        let answer = self.answer(Reader::Master, path, endpoint, arguments, query);
        let answer = match answer.await {
            Ok(answer) => answer,
            Err(ReadError::NotFound(_)) if endpoint.shape == Shape::Collection => {
                return Ok(PythonAnswer::Many {
                    items: Vec::new(),
                    total: 0,
                    tells_page: page_is_told,
                });
            }
            Err(ReadError::NotFound(_)) => return Ok(PythonAnswer::Nothing),
            Err(error) => return Err(error.into()),
        };
        Ok(match answer {
            Answer::Objects { items, total, .. } => {
                let items = items.into_iter().map(|mut item| {
                    if let (Some(fields), Json::Object(item)) = (&wanted.fields, &mut item) {
                        item.retain(|name, _| fields.contains(name));
                    }
                    shaped_object(entity, item)
                });
                let mut items: Vec<Json> = items.collect();
                match total {
                    Some(total) => PythonAnswer::Many {
                        items,
                        total,
                        tells_page: page_is_told,
                    },
                    None => items.pop().map_or(PythonAnswer::Nothing, PythonAnswer::One),
                }
            }
            Answer::Log(log) => PythonAnswer::One(whole_log(log).await?),
            Answer::Bytes { name, bytes } => PythonAnswer::One(json!({
                "raw": {"$": "bytes", "v": data_encoding::BASE64.encode(&bytes)},
                "mime-type": "application/octet-stream",
                "filename": name,
            })),
        })
    }
}

async fn whole_log(log: RawLog) -> Result<Json, GetError> {
    let mut text = log.head;
    let mut pieces = log.reader.raw();
    while let Some(piece) = pieces.next().await.map_err(ReadError::from)? {
        text.push_str(&piece.text);
        if text.len() > RAW_BYTES_MAX {
            return Err(GetError::TooLarge);
        }
    }
    let mime_type = if log.is_html {
        "text/html"
    } else {
        "text/plain"
    };
    let mut told = json!({ "raw": text, "mime-type": mime_type });
    if let Some(name) = log.file_name {
        told["filename"] = name.into();
    }
    Ok(told)
}

fn query(entity: &'static Entity, wanted: &Wanted) -> Result<Query, GetError> {
    let field_named = |name: &str| {
        let field = entity.field(name);
        field.ok_or_else(|| GetError::NoKey(name.to_owned()))
    };
    let fields = wanted.fields.iter().flatten();
    let mut query = Query {
        fields: fields.filter_map(|name| entity.field(name)).collect(),
        limit: wanted.limit,
        offset: wanted.offset,
        properties: wanted.properties.clone(),
        bytes: Bytes::Base64,
        ..Query::default()
    };
    for Condition(name, operator, values) in &wanted.filters {
        let field = field_named(name)?;
        let operator = Operator::parse(operator, values.len() == 1)
            .ok_or_else(|| GetError::NoKey(operator.clone()))?;
        let values = values
            .iter()
            .map(|value| literal(field, value).ok_or_else(|| GetError::Value(name.clone())));
        query.filters.push(Filter {
            field,
            operator,
            values: values.collect::<Result<_, _>>()?,
        });
    }
    for name in &wanted.order {
        let (name, descending) = match name.strip_prefix('-') {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        let field = field_named(name)?;
        query.order.push(Order { field, descending });
    }
    Ok(query)
}

fn literal(field: &Field, value: &Json) -> Option<Literal> {
    Some(match value {
        Json::Null => Literal::Null,
        Json::Bool(truth) => match field.kind {
            Kind::Boolean => Literal::Boolean(*truth),
            _ => Literal::Integer((*truth).into()),
        },
        Json::Number(number) => match field.kind {
            Kind::Boolean => Literal::Boolean(number.as_f64() != Some(0.0)),
            _ => Literal::Integer(number.as_i64()?),
        },
        Json::String(text) => Literal::Text(text.clone()),
        Json::Object(marked) if marked.get("$") == Some(&"datetime".into()) =>
        {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the database has whole seconds, and no instant is out of range"
            )]
            Literal::Integer(marked.get("epoch")?.as_f64()? as i64)
        }
        Json::Array(_) | Json::Object(_) => return None,
    })
}

/// A message of the realtime interfaces, as consumers in Python get it.
pub fn shaped_message(topic: &Topic, message: Json) -> Json {
    let parts: Vec<&str> = topic.parts().collect();
    // `builders/1/builds/2/finished` is about a build.
    let named = parts.len().checked_sub(3).and_then(|at| parts.get(at));
    let is_control = parts.first() == Some(&"control");
    let entity = named.and_then(|plural| entities::of_messages(plural));
    match entity {
        Some(entity) if !is_control => shaped_object(entity, message),
        _ if parts.ends_with(&["properties", "update"]) => properties(message),
        _ => value(message),
    }
}

fn shaped_object(entity: &Entity, object: Json) -> Json {
    if entity.fields.is_empty() {
        return properties(object);
    }
    let Json::Object(object) = object else {
        return value(object);
    };
    let members = object.into_iter().map(|(name, member)| {
        let shaped = match entity.field(&name) {
            Some(field) => shaped(&field.kind, member),
            None => value(member),
        };
        (name, shaped)
    });
    Json::Object(members.collect())
}

fn shaped(kind: &Kind, given: Json) -> Json {
    match (kind, given) {
        (_, Json::Null) => Json::Null,
        (Kind::Date, Json::Number(epoch)) => json!({"$": "datetime", "epoch": epoch}),
        (Kind::Binary, Json::String(base64)) => json!({"$": "bytes", "v": base64}),
        (Kind::Properties, given) => properties(given),
        (Kind::List(of), Json::Array(items)) => {
            items.into_iter().map(|item| shaped(of, item)).collect()
        }
        (Kind::Entity(entity), given) => shaped_object(entity, given),
        (_, given) => value(given),
    }
}

/// `{name: [value, source]}` with pairs.
fn properties(given: Json) -> Json {
    let Json::Object(given) = given else {
        return value(given);
    };
    let pairs = given.into_iter().map(|(name, pair)| {
        let pair = match pair {
            Json::Array(parts) => {
                let parts: Vec<Json> = parts.into_iter().map(value).collect();
                json!({"$": "tuple", "v": parts})
            }
            other => value(other),
        };
        json!([name, pair])
    });
    let pairs: Vec<Json> = pairs.collect();
    json!({"$": "dict", "v": pairs})
}

/// The largest integer that stands for itself.
const INTEGER_MAX: u64 = 1 << 53;

/// Plain JSON, whose keys may be anything.
pub fn value(given: Json) -> Json {
    match given {
        Json::Array(items) => items.into_iter().map(value).collect(),
        Json::Object(members) => {
            let pairs: Vec<Json> = members
                .into_iter()
                .map(|(name, member)| json!([name, value(member)]))
                .collect();
            json!({"$": "dict", "v": pairs})
        }
        Json::Number(number) => {
            let magnitude = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            match magnitude {
                Some(magnitude) if magnitude > INTEGER_MAX => {
                    json!({"$": "int", "v": number.to_string()})
                }
                _ => Json::Number(number),
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::{Data, PythonAnswer, Reader, Wanted, query, shaped_message, value};
    use crate::entities::BUILD;
    use crate::topic::Topic;
    use buildbot_db::Database;
    use buildbot_logs::{LogStore, Settings};
    use serde_json::json;

    #[test]
    fn code_of_configurations_does_not_wait_behind_clients() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.sqlite");
        buildbot_db::create(&path).unwrap();
        let database = Arc::new(Database::open(&path).unwrap());
        let logs = LogStore::open(directory.path(), Settings::default()).unwrap();
        let data = Data::new(database.clone(), logs, Arc::new(()));
        let (release, released) = channel::<()>();
        let released = Arc::new(Mutex::new(released));
        for _ in 0..4 {
            let released = released.clone();
            let work = move |_: &_| {
                let _ = released.lock().unwrap().recv();
                Ok(())
            };
            database.ask(Reader::Client, || true, work, drop);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let path = ["masters".to_owned()];
        let got = runtime.block_on(async {
            let asked = data.get(&path, Wanted::default());
            tokio::time::timeout(Duration::from_secs(10), asked).await
        });
        drop(release);
        let answer = got.expect("an answer in time").unwrap();
        assert!(
            matches!(answer, PythonAnswer::Many { total: 0, .. }),
            "{answer:?}"
        );
    }

    #[test]
    fn unknown_fields_are_key_errors_in_filters_and_order_only() {
        let check = |wanted: serde_json::Value, expected: Option<&str>| {
            let wanted: Wanted = serde_json::from_value(wanted).expect("a question");
            let error = query(&BUILD, &wanted).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), expected, "{wanted:?}");
        };
        check(json!({"fields": ["no"]}), None);
        check(json!({"order": ["-no"]}), Some("no"));
        check(json!({"filters": [["no", "eq", [1]]]}), Some("no"));
        check(json!({"filters": [["number", "lt", [1, 2]]]}), Some("lt"));
        check(
            json!({"filters": [["number", "eq", [{"a": 1}]]]}),
            Some("invalid filter value for number"),
        );
        check(json!({"filters": [["complete_at", "eq", [null]]]}), None);
    }

    #[test]
    fn messages_have_instants_and_pairs_where_python_has_them() {
        let topic = |text: &str| Topic::new(text);
        assert_eq!(
            shaped_message(
                &topic("builders/1/builds/2/new"),
                json!({"buildid": 2, "started_at": 5, "properties": {}})
            ),
            json!({"buildid": 2, "started_at": {"$": "datetime", "epoch": 5}, "properties": {"$": "dict", "v": []}})
        );
        assert_eq!(
            shaped_message(
                &topic("builds/2/properties/update"),
                json!({"a": [{"b": 1}, "s"]})
            ),
            json!({"$": "dict", "v": [["a", {"$": "tuple", "v": [{"$": "dict", "v": [["b", 1]]}, "s"]}]]})
        );
        assert_eq!(
            shaped_message(&topic("control/builds/2/stop"), json!({"reason": "x"})),
            json!({"$": "dict", "v": [["reason", "x"]]})
        );
    }

    #[test]
    fn large_integers_keep_their_digits() {
        let large = json!(9_007_199_254_740_993_u64);
        assert_eq!(value(large), json!({"$": "int", "v": "9007199254740993"}));
        assert_eq!(value(json!(-7)), json!(-7));
    }
}
