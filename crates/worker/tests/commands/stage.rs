//! The stage on which commands are run: a base directory, a master's answers, and what was heard.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use buildbot_wire::session::TransferRequest;
use buildbot_wire::{Failure, LineMarks, Stream, Update, Value};
use buildbot_worker::command::{
    CommandContext, CommandEvent, InterruptReason, Interrupter, Interrupts, Outbox, Paths,
    RemoteFailure, StartError, TransferCall, prepare,
};
use buildbot_worker::output::{Encoding, Settings};

/// A worker's base directory with one builder `b`, and how its commands run.
pub(crate) struct Stage {
    directory: tempfile::TempDir,
    /// What commands know of the worker; free to change before they run.
    pub(crate) context: CommandContext,
}

/// What a command said.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) updates: Vec<Update>,
    pub(crate) calls: Vec<TransferRequest>,
    /// How it completed, if it said so.
    pub(crate) outcome: Option<Result<(), Failure>>,
}

/// A dictionary of arguments.
pub(crate) fn arguments<const N: usize>(pairs: [(&str, Value); N]) -> Value {
    Value::Dict(pairs.map(|(key, value)| (key.into(), value)).to_vec())
}

/// A list of texts.
pub(crate) fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|item| Value::from(*item)).collect())
}

/// An interrupt by the master.
pub(crate) fn by_master() -> InterruptReason {
    InterruptReason::Master {
        why: "enough".to_owned(),
    }
}

impl Stage {
    /// A stage for PB, where the worker's environment is PATH and HOME.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let basedir = directory.path().canonicalize().expect("path");
        let builder_dir = basedir.join("b");
        std::fs::create_dir(&builder_dir).expect("builder directory");
        let path = std::env::var_os("PATH").expect("PATH");
        let environ: Vec<(OsString, OsString)> = vec![
            ("PATH".into(), path),
            ("HOME".into(), basedir.join("home").into()),
        ];
        Self {
            directory,
            context: CommandContext {
                basedir,
                environ: Arc::new(environ),
                encoding: Encoding::named(Some("utf-8")).expect("encoding"),
                settings: Arc::new(Settings::default()),
                marks: false,
                paths: Paths::Pb { builder_dir },
            },
        }
    }

    /// The same for msgpack.
    pub(crate) fn msgpack() -> Self {
        let mut stage = Self::new();
        stage.context.paths = Paths::Msgpack;
        stage.context.marks = true;
        stage
    }

    /// Sends every update at once, so that a test can wait for it.
    pub(crate) fn eager(mut self) -> Self {
        self.context.settings = Arc::new(Settings {
            buffer_size: 1,
            ..Settings::default()
        });
        self
    }

    /// Changes the worker's environment.
    pub(crate) fn with_variable(mut self, name: &str, value: &str) -> Self {
        Arc::make_mut(&mut self.context.environ).push((name.into(), value.into()));
        self
    }

    /// A path in the builder's directory, which is there for msgpack too.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.context.basedir.join("b").join(name)
    }

    pub(crate) fn path_text(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("parent")).expect("directory");
        std::fs::write(&path, content).expect("file");
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect(name)
    }

    pub(crate) fn refused(&self, name: &str, args: &Value) -> StartError {
        match prepare(name, args, self.context.clone()) {
            Ok(_) => panic!("{name} was not refused"),
            Err(error) => error,
        }
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, name: &str, args: Value) -> Heard {
        self.run_with(name, args, |_, _| {})
    }

    /// Runs a command to its end, where `hear` is told each event before it is recorded, and may interrupt.
    pub(crate) fn run_with(
        &self,
        name: &str,
        args: Value,
        hear: impl FnMut(&CommandEvent, &Interrupter),
    ) -> Heard {
        self.run_as_master(name, args, hear, |_| Ok(Value::None))
    }

    /// As [`run_with`](Self::run_with), where `answer` gives the master's answers to calls.
    pub(crate) fn run_as_master(
        &self,
        name: &str,
        args: Value,
        hear: impl FnMut(&CommandEvent, &Interrupter),
        answer: impl FnMut(&TransferRequest) -> Result<Value, RemoteFailure>,
    ) -> Heard {
        self.play(name, args, |_| {}, hear, answer)
    }

    /// As [`run`](Self::run), for a command that is interrupted as soon as it has begun.
    pub(crate) fn run_interrupted(&self, name: &str, args: Value, why: InterruptReason) -> Heard {
        let begin = |interrupter: &Interrupter| interrupter.interrupt(why);
        self.play(name, args, begin, |_, _| {}, |_| Ok(Value::None))
    }

    fn play(
        &self,
        name: &str,
        args: Value,
        begin: impl FnOnce(&Interrupter),
        mut hear: impl FnMut(&CommandEvent, &Interrupter),
        mut answer: impl FnMut(&TransferRequest) -> Result<Value, RemoteFailure>,
    ) -> Heard {
        let command = match prepare(name, &args, self.context.clone()) {
            Ok(command) => command,
            Err(error) => panic!("{name}: {error}"),
        };
        let (outbox, mut events) = Outbox::channel();
        let (interrupter, interrupts) = Interrupts::channel();
        let agent = async {
            // The command has been polled once by then.
            begin(&interrupter);
            let mut heard = Heard::default();
            while let Some(event) = events.recv().await {
                hear(&event, &interrupter);
                match event {
                    CommandEvent::Updates(updates) => heard.updates.extend(updates),
                    CommandEvent::Transfer(calls) => {
                        for TransferCall { request, reply } in calls {
                            let _ = reply.send(answer(&request));
                            heard.calls.push(request);
                        }
                    }
                    CommandEvent::Complete(outcome) => heard.outcome = Some(outcome),
                }
            }
            heard
        };
        on_runtime(async { tokio::join!(command.run(outbox, interrupts), agent).1 })
    }

    /// The base directory, which lives as long as the stage.
    pub(crate) fn basedir(&self) -> &Path {
        let _ = &self.directory;
        &self.context.basedir
    }
}

/// Runs a future as the worker does, but not for longer than a minute.
pub(crate) fn on_runtime<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("runtime");
    let outcome = runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), future)
            .await
            .expect("the command hangs")
    });
    runtime.shutdown_background();
    outcome
}

/// The text of an update of this stream, or nothing.
pub(crate) fn text_of(update: &Update, wanted: &Stream) -> String {
    match update {
        Update::Text { stream, text, .. } if stream == wanted => text.clone(),
        _ => String::new(),
    }
}

/// Whether the event carries this text on standard output.
pub(crate) fn says(event: &CommandEvent, text: &str) -> bool {
    match event {
        CommandEvent::Updates(updates) => updates
            .iter()
            .any(|update| text_of(update, &Stream::Stdout).contains(text)),
        _ => false,
    }
}

impl Heard {
    pub(crate) fn text(&self, stream: &Stream) -> String {
        self.updates
            .iter()
            .map(|update| text_of(update, stream))
            .collect()
    }

    pub(crate) fn stdout(&self) -> String {
        self.text(&Stream::Stdout)
    }

    pub(crate) fn stderr(&self) -> String {
        self.text(&Stream::Stderr)
    }

    pub(crate) fn header(&self) -> String {
        self.text(&Stream::Header)
    }

    pub(crate) fn log(&self, name: &str) -> String {
        self.text(&Stream::Log(name.to_owned()))
    }

    pub(crate) fn rc(&self) -> Option<i64> {
        let mut codes = self.updates.iter().filter_map(|update| match update {
            Update::Rc(rc) => Some(*rc),
            _ => None,
        });
        let first = codes.next();
        assert_eq!(codes.next(), None, "rc was sent twice");
        first
    }

    pub(crate) fn failure_reason(&self) -> Option<&str> {
        self.updates.iter().find_map(|update| match update {
            Update::FailureReason(reason) => Some(reason.as_str()),
            _ => None,
        })
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = self
            .updates
            .iter()
            .find_map(|update| match update {
                Update::Files(files) => Some(files.clone()),
                _ => None,
            })
            .expect("files");
        files.sort();
        files
    }

    pub(crate) fn marks(&self) -> Vec<LineMarks> {
        let marks = |update: &Update| match update {
            Update::Text { marks, .. } => marks.clone(),
            _ => None,
        };
        self.updates.iter().filter_map(marks).collect()
    }

    /// The keys of the updates in order, without repetitions.
    pub(crate) fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = self
            .updates
            .iter()
            .map(|update| match update {
                Update::Text { stream, .. } => match stream {
                    Stream::Header => "header",
                    Stream::Log(_) => "log",
                    Stream::Stderr => "stderr",
                    Stream::Stdout => "stdout",
                },
                Update::Rc(_) => "rc",
                Update::Elapsed(_) => "elapsed",
                Update::FailureReason(_) => "failure_reason",
                Update::Files(_) => "files",
                Update::Stat(_) => "stat",
                Update::Other { .. } => "other",
            })
            .collect();
        keys.dedup();
        keys
    }

    /// Checks that the command completed, and properly.
    pub(crate) fn completed(self) -> Self {
        assert_eq!(self.outcome, Some(Ok(())));
        self
    }

    /// The failure with which the command completed.
    pub(crate) fn failure(&self) -> &Failure {
        match &self.outcome {
            Some(Err(failure)) => failure,
            other => panic!("completed with {other:?}"),
        }
    }
}

/// Whether a process exists, perhaps as zombie.
pub(crate) fn is_alive(pid: &str) -> bool {
    Path::new("/proc").join(pid.trim()).exists()
}

/// Whether a process exists and is no zombie: those of strangers are reaped by whoever inherits them.
pub(crate) fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.trim()).join("stat"));
    stat.is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('Z'))
    })
}

/// Waits until a process that was killed has died, which happens soon, but not at once.
pub(crate) fn wait_until_gone(pid: &str) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while is_running(pid) {
        assert!(
            std::time::Instant::now() < deadline,
            "process {pid} lives on"
        );
        std::thread::yield_now();
    }
}
