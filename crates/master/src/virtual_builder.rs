//! Virtual builders: a build is recorded under another name than that of the builder which builds it.
//!
//! Buildbot: manual, "Builder Configuration", "Virtual Builders". Worker, steps, locks and queue stay the builder's.

use buildbot_config::Value;
use buildbot_model::{BuildRequest, BuilderId, VirtualBuilder, WorkerId};

use crate::properties::Known;
use crate::site::Site;

const NAME: &str = "virtual_builder_name";
const DESCRIPTION: &str = "virtual_builder_description";
const PROJECT: &str = "virtual_builder_project";
const TAGS: &str = "virtual_builder_tags";

/// The tag that every virtual builder has.
const VIRTUAL: &str = "_virtual_";

/// What a build of a request is recorded under, if it is something else than its builder.
///
/// Differs: `virtual_builder_name` as a property of a change makes no builder virtual, because a build is recorded
/// before the properties of its changes are read.
pub(crate) fn of(
    site: &Site,
    builder: BuilderId,
    worker: WorkerId,
    request: &BuildRequest,
) -> Option<VirtualBuilder> {
    let known = Known {
        site,
        builder_id: builder,
        builder: site.builder(builder)?,
        worker: site.worker(worker),
        request: &request.properties,
        sources: &[],
    };
    let properties = known.before_start();
    let builder = known.builder;
    let get = |name| properties.get(name).map(|property| &property.value);
    let text = |name| get(name).and_then(Value::as_text).map(str::to_owned);
    let name = text(NAME)?;
    let mut tags = match get(TAGS).and_then(Value::as_sequence) {
        Some(tags) => tags
            .iter()
            .filter_map(Value::as_text)
            .map(str::to_owned)
            .collect(),
        None => builder.tags.clone(),
    };
    if !tags.iter().any(|tag| tag == VIRTUAL) {
        tags.push(VIRTUAL.to_owned());
    }
    let project = text(PROJECT).or_else(|| builder.project.clone());
    Some(VirtualBuilder {
        name,
        description: text(DESCRIPTION).or_else(|| builder.description.clone()),
        project: project.and_then(|project| site.ids.projects.get(&project).copied()),
        tags,
    })
}
