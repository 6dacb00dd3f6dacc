//! What all steps share that run a command of the worker.

use buildbot_config::steps::languages::MaxQArguments;
use buildbot_config::steps::shell::ShellArguments;
use buildbot_model::Results;
use buildbot_render::Value;

use crate::command::{CommandEnd, DecodeRc, LogTarget, Observer, Piece, RemoteCommand};
use crate::error::StepError;
use crate::port::{Channel, LogKind};
use crate::step::{Step, type_error};
use crate::value::{flat_command, pairs, results, text_of};

/// How one command differs from what the arguments of its step say.
#[derive(Debug, Clone, PartialEq)]
pub struct Shell {
    /// The command; the step's if there is none.
    pub command: Option<Value>,
    /// The log of its output; `None` keeps none.
    pub log: Option<String>,
    /// Whether its standard output is collected.
    pub collect_stdout: bool,
    /// Whether its standard error is collected.
    pub collect_stderr: bool,
    /// Where it runs, if not in the directory of the step.
    pub workdir: Option<Value>,
    /// What its exit codes mean, if not what the step says.
    pub decode_rc: Option<DecodeRc>,
    /// What it reads, if not what the step says.
    pub initial_stdin: Option<Value>,
    /// Variables over those of the step.
    pub env: Vec<(Value, Value)>,
    /// Its log files, if not those of the step.
    pub logfiles: Option<Value>,
}

impl Default for Shell {
    fn default() -> Self {
        Self {
            command: None,
            log: Some("stdio".to_owned()),
            collect_stdout: false,
            collect_stderr: false,
            workdir: None,
            decode_rc: None,
            initial_stdin: None,
            env: Vec::new(),
            logfiles: None,
        }
    }
}

impl Shell {
    /// A command of its own, otherwise as the step says.
    pub fn of(command: impl Into<Value>) -> Self {
        Self {
            command: Some(command.into()),
            ..Self::default()
        }
    }
}

/// What exit codes mean, as an argument has it.
pub(crate) fn decode_rc(value: &Value) -> DecodeRc {
    DecodeRc(
        pairs(value)
            .iter()
            .filter_map(|(code, meaning)| {
                let code = match code {
                    Value::Int(code) => Some(*code),
                    Value::Bool(code) => Some(i64::from(*code)),
                    Value::None => None,
                    _ => return None,
                };
                Some((code, results(meaning)?))
            })
            .collect(),
    )
}

impl Step<'_> {
    /// The arguments about commands. Every step that runs one has them.
    pub(crate) fn shell(&self) -> Result<&ShellArguments, StepError> {
        self.arguments
            .shell
            .as_ref()
            .ok_or_else(|| type_error("the step runs no commands"))
    }

    /// The command of the step for the worker; its logs are made.
    pub async fn shell_command(&self, shell: Shell) -> Result<RemoteCommand, StepError> {
        let arguments = self.shell()?;
        let worker = self.port.worker();
        let command = flat_command(shell.command.as_ref().unwrap_or(&arguments.command));
        let stdio = match &shell.log {
            Some(name) => Some(self.log_or_new(name).await?),
            None => None,
        };
        if matches!(
            command,
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_)
        ) {
            return Err(type_error(format!(
                "'{}' object is not iterable",
                command.type_name()
            )));
        }
        self.set_command(command.clone());
        let env = self.environment(&arguments.env, shell.env).await?;
        let workdir = match shell.workdir {
            Some(workdir) => workdir,
            None => self.workdir(),
        };
        let use_pty = match &arguments.use_pty {
            Value::None if worker.is_older_than("shell", "3.0") => "slave-config".into(),
            Value::None => false.into(),
            given => given.clone(),
        };
        let logfiles = shell.logfiles.unwrap_or_else(|| arguments.logfiles.clone());
        let initial_stdin = shell
            .initial_stdin
            .unwrap_or_else(|| arguments.initial_stdin.clone());
        let mut remote = RemoteCommand::new(
            "shell",
            [
                ("command", command),
                ("workdir", workdir),
                ("env", env),
                ("want_stdout", arguments.want_stdout.clone()),
                ("want_stderr", arguments.want_stderr.clone()),
                ("logfiles", logfiles.clone()),
                ("timeout", arguments.timeout.clone()),
                ("maxTime", arguments.max_time.clone()),
                ("max_lines", arguments.max_lines.clone()),
                ("sigtermTime", arguments.sigterm_time.clone()),
                ("usePTY", use_pty),
                ("logEnviron", arguments.log_environ.clone()),
                ("initial_stdin", initial_stdin),
            ],
        );
        if !arguments.interrupt_signal.is_none() {
            let signal = arguments.interrupt_signal.clone();
            remote.args.push(("interruptSignal".to_owned(), signal));
        }
        remote.stdio = stdio;
        remote.collect_stdout = shell.collect_stdout;
        remote.collect_stderr = shell.collect_stderr;
        remote.decode_rc = shell
            .decode_rc
            .unwrap_or_else(|| decode_rc(&arguments.decode_rc));
        let lazy = arguments.lazylogfiles.is_true();
        if !matches!(logfiles, Value::Dict(_)) {
            return Err(type_error(format!(
                "'{}' object is not iterable",
                logfiles.type_name()
            )));
        }
        for (name, _) in pairs(&logfiles) {
            let name = text_of(name);
            let target = if lazy {
                LogTarget::Lazy(name.clone())
            } else {
                LogTarget::Log(self.add_log(&name, LogKind::Stream).await?)
            };
            remote.log_files.push((name, target));
        }
        self.leave_out_what_is_too_new(&mut remote).await?;
        Ok(remote)
    }

    /// The variables of a command: those of the builder, of the step, and its own.
    pub(crate) async fn environment(
        &self,
        of_step: &Value,
        more: Vec<(Value, Value)>,
    ) -> Result<Value, StepError> {
        let of_build = self.render(self.port.build().env.clone()).await?;
        let mut merged: Vec<(Value, Value)> = pairs(&of_build).to_vec();
        for (name, value) in pairs(of_step).iter().cloned().chain(more) {
            match merged.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => merged.push((name, value)),
            }
        }
        Ok(Value::Dict(merged))
    }

    /// What old workers do not know is left out; a header says so where the user would notice.
    async fn leave_out_what_is_too_new(&self, remote: &mut RemoteCommand) -> Result<(), StepError> {
        let worker = self.port.worker();
        let mut notes = Vec::new();
        for (name, value) in &mut remote.args {
            let is_given = value.as_text() != Some("slave-config");
            if name == "usePTY" && is_given && worker.is_older_than("shell", "2.7") {
                *value = "slave-config".into();
                notes.push("override usePTY");
            }
        }
        let mut leave_out = |argument: &str, version: &str| {
            let known = remote.args.len();
            if worker.is_older_than("shell", version) {
                remote.args.retain(|(name, _)| name != argument);
            }
            known != remote.args.len()
        };
        if leave_out("interruptSignal", "2.15") {
            notes.push("specify interruptSignal");
        }
        leave_out("sigtermTime", "2.16");
        if let Some(log) = remote.stdio {
            for what in notes {
                let note = format!("NOTE: worker does not allow master to {what}\n");
                self.port.append(log, Channel::Header, &note).await?;
            }
        }
        Ok(())
    }

    /// Runs the command of the step.
    pub async fn run_shell<'a>(
        &'a self,
        shell: Shell,
        observer: Option<&'a mut (dyn Observer + 'a)>,
    ) -> Result<CommandEnd, StepError> {
        let command = self.shell_command(shell).await?;
        self.run_command(command, observer).await
    }
}

/// `ShellCommand`, `Configure`.
pub(crate) async fn run(step: &Step<'_>) -> Result<Results, StepError> {
    Ok(step.run_shell(Shell::default(), None).await?.results)
}

/// `TreeSize`.
pub(crate) async fn tree_size(step: &Step<'_>) -> Result<Results, StepError> {
    let shell = Shell {
        collect_stdout: true,
        ..Shell::default()
    };
    let end = step.run_shell(shell, None).await?;
    let digits: String = end
        .stdout
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    let size: Option<i64> = digits.parse().ok();
    match size {
        Some(size) => {
            step.port
                .set_property("tree-size-KiB", size.into(), "treesize");
            step.set_summary(format!("treesize {size} KiB"));
        }
        None => step.set_summary("treesize unknown"),
    }
    Ok(if end.did_fail() {
        Results::Failure
    } else if size.is_none() {
        Results::Warnings
    } else {
        Results::Success
    })
}

/// What `TreeSize` shows at its end.
pub(crate) fn tree_size_summary(step: &Step<'_>, results: Results) -> String {
    let text = step
        .summary()
        .unwrap_or_else(|| "treesize unknown".to_owned());
    if results == Results::Success {
        text
    } else {
        format!("{text} ({})", results.name())
    }
}

/// Runs the command of the step, and shows every line of its output to `see`.
pub(crate) async fn run_lines(
    step: &Step<'_>,
    shell: Shell,
    mut see: impl FnMut(Channel, &str) + Send,
) -> Result<CommandEnd, StepError> {
    let mut observer = |piece: Piece<'_>| {
        if piece.log == "stdio" {
            for line in piece.lines() {
                see(piece.channel, line);
            }
        }
    };
    let end = step.run_shell(shell, Some(&mut observer)).await?;
    if let Some(log) = step.log("stdio") {
        step.port.finish_log(log).await?;
    }
    Ok(end)
}

/// `MaxQ`: failures that the tests report.
pub(crate) async fn max_q(
    step: &Step<'_>,
    arguments: &MaxQArguments,
) -> Result<Results, StepError> {
    let command = Value::List(vec!["run_maxq.py".into(), arguments.testdir.clone()]);
    let mut failures = 0;
    let see = |_, line: &str| {
        if line.starts_with("TEST FAILURE:") {
            failures += 1;
        }
    };
    let end = run_lines(step, Shell::of(command), see).await?;
    if failures == 0 && end.did_fail() {
        failures = 1;
    }
    if failures == 0 {
        step.set_summary("success");
        return Ok(Results::Success);
    }
    step.set_summary(format!("{failures} maxq failures"));
    Ok(Results::Failure)
}
