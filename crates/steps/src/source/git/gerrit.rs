//! Patch sets of Gerrit.

use buildbot_config::steps::source::SourceArguments;
use buildbot_render::Value;

use crate::error::StepError;
use crate::facts::SourceFacts;
use crate::source::property;
use crate::source::wanted::Wanted;
use crate::step::Step;
use crate::value::text_of as text;

/// A patch set of the source stamp's project is fetched by its reference.
pub(super) fn gerrit(
    step: &Step<'_>,
    source: &SourceArguments,
    stamp: Option<&SourceFacts>,
    wanted: &mut Wanted,
) -> Result<(), StepError> {
    let property = |name| step.port.property(name).map(|property| property.value);
    let project = property("event.change.project").unwrap_or_default();
    let Some(stamp) = stamp else { return Ok(()) };
    if project.as_text() != Some(stamp.project.as_str()) {
        return Ok(());
    }
    let branch = match property("event.patchSet.ref") {
        Some(reference) => Some(text(&reference)),
        None => property("gerrit_change").and_then(|change| reference(&text(&change))),
    };
    if let Some(branch) = branch {
        property::set(step, source, "gerrit_branch", Value::from(branch.as_str()))?;
        wanted.branch = Some(branch);
    }
    Ok(())
}

/// The reference of a patch set `change/number`. The part in front has two columns, as the reference writes it.
fn reference(change: &str) -> Option<String> {
    let (change, number) = change.split_once('/')?;
    let change: u64 = change.trim().parse().ok()?;
    let number: u64 = number.trim().parse().ok()?;
    Some(format!("refs/changes/{:2}/{change}/{number}", change % 100))
}
