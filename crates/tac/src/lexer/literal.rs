//! Numbers and strings of Python's grammar.

use super::TokenKind;
use crate::error::Fault;

/// A part of an f-string before its fields are parsed.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum StringPiece {
    Literal(String),
    /// The byte range of the expression, the conversion after `!`, and the specification after `:`.
    Field {
        at: usize,
        end: usize,
        conversion: Option<char>,
        specification: String,
    },
}

/// Reads the number at the beginning of `rest`, which stands at offset `at` of the file.
///
/// Differs: a number like `022` is octal, as it was for Python 2, because directories made then
/// have such an `umask`; Python 3 refuses it.
pub(super) fn number(rest: &str, at: usize) -> Result<(TokenKind, usize), Fault> {
    let mut previous = ' ';
    let length = rest
        .char_indices()
        .find(|&(_, c)| {
            let exponent_sign = matches!(c, '+' | '-')
                && matches!(previous, 'e' | 'E')
                && !matches!(rest.get(..2), Some("0x" | "0X"));
            let belongs = c.is_alphanumeric() || matches!(c, '_' | '.') || exponent_sign;
            previous = c;
            !belongs
        })
        .map_or(rest.len(), |(index, _)| index);
    let written = rest.get(..length).unwrap_or("");
    let lower = written.to_ascii_lowercase();
    let malformed = || {
        Fault::new(
            at,
            "this is no number that Python understands",
            "numbers are written like 9989, 10_000_000, 0o22, 0x1f, 0b101 or 1.5",
        )
    };
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, lower.get(2..)),
        Some("0o") => (8, lower.get(2..)),
        Some("0b") => (2, lower.get(2..)),
        _ => (10, Some(lower.as_str())),
    };
    let digits = digits.unwrap_or("");
    let digits = if radix == 10 {
        digits
    } else {
        digits.strip_prefix('_').unwrap_or(digits)
    };
    let is_float = radix == 10 && digits.contains(['.', 'e']);
    let mut before = '_';
    for c in digits.chars() {
        // An underscore stands between two digits only.
        if c == '_' && !before.is_ascii_hexdigit()
            || before == '_' && !c.is_ascii_hexdigit() && !(is_float && c == '.')
        {
            return Err(malformed());
        }
        before = c;
    }
    if before == '_' {
        return Err(malformed());
    }
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    if is_float {
        return match plain.parse::<f64>() {
            Ok(value) => Ok((TokenKind::Float(value), length)),
            Err(_) => Err(malformed()),
        };
    }
    let radix =
        if radix == 10 && plain.len() > 1 && plain.starts_with('0') && plain.contains(|c| c != '0')
        {
            8
        } else {
            radix
        };
    if !plain.chars().all(|c| c.is_digit(radix)) {
        return Err(malformed());
    }
    match i128::from_str_radix(&plain, radix) {
        Ok(value) => Ok((TokenKind::Integer(value), length)),
        Err(_) => Err(Fault::new(
            at,
            "this number is too large",
            "no value of a worker needs more than 38 digits",
        )),
    }
}

/// Reads the string whose prefix begins at `at` and whose quote is at `quote_at`, not past `end`.
pub(super) fn string(
    text: &str,
    at: usize,
    quote_at: usize,
    end: usize,
    prefix: &str,
) -> Result<(TokenKind, usize), Fault> {
    let (raw, formatted) = match prefix {
        "" | "u" => (false, false),
        "r" => (true, false),
        "f" => (false, true),
        "rf" | "fr" => (true, true),
        "b" | "rb" | "br" => {
            return Err(Fault::new(
                at,
                "a string of bytes is not allowed",
                "write an ordinary string: remove the `b` before the quote",
            ));
        }
        _ => {
            return Err(Fault::new(
                at,
                format!("`{prefix}` is no prefix of a string"),
                "allowed before the quote: r, u, f, rf",
            ));
        }
    };
    let rest = text.get(quote_at..end).unwrap_or("");
    let quote = if rest.starts_with("\"\"\"") {
        "\"\"\""
    } else if rest.starts_with("'''") {
        "'''"
    } else if rest.starts_with('"') {
        "\""
    } else {
        "'"
    };
    let body_at = quote_at + quote.len();
    let body_end = closing_quote(text, body_at, end, quote).ok_or_else(|| {
        Fault::new(
            at,
            "this string is not closed before the end of its line",
            format!("close it with {quote}"),
        )
    })?;
    let after = body_end + quote.len();
    let scanner = Scanner {
        text,
        at: body_at,
        end: body_end,
        raw,
    };
    let kind = if formatted {
        TokenKind::Formatted(scanner.pieces()?)
    } else {
        TokenKind::Text(scanner.text()?.into())
    };
    Ok((kind, after))
}

/// Finds the quote that ends a string; a short string ends on its line.
fn closing_quote(text: &str, at: usize, end: usize, quote: &str) -> Option<usize> {
    let body = text.get(at..end)?;
    let mut escaped = false;
    for (index, c) in body.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == '\n' && quote.len() == 1 {
            return None;
        } else if body
            .get(index..)
            .is_some_and(|rest| rest.starts_with(quote))
        {
            return Some(at + index);
        }
    }
    None
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    raw: bool,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..self.end)?.chars().next()
    }

    fn text(mut self) -> Result<String, Fault> {
        let mut value = String::new();
        while let Some(c) = self.next() {
            if c == '\\' && !self.raw {
                self.escape(&mut value)?;
            } else {
                value.push(c);
            }
        }
        Ok(value)
    }

    /// Decodes what follows a backslash, which stands just before `self.at`.
    fn escape(&mut self, value: &mut String) -> Result<(), Fault> {
        let at = self.at - 1;
        let Some(c) = self.next() else {
            value.push('\\');
            return Ok(());
        };
        match c {
            '\n' => {}
            '\\' | '\'' | '"' => value.push(c),
            'a' => value.push('\u{7}'),
            'b' => value.push('\u{8}'),
            'f' => value.push('\u{c}'),
            'n' => value.push('\n'),
            'r' => value.push('\r'),
            't' => value.push('\t'),
            'v' => value.push('\u{b}'),
            '0'..='7' => {
                let mut code = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else {
                        break;
                    };
                    code = code * 8 + digit;
                    self.next();
                }
                value.push(self.character(at, code)?);
            }
            'x' => self.hexadecimal(at, 2, value)?,
            'u' => self.hexadecimal(at, 4, value)?,
            'U' => self.hexadecimal(at, 8, value)?,
            'N' => {
                return Err(Fault::new(
                    at,
                    "characters cannot be written by name",
                    "write the character itself, or its number as \\uXXXX",
                ));
            }
            // Python keeps the backslash of an escape that it does not know.
            _ => {
                value.push('\\');
                value.push(c);
            }
        }
        Ok(())
    }

    fn hexadecimal(&mut self, at: usize, count: usize, value: &mut String) -> Result<(), Fault> {
        let mut code = 0_u32;
        for _ in 0..count {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                return Err(Fault::new(
                    at,
                    format!("this escape needs {count} hexadecimal digits"),
                    "write the digits, or double the backslash",
                ));
            };
            code = code.wrapping_mul(16).wrapping_add(digit);
            self.next();
        }
        value.push(self.character(at, code)?);
        Ok(())
    }

    fn character(&self, at: usize, code: u32) -> Result<char, Fault> {
        char::from_u32(code).ok_or_else(|| {
            Fault::new(
                at,
                "this escape stands for no character",
                "write the character itself",
            )
        })
    }

    fn pieces(mut self) -> Result<Vec<StringPiece>, Fault> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        while let Some(c) = self.next() {
            match c {
                '\\' if !self.raw => {
                    if matches!(self.peek(), Some('{' | '}')) {
                        literal.push('\\');
                    } else {
                        self.escape(&mut literal)?;
                    }
                }
                '{' | '}' if self.peek() == Some(c) => {
                    self.next();
                    literal.push(c);
                }
                '{' => {
                    if !literal.is_empty() {
                        pieces.push(StringPiece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(self.field()?);
                }
                '}' => {
                    return Err(Fault::new(
                        self.at - 1,
                        "a single `}` is not allowed in an f-string",
                        "write `}}` for the character itself",
                    ));
                }
                c => literal.push(c),
            }
        }
        if !literal.is_empty() {
            pieces.push(StringPiece::Literal(literal));
        }
        Ok(pieces)
    }

    /// Reads a field after its `{`.
    fn field(&mut self) -> Result<StringPiece, Fault> {
        let open = self.at - 1;
        let unfinished = || {
            Fault::new(
                open,
                "this field of the f-string is not closed",
                "close it with `}`; quotes inside of it must be of the other kind; \
                    `{{` stands for the character itself",
            )
        };
        let at = self.at;
        let mut depth = 0_u32;
        let mut quoted: Option<char> = None;
        let end = loop {
            let here = self.at;
            let c = self.next().ok_or_else(unfinished)?;
            match (quoted, c) {
                (Some(quote), c) => {
                    if c == quote {
                        quoted = None;
                    }
                }
                (None, '\'' | '"') => quoted = Some(c),
                (None, '(' | '[' | '{') => depth += 1,
                (None, ')' | ']') => depth = depth.saturating_sub(1),
                (None, '}') if depth > 0 => depth -= 1,
                (None, '!') if self.peek() == Some('=') => {
                    self.next();
                }
                (None, '}' | ':' | '!') if depth == 0 => {
                    self.at = here;
                    break here;
                }
                (None, _) => {}
            }
        };
        let conversion = if self.peek() == Some('!') {
            self.next();
            Some(self.next().ok_or_else(unfinished)?)
        } else {
            None
        };
        let mut specification = String::new();
        if self.peek() == Some(':') {
            self.next();
            while let Some(c) = self.peek() {
                if c == '}' {
                    break;
                }
                if c == '{' {
                    return Err(Fault::new(
                        self.at,
                        "a field inside of a format specification is not allowed",
                        "write the width as a number",
                    ));
                }
                specification.push(c);
                self.next();
            }
        }
        if self.next() != Some('}') {
            return Err(unfinished());
        }
        Ok(StringPiece::Field {
            at,
            end,
            conversion,
            specification,
        })
    }
}
