//! What the tests of processes share.
#![expect(dead_code, reason = "each test file uses its part")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use buildbot_confighost::{
    Answer, AskError, ConfigFile, Failure, FailureKind, Generation, Handle, Host, Inbox, LostError,
    Options, Owner, Package, Python, Question, Status,
};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// The longest that anything may take in a test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The Python of the tests.
pub(crate) fn python() -> Python {
    Python::choose(None, |name| std::env::var_os(name)).expect("the tests need a Python")
}

/// A host of our own in a directory of its own, and how to start it.
pub(crate) struct Fake {
    pub(crate) options: Options,
    pub(crate) directory: TempDir,
}

/// The small host of the tests, with lines of Python before it.
pub(crate) fn fake(before: &str) -> Fake {
    fake_host(&format!("{before}\n{}", include_str!("../hosts/host.py")))
}

/// A host with this text.
pub(crate) fn fake_host(text: &str) -> Fake {
    let directory = tempfile::tempdir().expect("directory");
    std::fs::write(directory.path().join("host.py"), text).expect("write");
    let package = Package::at(directory.path().to_owned()).expect("a package");
    let mut options = Options::new(python(), package);
    options.deadline = PATIENCE;
    options.grace = Duration::from_secs(5);
    Fake { options, directory }
}

impl Fake {
    pub(crate) async fn start(&self) -> (Host, Inbox) {
        let (owner, inbox) = Owner::channel();
        let host = Host::start(&self.options, &owner).await.expect("a host");
        (host, inbox)
    }
}

/// The question that lets the small host execute a text.
pub(crate) fn execute(code: &str) -> Question {
    Question::Call {
        function: Handle(0).into(),
        args: vec![json!(code)],
        kwargs: Map::new(),
    }
}

/// Executes a text; its `result`.
pub(crate) async fn run(host: &Host, code: &str) -> Result<Value, AskError> {
    let answer = host.ask(execute(code)).await?;
    Ok(answer.value().expect("JSON"))
}

/// The failure that a question ended with.
#[track_caller]
pub(crate) fn failure<T: std::fmt::Debug>(
    outcome: Result<T, AskError>,
    kind: FailureKind,
) -> Failure {
    match outcome {
        Err(AskError::Failed(failure)) if failure.kind == kind => failure,
        other => panic!("{other:?} instead of {kind:?}"),
    }
}

/// Waits until a status is as wanted.
pub(crate) async fn status_when(host: &Host, wanted: impl FnMut(&Status) -> bool) -> Status {
    let mut status = host.status();
    let found = tokio::time::timeout(PATIENCE, status.wait_for(wanted)).await;
    found.expect("in time").expect("a status").clone()
}

/// Waits until a process is gone from the table of processes.
pub(crate) fn wait_until_gone(pid: u32) {
    let begun = Instant::now();
    while Path::new(&format!("/proc/{pid}")).exists()
        || (!Path::new("/proc/self").exists() && ps(pid))
    {
        assert!(
            begun.elapsed() < PATIENCE,
            "the process {pid} is still there"
        );
        std::thread::yield_now();
    }
}

fn ps(pid: u32) -> bool {
    let asked = Command::new("ps").args(["-p", &pid.to_string()]).output();
    asked.is_ok_and(|output| output.status.success())
}

/// The real package in a cache that all tests share, so that it is compiled once.
pub(crate) fn real_options() -> Options {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let package = Package::unpack(|name| (name == "XDG_CACHE_HOME").then(|| cache.clone().into()));
    Options::new(python(), package.expect("unpacked"))
}

/// A configuration that is loaded by the real host.
pub(crate) struct Loaded {
    pub(crate) generation: Generation,
    pub(crate) inbox: Inbox,
    pub(crate) basedir: TempDir,
}

/// The `master.cfg` in a directory.
pub(crate) fn config_file(basedir: &Path) -> ConfigFile {
    ConfigFile {
        basedir: basedir.to_owned(),
        file: "master.cfg".into(),
        front: true,
    }
}

/// Loads a `master.cfg` with this text.
pub(crate) async fn load(options: Options, text: &str) -> Loaded {
    let basedir = tempfile::tempdir().expect("directory");
    std::fs::write(basedir.path().join("master.cfg"), text).expect("write");
    let (owner, inbox) = Owner::channel();
    let generation = Generation::load(options, owner, config_file(basedir.path()));
    Loaded {
        generation: generation.await.expect("loaded"),
        inbox,
        basedir,
    }
}

impl Loaded {
    /// The handle of what stands in `config` under a key.
    pub(crate) fn handle(&self, key: &str) -> Handle {
        let description: Value = self.generation.description().parse().expect("JSON");
        let value = &description["config"][key];
        Handle(
            value["h"]
                .as_u64()
                .unwrap_or_else(|| panic!("{key} is no handle: {description:#}")),
        )
    }

    /// Calls what stands in `config` under a key.
    pub(crate) async fn call(&self, key: &str, args: Vec<Value>) -> Result<Value, LostError> {
        let question = Question::Call {
            function: self.handle(key).into(),
            args,
            kwargs: Map::new(),
        };
        let answer: Answer = self.generation.ask(question).await?;
        Ok(answer.value().expect("JSON"))
    }
}
