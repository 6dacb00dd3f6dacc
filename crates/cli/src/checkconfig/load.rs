//! Has a Python execute configurations, and reads what they say.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use buildbot_config::diff::Side;
use buildbot_config::{Description, Outcome, SourcePlace, Sources};
use buildbot_confighost::{
    AskError, Ended, FailureKind, File, Host, Inbox, Line, Options as HostOptions, Owner, Package,
    Python, Stream,
};
use tokio::sync::broadcast::error::RecvError;

use crate::checkconfig::Failure;
use crate::checkconfig::locate::ConfigFile;
use crate::checkconfig::options::Options;
use crate::output::{error_line, line};

/// A configuration that was executed and checked.
pub(crate) struct Loaded {
    pub(crate) description: Description,
    pub(crate) outcome: Outcome,
    pub(crate) timings: Timings,
}

/// How long everything took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Timings {
    /// Until the process could be asked.
    pub(crate) start: Duration,
    /// Until its description was here.
    pub(crate) load: Duration,
    /// Its size.
    pub(crate) bytes: usize,
    /// Reading the description.
    pub(crate) decode: Duration,
    /// Typing and checking.
    pub(crate) check: Duration,
}

impl Loaded {
    pub(crate) fn side(&self) -> Side<'_> {
        Side {
            description: &self.description,
            config: &self.outcome.config,
        }
    }

    /// Adds what a master would refuse at its start to the problems of a configuration without errors.
    pub(crate) fn add_refused_at_start(&mut self, target: &ConfigFile) {
        if !self.outcome.problems.errors.is_empty() {
            return;
        }
        let file = target.basedir.join(&target.file);
        let refused = buildbot_master::refused_at_start(
            &self.description,
            &self.outcome.config,
            sources(&file.to_string_lossy()),
            &target.basedir,
        );
        self.outcome.problems.refused_at_start.extend(refused);
    }
}

/// Where the keys of a file are looked for.
fn sources(file: &str) -> Sources<'_> {
    Sources {
        file,
        text_of: &|file| {
            let bytes = std::fs::read(file).ok()?;
            // What is not UTF-8 is of one byte a character nearly always.
            let latin = |error: std::string::FromUtf8Error| {
                error.as_bytes().iter().copied().map(char::from).collect()
            };
            Some(String::from_utf8(bytes).unwrap_or_else(latin))
        },
    }
}

/// Executes configurations, each in a process of its own.
pub(crate) struct Loader {
    options: HostOptions,
    /// Standard output is for JSON alone; what the user's code prints goes to standard error.
    is_stdout_ours: bool,
}

impl Loader {
    pub(crate) fn new(options: &Options, is_verbose: bool) -> Result<Self, Failure> {
        let environment = |name: &str| -> Option<OsString> { std::env::var_os(name) };
        let python = Python::choose(options.python.as_deref(), environment)
            .map_err(|error| Failure::new(error.to_string()))?;
        if is_verbose {
            error_line(format!("executing with {python}"));
        }
        let package =
            Package::unpack(environment).map_err(|error| Failure::new(error.to_string()))?;
        let mut host = HostOptions::new(python, package);
        host.arguments = std::env::args_os().skip(1).collect();
        host.load_deadline = options.load_timeout;
        Ok(Self {
            options: host,
            is_stdout_ours: options.json,
        })
    }

    /// Loads the configuration, and at the same time the one to compare with.
    pub(crate) fn load_both(
        &self,
        new: &ConfigFile,
        old: Option<&ConfigFile>,
    ) -> Result<(Loaded, Option<Loaded>), Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(format!("cannot wait for processes: {error}")))?;
        runtime.block_on(async {
            let load_old = async {
                match old {
                    Some(old) => self.load(old).await.map(Some),
                    None => Ok(None),
                }
            };
            let (new_loaded, old) = tokio::join!(self.load(new), load_old);
            Ok((new_loaded.map_err(|failure| failure.in_file(new))?, old?))
        })
    }

    async fn load(&self, target: &ConfigFile) -> Result<Loaded, Failure> {
        let begun = Instant::now();
        let (owner, inbox) = Owner::channel();
        let start = async {
            let host = Host::start(&self.options, &owner)
                .await
                .map_err(|error| Failure::new(error.to_string()))?;
            let started = begun.elapsed();
            let answer = host
                .load(buildbot_confighost::ConfigFile {
                    basedir: target.basedir.clone(),
                    file: target.file.clone(),
                    front: false,
                })
                .await
                .map_err(|error| self.failure(target, error))?;
            Ok((host, answer, started))
        };
        let mut output = Output::new(inbox, self.is_stdout_ours);
        let (host, answer, started) = output.pass_on_during(start).await?;
        let loaded = begun.elapsed();
        let bytes = answer.text().len();
        let decode = tokio::task::spawn_blocking(move || {
            let decoding = Instant::now();
            let description = Description::from_json(answer.text().as_bytes());
            (description, decoding.elapsed())
        });
        // Nobody is going to call anything, and what was printed last may still be under way.
        let end = async { tokio::join!(decode, host.stop()).0 };
        let (description, decoded) = output
            .pass_on_during(end)
            .await
            .map_err(|error| Failure::new(error.to_string()))?;
        let description = description.map_err(|error| Failure::new(error.to_string()))?;
        let checking = Instant::now();
        let file = target.basedir.join(&target.file);
        let outcome = buildbot_config::read(&description, sources(&file.to_string_lossy()));
        Ok(Loaded {
            timings: Timings {
                start: started,
                load: loaded.saturating_sub(started),
                bytes,
                decode: decoded,
                check: checking.elapsed(),
            },
            description,
            outcome,
        })
    }

    fn failure(&self, target: &ConfigFile, error: AskError) -> Failure {
        let file = target.basedir.join(&target.file);
        let file = file.display();
        match error {
            AskError::Failed(failure) if failure.kind == FailureKind::Deadline => Failure::of_file(
                format!(
                    "configuration file '{file}' takes longer than {} s to load",
                    self.options.load_deadline.as_secs_f64()
                ),
                failure.at.as_ref().and_then(place),
                vec![
                    failure.traceback,
                    "more time can be given with --load-timeout".to_owned(),
                ],
            ),
            AskError::Failed(failure) => Failure::of_file(
                format!("while loading '{file}': {failure}"),
                failure.at.as_ref().and_then(place),
                vec![failure.traceback],
            ),
            AskError::Ended(ended) => {
                let message = format!("while loading '{file}': {}", ended.summary());
                // What it wrote on standard error has been shown as it came.
                let (at, stack) = self.crash(target, &ended);
                Failure::of_file(message, at, stack)
            }
            other => Failure::of_file(format!("while loading '{file}': {other}"), None, Vec::new()),
        }
    }

    /// Where the user's code was when its process crashed, and the stack without our package.
    fn crash(&self, target: &ConfigFile, ended: &Ended) -> (Option<SourcePlace>, Vec<String>) {
        let ours = self.options.package.directory();
        let theirs = || {
            ended
                .crashed_at()
                .filter(|(file, _, _)| !Path::new(file).starts_with(ours))
        };
        let nearest = theirs()
            .find(|(file, _, _)| Path::new(file).starts_with(&target.basedir))
            .or_else(|| theirs().next());
        let at = nearest.map(|(file, line, _)| SourcePlace {
            file: file.to_owned(),
            line,
        });
        (at, theirs().map(|(_, _, text)| text.to_owned()).collect())
    }
}

/// A place that does not need a description.
fn place(place: &buildbot_confighost::Place) -> Option<SourcePlace> {
    match &place.file {
        File::Path(file) => Some(SourcePlace {
            file: file.clone(),
            line: u32::try_from(place.line).unwrap_or(u32::MAX),
        }),
        File::Index(_) => None,
    }
}

/// What the user's code prints.
struct Output {
    inbox: Inbox,
    is_stdout_ours: bool,
}

impl Output {
    fn new(inbox: Inbox, is_stdout_ours: bool) -> Self {
        Self {
            inbox,
            is_stdout_ours,
        }
    }

    /// Passes lines on while `work` is done, and then those that are left.
    async fn pass_on_during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                received = self.inbox.lines.recv() => match received {
                    Ok(line) => {
                        self.pass_on(&line);
                        self.pass_on_waiting();
                    }
                    Err(RecvError::Lagged(count)) => say_dropped(count),
                    Err(RecvError::Closed) => break work.await,
                },
            }
        };
        self.pass_on_waiting();
        done
    }

    fn pass_on_waiting(&mut self) {
        while let Ok(line) = self.inbox.lines.try_recv() {
            self.pass_on(&line);
        }
    }

    fn pass_on(&self, printed: &Line) {
        match printed.stream {
            Stream::Stdout if !self.is_stdout_ours => line(&printed.text),
            Stream::Stdout | Stream::Stderr => error_line(&printed.text),
        }
    }
}

fn say_dropped(count: u64) {
    error_line(format!("({count} lines of output were dropped)"));
}
