//! `buildbot dev-proxy`: the front end from here with the data of a master elsewhere.
//!
//! Buildbot: manual, "dev-proxy".

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, ensure};
use buildbot_config::FrontEnd;
use buildbot_confighost::{Package, Python};
use buildbot_model::Secret;
use buildbot_options::{OptionSpec, Parsed};
use buildbot_web::{DevProxy, DevProxySettings};
use serde_json::{Map, Value};

use crate::command_line::{Request, UsageError};
use crate::output::{error_line, line};

pub(crate) const USAGE: &str = "\
Usage:    buildbot dev-proxy [options]
    Serves the front end that is installed in the Python of $BUILDBOT_PYTHON, of
    $VIRTUAL_ENV, or that is first in $PATH, with the data of a running master.
Options:
  -p, --port=          Port on this machine. [default: 8011]
      --plugins=       Plugins of the front end with their settings, besides
                       those of the master, as JSON:
                       --plugins='{\"custom\": {\"option\": true}}'
      --auth_cookie=   The cookie TWISTED_SESSION of a browser that has logged in.
  -b, --buildbot_url=  The master. [default: https://buildbot.buildbot.net]
      --unsafe_ssl     Take any certificate.
      --help           Show this text.
      --version        Show the version of this program.
";

const OPTIONS: [OptionSpec; 7] = [
    OptionSpec::value("port", Some('p')),
    OptionSpec::value("plugins", None),
    OptionSpec::value("auth_cookie", None),
    OptionSpec::value("buildbot_url", Some('b')),
    OptionSpec::flag("unsafe_ssl", None),
    OptionSpec::flag("help", None),
    OptionSpec::flag("version", None),
];

/// Asks a Python what it has of a front end.
const PROGRAM: &str = "\
import json
from buildbot._host import front_end
print(json.dumps({'twisted': front_end.twisted_version(), 'parts': front_end.parts()}))
";

/// What is served.
pub(crate) struct Proxy {
    port: u16,
    plugins: Map<String, Value>,
    session: Option<Secret<String>>,
    master: String,
    is_unsafe: bool,
}

pub(crate) fn parse(arguments: &[OsString]) -> Result<Request<Proxy>, UsageError> {
    let Parsed { options, .. } = buildbot_options::parse(&OPTIONS, arguments)?;
    let mut proxy = Proxy {
        port: 8011,
        plugins: Map::new(),
        session: None,
        master: "https://buildbot.buildbot.net".to_owned(),
        is_unsafe: false,
    };
    for (option, value) in options {
        let text = value.to_string_lossy();
        match option {
            "help" => return Ok(Request::Help),
            "version" => return Ok(Request::Version),
            "port" => {
                proxy.port = text.parse().map_err(|_| {
                    UsageError::Other(format!("port must be a number up to 65535, not '{text}'"))
                })?;
            }
            "plugins" => {
                proxy.plugins = serde_json::from_str(&text).map_err(|error| {
                    UsageError::Other(format!("plugins must be an object of JSON: {error}"))
                })?;
            }
            "auth_cookie" => proxy.session = Some(Secret::new(text.into_owned())),
            "buildbot_url" => proxy.master = text.into_owned(),
            _ => proxy.is_unsafe = true,
        }
    }
    Ok(Request::Run(proxy))
}

pub(crate) fn run(options: &Proxy) -> ExitCode {
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error_line(format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Proxy) -> anyhow::Result<()> {
    let settings = DevProxySettings {
        port: options.port,
        master: options.master.clone(),
        installed: installed()?,
        plugins: options.plugins.clone(),
        session: options
            .session
            .as_ref()
            .map(|session| Secret::new(session.expose().clone())),
        takes_any_certificate: options.is_unsafe,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot wait for connections")?;
    runtime.block_on(async {
        let proxy = DevProxy::start(settings).await?;
        for name in proxy.missing() {
            error_line(format!(
                "warning: the plugin {name} of the master is not installed here"
            ));
        }
        let port = proxy
            .address()
            .map_or(options.port, |address| address.port());
        line(format!(
            "serving {} on http://localhost:{port}/ until Ctrl-C",
            options.master
        ));
        tokio::select! {
            () = proxy.serve() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for Ctrl-C"),
        }
    })
}

/// The front end that is installed.
fn installed() -> anyhow::Result<FrontEnd> {
    let environment = |name: &str| std::env::var_os(name);
    let python = Python::choose(None, environment)?;
    let package = Package::unpack(environment)?;
    let output = Command::new(python.path())
        .args(["-c", PROGRAM])
        .env("PYTHONPATH", package.directory())
        .output()
        .with_context(|| format!("{python} cannot be started"))?;
    ensure!(
        output.status.success(),
        "{python} cannot say which front end it has:\n{}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{python} does not say which front end it has"))
}
