//! From the JSON of values to [`Value`], in one pass and without a tree of JSON between.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::place::Place;
use crate::value::{
    Callable, Format, Handle, ObjectId, Opaque, Regex, Renderable, RenderableKind, Value,
};

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a configuration")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::None)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut values = Vec::with_capacity(items.size_hint().unwrap_or(0));
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Kind => fields.kind = Some(map.next_value()?),
                Key::Object => fields.object = Some(map.next_value()?),
                Key::Handle => fields.handle = Some(map.next_value()?),
                Key::Parameters => fields.parameters = map.next_value()?,
                Key::Place => fields.place = map.next_value()?,
                Key::Named(name) => fields.named.push((name, map.next_value()?)),
            }
        }
        fields.into_value().map_err(A::Error::custom)
    }
}

/// The keys of an object with `$`.
enum Key {
    Kind,
    Object,
    Handle,
    Parameters,
    Place,
    Named(String),
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E>(self, key: &str) -> Result<Key, E> {
                Ok(match key {
                    "$" => Key::Kind,
                    "n" => Key::Object,
                    "h" => Key::Handle,
                    "params" => Key::Parameters,
                    "at" => Key::Place,
                    other => Key::Named(other.to_owned()),
                })
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

/// The fields of an object with `$`, before it is known what they mean.
#[derive(Default)]
struct Fields {
    kind: Option<String>,
    object: Option<u32>,
    handle: Option<u64>,
    parameters: Option<u32>,
    place: Option<Place>,
    named: Vec<(String, Value)>,
}

impl Fields {
    fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.named.iter().position(|(known, _)| known == name)?;
        Some(self.named.swap_remove(index).1)
    }

    fn value(&mut self, name: &str) -> Value {
        self.take(name).unwrap_or(Value::None)
    }

    fn text(&mut self, name: &str) -> Result<String, String> {
        match self.take(name) {
            Some(Value::Text(text)) => Ok(text),
            Some(_) | None => Err(format!("a value lacks the text `{name}`")),
        }
    }

    fn list(&mut self, name: &str) -> Result<Vec<Value>, String> {
        match self.take(name) {
            Some(Value::List(items)) => Ok(items),
            None => Ok(Vec::new()),
            Some(_) => Err(format!("`{name}` of a value is no array")),
        }
    }

    /// An array of arrays of two.
    fn pairs(&mut self, name: &str) -> Result<Vec<(Value, Value)>, String> {
        self.list(name)?
            .into_iter()
            .map(|pair| match pair {
                Value::List(pair) => <[Value; 2]>::try_from(pair)
                    .map(|[key, value]| (key, value))
                    .ok(),
                _ => None,
            })
            .collect::<Option<_>>()
            .ok_or_else(|| format!("`{name}` of a value is no array of pairs"))
    }

    fn kwargs(&mut self) -> Result<Vec<(String, Value)>, String> {
        self.pairs("kwargs")?
            .into_iter()
            .map(|(name, value)| match name {
                Value::Text(name) => Ok((name, value)),
                _ => Err("the name of a keyword argument is no text".to_owned()),
            })
            .collect()
    }

    fn handle(&self) -> Result<Handle, String> {
        self.handle
            .map(Handle)
            .ok_or_else(|| "a value lacks its handle".to_owned())
    }

    fn format(&mut self) -> Result<Format, String> {
        Ok(Format::new(
            self.value("fmt"),
            self.list("args")?,
            self.kwargs()?,
        ))
    }

    fn into_value(mut self) -> Result<Value, String> {
        let Some(kind) = self.kind.take() else {
            return Err("an object lacks the key `$`".to_owned());
        };
        let kind = match kind.as_str() {
            "o" => {
                let number = self.object.ok_or("an `o` lacks its number")?;
                return Ok(Value::Object(ObjectId(number)));
            }
            "tuple" => return Ok(Value::Tuple(self.list("v")?)),
            "set" => return Ok(Value::Set(self.list("v")?)),
            "frozenset" => return Ok(Value::FrozenSet(self.list("v")?)),
            "dict" => return Ok(Value::Dict(self.pairs("v")?)),
            "int" => return integer(&self.text("v")?),
            "float" => {
                return match self.text("v")?.as_str() {
                    "nan" => Ok(Value::Float(f64::NAN)),
                    "inf" => Ok(Value::Float(f64::INFINITY)),
                    "-inf" => Ok(Value::Float(f64::NEG_INFINITY)),
                    other => Err(format!("`{other}` is no float")),
                };
            }
            "bytes" => {
                let text = self.text("v")?;
                return data_encoding::BASE64
                    .decode(text.as_bytes())
                    .map(Value::Bytes)
                    .map_err(|error| format!("bytes are no base64: {error}"));
            }
            "fn" => {
                return Ok(Value::Callable(Box::new(Callable {
                    handle: self.handle()?,
                    name: self.text("name")?,
                    place: self.place,
                    parameters: self.parameters,
                })));
            }
            "regex" => {
                let flags = match self.take("flags") {
                    Some(Value::Int(flags)) => flags,
                    _ => 0,
                };
                return Ok(Value::Regex(Box::new(Regex {
                    pattern: self.value("pattern"),
                    flags,
                })));
            }
            "timedelta" => {
                return match self.take("s") {
                    Some(Value::Float(seconds)) => Ok(Value::Interval(seconds)),
                    Some(Value::Int(seconds)) => Ok(Value::Interval(seconds as f64)),
                    _ => Err("a `timedelta` lacks its seconds".to_owned()),
                };
            }
            "path" => return Ok(Value::Path(self.text("v")?)),
            // No part of a configuration asks for a point in time; functions may return one.
            "datetime" => {
                return Ok(Value::Opaque(Box::new(Opaque {
                    handle: None,
                    class: "datetime.datetime".to_owned(),
                    repr: self.text("v")?,
                })));
            }
            "opaque" => return Ok(Value::Opaque(Box::new(self.opaque()?))),
            "ref" => return Ok(Value::Ref(self.text("name")?)),
            "Property" => RenderableKind::Property {
                key: self.value("key"),
                default: self.value("default"),
                default_when_false: self.take("defaultWhenFalse").unwrap_or(Value::Bool(true)),
            },
            "Interpolate" => RenderableKind::Interpolate(self.format()?),
            "WithProperties" => RenderableKind::WithProperties(self.format()?),
            "FlattenList" => RenderableKind::FlattenList {
                list: self.value("list"),
                types: self.value("types"),
            },
            "Secret" => RenderableKind::Secret {
                name: self.value("name"),
            },
            "Transform" => RenderableKind::Transform {
                function: self.value("function"),
                args: self.list("args")?,
                kwargs: self.kwargs()?,
            },
            "renderer" => RenderableKind::Function {
                handle: self.handle()?,
                name: self.text("name")?,
                args: self.list("args")?,
                kwargs: self.kwargs()?,
            },
            "op" => RenderableKind::Operation {
                operator: self.text("op")?,
                left: self.value("left"),
                right: self.value("right"),
            },
            "renderable" => RenderableKind::Custom(self.opaque()?),
            other => return Err(format!("there is no value of kind `{other}`")),
        };
        Ok(Value::Renderable(Box::new(Renderable {
            kind,
            place: self.place,
        })))
    }

    fn opaque(&mut self) -> Result<Opaque, String> {
        Ok(Opaque {
            handle: self.handle.map(Handle),
            class: self.text("type")?,
            repr: self.text("repr").unwrap_or_default(),
        })
    }
}

/// Python itself refuses to write more digits.
const DIGITS_MAX: usize = 4300;

fn integer(text: &str) -> Result<Value, String> {
    if text.len() > DIGITS_MAX + 1 {
        return Err("an integer has too many digits".to_owned());
    }
    text.parse()
        .map(Value::integer)
        .map_err(|_| format!("`{text}` is no integer"))
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (file, line) = <(u32, u32)>::deserialize(deserializer)?;
        Ok(Self { file, line })
    }
}

impl<'de> Deserialize<'de> for Handle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::{ObjectId, Place, Regex, RenderableKind, Value};

    fn decode(json: &str) -> Result<Value, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let check = |json: &str, expected: Value| {
            assert_eq!(decode(json).expect(json), expected, "{json}");
        };
        check("null", Value::None);
        check("true", Value::Bool(true));
        check("-3", Value::Int(-3));
        check("1.0", Value::Float(1.0));
        check("8.888888888888888e54", Value::Float(8.888888888888888e54));
        check(r#""a""#, "a".into());
        check("[1]", Value::List(vec![1.into()]));
        check(
            r#"{"$": "int", "v": "99999999999999999999"}"#,
            Value::integer(99_999_999_999_999_999_999_i128.into()),
        );
        check(r#"{"$": "float", "v": "inf"}"#, Value::Float(f64::INFINITY));
        check(
            r#"{"$": "bytes", "v": "YWI="}"#,
            Value::Bytes(b"ab".to_vec()),
        );
        check(
            r#"{"$": "tuple", "v": [1, 2]}"#,
            Value::Tuple(vec![1.into(), 2.into()]),
        );
        check(
            r#"{"$": "dict", "v": [["k", [1]]]}"#,
            Value::Dict(vec![("k".into(), Value::List(vec![1.into()]))]),
        );
        check(r#"{"n": 7, "$": "o"}"#, Value::Object(ObjectId(7)));
        check(r#"{"$": "timedelta", "s": 2.5}"#, Value::Interval(2.5));
        check(r#"{"$": "path", "v": "/a"}"#, Value::Path("/a".into()));
        check(
            r#"{"$": "regex", "pattern": "a", "flags": 32}"#,
            Value::Regex(Box::new(Regex {
                pattern: "a".into(),
                flags: 32,
            })),
        );
        check(r#"{"$": "ref", "name": "a.b"}"#, Value::Ref("a.b".into()));
    }

    #[test]
    fn code_and_renderables_carry_their_place() {
        let Value::Callable(callable) =
            decode(r#"{"$": "fn", "h": 3, "name": "f", "at": [0, 9], "params": null}"#)
                .expect("fn")
        else {
            panic!("no callable");
        };
        assert_eq!(callable.place, Some(Place { file: 0, line: 9 }));
        assert_eq!(callable.parameters, None);
        let Value::Renderable(renderable) = decode(
            r#"{"$": "Interpolate", "fmt": "%(prop:a)s", "kwargs": [["x", 1]], "at": [1, 2]}"#,
        )
        .expect("Interpolate") else {
            panic!("no renderable");
        };
        let RenderableKind::Interpolate(format) = &renderable.kind else {
            panic!("no Interpolate");
        };
        assert_eq!(format.kwargs, [("x".to_owned(), Value::Int(1))]);
    }

    #[test]
    fn malformed_values_are_refused() {
        let check = |json: &str| assert!(decode(json).is_err(), "{json}");
        check("{}");
        check(r#"{"$": "nonsense"}"#);
        check(r#"{"$": "o"}"#);
        check(r#"{"$": "dict", "v": [[1]]}"#);
        check(r#"{"$": "bytes", "v": "?"}"#);
        check(r#"{"$": "fn", "name": "f"}"#);
    }
}
