//! Answers questions.

use std::fmt;
use std::sync::Arc;

use buildbot_db::{Connection, Database, Reader, StatementError};
use buildbot_logs::{LogReader, LogStore, Prefix};
use buildbot_model::LogId;
use serde_json::{Value as Json, json};

use crate::endpoints::{self, Endpoint, Shape, Source};
use crate::entity::{Entity, Paging};
use crate::live::Live;
use crate::memory::{self, Item};
use crate::query::{Query, QueryError};
use crate::related;
use crate::rows;
use crate::select::{self, Arguments, Bound, Sql};
use crate::sources;

/// How many bytes of a log are told in one answer; `raw` has no such limit, as it is sent piece by piece.
///
/// Differs: `logs/N/contents` with more than 64 MiB is an error 413; the reference makes one text of a whole log,
/// whatever its length, and so can be made to take all memory.
const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Everything that can be read.
pub struct Data {
    database: Arc<Database>,
    logs: LogStore,
    live: Arc<dyn Live>,
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Data")
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

/// What is at a path.
#[derive(Debug)]
pub enum Answer {
    /// Objects of a type.
    Objects {
        /// The key under which they are told.
        plural: &'static str,
        /// They.
        items: Vec<Json>,
        /// How many there are, for collections.
        total: Option<usize>,
    },
    /// A whole log.
    Log(RawLog),
    /// Bytes, to be saved under a name.
    Bytes {
        /// The name.
        name: String,
        /// They.
        bytes: Vec<u8>,
    },
}

/// A log as text.
#[derive(Debug)]
pub struct RawLog {
    /// Reads its lines.
    pub reader: LogReader,
    /// What comes before them.
    pub head: String,
    /// Whether it is HTML.
    pub is_html: bool,
    /// The name under which it is saved, if it is to be saved.
    pub file_name: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such path.
    #[error("Invalid path: {0}")]
    NoPath(String),
    /// There is such a path, and nothing there.
    #[error("not found while getting from {0}")]
    NotFound(String),
    /// The parameters are wrong.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Others ask so much that this question is not taken.
    #[error("too much is asked at once")]
    Busy,
    /// There are more bytes than one answer may have.
    #[error(
        "these lines have more than {CONTENT_BYTES_MAX} bytes: ask for fewer, or for the log as `raw`"
    )]
    TooLong,
    /// The database does not answer.
    #[error(transparent)]
    Database(buildbot_db::ReadError),
    /// The lines cannot be read.
    #[error(transparent)]
    Log(buildbot_logs::ReadError),
}

impl From<buildbot_logs::ReadError> for ReadError {
    fn from(error: buildbot_logs::ReadError) -> Self {
        match error {
            buildbot_logs::ReadError::Database(error)
                if matches!(*error, buildbot_db::ReadError::Busy) =>
            {
                Self::Busy
            }
            other => Self::Log(other),
        }
    }
}

impl From<buildbot_db::ReadError> for ReadError {
    fn from(error: buildbot_db::ReadError) -> Self {
        match error {
            buildbot_db::ReadError::Busy => Self::Busy,
            other => Self::Database(other),
        }
    }
}

/// A question, as a thread of the database answers it.
enum Found {
    Nothing,
    Objects(Vec<Item>, Option<usize>),
    Log(i64),
    Bytes(String, Vec<u8>),
}

impl Data {
    /// What a database holds, where logs are, and what the configuration says.
    pub fn new(database: Arc<Database>, logs: LogStore, live: Arc<dyn Live>) -> Self {
        Self {
            database,
            logs,
            live,
        }
    }

    /// The database, for what is no resource.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// What the configuration says.
    pub fn live(&self) -> &dyn Live {
        self.live.as_ref()
    }

    /// What is at a path, given in its parts, with the parameters of its URL.
    pub async fn read(
        &self,
        path: &[String],
        parameters: &[(String, String)],
    ) -> Result<Answer, ReadError> {
        let Some((endpoint, arguments)) = endpoints::find(path) else {
            return Err(ReadError::NoPath(path.join("/")));
        };
        let is_collection = endpoint.shape == Shape::Collection;
        let query = if endpoint.entity.fields.is_empty() {
            // One object with whatever keys there are: nothing can be asked of them.
            Query::default()
        } else {
            Query::parse(endpoint.entity, is_collection, parameters)?
        };
        self.answer(Reader::Client, path, endpoint, arguments, query)
            .await
    }

    /// What an endpoint has for a query of somebody.
    pub(crate) async fn answer(
        &self,
        whose: Reader,
        path: &[String],
        endpoint: &'static Endpoint,
        arguments: Arguments,
        query: Query,
    ) -> Result<Answer, ReadError> {
        let missing = || ReadError::NotFound(format!("/{}", path.join("/")));
        let (limit, offset) = (query.limit, query.offset);
        let wanted = query.fields.clone();
        let force_schedulers = match endpoint.source {
            Source::ForceSchedulers => self.live.force_schedulers(),
            _ => Arc::default(),
        };
        let found = self
            .ask(whose, move |connection| {
                answer(connection, endpoint, &arguments, &query, force_schedulers)
            })
            .await?;
        match found {
            Found::Nothing => Err(missing()),
            Found::Bytes(name, bytes) => Ok(Answer::Bytes { name, bytes }),
            Found::Objects(mut items, total) => {
                if endpoint.entity.name == "log" {
                    items.iter_mut().for_each(|log| self.count_lines(log));
                }
                Ok(Answer::Objects {
                    plural: endpoint.entity.plural,
                    items: items.into_iter().map(Json::Object).collect(),
                    total,
                })
            }
            Found::Log(id) if endpoint.shape == Shape::Single => {
                let first = offset.unwrap_or(0);
                let chunk = self.chunk(whose, LogId(id), first, limit).await?;
                let mut chunk = chunk.ok_or_else(missing)?;
                if !wanted.is_empty() {
                    chunk.retain(|name, _| wanted.iter().any(|field| field.name == name));
                }
                Ok(Answer::Objects {
                    plural: endpoint.entity.plural,
                    items: vec![chunk.into()],
                    total: None,
                })
            }
            Found::Log(id) => {
                let log = self.raw(whose, LogId(id), endpoint.shape == Shape::Raw);
                Ok(Answer::Log(log.await?.ok_or_else(missing)?))
            }
        }
    }

    /// A log that is not complete has as many lines as can be read. Orders and filters see the number that is stored.
    fn count_lines(&self, log: &mut Item) {
        let is_complete = log.get("complete") != Some(&Json::Bool(false));
        let id = log.get("logid").and_then(Json::as_i64);
        if let (false, Some(id), Some(lines)) = (is_complete, id, log.get_mut("num_lines"))
            && let Some(count) = self.live.lines_of_log(LogId(id))
        {
            *lines = count.into();
        }
    }

    /// Some lines of a log. Without a limit they go to the end.
    ///
    /// Seen: a limit of 0, a negative first line, and without a limit a first line past the end: nothing is found. With
    /// a limit there is an answer for logs that do not exist, too.
    async fn chunk(
        &self,
        whose: Reader,
        id: LogId,
        first: i64,
        limit: Option<i64>,
    ) -> Result<Option<Item>, ReadError> {
        let reader = self.logs.reader(&self.database, whose, id).await?;
        let last = match (limit, &reader) {
            (Some(limit), _) => first.saturating_add(limit).saturating_sub(1),
            (None, Some(reader)) => {
                let lines = reader.progress().await?.lines;
                i64::try_from(lines)
                    .unwrap_or(i64::MAX)
                    .saturating_sub(1)
                    .max(0)
            }
            (None, None) => return Ok(None),
        };
        let (Ok(from), Ok(to)) = (u64::try_from(first), u64::try_from(last)) else {
            return Ok(None);
        };
        if to < from {
            return Ok(None);
        }
        let mut content = String::new();
        if let Some(reader) = reader {
            let mut pieces = reader.pieces(from, to, Prefix::Keep);
            while let Some(lines) = pieces.next().await? {
                content.push_str(&lines.text);
                if content.len() > CONTENT_BYTES_MAX {
                    return Err(ReadError::TooLong);
                }
            }
        }
        let chunk = json!({ "logid": id.0, "firstline": first, "content": content });
        Ok(match chunk {
            Json::Object(chunk) => Some(chunk),
            _ => None,
        })
    }

    async fn raw(
        &self,
        whose: Reader,
        id: LogId,
        is_saved: bool,
    ) -> Result<Option<RawLog>, ReadError> {
        let Some(reader) = self.logs.reader(&self.database, whose, id).await? else {
            return Ok(None);
        };
        let about = self
            .ask(whose, move |connection| about_log(connection, id.0))
            .await?;
        let Some(about) = about else {
            return Ok(None);
        };
        let AboutLog {
            kind,
            slug,
            step,
            number,
            builder,
            worker,
        } = about;
        let head = if kind == "s" {
            let worker = worker.map(|name| format!("Worker name: {name}\n"));
            let worker = worker.unwrap_or_default();
            format!("Builder: {builder}\nBuild number: {number}\n{worker}")
        } else {
            String::new()
        };
        Ok(Some(RawLog {
            reader,
            head,
            is_html: kind == "h",
            file_name: is_saved.then(|| format!("{builder}_build_{number}_step_{step}_log_{slug}")),
        }))
    }

    /// The objects at paths such as `builds/12`, of one moment; `None` for what does not exist. Blocks.
    pub(crate) fn objects(&self, paths: Vec<String>) -> Vec<Option<Json>> {
        if paths.is_empty() {
            return Vec::new();
        }
        let read = self.database.read(move |connection| {
            let paths = paths.iter();
            let objects = paths.map(|path| object(connection, path));
            objects.collect::<Result<Vec<_>, _>>()
        });
        match read {
            Ok(mut objects) => {
                let logs = objects.iter_mut().flatten().filter_map(Json::as_object_mut);
                logs.for_each(|object| self.count_lines(object));
                objects
            }
            Err(error) => {
                tracing::error!(%error, "events are lost: what they are about cannot be read");
                Vec::new()
            }
        }
    }

    /// Has a reader of the database answer a question.
    pub(crate) async fn ask<T: Send + 'static>(
        &self,
        whose: Reader,
        work: impl FnOnce(&Connection) -> Result<T, StatementError> + Send + 'static,
    ) -> Result<T, buildbot_db::ReadError> {
        self.database.read_in_task(whose, work).await
    }
}

struct AboutLog {
    kind: String,
    slug: String,
    step: String,
    number: i64,
    builder: String,
    worker: Option<String>,
}

fn about_log(connection: &Connection, id: i64) -> Result<Option<AboutLog>, StatementError> {
    let mut sql = Sql::default();
    sql.push(
        "SELECT logs.type, logs.slug, steps.name, builds.number, builders.name, workers.name FROM logs \
            JOIN steps ON steps.id = logs.stepid JOIN builds ON builds.id = steps.buildid \
            JOIN builders ON builders.id = builds.builderid LEFT JOIN workers ON workers.id = builds.workerid \
            WHERE logs.id = ",
    );
    sql.bind(Bound::Integer(id));
    let found = rows::all(connection, &sql, |row| {
        Ok(AboutLog {
            kind: row.take()?,
            slug: row.take()?,
            step: row.take()?,
            number: row.take()?,
            builder: row.take()?,
            worker: row.take()?,
        })
    })?;
    Ok(found.into_iter().next())
}

fn object(connection: &Connection, path: &str) -> Result<Option<Json>, StatementError> {
    let path: Vec<String> = path.split('/').map(str::to_owned).collect();
    let Some((endpoint, arguments)) = endpoints::find(&path) else {
        return Ok(None);
    };
    let found = answer(
        connection,
        endpoint,
        &arguments,
        &Query::default(),
        Arc::default(),
    )?;
    Ok(match found {
        Found::Objects(items, _) => items.into_iter().next().map(Json::Object),
        Found::Nothing | Found::Log(_) | Found::Bytes(..) => None,
    })
}

fn answer(
    connection: &Connection,
    endpoint: &'static Endpoint,
    arguments: &Arguments,
    query: &Query,
    force_schedulers: Arc<[Json]>,
) -> Result<Found, StatementError> {
    if let Some(parent) = &endpoint.parent
        && rows::first_of::<i64>(connection, parent, arguments)?.is_none()
    {
        return Ok(Found::Nothing);
    }
    let in_memory = |items: Vec<Item>| {
        let entity = endpoint.entity;
        finish_in_memory(connection, entity, arguments, query, items)
    };
    let one = |item: Item| Found::Objects(vec![item], None);
    Ok(match &endpoint.source {
        Source::Where(template) => {
            let mut condition = Sql::default();
            condition.push_template(template, arguments);
            let is_collection = endpoint.shape == Shape::Collection;
            let (mut items, total) = stored(
                connection,
                endpoint,
                &condition,
                arguments,
                query,
                is_collection,
            )?;
            if endpoint.path == "changes" && total.is_some() {
                reverse_changes(&mut items, query);
            }
            if items.is_empty() && !is_collection {
                Found::Nothing
            } else {
                Found::Objects(items, total)
            }
        }
        Source::CommitRange => {
            let mut condition = Sql::default();
            condition.push(
                "test_result_sets.buildid IN (SELECT builds.id FROM sourcestamps \
                    JOIN buildset_sourcestamps ON buildset_sourcestamps.sourcestampid = sourcestamps.id \
                    JOIN buildrequests ON buildrequests.buildsetid = buildset_sourcestamps.buildsetid \
                    JOIN builds ON builds.buildrequestid = buildrequests.id WHERE sourcestamps.revision IN (NULL",
            );
            for revision in sources::commit_range(connection, arguments)? {
                condition.push(", ").bind(Bound::Text(revision));
            }
            condition.push("))");
            let (items, total) = stored(connection, endpoint, &condition, arguments, query, true)?;
            Found::Objects(items, total)
        }
        Source::BuildProperties(id) => one(sources::build_properties(connection, id, arguments)?),
        Source::BuildsetProperties => one(sources::buildset_properties(
            connection,
            arguments.integer("bsid"),
        )?),
        Source::BuildsetPropertyList => in_memory(sources::buildset_property_list(
            connection,
            arguments.integer("bsid"),
        )?)?,
        Source::ChangePropertyList => in_memory(sources::change_property_list(
            connection,
            arguments.integer("changeid"),
        )?)?,
        Source::Blame(id) => in_memory(sources::blame(connection, id, arguments)?)?,
        Source::CommonParent => match sources::common_parent(connection, arguments)? {
            Some(mut graph) => {
                select_fields(&mut graph, endpoint.entity, query);
                one(graph)
            }
            None => Found::Nothing,
        },
        Source::Lines(id) => {
            match rows::first_of::<Option<i64>>(connection, &format!("SELECT {id}"), arguments)? {
                Some(Some(id)) => Found::Log(id),
                Some(None) | None => Found::Nothing,
            }
        }
        Source::Bytes(condition) => {
            let template = format!("SELECT value FROM build_data WHERE {condition}");
            match rows::first_of::<Vec<u8>>(connection, &template, arguments)? {
                Some(bytes) => Found::Bytes(arguments.text("name").to_owned(), bytes),
                None => Found::Nothing,
            }
        }
        Source::ForceSchedulers => {
            let items = force_schedulers.iter().filter_map(Json::as_object);
            let mut items: Vec<Item> = items.cloned().collect();
            if endpoint.shape == Shape::Single {
                let name = arguments.text("schedulername");
                items.retain(|item| item.get("name").and_then(Json::as_str) == Some(name));
                match items.pop() {
                    Some(mut item) => {
                        select_fields(&mut item, endpoint.entity, query);
                        one(item)
                    }
                    None => Found::Nothing,
                }
            } else {
                if arguments.get("builderid").is_some() {
                    let template = "SELECT name FROM builders WHERE id = {builderid}";
                    let name: Option<String> = rows::first_of(connection, template, arguments)?;
                    let name = Json::from(name);
                    items.retain(|item| {
                        let names = item.get("builder_names").and_then(Json::as_array);
                        names.is_some_and(|names| names.contains(&name))
                    });
                }
                in_memory(items)?
            }
        }
        Source::RootLinks => in_memory(sources::root_links())?,
        Source::Specs => in_memory(sources::specs())?,
        Source::Nothing => Found::Nothing,
    })
}

/// Seen: the list of all changes is turned round after paging. What Python orders is ordered after that.
fn reverse_changes(items: &mut [Item], query: &Query) {
    items.reverse();
    if query
        .order
        .iter()
        .any(|order| order.field.stored == crate::entity::Stored::Elsewhere)
    {
        memory::sort(items, &query.order);
    }
}

/// The rows for which a condition holds, as the query wants them, with their number if they are a collection.
fn stored(
    connection: &Connection,
    endpoint: &'static Endpoint,
    condition: &Sql,
    arguments: &Arguments,
    query: &Query,
    is_collection: bool,
) -> Result<(Vec<Item>, Option<usize>), StatementError> {
    let entity = endpoint.entity;
    let compiled = select::compile(entity, endpoint.paging, condition, query, is_collection);
    let mut items = rows::objects(connection, &compiled)?;
    let mut total = None;
    if is_collection && compiled.rest.page {
        // What another table holds decides who is in the answer.
        related::fill(connection, entity, arguments, query, &mut items)?;
        memory::filter(&mut items, &compiled.rest.filters);
        if compiled.rest.order {
            memory::sort(&mut items, &query.order);
        }
        total = Some(items.len());
        items = memory::page(items, query);
    } else {
        related::fill(connection, entity, arguments, query, &mut items)?;
    }
    if is_collection && total.is_none() {
        let counted = match &compiled.count {
            Some(count) => rows::first::<i64>(connection, count)?,
            None => None,
        };
        let counted = counted.and_then(|count| usize::try_from(count).ok());
        total = Some(counted.unwrap_or(items.len()));
    }
    for item in &mut items {
        select_fields(item, entity, query);
    }
    Ok((items, total))
}

fn select_fields(item: &mut Item, entity: &Entity, query: &Query) {
    if !query.fields.is_empty() {
        item.retain(|name, _| {
            let field = entity.field(name);
            field.is_some_and(|field| query.wants(field))
        });
    }
}

/// Objects that are all there: filters, order and page.
fn finish_in_memory(
    connection: &Connection,
    entity: &'static Entity,
    arguments: &Arguments,
    query: &Query,
    mut items: Vec<Item>,
) -> Result<Found, StatementError> {
    related::fill(connection, entity, arguments, query, &mut items)?;
    memory::filter(&mut items, &query.filters);
    memory::sort(&mut items, &query.order);
    let total = items.len();
    let mut items = memory::page(items, query);
    for item in &mut items {
        select_fields(item, entity, query);
    }
    debug_assert!(entity.paging == Paging::Memory || entity.name == "change");
    Ok(Found::Objects(items, Some(total)))
}

#[cfg(test)]
mod tests {
    use super::ReadError;
    use std::sync::Arc;

    #[test]
    fn a_log_that_waits_for_too_much_is_as_busy_as_the_database() {
        let busy = buildbot_logs::ReadError::Database(Arc::new(buildbot_db::ReadError::Busy));
        assert!(matches!(ReadError::from(busy), ReadError::Busy));
        let gone = buildbot_logs::ReadError::Stopped;
        assert!(matches!(ReadError::from(gone), ReadError::Log(_)));
    }
}
