//! Connections that end when their client takes nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// For how long a client may take less than it must.
const STALL_MAX: Duration = Duration::from_secs(60);

/// How many bytes a client must take in a second, as long as some wait for it.
///
/// Differs: a client that takes less than 16 KiB a second of an answer is cut off after a minute or so, because the answer
/// stays in memory until it is out; the reference waits for ever.
const BYTES_PER_SECOND: u32 = 16 * 1024;

/// A stream whose writes fail when their client takes too little: whoever does not read an answer, or only now and then a
/// byte of it, must not keep it in memory.
pub(crate) struct Impatient<S> {
    stream: S,
    /// How long has been waited for the client, less the time in which it may take what it has taken.
    waited: Duration,
    /// Runs while a write waits, with the instant from which on it does.
    stall: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<S> Impatient<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            waited: Duration::ZERO,
            stall: None,
        }
    }

    fn watch<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
        bytes: impl FnOnce(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        if let Poll::Ready(written) = &written {
            if let Some((since, _)) = self.stall.take() {
                self.waited += since.elapsed();
            }
            let bytes = written.as_ref().map_or(0, bytes);
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            let earned = Duration::from_secs(1) * bytes / BYTES_PER_SECOND;
            self.waited = self.waited.saturating_sub(earned);
        }
        if written.is_ready() {
            return written;
        }
        let left = STALL_MAX.saturating_sub(self.waited);
        let (_, stall) = self
            .stall
            .get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        match stall.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written, |written| *written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, written, |written| *written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.watch(context, flushed, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.watch(context, shut, |()| 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_takes_fails() {
        let (near, far) = tokio::io::duplex(4);
        let mut near = Impatient::new(near);
        near.write_all(b"1234").await.unwrap();
        let error = near.write_all(b"5").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(far);
    }

    /// Whether a client gets all that takes some bytes every 20 seconds.
    async fn is_served(bytes: usize) -> bool {
        let (near, mut far) = tokio::io::duplex(bytes);
        let mut near = Impatient::new(near);
        let reading = async {
            loop {
                sleep(Duration::from_secs(20)).await;
                let mut taken = vec![0; bytes];
                if far.read_exact(&mut taken).await.is_err() {
                    return;
                }
            }
        };
        let all = vec![7; 40 * bytes];
        tokio::select! {
            written = near.write_all(&all) => written.is_ok(),
            () = reading => false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_served_as_long_as_it_takes_enough() {
        let enough = 20 * BYTES_PER_SECOND as usize;
        assert!(is_served(enough).await);
        assert!(!is_served(enough / 2).await);
        assert!(!is_served(1).await);
    }
}
