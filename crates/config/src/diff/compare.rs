//! Whether two values are made of the same, and how they are shown.

use crate::classes::{Family, family};
use crate::description::{Arguments, Description, Object};
use crate::diff::ArgumentChange;
use crate::service::name_of;
use crate::value::{Format, Opaque, RenderableKind, Value};

/// Objects may refer to one another; deeper than this they are taken for the same.
const DEPTH_MAX: u32 = 64;

/// A value is shown up to this many characters.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// The two descriptions whose values are compared.
#[derive(Clone, Copy)]
pub(crate) struct Comparison<'a> {
    pub(crate) old: &'a Description,
    pub(crate) new: &'a Description,
}

impl Comparison<'_> {
    /// Whether two values are made of the same.
    pub(crate) fn same(self, old: &Value, new: &Value) -> bool {
        self.same_at(old, new, 0)
    }

    fn same_at(self, old: &Value, new: &Value, depth: u32) -> bool {
        if depth > DEPTH_MAX {
            return true;
        }
        let depth = depth + 1;
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => {
                match (self.old.object(*old), self.new.object(*new)) {
                    // Schedulers refer to one another by name.
                    (Some(old), Some(new)) if is_scheduler(old) && is_scheduler(new) => {
                        name_of(old) == name_of(new)
                    }
                    (Some(old), Some(new)) => self.same_object(old, new, depth),
                    (old, new) => old.is_none() && new.is_none(),
                }
            }
            (Value::List(old), Value::List(new))
            | (Value::Tuple(old), Value::Tuple(new))
            | (Value::Set(old), Value::Set(new))
            | (Value::FrozenSet(old), Value::FrozenSet(new)) => self.same_list(old, new, depth),
            (Value::Dict(old), Value::Dict(new)) => {
                old.len() == new.len()
                    && old.iter().zip(new).all(|(old, new)| {
                        self.same_at(&old.0, &new.0, depth) && self.same_at(&old.1, &new.1, depth)
                    })
            }
            (Value::Callable(old), Value::Callable(new)) => {
                old.name == new.name && old.parameters == new.parameters
            }
            (Value::Opaque(old), Value::Opaque(new)) => same_opaque(old, new),
            (Value::Renderable(old), Value::Renderable(new)) => {
                self.same_renderable(&old.kind, &new.kind, depth)
            }
            (Value::Float(old), Value::Float(new))
            | (Value::Interval(old), Value::Interval(new)) => old.to_bits() == new.to_bits(),
            (old, new) => old == new,
        }
    }

    fn same_list(self, old: &[Value], new: &[Value], depth: u32) -> bool {
        old.len() == new.len()
            && old
                .iter()
                .zip(new)
                .all(|(old, new)| self.same_at(old, new, depth))
    }

    fn same_named(self, old: &[(String, Value)], new: &[(String, Value)], depth: u32) -> bool {
        old.len() == new.len()
            && old
                .iter()
                .zip(new)
                .all(|(old, new)| old.0 == new.0 && self.same_at(&old.1, &new.1, depth))
    }

    /// Arguments may stand in any order.
    fn same_arguments(self, old: &Arguments, new: &Arguments, depth: u32) -> bool {
        old.0.len() == new.0.len()
            && old.iter().all(|(name, old)| {
                new.get(name)
                    .is_some_and(|new| self.same_at(old, new, depth))
            })
    }

    fn same_object(self, old: &Object, new: &Object, depth: u32) -> bool {
        old.class == new.class
            && old.user_class == new.user_class
            && old.overridden == new.overridden
            && self.same_arguments(&old.arguments, &new.arguments, depth)
            && self.same_arguments(&old.attrs, &new.attrs, depth)
    }

    fn same_format(self, old: &Format, new: &Format, depth: u32) -> bool {
        self.same_at(&old.format, &new.format, depth)
            && self.same_list(&old.args, &new.args, depth)
            && self.same_named(&old.kwargs, &new.kwargs, depth)
    }

    fn same_renderable(self, old: &RenderableKind, new: &RenderableKind, depth: u32) -> bool {
        use RenderableKind as Kind;
        let same = |old: &Value, new: &Value| self.same_at(old, new, depth);
        match (old, new) {
            (
                Kind::Property {
                    key: k1,
                    default: d1,
                    default_when_false: f1,
                },
                Kind::Property {
                    key: k2,
                    default: d2,
                    default_when_false: f2,
                },
            ) => same(k1, k2) && same(d1, d2) && same(f1, f2),
            (Kind::Interpolate(old), Kind::Interpolate(new))
            | (Kind::WithProperties(old), Kind::WithProperties(new)) => {
                self.same_format(old, new, depth)
            }
            (
                Kind::FlattenList {
                    list: l1,
                    types: t1,
                },
                Kind::FlattenList {
                    list: l2,
                    types: t2,
                },
            ) => same(l1, l2) && same(t1, t2),
            (Kind::Secret { name: old }, Kind::Secret { name: new }) => same(old, new),
            (
                Kind::Transform {
                    function: f1,
                    args: a1,
                    kwargs: k1,
                },
                Kind::Transform {
                    function: f2,
                    args: a2,
                    kwargs: k2,
                },
            ) => same(f1, f2) && self.same_list(a1, a2, depth) && self.same_named(k1, k2, depth),
            (
                Kind::Function {
                    name: n1,
                    args: a1,
                    kwargs: k1,
                    ..
                },
                Kind::Function {
                    name: n2,
                    args: a2,
                    kwargs: k2,
                    ..
                },
            ) => n1 == n2 && self.same_list(a1, a2, depth) && self.same_named(k1, k2, depth),
            (
                Kind::Operation {
                    operator: o1,
                    left: l1,
                    right: r1,
                },
                Kind::Operation {
                    operator: o2,
                    left: l2,
                    right: r2,
                },
            ) => o1 == o2 && same(l1, l2) && same(r1, r2),
            (Kind::Custom(old), Kind::Custom(new)) => same_opaque(old, new),
            _ => false,
        }
    }

    /// A change of what is called `shown`; `name` says whether it is secret.
    pub(crate) fn change(
        self,
        shown: &str,
        name: &str,
        old: Option<&Value>,
        new: Option<&Value>,
    ) -> ArgumentChange {
        let text = |value: Option<&Value>, description: &Description| {
            let text = if is_secret(name) {
                "…".to_owned()
            } else {
                text_of(value?, description, 0)
            };
            value.map(|_| shortened(text))
        };
        ArgumentChange {
            argument: shown.to_owned(),
            old: text(old, self.old),
            new: text(new, self.new),
        }
    }
}

fn is_scheduler(object: &Object) -> bool {
    family(&object.class) == Some(Family::Scheduler)
}

/// Objects of strangers are the same if they look the same, except for their addresses.
fn same_opaque(old: &Opaque, new: &Opaque) -> bool {
    old.class == new.class && without_addresses(&old.repr) == without_addresses(&new.repr)
}

fn without_addresses(repr: &str) -> String {
    let mut parts = repr.split(" at 0x");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    text
}

/// Whether the value of an argument of this name must not be shown.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "passw",
        "passphrase",
        "secret",
        "token",
        "userpass",
        "privatekey",
        "credentials",
        "apikey",
        "api_key",
        "users",
        "bindpw",
        "auth_args",
        "marathon_auth",
        "db_url",
        "headers",
    ]
    .iter()
    .any(|word| name.contains(word))
}

/// A value with the arguments of its objects, without secrets.
fn text_of(value: &Value, description: &Description, depth: u32) -> String {
    const SHOWN_DEPTH_MAX: u32 = 6;
    if depth > SHOWN_DEPTH_MAX {
        return "…".to_owned();
    }
    let inner = |value: &Value| text_of(value, description, depth + 1);
    let list = |items: &[Value]| items.iter().map(inner).collect::<Vec<_>>().join(", ");
    match value {
        Value::Object(id) => match description.object(*id) {
            Some(object) if is_scheduler(object) => format!("scheduler '{}'", name_of(object)),
            Some(object) => {
                let arguments: Vec<String> = object
                    .arguments
                    .iter()
                    .map(|(name, value)| {
                        let shown = if is_secret(name) {
                            "…".to_owned()
                        } else {
                            inner(value)
                        };
                        format!("{name}={shown}")
                    })
                    .collect();
                let class = object.own_class().rsplit('.').next().unwrap_or_default();
                format!("{class}({})", arguments.join(", "))
            }
            None => "…".to_owned(),
        },
        Value::List(items) => format!("[{}]", list(items)),
        Value::Tuple(items) if items.len() == 1 => format!("({},)", list(items)),
        Value::Tuple(items) => format!("({})", list(items)),
        Value::Dict(pairs) => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(name, value)| {
                    let is_secret = name.as_text().is_some_and(is_secret);
                    let shown = if is_secret {
                        "…".to_owned()
                    } else {
                        inner(value)
                    };
                    format!("{}: {shown}", inner(name))
                })
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.repr(description),
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
