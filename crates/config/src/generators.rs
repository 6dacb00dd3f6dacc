//! What reporters tell about: the argument `generators`.

use crate::arguments::{arguments, kinds};
use crate::formatters::FormatterKind;
use crate::parts::Part;
use buildbot_render::Value;

kinds! {
    /// The kinds of generators.
    pub enum GeneratorKind in "buildbot.reporters" {
        /// What became of builds.
        Status(StatusArguments) = "generators.build.BuildStatusGenerator",
        /// Builds that start, and that end.
        StartEnd(StartEndArguments) = "generators.build.BuildStartEndStatusGenerator",
        /// Requests for builds.
        BuildRequest(BuildRequestArguments) = "generators.buildrequest.BuildRequestGenerator",
        /// Buildsets, a message for each build.
        Buildset(BuildsetArguments) = "generators.buildset.BuildSetStatusGenerator",
        /// Buildsets, a message for all builds.
        BuildsetCombined(CombinedArguments) = "generators.buildset.BuildSetCombinedStatusGenerator",
        /// Workers that are missing.
        MissingWorker(MissingWorkerArguments) = "generators.worker.WorkerMissingGenerator",
        /// Reviews at Gerrit.
        Gerrit(GerritGeneratorArguments) = "gerrit.GerritBuildSetStatusGenerator" | "gerrit.GerritBuildStartStatusGenerator" | "gerrit.GerritBuildEndStatusGenerator",
    }
}

arguments! {
    /// What became of builds.
    pub struct StatusArguments {
        mode: Value = "mode" or Value::Tuple(vec!["failing".into(), "passing".into(), "warnings".into()]),
        tags: Value = "tags",
        builders: Value = "builders",
        schedulers: Value = "schedulers",
        branches: Value = "branches",
        add_logs: Value = "add_logs",
        add_patch: bool = "add_patch",
        report_new: bool = "report_new",
        message_formatter: Option<Part<FormatterKind>> = "message_formatter",
    }
}

arguments! {
    /// Builds that start, and that end.
    pub struct StartEndArguments {
        tags: Value = "tags",
        builders: Value = "builders",
        schedulers: Value = "schedulers",
        branches: Value = "branches",
        add_logs: Value = "add_logs",
        add_patch: bool = "add_patch",
        start_formatter: Option<Part<FormatterKind>> = "start_formatter",
        end_formatter: Option<Part<FormatterKind>> = "end_formatter",
    }
}

arguments! {
    /// Requests for builds.
    pub struct BuildRequestArguments {
        tags: Value = "tags",
        builders: Value = "builders",
        schedulers: Value = "schedulers",
        branches: Value = "branches",
        add_patch: bool = "add_patch",
        formatter: Option<Part<FormatterKind>> = "formatter",
    }
}

arguments! {
    /// Buildsets, a message for each build.
    pub struct BuildsetArguments {
        mode: Value = "mode" or Value::Tuple(vec!["failing".into(), "passing".into(), "warnings".into()]),
        tags: Value = "tags",
        builders: Value = "builders",
        schedulers: Value = "schedulers",
        branches: Value = "branches",
        subject: Value = "subject",
        add_logs: Value = "add_logs",
        add_patch: bool = "add_patch",
        message_formatter: Option<Part<FormatterKind>> = "message_formatter",
    }
}

arguments! {
    /// Buildsets, a message for all builds.
    pub struct CombinedArguments {
        message_formatter: Option<Part<FormatterKind>> = "message_formatter",
    }
}

arguments! {
    /// Workers that are missing.
    pub struct MissingWorkerArguments {
        workers: Value = "workers" or "all".into(),
        message_formatter: Option<Part<FormatterKind>> = "message_formatter",
    }
}

arguments! {
    /// Reviews at Gerrit.
    pub struct GerritGeneratorArguments {
        callback: Value = "callback",
        callback_arg: Value = "callback_arg",
        builders: Value = "builders",
        want_steps: Value = "want_steps",
        want_logs: Value = "want_logs",
    }
}
