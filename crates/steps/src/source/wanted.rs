//! What a step is to fetch.

use buildbot_config::steps::source::SourceArguments;
use buildbot_model::Results;
use buildbot_model::python_text::repr_of_text;
use buildbot_render::Value;

use super::property;
use crate::error::StepError;
use crate::facts::{ChangeFacts, PatchFacts, SourceFacts};
use crate::step::Step;

/// What a step is to fetch.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Wanted {
    /// The branch; the step's own if the source stamp has none.
    pub branch: Option<String>,
    /// The revision; `None` is the newest.
    pub revision: Option<String>,
    /// What is applied to the sources.
    pub patch: Option<PatchFacts>,
}

/// The codebase of a step.
pub(crate) fn codebase(source: &SourceArguments) -> &str {
    source.codebase.as_text().unwrap_or_default()
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
    latest: impl Fn(&[ChangeFacts]) -> Option<String>,
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
    let mut revision = stamp.revision.clone().filter(|known| !known.is_empty());
    if revision.is_none() {
        revision = latest(&stamp.changes);
        if let Some(revision) = &revision {
            property::set(step, source, "revision", Value::from(revision.as_str()))?;
        }
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
        patch: stamp.patch.clone(),
    }))
}
