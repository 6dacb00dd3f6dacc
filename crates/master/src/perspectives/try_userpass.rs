//! `Try_Userpass`: clients have their changes built.
//!
//! Buildbot: manual, "Try Schedulers".

use std::sync::Arc;

use buildbot_config::{BuilderNames, Value};
use buildbot_gateway::{
    Argument, Failure, Later, Referenceable, RemoteCall, Sent, Value as WireValue,
};
use buildbot_schedulers::{Input, Reply, TryJob};

use super::build_status::Buildset;
use super::refusal::{no_such_perspective, runtime_error};
use crate::shell::Shell;
use crate::wire_value::from_wire;

/// What a user of the scheduler gets.
pub(super) struct TryUserpass {
    pub(super) shell: Arc<Shell>,
    pub(super) scheduler: String,
}

/// The arguments of `try`, in their order.
const ARGUMENTS: [&str; 9] = [
    "branch",
    "revision",
    "patch",
    "repository",
    "project",
    "builderNames",
    "who",
    "comment",
    "properties",
];

impl Referenceable for TryUserpass {
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>> {
        Box::pin(async move {
            match call.method.as_str() {
                "try" => {
                    let job = read(call.args, call.kwargs).map_err(Failure::type_error)?;
                    self.submit(job).await
                }
                "getAvailableBuilderNames" => {
                    let names = self.builder_names().into_iter().map(Sent::from);
                    Ok(Sent::List(names.collect()))
                }
                unknown => Err(no_such_perspective("Try_Userpass_Perspective", unknown)),
            }
        })
    }
}

impl TryUserpass {
    fn builder_names(&self) -> Vec<String> {
        let site = self.shell.sites.current();
        let mut schedulers = site.config.schedulers.iter();
        let found = schedulers.find(|known| known.name() == self.scheduler);
        match found.map(|scheduler| &scheduler.builder_names) {
            Some(BuilderNames::These(names)) => names
                .iter()
                .filter_map(|name| name.as_text().map(str::to_owned))
                .collect(),
            Some(BuilderNames::Renderable(_) | BuilderNames::Unknown) | None => Vec::new(),
        }
    }

    /// The buildset; nothing if the scheduler does not want the job.
    async fn submit(&self, job: TryJob) -> Result<Sent, Failure> {
        tracing::info!("user {} requests a build", job.who);
        let asked = self
            .shell
            .schedulers
            .ask(&self.shell, |request| Input::Try {
                request,
                scheduler: self.scheduler.clone(),
                job: Box::new(job),
            });
        match asked.await {
            Some(Reply::Submitted { requests, .. }) => {
                let buildset = Buildset::new(self.shell.clone(), requests);
                Ok(Sent::Object(Arc::new(buildset)))
            }
            Some(Reply::Refused(refusal)) => {
                tracing::warn!("a job for {} is refused: {refusal}", self.scheduler);
                Ok(WireValue::None.into())
            }
            Some(Reply::Kept | Reply::Invalid(_)) => Ok(WireValue::None.into()),
            None => Err(runtime_error(&"the master ends")),
        }
    }
}

/// The job of a call; the error is a text for the client.
fn read(args: Vec<Argument>, kwargs: Vec<(String, WireValue)>) -> Result<TryJob, String> {
    if args.len() > ARGUMENTS.len() {
        return Err("try() takes at most 9 arguments".to_owned());
    }
    let mut values: Vec<(&str, WireValue)> = Vec::new();
    for (name, argument) in ARGUMENTS.into_iter().zip(args) {
        match argument {
            Argument::Value(value) => values.push((name, value)),
            Argument::Object(_) => return Err(format!("{name} is an object")),
        }
    }
    for (name, value) in kwargs {
        let mut names = ARGUMENTS.into_iter();
        match names.find(|known| *known == name) {
            Some(name) => values.push((name, value)),
            None => return Err(format!("try() got an unexpected keyword argument '{name}'")),
        }
    }
    let value = |name: &str| {
        let mut found = values.iter().filter(|(known, _)| *known == name);
        found.next().map_or(&WireValue::None, |(_, value)| value)
    };
    let text = |name: &str| match value(name) {
        WireValue::None => Ok(None),
        value => match value.as_text() {
            Some(text) => Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
            None => Err(format!("{name} is no text")),
        },
    };
    let (patch_level, patch_body) = match value("patch").as_sequence() {
        Some([level, body]) => (
            level.as_int().and_then(|level| i64::try_from(level).ok()),
            body.as_bytes().unwrap_or_default().to_vec(),
        ),
        _ => return Err("patch is no pair of level and text".to_owned()),
    };
    let names = value("builderNames").as_sequence().unwrap_or_default();
    let properties = value("properties").as_dict().unwrap_or_default();
    Ok(TryJob {
        id: None,
        branch: text("branch")?,
        revision: text("revision")?,
        patch_level: patch_level.ok_or("the level of the patch is no number")?,
        patch_body,
        repository: text("repository")?.unwrap_or_default(),
        project: text("project")?.unwrap_or_default(),
        who: text("who")?.unwrap_or_default(),
        comment: text("comment")?.unwrap_or_default(),
        builders: names
            .iter()
            .filter_map(|name| name.as_text().map(str::to_owned))
            .collect(),
        properties: properties
            .iter()
            .filter_map(|(name, value)| {
                let value = match from_wire(value) {
                    Value::Bytes(bytes) => {
                        Value::Text(String::from_utf8_lossy(&bytes).into_owned())
                    }
                    other => other,
                };
                Some((name.as_text()?.to_owned(), value))
            })
            .collect(),
    })
}
