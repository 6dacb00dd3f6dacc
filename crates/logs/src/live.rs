//! Reading a log that is being written: from the file what is there, the rest from memory.

use std::fs::File;
use std::sync::Arc;

use buildbot_model::LogId;

use crate::pool::Pool;
use crate::reader::{Later, Lines, LogSource, Progress, ReadError};
use crate::running::Segment;
use crate::sealed::{cut, read_error};
use crate::segment::{Frame, read_frame};

/// A log of a running build. It can be read on when the build has ended.
#[derive(Debug)]
pub(crate) struct Live {
    segment: Arc<Segment>,
    log: LogId,
    pool: Pool,
}

/// Where a line is.
enum Place {
    Memory(Lines),
    File(Frame),
    End,
}

impl Live {
    /// Nothing if the build has no such log.
    pub(crate) fn new(segment: Arc<Segment>, log: LogId, pool: Pool) -> Option<Self> {
        let is_there = segment.lock().logs.contains_key(&log);
        is_there.then_some(Self { segment, log, pool })
    }

    fn place(&self, line: u64) -> Place {
        let state = self.segment.lock();
        let Some(log) = state.logs.get(&self.log) else {
            return Place::End;
        };
        if line < log.first_in_memory() {
            return match log.stored.frame(line) {
                Some(frame) => Place::File(*frame),
                None => Place::End,
            };
        }
        let (first, text) = match &log.writing {
            Some(text) if line < log.first_waiting() => (log.first_in_memory(), &**text),
            Some(_) | None => (log.first_waiting(), log.waiting.as_str()),
        };
        match cut(text, first, line) {
            Some(lines) => Place::Memory(lines),
            None => Place::End,
        }
    }
}

impl LogSource for Live {
    fn progress(&self) -> Later<'_, Result<Progress, ReadError>> {
        Box::pin(async { Ok(self.segment.progress(self.log)) })
    }

    fn block(&self, first: u64) -> Later<'_, Result<Option<Lines>, ReadError>> {
        Box::pin(async move {
            let frame = match self.place(first) {
                Place::Memory(lines) => return Ok(Some(lines)),
                Place::End => return Ok(None),
                Place::File(frame) => frame,
            };
            let (segment, log) = (self.segment.clone(), self.log);
            let read = move || {
                let path = &segment.path;
                let file = File::open(path).map_err(|error| read_error(path, error.into()))?;
                let text =
                    read_frame(&file, log.0, &frame).map_err(|error| read_error(path, error))?;
                Ok(cut(&text, frame.first_line, first))
            };
            self.pool.run(read).await?
        })
    }

    fn wait_beyond(&self, lines: u64) -> Later<'_, Result<Progress, ReadError>> {
        Box::pin(async move {
            let watched = {
                let state = self.segment.lock();
                state.logs.get(&self.log).map(|log| log.subscribe())
            };
            let Some(mut watched) = watched else {
                return Ok(Progress::default());
            };
            let reached = watched
                .wait_for(|progress| progress.lines > lines || progress.finished)
                .await;
            Ok(*reached.map_err(|_| ReadError::Stopped)?)
        })
    }
}
