//! The generated form of `buildbot.tac`.

use std::fmt::{self, Write};

use buildbot_model::Secret;

use crate::text::literal;
use crate::worker::AllowShutdown;

/// What `create-worker` puts into a tac file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerOptions {
    /// The base directory, absolute; `.` for a directory that can be moved.
    pub basedir: String,
    /// Bytes at which the log file is rotated.
    pub rotate_length: i64,
    /// How many rotated log files are kept, None for all.
    pub max_rotated_files: NumberOrNone,
    /// Whether the worker rotates the log; false leaves the log to twistd.
    pub log_section: bool,
    /// How the master is reached.
    pub master: MasterOption,
    /// The worker's name.
    pub name: String,
    /// The worker's password.
    pub passwd: Secret<String>,
    /// Seconds between keepalives.
    pub keepalive: i64,
    /// The file mode creation mask.
    pub umask: NumberOrNone,
    /// Seconds.
    pub maxdelay: i64,
    /// The number of processors to report.
    pub numcpus: NumberOrNone,
    /// How a graceful shutdown can be asked for.
    pub allow_shutdown: Option<AllowShutdown>,
    /// After how many attempts the worker ends.
    pub maxretries: NumberOrNone,
    /// Whether the master is connected to with TLS.
    pub use_tls: bool,
    /// Whether directories that the master does not name are deleted.
    pub delete_leftover_dirs: bool,
    /// The endpoint of an HTTP proxy.
    pub proxy_connection_string: Option<String>,
    /// The name of the protocol, unchecked.
    pub protocol: String,
}

/// A number or None, as the user wrote it, in a form that Python reads as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberOrNone(String);

impl NumberOrNone {
    /// The literal None.
    pub fn none() -> Self {
        Self("None".into())
    }

    /// Reads `None`, a decimal number without leading zeros, `0`, or `0o` and octal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let octal = text.strip_prefix("0o").filter(|digits| !digits.is_empty());
        let number = match octal {
            Some(digits) => digits.chars().all(|c| c.is_digit(8)),
            None => {
                !text.is_empty()
                    && text.chars().all(|c| c.is_ascii_digit())
                    && (text == "0" || !text.starts_with('0'))
            }
        };
        (number || text == "None").then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for NumberOrNone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the master is reached, with what the file says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterOption {
    /// The master's host.
    pub host: String,
    /// The master's port.
    pub port: u64,
    /// An endpoint that replaces host and port; they stay in a comment.
    pub connection_string: Option<String>,
}

/// Writes the tac file of a new worker.
///
/// The assignments and their order are those of Buildbot 4.3, whose worker executes the file too.
/// Reference: the worker's command line and process, section 3.
pub fn write_worker(options: &WorkerOptions) -> String {
    let mut file = String::new();
    // Writing to a String does not fail.
    let _ = write_into(&mut file, options);
    file
}

fn optional_text(value: Option<&str>) -> String {
    value.map_or_else(|| "None".into(), literal)
}

fn write_into(file: &mut String, options: &WorkerOptions) -> std::fmt::Result {
    write!(
        file,
        "
import os

from buildbot_worker.bot import Worker
from twisted.application import service

basedir = {}
",
        literal(&options.basedir)
    )?;
    write!(
        file,
        "rotateLength = {}
maxRotatedFiles = {}

# '.' stands for the directory of this file, so that both can be moved together
if basedir == '.':
    import os.path
    basedir = os.path.abspath(os.path.dirname(__file__))

# the commands recognise a worker's directory by this line: keep it as it is
application = service.Application('buildbot-worker')
",
        options.rotate_length, options.max_rotated_files
    )?;
    if options.log_section {
        file.push_str(
            "
from twisted.python.logfile import LogFile
from twisted.python.log import ILogObserver, FileLogObserver
logfile = LogFile.fromFullPath(
    os.path.join(basedir, \"twistd.log\"), rotateLength=rotateLength,
    maxRotatedFiles=maxRotatedFiles)
application.setComponent(ILogObserver, FileLogObserver(logfile).emit)
",
        );
    }
    let master = &options.master;
    let host = literal(&master.host);
    match &master.connection_string {
        None => write!(
            file,
            "
buildmaster_host = {host}
port = {}
connection_string = None
",
            master.port
        )?,
        Some(endpoint) => write!(
            file,
            "
buildmaster_host = None  # {host}
port = None  # {}
connection_string = {}
",
            master.port,
            literal(endpoint)
        )?,
    }
    write!(
        file,
        "
workername = {}
passwd = {}
keepalive = {}
umask = {}
maxdelay = {}
numcpus = {}
allow_shutdown = {}
maxretries = {}
use_tls = {}
delete_leftover_dirs = {}
proxy_connection_string = {}
protocol = {}

s = Worker(buildmaster_host, port, workername, passwd, basedir,
           keepalive, umask=umask, maxdelay=maxdelay,
           numcpus=numcpus, allow_shutdown=allow_shutdown,
           maxRetries=maxretries, protocol=protocol, useTls=use_tls,
           delete_leftover_dirs=delete_leftover_dirs,
           connection_string=connection_string,
           proxy_connection_string=proxy_connection_string)
s.setServiceParent(application)
",
        literal(&options.name),
        literal(options.passwd.expose()),
        options.keepalive,
        options.umask,
        options.maxdelay,
        options.numcpus,
        optional_text(options.allow_shutdown.map(AllowShutdown::name)),
        options.maxretries,
        u8::from(options.use_tls),
        u8::from(options.delete_leftover_dirs),
        optional_text(options.proxy_connection_string.as_deref()),
        literal(&options.protocol),
    )
}

#[cfg(test)]
mod tests {
    use super::NumberOrNone;

    #[test]
    fn numbers_stay_as_the_user_wrote_them() {
        for text in ["None", "0", "22", "0o22"] {
            assert_eq!(NumberOrNone::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "022", "0x1f", "0o", "0o8", "none", "-1", "1.5", " 1"] {
            assert_eq!(NumberOrNone::parse(text), None, "{text:?}");
        }
    }
}
