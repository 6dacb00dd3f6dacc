//! The logs of a step.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use buildbot_data::{Event as BusEvent, LogVerb};
use buildbot_db::tables::logs;
use buildbot_logs::{Limits, LogWriter, Stream};
use buildbot_model::LogId;
use buildbot_steps::{Channel, LogKey, LogKind, StepError};

use crate::live_data::LiveData;

use super::lines::{Cut, Unfinished};
use super::{StepPort, internal};

/// A log of the step.
#[derive(Debug)]
pub(super) struct OpenLog {
    writer: LogWriter,
    live: LiveData,
    slug: String,
    /// For each channel what has no end of its line yet.
    unfinished: Mutex<[Unfinished; 3]>,
    is_finished: AtomicBool,
}

impl OpenLog {
    fn id(&self) -> LogId {
        self.writer.log()
    }
}

impl Drop for OpenLog {
    fn drop(&mut self) {
        self.live.log_ends(self.id());
    }
}

fn stream(channel: Channel) -> Stream {
    match channel {
        Channel::Stdout => Stream::Stdout,
        Channel::Stderr => Stream::Stderr,
        Channel::Header => Stream::Header,
    }
}

fn slot(channel: Channel) -> usize {
    match channel {
        Channel::Stdout => 0,
        Channel::Stderr => 1,
        Channel::Header => 2,
    }
}

const CHANNELS: [Channel; 3] = [Channel::Stdout, Channel::Stderr, Channel::Header];

fn find(port: &StepPort, key: LogKey) -> Result<Arc<OpenLog>, StepError> {
    let state = port.state();
    let index = usize::try_from(key.0).ok();
    let log = index.and_then(|index| state.logs.get(index));
    log.cloned()
        .ok_or_else(|| internal(&"there is no such log"))
}

fn publish(port: &StepPort, log: &OpenLog, verb: LogVerb) {
    if let Ok(row) = port.row() {
        port.shell
            .bus
            .publish(BusEvent::log(log.id(), row, &log.slug, verb));
    }
}

pub(super) async fn add(port: &StepPort, name: &str, kind: LogKind) -> Result<LogKey, StepError> {
    let row = port.row()?;
    let kind = match kind {
        LogKind::Stream => logs::LogKind::Stdio,
        LogKind::Text => logs::LogKind::Text,
        LogKind::Html => logs::LogKind::Html,
    };
    let name = name.to_owned();
    let written = port
        .shell
        .store
        .write(move |connection| logs::add(connection, row, &name, kind));
    let (id, slug) = written.await.map_err(|error| internal(&error))?;
    let globals = &port.build.site.config.globals;
    let bytes = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok());
    let limits = Limits {
        bytes_max: bytes(globals.log_max_size),
        tail_bytes: bytes(globals.log_max_tail_size),
    };
    let (store, build) = (&port.shell.logs, port.build.id);
    let writer = port.build.logs.add(store, build, id, kind, limits).await;
    let writer = writer.map_err(|error| internal(&error))?;
    let live = port.shell.live_data.clone();
    live.log_begins(writer.clone());
    let log = Arc::new(OpenLog {
        writer,
        live,
        slug,
        unfinished: Mutex::default(),
        is_finished: AtomicBool::new(false),
    });
    publish(port, &log, LogVerb::New);
    let mut state = port.state();
    state.logs.push(log);
    Ok(LogKey(state.logs.len() as u64 - 1))
}

pub(super) async fn append(
    port: &StepPort,
    key: LogKey,
    channel: Channel,
    text: &str,
) -> Result<(), StepError> {
    let masked = port.build.mask(text);
    append_cut(port, key, channel, &masked, Cut::Anywhere).await
}

/// Appends a text in which no secret is left, and whose newlines are settled.
pub(super) async fn append_masked(
    port: &StepPort,
    key: LogKey,
    channel: Channel,
    text: &str,
) -> Result<(), StepError> {
    append_cut(port, key, channel, text, Cut::Harmless).await
}

async fn append_cut(
    port: &StepPort,
    key: LogKey,
    channel: Channel,
    text: &str,
    cut: Cut,
) -> Result<(), StepError> {
    let log = find(port, key)?;
    let whole = {
        let mut unfinished = log
            .unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let waiting = &mut unfinished[slot(channel)];
        waiting.push(text, cut, |text| settled(port, text))
    };
    let Some(whole) = whole else {
        return Ok(());
    };
    let appended = log.writer.append(stream(channel), &whole).await;
    appended.map_err(|error| internal(&error))?;
    publish(port, &log, LogVerb::Append);
    Ok(())
}

/// What stands in a log of a text that came anywhere.
fn settled(port: &StepPort, text: &str) -> String {
    buildbot_gateway::clean(&port.build.mask(text)).into_owned()
}

pub(super) async fn finish(port: &StepPort, key: LogKey) -> Result<(), StepError> {
    let log = find(port, key)?;
    finish_log(port, &log).await
}

pub(super) async fn finish_all(port: &StepPort) -> Result<(), StepError> {
    let all = port.state().logs.clone();
    for log in all {
        finish_log(port, &log).await?;
    }
    Ok(())
}

async fn finish_log(port: &StepPort, log: &OpenLog) -> Result<(), StepError> {
    if log.is_finished.swap(true, Ordering::SeqCst) {
        return Ok(());
    }
    let rest = {
        let mut unfinished = log
            .unfinished
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *unfinished)
    };
    for (channel, mut rest) in CHANNELS.into_iter().zip(rest) {
        if let Some(line) = rest.end(|text| settled(port, text)) {
            let appended = log.writer.append(stream(channel), &line).await;
            appended.map_err(|error| internal(&error))?;
        }
    }
    let lines = log
        .writer
        .finish()
        .await
        .map_err(|error| internal(&error))?;
    let (id, lines) = (log.id(), i64::try_from(lines).unwrap_or(i64::MAX));
    let written = port
        .shell
        .store
        .write(move |connection| logs::finish(connection, id, lines));
    written.await.map_err(|error| internal(&error))?;
    publish(port, log, LogVerb::Finished);
    Ok(())
}
