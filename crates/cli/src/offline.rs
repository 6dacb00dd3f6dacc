//! Commands that work on the files of a master while it does not run: what they look at first.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use buildbot_config::{MasterConfig, Value};
use buildbot_daemon::directory_lock::{self, DirectoryLock};
use buildbot_daemon::pid_file::{self, Found, PidFileError};

use crate::checkconfig::{self, ConfigFile};
use crate::directory;
use crate::output::{error_line, line};

/// A configuration that has no errors, of a master that does not run.
pub(crate) struct Offline {
    pub(crate) config: MasterConfig,
    /// The URL of its database.
    pub(crate) url: String,
    /// Its file.
    pub(crate) database: PathBuf,
    /// None starts meanwhile.
    _lock: DirectoryLock,
}

/// Carries a command out, which is told how to say what it does. Says what is wrong, also with its work.
pub(crate) fn run(
    basedir: &Path,
    quiet: bool,
    work: impl FnOnce(&Offline, &dyn Fn(&str)) -> anyhow::Result<()>,
) -> ExitCode {
    let say = |text: &str| {
        if !quiet {
            line(text);
        }
    };
    let Some(master) = load(basedir, &say) else {
        return ExitCode::FAILURE;
    };
    match work(&master, &say) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error_line(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Looks at the directory, whether its master runs, and at the configuration. Says what is wrong; then there is nothing.
fn load(basedir: &Path, say: &dyn Fn(&str)) -> Option<Offline> {
    if !is_stopped_master(basedir, say) {
        return None;
    }
    let lock = lock(basedir)?;
    let file = match checkconfig::file_of_directory(basedir) {
        Ok(file) => file,
        Err(failure) => {
            failure.say();
            return None;
        }
    };
    say(&format!("checking {}", file.display()));
    let file = ConfigFile {
        basedir: basedir.to_owned(),
        file,
    };
    let config = match checkconfig::load(&file) {
        Ok(config) => config,
        Err(errors) => {
            line(format!("Errors loading configuration:\n{errors}"));
            return None;
        }
    };
    let Value::Text(url) = &config.db.url else {
        error_line("a database URL that is rendered is not supported yet");
        return None;
    };
    let url = url.clone();
    match buildbot_db::locate(&url, basedir) {
        Ok(database) => Some(Offline {
            config,
            url,
            database,
            _lock: lock,
        }),
        Err(error) => {
            error_line(error.to_string());
            None
        }
    }
}

/// Also a master that has no pid file yet, or lost it, is not worked behind.
fn lock(basedir: &Path) -> Option<DirectoryLock> {
    let path = basedir.join(directory_lock::OF_MASTER);
    match DirectoryLock::take(&path) {
        Ok(Some(lock)) => Some(lock),
        Ok(None) => {
            error_line(format!(
                "'{}' is locked: the master of this directory runs, or another command works on its files",
                path.display()
            ));
            None
        }
        Err(error) => {
            error_line(format!("cannot lock '{}': {error}", path.display()));
            None
        }
    }
}

fn is_stopped_master(basedir: &Path, say: &dyn Fn(&str)) -> bool {
    say("checking basedir");
    if !directory::has_master(basedir) {
        return false;
    }
    say("checking for running master");
    let path = basedir.join(pid_file::NAME);
    match pid_file::check(&path) {
        Ok(Found::Nothing) => {}
        Ok(Found::Stale) => line(format!("Removing stale pidfile {}", path.display())),
        Ok(Found::Alive(_)) => {
            line(format!(
                "'{}' exists - is this master still running?",
                path.display()
            ));
            return false;
        }
        Err(PidFileError::NotANumber { .. }) => {
            line(format!(
                "Pidfile {} contains non-numeric value",
                path.display()
            ));
            return false;
        }
        Err(error @ PidFileError::Io { .. }) => {
            line(error.to_string());
            return false;
        }
    }
    directory::has_numbers(basedir)
}
