//! Repositories that are polled.

use std::sync::Arc;

use buildbot_model::Secret;

use crate::arguments::{Seconds, arguments};
use crate::description::Object;
use buildbot_render::Value;

arguments! {
    /// What is polled in a Git repository.
    pub struct GitArguments {
        repourl: Value = "repourl",
        branches: Value = "branches",
        branch: Option<String> = "branch",
        workdir: Option<String> = "workdir",
        gitbin: String = "gitbin" or "git".to_owned(),
        usetimestamps: bool = "usetimestamps" or true,
        category: Value = "category",
        codebase: Option<Arc<Object>> = "codebase",
        project: Value = "project",
        fetch_refspec: Value = "fetch_refspec",
        encoding: String = "encoding" or "utf-8".to_owned(),
        build_pushes_with_no_commits: bool = "buildPushesWithNoCommits",
        only_tags: bool = "only_tags",
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
        project: Value = "project" or "".into(),
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
        histmax: Option<i64> = "histmax" or Some(100),
        svnbin: String = "svnbin" or "svn".to_owned(),
        revlinktmpl: String = "revlinktmpl",
        category: Value = "category",
        project: Value = "project" or "".into(),
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
        p4base: Value = "p4base" or "//".into(),
        p4bin: String = "p4bin" or "p4".to_owned(),
        split_file: Value = "split_file",
        histmax: Option<i64> = "histmax",
        encoding: Value = "encoding" or "utf8".into(),
        project: Value = "project",
        use_tickets: bool = "use_tickets",
        ticket_login_interval: Seconds = "ticket_login_interval" or Seconds(86400.0),
        server_tz: Value = "server_tz",
        revlink: Value = "revlink",
        resolvewho: Value = "resolvewho",
    }
}
