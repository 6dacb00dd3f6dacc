//! `template % operand`, as Python formats text.

use num_bigint::BigInt;
use num_traits::{Signed as _, ToPrimitive as _};

use crate::exception::{Exception, Kind};
use crate::number;
use crate::operator::LENGTH_MAX;
use crate::text;
use crate::value::Value;

mod float;

/// What stands right of the `%`.
pub(crate) enum Operand<'a> {
    /// A tuple: one value after the other.
    Tuple(&'a [Value]),
    /// A single value that has no keys.
    Single(&'a Value),
    /// A single value that has keys, or that Python at least asks for one.
    Mapping(&'a Value, &'a dyn Fn(&str) -> Result<Value, Exception>),
    /// A dict, list or bytes.
    Container(&'a Value),
}

impl<'a> Operand<'a> {
    pub(crate) fn of(value: &'a Value) -> Self {
        match value {
            Value::Tuple(items) => Self::Tuple(items),
            Value::Dict(_) | Value::List(_) | Value::Bytes(_) => Self::Container(value),
            single => Self::Single(single),
        }
    }

    fn has_keys(&self) -> bool {
        matches!(self, Self::Mapping(..) | Self::Container(_))
    }

    fn get(&self, key: &str) -> Result<Value, Exception> {
        match self {
            Self::Mapping(_, get) => get(key),
            Self::Container(Value::Dict(pairs)) => {
                let found = pairs.iter().find(|(name, _)| name.as_text() == Some(key));
                found
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| Exception::key(key))
            }
            Self::Container(Value::Bytes(_)) => Err(Exception::type_error(
                "byte indices must be integers or slices, not str",
            )),
            Self::Container(_) => Err(Exception::type_error(
                "list indices must be integers or slices, not str",
            )),
            Self::Tuple(_) | Self::Single(_) => {
                Err(Exception::type_error("format requires a mapping"))
            }
        }
    }
}

/// The values that fields without a key take, one after the other.
enum Supply<'a> {
    Many(std::slice::Iter<'a, Value>),
    One(Option<&'a Value>),
    /// The value of the last key; a field takes it once.
    Keyed(Option<Value>),
}

impl Supply<'_> {
    fn next(&mut self) -> Result<Value, Exception> {
        let next = match self {
            Self::Many(values) => values.next().cloned(),
            Self::One(value) => value.take().cloned(),
            Self::Keyed(value) => value.take(),
        };
        next.ok_or_else(|| Exception::type_error("not enough arguments for format string"))
    }

    fn is_exhausted(&self) -> bool {
        match self {
            Self::Many(values) => values.as_slice().is_empty(),
            Self::One(value) => value.is_none(),
            Self::Keyed(value) => value.is_none(),
        }
    }
}

/// What stands between `%` and the letter.
#[derive(Default)]
struct Field {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// `template % operand`
pub(crate) fn format(template: &str, operand: Operand<'_>) -> Result<String, Exception> {
    let mut supply = match &operand {
        Operand::Tuple(values) => Supply::Many(values.iter()),
        Operand::Single(value) | Operand::Mapping(value, _) | Operand::Container(value) => {
            Supply::One(Some(value))
        }
    };
    let mut result = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('%') {
        result.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            result.push('%');
            rest = after;
            continue;
        }
        let mut scanner = Scanner {
            template,
            rest: after,
        };
        if scanner.take('(') {
            if !operand.has_keys() {
                return Err(Exception::type_error("format requires a mapping"));
            }
            supply = Supply::Keyed(Some(operand.get(scanner.key()?)?));
        }
        let field = scanner.field(&mut supply)?;
        let letter_at = scanner.position();
        let letter = scanner.letter()?;
        let value = supply.next()?;
        if field.is_too_wide() {
            Field::default().put(&mut String::new(), letter, letter_at, &value)?;
            return Err(Exception::new(Kind::Memory, "a field is too wide"));
        }
        field.put(&mut result, letter, letter_at, &value)?;
        if result.len() > LENGTH_MAX {
            return Err(Exception::new(Kind::Memory, "the text is too long"));
        }
        rest = scanner.rest;
    }
    result.push_str(rest);
    if !operand.has_keys() && !supply.is_exhausted() {
        return Err(Exception::type_error(
            "not all arguments converted during string formatting",
        ));
    }
    Ok(result)
}

/// Reads what follows a `%`.
struct Scanner<'a> {
    template: &'a str,
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn take(&mut self, character: char) -> bool {
        match self.rest.strip_prefix(character) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Up to the parenthesis that closes the key; those inside must balance.
    fn key(&mut self) -> Result<&'a str, Exception> {
        let mut depth = 0_usize;
        for (index, character) in self.rest.char_indices() {
            match character {
                '(' => depth += 1,
                ')' if depth > 0 => depth -= 1,
                ')' => {
                    let key = self.rest.get(..index).unwrap_or_default();
                    self.rest = self.rest.get(index + 1..).unwrap_or_default();
                    return Ok(key);
                }
                _ => {}
            }
        }
        Err(Exception::new(Kind::Value, "incomplete format key"))
    }

    fn field(&mut self, supply: &mut Supply<'_>) -> Result<Field, Exception> {
        let mut field = Field::default();
        loop {
            if self.take('-') {
                field.left = true;
            } else if self.take('+') {
                field.plus = true;
            } else if self.take(' ') {
                field.blank = true;
            } else if self.take('#') {
                field.alternate = true;
            } else if self.take('0') {
                field.zero = true;
            } else {
                break;
            }
        }
        if self.take('*') {
            let width = star(&supply.next()?, isize::MAX as i64, "ssize_t")?;
            field.left |= width < 0;
            // The one number without an opposite counts as no width.
            field.width = width
                .checked_neg()
                .map_or(0, |_| length(width.unsigned_abs()));
        } else {
            field.width = self.digits("width too big", isize::MAX as u64)?;
        }
        if self.take('.') {
            let precision = if self.take('*') {
                let precision = star(&supply.next()?, i32::MAX.into(), "int")?;
                length(precision.max(0).unsigned_abs())
            } else {
                self.digits("precision too big", i32::MAX as u64)?
            };
            field.precision = Some(precision);
        }
        let _ = self.take('h') || self.take('l') || self.take('L');
        Ok(field)
    }

    fn digits(&mut self, too_big: &str, max: u64) -> Result<usize, Exception> {
        let end = self
            .rest
            .find(|character: char| !character.is_ascii_digit())
            .unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        self.rest = rest;
        if digits.is_empty() {
            return Ok(0);
        }
        match digits.parse::<u64>() {
            Ok(number) if number <= max => Ok(length(number)),
            _ => Err(Exception::new(Kind::Value, too_big)),
        }
    }

    /// How many characters of the template stand before what is read next.
    fn position(&self) -> usize {
        let read = self.template.len() - self.rest.len();
        self.template
            .get(..read)
            .map_or(0, |text| text.chars().count())
    }

    fn letter(&mut self) -> Result<char, Exception> {
        let mut characters = self.rest.chars();
        let letter = characters
            .next()
            .ok_or_else(|| Exception::new(Kind::Value, "incomplete format"))?;
        self.rest = characters.as_str();
        Ok(letter)
    }
}

/// The value of a `*`.
fn star(value: &Value, max: i64, name: &str) -> Result<i64, Exception> {
    let Some(number) = number::integer(value) else {
        return Err(Exception::type_error("* wants int"));
    };
    number
        .to_i64()
        .filter(|number| (-max - 1..=max).contains(number))
        .ok_or_else(|| {
            Exception::new(
                Kind::Overflow,
                format!("Python int too large to convert to C {name}"),
            )
        })
}

fn length(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Field {
    fn is_too_wide(&self) -> bool {
        self.width.max(self.precision.unwrap_or(0)) > LENGTH_MAX
    }

    fn put(
        &self,
        result: &mut String,
        letter: char,
        letter_at: usize,
        value: &Value,
    ) -> Result<(), Exception> {
        match letter {
            's' => self.text(result, &text::str(value)?),
            'r' => self.text(result, &text::repr(value)?),
            'a' => self.text(result, &text::ascii(value)?),
            'c' => self.character(result, value)?,
            'd' | 'i' | 'u' => {
                let number = match value {
                    Value::Float(number) => Some(number::truncated(*number)?),
                    other => number::integer(other),
                };
                let number = number.ok_or_else(|| {
                    Exception::type_error(format!(
                        "%{letter} format: a real number is required, not {}",
                        value.type_name()
                    ))
                })?;
                self.integer(result, &number, "", text::decimal(&number.abs())?);
            }
            'x' | 'X' | 'o' => {
                let number = number::integer(value).ok_or_else(|| {
                    Exception::type_error(format!(
                        "%{letter} format: an integer is required, not {}",
                        value.type_name()
                    ))
                })?;
                let (prefix, digits) = match letter {
                    'x' => ("0x", number.magnitude().to_str_radix(16)),
                    'X' => ("0X", number.magnitude().to_str_radix(16).to_uppercase()),
                    _ => ("0o", number.magnitude().to_str_radix(8)),
                };
                let prefix = if self.alternate { prefix } else { "" };
                self.integer(result, &number, prefix, digits);
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let number = number::as_float(value).ok_or_else(|| {
                    Exception::type_error(format!("must be real number, not {}", value.type_name()))
                })??;
                let precision = self.precision.unwrap_or(6);
                let digits = float::format(number.abs(), letter, precision, self.alternate);
                let negative = number.is_sign_negative() && !number.is_nan();
                self.number(result, negative, "", &digits);
            }
            other => {
                let shown = if (' '..='~').contains(&other) {
                    other
                } else {
                    '?'
                };
                return Err(Exception::new(
                    Kind::Value,
                    format!(
                        "unsupported format character '{shown}' ({:#x}) at index {letter_at}",
                        u32::from(other)
                    ),
                ));
            }
        }
        Ok(())
    }

    fn character(&self, result: &mut String, value: &Value) -> Result<(), Exception> {
        let character = match value {
            Value::Text(text) => {
                let mut characters = text.chars();
                characters.next().filter(|_| characters.next().is_none())
            }
            other => match number::integer(other) {
                Some(number) => {
                    Some(number.to_u32().and_then(char::from_u32).ok_or_else(|| {
                        Exception::new(Kind::Overflow, "%c arg not in range(0x110000)")
                    })?)
                }
                None => None,
            },
        };
        let character =
            character.ok_or_else(|| Exception::type_error("%c requires int or char"))?;
        self.padded(result, character.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn text(&self, result: &mut String, text: &str) {
        let end = self
            .precision
            .and_then(|precision| text.char_indices().nth(precision))
            .map_or(text.len(), |(index, _)| index);
        self.padded(result, text.get(..end).unwrap_or(text));
    }

    fn padded(&self, result: &mut String, text: &str) {
        let missing = self.width.saturating_sub(text.chars().count());
        if !self.left {
            pad(result, ' ', missing);
        }
        result.push_str(text);
        if self.left {
            pad(result, ' ', missing);
        }
    }

    fn integer(&self, result: &mut String, number: &BigInt, prefix: &str, digits: String) {
        let missing = self.precision.unwrap_or(0).saturating_sub(digits.len());
        let mut body = String::new();
        pad(&mut body, '0', missing);
        body.push_str(&digits);
        self.number(result, number.is_negative(), prefix, &body);
    }

    /// Sign, prefix and digits in the width. All of it is ASCII.
    fn number(&self, result: &mut String, negative: bool, prefix: &str, digits: &str) {
        let sign = match (negative, self.plus, self.blank) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        };
        let missing = self
            .width
            .saturating_sub(sign.len() + prefix.len() + digits.len());
        if !self.left && !self.zero {
            pad(result, ' ', missing);
        }
        result.push_str(sign);
        result.push_str(prefix);
        if !self.left && self.zero {
            pad(result, '0', missing);
        }
        result.push_str(digits);
        if self.left {
            pad(result, ' ', missing);
        }
    }
}

fn pad(result: &mut String, character: char, count: usize) {
    result.extend(std::iter::repeat_n(character, count));
}

#[cfg(test)]
mod tests {
    use super::{Operand, format};
    use crate::value::Value;

    fn check(template: &str, operand: Value, expected: &str) {
        let formatted = format(template, Operand::of(&operand));
        assert_eq!(formatted.as_deref(), Ok(expected), "{template} {operand:?}");
    }

    fn refused(template: &str, operand: Value, class: &str, message: &str) {
        let error = format(template, Operand::of(&operand)).expect_err(template);
        assert_eq!(
            (error.name(), error.message.as_str()),
            (class, message),
            "{template}"
        );
    }

    fn tuple(values: &[Value]) -> Value {
        Value::Tuple(values.to_vec())
    }

    #[test]
    fn numbers_are_laid_out_as_in_python() {
        for (template, number, expected) in [
            ("%#x", -255, "-0xff"),
            ("%#08x|", -255, "-0x000ff|"),
            ("%#8x|", 255, "    0xff|"),
            ("%-#8x|", 255, "0xff    |"),
            ("%+ d", 5, "+5"),
            ("% 05d", 5, " 0005"),
            ("%+05d", -5, "-0005"),
            ("%.10d", -5, "-0000000005"),
            ("%012.10d", -5, "-00000000005"),
            ("%#.5x", 10, "0x0000a"),
            ("%#o", 8, "0o10"),
            ("%#X", 255, "0XFF"),
            ("%-05d|", 5, "5    |"),
            ("%c", 65, "A"),
            ("%ld", 5, "5"),
        ] {
            check(template, number.into(), expected);
        }
        for (template, number, expected) in [
            ("%d", 1.9, "1"),
            ("%.f", 2.5, "2"),
            ("%05f", f64::INFINITY, "00inf"),
            ("%F", f64::INFINITY, "INF"),
            ("%+f", f64::NAN, "+nan"),
            ("%-010f|", 1.5, "1.500000  |"),
            ("%f", -0.0, "-0.000000"),
        ] {
            check(template, Value::Float(number), expected);
        }
    }

    #[test]
    fn text_is_cut_and_padded() {
        check("%05s|", "ab".into(), "   ab|");
        check("%.3r", "abcdef".into(), "'ab");
        check("%.0c|", "x".into(), "x|");
        check(
            "%-4s|%4s|%.1s",
            tuple(&["é".into(), "b".into(), "çd".into()]),
            "é   |   b|ç",
        );
        check("%a", "é😀".into(), "'\\xe9\\U0001f600'");
        check(
            "%*s|%-*s|%.*s",
            tuple(&[
                3.into(),
                "a".into(),
                3.into(),
                "b".into(),
                1.into(),
                "cd".into(),
            ]),
            "  a|b  |c",
        );
        check("100%%", tuple(&[]), "100%");
    }

    #[test]
    fn keys_need_a_mapping_and_give_one_value() {
        let dict = || Value::Dict(vec![("a".into(), 1.into()), ("b(c)".into(), 2.into())]);
        check("%s %(a)s %(b(c))03d", dict(), "{'a': 1, 'b(c)': 2} 1 002");
        check("nothing", dict(), "nothing");
        check("nothing", Value::List(vec![1.into()]), "nothing");
        refused(
            "%(a)s %s",
            dict(),
            "TypeError",
            "not enough arguments for format string",
        );
        refused("%(x)s", dict(), "KeyError", "'x'");
        refused(
            "%(a)%",
            dict(),
            "ValueError",
            "unsupported format character '%' (0x25) at index 4",
        );
        refused("%(a)s", 1.into(), "TypeError", "format requires a mapping");
        refused("%(a", dict(), "ValueError", "incomplete format key");
    }

    #[test]
    fn what_python_refuses_is_refused() {
        refused(
            "%s%s",
            tuple(&[1.into()]),
            "TypeError",
            "not enough arguments for format string",
        );
        refused(
            "abc",
            1.into(),
            "TypeError",
            "not all arguments converted during string formatting",
        );
        refused("%5", 5.into(), "ValueError", "incomplete format");
        refused(
            "%é",
            5.into(),
            "ValueError",
            "unsupported format character '?' (0xe9) at index 1",
        );
        refused(
            "%d",
            "5".into(),
            "TypeError",
            "%d format: a real number is required, not str",
        );
        refused(
            "%x",
            Value::Float(1.5),
            "TypeError",
            "%x format: an integer is required, not float",
        );
        refused(
            "%c",
            (-1).into(),
            "OverflowError",
            "%c arg not in range(0x110000)",
        );
        refused(
            "%*d",
            tuple(&["a".into(), 1.into()]),
            "TypeError",
            "* wants int",
        );
        refused(
            "%99999999999999999999d",
            5.into(),
            "ValueError",
            "width too big",
        );
        refused(
            "%999999999d",
            5.into(),
            "MemoryError",
            "a field is too wide",
        );
    }
}
