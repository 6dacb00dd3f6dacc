//! What all steps have.

use crate::arguments::arguments;
use buildbot_render::Value;

arguments! {
    /// What all steps have. Most of it may be a renderable.
    pub struct CommonArguments {
        always_run: Value = "alwaysRun" or Value::Bool(false),
        description: Value = "description",
        description_done: Value = "descriptionDone",
        description_suffix: Value = "descriptionSuffix",
        do_step_if: Value = "doStepIf" or Value::Bool(true),
        flunk_on_failure: Value = "flunkOnFailure" or Value::Bool(true),
        flunk_on_warnings: Value = "flunkOnWarnings" or Value::Bool(false),
        halt_on_failure: Value = "haltOnFailure" or Value::Bool(false),
        update_build_summary_policy: Value = "updateBuildSummaryPolicy",
        hide_step_if: Value = "hideStepIf" or Value::Bool(false),
        locks: Value = "locks",
        log_encoding: Value = "logEncoding",
        name: Value = "name" or "generic".into(),
        progress_metrics: Value = "progressMetrics" or Value::Tuple(vec![]),
        use_progress: bool = "useProgress" or true,
        warn_on_failure: Value = "warnOnFailure" or Value::Bool(false),
        warn_on_warnings: Value = "warnOnWarnings" or Value::Bool(false),
        workdir: Value = "workdir",
    }
}
