//! Expressions, by the precedence of their operators.

use std::rc::Rc;

use super::Parser;
use crate::error::Fault;
use crate::lexer::{self, KEYWORDS, StringPiece, TokenKind};
use crate::syntax::{
    Argument, BinaryOperator, ComparisonOperator, Conversion, Expression, ExpressionKind, Piece,
    UnaryOperator,
};

/// How many expressions may enclose each other. What generated and hand-edited files need is below
/// ten; the parser and everything that walks the tree use the stack in proportion.
const DEPTH_MAX: usize = 60;

/// Binary operators from the weakest level to the strongest.
const LEVELS: &[&[(&str, BinaryOperator)]] = &[
    &[("|", BinaryOperator::BitOr)],
    &[("^", BinaryOperator::BitXor)],
    &[("&", BinaryOperator::BitAnd)],
    &[
        ("<<", BinaryOperator::ShiftLeft),
        (">>", BinaryOperator::ShiftRight),
    ],
    &[("+", BinaryOperator::Add), ("-", BinaryOperator::Subtract)],
    &[
        ("*", BinaryOperator::Multiply),
        ("//", BinaryOperator::FloorDivide),
        ("/", BinaryOperator::Divide),
        ("%", BinaryOperator::Remainder),
    ],
];

fn too_deep(at: usize) -> Fault {
    Fault::new(
        at,
        format!("more than {DEPTH_MAX} expressions inside of each other"),
        "assign parts of it to names",
    )
}

impl Parser<'_> {
    /// Makes a node from its parts, whose greatest depth is `below`.
    fn node(&self, at: usize, below: usize, kind: ExpressionKind) -> Result<Expression, Fault> {
        if below >= DEPTH_MAX {
            return Err(too_deep(at));
        }
        Ok(Expression {
            at,
            depth: below + 1,
            kind,
        })
    }

    /// `a, b` makes a tuple without parentheses.
    pub(super) fn expression_list(&mut self) -> Result<Expression, Fault> {
        let at = self.at();
        let first = self.expression()?;
        if !self.is(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.take(",") {
            if !self.starts_expression() {
                break;
            }
            items.push(self.expression()?);
        }
        let below = deepest(&items);
        self.node(at, below, ExpressionKind::Tuple(items))
    }

    /// Whether an expression can begin with the next token.
    fn starts_expression(&self) -> bool {
        match self.kind() {
            TokenKind::Name(name) => {
                matches!(&**name, "None" | "True" | "False" | "not" | "lambda")
                    || !KEYWORDS.contains(&&**name)
            }
            TokenKind::Integer(_)
            | TokenKind::Float(_)
            | TokenKind::Text(_)
            | TokenKind::Formatted(_) => true,
            TokenKind::Symbol(symbol) => {
                matches!(*symbol, "(" | "[" | "{" | "-" | "+" | "~" | "*" | "...")
            }
            TokenKind::Newline | TokenKind::Indent | TokenKind::Dedent | TokenKind::End => false,
        }
    }

    pub(super) fn expression(&mut self) -> Result<Expression, Fault> {
        if self.nesting >= DEPTH_MAX {
            return Err(too_deep(self.at()));
        }
        self.nesting += 1;
        let result = self.conditional();
        self.nesting -= 1;
        result
    }

    fn conditional(&mut self) -> Result<Expression, Fault> {
        let at = self.at();
        if self.is_word("lambda") {
            return Err(Fault::new(
                at,
                "`lambda` is not allowed",
                "write the value itself",
            ));
        }
        let then = self.or()?;
        if self.is(":=") {
            return Err(Fault::new(
                self.at(),
                "`:=` is not allowed",
                "assign on a line of its own",
            ));
        }
        if !self.take_word("if") {
            return Ok(then);
        }
        let condition = self.or()?;
        if !self.take_word("else") {
            return Err(self.unexpected("`else`"));
        }
        let otherwise = self.expression()?;
        let below = then.depth.max(condition.depth).max(otherwise.depth);
        self.node(
            at,
            below,
            ExpressionKind::Conditional {
                condition: Box::new(condition),
                then: Box::new(then),
                otherwise: Box::new(otherwise),
            },
        )
    }

    fn or(&mut self) -> Result<Expression, Fault> {
        let mut left = self.and()?;
        while self.take_word("or") {
            let right = self.and()?;
            let (at, below) = (left.at, left.depth.max(right.depth));
            left = self.node(
                at,
                below,
                ExpressionKind::Or(Box::new(left), Box::new(right)),
            )?;
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, Fault> {
        let mut left = self.not()?;
        while self.take_word("and") {
            let right = self.not()?;
            let (at, below) = (left.at, left.depth.max(right.depth));
            left = self.node(
                at,
                below,
                ExpressionKind::And(Box::new(left), Box::new(right)),
            )?;
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, Fault> {
        let at = self.at();
        let mut count = 0;
        while self.take_word("not") {
            count += 1;
        }
        let mut value = self.comparison()?;
        for _ in 0..count {
            let below = value.depth;
            value = self.node(
                at,
                below,
                ExpressionKind::Unary(UnaryOperator::Not, Box::new(value)),
            )?;
        }
        Ok(value)
    }

    fn comparison_operator(&mut self) -> Option<ComparisonOperator> {
        const SYMBOLS: &[(&str, ComparisonOperator)] = &[
            ("==", ComparisonOperator::Equal),
            ("!=", ComparisonOperator::NotEqual),
            ("<=", ComparisonOperator::LessOrEqual),
            ("<", ComparisonOperator::Less),
            (">=", ComparisonOperator::GreaterOrEqual),
            (">", ComparisonOperator::Greater),
        ];
        for (symbol, operator) in SYMBOLS {
            if self.take(symbol) {
                return Some(*operator);
            }
        }
        if self.take_word("in") {
            return Some(ComparisonOperator::In);
        }
        if self.take_word("is") {
            return Some(if self.take_word("not") {
                ComparisonOperator::IsNot
            } else {
                ComparisonOperator::Is
            });
        }
        let not_in = self.is_word("not")
            && matches!(
                self.tokens.get(self.next + 1).map(|token| &token.kind),
                Some(TokenKind::Name(name)) if &**name == "in"
            );
        if not_in {
            self.advance();
            self.advance();
            return Some(ComparisonOperator::NotIn);
        }
        None
    }

    fn comparison(&mut self) -> Result<Expression, Fault> {
        let first = self.binary(0)?;
        let mut others = Vec::new();
        while let Some(operator) = self.comparison_operator() {
            others.push((operator, self.binary(0)?));
        }
        if others.is_empty() {
            return Ok(first);
        }
        let below = others
            .iter()
            .map(|(_, value)| value.depth)
            .fold(first.depth, usize::max);
        self.node(
            first.at,
            below,
            ExpressionKind::Comparison(Box::new(first), others),
        )
    }

    fn binary(&mut self, level: usize) -> Result<Expression, Fault> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        loop {
            let found = operators.iter().find(|(symbol, _)| self.is(symbol));
            let Some((_, operator)) = found else {
                return Ok(left);
            };
            self.advance();
            let right = self.binary(level + 1)?;
            let (at, below) = (left.at, left.depth.max(right.depth));
            left = self.node(
                at,
                below,
                ExpressionKind::Binary(*operator, Box::new(left), Box::new(right)),
            )?;
        }
    }

    fn unary(&mut self) -> Result<Expression, Fault> {
        let at = self.at();
        let mut signs = Vec::new();
        loop {
            let sign = if self.take("-") {
                UnaryOperator::Minus
            } else if self.take("+") {
                UnaryOperator::Plus
            } else if self.take("~") {
                UnaryOperator::Invert
            } else {
                break;
            };
            signs.push(sign);
        }
        let mut value = self.power()?;
        for sign in signs.into_iter().rev() {
            let below = value.depth;
            value = self.node(at, below, ExpressionKind::Unary(sign, Box::new(value)))?;
        }
        Ok(value)
    }

    fn power(&mut self) -> Result<Expression, Fault> {
        let base = self.postfix()?;
        if !self.is("**") {
            return Ok(base);
        }
        if self.nesting >= DEPTH_MAX {
            return Err(too_deep(self.at()));
        }
        self.advance();
        self.nesting += 1;
        let exponent = self.unary();
        self.nesting -= 1;
        let exponent = exponent?;
        let below = base.depth.max(exponent.depth);
        self.node(
            base.at,
            below,
            ExpressionKind::Binary(BinaryOperator::Power, Box::new(base), Box::new(exponent)),
        )
    }

    fn postfix(&mut self) -> Result<Expression, Fault> {
        let mut value = self.atom()?;
        loop {
            let at = value.at;
            if self.take(".") {
                let name = self.name()?;
                let below = value.depth;
                value = self.node(at, below, ExpressionKind::Attribute(Box::new(value), name))?;
            } else if self.take("(") {
                let arguments = self.arguments()?;
                let below = arguments
                    .iter()
                    .map(|argument| match argument {
                        Argument::Positional(value)
                        | Argument::Keyword { value, .. }
                        | Argument::Spread(value)
                        | Argument::SpreadKeywords(value) => value.depth,
                    })
                    .fold(value.depth, usize::max);
                value = self.node(at, below, ExpressionKind::Call(Box::new(value), arguments))?;
            } else if self.take("[") {
                value = self.subscript(value)?;
            } else {
                return Ok(value);
            }
        }
    }

    fn subscript(&mut self, value: Expression) -> Result<Expression, Fault> {
        let at = value.at;
        let start = if self.is(":") {
            None
        } else {
            Some(self.expression_list()?)
        };
        if self.take(":") {
            let stop = if self.is("]") {
                None
            } else {
                Some(self.expression()?)
            };
            self.expect("]")?;
            let below = [&start, &stop]
                .into_iter()
                .flatten()
                .map(|bound| bound.depth)
                .fold(value.depth, usize::max);
            return self.node(
                at,
                below,
                ExpressionKind::Slice(Box::new(value), start.map(Box::new), stop.map(Box::new)),
            );
        }
        self.expect("]")?;
        let Some(key) = start else {
            return Err(self.unexpected("an index"));
        };
        let below = value.depth.max(key.depth);
        self.node(
            at,
            below,
            ExpressionKind::Subscript(Box::new(value), Box::new(key)),
        )
    }

    /// The arguments after `(`, with the closing parenthesis.
    fn arguments(&mut self) -> Result<Vec<Argument>, Fault> {
        let mut arguments = Vec::new();
        let mut keywords = false;
        while !self.take(")") {
            let at = self.at();
            if self.take("**") {
                keywords = true;
                arguments.push(Argument::SpreadKeywords(self.expression()?));
            } else if self.take("*") {
                arguments.push(Argument::Spread(self.expression()?));
            } else {
                let value = self.expression()?;
                self.refuse_comprehension()?;
                if self.take("=") {
                    let ExpressionKind::Name(name) = value.kind else {
                        return Err(Fault::new(
                            at,
                            "the left side of `=` in a call is the name of an argument",
                            "to compare, write `==`",
                        ));
                    };
                    keywords = true;
                    let value = self.expression()?;
                    arguments.push(Argument::Keyword { at, name, value });
                } else if keywords {
                    return Err(Fault::new(
                        at,
                        "a positional argument after a keyword argument",
                        "write it before them, or with its name",
                    ));
                } else {
                    arguments.push(Argument::Positional(value));
                }
            }
            if !self.take(",") && !self.is(")") {
                return Err(self.unexpected("`,` or `)`"));
            }
        }
        Ok(arguments)
    }

    fn refuse_comprehension(&self) -> Result<(), Fault> {
        if self.is_word("for") || self.is_word("async") {
            return Err(Fault::new(
                self.at(),
                "comprehensions are not allowed",
                "write the values themselves",
            ));
        }
        Ok(())
    }

    fn atom(&mut self) -> Result<Expression, Fault> {
        let at = self.at();
        let kind = match self.kind().clone() {
            TokenKind::Integer(value) => ExpressionKind::Integer(value),
            TokenKind::Float(value) => ExpressionKind::Float(value),
            TokenKind::Text(_) | TokenKind::Formatted(_) => return self.strings(),
            TokenKind::Name(name) => match &*name {
                "None" => ExpressionKind::None,
                "True" => ExpressionKind::True,
                "False" => ExpressionKind::False,
                word if KEYWORDS.contains(&word) => {
                    return Err(self.unexpected("a value"));
                }
                _ => ExpressionKind::Name(name),
            },
            TokenKind::Symbol("(") => return self.parentheses(),
            TokenKind::Symbol("[") => {
                self.advance();
                let items = self.items("]")?;
                let below = deepest(&items);
                return self.node(at, below, ExpressionKind::List(items));
            }
            TokenKind::Symbol("{") => return self.dict(),
            TokenKind::Symbol(_)
            | TokenKind::Newline
            | TokenKind::Indent
            | TokenKind::Dedent
            | TokenKind::End => return Err(self.unexpected("a value")),
        };
        self.advance();
        self.node(at, 0, kind)
    }

    /// Values separated by commas, up to and with `close`.
    fn items(&mut self, close: &str) -> Result<Vec<Expression>, Fault> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.expression()?);
            self.refuse_comprehension()?;
            if !self.take(",") && !self.is(close) {
                return Err(self.unexpected(&format!("`,` or `{close}`")));
            }
        }
        Ok(items)
    }

    fn parentheses(&mut self) -> Result<Expression, Fault> {
        let at = self.at();
        self.advance();
        if self.take(")") {
            return self.node(at, 0, ExpressionKind::Tuple(Vec::new()));
        }
        let first = self.expression()?;
        self.refuse_comprehension()?;
        if self.take(")") {
            return Ok(first);
        }
        if !self.take(",") {
            return Err(self.unexpected("`,` or `)`"));
        }
        let mut items = vec![first];
        items.extend(self.items(")")?);
        let below = deepest(&items);
        self.node(at, below, ExpressionKind::Tuple(items))
    }

    fn dict(&mut self) -> Result<Expression, Fault> {
        let at = self.at();
        self.advance();
        let mut pairs = Vec::new();
        let mut below = 0;
        while !self.take("}") {
            let key = self.expression()?;
            if !self.is(":") {
                return Err(self.unexpected("`:`"));
            }
            self.advance();
            let value = self.expression()?;
            self.refuse_comprehension()?;
            below = below.max(key.depth).max(value.depth);
            pairs.push((key, value));
            if !self.take(",") && !self.is("}") {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
        self.node(at, below, ExpressionKind::Dict(pairs))
    }

    /// Strings that follow each other are one.
    fn strings(&mut self) -> Result<Expression, Fault> {
        let at = self.at();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut formatted = false;
        let mut below = 0;
        loop {
            match self.kind().clone() {
                TokenKind::Text(text) => literal(&mut pieces, &text),
                TokenKind::Formatted(found) => {
                    formatted = true;
                    for piece in found {
                        match piece {
                            StringPiece::Literal(text) => literal(&mut pieces, &text),
                            StringPiece::Field {
                                at,
                                end,
                                conversion,
                                specification,
                            } => {
                                let value = self.field(at, end)?;
                                below = below.max(value.depth);
                                pieces.push(Piece::Field {
                                    conversion: conversion_of(at, conversion)?,
                                    value,
                                    specification,
                                });
                            }
                        }
                    }
                }
                _ => break,
            }
            self.advance();
        }
        let kind = if formatted {
            ExpressionKind::Formatted(pieces)
        } else {
            let text: Rc<str> = match pieces.pop() {
                Some(Piece::Literal(text)) => text.into(),
                Some(Piece::Field { .. }) | None => "".into(),
            };
            ExpressionKind::Text(text)
        };
        self.node(at, below, kind)
    }

    /// Parses the expression in a field of an f-string.
    fn field(&mut self, at: usize, end: usize) -> Result<Expression, Fault> {
        if self.nesting >= DEPTH_MAX {
            return Err(too_deep(at));
        }
        let mut inner = Parser::new(self.text, lexer::field_tokens(self.text, at, end)?);
        inner.nesting = self.nesting + 1;
        let value = inner.expression_list()?;
        if inner.kind() != &TokenKind::End {
            return Err(inner.unexpected("the end of the field"));
        }
        Ok(value)
    }
}

fn conversion_of(at: usize, written: Option<char>) -> Result<Conversion, Fault> {
    match written {
        None => Ok(Conversion::Plain),
        Some('s') => Ok(Conversion::Str),
        Some('r') => Ok(Conversion::Repr),
        Some(_) => Err(Fault::new(
            at,
            "this conversion of a field is not known",
            "allowed: !s and !r",
        )),
    }
}

/// Adds text to the last piece if it is text too.
fn literal(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Literal(last)) => last.push_str(text),
        Some(Piece::Field { .. }) | None => pieces.push(Piece::Literal(text.to_owned())),
    }
}

fn deepest(items: &[Expression]) -> usize {
    items.iter().map(|item| item.depth).max().unwrap_or(0)
}
