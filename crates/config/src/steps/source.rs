//! Steps that fetch sources.

use buildbot_model::Secret;

use crate::arguments::{Seconds, arguments};
use buildbot_render::Value;

arguments! {
    /// What all steps have that fetch sources.
    pub struct SourceArguments {
        mode: Value = "mode" or "update".into(),
        always_use_latest: bool = "alwaysUseLatest",
        timeout: Option<Seconds> = "timeout" or Some(Seconds(1200.0)),
        retry: Value = "retry",
        env: Value = "env",
        log_environ: bool = "logEnviron" or true,
        codebase: Value = "codebase" or "".into(),
    }
}

arguments! {
    /// Sources of Git.
    pub struct GitArguments {
        repourl: Value = "repourl",
        port: Value = "port" or Value::Int(22),
        branch: Value = "branch" or "HEAD".into(),
        method: Value = "method",
        reference: Value = "reference",
        submodules: bool = "submodules",
        remote_submodules: bool = "remoteSubmodules",
        tags: bool = "tags",
        shallow: Value = "shallow" or Value::Bool(false),
        filters: Value = "filters",
        progress: bool = "progress" or true,
        retry_fetch: bool = "retryFetch",
        clobber_on_failure: bool = "clobberOnFailure",
        get_description: Value = "getDescription" or Value::Bool(false),
        config: Value = "config",
        origin: Value = "origin",
        ssh_private_key: Secret<Value> = "sshPrivateKey" or Secret::new(Value::None),
        ssh_host_key: Value = "sshHostKey",
        ssh_known_hosts: Value = "sshKnownHosts",
        auth_credentials: Secret<Value> = "auth_credentials" or Secret::new(Value::None),
        git_credentials: Secret<Value> = "git_credentials" or Secret::new(Value::None),
    }
}

arguments! {
    /// Sources of Bazaar.
    pub struct BzrArguments {
        repourl: Value = "repourl",
        base_url: Value = "baseURL",
        method: Value = "method",
        default_branch: Value = "defaultBranch",
    }
}

arguments! {
    /// Sources of CVS.
    pub struct CvsArguments {
        cvsroot: Value = "cvsroot",
        cvsmodule: Value = "cvsmodule" or "".into(),
        method: Value = "method",
        branch: Value = "branch",
        global_options: Value = "global_options",
        extra_options: Value = "extra_options",
        login: Value = "login",
    }
}

arguments! {
    /// Sources of Darcs.
    pub struct DarcsArguments {
        repourl: Value = "repourl",
        method: Value = "method",
    }
}

arguments! {
    /// Sources of Mercurial.
    pub struct MercurialArguments {
        repourl: Value = "repourl",
        method: Value = "method",
        default_branch: Value = "defaultBranch",
        branch_type: Value = "branchType" or "dirname".into(),
        clobber_on_branch_change: bool = "clobberOnBranchChange" or true,
    }
}

arguments! {
    /// Sources of Monotone.
    pub struct MonotoneArguments {
        repourl: Value = "repourl",
        branch: Value = "branch",
        progress: bool = "progress",
        method: Value = "method",
    }
}

arguments! {
    /// Sources of Perforce.
    pub struct PerforceArguments {
        method: Value = "method",
        p4base: Value = "p4base",
        p4branch: Value = "p4branch",
        p4port: Value = "p4port",
        p4user: Value = "p4user",
        p4passwd: Secret<Value> = "p4passwd" or Secret::new(Value::None),
        p4extra_views: Value = "p4extra_views" or Value::Tuple(vec![]),
        p4line_end: Value = "p4line_end" or "local".into(),
        p4viewspec: Value = "p4viewspec",
        p4viewspec_suffix: Value = "p4viewspec_suffix" or "...".into(),
        p4client: Value = "p4client",
        p4client_spec_options: Value = "p4client_spec_options" or "allwrite rmdir".into(),
        p4client_type: Value = "p4client_type",
        p4extra_args: Value = "p4extra_args",
        p4bin: String = "p4bin" or "p4".to_owned(),
        use_tickets: bool = "use_tickets",
        stream: bool = "stream",
        debug: bool = "debug",
    }
}

arguments! {
    /// Sources of Android's repo.
    pub struct RepoArguments {
        manifest_url: Value = "manifestURL",
        manifest_branch: Value = "manifestBranch" or "master".into(),
        manifest_file: Value = "manifestFile" or "default.xml".into(),
        tarball: Value = "tarball",
        jobs: Value = "jobs",
        sync_all_branches: Value = "syncAllBranches" or Value::Bool(false),
        update_tarball_age: Value = "updateTarballAge" or Value::Float(604800.0),
        manifest_override_url: Value = "manifestOverrideUrl",
        repo_downloads: Value = "repoDownloads",
        depth: Value = "depth" or Value::Int(0),
        submodules: Value = "submodules" or Value::Bool(false),
        sync_quietly: bool = "syncQuietly",
    }
}

arguments! {
    /// Sources of Subversion.
    pub struct SubversionArguments {
        repourl: Value = "repourl",
        method: Value = "method",
        username: Value = "username",
        password: Secret<Value> = "password" or Secret::new(Value::None),
        extra_args: Value = "extra_args",
        keep_on_purge: Value = "keep_on_purge",
        depth: Value = "depth",
        prefer_last_changed_rev: bool = "preferLastChangedRev",
    }
}
