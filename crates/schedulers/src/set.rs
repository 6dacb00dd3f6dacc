//! All schedulers of a master.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use buildbot_config::{Description, MasterConfig, Scheduler as Configured};
use buildbot_model::{ChangeId, Timestamp};
use buildbot_render::SecretService;
use jiff::tz::TimeZone;

use crate::composition::{After, Composition, Progress};
use crate::entry::{Entry, Wish};
use crate::force::FormView;
use crate::input::{Answer, Found, Input, Stored, SubmittedIds};
use crate::intake::Intake;
use crate::output::{Output, Read, Refusal, Reply, RequestId, StateObject, Ticket};
use crate::plan::{Kind, Plan};
use crate::settings::{Settings, Validation};

/// How often a master tries to claim a scheduler that another one runs.
pub const CLAIM_INTERVAL: Duration = Duration::from_secs(300);

/// All schedulers of a master.
pub struct Schedulers {
    zone: TimeZone,
    secrets: SecretService,
    pub(crate) validation: Validation,
    pub(crate) entries: BTreeMap<String, Entry>,
    /// What waits for answers.
    pub(crate) tasks: BTreeMap<Ticket, Task>,
    last_ticket: u64,
    /// How many schedulers have still to do with a change.
    pub(crate) unhandled: BTreeMap<ChangeId, usize>,
}

/// What waits for an answer.
pub(crate) enum Task {
    Intake(Intake),
    Composition(Box<Composition>),
    /// The buildsets that a dependent scheduler has waited for since an earlier life.
    Upstream(String),
    /// Fields of a form that code evaluates.
    Form(Box<crate::force::Asking>),
}

/// A scheduler that cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("scheduler '{scheduler}': {reason}")]
pub struct Refused {
    /// Its name.
    pub scheduler: String,
    /// Why.
    pub reason: String,
}

/// Everything that [`Schedulers::configure`] would refuse.
pub fn refused(config: &MasterConfig, description: &Description) -> Vec<Refused> {
    let settings = Settings::of(config, 0);
    let planned = plans(&config.schedulers, description, &settings);
    planned.err().unwrap_or_default()
}

fn plans(
    schedulers: &[Configured],
    description: &Description,
    settings: &Settings,
) -> Result<Vec<Arc<Plan>>, Vec<Refused>> {
    let mut plans = Vec::with_capacity(schedulers.len());
    let mut refused = Vec::new();
    for scheduler in schedulers {
        match Plan::new(scheduler, settings.generation, description) {
            Ok(plan) => plans.push(Arc::new(plan)),
            Err(why) => refused.push(why),
        }
    }
    let has_form = plans
        .iter()
        .find(|plan| matches!(plan.kind, Kind::Force(_)));
    if let (Some(reason), Some(plan)) = (&settings.wrong, has_form) {
        refused.push(Refused {
            scheduler: plan.name.clone(),
            reason: reason.clone(),
        });
    }
    if refused.is_empty() {
        Ok(plans)
    } else {
        Err(refused)
    }
}

impl std::fmt::Debug for Schedulers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schedulers")
            .field("entries", &self.entries)
            .field("tasks", &self.tasks.len())
            .finish_non_exhaustive()
    }
}

impl Schedulers {
    /// No scheduler yet. Times of the day are those of `zone`, the master's own.
    pub fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            secrets: SecretService::Absent,
            validation: Validation::default(),
            entries: BTreeMap::new(),
            tasks: BTreeMap::new(),
            unhandled: BTreeMap::new(),
            last_ticket: 0,
        }
    }

    /// Replaces the configuration. Schedulers that stay keep what they are doing: changes that wait, timers that
    /// run, buildsets that are being made.
    ///
    /// # Errors
    ///
    /// When a scheduler cannot be run; then nothing has changed.
    pub fn configure(
        &mut self,
        _now: Timestamp,
        schedulers: &[Configured],
        description: &Description,
        settings: Settings,
    ) -> Result<Vec<Output>, Vec<Refused>> {
        let plans = plans(schedulers, description, &settings)?;
        self.secrets = if settings.has_secrets {
            SecretService::Present
        } else {
            SecretService::Absent
        };
        self.validation = settings.validation;
        Ok(self.replace(plans))
    }

    pub(crate) fn replace(&mut self, plans: Vec<Arc<Plan>>) -> Vec<Output> {
        let mut outputs = Vec::new();
        let names: BTreeSet<String> = plans.iter().map(|plan| plan.name.clone()).collect();
        let gone = self.entries.keys().filter(|name| !names.contains(*name));
        for name in gone.cloned().collect::<Vec<_>>() {
            self.remove(&name, &mut outputs);
        }
        for plan in plans {
            self.adopt(plan, &mut outputs);
        }
        outputs
    }

    fn remove(&mut self, name: &str, outputs: &mut Vec<Output>) {
        let asked = self.take_back(name);
        let Some(entry) = self.entries.remove(name) else {
            return;
        };
        outputs.push(Output::Release {
            scheduler: name.to_owned(),
        });
        for change in asked.into_iter().chain(entry.queue) {
            self.handled(change.id, outputs);
        }
    }

    fn adopt(&mut self, plan: Arc<Plan>, outputs: &mut Vec<Output>) {
        let name = plan.name.clone();
        let mut entry = match self.entries.get_mut(&name) {
            Some(entry) if entry.plan.is_like(&plan) => {
                entry.plan = plan;
                return self.leave_changes(&name, outputs);
            }
            _ => Entry::new(plan),
        };
        let asked = self.take_back(&name);
        if let Some(before) = self.entries.remove(&name) {
            // What the one before has not decided about is for this one, after the buildset that is being made.
            entry.current = before.current.filter(|_| asked.is_none());
            entry.queue = asked.into_iter().chain(before.queue).collect();
            entry.following = before.following;
        }
        outputs.push(Output::Claim {
            scheduler: name.clone(),
            state: entry.object(),
            wants_changes: matches!(entry.plan.kind, Kind::Changes(_) | Kind::Timed(_)),
        });
        self.entries.insert(name.clone(), entry);
        self.leave_changes(&name, outputs);
    }

    /// Something happened.
    pub fn handle(&mut self, now: Timestamp, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        match input {
            Input::ChangeAdded(change) => self.change_added(now, &change, &mut outputs),
            Input::BuildsetAdded {
                buildset,
                scheduler,
            } => self.buildset_added(buildset, &scheduler, &mut outputs),
            Input::BuildsetCompleted {
                buildset,
                results,
                source_stamps,
            } => self.buildset_completed(now, buildset, results, &source_stamps, &mut outputs),
            Input::Claimed { scheduler, stored } => {
                self.claimed(now, &scheduler, stored, &mut outputs);
            }
            Input::RunsElsewhere { scheduler } => {
                let entry = self.entries.get_mut(&scheduler);
                let left = entry.map(Entry::runs_elsewhere).unwrap_or_default();
                for change in left {
                    self.handled(change.id, &mut outputs);
                }
            }
            Input::Enable { scheduler, enabled } => {
                self.enable(now, &scheduler, enabled, &mut outputs);
            }
            Input::Trigger {
                request,
                scheduler,
                trigger,
            } => self.trigger(now, request, &scheduler, &trigger, &mut outputs),
            Input::Force {
                request,
                scheduler,
                parameters,
            } => self.force(now, request, &scheduler, parameters, &mut outputs),
            Input::Try {
                request,
                scheduler,
                job,
            } => self.try_job(now, request, &scheduler, &job, &mut outputs),
            Input::JobFile {
                request,
                scheduler,
                file,
                content,
            } => self.job_file(now, request, &scheduler, (&file, &content), &mut outputs),
            Input::Submitted { ticket, outcome } => {
                self.submitted(now, ticket, outcome, &mut outputs);
            }
            Input::Answered { ticket, answer } => self.answered(now, ticket, answer, &mut outputs),
            Input::Read { ticket, found } => self.read(now, ticket, found, &mut outputs),
        }
        outputs
    }

    /// Whether something is under way that began with this generation of the configuration, and may ask its code.
    pub fn uses(&self, generation: u64) -> bool {
        let mut tasks = self.tasks.values();
        tasks.any(|task| match task {
            Task::Intake(intake) => intake.plan.generation == generation,
            Task::Composition(composition) => composition.plan.generation == generation,
            Task::Form(asking) => asking.generation() == generation,
            Task::Upstream(_) => false,
        })
    }

    /// When [`Schedulers::handle_timeout`] wants to be called.
    pub fn next_timeout(&self) -> Option<Timestamp> {
        let entries = self.entries.values();
        entries.filter_map(Entry::next_timeout).min()
    }

    /// Whether a scheduler of this state still waits for being claimed.
    pub fn wants_claim(&self, name: &str, state: &StateObject) -> bool {
        let entry = self.entries.get(name);
        entry.is_some_and(|entry| !entry.is_claimed() && entry.object() == *state)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) -> Vec<Output> {
        let mut outputs = Vec::new();
        let due: Vec<String> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.next_timeout().is_some_and(|at| at <= now))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            let Some(entry) = self.entries.get_mut(&name) else {
                continue;
            };
            for wish in entry.due(now, &self.zone, &mut outputs) {
                self.compose(now, &name, wish, &mut outputs);
            }
        }
        outputs
    }

    /// The forms of all force schedulers, as the resource `forceschedulers` shows them.
    pub fn forms(&self) -> Vec<FormView> {
        let entries = self.entries.values();
        entries.filter_map(|entry| self.view(entry)).collect()
    }

    /// The form of one force scheduler.
    pub fn form(&self, name: &str) -> Option<FormView> {
        self.view(self.entries.get(name)?)
    }

    fn view(&self, entry: &Entry) -> Option<FormView> {
        match &entry.plan.kind {
            Kind::Force(form) => Some(form.view(entry.enabled)),
            _ => None,
        }
    }

    /// Names, and whether each is enabled and runs here.
    pub fn states(&self) -> impl Iterator<Item = (&str, bool, bool)> {
        let entries = self.entries.iter();
        entries.map(|(name, entry)| (name.as_str(), entry.enabled, entry.is_active))
    }

    pub(crate) fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    fn claimed(&mut self, now: Timestamp, name: &str, stored: Stored, outputs: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(name) else {
            // It was removed in the meantime.
            outputs.push(Output::Release {
                scheduler: name.to_owned(),
            });
            return;
        };
        entry.claimed(stored);
        if entry.enabled {
            self.activate(now, name, outputs);
            self.take_changes(now, name, outputs);
        } else {
            self.deactivate(name, outputs);
        }
    }

    fn activate(&mut self, now: Timestamp, name: &str, outputs: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        entry.activate(now, &self.zone, outputs);
        if entry.is_active && !entry.upstream.is_empty() {
            let known = entry.upstream.clone();
            let ticket = self.ticket();
            self.tasks.insert(ticket, Task::Upstream(name.to_owned()));
            outputs.push(Output::Read {
                ticket,
                what: Read::Buildsets(known),
            });
        }
    }

    fn deactivate(&mut self, name: &str, outputs: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        for change in entry.deactivate() {
            self.handled(change.id, outputs);
        }
    }

    fn enable(&mut self, now: Timestamp, name: &str, enabled: bool, outputs: &mut Vec<Output>) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        entry.enabled = enabled;
        outputs.push(Output::SetEnabled {
            scheduler: name.to_owned(),
            enabled,
        });
        if enabled {
            self.activate(now, name, outputs);
        } else {
            self.deactivate(name, outputs);
        }
    }

    pub(crate) fn compose(
        &mut self,
        now: Timestamp,
        name: &str,
        wish: Wish,
        outputs: &mut Vec<Output>,
    ) {
        let Some(entry) = self.entries.get(name) else {
            return;
        };
        let plan = Arc::clone(&entry.plan);
        let mut composition =
            Box::new(Composition::new(plan, wish.order, wish.after, self.secrets));
        let ticket = self.ticket();
        let progress = composition.begin(ticket);
        self.progress(now, ticket, composition, progress, outputs);
    }

    fn progress(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        composition: Box<Composition>,
        progress: Progress,
        outputs: &mut Vec<Output>,
    ) {
        match progress {
            Progress::Wants(output) => {
                outputs.push(output);
                self.tasks.insert(ticket, Task::Composition(composition));
            }
            Progress::Failed(why) => {
                let name = composition.plan.name.clone();
                outputs.push(Output::Log(format!(
                    "scheduler '{name}' could not make a buildset: {why}"
                )));
                if let Some(request) = composition.after.reply {
                    outputs.push(refuse(request, Refusal::Failed(why)));
                }
                self.not_made(&name, &composition.after);
                if let Some(change) = composition.after.looked_at {
                    self.looked_at(&name, change, outputs);
                    self.take_changes(now, &name, outputs);
                }
            }
        }
    }

    /// A buildset could not be made: what it was to follow is kept, for the scheduler's next life or time.
    fn not_made(&mut self, name: &str, after: &After) {
        let Some(entry) = self.entries.get_mut(name) else {
            return;
        };
        if let Some(upstream) = after.upstream {
            entry.following.remove(&upstream);
        }
        if after.trigger.is_some() && entry.following_trigger == after.trigger {
            entry.following_trigger = None;
        }
    }

    fn answered(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        answer: Answer,
        outputs: &mut Vec<Output>,
    ) {
        // Of a scheduler that is gone, or an answer that nobody waits for.
        let Some(task) = self.tasks.remove(&ticket) else {
            return;
        };
        match task {
            Task::Intake(mut intake) => {
                intake.answered(answer);
                let name = intake.plan.name.clone();
                self.take(now, intake, outputs);
                self.take_changes(now, &name, outputs);
            }
            Task::Composition(mut composition) => {
                let ticket = self.ticket();
                let progress = composition.answered(ticket, answer);
                self.progress(now, ticket, composition, progress, outputs);
            }
            Task::Form(mut asking) => {
                asking.answered(answer);
                self.fill_in(now, asking, outputs);
            }
            Task::Upstream(_) => {}
        }
    }

    fn read(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        found: Result<Found, String>,
        outputs: &mut Vec<Output>,
    ) {
        match self.tasks.remove(&ticket) {
            Some(Task::Composition(mut composition)) => {
                let ticket = self.ticket();
                let progress = composition.found(ticket, found);
                self.progress(now, ticket, composition, progress, outputs);
            }
            Some(Task::Upstream(name)) => match found {
                Ok(Found::Buildsets(buildsets)) => {
                    self.upstream_found(now, &name, buildsets, outputs);
                }
                Ok(Found::SourceStamps(_)) => {}
                Err(why) => outputs.push(Output::Log(format!(
                    "scheduler '{name}' does not know what became of what it waits for: {why}"
                ))),
            },
            Some(task @ (Task::Intake(_) | Task::Form(_))) => {
                self.tasks.insert(ticket, task);
            }
            None => {}
        }
    }

    fn submitted(
        &mut self,
        now: Timestamp,
        ticket: Ticket,
        outcome: Result<SubmittedIds, String>,
        outputs: &mut Vec<Output>,
    ) {
        let Some(Task::Composition(composition)) = self.tasks.remove(&ticket) else {
            return;
        };
        let name = composition.plan.name.clone();
        if outcome.is_err() {
            self.not_made(&name, &composition.after);
        }
        let After {
            reply,
            forget,
            looked_at,
            upstream,
            trigger,
        } = composition.after;
        match outcome {
            Ok(SubmittedIds { buildset, requests }) => {
                self.followed(&name, upstream, outputs);
                if let Some(entry) = self.entries.get_mut(&name) {
                    entry.forget(forget, outputs);
                    entry.forget_trigger(trigger, outputs);
                }
                if let Some(request) = reply {
                    let reply = Reply::Submitted { buildset, requests };
                    outputs.push(Output::Reply { request, reply });
                }
            }
            Err(why) => {
                outputs.push(Output::Log(format!(
                    "scheduler '{name}' could not add a buildset: {why}"
                )));
                if let Some(request) = reply {
                    outputs.push(refuse(request, Refusal::Failed(why)));
                }
            }
        }
        if let Some(change) = looked_at {
            self.looked_at(&name, change, outputs);
            self.take_changes(now, &name, outputs);
        }
    }
}

pub(crate) fn replying(request: RequestId) -> After {
    After {
        reply: Some(request),
        ..After::default()
    }
}

pub(crate) fn refuse(request: RequestId, refusal: Refusal) -> Output {
    Output::Reply {
        request,
        reply: Reply::Refused(refusal),
    }
}
