//! Secrets of `c['secretsProviders']`, asked for by name when something is rendered.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use buildbot_changes::ProcessGroup;
use buildbot_config::Named;
use buildbot_config::secrets::SecretsKind;
use buildbot_model::Secret;
use buildbot_render::{Exception, Kind, SecretService};
use tokio::io::AsyncReadExt as _;

/// How long `pass` may take. It may wait for somebody to type a passphrase, where nobody is.
///
/// Differs: a `pass` that does not end is killed after 30 seconds, and what asks for the secret fails; the reference
/// waits for it as long as it takes.
const PASS_PATIENCE: Duration = Duration::from_secs(30);

/// A secret, and the class of the provider that had it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) value: Secret<String>,
    pub(crate) provider: &'static str,
}

/// Whether the configuration has providers at all.
pub(crate) fn service(providers: &[Named<SecretsKind>]) -> SecretService {
    if providers.is_empty() {
        SecretService::Absent
    } else {
        SecretService::Present
    }
}

/// Asks one provider after the other.
pub(crate) async fn find(
    providers: &[Named<SecretsKind>],
    basedir: &Path,
    name: &str,
) -> Result<Option<Found>, Exception> {
    for provider in providers {
        let found = match &provider.kind {
            SecretsKind::File(arguments) => {
                let directory = arguments.dirname.as_text().unwrap_or_default();
                let directory = basedir.join(directory);
                let suffixes = suffixes(&arguments.suffixes);
                let secret = read_file(directory, suffixes, name.to_owned()).await?;
                let strip = arguments.strip;
                secret.map(|text| Found {
                    value: Secret::new(if strip { text.trim().to_owned() } else { text }),
                    provider: "SecretInAFile",
                })
            }
            SecretsKind::Pass(arguments) => {
                let directory = arguments.dirname.as_text().map(|name| basedir.join(name));
                let secret = ask_pass(directory, arguments.gpg_passphrase.expose(), name).await?;
                secret.map(|value| Found {
                    value,
                    provider: "SecretInPass",
                })
            }
            // Refused when the configuration is loaded.
            SecretsKind::Vault(_) | SecretsKind::Custom => None,
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn suffixes(given: &buildbot_render::Value) -> Vec<String> {
    let items = given.as_sequence().unwrap_or_default();
    let texts = items.iter().filter_map(|item| item.as_text());
    let texts: Vec<String> = texts.map(str::to_owned).collect();
    if texts.is_empty() {
        vec![String::new()]
    } else {
        texts
    }
}

async fn read_file(
    directory: PathBuf,
    suffixes: Vec<String>,
    name: String,
) -> Result<Option<String>, Exception> {
    // A name is that of a file of this directory, and of no other.
    if name.contains('/') || name == "." || name == ".." || name.is_empty() {
        return Ok(None);
    }
    let read = tokio::task::spawn_blocking(move || {
        for suffix in suffixes {
            let path = directory.join(format!("{name}{suffix}"));
            match std::fs::read_to_string(&path) {
                Ok(text) => return Ok(Some(text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{}: {error}", path.display())),
            }
        }
        Ok(None)
    });
    match read.await {
        Ok(outcome) => outcome.map_err(|error| Exception::new(Kind::Runtime, error)),
        Err(error) => Err(Exception::new(Kind::Runtime, error.to_string())),
    }
}

async fn ask_pass(
    directory: Option<PathBuf>,
    passphrase: &buildbot_render::Value,
    name: &str,
) -> Result<Option<Secret<String>>, Exception> {
    let mut command = tokio::process::Command::new("pass");
    command
        .arg(name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0);
    if let Some(directory) = directory {
        command.env("PASSWORD_STORE_DIR", directory);
    }
    if let Some(passphrase) = passphrase.as_text() {
        let options = format!("--passphrase {passphrase}");
        command.env("PASSWORD_STORE_GPG_OPTS", options);
    }
    first_line(command, PASS_PATIENCE).await
}

/// The first line of what a program says, if it ends well.
async fn first_line(
    mut command: tokio::process::Command,
    patience: Duration,
) -> Result<Option<Secret<String>>, Exception> {
    let failed = |why: String| {
        Exception::new(
            Kind::Runtime,
            format!("the program pass cannot be run: {why}"),
        )
    };
    let broken = |error: std::io::Error| failed(error.to_string());
    let mut group = ProcessGroup::start(&mut command).map_err(broken)?;
    let mut said = Vec::new();
    let talking = async {
        let (_, stdout, _) = group.take_pipes();
        if let Some(mut stdout) = stdout {
            stdout.read_to_end(&mut said).await?;
        }
        group.exited().await;
        Ok(())
    };
    let talked = tokio::time::timeout(patience, talking).await;
    talked
        .map_err(|_| {
            failed(format!(
                "it does not end within {} seconds",
                patience.as_secs()
            ))
        })?
        .map_err(broken)?;
    if !group.ended().await.map_err(broken)?.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&said);
    let first = text.lines().next().unwrap_or_default();
    Ok(Some(Secret::new(first.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::process::Command;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        command
    }

    #[tokio::test]
    async fn a_program_that_waits_for_somebody_is_given_up_with_what_it_has_started() {
        let waiting = shell("sleep 600 & wait");
        let begun = std::time::Instant::now();
        let asked = first_line(waiting, Duration::from_millis(200)).await;
        let why = asked.expect_err("nobody types anything").message;
        assert!(why.contains("does not end"), "{why}");
        assert!(begun.elapsed() < Duration::from_secs(60));
        let said = first_line(shell("echo one; echo two"), Duration::from_secs(60)).await;
        let said = said.expect("it runs").expect("it ends well");
        assert_eq!(said.expose(), "one");
    }
}
