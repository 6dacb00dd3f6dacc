//! Steps that change a repository of Git.

use buildbot_model::Secret;

use crate::arguments::{Seconds, arguments};
use buildbot_render::Value;

arguments! {
    /// What is pushed.
    pub struct GitPushArguments {
        repourl: Value = "repourl",
        port: Value = "port" or Value::Int(22),
        branch: Value = "branch",
        force: bool = "force",
        env: Value = "env",
        timeout: Option<Seconds> = "timeout" or Some(Seconds(1200.0)),
        log_environ: bool = "logEnviron" or true,
        ssh_private_key: Secret<Value> = "sshPrivateKey" or Secret::new(Value::None),
        ssh_host_key: Value = "sshHostKey",
        ssh_known_hosts: Value = "sshKnownHosts",
        auth_credentials: Secret<Value> = "auth_credentials" or Secret::new(Value::None),
        git_credentials: Secret<Value> = "git_credentials" or Secret::new(Value::None),
        config: Value = "config",
    }
}

arguments! {
    /// What is tagged.
    pub struct GitTagArguments {
        tag_name: Value = "tagName",
        annotated: bool = "annotated",
        messages: Value = "messages",
        force: bool = "force",
        env: Value = "env",
        timeout: Option<Seconds> = "timeout" or Some(Seconds(1200.0)),
        log_environ: bool = "logEnviron" or true,
        config: Value = "config",
    }
}

arguments! {
    /// What is committed.
    pub struct GitCommitArguments {
        paths: Value = "paths",
        messages: Value = "messages",
        env: Value = "env",
        timeout: Option<Seconds> = "timeout" or Some(Seconds(1200.0)),
        log_environ: bool = "logEnviron" or true,
        empty_commits: Value = "emptyCommits" or "disallow".into(),
        config: Value = "config",
        no_verify: bool = "no_verify",
    }
}

arguments! {
    /// What is compared.
    pub struct GitDiffInfoArguments {
        compare_to_ref: Value = "compareToRef" or "master".into(),
        data_name: Value = "dataName" or "diffinfo-master".into(),
    }
}
