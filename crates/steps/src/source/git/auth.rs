//! Who asks for the sources: keys and credentials, which are on the worker only while the step runs.

use buildbot_model::Secret;
use buildbot_render::{Kind, Value};

use super::program::Git;
use super::version::Feature;
use crate::error::StepError;
use crate::source::words::words;
use crate::source::work::{Run, Work};
use crate::step::Step;
use crate::value::text_of as text;

/// Permissions of the key and of the known hosts: only the worker reads them.
const MODE_OF_KEY: i64 = 0o400;
/// Permissions of the program that calls ssh.
const MODE_OF_WRAPPER: i64 = 0o700;

/// The arguments of a step that say who asks. None of them is rendered.
#[derive(Debug, Clone, Copy)]
pub(super) struct AuthArguments<'a> {
    pub private_key: &'a Secret<Value>,
    pub host_key: &'a Value,
    pub known_hosts: &'a Value,
    pub user: &'a Secret<Value>,
    pub credentials: &'a Secret<Value>,
    /// What the user's name and password are for; rendered.
    pub repourl: &'a Value,
}

/// Who asks for the sources.
pub(super) struct Auth {
    private_key: Option<Secret<Value>>,
    host_key: Value,
    known_hosts: Value,
    /// Each is something that renders to what `git credential` reads.
    credentials: Option<Vec<Credential>>,
    use_http_path: Option<bool>,
    /// The directory of keys and credentials on the worker, beside the sources.
    directory: String,
    /// Whether something was put there.
    is_installed: bool,
}

/// What git is told about one way to log in.
enum Credential {
    /// Lines, or something that renders to them.
    Lines(Secret<Value>),
    /// Attributes by name; those that render to `None` are left out.
    Attributes(Vec<(String, Secret<Value>)>),
}

impl Auth {
    /// Nobody in particular.
    pub(crate) fn none() -> Self {
        Self {
            private_key: None,
            host_key: Value::None,
            known_hosts: Value::None,
            credentials: None,
            use_http_path: None,
            directory: String::new(),
            is_installed: false,
        }
    }

    /// Who asks according to the arguments of a step that has its sources in `workdir`.
    pub(crate) fn new(step: &Step<'_>, workdir: &str, arguments: AuthArguments<'_>) -> Self {
        let given = |value: &Value| (!value.is_none()).then(|| value.clone());
        let mut credentials: Option<Vec<Credential>> = None;
        let mut use_http_path = None;
        if let Value::Tuple(options) | Value::List(options) = arguments.credentials.expose() {
            let listed = options.first().and_then(Value::as_sequence);
            credentials = Some(
                listed
                    .unwrap_or_default()
                    .iter()
                    .map(|value| Credential::new(step, value))
                    .collect(),
            );
            use_http_path = options.get(1).and_then(given).map(|value| value.is_true());
        }
        if let Some([name, password]) = arguments.user.expose().as_sequence() {
            let first = Credential::Attributes(
                [
                    ("url", arguments.repourl),
                    ("username", name),
                    ("password", password),
                ]
                .map(|(name, value)| (name.to_owned(), Secret::new(value.clone())))
                .to_vec(),
            );
            credentials.get_or_insert_default().insert(0, first);
        }
        Self {
            private_key: given(arguments.private_key.expose()).map(Secret::new),
            host_key: arguments.host_key.clone(),
            known_hosts: arguments.known_hosts.clone(),
            credentials,
            use_http_path,
            directory: directory(step, workdir),
            is_installed: false,
        }
    }

    /// Whether a command of git speaks to a repository, perhaps to one that must know who asks.
    pub(crate) fn is_needed_for(command: &str) -> bool {
        matches!(
            command,
            "clone" | "credential" | "checkout" | "fetch" | "ls-remote" | "push" | "submodule"
        )
    }

    fn path(&self, work: &Work<'_>, name: &str) -> String {
        work.step.port.worker().join(&self.directory, name)
    }

    fn has_known_hosts(&self) -> bool {
        !self.host_key.is_none() || !self.known_hosts.is_none()
    }

    /// The words of a command that calls ssh.
    fn ssh(&self, work: &Work<'_>) -> String {
        let mut words = vec![
            "ssh".to_owned(),
            "-o".to_owned(),
            "BatchMode=yes".to_owned(),
            "-i".to_owned(),
            self.path(work, "ssh-key"),
        ];
        if self.has_known_hosts() {
            let path = self.path(work, "ssh-known-hosts");
            words.extend(["-o".to_owned(), format!("UserKnownHostsFile={path}")]);
        }
        let words: Vec<String> = words.into_iter().map(quoted).collect();
        words.join(" ")
    }

    /// Options for git, and the environment, for a command that needs them.
    pub(crate) fn options(
        &self,
        git: &Git<'_>,
        env: Value,
    ) -> Result<(Vec<Value>, Value), StepError> {
        let work = &git.work;
        let mut options = Vec::new();
        let mut env = env;
        if self.private_key.is_some() {
            if git.has(Feature::SshSetting) {
                let setting = format!("core.sshCommand={}", self.ssh(work));
                options.extend(["-c".into(), setting.into()]);
            } else if git.has(Feature::SshVariable) {
                set(&mut env, "GIT_SSH_COMMAND", self.ssh(work));
            } else {
                set(&mut env, "GIT_SSH", self.path(work, "ssh-wrapper.sh"));
            }
        }
        if self.credentials.is_some() {
            if !git.has(Feature::CredentialStore) {
                return Err(StepError::raise(
                    Kind::Runtime,
                    "git credential-store is not supported",
                ));
            }
            let path = self.path(work, ".git-credentials");
            let store = format!("credential.helper=store \"--file={path}\"");
            options.extend(words(["-c", "credential.helper=", "-c", &store]));
            if let Some(yes) = self.use_http_path {
                let setting = format!("credential.useHttpPath={yes}");
                options.extend(words(["-c", &setting]));
            }
        }
        Ok((options, env))
    }

    /// Forgets what was brought to the worker.
    ///
    /// Differs: keys and credentials of Git steps are removed from the worker also when the step is stopped, because
    /// the reference leaves them there until the next such step.
    async fn clear(&mut self, work: &Work<'_>) -> Result<(), StepError> {
        if self.is_installed && !work.clean_up(self.directory.as_str()).await? {
            return Err(StepError::Failed);
        }
        Ok(())
    }
}

impl Credential {
    fn new(step: &Step<'_>, value: &Value) -> Self {
        let object = value.as_object().and_then(|id| step.port.object(id));
        match object {
            Some(object) => Self::Attributes(
                object
                    .arguments
                    .iter()
                    .map(|(name, value)| (name.to_owned(), Secret::new(value.clone())))
                    .collect(),
            ),
            None => Self::Lines(Secret::new(value.clone())),
        }
    }

    /// What git reads.
    ///
    /// Differs: credentials of Git steps may refer to properties of the build, because where only secrets are known
    /// a property silently becomes nothing.
    async fn render(&self, step: &Step<'_>) -> Result<Secret<String>, StepError> {
        match self {
            Self::Lines(value) => {
                let value = render(step, vec![value.expose().clone()]).await?.pop();
                Ok(Secret::new(
                    value.map(|value| text(&value)).unwrap_or_default(),
                ))
            }
            Self::Attributes(attributes) => {
                let (first, others): (Vec<_>, Vec<_>) =
                    attributes.iter().partition(|(name, _)| name == "url");
                let attributes: Vec<_> = first.into_iter().chain(others).collect();
                let values = attributes
                    .iter()
                    .map(|(_, value)| value.expose().clone())
                    .collect();
                let values = render(step, values).await?;
                let lines = attributes
                    .iter()
                    .zip(&values)
                    .filter(|(_, value)| !value.is_none())
                    .map(|((name, _), value)| format!("{name}={}\n", text(value)));
                Ok(Secret::new(lines.collect()))
            }
        }
    }
}

impl Git<'_> {
    /// Brings keys and credentials to the worker.
    pub(crate) async fn install_auth(&mut self) -> Result<(), StepError> {
        let auth = &self.auth;
        if auth.private_key.is_none() && auth.credentials.is_none() {
            return Ok(());
        }
        let step = self.work.step;
        let key = auth.private_key.as_ref().map(|key| key.expose().clone());
        let values = vec![
            key.unwrap_or_default(),
            auth.host_key.clone(),
            auth.known_hosts.clone(),
        ];
        let rendered = render(step, values).await?;
        let [key, host_key, known_hosts] = rendered.as_slice() else {
            return Ok(());
        };
        if !self.work.make_directory(&auth.directory).await? {
            return Err(StepError::Failed);
        }
        if !key.is_none() {
            self.auth.is_installed = true;
            self.install_key(key, host_key, known_hosts).await?;
        }
        for credential in self.auth.credentials.iter().flatten() {
            let lines = credential.render(step).await?;
            let run = Run {
                stdin: Some(lines.expose().as_str().into()),
                ..Run::default()
            };
            self.call(words(["credential", "approve"]), run).await?;
        }
        if self
            .auth
            .credentials
            .as_ref()
            .is_some_and(|all| !all.is_empty())
        {
            self.auth.is_installed = true;
        }
        Ok(())
    }

    async fn install_key(
        &self,
        key: &Value,
        host_key: &Value,
        known_hosts: &Value,
    ) -> Result<(), StepError> {
        let auth = &self.auth;
        let write = async |name: &str, mode, text: String| {
            let path = auth.path(&self.work, name);
            self.work
                .write(&auth.directory, &path, Some(mode), text)
                .await
        };
        let mut key = text(key);
        if !key.ends_with('\n') {
            key.push('\n');
        }
        write("ssh-key", MODE_OF_KEY, key).await?;
        if auth.has_known_hosts() {
            let hosts = if auth.known_hosts.is_none() {
                format!("* {}", text(host_key))
            } else {
                text(known_hosts)
            };
            write("ssh-known-hosts", MODE_OF_KEY, hosts).await?;
        }
        if !self.has(Feature::SshVariable) {
            let script = format!("#!/bin/sh\n{} \"$@\"\n", auth.ssh(&self.work));
            write("ssh-wrapper.sh", MODE_OF_WRAPPER, script).await?;
        }
        Ok(())
    }

    /// Removes keys and credentials from the worker, if there are any.
    pub(crate) async fn remove_auth(&mut self) -> Result<(), StepError> {
        self.auth.clear(&self.work).await
    }
}

/// The directory of keys and credentials: beside the sources, hidden, named after the builder and them.
fn directory(step: &Step<'_>, workdir: &str) -> String {
    let worker = step.port.worker();
    let absolute = worker.join(&worker.basedir, workdir);
    let separators: &[char] = if worker.is_windows() {
        &['/', '\\']
    } else {
        &['/']
    };
    let absolute = absolute.trim_end_matches(separators);
    let (parent, name) = match absolute.rfind(separators) {
        // The root keeps its separator.
        Some(0) => absolute.split_at(1),
        Some(at) => (&absolute[..at], &absolute[at + 1..]),
        None => ("", absolute),
    };
    let builder = &step.port.build().builder_dir;
    worker.join(parent, &format!(".{builder}.{name}.buildbot"))
}

/// A word for a shell, in quotes unless it is harmless.
fn quoted(word: String) -> String {
    let is_harmless = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !word.is_empty() && word.chars().all(is_harmless) {
        word
    } else {
        format!("\"{word}\"")
    }
}

/// Sets a variable of an environment.
fn set(env: &mut Value, name: &str, value: String) {
    if !matches!(env, Value::Dict(_)) {
        *env = Value::Dict(Vec::new());
    }
    let Value::Dict(variables) = env else { return };
    match variables
        .iter_mut()
        .find(|(known, _)| known.as_text() == Some(name))
    {
        Some((_, known)) => *known = value.into(),
        None => variables.push((name.into(), value.into())),
    }
}

async fn render(step: &Step<'_>, values: Vec<Value>) -> Result<Vec<Value>, StepError> {
    step.port.render(values).await.into_iter().collect()
}
