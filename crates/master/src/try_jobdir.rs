//! Directories of `Try_Jobdir`: files that appear in `new/` are jobs.
//!
//! Buildbot: manual, "Try Schedulers".

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use buildbot_config::SchedulerKind;
use buildbot_schedulers::Input;

use crate::shell::Shell;

/// How often the directories are looked at.
///
/// Differs: the reference is told by the system, or looks every ten seconds.
const INTERVAL: Duration = Duration::from_secs(1);

/// The largest job that is read, in bytes; a larger one is no job for the reference either.
const JOB_BYTES_MAX: u64 = 256 << 10;

/// Looks at the directories of all schedulers until the master ends.
pub(crate) async fn watch(shell: Arc<Shell>) {
    let mut complained: Vec<String> = Vec::new();
    loop {
        let site = shell.sites.current();
        for scheduler in &site.config.schedulers {
            let SchedulerKind::TryJobdir(arguments) = &scheduler.kind else {
                continue;
            };
            let directory = shell.path(&arguments.jobdir);
            let taken = tokio::task::spawn_blocking(move || take(&directory)).await;
            let taken = taken.unwrap_or_else(|error| Err(io::Error::other(error)));
            let name = scheduler.name().to_owned();
            match taken {
                Ok(jobs) => {
                    complained.retain(|known| *known != name);
                    for (file, content) in jobs {
                        shell.schedulers.tell(Input::JobFile {
                            scheduler: name.clone(),
                            file,
                            content,
                        });
                    }
                }
                Err(error) if !complained.contains(&name) => {
                    tracing::error!("the directory {} of {name}: {error}", arguments.jobdir);
                    complained.push(name);
                }
                Err(_) => {}
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Moves what is in `new/` to `cur/`, in the order of the names, and reads it.
fn take(directory: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
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
    let mut jobs = Vec::new();
    for name in names {
        let taken = directory.join("cur").join(&name);
        fs::rename(directory.join("new").join(&name), &taken)?;
        let shown = name.to_string_lossy().into_owned();
        match read(&taken) {
            Ok(content) => jobs.push((shown, content)),
            Err(error) => tracing::error!("the job {shown} cannot be read: {error}"),
        }
    }
    Ok(jobs)
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let size = fs::metadata(path)?.len();
    match size > JOB_BYTES_MAX {
        true => Err(io::Error::other(format!("{size} bytes are too many"))),
        false => fs::read(path),
    }
}
