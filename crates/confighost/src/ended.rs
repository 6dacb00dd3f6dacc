//! How a process ended.

use std::fmt;

/// Lines of standard error in the text of an end.
const LINES_SHOWN: usize = 20;

/// The end of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// What the system says.
    pub exit: Exit,
    /// What led to it.
    pub reason: Reason,
    /// The last lines of standard error, without the stack.
    pub stderr: Vec<String>,
    /// The Python stack of each thread, if the end was violent; as `faulthandler` writes it.
    pub stack: Option<String>,
}

/// What the system says about the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It ended by itself, with this exit code.
    Code(i32),
    /// A signal with this number ended it.
    Signal(i32),
}

/// What led to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Nothing of ours: a crash, `os._exit`, or a signal of somebody.
    Itself,
    /// It was asked to end.
    Asked,
    /// It did not say in time that it is ready.
    SlowStart,
    /// It was killed, because this kind of question could not be broken off.
    Hung(&'static str),
    /// It closed its connection, and then was killed.
    Closed,
    /// It was killed, because it spoke otherwise than agreed.
    Garbled(String),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => {
                write!(f, "signal {signal}")?;
                match signal_name(*signal) {
                    Some(name) => write!(f, " ({name})"),
                    None => Ok(()),
                }
            }
        }
    }
}

fn signal_name(signal: i32) -> Option<&'static str> {
    use rustix::process::Signal;
    [
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::HUP, "SIGHUP"),
        (Signal::ILL, "SIGILL"),
        (Signal::INT, "SIGINT"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::TERM, "SIGTERM"),
        (Signal::USR1, "SIGUSR1"),
        (Signal::XCPU, "SIGXCPU"),
    ]
    .into_iter()
    .find_map(|(known, name)| (known.as_raw() == signal).then_some(name))
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exit = self.exit;
        f.write_str("the Python process of the configuration ")?;
        match &self.reason {
            Reason::Itself => write!(f, "ended by itself ({exit})")?,
            Reason::Asked => write!(f, "was asked to end ({exit})")?,
            Reason::SlowStart => write!(f, "was killed: it took too long to start ({exit})")?,
            Reason::Hung(question) => {
                write!(
                    f,
                    "was killed: the question {question:?} could not be broken off ({exit})"
                )?;
            }
            Reason::Closed => write!(f, "closed its connection to the master ({exit})")?,
            Reason::Garbled(what) => write!(f, "was killed: {what} ({exit})")?,
        }
        let left_out = self.stderr.len().saturating_sub(LINES_SHOWN);
        for line in self.stderr.iter().skip(left_out) {
            write!(f, "\n  {line}")?;
        }
        for line in self.stack.iter().flat_map(|stack| stack.lines()) {
            write!(f, "\n  {line}")?;
        }
        Ok(())
    }
}

/// Takes the stack that `faulthandler` wrote from the last lines of standard error.
pub(crate) fn split_stack(mut lines: Vec<String>) -> (Vec<String>, Option<String>) {
    let is_head = |line: &String| line.starts_with("Fatal Python error: ");
    let Some(head) = lines.iter().rposition(is_head) else {
        return (lines, None);
    };
    let mut stack = lines.split_off(head);
    // Below are the names of extension modules, and what other processes wrote.
    let end = stack
        .iter()
        .position(|line| line.starts_with("Extension modules: "));
    stack.truncate(end.unwrap_or(stack.len()));
    while stack.last().is_some_and(String::is_empty) {
        stack.pop();
    }
    (lines, Some(stack.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_stack_is_found_in_standard_error() {
        let written = "before\nFatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n  \
                       File \"master.cfg\", line 3 in crash\n\nExtension modules: a (total: 1)\nafter";
        let (rest, stack) = split_stack(lines(written));
        assert_eq!(rest, ["before"]);
        assert_eq!(
            stack.as_deref(),
            Some(
                "Fatal Python error: Segmentation fault\n\nCurrent thread 0x1 (most recent call first):\n  File \"master.cfg\", line 3 in crash"
            )
        );
        assert_eq!(split_stack(lines("a\nb")), (lines("a\nb"), None));
    }

    #[test]
    fn an_end_is_told_in_words() {
        let ended = |exit, reason| {
            let (stderr, stack) = (vec!["last words".to_owned()], None);
            Ended {
                exit,
                reason,
                stderr,
                stack,
            }
            .to_string()
        };
        assert_eq!(
            ended(Exit::Code(3), Reason::Itself),
            "the Python process of the configuration ended by itself (exit code 3)\n  last words"
        );
        assert_eq!(
            ended(Exit::Signal(9), Reason::Hung("call")),
            "the Python process of the configuration was killed: the question \"call\" could not be broken off \
             (signal 9 (SIGKILL))\n  last words"
        );
        assert_eq!(Exit::Signal(40).to_string(), "signal 40");
    }
}
