//! The signals that the worker as a whole reacts to.
//!
//! * SIGTERM and SIGINT: stop. The first one asks, the second one ends the process at once.
//! * SIGHUP: asks for a graceful shutdown if `allow_shutdown` is `signal`; else the process ends by it.
//!
//! Requests arrive on streams, so that any kind of event loop can wait for them.

use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::process::ignored_signals;

/// What the signals ask for.
#[derive(Debug)]
pub struct Signals {
    stop: UnixStream,
    graceful: Option<UnixStream>,
    received: Arc<AtomicUsize>,
}

impl Signals {
    /// Installs the handlers; call it once, before anything that starts children.
    ///
    /// Children start with the default reaction to every signal, even if this process was started
    /// with some ignored (`nohup`, a background job of a shell): such a signal gets a handler that
    /// does nothing, which a new program does not inherit. What was ignored never ends the worker;
    /// only SIGTERM stops it in any case.
    pub fn install(graceful_on_sighup: bool) -> io::Result<Self> {
        let ignored = ignored_signals();
        let is_ignored = |signal: i32| ignored.contains(&signal);

        let received = Arc::new(AtomicUsize::new(0));
        let (stop, stop_write) = stream_pair()?;
        let second = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            if signal == SIGINT && is_ignored(SIGINT) {
                continue;
            }
            // In this order: the first signal finds the flag unset and then sets it.
            if is_init() {
                flag::register_conditional_shutdown(
                    signal,
                    exit_status(signal),
                    Arc::clone(&second),
                )?;
            } else {
                flag::register_conditional_default(signal, Arc::clone(&second))?;
            }
            flag::register(signal, Arc::clone(&second))?;
            flag::register_usize(
                signal,
                Arc::clone(&received),
                signal.unsigned_abs() as usize,
            )?;
            low_level::pipe::register(signal, stop_write.try_clone()?)?;
        }
        let graceful = if graceful_on_sighup {
            let (read, write) = stream_pair()?;
            low_level::pipe::register(SIGHUP, write)?;
            Some(read)
        } else {
            None
        };
        let handled = |signal: i32| signal == SIGTERM || (signal == SIGHUP && graceful.is_some());
        let unused = Arc::new(AtomicBool::new(false));
        for signal in ignored.iter().copied().filter(|signal| !handled(*signal)) {
            if signal_hook::consts::FORBIDDEN.contains(&signal) {
                continue;
            }
            // The signals that the C library keeps for itself cannot be had; nobody sends them.
            let _ = flag::register(signal, Arc::clone(&unused));
        }
        Ok(Self {
            stop,
            graceful,
            received,
        })
    }

    /// A stream that can be read from once the process is to stop. Not blocking.
    pub fn stop(&self) -> &UnixStream {
        &self.stop
    }

    /// A stream with one byte for each time a graceful shutdown is asked for. Not blocking.
    pub fn graceful(&self) -> Option<&UnixStream> {
        self.graceful.as_ref()
    }

    /// The signal that asked to stop, if one has.
    pub fn stopped_by(&self) -> Option<i32> {
        match self.received.load(Ordering::SeqCst) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }

    /// Waits until the process is to stop.
    pub fn wait_for_stop(&self) -> io::Result<()> {
        self.stop.set_nonblocking(false)?;
        let mut stream = &self.stop;
        while self.stopped_by().is_none() {
            match stream.read(&mut [0]) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Ends the process by `signal`, as if it had never been handled, or returns the exit status by which
/// a shell would show that.
///
/// It returns for the first process of a container, which the system does not let end by a signal.
pub fn end_by(signal: i32) -> u8 {
    if !is_init() {
        // Fails only for a signal that it does not know; then the status has to say it.
        let _ = low_level::emulate_default_handler(signal);
    }
    u8::try_from(exit_status(signal)).unwrap_or(u8::MAX)
}

/// The name of a signal that stops the worker.
pub fn name(signal: i32) -> &'static str {
    low_level::signal_name(signal).unwrap_or("a signal")
}

fn exit_status(signal: i32) -> i32 {
    128 + signal
}

fn is_init() -> bool {
    std::process::id() == 1
}

fn stream_pair() -> io::Result<(UnixStream, UnixStream)> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    Ok((read, write))
}
