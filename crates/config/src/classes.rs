//! What the classes of the package `buildbot` are: schedulers, workers, …

/// What a class provides, as far as lists of `BuildmasterConfig` ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Scheduler,
    Worker,
    ChangeSource,
    Machine,
    Lock,
    LockAccess,
    /// Another `BuildbotService`: reporters, secrets providers, cancellers …
    Service,
}

const SCHEDULERS: &[&str] = &[
    "base.BaseScheduler",
    "base.ReconfigurableBaseScheduler",
    "basic.AnyBranchScheduler",
    "basic.BaseBasicScheduler",
    "basic.Dependent",
    "basic.Scheduler",
    "basic.SingleBranchScheduler",
    "dependent.Dependent",
    "forcesched.ForceScheduler",
    "timed.Nightly",
    "timed.NightlyBase",
    "timed.NightlyTriggerable",
    "timed.Periodic",
    "timed.Timed",
    "triggerable.Triggerable",
    "trysched.TryBase",
    "trysched.Try_Jobdir",
    "trysched.Try_Userpass",
];

const WORKERS: &[&str] = &[
    "base.AbstractWorker",
    "base.Worker",
    "docker.DockerBaseWorker",
    "docker.DockerLatentWorker",
    "ec2.EC2LatentWorker",
    "kubernetes.KubeLatentWorker",
    "latent.AbstractLatentWorker",
    "latent.LocalLatentWorker",
    "libvirt.LibVirtWorker",
    "local.LocalWorker",
    "marathon.MarathonLatentWorker",
    "openstack.OpenStackLatentWorker",
    "upcloud.UpcloudLatentWorker",
];

const CHANGE_SOURCES: &[&str] = &[
    "base.ChangeSource",
    "base.ReconfigurablePollingChangeSource",
    "bitbucket.BitbucketPullrequestPoller",
    "gerritchangesource.GerritChangeSource",
    "gerritchangesource.GerritChangeSourceBase",
    "gerritchangesource.GerritEventLogPoller",
    "github.GitHubPullrequestPoller",
    "gitpoller.GitPoller",
    "hgpoller.HgPoller",
    "mail.BzrLaunchpadEmailMaildirSource",
    "mail.CVSMaildirSource",
    "mail.MaildirSource",
    "mail.SVNCommitEmailMaildirSource",
    "p4poller.P4Source",
    "pb.PBChangeSource",
    "svnpoller.SVNPoller",
];

const MACHINES: &[&str] = &[
    "base.Machine",
    "generic.GenericLatentMachine",
    "latent.AbstractLatentMachine",
];

/// Services that are none of the above.
const SERVICES: &[&str] = &[
    "buildbot.reporters.base.ReporterBase",
    "buildbot.reporters.bitbucket.BitbucketStatusPush",
    "buildbot.reporters.bitbucketserver.BitbucketServerCoreAPIStatusPush",
    "buildbot.reporters.bitbucketserver.BitbucketServerPRCommentPush",
    "buildbot.reporters.bitbucketserver.BitbucketServerStatusPush",
    "buildbot.reporters.gerrit.GerritStatusPush",
    "buildbot.reporters.gerrit_verify_status.GerritVerifyStatusPush",
    "buildbot.reporters.github.GitHubCommentPush",
    "buildbot.reporters.github.GitHubStatusPush",
    "buildbot.reporters.gitlab.GitLabStatusPush",
    "buildbot.reporters.http.HttpStatusPush",
    "buildbot.reporters.irc.IRC",
    "buildbot.reporters.mail.MailNotifier",
    "buildbot.reporters.pushjet.PushjetNotifier",
    "buildbot.reporters.pushover.PushoverNotifier",
    "buildbot.reporters.telegram.TelegramBot",
    "buildbot.reporters.words.StatusBot",
    "buildbot.reporters.zulip.ZulipStatusPush",
    "buildbot.schedulers.canceller.OldBuildCanceller",
    "buildbot.schedulers.canceller_buildset.FailingBuildsetCanceller",
    "buildbot.schedulers.trysched.JobdirService",
    "buildbot.secrets.providers.base.SecretProviderBase",
    "buildbot.secrets.providers.file.SecretInAFile",
    "buildbot.secrets.providers.passwordstore.SecretInPass",
    "buildbot.secrets.providers.vault_hvac.HashiCorpVaultKvSecretProvider",
    "buildbot.statistics.stats_service.StatsService",
    "buildbot.util.kubeclientservice.KubeConfigLoaderBase",
    "buildbot.util.kubeclientservice.KubeCtlProxyConfigLoader",
    "buildbot.util.kubeclientservice.KubeHardcodedConfig",
    "buildbot.util.kubeclientservice.KubeInClusterConfigLoader",
    "buildbot.util.maildir.MaildirService",
    "buildbot.util.service.BuildbotService",
    "buildbot.util.service.ClusteredBuildbotService",
    "buildbot.util.service.SharedService",
];

/// What a class is; `class` is `module.Class` of the package.
pub(crate) fn family(class: &str) -> Option<Family> {
    let rest = class.strip_prefix("buildbot.")?;
    let (package, name) = rest.split_once('.')?;
    let of = |list: &[&str], family: Family| list.contains(&name).then_some(family);
    match package {
        "schedulers" => of(SCHEDULERS, Family::Scheduler),
        "worker" => of(WORKERS, Family::Worker),
        "changes" => of(CHANGE_SOURCES, Family::ChangeSource),
        "machine" => of(MACHINES, Family::Machine),
        "locks" => match name {
            "MasterLock" | "WorkerLock" | "BaseLock" => Some(Family::Lock),
            "LockAccess" => Some(Family::LockAccess),
            _ => None,
        },
        _ => None,
    }
    .or_else(|| SERVICES.contains(&class).then_some(Family::Service))
}

/// Whether it is a `BuildbotService`.
pub(crate) fn is_service(class: &str) -> bool {
    matches!(
        family(class),
        Some(
            Family::Scheduler
                | Family::Worker
                | Family::ChangeSource
                | Family::Machine
                | Family::Service
        )
    )
}

#[cfg(test)]
mod tests {
    use super::{Family, family, is_service};

    #[test]
    fn classes_belong_to_families() {
        let check = |class: &str, expected: Option<Family>| {
            assert_eq!(family(class), expected, "{class}");
        };
        check("buildbot.worker.base.Worker", Some(Family::Worker));
        check(
            "buildbot.schedulers.forcesched.ForceScheduler",
            Some(Family::Scheduler),
        );
        check("buildbot.schedulers.forcesched.StringParameter", None);
        check(
            "buildbot.schedulers.canceller.OldBuildCanceller",
            Some(Family::Service),
        );
        check("buildbot.changes.filter.ChangeFilter", None);
        check("buildbot.locks.MasterLock", Some(Family::Lock));
        check("buildbot.config.builder.BuilderConfig", None);
        check("somewhere.Else", None);
        assert!(is_service("buildbot.reporters.mail.MailNotifier"));
        assert!(!is_service("buildbot.locks.MasterLock"));
    }
}
