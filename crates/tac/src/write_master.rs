//! The generated form of a master's `buildbot.tac`.

use crate::NumberOrNone;
use crate::text::literal;

/// What `create-master` puts into a tac file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterOptions {
    /// The base directory, absolute; `.` for a directory that can be moved.
    pub basedir: String,
    /// The configuration file, relative to the base directory.
    pub config_file: String,
    /// Bytes at which the log is rotated, and how many rotated files are kept; `None` leaves the log to twistd.
    pub rotation: Option<(i64, NumberOrNone)>,
}

/// Writes the tac file of a new master.
///
/// The assignments and their order are those of Buildbot 4.3, whose master executes the file too. Reference: the
/// master's command line, section 3.1.
pub fn write_master(options: &MasterOptions) -> String {
    let MasterOptions {
        basedir,
        config_file,
        rotation,
    } = options;
    let (sizes, observer, log_rotation) = match rotation {
        None => (String::new(), "", ""),
        Some((length, count)) => (
            format!("rotateLength = {length}\nmaxRotatedFiles = {count}\n"),
            OBSERVER,
            LOG_ROTATION,
        ),
    };
    format!(
        "\
import os

from buildbot.master import BuildMaster
from twisted.application import service

basedir = {}
{sizes}configfile = {}

# The file mode creation mask of the master, for instance 0o022. None keeps the one that it is started with.
umask = None

# A directory that can be moved is wherever this file is.
if basedir == '.':
    basedir = os.path.abspath(os.path.dirname(__file__))

# By the name in this line the commands know the directory of a master: leave it as it is.
application = service.Application('buildmaster')
{observer}
m = BuildMaster(basedir, configfile, umask)
m.setServiceParent(application)
{log_rotation}",
        literal(basedir),
        literal(config_file)
    )
}

const OBSERVER: &str = "\
from twisted.python.logfile import LogFile
from twisted.python.log import ILogObserver, FileLogObserver
logfile = LogFile.fromFullPath(os.path.join(basedir, 'twistd.log'), rotateLength=rotateLength,
                               maxRotatedFiles=maxRotatedFiles)
application.setComponent(ILogObserver, FileLogObserver(logfile).emit)
";

const LOG_ROTATION: &str = "\
m.log_rotation.rotateLength = rotateLength
m.log_rotation.maxRotatedFiles = maxRotatedFiles
";
