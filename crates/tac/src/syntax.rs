//! The part of Python's syntax that a tac file may use, as a tree.
//!
//! Every node knows the byte offset at which it begins, and expressions know how deep they are, so
//! that nothing that walks the tree can exhaust the stack.

use std::rc::Rc;

/// An expression with its place.
#[derive(Debug)]
pub(crate) struct Expression {
    pub(crate) at: usize,
    /// 1 for a leaf; bounded by the parser.
    pub(crate) depth: usize,
    pub(crate) kind: ExpressionKind,
}

/// What an expression is.
#[derive(Debug)]
pub(crate) enum ExpressionKind {
    None,
    True,
    False,
    Integer(i128),
    Float(f64),
    Text(Rc<str>),
    /// An f-string, after concatenation with its neighbours.
    Formatted(Vec<Piece>),
    Name(Rc<str>),
    Tuple(Vec<Expression>),
    List(Vec<Expression>),
    Dict(Vec<(Expression, Expression)>),
    Attribute(Box<Expression>, Rc<str>),
    Subscript(Box<Expression>, Box<Expression>),
    Slice(
        Box<Expression>,
        Option<Box<Expression>>,
        Option<Box<Expression>>,
    ),
    Call(Box<Expression>, Vec<Argument>),
    Unary(UnaryOperator, Box<Expression>),
    Binary(BinaryOperator, Box<Expression>, Box<Expression>),
    /// `first < second <= third …`, evaluated from the left, each operand once.
    Comparison(Box<Expression>, Vec<(ComparisonOperator, Expression)>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Conditional {
        condition: Box<Expression>,
        then: Box<Expression>,
        otherwise: Box<Expression>,
    },
}

/// A part of an f-string.
#[derive(Debug)]
pub(crate) enum Piece {
    Literal(String),
    Field {
        value: Expression,
        conversion: Conversion,
        specification: String,
    },
}

/// How a field's value becomes text before it is formatted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conversion {
    Plain,
    Str,
    Repr,
}

/// An argument of a call.
#[derive(Debug)]
pub(crate) enum Argument {
    Positional(Expression),
    Keyword {
        at: usize,
        name: Rc<str>,
        value: Expression,
    },
    /// `*values`
    Spread(Expression),
    /// `**values`
    SpreadKeywords(Expression),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnaryOperator {
    Minus,
    Plus,
    Invert,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Remainder,
    Power,
    BitOr,
    BitAnd,
    BitXor,
    ShiftLeft,
    ShiftRight,
}

impl BinaryOperator {
    /// The operator as it is written.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::FloorDivide => "//",
            Self::Remainder => "%",
            Self::Power => "**",
            Self::BitOr => "|",
            Self::BitAnd => "&",
            Self::BitXor => "^",
            Self::ShiftLeft => "<<",
            Self::ShiftRight => ">>",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ComparisonOperator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    Is,
    IsNot,
}

/// A statement with its place.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) at: usize,
    pub(crate) kind: StatementKind,
}

/// What a statement does.
#[derive(Debug)]
pub(crate) enum StatementKind {
    Pass,
    Break,
    Continue,
    Expression(Expression),
    /// `a = b = value`
    Assign(Vec<Target>, Expression),
    /// `a += value`
    Augment(Target, BinaryOperator, Expression),
    Delete(Vec<Target>),
    /// `import module as name`
    Import(Vec<ImportedModule>),
    /// `from module import name as other`
    ImportFrom(Rc<str>, Vec<ImportedName>),
    /// The branches of `if`/`elif`, and the statements of `else`.
    If(Vec<(Expression, Vec<Statement>)>, Vec<Statement>),
    For {
        target: Target,
        values: Expression,
        body: Vec<Statement>,
        otherwise: Vec<Statement>,
    },
    With {
        value: Expression,
        target: Option<Target>,
        body: Vec<Statement>,
    },
    /// `try` with handlers for a missing import: the handlers are parsed, and never needed, because
    /// an unknown import is refused.
    Try {
        body: Vec<Statement>,
        otherwise: Vec<Statement>,
        finally: Vec<Statement>,
    },
    Raise,
}

impl Statement {
    /// Adds the names that this statement may give another value.
    pub(crate) fn changed_names(&self, names: &mut Vec<Rc<str>>) {
        let mut of_blocks = |blocks: &[&[Self]]| {
            for statement in blocks.iter().copied().flatten() {
                statement.changed_names(names);
            }
        };
        match &self.kind {
            StatementKind::Pass
            | StatementKind::Break
            | StatementKind::Continue
            | StatementKind::Raise
            | StatementKind::Expression(_) => {}
            StatementKind::Assign(targets, _) | StatementKind::Delete(targets) => {
                targets.iter().for_each(|target| target.names(names));
            }
            StatementKind::Augment(target, ..) => target.names(names),
            StatementKind::Import(modules) => {
                names.extend(modules.iter().filter_map(|module| module.bound.clone()));
            }
            StatementKind::ImportFrom(_, imported) => {
                names.extend(imported.iter().map(|name| Rc::clone(&name.bound)));
            }
            StatementKind::If(branches, otherwise) => {
                branches.iter().for_each(|(_, body)| of_blocks(&[body]));
                of_blocks(&[otherwise]);
            }
            StatementKind::For {
                target,
                body,
                otherwise,
                ..
            } => {
                of_blocks(&[body, otherwise]);
                target.names(names);
            }
            StatementKind::With { target, body, .. } => {
                of_blocks(&[body]);
                target.iter().for_each(|target| target.names(names));
            }
            StatementKind::Try {
                body,
                otherwise,
                finally,
            } => of_blocks(&[body, otherwise, finally]),
        }
    }
}

impl Target {
    /// Adds the names that are assigned.
    fn names(&self, names: &mut Vec<Rc<str>>) {
        match self {
            Self::Name { name, .. } => names.push(Rc::clone(name)),
            Self::Tuple { targets, .. } => targets.iter().for_each(|target| target.names(names)),
            Self::Subscript { .. } => {}
        }
    }
}

/// `import path` or `import path as bound`.
#[derive(Debug)]
pub(crate) struct ImportedModule {
    pub(crate) at: usize,
    pub(crate) path: Rc<str>,
    pub(crate) bound: Option<Rc<str>>,
}

/// `from … import name as bound`.
#[derive(Debug)]
pub(crate) struct ImportedName {
    pub(crate) at: usize,
    pub(crate) name: Rc<str>,
    pub(crate) bound: Rc<str>,
}

/// What can be assigned to or deleted.
#[derive(Debug)]
pub(crate) enum Target {
    Name {
        at: usize,
        name: Rc<str>,
    },
    Subscript {
        at: usize,
        value: Expression,
        key: Expression,
    },
    Tuple {
        at: usize,
        targets: Vec<Target>,
    },
}
