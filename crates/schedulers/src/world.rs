//! A master with one scheduler, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{BuildsetId, ChangeId, SourceStampId, Timestamp};
use buildbot_render::{Callable, Handle, Value};
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use crate::change::SharedChange;
use crate::input::{Answer, Found, Input, Stored, StoredStamp, SubmittedIds};
use crate::output::{NewSourceStamp, Output, Read, Ticket};
use crate::plan::{ChangePlan, IntakePlan, Kind, Plan, Priority};
use crate::set::Schedulers;

pub(crate) fn plan(name: &str, class: &str, kind: Kind) -> Plan {
    Plan {
        name: name.to_owned(),
        generation: 1,
        class: class.to_owned(),
        state_class: class.to_owned(),
        builder_names: Value::List(vec!["builder".into()]),
        properties: Vec::new(),
        codebases: BTreeMap::from([(String::new(), crate::plan::Codebase::default())]),
        priority: Priority::Number(0),
        reason: None,
        kind,
    }
}

/// Takes every change, after code was asked if `asks`.
pub(crate) fn of_changes(class: &str, asks: bool) -> Plan {
    let code = Callable {
        handle: Handle(1),
        name: "important".to_owned(),
        place: None,
        parameters: None,
    };
    let intake = IntakePlan {
        file_is_important: asks.then_some(code),
        ..IntakePlan::default()
    };
    let kind = Kind::Changes(Box::new(ChangePlan {
        intake,
        tree_stable_timer: None,
        is_any_branch: false,
        absolute: false,
    }));
    plan("s", class, kind)
}

pub(crate) fn change(id: i64) -> SharedChange {
    Arc::new(crate::change::Change {
        id: ChangeId(id),
        author: String::new(),
        committer: None,
        files: Vec::new(),
        comments: String::new(),
        revision: None,
        when: 0,
        branch: None,
        category: None,
        revlink: None,
        properties: BTreeMap::new(),
        repository: String::new(),
        project: String::new(),
        codebase: String::new(),
        source_stamp: SourceStampId(id),
        parents: Vec::new(),
    })
}

/// One scheduler, and what of its outputs was answered.
pub(crate) struct World {
    pub(crate) schedulers: Schedulers,
    pub(crate) handled: Vec<i64>,
    pub(crate) asked: Vec<Ticket>,
    pub(crate) submitted: Vec<Ticket>,
    states: BTreeMap<&'static str, Json>,
    now: Timestamp,
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let mut world = Self {
            schedulers: Schedulers::new(TimeZone::UTC),
            handled: Vec::new(),
            asked: Vec::new(),
            submitted: Vec::new(),
            states: BTreeMap::new(),
            now: Timestamp::from_seconds(1000),
        };
        world.configure([plan]);
        world
    }

    pub(crate) fn configure(&mut self, plans: impl IntoIterator<Item = Plan>) {
        let plans = plans.into_iter().map(Arc::new);
        let outputs = self.schedulers.replace(plans.collect());
        self.carry_out(outputs);
    }

    pub(crate) fn claimed(&mut self) {
        let stored = Stored {
            enabled: true,
            ..Stored::default()
        };
        self.tell(Input::Claimed {
            scheduler: "s".to_owned(),
            stored,
        });
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        let outputs = self.schedulers.handle_timeout(self.now);
        self.carry_out(outputs);
    }

    pub(crate) fn tell(&mut self, input: Input) {
        let outputs = self.schedulers.handle(self.now, input);
        self.carry_out(outputs);
    }

    pub(crate) fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Handled { change } => self.handled.push(change.0),
                Output::SetState { key, value, .. } => {
                    self.states.insert(key, value);
                }
                Output::Ask { ticket, .. } => self.asked.push(ticket),
                Output::Submit { ticket, .. } => self.submitted.push(ticket),
                Output::Read {
                    ticket,
                    what: Read::SourceStamps(ids),
                } => {
                    let stamps = ids.into_iter().map(|id| StoredStamp {
                        id,
                        stamp: NewSourceStamp::default(),
                        created_at: 0,
                        changes: Vec::new(),
                    });
                    let found = Ok(Found::SourceStamps(stamps.collect()));
                    self.tell(Input::Read { ticket, found });
                }
                _ => {}
            }
        }
    }

    pub(crate) fn answer(&mut self, is_important: bool) {
        let ticket = self.asked.remove(0);
        let answer = Answer::Value(Ok(is_important.into()));
        self.tell(Input::Answered { ticket, answer });
    }

    pub(crate) fn stored(&mut self) {
        let ticket = self.submitted.remove(0);
        let outcome = Ok(SubmittedIds {
            buildset: BuildsetId(1),
            requests: Vec::new(),
        });
        self.tell(Input::Submitted { ticket, outcome });
    }

    pub(crate) fn not_stored(&mut self) {
        let ticket = self.submitted.remove(0);
        let outcome = Err("the disk is full".to_owned());
        self.tell(Input::Submitted { ticket, outcome });
    }

    /// What is kept under a name.
    pub(crate) fn state(&self, key: &str) -> Json {
        self.states.get(key).cloned().unwrap_or_default()
    }

    pub(crate) fn assert_nothing_left(&self) {
        assert!(self.schedulers.unhandled.is_empty());
        assert!(self.schedulers.tasks.is_empty());
    }
}
