//! Buildsets, requests and builds as clients of `Try_Userpass` see them.

use std::sync::{Arc, Mutex, PoisonError};

use buildbot_data::Pattern;
use buildbot_db::tables::{builders, builds, steps};
use buildbot_gateway::{
    Argument, Failure, Later, Referenceable, RemoteCall, RemoteObject, Sent, Value as WireValue,
};
use buildbot_model::{BuildId, BuildRequestId, BuilderId};
use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use super::refusal::runtime_error;
use crate::shell::Shell;

/// A buildset that was submitted.
pub(super) struct Buildset {
    pub(super) shell: Arc<Shell>,
    pub(super) requests: Vec<(BuilderId, BuildRequestId)>,
}

impl Referenceable for Buildset {
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>> {
        Box::pin(async move {
            if call.method != "getBuildRequests" {
                return Err(Failure::no_such_method(&call.method));
            }
            let requests = self.requests.clone();
            let named = self.shell.store.read(move |connection| {
                let mut named = Vec::new();
                for (builder, request) in requests {
                    let row = builders::by_id(connection, builder)?;
                    named.push((row.map(|row| row.name).unwrap_or_default(), request));
                }
                Ok(named)
            });
            let named = named.await.map_err(|error| runtime_error(&error))?;
            let pairs = named.into_iter().map(|(builder, id)| {
                let request = Request {
                    shell: self.shell.clone(),
                    builder: builder.clone(),
                    id,
                    unsubscribe: Mutex::default(),
                };
                Sent::Tuple(vec![builder.into(), Sent::Object(Arc::new(request))])
            });
            Ok(Sent::List(pairs.collect()))
        })
    }
}

/// A request of it.
struct Request {
    shell: Arc<Shell>,
    builder: String,
    id: BuildRequestId,
    /// Ends the subscriptions so far.
    unsubscribe: Mutex<CancellationToken>,
}

impl Referenceable for Request {
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>> {
        Box::pin(async move {
            let mut place = self
                .unsubscribe
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            match call.method.as_str() {
                "subscribe" => {
                    let observer = observer(call.args)?;
                    let follow = self.clone().follow(observer);
                    let cancelled = place.clone();
                    self.shell.tasks.spawn(async move {
                        cancelled.run_until_cancelled(follow).await;
                    });
                }
                "unsubscribe" => {
                    std::mem::take(&mut *place).cancel();
                }
                unknown => return Err(Failure::no_such_method(unknown)),
            }
            Ok(WireValue::None.into())
        })
    }
}

impl Request {
    /// Tells of every build of the request until the client has gone.
    async fn follow(self: Arc<Self>, observer: Arc<RemoteObject>) {
        let mut events = self.shell.bus.subscriber();
        events.subscribe(Pattern::new("builds/*/new"));
        let mut told: Vec<BuildId> = Vec::new();
        loop {
            let id = self.id;
            let read = self
                .shell
                .store
                .read(move |connection| builds::of_request(connection, id));
            match read.await {
                Ok(found) => {
                    for build in found {
                        if !told.contains(&build.id) {
                            told.push(build.id);
                            self.tell(&observer, build.id).await;
                        }
                    }
                }
                Err(error) => tracing::warn!("the builds of a request are not told: {error}"),
            }
            loop {
                let message = tokio::select! {
                    message = events.next() => message,
                    () = observer.gone() => return,
                };
                let Ok(message) = message else {
                    return;
                };
                let build: Json = serde_json::from_str(&message.body).unwrap_or_default();
                if build["buildrequestid"].as_i64() == Some(self.id.0) {
                    break;
                }
            }
        }
    }

    async fn tell(&self, observer: &RemoteObject, id: BuildId) {
        let build = Build {
            shell: self.shell.clone(),
            builder: self.builder.clone(),
            id,
        };
        let args = vec![Sent::Object(Arc::new(build)), self.builder.clone().into()];
        if let Err(error) = observer.call("newbuild", args).await {
            tracing::debug!("a client is not told of a build: {error}");
        }
    }
}

/// A build of it.
struct Build {
    shell: Arc<Shell>,
    builder: String,
    id: BuildId,
}

impl Referenceable for Build {
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>> {
        Box::pin(async move {
            match call.method.as_str() {
                "subscribe" => {
                    let observer = observer(call.args)?;
                    let shell = self.shell.clone();
                    shell.tasks.spawn(self.follow(observer));
                    Ok(WireValue::None.into())
                }
                // It ends with the build.
                "unsubscribe" => Ok(WireValue::None.into()),
                "waitUntilFinished" => {
                    self.finished().await?;
                    Ok(Sent::Object(self))
                }
                "getResults" => Ok(match self.row().await?.results {
                    Some(results) => WireValue::Int(results as i128).into(),
                    None => WireValue::None.into(),
                }),
                "getText" => Ok(Sent::List(vec![self.row().await?.state_string.into()])),
                unknown => Err(Failure::no_such_method(unknown)),
            }
        })
    }
}

impl Build {
    async fn row(&self) -> Result<builds::Build, Failure> {
        let id = self.id;
        let read = self
            .shell
            .store
            .read(move |connection| builds::by_id(connection, id));
        let row = read.await.map_err(|error| runtime_error(&error))?;
        row.ok_or_else(|| runtime_error(&"the build is gone"))
    }

    async fn finished(&self) -> Result<(), Failure> {
        let mut events = self.shell.bus.subscriber();
        events.subscribe(Pattern::new(format!("builds/{}/finished", self.id.0)));
        loop {
            if self.row().await?.complete_at.is_some() {
                return Ok(());
            }
            let next = events.next().await;
            next.map_err(|error| runtime_error(&error))?;
        }
    }

    /// Tells of the steps of the build until it has ended, or the client has gone.
    async fn follow(self: Arc<Self>, observer: Arc<RemoteObject>) {
        let mut events = self.shell.bus.subscriber();
        let id = self.id.0;
        for verb in ["started", "finished"] {
            events.subscribe(Pattern::new(format!("builds/{id}/steps/*/{verb}")));
        }
        events.subscribe(Pattern::new(format!("builds/{id}/finished")));
        let running = self.shell.store.read({
            let id = self.id;
            move |connection| steps::of_build(connection, id)
        });
        let running = running.await.unwrap_or_default();
        let running = running
            .into_iter()
            .find(|step| step.started_at.is_some() && step.complete_at.is_none());
        if let Some(step) = running {
            self.tell(&observer, "stepStarted", &step.name, None).await;
        }
        loop {
            let message = tokio::select! {
                message = events.next() => message,
                () = observer.gone() => return,
            };
            let Ok(message) = message else {
                return;
            };
            let body: Json = serde_json::from_str(&message.body).unwrap_or_default();
            let mut parts = message.topic.parts().skip(2);
            let name = body["name"].as_str().unwrap_or_default();
            match (parts.next(), parts.nth(1)) {
                (Some("steps"), Some("started")) => {
                    self.tell(&observer, "stepStarted", name, None).await;
                }
                (Some("steps"), Some("finished")) => {
                    let results = body["results"].as_i64().unwrap_or_default();
                    self.tell(&observer, "stepFinished", name, Some(results))
                        .await;
                }
                _ => return,
            }
        }
    }

    async fn tell(
        self: &Arc<Self>,
        observer: &RemoteObject,
        method: &str,
        step: &str,
        results: Option<i64>,
    ) {
        let mut args = vec![
            self.builder.clone().into(),
            Sent::Object(self.clone()),
            step.into(),
            WireValue::None.into(),
        ];
        args.extend(results.map(Sent::from));
        if let Err(error) = observer.call(method, args).await {
            tracing::debug!("a client is not told of a step: {error}");
        }
    }
}

/// The object of the client that is told.
fn observer(args: Vec<Argument>) -> Result<Arc<RemoteObject>, Failure> {
    match args.into_iter().next() {
        Some(Argument::Object(observer)) => Ok(Arc::new(observer)),
        Some(Argument::Value(_)) | None => {
            Err(Failure::type_error("an object is to be subscribed"))
        }
    }
}
