//! Why a request waits, as people read it.

use buildbot_engine::{LockTaken, Reason, Unavailable};
use buildbot_model::WorkerId;
use serde_json::{Value as Json, json};

use crate::site::Site;

/// An object with `reason`, `text` and `details`.
pub(crate) fn shown(reason: &Reason, site: &Site) -> Json {
    let (name, text, details) = match reason {
        Reason::BeingAdded => (
            "being_added",
            "it has just been added".to_owned(),
            json!({}),
        ),
        Reason::NoBuilder => (
            "no_builder",
            "its builder is not in the configuration".to_owned(),
            json!({}),
        ),
        Reason::ShuttingDown => (
            "shutting_down",
            "the master is about to end".to_owned(),
            json!({}),
        ),
        Reason::NoWorker(workers) => {
            let each: Vec<Json> = workers
                .iter()
                .map(|(id, why)| {
                    json!({"workerid": id.0, "name": name_of(*id, site), "text": unavailable(why)})
                })
                .collect();
            let texts = workers
                .iter()
                .map(|(id, why)| format!("{}: {}", name_of(*id, site), unavailable(why)));
            let texts: Vec<String> = texts.collect();
            let text = match texts.is_empty() {
                true => "its builder has no workers".to_owned(),
                false => format!("no worker is free ({})", texts.join("; ")),
            };
            ("no_worker", text, json!({"workers": each}))
        }
        Reason::Lock(taken) => ("lock", lock(taken), json!({"waiting": taken.waiting})),
        Reason::Asking { callable, since } => (
            "asking",
            format!("user code is asked: {}", callable.place),
            json!({"place": &*callable.place, "since": since.seconds()}),
        ),
        Reason::Vetoed { callable, worker } => (
            "vetoed",
            format!(
                "user code does not want it on {}: {}",
                name_of(*worker, site),
                callable.place
            ),
            json!({"place": &*callable.place, "workerid": worker.0}),
        ),
        Reason::NothingChosen { callable } => (
            "nothing_chosen",
            format!("user code chose nothing: {}", callable.place),
            json!({"place": &*callable.place}),
        ),
        Reason::CallableFailed { callable, until } => (
            "callable_failed",
            format!("user code failed: {}", callable.place),
            json!({"place": &*callable.place, "until": until.seconds()}),
        ),
        Reason::Behind(request) => (
            "behind",
            format!("request {request} of the same builder is served first"),
            json!({"buildrequestid": request.0}),
        ),
        Reason::BeingClaimed(worker) => (
            "being_claimed",
            format!("it is about to start on {}", name_of(*worker, site)),
            json!({"workerid": worker.0}),
        ),
        Reason::Building(build) => (
            "building",
            "it is being built".to_owned(),
            json!({"buildid": build.0}),
        ),
        Reason::Ending => ("ending", "it has ended".to_owned(), json!({})),
        Reason::Due => ("due", "nothing holds it".to_owned(), json!({})),
    };
    json!({"reason": name, "text": text, "details": details})
}

fn name_of(id: WorkerId, site: &Site) -> String {
    site.worker(id)
        .map_or_else(|| format!("worker {id}"), |worker| worker.name().to_owned())
}

fn unavailable(why: &Unavailable) -> String {
    match why {
        Unavailable::Unknown => "not in the configuration".to_owned(),
        Unavailable::Detached => "not connected".to_owned(),
        Unavailable::Paused => "paused".to_owned(),
        Unavailable::ShuttingDown => "shutting down when it is idle".to_owned(),
        Unavailable::Quarantined { until } => format!("in quarantine until {}", until.seconds()),
        Unavailable::Building(request) => format!("builds request {request} of this builder"),
        Unavailable::AtCapacity(requests) => {
            format!("has as many builds as it may have, {}", requests.len())
        }
        Unavailable::Lock(taken) => lock(taken),
        Unavailable::Recovering => "recovering from a lost connection".to_owned(),
    }
}

fn lock(taken: &LockTaken) -> String {
    format!(
        "the lock {:?} is taken, {} wait for it",
        taken.lock, taken.waiting
    )
}
