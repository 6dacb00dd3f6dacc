//! The worker commands: what a master can ask of a worker.
//!
//! [`prepare`] checks a command without doing anything, [`Command::run`] does it. What it says comes out of
//! its [`Outbox`] as [`CommandEvent`]s; the agent's end of [`Interrupts`] stops it. The protocols differ in
//! how paths are given ([`Paths`]) and in whether texts carry marks; everything else is the same.
//! Buildbot: worker commands, version 3.3.

mod archive;
mod arguments;
mod directories;
mod download;
pub(crate) mod failure;
mod files;
mod glob;
mod home;
mod outbox;
mod report;
mod shell;
mod transfer;
mod upload;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use buildbot_wire::Value;

use crate::output::{Encoding, Settings};
use arguments::Arguments;

pub use arguments::StartError;
pub use outbox::{
    CommandEvent, InterruptReason, Interrupter, Interrupts, OUTBOX_EVENTS_MAX, Outbox,
    RemoteFailure, TransferCall,
};
pub(crate) use report::Report;

/// The version of every command, by which masters decide what they may ask for.
pub const COMMAND_VERSION: &str = "3.3";

/// The names of all commands, in the order in which the reference reports them.
pub const COMMAND_NAMES: [&str; 14] = [
    "shell",
    "uploadFile",
    "upload_file",
    "uploadDirectory",
    "upload_directory",
    "downloadFile",
    "download_file",
    "mkdir",
    "rmdir",
    "cpdir",
    "stat",
    "glob",
    "listdir",
    "rmfile",
];

/// How the master gives paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paths {
    /// Relative to the directory of the builder, in PB's arguments.
    Pb {
        /// The builder's directory; absolute.
        builder_dir: PathBuf,
    },
    /// Absolute, in msgpack's arguments.
    Msgpack,
}

/// What a command has to know of its worker.
#[derive(Debug, Clone)]
pub struct CommandContext {
    /// The worker's base directory; absolute.
    pub basedir: PathBuf,
    /// The worker's own environment.
    pub environ: Arc<Vec<(OsString, OsString)>>,
    /// How bytes of programs, arguments and file names are text.
    pub encoding: Encoding,
    /// How output becomes updates.
    pub settings: Arc<Settings>,
    /// Whether texts carry positions and times of their lines, as msgpack wants them.
    pub marks: bool,
    /// How the master gives paths.
    pub paths: Paths,
}

impl CommandContext {
    /// A file name as text: what is not in the encoding becomes U+FFFD.
    pub(crate) fn decoded(&self, name: &OsStr) -> String {
        decoded(&self.encoding, name)
    }
}

/// A file name as text: what is not in `encoding` becomes U+FFFD.
fn decoded(encoding: &Encoding, name: &OsStr) -> String {
    let mut decoder = encoding.new_decoder();
    let mut text = decoder.decode(name.as_bytes()).into_owned();
    text.push_str(decoder.finish());
    text
}

/// A command that is ready to run.
pub struct Command {
    context: CommandContext,
    kind: Kind,
}

enum Kind {
    Shell(Box<shell::Shell>),
    UploadFile(upload::UploadFile),
    UploadDirectory(upload::UploadDirectory),
    DownloadFile(download::DownloadFile),
    MakeDirectories(directories::MakeDirectories),
    RemoveDirectories(directories::RemoveDirectories),
    CopyDirectory(directories::CopyDirectory),
    Files(files::FileCommand),
}

/// Checks a command and its arguments. Nothing has been started when this fails.
pub fn prepare(name: &str, args: &Value, context: CommandContext) -> Result<Command, StartError> {
    let arguments = Arguments {
        values: args,
        context: &context,
    };
    let kind = match name {
        "shell" => Kind::Shell(Box::new(shell::Shell::from_arguments(&arguments)?)),
        "uploadFile" | "upload_file" => {
            Kind::UploadFile(upload::UploadFile::from_arguments(&arguments)?)
        }
        "uploadDirectory" | "upload_directory" => {
            Kind::UploadDirectory(upload::UploadDirectory::from_arguments(&arguments)?)
        }
        "downloadFile" | "download_file" => {
            Kind::DownloadFile(download::DownloadFile::from_arguments(&arguments)?)
        }
        "mkdir" => Kind::MakeDirectories(directories::MakeDirectories::from_arguments(&arguments)?),
        "rmdir" => {
            Kind::RemoveDirectories(directories::RemoveDirectories::from_arguments(&arguments)?)
        }
        "cpdir" => Kind::CopyDirectory(directories::CopyDirectory::from_arguments(&arguments)?),
        "stat" => Kind::Files(files::FileCommand::stat(&arguments)?),
        "glob" => Kind::Files(files::FileCommand::glob(&arguments)?),
        "listdir" => Kind::Files(files::FileCommand::listdir(&arguments)?),
        "rmfile" => Kind::Files(files::FileCommand::rmfile(&arguments)?),
        _ => {
            return Err(StartError::UnknownCommand {
                name: name.to_owned(),
            });
        }
    };
    Ok(Command { context, kind })
}

impl Command {
    /// Does what the master asked for, from the start to [`CommandEvent::Complete`].
    ///
    /// Returns when everything that was started is gone and, unless nobody listens any more, everything that
    /// was to be said has been taken. Has to run within a tokio runtime with IO and time enabled. Dropping
    /// the future kills the program.
    pub async fn run(self, outbox: Outbox, interrupts: Interrupts) {
        let mut report = Report::new(&self.context, outbox, interrupts);
        let (context, report_ref) = (&self.context, &mut report);
        let outcome = match self.kind {
            Kind::Shell(command) => command.run(context, report_ref).await,
            Kind::UploadFile(command) => command.run(context, report_ref).await,
            Kind::UploadDirectory(command) => command.run(report_ref).await,
            Kind::DownloadFile(command) => command.run(report_ref).await,
            Kind::MakeDirectories(command) => command.run(report_ref).await,
            Kind::RemoveDirectories(command) => command.run(context, report_ref).await,
            Kind::CopyDirectory(command) => command.run(context, report_ref).await,
            Kind::Files(command) => command.run(context, report_ref).await,
        };
        report.finish(outcome).await;
    }
}
