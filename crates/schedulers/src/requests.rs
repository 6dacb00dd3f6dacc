//! What steps, people and clients ask schedulers for.

use std::sync::Arc;

use buildbot_model::Timestamp;
use serde_json::Value as Json;

use crate::entry::Wish;
use crate::force::{Asking, forced};
use crate::input::Trigger;
use crate::output::{Output, Refusal, Reply, RequestId};
use crate::plan::Kind;
use crate::set::{Schedulers, Task, refuse, replying};
use crate::triggering;
use crate::try_job::TryJob;

impl Schedulers {
    pub(crate) fn trigger(
        &mut self,
        now: Timestamp,
        request: RequestId,
        name: &str,
        trigger: &Trigger,
        outputs: &mut Vec<Output>,
    ) {
        let Some(entry) = self.entries.get_mut(name) else {
            outputs.push(refuse(request, Refusal::Unknown(name.to_owned())));
            return;
        };
        match &entry.plan.kind {
            Kind::Triggerable => {
                let wish = Wish {
                    order: triggering::order(entry, trigger),
                    after: replying(request),
                };
                self.compose(now, name, wish, outputs);
            }
            Kind::Timed(timed) if timed.is_triggerable => {
                entry.keep_trigger(trigger, outputs);
                outputs.push(Output::Reply {
                    request,
                    reply: Reply::Kept,
                });
            }
            _ => outputs.push(refuse(request, Refusal::WrongKind(name.to_owned()))),
        }
    }

    pub(crate) fn force(
        &mut self,
        now: Timestamp,
        request: RequestId,
        name: &str,
        parameters: serde_json::Map<String, Json>,
        outputs: &mut Vec<Output>,
    ) {
        let Some(entry) = self.entries.get(name) else {
            outputs.push(refuse(request, Refusal::Unknown(name.to_owned())));
            return;
        };
        if !matches!(entry.plan.kind, Kind::Force(_)) {
            outputs.push(refuse(request, Refusal::WrongKind(name.to_owned())));
            return;
        }
        let plan = Arc::clone(&entry.plan);
        match forced(plan, request, parameters, &self.validation) {
            Ok(asking) => self.fill_in(now, Box::new(asking), outputs),
            Err(reply) => outputs.push(Output::Reply { request, reply }),
        }
    }

    /// Goes on with a form: asks code about its next field, or makes the buildset.
    pub(crate) fn fill_in(
        &mut self,
        now: Timestamp,
        mut asking: Box<Asking>,
        outputs: &mut Vec<Output>,
    ) {
        if let Some(question) = asking.question() {
            let ticket = self.ticket();
            outputs.push(Output::Ask {
                ticket,
                generation: asking.plan.generation,
                question,
            });
            self.tasks.insert(ticket, Task::Form(asking));
            return;
        }
        let request = asking.request;
        let name = asking.plan.name.clone();
        let Some(entry) = self.entries.get(&name) else {
            outputs.push(refuse(request, Refusal::Unknown(name)));
            return;
        };
        match asking.finish(entry) {
            Ok(order) => {
                let wish = Wish {
                    order,
                    after: replying(request),
                };
                self.compose(now, &name, wish, outputs);
            }
            Err(reply) => outputs.push(Output::Reply { request, reply }),
        }
    }

    pub(crate) fn try_job(
        &mut self,
        now: Timestamp,
        request: RequestId,
        name: &str,
        job: &TryJob,
        outputs: &mut Vec<Output>,
    ) {
        let Some(entry) = self.entries.get(name) else {
            outputs.push(refuse(request, Refusal::Unknown(name.to_owned())));
            return;
        };
        if !matches!(entry.plan.kind, Kind::TryUserpass) {
            outputs.push(refuse(request, Refusal::WrongKind(name.to_owned())));
            return;
        }
        match job.order_of_client(&entry.plan) {
            Ok(order) => {
                let wish = Wish {
                    order,
                    after: replying(request),
                };
                self.compose(now, name, wish, outputs);
            }
            Err(foreign) => outputs.push(refuse(request, Refusal::ForeignBuilders(foreign))),
        }
    }

    pub(crate) fn job_file(
        &mut self,
        now: Timestamp,
        request: RequestId,
        name: &str,
        (file, content): (&str, &[u8]),
        outputs: &mut Vec<Output>,
    ) {
        let Some(entry) = self.entries.get(name) else {
            outputs.push(refuse(request, Refusal::Unknown(name.to_owned())));
            return;
        };
        if !matches!(entry.plan.kind, Kind::TryJobdir) {
            outputs.push(refuse(request, Refusal::WrongKind(name.to_owned())));
            return;
        }
        let job = match TryJob::parse(content) {
            Ok(job) => job,
            Err(why) => {
                outputs.push(Output::Log(format!(
                    "{name} reports a bad jobfile in {file}: {why}"
                )));
                outputs.push(refuse(request, Refusal::Failed(why.to_string())));
                return;
            }
        };
        match job.order_of_file(&entry.plan) {
            Ok(order) => {
                let wish = Wish {
                    order,
                    after: replying(request),
                };
                self.compose(now, name, wish, outputs);
            }
            Err(foreign) => {
                let foreign = foreign.join(", ");
                let why = format!("{file} asks for builders that are not allowed: {foreign}");
                outputs.push(Output::Log(format!("{name}: {why}")));
                outputs.push(refuse(request, Refusal::Failed(why)));
            }
        }
    }
}
