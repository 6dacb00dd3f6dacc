//! What is done for each kind of step.

use buildbot_config::StepConfig;
use buildbot_config::steps::kind::StepKind;
use buildbot_model::Results;

use crate::error::StepError;
use crate::port::Later;
use crate::step::{Step, type_error};
use crate::summary::Summary;
use crate::value::text_of;
use crate::warnings::Counting;
use crate::{
    directories, languages, local_command, packages, properties, sequence, shell, source, transfer,
    trigger, twisted, warnings, windows,
};

/// How a step reacts when it is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// It begins nothing any more; a log says why.
    Stops,
    /// As [`Interrupted::Stops`], and the master's own programs get a signal.
    StopsPrograms,
    /// It sees to it itself.
    IsTold,
    /// The command ends, and the step decides what that means.
    CommandOnly,
}

/// Runs a step.
pub(crate) fn run<'a>(step: &'a Step<'a>) -> Later<'a, Result<Results, StepError>> {
    match &step.arguments.kind {
        StepKind::ShellCommand | StepKind::Configure => Box::pin(shell::run(step)),
        StepKind::ShellSequence(arguments) => Box::pin(sequence::run(step, arguments)),
        StepKind::TreeSize => Box::pin(shell::tree_size(step)),
        StepKind::WarningCountingShellCommand(arguments)
        | StepKind::Compile(arguments)
        | StepKind::Test(arguments) => {
            let counting = Counting::from(&**arguments);
            Box::pin(async move { warnings::run(step, &counting, None).await })
        }
        StepKind::PerlModuleTest(arguments) => {
            let counting = Counting::from(&**arguments);
            Box::pin(async move { warnings::run_perl(step, &counting).await })
        }
        StepKind::SetProperty(arguments) => Box::pin(properties::set_property(step, arguments)),
        StepKind::SetProperties(arguments) => Box::pin(properties::set_properties(step, arguments)),
        StepKind::SetPropertiesFromEnv(arguments) => {
            Box::pin(properties::from_environment(step, arguments))
        }
        StepKind::SetPropertyFromCommand(arguments) => {
            Box::pin(properties::from_command(step, arguments))
        }
        StepKind::Assert(arguments) => Box::pin(properties::assert(step, arguments)),
        StepKind::LogRenderable(arguments) => Box::pin(properties::log_renderable(step, arguments)),
        StepKind::FileUpload(arguments) => Box::pin(transfer::upload(step, arguments)),
        StepKind::DirectoryUpload(arguments) => {
            Box::pin(transfer::upload_directory(step, arguments))
        }
        StepKind::MultipleFileUpload(arguments) => {
            Box::pin(transfer::upload_several(step, arguments))
        }
        StepKind::FileDownload(arguments) => Box::pin(transfer::download(step, arguments)),
        StepKind::StringDownload(arguments) => Box::pin(transfer::download_text(step, arguments)),
        StepKind::JsonStringDownload(arguments) => {
            Box::pin(transfer::download_json(step, arguments))
        }
        StepKind::JsonPropertiesDownload(arguments) => {
            Box::pin(transfer::download_properties(step, arguments))
        }
        StepKind::DownloadSecrets(arguments) => {
            Box::pin(transfer::download_secrets(step, arguments))
        }
        StepKind::RemoveSecrets(arguments) => Box::pin(transfer::remove_secrets(step, arguments)),
        StepKind::MasterShellCommand(arguments) => Box::pin(local_command::run(step, arguments)),
        StepKind::FileExists(arguments) => Box::pin(directories::file_exists(step, arguments)),
        StepKind::CopyDirectory(arguments) => Box::pin(directories::copy(step, arguments)),
        StepKind::MakeDirectory(arguments) => Box::pin(directories::make(step, arguments)),
        StepKind::RemoveDirectory(arguments) => Box::pin(directories::remove(step, arguments)),
        StepKind::Trigger(arguments) => Box::pin(trigger::run(step, arguments)),
        StepKind::CMake(arguments) => Box::pin(languages::cmake(step, arguments)),
        StepKind::Cppcheck(arguments) => Box::pin(languages::cppcheck(step, arguments)),
        StepKind::Sphinx(arguments) => Box::pin(languages::sphinx(step, arguments)),
        StepKind::EpyDoc => Box::pin(languages::epydoc(step)),
        StepKind::PyFlakes => Box::pin(languages::pyflakes(step)),
        StepKind::PyLint(arguments) => Box::pin(languages::pylint(step, arguments)),
        StepKind::MaxQ(arguments) => Box::pin(shell::max_q(step, arguments)),
        StepKind::Trial(arguments) => Box::pin(twisted::trial(step, arguments)),
        StepKind::HLint(arguments) => Box::pin(twisted::hlint(step, arguments)),
        StepKind::RemovePycs => Box::pin(shell::run(step)),
        StepKind::VisualStudio(arguments) => Box::pin(windows::visual_studio(step, arguments)),
        StepKind::VisualStudioArch(arguments) => {
            Box::pin(windows::visual_studio_arch(step, arguments))
        }
        StepKind::MsBuild(arguments) => Box::pin(windows::msbuild(step, arguments)),
        StepKind::Lintian(arguments) => Box::pin(packages::lintian(step, arguments)),
        StepKind::Pbuilder(arguments) => Box::pin(packages::pbuilder(step, arguments)),
        StepKind::Mock(arguments) => Box::pin(packages::mock(step, arguments)),
        StepKind::MockBuild(arguments) => Box::pin(packages::mock_build(step, arguments)),
        StepKind::MockRebuild(arguments) => Box::pin(packages::mock_rebuild(step, arguments)),
        StepKind::RpmBuild(arguments) => Box::pin(packages::rpmbuild(step, arguments)),
        StepKind::RpmLint(arguments) => Box::pin(packages::rpmlint(step, arguments)),
        StepKind::Robocopy(arguments) => Box::pin(windows::robocopy(step, arguments)),
        kind if source::is_known(kind) => Box::pin(source::run(step)),
        _ => Box::pin(async { Err(type_error("the step cannot be carried out")) }),
    }
}

/// Whether steps of a kind can be carried out.
pub(crate) fn is_supported(step: &StepConfig) -> bool {
    let kind = &step.arguments.kind;
    if source::is_known(kind) {
        return true;
    }
    if let StepKind::RpmBuild(arguments) = kind {
        // It counts in a file of the master.
        return !arguments.auto_release;
    }
    matches!(
        kind,
        StepKind::ShellCommand
            | StepKind::Configure
            | StepKind::ShellSequence(_)
            | StepKind::TreeSize
            | StepKind::WarningCountingShellCommand(_)
            | StepKind::Compile(_)
            | StepKind::Test(_)
            | StepKind::PerlModuleTest(_)
            | StepKind::SetProperty(_)
            | StepKind::SetProperties(_)
            | StepKind::SetPropertiesFromEnv(_)
            | StepKind::SetPropertyFromCommand(_)
            | StepKind::Assert(_)
            | StepKind::LogRenderable(_)
            | StepKind::FileUpload(_)
            | StepKind::DirectoryUpload(_)
            | StepKind::MultipleFileUpload(_)
            | StepKind::FileDownload(_)
            | StepKind::StringDownload(_)
            | StepKind::JsonStringDownload(_)
            | StepKind::JsonPropertiesDownload(_)
            | StepKind::DownloadSecrets(_)
            | StepKind::RemoveSecrets(_)
            | StepKind::MasterShellCommand(_)
            | StepKind::FileExists(_)
            | StepKind::CopyDirectory(_)
            | StepKind::MakeDirectory(_)
            | StepKind::RemoveDirectory(_)
            | StepKind::Trigger(_)
            | StepKind::CMake(_)
            | StepKind::Cppcheck(_)
            | StepKind::Sphinx(_)
            | StepKind::EpyDoc
            | StepKind::PyFlakes
            | StepKind::PyLint(_)
            | StepKind::MaxQ(_)
            | StepKind::Trial(_)
            | StepKind::HLint(_)
            | StepKind::RemovePycs
            | StepKind::VisualStudio(_)
            | StepKind::VisualStudioArch(_)
            | StepKind::MsBuild(_)
            | StepKind::Robocopy(_)
            | StepKind::Lintian(_)
            | StepKind::Pbuilder(_)
            | StepKind::Mock(_)
            | StepKind::MockBuild(_)
            | StepKind::MockRebuild(_)
            | StepKind::RpmLint(_)
    )
}

/// What a step shows at its end.
pub(crate) fn summary(step: &Step<'_>, results: Results) -> Summary {
    let text = match &step.arguments.kind {
        StepKind::Test(_) | StepKind::PerlModuleTest(_) | StepKind::RpmLint(_) => {
            warnings::test_summary(step, results)
        }
        StepKind::SetPropertyFromCommand(_) => properties::from_command_summary(step, results),
        StepKind::Assert(_) => properties::assert_summary(step, results),
        StepKind::Trigger(_) => return trigger::summary(step),
        StepKind::TreeSize => shell::tree_size_summary(step, results),
        StepKind::VisualStudio(_) | StepKind::VisualStudioArch(_) | StepKind::MsBuild(_) => {
            windows::summary(step, results)
        }
        StepKind::MaxQ(_) => step
            .summary()
            .unwrap_or_else(|| step.shell_summary(results)),
        StepKind::Cppcheck(_)
        | StepKind::Sphinx(_)
        | StepKind::EpyDoc
        | StepKind::PyFlakes
        | StepKind::PyLint(_)
        | StepKind::Trial(_)
        | StepKind::HLint(_) => languages::found_summary(step, results),
        _ if step.arguments.shell.is_some() => step.shell_summary(results),
        _ => step.default_summary(results),
    };
    text.into()
}

/// What a step shows at its beginning.
pub(crate) fn current_summary(step: &Step<'_>) -> String {
    match &step.arguments.kind {
        StepKind::Trigger(_) => trigger::summary(step).step,
        _ => step.current_summary(),
    }
}

/// How a step reacts when it is to end.
pub(crate) fn interrupted(kind: &StepKind) -> Interrupted {
    match kind {
        StepKind::FileUpload(_)
        | StepKind::DirectoryUpload(_)
        | StepKind::MultipleFileUpload(_)
        | StepKind::FileDownload(_)
        | StepKind::StringDownload(_)
        | StepKind::JsonStringDownload(_)
        | StepKind::JsonPropertiesDownload(_) => Interrupted::CommandOnly,
        StepKind::MasterShellCommand(_) => Interrupted::StopsPrograms,
        StepKind::Trigger(_) => Interrupted::IsTold,
        _ => Interrupted::Stops,
    }
}

/// What the master's own programs get when the step is to end.
pub(crate) fn signal(kind: &StepKind) -> String {
    match kind {
        StepKind::MasterShellCommand(arguments) => text_of(&arguments.interrupt_signal),
        _ => "KILL".to_owned(),
    }
}
