//! Buildsets, requests and builds as clients of `Try_Userpass` see them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buildbot_data::Pattern;
use buildbot_db::tables::{builders, builds, steps};
use buildbot_gateway::{
    Argument, Client, Failure, Later, Referenceable, RemoteCall, RemoteObject, Sent,
    Value as WireValue,
};
use buildbot_model::{BuildId, BuildRequestId, BuilderId};
use serde_json::Value as Json;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::refusal::runtime_error;
use crate::running;
use crate::shell::Shell;

/// A buildset that was submitted.
pub(super) struct Buildset {
    shell: Arc<Shell>,
    requests: Vec<(BuilderId, BuildRequestId)>,
    /// Its requests once somebody has asked. Each is one object, however often it is asked for.
    objects: OnceCell<Vec<Arc<Request>>>,
}

impl Buildset {
    pub(super) fn new(shell: Arc<Shell>, requests: Vec<(BuilderId, BuildRequestId)>) -> Self {
        Self {
            shell,
            requests,
            objects: OnceCell::new(),
        }
    }

    async fn objects(&self) -> Result<&[Arc<Request>], Failure> {
        let objects = self.objects.get_or_try_init(|| async {
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
            let objects = named.into_iter().map(|(builder, id)| {
                Arc::new(Request {
                    shell: self.shell.clone(),
                    builder,
                    id,
                    builds: Mutex::default(),
                    observation: Observation::default(),
                })
            });
            Ok(objects.collect())
        });
        objects.await.map(Vec::as_slice)
    }
}

impl Referenceable for Buildset {
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>> {
        Box::pin(async move {
            if call.method != "getBuildRequests" {
                return Err(Failure::no_such_method(&call.method));
            }
            let pairs = self.objects().await?.iter().map(|request| {
                let builder = request.builder.clone();
                Sent::Tuple(vec![builder.into(), Sent::Object(request.clone())])
            });
            Ok(Sent::List(pairs.collect()))
        })
    }
}

/// Who observes an object: one at a time, so that a client does not have any number of tasks.
#[derive(Default)]
struct Observation(Mutex<CancellationToken>);

impl Observation {
    /// Begins another one, which the token ends; the one before ends.
    fn begin(&self) -> CancellationToken {
        let token = CancellationToken::new();
        std::mem::replace(&mut *self.current(), token.clone()).cancel();
        token
    }

    fn end(&self) {
        self.current().cancel();
    }

    fn current(&self) -> MutexGuard<'_, CancellationToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request of it.
struct Request {
    shell: Arc<Shell>,
    builder: String,
    id: BuildRequestId,
    /// Its builds that were told. Each is one object, whoever is told.
    builds: Mutex<BTreeMap<BuildId, Arc<Build>>>,
    observation: Observation,
}

impl Referenceable for Request {
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>> {
        Box::pin(async move {
            match call.method.as_str() {
                "subscribe" => {
                    let observer = observer(call.args)?;
                    let until = self.observation.begin();
                    let follow = self.clone().follow(observer);
                    self.shell.tasks.spawn(async move {
                        until.run_until_cancelled(follow).await;
                    });
                }
                "unsubscribe" => self.observation.end(),
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
        let build = {
            let mut builds = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
            let build = builds.entry(id).or_insert_with(|| {
                Arc::new(Build {
                    shell: self.shell.clone(),
                    builder: self.builder.clone(),
                    id,
                    observation: Observation::default(),
                })
            });
            build.clone()
        };
        let args = vec![Sent::Object(build), self.builder.clone().into()];
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
    observation: Observation,
}

impl Referenceable for Build {
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>> {
        Box::pin(async move {
            match call.method.as_str() {
                "subscribe" => {
                    let observer = observer(call.args)?;
                    let until = self.observation.begin();
                    let follow = self.clone().follow(observer);
                    self.shell.tasks.spawn(async move {
                        until.run_until_cancelled(follow).await;
                    });
                    Ok(WireValue::None.into())
                }
                "unsubscribe" => {
                    self.observation.end();
                    Ok(WireValue::None.into())
                }
                "waitUntilFinished" => {
                    self.finished(&call.client).await?;
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

    /// Waits until it has ended, or the client has gone.
    async fn finished(&self, client: &Client) -> Result<(), Failure> {
        let finished = tokio::select! {
            finished = running::finished(&self.shell, self.id) => finished,
            () = client.gone() => return Err(runtime_error(&"the client has gone")),
        };
        finished.map_err(|error| runtime_error(&error))
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
