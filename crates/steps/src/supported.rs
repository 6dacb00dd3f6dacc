//! What can be carried out.

use buildbot_config::StepConfig;

use crate::kinds;

/// The class of the step, if it cannot be carried out. A class of the user's whose code is needed is the
/// configuration host's matter.
pub fn unsupported(step: &StepConfig) -> Option<&str> {
    (!step.is_custom() && !kinds::is_supported(step)).then(|| step.class())
}
