//! The worker's ends of a program's streams.

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use tokio::net::unix::pipe;

/// Most bytes that are read at once: what a pipe holds on Linux.
pub(crate) const READ_BYTES_MAX: usize = 65_536;

/// The reading end of an output pipe, or a terminal.
pub(crate) struct OutputPipe(pipe::Receiver);

/// What is in a pipe.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// So many bytes were read.
    Bytes(usize),
    /// Nothing at the moment.
    Empty,
    /// Everybody who could write has closed it.
    End,
}

impl OutputPipe {
    /// Takes over a descriptor.
    pub(crate) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&descriptor, true)?;
        // Unchecked, because a terminal is no pipe; it is read and polled alike.
        Ok(Self(pipe::Receiver::from_owned_fd_unchecked(descriptor)?))
    }

    /// Waits until there is something to read, or the end.
    pub(crate) async fn readable(&self) {
        // Fails only when the runtime is shut down; reading then says the rest.
        if let Err(error) = self.0.readable().await {
            tracing::debug!(%error, "cannot wait for output");
        }
    }

    /// Reads without waiting, once the pipe is [`readable`](Self::readable).
    pub(crate) fn read(&self, buffer: &mut [u8]) -> Read {
        understood(|| self.0.try_read(buffer))
    }

    /// Reads without waiting, also what the runtime has not been told of yet.
    pub(crate) fn read_at_the_end(&self, buffer: &mut [u8]) -> Read {
        understood(|| Ok(rustix::io::read(&self.0, &mut *buffer)?))
    }
}

/// Reads until no signal comes in between, and says what came out.
fn understood(mut read: impl FnMut() -> io::Result<usize>) -> Read {
    loop {
        let error = match read() {
            Ok(0) => return Read::End,
            Ok(length) => return Read::Bytes(length),
            Err(error) => error,
        };
        match (error.kind(), Errno::from_io_error(&error)) {
            (io::ErrorKind::Interrupted, _) => {}
            (io::ErrorKind::WouldBlock, _) => return Read::Empty,
            // This is how a terminal ends.
            (_, Some(Errno::IO)) => return Read::End,
            _ => {
                tracing::warn!(%error, "cannot read output; it is taken as ended");
                return Read::End;
            }
        }
    }
}

/// The writing end of a program's standard input, and what remains to be written.
pub(crate) struct InputPipe {
    sender: pipe::Sender,
    data: Vec<u8>,
    written: usize,
}

impl InputPipe {
    /// Takes over a descriptor, to write `data` to it.
    pub(crate) fn new(descriptor: OwnedFd, data: Vec<u8>) -> io::Result<Self> {
        Ok(Self {
            sender: pipe::Sender::from_owned_fd(descriptor)?,
            data,
            written: 0,
        })
    }

    /// Waits until the program takes more.
    pub(crate) async fn writable(&self) {
        if let Err(error) = self.sender.writable().await {
            tracing::debug!(%error, "cannot wait for standard input");
        }
    }

    /// Writes what the program takes now. True: everything is written, or nobody wants it.
    pub(crate) fn write(&mut self) -> bool {
        loop {
            let rest = self.data.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                return true;
            }
            match self.sender.try_write(rest) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                // EPIPE: a program need not read its input.
                Err(error) => {
                    tracing::debug!(%error, "standard input was closed early");
                    return true;
                }
            }
        }
    }
}
