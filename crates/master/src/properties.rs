//! The properties of a build, from all that sets some; what comes later wins.
//!
//! Buildbot: manual, "Properties"; the order of sources and their names are the reference's.

use std::collections::BTreeSet;

use buildbot_config::{BuilderConfig, Value, Worker};
use buildbot_model::{BuildNumber, BuilderId, ProjectId};
use buildbot_render::Properties;

use crate::json;
use crate::site::Site;
use crate::sources::Source;

const BUILD: &str = "Build";
const BUILDER: &str = "Builder";
const WORKER: &str = "Worker";

/// Everything that sets properties before a build starts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) site: &'a Site,
    pub(crate) builder_id: BuilderId,
    pub(crate) builder: &'a BuilderConfig,
    pub(crate) worker: Option<&'a Worker>,
    /// Those of the buildset.
    pub(crate) request: &'a buildbot_model::Properties,
    pub(crate) sources: &'a [Source],
}

impl Known<'_> {
    /// What is known before a build starts: locks and compatible workers are found with these.
    pub(crate) fn before_start(self) -> Properties {
        let mut properties = Properties::default();
        for (name, value) in &self.site.config.globals.properties {
            properties.set(name.as_str(), value.clone(), self.site.file.as_str(), false);
        }
        for change in self.sources.iter().flat_map(|source| &source.changes) {
            for (name, property) in &change.properties {
                let value = json::value_of(&property.value);
                properties.set(name.as_str(), value, property.source.as_str(), false);
            }
        }
        for (name, property) in self.request {
            let value = json::value_of(&property.value);
            properties.set(name.as_str(), value, property.source.as_str(), false);
        }
        self.set_those_of_builder(&mut properties);
        if let Some(worker) = self.worker {
            set_those_of_worker(&mut properties, worker);
        }
        properties
    }

    fn set_those_of_builder(self, properties: &mut Properties) {
        let builder = self.builder;
        properties.set("buildername", builder.name.as_str(), BUILDER, false);
        properties.set("builderid", self.builder_id.0, BUILDER, false);
        if let Some(project) = &builder.project {
            properties.set("projectname", project.as_str(), BUILDER, false);
            if let Some(ProjectId(id)) = self.site.ids.projects.get(project) {
                properties.set("projectid", *id, BUILDER, false);
            }
        }
        set_all(properties, &builder.properties, BUILDER);
        set_missing(properties, &builder.default_properties, BUILDER);
    }

    /// All that a build has when its worker is asked for.
    pub(crate) fn at_start(self, number: BuildNumber) -> Properties {
        let mut properties = self.before_start();
        properties.set("buildnumber", number.0, BUILD, false);
        if let [source] = self.sources {
            let optional = |text: &Option<String>| {
                text.as_ref()
                    .map_or(Value::None, |text| text.as_str().into())
            };
            properties.set("branch", optional(&source.branch), BUILD, false);
            properties.set("revision", optional(&source.revision), BUILD, false);
            properties.set("repository", source.repository.as_str(), BUILD, false);
            properties.set("codebase", source.codebase.as_str(), BUILD, false);
            properties.set("project", source.project.as_str(), BUILD, false);
        }
        let owners = self.owners();
        if !owners.is_empty() {
            let owners = owners.into_iter().map(Value::from).collect();
            properties.set("owners", Value::List(owners), BUILD, true);
        }
        properties
    }

    /// Who is to be told: authors of changes and patches, and who asked.
    fn owners(self) -> BTreeSet<String> {
        let mut owners = BTreeSet::new();
        for source in self.sources {
            owners.extend(source.changes.iter().map(|change| change.author.clone()));
            if let Some(patch) = &source.patch {
                owners.insert(patch.author.clone());
            }
        }
        owners.retain(|owner| !owner.is_empty());
        let owner = self.request.get("owner");
        if let Some(Value::Text(owner)) = owner.map(|owner| json::value_of(&owner.value)) {
            owners.insert(owner);
        }
        owners
    }
}

/// What is known once the worker is there.
pub(crate) fn set_directories(properties: &mut Properties, worker_basedir: &str, builddir: &str) {
    properties.set("basedir", worker_basedir, WORKER, true);
    properties.set("builddir", builddir, WORKER, true);
}

fn set_those_of_worker(properties: &mut Properties, worker: &Worker) {
    set_all(properties, &worker.common.properties, WORKER);
    properties.set("workername", worker.name(), WORKER, false);
    if let Some(machine) = &worker.common.machine_name {
        properties.set("machine_name", machine.as_str(), WORKER, false);
    }
    set_missing(properties, &worker.common.default_properties, WORKER);
}

fn set_all(properties: &mut Properties, values: &[(String, Value)], source: &str) {
    for (name, value) in values {
        properties.set(name.as_str(), value.clone(), source, false);
    }
}

fn set_missing(properties: &mut Properties, values: &[(String, Value)], source: &str) {
    for (name, value) in values {
        if properties.get(name).is_none() {
            properties.set(name.as_str(), value.clone(), source, false);
        }
    }
}
