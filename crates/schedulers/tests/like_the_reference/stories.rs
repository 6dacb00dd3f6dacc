//! Which buildsets schedulers make of what happens to them, and what they keep.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buildbot_config::{Description, MasterConfig, Sources};
use buildbot_model::{BuildsetId, ChangeId, Results, SourceStampId, Timestamp};
use buildbot_render::{json_of_value, value_of_json};
use buildbot_schedulers::{
    Answer, Change, Forgotten, Found, Input, NewSourceStamp, Output, Question, Read, RequestId,
    Schedulers, Settings, SharedChange, Stored, StoredBuildset, StoredStamp, Submission,
    SubmittedIds, Trigger, TriggerStamp, Wanted, WantedStamp,
};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::{assert_nothing_wrong, described, made};

#[derive(Deserialize)]
struct Story {
    source: String,
    name: String,
    events: Vec<(String, f64, Json)>,
    buildsets: Vec<Json>,
    states: Json,
    waiting: Vec<(i64, i64)>,
    classes: Vec<String>,
}

type Stamps = BTreeMap<String, Vec<Option<String>>>;

/// A master with a database for one scheduler.
struct World<'a> {
    config: &'a MasterConfig,
    description: &'a Description,
    stamps: &'a Stamps,
    changes: &'a mut Vec<SharedChange>,
    schedulers: Schedulers,
    name: String,
    now: Timestamp,
    states: BTreeMap<String, Json>,
    waiting: BTreeMap<i64, (SharedChange, bool)>,
    enabled: bool,
    classes: Vec<String>,
    upstream: BTreeMap<i64, StoredBuildset>,
    buildsets: Vec<Json>,
    requests: u64,
}

fn instant(seconds: f64) -> Timestamp {
    Timestamp::default() + Duration::from_secs_f64(seconds)
}

fn change(of: &Json) -> Change {
    let text = |name: &str| of[name].as_str().map(str::to_owned);
    let properties = of["properties"].as_object().expect("an object").iter();
    let files = of["files"].as_array().expect("a list").iter();
    Change {
        id: ChangeId(of["changeid"].as_i64().expect("a number")),
        author: text("author").unwrap_or_default(),
        committer: text("committer"),
        files: files
            .filter_map(|file| file.as_str().map(str::to_owned))
            .collect(),
        comments: text("comments").unwrap_or_default(),
        revision: text("revision"),
        when: of["when_timestamp"].as_i64().expect("a number"),
        branch: text("branch"),
        category: text("category"),
        revlink: text("revlink"),
        properties: properties
            .map(|(name, of)| {
                let source = of[1].as_str().expect("a source");
                (name.clone(), (value_of_json(&of[0]), source.to_owned()))
            })
            .collect(),
        repository: text("repository").unwrap_or_default(),
        project: text("project").unwrap_or_default(),
        codebase: text("codebase").unwrap_or_default(),
        source_stamp: SourceStampId(of["sourcestamp"]["ssid"].as_i64().expect("a number")),
        parents: Vec::new(),
    }
}

fn stamp_of(row: &[Option<String>]) -> NewSourceStamp {
    let [codebase, branch, repository, revision, project] = row else {
        panic!("{row:?}");
    };
    NewSourceStamp {
        codebase: codebase.clone().unwrap_or_default(),
        repository: repository.clone().unwrap_or_default(),
        branch: branch.clone(),
        revision: revision.clone(),
        project: project.clone().unwrap_or_default(),
        patch: None,
    }
}

fn shown(stamp: &NewSourceStamp) -> Json {
    json!([
        stamp.codebase,
        stamp.branch,
        stamp.repository,
        stamp.revision,
        stamp.project
    ])
}

impl World<'_> {
    fn start(&mut self) {
        let configured = self.config.schedulers.iter();
        let configured: Vec<_> = configured
            .filter(|scheduler| scheduler.name() == self.name)
            .cloned()
            .collect();
        self.schedulers = Schedulers::new(TimeZone::UTC);
        let settings = Settings::of(self.config, 1);
        let outputs = self
            .schedulers
            .configure(self.now, &configured, self.description, settings);
        self.carry_out(outputs.expect("it can be run"));
    }

    fn tell(&mut self, input: Input) {
        let outputs = self.schedulers.handle(self.now, input);
        self.carry_out(outputs);
    }

    fn advance(&mut self, target: Timestamp) {
        while let Some(at) = self.schedulers.next_timeout()
            && at <= target
        {
            self.now = self.now.max(at);
            let outputs = self.schedulers.handle_timeout(self.now);
            self.carry_out(outputs);
        }
        self.now = target;
    }

    fn stamp(&self, id: SourceStampId) -> NewSourceStamp {
        stamp_of(&self.stamps[&id.0.to_string()])
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Claim {
                    scheduler, state, ..
                } => {
                    self.classes = vec![state.class];
                    let stored = Stored {
                        enabled: self.enabled,
                        state: self.states.clone(),
                        changes: self.waiting.values().cloned().collect(),
                    };
                    self.tell(Input::Claimed { scheduler, stored });
                }
                Output::Submit { ticket, buildset } => {
                    let made = self.made(&buildset);
                    self.buildsets.push(made);
                    let number = 1000 + i64::try_from(self.buildsets.len()).expect("few");
                    let outcome = Ok(SubmittedIds {
                        buildset: BuildsetId(number),
                        requests: Vec::new(),
                    });
                    self.tell(Input::Submitted { ticket, outcome });
                }
                Output::Ask {
                    ticket, question, ..
                } => {
                    let Question::Call { arguments, .. } = question else {
                        panic!("{question:?}");
                    };
                    let files = arguments[0]["files"].as_array().expect("files");
                    let is_important = files.contains(&json!("imp"));
                    let answer = Answer::Value(Ok(is_important.into()));
                    self.tell(Input::Answered { ticket, answer });
                }
                Output::Read { ticket, what } => {
                    let found = match what {
                        Read::SourceStamps(ids) => Found::SourceStamps(
                            ids.into_iter().map(|id| self.stored_stamp(id)).collect(),
                        ),
                        Read::Buildsets(ids) => Found::Buildsets(
                            ids.iter()
                                .filter_map(|id| self.upstream.get(&id.0).cloned())
                                .collect(),
                        ),
                    };
                    self.tell(Input::Read {
                        ticket,
                        found: Ok(found),
                    });
                }
                Output::SetState { key, value, .. } => {
                    self.states.insert(key.to_owned(), value);
                }
                Output::Classify { changes, .. } => {
                    for (id, is_important) in changes {
                        let change = self.changes.iter().find(|change| change.id == id);
                        let change = Arc::clone(change.expect("it was told"));
                        self.waiting.insert(id.0, (change, is_important));
                    }
                }
                Output::Forget { changes, .. } => match changes {
                    Forgotten::All => self.waiting.clear(),
                    Forgotten::These(ids) => {
                        self.waiting.retain(|id, _| !ids.contains(&ChangeId(*id)));
                    }
                },
                Output::SetEnabled { enabled, .. } => self.enabled = enabled,
                Output::Release { .. }
                | Output::Reply { .. }
                | Output::Handled { .. }
                | Output::Log(_) => {}
            }
        }
    }

    fn stored_stamp(&self, id: SourceStampId) -> StoredStamp {
        let changes = self.changes.iter();
        StoredStamp {
            id,
            stamp: self.stamp(id),
            created_at: 0,
            changes: changes
                .filter(|change| change.source_stamp == id)
                .cloned()
                .collect(),
        }
    }

    fn made(&self, buildset: &Submission) -> Json {
        let properties = buildset.properties.iter();
        let properties: BTreeMap<&str, Json> = properties
            .map(|(name, value, source)| (name.as_str(), json!([json_of_value(value), source])))
            .collect();
        let stamps = buildset.source_stamps.iter().map(|stamp| match stamp {
            WantedStamp::Stored(id) => shown(&self.stamp(*id)),
            WantedStamp::New(stamp) => shown(stamp),
        });
        let builders = buildset.builders.iter().filter_map(|wanted| match wanted {
            Wanted::Name(name) => (name != "none").then(|| name.clone()),
            Wanted::Id(_) => None,
        });
        json!({
            "at": self.now.seconds(),
            "reason": buildset.reason,
            "relationship": buildset.parent_relationship,
            "properties": properties,
            "stamps": sorted(stamps.collect()),
            "builders": builders.collect::<Vec<_>>(),
            "priorities": [buildset.priority],
            "waited": [i64::from(buildset.waited_for)],
        })
    }

    fn event(&mut self, kind: &str, data: &Json) {
        match kind {
            "start" | "restart" => self.start(),
            "advance" => {}
            "change" => {
                let change = Arc::new(change(data));
                self.changes.push(Arc::clone(&change));
                self.tell(Input::ChangeAdded(change));
            }
            "enable" => self.tell(Input::Enable {
                scheduler: self.name.clone(),
                enabled: data.as_bool().expect("a boolean"),
            }),
            "trigger" => {
                self.requests += 1;
                self.tell(Input::Trigger {
                    request: RequestId(self.requests),
                    scheduler: self.name.clone(),
                    trigger: Box::new(trigger(data)),
                });
            }
            "upstream" => {
                let buildset = BuildsetId(data[0].as_i64().expect("a number"));
                let stored = StoredBuildset {
                    id: buildset,
                    results: None,
                    source_stamps: Vec::new(),
                };
                self.upstream.insert(buildset.0, stored);
                self.tell(Input::BuildsetAdded {
                    buildset,
                    scheduler: data[1].as_str().expect("a name").to_owned(),
                });
            }
            "complete" => {
                let buildset = BuildsetId(data[0].as_i64().expect("a number"));
                let results = match data[1].as_i64() {
                    Some(0) => Results::Success,
                    Some(1) => Results::Warnings,
                    Some(2) => Results::Failure,
                    _ => Results::Exception,
                };
                let stamps = data[2].as_array().expect("ids").iter();
                let source_stamps: Vec<SourceStampId> = stamps
                    .map(|id| SourceStampId(id.as_i64().expect("a number")))
                    .collect();
                if let Some(stored) = self.upstream.get_mut(&buildset.0) {
                    stored.results = Some(results);
                    stored.source_stamps.clone_from(&source_stamps);
                }
                self.tell(Input::BuildsetCompleted {
                    buildset,
                    results,
                    source_stamps,
                });
            }
            other => panic!("{other}"),
        }
    }
}

fn trigger(data: &Json) -> Trigger {
    let stamps = data[1].as_array().expect("a list").iter();
    let properties = data[2].as_object();
    Trigger {
        waited_for: data[0].as_bool().expect("a boolean"),
        source_stamps: stamps
            .map(|stamp| {
                let text = |name: &str| stamp[name].as_str().map(str::to_owned);
                TriggerStamp {
                    codebase: text("codebase").unwrap_or_default(),
                    repository: text("repository"),
                    branch: text("branch").map(Some),
                    revision: text("revision").map(Some),
                    project: text("project"),
                    patch: None,
                }
            })
            .collect(),
        properties: properties
            .into_iter()
            .flatten()
            .map(|(name, of)| {
                let source = of[1].as_str().expect("a source");
                (name.clone(), value_of_json(&of[0]), source.to_owned())
            })
            .collect(),
        parent_build: None,
        parent_relationship: data[3].as_str().map(str::to_owned),
    }
}

fn sorted(mut stamps: Vec<Json>) -> Vec<Json> {
    stamps.sort_by_key(ToString::to_string);
    stamps
}

/// Without what is not comparable: no request, no priority.
fn comparable(mut buildset: Json) -> Json {
    if buildset["builders"] == json!([]) {
        buildset["priorities"] = json!([]);
        buildset["waited"] = json!([]);
    }
    let stamps = buildset["stamps"].as_array().cloned().unwrap_or_default();
    buildset["stamps"] = sorted(stamps).into();
    buildset
}

#[test]
fn random_stories_end_as_in_the_reference() {
    let (source, stories, stamps): (String, Vec<Story>, Stamps) = made("stories.py", 200);
    let description = described(&source);
    let config = buildbot_config::read(&description, Sources::NONE).config;
    let mut changes = Vec::new();
    let mut wrong = Vec::new();
    let (mut buildsets, mut events) = (0, 0);
    for story in &stories {
        let mut world = World {
            config: &config,
            description: &description,
            stamps: &stamps,
            changes: &mut changes,
            schedulers: Schedulers::new(TimeZone::UTC),
            name: story.name.clone(),
            now: instant(story.events[0].1),
            states: BTreeMap::new(),
            waiting: BTreeMap::new(),
            enabled: true,
            classes: Vec::new(),
            upstream: BTreeMap::new(),
            buildsets: Vec::new(),
            requests: 0,
        };
        for (kind, at, data) in &story.events {
            // What is due at once comes with the next step of the real clock.
            if kind == "advance" {
                world.advance(instant(*at));
            }
            world.event(kind, data);
        }
        events += story.events.len();
        buildsets += story.buildsets.len();
        let waiting: Vec<(i64, i64)> = world
            .waiting
            .iter()
            .map(|(id, (_, important))| (*id, i64::from(*important)))
            .collect();
        let got: Vec<Json> = world.buildsets.into_iter().map(comparable).collect();
        let expected: Vec<Json> = story.buildsets.iter().cloned().map(comparable).collect();
        let mut differences = Vec::new();
        for (index, (got, expected)) in got.iter().zip(&expected).enumerate() {
            if got != expected {
                differences.push(format!("buildset {index}:\n    {got}\n    {expected}"));
            }
        }
        if got.len() != expected.len() {
            let at = |all: &[Json]| json!(all.iter().map(|one| &one["at"]).collect::<Vec<_>>());
            differences.push(format!("made at {} and not at {}", at(&got), at(&expected)));
        }
        // The test package keeps the state of dependent schedulers elsewhere.
        if json!(world.states) != story.states && !story.source.contains("Dependent(") {
            differences.push(format!(
                "keeps {}\n    and not {}",
                json!(world.states),
                story.states
            ));
        }
        // A real one forgets too what other branches wait for.
        let is_any_branch = story.source.contains("AnyBranchScheduler(");
        let keeps_all = story.waiting.iter().all(|one| waiting.contains(one));
        if waiting != story.waiting && !(is_any_branch && keeps_all) {
            differences.push(format!("{waiting:?} wait and not {:?}", story.waiting));
        }
        if !story.classes.is_empty() && world.classes != story.classes {
            differences.push(format!("{:?} and not {:?}", world.classes, story.classes));
        }
        if !differences.is_empty() {
            let events: Vec<String> = story
                .events
                .iter()
                .map(|(kind, at, data)| match kind.as_str() {
                    "change" => format!(
                        "{at} change {} {} {} {}",
                        data["changeid"], data["branch"], data["codebase"], data["files"]
                    ),
                    _ => format!("{at} {kind} {data}"),
                })
                .collect();
            wrong.push(format!(
                "{}\n  {}\n  {}",
                story.source,
                events.join("; "),
                differences.join("\n  ")
            ));
        }
    }
    println!("{events} events, {buildsets} buildsets");
    assert_nothing_wrong(stories.len(), &wrong);
}
