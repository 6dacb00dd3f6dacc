//! Why a request waits, as people read it.

use std::collections::BTreeMap;

use buildbot_engine::{LockTaken, Owner, Reason, Unavailable};
use buildbot_model::{BuildId, BuildRequestId, BuilderId, WorkerId};
use serde_json::{Value as Json, json};

use crate::shell::Shell;
use crate::site::Site;

/// An object with `reason`, `text` and `details`; nothing if this master has nothing to do with the request.
pub(crate) async fn of(shell: &Shell, request: BuildRequestId) -> Option<Json> {
    let looked = shell.engine.look(move |engine| {
        let reason = engine.why(request)?;
        let others = others(&reason).into_iter().filter_map(|id| {
            let build = match engine.why(id)? {
                Reason::Building(build) => Some(build),
                _ => None,
            };
            let builder = engine.request(id)?.builder;
            Some((id, Other { builder, build }))
        });
        let others = others.collect();
        Some((reason, others))
    });
    let (reason, others) = looked.await??;
    let site = shell.sites.current();
    let known = Known {
        shell,
        site: &site,
        others,
    };
    Some(known.shown(&reason))
}

/// The requests that a reason names.
fn others(reason: &Reason) -> Vec<BuildRequestId> {
    let mut found = Vec::new();
    if let Reason::NoWorker(workers) = reason {
        for (_, why) in workers {
            match why {
                Unavailable::Building(request) => found.push(*request),
                Unavailable::AtCapacity(requests) => found.extend(requests),
                Unavailable::Unknown
                | Unavailable::Detached
                | Unavailable::Paused { .. }
                | Unavailable::ShuttingDown
                | Unavailable::Quarantined { .. }
                | Unavailable::Lock(_)
                | Unavailable::Recovering
                | Unavailable::Starting => {}
            }
        }
    }
    found
}

/// A request that is named.
struct Other {
    builder: BuilderId,
    build: Option<BuildId>,
}

/// What is known about all that a reason names.
struct Known<'a> {
    shell: &'a Shell,
    site: &'a Site,
    others: BTreeMap<BuildRequestId, Other>,
}

/// A text for people, and the same for programs.
type Shown = (String, Json);

impl Known<'_> {
    fn shown(&self, reason: &Reason) -> Json {
        let name = name_of(reason);
        let (text, details) = match reason {
            Reason::BeingAdded => ("it has just been added".to_owned(), json!({})),
            Reason::NoBuilder => (
                "its builder is not in the configuration".to_owned(),
                json!({}),
            ),
            Reason::ShuttingDown => ("the master is about to end".to_owned(), json!({})),
            Reason::NoWorker(workers) => self.no_worker(workers),
            Reason::Lock(taken) => self.lock(taken),
            Reason::Asking { callable, since } => (
                format!("user code is asked: {}", callable.place),
                json!({"place": &*callable.place, "since": since.seconds()}),
            ),
            Reason::Vetoed { callable, worker } => {
                let name = self.worker(*worker);
                (
                    format!("user code does not want it on {name}: {}", callable.place),
                    json!({"place": &*callable.place, "workerid": worker.0, "name": name}),
                )
            }
            Reason::NothingChosen { callable } => (
                format!("user code chose nothing: {}", callable.place),
                json!({"place": &*callable.place}),
            ),
            Reason::CallableFailed { callable, until } => (
                format!("user code failed: {}", callable.place),
                json!({"place": &*callable.place, "until": until.seconds()}),
            ),
            Reason::Behind(request) => (
                format!("request {request} of the same builder is served first"),
                json!({"buildrequestid": request.0}),
            ),
            Reason::BeingClaimed(worker) => {
                let name = self.worker(*worker);
                (
                    format!("it is about to start on {name}"),
                    json!({"workerid": worker.0, "name": name}),
                )
            }
            Reason::Building(build) => {
                let (text, details) = self.build(*build);
                (format!("it is being built: {text}"), details)
            }
            Reason::Ending => ("it has ended".to_owned(), json!({})),
            Reason::Due => ("nothing holds it".to_owned(), json!({})),
        };
        json!({"reason": name, "text": text, "details": details})
    }

    fn no_worker(&self, workers: &[(WorkerId, Unavailable)]) -> Shown {
        let mut texts = Vec::new();
        let mut each = Vec::new();
        for (id, why) in workers {
            let (text, mut details) = self.unavailable(why);
            let name = self.worker(*id);
            texts.push(format!("{name}: {text}"));
            details["workerid"] = id.0.into();
            details["name"] = name.into();
            details["reason"] = name_of_unavailable(why).into();
            details["text"] = text.into();
            each.push(details);
        }
        let text = match texts.is_empty() {
            true => "its builder has no workers".to_owned(),
            false => format!("no worker is free ({})", texts.join("; ")),
        };
        (text, json!({"workers": each}))
    }

    fn unavailable(&self, why: &Unavailable) -> Shown {
        match why {
            Unavailable::Unknown => ("not in the configuration".to_owned(), json!({})),
            Unavailable::Detached => ("not connected".to_owned(), json!({})),
            Unavailable::Paused { reason: None } => {
                ("paused".to_owned(), json!({"pause_reason": null}))
            }
            Unavailable::Paused {
                reason: Some(reason),
            } => (
                format!("paused ({reason})"),
                json!({"pause_reason": &**reason}),
            ),
            Unavailable::ShuttingDown => ("shuts down when it is idle".to_owned(), json!({})),
            Unavailable::Quarantined { until } => (
                format!("in quarantine until {}", until.seconds()),
                json!({"until": until.seconds()}),
            ),
            Unavailable::Building(request) => {
                let (text, details) = self.request(*request);
                (
                    format!("builds {text} of this builder"),
                    json!({"builds": [details]}),
                )
            }
            Unavailable::AtCapacity(requests) => {
                let (texts, details): (Vec<String>, Vec<Json>) = requests
                    .iter()
                    .map(|request| self.request(*request))
                    .unzip();
                (
                    format!("has as many builds as it may have: {}", texts.join(", ")),
                    json!({"builds": details}),
                )
            }
            Unavailable::Lock(taken) => self.lock(taken),
            Unavailable::Recovering => ("recovers from a lost connection".to_owned(), json!({})),
            Unavailable::Starting => ("is being started for another build".to_owned(), json!({})),
        }
    }

    fn lock(&self, taken: &LockTaken) -> Shown {
        let (texts, owners): (Vec<String>, Vec<Json>) =
            taken.owners.iter().map(|owner| self.owner(*owner)).unzip();
        let name = &taken.lock.name;
        let worker = taken.lock.worker.map(|worker| self.worker(worker));
        let mut text = match &worker {
            None => format!("the lock '{name}' is taken"),
            Some(worker) => format!("the lock '{name}' of {worker} is taken"),
        };
        if !texts.is_empty() {
            text.push_str(" by ");
            text.push_str(&texts.join(", "));
        }
        if taken.waiting > 0 {
            text.push_str(&format!(", {} wait for it", taken.waiting));
        }
        let details = json!({
            "lock": &**name, "worker": worker, "owners": owners, "waiting": taken.waiting,
        });
        (text, details)
    }

    fn owner(&self, owner: Owner) -> Shown {
        match owner {
            Owner::Build(build) => self.build(build),
            Owner::Step(build, step) => {
                let (text, mut details) = self.build(build);
                details["step"] = step.0.into();
                (format!("step {step} of {text}"), details)
            }
            Owner::Worker(worker) => {
                let name = self.worker(worker);
                let details = json!({"workerid": worker.0, "name": name});
                (format!("a build on {name}"), details)
            }
        }
    }

    fn request(&self, id: BuildRequestId) -> Shown {
        let other = self.others.get(&id);
        let (text, mut details) = match other.and_then(|other| other.build) {
            Some(build) => self.build(build),
            None => {
                let builder = other.map(|other| other.builder);
                let name = builder.and_then(|builder| self.site.builder(builder));
                let name = name.map_or("", |builder| builder.name.as_str());
                let details = json!({"builder": name, "builderid": builder.map(|id| id.0)});
                (format!("request {id} of '{name}'"), details)
            }
        };
        details["buildrequestid"] = id.0.into();
        (text, details)
    }

    fn build(&self, id: BuildId) -> Shown {
        match self.shell.builds.get(id) {
            Some(build) => {
                let (name, number) = (&build.recorded_as, build.number);
                let details = json!({
                    "buildid": id.0, "builder": &**name, "builderid": build.recorded_under.0,
                    "number": number.0,
                });
                (format!("build {number} of '{name}'"), details)
            }
            None => (format!("the build with id {id}"), json!({"buildid": id.0})),
        }
    }

    fn worker(&self, id: WorkerId) -> String {
        let worker = self.site.worker(id);
        worker.map_or_else(|| format!("worker {id}"), |worker| worker.name().to_owned())
    }
}

fn name_of(reason: &Reason) -> &'static str {
    match reason {
        Reason::BeingAdded => "being_added",
        Reason::NoBuilder => "no_builder",
        Reason::ShuttingDown => "shutting_down",
        Reason::NoWorker(_) => "no_worker",
        Reason::Lock(_) => "lock",
        Reason::Asking { .. } => "asking",
        Reason::Vetoed { .. } => "vetoed",
        Reason::NothingChosen { .. } => "nothing_chosen",
        Reason::CallableFailed { .. } => "callable_failed",
        Reason::Behind(_) => "behind",
        Reason::BeingClaimed(_) => "being_claimed",
        Reason::Building(_) => "building",
        Reason::Ending => "ending",
        Reason::Due => "due",
    }
}

fn name_of_unavailable(why: &Unavailable) -> &'static str {
    match why {
        Unavailable::Unknown => "not_configured",
        Unavailable::Detached => "not_connected",
        Unavailable::Paused { .. } => "paused",
        Unavailable::ShuttingDown => "shutting_down",
        Unavailable::Quarantined { .. } => "quarantined",
        Unavailable::Building(_) => "building",
        Unavailable::AtCapacity(_) => "at_capacity",
        Unavailable::Lock(_) => "lock",
        Unavailable::Recovering => "recovering",
        Unavailable::Starting => "starting",
    }
}
