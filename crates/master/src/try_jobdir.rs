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
use buildbot_schedulers::{Input, Refusal, Reply};
use tokio::task::JoinSet;

use crate::shell::Shell;

/// How often the directories are looked at.
///
/// Differs: the directory of a `Try_Jobdir` is looked at every second; the reference is told by the system, or looks every
/// ten seconds.
const INTERVAL: Duration = Duration::from_secs(1);

/// The largest job that is read, in bytes; a larger one is no job for the reference either.
const JOB_BYTES_MAX: u64 = 256 << 10;

/// Jobs of one directory that are submitted at the same time: it bounds what is held in memory, and code of the user's that
/// is slow for one of them holds none of the others.
const UNDER_WAY_MAX: usize = 64;

/// Looks at the directories of all schedulers until the master ends.
pub(crate) async fn watch(shell: Arc<Shell>) {
    let mut directories: BTreeMap<(String, PathBuf), Directory> = BTreeMap::new();
    loop {
        let site = shell.sites.current();
        let schedulers = site.config.schedulers.iter();
        let wanted = schedulers.filter_map(|scheduler| match &scheduler.kind {
            SchedulerKind::TryJobdir(arguments) => {
                Some((scheduler.name().to_owned(), shell.path(&arguments.jobdir)))
            }
            _ => None,
        });
        let wanted: BTreeSet<(String, PathBuf)> = wanted.collect();
        directories.retain(|key, known| wanted.contains(key) || known.is_busy());
        for (name, path) in wanted {
            let directory = directories.entry((name.clone(), path.clone()));
            let directory = directory.or_insert_with(|| Directory::new(path));
            let submit = |file, content| {
                let scheduler = name.clone();
                shell.schedulers.ask(&shell, |request| Input::JobFile {
                    request,
                    scheduler,
                    file,
                    content,
                })
            };
            directory.look(&name, submit).await;
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// The directory of one scheduler.
struct Directory {
    path: PathBuf,
    under_way: JoinSet<(OsString, End)>,
    /// Those that are under way, and files that have been dealt with and cannot leave `new/`.
    taken: BTreeSet<OsString>,
    has_complained: bool,
}

/// What became of a job.
enum End {
    PutAside,
    /// It could not leave `new/`.
    Stuck,
    /// The scheduler is not there, or not yet: a reconfiguration is under way.
    NotTaken,
}

impl Directory {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            under_way: JoinSet::new(),
            taken: BTreeSet::new(),
            has_complained: false,
        }
    }

    fn is_busy(&mut self) -> bool {
        self.settle();
        !self.under_way.is_empty()
    }

    /// Sees what became of those that were under way.
    fn settle(&mut self) {
        while let Some(ended) = self.under_way.try_join_next() {
            match ended {
                Ok((name, End::PutAside | End::NotTaken)) => {
                    self.taken.remove(&name);
                }
                Ok((_, End::Stuck)) => {}
                Err(error) => tracing::error!("a job in {}: {error}", self.path.display()),
            }
        }
    }

    /// Submits what is there, in the order of the names. A job is in `new/` until its buildset is stored, so that it is not
    /// lost with the master.
    async fn look<F>(&mut self, scheduler: &str, submit: impl Fn(String, Vec<u8>) -> F)
    where
        F: Future<Output = Option<Reply>> + Send + 'static,
    {
        self.settle();
        let path = self.path.clone();
        let found = tokio::task::spawn_blocking(move || waiting(&path)).await;
        let mut names = match found.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(names) => names,
            Err(error) => {
                if !self.has_complained {
                    let path = self.path.display();
                    tracing::error!("the directory {path} of {scheduler}: {error}");
                }
                self.has_complained = true;
                return;
            }
        };
        self.has_complained = false;
        self.taken.retain(|name| names.contains(name));
        names.retain(|name| !self.taken.contains(name));
        let room = UNDER_WAY_MAX.saturating_sub(self.under_way.len());
        for name in names.into_iter().take(room) {
            self.begin(scheduler, name, &submit).await;
        }
    }

    async fn begin<F>(
        &mut self,
        scheduler: &str,
        name: OsString,
        submit: impl Fn(String, Vec<u8>) -> F,
    ) where
        F: Future<Output = Option<Reply>> + Send + 'static,
    {
        let file = name.to_string_lossy().into_owned();
        let path = self.path.join("new").join(&name);
        let content = tokio::task::spawn_blocking(move || read(&path)).await;
        let submitted = match content.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(content) => Some(submit(file.clone(), content)),
            Err(error) => {
                tracing::error!("the job {file} cannot be read: {error}");
                None
            }
        };
        self.taken.insert(name.clone());
        let (directory, scheduler) = (self.path.clone(), scheduler.to_owned());
        self.under_way.spawn(async move {
            if let Some(submitted) = submitted {
                match submitted.await {
                    Some(Reply::Refused(Refusal::Unknown(_) | Refusal::WrongKind(_))) | None => {
                        return (name, End::NotTaken);
                    }
                    // What is wrong with it has been logged.
                    Some(_) => {}
                }
            }
            let of = name.clone();
            let moved = tokio::task::spawn_blocking(move || put_aside(&directory, &of)).await;
            match moved.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok(()) => (name, End::PutAside),
                Err(error) => {
                    tracing::error!("the job {file} of {scheduler} stays in new: {error}");
                    (name, End::Stuck)
                }
            }
        });
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use tokio::sync::oneshot;

    /// A scheduler that answers when it is told to.
    #[derive(Default)]
    struct Scheduler(Mutex<Vec<(String, oneshot::Sender<Reply>)>>);

    impl Scheduler {
        fn submit(
            &self,
            file: String,
            _: Vec<u8>,
        ) -> impl Future<Output = Option<Reply>> + Send + use<> {
            let (reply, replied) = oneshot::channel();
            self.0.lock().expect("no panic").push((file, reply));
            async move { replied.await.ok() }
        }

        /// Answers what it was asked with this, and returns which files that were.
        fn answer(&self, reply: &Refusal, is_answered: impl Fn(&str) -> bool) -> Vec<String> {
            let mut asked = self.0.lock().expect("no panic");
            let answered = asked.extract_if(.., |(file, _)| is_answered(file));
            let answered = answered.map(|(file, waiting)| {
                let _ = waiting.send(Reply::Refused(reply.clone()));
                file
            });
            answered.collect()
        }
    }

    /// A directory with these jobs.
    fn with_jobs(jobs: &[&str]) -> (tempfile::TempDir, Directory) {
        let place = tempfile::tempdir().expect("a directory");
        waiting(place.path()).expect("a directory");
        for job in jobs {
            fs::write(place.path().join("new").join(job), "").expect("a job");
        }
        let directory = Directory::new(place.path().to_owned());
        (place, directory)
    }

    /// Looks when those that were answered have ended.
    async fn look(directory: &mut Directory, scheduler: &Scheduler) {
        let asked = || scheduler.0.lock().expect("no panic").len();
        while directory.under_way.len() > asked() {
            tokio::task::yield_now().await;
            directory.settle();
        }
        let submit = |file, content| scheduler.submit(file, content);
        directory.look("try", submit).await;
    }

    #[tokio::test]
    async fn a_job_that_takes_long_holds_no_other() {
        let (place, mut directory) = with_jobs(&["a", "b", "c"]);
        let scheduler = Scheduler::default();
        look(&mut directory, &scheduler).await;
        let wrong = Refusal::Failed("it is no job".to_owned());
        assert_eq!(scheduler.answer(&wrong, |file| file != "a"), ["b", "c"]);
        fs::write(place.path().join("new").join("d"), "").expect("a job");
        look(&mut directory, &scheduler).await;
        assert_eq!(waiting(place.path()).expect("names"), ["a", "d"]);
        assert!(place.path().join("cur").join("b").exists());
        assert_eq!(scheduler.answer(&wrong, |_| true), ["a", "d"]);
        look(&mut directory, &scheduler).await;
        assert!(waiting(place.path()).expect("names").is_empty());
        assert!(!directory.is_busy());
    }

    #[tokio::test]
    async fn a_job_stays_until_its_scheduler_is_there() {
        let (place, mut directory) = with_jobs(&["a"]);
        let scheduler = Scheduler::default();
        let unknown = Refusal::Unknown("try".to_owned());
        for _ in 0..2 {
            look(&mut directory, &scheduler).await;
            assert_eq!(scheduler.answer(&unknown, |_| true), ["a"]);
        }
        look(&mut directory, &scheduler).await;
        assert_eq!(waiting(place.path()).expect("names"), ["a"]);
        let wrong = Refusal::Failed("it is no job".to_owned());
        assert_eq!(scheduler.answer(&wrong, |_| true), ["a"]);
        look(&mut directory, &scheduler).await;
        assert!(waiting(place.path()).expect("names").is_empty());
    }
}
