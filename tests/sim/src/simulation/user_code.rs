//! User code that answers, answers late, never, wrongly, or raises.

use std::time::Duration;

use buildbot_engine::config::{BuilderLocks, Callable, Generation};
use buildbot_engine::event::{CallId, Reply};
use buildbot_engine::{Event, Question};
use buildbot_model::{BuildRequestId, WorkerId};

use super::{Happening, Simulation};
use crate::faults::Fault;
use crate::observed::{Broken, accesses};

impl Simulation {
    pub(super) fn asked(
        &mut self,
        call: CallId,
        generation: Generation,
        callable: &Callable,
        question: &Question,
    ) -> Result<(), Broken> {
        if let Question::DoBuildIf { build } = question {
            let seen = self.observed.builds.get(build);
            if seen.map(|seen| seen.generation) != Some(generation) {
                return Err(format!("build {build} asks {generation:?}"));
            }
        } else if generation != self.observed.config.generation {
            return Err(format!(
                "{generation:?} is asked, which does not count any more"
            ));
        }
        if self.observed.released.contains(&generation) {
            return Err(format!("{generation:?} is asked, which is released"));
        }
        if callable.place.is_empty() {
            return Err("a function without a place".to_owned());
        }
        let trouble = if self.is_calm {
            99
        } else {
            self.chance.below(60)
        };
        let mut delay = self.chance.millis(5);
        match trouble {
            0 => {
                self.report.faults.count(Fault::CallableHangs);
                delay = Duration::from_secs(40);
            }
            1..4 => {
                self.report.faults.count(Fault::CallableLate);
                delay = Duration::from_secs(self.chance.below(29));
            }
            _ => {}
        }
        let reply = match trouble {
            4 | 5 => {
                self.report.faults.count(Fault::CallableFails);
                Reply::Failed
            }
            6..12 => {
                self.report.faults.count(Fault::CallableVetoes);
                veto(question)
            }
            12 | 13 => {
                self.report.faults.count(Fault::CallableNonsense);
                nonsense(question)
            }
            _ => self.sensible(question),
        };
        if let (
            Question::RenderLocks {
                worker, request, ..
            },
            Reply::Locks(locks),
        ) = (question, &reply)
        {
            let locks = accesses(locks, *worker);
            self.observed.rendered.insert((*request, *worker), locks);
        }
        self.later(
            delay,
            Happening::Tell(Event::QuestionAnswered { call, reply }),
        );
        Ok(())
    }

    pub(super) fn sensible(&mut self, question: &Question) -> Reply {
        match question {
            Question::PrioritizeBuilders { builders } => {
                let mut builders = builders.clone();
                builders.reverse();
                Reply::Builders(builders)
            }
            Question::NextBuild { requests, .. } => {
                Reply::Request(self.chance.pick(requests).copied())
            }
            Question::NextWorker { workers, .. } => {
                Reply::Worker(self.chance.pick(workers).copied())
            }
            Question::RenderLocks { .. } => {
                let config = self.observed.config.clone();
                let mut builders = config.builders.values();
                let listed = builders.find_map(|builder| match &builder.locks {
                    BuilderLocks::Listed(locks) if !locks.is_empty() => Some(locks.to_vec()),
                    BuilderLocks::Listed(_) | BuilderLocks::Rendered(_) => None,
                });
                Reply::Locks(listed.unwrap_or_default())
            }
            Question::CollapseRequests { .. } => Reply::Flag(self.chance.percent(50)),
            Question::CanStartBuild { .. }
            | Question::IsCompatible { .. }
            | Question::DoBuildIf { .. } => Reply::Flag(true),
        }
    }
}

fn veto(question: &Question) -> Reply {
    match question {
        Question::PrioritizeBuilders { .. } => Reply::Builders(Vec::new()),
        Question::NextBuild { .. } => Reply::Request(None),
        Question::NextWorker { .. } => Reply::Worker(None),
        Question::RenderLocks { .. } => Reply::Locks(Vec::new()),
        Question::CollapseRequests { .. }
        | Question::CanStartBuild { .. }
        | Question::IsCompatible { .. }
        | Question::DoBuildIf { .. } => Reply::Flag(false),
    }
}

fn nonsense(question: &Question) -> Reply {
    match question {
        Question::PrioritizeBuilders { .. } => Reply::Flag(true),
        Question::NextBuild { .. } => Reply::Request(Some(BuildRequestId(-1))),
        Question::NextWorker { .. } => Reply::Worker(Some(WorkerId(-1))),
        Question::RenderLocks { .. } => Reply::Flag(true),
        Question::CollapseRequests { .. }
        | Question::CanStartBuild { .. }
        | Question::IsCompatible { .. }
        | Question::DoBuildIf { .. } => Reply::Locks(Vec::new()),
    }
}
