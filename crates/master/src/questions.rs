//! What the engine asks of user code: the question as a call, its answer as a reply.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildbot_config::{Object, ObjectId, Value};
use buildbot_confighost::{Answer, Target};
use buildbot_db::tables::buildsets;
use buildbot_engine::Question;
use buildbot_engine::event::Reply;
use buildbot_model::{BuildId, BuildRequest, BuildRequestId, BuilderId, SourceStampId, WorkerId};
use buildbot_render::{Context, Exception};
use serde_json::{Map, Value as Json, json};

use crate::called::Called;
use crate::live::plain_request;
use crate::plan;
use crate::properties::Known;
use crate::rendering;
use crate::shell::Shell;
use crate::site::Site;
use crate::sources::{self, Source};

/// Why a question has no answer; it is logged, and the engine goes on as documented.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoReply {
    #[error("{0}")]
    Raised(#[from] Exception),
    #[error("{0}")]
    Read(#[from] buildbot_db::ReadError),
    #[error("what it is about is gone")]
    Gone,
    #[error("the answer is not of the expected form: {0}")]
    Malformed(String),
}

/// Asks, and gives the reply. Failures are logged.
pub(crate) async fn ask(
    shell: &Arc<Shell>,
    site: &Arc<Site>,
    handle: u32,
    place: &str,
    question: &Question,
) -> Reply {
    let called = usize::try_from(handle)
        .ok()
        .and_then(|index| site.called.get(index));
    let Some(called) = called else {
        return Reply::Failed;
    };
    match (Asking { shell, site }).reply(called, question).await {
        Ok(reply) => reply,
        Err(error) => {
            let traceback = match &error {
                NoReply::Raised(Exception {
                    traceback: Some(traceback),
                    ..
                }) => format!("\n{}", traceback.trim_end()),
                _ => String::new(),
            };
            tracing::error!("{}: {place}: {error}{traceback}", what(question));
            Reply::Failed
        }
    }
}

fn what(question: &Question) -> &'static str {
    match question {
        Question::PrioritizeBuilders { .. } => "prioritizing builders; order unspecified",
        Question::NextBuild { .. } => "from nextBuild",
        Question::NextWorker { .. } => "from nextWorker",
        Question::CanStartBuild { .. } => "from canStartBuild",
        Question::IsCompatible { .. } => "from isCompatibleWithBuild",
        Question::RenderLocks { .. } => "rendering the locks of a builder",
        Question::CollapseRequests { .. } => "from collapseRequests",
        Question::DoBuildIf { .. } => "from do_build_if",
    }
}

/// Requests with what belongs to them.
struct Requests {
    rows: Vec<BuildRequest>,
    reasons: BTreeMap<BuildRequestId, String>,
    sources: BTreeMap<SourceStampId, Source>,
}

impl Requests {
    fn sources(&self, row: &BuildRequest) -> Vec<Source> {
        let stamps = row.source_stamps.iter();
        stamps
            .filter_map(|stamp| self.sources.get(&stamp.id))
            .cloned()
            .collect()
    }

    fn reason(&self, row: &BuildRequest) -> &str {
        self.reasons.get(&row.id).map_or("", String::as_str)
    }

    fn first(&self) -> Result<&BuildRequest, NoReply> {
        self.rows.first().ok_or(NoReply::Gone)
    }
}

struct Asking<'a> {
    shell: &'a Arc<Shell>,
    site: &'a Arc<Site>,
}

impl Asking<'_> {
    async fn reply(&self, called: &Called, question: &Question) -> Result<Reply, NoReply> {
        match called {
            Called::Known(flag) => Ok(Reply::Flag(*flag)),
            Called::EnforceChosenWorker => self.enforce_chosen_worker(question).await,
            Called::Locks(value) => self.locks(value, question).await,
            Called::Function { target, parameters } => {
                self.function(target, *parameters, question).await
            }
        }
    }

    async fn function(
        &self,
        target: &Target,
        parameters: Option<u32>,
        question: &Question,
    ) -> Result<Reply, NoReply> {
        let master = &self.shell.live;
        let site = self.site;
        match question {
            Question::PrioritizeBuilders { builders } => {
                let live = builders.iter().map(|id| master.builder(site, *id));
                let args = vec![master.live(), live.collect()];
                let answer = self.call(target, args).await?;
                let listed = answer.as_array().ok_or_else(|| malformed(&answer))?;
                let ids = listed.iter().map(|one| key(one).map(BuilderId));
                let ids: Option<Vec<_>> = ids.collect();
                Ok(Reply::Builders(ids.ok_or_else(|| malformed(&answer))?))
            }
            Question::NextBuild { builder, requests } => {
                let known = self.requests(requests).await?;
                let live = known.rows.iter().map(|row| self.live_request(&known, row));
                let args = vec![master.builder(site, *builder), live.collect()];
                let answer = self.call(target, args).await?;
                Ok(Reply::Request(chosen(&answer)?.map(BuildRequestId)))
            }
            Question::NextWorker {
                builder,
                workers,
                request,
            } => {
                let known = self.requests(&[*request]).await?;
                let live = workers
                    .iter()
                    .map(|worker| self.worker_for_builder(*builder, *worker));
                let args = vec![
                    master.builder(site, *builder),
                    live.collect(),
                    self.live_request(&known, known.first()?),
                ];
                let answer = self.call(target, args).await?;
                if answer.is_null() {
                    return Ok(Reply::Worker(None));
                }
                let worker = answer
                    .get("key")
                    .and_then(|key| key.get(1))
                    .and_then(Json::as_i64);
                let worker = worker.ok_or_else(|| malformed(&answer))?;
                Ok(Reply::Worker(Some(WorkerId(worker))))
            }
            Question::CanStartBuild {
                builder,
                worker,
                request,
            }
            | Question::IsCompatible {
                builder,
                worker,
                request,
            } => {
                let known = self.requests(&[*request]).await?;
                let args = vec![
                    master.builder(site, *builder),
                    self.worker_for_builder(*builder, *worker),
                    self.live_request(&known, known.first()?),
                ];
                let answer = self.call_for_value(target, args).await?;
                Ok(Reply::Flag(answer.is_true()))
            }
            Question::CollapseRequests { builder, new, old } => {
                let known = self.requests(&[*new, *old]).await?;
                let [new, old] = known.rows.as_slice() else {
                    return Err(NoReply::Gone);
                };
                let mut args = vec![
                    master.builder(site, *builder),
                    plain_request(new),
                    plain_request(old),
                ];
                if parameters != Some(3) {
                    args.insert(0, master.live());
                }
                let answer = self.call_for_value(target, args).await?;
                Ok(Reply::Flag(answer == Value::Bool(true)))
            }
            Question::DoBuildIf { build } => self.do_build_if(target, *build).await,
            // Such locks are not called.
            Question::RenderLocks { .. } => Err(NoReply::Gone),
        }
    }

    async fn do_build_if(&self, target: &Target, build: BuildId) -> Result<Reply, NoReply> {
        let build = self.shell.builds.get(build).ok_or(NoReply::Gone)?;
        build.set_up(self.shell).await.map_err(NoReply::Malformed)?;
        let args = vec![build.live(self.shell)];
        let answer = self.call_for_value(target, args).await?;
        Ok(Reply::Flag(answer.is_true()))
    }

    async fn enforce_chosen_worker(&self, question: &Question) -> Result<Reply, NoReply> {
        let Question::CanStartBuild {
            worker, request, ..
        } = question
        else {
            return Err(NoReply::Gone);
        };
        let rows = self.rows(&[*request]).await;
        let row = rows.first().ok_or(NoReply::Gone)?;
        let wanted = row.properties.get("workername");
        let wanted = wanted.map(|property| crate::json::value_of(&property.value));
        let Some(Value::Text(wanted)) = wanted else {
            return Ok(Reply::Flag(true));
        };
        let worker = self.site.worker(*worker);
        Ok(Reply::Flag(
            worker.is_some_and(|worker| worker.name() == wanted),
        ))
    }

    async fn locks(&self, value: &Value, question: &Question) -> Result<Reply, NoReply> {
        let Question::RenderLocks {
            builder,
            worker,
            request,
        } = question
        else {
            return Err(NoReply::Gone);
        };
        let known = self.requests(&[*request]).await?;
        let row = known.first()?;
        let sources = known.sources(row);
        let properties = Known {
            site: self.site,
            builder_id: *builder,
            builder: self.site.builder(*builder).ok_or(NoReply::Gone)?,
            worker: self.site.worker(*worker),
            request: &row.properties,
            sources: &sources,
        }
        .before_start();
        let live = self.shell.live.properties(&properties);
        let context = Context {
            properties,
            ..Context::default()
        };
        let rendered = rendering::render(
            self.site,
            &self.shell.basedir,
            std::slice::from_ref(value),
            &context,
            || live.clone(),
        )
        .await;
        let value = rendered.values.into_iter().next().ok_or(NoReply::Gone)??;
        let objects: BTreeMap<ObjectId, Arc<Object>> = rendered
            .objects
            .into_iter()
            .map(|(id, object)| (id, Arc::new(object)))
            .collect();
        let find = |id| {
            let known = self.site.description.shared_object(id);
            known.or_else(|| objects.get(&id).cloned())
        };
        let accesses = plan::locks_of(&value, &find, self.site);
        let accesses =
            accesses.ok_or_else(|| NoReply::Malformed(value.repr(&self.site.description)))?;
        Ok(Reply::Locks(accesses))
    }

    fn worker_for_builder(&self, builder: BuilderId, worker: WorkerId) -> Json {
        let state = self.shell.workers.state(worker);
        self.shell
            .live
            .worker_for_builder(self.site, builder, worker, &state)
    }

    fn live_request(&self, known: &Requests, row: &BuildRequest) -> Json {
        let sources = known.sources(row);
        self.shell
            .live
            .request(self.site, row, known.reason(row), &sources)
    }

    async fn rows(&self, ids: &[BuildRequestId]) -> Vec<BuildRequest> {
        let ids = ids.to_vec();
        let rows = self.shell.engine.look(move |engine| {
            let rows = ids.iter().filter_map(|id| engine.request(*id));
            rows.cloned().collect()
        });
        rows.await.unwrap_or_default()
    }

    async fn requests(&self, ids: &[BuildRequestId]) -> Result<Requests, NoReply> {
        let rows = self.rows(ids).await;
        let of_row = rows
            .iter()
            .map(|row| (row.id, row.buildset))
            .collect::<Vec<_>>();
        let stamps = rows
            .iter()
            .flat_map(|row| &row.source_stamps)
            .map(|stamp| stamp.id);
        let mut stamps: Vec<SourceStampId> = stamps.collect();
        stamps.sort_unstable();
        stamps.dedup();
        let read = self.shell.store.read(move |connection| {
            let sources = sources::read(connection, &stamps)?;
            let mut reasons = BTreeMap::new();
            for (request, buildset) in of_row {
                let buildset = buildsets::by_id(connection, buildset)?;
                let reason = buildset.and_then(|buildset| buildset.reason);
                reasons.insert(request, reason.unwrap_or_default());
            }
            Ok((sources, reasons))
        });
        let (sources, reasons) = read.await?;
        Ok(Requests {
            rows,
            reasons,
            sources: sources
                .into_iter()
                .map(|source| (source.id, source))
                .collect(),
        })
    }

    async fn ask(&self, target: &Target, args: Vec<Json>) -> Result<Answer, NoReply> {
        let host = self.site.host.host().await;
        let host = host.map_err(|error| rendering::lost(&error))?;
        let answer = host.call(target.clone(), args, Map::new()).await;
        Ok(answer.map_err(|error| rendering::unanswered(&error))?)
    }

    async fn call(&self, target: &Target, args: Vec<Json>) -> Result<Json, NoReply> {
        let answer = self.ask(target, args).await?;
        answer
            .value()
            .map_err(|error| NoReply::Malformed(error.to_string()))
    }

    /// A live object in the answer is true as any object is.
    async fn call_for_value(&self, target: &Target, args: Vec<Json>) -> Result<Value, NoReply> {
        let answer = self.ask(target, args).await?;
        Ok(answer.parse().unwrap_or(Value::Bool(true)))
    }
}

/// The key of a live object.
fn key(live: &Json) -> Option<i64> {
    live.get("key")?.as_i64()
}

fn chosen(answer: &Json) -> Result<Option<i64>, NoReply> {
    match answer {
        Json::Null => Ok(None),
        live => key(live).map(Some).ok_or_else(|| malformed(live)),
    }
}

fn malformed(answer: &Json) -> NoReply {
    NoReply::Malformed(json!(answer).to_string().chars().take(200).collect())
}
