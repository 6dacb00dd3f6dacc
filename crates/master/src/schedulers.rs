//! The schedulers of this master: one task that owns them, tells them what happens, and does what they want done.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use buildbot_config::SchedulerKind;
use buildbot_data::Event as BusEvent;
use buildbot_db::tables::{buildsets, changes, objects, schedulers as rows};
use buildbot_db::{Connection, StatementError};
use buildbot_engine::config::Generation;
use buildbot_model::{BuildId, BuildsetId, SchedulerId, Timestamp};
use buildbot_schedulers::{
    CLAIM_INTERVAL, Forgotten, FormView, Input, Output, Refused, Reply, RequestId, Schedulers,
    Settings, StateObject, Stored, Ticket, Trigger,
};
use buildbot_steps::{StepError, TriggerRequest, Triggered};
use jiff::tz::TimeZone;
use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::identity::now;
use crate::ordered_writes::{self, OrderedWrites};
use crate::running;
use crate::scheduler_questions as questions;
use crate::shell::Shell;
use crate::site::Site;
use crate::sources;

/// The configuration that a master starts with.
const FIRST: Generation = Generation(1);
/// The pause before a claim is tried again that the database did not take.
const CLAIM_AGAIN: Duration = Duration::from_secs(10);

/// What the task is told.
enum Message {
    Input(Box<Input>),
    /// Other schedulers are configured from here on.
    Configure(Arc<Site>, oneshot::Sender<Result<(), Vec<Refused>>>),
    /// A claim that was refused is tried again.
    Claim {
        scheduler: String,
        state: StateObject,
        wants_changes: bool,
    },
}

/// Where messages for the schedulers go. What is told are facts, which are as many as the engine's; nobody waits.
#[derive(Clone)]
pub(crate) struct SchedulerInbox {
    messages: mpsc::UnboundedSender<Message>,
    replies: Arc<Mutex<BTreeMap<RequestId, oneshot::Sender<Reply>>>>,
}

impl std::fmt::Debug for SchedulerInbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SchedulerInbox").finish_non_exhaustive()
    }
}

/// The other end, until the shell is there.
pub(crate) struct SchedulerMail(mpsc::UnboundedReceiver<Message>);

/// Both ends.
pub(crate) fn mailbox() -> (SchedulerInbox, SchedulerMail) {
    let (messages, mail) = mpsc::unbounded_channel();
    let inbox = SchedulerInbox {
        messages,
        replies: Arc::default(),
    };
    (inbox, SchedulerMail(mail))
}

impl SchedulerInbox {
    /// Tells what happened.
    pub(crate) fn tell(&self, input: Input) {
        self.put(Message::Input(Box::new(input)));
    }

    fn put(&self, message: Message) {
        // A master that ends has no schedulers.
        drop(self.messages.send(message));
    }

    /// Replaces the configuration; if a scheduler cannot be run, nothing has changed.
    pub(crate) async fn configure(&self, site: Arc<Site>) -> Result<(), Vec<Refused>> {
        let (reply, replied) = oneshot::channel();
        self.put(Message::Configure(site, reply));
        replied.await.unwrap_or(Ok(()))
    }

    /// Asks for something at once, and waits for the reply; `None` if the master ends before.
    pub(crate) fn ask<F: FnOnce(RequestId) -> Input>(
        &self,
        shell: &Shell,
        input: F,
    ) -> impl Future<Output = Option<Reply>> + use<F> {
        let request = RequestId(shell.next_number());
        let (reply, replied) = oneshot::channel();
        self.replies
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(request, reply);
        self.tell(input(request));
        async move { replied.await.ok() }
    }

    /// Whether a scheduler exists, and can be triggered.
    pub(crate) fn is_triggerable(&self, shell: &Shell, name: &str) -> Option<bool> {
        let site = shell.sites.current();
        let scheduler = site
            .config
            .schedulers
            .iter()
            .find(|known| known.name() == name)?;
        Some(matches!(
            scheduler.kind,
            SchedulerKind::Triggerable | SchedulerKind::NightlyTriggerable(..)
        ))
    }

    /// A step triggers a scheduler.
    pub(crate) async fn trigger(
        &self,
        shell: &Shell,
        build: BuildId,
        request: TriggerRequest,
    ) -> Result<Triggered, StepError> {
        let trigger = Trigger {
            waited_for: request.waited_for,
            source_stamps: request
                .source_stamps
                .iter()
                .map(questions::trigger_stamp)
                .collect(),
            properties: request.properties,
            parent_build: Some(build),
            parent_relationship: Some(request.parent_relationship),
        };
        let reply = self.ask(shell, |number| Input::Trigger {
            request: number,
            scheduler: request.scheduler,
            trigger: Box::new(trigger),
        });
        let failed = |text: String| StepError::raise(buildbot_render::Kind::Runtime, text);
        match reply.await {
            Some(Reply::Submitted { buildset, requests }) => Ok(Triggered {
                buildset: Some(buildset.0),
                requests: requests
                    .into_iter()
                    .map(|(builder, id)| (builder.0, id.0))
                    .collect(),
            }),
            // A nightly scheduler that was triggered submits at its time.
            Some(Reply::Kept) => Ok(Triggered {
                buildset: None,
                requests: Vec::new(),
            }),
            Some(Reply::Invalid(fields)) => Err(failed(format!("{fields:?}"))),
            Some(Reply::Refused(refusal)) => Err(failed(refusal.to_string())),
            None => Err(failed("the master ends".to_owned())),
        }
    }
}

/// Owns the schedulers until the master ends.
pub(crate) async fn run(shell: Arc<Shell>, mut mail: SchedulerMail) {
    let (writes, waiting) = ordered_writes::queue();
    shell.tasks.spawn(waiting.run(shell.store.clone()));
    let mut task = Task {
        schedulers: Schedulers::new(TimeZone::system()),
        site: shell.sites.current(),
        older: Vec::new(),
        writes,
        shell,
    };
    loop {
        let timeout = task.schedulers.next_timeout();
        let due = async {
            match timeout {
                Some(at) => tokio::time::sleep(until(at)).await,
                None => std::future::pending().await,
            }
        };
        let outputs = tokio::select! {
            message = mail.0.recv() => match message {
                Some(message) => task.take(message),
                None => return,
            },
            () = due => task.schedulers.handle_timeout(now()),
        };
        for output in outputs {
            task.carry_out(output).await;
        }
        let Task {
            schedulers, older, ..
        } = &mut task;
        older.retain(|(site, _)| schedulers.uses(site.generation.0));
    }
}

/// The time from now on, a little more than that: a timer that fires early would fire again at once.
fn until(at: Timestamp) -> Duration {
    at.since(now()) + Duration::from_millis(1)
}

struct Task {
    schedulers: Schedulers,
    site: Arc<Site>,
    /// Configurations from before, while something is under way that began with them.
    older: Vec<(Arc<Site>, TaskTrackerToken)>,
    writes: OrderedWrites,
    shell: Arc<Shell>,
}

impl Task {
    fn take(&mut self, message: Message) -> Vec<Output> {
        match message {
            Message::Input(input) => {
                let changes_forms = matches!(*input, Input::Claimed { .. } | Input::Enable { .. });
                let outputs = self.schedulers.handle(now(), *input);
                if changes_forms {
                    self.show_forms();
                }
                outputs
            }
            Message::Configure(site, reply) => {
                let settings = Settings::of(&site.config, site.generation.0);
                let schedulers = &site.config.schedulers;
                let configured =
                    self.schedulers
                        .configure(now(), schedulers, &site.description, settings);
                let (outputs, outcome) = match configured {
                    Ok(outputs) => {
                        let before = std::mem::replace(&mut self.site, site);
                        if before.generation != self.site.generation {
                            let held = before.hold();
                            self.older.push((before, held));
                        }
                        self.show_forms();
                        (outputs, Ok(()))
                    }
                    Err(refused) => (Vec::new(), Err(refused)),
                };
                // Whoever asked may be gone.
                let _ = reply.send(outcome);
                outputs
            }
            Message::Claim {
                scheduler,
                state,
                wants_changes,
            } => {
                if self.schedulers.wants_claim(&scheduler, &state) {
                    self.claim(scheduler, state, wants_changes);
                }
                Vec::new()
            }
        }
    }

    fn site_of(&self, generation: Generation) -> Option<Arc<Site>> {
        let mut known = std::iter::once(&self.site).chain(self.older.iter().map(|(site, _)| site));
        known.find(|site| site.generation == generation).cloned()
    }

    fn show_forms(&self) {
        let forms = self
            .schedulers
            .forms()
            .iter()
            .map(FormView::to_json)
            .collect();
        self.shell.live_data.set_forms(forms);
    }

    async fn carry_out(&mut self, output: Output) {
        match output {
            Output::Claim {
                scheduler,
                state,
                wants_changes,
            } => {
                // It reads what was written before.
                let (shell, claim) = (
                    self.shell.clone(),
                    Message::Claim {
                        scheduler,
                        state,
                        wants_changes,
                    },
                );
                let claim = move || shell.schedulers.put(claim);
                self.writes.after(claim).await;
            }
            Output::Release { scheduler } => {
                let master = self.shell.master;
                self.put("giving a scheduler up", move |connection| {
                    let id = rows::find_or_add(connection, &scheduler)?;
                    rows::unclaim(connection, id, master)
                })
                .await;
            }
            Output::Submit { ticket, buildset } => {
                let (shell, site) = (self.shell.clone(), self.site.clone());
                self.shell.tasks.spawn(async move {
                    let submitted = running::guarded(&shell.tasks, {
                        let shell = shell.clone();
                        async move { questions::submit(&shell, &site, *buildset).await }
                    });
                    let broken = || Err("a fault of the master".to_owned());
                    let outcome = submitted.await.unwrap_or_else(broken);
                    shell.schedulers.tell(Input::Submitted { ticket, outcome });
                });
            }
            Output::Ask {
                ticket,
                generation,
                question,
            } => {
                let shell = self.shell.clone();
                // Never that of another one: its handles are other functions.
                let site = self.site_of(Generation(generation));
                self.shell.tasks.spawn(async move {
                    let answered = running::guarded(&shell.tasks, {
                        let shell = shell.clone();
                        async move {
                            let site = site?;
                            let _held = site.hold();
                            Some(questions::ask(&shell, &site, question).await)
                        }
                    });
                    let answer = answered.await.flatten();
                    let answer = answer.unwrap_or_else(questions::unanswered);
                    shell.schedulers.tell(Input::Answered { ticket, answer });
                });
            }
            Output::Read { ticket, what } => self.read(ticket, what),
            Output::SetState { object, key, value } => {
                self.put("keeping the state of a scheduler", move |connection| {
                    let id = objects::find_or_add(connection, &object.name, &object.class)?;
                    objects::set_state(connection, id, key, &value.to_string())
                })
                .await;
            }
            Output::Classify { scheduler, changes } => {
                self.put("keeping the changes of a scheduler", move |connection| {
                    let id = rows::find_or_add(connection, &scheduler)?;
                    for (change, important) in &changes {
                        rows::classify_change(connection, id, *change, *important)?;
                    }
                    Ok(())
                })
                .await;
            }
            Output::Forget { scheduler, changes } => {
                self.put("forgetting changes of a scheduler", move |connection| {
                    let id = rows::find_or_add(connection, &scheduler)?;
                    match &changes {
                        Forgotten::All => rows::flush_changes(connection, id, None),
                        Forgotten::These(these) => rows::forget_changes(connection, id, these),
                    }
                })
                .await;
            }
            Output::SetEnabled { scheduler, enabled } => {
                self.set_enabled(scheduler, enabled).await;
            }
            Output::Reply { request, reply } => {
                let inbox = &self.shell.schedulers.replies;
                let waiting = inbox
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .remove(&request);
                if let Some(waiting) = waiting {
                    // Whoever asked may be gone.
                    let _ = waiting.send(reply);
                }
            }
            Output::Handled { change } => {
                let shell = self.shell.clone();
                let complete = move || shell.waiters.changes.complete(&change);
                self.writes.after(complete).await;
            }
            Output::Log(line) => tracing::info!("{line}"),
        }
    }

    /// Writes in the order of the outputs, without waiting for the disk.
    async fn put(
        &self,
        doing: &'static str,
        work: impl Fn(&Connection) -> Result<(), StatementError> + Send + Sync + 'static,
    ) {
        self.writes.put(doing, work).await;
    }

    async fn set_enabled(&self, scheduler: String, enabled: bool) {
        let Some(id) = self.site.ids.schedulers.get(&scheduler).copied() else {
            return;
        };
        let bus = self.shell.bus.clone();
        let work = move |connection: &Connection| rows::set_enabled(connection, id, enabled);
        let then = move || bus.publish(BusEvent::scheduler_updated(id));
        self.writes
            .put_then("enabling a scheduler", work, then)
            .await;
    }

    /// Whose buildsets a dependent scheduler waits for, when the master starts: a killed one may have left some that it
    /// was not told of.
    fn upstream_of(&self, scheduler: &str) -> Option<String> {
        if self.site.generation != FIRST {
            return None;
        }
        let mut all = self.site.config.schedulers.iter();
        match &all.find(|known| known.name() == scheduler)?.kind {
            SchedulerKind::Dependent(arguments) => Some(arguments.upstream.0.clone()),
            _ => None,
        }
    }

    fn claim(&self, scheduler: String, state: StateObject, wants_changes: bool) {
        let upstream = self.upstream_of(&scheduler);
        let shell = self.shell.clone();
        let master = self.shell.master;
        self.shell.tasks.spawn(async move {
            let (name, object) = (scheduler.clone(), state.clone());
            let claimed = shell.store.write(move |connection| {
                let id = rows::find_or_add(connection, &name)?;
                if rows::claim(connection, id, master)? != master {
                    return Ok(None);
                }
                let mut stored = read_stored(connection, id, &object, wants_changes)?;
                if let Some(upstream) = &upstream {
                    add_upstream(&mut stored, buildsets::incomplete_of(connection, upstream)?);
                }
                Ok(Some(stored))
            });
            match claimed.await {
                Ok(Some(stored)) => {
                    return shell.schedulers.tell(Input::Claimed { scheduler, stored });
                }
                Ok(None) => {
                    let scheduler = scheduler.clone();
                    shell.schedulers.tell(Input::RunsElsewhere { scheduler });
                    tokio::time::sleep(CLAIM_INTERVAL).await;
                }
                Err(error) => {
                    tracing::error!(%error, "while claiming the scheduler {scheduler}; it is tried again");
                    tokio::time::sleep(CLAIM_AGAIN).await;
                }
            }
            shell.schedulers.put(Message::Claim {
                scheduler,
                state,
                wants_changes,
            });
        });
    }

    fn read(&self, ticket: Ticket, what: buildbot_schedulers::Read) {
        let shell = self.shell.clone();
        self.shell.tasks.spawn(async move {
            let read = shell
                .store
                .read(move |connection| questions::read(connection, &what));
            let found = read.await.map_err(|error| error.to_string());
            shell.schedulers.tell(Input::Read { ticket, found });
        });
    }
}

/// A dependent scheduler waits for these too.
fn add_upstream(stored: &mut Stored, buildsets: Vec<BuildsetId>) {
    let known = stored.state.get("upstream_bsids").and_then(Json::as_array);
    let mut known = known.cloned().unwrap_or_default();
    for id in buildsets {
        let id = Json::from(id.0);
        if !known.contains(&id) {
            known.push(id);
        }
    }
    stored
        .state
        .insert("upstream_bsids".to_owned(), known.into());
}

fn read_stored(
    connection: &Connection,
    id: SchedulerId,
    object: &StateObject,
    wants_changes: bool,
) -> Result<Stored, StatementError> {
    let row = rows::by_id(connection, id)?;
    let object = objects::find_or_add(connection, &object.name, &object.class)?;
    let mut stored = Stored {
        enabled: row.is_none_or(|row| row.enabled),
        ..Stored::default()
    };
    for (name, value) in objects::states(connection, object)? {
        let value: Json = serde_json::from_str(&value).unwrap_or(Json::Null);
        stored.state.insert(name, value);
    }
    if wants_changes {
        for (change, important) in rows::classified_changes(connection, id)? {
            let Some(row) = changes::by_id(connection, change)? else {
                continue;
            };
            let change = sources::read_change(connection, row)?;
            stored
                .changes
                .push((Arc::new(questions::change(change)), important));
        }
    }
    Ok(stored)
}
