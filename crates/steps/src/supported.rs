//! What can be carried out.

use buildbot_config::StepConfig;

/// The class of the step, if it cannot be carried out.
pub fn unsupported(step: &StepConfig) -> Option<&str> {
    Some(step.class())
}
