//! Python's `pprint.pformat`.

use buildbot_render::Value;

use crate::value::repr;

/// The columns of a line.
const WIDTH: usize = 80;

/// A value over as many lines as it needs.
pub(crate) fn pretty(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, 0, &mut text);
    text
}

/// `repr` with dictionaries in the order of their keys.
fn sorted(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(sorted).collect()),
        Value::Tuple(items) => Value::Tuple(items.iter().map(sorted).collect()),
        Value::Dict(pairs) => {
            let mut pairs: Vec<_> = pairs
                .iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect();
            pairs.sort_by_key(|(key, _)| order(key));
            Value::Dict(pairs)
        }
        Value::Set(items) | Value::FrozenSet(items) => {
            let mut items = items.clone();
            items.sort_by_key(order);
            match value {
                Value::Set(_) => Value::Set(items),
                _ => Value::FrozenSet(items),
            }
        }
        other => other.clone(),
    }
}

/// Numbers by their size, texts by their letters.
fn order(value: &Value) -> (i64, String) {
    match value {
        Value::Int(number) => (*number, String::new()),
        Value::Text(text) => (0, text.clone()),
        other => (0, repr(other)),
    }
}

/// Writes a value that begins at a column; `after` characters follow its last line.
fn write(value: &Value, column: usize, after: usize, text: &mut String) {
    let value = &sorted(value);
    let short = repr(value);
    if short.chars().count() + column + after <= WIDTH {
        text.push_str(&short);
        return;
    }
    match value {
        Value::List(items) => list("[", items, "]", column, after, text),
        Value::Tuple(items) => {
            let end = if items.len() == 1 { ",)" } else { ")" };
            list("(", items, end, column, after, text);
        }
        Value::Set(items) if !items.is_empty() => list("{", items, "}", column, after, text),
        Value::FrozenSet(items) if !items.is_empty() => {
            let begin = "frozenset({";
            list(begin, items, "})", column, after, text);
        }
        Value::Dict(pairs) if !pairs.is_empty() => {
            text.push('{');
            for (number, (key, value)) in pairs.iter().enumerate() {
                if number > 0 {
                    text.push_str(",\n");
                    text.extend(std::iter::repeat_n(' ', column + 1));
                }
                let key = repr(key);
                text.push_str(&key);
                text.push_str(": ");
                let after = if number + 1 == pairs.len() {
                    after + 1
                } else {
                    1
                };
                write(value, column + 1 + key.chars().count() + 2, after, text);
            }
            text.push('}');
        }
        Value::Text(long) => string(long, column, after, text),
        _ => text.push_str(&short),
    }
}

fn list(begin: &str, items: &[Value], end: &str, column: usize, after: usize, text: &mut String) {
    text.push_str(begin);
    let inside = column + begin.len();
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            text.push_str(",\n");
            text.extend(std::iter::repeat_n(' ', inside));
        }
        let after = if number + 1 == items.len() {
            after + end.len()
        } else {
            1
        };
        write(item, inside, after, text);
    }
    text.push_str(end);
}

/// A long text as several literals, broken at lines and at white space.
fn string(long: &str, column: usize, after: usize, text: &mut String) {
    let is_outermost = column == 0;
    let (column, after) = if is_outermost {
        (1, after + 1)
    } else {
        (column, after)
    };
    let mut parts: Vec<String> = Vec::new();
    let lines: Vec<&str> = long.split_inclusive('\n').collect();
    for (number, line) in lines.iter().enumerate() {
        let room = |is_last: bool| {
            let taken = if is_last && number + 1 == lines.len() {
                column + after
            } else {
                column
            };
            WIDTH.saturating_sub(taken)
        };
        let whole = repr(&(*line).into());
        if whole.chars().count() <= room(true) {
            parts.push(whole);
            continue;
        }
        let words = words(line);
        let mut current = String::new();
        for (at, word) in words.iter().enumerate() {
            let candidate = format!("{current}{word}");
            let is_last = at + 1 == words.len();
            if repr(&candidate.as_str().into()).chars().count() > room(is_last) {
                if !current.is_empty() {
                    parts.push(repr(&current.as_str().into()));
                }
                current = (*word).to_owned();
            } else {
                current = candidate;
            }
        }
        if !current.is_empty() {
            parts.push(repr(&current.as_str().into()));
        }
    }
    if let [only] = parts.as_slice() {
        text.push_str(only);
        return;
    }
    let gap = format!("\n{}", " ".repeat(column));
    let joined = parts.join(&gap);
    if is_outermost {
        text.push('(');
        text.push_str(&joined);
        text.push(')');
    } else {
        text.push_str(&joined);
    }
}

/// Words, each with the white space after it; white space at the beginning stands alone.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = line;
    while !rest.is_empty() {
        let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let after = rest.get(word..).unwrap_or_default();
        let space = after
            .find(|character: char| !character.is_whitespace())
            .unwrap_or(after.len());
        let (first, others) = rest.split_at(word + space);
        words.push(first);
        rest = others;
    }
    words
}
