//! What people read about a running step, at most once in a second.

use std::sync::PoisonError;
use std::time::Duration;

use buildbot_data::StepVerb;
use buildbot_db::tables::steps;
use tokio::time::Instant;

use super::StepPort;
use buildbot_steps::Port as _;

/// The least time between two texts.
const PAUSE: Duration = Duration::from_secs(1);

/// What is shown, and what will be.
#[derive(Debug, Default)]
pub(super) struct Shown {
    last: Option<Instant>,
    waiting: Option<String>,
    is_over: bool,
}

impl Shown {
    /// Nothing is shown after this: the end has a text of its own.
    pub(super) fn end(&mut self) {
        self.is_over = true;
        self.waiting = None;
    }
}

/// Shows a text now, or when the last one has been there for a second.
pub(super) fn show(port: &StepPort, summary: String) {
    let summary = port.mask(&summary);
    let mut shown = port.shown.lock().unwrap_or_else(PoisonError::into_inner);
    if shown.is_over {
        return;
    }
    let is_somebody_waiting = shown.waiting.replace(summary).is_some();
    if is_somebody_waiting {
        return;
    }
    let at = shown.last.map_or_else(Instant::now, |last| last + PAUSE);
    drop(shown);
    let Some(port) = port.build.step(port.number) else {
        return;
    };
    let tasks = port.shell.tasks.clone();
    tasks.spawn(async move {
        tokio::time::sleep_until(at).await;
        let text = {
            let mut shown = port.shown.lock().unwrap_or_else(PoisonError::into_inner);
            shown.last = Some(Instant::now());
            shown.waiting.take()
        };
        let (Some(text), Ok(row)) = (text, port.row()) else {
            return;
        };
        let writing = port
            .shell
            .store
            .note("showing what a step does", move |connection| {
                steps::set_state_string(connection, row, &text)
            });
        writing.await;
        port.publish(StepVerb::Updated);
    });
}
