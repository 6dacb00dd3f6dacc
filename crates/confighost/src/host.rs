//! One process: started, asked, ended.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::driver::{self, Command, Driver};
use crate::ended::{Ended, Exit, Reason};
use crate::frame::{Frame, FrameError};
use crate::message::{Answer, ConfigFile, Failure, Hello, Question, Rendered, Target, VERSION};
use crate::owner::Owner;
use crate::package::Package;
use crate::process::{self, Process};
use crate::python::{OLDEST, Python, parse_version};
use crate::status::Status;

/// Commands that wait for the driver; each caller waits for room.
const COMMANDS_MAX: usize = 64;

/// How a process is started, and how long it may take for what.
#[derive(Debug, Clone)]
pub struct Options {
    /// The Python that executes it.
    pub python: Python,
    /// Where our package is.
    pub package: Package,
    /// The arguments of the program that the configuration sees: `sys.argv[1:]`.
    pub arguments: Vec<OsString>,
    /// Most bytes of address space that it may use; Linux only.
    pub memory_limit: Option<u64>,
    /// Most time until it is ready to be asked.
    pub start_deadline: Duration,
    /// Most time that a configuration may take to load.
    pub load_deadline: Duration,
    /// Most time that any other question may take.
    pub deadline: Duration,
    /// Time between breaking a question off and killing the process.
    pub grace: Duration,
}

impl Options {
    /// The usual limits.
    pub fn new(python: Python, package: Package) -> Self {
        Self {
            python,
            package,
            arguments: Vec::new(),
            memory_limit: None,
            start_deadline: Duration::from_secs(60),
            load_deadline: Duration::from_secs(60),
            deadline: Duration::from_secs(30),
            grace: Duration::from_secs(5),
        }
    }

    fn deadline_of(&self, question: &Question) -> Duration {
        match question {
            Question::Load(_) => self.load_deadline,
            Question::Call { .. }
            | Question::Method { .. }
            | Question::Render { .. }
            | Question::Ping => self.deadline,
        }
    }
}

/// Why there is no process to ask.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The program cannot be started.
    #[error("{python} cannot be started: {reason}")]
    Launch {
        /// The program.
        python: Python,
        /// What the system says.
        reason: io::Error,
    },
    /// Its Python is too old for our package.
    #[error(
        "{python} is Python {version}, but 3.9 or newer is needed; install a newer one, or name it with \
             --python or in the environment variable BUILDBOT_PYTHON"
    )]
    TooOld {
        /// The program.
        python: Python,
        /// What it says.
        version: String,
    },
    /// The package is of another version than this program; only an override can cause that.
    #[error("the package in {} speaks version {theirs} of the format, this program version {VERSION}", package.display())]
    Version {
        /// Where the package is.
        package: PathBuf,
        /// What it speaks.
        theirs: u64,
    },
    /// It ended before it was ready.
    #[error("{python} did not start: {ended}")]
    Ended {
        /// The program.
        python: Python,
        /// How it ended.
        ended: Arc<Ended>,
    },
}

/// Why a question has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskError {
    /// User code gave none.
    #[error("{0}")]
    Failed(Failure),
    /// The process ended.
    #[error("{0}")]
    Ended(Arc<Ended>),
    /// The question, or the data, does not fit into a frame.
    #[error(transparent)]
    TooLarge(#[from] FrameError),
    /// The answer is not of the form that this question has.
    #[error("the answer to the question {question:?} is not of the expected form: {problem}")]
    Malformed {
        /// What was asked.
        question: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// The answer to a ping.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pong {
    /// Resident memory, in KiB.
    pub rss_kb: u64,
    /// What can be called.
    pub handles: u64,
}

/// A running process; cheap to clone. When the last clone is dropped, its process group is killed.
#[derive(Debug, Clone)]
pub struct Host(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: Options,
    hello: Hello,
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Status>,
    ended: watch::Receiver<Option<Arc<Ended>>>,
    /// Aborts the driver when dropped, and with it the process.
    _driver: JoinSet<()>,
}

impl Host {
    /// Starts a process, and waits until it can be asked.
    pub async fn start(options: &Options, owner: &Owner) -> Result<Self, StartError> {
        let python = || options.python.clone();
        let launch_failed = |reason| StartError::Launch {
            python: python(),
            reason,
        };
        let launched = Process::launch(
            options.python.path(),
            &options.package.host(),
            &options.arguments,
        )
        .map_err(launch_failed)?;
        if let Some(bytes) = options.memory_limit {
            launched.process.limit_memory(bytes);
        }
        let (commands, commands_receiver) = mpsc::channel(COMMANDS_MAX);
        let (status_sender, status) = watch::channel(Status::starting(launched.process.pid()));
        let (ended_sender, mut ended) = watch::channel(None);
        let (ready, hello) = oneshot::channel();
        let driver = Driver::new(
            launched,
            owner.clone(),
            driver::Ends {
                commands: commands_receiver,
                ready,
                status: status_sender,
                ended: ended_sender,
            },
            driver::Limits {
                start: options.start_deadline,
                grace: options.grace,
            },
        )
        .map_err(launch_failed)?;
        let mut tasks = JoinSet::new();
        tasks.spawn(driver.run());

        let Ok(hello) = hello.await else {
            let ended = wait_for_end(&mut ended).await;
            return Err(why_it_did_not_start(options, ended).await);
        };
        check(options, &hello)?;
        tracing::debug!(python = %options.python, version = hello.python, pid = hello.pid, "a Python is ready");
        Ok(Self(Arc::new(Inner {
            options: options.clone(),
            hello,
            commands,
            status,
            ended,
            _driver: tasks,
        })))
    }

    /// What the process said first.
    pub fn hello(&self) -> &Hello {
        &self.0.hello
    }

    /// What is known about it, as it changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.0.status.clone()
    }

    /// Executes a configuration file; the answer is its description.
    pub async fn load(&self, file: ConfigFile) -> Result<Answer, AskError> {
        self.ask(Question::Load(file)).await
    }

    /// Calls a function, and awaits what it returns.
    pub async fn call(
        &self,
        function: impl Into<Target>,
        args: Vec<Value>,
        kwargs: Map<String, Value>,
    ) -> Result<Answer, AskError> {
        self.ask(Question::Call {
            function: function.into(),
            args,
            kwargs,
        })
        .await
    }

    /// Calls a method of an object, and awaits what it returns.
    pub async fn method(
        &self,
        object: impl Into<Target>,
        name: String,
        args: Vec<Value>,
        kwargs: Map<String, Value>,
    ) -> Result<Answer, AskError> {
        self.ask(Question::Method {
            object: object.into(),
            name,
            args,
            kwargs,
        })
        .await
    }

    /// Renders values; each has an outcome of its own.
    pub async fn render(&self, items: Vec<Value>, props: Value) -> Result<Rendered, AskError> {
        let question = Question::Render { items, props };
        let name = question.name();
        let answer = self.ask(question).await?;
        Rendered::of(&answer).map_err(|error| malformed(name, &error))
    }

    /// Asks how it is.
    pub async fn ping(&self) -> Result<Pong, AskError> {
        let answer = self.ask(Question::Ping).await?;
        answer.parse().map_err(|error| malformed("ping", &error))
    }

    /// Asks, with the deadline that such questions have.
    pub async fn ask(&self, question: Question) -> Result<Answer, AskError> {
        let deadline = self.0.options.deadline_of(&question);
        self.ask_within(question, deadline).await
    }

    /// Asks, with a deadline.
    ///
    /// It counts from when the question has its turn: questions are executed one after the other. Who drops this
    /// future does not break off what has begun.
    pub async fn ask_within(
        &self,
        question: Question,
        deadline: Duration,
    ) -> Result<Answer, AskError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Ask {
            question,
            deadline,
            reply,
        };
        if self.0.commands.send(command).await.is_ok()
            && let Ok(outcome) = answer.await
        {
            return outcome;
        }
        Err(AskError::Ended(self.ended().await))
    }

    /// Sends log data; waits while the process does not take more.
    pub async fn send(&self, stream: u64, bytes: Vec<u8>) -> Result<(), AskError> {
        let frame = Frame::Stream { stream, bytes }.encode()?;
        match self.0.commands.send(Command::Send(frame)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(AskError::Ended(self.ended().await)),
        }
    }

    /// Whether the process still runs.
    pub fn is_running(&self) -> bool {
        self.0.ended.borrow().is_none()
    }

    /// Waits for the end of the process.
    pub async fn ended(&self) -> Arc<Ended> {
        wait_for_end(&mut self.0.ended.clone()).await
    }

    /// Asks the process to end, and waits for that; after the grace time it is killed.
    pub async fn stop(&self) -> Arc<Ended> {
        // Fails if it is gone.
        let _ = self.0.commands.send(Command::Stop).await;
        self.ended().await
    }
}

fn malformed(question: &'static str, error: &serde_json::Error) -> AskError {
    AskError::Malformed {
        question,
        problem: error.to_string(),
    }
}

async fn wait_for_end(ended: &mut watch::Receiver<Option<Arc<Ended>>>) -> Arc<Ended> {
    match ended.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(ended)) => ended.clone(),
        // The driver tells before it ends, unless it failed; with it the process is gone.
        Ok(None) | Err(_) => Arc::new(Ended {
            exit: Exit::Signal(Signal::KILL.as_raw()),
            reason: Reason::Garbled("what watched it has failed".to_owned()),
            stderr: Vec::new(),
            stack: None,
        }),
    }
}

fn check(options: &Options, hello: &Hello) -> Result<(), StartError> {
    if parse_version(&hello.python).is_none_or(|version| version < OLDEST) {
        return Err(StartError::TooOld {
            python: options.python.clone(),
            version: hello.python.clone(),
        });
    }
    if hello.hello != VERSION {
        return Err(StartError::Version {
            package: options.package.directory().to_owned(),
            theirs: hello.hello,
        });
    }
    Ok(())
}

/// Finds out whether a Python that did not even say hello is too old for that.
async fn why_it_did_not_start(options: &Options, ended: Arc<Ended>) -> StartError {
    let python = options.python.clone();
    match process::version(python.path()).await {
        Some(version) if parse_version(&version).is_some_and(|it| it < OLDEST) => {
            StartError::TooOld { python, version }
        }
        _ => StartError::Ended { python, ended },
    }
}
