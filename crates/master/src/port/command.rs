//! Commands that the worker carries out: what they say goes into logs, to whoever observes it, and into their end.

use buildbot_config::Value;
use buildbot_gateway as gateway;
use buildbot_gateway::{Budget, CommandError, Stream, Transferred, Update};
use buildbot_render::{Exception, Kind};
use buildbot_steps::{
    Channel, CommandEnd, Compression, LogKey, LogKind, LogTarget, Observer, Piece, RemoteCommand,
    StepError, Transfer,
};
use tokio::sync::mpsc;

use super::{RunningCommand, StepPort, internal, log};
use crate::wire_value::{reported, to_wire};

/// Updates between the connection and the step: the one that is taken, and the next.
const UPDATES_MAX: usize = 1;

const STDIO: &str = "stdio";

/// A command while it runs.
struct Running<'a> {
    port: &'a StepPort,
    stdio: Option<LogKey>,
    log_files: Vec<(String, LogTarget)>,
    collect_stdout: bool,
    collect_stderr: bool,
    observer: Option<&'a mut dyn Observer>,
    /// What may be kept until the end.
    budget: Budget,
    end: CommandEnd,
}

pub(super) async fn run<'a>(
    port: &'a StepPort,
    command: RemoteCommand,
    observer: Option<&'a mut dyn Observer>,
) -> Result<CommandEnd, StepError> {
    let RemoteCommand {
        name,
        args,
        stdio,
        log_files,
        collect_stdout,
        collect_stderr,
        decode_rc,
        transfer,
    } = command;
    let args = args
        .iter()
        .map(|(name, value)| (name.clone(), to_wire(value)));
    let budget = Budget::default();
    let wanted = gateway::Command {
        builder: port.build.builder.name.to_string(),
        name,
        args: args.collect(),
        transfer: transfer.map(|transfer| master_end(port, transfer)),
        budget: budget.clone(),
    };
    let (sink, mut updates) = mpsc::channel(UPDATES_MAX);
    let interruptions_before = port.state().interrupted.0;
    let started = port.attached.session.run_command(wanted, sink).await;
    let handle = started.map_err(|error| failed(&error))?;
    let interrupter = handle.interrupter();
    let (number, interruption) = {
        let mut state = port.state();
        state.last_command += 1;
        let number = state.last_command;
        let (interruptions, reason) = &state.interrupted;
        let interruption = (*interruptions != interruptions_before).then(|| reason.clone());
        let running = RunningCommand {
            interrupter: interrupter.clone(),
            is_interrupted: interruption.is_some(),
        };
        state.commands.insert(number, running);
        (number, interruption)
    };
    // It came while the command was on its way.
    if let Some(reason) = interruption {
        let interrupter = handle.interrupter();
        let interrupting = async move { interrupter.interrupt(&reason).await };
        port.shell.tasks.spawn(interrupting);
    }
    let mut running = Running {
        port,
        stdio,
        log_files,
        collect_stdout,
        collect_stderr,
        observer,
        budget,
        end: CommandEnd::not_run(),
    };
    let mut outcome = Ok(());
    // The sender is dropped with the command.
    while let Some(update) = updates.recv().await {
        if outcome.is_ok() {
            outcome = running.take(update).await;
            if outcome.is_err() {
                // Nobody looks at what it does from here on.
                interrupter.interrupt("the step has failed").await;
            }
        }
    }
    let ended = handle.wait().await;
    let was_interrupted = {
        let command = port.state().commands.remove(&number);
        command.is_some_and(|command| command.is_interrupted)
    };
    outcome?;
    if running.budget.is_exceeded() {
        return Err(failed(&CommandError::TooMuch));
    }
    let mut end = running.end;
    let ended = ended.map_err(|error| failed(&error))?;
    end.rc = ended.rc.or(end.rc);
    end.results = if was_interrupted {
        buildbot_model::Results::Cancelled
    } else {
        decode_rc.decode(end.rc)
    };
    match ended.transfer {
        None | Some(Ok(Transferred::Stored { .. } | Transferred::Sent { .. })) => {}
        Some(Ok(Transferred::Collected { content, .. })) => end.received = content,
        Some(Err(error)) if end.rc == Some(0) || end.rc.is_none() => {
            return Err(internal(&error));
        }
        // The worker has said that it failed.
        Some(Err(_)) => {}
    }
    Ok(end)
}

impl Running<'_> {
    async fn take(&mut self, update: Update) -> Result<(), StepError> {
        let bytes = update.memory_cost();
        match update {
            Update::Text { stream, text, .. } => self.take_text(stream, &text).await?,
            Update::Rc(rc) => {
                self.end.rc = Some(rc);
                let header = format!("program finished with exit code {rc}\n");
                self.take_text(Stream::Header, &header).await?;
            }
            Update::FailureReason(reason) => self.end.failure_reason = Some(reason),
            other => {
                let (key, value) = reported(other);
                self.keep(key, value, bytes);
            }
        }
        Ok(())
    }

    /// Keeps a value that has taken `bytes` so far. Without room for it the command is stopped.
    fn keep(&mut self, key: String, value: Value, bytes: usize) {
        if self.budget.take(bytes) {
            self.end.updates.push((key, value));
        }
    }

    async fn take_text(&mut self, stream: Stream, text: &str) -> Result<(), StepError> {
        let text = self.port.build.mask(text);
        let (channel, log, name) = match stream {
            Stream::Stdout => (Channel::Stdout, self.stdio, STDIO.to_owned()),
            Stream::Stderr => (Channel::Stderr, self.stdio, STDIO.to_owned()),
            Stream::Header => (Channel::Header, self.stdio, STDIO.to_owned()),
            Stream::Log(name) => (Channel::Stdout, self.log_file(&name).await?, name),
        };
        let collected = match channel {
            _ if name != STDIO => None,
            Channel::Stdout => self.collect_stdout.then_some(&mut self.end.stdout),
            Channel::Stderr => self.collect_stderr.then_some(&mut self.end.stderr),
            Channel::Header => None,
        };
        if let Some(collected) = collected
            && self.budget.take(text.len())
        {
            collected.push_str(&text);
        }
        if let Some(log) = log {
            log::append_masked(self.port, log, channel, &text).await?;
        }
        if let Some(observer) = &mut self.observer {
            observer.lines(Piece {
                log: &name,
                channel,
                text: &text,
            });
            if let Some(ready) = observer.ready() {
                ready.await;
            }
        }
        Ok(())
    }

    /// The log of a log file of the worker; a lazy one is made now.
    async fn log_file(&mut self, name: &str) -> Result<Option<LogKey>, StepError> {
        let Some(index) = self.log_files.iter().position(|(known, _)| known == name) else {
            return Ok(None);
        };
        let (_, target) = &mut self.log_files[index];
        match target {
            LogTarget::Log(key) => Ok(Some(*key)),
            LogTarget::Lazy(log_name) => {
                let key = log::add(self.port, log_name, LogKind::Stream).await?;
                *target = LogTarget::Log(key);
                self.end.lazy_logs.push((name.to_owned(), key));
                Ok(Some(key))
            }
        }
    }
}

fn master_end(port: &StepPort, transfer: Transfer) -> gateway::Transfer {
    match transfer {
        Transfer::ToFile {
            path,
            mode,
            max_bytes,
        } => gateway::Transfer::ToFile {
            path: port.shell.path(&path),
            maxsize: max_bytes,
            mode,
        },
        Transfer::ToDirectory {
            path,
            compress,
            max_bytes,
        } => gateway::Transfer::ToDirectory {
            root: port.shell.path(&path),
            maxsize: max_bytes,
            compression: match compress {
                None => gateway::Compression::None,
                Some(Compression::Gzip) => gateway::Compression::Gzip,
                Some(Compression::Bzip2) => gateway::Compression::Bzip2,
            },
        },
        Transfer::ToMemory { max_bytes } => gateway::Transfer::ToMemory { maxsize: max_bytes },
        Transfer::FromFile { path } => gateway::Transfer::FromFile {
            path: port.shell.path(&path),
        },
        Transfer::FromMemory(bytes) => gateway::Transfer::FromBytes(bytes.into()),
    }
}

/// Why a command has no end, as the reference raises it.
fn failed(error: &CommandError) -> StepError {
    match error {
        CommandError::Lost(_) => StepError::ConnectionLost,
        CommandError::Refused(failure) | CommandError::Broke(failure) => {
            StepError::Exception(Exception {
                class: failure.class().to_owned(),
                message: failure.value.clone(),
                traceback: Some(failure.traceback.clone()),
                place: None,
            })
        }
        CommandError::TooMuch => StepError::raise(Kind::Runtime, error.to_string()),
        CommandError::Unsendable(text) => StepError::raise(Kind::Runtime, text.as_str()),
        CommandError::Transfer(error) => StepError::of_class("builtins.OSError", error.to_string()),
    }
}
