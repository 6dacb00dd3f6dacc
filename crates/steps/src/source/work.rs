//! What every source step does on its worker: programs of the version control system, files and directories.

use buildbot_config::Seconds;
use buildbot_config::steps::source::SourceArguments;
use buildbot_render::Value;

use crate::command::{CommandEnd, RemoteCommand, Transfer};
use crate::error::StepError;
use crate::port::{LogKey, LogKind};
use crate::step::Step;

/// How much the worker asks for at a time when a text is brought to it.
const TEXT_BLOCK_BYTES: i64 = 32 * 1024;

/// A step at work on its worker.
pub(crate) struct Work<'s> {
    pub step: &'s Step<'s>,
    /// Where everything goes that programs say.
    pub log: LogKey,
    /// Where everything goes that the worker says about files.
    pub log_of_files: Option<LogKey>,
    /// Where programs run; it changes while a step works in another directory first.
    pub workdir: String,
    pub settings: Settings,
}

/// What all commands of a step have in common.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The environment of the programs, without that of the builder.
    pub env: Value,
    /// Seconds without output until a program is killed.
    pub timeout: Value,
    /// Whether the log shows the environment.
    pub log_environ: bool,
    /// Whether programs are asked to end before they are killed.
    pub ends_gently: bool,
}

/// How a program is run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Run {
    /// A failure does not end the step.
    pub may_fail: bool,
    /// Its end has what it printed.
    pub collect: bool,
    /// Its end has what it printed to standard error.
    pub collect_stderr: bool,
    /// What it reads.
    pub stdin: Option<Value>,
    /// Another environment.
    pub env: Option<Value>,
    /// Another directory.
    pub workdir: Option<String>,
    /// Other seconds without output.
    pub timeout: Option<Value>,
}

impl Settings {
    /// The settings of a step that fetches sources; its environment is rendered.
    pub(crate) fn of(source: &SourceArguments) -> Self {
        Self::new(&source.env, source.timeout, source.log_environ)
    }

    /// The same for git, whose programs end gently.
    pub(crate) fn gently(self) -> Self {
        let env = match self.env {
            Value::None => Value::Dict(Vec::new()),
            env => env,
        };
        Self {
            env,
            ends_gently: true,
            ..self
        }
    }

    pub(crate) fn new(env: &Value, timeout: Option<Seconds>, log_environ: bool) -> Self {
        Self {
            env: env.clone(),
            ends_gently: false,
            timeout: timeout.map_or(Value::None, |Seconds(seconds)| number(seconds)),
            log_environ,
        }
    }
}

/// A whole number as an integer, as configurations write it.
#[expect(
    clippy::cast_possible_truncation,
    reason = "it is a whole number well within the range"
)]
fn number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        Value::Int(number as i64)
    } else {
        Value::Float(number)
    }
}

impl<'s> Work<'s> {
    /// Begins the work: makes the log `stdio`.
    pub(crate) async fn begin(
        step: &'s Step<'s>,
        workdir: String,
        settings: Settings,
    ) -> Result<Self, StepError> {
        let log = step.add_log("stdio", LogKind::Stream).await?;
        Ok(Self {
            log,
            log_of_files: Some(log),
            step,
            workdir,
            settings,
        })
    }

    /// A path below the directory where programs run.
    pub(crate) fn path(&self, name: &str) -> String {
        self.step.port.worker().join(&self.workdir, name)
    }

    /// Runs a program. How it is interrupted depends on the worker: by `TERM` where that is known.
    pub(crate) async fn program(
        &self,
        command: Vec<Value>,
        run: Run,
    ) -> Result<CommandEnd, StepError> {
        let worker = self.step.port.worker();
        let is_older = |version| worker.is_older_than("shell", version);
        let timeout = run.timeout.unwrap_or_else(|| self.settings.timeout.clone());
        let mut args = vec![
            (
                "workdir",
                Value::Text(run.workdir.unwrap_or_else(|| self.workdir.clone())),
            ),
            ("command", Value::List(command)),
            ("env", run.env.unwrap_or_else(|| self.settings.env.clone())),
            ("want_stdout", Value::Int(1)),
            ("want_stderr", Value::Int(1)),
            ("logfiles", Value::Dict(Vec::new())),
            ("timeout", timeout),
            ("maxTime", Value::None),
            ("max_lines", Value::None),
            (
                "usePTY",
                if is_older("3.0") {
                    "slave-config".into()
                } else {
                    false.into()
                },
            ),
            ("logEnviron", self.settings.log_environ.into()),
            ("initial_stdin", run.stdin.unwrap_or_default()),
        ];
        let gently = self.settings.ends_gently;
        if !is_older("2.16") {
            let seconds = if gently { Value::Int(1) } else { Value::None };
            args.push(("sigtermTime", seconds));
        } else if gently && !is_older("2.15") {
            args.push(("interruptSignal", "TERM".into()));
        }
        let mut command = self.command("shell", args);
        command.collect_stdout = run.collect;
        command.collect_stderr = run.collect_stderr;
        let end = self.step.run_command(command, None).await?;
        if end.did_fail() && !run.may_fail {
            return Err(StepError::Failed);
        }
        Ok(end)
    }

    /// A word that logs do not show, if the worker knows how.
    pub(crate) fn hidden(&self, word: &Value) -> Value {
        if self.step.port.worker().is_older_than("shell", "2.16") {
            return word.clone();
        }
        Value::Tuple(vec!["obfuscated".into(), word.clone(), "XXXXXX".into()])
    }

    /// Whether a file or directory exists.
    pub(crate) async fn exists(&self, path: &str) -> Result<bool, StepError> {
        let end = self
            .files("stat", vec![("file", path.into()), self.shown()])
            .await?;
        Ok(!end.did_fail())
    }

    /// The names in a directory, if the worker gave any answer about it.
    pub(crate) async fn list(&self, directory: &str) -> Result<Option<Vec<String>>, StepError> {
        let end = self
            .files("listdir", vec![("dir", directory.into())])
            .await?;
        let names = end.update("files").and_then(Value::as_sequence);
        Ok(names.map(|names| {
            names
                .iter()
                .filter_map(|name| Some(name.as_text()?.to_owned()))
                .collect()
        }))
    }

    /// Makes a directory; whether that went well.
    pub(crate) async fn make_directory(&self, path: &str) -> Result<bool, StepError> {
        let end = self
            .files("mkdir", vec![("dir", path.into()), self.shown()])
            .await?;
        Ok(!end.did_fail())
    }

    /// Removes files or directories; whether that went well.
    pub(crate) async fn remove(&self, path: impl Into<Value>) -> Result<bool, StepError> {
        let end = self
            .files("rmdir", vec![("dir", path.into()), self.shown()])
            .await?;
        Ok(!end.did_fail())
    }

    /// The same, also if the step was stopped.
    pub(crate) async fn clean_up(&self, path: impl Into<Value>) -> Result<bool, StepError> {
        let command = self.command("rmdir", vec![("dir", path.into()), self.shown()]);
        Ok(!self.step.clean_up(command).await?.did_fail())
    }

    /// Removes files and directories, which may take as long as a program of the step; whether that went well.
    pub(crate) async fn remove_tree(&self, path: impl Into<Value>) -> Result<bool, StepError> {
        let timeout = ("timeout", self.settings.timeout.clone());
        let end = self
            .files("rmdir", vec![("dir", path.into()), self.shown(), timeout])
            .await?;
        Ok(!end.did_fail())
    }

    /// Copies a directory; `timeout` is that of the step, or the worker's own.
    pub(crate) async fn copy(
        &self,
        from: &str,
        to: &str,
        timeout: Option<Value>,
    ) -> Result<(), StepError> {
        let mut args = vec![("fromdir", from.into()), ("todir", to.into()), self.shown()];
        args.extend(timeout.map(|timeout| ("timeout", timeout)));
        if self.files("cpdir", args).await?.did_fail() {
            return Err(StepError::Failed);
        }
        Ok(())
    }

    /// Writes a file of the worker.
    pub(crate) async fn write(
        &self,
        directory: &str,
        path: &str,
        mode: Option<i64>,
        text: impl Into<Vec<u8>>,
    ) -> Result<(), StepError> {
        let args = vec![
            ("workdir", directory.into()),
            ("workerdest", path.into()),
            ("maxsize", Value::None),
            ("blocksize", Value::Int(TEXT_BLOCK_BYTES)),
            ("mode", mode.map_or(Value::None, Value::Int)),
        ];
        let mut command = self.command("downloadFile", args);
        command.transfer = Some(Transfer::FromMemory(text.into()));
        self.step.run_command(command, None).await?;
        Ok(())
    }

    async fn files(&self, name: &str, args: Vec<(&str, Value)>) -> Result<CommandEnd, StepError> {
        self.step.run_command(self.command(name, args), None).await
    }

    fn shown(&self) -> (&'static str, Value) {
        ("logEnviron", self.settings.log_environ.into())
    }

    fn command(&self, name: &str, args: Vec<(&str, Value)>) -> RemoteCommand {
        let mut command = RemoteCommand::new(name, args);
        command.stdio = if name == "shell" {
            Some(self.log)
        } else {
            self.log_of_files
        };
        command
    }
}
