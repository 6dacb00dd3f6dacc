//! Who asks for the commits: keys and credentials, which are on the disk only while a poll runs.

use std::path::Path;

use buildbot_config::changes::repositories::GitArguments;
use buildbot_model::Secret;
use buildbot_render::Value;

use super::program::{Git, text};
use crate::port::{PollError, Port};
use crate::private_directory::PrivateDirectory;

const MODE_OF_KEY: u32 = 0o400;
const MODE_OF_WRAPPER: u32 = 0o700;

const WRAPPER: &str = "ssh-wrapper.sh";

/// Since when git knows the variable `GIT_SSH_COMMAND`, the setting `core.sshCommand`, and `credential-store`.
const SSH_VARIABLE: &[u64] = &[2, 3];
const SSH_SETTING: &[u64] = &[2, 10];
const CREDENTIAL_STORE: &[u64] = &[1, 7, 9];

/// Variables beside those of the master.
type Variables = Vec<(&'static str, String)>;

/// Who asks for the commits.
#[derive(Default)]
pub(super) struct Auth {
    directory: Option<PrivateDirectory>,
    /// The command that calls ssh, if there is a key.
    ssh: Option<String>,
    has_credentials: bool,
    use_http_path: Option<bool>,
    credentials: Vec<Secret<String>>,
}

impl Auth {
    pub(super) async fn install(
        git: &Git<'_>,
        arguments: &GitArguments,
        repourl: &str,
    ) -> Result<Self, PollError> {
        let port = git.port;
        let mut auth = Self::default();
        auth.read_credentials(port, arguments, repourl).await?;
        let values = vec![
            arguments.ssh_private_key.expose().clone(),
            arguments.ssh_host_key.clone(),
            arguments.ssh_known_hosts.clone(),
        ];
        let rendered = port.render(values).await?;
        let [key, host_key, known_hosts] = rendered.as_slice() else {
            return Ok(auth);
        };
        if key.is_none() && !auth.has_credentials {
            return Ok(auth);
        }
        let directory = PrivateDirectory::new(git.directory.clone(), ".buildbot-ssh").await?;
        if !key.is_none() {
            if !git.is_since(SSH_VARIABLE) {
                return Err(PollError::new(
                    "SSH private keys require Git 2.3.0 or newer",
                ));
            }
            let mut key = text(key);
            if !key.ends_with('\n') {
                key.push('\n');
            }
            directory.write("ssh-key", MODE_OF_KEY, &key)?;
            let mut words = ["ssh", "-o", "BatchMode=yes", "-i"]
                .map(str::to_owned)
                .to_vec();
            words.push(shown(&directory.path("ssh-key")));
            let hosts = match (host_key, known_hosts) {
                (Value::None, Value::None) => None,
                (host_key, Value::None) => Some(format!("* {}", text(host_key))),
                (_, known_hosts) => Some(text(known_hosts)),
            };
            if let Some(hosts) = hosts {
                directory.write("ssh-known-hosts", MODE_OF_KEY, &hosts)?;
                let path = shown(&directory.path("ssh-known-hosts"));
                words.extend(["-o".to_owned(), format!("UserKnownHostsFile={path}")]);
            }
            let words: Vec<String> = words.into_iter().map(quoted).collect();
            let ssh = words.join(" ");
            directory.write(
                WRAPPER,
                MODE_OF_WRAPPER,
                &format!("#!/bin/sh\n{ssh} \"$@\"\n"),
            )?;
            auth.ssh = Some(ssh);
        }
        auth.directory = Some(directory);
        Ok(auth)
    }

    async fn read_credentials(
        &mut self,
        port: &dyn Port,
        arguments: &GitArguments,
        repourl: &str,
    ) -> Result<(), PollError> {
        if let Some([name, password]) = arguments.auth_credentials.expose().as_sequence() {
            let attributes = [
                ("url", repourl.into()),
                ("username", name.clone()),
                ("password", password.clone()),
            ];
            let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
            self.add(port, attributes.to_vec()).await?;
        }
        let options = arguments.git_credentials.expose();
        if let Value::Tuple(options) | Value::List(options) = options {
            let listed = options.first().and_then(Value::as_sequence);
            for credential in listed.unwrap_or_default() {
                match port.object(credential) {
                    Some(object) => {
                        let all = object.arguments.iter();
                        let all = all.map(|(name, value)| (name.to_owned(), value.clone()));
                        let (first, others): (Vec<_>, Vec<_>) =
                            all.partition(|(name, _)| name == "url");
                        let attributes = first.into_iter().chain(others);
                        self.add(port, attributes.collect()).await?;
                    }
                    None => {
                        let lines = port.render(vec![credential.clone()]).await?;
                        let lines = lines.first().map(text).unwrap_or_default();
                        self.credentials.push(Secret::new(lines));
                    }
                }
            }
            self.has_credentials = true;
            let use_http_path = options.get(1).filter(|value| !value.is_none());
            self.use_http_path = use_http_path.map(Value::is_true);
        }
        self.has_credentials |= !self.credentials.is_empty();
        Ok(())
    }

    async fn add(
        &mut self,
        port: &dyn Port,
        attributes: Vec<(String, Value)>,
    ) -> Result<(), PollError> {
        let (names, values): (Vec<String>, Vec<Value>) = attributes.into_iter().unzip();
        let values = port.render(values).await?;
        let lines = names
            .iter()
            .zip(&values)
            .filter(|(_, value)| !value.is_none())
            .map(|(name, value)| format!("{name}={}\n", text(value)));
        self.credentials.push(Secret::new(lines.collect()));
        Ok(())
    }

    /// What git is to keep, once.
    pub(super) fn take_credentials(&mut self) -> Vec<Secret<String>> {
        std::mem::take(&mut self.credentials)
    }

    /// Options and variables for a command that speaks to the repository.
    pub(super) fn options(&self, git: &Git<'_>) -> Result<(Vec<String>, Variables), PollError> {
        let (mut options, mut env) = (Vec::new(), Vec::new());
        let Some(directory) = &self.directory else {
            return Ok((options, env));
        };
        if let Some(ssh) = &self.ssh {
            if git.is_since(SSH_SETTING) {
                options.extend(["-c".to_owned(), format!("core.sshCommand={ssh}")]);
            } else {
                env.push(("GIT_SSH_COMMAND", ssh.clone()));
            }
            // For programs that git starts and that know neither.
            env.push(("GIT_SSH", shown(&directory.path(WRAPPER))));
        }
        if self.has_credentials {
            if !git.is_since(CREDENTIAL_STORE) {
                return Err(PollError::new("git credential-store is not supported"));
            }
            let store = shown(&directory.path(".git-credentials"));
            options.extend([
                "-c".to_owned(),
                "credential.helper=".to_owned(),
                "-c".to_owned(),
                format!("credential.helper=store \"--file={store}\""),
            ]);
            if let Some(yes) = self.use_http_path {
                options.extend(["-c".to_owned(), format!("credential.useHttpPath={yes}")]);
            }
        }
        Ok((options, env))
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
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
