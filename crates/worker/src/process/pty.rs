//! Pseudo terminals.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

/// The size of the terminal, as programs expect one that nobody looks at.
const WINDOW: Winsize = Winsize {
    ws_row: 24,
    ws_col: 80,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// Both ends of a pseudo terminal, neither of which a program inherits.
#[derive(Debug)]
pub struct Pty {
    /// The end that is read.
    pub controller: OwnedFd,
    /// The end that looks like a terminal.
    user: OwnedFd,
}

impl Pty {
    /// Opens a pseudo terminal of 24 lines of 80 characters.
    pub fn open() -> io::Result<Self> {
        #[cfg(any(
            target_os = "linux",
            target_os = "android",
            target_os = "freebsd",
            target_os = "netbsd"
        ))]
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        #[cfg(not(any(
            target_os = "linux",
            target_os = "android",
            target_os = "freebsd",
            target_os = "netbsd"
        )))]
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let controller = rustix::pty::openpt(flags)?;
        // For the systems whose `posix_openpt` has no such flag.
        rustix::io::fcntl_setfd(&controller, FdFlags::CLOEXEC)?;
        rustix::pty::grantpt(&controller)?;
        rustix::pty::unlockpt(&controller)?;
        let name = rustix::pty::ptsname(&controller, Vec::new())?;
        let user = rustix::fs::open(
            name.as_c_str(),
            OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        rustix::termios::tcsetwinsize(&user, WINDOW)?;
        Ok(Self { controller, user })
    }

    /// Makes the terminal the three streams and the controlling terminal of `command`, which will lead a
    /// session of its own.
    ///
    /// `command` keeps the terminal open: drop it once the program runs, or the end is never seen.
    pub fn attach(&self, command: &mut Command) -> io::Result<()> {
        let duplicate = || -> io::Result<Stdio> { Ok(File::from(self.user.try_clone()?).into()) };
        command
            .stdin(duplicate()?)
            .stdout(duplicate()?)
            .stderr(duplicate()?);
        #[expect(
            unsafe_code,
            reason = "a session and its terminal can only be made by the child itself"
        )]
        // SAFETY: the closure runs between fork and exec, where only async-signal-safe calls are allowed: it
        // makes two system calls, and neither allocates nor locks. Descriptor 0 is the terminal by then.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin().as_fd())?;
                Ok(())
            });
        }
        Ok(())
    }
}
