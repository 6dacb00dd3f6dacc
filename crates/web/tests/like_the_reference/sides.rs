//! Both servers, and how their answers are compared.

use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, bail};
use buildbot_config::auth::{AuthKind, UserPasswordArguments};
use buildbot_config::{Part, Value, Www};
use buildbot_data::{Bus, Data, Live};
use buildbot_db::Database;
use buildbot_logs::LogStore;
use buildbot_model::{BuildRequestId, LogId, Secret};
use buildbot_web::{Action, Control, ControlError, Later, Outcome, Settings, Web};
use serde_json::Value as Json;
use tokio::sync::oneshot;

use crate::reference::Reference;

/// A real master, and our server beside it.
pub(crate) struct Sides {
    pub(crate) reference: Reference,
    ours: String,
    pub(crate) asked: Arc<Asked>,
    agent: ureq::Agent,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A master that only notes what it is asked.
#[derive(Default)]
pub(crate) struct Asked {
    pub(crate) actions: Mutex<Vec<(Action, String)>>,
}

impl Control for Asked {
    fn act<'a>(
        &'a self,
        action: Action,
        owner: &'a str,
    ) -> Later<'a, Result<Outcome, ControlError>> {
        Box::pin(async move {
            let outcome = match &action {
                Action::RebuildBuild { .. } | Action::Force { .. } => Outcome::Buildset {
                    buildset: 7,
                    requests: vec![(1, 2)],
                },
                _ => Outcome::Accepted,
            };
            let mut actions = self.actions.lock().expect("actions");
            actions.push((action, owner.to_owned()));
            Ok(outcome)
        })
    }

    fn why(&self, request: BuildRequestId) -> Later<'_, Result<Option<Json>, ControlError>> {
        Box::pin(async move {
            let why = serde_json::json!({"reason": "paused", "text": "…", "details": {}});
            Ok((request.0 == 1).then_some(why))
        })
    }
}

/// The force schedulers of the reference: they are not in the database.
struct Borrowed(Vec<Json>);

impl Live for Borrowed {
    fn force_schedulers(&self) -> Arc<[Json]> {
        self.0.clone().into()
    }

    fn lines_of_log(&self, _log: LogId) -> Option<u64> {
        None
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Result<Json> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Reference,
    Ours,
}

/// What is asked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asking<'a> {
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    /// A body to be posted.
    pub(crate) body: Option<&'a str>,
}

impl Sides {
    pub(crate) fn start() -> Result<Self> {
        let reference = Reference::start()?;
        let config = ureq::Agent::config_builder();
        // A connection for each question: the reference may close one that is kept just when it is used again.
        let config = config.http_status_as_error(false).max_redirects(0);
        let config = config.max_idle_connections(0).build();
        let agent = ureq::Agent::new_with_config(config);
        let asked = Arc::new(Asked::default());
        let mut sides = Self {
            ours: String::new(),
            asked: asked.clone(),
            agent,
            stop: None,
            thread: None,
            reference,
        };
        let borrowed = sides
            .get(Side::Reference, "api/v2/forceschedulers")?
            .json()?;
        let borrowed = borrowed["forceschedulers"].as_array().cloned();
        let directory = sides.reference.directory();
        let database = Arc::new(Database::open(&directory.join("state.sqlite"))?);
        let logs = LogStore::open(&directory, buildbot_logs::Settings::default())?;
        let live = Borrowed(borrowed.context("force schedulers")?);
        let data = Arc::new(Data::new(database, logs, Arc::new(live)));
        let bus = Arc::new(Bus::start(data.clone())?);
        let settings = Settings {
            www: www(),
            buildbot_url: sides.reference.url(),
            title: "ours".to_owned(),
            title_url: "http://example.com/".to_owned(),
            multi_master: false,
            base_directory: directory,
            credentials: None,
            session_secret: Secret::new("secret".to_owned()),
        };
        let (stop, stopped) = oneshot::channel();
        let (address, addressed) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let serve = async move {
            let web = Web::start(settings, data, bus, asked)
                .await
                .expect("our server");
            address.send(web.addresses()).expect("the test waits");
            drop(stopped.await);
            web.stop().await;
        };
        sides.thread = Some(std::thread::spawn(move || runtime.block_on(serve)));
        sides.stop = Some(stop);
        let address = addressed.recv()?.first().copied().context("an address")?;
        sides.ours = format!("http://{address}/");
        Ok(sides)
    }

    pub(crate) fn get(&self, side: Side, path: &str) -> Result<Answer> {
        let asking = Asking {
            headers: vec![("Accept", "application/json")],
            body: None,
        };
        self.ask(side, path, &asking)
    }

    pub(crate) fn ask(&self, side: Side, path: &str, asking: &Asking<'_>) -> Result<Answer> {
        let root = match side {
            Side::Reference => self.reference.url(),
            Side::Ours => self.ours.clone(),
        };
        let url = format!("{root}{path}");
        let mut response = match asking.body {
            None => {
                let mut request = self.agent.get(&url);
                for (name, value) in &asking.headers {
                    request = request.header(*name, *value);
                }
                request.call()
            }
            Some(body) => {
                let mut request = self.agent.post(&url);
                for (name, value) in &asking.headers {
                    request = request.header(*name, *value);
                }
                request.send(body)
            }
        }
        .with_context(|| url.clone())?;
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let headers = headers.collect();
        let bytes = response.body_mut().read_to_vec()?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }

    /// Compares the answers to a path of the API, and says what differs.
    pub(crate) fn compare(&self, path: &str) -> Result<Verdict> {
        let path = format!("api/v2/{path}");
        let theirs = self.get(Side::Reference, &path)?;
        let ours = self.get(Side::Ours, &path)?;
        if theirs.status == 500 {
            // A crash of the reference: anything else than one is better.
            return Ok(if ours.status == 500 {
                Verdict::Differs(format!("{path}: ours fails, too: {}", ours.body))
            } else {
                Verdict::ReferenceFails
            });
        }
        let same = if theirs.status == 200 && theirs.header("content-type").is_some_and(is_json) {
            normal(theirs.json()?, &path) == normal(ours.json()?, &path)
        } else if theirs.status == 404 {
            // The text about what is not found is free.
            true
        } else {
            theirs.body == ours.body
        };
        let same =
            same && theirs.status == ours.status && content_type(&theirs) == content_type(&ours);
        Ok(if same {
            Verdict::Same(theirs)
        } else {
            Verdict::Differs(format!(
                "{path}\n  reference: {} {}\n  ours:      {} {}\n",
                theirs.status, theirs.body, ours.status, ours.body
            ))
        })
    }
}

/// The part of `reference/master.cfg` that is for the web server.
fn www() -> Www {
    let users = [("ann@example.com", "pass"), ("bob", "word")];
    let users = users.map(|(name, password)| (Value::from(name), Value::from(password)));
    let arguments = UserPasswordArguments {
        users: Secret::new(Value::Dict(users.into())),
        credential_factories: Value::None,
        checkers: Value::None,
        user_info_provider: None,
    };
    Www {
        port: Value::from("tcp:0:interface=127.0.0.1"),
        auth: Some(Part {
            value: Value::None,
            object: None,
            place: None,
            kind: AuthKind::UserPassword(Box::new(arguments)),
        }),
        ..Www::default()
    }
}

impl Drop for Sides {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// What comes of a comparison.
#[derive(Debug)]
pub(crate) enum Verdict {
    Same(Answer),
    Differs(String),
    /// The reference crashes, and we do not.
    ReferenceFails,
}

fn is_json(content_type: &str) -> bool {
    content_type.starts_with("application/json")
}

fn content_type(answer: &Answer) -> Option<&str> {
    answer.header("content-type")
}

/// What does not count: the order of sets, and what `docs/manual` lists as a difference.
fn normal(mut answer: Json, path: &str) -> Json {
    sort_sets(&mut answer);
    for (plural, key) in [
        ("buildrequests", "buildrequestid"),
        ("branches", "branchid"),
    ] {
        if let Some(items) = answer.get_mut(plural).and_then(Json::as_array_mut)
            && !path.contains("order=")
        {
            // The reference promises no order, and its database gives another one.
            items.sort_by_key(|item| item[key].as_i64());
        }
    }
    answer
}

fn sort_sets(value: &mut Json) {
    match value {
        Json::Array(values) => values.iter_mut().for_each(sort_sets),
        Json::Object(members) => {
            let is_buildset = members.contains_key("bsid") || !members.contains_key("meta");
            for (name, value) in members {
                match (name.as_str(), &mut *value) {
                    // Differs: ours is the text of the patch.
                    ("body", value) => *value = Json::Null,
                    ("last_active", value) => *value = Json::Null,
                    (
                        "configured_on" | "connected_to" | "masterids" | "tags" | "builder_names",
                        Json::Array(values),
                    ) => values.sort_by_key(Json::to_string),
                    ("sourcestamps", Json::Array(values)) if is_buildset => {
                        values.sort_by_key(|stamp| stamp["ssid"].as_i64());
                        values.iter_mut().for_each(sort_sets);
                    }
                    _ => sort_sets(value),
                }
            }
        }
        _ => {}
    }
}

/// Fails with everything that differs.
pub(crate) fn report(differences: &[String]) -> Result<()> {
    if differences.is_empty() {
        return Ok(());
    }
    bail!(
        "{} answers differ:\n{}",
        differences.len(),
        differences.iter().take(25).cloned().collect::<String>()
    )
}
