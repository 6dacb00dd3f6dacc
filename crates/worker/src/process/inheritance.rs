//! What programs inherit from the worker, apart from what they are given on purpose.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::FdFlags;

/// Marks all open descriptors but the three standard streams close-on-exec; to be called once at the start
/// of the worker, before the first program.
///
/// These are descriptors that the worker itself inherited (a lock of a service manager, a log of a wrapper
/// script). Every descriptor opened later is marked so from its birth: the standard library, tokio and
/// rustix open nothing without `O_CLOEXEC`, and this crate passes the flag wherever it can be chosen. So
/// programs get their three streams and nothing else, without code that runs between `fork` and `exec`:
/// `posix_spawn` can be used, which does not depend on the size of the worker.
pub fn close_inherited_descriptors_on_exec() {
    // `/dev/fd` exists on Linux, macOS and the BSDs (there perhaps with the first three only).
    let Ok(entries) = std::fs::read_dir("/dev/fd") else {
        tracing::debug!("no /dev/fd; inherited descriptors stay open in programs");
        return;
    };
    let numbers: Vec<i32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        #[expect(unsafe_code, reason = "a descriptor known by its number only")]
        // SAFETY: the descriptor is used for one fcntl and not closed. Were it closed meanwhile (like the one
        // that listed the directory), the call fails with EBADF.
        let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
        mark_close_on_exec(descriptor);
    }
}

fn mark_close_on_exec(descriptor: impl AsFd) {
    if let Ok(flags) = rustix::io::fcntl_getfd(&descriptor) {
        // Fails only for a descriptor that is gone.
        let _ = rustix::io::fcntl_setfd(&descriptor, flags | FdFlags::CLOEXEC);
    }
}

/// The signals that this process ignores, most often because it was started so (`nohup`).
///
/// Programs inherit that, unlike handlers; whoever starts programs replaces it by a handler that does
/// nothing. Real-time signals are left out.
pub fn ignored_signals() -> Vec<i32> {
    (1..32).filter(|signal| is_ignored(*signal)).collect()
}

/// Whether the worker ignores `signal`.
#[expect(
    unsafe_code,
    reason = "no safe wrapper asks for a disposition without changing it"
)]
fn is_ignored(signal: i32) -> bool {
    // SAFETY: an all-zero `sigaction` is a valid value of this plain C structure.
    let mut current: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: without a new action the call only writes to `current`, which lives through it. An invalid
    // signal number is an error, not undefined behaviour.
    let answer = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut current) };
    answer == 0 && current.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_that_were_inherited_are_not_passed_on() {
        let file = tempfile::tempfile().expect("temporary file");
        rustix::io::fcntl_setfd(&file, FdFlags::empty()).expect("clear the flag");
        close_inherited_descriptors_on_exec();
        let flags = rustix::io::fcntl_getfd(&file).expect("flags");
        assert!(flags.contains(FdFlags::CLOEXEC));
    }

    #[test]
    fn the_disposition_that_rust_sets_for_broken_pipes_is_seen() {
        assert!(is_ignored(libc::SIGPIPE));
        assert!(!is_ignored(libc::SIGSEGV));
    }
}
