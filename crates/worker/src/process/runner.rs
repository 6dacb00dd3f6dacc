//! One program from start to end: the loop that joins its streams, limits and log files with the report.

use std::os::fd::OwnedFd;
use std::time::Duration;

use buildbot_wire::{Failure, Stream, Update};
use rustix::process::Signal;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::child::{ChildSignals, Exit, Program};
use super::limits::LineCounter;
use super::log_files::LogFiles;
use super::pipes::{InputPipe, OutputPipe, READ_BYTES_MAX, Read};
use super::run::Run;
use super::spawn::Launched;
use crate::command::failure;
use crate::command::{InterruptReason, Report};

/// How long a program may take to die of the last signal.
const DEATH_TIME: Duration = Duration::from_secs(5);

/// How often log files are looked at.
const LOG_FILE_INTERVAL: Duration = Duration::from_secs(2);

/// Most bytes that are read from a pipe after a killed program has ended. A pipe holds 64 KiB unless
/// somebody enlarged it, up to 1 MiB.
const DRAIN_BYTES_MAX: usize = 1_048_576;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code, −1 after a signal; what `rc` says.
    pub(crate) rc: i64,
    /// The worker killed the program, because of a limit or an interrupt.
    pub(crate) killed: bool,
    /// The run broke, so the command fails.
    pub(crate) failure: Option<Failure>,
}

/// Why the worker kills a program.
enum Cause {
    Idle,
    MaxTime,
    MaxLines { written: u64, allowed: u64 },
    Interrupt(InterruptReason),
}

/// Where a program stands on its way to death.
enum Phase {
    /// Nobody wants to kill it.
    Running,
    /// Asked to end by `TERM`.
    Terminating { until: Instant },
    /// Hit by the last signal.
    Dying { until: Instant },
}

/// What can happen while a program runs.
enum Event {
    /// A batch moved on, or not; the command was interrupted.
    Report(Option<InterruptReason>),
    Exited(Exit),
    PhaseOver,
    MaxTime,
    Stdout,
    Stderr,
    Stdin,
    LogTick,
    /// The log files have been looked at; whether there is a piece.
    Logs(Option<(LogFiles, bool)>),
    Idle,
}

/// Runs a program to its end, and reports what it says. When this returns the program is gone.
pub(crate) async fn run(mut run: Run, report: &mut Report) -> Ended {
    run.announce(report);
    let started = Instant::now();
    // Blocks on the disk for a moment, as starting a program does.
    let logs = LogFiles::new(&run.log_files);
    let running = match ChildSignals::listen() {
        Ok(signals) => match run.launch() {
            Ok(launched) => Running::new(run, launched, signals, logs, started, report),
            Err(error) => return run.not_started(&error, started, report),
        },
        Err(error) => Err(failure::os(&error, None)),
    };
    match running {
        Ok(running) => running.finish().await,
        Err(failure) => Ended {
            rc: -1,
            killed: false,
            failure: Some(failure),
        },
    }
}

/// A program that runs, with everything around it.
struct Running<'a> {
    run: Run,
    report: &'a mut Report,
    program: Program,
    exit: Option<Exit>,
    phase: Phase,
    /// The last signal had no effect in time.
    given_up: bool,
    stdin: Option<InputPipe>,
    stdout: Option<OutputPipe>,
    stderr: Option<OutputPipe>,
    /// Standard output that is not read any more, open all the same.
    unread: Option<OutputPipe>,
    started: Instant,
    /// When the program has been without output for too long; absent while it is not read.
    idle_at: Option<Instant>,
    max_time_at: Option<Instant>,
    lines: u64,
    stdout_lines: LineCounter,
    stderr_lines: LineCounter,
    logs: Option<LogFiles>,
    /// A look at the log files, on a thread for blocking work.
    looking: Option<JoinHandle<(LogFiles, bool)>>,
    log_tick_at: Option<Instant>,
    buffer: Vec<u8>,
}

impl<'a> Running<'a> {
    fn new(
        mut run: Run,
        launched: Launched,
        signals: ChildSignals,
        logs: LogFiles,
        started: Instant,
        report: &'a mut Report,
    ) -> Result<Self, Failure> {
        let Launched {
            child,
            stdin,
            stdout,
            stderr,
        } = launched;
        let failed = |error: std::io::Error| failure::os(&error, None);
        // From here on dropping kills and reaps.
        let program = Program::new(child, signals);
        let open = |pipe: Option<OwnedFd>| pipe.map(OutputPipe::new).transpose();
        let input = run.stdin.take().unwrap_or_default();
        let now = Instant::now();
        Ok(Self {
            stdin: stdin
                .map(|pipe| InputPipe::new(pipe, input))
                .transpose()
                .map_err(failed)?,
            stdout: open(stdout).map_err(failed)?,
            stderr: open(stderr).map_err(failed)?,
            unread: None,
            idle_at: run
                .limits
                .timeout
                .as_ref()
                .and_then(|seconds| now.checked_add(seconds.duration)),
            max_time_at: run
                .limits
                .max_time
                .as_ref()
                .and_then(|seconds| now.checked_add(seconds.duration)),
            log_tick_at: (!logs.is_empty()).then(|| now + LOG_FILE_INTERVAL),
            logs: Some(logs),
            looking: None,
            run,
            report,
            program,
            exit: None,
            phase: Phase::Running,
            given_up: false,
            started,
            lines: 0,
            stdout_lines: LineCounter::default(),
            stderr_lines: LineCounter::default(),
            buffer: vec![0; READ_BYTES_MAX],
        })
    }

    /// Differs: when the worker has killed the program whoever is left of its group gets `KILL`, because no
    /// orphan is to remain. At a normal end nobody is killed.
    async fn finish(mut self) -> Ended {
        while !self.has_ended() {
            self.pause_or_resume();
            let event = self.next_event().await;
            self.handle(event);
        }
        if !matches!(self.phase, Phase::Running) {
            // Nobody of the group goes on, least of all while a slow master takes the rest.
            self.program.signal(Signal::KILL);
        }
        self.drain();
        self.stdin = None;
        self.stdout = None;
        self.stderr = None;
        self.unread = None;
        self.read_rest_of_logs().await;
        self.conclude().await
    }

    /// Whether the program has ended and its output is complete, or must not delay the end any more.
    fn has_ended(&self) -> bool {
        if self.given_up {
            return true;
        }
        self.exit.is_some()
            && match self.phase {
                Phase::Running | Phase::Terminating { .. } => {
                    self.stdout.is_none() && self.stderr.is_none()
                }
                Phase::Dying { .. } => true,
            }
    }

    /// While the master is slower than the program nothing is read, and silence does not count.
    ///
    /// Differs: the program waits for a slow master, because the worker's memory has a bound; and it is not
    /// killed for being silent meanwhile, because it cannot speak.
    fn pause_or_resume(&mut self) {
        if self.report.is_blocked() {
            self.idle_at = None;
        } else if self.idle_at.is_none() {
            self.restart_idle_time();
        }
    }

    fn restart_idle_time(&mut self) {
        self.idle_at = match (&self.phase, &self.run.limits.timeout) {
            (Phase::Running, Some(seconds)) => Instant::now().checked_add(seconds.duration),
            _ => None,
        };
    }

    async fn next_event(&mut self) -> Event {
        let may_read = !self.report.is_blocked();
        let phase_over_at = match self.phase {
            Phase::Running => None,
            Phase::Terminating { until } | Phase::Dying { until } => Some(until),
        };
        let log_tick_at = self
            .log_tick_at
            .filter(|_| self.looking.is_none() && may_read);
        tokio::select! {
            biased;
            reason = self.report.advance() => Event::Report(reason),
            exit = self.program.exited(), if self.exit.is_none() => Event::Exited(exit),
            () = at(phase_over_at) => Event::PhaseOver,
            () = at(self.max_time_at) => Event::MaxTime,
            outcome = joined(&mut self.looking), if self.looking.is_some() => Event::Logs(outcome),
            () = at(log_tick_at) => Event::LogTick,
            event = stream_event(
                self.stdout.as_ref().filter(|_| may_read),
                self.stderr.as_ref().filter(|_| may_read),
                self.stdin.as_ref(),
            ) => event,
            () = at(self.idle_at) => Event::Idle,
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Report(None) => {}
            Event::Report(Some(reason)) => self.kill(&Cause::Interrupt(reason)),
            Event::Exited(exit) => self.exit = Some(exit),
            Event::PhaseOver => match self.phase {
                Phase::Running => {}
                Phase::Terminating { .. } => self.send_last_signal(),
                Phase::Dying { .. } => self.given_up = true,
            },
            Event::MaxTime => self.kill(&Cause::MaxTime),
            Event::Idle => self.kill(&Cause::Idle),
            Event::Stdout => self.read_stdout(),
            Event::Stderr => self.read_stderr(),
            Event::Stdin => {
                if self.stdin.as_mut().is_some_and(InputPipe::write) {
                    self.stdin = None;
                }
            }
            Event::LogTick => self.look_at_logs(),
            Event::Logs(outcome) => self.take_log_piece(outcome),
        }
    }

    fn read_stdout(&mut self) {
        let Some(pipe) = &self.stdout else { return };
        match pipe.read(&mut self.buffer) {
            Read::Empty => {}
            Read::End => self.stdout = None,
            Read::Bytes(length) => {
                self.restart_idle_time();
                if self.run.want_stdout {
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    if let Some(allowed) = self.run.limits.max_lines {
                        self.lines += self.stdout_lines.count(bytes);
                        self.check_lines(allowed);
                    }
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    self.report.bytes(&Stream::Stdout, bytes);
                }
            }
        }
    }

    fn read_stderr(&mut self) {
        let Some(pipe) = &self.stderr else { return };
        match pipe.read(&mut self.buffer) {
            Read::Empty => {}
            Read::End => self.stderr = None,
            Read::Bytes(length) => {
                self.restart_idle_time();
                if self.run.want_stderr {
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    if let Some(allowed) = self.run.limits.max_lines {
                        self.lines += self.stderr_lines.count(bytes);
                        self.check_lines(allowed);
                    }
                    let bytes = self.buffer.get(..length).unwrap_or_default();
                    self.report.bytes(&Stream::Stderr, bytes);
                }
            }
        }
    }

    /// Kills the program if it has written too many lines.
    fn check_lines(&mut self, allowed: u64) {
        if self.lines > allowed && matches!(self.phase, Phase::Running) {
            let written = self.lines;
            self.kill(&Cause::MaxLines { written, allowed });
            self.unread = self.stdout.take();
        }
    }

    /// Begins to kill the program, unless that has begun.
    fn kill(&mut self, cause: &Cause) {
        if !matches!(self.phase, Phase::Running) {
            return;
        }
        self.idle_at = None;
        self.max_time_at = None;
        self.explain(cause);
        match self.run.limits.sigterm_time {
            Some(time) => {
                self.program.signal(Signal::TERM);
                self.phase = Phase::Terminating { until: later(time) };
            }
            None => self.send_last_signal(),
        }
    }

    /// Differs: the second signal to a program goes to its whole group too, because descendants are to end as
    /// well. Output is read until the program has died, and only then are the pipes closed, because its last
    /// words matter.
    fn send_last_signal(&mut self) {
        self.program.signal(self.run.limits.interrupt_signal);
        self.phase = Phase::Dying {
            until: later(DEATH_TIME),
        };
    }

    /// Reports why the program is killed.
    fn explain(&mut self, cause: &Cause) {
        let command = self.run.command.exactly();
        let (failure_reason, text) = match cause {
            Cause::Idle => {
                let seconds = self
                    .run
                    .limits
                    .timeout
                    .as_ref()
                    .map_or("", |seconds| &seconds.text);
                (
                    Some("timeout_without_output"),
                    format!(
                        "command timed out: {seconds} seconds without output running {command}"
                    ),
                )
            }
            Cause::MaxTime => {
                let seconds = self
                    .run
                    .limits
                    .max_time
                    .as_ref()
                    .map_or("", |seconds| &seconds.text);
                (
                    Some("timeout"),
                    format!("command timed out: {seconds} seconds elapsed running {command}"),
                )
            }
            Cause::MaxLines { written, allowed } => (
                Some("max_lines_failure"),
                format!(
                    "command exceeds max lines: {written}/{allowed} written/allowed running {command}"
                ),
            ),
            Cause::Interrupt(reason) => {
                tracing::info!(?reason, %command, "interrupting a program");
                (None, "command interrupted".to_owned())
            }
        };
        if let Some(failure_reason) = failure_reason {
            self.report
                .value(Update::FailureReason(failure_reason.to_owned()));
        }
        self.report
            .header(&format!("\n{text}, attempting to kill\n"));
    }

    /// Takes what is left in the pipes of a program that was killed.
    fn drain(&mut self) {
        if self.report.is_silent() {
            return;
        }
        for (pipe, stream, wanted) in [
            (&self.stdout, Stream::Stdout, self.run.want_stdout),
            (&self.stderr, Stream::Stderr, self.run.want_stderr),
        ] {
            let Some(pipe) = pipe.as_ref().filter(|_| wanted) else {
                continue;
            };
            let mut total = 0;
            while total < DRAIN_BYTES_MAX {
                let Read::Bytes(length) = pipe.read_at_the_end(&mut self.buffer) else {
                    break;
                };
                total += length;
                self.report
                    .bytes(&stream, self.buffer.get(..length).unwrap_or_default());
            }
        }
    }

    /// Starts a look at the log files.
    fn look_at_logs(&mut self) {
        self.log_tick_at = None;
        if let Some(mut logs) = self.logs.take() {
            self.looking = Some(tokio::task::spawn_blocking(move || {
                let has_piece = logs.advance();
                (logs, has_piece)
            }));
        }
    }

    /// Takes the outcome of a look, and looks on soon if there was something.
    fn take_log_piece(&mut self, outcome: Option<(LogFiles, bool)>) {
        self.looking = None;
        let Some((logs, has_piece)) = outcome else {
            tracing::error!("the reader of log files has died");
            return;
        };
        let pause = if has_piece {
            Duration::ZERO
        } else {
            LOG_FILE_INTERVAL
        };
        self.log_tick_at = Some(later(pause));
        if let Some(piece) = logs.piece().filter(|_| has_piece) {
            self.report
                .bytes(&Stream::Log(piece.name.to_owned()), piece.bytes);
            self.restart_idle_time();
        }
        self.logs = Some(logs);
    }

    /// Looks at the log files once more, for what they hold at the end, unless nobody wants it.
    async fn read_rest_of_logs(&mut self) {
        if self.looking.is_some() {
            let outcome = joined(&mut self.looking).await;
            self.take_log_piece(outcome);
        }
        if self.logs.as_ref().is_none_or(LogFiles::is_empty) {
            return;
        }
        if let Some(mut logs) = self.logs.take() {
            // What is written after this is not the program's.
            self.looking = Some(tokio::task::spawn_blocking(move || {
                logs.end_of_program();
                let has_piece = logs.advance();
                (logs, has_piece)
            }));
        }
        loop {
            let outcome = joined(&mut self.looking).await;
            let more = outcome.as_ref().is_some_and(|(_, has_piece)| *has_piece);
            self.take_log_piece(outcome);
            while self.report.is_blocked() {
                self.report.advance().await;
            }
            if !more || self.report.is_silent() {
                return;
            }
            self.look_at_logs();
        }
    }

    /// Reports the end, and removes what is left of the program.
    async fn conclude(mut self) -> Ended {
        let killed = !matches!(self.phase, Phase::Running);
        let (rc, failure) = match self.exit {
            Some(Exit::Signal(number)) => {
                self.report
                    .header(&format!("process killed by signal {number}\n"));
                (-1, None)
            }
            // It was asked to end before it was done.
            Some(Exit::Code(0)) if killed => (-1, None),
            Some(Exit::Code(code)) => (i64::from(code), None),
            None => {
                self.report
                    .header("SIGKILL failed to kill process\nusing fake rc=-1\n");
                let failure = failure::runtime("SIGKILL failed to kill process");
                (-1, Some(failure))
            }
        };
        self.run.report_end(rc, self.started, self.report);
        if self.exit.is_none()
            && tokio::time::timeout(DEATH_TIME, self.program.exited())
                .await
                .is_err()
        {
            tracing::warn!(command = %self.run.command.exactly(), "a program does not die of KILL");
        }
        self.program.reap(killed);
        Ended {
            rc,
            killed,
            failure,
        }
    }
}

/// An instant so much later; never, in human terms, if the clock does not reach that far.
fn later(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time)
        .unwrap_or_else(|| now + Duration::from_secs(100 * 365 * 86_400))
}

/// Waits for an instant, or forever.
async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Waits for blocking work. `None`: it panicked.
async fn joined<T>(handle: &mut Option<JoinHandle<T>>) -> Option<T> {
    match handle {
        Some(handle) => {
            let outcome = handle.await;
            outcome.ok()
        }
        None => None,
    }
}

/// Waits for any of the streams, in no order of preference.
async fn stream_event(
    stdout: Option<&OutputPipe>,
    stderr: Option<&OutputPipe>,
    stdin: Option<&InputPipe>,
) -> Event {
    let readable = async |pipe: Option<&OutputPipe>| match pipe {
        Some(pipe) => pipe.readable().await,
        None => std::future::pending().await,
    };
    let writable = async |pipe: Option<&InputPipe>| match pipe {
        Some(pipe) => pipe.writable().await,
        None => std::future::pending().await,
    };
    tokio::select! {
        () = readable(stdout) => Event::Stdout,
        () = readable(stderr) => Event::Stderr,
        () = writable(stdin) => Event::Stdin,
    }
}
