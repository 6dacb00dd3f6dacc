//! What can be controlled, and what rules ask about it.

use buildbot_db::Reader;
use buildbot_model::{BuildId, BuildRequestId, SchedulerId, WorkerId};
use serde_json::Value as Json;

use crate::endpoints::{self, Shape, Source};
use crate::entity::Stored;
use crate::reader::{Data, ReadError};
use crate::rows;
use crate::select::{Bound, Sql};
use crate::sources;

/// What is at a path, for those who want something done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A build.
    Build(BuildId),
    /// A build request.
    Request(BuildRequestId),
    /// A worker.
    Worker(WorkerId),
    /// A scheduler.
    Scheduler(SchedulerId),
    /// A force scheduler, by its name. It may not exist.
    ForceScheduler(String),
    /// Something that nothing can be done to.
    Other,
}

impl Data {
    /// What is at a path. Builds and requests by id are not looked up: nothing is done to those that do not exist.
    pub async fn target(&self, path: &[String]) -> Result<Target, ReadError> {
        let Some((endpoint, arguments)) = endpoints::find(path) else {
            return Err(ReadError::NoPath(path.join("/")));
        };
        if endpoint.shape != Shape::Single {
            return Ok(Target::Other);
        }
        let Source::Where(template) = &endpoint.source else {
            return Ok(match endpoint.source {
                Source::ForceSchedulers => {
                    Target::ForceScheduler(arguments.text("schedulername").to_owned())
                }
                _ => Target::Other,
            });
        };
        match endpoint.path {
            "builds/n:buildid" => return Ok(Target::Build(BuildId(arguments.integer("buildid")))),
            "buildrequests/n:buildrequestid" => {
                let id = arguments.integer("buildrequestid");
                return Ok(Target::Request(BuildRequestId(id)));
            }
            _ => {}
        }
        let kind: fn(i64) -> Target = match endpoint.entity.name {
            "build" => |id| Target::Build(BuildId(id)),
            "worker" => |id| Target::Worker(WorkerId(id)),
            "scheduler" => |id| Target::Scheduler(SchedulerId(id)),
            _ => return Ok(Target::Other),
        };
        let id = endpoint.entity.fields.first().map(|field| field.stored);
        let Some(Stored::Column(id)) = id else {
            return Ok(Target::Other);
        };
        let mut sql = Sql::default();
        sql.push("SELECT ")
            .push(id)
            .push(" FROM ")
            .push(endpoint.entity.from)
            .push(" WHERE ");
        sql.push_template(template, &arguments);
        let found = self
            .ask(Reader::Client, move |connection| {
                rows::first::<i64>(connection, &sql)
            })
            .await?;
        found
            .map(kind)
            .ok_or_else(|| ReadError::NotFound(format!("/{}", path.join("/"))))
    }

    /// The newest successful build of a builder before one, if there is one with exactly these repositories, branches and
    /// codebases. Code of configurations asks for it.
    pub async fn previous_success(
        &self,
        builder: i64,
        number: i64,
        stamps: Vec<(String, Option<String>, String)>,
    ) -> Result<Option<i64>, ReadError> {
        let wanted = stamps.into_iter().collect();
        Ok(self
            .ask(Reader::Master, move |connection| {
                sources::previous_success(connection, builder, number, &wanted)
            })
            .await?)
    }

    /// The name of the builder of a build.
    pub async fn builder_name(&self, build: BuildId) -> Result<Option<String>, ReadError> {
        let text = "SELECT builders.name FROM builds JOIN builders ON builders.id = builds.builderid WHERE builds.id = ";
        self.text_of(text, build.0).await
    }

    /// The name of a builder.
    pub async fn name_of_builder(&self, id: i64) -> Result<Option<String>, ReadError> {
        self.text_of("SELECT name FROM builders WHERE id = ", id)
            .await
    }

    /// Who owns a build: the property `owner` of its buildset.
    pub async fn owner(&self, build: BuildId) -> Result<Option<String>, ReadError> {
        let text = "SELECT buildset_properties.property_value FROM builds \
            JOIN buildrequests ON buildrequests.id = builds.buildrequestid \
            JOIN buildset_properties ON buildset_properties.buildsetid = buildrequests.buildsetid \
            WHERE buildset_properties.property_name = 'owner' AND builds.id = ";
        let pair = self.text_of(text, build.0).await?;
        let pair = pair.map(|pair| rows::parse(&pair));
        let owner = pair
            .as_ref()
            .and_then(|pair| pair.get(0))
            .and_then(Json::as_str);
        Ok(owner.map(str::to_owned))
    }

    async fn text_of(&self, text: &'static str, id: i64) -> Result<Option<String>, ReadError> {
        let mut sql = Sql::default();
        sql.push(text).bind(Bound::Integer(id));
        Ok(self
            .ask(Reader::Client, move |connection| {
                rows::first(connection, &sql)
            })
            .await?)
    }
}
