//! How git is called.

use buildbot_render::Value;

use super::auth::Auth;
use super::version::{Feature, Version};
use crate::command::CommandEnd;
use crate::error::StepError;
use crate::source::work::{Run, Work};
use crate::value::text_of as text;

/// Git on a worker.
pub(super) struct Git<'s> {
    pub work: Work<'s>,
    /// `-c name=value`, for every call.
    settings: Vec<Value>,
    version: Version,
    pub auth: Auth,
}

impl<'s> Git<'s> {
    /// Asks for the version. `config` are settings by name.
    pub(crate) async fn find(
        work: Work<'s>,
        config: &Value,
        auth: Auth,
    ) -> Result<Self, StepError> {
        let settings = settings(config);
        let mut command = vec![Value::from("git")];
        command.extend(settings.iter().cloned());
        command.push("--version".into());
        let run = Run {
            collect: true,
            ..Run::default()
        };
        let end = work.program(command, run).await?;
        let Some(version) = Version::parse(&end.stdout) else {
            return Err(StepError::of_class(
                "buildbot.interfaces.WorkerSetupError",
                "git is not installed on worker",
            ));
        };
        Ok(Self {
            work,
            settings,
            version,
            auth,
        })
    }

    /// Whether this git can do something.
    pub(crate) fn has(&self, feature: Feature) -> bool {
        self.version.has(feature)
    }

    /// Calls git; commands that speak to repositories have what proves who asks.
    pub(crate) async fn call(
        &self,
        arguments: Vec<Value>,
        mut run: Run,
    ) -> Result<CommandEnd, StepError> {
        let mut command = vec![Value::from("git")];
        command.extend(self.settings.iter().cloned());
        let subcommand = arguments.first().and_then(Value::as_text);
        if subcommand.is_some_and(Auth::is_needed_for) {
            let env = run
                .env
                .take()
                .unwrap_or_else(|| self.work.settings.env.clone());
            let (options, env) = self.auth.options(self, env)?;
            command.extend(options);
            run.env = Some(env);
        }
        command.extend(arguments);
        self.work.program(command, run).await
    }

    /// Calls git; a failure ends the step.
    pub(crate) async fn must(&self, arguments: Vec<Value>) -> Result<(), StepError> {
        self.call(arguments, Run::default()).await.map(drop)
    }

    /// Calls git; whether it ended with the exit code 0.
    pub(crate) async fn succeeds(&self, arguments: Vec<Value>) -> Result<bool, StepError> {
        self.status(arguments, true).await.map(|rc| rc == Some(0))
    }

    /// Calls git, and gives its exit code.
    pub(crate) async fn status(
        &self,
        arguments: Vec<Value>,
        may_fail: bool,
    ) -> Result<Option<i64>, StepError> {
        let run = Run {
            may_fail,
            ..Run::default()
        };
        Ok(self.call(arguments, run).await?.rc)
    }
}

fn settings(config: &Value) -> Vec<Value> {
    config
        .as_dict()
        .unwrap_or_default()
        .iter()
        .flat_map(|(name, value)| {
            let setting = format!("{}={}", text(name), text(value));
            ["-c".into(), setting.into()]
        })
        .collect()
}
