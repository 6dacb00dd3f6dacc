//! `mkdir`, `rmdir` and `cpdir`.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use buildbot_wire::{Failure, Update};
use rustix::process::Signal;

use super::arguments::{Arguments, normalised};
use super::files::report_error;
use super::{CommandContext, Report, StartError};
use crate::process::{Argument, CommandLine, Ended, Limits, Run, child_environment, run};

/// Seconds without output after which a removal or a copy is killed, unless the master says otherwise.
const TIMEOUT_DEFAULT: u64 = 120;

/// `mkdir`.
pub(super) struct MakeDirectories {
    paths: Vec<PathBuf>,
}

impl MakeDirectories {
    pub(super) fn from_arguments(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        Ok(Self {
            paths: arguments.paths()?,
        })
    }

    pub(super) async fn run(self, report: &mut Report) -> Result<(), Failure> {
        for path in self.paths {
            let work = path.clone();
            if let Err((error, _)) = report.blocking(move || make_directories(&work)).await? {
                report_error("mkdir", &error, &path, report);
                return Ok(());
            }
        }
        report.value(Update::Rc(0));
        Ok(())
    }
}

/// Makes a directory and its parents. A failure comes with the directory that could not be made.
pub(super) fn make_directories(path: &Path) -> Result<(), (io::Error, PathBuf)> {
    if path.is_dir() {
        return Ok(());
    }
    let mut missing = vec![path];
    let parents = path.ancestors().skip(1);
    missing.extend(parents.take_while(|parent| !parent.as_os_str().is_empty() && !parent.exists()));
    for directory in missing.into_iter().rev() {
        match std::fs::create_dir(directory) {
            Ok(()) => {}
            // Somebody else made it meanwhile, or it ends in `..`.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => {}
            Err(error) => return Err((error, directory.to_owned())),
        }
    }
    Ok(())
}

/// What `rmdir` and `cpdir` know about the programs that they run.
struct Programs {
    limits: Limits,
    log_environment: bool,
}

impl Programs {
    fn from_arguments(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        Ok(Self {
            limits: Limits {
                timeout: arguments.limit("timeout", Some(TIMEOUT_DEFAULT))?,
                max_time: arguments.limit("maxTime", None)?,
                max_lines: None,
                sigterm_time: None,
                interrupt_signal: Signal::KILL,
            },
            log_environment: arguments.flag("logEnviron", true),
        })
    }

    /// Runs a program in the base directory, as `shell` does, but leaves its exit code to the caller.
    async fn run(
        &self,
        program: &str,
        arguments: &[OsString],
        context: &CommandContext,
        report: &mut Report,
    ) -> Ended {
        let shown = |real: &OsString| Argument {
            shown: context.decoded(real),
            ..Argument::plain(real.clone())
        };
        let program = CommandLine::Program {
            program: Argument::plain(program),
            arguments: arguments.iter().map(shown).collect(),
        };
        let environment = child_environment(&context.environ, &[], &normalised(&context.basedir));
        let request = Run {
            command: program,
            workdir: context.basedir.clone(),
            environment,
            log_environment: self.log_environment,
            stdin: None,
            terminal: false,
            want_stdout: true,
            want_stderr: true,
            log_files: Vec::new(),
            log_files_shown: "{}".to_owned(),
            limits: self.limits.clone(),
            report_rc: false,
        };
        run(request, report).await
    }
}

/// `rmdir`.
pub(super) struct RemoveDirectories {
    paths: Vec<PathBuf>,
    programs: Programs,
}

impl RemoveDirectories {
    pub(super) fn from_arguments(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        Ok(Self {
            paths: arguments.paths()?,
            programs: Programs::from_arguments(arguments)?,
        })
    }

    /// Differs: an interrupt stops the removal of `rmdir`, because it may take long.
    pub(super) async fn run(
        self,
        context: &CommandContext,
        report: &mut Report,
    ) -> Result<(), Failure> {
        let mut rc = 0;
        for path in &self.paths {
            let ended = self.remove(path, context, report).await?;
            if ended.rc != 0 {
                rc = ended.rc;
            }
            if report.is_interrupted() {
                break;
            }
        }
        report.value(Update::Rc(rc));
        Ok(())
    }

    async fn remove(
        &self,
        path: &Path,
        context: &CommandContext,
        report: &mut Report,
    ) -> Result<Ended, Failure> {
        let removal: [OsString; 2] = ["-rf".into(), path.into()];
        let first = self.programs.run("rm", &removal, context, report).await;
        // Once killed, another attempt would only take as long again.
        if first.rc == 0 || first.killed || first.failure.is_some() {
            return without_failure(first);
        }
        // Directories that their owner made unwritable.
        let (program, arguments): (&str, Vec<OsString>) = if cfg!(target_os = "freebsd") {
            let arguments = [
                path.as_os_str(),
                "-exec".as_ref(),
                "chmod".as_ref(),
                "u+rwx".as_ref(),
                "{}".as_ref(),
                ";".as_ref(),
            ];
            ("find", arguments.map(OsString::from).to_vec())
        } else {
            ("chmod", vec!["-Rf".into(), "u+rwx".into(), path.into()])
        };
        let opened = self
            .programs
            .run(program, &arguments, context, report)
            .await;
        if opened.killed || opened.failure.is_some() {
            return without_failure(opened);
        }
        without_failure(self.programs.run("rm", &removal, context, report).await)
    }
}

fn without_failure(mut ended: Ended) -> Result<Ended, Failure> {
    ended.failure.take().map_or(Ok(ended), Err)
}

/// `cpdir`.
pub(super) struct CopyDirectory {
    from: PathBuf,
    to: PathBuf,
    programs: Programs,
}

impl CopyDirectory {
    pub(super) fn from_arguments(arguments: &Arguments<'_>) -> Result<Self, StartError> {
        Ok(Self {
            from: arguments.path("fromdir", "from_path")?,
            to: arguments.path("todir", "to_path")?,
            programs: Programs::from_arguments(arguments)?,
        })
    }

    /// Differs: an interrupt stops the copy of `cpdir`, because it may take long.
    pub(super) async fn run(
        self,
        context: &CommandContext,
        report: &mut Report,
    ) -> Result<(), Failure> {
        if let Some(parent) = self.to.parent().map(Path::to_owned)
            && let Err((error, path)) = report.blocking(move || make_directories(&parent)).await?
        {
            report_error("cpdir", &error, &path, report);
            return Ok(());
        }
        let mut arguments: Vec<OsString> = vec!["-R".into(), "-P".into(), "-p".into()];
        if !cfg!(any(target_os = "solaris", target_os = "illumos")) {
            arguments.push("-v".into());
        }
        arguments.extend([self.from.into(), self.to.into()]);
        let ended = self.programs.run("cp", &arguments, context, report).await;
        let ended = without_failure(ended)?;
        report.value(Update::Rc(ended.rc));
        Ok(())
    }
}
