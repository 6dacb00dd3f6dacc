//! What people want done through the web server.

use std::sync::Arc;

use buildbot_data::Event as BusEvent;
use buildbot_db::tables::{build_requests, builds, buildsets, source_stamps};
use buildbot_db::{Connection, StatementError};
use buildbot_engine::Event;
use buildbot_engine::event::WorkerControl;
use buildbot_model::{BuildId, BuildRequestId, NewBuildset, WantedSource};
use buildbot_schedulers::{Input, Reply};
use buildbot_web::{Action, Control, ControlError, Later, Outcome, WorkerAction};
use serde_json::{Map, Value as Json};

use crate::identity::now;
use crate::shell::Shell;
use crate::submissions;
use crate::why;

/// The master as the web server sees it.
#[derive(Debug)]
pub(crate) struct ShellControl(pub(crate) Arc<Shell>);

impl Control for ShellControl {
    fn act<'a>(
        &'a self,
        action: Action,
        owner: &'a str,
    ) -> Later<'a, Result<Outcome, ControlError>> {
        Box::pin(act(&self.0, action, owner))
    }

    fn why(&self, request: BuildRequestId) -> Later<'_, Result<Option<Json>, ControlError>> {
        Box::pin(async move { Ok(why::of(&self.0, request).await) })
    }
}

async fn act(shell: &Arc<Shell>, action: Action, owner: &str) -> Result<Outcome, ControlError> {
    match action {
        Action::StopBuild { build, reason } => {
            shell
                .bus
                .publish(BusEvent::control_build_stop(build, &reason));
            let reason = reason.into();
            shell
                .engine
                .send(Event::BuildStopRequested { build, reason })
                .await;
            Ok(Outcome::Accepted)
        }
        Action::RebuildBuild { build } => rebuild(shell, build).await,
        Action::CancelRequest { request, reason } => {
            shell
                .bus
                .publish(BusEvent::control_request_cancel(request, &reason));
            let reason = reason.into();
            shell
                .engine
                .send(Event::RequestCancelled { request, reason })
                .await;
            Ok(Outcome::Accepted)
        }
        Action::SetPriority { request, priority } => {
            shell
                .engine
                .send(Event::PriorityChanged { request, priority })
                .await;
            Ok(Outcome::Accepted)
        }
        Action::Worker {
            worker,
            action,
            reason,
        } => {
            shell
                .bus
                .publish(BusEvent::control_worker(worker, action.as_str(), &reason));
            let control = match action {
                WorkerAction::Stop => WorkerControl::ShutdownGracefully,
                WorkerAction::Kill => WorkerControl::Kill,
                WorkerAction::Pause => WorkerControl::Pause {
                    reason: (!reason.is_empty()).then(|| reason.into()),
                },
                WorkerAction::Unpause => WorkerControl::Unpause,
            };
            shell
                .engine
                .send(Event::WorkerControlled { worker, control })
                .await;
            Ok(Outcome::Accepted)
        }
        Action::EnableScheduler { scheduler, enabled } => {
            let site = shell.sites.current();
            let named = site.ids.schedulers.iter().find(|(_, id)| **id == scheduler);
            let Some((name, _)) = named else {
                return Err(ControlError::NotFound(format!(
                    "there is no scheduler {scheduler}"
                )));
            };
            shell.schedulers.tell(Input::Enable {
                scheduler: name.clone(),
                enabled,
            });
            Ok(Outcome::Accepted)
        }
        Action::Force {
            scheduler,
            parameters,
        } => force(shell, scheduler, parameters, owner).await,
    }
}

async fn force(
    shell: &Shell,
    scheduler: String,
    mut parameters: Map<String, Json>,
    owner: &str,
) -> Result<Outcome, ControlError> {
    parameters.entry("owner").or_insert_with(|| owner.into());
    let reply = shell.schedulers.ask(shell, |request| Input::Force {
        request,
        scheduler,
        parameters,
    });
    match reply.await {
        Some(Reply::Submitted { buildset, requests }) => Ok(Outcome::Buildset {
            buildset: buildset.0,
            requests: requests
                .into_iter()
                .map(|(builder, id)| (builder.0, id.0))
                .collect(),
        }),
        Some(Reply::Kept) => Ok(Outcome::Accepted),
        Some(Reply::Invalid(fields)) => {
            let fields = fields
                .into_iter()
                .map(|(name, text)| (name, Json::from(text)));
            Err(ControlError::Fields(fields.collect()))
        }
        Some(Reply::Refused(refusal)) => Err(ControlError::Failed(refusal.to_string())),
        None => Err(ControlError::Failed("the master ends".to_owned())),
    }
}

async fn rebuild(shell: &Shell, build: BuildId) -> Result<Outcome, ControlError> {
    let read = shell
        .store
        .read(move |connection| read_again(connection, build));
    let again = read
        .await
        .map_err(|error| ControlError::Failed(error.to_string()))?;
    let Some(buildset) = again else {
        return Err(ControlError::NotFound(format!("there is no build {build}")));
    };
    let submitted = submissions::submit(shell, "rebuild", buildset).await;
    let submitted = submitted.ok_or_else(|| ControlError::Failed("the master ends".to_owned()))?;
    Ok(Outcome::Buildset {
        buildset: submitted.buildset.0,
        requests: submitted
            .requests
            .into_iter()
            .map(|(builder, id)| (builder.0, id.0))
            .collect(),
    })
}

/// The buildset of a build, once more: all rebuilds point to the first build.
fn read_again(connection: &Connection, id: BuildId) -> Result<Option<NewBuildset>, StatementError> {
    let Some(build) = builds::by_id(connection, id)? else {
        return Ok(None);
    };
    let Some(request) = build_requests::by_id(connection, build.request)? else {
        return Ok(None);
    };
    let Some(buildset) = buildsets::by_id(connection, request.buildset)? else {
        return Ok(None);
    };
    let of_request = builds::of_request(connection, request.id)?;
    let first = of_request.iter().map(|build| build.id).min();
    let stamps = source_stamps::of_buildset(connection, buildset.id)?;
    Ok(Some(NewBuildset {
        builders: [build.builder].into(),
        source_stamps: stamps
            .iter()
            .map(|stamp| WantedSource::Stored(stamp.id))
            .collect(),
        properties: buildsets::properties(connection, buildset.id)?,
        external_id: buildset.external_id,
        reason: "rebuild".to_owned(),
        priority: request.priority,
        waited_for: false,
        parent_build: buildset.parent_build,
        parent_relationship: buildset.parent_relationship,
        rebuilt_build: buildset.rebuilt_build.or(first),
        submitted_at: now(),
    }))
}
