//! Who logs in at the places of workers without being one: clients of change sources and of try schedulers, and people
//! who manage users.

mod build_status;
mod change_source;
mod refusal;
mod try_userpass;
mod user_manager;

use std::sync::Arc;

use anyhow::Context as _;
use buildbot_config::users::{CommandlineArguments, UserManagerKind};
use buildbot_config::{ChangeSourceKind, MasterConfig, SchedulerKind, Value};
use buildbot_endpoint::server::Endpoint;
use buildbot_gateway::{Listener, Protocol, Referenceable, User, Visitor};
use buildbot_model::Secret;

use crate::attachment;
use crate::shell::Shell;

use change_source::ChangeSource;
use try_userpass::TryUserpass;
use user_manager::UserManager;

/// Where the workers of the configuration arrive over PB.
fn worker_port(config: &MasterConfig) -> Option<Value> {
    let mut protocols = config.globals.protocols.iter();
    let (_, options) = protocols.find(|(name, _)| *name == Protocol::Pb.name())?;
    options.get("port").cloned()
}

fn listener(port: &Value) -> Option<Result<Listener, buildbot_endpoint::EndpointError>> {
    let port = match port {
        Value::Text(port) => port.clone(),
        Value::Int(port) => port.to_string(),
        _ => return None,
    };
    Some(Listener::parse(Protocol::Pb, &port))
}

/// The endpoint of a port; the workers' one if it is none.
fn endpoint(config: &MasterConfig, port: &Value) -> Option<Endpoint> {
    let workers = worker_port(config);
    let port = match port {
        Value::None => workers.as_ref()?,
        port => port,
    };
    Some(listener(port)?.ok()?.endpoint)
}

/// The places that users have for themselves, or share with workers.
pub(crate) fn listeners(config: &MasterConfig) -> anyhow::Result<Vec<Listener>> {
    let mut found = Vec::new();
    let mut add = |port: &Value, name: &str| {
        if let Some(listener) = listener(port) {
            found.push(listener.with_context(|| format!("the port of {name}"))?);
        }
        anyhow::Ok(())
    };
    for source in &config.change_sources {
        if let ChangeSourceKind::Pb(arguments) = &source.kind {
            add(&arguments.port, source.name())?;
        }
    }
    for scheduler in &config.schedulers {
        if let SchedulerKind::TryUserpass(arguments) = &scheduler.kind {
            add(&arguments.port, scheduler.name())?;
        }
    }
    for arguments in user_managers(config) {
        add(&arguments.port, USER_MANAGER)?;
    }
    Ok(found)
}

/// What errors call a manager of users, which has no name.
const USER_MANAGER: &str = "CommandlineUserManager";

fn user_managers(config: &MasterConfig) -> impl Iterator<Item = &CommandlineArguments> {
    config
        .user_managers
        .iter()
        .filter_map(|manager| match &manager.kind {
            UserManagerKind::Commandline(arguments) => Some(&**arguments),
            UserManagerKind::Custom => None,
        })
}

/// Whose name it is that logs in at a place.
pub(crate) async fn visitor(shell: &Arc<Shell>, name: &str, place: Option<&Endpoint>) -> Visitor {
    let Some(place) = place else {
        return Visitor::Worker;
    };
    let site = shell.sites.current();
    let config = &site.config;
    let is_here = |port: &Value| endpoint(config, port).as_ref() == Some(place);
    for source in &config.change_sources {
        let ChangeSourceKind::Pb(arguments) = &source.kind else {
            continue;
        };
        if !is_here(&arguments.port) {
            continue;
        }
        let user = attachment::secret_text(shell, &site, &arguments.user, source.name()).await;
        if user.is_none_or(|user| user.expose() != name) {
            continue;
        }
        let given = arguments.passwd.expose();
        let Some(password) = attachment::secret_text(shell, &site, given, source.name()).await
        else {
            return Visitor::Nobody;
        };
        let prefix = arguments.prefix.as_text().map(str::to_owned);
        let source = ChangeSource {
            shell: shell.clone(),
            prefix,
        };
        return known(password, Arc::new(source));
    }
    let mut has_others = false;
    for scheduler in &config.schedulers {
        let SchedulerKind::TryUserpass(arguments) = &scheduler.kind else {
            continue;
        };
        if !is_here(&arguments.port) {
            continue;
        }
        has_others = true;
        let pairs = arguments.userpass.expose().as_sequence();
        for pair in pairs.unwrap_or_default() {
            let Some([user, password]) = pair.as_sequence() else {
                continue;
            };
            if user.as_text() != Some(name) {
                continue;
            }
            let Some(password) =
                attachment::secret_text(shell, &site, password, scheduler.name()).await
            else {
                return Visitor::Nobody;
            };
            let scheduler = TryUserpass {
                shell: shell.clone(),
                scheduler: scheduler.name().to_owned(),
            };
            return known(password, Arc::new(scheduler));
        }
    }
    for arguments in user_managers(config) {
        if !is_here(&arguments.port) {
            continue;
        }
        has_others = true;
        let user = attachment::secret_text(shell, &site, &arguments.username, USER_MANAGER).await;
        if user.is_none_or(|user| user.expose() != name) {
            continue;
        }
        let given = arguments.passwd.expose();
        let Some(password) = attachment::secret_text(shell, &site, given, USER_MANAGER).await
        else {
            return Visitor::Nobody;
        };
        let manager = UserManager {
            shell: shell.clone(),
        };
        return known(password, Arc::new(manager));
    }
    // A place that is only users' knows no workers. Local workers have one of their own.
    let is_workers = worker_port(config).is_some_and(|port| is_here(&port));
    let is_users = has_others
        || config
            .change_sources
            .iter()
            .any(|source| matches!(&source.kind, ChangeSourceKind::Pb(pb) if is_here(&pb.port)));
    match is_workers || !is_users {
        true => Visitor::Worker,
        false => Visitor::Nobody,
    }
}

fn known(password: Secret<String>, perspective: Arc<dyn Referenceable>) -> Visitor {
    Visitor::User(User {
        password,
        perspective,
    })
}
