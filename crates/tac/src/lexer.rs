//! Splits a tac file into Python's tokens, with indentation.

mod literal;

use std::rc::Rc;

use crate::error::Fault;
pub(crate) use literal::StringPiece;

/// A token and the offset of its first byte.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) at: usize,
    pub(crate) kind: TokenKind,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    /// A name or a keyword.
    Name(Rc<str>),
    Integer(i128),
    Float(f64),
    Text(Rc<str>),
    Formatted(Vec<StringPiece>),
    Symbol(&'static str),
    Newline,
    Indent,
    Dedent,
    End,
}

impl TokenKind {
    /// How a message calls the token. Texts and names are not shown: they may be a password, which
    /// is easily written without its quotes.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Name(name) if KEYWORDS.contains(&&**name) => format!("`{name}`"),
            Self::Name(_) => "a name".into(),
            Self::Integer(_) | Self::Float(_) => "a number".into(),
            Self::Text(_) | Self::Formatted(_) => "a string".into(),
            Self::Symbol(symbol) => format!("`{symbol}`"),
            Self::Newline => "the end of the line".into(),
            Self::Indent => "more indentation".into(),
            Self::Dedent => "less indentation".into(),
            Self::End => "the end of the file".into(),
        }
    }
}

/// Words that cannot be names.
pub(crate) const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue",
    "def", "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import",
    "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while",
    "with", "yield",
];

/// Longest first, so that the first match is the right one.
const SYMBOLS: &[&str] = &[
    "**=", "//=", ">>=", "<<=", "...", "==", "!=", "<=", ">=", "->", ":=", "+=", "-=", "*=", "/=",
    "%=", "&=", "|=", "^=", "@=", "**", "//", "<<", ">>", "+", "-", "*", "/", "%", "@", "&", "|",
    "^", "~", "<", ">", "(", ")", "[", "]", "{", "}", ",", ":", ".", ";", "=",
];

/// Deepest indentation; Python's own limit is 100.
const INDENTATION_DEPTH_MAX: usize = 20;

/// Splits `text`, in which lines end with `\n`.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer {
        text,
        at: 0,
        end: text.len(),
        brackets: Vec::new(),
        tokens: Vec::new(),
    };
    lexer.file()?;
    Ok(lexer.tokens)
}

/// Splits the expression of an f-string's field: the bytes from `at` to `end` of `text`.
pub(crate) fn field_tokens(text: &str, at: usize, end: usize) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer {
        text,
        at,
        end,
        // Python puts the field into parentheses, so line ends mean nothing.
        brackets: vec![(at, '(')],
        tokens: Vec::new(),
    };
    while lexer.token()? {}
    if let Some(&(open, _)) = lexer.brackets.get(1) {
        return Err(unclosed(open));
    }
    lexer.push(end, TokenKind::End);
    Ok(lexer.tokens)
}

fn unclosed(open: usize) -> Fault {
    Fault::new(
        open,
        "this bracket is not closed",
        "close it where the expression ends",
    )
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    end: usize,
    /// Offset and character of each open bracket.
    brackets: Vec<(usize, char)>,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..self.end).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        if let Some(next) = self.peek() {
            self.at += next.len_utf8();
        }
    }

    fn push(&mut self, at: usize, kind: TokenKind) {
        self.tokens.push(Token { at, kind });
    }

    fn file(&mut self) -> Result<(), Fault> {
        // The width of each open block, with tabs of eight columns and of one.
        let mut blocks = vec![(0_usize, 0_usize)];
        while self.at < self.end {
            let Some(width) = self.indentation() else {
                continue;
            };
            self.enter(width, &mut blocks)?;
            while self.token()? {}
            if let Some(&(open, _)) = self.brackets.last() {
                return Err(unclosed(open));
            }
            self.push(self.at, TokenKind::Newline);
            self.bump();
        }
        for _ in 1..blocks.len() {
            self.push(self.at, TokenKind::Dedent);
        }
        self.push(self.at, TokenKind::End);
        Ok(())
    }

    /// The width of the line's indentation; `None`, and past the line, when it holds no code.
    fn indentation(&mut self) -> Option<(usize, usize)> {
        let (mut wide, mut narrow) = (0, 0);
        loop {
            match self.peek() {
                Some(' ') => (wide, narrow) = (wide + 1, narrow + 1),
                Some('\t') => (wide, narrow) = (wide / 8 * 8 + 8, narrow + 1),
                Some('\u{c}') => (wide, narrow) = (0, 0),
                Some('#') | Some('\n') | None => {
                    let line = self.rest().find('\n').map_or(self.end, |n| self.at + n + 1);
                    self.at = line;
                    return None;
                }
                Some(_) => return Some((wide, narrow)),
            }
            self.bump();
        }
    }

    fn enter(
        &mut self,
        width: (usize, usize),
        blocks: &mut Vec<(usize, usize)>,
    ) -> Result<(), Fault> {
        let inconsistent = |at| {
            Fault::new(
                at,
                "tabs and spaces are mixed so that the indentation is ambiguous",
                "indent with spaces only",
            )
        };
        let (mut wide, mut narrow) = blocks.last().copied().unwrap_or_default();
        if width.0 > wide {
            if width.1 <= narrow {
                return Err(inconsistent(self.at));
            }
            if blocks.len() > INDENTATION_DEPTH_MAX {
                return Err(Fault::new(
                    self.at,
                    format!("more than {INDENTATION_DEPTH_MAX} levels of indentation"),
                    "write a simpler file",
                ));
            }
            blocks.push(width);
            self.push(self.at, TokenKind::Indent);
            return Ok(());
        }
        while width.0 < wide {
            blocks.pop();
            self.push(self.at, TokenKind::Dedent);
            (wide, narrow) = blocks.last().copied().unwrap_or_default();
        }
        if width.0 != wide {
            return Err(Fault::new(
                self.at,
                "this indentation matches no block above",
                "indent the line like the statement it belongs to",
            ));
        }
        if width.1 != narrow {
            return Err(inconsistent(self.at));
        }
        Ok(())
    }

    /// Reads one token; false at the end of a logical line.
    fn token(&mut self) -> Result<bool, Fault> {
        let at = self.at;
        let Some(next) = self.peek() else {
            return Ok(false);
        };
        match next {
            ' ' | '\t' | '\u{c}' => self.bump(),
            '\n' if self.brackets.is_empty() => return Ok(false),
            '\n' => self.bump(),
            '#' => {
                self.at = self.rest().find('\n').map_or(self.end, |n| self.at + n);
            }
            '\\' => {
                self.bump();
                if self.peek() != Some('\n') {
                    return Err(Fault::new(
                        at,
                        "a backslash outside of a string continues a line and must be its last character",
                        "remove what follows it, or put the text into quotes",
                    ));
                }
                self.bump();
            }
            '0'..='9' => self.number()?,
            '.' if self
                .rest()
                .chars()
                .nth(1)
                .is_some_and(|c| c.is_ascii_digit()) =>
            {
                self.number()?;
            }
            '\'' | '"' => self.string(at, "")?,
            c if c.is_alphabetic() || c == '_' => self.name()?,
            _ => self.symbol(next)?,
        }
        Ok(true)
    }

    fn name(&mut self) -> Result<(), Fault> {
        let at = self.at;
        while self.peek().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.bump();
        }
        let name = self.text.get(at..self.at).unwrap_or("").to_owned();
        // `in'abc'` is a keyword and a string.
        let prefix = name.len() <= 2 && !KEYWORDS.contains(&name.as_str());
        if prefix && matches!(self.peek(), Some('\'' | '"')) {
            return self.string(at, &name.to_ascii_lowercase());
        }
        self.push(at, TokenKind::Name(name.into()));
        Ok(())
    }

    fn symbol(&mut self, next: char) -> Result<(), Fault> {
        let at = self.at;
        let Some(symbol) = SYMBOLS.iter().find(|s| self.rest().starts_with(**s)) else {
            return Err(Fault::new(
                at,
                "this character has no meaning here",
                "remove it, or put the text into quotes",
            ));
        };
        self.at += symbol.len();
        let pair = match *symbol {
            "(" | "[" | "{" => {
                self.brackets.push((at, next));
                None
            }
            ")" => Some('('),
            "]" => Some('['),
            "}" => Some('{'),
            _ => None,
        };
        if let Some(expected) = pair {
            match self.brackets.pop() {
                Some((_, open)) if open == expected => {}
                Some(_) | None => {
                    return Err(Fault::new(
                        at,
                        format!("`{symbol}` closes no open `{expected}`"),
                        "check the brackets before it",
                    ));
                }
            }
        }
        self.push(at, TokenKind::Symbol(symbol));
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let at = self.at;
        let (kind, length) = literal::number(self.rest(), at)?;
        self.at += length;
        self.push(at, kind);
        Ok(())
    }

    fn string(&mut self, at: usize, prefix: &str) -> Result<(), Fault> {
        let (kind, end) = literal::string(self.text, at, self.at, self.end, prefix)?;
        self.at = end;
        self.push(at, kind);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{TokenKind, tokens};

    fn check(text: &str, expected: &str) {
        let found: Vec<String> = match tokens(text) {
            Ok(tokens) => tokens
                .iter()
                .map(|token| match &token.kind {
                    TokenKind::Name(name) => name.to_string(),
                    TokenKind::Symbol(symbol) => (*symbol).to_owned(),
                    TokenKind::Integer(number) => number.to_string(),
                    TokenKind::Float(number) => format!("{number:?}"),
                    TokenKind::Text(text) => format!("{text:?}"),
                    TokenKind::Formatted(_) => "f".into(),
                    TokenKind::Newline => "NL".into(),
                    TokenKind::Indent => "IN".into(),
                    TokenKind::Dedent => "DE".into(),
                    TokenKind::End => "END".into(),
                })
                .collect(),
            Err(fault) => vec![format!("{}: {}", fault.at, fault.message)],
        };
        assert_eq!(found.join(" "), expected, "{text:?}");
    }

    #[test]
    fn lines_and_blocks_become_tokens() {
        check("a = 1 # c\n\n  # c\nb=2", "a = 1 NL b = 2 NL END");
        check("if a:\n  b\n  c\nd\n", "if a : NL IN b NL c NL DE d NL END");
        check("f(1,\n  2)\n", "f ( 1 , 2 ) NL END");
        check("a = \\\n  1\n", "a = 1 NL END");
        check(
            "a in'b'if r'\\n'else'c'",
            "a in \"b\" if \"\\\\n\" else \"c\" NL END",
        );
        check(
            "if a:\n  b\n c\n",
            "11: this indentation matches no block above",
        );
    }

    #[test]
    fn numbers_are_read_in_every_form_also_that_of_python_2() {
        check(
            "022 0o22 0x1F 0b11 1_000 00 .5 1e3",
            "18 18 31 3 1000 0 0.5 1000.0 NL END",
        );
        for text in ["08", "0o8", "1__0", "1_", "0x", "1e", "1.2.3", "12ab"] {
            check(text, "0: this is no number that Python understands");
        }
    }

    #[test]
    fn brackets_must_match() {
        check("f(1]\n", "3: `]` closes no open `[`");
        check("f(1\n", "1: this bracket is not closed");
        check(")", "0: `)` closes no open `(`");
    }
}
