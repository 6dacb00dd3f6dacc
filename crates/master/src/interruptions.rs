//! Who wants the steps of a build to end. It is kept by the number of the step, so that a step hears of it that is only
//! about to begin.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buildbot_model::StepNumber;
use buildbot_steps::Interruption;
use tokio::sync::watch;

type All = Arc<watch::Sender<Vec<Interruption>>>;

/// Why steps of a build are to end, each time that somebody says so.
#[derive(Debug, Default)]
pub(crate) struct Interruptions(Mutex<BTreeMap<StepNumber, All>>);

/// What one port of a step hears.
#[derive(Debug)]
pub(crate) struct Listening {
    all: All,
    /// How many it has heard of.
    heard: Mutex<usize>,
}

impl Interruptions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<StepNumber, All>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of(&self, step: StepNumber) -> All {
        let mut steps = self.lock();
        let all = steps.entry(step);
        all.or_insert_with(|| Arc::new(watch::Sender::new(Vec::new())))
            .clone()
    }

    /// Somebody wants a step to end.
    pub(crate) fn interrupt(&self, step: StepNumber, interruption: Interruption) {
        self.of(step).send_modify(|all| all.push(interruption));
    }

    /// Hears all of a step, those from before too.
    pub(crate) fn listen(&self, step: StepNumber) -> Listening {
        Listening {
            all: self.of(step),
            heard: Mutex::new(0),
        }
    }

    /// The step has ended.
    pub(crate) fn forget(&self, step: StepNumber) {
        self.lock().remove(&step);
    }
}

impl Listening {
    /// Waits for the next one.
    pub(crate) async fn next(&self) -> Interruption {
        let mut all = self.all.subscribe();
        loop {
            let next = {
                let all = all.borrow_and_update();
                let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
                let next = all.get(*heard).cloned();
                *heard += usize::from(next.is_some());
                next
            };
            match next {
                Some(interruption) => return interruption,
                // The sender lives as long as this.
                None => drop(all.changed().await),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_util::task::TaskTracker;

    fn because(reason: &str) -> Interruption {
        Interruption {
            reason: reason.to_owned(),
            connection_lost: false,
        }
    }

    #[tokio::test]
    async fn a_step_hears_of_a_stop_from_before_it_began() {
        let all = Interruptions::default();
        all.interrupt(StepNumber(1), because("early"));
        let step = all.listen(StepNumber(1));
        assert_eq!(step.next().await, because("early"));
    }

    #[tokio::test]
    async fn another_port_of_the_step_hears_what_the_first_was_told() {
        let all = Interruptions::default();
        let named = all.listen(StepNumber(1));
        all.interrupt(StepNumber(1), because("between"));
        drop(named);
        let running = all.listen(StepNumber(1));
        assert_eq!(running.next().await, because("between"));
        let tasks = TaskTracker::new();
        let next = tasks.spawn(async move { running.next().await });
        all.interrupt(StepNumber(1), because("later"));
        assert_eq!(next.await.ok(), Some(because("later")));
    }

    #[tokio::test]
    async fn other_steps_hear_nothing_of_it() {
        let all = Interruptions::default();
        all.interrupt(StepNumber(1), because("the first"));
        all.interrupt(StepNumber(2), because("the second"));
        all.forget(StepNumber(1));
        assert_eq!(
            all.listen(StepNumber(2)).next().await,
            because("the second")
        );
        all.interrupt(StepNumber(1), because("again"));
        assert_eq!(all.listen(StepNumber(1)).next().await, because("again"));
    }
}
