//! What is run, and how it is shown.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use crate::python_text::repr_of_bytes;

/// The shell that runs command lines.
const SHELL: &str = "/bin/sh";

/// One element of a command given as list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Argument {
    /// What the program gets.
    pub(crate) real: OsString,
    /// What headers show: the same as text, or something else for obfuscated arguments.
    pub(crate) shown: String,
    /// Whether the real argument must not be shown.
    pub(crate) is_obfuscated: bool,
}

impl Argument {
    /// An argument of the worker's own, in ASCII or a path.
    pub(crate) fn plain(real: impl Into<OsString>) -> Self {
        let real = real.into();
        Self {
            shown: real.to_string_lossy().into_owned(),
            real,
            is_obfuscated: false,
        }
    }
}

/// A command of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CommandLine {
    /// A line for the shell.
    Shell(Argument),
    /// A program and its arguments.
    Program {
        /// The program.
        program: Argument,
        /// The arguments after it.
        arguments: Vec<Argument>,
    },
}

impl CommandLine {
    /// The program to execute, and the arguments after it.
    pub(crate) fn to_execute(&self) -> (OsString, Vec<OsString>) {
        match self {
            CommandLine::Shell(line) => (SHELL.into(), vec!["-c".into(), line.real.clone()]),
            CommandLine::Program { program, arguments } => (
                program.real.clone(),
                arguments
                    .iter()
                    .map(|argument| argument.real.clone())
                    .collect(),
            ),
        }
    }

    /// The program to execute, as headers and errors show it.
    pub(crate) fn shown_program(&self) -> &str {
        match self {
            CommandLine::Shell(_) => SHELL,
            CommandLine::Program { program, .. } => &program.shown,
        }
    }

    /// The command as one line that a POSIX shell would take.
    pub(crate) fn title(&self) -> String {
        match self {
            CommandLine::Shell(line) => line.shown.clone(),
            CommandLine::Program { program, arguments } => {
                let words: Vec<String> = std::iter::once(program)
                    .chain(arguments)
                    .map(|argument| quoted(&argument.shown))
                    .collect();
                words.join(" ")
            }
        }
    }

    /// The command in Python's notation of byte strings, so that every character can be told.
    ///
    /// Seen: pb-build, commands 0 and 1.
    pub(crate) fn exactly(&self) -> String {
        match self {
            CommandLine::Shell(line) => exact(line),
            CommandLine::Program { program, arguments } => {
                let items: Vec<String> = std::iter::once(program)
                    .chain(arguments)
                    .map(exact)
                    .collect();
                format!("[{}]", items.join(", "))
            }
        }
    }
}

fn exact(argument: &Argument) -> String {
    if argument.is_obfuscated {
        repr_of_bytes(argument.shown.as_bytes())
    } else {
        repr_of_bytes(argument.real.as_bytes())
    }
}

/// `word` such that a POSIX shell takes it as one word; an empty one as `""`.
fn quoted(word: &str) -> String {
    if word.is_empty() {
        return "\"\"".to_owned();
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@%+=:,./-_".contains(&byte);
    if word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\"'\"'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[&str], title: &str, exactly: &str) {
        let mut arguments: Vec<Argument> = words.iter().map(Argument::plain).collect();
        let program = arguments.remove(0);
        let command = CommandLine::Program { program, arguments };
        assert_eq!(command.title(), title);
        assert_eq!(command.exactly(), exactly);
    }

    #[test]
    fn a_list_is_shown_as_a_shell_would_take_it() {
        check(
            &["/bin/echo", "XXXX", "a b"],
            "/bin/echo XXXX 'a b'",
            "[b'/bin/echo', b'XXXX', b'a b']",
        );
        check(
            &["a", "", "it's"],
            "a \"\" 'it'\"'\"'s'",
            "[b'a', b'', b\"it's\"]",
        );
        check(
            &["a", "é", "$x"],
            "a 'é' '$x'",
            "[b'a', b'\\xc3\\xa9', b'$x']",
        );
    }

    #[test]
    fn obfuscated_arguments_are_never_shown() {
        let secret = Argument {
            real: "pass".into(),
            shown: "XXX".into(),
            is_obfuscated: true,
        };
        let command = CommandLine::Program {
            program: Argument::plain("p"),
            arguments: vec![secret],
        };
        assert_eq!(command.title(), "p XXX");
        assert_eq!(command.exactly(), "[b'p', b'XXX']");
        assert_eq!(command.to_execute(), ("p".into(), vec!["pass".into()]));
    }

    #[test]
    fn a_line_is_for_the_shell() {
        let command = CommandLine::Shell(Argument::plain("exit 3"));
        assert_eq!(command.title(), "exit 3");
        assert_eq!(command.exactly(), "b'exit 3'");
        assert_eq!(
            command.to_execute(),
            ("/bin/sh".into(), vec!["-c".into(), "exit 3".into()])
        );
    }
}
