//! All logs of a master: which are being written, and where the others are.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use buildbot_db::tables::logs::{self, LogKind};
use buildbot_db::{Database, Reader};
use buildbot_model::{BuildId, LogId};
use tokio::sync::Semaphore;

use crate::chunks::{ChunkReader, ask};
use crate::disk::Disk;
use crate::live::Live;
use crate::parts::aside;
use crate::pool::{Pool, Threads};
use crate::reader::{Later, Lines, LogReader, LogSource, Progress, ReadError};
use crate::recovery::{self, Recovery};
use crate::running::{BUILD_BYTES_MAX, Running, Segment};
use crate::sealed::{Sealed, SealedLog, read_error};
use crate::writer::{BuildLogs, WriteError};

/// The directory of all segments, below the base directory.
const DIRECTORY: &str = "log-segments";

/// How many segments of ended builds stay open with their index, so that page after page of a log costs no new look at
/// it: an index has about 12 bytes for 128 KiB of lines.
const OPEN_MAX: usize = 64;

/// How much a store may use.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long lines wait for more of them before they are written to the file. Readers see them at once.
    pub flush_after: Duration,
    /// How many bytes of lines of all builds are on their way to the disk before writers wait.
    pub waiting_bytes_max: usize,
    /// How many threads write.
    pub writers: usize,
    /// How many threads read.
    pub readers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            flush_after: Duration::from_millis(500),
            waiting_bytes_max: 64 * 1024 * 1024,
            writers: 2,
            readers: 2,
        }
    }
}

/// The logs of a master. Cheap to clone; the last one writes what waits, and ends the threads.
#[derive(Clone)]
pub struct LogStore(Arc<Inner>);

struct Inner {
    directory: PathBuf,
    running: Arc<Running>,
    room: Arc<Semaphore>,
    open: Mutex<VecDeque<(BuildId, Arc<Sealed>)>>,
    disk: Disk,
    threads: Threads,
}

impl fmt::Debug for LogStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStore")
            .field("directory", &self.0.directory)
            .finish_non_exhaustive()
    }
}

impl LogStore {
    /// The logs below a master's base directory. Starts threads; makes no file.
    pub fn open(base_directory: &Path, settings: Settings) -> io::Result<Self> {
        // One append of the longest line, or what one build may have, must fit.
        let room = settings.waiting_bytes_max.max(2 * BUILD_BYTES_MAX);
        Ok(Self(Arc::new(Inner {
            directory: base_directory.join(DIRECTORY),
            running: Arc::default(),
            room: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS / 2))),
            open: Mutex::default(),
            disk: Disk::start(settings.writers, settings.flush_after)?,
            threads: Threads::start(settings.readers)?,
        })))
    }

    /// Where the segment of a build is, or would be: a thousand in a directory, and a thousand directories in another.
    pub fn segment_path(&self, build: BuildId) -> PathBuf {
        let id = build.0;
        let thousands = id.div_euclid(1000);
        self.0
            .directory
            .join(thousands.div_euclid(1000).to_string())
            .join(format!("{:03}", thousands.rem_euclid(1000)))
            .join(format!("{id}.bblog"))
    }

    /// Begins the logs of a build that starts. The file is made with the first log.
    pub fn begin(&self, build: BuildId) -> Result<BuildLogs, WriteError> {
        let mut running = self.running();
        if running.contains_key(&build) {
            return Err(WriteError::Running(build));
        }
        let segment = Arc::new(Segment::new(
            build,
            self.segment_path(build),
            self.0.disk.queue(build.0).clone(),
            self.0.disk.queues().to_vec(),
            self.0.room.clone(),
            Arc::downgrade(&self.0.running),
        ));
        running.insert(build, segment.clone());
        drop(running);
        self.close(build);
        Ok(BuildLogs::new(segment))
    }

    /// A reader of a log, whose row says where it is: a running build, the segment of its build, or else `logchunks`.
    /// Nothing if there is no such log.
    pub async fn reader(
        &self,
        database: &Arc<Database>,
        whose: Reader,
        log: LogId,
    ) -> Result<Option<LogReader>, ReadError> {
        let found = ask(database, whose, move |connection| {
            logs::with_build(connection, log)
        });
        let Some((row, build)) = found.await? else {
            return Ok(None);
        };
        if row.kind == LogKind::Deleted {
            return Ok(Some(LogReader::new(log, row.kind, Arc::new(Nothing))));
        }
        let source = match self.segment_source(build, log).await? {
            Some(source) => source,
            None => Arc::new(ChunkReader::new(
                database.clone(),
                whose,
                log,
                self.0.threads.pool().clone(),
            )),
        };
        Ok(Some(LogReader::new(log, row.kind, source)))
    }

    /// Where the lines of a log are, if they are in a segment.
    pub async fn segment_source(
        &self,
        build: BuildId,
        log: LogId,
    ) -> Result<Option<Arc<dyn LogSource>>, ReadError> {
        let running = self.running().get(&build).cloned();
        if let Some(segment) = running {
            let live = Live::new(segment, log, self.pool());
            return Ok(live.map(|live| Arc::new(live) as Arc<dyn LogSource>));
        }
        let segment = self.sealed(build).await?;
        Ok(segment
            .filter(|segment| segment.has(log))
            .map(|segment| -> Arc<dyn LogSource> {
                Arc::new(SealedLog {
                    segment,
                    log,
                    pool: self.pool(),
                })
            }))
    }

    /// Makes the segment of a build whole that was running when a master was killed, and seals it. Nothing if there is
    /// none: its logs have no lines.
    ///
    /// The rows of its logs are to say afterwards what is found here. Once is enough, again is harmless.
    pub async fn recover(&self, build: BuildId) -> Result<Option<Recovery>, ReadError> {
        self.close(build);
        let path = self.segment_path(build);
        let work =
            move || recovery::recover(&path, build).map_err(|damage| read_error(&path, damage));
        self.pool().run(work).await?
    }

    /// Deletes the segment of a build that does not run. Returns whether there was one. Who reads it reads on.
    pub async fn delete(&self, build: BuildId) -> Result<bool, WriteError> {
        if self.running().contains_key(&build) {
            return Err(WriteError::Running(build));
        }
        self.close(build);
        let path = self.segment_path(build);
        let work = move || {
            let old = remove(&aside(&path))?;
            Ok(remove(&path)? || old)
        };
        let deleted: Result<io::Result<bool>, ReadError> = self.pool().run(work).await;
        match deleted {
            Ok(deleted) => deleted.map_err(|source| WriteError::File {
                path: self.segment_path(build),
                source: Arc::new(source),
            }),
            Err(_) => Err(WriteError::Closed(build)),
        }
    }

    /// The segment of a build that does not run here.
    async fn sealed(&self, build: BuildId) -> Result<Option<Arc<Sealed>>, ReadError> {
        {
            let mut open = self.opened();
            if let Some(at) = open.iter().position(|(id, _)| *id == build)
                && let Some(entry) = open.remove(at)
            {
                let segment = entry.1.clone();
                open.push_back(entry);
                return Ok(Some(segment));
            }
        }
        let path = self.segment_path(build);
        let segment = self
            .pool()
            .run(move || Sealed::open(&path, build))
            .await??;
        let Some(segment) = segment.map(Arc::new) else {
            return Ok(None);
        };
        if segment.is_final() {
            let mut open = self.opened();
            open.push_back((build, segment.clone()));
            if open.len() > OPEN_MAX {
                open.pop_front();
            }
        }
        Ok(Some(segment))
    }

    /// Forgets an open segment.
    fn close(&self, build: BuildId) {
        self.opened().retain(|(id, _)| *id != build);
    }

    fn running(&self) -> MutexGuard<'_, std::collections::HashMap<BuildId, Arc<Segment>>> {
        self.0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self) -> MutexGuard<'_, VecDeque<(BuildId, Arc<Sealed>)>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pool(&self) -> Pool {
        self.0.threads.pool().clone()
    }
}

/// Deletes a file. Returns whether there was one.
fn remove(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The lines of a log that is older than logs are kept.
#[derive(Debug)]
struct Nothing;

impl LogSource for Nothing {
    fn progress(&self) -> Later<'_, Result<Progress, ReadError>> {
        let finished = true;
        Box::pin(async move {
            Ok(Progress {
                finished,
                ..Progress::default()
            })
        })
    }

    fn block(&self, _first: u64) -> Later<'_, Result<Option<Lines>, ReadError>> {
        Box::pin(async { Ok(None) })
    }

    fn wait_beyond(&self, _lines: u64) -> Later<'_, Result<Progress, ReadError>> {
        self.progress()
    }
}
