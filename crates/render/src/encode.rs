//! From values to the JSON of the configuration host.

use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeSeq as _, Serializer};

use crate::place::Place;
use crate::properties::{Properties, Property};
use crate::value::{Format, Handle, Opaque, Renderable, RenderableKind, Value};

/// Integers beyond this are written as text: not every reader of JSON keeps them.
const INTEGER_MAX: u64 = 1 << 53;

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.file, self.line).serialize(serializer)
    }
}

impl Serialize for Handle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// What stands under `v` of a value of kind `properties`: name, value, source, and `true` for what was set at
/// run time.
impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for (name, property) in self.iter() {
            let Property {
                value,
                source,
                runtime,
            } = property;
            if *runtime {
                list.serialize_element(&(name, value, source, true))?;
            } else {
                list.serialize_element(&(name, value, source))?;
            }
        }
        list.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(number) if number.unsigned_abs() <= INTEGER_MAX => {
                serializer.serialize_i64(*number)
            }
            Self::Int(number) => tagged(serializer, "int", &number.to_string()),
            Self::BigInt(number) => tagged(serializer, "int", &number.to_string()),
            Self::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Self::Float(number) if number.is_nan() => tagged(serializer, "float", "nan"),
            Self::Float(number) => tagged(
                serializer,
                "float",
                if *number > 0.0 { "inf" } else { "-inf" },
            ),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => tagged(serializer, "bytes", &data_encoding::BASE64.encode(bytes)),
            Self::List(items) => items.serialize(serializer),
            Self::Tuple(items) => tagged(serializer, "tuple", items),
            Self::Set(items) => tagged(serializer, "set", items),
            Self::FrozenSet(items) => tagged(serializer, "frozenset", items),
            Self::Dict(pairs) => tagged(serializer, "dict", pairs),
            Self::Regex(regex) => {
                let mut map = serializer.serialize_map(Some(3))?;
                map.serialize_entry("$", "regex")?;
                map.serialize_entry("pattern", &regex.pattern)?;
                map.serialize_entry("flags", &regex.flags)?;
                map.end()
            }
            Self::Interval(seconds) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("$", "timedelta")?;
                map.serialize_entry("s", seconds)?;
                map.end()
            }
            Self::Path(path) => tagged(serializer, "path", path),
            Self::Object(id) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("$", "o")?;
                map.serialize_entry("n", &id.0)?;
                map.end()
            }
            Self::Callable(callable) => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("$", "fn")?;
                map.serialize_entry("h", &callable.handle)?;
                map.serialize_entry("name", &callable.name)?;
                at::<S>(&mut map, callable.place)?;
                map.serialize_entry("params", &callable.parameters)?;
                map.end()
            }
            Self::Opaque(opaque) => {
                let mut map = serializer.serialize_map(None)?;
                map.serialize_entry("$", "opaque")?;
                opaque_fields::<S>(&mut map, opaque)?;
                map.end()
            }
            Self::Ref(name) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("$", "ref")?;
                map.serialize_entry("name", name)?;
                map.end()
            }
            Self::Renderable(renderable) => renderable.serialize(serializer),
        }
    }
}

fn tagged<S: Serializer, T: Serialize + ?Sized>(
    serializer: S,
    tag: &str,
    value: &T,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(2))?;
    map.serialize_entry("$", tag)?;
    map.serialize_entry("v", value)?;
    map.end()
}

fn at<S: Serializer>(map: &mut S::SerializeMap, place: Option<Place>) -> Result<(), S::Error> {
    match place {
        Some(place) => map.serialize_entry("at", &place),
        None => Ok(()),
    }
}

fn opaque_fields<S: Serializer>(
    map: &mut S::SerializeMap,
    opaque: &Opaque,
) -> Result<(), S::Error> {
    if let Some(handle) = opaque.handle {
        map.serialize_entry("h", &handle)?;
    }
    map.serialize_entry("type", &opaque.class)?;
    map.serialize_entry("repr", &opaque.repr)
}

fn format_fields<S: Serializer>(
    map: &mut S::SerializeMap,
    format: &Format,
) -> Result<(), S::Error> {
    map.serialize_entry("fmt", &format.format)?;
    if !format.args.is_empty() {
        map.serialize_entry("args", &format.args)?;
    }
    if !format.kwargs.is_empty() {
        map.serialize_entry("kwargs", &Named(&format.kwargs))?;
    }
    Ok(())
}

/// Pairs of names and values.
struct Named<'a>(&'a [(String, Value)]);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pairs = serializer.serialize_seq(Some(self.0.len()))?;
        for pair in self.0 {
            pairs.serialize_element(pair)?;
        }
        pairs.end()
    }
}

impl Serialize for Renderable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match &self.kind {
            RenderableKind::Property {
                key,
                default,
                default_when_false,
            } => {
                map.serialize_entry("$", "Property")?;
                map.serialize_entry("key", key)?;
                map.serialize_entry("default", default)?;
                map.serialize_entry("defaultWhenFalse", default_when_false)?;
            }
            RenderableKind::Interpolate(format) => {
                map.serialize_entry("$", "Interpolate")?;
                format_fields::<S>(&mut map, format)?;
            }
            RenderableKind::WithProperties(format) => {
                map.serialize_entry("$", "WithProperties")?;
                format_fields::<S>(&mut map, format)?;
            }
            RenderableKind::FlattenList { list, types } => {
                map.serialize_entry("$", "FlattenList")?;
                map.serialize_entry("list", list)?;
                map.serialize_entry("types", types)?;
            }
            RenderableKind::Secret { name } => {
                map.serialize_entry("$", "Secret")?;
                map.serialize_entry("name", name)?;
            }
            RenderableKind::Transform {
                function,
                args,
                kwargs,
            } => {
                map.serialize_entry("$", "Transform")?;
                map.serialize_entry("function", function)?;
                map.serialize_entry("args", args)?;
                map.serialize_entry("kwargs", &Named(kwargs))?;
            }
            RenderableKind::Function {
                handle,
                name,
                args,
                kwargs,
            } => {
                map.serialize_entry("$", "renderer")?;
                map.serialize_entry("h", handle)?;
                map.serialize_entry("name", name)?;
                map.serialize_entry("args", args)?;
                map.serialize_entry("kwargs", &Named(kwargs))?;
            }
            RenderableKind::Operation {
                operator,
                left,
                right,
            } => {
                map.serialize_entry("$", "op")?;
                map.serialize_entry("op", operator)?;
                map.serialize_entry("left", left)?;
                map.serialize_entry("right", right)?;
            }
            RenderableKind::Custom(opaque) => {
                map.serialize_entry("$", "renderable")?;
                opaque_fields::<S>(&mut map, opaque)?;
            }
        }
        at::<S>(&mut map, self.place)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use crate::value::Value;

    #[test]
    fn properties_are_written_with_their_sources() {
        let mut properties = crate::Properties::default();
        properties.set("a", 1, "Builder", false);
        properties.set("b", "x", "Step", true);
        let json = serde_json::to_string(&properties).expect("JSON");
        assert_eq!(json, r#"[["a",1,"Builder"],["b","x","Step",true]]"#);
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        for json in [
            "null",
            "true",
            "-3",
            "1.5",
            "1.0",
            r#"{"$":"int","v":"9007199254740993"}"#,
            r#"{"$":"int","v":"-99999999999999999999"}"#,
            r#"{"$":"float","v":"-inf"}"#,
            r#"{"$":"bytes","v":"YWI="}"#,
            r#"[{"$":"tuple","v":[]},{"$":"set","v":[1]},{"$":"frozenset","v":["a"]}]"#,
            r#"{"$":"dict","v":[["k",[1]],[1,null]]}"#,
            r#"{"$":"regex","pattern":"a","flags":32}"#,
            r#"{"$":"timedelta","s":2.5}"#,
            r#"{"$":"path","v":"/a"}"#,
            r#"{"$":"o","n":7}"#,
            r#"{"$":"fn","h":3,"name":"f","at":[0,9],"params":null}"#,
            r#"{"$":"opaque","h":4,"type":"a.B","repr":"<B>"}"#,
            r#"{"$":"ref","name":"a.b"}"#,
            r#"{"$":"Property","key":"a","default":null,"defaultWhenFalse":true,"at":[0,1]}"#,
            r#"{"$":"Interpolate","fmt":"%(kw:x)s","kwargs":[["x",1]]}"#,
            r#"{"$":"Interpolate","fmt":"%s","args":[1]}"#,
            r#"{"$":"WithProperties","fmt":"%s","args":["a"]}"#,
            r#"{"$":"FlattenList","list":[[1]],"types":["list","tuple"]}"#,
            r#"{"$":"Secret","name":"pw"}"#,
            r#"{"$":"Transform","function":{"$":"fn","h":1,"name":"f","params":2},"args":[1],"kwargs":[["a",2]]}"#,
            r#"{"$":"renderer","h":1,"name":"f","args":[],"kwargs":[]}"#,
            r#"{"$":"op","op":"+","left":1,"right":2}"#,
            r#"{"$":"renderable","h":1,"type":"m.C","repr":"<C>"}"#,
        ] {
            let value: Value = serde_json::from_str(json).expect(json);
            assert_eq!(serde_json::to_string(&value).expect(json), json);
            let tree: serde_json::Value = serde_json::from_str(json).expect(json);
            assert_eq!(serde_json::from_value::<Value>(tree).expect(json), value);
        }
    }
}
