//! Values as text: `str`, `repr`, `%`, `format` and f-strings.

use buildbot_model::python_text::repr_of_float as float;
pub(crate) use buildbot_model::python_text::repr_of_text as literal;

use crate::value::Value;

/// The widest field that a format may ask for.
const WIDTH_MAX: usize = 1000;

/// Why a value cannot be formatted, as a message and its help.
#[derive(Debug)]
pub(crate) struct FormatFault(pub(crate) String, pub(crate) &'static str);

const FORMATS: &str = "allowed: %s, %r, %d, %i, %x, %X, %o, %f and %%, with a width, and %(name)s";
const SPECIFICATIONS: &str =
    "allowed: alignment (<, >, ^), sign, 0, width, precision, and one of s, d, x, X, o, b, f";

/// `str(value)`.
pub(crate) fn str(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        _ => repr(value),
    }
}

/// `repr(value)`.
pub(crate) fn repr(value: &Value) -> String {
    let list = |values: &[Value]| values.iter().map(repr).collect::<Vec<_>>().join(", ");
    match value {
        Value::None => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => float(*value),
        Value::Text(text) => literal(text),
        Value::List(items) => format!("[{}]", list(items.values())),
        Value::Tuple(items) => match items.values() {
            [single] => format!("({},)", repr(single)),
            values => format!("({})", list(values)),
        },
        Value::Dict(pairs) => {
            let pairs: Vec<String> = pairs
                .pairs()
                .iter()
                .map(|(key, value)| format!("{}: {}", repr(key), repr(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => format!("<{}>", other.kind()),
    }
}

/// What a field asks for.
#[derive(Default)]
struct Layout {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Layout {
    /// Puts `sign` and `body` into the width. `zeros` go between them.
    fn place(&self, sign: &str, body: &str, default_align: char) -> String {
        let length = sign.chars().count() + body.chars().count();
        let missing = self.width.saturating_sub(length);
        let fill = self.fill.unwrap_or(' ');
        let padding = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
        match self.align.unwrap_or(default_align) {
            '<' => format!("{sign}{body}{}", padding(missing)),
            '^' => format!(
                "{}{sign}{body}{}",
                padding(missing / 2),
                padding(missing - missing / 2)
            ),
            '=' => format!("{sign}{}{body}", padding(missing)),
            _ => format!("{}{sign}{body}", padding(missing)),
        }
    }

    fn sign(&self, negative: bool) -> &'static str {
        match self.sign {
            _ if negative => "-",
            Some('+') => "+",
            Some(' ') => " ",
            _ => "",
        }
    }

    fn integer(&self, value: i128, kind: char) -> String {
        let magnitude = value.unsigned_abs();
        let (prefix, mut body) = match kind {
            'x' => ("0x", format!("{magnitude:x}")),
            'X' => ("0X", format!("{magnitude:X}")),
            'o' => ("0o", format!("{magnitude:o}")),
            'b' => ("0b", format!("{magnitude:b}")),
            _ => ("", magnitude.to_string()),
        };
        if let Some(precision) = self.precision {
            body = format!("{body:0>precision$}");
        }
        let prefix = if self.alternate { prefix } else { "" };
        self.place(&format!("{}{prefix}", self.sign(value < 0)), &body, '>')
    }

    fn fraction(&self, value: f64) -> String {
        let precision = self.precision.unwrap_or(6);
        let body = if value.is_finite() {
            format!("{:.precision$}", value.abs())
        } else {
            float(value.abs())
        };
        self.place(
            self.sign(value.is_sign_negative() && !value.is_nan()),
            &body,
            '>',
        )
    }

    fn text(&self, text: &str, default_align: char) -> String {
        let cut: String = match self.precision {
            Some(precision) => text.chars().take(precision).collect(),
            None => text.to_owned(),
        };
        self.place("", &cut, default_align)
    }
}

/// Reads digits; `None` when the number is above the greatest width.
fn digits(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Option<usize>> {
    let mut number = None;
    while let Some(digit) = characters.peek().and_then(|c| c.to_digit(10)) {
        characters.next();
        let next = number.unwrap_or(0) * 10 + usize::try_from(digit).ok()?;
        if next > WIDTH_MAX {
            return None;
        }
        number = Some(next);
    }
    Some(number)
}

fn too_wide() -> FormatFault {
    FormatFault(
        format!("a field is wider than {WIDTH_MAX} characters"),
        "write a smaller width",
    )
}

/// `format(value, specification)`, as in f-strings and `str.format`.
pub(crate) fn format_value(value: &Value, specification: &str) -> Result<String, FormatFault> {
    if specification.is_empty() {
        return Ok(str(value));
    }
    let refused = || {
        FormatFault(
            format!("{} cannot be formatted like this", value.kind()),
            SPECIFICATIONS,
        )
    };
    let mut layout = Layout::default();
    let is_align = |c: &char| matches!(c, '<' | '>' | '^' | '=');
    let mut start = specification.chars();
    let (first, second) = (start.next(), start.next());
    let mut characters = specification.chars().peekable();
    if second.as_ref().is_some_and(is_align) {
        layout.fill = first;
        layout.align = second;
        characters.next();
        characters.next();
    } else if first.as_ref().is_some_and(is_align) {
        layout.align = first;
        characters.next();
    }
    layout.sign = characters.next_if(|c| matches!(c, '+' | '-' | ' '));
    layout.alternate = characters.next_if_eq(&'#').is_some();
    let zero = characters.next_if_eq(&'0').is_some();
    layout.width = digits(&mut characters).ok_or_else(too_wide)?.unwrap_or(0);
    if characters.next_if_eq(&'.').is_some() {
        let precision = digits(&mut characters).ok_or_else(too_wide)?;
        layout.precision = Some(precision.ok_or_else(refused)?);
    }
    layout.kind = characters.next();
    if characters.next().is_some() {
        return Err(refused());
    }
    match (value, layout.kind) {
        (Value::Text(text), None | Some('s')) => {
            if layout.sign.is_some() || layout.alternate || layout.align == Some('=') {
                return Err(refused());
            }
            if zero && layout.fill.is_none() {
                layout.fill = Some('0');
            }
            Ok(layout.text(text, '<'))
        }
        (Value::Int(_) | Value::Bool(_), kind @ (None | Some('d' | 'x' | 'X' | 'o' | 'b'))) => {
            if layout.precision.is_some() {
                return Err(refused());
            }
            if zero && layout.fill.is_none() {
                layout.fill = Some('0');
                layout.align = layout.align.or(Some('='));
            }
            let Some(crate::value::Number::Int(number)) = value.number() else {
                return Err(refused());
            };
            Ok(layout.integer(number, kind.unwrap_or('d')))
        }
        (Value::Int(_) | Value::Bool(_) | Value::Float(_), Some('f')) => {
            if zero && layout.fill.is_none() {
                layout.fill = Some('0');
                layout.align = layout.align.or(Some('='));
            }
            let number = value.number().ok_or_else(refused)?;
            Ok(layout.fraction(number.float()))
        }
        (Value::Float(number), None) if layout.precision.is_none() && !layout.alternate => {
            if zero && layout.fill.is_none() {
                layout.fill = Some('0');
                layout.align = layout.align.or(Some('='));
            }
            let sign = layout.sign(number.is_sign_negative() && !number.is_nan());
            Ok(layout.place(sign, &float(number.abs()), '>'))
        }
        _ => Err(refused()),
    }
}

/// `template % values`.
pub(crate) fn percent(template: &str, values: &Value) -> Result<String, FormatFault> {
    let positional: &[Value] = match values {
        Value::Tuple(items) => items.values(),
        single => std::slice::from_ref(single),
    };
    let mut next = positional.iter();
    let mut named = false;
    let mut result = String::new();
    let mut characters = template.chars().peekable();
    while let Some(c) = characters.next() {
        if c != '%' {
            result.push(c);
            continue;
        }
        if characters.next_if_eq(&'%').is_some() {
            result.push('%');
            continue;
        }
        let key = if characters.next_if_eq(&'(').is_some() {
            let mut key = String::new();
            loop {
                match characters.next() {
                    Some(')') => break,
                    Some(c) => key.push(c),
                    None => return Err(FormatFault("a `%(` is not closed".into(), FORMATS)),
                }
            }
            Some(key)
        } else {
            None
        };
        let mut layout = Layout::default();
        let mut zero = false;
        while let Some(flag) = characters.next_if(|c| matches!(c, '0' | '-' | '+' | ' ' | '#')) {
            match flag {
                '0' => zero = true,
                '-' => layout.align = Some('<'),
                '#' => layout.alternate = true,
                '+' => layout.sign = Some('+'),
                _ => layout.sign = layout.sign.or(Some(' ')),
            }
        }
        layout.width = digits(&mut characters).ok_or_else(too_wide)?.unwrap_or(0);
        if characters.next_if_eq(&'.').is_some() {
            layout.precision = Some(digits(&mut characters).ok_or_else(too_wide)?.unwrap_or(0));
        }
        let kind = characters
            .next()
            .ok_or_else(|| FormatFault("the text ends within a `%` field".into(), FORMATS))?;
        let value = match (&key, values) {
            (Some(key), Value::Dict(pairs)) => {
                named = true;
                pairs.get(&Value::text(key.as_str())).ok_or_else(|| {
                    FormatFault("the dict has no value of this name".into(), FORMATS)
                })?
            }
            (Some(_), _) => {
                return Err(FormatFault("`%(name)` needs a dict".into(), FORMATS));
            }
            (None, _) => next
                .next()
                .ok_or_else(|| FormatFault("there are more fields than values".into(), FORMATS))?,
        };
        let number = match value.number() {
            Some(crate::value::Number::Int(number)) => Some(number),
            Some(crate::value::Number::Float(number)) if number.is_finite() => {
                Some(number.trunc() as i128)
            }
            Some(crate::value::Number::Float(_)) | None => None,
        };
        if zero && layout.align.is_none() && !matches!(kind, 's' | 'r') {
            layout.fill = Some('0');
            layout.align = Some('=');
        }
        let wrong = || {
            FormatFault(
                format!("`%{kind}` needs a number, not {}", value.kind()),
                FORMATS,
            )
        };
        let is_float = matches!(value, Value::Float(_));
        result.push_str(&match kind {
            's' => layout.text(&str(value), '>'),
            'r' => layout.text(&repr(value), '>'),
            'd' | 'i' | 'u' => layout.integer(number.ok_or_else(wrong)?, 'd'),
            'x' | 'X' | 'o' if !is_float => layout.integer(number.ok_or_else(wrong)?, kind),
            'f' | 'F' => layout.fraction(value.number().ok_or_else(wrong)?.float()),
            _ => return Err(FormatFault(format!("`%{kind}` is not supported"), FORMATS)),
        });
    }
    if next.next().is_some() && !named && !matches!(values, Value::Dict(_)) {
        return Err(FormatFault(
            "there are more values than fields".into(),
            FORMATS,
        ));
    }
    Ok(result)
}

/// `template.format(…)`, where `lookup` finds the value of a field by its number or name.
pub(crate) fn format_template(
    template: &str,
    mut lookup: impl FnMut(&str) -> Option<Value>,
) -> Result<String, FormatFault> {
    const HELP: &str =
        "allowed: {}, {0}, {name}, each with !s, !r or :width; {{ and }} stand for braces";
    let mut result = String::new();
    let mut automatic = 0_usize;
    let mut characters = template.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '{' | '}' if characters.next_if_eq(&c).is_some() => result.push(c),
            '}' => return Err(FormatFault("a single `}` in a format".into(), HELP)),
            '{' => {
                let mut field = String::new();
                loop {
                    match characters.next() {
                        Some('}') => break,
                        Some('{') | None => {
                            return Err(FormatFault("a field is not closed".into(), HELP));
                        }
                        Some(c) => field.push(c),
                    }
                }
                let (name, specification) = field.split_once(':').unwrap_or((&field, ""));
                let (name, conversion) = name
                    .split_once('!')
                    .map_or((name, None), |(name, conversion)| (name, Some(conversion)));
                let value = if name.is_empty() {
                    automatic += 1;
                    lookup(&(automatic - 1).to_string())
                } else {
                    lookup(name)
                };
                let value =
                    value.ok_or_else(|| FormatFault("a field has no value".into(), HELP))?;
                let value = match conversion {
                    None => value,
                    Some("s") => Value::text(str(&value)),
                    Some("r") => Value::text(repr(&value)),
                    Some(_) => {
                        return Err(FormatFault("a conversion is not known".into(), HELP));
                    }
                };
                result.push_str(&format_value(&value, specification)?);
            }
            c => result.push(c),
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests {
    use super::{Value, float, format_value, literal, percent};

    #[test]
    fn floats_are_printed_like_python_does() {
        for (value, expected) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (0.0001, "0.0001"),
            (-0.0, "-0.0"),
        ] {
            assert_eq!(float(value), expected);
        }
    }

    #[test]
    fn literals_are_quoted_like_python_does() {
        for (text, expected) in [
            ("a", "'a'"),
            ("it's", "\"it's\""),
            ("a'b\"c", "'a\\'b\"c'"),
            ("a\\b\n\t\u{1}é", "'a\\\\b\\n\\t\\x01é'"),
        ] {
            assert_eq!(literal(text), expected);
        }
    }

    #[test]
    fn numbers_are_formatted() {
        let number = Value::Int(-7);
        assert_eq!(format_value(&number, "04d").unwrap(), "-007");
        assert_eq!(format_value(&Value::Int(255), "#x").unwrap(), "0xff");
        assert_eq!(format_value(&Value::text("ab"), "*^5").unwrap(), "*ab**");
        assert_eq!(percent("%03d%%", &Value::Int(5)).unwrap(), "005%");
        assert_eq!(percent("%5.1f|%-4s|", &tuple()).unwrap(), "  2.5|x   |");
        assert!(percent("%s %s", &Value::Int(5)).is_err());
    }

    fn tuple() -> Value {
        let values = vec![Value::Float(2.5), Value::text("x")];
        Value::Tuple(crate::value::Items::new(values).unwrap())
    }
}
