//! What a command wants to be run, and how that is announced.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use buildbot_wire::{Stream, Update};
use tokio::time::Instant;

use super::command_line::CommandLine;
use super::environment::Environment;
use super::limits::Limits;
use super::log_files::LogFileRequest;
use super::runner::Ended;
use super::spawn::{Launch, LaunchError, Launched};
use crate::command::Report;
use crate::command::failure;

/// A program to be run for a command.
pub(crate) struct Run {
    /// What to run.
    pub(crate) command: CommandLine,
    /// The working directory; absolute, and existing.
    pub(crate) workdir: PathBuf,
    /// The whole environment.
    pub(crate) environment: Environment,
    /// Whether a header lists the environment.
    pub(crate) log_environment: bool,
    /// What is typed; then the terminal is not used.
    pub(crate) stdin: Option<Vec<u8>>,
    /// Whether the program gets a terminal.
    pub(crate) terminal: bool,
    /// Whether standard output is sent.
    pub(crate) want_stdout: bool,
    /// Whether standard error is sent.
    pub(crate) want_stderr: bool,
    /// Files to send along.
    pub(crate) log_files: Vec<LogFileRequest>,
    /// How those are shown in the header.
    pub(crate) log_files_shown: String,
    /// When the program is killed, and how.
    pub(crate) limits: Limits,
    /// Whether the exit code is sent, or left to the command.
    pub(crate) report_rc: bool,
}

impl Run {
    /// Sends the headers before the program starts.
    pub(super) fn announce(&mut self, report: &mut Report) {
        report.header(&format!("{}\n in dir ", self.command.title()));
        // Names and values are in the worker's encoding.
        report.bytes(&Stream::Header, self.workdir.as_os_str().as_bytes());
        let mut text = String::new();
        for (name, limit) in [
            ("timeout", &self.limits.timeout),
            ("maxTime", &self.limits.max_time),
        ] {
            if let Some(seconds) = limit {
                let unit = if seconds.text == "1" { "sec" } else { "secs" };
                text.push_str(&format!(" ({name} {seconds} {unit})"));
            }
        }
        text.push_str(&format!("\n watching logfiles {}\n", self.log_files_shown));
        text.push_str(&format!(" argv: {}\n", self.command.exactly()));
        report.header(&text);
        if self.log_environment {
            let mut lines = b" environment:\n".to_vec();
            for (name, value) in &self.environment {
                for part in [b"  ", name.as_bytes(), b"=", value.as_bytes(), b"\n"] {
                    lines.extend_from_slice(part);
                }
            }
            report.bytes(&Stream::Header, &lines);
        }
        let mut text = String::new();
        if let Some(data) = &self.stdin {
            text.push_str(&format!(" writing {} bytes to stdin\n", data.len()));
            if self.terminal {
                self.terminal = false;
                text.push_str(" no PTY is used, because stdin is given\n");
            }
        }
        let terminal = if self.terminal { "True" } else { "False" };
        text.push_str(&format!(" using PTY: {terminal}\n"));
        report.header(&text);
    }

    pub(super) fn launch(&self) -> Result<Launched, LaunchError> {
        let (program, arguments) = self.command.to_execute();
        let launch = Launch {
            program: &program,
            shown: self.command.shown_program(),
            arguments: &arguments,
            environment: &self.environment,
            workdir: &self.workdir,
            terminal: self.terminal,
            stdin: self.stdin.is_some(),
        };
        launch.start()
    }

    /// Reports that there is no program to wait for.
    pub(super) fn not_started(
        &self,
        error: &LaunchError,
        started: Instant,
        report: &mut Report,
    ) -> Ended {
        report.text(&Stream::Stderr, &format!("{error}\n"));
        let failure = match error {
            LaunchError::Program { .. } => None,
            LaunchError::System { error, .. } => Some(failure::os(error, None)),
        };
        if failure.is_none() {
            self.report_end(1, started, report);
        }
        Ended {
            rc: 1,
            killed: false,
            failure,
        }
    }

    /// Reports the exit code, if it is not left to the command, and the duration.
    pub(super) fn report_end(&self, rc: i64, started: Instant, report: &mut Report) {
        if self.report_rc {
            report.value(Update::Rc(rc));
        }
        report.header(&format!(
            "elapsedTime={:.6}\n",
            started.elapsed().as_secs_f64()
        ));
    }
}
