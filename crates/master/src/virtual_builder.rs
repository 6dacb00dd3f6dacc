//! Virtual builders: a build is recorded under another name than that of the builder which builds it.
//!
//! Buildbot: manual, "Builder Configuration", "Virtual Builders". Worker, steps, locks and queue stay the builder's.

use buildbot_config::{BuilderConfig, Value, Worker};
use buildbot_model::{BuildRequest, BuilderId, VirtualBuilder, WorkerId};

use crate::json;
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
    let builder = site.builder(builder)?;
    let properties = Properties {
        site,
        builder,
        worker: site.worker(worker),
        request,
    };
    let text = |name| match properties.get(name) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    };
    let name = text(NAME)?;
    let tags = properties.get(TAGS);
    let given = tags.as_ref().and_then(Value::as_sequence);
    let mut tags = match given {
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

/// Where a property may come from; what comes later in the order of all properties is asked first.
struct Properties<'a> {
    site: &'a Site,
    builder: &'a BuilderConfig,
    worker: Option<&'a Worker>,
    request: &'a BuildRequest,
}

impl Properties<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        let of = |pairs: &[(String, Value)]| {
            let mut pairs = pairs.iter();
            let found = pairs.find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let common = self.worker.map(|worker| &worker.common);
        let of_request = || {
            let property = self.request.properties.get(name)?;
            Some(json::value_of(&property.value))
        };
        common
            .and_then(|common| of(&common.properties))
            .or_else(|| of(&self.builder.properties))
            .or_else(of_request)
            .or_else(|| of(&self.site.config.globals.properties))
            .or_else(|| of(&self.builder.default_properties))
            .or_else(|| common.and_then(|common| of(&common.default_properties)))
    }
}
