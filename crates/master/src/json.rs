//! Values of properties as the database keeps them.

use buildbot_render::{Value, json_of_value, value_of_json};
use serde_json::Value as Json;

/// The text that the database keeps, with sorted keys, so that equal values have equal texts. `None` for what JSON
/// cannot hold.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    let mut json = json_of_value(value)?;
    json.sort_all_objects();
    Some(json.to_string())
}

/// The same with what `mask` makes of each text in it, keys among them.
pub(crate) fn masked_text_of(value: &Value, mask: &dyn Fn(&str) -> String) -> Option<String> {
    let mut json = json_of_value(value)?;
    mask_texts(&mut json, mask);
    json.sort_all_objects();
    Some(json.to_string())
}

fn mask_texts(json: &mut Json, mask: &dyn Fn(&str) -> String) {
    match json {
        Json::String(text) => *text = mask(text),
        Json::Array(items) => items.iter_mut().for_each(|item| mask_texts(item, mask)),
        Json::Object(items) => {
            let masked = std::mem::take(items).into_iter().map(|(key, mut item)| {
                mask_texts(&mut item, mask);
                (mask(&key), item)
            });
            *items = masked.collect();
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The value that the database keeps under this text; a text that is no JSON stands for itself.
pub(crate) fn value_of(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| Value::from(text), |json: Json| value_of_json(&json))
}

#[cfg(test)]
mod tests {
    use super::{masked_text_of, text_of, value_of};

    #[test]
    fn values_survive_the_database() {
        let check = |text: &str, expected: &str| {
            assert_eq!(
                text_of(&value_of(text)).as_deref(),
                Some(expected),
                "{text}"
            );
        };
        check(
            r#"{"b": [1, 2.5, null], "a": "ä"}"#,
            r#"{"a":"ä","b":[1,2.5,null]}"#,
        );
        check("true", "true");
        check("1.0", "1.0");
        check("18446744073709551615", "18446744073709551615");
        check("no JSON", r#""no JSON""#);
    }

    #[test]
    fn texts_are_masked_wherever_they_stand() {
        let value = value_of(r#"{"b": ["x word", 1], "the word": {"word": "word"}}"#);
        let mask = |text: &str| text.replace("word", "<secret>");
        assert_eq!(
            masked_text_of(&value, &mask).as_deref(),
            Some(r#"{"b":["x <secret>",1],"the <secret>":{"<secret>":"<secret>"}}"#)
        );
    }
}
