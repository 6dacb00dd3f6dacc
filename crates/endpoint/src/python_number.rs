//! Numbers as Python's `int()` reads them, which is how Buildbot reads its options.

/// Reads a decimal number as `int(text)` does: white space around it, a sign, leading zeros and
/// single underscores between digits are accepted.
///
/// Differs: in numbers only ASCII digits are accepted, because nobody writes a port in other ones; numbers
/// beyond 64 bits are refused, because no option has a use for them.
pub fn python_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", text.get(1..)?),
        b'+' => ("", text.get(1..)?),
        _ => ("", text),
    };
    if !digits
        .split('_')
        .all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return None;
    }
    format!("{sign}{}", digits.replace('_', "")).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::python_int;

    #[test]
    fn numbers_are_read_as_python_reads_them() {
        let check = |text: &str, expected: Option<i64>| {
            assert_eq!(python_int(text), expected, "{text:?}");
        };
        check("5", Some(5));
        check(" 10 \n", Some(10));
        check("+10", Some(10));
        check("-10", Some(-10));
        check("010", Some(10));
        check("1_0", Some(10));
        check("", None);
        check("_1", None);
        check("1_", None);
        check("1__0", None);
        check("- 1", None);
        check("+-1", None);
        check("1.5", None);
        check("0x10", None);
        check("x", None);
        check("99999999999999999999", None);
    }
}
