//! How much one command may have the master keep in memory until it has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

/// Bytes that the master keeps of one command: output that is collected, updates, what is uploaded into memory,
/// unfinished lines. As much as one message of a worker may have; what has to be larger belongs into a log or a file.
///
/// Differs: a command that has the master keep more than 64 MiB until its end is stopped and its step fails, because a
/// worker could take all memory of the master otherwise.
pub const KEPT_BYTES_MAX: usize = 64 << 20;

/// What a command may still have the master keep. Clones share it: whoever keeps something takes from it.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    left: AtomicUsize,
    exceeded: CancellationToken,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(KEPT_BYTES_MAX)
    }
}

impl Budget {
    /// So many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Shared {
            left: AtomicUsize::new(bytes),
            exceeded: CancellationToken::new(),
        }))
    }

    /// Takes bytes. If there are not so many left nothing is to be kept, and the command is stopped.
    #[must_use]
    pub fn take(&self, bytes: usize) -> bool {
        let taken = self
            .0
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        if taken.is_err() {
            self.0.exceeded.cancel();
        }
        taken.is_ok()
    }

    /// Gives bytes back that are kept no more.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.left.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether there was too little at some time.
    pub fn is_exceeded(&self) -> bool {
        self.0.exceeded.is_cancelled()
    }

    /// Waits until there is too little.
    pub(crate) async fn exceeded(&self) {
        self.0.exceeded.cancelled().await;
    }
}
