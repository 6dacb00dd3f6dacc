//! The keys of `WithProperties`, the older form of `Interpolate`: `branch`, `branch:-master` and the like.

use crate::exception::Exception;
use crate::value::Value;

/// The value of a key. `lookup` finds what a name stands for; `None` becomes an empty text.
pub(crate) fn value<'a>(
    key: &str,
    lookup: impl Fn(&str) -> Option<&'a Value>,
) -> Result<Value, Exception> {
    // The reference looks for the sign in the first line, and drops the others.
    let line = key.split('\n').next().unwrap_or(key);
    let signed = [":-", ":~", ":+"].into_iter().find_map(|sign| {
        let (name, other) = line.rsplit_once(sign)?;
        Some((name, sign, other))
    });
    let value = match signed {
        None => lookup(key).cloned().ok_or_else(|| Exception::key(key))?,
        Some((name, ":+", other)) => match lookup(name) {
            Some(_) => other.into(),
            None => "".into(),
        },
        Some((name, sign, other)) => match lookup(name) {
            Some(value) if sign == ":-" || value.is_true() => value.clone(),
            _ => other.into(),
        },
    };
    Ok(if value.is_none() { "".into() } else { value })
}

#[cfg(test)]
mod tests {
    use super::value;
    use crate::value::Value;

    #[test]
    fn keys_are_read_from_the_last_sign() {
        let (set, zero, none) = (Value::from("A"), Value::Int(0), Value::None);
        let lookup = |name: &str| match name {
            "a" => Some(&set),
            "z" => Some(&zero),
            "n" => Some(&none),
            _ => None,
        };
        let check = |key: &str, expected: Value| {
            assert_eq!(value(key, lookup), Ok(expected), "{key}");
        };
        check("a", "A".into());
        check("n", "".into());
        check("x:-d", "d".into());
        check("z:-d", 0.into());
        check("z:~d", "d".into());
        check("z:+d", "d".into());
        check("x:+d", "".into());
        check("n:~a:-b", "b".into());
        check("x:-q:+z", "q:+z".into());
        check("x:-q\nr", "q".into());
        assert_eq!(
            value("x\n:-q", lookup).expect_err("a key").name(),
            "KeyError"
        );
    }
}
