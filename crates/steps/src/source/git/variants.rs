//! What GitHub and GitLab do with pull and merge requests.

use buildbot_render::{Kind, Value};

use crate::error::StepError;
use crate::source::wanted::Wanted;
use crate::step::Step;
use crate::value::text_of as text;

/// GitHub makes the merge of a pull request anew for every head of the target branch, so its revision is not kept.
pub(super) fn github(wanted: &mut Wanted) -> Result<(), StepError> {
    let Some(branch) = &wanted.branch else {
        return Err(StepError::raise(
            Kind::Attribute,
            "'NoneType' object has no attribute 'endswith'",
        ));
    };
    if branch.ends_with("/merge") {
        wanted.revision = None;
    }
    Ok(())
}

/// A merge request of GitLab is fetched from the repository that it comes from.
pub(super) fn gitlab(step: &Step<'_>, wanted: &mut Wanted, repourl: &mut Value) {
    let property = |name| step.port.property(name).map(|property| property.value);
    if property("target_branch").is_none_or(|target| !target.is_true()) {
        return;
    }
    wanted.branch = property("source_branch").map(|branch| text(&branch));
    wanted.revision = None;
    *repourl = property("source_git_ssh_url").unwrap_or_default();
}
