//! A directory in which one of the two programs runs, and what was seen of it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Real,
}

/// Below the Python in which the real Buildbot is.
pub(crate) fn venv(name: &str) -> PathBuf {
    let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
        panic!(
            "BUILDBOT_VENV is not set: run `tests/prepare` and set it to the directory .venv of the repository"
        );
    };
    Path::new(&venv).join("bin").join(name)
}

/// Tells a story to both, at the same time, and compares what was seen.
pub(crate) fn compare(story: fn(&mut Place)) {
    let tell = |side| {
        let mut place = Place::new(side);
        story(&mut place);
        std::mem::take(&mut place.seen)
    };
    let (ours, real) = std::thread::scope(|scope| {
        let real = scope.spawn(|| tell(Side::Real));
        (tell(Side::Ours), real.join().unwrap())
    });
    let differences = differences(&ours, &real);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What was seen of one and not of the other.
pub(crate) fn differences(ours: &[String], real: &[String]) -> Vec<String> {
    let count = ours.len().max(real.len());
    let pairs = (0..count).map(|at| (ours.get(at), real.get(at)));
    let nothing = "nothing was seen";
    pairs
        .filter(|(ours, real)| ours != real)
        .map(|(ours, real)| {
            let (ours, real) = (
                ours.map_or(nothing, String::as_str),
                real.map_or(nothing, String::as_str),
            );
            format!("--- ours\n{ours}\n--- real\n{real}")
        })
        .collect()
}

/// The configuration of most stories.
const CONFIG: &str = r#"
from buildbot.plugins import *
from buildbot.process.users import manual
c = BuildmasterConfig = {}
c['buildbotNetUsageData'] = None
c['workers'] = [worker.LocalWorker('w')]
c['protocols'] = {'pb': {'port': 'tcp:@PB@:interface=127.0.0.1'}}
c['change_source'] = [changes.PBChangeSource()]
c['schedulers'] = [
    schedulers.SingleBranchScheduler('all', change_filter=util.ChangeFilter(branch='main'), builderNames=['b']),
    schedulers.Try_Jobdir('jobs', jobdir='jobs', builderNames=['b']),
]
if @HAS_TRY@:
    # With it the reference takes no new configuration: the user is there already.
    c['schedulers'].append(schedulers.Try_Userpass('try', port='tcp:@TRY@:interface=127.0.0.1',
                                                   userpass=[('ann', 'secret')], builderNames=['b']))
c['user_managers'] = [manual.CommandlineUserManager('admin', 'adminpw', 'tcp:@USERS@:interface=127.0.0.1')]
wait = 'while test -e "@DIRECTORY@/hold"; do sleep 0.02; done'
c['builders'] = [util.BuilderConfig(name='b', workernames=['w'], factory=util.BuildFactory([
    steps.ShellCommand(name='wait', command=['sh', '-c', wait]),
]))]
"#;

/// A directory of its own.
pub(crate) struct Place {
    pub(crate) side: Side,
    pub(crate) directory: PathBuf,
    pub(crate) ports: [u16; 4],
    pub(crate) seen: Vec<String>,
    /// Whether clients can try changes over PB.
    pub(crate) has_try: bool,
    /// Further variables of the environment.
    pub(crate) variables: Vec<(String, OsString)>,
    _guard: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new(side: Side) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let directory = fs::canonicalize(guard.path()).unwrap();
        Self {
            side,
            ports: buildbot_ports::free_ports().unwrap(),
            directory,
            seen: Vec::new(),
            has_try: false,
            variables: Vec::new(),
            _guard: guard,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), self.filled(text)).unwrap();
    }

    /// Writes a program.
    pub(crate) fn write_program(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn filled(&self, text: &str) -> String {
        let [pb, again, users, other] = self.ports;
        text.replace("@DIRECTORY@", &self.directory.display().to_string())
            .replace("@HAS_TRY@", if self.has_try { "True" } else { "False" })
            .replace("@PB@", &pb.to_string())
            .replace("@TRY@", &again.to_string())
            .replace("@OTHER@", &other.to_string())
            .replace("@USERS@", &users.to_string())
    }

    /// A new master `m` with the usual configuration and `more`.
    pub(crate) fn make_master(&self, more: &str) {
        let made = self.run("create-master -q m");
        assert!(made.status.success(), "{made:?}");
        fs::create_dir_all(self.path("m/jobs/new")).unwrap();
        for name in ["cur", "tmp"] {
            fs::create_dir_all(self.path("m/jobs").join(name)).unwrap();
        }
        self.configure(more);
    }

    pub(crate) fn configure(&self, more: &str) {
        self.write("m/master.cfg", &format!("{CONFIG}\n{more}\n"));
    }

    pub(crate) fn program(&self) -> PathBuf {
        match self.side {
            Side::Ours => PathBuf::from(env!("CARGO_BIN_EXE_buildbot")),
            Side::Real => venv("buildbot"),
        }
    }

    pub(crate) fn command(&self, program: &Path, line: &str) -> Command {
        let mut command = Command::new(program);
        let words = self.filled(line);
        command
            .args(
                words
                    .split(' ')
                    .filter(|word| !word.is_empty())
                    // A blank in a word, and a word of nothing.
                    .map(|word| word.replace("%20", " ").replace("%0", "")),
            )
            .current_dir(&self.directory)
            .env("HOME", &self.directory)
            .env("PYTHONWARNINGS", "ignore")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("VIRTUAL_ENV")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.command(&self.program(), line).output().unwrap()
    }

    /// The same, after some Python has prepared the real one where it does not work by itself.
    pub(crate) fn run_prepared(&self, preparation: &str, line: &str) -> Output {
        if self.side == Side::Ours {
            return self.run(line);
        }
        let program = format!(
            "{preparation}\nimport sys\nsys.argv[0] = {:?}\nfrom buildbot.scripts.runner import run\nrun()\n",
            self.program()
        );
        self.write("prepared.py", &program);
        let line = format!("prepared.py {line}");
        self.command(&venv("python"), &line).output().unwrap()
    }

    /// Runs a command line, and remembers what can be seen.
    pub(crate) fn see(&mut self, line: &str) -> Output {
        let output = self.run(line);
        self.note(line, &output);
        output
    }

    pub(crate) fn note(&mut self, line: &str, output: &Output) {
        let said = self.free(&String::from_utf8_lossy(&output.stdout));
        self.seen.push(format!(
            "$ {line}\n{said}\nexit code {:?}",
            output.status.code()
        ));
    }

    /// What is not free in a text.
    pub(crate) fn free(&self, text: &str) -> String {
        let text = text
            .replace(&self.directory.display().to_string(), "DIRECTORY")
            .replace(&self.program().display().to_string(), "PROGRAM");
        let head = text
            .find("Usage:")
            .map_or(text.as_str(), |usage| &text[..usage]);
        // The order of these is chance.
        let head = head
            .split_once("must be in:")
            .map_or(head, |(before, _)| before);
        let mut lines: Vec<String> = Vec::new();
        for line in head.lines() {
            let is_log = line.len() > 20 && line.starts_with("20") && line.as_bytes()[10] == b' ';
            if is_log || line.contains("edit your buildbot.tac") || line.contains("trac.buildbot") {
                continue;
            }
            let words: Vec<String> = line
                .split(' ')
                .scan("", |before, word| {
                    let is_pid = matches!(*before, "PID" | "process" | "pid");
                    *before = word;
                    let number = word.trim_end_matches([',', '.']);
                    let is_pid =
                        is_pid && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
                    Some(if is_pid {
                        "N".to_owned()
                    } else {
                        word.to_owned()
                    })
                })
                .collect();
            let line = words.join(" ").trim_end().to_owned();
            // The reference says some twice.
            if lines.last() != Some(&line) || line.is_empty() {
                lines.push(line);
            }
        }
        lines.join("\n").trim().to_owned()
    }

    pub(crate) fn see_text(&mut self, what: &str, text: impl std::fmt::Display) {
        let text = self.free(&text.to_string());
        self.seen.push(format!("{what}: {text}"));
    }

    /// Remembers the rows that a statement gives in a database of the directory.
    pub(crate) fn see_rows(&mut self, database: &str, statement: &str) {
        let rows = self.rows(database, statement).join("\n");
        let rows = rows.replace(&self.directory.display().to_string(), "DIRECTORY");
        self.seen.push(format!("{statement}\n{rows}"));
    }

    pub(crate) fn rows(&self, database: &str, statement: &str) -> Vec<String> {
        let connection = rusqlite::Connection::open(self.path(database)).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        let mut prepared = connection.prepare(statement).unwrap();
        let columns = prepared.column_count();
        let rows = prepared.query_map([], |row| {
            let values: Vec<String> = (0..columns)
                .map(|column| {
                    format!(
                        "{:?}",
                        row.get::<_, rusqlite::types::Value>(column).unwrap()
                    )
                })
                .collect();
            Ok(values.join(" "))
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    pub(crate) fn execute(&self, database: &str, statements: &str) {
        let connection = rusqlite::Connection::open(self.path(database)).unwrap();
        connection.execute_batch(statements).unwrap();
    }

    /// Waits until a statement gives such rows.
    pub(crate) fn await_rows(&self, statement: &str, are_there: impl Fn(&[String]) -> bool) {
        let what = format!("{statement} in {:?}", self.side);
        await_that(&what, || are_there(&self.rows("m/state.sqlite", statement)));
    }

    pub(crate) fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.path("m/twistd.pid")).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("m/twistd.log")).unwrap_or_default()
    }

    /// Starts the master of `m`.
    pub(crate) fn start(&self) {
        let started = self.run("start --start_timeout=60 m");
        assert!(started.status.success(), "{started:?}\n{}", self.log());
    }

    /// Starts it in the foreground, and waits until it runs.
    pub(crate) fn start_in_foreground(&self) -> Foreground {
        let output = fs::File::create(self.path("foreground.out")).unwrap();
        let mut command = self.command(&self.program(), "start --nodaemon m");
        command.stdout(output.try_clone().unwrap()).stderr(output);
        let child = Foreground(command.spawn().unwrap());
        self.await_running(1);
        child
    }

    /// Waits until the log says so many times that the master runs.
    pub(crate) fn await_running(&self, times: usize) {
        let is_running = || {
            let text =
                self.log() + &fs::read_to_string(self.path("foreground.out")).unwrap_or_default();
            text.matches("BuildMaster is running").count() >= times
        };
        await_that("the master to run", is_running);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// A process that is killed if nobody waited for it.
pub(crate) struct Foreground(pub(crate) Child);

impl Drop for Foreground {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) fn await_that(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
