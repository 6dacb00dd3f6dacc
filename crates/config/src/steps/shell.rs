//! Steps that run commands.

use crate::arguments::{FromValue, arguments, kinds};
use crate::description::Description;
use crate::parts::Part;
use buildbot_render::Value;

arguments! {
    /// What all steps have that run a command.
    pub struct ShellArguments {
        command: Value = "command",
        env: Value = "env" or Value::Dict(vec![]),
        want_stdout: Value = "want_stdout" or Value::Bool(true),
        want_stderr: Value = "want_stderr" or Value::Bool(true),
        use_pty: Value = "usePTY",
        logfiles: Value = "logfiles" or Value::Dict(vec![]),
        lazylogfiles: Value = "lazylogfiles" or Value::Bool(false),
        timeout: Value = "timeout" or Value::Int(1200),
        max_time: Value = "maxTime",
        max_lines: Value = "max_lines",
        log_environ: Value = "logEnviron" or Value::Bool(true),
        interrupt_signal: Value = "interruptSignal" or "KILL".into(),
        sigterm_time: Value = "sigtermTime",
        initial_stdin: Value = "initialStdin",
        decode_rc: Value = "decodeRC" or Value::Dict(vec![(Value::Int(0), Value::Int(0))]),
    }
}

arguments! {
    /// What a step has that makes properties of the output.
    pub struct SetPropertyFromCommandArguments {
        property: Value = "property",
        extract_fn: Value = "extract_fn",
        strip: bool = "strip" or true,
        include_stdout: bool = "includeStdout" or true,
        include_stderr: bool = "includeStderr",
    }
}

arguments! {
    /// What a step has that counts warnings.
    pub struct WarningArguments {
        warning_pattern: Value = "warningPattern",
        warning_extractor: Value = "warningExtractor",
        max_warn_count: Value = "maxWarnCount",
        directory_enter_pattern: Value = "directoryEnterPattern",
        directory_leave_pattern: Value = "directoryLeavePattern",
        suppression_file: Value = "suppressionFile",
        suppression_list: Value = "suppressionList",
    }
}

arguments! {
    /// Several commands.
    pub struct ShellSequenceArguments {
        commands: Commands = "commands",
    }
}

arguments! {
    /// One command of several, and what its result means.
    pub struct ShellArgArguments {
        command: Value = "command",
        logname: Value = "logname",
        halt_on_failure: Value = "haltOnFailure" or Value::Bool(false),
        flunk_on_warnings: Value = "flunkOnWarnings" or Value::Bool(false),
        flunk_on_failure: Value = "flunkOnFailure" or Value::Bool(true),
        warn_on_warnings: Value = "warnOnWarnings" or Value::Bool(false),
        warn_on_failure: Value = "warnOnFailure" or Value::Bool(false),
    }
}

arguments! {
    /// What tests have that write subunit.
    pub struct SubunitArguments {
        failure_on_no_tests: bool = "failureOnNoTests",
    }
}

kinds! {
    /// What a command of several may be.
    pub enum ShellArgKind in "buildbot.steps.shellsequence" {
        /// A command.
        ShellArg(ShellArgArguments) = "ShellArg",
    }
}

/// The commands of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum Commands {
    /// These.
    These(Vec<Part<ShellArgKind>>),
    /// Known when they are needed.
    Later(Value),
}

impl Default for Commands {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl FromValue for Commands {
    const EXPECTED: &'static str = "a list of ShellArg";

    fn from_value(value: &Value, description: &Description) -> Option<Self> {
        Some(match Vec::from_value(value, description) {
            Some(commands) => Self::These(commands),
            // Elements may be renderables as well.
            None => Self::Later(value.clone()),
        })
    }
}
