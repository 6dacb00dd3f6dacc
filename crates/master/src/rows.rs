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

/// What comes of writing the rows of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) ids: Ids,
    /// What changed, to be told when the configuration is in force.
    pub(crate) events: Vec<Event>,
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

#[derive(Debug, Clone)]
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

#[derive(Debug, Clone)]
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
                html: None,
            },
            project: config.project.clone(),
            tags: config.tags.clone(),
            workers: config.worker_names.iter().cloned().collect(),
        }
    }

    /// Whether its row says all this already.
    fn is_stored(
        &self,
        connection: &Connection,
        id: BuilderId,
        project: Option<ProjectId>,
    ) -> Result<bool, StatementError> {
        let stored = builders::by_id(connection, id)?;
        if !stored.is_some_and(|row| row.description == self.description && row.project == project)
        {
            return Ok(false);
        }
        let stored: BTreeSet<String> = builders::tags(connection, id)?.into_iter().collect();
        Ok(stored == self.tags.iter().cloned().collect())
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
                    html: None,
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
    ) -> Result<Written, StatementError> {
        let mut written = Written::default();
        self.write_projects(connection, &mut written)?;
        self.write_builders(connection, master, &mut written)?;
        let ids = &mut written.ids;
        self.write_workers(connection, master, ids)?;
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
        Ok(written)
    }

    fn write_projects(
        &self,
        connection: &Connection,
        written: &mut Written,
    ) -> Result<(), StatementError> {
        let Written { ids, events } = written;
        for project in &self.projects {
            let id = projects::find_or_add(connection, &project.name)?;
            projects::describe(connection, id, &project.slug, &project.description)?;
            events.push(Event::project_updated(id));
            ids.projects.insert(project.name.clone(), id);
        }
        for codebase in &self.codebases {
            let project = match ids.projects.get(&codebase.project) {
                Some(project) => *project,
                None => projects::find_or_add(connection, &codebase.project)?,
            };
            let id = projects::find_or_add_codebase(connection, project, &codebase.name)?;
            projects::set_codebase_slug(connection, id, &codebase.slug)?;
            events.push(Event::codebase_updated(id));
        }
        Ok(())
    }

    fn write_builders(
        &self,
        connection: &Connection,
        master: MasterId,
        written: &mut Written,
    ) -> Result<(), StatementError> {
        let Written { ids, events } = written;
        let owned = builders::all_masters(connection)?.into_iter();
        let owned = owned.filter(|(_, owner)| *owner == master);
        let mut owned: BTreeSet<BuilderId> = owned.map(|(builder, _)| builder).collect();
        for builder in &self.builders {
            let id = builders::find_or_add(connection, &builder.name)?;
            let project = builder.project.as_ref();
            let project = project.and_then(|name| ids.projects.get(name)).copied();
            let is_new = !owned.remove(&id);
            if is_new {
                builders::add_master(connection, id, master)?;
                events.push(Event::builder_on_master(id, master, true));
            }
            if is_new || !builder.is_stored(connection, id, project)? {
                builders::describe(connection, id, &builder.description, project, &builder.tags)?;
                events.push(Event::builder_updated(id));
            }
            ids.builders.insert(builder.name.clone(), id);
        }
        for builder in owned {
            builders::remove_master(connection, builder, master)?;
            events.push(Event::builder_on_master(builder, master, false));
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
