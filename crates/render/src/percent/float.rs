//! Floating point numbers with a number of digits.

/// More digits than any float has before they are all zero.
const DIGITS_MAX: usize = 1100;

/// A number that is not negative, in the style of a letter of `efgEFG`.
pub(super) fn format(number: f64, letter: char, precision: usize, alternate: bool) -> String {
    let text = if number.is_nan() {
        "nan".to_owned()
    } else if number.is_infinite() {
        "inf".to_owned()
    } else {
        match letter.to_ascii_lowercase() {
            'f' => with_point(fixed(number, precision), alternate),
            'e' => scientific(number, precision, alternate),
            _ => general(number, precision, alternate),
        }
    };
    if letter.is_ascii_uppercase() {
        text.to_ascii_uppercase()
    } else {
        text
    }
}

fn with_point(mut text: String, alternate: bool) -> String {
    if alternate && !text.contains('.') {
        text.push('.');
    }
    text
}

/// Digits with `precision` of them after the point.
fn fixed(number: f64, precision: usize) -> String {
    let exact = precision.min(DIGITS_MAX);
    let mut text = format!("{number:.exact$}");
    text.extend(std::iter::repeat_n('0', precision - exact));
    text
}

/// Digits, `precision` of them after the point, and the exponent of ten.
fn mantissa(number: f64, precision: usize) -> (String, i32) {
    let exact = precision.min(DIGITS_MAX);
    let text = format!("{number:.exact$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let mut digits = digits.to_owned();
    digits.extend(std::iter::repeat_n('0', precision - exact));
    (digits, exponent.parse().unwrap_or(0))
}

fn scientific(number: f64, precision: usize, alternate: bool) -> String {
    let (digits, exponent) = mantissa(number, precision);
    with_exponent(&with_point(digits, alternate), exponent)
}

fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// The shorter style, with `precision` digits in all and without zeros at the end.
fn general(number: f64, precision: usize, alternate: bool) -> String {
    let precision = precision.max(1);
    let (digits, exponent) = mantissa(number, precision - 1);
    let finished = |text: String| {
        if alternate {
            with_point(text, true)
        } else if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    };
    let place = i64::from(exponent);
    let wanted = i64::try_from(precision).unwrap_or(i64::MAX);
    if place < -4 || place >= wanted {
        return with_exponent(&finished(digits), exponent);
    }
    let after_point = usize::try_from(wanted - 1 - place).unwrap_or(0);
    finished(fixed(number, after_point))
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn each_style_is_as_in_python() {
        for (number, letter, precision, alternate, expected) in [
            (0.5, 'f', 0, false, "0"),
            (2.5, 'f', 0, false, "2"),
            (1.0, 'f', 0, true, "1."),
            (1.0, 'e', 0, true, "1.e+00"),
            (0.0, 'e', 6, false, "0.000000e+00"),
            (1.5e300, 'E', 6, false, "1.500000E+300"),
            (1e-5, 'g', 6, false, "1e-05"),
            (123_456_789.0, 'g', 6, false, "1.23457e+08"),
            (1.0, 'g', 6, true, "1.00000"),
            (100_000.0, 'g', 6, false, "100000"),
            (999_999.5, 'g', 6, false, "1e+06"),
            (1.5, 'g', 0, false, "2"),
            (1e-10, 'G', 6, false, "1E-10"),
            (0.0, 'g', 6, false, "0"),
        ] {
            assert_eq!(format(number, letter, precision, alternate), expected);
        }
    }

    #[test]
    fn any_number_of_digits_is_given() {
        let text = format(0.1, 'f', 100_000, false);
        assert!(text.starts_with("0.1000000000000000055511151231257827") && text.len() == 100_002);
    }
}
