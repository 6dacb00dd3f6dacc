//! `c['change_source']`.

pub mod clients;
pub mod repositories;
pub mod reviews;

use crate::arguments::{Reader, Seconds, arguments, kinds};
use crate::check::Check;
use crate::classes::{Family, family};
use crate::parts::Kind;
use crate::problem::Problem;
use crate::service::Service;
use buildbot_render::Value;
use clients::{BzrMaildirArguments, CvsMaildirArguments, MaildirArguments, PbArguments};
use repositories::{GitArguments, MercurialArguments, PerforceArguments, SubversionArguments};
use reviews::{
    BitbucketPullRequestArguments, GerritArguments, GerritEventLogArguments,
    GitHubPullRequestArguments,
};

/// Where changes come from.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeSource {
    /// Name, class, place.
    pub service: Service,
    /// How often it looks; without an interval it waits for what others send.
    pub polling: PollingArguments,
    /// What its kind adds.
    pub kind: ChangeSourceKind,
}

arguments! {
    /// How often a source looks for changes.
    pub struct PollingArguments {
        poll_interval: Option<Seconds> = "pollInterval" or Some(Seconds(600.0)),
        poll_at_launch: bool = "pollAtLaunch",
        poll_random_delay_min: Seconds = "pollRandomDelayMin",
        poll_random_delay_max: Seconds = "pollRandomDelayMax",
    }
}

kinds! {
    /// The kinds of change sources.
    pub enum ChangeSourceKind in "buildbot.changes" {
        /// A Git repository.
        Git(GitArguments) = "gitpoller.GitPoller",
        /// A Mercurial repository.
        Mercurial(MercurialArguments) = "hgpoller.HgPoller",
        /// A Subversion repository.
        Subversion(SubversionArguments) = "svnpoller.SVNPoller",
        /// A Perforce depot.
        Perforce(PerforceArguments) = "p4poller.P4Source",
        /// Pull requests of Bitbucket.
        BitbucketPullRequests(BitbucketPullRequestArguments) = "bitbucket.BitbucketPullrequestPoller",
        /// Pull requests of GitHub.
        GitHubPullRequests(GitHubPullRequestArguments) = "github.GitHubPullrequestPoller",
        /// The events of Gerrit.
        Gerrit(GerritArguments) = "gerritchangesource.GerritChangeSource",
        /// The log of events of Gerrit.
        GerritEventLog(GerritEventLogArguments) = "gerritchangesource.GerritEventLogPoller",
        /// Mails of any form.
        Maildir(MaildirArguments) = "mail.MaildirSource",
        /// Mails of Subversion.
        SvnMaildir(MaildirArguments) = "mail.SVNCommitEmailMaildirSource",
        /// Mails of CVS.
        CvsMaildir(CvsMaildirArguments) = "mail.CVSMaildirSource",
        /// Mails of Launchpad.
        BzrMaildir(BzrMaildirArguments) = "mail.BzrLaunchpadEmailMaildirSource",
        /// Clients that connect.
        Pb(PbArguments) = "pb.PBChangeSource",
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
    let kind = ChangeSourceKind::read(&mut reader);
    reader.finish(check, id, &service.name);
    Some(ChangeSource {
        service,
        polling,
        kind,
    })
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
