//! The program git, and the repository that it works in.

use std::path::PathBuf;

use buildbot_config::changes::repositories::GitArguments;
use buildbot_render::Value;

use super::auth::Auth;
use crate::port::{Ended, PollError, Port, Program};

/// The program git, and the repository that it works in.
pub(super) struct Git<'a> {
    pub(super) port: &'a dyn Port,
    pub(super) directory: PathBuf,
    file: String,
    version: Vec<u64>,
    auth: Auth,
}

/// The text of a rendered value; nothing for `None`.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::None => String::new(),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => other.as_text().map(str::to_owned).unwrap_or_default(),
    }
}

impl<'a> Git<'a> {
    /// Finds out whether there is a git, and which.
    pub(super) async fn new(
        port: &'a dyn Port,
        arguments: &GitArguments,
        directory: PathBuf,
    ) -> Result<Self, PollError> {
        let file = arguments.gitbin.clone();
        let asked = port.run(Program {
            argv: vec![file.clone(), "--version".to_owned()],
            directory: port.basedir().to_owned(),
            ..Program::default()
        });
        let asked = asked.await;
        let version = asked.ok().and_then(|ended| version(&ended.stdout));
        let version = version.ok_or_else(|| PollError::new("Git is not installed"))?;
        Ok(Self {
            port,
            directory,
            file,
            version,
            auth: Auth::default(),
        })
    }

    /// Makes the repository unless it is there. Returns the exit code.
    pub(super) async fn make_repository(&self) -> Result<i32, PollError> {
        let directory = self.directory.to_string_lossy().into_owned();
        let argv = [&self.file, "init", "--bare", &directory];
        let ended = self.port.run(Program {
            argv: argv.map(str::to_owned).to_vec(),
            directory: self.port.basedir().to_owned(),
            ..Program::default()
        });
        let ended = ended.await?;
        match ended.code {
            0 | super::FATAL => Ok(ended.code),
            _ => Err(failure("init", &ended)),
        }
    }

    /// Puts keys and credentials where git finds them, until this is dropped.
    pub(super) async fn authenticate(
        &mut self,
        arguments: &GitArguments,
        repourl: &str,
    ) -> Result<(), PollError> {
        self.auth = Auth::install(self, arguments, repourl).await?;
        for lines in self.auth.take_credentials() {
            let (options, env) = self.auth.options(self)?;
            let mut argv = vec![self.file.clone()];
            argv.extend(options);
            argv.extend(["credential".to_owned(), "approve".to_owned()]);
            let ended = self.port.run(Program {
                argv,
                directory: self.directory.clone(),
                env,
                stdin: Some(lines),
            });
            let ended = ended.await?;
            if ended.code != 0 {
                return Err(failure("credential", &ended));
            }
        }
        Ok(())
    }

    /// Whether it is that version, or a later one.
    pub(super) fn is_since(&self, version: &[u64]) -> bool {
        self.version.as_slice() >= version
    }

    /// Runs a command that must succeed, and returns what it wrote.
    pub(super) async fn must(&self, words: Vec<String>) -> Result<Vec<u8>, PollError> {
        let command = words.first().cloned().unwrap_or_default();
        let mut argv = vec![self.file.clone()];
        let mut env = Vec::new();
        if matches!(command.as_str(), "fetch" | "ls-remote") {
            let (options, more) = self.auth.options(self)?;
            argv.extend(options);
            env = more;
        }
        argv.extend(words);
        // There is nobody who could answer.
        env.push(("GIT_TERMINAL_PROMPT", "0".to_owned()));
        let ended = self.port.run(Program {
            argv,
            directory: self.directory.clone(),
            env,
            stdin: None,
        });
        let ended = ended.await?;
        if ended.code == 0 {
            Ok(ended.stdout)
        } else {
            Err(failure(&command, &ended))
        }
    }

    /// The commit that a ref names.
    pub(super) async fn head_of(&self, name: &str) -> Result<String, PollError> {
        let output = self.must(vec!["rev-parse".to_owned(), name.to_owned()]);
        let output = output.await?;
        Ok(String::from_utf8_lossy(&output).trim().to_owned())
    }
}

fn failure(command: &str, ended: &Ended) -> PollError {
    let said = String::from_utf8_lossy(&ended.stderr);
    PollError::new(format!(
        "command git {command} failed with exit code {}: {}",
        ended.code,
        said.trim()
    ))
}

fn version(output: &[u8]) -> Option<Vec<u64>> {
    let output = String::from_utf8_lossy(output);
    let version = output.trim().strip_prefix("git version ")?;
    let numbers: Vec<u64> = version
        .split_whitespace()
        .next()?
        .split('.')
        .map_while(|part| part.parse().ok())
        .collect();
    (!numbers.is_empty()).then_some(numbers)
}
