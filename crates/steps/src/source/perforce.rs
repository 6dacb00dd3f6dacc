//! Perforce.

use buildbot_config::steps::source::{PerforceArguments, SourceArguments};
use buildbot_model::{Results, Secret};
use buildbot_render::{Format, Kind, RenderableKind, Value};

use super::property;
use super::wanted::{self, Wanted, wanted};
use super::words::{argument, words};
use super::work::{Run, Settings, Work};
use crate::command::CommandEnd;
use crate::error::StepError;
use crate::step::{Step, type_error};
use crate::value::text_of;

/// How long asking for the version may be silent, whatever the step says.
const VERSION_TIMEOUT_S: i64 = 1200;

struct Perforce<'s> {
    work: Work<'s>,
    arguments: &'s PerforceArguments,
    password: Secret<Value>,
    client: String,
}

/// The name of the client that a step has without an argument.
pub(super) fn default_client() -> Value {
    let name = "buildbot_%(prop:workername)s_%(prop:buildername)s";
    RenderableKind::Interpolate(Format::new(name, Vec::new(), Vec::new())).into()
}

/// Fetches sources. Patches are not applied.
pub(super) async fn fetch<'a>(
    step: &'a Step<'a>,
    source: &'a SourceArguments,
    arguments: &'a PerforceArguments,
) -> Result<Results, StepError> {
    let Wanted { revision, .. } = match wanted(step, source, None, wanted::greatest).await? {
        Ok(wanted) => wanted,
        Err(results) => return Ok(results),
    };
    let password = step.render(arguments.p4passwd.expose().clone()).await?;
    let workdir = argument(&step.workdir(), "workdir")?;
    let p4 = Perforce {
        work: Work::begin(step, workdir, Settings::of(source)).await?,
        arguments,
        password: Secret::new(password),
        client: text_of(&arguments.p4client),
    };
    p4.find().await?;
    // What an earlier patch left does not matter, for there are none.
    let mode = text_of(&source.mode);
    if arguments.use_tickets && p4.password.expose().is_true() {
        p4.login().await?;
    }
    p4.make_client().await?;
    let revision = p4.revision(revision.as_deref()).await?;
    let sources = format!("//{}/...@{revision}", p4.client);
    match mode.as_str() {
        "incremental" => p4.sync(&sources).await?,
        "full" => {
            p4.sync("#none").await?;
            if !p4.work.remove(p4.work.workdir.as_str()).await? {
                return Err(StepError::Failed);
            }
            p4.sync(&sources).await?;
        }
        _ => {
            let class = property::class_name(step);
            return Err(StepError::raise(
                Kind::Attribute,
                format!("'{class}' object has no attribute 'mode_{mode}'"),
            ));
        }
    }
    if step.is_stopped() {
        return Err(StepError::Failed);
    }
    property::set(step, source, "got_revision", revision.to_string().into())?;
    Ok(Results::Success)
}

impl Perforce<'_> {
    async fn find(&self) -> Result<(), StepError> {
        let run = Run {
            may_fail: true,
            timeout: Some(Value::Int(VERSION_TIMEOUT_S)),
            ..Run::default()
        };
        let command = words([self.arguments.p4bin.as_str(), "-V"]);
        if self.work.program(command, run).await?.rc == Some(0) {
            return Ok(());
        }
        Err(StepError::of_class(
            "buildbot.interfaces.WorkerSetupError",
            "p4 is not installed on worker",
        ))
    }

    /// Calls p4 as this user for this client.
    async fn call(&self, arguments: Vec<Value>, run: Run) -> Result<CommandEnd, StepError> {
        let mut command = words([self.arguments.p4bin.as_str()]);
        for (option, value) in [
            ("-p", &self.arguments.p4port),
            ("-u", &self.arguments.p4user),
        ] {
            if value.is_true() {
                command.extend([option.into(), value.clone()]);
            }
        }
        let password = self.password.expose();
        if password.is_true() && !self.arguments.use_tickets {
            command.extend(["-P".into(), self.work.hidden(password)]);
        }
        if !self.client.is_empty() && !self.arguments.p4client.is_none() {
            command.extend(words(["-c", &self.client]));
        }
        command.extend(arguments);
        self.work.program(command, run).await
    }

    async fn login(&self) -> Result<(), StepError> {
        let run = Run {
            stdin: Some(format!("{}\n", text_of(self.password.expose())).into()),
            ..Run::default()
        };
        self.call(words(["login"]), run).await.map(drop)
    }

    async fn sync(&self, what: &str) -> Result<(), StepError> {
        let more = self.arguments.p4extra_args.as_sequence();
        let mut command = more.unwrap_or_default().to_vec();
        command.extend(words(["sync", what]));
        self.call(command, Run::default()).await.map(drop)
    }

    /// The newest change that is in the sources, up to a revision.
    async fn revision(&self, wanted: Option<&str>) -> Result<i64, StepError> {
        let client = &self.client;
        let sources = match wanted {
            Some(revision) => format!("//{client}/...@{revision}"),
            None => format!("//{client}/...#head"),
        };
        let run = Run {
            may_fail: true,
            collect: true,
            ..Run::default()
        };
        let command = words(["-ztag", "changes", "-m1", &sources]);
        let end = self.call(command, run).await?;
        let mut lines = end.stdout.lines();
        let change = lines.find_map(|line| line.trim().strip_prefix("... change "));
        match change {
            Some(change) => change.trim().parse().map_err(|_| StepError::Failed),
            None => Err(type_error(wanted::NO_NUMBER)),
        }
    }

    /// Tells the server which files this client has, and where.
    async fn make_client(&self) -> Result<(), StepError> {
        let run = Run {
            stdin: Some(self.specification()?.into()),
            ..Run::default()
        };
        self.call(words(["client", "-i"]), run).await.map(drop)
    }

    fn specification(&self) -> Result<String, StepError> {
        let arguments = self.arguments;
        let client = &self.client;
        let user = text_of(&arguments.p4user);
        let root = self.root()?;
        let options = text_of(&arguments.p4client_spec_options);
        let line_end = text_of(&arguments.p4line_end);
        let mut text = format!(
            "Client: {client}\n\nOwner: {user}\n\nDescription:\n\tCreated by {user}\n\nRoot:\t{root}\n\n\
             Options:\t{options}\n\nLineEnd:\t{line_end}\n\n"
        );
        if arguments.p4client_type.is_true() {
            text += &format!("Type:\t{}\n\n", text_of(&arguments.p4client_type));
        }
        if arguments.stream {
            text += &format!("Stream:\t{}\n", self.depot());
            return Ok(text);
        }
        text += "View:\n";
        let mut view = |depot: String, local: String| {
            text += &format!("\t{} {}\n", quoted(&depot), quoted(&local));
        };
        if arguments.p4viewspec.is_true() {
            let suffix = match &arguments.p4viewspec_suffix {
                Value::None => String::new(),
                suffix => text_of(suffix),
            };
            for (depot, local) in pairs(&arguments.p4viewspec)? {
                view(
                    format!("{depot}{suffix}"),
                    format!("//{client}/{local}{suffix}"),
                );
            }
            return Ok(text);
        }
        view(format!("{}/...", self.depot()), format!("//{client}/..."));
        for (depot, local) in pairs(&arguments.p4extra_views)? {
            view(format!("{depot}/..."), format!("//{client}/{local}/..."));
        }
        Ok(text)
    }

    /// Where the sources are kept.
    fn depot(&self) -> String {
        let base = text_of(&self.arguments.p4base);
        if self.arguments.p4branch.is_true() {
            format!("{base}/{}", text_of(&self.arguments.p4branch))
        } else {
            base
        }
    }

    /// The directory of the sources on the worker.
    fn root(&self) -> Result<String, StepError> {
        let port = self.work.step.port;
        let Some(builder) = port.property("builddir") else {
            return Err(type_error(
                "expected str, bytes or os.PathLike object, not NoneType",
            ));
        };
        let worker = port.worker();
        let root = worker.join(&text_of(&builder.value), &self.work.workdir);
        Ok(worker.normalized(&root))
    }
}

fn pairs(views: &Value) -> Result<Vec<(String, String)>, StepError> {
    views
        .as_sequence()
        .unwrap_or_default()
        .iter()
        .map(|view| match view.as_sequence() {
            Some([depot, local]) => Ok((text_of(depot), text_of(local))),
            _ => Err(StepError::raise(
                Kind::Value,
                "a view is a path of the depot and one of the client",
            )),
        })
        .collect()
}

/// A path in quotes if it has blanks.
fn quoted(path: &str) -> String {
    if path.contains(char::is_whitespace) {
        format!("\"{path}\"")
    } else {
        path.to_owned()
    }
}
