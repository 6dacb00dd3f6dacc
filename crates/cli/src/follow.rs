//! What a master's log says about a start or a reconfiguration, followed while it is written.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use buildbot_daemon::{LogFollower, pid_file};
use rustix::process::Pid;

use crate::output::line;

/// How often the log is looked at.
const POLL: Duration = Duration::from_millis(5);

/// How a start or a reconfiguration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The master runs with the configuration.
    Good,
    /// The configuration is wrong.
    ConfigurationRefused,
    /// The master did not start.
    StartupFailed,
    /// Nothing happened for too long.
    TimedOut,
    /// The process ended.
    Ended,
}

/// Follows a log from the line on in which `first` stands, and shows it.
pub(crate) struct Follower {
    log: LogFollower,
    first: &'static str,
    patience: Duration,
    is_silent: bool,
}

impl Follower {
    /// Only what is written from now on counts. `patience` is how long nothing may happen.
    pub(crate) fn new(log: PathBuf, first: &'static str, patience: Duration) -> Self {
        Self {
            log: LogFollower::from_end(log),
            first,
            patience,
            is_silent: false,
        }
    }

    /// Shows nothing.
    pub(crate) fn silently(self) -> Self {
        Self {
            is_silent: true,
            ..self
        }
    }

    /// Shows lines until one tells the end. `pid` is the process that writes, if its end matters.
    pub(crate) fn wait(mut self, pid: Option<Pid>) -> End {
        let mut deadline = Instant::now().checked_add(self.patience);
        let mut shows = false;
        loop {
            // Asked before the log is read, so that its last lines are seen.
            let has_ended = pid.is_some_and(|pid| !pid_file::is_alive(pid));
            let is_late = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            for text in self.log.new_lines() {
                shows |= text.contains(self.first);
                if shows && !self.is_silent {
                    line(&text);
                }
                if let Some(end) = end_of(&text) {
                    return end;
                }
                if is_progress(&text) {
                    deadline = Instant::now().checked_add(self.patience);
                }
            }
            if has_ended {
                return End::Ended;
            }
            if is_late && deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return End::TimedOut;
            }
            std::thread::sleep(POLL);
        }
    }
}

/// The lines are those that the reference's commands wait for: manual, section 3.3.
fn end_of(text: &str) -> Option<End> {
    let has = |words: &str| text.contains(words);
    if has("BuildMaster startup failed") {
        return Some(End::StartupFailed);
    }
    if has("configuration update aborted")
        || has("configuration update partially applied")
        || has("Server Shut Down")
    {
        return Some(End::ConfigurationRefused);
    }
    let is_good = has("BuildMaster is running")
        || has("configuration update complete")
        || has("message from master: attached");
    is_good.then_some(End::Good)
}

fn is_progress(text: &str) -> bool {
    [
        "Starting BuildMaster",
        "Loading configuration from",
        "added builder",
        "adding scheduler",
        "Loading builder",
        "Starting factory",
    ]
    .iter()
    .any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    use super::{End, Follower};
    use std::io::Write as _;
    use std::time::Duration;

    fn wait(text: &str) -> End {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("twistd.log");
        std::fs::write(&path, "BuildMaster is running\n").expect("an old log");
        let follower = Follower::new(path.clone(), "Log opened.", Duration::from_millis(30));
        let mut log = std::fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .expect("a log");
        log.write_all(text.as_bytes()).expect("written");
        follower.wait(None)
    }

    #[test]
    fn the_end_is_told_by_a_line() {
        for (text, end) in [
            ("x [-] BuildMaster is running\n", End::Good),
            (
                "x [-] configuration update complete (took 0.1 seconds)\n",
                End::Good,
            ),
            (
                "x [-] configuration update aborted without making any changes\n",
                End::ConfigurationRefused,
            ),
            ("x [-] BuildMaster startup failed\n", End::StartupFailed),
            ("x [-] Server Shut Down.\n", End::ConfigurationRefused),
            ("x [-] something else\n", End::TimedOut),
            ("", End::TimedOut),
        ] {
            assert_eq!(wait(text), end, "{text}");
        }
    }
}
