//! `stat`, `glob`, `listdir` and `rmfile`: commands that are over at once.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use buildbot_wire::{Failure, Update};

use super::arguments::Arguments;
use super::glob::matches;
use super::{CommandContext, Report, StartError};
use crate::process::reason;

/// A command that looks at, or removes, one path.
pub(super) struct FileCommand {
    action: Action,
    path: PathBuf,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Stat,
    Glob,
    ListDirectory,
    RemoveFile,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Action::Stat => "stat",
            Action::Glob => "glob",
            Action::ListDirectory => "listdir",
            Action::RemoveFile => "rmfile",
        }
    }

    /// Does it, and gives what is sent besides `rc`. Blocks.
    fn perform(self, path: &Path, context: &CommandContext) -> io::Result<Option<Update>> {
        match self {
            Action::Stat => Ok(Some(Update::Stat(status(&std::fs::metadata(path)?)))),
            Action::Glob => Ok(Some(Update::Files(matches(path, context)))),
            Action::ListDirectory => {
                let mut files = Vec::new();
                for entry in std::fs::read_dir(path)? {
                    files.push(context.decoded(&entry?.file_name()));
                }
                Ok(Some(Update::Files(files)))
            }
            Action::RemoveFile => std::fs::remove_file(path).map(|()| None),
        }
    }
}

/// Mode, inode, device, links, uid, gid, size, and the times of access, modification and change.
fn status(metadata: &std::fs::Metadata) -> [i128; 10] {
    [
        metadata.mode().into(),
        metadata.ino().into(),
        metadata.dev().into(),
        metadata.nlink().into(),
        metadata.uid().into(),
        metadata.gid().into(),
        metadata.size().into(),
        metadata.atime().into(),
        metadata.mtime().into(),
        metadata.ctime().into(),
    ]
}

impl FileCommand {
    pub(super) fn stat(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        let path = match (&arguments.context.paths, arguments.some("workdir")) {
            (super::Paths::Pb { builder_dir }, Some(workdir)) => {
                let workdir = arguments.encoded("workdir", workdir)?;
                let file = arguments.encoded("file", arguments.required("file")?)?;
                builder_dir.join(workdir).join(file)
            }
            _ => arguments.path("file", "path")?,
        };
        Ok(Self {
            action: Action::Stat,
            path,
        })
    }

    pub(super) fn glob(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        Ok(Self {
            action: Action::Glob,
            path: arguments.path("path", "path")?,
        })
    }

    pub(super) fn listdir(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        Ok(Self {
            action: Action::ListDirectory,
            path: arguments.path("dir", "path")?,
        })
    }

    pub(super) fn rmfile(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        Ok(Self {
            action: Action::RemoveFile,
            path: arguments.user_path("path", "path")?,
        })
    }

    pub(super) async fn run(
        self,
        context: &CommandContext,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let (action, path, work_context) = (self.action, self.path.clone(), context.clone());
        match report
            .blocking(move || action.perform(&path, &work_context))
            .await?
        {
            Ok(update) => {
                if let Some(update) = update {
                    report.value(update);
                }
                report.value(Update::Rc(0));
            }
            Err(error) => report_error(action.name(), &error, &self.path, report),
        }
        Ok(())
    }
}

/// Reports that a command failed: `<command>: <reason>: <path>`, and the error number as exit code.
pub(super) fn report_error(command: &str, error: &io::Error, path: &Path, report: &mut Report) {
    let text = format!("{command}: {}: {}", reason(error), report.shown(path));
    report.header(&text);
    // Whatever has no number is a failure all the same.
    report.value(Update::Rc(error.raw_os_error().map_or(1, i64::from)));
}
