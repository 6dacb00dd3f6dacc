//! Builds the tree of a tac file.

mod expression;

use std::rc::Rc;

use crate::error::Fault;
use crate::lexer::{self, KEYWORDS, Token, TokenKind};
use crate::syntax::{
    BinaryOperator, Expression, ExpressionKind, ImportedModule, ImportedName, Statement,
    StatementKind, Target,
};

/// What a statement can be; the help of every refused one.
const STATEMENTS: &str = "allowed: assignments, calls, import, from … import, if, for, with open(…), \
    try … except ImportError, del";

/// Parses `text`, in which lines end with `\n`.
pub(crate) fn parse(text: &str) -> Result<Vec<Statement>, Fault> {
    let mut parser = Parser::new(text, lexer::tokens(text)?);
    let mut statements = Vec::new();
    while parser.kind() != &TokenKind::End {
        parser.statement(&mut statements)?;
    }
    Ok(statements)
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    next: usize,
    /// How many expressions enclose the one that is parsed.
    nesting: usize,
    /// What stands for the token after the last.
    end: Token,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, tokens: Vec<Token>) -> Self {
        Self {
            text,
            tokens,
            next: 0,
            nesting: 0,
            end: Token {
                at: text.len(),
                kind: TokenKind::End,
            },
        }
    }

    fn token(&self) -> &Token {
        self.tokens.get(self.next).unwrap_or(&self.end)
    }

    fn kind(&self) -> &TokenKind {
        &self.token().kind
    }

    fn at(&self) -> usize {
        self.token().at
    }

    fn advance(&mut self) {
        self.next += 1;
    }

    /// Whether the next token is this symbol.
    fn is(&self, symbol: &str) -> bool {
        matches!(self.kind(), TokenKind::Symbol(found) if *found == symbol)
    }

    /// Takes the symbol if it is next.
    fn take(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        if found {
            self.advance();
        }
        found
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.kind(), TokenKind::Name(found) if &**found == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Fault> {
        if self.take(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{symbol}`")))
        }
    }

    fn unexpected(&self, expected: &str) -> Fault {
        Fault::new(
            self.at(),
            format!("expected {expected}, found {}", self.kind().describe()),
            "check this line for a missing quote, comma, bracket or operator",
        )
    }

    /// Takes a name that is no keyword.
    fn name(&mut self) -> Result<Rc<str>, Fault> {
        match self.kind() {
            TokenKind::Name(name) if !KEYWORDS.contains(&&**name) => {
                let name = Rc::clone(name);
                self.advance();
                Ok(name)
            }
            _ => Err(self.unexpected("a name")),
        }
    }

    /// Parses one statement, or the several of a line with semicolons.
    fn statement(&mut self, statements: &mut Vec<Statement>) -> Result<(), Fault> {
        let at = self.at();
        if self.kind() == &TokenKind::Indent {
            return Err(Fault::new(
                at,
                "this line is indented, but no block begins above it",
                "remove the spaces at its beginning",
            ));
        }
        let word = match self.kind() {
            TokenKind::Name(word) => Rc::clone(word),
            _ => return self.simple_line(statements),
        };
        let kind = match &*word {
            "if" => self.if_statement()?,
            "for" => self.for_statement()?,
            "with" => self.with_statement()?,
            "try" => self.try_statement()?,
            _ => return self.simple_line(statements),
        };
        statements.push(Statement { at, kind });
        Ok(())
    }

    fn simple_line(&mut self, statements: &mut Vec<Statement>) -> Result<(), Fault> {
        loop {
            let at = self.at();
            let kind = self.simple()?;
            statements.push(Statement { at, kind });
            let separated = self.take(";");
            match self.kind() {
                TokenKind::Newline => {
                    self.advance();
                    return Ok(());
                }
                _ if separated => {}
                _ => return Err(self.unexpected("the end of the line")),
            }
        }
    }

    fn simple(&mut self) -> Result<StatementKind, Fault> {
        let at = self.at();
        let word = match self.kind() {
            TokenKind::Name(word) => Rc::clone(word),
            _ => return self.assignment(),
        };
        match &*word {
            "pass" => {
                self.advance();
                Ok(StatementKind::Pass)
            }
            "break" => {
                self.advance();
                Ok(StatementKind::Break)
            }
            "continue" => {
                self.advance();
                Ok(StatementKind::Continue)
            }
            "del" => {
                self.advance();
                let targets = self.expression_list()?;
                Ok(StatementKind::Delete(match target(targets)? {
                    Target::Tuple { targets, .. } => targets,
                    single => vec![single],
                }))
            }
            "import" => {
                self.advance();
                self.import()
            }
            "from" => {
                self.advance();
                self.import_from()
            }
            "raise" => {
                self.advance();
                if self.kind() != &TokenKind::Newline {
                    self.expression()?;
                    if self.take_word("from") {
                        self.expression()?;
                    }
                }
                Ok(StatementKind::Raise)
            }
            "def" | "class" | "while" | "async" | "await" | "global" | "nonlocal" | "assert"
            | "return" | "yield" | "lambda" | "elif" | "else" | "except" | "finally" | "in"
            | "is" | "and" | "or" | "as" => Err(Fault::new(
                at,
                format!("`{word}` is not allowed here"),
                STATEMENTS,
            )),
            "print" | "exec" if self.follows_a_statement_of_python_2() => Err(Fault::new(
                at,
                format!("`{word}` without parentheses is Python 2"),
                format!("write {word}(…), or remove the line"),
            )),
            _ => self.assignment(),
        }
    }

    /// Whether the word that is next is followed by something that can only be its operand.
    fn follows_a_statement_of_python_2(&self) -> bool {
        matches!(
            self.tokens.get(self.next + 1).map(|token| &token.kind),
            Some(TokenKind::Name(_) | TokenKind::Text(_) | TokenKind::Integer(_))
        )
    }

    fn assignment(&mut self) -> Result<StatementKind, Fault> {
        if self.is("@") {
            return Err(Fault::new(self.at(), "`@` is not allowed here", STATEMENTS));
        }
        let first = self.expression_list()?;
        if self.take(":") {
            // An annotation says nothing about the value.
            self.expression()?;
            self.expect("=")?;
            let value = self.expression_list()?;
            return Ok(StatementKind::Assign(vec![target(first)?], value));
        }
        const AUGMENTED: &[(&str, BinaryOperator)] = &[
            ("+=", BinaryOperator::Add),
            ("-=", BinaryOperator::Subtract),
            ("*=", BinaryOperator::Multiply),
            ("/=", BinaryOperator::Divide),
            ("//=", BinaryOperator::FloorDivide),
            ("%=", BinaryOperator::Remainder),
            ("**=", BinaryOperator::Power),
            ("|=", BinaryOperator::BitOr),
            ("&=", BinaryOperator::BitAnd),
            ("^=", BinaryOperator::BitXor),
            ("<<=", BinaryOperator::ShiftLeft),
            (">>=", BinaryOperator::ShiftRight),
        ];
        for (symbol, operator) in AUGMENTED {
            if self.take(symbol) {
                let value = self.expression_list()?;
                return Ok(StatementKind::Augment(target(first)?, *operator, value));
            }
        }
        if !self.is("=") {
            return Ok(StatementKind::Expression(first));
        }
        let mut targets = Vec::new();
        let mut value = first;
        while self.take("=") {
            targets.push(target(value)?);
            value = self.expression_list()?;
        }
        Ok(StatementKind::Assign(targets, value))
    }

    fn dotted_name(&mut self) -> Result<Rc<str>, Fault> {
        let mut path = self.name()?.to_string();
        while self.take(".") {
            path.push('.');
            path.push_str(&self.name()?);
        }
        Ok(path.into())
    }

    fn import(&mut self) -> Result<StatementKind, Fault> {
        let mut modules = Vec::new();
        loop {
            let at = self.at();
            let path = self.dotted_name()?;
            let bound = if self.take_word("as") {
                Some(self.name()?)
            } else {
                None
            };
            modules.push(ImportedModule { at, path, bound });
            if !self.take(",") {
                return Ok(StatementKind::Import(modules));
            }
        }
    }

    fn import_from(&mut self) -> Result<StatementKind, Fault> {
        let module = self.dotted_name()?;
        if !self.take_word("import") {
            return Err(self.unexpected("`import`"));
        }
        if self.is("*") {
            return Err(Fault::new(
                self.at(),
                "`*` imports names that are not written down",
                "write the names that the file uses",
            ));
        }
        let parenthesised = self.take("(");
        let mut names = Vec::new();
        loop {
            let at = self.at();
            let name = self.name()?;
            let bound = if self.take_word("as") {
                self.name()?
            } else {
                Rc::clone(&name)
            };
            names.push(ImportedName { at, name, bound });
            if !self.take(",") || parenthesised && self.is(")") {
                break;
            }
        }
        if parenthesised {
            self.expect(")")?;
        }
        Ok(StatementKind::ImportFrom(module, names))
    }

    /// The statements after a colon, on the same line or indented.
    fn block(&mut self) -> Result<Vec<Statement>, Fault> {
        self.expect(":")?;
        let mut statements = Vec::new();
        if self.kind() != &TokenKind::Newline {
            self.simple_line(&mut statements)?;
            return Ok(statements);
        }
        self.advance();
        if self.kind() != &TokenKind::Indent {
            return Err(Fault::new(
                self.at(),
                "expected an indented block",
                "indent the statements that belong to the line above",
            ));
        }
        self.advance();
        while !matches!(self.kind(), TokenKind::Dedent | TokenKind::End) {
            self.statement(&mut statements)?;
        }
        self.advance();
        Ok(statements)
    }

    fn otherwise(&mut self) -> Result<Vec<Statement>, Fault> {
        if self.take_word("else") {
            self.block()
        } else {
            Ok(Vec::new())
        }
    }

    fn if_statement(&mut self) -> Result<StatementKind, Fault> {
        let mut branches = Vec::new();
        loop {
            // `if` the first time, `elif` afterwards.
            self.advance();
            let condition = self.expression()?;
            branches.push((condition, self.block()?));
            if !self.is_word("elif") {
                return Ok(StatementKind::If(branches, self.otherwise()?));
            }
        }
    }

    fn for_statement(&mut self) -> Result<StatementKind, Fault> {
        self.advance();
        let target = self.loop_target()?;
        if !self.take_word("in") {
            return Err(self.unexpected("`in`"));
        }
        let values = self.expression_list()?;
        let body = self.block()?;
        let otherwise = self.otherwise()?;
        Ok(StatementKind::For {
            target,
            values,
            body,
            otherwise,
        })
    }

    /// The target of a loop: a name, or several separated by commas.
    fn loop_target(&mut self) -> Result<Target, Fault> {
        let at = self.at();
        let parenthesised = self.take("(");
        let mut targets = Vec::new();
        let mut several = false;
        loop {
            let at = self.at();
            let name = self.name()?;
            targets.push(Target::Name { at, name });
            if !self.take(",") {
                break;
            }
            several = true;
            if self.is_word("in") || self.is(")") {
                break;
            }
        }
        if parenthesised {
            self.expect(")")?;
        }
        match targets.pop() {
            Some(single) if !several => Ok(single),
            last => {
                targets.extend(last);
                Ok(Target::Tuple { at, targets })
            }
        }
    }

    fn with_statement(&mut self) -> Result<StatementKind, Fault> {
        self.advance();
        let value = self.expression()?;
        let bound = if self.take_word("as") {
            let at = self.at();
            let name = self.name()?;
            Some(Target::Name { at, name })
        } else {
            None
        };
        let body = self.block()?;
        Ok(StatementKind::With {
            value,
            target: bound,
            body,
        })
    }

    fn try_statement(&mut self) -> Result<StatementKind, Fault> {
        let at = self.at();
        self.advance();
        let body = self.block()?;
        let mut handled = false;
        while self.is_word("except") {
            let at = self.at();
            handled = true;
            self.advance();
            let import_error = match self.kind() {
                TokenKind::Name(name) => {
                    matches!(&**name, "ImportError" | "ModuleNotFoundError")
                }
                _ => false,
            };
            if !import_error {
                return Err(Fault::new(
                    at,
                    "only `except ImportError` is allowed",
                    "write the condition as an `if`, for instance with os.path.exists(…)",
                ));
            }
            self.advance();
            if self.take_word("as") {
                self.name()?;
            }
            self.block()?;
        }
        let otherwise = if handled {
            self.otherwise()?
        } else {
            Vec::new()
        };
        let finally = if self.take_word("finally") {
            self.block()?
        } else if handled {
            Vec::new()
        } else {
            return Err(Fault::new(
                at,
                "`try` without `except` or `finally`",
                "add `except ImportError:`, or remove the `try`",
            ));
        };
        Ok(StatementKind::Try {
            body,
            otherwise,
            finally,
        })
    }
}

/// Reads an expression as something that can be assigned to.
fn target(expression: Expression) -> Result<Target, Fault> {
    let at = expression.at;
    match expression.kind {
        ExpressionKind::Name(name) => Ok(Target::Name { at, name }),
        ExpressionKind::Subscript(value, key) => Ok(Target::Subscript {
            at,
            value: *value,
            key: *key,
        }),
        ExpressionKind::Tuple(items) | ExpressionKind::List(items) => Ok(Target::Tuple {
            at,
            targets: items.into_iter().map(target).collect::<Result<_, _>>()?,
        }),
        ExpressionKind::Attribute(..) => Err(Fault::new(
            at,
            "attributes cannot be changed in this file",
            "pass the value as an argument of Worker(…)",
        )),
        _ => Err(Fault::new(
            at,
            "this cannot be assigned to",
            "the left side is a name, for instance `port = 9989`; to compare, write `==`",
        )),
    }
}
