//! The fields of a form.

use buildbot_config::{Arguments, Description, Object};
use buildbot_python_regex::Pattern;
use buildbot_render::Value;
use serde_json::{Map, Value as Json, json};

use buildbot_render::json_of_value;

/// The largest file that is accepted, in characters.
const FILE_CHARACTERS_MAX: i64 = 10 * 1024 * 1024;
/// The attributes of every field that a form needs to know.
const COMMON: [&str; 12] = [
    "label",
    "tablabel",
    "type",
    "default",
    "required",
    "multiple",
    "hide",
    "maxsize",
    "autopopulate",
    "tooltip",
    "name",
    "fullName",
];

/// What a field is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Class {
    Base,
    Fixed,
    Text,
    TextArea,
    Int,
    Bool,
    UserName,
    Choice,
    Inherit,
    Worker,
    File,
    Group,
    AnyProperty,
    /// Its fields are a source stamp of this codebase.
    Codebase(String),
    Patch,
}

/// A field of a form.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) class: Class,
    pub(super) name: String,
    /// Under what the values are entered; `None` for a group without a name.
    pub(super) full_name: Option<String>,
    pub(super) regex: Option<Pattern>,
    /// The regular expression as it was written.
    pub(super) pattern_text: String,
    pub(super) fields: Vec<Field>,
    /// The object of a user's class, which evaluates itself.
    own: Option<Json>,
    attributes: Vec<(String, Value)>,
}

impl Class {
    fn of(object: &Object) -> Result<Self, String> {
        let class = object.class.rsplit('.').next().unwrap_or_default();
        Ok(match class {
            "BaseParameter" => Self::Base,
            "FixedParameter" => Self::Fixed,
            "StringParameter" => Self::Text,
            "TextParameter" => Self::TextArea,
            "IntParameter" => Self::Int,
            "BooleanParameter" => Self::Bool,
            "UserNameParameter" => Self::UserName,
            "ChoiceStringParameter" => Self::Choice,
            "InheritBuildParameter" => Self::Inherit,
            "WorkerChoiceParameter" => Self::Worker,
            "FileParameter" => Self::File,
            "NestedParameter" | "ParameterGroup" => Self::Group,
            "AnyPropertyParameter" => Self::AnyProperty,
            "CodebaseParameter" => {
                let codebase = object.arguments.text("codebase").unwrap_or_default();
                Self::Codebase(codebase.to_owned())
            }
            "PatchParameter" => Self::Patch,
            _ => return Err(format!("{} is no parameter", object.own_class())),
        })
    }

    /// What the class says about a form, besides what all have.
    fn defaults(&self) -> Vec<(&'static str, Value)> {
        let group = || vec![("type", "nested".into()), ("layout", "vertical".into())];
        match self {
            Self::Base => vec![("type", "".into())],
            Self::Fixed => vec![("type", "fixed".into()), ("hide", true.into())],
            Self::Text => vec![("type", "text".into()), ("size", 10.into())],
            Self::TextArea => vec![
                ("type", "textarea".into()),
                ("size", 10.into()),
                ("cols", 80.into()),
                ("rows", 20.into()),
            ],
            Self::Int => vec![
                ("type", "int".into()),
                ("size", 10.into()),
                ("default", 0.into()),
            ],
            Self::Bool => vec![("type", "bool".into())],
            Self::UserName => vec![
                ("type", "username".into()),
                ("size", 30.into()),
                ("need_email", true.into()),
            ],
            Self::Choice | Self::Inherit => vec![
                ("type", "list".into()),
                ("choices", Value::List(Vec::new())),
                ("strict", true.into()),
            ],
            Self::Worker => vec![
                ("type", "list".into()),
                ("choices", Value::List(Vec::new())),
                ("strict", false.into()),
            ],
            Self::File => vec![
                ("type", "file".into()),
                ("maxsize", FILE_CHARACTERS_MAX.into()),
            ],
            Self::Group | Self::AnyProperty | Self::Codebase(_) | Self::Patch => group(),
        }
    }

    fn default_name(&self) -> &str {
        match self {
            Self::UserName => "username",
            Self::Worker => "workername",
            Self::Patch => "patch",
            Self::Codebase(codebase) => codebase,
            _ => "",
        }
    }

    pub(super) fn is_group(&self) -> bool {
        matches!(
            self,
            Self::Group | Self::AnyProperty | Self::Codebase(_) | Self::Patch
        )
    }
}

impl Field {
    /// A field of the configuration.
    pub(super) fn read(value: &Value, description: &Description) -> Result<Self, String> {
        let object = description
            .object_of(value)
            .ok_or("a parameter is none of the package")?;
        let class = Class::of(object)?;
        let given = &object.arguments;
        let fields = match &class {
            Class::Group => {
                let fields = given.get("fields").and_then(Value::as_sequence);
                let fields = fields.unwrap_or_default().iter();
                fields
                    .map(|field| Self::read(field, description))
                    .collect::<Result<_, _>>()?
            }
            Class::AnyProperty => any_property_fields(),
            Class::Codebase(_) => codebase_fields(given, description)?,
            Class::Patch => patch_fields(given, description)?,
            _ => Vec::new(),
        };
        let mut field = Self::new(class, given, &object.attrs, fields)?;
        if !object.overridden.is_empty() {
            field.own = Some(crate::json::value(value));
        }
        Ok(field)
    }

    fn new(
        class: Class,
        given: &Arguments,
        attrs: &Arguments,
        fields: Vec<Field>,
    ) -> Result<Self, String> {
        let text = |argument: &str| {
            let value = given.get(argument).filter(|value| !value.is_none());
            value.and_then(Value::as_text).map(str::to_owned)
        };
        let name = text("name").unwrap_or_else(|| class.default_name().to_owned());
        let label = text("label").unwrap_or_else(|| match &class {
            Class::UserName => "Your name:".to_owned(),
            Class::AnyProperty => String::new(),
            Class::Codebase(codebase) if !codebase.is_empty() => format!("Codebase: {codebase}"),
            _ => name.clone(),
        });
        let regex = given.get("regex").or_else(|| attrs.get("regex"));
        let regex = regex.filter(|regex| !regex.is_none());
        let pattern_text = match regex {
            Some(Value::Text(text)) => text.clone(),
            Some(Value::Regex(regex)) => regex.pattern.as_text().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let mut field = Self {
            regex: regex.map(pattern).transpose()?,
            pattern_text,
            full_name: None,
            fields,
            own: None,
            attributes: vec![
                ("default".to_owned(), "".into()),
                ("required".to_owned(), false.into()),
                ("multiple".to_owned(), false.into()),
                ("hide".to_owned(), false.into()),
                ("maxsize".to_owned(), Value::None),
                ("autopopulate".to_owned(), Value::None),
                ("tooltip".to_owned(), "".into()),
            ],
            class,
            name,
        };
        for (name, value) in field.class.defaults() {
            field.set(name, value);
        }
        if field.class.is_group() {
            let visible = field.fields.iter();
            let visible = visible.filter(|field| !field.attribute("hide").is_true());
            let has_patch = matches!(field.class, Class::Codebase(_))
                && field.fields.iter().any(|field| field.class == Class::Patch);
            let is_narrow = field.class == Class::Patch || has_patch;
            let two = visible.count() >= 4 && !is_narrow;
            field.set("columns", Value::Int(if two { 2 } else { 1 }));
        }
        for (name, value) in attrs.iter().chain(given.iter()) {
            let is_read_elsewhere =
                ["name", "label", "tablabel", "fields", "regex"].contains(&name);
            let is_unset = name == "columns" && value.is_none();
            if !is_read_elsewhere && !is_unset {
                field.set(name, value.clone());
            }
        }
        let tab = text("tablabel").unwrap_or_else(|| label.clone());
        field.set("label", label.into());
        field.set("tablabel", tab.into());
        Ok(field)
    }

    fn plain(class: Class, arguments: &[(&str, Value)], fields: Vec<Field>) -> Self {
        let given = arguments.iter();
        let given = given.map(|(name, value)| ((*name).to_owned(), value.clone()));
        let given = Arguments(given.collect());
        // Without a regular expression nothing can be wrong with it.
        Self::new(class, &given, &Arguments::default(), fields).unwrap_or_else(|_| Self {
            class: Class::Base,
            name: String::new(),
            full_name: None,
            regex: None,
            pattern_text: String::new(),
            fields: Vec::new(),
            own: None,
            attributes: Vec::new(),
        })
    }

    pub(super) fn user_name() -> Self {
        Self::plain(Class::UserName, &[], Vec::new())
    }

    pub(super) fn reason() -> Self {
        let arguments = [
            ("name", "reason".into()),
            ("default", "force build".into()),
            ("size", 20.into()),
        ];
        Self::plain(Class::Text, &arguments, Vec::new())
    }

    pub(super) fn priority() -> Self {
        let arguments = [("name", "priority".into()), ("default", 0.into())];
        Self::plain(Class::Int, &arguments, Vec::new())
    }

    pub(super) fn group(name: &str, fields: Vec<Field>) -> Self {
        Self::plain(Class::Group, &[("name", name.into())], fields)
    }

    pub(super) fn codebase(codebase: &str) -> Self {
        // Without arguments nothing can be wrong with them.
        let fields = codebase_fields(&Arguments::default(), &Description::default());
        Self::plain(
            Class::Codebase(codebase.to_owned()),
            &[],
            fields.unwrap_or_default(),
        )
    }

    fn text(name: &str, label: &str) -> Self {
        let arguments = [("name", name.into()), ("label", label.into())];
        Self::plain(Class::Text, &arguments, Vec::new())
    }

    fn set(&mut self, name: &str, value: Value) {
        match self.attributes.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.attributes.push((name.to_owned(), value)),
        }
    }

    /// An attribute; `None` if it has none of that name.
    pub(super) fn attribute(&self, name: &str) -> &Value {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map_or(&Value::None, |(_, value)| value)
    }

    pub(super) fn label(&self) -> &str {
        self.attribute("label").as_text().unwrap_or_default()
    }

    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Gives it and what is in it their full names.
    pub(super) fn set_full_name(&mut self, parent: Option<&str>) {
        let parent = parent.filter(|parent| !parent.is_empty());
        self.full_name = match (parent, self.name.as_str()) {
            (parent, "") => parent.map(str::to_owned),
            (None, name) => Some(name.to_owned()),
            (Some(parent), name) => Some(format!("{parent}_{name}")),
        };
        let full_name = self.full_name.clone();
        for field in &mut self.fields {
            field.set_full_name(full_name.as_deref());
        }
    }

    /// The fields of users' classes, of which one includes those in it.
    pub(super) fn find_own(&self, found: &mut Vec<(String, Json)>) {
        match &self.own {
            Some(own) => found.push((self.full_name.clone().unwrap_or_default(), own.clone())),
            None => {
                for field in &self.fields {
                    field.find_own(found);
                }
            }
        }
    }

    /// What a form needs to know of it. A regular expression is not shown, as JSON has none.
    pub(super) fn spec(&self) -> Json {
        let mut spec = Map::new();
        let known = self.class.defaults();
        let known = known.iter().map(|(name, _)| *name);
        for name in COMMON.into_iter().chain(known) {
            spec.insert(
                name.to_owned(),
                json_of_value(self.attribute(name)).unwrap_or_default(),
            );
        }
        spec.insert("name".to_owned(), self.name.as_str().into());
        spec.insert("fullName".to_owned(), self.full_name.clone().into());
        spec.insert("regex".to_owned(), Json::Null);
        if self.class.is_group() {
            let columns = json_of_value(self.attribute("columns"));
            spec.insert("columns".to_owned(), columns.unwrap_or_default());
            let fields: Vec<Json> = self.fields.iter().map(Self::spec).collect();
            spec.insert("fields".to_owned(), json!(fields));
        }
        Json::Object(spec)
    }
}

fn pattern(value: &Value) -> Result<Pattern, String> {
    let compiled = match value {
        Value::Text(text) => Pattern::new(text, 0),
        Value::Regex(regex) => match regex.pattern.as_text() {
            Some(text) => Pattern::new(text, regex.flags),
            None => return Err("the regex of a parameter is no text".to_owned()),
        },
        _ => return Err("the regex of a parameter is no text".to_owned()),
    };
    compiled.map_err(|error| error.to_string())
}

fn any_property_fields() -> Vec<Field> {
    vec![Field::text("name", "Name:"), Field::text("value", "Value:")]
}

/// Sorted by their names, the patch last.
fn codebase_fields(given: &Arguments, description: &Description) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    for (name, label) in [
        ("branch", "Branch:"),
        ("revision", "Revision:"),
        ("repository", "Repository:"),
        ("project", "Project:"),
    ] {
        match given.get(name) {
            None => fields.push(Field::text(name, label)),
            Some(Value::None) => {}
            Some(Value::Text(text)) => {
                let arguments = [("name", name.into()), ("default", text.as_str().into())];
                fields.push(Field::plain(Class::Fixed, &arguments, Vec::new()));
            }
            Some(value) => fields.push(Field::read(value, description)?),
        }
    }
    fields.sort_by(|one, other| one.name.cmp(&other.name));
    if let Some(patch) = given.get("patch").filter(|patch| !patch.is_none()) {
        fields.push(Field::read(patch, description)?);
    }
    Ok(fields)
}

fn patch_fields(given: &Arguments, description: &Description) -> Result<Vec<Field>, String> {
    let named = |name: &str| [("name", Value::from(name))];
    let mut fields = Vec::new();
    for name in ["body", "level", "author", "comment", "subdir"] {
        fields.push(match given.get(name) {
            Some(value) if value.as_object().is_some() => Field::read(value, description)?,
            _ => match name {
                "body" => Field::plain(Class::File, &named(name), Vec::new()),
                "level" => {
                    let arguments = [("name", name.into()), ("default", 1.into())];
                    Field::plain(Class::Int, &arguments, Vec::new())
                }
                "subdir" => {
                    let arguments = [("name", name.into()), ("default", ".".into())];
                    Field::plain(Class::Text, &arguments, Vec::new())
                }
                _ => Field::plain(Class::Text, &named(name), Vec::new()),
            },
        });
    }
    Ok(fields)
}
