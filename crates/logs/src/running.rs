//! The logs of a running build: what is in its segment, what is on its way there, and what waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use buildbot_db::tables::logs::LogKind;
use buildbot_model::{BuildId, LogId};
use tokio::sync::{Semaphore, oneshot, watch};

use crate::disk::Queue;
use crate::limit::Limiter;
use crate::reader::Progress;
use crate::segment::{
    Codec, Frame, Index, Kind, LogIndex, Record, encode_file_header, encode_trailer,
};
use crate::writer::{Limits, Stream, WriteError};

/// How many bytes of lines one record has, unless a single line is longer. A reader unpacks at least as much.
const FRAME_BYTES: usize = 128 * 1024;

/// From how many waiting bytes on a segment is written at once: then most of them fill frames.
const WRITE_BYTES: usize = 2 * FRAME_BYTES;

/// How many bytes of one build are on their way to the disk, so that a loud build does not take the room of all.
pub(crate) const BUILD_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The segments that are being written.
pub(crate) type Running = Mutex<HashMap<BuildId, Arc<Segment>>>;

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That what was appended is durable.
    Sync,
    /// That the segment is complete and durable.
    Seal,
}

type Waiter = (Wish, oneshot::Sender<Result<(), WriteError>>);

/// What a thread that writes keeps between segments.
pub(crate) struct Scratch {
    pub(crate) codec: Codec,
    out: Vec<u8>,
}

impl Scratch {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            codec: Codec::new()?,
            out: Vec::new(),
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

/// One log of a running build.
#[derive(Debug)]
pub(crate) struct Log {
    /// What is in the file.
    pub(crate) stored: LogIndex,
    /// What is being written: its lines follow those in the file.
    pub(crate) writing: Option<Arc<str>>,
    writing_lines: u64,
    /// What waits: its lines follow those that are being written.
    pub(crate) waiting: String,
    waiting_lines: u64,
    /// How many of the waiting bytes hold no room: what is said about a limit, and the tail.
    unpaid_bytes: usize,
    is_announced: bool,
    finish: Finish,
    limiter: Option<Limiter>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finish {
    No,
    Wanted,
    Stored,
}

impl Log {
    fn new(kind: LogKind, limits: Limits) -> Self {
        Self {
            stored: LogIndex::new(kind),
            writing: None,
            writing_lines: 0,
            waiting: String::new(),
            waiting_lines: 0,
            unpaid_bytes: 0,
            is_announced: false,
            finish: Finish::No,
            limiter: match kind {
                LogKind::Stdio | LogKind::Text => Limiter::new(limits),
                LogKind::Html | LogKind::Deleted => None,
            },
            progress: watch::Sender::default(),
        }
    }

    /// The first line that is not in the file.
    pub(crate) fn first_in_memory(&self) -> u64 {
        self.stored.lines
    }

    /// The first line that waits.
    pub(crate) fn first_waiting(&self) -> u64 {
        self.stored.lines + self.writing_lines
    }

    fn lines(&self) -> u64 {
        self.first_waiting() + self.waiting_lines
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress {
            lines: self.lines(),
            stored: self.stored.lines,
            finished: self.finish != Finish::No,
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    fn announce(&self) {
        self.progress.send_replace(self.progress());
    }

    /// Adds lines in the form in which they are stored.
    fn push(&mut self, stream: Stream, text: &str) {
        let before = self.waiting.len();
        let mut lines = 0;
        if self.stored.kind == LogKind::Stdio {
            let letter = stream.letter();
            for line in text.split_inclusive('\n') {
                self.waiting.push(letter);
                self.waiting.push_str(line);
                lines += 1;
            }
        } else {
            self.waiting.push_str(text);
            lines += memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64;
            lines += u64::from(!text.is_empty() && !text.ends_with('\n'));
        }
        if self.waiting.len() > before && !self.waiting.ends_with('\n') {
            self.waiting.push('\n');
        }
        self.waiting_lines += lines;
    }

    /// Adds lines as far as the limits let them.
    fn push_limited(&mut self, stream: Stream, text: &str) {
        let Some(mut limiter) = self.limiter.take() else {
            return self.push(stream, text);
        };
        limiter.pass(stream, text, |stream, kept| self.push(stream, kept));
        self.limiter = Some(limiter);
    }

    fn finish(&mut self) {
        let before = self.waiting.len();
        if let Some(limiter) = self.limiter.take() {
            limiter.finish(|stream, kept| self.push(stream, kept));
        }
        self.unpaid_bytes += self.waiting.len() - before;
        self.finish = Finish::Wanted;
    }

    /// Takes what is to be written now: everything, or what fills frames; and how much room it holds.
    fn take(&mut self, whole: bool) -> Option<(Arc<str>, usize)> {
        let whole = whole || self.finish == Finish::Wanted;
        let end = if whole {
            self.waiting.len()
        } else {
            full_frames(&self.waiting)
        };
        if end == 0 {
            return None;
        }
        let text = if end == self.waiting.len() {
            self.writing_lines = self.waiting_lines;
            std::mem::take(&mut self.waiting)
        } else {
            let rest = self.waiting.split_off(end);
            let text = std::mem::replace(&mut self.waiting, rest);
            self.writing_lines = count_lines(&text);
            text
        };
        self.waiting_lines -= self.writing_lines;
        let text: Arc<str> = text.into();
        self.writing = Some(text.clone());
        let unpaid = self.unpaid_bytes.min(text.len());
        self.unpaid_bytes -= unpaid;
        let paid = text.len() - unpaid;
        Some((text, paid))
    }
}

fn count_lines(text: &str) -> u64 {
    memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64
}

/// Where the last of those frames of `text` ends that are full.
fn full_frames(text: &str) -> usize {
    let mut end = 0;
    while text.len() - end >= FRAME_BYTES {
        let next = end + frame_end(&text[end..]);
        if next == text.len() && next - end < FRAME_BYTES {
            break;
        }
        end = next;
    }
    end
}

/// Where the first frame of `text` ends: after the last line that fits, or after the first line.
pub(crate) fn frame_end(text: &str) -> usize {
    if text.len() <= FRAME_BYTES {
        return text.len();
    }
    let bytes = text.as_bytes();
    let fits = memchr::memrchr(b'\n', &bytes[..FRAME_BYTES]);
    let end = fits.or_else(|| memchr::memchr(b'\n', bytes));
    end.map_or(text.len(), |end| end + 1)
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

/// What is written of one log.
struct Part {
    log: LogId,
    announce: Option<LogKind>,
    first_line: u64,
    text: Option<Arc<str>>,
    paid_bytes: usize,
    finishes: bool,
}

/// What was written of one log.
struct Written {
    log: LogId,
    frames: Vec<Frame>,
    paid_bytes: usize,
    announced: bool,
    finished: bool,
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
        if !state.logs.contains_key(&log) {
            state.logs.insert(log, Log::new(kind, limits));
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
        for part in &batch.logs {
            written.push(encode_part(part, start, scratch)?);
        }
        if creates {
            let file = create(&self.path)?;
            file.write_all_at(&scratch.out, 0)?;
            self.sync_if_wanted(batch, &file)?;
        } else if batch.end != 0 {
            // Not kept open between: thousands of builds run at once, and files are few.
            let wants_sync = !batch.waiters.is_empty();
            if !scratch.out.is_empty() || wants_sync {
                let file = OpenOptions::new().write(true).open(&self.path)?;
                file.write_all_at(&scratch.out, batch.end)?;
                self.sync_if_wanted(batch, &file)?;
            }
        }
        start += scratch.out.len() as u64;
        // One long line is no reason to keep its room.
        scratch.out.shrink_to(4 * WRITE_BYTES);
        Ok((written, start))
    }

    fn sync_if_wanted(&self, batch: &Batch, file: &File) -> io::Result<()> {
        // The end of a seal makes everything durable.
        if batch.waiters.is_empty() || batch.seals {
            return Ok(());
        }
        file.sync_data()?;
        if !self.lock().is_linked {
            sync_directories(&self.path)?;
            self.lock().is_linked = true;
        }
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

    /// Writes the index and the end.
    fn seal(&self, scratch: &mut Scratch) -> io::Result<()> {
        let (index, end) = {
            let state = self.lock();
            let logs = state.logs.iter();
            let index = Index {
                logs: logs
                    .map(|(log, found)| (log.0, found.stored.clone()))
                    .collect(),
            };
            (index, state.end)
        };
        if end == 0 {
            return Ok(());
        }
        let file = OpenOptions::new().write(true).open(&self.path)?;
        let bytes = encode_seal(&index, end, &mut scratch.codec)?;
        file.write_all_at(&bytes, end)?;
        file.sync_data()?;
        if !self.lock().is_linked {
            sync_directories(&self.path)?;
        }
        self.lock().end = end + bytes.len() as u64;
        Ok(())
    }
}

/// The index at `end` of a file, and what follows it. Nothing if there are so many frames that no record holds them: a
/// reader then finds them by itself.
pub(crate) fn encode_seal(index: &Index, end: u64, codec: &mut Codec) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    let payload = index.encode();
    if payload.len() <= crate::segment::TEXT_BYTES_MAX {
        codec.append(&mut out, record(Kind::Index, 0, 0, 0), &payload)?;
        out.extend_from_slice(&encode_trailer(end));
    }
    Ok(out)
}

fn answer(waiters: Vec<Waiter>, outcome: &Result<(), WriteError>) {
    for (_, waiter) in waiters {
        // Whoever waited may be gone.
        drop(waiter.send(outcome.clone()));
    }
}

pub(crate) fn record(kind: Kind, log: i64, first_line: u64, lines: u32) -> Record {
    Record {
        kind,
        is_compressed: false,
        log,
        first_line,
        lines,
        stored_bytes: 0,
        text_bytes: 0,
        checksum: 0,
    }
}

fn encode_part(part: &Part, start: u64, scratch: &mut Scratch) -> io::Result<Written> {
    let Scratch { codec, out } = scratch;
    let mut written = Written {
        log: part.log,
        frames: Vec::new(),
        paid_bytes: part.paid_bytes,
        announced: part.announce.is_some(),
        finished: part.finishes,
    };
    if let Some(kind) = part.announce {
        let letter = kind.letter().as_bytes();
        codec.append(out, record(Kind::Opened, part.log.0, 0, 0), letter)?;
    }
    let mut first_line = part.first_line;
    let mut rest = part.text.as_deref().unwrap_or_default();
    while !rest.is_empty() {
        let (text, after) = rest.split_at(frame_end(rest));
        let lines = count_lines(text);
        let count = u32::try_from(lines).map_err(io::Error::other)?;
        let offset = start + out.len() as u64;
        let header = record(Kind::Lines, part.log.0, first_line, count);
        let header = codec.append(out, header, text.as_bytes())?;
        written.frames.push(Frame::new(offset, &header));
        first_line += lines;
        rest = after;
    }
    if part.finishes {
        codec.append(out, record(Kind::Finished, part.log.0, first_line, 0), b"")?;
    }
    Ok(written)
}

/// Makes the file of a segment. One that is there already belongs to a build that the database has forgotten: it is
/// put aside.
fn create(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let new = || OpenOptions::new().write(true).create_new(true).open(path);
    match new() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let aside = aside(path);
            tracing::warn!(path = %path.display(), aside = %aside.display(), "a segment of an unknown build is put aside");
            fs::rename(path, aside)?;
            new()
        }
        made => made,
    }
}

/// Where a segment is put whose build the database has forgotten.
pub(crate) fn aside(path: &Path) -> PathBuf {
    path.with_extension("replaced")
}

/// Makes it durable that the file is in its directory, and that in the one above, and so on up to that of all segments.
pub(crate) fn sync_directories(path: &Path) -> io::Result<()> {
    for directory in path.ancestors().skip(1).take(4) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
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
