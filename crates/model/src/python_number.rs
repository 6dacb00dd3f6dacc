//! Python's division of floating point numbers.

/// `a % b`, which has the sign of `b`. `b` is not zero.
pub fn float_remainder(a: f64, b: f64) -> f64 {
    let remainder = a % b;
    if remainder == 0.0 {
        0.0_f64.copysign(b)
    } else if (remainder < 0.0) != (b < 0.0) {
        remainder + b
    } else {
        remainder
    }
}

/// `a // b`, which belongs to [`float_remainder`]; `(a / b).floor()` may be off by one. `b` is not zero.
pub fn float_floor_divide(a: f64, b: f64) -> f64 {
    let remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder != 0.0 && (remainder < 0.0) != (b < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return 0.0_f64.copysign(a / b);
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 {
        floor + 1.0
    } else {
        floor
    }
}

#[cfg(test)]
mod tests {
    use super::{float_floor_divide, float_remainder};

    #[test]
    fn division_rounds_down_and_the_remainder_follows_the_divisor() {
        let check = |a: f64, b: f64, quotient: f64, remainder: f64| {
            assert_eq!(float_floor_divide(a, b), quotient, "{a} // {b}");
            assert_eq!(float_remainder(a, b), remainder, "{a} % {b}");
        };
        check(5.5, -2.0, -3.0, -0.5);
        check(-5.5, 2.0, -3.0, 0.5);
        check(1.0, 0.1, 9.0, 1.0 % 0.1);
        check(-1.0, f64::INFINITY, -1.0, f64::INFINITY);
        assert!(float_remainder(0.0, -3.0).is_sign_negative());
        assert!(float_floor_divide(f64::INFINITY, 1.0).is_nan());
    }
}
