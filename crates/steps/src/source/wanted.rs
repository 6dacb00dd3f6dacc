//! What a step is to fetch.

use buildbot_config::steps::source::SourceArguments;
use buildbot_model::Results;
use buildbot_model::python_text::repr_of_text;
use buildbot_render::{Kind, Value};

use super::property;
use crate::error::StepError;
use crate::facts::{ChangeFacts, PatchFacts, SourceFacts};
use crate::step::{Step, type_error};
use crate::value::text_of;

/// What Python says of a number that is `None`.
pub(crate) const NO_NUMBER: &str =
    "int() argument must be a string, a bytes-like object or a real number, not 'NoneType'";

/// What a step is to fetch.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Wanted {
    /// The branch; the step's own if the source stamp has none.
    pub branch: Option<String>,
    /// The revision; `None` is the newest.
    pub revision: Option<String>,
    /// The revision is a number that was found among changes.
    pub is_number: bool,
    /// What is applied to the sources.
    pub patch: Option<PatchFacts>,
}

/// The codebase of a step.
pub(crate) fn codebase(source: &SourceArguments) -> &str {
    source.codebase.as_text().unwrap_or_default()
}

/// The revision of the last change: all others came before.
pub(crate) fn last(changes: &[ChangeFacts]) -> Result<Option<Value>, StepError> {
    let revision = changes.last().and_then(|change| change.revision.clone());
    Ok(revision.map(Value::from))
}

/// The greatest revision as a text, where they are numbers; `None` if a change has none.
pub(crate) fn greatest(changes: &[ChangeFacts]) -> Result<Option<Value>, StepError> {
    if changes.iter().any(|change| change.revision.is_none()) {
        return Ok(None);
    }
    let greatest = greatest_number(changes)?;
    Ok(greatest.map(|number| text_of(&number).into()))
}

/// The greatest revision, where they are numbers and every change has one.
pub(crate) fn greatest_number(changes: &[ChangeFacts]) -> Result<Option<Value>, StepError> {
    let mut greatest = None;
    for change in changes {
        let Some(revision) = &change.revision else {
            return Err(type_error(NO_NUMBER));
        };
        let number: i64 = revision.trim().parse().map_err(|_| {
            StepError::raise(
                Kind::Value,
                format!(
                    "invalid literal for int() with base 10: {}",
                    repr_of_text(revision)
                ),
            )
        })?;
        greatest = greatest.max(Some(number));
    }
    Ok(greatest.map(Value::Int))
}

/// The source stamp of a step, unless it always takes the latest.
pub(crate) fn source_stamp<'s>(
    step: &'s Step<'_>,
    source: &SourceArguments,
) -> Option<&'s SourceFacts> {
    if source.always_use_latest {
        return None;
    }
    step.port.build().source(codebase(source))
}

/// What is to be fetched, or the end of the step if its codebase is not in the build. `branch` is the step's own,
/// `latest` finds the revision that holds all changes.
pub(crate) async fn wanted(
    step: &Step<'_>,
    source: &SourceArguments,
    branch: Option<&str>,
    latest: impl Fn(&[ChangeFacts]) -> Result<Option<Value>, StepError>,
) -> Result<Result<Wanted, Results>, StepError> {
    let own_branch = branch.map(str::to_owned);
    if source.always_use_latest {
        return Ok(Ok(Wanted {
            branch: own_branch,
            ..Wanted::default()
        }));
    }
    let codebase = codebase(source);
    let Some(stamp) = step.port.build().source(codebase) else {
        step.set_description_done(format!("Codebase {codebase} not in build"));
        let text = format!(
            "No sourcestamp found in build for codebase {}",
            repr_of_text(codebase)
        );
        step.add_complete_log("log", &text).await?;
        return Ok(Err(Results::Failure));
    };
    let mut is_number = false;
    let mut revision = stamp.revision.clone().filter(|known| !known.is_empty());
    if revision.is_none()
        && let Some(found) = latest(&stamp.changes)?
    {
        is_number = matches!(found, Value::Int(_));
        revision = Some(text_of(&found));
        property::set(step, source, "revision", found)?;
    }
    if let Some(patch) = &stamp.patch {
        let text = String::from_utf8_lossy(&patch.body);
        step.add_complete_log("patch", &text).await?;
    }
    Ok(Ok(Wanted {
        branch: stamp
            .branch
            .clone()
            .filter(|branch| !branch.is_empty())
            .or(own_branch),
        revision,
        is_number,
        patch: stamp.patch.clone(),
    }))
}
