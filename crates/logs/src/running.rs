//! The logs of a running build: what is in its segment, what is on its way there, and what waits.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use buildbot_db::tables::logs::LogKind;
use buildbot_model::{BuildId, LogId};
use tokio::sync::{Semaphore, oneshot};

use crate::disk::Queue;
use crate::log::{FRAME_BYTES, Finish, Log};
use crate::parts::{Links, Part, Written, create, encode_part, encode_seal};
use crate::reader::Progress;
use crate::segment::{Codec, Index, encode_file_header};
use crate::writer::{Limits, Stream, WriteError};

/// From how many waiting bytes on a segment is written at once: then most of them fill frames.
const WRITE_BYTES: usize = 2 * FRAME_BYTES;

/// How many bytes of one build are on their way to the disk, so that a loud build does not take the room of all.
pub(crate) const BUILD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// From how many bytes on a seal waits for the disk although all lines are there already: finding the index of less again
/// costs a reader nothing.
const SEAL_SYNC_BYTES: u64 = 1024 * 1024;

/// The segments that are being written.
pub(crate) type Running = Mutex<HashMap<BuildId, Arc<Segment>>>;

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That what was appended is durable.
    Sync,
    /// That the segment is complete, and its lines durable.
    Seal,
}

type Waiter = (Wish, oneshot::Sender<Result<(), WriteError>>);

/// What a thread that writes keeps between segments.
pub(crate) struct Scratch {
    pub(crate) codec: Codec,
    out: Vec<u8>,
    links: Links,
}

impl Scratch {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            codec: Codec::new()?,
            out: Vec::new(),
            links: Links::default(),
        })
    }
}

/// The segment of a running build.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) build: BuildId,
    pub(crate) path: PathBuf,
    queue: Arc<Queue>,
    /// Bytes of this build, and of all, that may be on their way.
    own_room: Semaphore,
    room: Arc<Semaphore>,
    /// All queues, which are hurried when there is no room.
    queues: Vec<Arc<Queue>>,
    running: Weak<Running>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) logs: BTreeMap<LogId, Log>,
    /// Those with something to write.
    dirty: BTreeSet<LogId>,
    /// Bytes that wait, over all logs.
    waiting_bytes: usize,
    /// It is in the queue for now, for later.
    is_queued: bool,
    is_timed: bool,
    waiters: Vec<Waiter>,
    mode: Mode,
    /// Where the next record goes; 0 before there is a file.
    end: u64,
    /// Whether a crash of the system leaves the file in its directory.
    is_linked: bool,
    /// Up to where a crash of the system leaves the file as it is.
    durable_end: u64,
}

/// Whether a segment takes more.
#[derive(Debug)]
enum Mode {
    Open,
    /// Nobody has it any more; it is written as it is.
    Abandoned,
    Closed,
    Failed(WriteError),
}

/// What a thread writes in one go.
struct Batch {
    logs: Vec<Part>,
    waiters: Vec<Waiter>,
    /// Where it goes.
    end: u64,
    seals: bool,
    closes: bool,
}

impl Segment {
    pub(crate) fn new(
        build: BuildId,
        path: PathBuf,
        queue: Arc<Queue>,
        queues: Vec<Arc<Queue>>,
        room: Arc<Semaphore>,
        running: Weak<Running>,
    ) -> Self {
        Self {
            build,
            path,
            queue,
            own_room: Semaphore::new(BUILD_BYTES_MAX),
            room,
            queues,
            running,
            state: Mutex::new(State {
                logs: BTreeMap::new(),
                dirty: BTreeSet::new(),
                waiting_bytes: 0,
                is_queued: false,
                is_timed: false,
                waiters: Vec::new(),
                mode: Mode::Open,
                end: 0,
                is_linked: false,
                durable_end: 0,
            }),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(
        self: &Arc<Self>,
        log: LogId,
        kind: LogKind,
        limits: Limits,
    ) -> Result<(), WriteError> {
        let mut state = self.lock();
        state.check(self.build)?;
        if let Entry::Vacant(entry) = state.logs.entry(log) {
            entry.insert(Log::new(kind, limits));
            state.dirty.insert(log);
            self.write_later(&mut state)?;
        }
        Ok(())
    }

    /// Takes lines once there is room for them.
    pub(crate) async fn append(
        self: &Arc<Self>,
        log: LogId,
        stream: Stream,
        text: &str,
    ) -> Result<(), WriteError> {
        // What it takes at most: a letter for each line, and an end of the last.
        let bytes = text.len() + memchr::memchr_iter(b'\n', text.as_bytes()).count() + 2;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let closed = |_| WriteError::Closed(self.build);
        let own = self.own_room.acquire_many(bytes).await.map_err(closed)?;
        let all = match self.room.try_acquire_many(bytes) {
            Ok(all) => all,
            Err(_) => {
                // It may be held by many builds that have little.
                for queue in &self.queues {
                    queue.hurry();
                }
                self.room.acquire_many(bytes).await.map_err(closed)?
            }
        };
        let mut guard = self.lock();
        let state = &mut *guard;
        state.check(self.build)?;
        let Some(found) = state.logs.get_mut(&log) else {
            return Err(WriteError::Closed(self.build));
        };
        if found.finish != Finish::No {
            return Err(WriteError::Finished(log));
        }
        let before = found.waiting.len();
        found.push_limited(stream, text);
        let added = found.waiting.len() - before;
        if added == 0 {
            return Ok(());
        }
        found.unpaid_bytes += added.saturating_sub(bytes as usize);
        found.announce();
        state.dirty.insert(log);
        state.waiting_bytes += added;
        // From here on the room is that of the bytes that wait, and is given back when they are written.
        own.forget();
        all.forget();
        self.give_back((bytes as usize).saturating_sub(added));
        if state.waiting_bytes >= WRITE_BYTES {
            self.write_now(state, false)?;
        }
        self.write_later(state)
    }

    fn give_back(&self, bytes: usize) {
        self.own_room.add_permits(bytes);
        self.room.add_permits(bytes);
    }

    fn write_now(self: &Arc<Self>, state: &mut State, whole: bool) -> Result<(), WriteError> {
        // Whole is more than what may be queued.
        if (whole || !state.is_queued) && !self.queue.now(self, whole) {
            return Err(WriteError::Closed(self.build));
        }
        state.is_queued = true;
        Ok(())
    }

    fn write_later(self: &Arc<Self>, state: &mut State) -> Result<(), WriteError> {
        if !state.is_timed && !self.queue.later(self) {
            return Err(WriteError::Closed(self.build));
        }
        state.is_timed = true;
        Ok(())
    }

    pub(crate) fn line_count(&self, log: LogId) -> Result<u64, WriteError> {
        let state = self.lock();
        if let Mode::Failed(error) = &state.mode {
            return Err(error.clone());
        }
        Ok(state.logs.get(&log).map_or(0, Log::lines))
    }

    pub(crate) fn progress(&self, log: LogId) -> Progress {
        let state = self.lock();
        state.logs.get(&log).map(Log::progress).unwrap_or_default()
    }

    /// Says that nothing more is added to a log.
    pub(crate) fn finish(self: &Arc<Self>, log: LogId) -> Result<(), WriteError> {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.check(self.build)?;
        let Some(found) = state.logs.get_mut(&log) else {
            return Err(WriteError::Closed(self.build));
        };
        if found.finish == Finish::No {
            found.finish();
            found.announce();
            state.dirty.insert(log);
        }
        Ok(())
    }

    /// Waits until a wish is fulfilled. The wish is made at once, and stays if nobody waits any more.
    pub(crate) async fn ask(self: &Arc<Self>, wish: Wish) -> Result<(), WriteError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.lock();
            state.check(self.build)?;
            state.waiters.push((wish, answer));
            self.write_now(&mut state, true)?;
        }
        let lost = |_| WriteError::Closed(self.build);
        answered.await.map_err(lost)?
    }

    /// Nobody appends any more. Nothing, if it is sealed.
    pub(crate) fn abandon(self: &Arc<Self>) {
        let mut state = self.lock();
        if matches!(state.mode, Mode::Open) {
            let seals = state.waiters.iter().any(|(wish, _)| *wish == Wish::Seal);
            if !seals {
                state.mode = Mode::Abandoned;
                // When nobody writes any more, there is nothing to leave behind.
                drop(self.write_now(&mut state, true));
            }
        }
    }

    /// Writes what waits. Called by the one thread whose queue it is in.
    pub(crate) fn write(self: &Arc<Self>, whole: bool, scratch: &mut Scratch) {
        let batch = self.lock().take(whole);
        let seals = batch.seals;
        let closes = batch.closes || seals;
        let waiters = match self.write_batch(&batch, scratch) {
            Ok((written, end)) => self.settle(batch, written, end),
            Err(source) => {
                let error = WriteError::File {
                    path: self.path.clone(),
                    source: Arc::new(source),
                };
                tracing::error!(build = %self.build, %error, "the logs of a build are lost");
                self.fail(batch, &error);
                return;
            }
        };
        if seals && let Err(error) = self.seal(scratch) {
            let error = WriteError::File {
                path: self.path.clone(),
                source: Arc::new(error),
            };
            tracing::error!(build = %self.build, %error, "while sealing");
            self.lock().mode = Mode::Failed(error.clone());
            self.leave();
            return answer(waiters, &Err(error));
        }
        if closes {
            self.leave();
        }
        answer(waiters, &Ok(()));
    }

    /// It is not among the running ones any more.
    fn leave(&self) {
        if let Some(running) = self.running.upgrade() {
            let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
            running.remove(&self.build);
        }
    }

    fn write_batch(&self, batch: &Batch, scratch: &mut Scratch) -> io::Result<(Vec<Written>, u64)> {
        scratch.out.clear();
        let mut start = batch.end;
        let creates = batch.end == 0 && !batch.logs.is_empty();
        if creates {
            scratch
                .out
                .extend_from_slice(&encode_file_header(self.build.0));
        }
        let mut written = Vec::with_capacity(batch.logs.len());
        let Scratch { codec, out, links } = &mut *scratch;
        for part in &batch.logs {
            written.push(encode_part(part, start, codec, out)?);
        }
        if creates {
            let file = create(&self.path, links)?;
            file.write_all_at(out, 0)?;
            self.sync_if_wanted(batch, &file, out.len() as u64, links)?;
        } else if batch.end != 0 {
            // Not kept open between: thousands of builds run at once, and files are few.
            let wants_sync = !batch.waiters.is_empty();
            if !out.is_empty() || wants_sync {
                let file = OpenOptions::new().write(true).open(&self.path)?;
                file.write_all_at(out, batch.end)?;
                self.sync_if_wanted(batch, &file, batch.end + out.len() as u64, links)?;
            }
        }
        start += scratch.out.len() as u64;
        // One long line is no reason to keep its room.
        scratch.out.shrink_to(4 * WRITE_BYTES);
        Ok((written, start))
    }

    fn sync_if_wanted(
        &self,
        batch: &Batch,
        file: &File,
        end: u64,
        links: &mut Links,
    ) -> io::Result<()> {
        // A seal makes durable what is not.
        if batch.waiters.is_empty() || batch.seals {
            return Ok(());
        }
        self.sync(file, end, links)
    }

    /// Makes the file durable up to `end`, where it ends.
    fn sync(&self, file: &File, end: u64, links: &mut Links) -> io::Result<()> {
        file.sync_data()?;
        if !self.lock().is_linked {
            links.sync(&self.path)?;
        }
        let mut state = self.lock();
        state.is_linked = true;
        state.durable_end = end;
        Ok(())
    }

    /// What was written is now in the file. Returns who waited for it.
    fn settle(self: &Arc<Self>, batch: Batch, written: Vec<Written>, end: u64) -> Vec<Waiter> {
        let mut paid = 0;
        {
            let mut state = self.lock();
            state.end = end;
            for part in written {
                paid += part.paid_bytes;
                let Some(log) = state.logs.get_mut(&part.log) else {
                    continue;
                };
                for frame in part.frames {
                    log.stored.push(frame);
                }
                log.writing = None;
                log.writing_lines = 0;
                log.is_announced |= part.announced;
                if part.finished {
                    log.finish = Finish::Stored;
                    log.stored.is_finished = true;
                }
                log.announce();
            }
            if state.waiting_bytes >= WRITE_BYTES {
                // Nobody to tell: whoever appends next hears it.
                drop(self.write_now(&mut state, false));
            }
        }
        self.give_back(paid);
        batch.waiters
    }

    /// The file takes nothing: whoever waits hears why, and what waited is lost.
    fn fail(&self, batch: Batch, error: &WriteError) {
        let mut paid: usize = batch.logs.iter().map(|part| part.paid_bytes).sum();
        let mut waiters = batch.waiters;
        {
            let mut state = self.lock();
            state.mode = Mode::Failed(error.clone());
            state.waiting_bytes = 0;
            state.dirty.clear();
            waiters.append(&mut state.waiters);
            for log in state.logs.values_mut() {
                paid += log.waiting.len() - log.unpaid_bytes.min(log.waiting.len());
                log.waiting = String::new();
                log.unpaid_bytes = 0;
                log.writing = None;
                (log.writing_lines, log.waiting_lines) = (0, 0);
                // Nobody waits for more.
                log.finish = Finish::Stored;
                log.announce();
            }
        }
        self.leave();
        self.give_back(paid);
        answer(waiters, &Err(error.clone()));
    }

    /// Writes the index and the end. The disk is awaited for lines that are not durable yet; the index alone is found
    /// again if a crash of the system loses it.
    fn seal(&self, scratch: &mut Scratch) -> io::Result<()> {
        let (index, end, is_durable) = {
            let state = self.lock();
            let logs = state.logs.iter();
            let index = Index {
                logs: logs
                    .map(|(log, found)| (log.0, found.stored.clone()))
                    .collect(),
            };
            let is_durable = state.is_linked && state.durable_end == state.end;
            (index, state.end, is_durable)
        };
        if end == 0 {
            return Ok(());
        }
        let file = OpenOptions::new().write(true).open(&self.path)?;
        let bytes = encode_seal(&index, end, &mut scratch.codec)?;
        file.write_all_at(&bytes, end)?;
        let whole = end + bytes.len() as u64;
        if !is_durable || whole >= SEAL_SYNC_BYTES {
            self.sync(&file, whole, &mut scratch.links)?;
        }
        self.lock().end = whole;
        Ok(())
    }
}

fn answer(waiters: Vec<Waiter>, outcome: &Result<(), WriteError>) {
    for (_, waiter) in waiters {
        // Whoever waited may be gone.
        drop(waiter.send(outcome.clone()));
    }
}

impl State {
    /// Whether more can be added.
    fn check(&self, build: BuildId) -> Result<(), WriteError> {
        match &self.mode {
            Mode::Open => {
                let seals = self.waiters.iter().any(|(wish, _)| *wish == Wish::Seal);
                if seals {
                    return Err(WriteError::Closed(build));
                }
                Ok(())
            }
            Mode::Abandoned | Mode::Closed => Err(WriteError::Closed(build)),
            Mode::Failed(error) => Err(error.clone()),
        }
    }

    /// Takes what is to be written now.
    fn take(&mut self, whole: bool) -> Batch {
        if matches!(self.mode, Mode::Closed | Mode::Failed(_)) {
            return Batch {
                logs: Vec::new(),
                waiters: std::mem::take(&mut self.waiters),
                end: self.end,
                seals: false,
                closes: false,
            };
        }
        self.is_queued = false;
        if whole {
            self.is_timed = false;
        }
        let waiters = std::mem::take(&mut self.waiters);
        let seals = waiters.iter().any(|(wish, _)| *wish == Wish::Seal);
        let whole = whole || !waiters.is_empty();
        if seals {
            for (id, log) in &mut self.logs {
                if log.finish == Finish::No {
                    log.finish();
                    self.dirty.insert(*id);
                }
            }
        }
        let mut logs = Vec::new();
        for id in std::mem::take(&mut self.dirty) {
            let Some(log) = self.logs.get_mut(&id) else {
                continue;
            };
            let first_line = log.first_waiting();
            let taken = log.take(whole);
            let text_bytes = taken.as_ref().map_or(0, |(text, _)| text.len());
            self.waiting_bytes = self.waiting_bytes.saturating_sub(text_bytes);
            if !log.waiting.is_empty() {
                self.dirty.insert(id);
            }
            let part = Part {
                log: id,
                announce: (!log.is_announced).then_some(log.stored.kind),
                first_line,
                paid_bytes: taken.as_ref().map_or(0, |(_, paid)| *paid),
                text: taken.map(|(text, _)| text),
                finishes: log.finish == Finish::Wanted,
            };
            if part.announce.is_some() || part.text.is_some() || part.finishes {
                logs.push(part);
            }
        }
        let closes = matches!(self.mode, Mode::Abandoned);
        if seals || closes {
            // Nobody adds anything while this is written.
            self.mode = Mode::Closed;
        }
        Batch {
            logs,
            waiters,
            end: self.end,
            seals,
            closes,
        }
    }
}
