//! One scheduler of this master.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use buildbot_model::{BuildsetId, ChangeId, Timestamp};
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};

use crate::change::{Change, SharedChange};
use crate::composition::{After, Order};
use crate::input::{Stored, Trigger};
use crate::output::{Forgotten, NewSourceStamp, Output, StateObject, WantedStamp};
use crate::plan::{Codebase, Kind, Plan, TimedPlan, When};
use crate::triggering;

/// One scheduler.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) plan: Arc<Plan>,
    /// What the database has of it; `None` until this master has claimed it.
    stored: Option<Map<String, Json>>,
    pub(crate) enabled: bool,
    pub(crate) is_active: bool,
    /// Another master runs it.
    is_elsewhere: bool,
    /// Changes that have not been looked at.
    pub(crate) queue: VecDeque<SharedChange>,
    /// The change that is being looked at.
    pub(crate) current: Option<ChangeId>,
    /// Changes that wait, and whether they are important: what the database has, too.
    waiting: BTreeMap<ChangeId, (SharedChange, bool)>,
    /// When which branch counts as stable; of several at once the one whose timer was started first comes first.
    stable: BTreeMap<Branch, (Timestamp, u64)>,
    timers_started: u64,
    /// When a timed scheduler acts next, and whether that is already late.
    acts_at: Option<Timestamp>,
    /// When it acted last, in seconds since the epoch.
    last_build: Option<f64>,
    is_first: bool,
    /// The buildsets that a dependent scheduler waits for.
    pub(crate) upstream: Vec<BuildsetId>,
    /// Those of them that are complete, and what follows is being stored.
    pub(crate) following: BTreeSet<BuildsetId>,
    /// How often it was triggered.
    triggers: u64,
    /// The trigger whose buildset is being stored.
    pub(crate) following_trigger: Option<u64>,
}

/// What has a timer of its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Branch {
    codebase: String,
    project: String,
    repository: String,
    branch: Option<String>,
}

/// A buildset that a scheduler wants, and what follows.
pub(crate) struct Wish {
    pub(crate) order: Order,
    pub(crate) after: After,
}

impl Entry {
    pub(crate) fn new(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            stored: None,
            enabled: true,
            is_active: false,
            is_elsewhere: false,
            queue: VecDeque::new(),
            current: None,
            waiting: BTreeMap::new(),
            stable: BTreeMap::new(),
            timers_started: 0,
            acts_at: None,
            last_build: None,
            is_first: false,
            upstream: Vec::new(),
            following: BTreeSet::new(),
            triggers: 0,
            following_trigger: None,
        }
    }

    pub(crate) fn object(&self) -> StateObject {
        StateObject {
            name: self.plan.name.clone(),
            class: self.plan.state_class.clone(),
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Timestamp> {
        let stable = self.stable.values().map(|(at, _)| *at).min();
        self.acts_at.into_iter().chain(stable).min()
    }

    /// This master runs it from now on.
    pub(crate) fn claimed(&mut self, stored: Stored) {
        self.is_elsewhere = false;
        self.enabled = stored.enabled;
        self.stored = Some(stored.state.into_iter().collect());
        self.waiting = stored
            .changes
            .into_iter()
            .map(|(change, important)| (change.id, (change, important)))
            .collect();
    }

    /// Takes up work, or takes it up again.
    pub(crate) fn activate(&mut self, now: Timestamp, zone: &TimeZone, outputs: &mut Vec<Output>) {
        if self.is_active || !self.enabled || self.stored.is_none() {
            return;
        }
        self.is_active = true;
        let plan = Arc::clone(&self.plan);
        match &plan.kind {
            Kind::Changes(changes) => {
                if changes.tree_stable_timer.is_none() {
                    self.forget_all(outputs);
                }
                let waiting: Vec<_> = self.waiting.values().cloned().collect();
                for (change, is_important) in waiting {
                    self.stir(
                        now,
                        changes.tree_stable_timer,
                        changes.is_any_branch,
                        &change,
                        is_important,
                    );
                }
            }
            Kind::Timed(timed) => {
                if !timed.consumes() {
                    self.forget_all(outputs);
                }
                self.last_build = self.state("last_build").and_then(Json::as_f64);
                self.is_first = self.last_build.is_none();
                self.plan_next(now, timed, zone, outputs);
            }
            Kind::Dependent { .. } => {
                let known = self.state("upstream_bsids").and_then(Json::as_array);
                let known = known.into_iter().flatten().filter_map(Json::as_i64);
                self.upstream = known.map(BuildsetId).collect();
            }
            Kind::Triggerable | Kind::Force(_) | Kind::TryJobdir | Kind::TryUserpass => {}
        }
    }

    /// Lets everything lie, and gives the changes that nobody has looked at.
    pub(crate) fn deactivate(&mut self) -> VecDeque<SharedChange> {
        self.is_active = false;
        self.stable.clear();
        self.acts_at = None;
        std::mem::take(&mut self.queue)
    }

    /// Another master runs it; gives the changes that are that one's.
    pub(crate) fn runs_elsewhere(&mut self) -> VecDeque<SharedChange> {
        if self.is_claimed() {
            return VecDeque::new();
        }
        self.is_elsewhere = true;
        std::mem::take(&mut self.queue)
    }

    /// Whether it is known what the database has of it.
    pub(crate) fn is_claimed(&self) -> bool {
        self.stored.is_some()
    }

    /// Whether changes are for it: also while it is not clear yet that this master runs it.
    pub(crate) fn takes_changes(&self) -> bool {
        let may_be_ours = self.is_active || (self.stored.is_none() && !self.is_elsewhere);
        may_be_ours && self.plan.intake().is_some()
    }

    pub(crate) fn state(&self, key: &str) -> Option<&Json> {
        self.stored.as_ref()?.get(key)
    }

    pub(crate) fn set_state(&mut self, key: &'static str, value: Json, outputs: &mut Vec<Output>) {
        if let Some(stored) = &mut self.stored {
            stored.insert(key.to_owned(), value.clone());
        }
        outputs.push(Output::SetState {
            object: self.object(),
            key,
            value,
        });
    }

    fn forget_all(&mut self, outputs: &mut Vec<Output>) {
        self.waiting.clear();
        outputs.push(Output::Forget {
            scheduler: self.plan.name.clone(),
            changes: Forgotten::All,
        });
    }

    /// These have been built.
    ///
    /// Differs: an `AnyBranchScheduler` forgets only the changes that it has used, because those of other branches whose
    /// timers still run would never be built.
    pub(crate) fn forget(&mut self, changes: Vec<ChangeId>, outputs: &mut Vec<Output>) {
        if changes.is_empty() {
            return;
        }
        for change in &changes {
            self.waiting.remove(change);
        }
        outputs.push(Output::Forget {
            scheduler: self.plan.name.clone(),
            changes: Forgotten::These(changes),
        });
    }

    /// A change that counts.
    pub(crate) fn got_change(
        &mut self,
        now: Timestamp,
        change: &SharedChange,
        is_important: bool,
        outputs: &mut Vec<Output>,
    ) -> Option<Wish> {
        let plan = Arc::clone(&self.plan);
        match &plan.kind {
            Kind::Changes(changes) => {
                self.remember(change, outputs);
                if changes.tree_stable_timer.is_none() {
                    if !is_important {
                        return None;
                    }
                    let after = After {
                        looked_at: Some(change.id),
                        ..After::default()
                    };
                    return Some(self.wish_for_changes(vec![Arc::clone(change)], after));
                }
                self.classify(change, is_important, outputs);
                self.stir(
                    now,
                    changes.tree_stable_timer,
                    changes.is_any_branch,
                    change,
                    is_important,
                );
                None
            }
            Kind::Timed(timed) => {
                if let Some(branch) = &timed.branch
                    && *branch != change.branch
                {
                    return None;
                }
                self.classify(change, is_important, outputs);
                self.remember(change, outputs);
                None
            }
            Kind::Dependent { .. }
            | Kind::Triggerable
            | Kind::Force(_)
            | Kind::TryJobdir
            | Kind::TryUserpass => None,
        }
    }

    fn classify(&mut self, change: &SharedChange, is_important: bool, outputs: &mut Vec<Output>) {
        self.waiting
            .insert(change.id, (Arc::clone(change), is_important));
        outputs.push(Output::Classify {
            scheduler: self.plan.name.clone(),
            changes: vec![(change.id, is_important)],
        });
    }

    /// An important change starts its timer anew, another one only if it runs.
    fn stir(
        &mut self,
        now: Timestamp,
        timer: Option<Duration>,
        is_any_branch: bool,
        change: &Change,
        is_important: bool,
    ) {
        let Some(timer) = timer else {
            return;
        };
        let branch = branch_of(change, is_any_branch);
        if is_important || self.stable.contains_key(&branch) {
            self.timers_started += 1;
            self.stable
                .insert(branch, (now + timer, self.timers_started));
        }
    }

    /// Keeps the newest source stamp of a codebase.
    fn remember(&mut self, change: &Change, outputs: &mut Vec<Output>) {
        if !self.plan.is_absolute() {
            return;
        }
        let mut codebases = match self.state("lastCodebases") {
            Some(Json::Object(codebases)) => codebases.clone(),
            _ => Map::new(),
        };
        let last = codebases
            .get(&change.codebase)
            .and_then(|codebase| codebase["lastChange"].as_i64());
        if last.is_some_and(|last| change.id.0 <= last) {
            return;
        }
        codebases.insert(
            change.codebase.clone(),
            json!({
                "repository": change.repository,
                "branch": change.branch,
                "revision": change.revision,
                "lastChange": change.id.0,
            }),
        );
        self.set_state("lastCodebases", Json::Object(codebases), outputs);
    }

    fn codebase(&self, name: &str, configured: &Codebase) -> NewSourceStamp {
        let mut stamp = NewSourceStamp {
            codebase: name.to_owned(),
            repository: configured.repository.clone(),
            branch: configured.branch.clone(),
            revision: configured.revision.clone(),
            ..NewSourceStamp::default()
        };
        if self.plan.is_absolute()
            && let Some(last) = self.state("lastCodebases").and_then(|all| all.get(name))
        {
            let text = |key: &str| last[key].as_str().map(str::to_owned);
            stamp.repository = text("repository").unwrap_or_default();
            stamp.branch = text("branch");
            stamp.revision = text("revision");
        }
        stamp
    }

    /// One buildset for these changes.
    fn wish_for_changes(&self, changes: Vec<SharedChange>, after: After) -> Wish {
        let mut by_codebase: BTreeMap<String, Vec<SharedChange>> = BTreeMap::new();
        for change in changes {
            let of = by_codebase.entry(change.codebase.clone()).or_default();
            of.push(change);
        }
        let stamps = self.plan.codebases.iter().map(|(name, configured)| {
            let newest = by_codebase
                .get(name)
                .and_then(|changes| changes.iter().max_by_key(|change| change.id));
            match newest {
                Some(change) => WantedStamp::Stored(change.source_stamp),
                None => WantedStamp::New(Box::new(self.codebase(name, configured))),
            }
        });
        let order = Order {
            stamps: stamps.collect(),
            reason: self.plan.reason(),
            changes: by_codebase,
            ..Order::default()
        };
        Wish { order, after }
    }

    /// A buildset of the codebases as they are configured.
    pub(crate) fn default_stamps(&self) -> Vec<NewSourceStamp> {
        let codebases = self.plan.codebases.iter();
        codebases
            .map(|(name, configured)| self.codebase(name, configured))
            .collect()
    }

    /// Does what is due, one thing at a time.
    pub(crate) fn due(
        &mut self,
        now: Timestamp,
        zone: &TimeZone,
        outputs: &mut Vec<Output>,
    ) -> Vec<Wish> {
        let mut wishes = Vec::new();
        let plan = Arc::clone(&self.plan);
        while let Some(branch) = self.first_stable(now) {
            self.stable.remove(&branch);
            let is_any_branch = matches!(&plan.kind, Kind::Changes(plan) if plan.is_any_branch);
            let changes: Vec<SharedChange> = self
                .waiting
                .values()
                .map(|(change, _)| change)
                .filter(|change| branch_of(change, is_any_branch) == branch)
                .cloned()
                .collect();
            if changes.is_empty() {
                continue;
            }
            let after = After {
                forget: changes.iter().map(|change| change.id).collect(),
                ..After::default()
            };
            wishes.push(self.wish_for_changes(changes, after));
        }
        if let Kind::Timed(timed) = &plan.kind
            && self.acts_at.is_some_and(|at| at <= now)
        {
            wishes.extend(self.act(now, timed, zone, outputs));
        }
        wishes
    }

    fn first_stable(&self, now: Timestamp) -> Option<Branch> {
        let due = self.stable.iter().filter(|(_, (at, _))| *at <= now);
        due.min_by_key(|(_, at)| **at)
            .map(|(branch, _)| branch.clone())
    }

    /// When a timed scheduler acts next.
    fn plan_next(
        &mut self,
        now: Timestamp,
        timed: &TimedPlan,
        zone: &TimeZone,
        outputs: &mut Vec<Output>,
    ) {
        let last = self.last_build.map(instant);
        let next = match &timed.when {
            When::Every(every) => Some(last.map_or(now, |last| last + *every)),
            When::At { cron, .. } => cron.next(last.unwrap_or(now), zone),
        };
        self.acts_at = next.map(|next| {
            if next < now {
                outputs.push(Output::Log(format!(
                    "{}: missed scheduled build time - building immediately",
                    self.plan.name
                )));
            }
            next.max(now)
        });
    }

    fn act(
        &mut self,
        now: Timestamp,
        timed: &TimedPlan,
        zone: &TimeZone,
        outputs: &mut Vec<Output>,
    ) -> Option<Wish> {
        let at = self.acts_at.take()?;
        let seconds = at.since(Timestamp::default()).as_secs_f64();
        self.last_build = Some(seconds);
        self.set_state("last_build", seconds.into(), outputs);
        self.plan_next(now, timed, zone, outputs);
        let is_first = std::mem::replace(&mut self.is_first, false);
        if timed.is_triggerable {
            return self.triggered(outputs);
        }
        let was_only_if_changed = self
            .state("last_only_if_changed")
            .and_then(Json::as_bool)
            .unwrap_or(true);
        if timed.only_if_changed != was_only_if_changed {
            self.set_state(
                "last_only_if_changed",
                timed.only_if_changed.into(),
                outputs,
            );
        }
        let has_important = self.waiting.values().any(|(_, important)| *important);
        if timed.only_if_changed && was_only_if_changed && !has_important && !is_first {
            let is_forced = match &timed.when {
                When::At {
                    force_at: Some(cron),
                    ..
                } => cron.matches(at, zone),
                When::At { force_at: None, .. } | When::Every(_) => false,
            };
            if !is_forced {
                outputs.push(Output::Log(format!(
                    "{}: skipped, for there are no important changes",
                    self.plan.name
                )));
                return None;
            }
        }
        if self.waiting.is_empty() {
            let stamps = self.default_stamps().into_iter();
            return Some(Wish {
                order: Order {
                    stamps: stamps
                        .map(|stamp| WantedStamp::New(Box::new(stamp)))
                        .collect(),
                    reason: self.plan.reason(),
                    ..Order::default()
                },
                after: After::default(),
            });
        }
        let changes: Vec<SharedChange> = self
            .waiting
            .values()
            .map(|(change, _)| Arc::clone(change))
            .collect();
        let after = After {
            forget: changes.iter().map(|change| change.id).collect(),
            ..After::default()
        };
        Some(self.wish_for_changes(changes, after))
    }

    /// A step has triggered it: that is built at its time.
    pub(crate) fn keep_trigger(&mut self, trigger: &Trigger, outputs: &mut Vec<Output>) {
        self.triggers += 1;
        self.set_state("lastTrigger", triggering::kept(trigger), outputs);
    }

    /// What was kept for this time.
    fn triggered(&mut self, outputs: &mut Vec<Output>) -> Option<Wish> {
        let kept = self.state("lastTrigger").filter(|kept| !kept.is_null())?;
        if self.following_trigger == Some(self.triggers) {
            return None;
        }
        match triggering::order_of_kept(self, kept) {
            Some(order) => {
                self.following_trigger = Some(self.triggers);
                let after = After {
                    trigger: self.following_trigger,
                    ..After::default()
                };
                Some(Wish { order, after })
            }
            None => {
                self.set_state("lastTrigger", Json::Null, outputs);
                outputs.push(Output::Log(format!(
                    "{}: ignoring what was kept of a trigger: it cannot be read",
                    self.plan.name
                )));
                None
            }
        }
    }

    /// The buildset of a trigger is stored. A later trigger is kept still.
    pub(crate) fn forget_trigger(&mut self, trigger: Option<u64>, outputs: &mut Vec<Output>) {
        if trigger.is_none() || self.following_trigger != trigger {
            return;
        }
        self.following_trigger = None;
        if trigger == Some(self.triggers) {
            self.set_state("lastTrigger", Json::Null, outputs);
        }
    }
}

fn branch_of(change: &Change, is_any_branch: bool) -> Branch {
    if !is_any_branch {
        return Branch::default();
    }
    Branch {
        codebase: change.codebase.clone(),
        project: change.project.clone(),
        repository: change.repository.clone(),
        branch: change.branch.clone(),
    }
}

/// The instant so many seconds after the epoch.
fn instant(seconds: f64) -> Timestamp {
    // Micros: rounding must not make what is due late.
    let micros = (seconds.max(0.0) * 1e6).round();
    if micros < 1e19 {
        Timestamp::default() + Duration::from_micros(micros as u64)
    } else {
        Timestamp::default() + Duration::MAX
    }
}
