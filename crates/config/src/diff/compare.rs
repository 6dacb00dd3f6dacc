//! Whether two values are made of the same, and how they are shown.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::classes::{Family, family};
use crate::description::{Arguments, Description, Object};
use crate::diff::ArgumentChange;
use crate::service::name_of;
use buildbot_render::{Format, ObjectId, Opaque, RenderableKind, Value};

/// Objects that refer to one another in a longer chain are taken for the same.
const DEPTH_MAX: u32 = 200;

/// A value is shown up to this many characters.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// The two descriptions whose values are compared.
#[derive(Clone, Copy)]
pub(crate) struct Comparison<'a> {
    pub(crate) old: &'a Description,
    pub(crate) new: &'a Description,
    /// Pairs of objects and whether they are the same. Objects may refer to one another: while a pair is
    /// compared it counts as the same.
    pub(crate) known: &'a RefCell<HashMap<(ObjectId, ObjectId), bool>>,
    /// How many objects are being compared, each for the sake of the one before.
    pub(crate) depth: &'a Cell<u32>,
}

impl Comparison<'_> {
    /// Whether two objects are made of the same. Schedulers refer to one another by name.
    fn same_objects(self, old_id: ObjectId, new_id: ObjectId) -> bool {
        let (old, new) = match (self.old.object(old_id), self.new.object(new_id)) {
            (Some(old), Some(new)) => (old, new),
            (old, new) => return old.is_none() && new.is_none(),
        };
        if is_scheduler(old) && is_scheduler(new) {
            return name_of(old) == name_of(new);
        }
        let pair = (old_id, new_id);
        if let Some(known) = self.known.borrow().get(&pair) {
            return *known;
        }
        if self.depth.get() >= DEPTH_MAX {
            return true;
        }
        self.known.borrow_mut().insert(pair, true);
        self.depth.set(self.depth.get() + 1);
        let is_same = self.same_object(old, new);
        self.depth.set(self.depth.get() - 1);
        self.known.borrow_mut().insert(pair, is_same);
        is_same
    }

    /// Whether two values are made of the same.
    pub(crate) fn same(self, old: &Value, new: &Value) -> bool {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => self.same_objects(*old, *new),
            (Value::List(old), Value::List(new))
            | (Value::Tuple(old), Value::Tuple(new))
            | (Value::Set(old), Value::Set(new))
            | (Value::FrozenSet(old), Value::FrozenSet(new)) => self.same_list(old, new),
            (Value::Dict(old), Value::Dict(new)) => {
                old.len() == new.len()
                    && old
                        .iter()
                        .zip(new)
                        .all(|(old, new)| self.same(&old.0, &new.0) && self.same(&old.1, &new.1))
            }
            (Value::Callable(old), Value::Callable(new)) => {
                old.name == new.name && old.parameters == new.parameters
            }
            (Value::Opaque(old), Value::Opaque(new)) => same_opaque(old, new),
            (Value::Renderable(old), Value::Renderable(new)) => {
                self.same_renderable(&old.kind, &new.kind)
            }
            (Value::Float(old), Value::Float(new))
            | (Value::Interval(old), Value::Interval(new)) => old.to_bits() == new.to_bits(),
            (old, new) => old == new,
        }
    }

    fn same_list(self, old: &[Value], new: &[Value]) -> bool {
        old.len() == new.len() && old.iter().zip(new).all(|(old, new)| self.same(old, new))
    }

    fn same_named(self, old: &[(String, Value)], new: &[(String, Value)]) -> bool {
        old.len() == new.len()
            && old
                .iter()
                .zip(new)
                .all(|(old, new)| old.0 == new.0 && self.same(&old.1, &new.1))
    }

    /// Arguments may stand in any order.
    fn same_arguments(self, old: &Arguments, new: &Arguments) -> bool {
        old.0.len() == new.0.len()
            && old
                .iter()
                .all(|(name, old)| new.get(name).is_some_and(|new| self.same(old, new)))
    }

    fn same_object(self, old: &Object, new: &Object) -> bool {
        old.class == new.class
            && old.user_class == new.user_class
            && old.overridden == new.overridden
            && self.same_arguments(&old.arguments, &new.arguments)
            && self.same_arguments(&old.attrs, &new.attrs)
    }

    fn same_format(self, old: &Format, new: &Format) -> bool {
        self.same(&old.format, &new.format)
            && self.same_list(&old.args, &new.args)
            && self.same_named(&old.kwargs, &new.kwargs)
    }

    fn same_renderable(self, old: &RenderableKind, new: &RenderableKind) -> bool {
        use RenderableKind as Kind;
        let same = |old: &Value, new: &Value| self.same(old, new);
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
            | (Kind::WithProperties(old), Kind::WithProperties(new)) => self.same_format(old, new),
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
            ) => same(f1, f2) && self.same_list(a1, a2) && self.same_named(k1, k2),
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
            ) => n1 == n2 && self.same_list(a1, a2) && self.same_named(k1, k2),
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
            let value = value?;
            Some(if is_secret(name) {
                "…".to_owned()
            } else {
                text_of(value, description)
            })
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

/// A value with the arguments of its objects, without secrets, cut where it becomes too long.
fn text_of(value: &Value, description: &Description) -> String {
    let mut text = Text {
        description,
        text: String::new(),
        depth: 0,
    };
    text.value(value);
    shortened(text.text)
}

/// A text that grows until it is long enough.
struct Text<'a> {
    description: &'a Description,
    text: String,
    depth: u32,
}

impl Text<'_> {
    fn value(&mut self, value: &Value) {
        const DEPTH_MAX: u32 = 8;
        if self.depth > DEPTH_MAX || self.is_full() {
            self.text.push('…');
            return;
        }
        self.depth += 1;
        match value {
            Value::Object(id) => match self.description.object(*id) {
                Some(object) if is_scheduler(object) => {
                    self.text
                        .push_str(&format!("scheduler '{}'", name_of(object)));
                }
                Some(object) => {
                    let class = object.own_class().rsplit('.').next().unwrap_or_default();
                    self.text.push_str(class);
                    self.all("(", object.arguments.iter(), ")", |text, (name, value)| {
                        text.text.push_str(name);
                        text.text.push('=');
                        text.unless_secret(name, value);
                    });
                }
                None => self.text.push('…'),
            },
            Value::List(items) => self.all("[", items.iter(), "]", Self::value),
            Value::Tuple(items) => {
                let end = if items.len() == 1 { ",)" } else { ")" };
                self.all("(", items.iter(), end, Self::value);
            }
            Value::Dict(pairs) => self.all("{", pairs.iter(), "}", |text, (name, value)| {
                text.value(name);
                text.text.push_str(": ");
                text.unless_secret(name.as_text().unwrap_or_default(), value);
            }),
            other => self.text.push_str(&other.repr(self.description)),
        }
        self.depth -= 1;
    }

    fn unless_secret(&mut self, name: &str, value: &Value) {
        if is_secret(name) {
            self.text.push('…');
        } else {
            self.value(value);
        }
    }

    fn all<T>(
        &mut self,
        begin: &str,
        items: impl Iterator<Item = T>,
        end: &str,
        mut one: impl FnMut(&mut Self, T),
    ) {
        self.text.push_str(begin);
        for (index, item) in items.enumerate() {
            if self.is_full() {
                break;
            }
            if index > 0 {
                self.text.push_str(", ");
            }
            one(self, item);
        }
        self.text.push_str(end);
    }

    fn is_full(&self) -> bool {
        // Characters have up to four bytes.
        self.text.len() > 4 * SHOWN_CHARACTERS_MAX
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
