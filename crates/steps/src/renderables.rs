//! Which arguments of a step are evaluated before it runs.

use buildbot_config::steps::kind::StepKind;
use buildbot_config::steps::shell::{Commands, ShellArgKind};
use buildbot_config::{Part, StepArguments};
use buildbot_render::Value;

/// The arguments of a step that are evaluated, all at once.
pub(crate) fn of(arguments: &mut StepArguments) -> Vec<&mut Value> {
    let StepArguments {
        common,
        shell,
        source,
        kind,
    } = arguments;
    let mut values = vec![
        &mut common.always_run,
        &mut common.description,
        &mut common.description_done,
        &mut common.description_suffix,
        &mut common.do_step_if,
        &mut common.flunk_on_failure,
        &mut common.flunk_on_warnings,
        &mut common.halt_on_failure,
        &mut common.hide_step_if,
        &mut common.warn_on_failure,
        &mut common.warn_on_warnings,
        &mut common.workdir,
    ];
    if let Some(shell) = shell {
        values.extend([
            &mut shell.command,
            &mut shell.env,
            &mut shell.want_stdout,
            &mut shell.want_stderr,
            &mut shell.use_pty,
            &mut shell.logfiles,
            &mut shell.lazylogfiles,
            &mut shell.timeout,
            &mut shell.max_time,
            &mut shell.max_lines,
            &mut shell.log_environ,
            &mut shell.interrupt_signal,
            &mut shell.sigterm_time,
            &mut shell.initial_stdin,
            &mut shell.decode_rc,
        ]);
    }
    if let Some(source) = source {
        values.extend([&mut source.codebase, &mut source.mode, &mut source.env]);
    }
    values.extend(of_kind(kind));
    values
}

fn of_kind(kind: &mut StepKind) -> Vec<&mut Value> {
    match kind {
        StepKind::WarningCountingShellCommand(arguments)
        | StepKind::Compile(arguments)
        | StepKind::Test(arguments)
        | StepKind::PerlModuleTest(arguments) => vec![
            &mut arguments.suppression_file,
            &mut arguments.suppression_list,
            &mut arguments.warning_pattern,
            &mut arguments.directory_enter_pattern,
            &mut arguments.directory_leave_pattern,
            &mut arguments.max_warn_count,
        ],
        StepKind::ShellSequence(arguments) => match &mut arguments.commands {
            Commands::Later(value) => vec![value],
            Commands::These(commands) => commands.iter_mut().flat_map(of_command).collect(),
        },
        StepKind::SetPropertyFromCommand(arguments) => vec![&mut arguments.property],
        StepKind::SetProperty(arguments) => {
            vec![&mut arguments.property, &mut arguments.value]
        }
        StepKind::SetProperties(arguments) => vec![&mut arguments.properties],
        StepKind::Assert(arguments) => vec![&mut arguments.check],
        StepKind::LogRenderable(arguments) => vec![&mut arguments.content],
        StepKind::FileUpload(arguments) => vec![
            &mut arguments.masterdest,
            &mut arguments.url,
            &mut arguments.url_text,
            &mut arguments.workersrc,
        ],
        StepKind::DirectoryUpload(arguments) => vec![
            &mut arguments.workersrc,
            &mut arguments.masterdest,
            &mut arguments.url,
            &mut arguments.url_text,
        ],
        StepKind::MultipleFileUpload(arguments) => vec![
            &mut arguments.workersrcs,
            &mut arguments.masterdest,
            &mut arguments.url,
            &mut arguments.url_text,
        ],
        StepKind::FileDownload(arguments) => {
            vec![&mut arguments.mastersrc, &mut arguments.workerdest]
        }
        StepKind::StringDownload(arguments) | StepKind::JsonPropertiesDownload(arguments) => {
            vec![&mut arguments.workerdest, &mut arguments.s]
        }
        StepKind::JsonStringDownload(arguments) => {
            vec![&mut arguments.workerdest, &mut arguments.o]
        }
        StepKind::DownloadSecrets(arguments) | StepKind::RemoveSecrets(arguments) => {
            vec![&mut arguments.populated_secret_list]
        }
        StepKind::MasterShellCommand(arguments) => {
            vec![&mut arguments.command, &mut arguments.env]
        }
        StepKind::FileExists(arguments) => vec![&mut arguments.file],
        StepKind::CopyDirectory(arguments) => vec![&mut arguments.src, &mut arguments.dest],
        StepKind::MakeDirectory(arguments) | StepKind::RemoveDirectory(arguments) => {
            vec![&mut arguments.dir]
        }
        StepKind::Trigger(arguments) => vec![
            &mut arguments.always_use_latest,
            &mut arguments.parent_relationship,
            &mut arguments.scheduler_names,
            &mut arguments.set_properties,
            &mut arguments.source_stamp,
            &mut arguments.source_stamps,
            &mut arguments.update_source_stamp,
            &mut arguments.wait_for_finish,
        ],
        StepKind::CMake(arguments) => vec![
            &mut arguments.cmake,
            &mut arguments.definitions,
            &mut arguments.generator,
            &mut arguments.options,
            &mut arguments.path,
        ],
        StepKind::Cppcheck(arguments) => vec![
            &mut arguments.binary,
            &mut arguments.source,
            &mut arguments.extra_args,
        ],
        StepKind::Trial(arguments) => vec![&mut arguments.tests, &mut arguments.jobs],
        StepKind::VisualStudio(arguments) => vec![
            &mut arguments.projectfile,
            &mut arguments.config,
            &mut arguments.project,
            &mut arguments.mode,
        ],
        StepKind::VisualStudioArch(arguments) => vec![
            &mut arguments.projectfile,
            &mut arguments.config,
            &mut arguments.project,
            &mut arguments.mode,
            &mut arguments.arch,
        ],
        StepKind::MsBuild(arguments) => vec![
            &mut arguments.projectfile,
            &mut arguments.config,
            &mut arguments.project,
            &mut arguments.mode,
            &mut arguments.platform,
        ],
        StepKind::Robocopy(arguments) => vec![
            &mut arguments.custom_opts,
            &mut arguments.destination,
            &mut arguments.exclude_dirs,
            &mut arguments.exclude_files,
            &mut arguments.files,
            &mut arguments.source,
        ],
        StepKind::RpmLint(arguments) => vec![
            &mut arguments.suppression_file,
            &mut arguments.suppression_list,
            &mut arguments.warning_pattern,
            &mut arguments.directory_enter_pattern,
            &mut arguments.directory_leave_pattern,
            &mut arguments.max_warn_count,
        ],
        StepKind::Pbuilder(arguments) => vec![
            &mut arguments.suppression_file,
            &mut arguments.suppression_list,
            &mut arguments.warning_pattern,
            &mut arguments.directory_enter_pattern,
            &mut arguments.directory_leave_pattern,
            &mut arguments.max_warn_count,
            &mut arguments.architecture,
            &mut arguments.distribution,
            &mut arguments.basetgz,
            &mut arguments.mirror,
            &mut arguments.othermirror,
            &mut arguments.extrapackages,
            &mut arguments.keyring,
            &mut arguments.components,
        ],
        StepKind::Mock(arguments) => vec![&mut arguments.root, &mut arguments.resultdir],
        StepKind::MockBuild(arguments) => vec![&mut arguments.root, &mut arguments.resultdir],
        StepKind::MockRebuild(arguments) => vec![&mut arguments.root, &mut arguments.resultdir],
        StepKind::RpmBuild(arguments) => vec![&mut arguments.dist],
        kind => crate::source::renderables(kind),
    }
}

fn of_command(command: &mut Part<ShellArgKind>) -> Vec<&mut Value> {
    match &mut command.kind {
        ShellArgKind::ShellArg(arguments) => vec![
            &mut arguments.command,
            &mut arguments.logname,
            &mut arguments.halt_on_failure,
            &mut arguments.flunk_on_failure,
            &mut arguments.flunk_on_warnings,
            &mut arguments.warn_on_failure,
            &mut arguments.warn_on_warnings,
        ],
        ShellArgKind::Custom => Vec::new(),
    }
}
