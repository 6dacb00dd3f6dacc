//! Directories of `Try_Jobdir`: files that appear in `new/` are jobs.
//!
//! Buildbot: manual, "Try Schedulers".

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use buildbot_config::SchedulerKind;
use buildbot_schedulers::Input;

use crate::shell::Shell;

/// How often the directories are looked at.
///
/// Differs: the directory of a `Try_Jobdir` is looked at every second; the reference is told by the system, or looks every
/// ten seconds.
const INTERVAL: Duration = Duration::from_secs(1);

/// The largest job that is read, in bytes; a larger one is no job for the reference either.
const JOB_BYTES_MAX: u64 = 256 << 10;

/// How long the submission of one job may take before the next one is looked at.
const PATIENCE: Duration = Duration::from_secs(600);

/// Looks at the directories of all schedulers until the master ends.
pub(crate) async fn watch(shell: Arc<Shell>) {
    let mut directories: BTreeMap<String, Directory> = BTreeMap::new();
    loop {
        let site = shell.sites.current();
        let schedulers = site.config.schedulers.iter();
        let wanted = schedulers.filter_map(|scheduler| match &scheduler.kind {
            SchedulerKind::TryJobdir(arguments) => {
                Some((scheduler.name().to_owned(), shell.path(&arguments.jobdir)))
            }
            _ => None,
        });
        let wanted: BTreeMap<String, PathBuf> = wanted.collect();
        directories.retain(|name, known| wanted.get(name) == Some(&known.path));
        for (name, path) in wanted {
            let known = directories.entry(name.clone());
            let directory = known.or_insert_with(|| Directory::new(path));
            directory.look(&shell, &name).await;
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The directory of one scheduler.
struct Directory {
    path: PathBuf,
    /// Files that cannot leave `new/`, and have been dealt with.
    stuck: BTreeSet<OsString>,
    has_complained: bool,
}

impl Directory {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            stuck: BTreeSet::new(),
            has_complained: false,
        }
    }

    /// Submits what is there. A job is in `new/` until its buildset is stored, so that it is not lost with the master.
    async fn look(&mut self, shell: &Shell, scheduler: &str) {
        let path = self.path.clone();
        let found = tokio::task::spawn_blocking(move || waiting(&path)).await;
        let names = match found.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(names) => names,
            Err(error) => {
                if !self.has_complained {
                    tracing::error!(
                        "the directory {} of {scheduler}: {error}",
                        self.path.display()
                    );
                }
                self.has_complained = true;
                return;
            }
        };
        self.has_complained = false;
        self.stuck.retain(|name| names.contains(name));
        for name in names {
            if !self.stuck.contains(&name) {
                self.submit(shell, scheduler, name).await;
            }
        }
    }

    async fn submit(&mut self, shell: &Shell, scheduler: &str, name: OsString) {
        let file = name.to_string_lossy().into_owned();
        let path = self.path.join("new").join(&name);
        let content = tokio::task::spawn_blocking(move || read(&path)).await;
        match content.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(content) => {
                let asked = shell.schedulers.ask(shell, |request| Input::JobFile {
                    request,
                    scheduler: scheduler.to_owned(),
                    file: file.clone(),
                    content,
                });
                match tokio::time::timeout(PATIENCE, asked).await {
                    // What is wrong with it has been logged.
                    Ok(Some(_)) => {}
                    // The master ends, and the next one takes it.
                    Ok(None) => return,
                    Err(_) => tracing::error!("the job {file} of {scheduler} takes too long"),
                }
            }
            Err(error) => tracing::error!("the job {file} cannot be read: {error}"),
        }
        let (path, of) = (self.path.clone(), name.clone());
        let moved = tokio::task::spawn_blocking(move || put_aside(&path, &of)).await;
        if let Err(error) = moved.unwrap_or_else(|error| Err(io::Error::other(error))) {
            tracing::error!("the job {file} of {scheduler} stays in new: {error}");
            self.stuck.insert(name);
        }
    }
}

/// The names in `new/`, in their order.
fn waiting(directory: &Path) -> io::Result<Vec<OsString>> {
    for part in ["new", "cur", "tmp"] {
        let part = directory.join(part);
        if !part.is_dir() {
            fs::create_dir_all(part)?;
        }
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(directory.join("new"))? {
        names.push(entry?.file_name());
    }
    names.sort();
    Ok(names)
}

/// Moves a job from `new/` to `cur/`.
fn put_aside(directory: &Path, name: &OsStr) -> io::Result<()> {
    let (new, cur) = (directory.join("new"), directory.join("cur"));
    fs::rename(new.join(name), cur.join(name))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let size = fs::metadata(path)?.len();
    match size > JOB_BYTES_MAX {
        true => Err(io::Error::other(format!("{size} bytes are too many"))),
        false => fs::read(path),
    }
}
