//! The rows of what a configuration names: found or made, described, and given up when it names them no more.

use std::collections::{BTreeMap, BTreeSet};

use buildbot_config::{BuilderConfig, MasterConfig};
use buildbot_data::Event;
use buildbot_db::tables::builders::{self, Description};
use buildbot_db::tables::{change_sources, projects, schedulers, workers};
use buildbot_db::{Connection, StatementError};
use buildbot_model::{BuilderId, ChangeSourceId, MasterId, ProjectId, SchedulerId, WorkerId};

/// The rows of a configuration, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    pub(crate) projects: BTreeMap<String, ProjectId>,
    pub(crate) builders: BTreeMap<String, BuilderId>,
    pub(crate) workers: BTreeMap<String, WorkerId>,
    pub(crate) schedulers: BTreeMap<String, SchedulerId>,
    pub(crate) change_sources: BTreeMap<String, ChangeSourceId>,
}

/// What a configuration says that the database keeps.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    projects: Vec<Project>,
    codebases: Vec<Codebase>,
    builders: Vec<Builder>,
    workers: Vec<String>,
    schedulers: Vec<String>,
    change_sources: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Project {
    name: String,
    slug: String,
    description: Description,
}

#[derive(Debug, Clone)]
struct Codebase {
    project: String,
    name: String,
    slug: String,
}

#[derive(Debug, Clone, PartialEq)]
struct Builder {
    name: String,
    description: Description,
    project: Option<String>,
    tags: Vec<String>,
    workers: BTreeSet<String>,
}

impl Builder {
    fn new(config: &BuilderConfig) -> Self {
        Self {
            name: config.name.clone(),
            description: Description {
                text: config.description.clone(),
                format: config.description_format.clone(),
                html: config.object.html.clone(),
            },
            project: config.project.clone(),
            tags: config.tags.clone(),
            workers: config.worker_names.iter().cloned().collect(),
        }
    }
}

impl Rows {
    pub(crate) fn of(config: &MasterConfig) -> Self {
        let projects = config.projects.iter().map(|project| {
            let given = &project.arguments;
            Project {
                name: given.name.clone(),
                slug: given.slug.clone().unwrap_or_else(|| given.name.clone()),
                description: Description {
                    text: given.description.clone(),
                    format: given.description_format.clone(),
                    html: project.html.clone(),
                },
            }
        });
        let codebases = config.codebases.iter().map(|codebase| {
            let given = &codebase.arguments;
            Codebase {
                project: given.project.clone(),
                name: given.name.clone(),
                slug: given.slug.clone().unwrap_or_else(|| given.name.clone()),
            }
        });
        let names = |names: &mut dyn Iterator<Item = &str>| names.map(str::to_owned).collect();
        Self {
            projects: projects.collect(),
            codebases: codebases.collect(),
            builders: config.builders.iter().map(Builder::new).collect(),
            workers: names(&mut config.workers.iter().map(|worker| worker.name())),
            schedulers: names(&mut config.schedulers.iter().map(|scheduler| scheduler.name())),
            change_sources: names(&mut config.change_sources.iter().map(|source| source.name())),
        }
    }

    /// Makes the rows those of this configuration, and says which they are.
    pub(crate) fn write(
        &self,
        connection: &Connection,
        master: MasterId,
    ) -> Result<Ids, StatementError> {
        let mut ids = Ids::default();
        self.write_projects(connection, &mut ids)?;
        self.write_builders(connection, master, &mut ids)?;
        self.write_workers(connection, master, &mut ids)?;
        for name in &self.schedulers {
            let id = schedulers::find_or_add(connection, name)?;
            ids.schedulers.insert(name.clone(), id);
        }
        for row in schedulers::all(connection)? {
            if row.master == Some(master) && !ids.schedulers.contains_key(&row.name) {
                schedulers::unclaim(connection, row.id, master)?;
            }
        }
        for name in &self.change_sources {
            let id = change_sources::find_or_add(connection, name)?;
            ids.change_sources.insert(name.clone(), id);
        }
        for row in change_sources::all(connection)? {
            if row.master == Some(master) && !ids.change_sources.contains_key(&row.name) {
                change_sources::unclaim(connection, row.id, master)?;
            }
        }
        Ok(ids)
    }

    /// What is told when the rows of this configuration have been written in place of those `before`.
    pub(crate) fn events(
        &self,
        ids: &Ids,
        before: &Self,
        ids_before: &Ids,
        master: MasterId,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for (name, id) in &ids_before.builders {
            if !ids.builders.contains_key(name) {
                events.push(Event::builder_on_master(*id, master, false));
            }
        }
        for (name, id) in &ids.builders {
            if !ids_before.builders.contains_key(name) {
                events.push(Event::builder_on_master(*id, master, true));
            }
        }
        let projects = self.projects.iter();
        let projects = projects.filter(|project| !before.projects.contains(project));
        let projects = projects.filter_map(|project| ids.projects.get(&project.name));
        events.extend(projects.map(|id| Event::project_updated(*id)));
        let known: BTreeMap<&str, &Builder> = before
            .builders
            .iter()
            .map(|builder| (builder.name.as_str(), builder))
            .collect();
        let builders = self.builders.iter();
        let changed = builders.filter(|it| known.get(it.name.as_str()) != Some(it));
        let changed = changed.filter_map(|builder| ids.builders.get(&builder.name));
        events.extend(changed.map(|id| Event::builder_updated(*id)));
        events
    }

    fn write_projects(&self, connection: &Connection, ids: &mut Ids) -> Result<(), StatementError> {
        for project in &self.projects {
            let id = projects::find_or_add(connection, &project.name)?;
            projects::describe(connection, id, &project.slug, &project.description)?;
            ids.projects.insert(project.name.clone(), id);
        }
        for codebase in &self.codebases {
            let project = match ids.projects.get(&codebase.project) {
                Some(project) => *project,
                None => projects::find_or_add(connection, &codebase.project)?,
            };
            let id = projects::find_or_add_codebase(connection, project, &codebase.name)?;
            projects::set_codebase_slug(connection, id, &codebase.slug)?;
        }
        Ok(())
    }

    fn write_builders(
        &self,
        connection: &Connection,
        master: MasterId,
        ids: &mut Ids,
    ) -> Result<(), StatementError> {
        for builder in &self.builders {
            let id = builders::find_or_add(connection, &builder.name)?;
            let project = builder.project.as_ref();
            let project = project.and_then(|name| ids.projects.get(name)).copied();
            builders::describe(connection, id, &builder.description, project, &builder.tags)?;
            builders::add_master(connection, id, master)?;
            ids.builders.insert(builder.name.clone(), id);
        }
        let named: BTreeSet<BuilderId> = ids.builders.values().copied().collect();
        for (builder, owner) in builders::all_masters(connection)? {
            if owner == master && !named.contains(&builder) {
                builders::remove_master(connection, builder, master)?;
            }
        }
        Ok(())
    }

    fn write_workers(
        &self,
        connection: &Connection,
        master: MasterId,
        ids: &mut Ids,
    ) -> Result<(), StatementError> {
        let mut builders_of: BTreeMap<&str, Vec<BuilderId>> = BTreeMap::new();
        for builder in &self.builders {
            let Some(id) = ids.builders.get(&builder.name) else {
                continue;
            };
            for worker in &builder.workers {
                builders_of.entry(worker).or_default().push(*id);
            }
        }
        workers::deconfigure_all(connection, master)?;
        for name in &self.workers {
            let id = workers::find_or_add(connection, name)?;
            let builders = builders_of.get(name.as_str());
            let builders = builders.map(Vec::as_slice).unwrap_or_default();
            workers::configure(connection, id, master, builders)?;
            ids.workers.insert(name.clone(), id);
        }
        Ok(())
    }
}
