//! What the agent has to know, taken from `buildbot.tac` and checked.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use buildbot_model::Secret;
use buildbot_tac::{AllowShutdown, Master, Protocol, WorkerTac};

use crate::connect::{Route, host_and_port};
use crate::output::{Encoding, UnknownEncoding};
use buildbot_endpoint::EndpointError;
use buildbot_endpoint::client::{Endpoint, web_socket_address};

/// A keep-alive may always take so long, however often it is sent.
const KEEPALIVE_TIMEOUT_MIN: Duration = Duration::from_secs(60);

/// Everything that the agent is told from outside.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name of the worker.
    pub name: String,
    /// Its password.
    pub password: Secret<String>,
    /// The base directory; absolute.
    pub basedir: PathBuf,
    /// The environment of the worker, which its commands inherit.
    pub environ: Arc<Vec<(OsString, OsString)>>,
    /// The way to the master.
    pub route: Route,
    /// The protocol on it.
    pub protocol: SpokenProtocol,
    /// Seconds between keep-alives, unless they are off.
    pub keepalive: Option<Keepalive>,
    /// Number of processors to report, if it is not to be found out.
    pub numcpus: Option<u32>,
    /// Encoding of arguments, output and file names.
    pub encoding: Encoding,
    /// Whether directories of builders that are gone are removed.
    pub delete_leftover_dirs: bool,
    /// How an administrator asks for a graceful shutdown.
    pub allow_shutdown: Option<AllowShutdown>,
    /// Upper bound of the pause between attempts.
    pub maxdelay: Option<Duration>,
    /// Attempts without a login after which the worker gives up.
    pub max_retries: Option<u32>,
}

/// The protocol, with what only it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpokenProtocol {
    /// Perspective Broker.
    Pb,
    /// MessagePack over WebSocket.
    Msgpack {
        /// Host and port of the URL.
        authority: String,
        /// Path of the URL, with the slash at its beginning.
        path: String,
    },
}

/// How often a sign of life is asked for, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// The time between two.
    pub interval: Duration,
    /// After so long without an answer the connection is dead.
    pub timeout: Duration,
}

/// Why a worker cannot run with its settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A connection string.
    #[error("{option}: {source}")]
    Endpoint {
        /// The argument of `Worker(…)` that is wrong.
        option: &'static str,
        /// What is wrong with it.
        source: EndpointError,
    },
    /// An encoding that is not known here.
    #[error("unicode_encoding: {0}")]
    Encoding(#[from] UnknownEncoding),
    /// HTTP's credentials separate name and password by a colon.
    #[error("the worker name {0:?} has a colon, which msgpack_experimental_v7 cannot carry")]
    ColonInName(String),
}

impl Settings {
    /// Checks what `tac` says. `environ` is the environment of the process.
    pub fn new(
        tac: &WorkerTac,
        basedir: PathBuf,
        environ: Vec<(OsString, OsString)>,
    ) -> Result<Self, SettingsError> {
        let worker = &tac.worker;
        let mut environ: Vec<_> = environ
            .into_iter()
            .filter(|(name, _)| {
                let name = name.to_string_lossy();
                !tac.removed_environment.contains(name.as_ref())
                    && !tac.set_environment.contains_key(name.as_ref())
            })
            .collect();
        let set = tac.set_environment.iter();
        environ.extend(set.map(|(name, value)| (name.into(), value.into())));
        let protocol = match worker.protocol {
            Protocol::Pb => SpokenProtocol::Pb,
            Protocol::Msgpack => {
                if worker.name.contains(':') {
                    return Err(SettingsError::ColonInName(worker.name.clone()));
                }
                let (host, port) = match &worker.master {
                    Master::Address { host, port } => (host.clone(), *port),
                    Master::Endpoint(text) => {
                        web_socket_address(text).map_err(in_option("connection_string"))?
                    }
                };
                let path = worker.path.as_deref().unwrap_or_default();
                SpokenProtocol::Msgpack {
                    authority: host_and_port(&host, port),
                    path: format!("/{}", path.strip_prefix('/').unwrap_or(path)),
                }
            }
        };
        let keepalive = worker.keepalive.map(|interval| Keepalive {
            interval,
            timeout: worker
                .keepalive_timeout
                .unwrap_or_else(|| interval.max(KEEPALIVE_TIMEOUT_MIN)),
        });
        Ok(Self {
            name: worker.name.clone(),
            password: worker.passwd.clone(),
            basedir,
            environ: Arc::new(environ),
            route: route(tac)?,
            protocol,
            keepalive,
            numcpus: worker.numcpus,
            encoding: Encoding::named(worker.unicode_encoding.as_deref())?,
            delete_leftover_dirs: worker.delete_leftover_dirs,
            allow_shutdown: worker.allow_shutdown,
            maxdelay: worker.maxdelay,
            max_retries: worker.max_retries,
        })
    }
}

fn in_option(option: &'static str) -> impl Fn(EndpointError) -> SettingsError {
    move |source| SettingsError::Endpoint { option, source }
}

fn route(tac: &WorkerTac) -> Result<Route, SettingsError> {
    let worker = &tac.worker;
    Ok(match (&worker.master, &worker.proxy_connection_string) {
        (Master::Endpoint(text), _) => {
            let endpoint = Endpoint::parse(text);
            Route::Direct(endpoint.map_err(in_option("connection_string"))?)
        }
        (Master::Address { host, port }, Some(proxy)) => Route::Proxied {
            proxy: Endpoint::parse(proxy).map_err(in_option("proxy_connection_string"))?,
            host: host.clone(),
            port: *port,
            use_tls: worker.use_tls,
        },
        (Master::Address { host, port }, None) => {
            Route::Direct(Endpoint::from_host_and_port(host, *port, worker.use_tls))
        }
    })
}
