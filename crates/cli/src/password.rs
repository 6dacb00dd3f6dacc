//! Passwords that a person types.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Asks at the terminal, without showing what is typed; without a terminal, reads a line of standard input.
pub(crate) fn ask(prompt: &str) -> io::Result<String> {
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let mut line = String::new();
    let Ok(mut terminal) = terminal else {
        let mut error = io::stderr().lock();
        write!(error, "{prompt}")?;
        error.flush()?;
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        return Ok(without_end(line));
    };
    write!(terminal, "{prompt}")?;
    terminal.flush()?;
    let before = tcgetattr(&terminal)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
    let read = BufReader::new(&terminal).read_line(&mut line);
    tcsetattr(&terminal, OptionalActions::Flush, &before)?;
    writeln!(terminal)?;
    match read? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(without_end(line)),
    }
}

fn without_end(mut line: String) -> String {
    if line.ends_with('\n') {
        line.pop();
    }
    line
}
