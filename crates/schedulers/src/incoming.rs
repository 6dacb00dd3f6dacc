//! A change on its way into the database.

use buildbot_config::{Description, Globals};
use buildbot_render::{Callable, Value};
use serde_json::{Value as Json, json};

use crate::input::Answer;
use crate::json;
use crate::output::Question;
use crate::revlink::Revlink;

/// The version control systems whose authors become users.
const USER_SOURCES: [&str; 7] = ["git", "svn", "hg", "cvs", "darcs", "bzr", "fossil"];

/// A change as a change source, a hook or a client gives it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NewChange {
    /// Who made it.
    pub author: Option<String>,
    /// Who committed it.
    pub committer: Option<String>,
    /// The files that it touches.
    pub files: Option<Vec<String>>,
    /// What its author says about it.
    pub comments: Option<String>,
    /// The revision.
    pub revision: Option<String>,
    /// When it was made, in seconds since the epoch; `None` is now.
    pub when: Option<i64>,
    /// The branch; `None` is the default one.
    pub branch: Option<String>,
    /// Its category: a text, or a callable that finds it.
    pub category: Value,
    /// A page about it.
    pub revlink: Option<String>,
    /// Its properties.
    pub properties: Vec<(String, Value)>,
    /// Where the sources are kept.
    pub repository: Option<String>,
    /// The project that it belongs to.
    pub project: Option<String>,
    /// The codebase, if whoever gives it knows.
    pub codebase: Option<String>,
    /// The version control system: `git`, `svn` … its author becomes a user then.
    pub source: Option<String>,
}

/// What finds what a change does not say itself.
#[derive(Debug, Clone)]
pub struct ChangeRules {
    revlink: Revlink,
    codebase_generator: Option<Callable>,
}

/// A change whose page, category and codebase are being found, in this order.
#[derive(Debug)]
pub struct Incoming {
    change: NewChange,
    stage: Stage,
    rules: ChangeRules,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Revlink,
    Category,
    Codebase,
    Done,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Code must be asked.
    Ask(Question),
    /// It can be stored.
    Store(Box<CompleteChange>),
}

/// A change that can be stored. Nothing is cut off: what is too long is the database's matter.
#[derive(Debug, Clone, PartialEq)]
pub struct CompleteChange {
    /// Its attributes; category and codebase are known.
    pub change: NewChange,
    /// Its category.
    pub category: Option<String>,
    /// Its codebase.
    pub codebase: String,
    /// Whether its author becomes a user, of the kind that `source` says.
    pub has_user: bool,
}

impl ChangeRules {
    /// The rules of a configuration.
    ///
    /// # Errors
    ///
    /// What of them cannot be used.
    pub fn read(globals: &Globals, description: &Description) -> Result<Self, String> {
        Ok(Self {
            revlink: Revlink::read(globals.revlink.as_ref(), description)?,
            codebase_generator: match &globals.codebase_generator {
                Value::None => None,
                Value::Callable(callable) => Some((**callable).clone()),
                _ => return Err("codebaseGenerator cannot be called".to_owned()),
            },
        })
    }
}

impl Incoming {
    /// A change that comes in.
    pub fn new(change: NewChange, rules: &ChangeRules) -> Self {
        Self {
            change,
            stage: Stage::Revlink,
            rules: rules.clone(),
        }
    }

    /// Finds what can be found without code.
    pub fn step(&mut self) -> Step {
        if self.stage == Stage::Revlink {
            if let Some(question) = self.find_revlink() {
                return Step::Ask(question);
            }
            self.stage = Stage::Category;
        }
        if self.stage == Stage::Category {
            if let Value::Callable(callable) = &self.change.category {
                let callable = (**callable).clone();
                return Step::Ask(self.ask(callable));
            }
            self.stage = Stage::Codebase;
        }
        if self.stage == Stage::Codebase {
            if let (None, Some(generator)) = (&self.change.codebase, &self.rules.codebase_generator)
            {
                return Step::Ask(self.ask_dictionary(generator.clone()));
            }
            self.stage = Stage::Done;
        }
        let source = self.change.source.as_deref().unwrap_or_default();
        Step::Store(Box::new(CompleteChange {
            category: self.change.category.as_text().map(str::to_owned),
            codebase: self.change.codebase.clone().unwrap_or_default(),
            has_user: USER_SOURCES.contains(&source) && self.change.author.is_some(),
            change: self.change.clone(),
        }))
    }

    /// Goes on with an answer of code.
    ///
    /// # Errors
    ///
    /// When code failed, or gave what cannot be used; the change is not added then.
    pub fn answered(&mut self, answer: Answer) -> Result<(), String> {
        let Answer::Value(value) = answer else {
            return Err("an answer to another question".to_owned());
        };
        let value = value.map_err(|error| error.to_string())?;
        match self.stage {
            Stage::Revlink => {
                let page = value.as_text().map(str::to_owned);
                self.change.revlink = Some(page.unwrap_or_default());
                self.stage = Stage::Category;
            }
            Stage::Category => {
                if !matches!(value, Value::None | Value::Text(_)) {
                    return Err("the category of a change is no text".to_owned());
                }
                self.change.category = value;
                self.stage = Stage::Codebase;
            }
            Stage::Codebase => {
                let codebase = value.as_text();
                let codebase = codebase.ok_or("codebaseGenerator did not return a text")?;
                self.change.codebase = Some(codebase.to_owned());
                self.stage = Stage::Done;
            }
            Stage::Done => {}
        }
        Ok(())
    }

    fn find_revlink(&mut self) -> Option<Question> {
        let is_there = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
        let NewChange {
            revlink,
            revision,
            repository,
            ..
        } = &self.change;
        if is_there(revlink) || !is_there(revision) || !is_there(repository) {
            self.change.revlink.get_or_insert_default();
            return None;
        }
        let revision = revision.clone().unwrap_or_default();
        let repository = repository.clone().unwrap_or_default();
        match self.rules.revlink.find(&revision, &repository) {
            Ok(page) => {
                self.change.revlink = Some(page.unwrap_or_default());
                None
            }
            Err(callable) => Some(Question::Call {
                callable: callable.clone(),
                arguments: vec![revision.into(), repository.into()],
            }),
        }
    }

    fn pairs(&self) -> Vec<(&'static str, Json)> {
        let change = &self.change;
        let or_empty = |text: &Option<String>| json!(text.as_deref().unwrap_or_default());
        let properties = change.properties.iter();
        let properties: Vec<(&str, Json)> = properties
            .map(|(name, value)| {
                let of = json!({"$": "tuple", "v": [json::value(value), "Change"]});
                (name.as_str(), of)
            })
            .collect();
        vec![
            ("author", json!(change.author)),
            ("committer", json!(change.committer)),
            ("files", json!(change.files.as_deref().unwrap_or_default())),
            ("comments", json!(change.comments)),
            ("revision", json!(change.revision)),
            ("when_timestamp", json!(change.when)),
            ("branch", json!(change.branch)),
            ("category", json::value(&change.category)),
            ("revlink", or_empty(&change.revlink)),
            ("properties", json::dict(properties)),
            ("repository", or_empty(&change.repository)),
            ("project", or_empty(&change.project)),
        ]
    }

    /// A function that gets something like a change.
    fn ask(&self, callable: Callable) -> Question {
        let mut change = json!({"$": "change", "key": null});
        if let Json::Object(change) = &mut change {
            for (name, value) in self.pairs() {
                if !["category", "properties"].contains(&name) {
                    change.insert(name.to_owned(), value);
                }
            }
            let properties = self.change.properties.iter();
            let properties: Vec<Json> = properties
                .map(|(name, value)| json!([name, json::value(value), "Change"]))
                .collect();
            let properties = json!({"$": "properties", "key": null, "v": properties, "sourcestamps": [], "changes": []});
            change.insert("properties".to_owned(), properties);
        }
        Question::Call {
            callable,
            arguments: vec![change],
        }
    }

    /// The generator of codebases gets a dictionary.
    fn ask_dictionary(&self, callable: Callable) -> Question {
        let mut pairs = self.pairs();
        pairs.retain(|(name, _)| *name != "committer");
        pairs.push(("codebase", Json::Null));
        Question::Call {
            callable,
            arguments: vec![json::dict(pairs)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> ChangeRules {
        ChangeRules {
            revlink: Revlink::read(None, &Description::default()).expect("the default"),
            codebase_generator: None,
        }
    }

    fn code(name: &str) -> Callable {
        Callable {
            handle: buildbot_render::Handle(1),
            name: name.to_owned(),
            place: None,
            parameters: None,
        }
    }

    #[test]
    fn a_change_gets_its_page() {
        let stored = |change: NewChange| match Incoming::new(change, &rules()).step() {
            Step::Store(complete) => complete,
            Step::Ask(question) => panic!("{question:?}"),
        };
        let change = NewChange {
            author: Some("me".to_owned()),
            revision: Some("abc".to_owned()),
            repository: Some("git@github.com:o/r.git".to_owned()),
            source: Some("git".to_owned()),
            ..NewChange::default()
        };
        let complete = stored(change.clone());
        let page = "https://github.com/o/r/commit/abc";
        assert_eq!(complete.change.revlink.as_deref(), Some(page));
        assert!(complete.has_user);
        let complete = stored(NewChange {
            revlink: Some("own".to_owned()),
            source: Some("bitbucket".to_owned()),
            ..change
        });
        assert_eq!(complete.change.revlink.as_deref(), Some("own"));
        assert!(!complete.has_user);
        assert_eq!(
            stored(NewChange::default()).change.revlink.as_deref(),
            Some("")
        );
    }

    #[test]
    fn code_finds_category_and_then_codebase() {
        let rules = ChangeRules {
            codebase_generator: Some(code("generator")),
            ..rules()
        };
        let change = NewChange {
            category: Value::Callable(Box::new(code("category"))),
            ..NewChange::default()
        };
        let mut incoming = Incoming::new(change, &rules);
        for (name, answer) in [("category", "cat"), ("generator", "base")] {
            match incoming.step() {
                Step::Ask(Question::Call { callable, .. }) => assert_eq!(callable.name, name),
                other => panic!("{other:?}"),
            }
            let answered = incoming.answered(Answer::Value(Ok(answer.into())));
            answered.expect("it can be used");
        }
        let Step::Store(complete) = incoming.step() else {
            panic!("{incoming:?}");
        };
        assert_eq!(
            (complete.category.as_deref(), complete.codebase.as_str()),
            (Some("cat"), "base")
        );
    }
}
