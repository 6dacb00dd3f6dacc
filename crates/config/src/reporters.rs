//! Reporters and other services.

use buildbot_model::Secret;

use crate::arguments::{Seconds, arguments, kinds};
use crate::generators::GeneratorKind;
use crate::parts::Part;
use buildbot_render::Value;

kinds! {
    /// The kinds of services: reporters, and what watches builds.
    pub enum ServiceKind in "buildbot" {
        /// Mails.
        Mail(MailArguments) = "reporters.mail.MailNotifier",
        /// Statuses at Bitbucket.
        Bitbucket(BitbucketArguments) = "reporters.bitbucket.BitbucketStatusPush",
        /// Statuses at a Bitbucket server.
        BitbucketServer(BitbucketServerArguments) = "reporters.bitbucketserver.BitbucketServerStatusPush",
        /// Statuses at a Bitbucket server, by its core interface.
        BitbucketServerCore(BitbucketServerCoreArguments) = "reporters.bitbucketserver.BitbucketServerCoreAPIStatusPush",
        /// Comments on pull requests of a Bitbucket server.
        BitbucketServerComment(BitbucketServerCommentArguments) = "reporters.bitbucketserver.BitbucketServerPRCommentPush",
        /// Reviews at Gerrit.
        Gerrit(GerritArguments) = "reporters.gerrit.GerritStatusPush",
        /// Statuses of Gerrit's plugin for verification.
        GerritVerify(GerritVerifyArguments) = "reporters.gerrit_verify_status.GerritVerifyStatusPush",
        /// Statuses at GitHub.
        GitHub(GitHubArguments) = "reporters.github.GitHubStatusPush",
        /// Comments on pull requests at GitHub.
        GitHubComment(GitHubArguments) = "reporters.github.GitHubCommentPush",
        /// Statuses at GitLab.
        GitLab(GitLabArguments) = "reporters.gitlab.GitLabStatusPush",
        /// Any HTTP server.
        Http(HttpArguments) = "reporters.http.HttpStatusPush",
        /// A chat of IRC.
        Irc(IrcArguments) = "reporters.irc.IRC",
        /// Messages by Pushjet.
        Pushjet(PushjetArguments) = "reporters.pushjet.PushjetNotifier",
        /// Messages by Pushover.
        Pushover(PushoverArguments) = "reporters.pushover.PushoverNotifier",
        /// A chat of Telegram.
        Telegram(TelegramArguments) = "reporters.telegram.TelegramBot",
        /// A stream of Zulip.
        Zulip(ZulipArguments) = "reporters.zulip.ZulipStatusPush",
        /// Cancels builds that newer ones replace.
        OldBuilds(OldBuildsArguments) = "schedulers.canceller.OldBuildCanceller",
        /// Cancels the other builds of failed buildsets.
        FailingBuildsets(FailingBuildsetsArguments) = "schedulers.canceller_buildset.FailingBuildsetCanceller",
        /// Collects figures.
        Statistics(StatisticsArguments) = "statistics.stats_service.StatsService",
    }
}

arguments! {
    /// Mails.
    pub struct MailArguments {
        fromaddr: Value = "fromaddr",
        relayhost: Value = "relayhost" or "localhost".into(),
        lookup: Value = "lookup",
        extra_recipients: Value = "extraRecipients",
        send_to_interested_users: bool = "sendToInterestedUsers" or true,
        extra_headers: Value = "extraHeaders",
        use_tls: bool = "useTls",
        use_smtps: bool = "useSmtps",
        smtp_user: Value = "smtpUser",
        smtp_password: Secret<Value> = "smtpPassword" or Secret::new(Value::None),
        smtp_port: Value = "smtpPort" or Value::Int(25),
        dump_mails_to_log: bool = "dumpMailsToLog",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// Statuses at Bitbucket.
    pub struct BitbucketArguments {
        oauth_key: Secret<Value> = "oauth_key" or Secret::new(Value::None),
        oauth_secret: Secret<Value> = "oauth_secret" or Secret::new(Value::None),
        auth: Secret<Value> = "auth" or Secret::new(Value::None),
        base_url: Value = "base_url" or "https://api.bitbucket.org/2.0/repositories".into(),
        oauth_url: Value = "oauth_url" or "https://bitbucket.org/site/oauth2/access_token".into(),
        debug: Value = "debug",
        verify: Value = "verify",
        status_key: Value = "status_key",
        status_name: Value = "status_name",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// Statuses at a Bitbucket server.
    pub struct BitbucketServerArguments {
        base_url: Value = "base_url",
        user: Value = "user",
        password: Secret<Value> = "password" or Secret::new(Value::None),
        key: Value = "key",
        status_name: Value = "statusName",
        verbose: bool = "verbose",
        debug: Value = "debug",
        verify: Value = "verify",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// Statuses at a Bitbucket server, by its core interface.
    pub struct BitbucketServerCoreArguments {
        base_url: Value = "base_url",
        token: Secret<Value> = "token" or Secret::new(Value::None),
        auth: Secret<Value> = "auth" or Secret::new(Value::None),
        status_name: Value = "statusName",
        status_suffix: Value = "statusSuffix",
        key: Value = "key",
        parent_name: Value = "parentName",
        build_number: Value = "buildNumber",
        reference: Value = "ref",
        duration: Value = "duration",
        test_results: Value = "testResults",
        verbose: bool = "verbose",
        debug: Value = "debug",
        verify: Value = "verify",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// Comments on pull requests of a Bitbucket server.
    pub struct BitbucketServerCommentArguments {
        base_url: Value = "base_url",
        user: Value = "user",
        password: Secret<Value> = "password" or Secret::new(Value::None),
        verbose: bool = "verbose",
        debug: Value = "debug",
        verify: Value = "verify",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// Reviews at Gerrit.
    pub struct GerritArguments {
        server: Value = "server",
        username: Value = "username",
        port: Value = "port" or Value::Int(29418),
        identity_file: Value = "identity_file",
        notify: Value = "notify",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// Statuses of Gerrit's plugin for verification.
    pub struct GerritVerifyArguments {
        base_url: Value = "baseURL",
        auth: Secret<Value> = "auth" or Secret::new(Value::None),
        verification_name: Value = "verification_name",
        abstain: bool = "abstain",
        category: Value = "category",
        reporter: Value = "reporter",
        verbose: bool = "verbose",
        debug: Value = "debug",
        verify: Value = "verify",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// Statuses at GitHub.
    pub struct GitHubArguments {
        token: Secret<Value> = "token" or Secret::new(Value::None),
        context: Value = "context",
        base_url: Value = "baseURL",
        verbose: bool = "verbose",
        debug: Value = "debug",
        verify: Value = "verify",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// Statuses at GitLab.
    pub struct GitLabArguments {
        token: Secret<Value> = "token" or Secret::new(Value::None),
        context: Value = "context",
        base_url: Value = "baseURL",
        verbose: bool = "verbose",
        debug: Value = "debug",
        verify: Value = "verify",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// Any HTTP server.
    pub struct HttpArguments {
        server_url: Value = "serverUrl",
        auth: Secret<Value> = "auth" or Secret::new(Value::None),
        headers: Value = "headers",
        debug: Value = "debug",
        verify: Value = "verify",
        cert: Value = "cert",
        skip_encoding: bool = "skip_encoding",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// A chat of IRC.
    pub struct IrcArguments {
        host: Value = "host",
        nick: Value = "nick",
        channels: Value = "channels",
        pm_to_nicks: Value = "pm_to_nicks",
        port: Value = "port" or Value::Int(6667),
        allow_force: Value = "allowForce",
        tags: Value = "tags",
        password: Secret<Value> = "password" or Secret::new(Value::None),
        notify_events: Value = "notify_events",
        show_blame_list: bool = "showBlameList" or true,
        use_revisions: bool = "useRevisions",
        use_ssl: bool = "useSSL",
        use_sasl: bool = "useSASL",
        lost_delay: Option<Seconds> = "lostDelay",
        failed_delay: Option<Seconds> = "failedDelay",
        use_colors: bool = "useColors" or true,
        allow_shutdown: Value = "allowShutdown",
        notice_on_channel: bool = "noticeOnChannel",
        authz: Value = "authz",
    }
}

arguments! {
    /// Messages by Pushjet.
    pub struct PushjetArguments {
        secret: Secret<Value> = "secret" or Secret::new(Value::None),
        levels: Value = "levels",
        base_url: Value = "base_url" or "https://api.pushjet.io".into(),
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// Messages by Pushover.
    pub struct PushoverArguments {
        user_key: Secret<Value> = "user_key" or Secret::new(Value::None),
        api_token: Secret<Value> = "api_token" or Secret::new(Value::None),
        priorities: Value = "priorities",
        other_params: Value = "otherParams",
        generators: Vec<Part<GeneratorKind>> = "generators",
    }
}

arguments! {
    /// A chat of Telegram.
    pub struct TelegramArguments {
        bot_token: Secret<Value> = "bot_token" or Secret::new(Value::None),
        chat_ids: Value = "chat_ids",
        authz: Value = "authz",
        bot_username: Value = "bot_username",
        tags: Value = "tags",
        notify_events: Value = "notify_events",
        show_blame_list: bool = "showBlameList" or true,
        use_revisions: bool = "useRevisions",
        use_webhook: bool = "useWebhook",
        certificate: Value = "certificate",
        poll_timeout: Seconds = "pollTimeout" or Seconds(120.0),
        retry_delay: Seconds = "retryDelay" or Seconds(30.0),
    }
}

arguments! {
    /// A stream of Zulip.
    pub struct ZulipArguments {
        endpoint: Value = "endpoint",
        token: Secret<Value> = "token" or Secret::new(Value::None),
        stream: Value = "stream",
        debug: Value = "debug",
        verify: Value = "verify",
    }
}

arguments! {
    /// Which builds newer ones cancel.
    pub struct OldBuildsArguments {
        filters: Value = "filters",
        branch_key: Value = "branch_key",
    }
}

arguments! {
    /// Which builds of failed buildsets are cancelled.
    pub struct FailingBuildsetsArguments {
        filters: Value = "filters",
    }
}

arguments! {
    /// Where figures are kept.
    pub struct StatisticsArguments {
        storage_backends: Value = "storage_backends",
    }
}
