//! `c['change_source']`.

use std::sync::Arc;

use buildbot_model::Secret;

use crate::arguments::{Reader, Seconds, arguments};
use crate::check::Check;
use crate::classes::{Family, family};
use crate::description::Object;
use crate::problem::Problem;
use crate::service::Service;
use crate::value::Value;

/// Where changes come from.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeSource {
    /// Name, class, place.
    pub service: Service,
    /// How often it looks, if it does.
    pub polling: PollingArguments,
    /// What its kind adds.
    pub kind: ChangeSourceKind,
}

arguments! {
    /// How often a source looks for changes.
    pub struct PollingArguments {
        poll_interval: Option<Seconds> = "pollInterval",
        poll_at_launch: bool = "pollAtLaunch",
        poll_random_delay_min: Seconds = "pollRandomDelayMin",
        poll_random_delay_max: Seconds = "pollRandomDelayMax",
    }
}

/// The kinds of change sources.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangeSourceKind {
    /// A Git repository.
    Git(Box<GitArguments>),
    /// A Mercurial repository.
    Mercurial(Box<MercurialArguments>),
    /// A Subversion repository.
    Subversion(Box<SubversionArguments>),
    /// A Perforce depot.
    Perforce(Box<PerforceArguments>),
    /// Clients that connect.
    Pb(Box<PbArguments>),
    /// Another source of the package; its arguments are in the object.
    Other,
    /// A class of the user's.
    Custom,
}

arguments! {
    /// What is polled in a Git repository.
    pub struct GitArguments {
        repourl: Value = "repourl",
        branches: Value = "branches",
        branch: Option<String> = "branch",
        only_tags: bool = "only_tags",
        workdir: Option<String> = "workdir",
        gitbin: String = "gitbin" or "git".to_owned(),
        usetimestamps: bool = "usetimestamps" or true,
        category: Value = "category",
        project: Value = "project",
        codebase: Option<Arc<Object>> = "codebase",
        encoding: String = "encoding" or "utf-8".to_owned(),
        build_pushes_with_no_commits: bool = "buildPushesWithNoCommits",
        ssh_private_key: Secret<Value> = "sshPrivateKey" or Secret::new(Value::None),
        ssh_host_key: Value = "sshHostKey",
        ssh_known_hosts: Value = "sshKnownHosts",
        auth_credentials: Secret<Value> = "auth_credentials" or Secret::new(Value::None),
        git_credentials: Secret<Value> = "git_credentials" or Secret::new(Value::None),
    }
}

arguments! {
    /// What is polled in a Mercurial repository.
    pub struct MercurialArguments {
        repourl: Value = "repourl",
        branch: Value = "branch",
        branches: Value = "branches",
        bookmarks: Value = "bookmarks",
        workdir: Option<String> = "workdir",
        hgbin: String = "hgbin" or "hg".to_owned(),
        usetimestamps: bool = "usetimestamps" or true,
        category: Value = "category",
        project: Value = "project",
        encoding: String = "encoding" or "utf-8".to_owned(),
        revlink: Value = "revlink",
    }
}

arguments! {
    /// What is polled in a Subversion repository.
    pub struct SubversionArguments {
        repourl: Value = "repourl",
        split_file: Value = "split_file",
        svnuser: Value = "svnuser",
        svnpasswd: Secret<Value> = "svnpasswd" or Secret::new(Value::None),
        histmax: Option<i64> = "histmax",
        svnbin: String = "svnbin" or "svn".to_owned(),
        revlinktmpl: String = "revlinktmpl",
        category: Value = "category",
        project: Value = "project",
        cachepath: Option<String> = "cachepath",
        extra_args: Value = "extra_args",
    }
}

arguments! {
    /// What is polled in a Perforce depot.
    pub struct PerforceArguments {
        p4port: Value = "p4port",
        p4user: Value = "p4user",
        p4passwd: Secret<Value> = "p4passwd" or Secret::new(Value::None),
        p4base: Value = "p4base",
        p4bin: String = "p4bin" or "p4".to_owned(),
        split_file: Value = "split_file",
        encoding: Value = "encoding",
        project: Value = "project",
        use_tickets: bool = "use_tickets",
        server_tz: Value = "server_tz",
        revlink: Value = "revlink",
    }
}

arguments! {
    /// Who may send changes.
    pub struct PbArguments {
        user: Value = "user" or "change".into(),
        passwd: Secret<Value> = "passwd" or Secret::new("changepw".into()),
        port: Value = "port",
        prefix: Value = "prefix",
    }
}

impl ChangeSource {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.service.name
    }
}

pub(crate) fn read(check: &mut Check<'_>) -> Vec<ChangeSource> {
    let Some(value) = check.key("change_source") else {
        return Vec::new();
    };
    let items = match value.as_sequence() {
        Some(items) => items,
        None => std::slice::from_ref(value),
    };
    let mut sources = Vec::with_capacity(items.len());
    for item in items {
        match read_one(check, item) {
            Some(source) => sources.push(source),
            None => {
                let shown = item.repr(check.description);
                let at = check.place_of_value(item, "change_source");
                check.report(
                    Problem::error("c['change_source'] must be a list of change sources")
                        .at(at)
                        .help(format!("{shown} is not one")),
                );
                return Vec::new();
            }
        }
    }
    sources
}

fn read_one(check: &mut Check<'_>, item: &Value) -> Option<ChangeSource> {
    let (id, object) = check.object(item)?;
    if family(&object.class) != Some(Family::ChangeSource) {
        return None;
    }
    let mut service = Service::read(check, id)?;
    if object.arguments.get("name").is_none() && object.attrs.get("name").is_none() {
        // Pollers are called like what they poll.
        if let Some(url) = object.arguments.text("repourl") {
            service.name = url.to_owned();
        }
    }
    let mut reader = Reader::new(check.description, object);
    let polling = PollingArguments::read(&mut reader);
    let kind = read_kind(&mut reader);
    reader.finish(check, id, &service.name);
    Some(ChangeSource {
        service,
        polling,
        kind,
    })
}

fn read_kind(reader: &mut Reader<'_>) -> ChangeSourceKind {
    let class = reader.object.class.as_str();
    match class.strip_prefix("buildbot.changes.").unwrap_or(class) {
        "gitpoller.GitPoller" => ChangeSourceKind::Git(Box::new(GitArguments::read(reader))),
        "hgpoller.HgPoller" => {
            ChangeSourceKind::Mercurial(Box::new(MercurialArguments::read(reader)))
        }
        "svnpoller.SVNPoller" => {
            ChangeSourceKind::Subversion(Box::new(SubversionArguments::read(reader)))
        }
        "p4poller.P4Source" => {
            ChangeSourceKind::Perforce(Box::new(PerforceArguments::read(reader)))
        }
        "pb.PBChangeSource" => ChangeSourceKind::Pb(Box::new(PbArguments::read(reader))),
        "base.ChangeSource" | "base.ReconfigurablePollingChangeSource" => ChangeSourceKind::Custom,
        _ => ChangeSourceKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::ChangeSourceKind;
    use crate::arguments::Seconds;
    use crate::testing::{config, errors, object};

    #[test]
    fn a_poller_is_typed_and_called_like_its_repository() {
        let poller = object(
            "buildbot.changes.gitpoller.GitPoller",
            r#""repourl": "https://example.com/x.git", "branches": true, "pollInterval": 60, "sshPrivateKey": "k""#,
        );
        let source = config(&format!(r#"{{"change_source": {poller}}}"#))
            .change_sources
            .remove(0);
        assert_eq!(source.name(), "https://example.com/x.git");
        assert_eq!(source.polling.poll_interval, Some(Seconds(60.0)));
        let ChangeSourceKind::Git(git) = &source.kind else {
            panic!("{source:?}");
        };
        assert_eq!((git.gitbin.as_str(), git.usetimestamps), ("git", true));
        assert_eq!(git.ssh_private_key.expose(), &"k".into());
    }

    #[test]
    fn one_source_may_stand_without_a_list() {
        let messages = |config: &str| -> Vec<String> {
            errors(config).into_iter().map(|p| p.message).collect()
        };
        let source = object("buildbot.changes.pb.PBChangeSource", "");
        for value in [source.clone(), format!("[{source}]")] {
            let found = messages(&format!(r#"{{"change_source": {value}}}"#));
            assert_eq!(
                found,
                ["no workers are configured", "no builders are configured"]
            );
        }
        for value in ["5", "null", "[5]"] {
            let found = messages(&format!(r#"{{"change_source": {value}}}"#));
            assert_eq!(
                found[0],
                "c['change_source'] must be a list of change sources"
            );
        }
    }
}
