//! Which arguments of a step are evaluated before it runs.

use buildbot_config::StepArguments;
use buildbot_config::steps::kind::StepKind;
use buildbot_render::Value;

/// The arguments of a step that are evaluated, all at once.
pub(crate) fn of(arguments: &mut StepArguments) -> Vec<&mut Value> {
    let StepArguments {
        common,
        shell,
        source: _,
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
    values.extend(of_kind(kind));
    values
}

fn of_kind(kind: &mut StepKind) -> Vec<&mut Value> {
    match kind {
        _ => Vec::new(),
    }
}
