//! Secrets of `c['secretsProviders']`, asked for by name when something is rendered.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use buildbot_config::Named;
use buildbot_config::secrets::SecretsKind;
use buildbot_model::Secret;
use buildbot_render::{Exception, Kind, SecretService};

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
    command.arg(name).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(directory) = directory {
        command.env("PASSWORD_STORE_DIR", directory);
    }
    if let Some(passphrase) = passphrase.as_text() {
        let options = format!("--passphrase {passphrase}");
        command.env("PASSWORD_STORE_GPG_OPTS", options);
    }
    let output = command.output().await.map_err(|error| {
        Exception::new(
            Kind::Runtime,
            format!("the program pass cannot be run: {error}"),
        )
    })?;
    if !output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let first = text.lines().next().unwrap_or_default();
    Ok(Some(Secret::new(first.to_owned())))
}
