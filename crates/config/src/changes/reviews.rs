//! Reviews and pull requests as changes.

use buildbot_model::Secret;

use crate::arguments::{Seconds, arguments};
use buildbot_render::Value;

arguments! {
    /// Whose pull requests are polled at Bitbucket.
    pub struct BitbucketPullRequestArguments {
        owner: Value = "owner",
        slug: Value = "slug",
        branch: Value = "branch",
        use_timestamps: bool = "useTimestamps" or true,
        category: Value = "category",
        project: Value = "project" or "".into(),
        pullrequest_filter: Value = "pullrequest_filter" or Value::Bool(true),
        auth: Secret<Value> = "auth" or Secret::new(Value::None),
        bitbucket_property_whitelist: Value = "bitbucket_property_whitelist",
    }
}

arguments! {
    /// Whose pull requests are polled at GitHub.
    pub struct GitHubPullRequestArguments {
        owner: Value = "owner",
        repo: Value = "repo",
        branches: Value = "branches",
        category: Value = "category",
        project: Value = "project",
        base_url: Value = "baseURL",
        pullrequest_filter: Value = "pullrequest_filter" or Value::Bool(true),
        token: Secret<Value> = "token" or Secret::new(Value::None),
        magic_link: bool = "magic_link",
        repository_type: Value = "repository_type" or "https".into(),
        github_property_whitelist: Value = "github_property_whitelist",
    }
}

arguments! {
    /// A Gerrit whose events are followed.
    pub struct GerritArguments {
        gerritserver: Value = "gerritserver",
        username: Value = "username",
        gerritport: Value = "gerritport" or Value::Int(29418),
        identity_file: Value = "identity_file",
        ssh_server_alive_interval_s: Seconds = "ssh_server_alive_interval_s" or Seconds(15.0),
        ssh_server_alive_count_max: i64 = "ssh_server_alive_count_max" or 3,
        http_url: Value = "http_url",
        http_auth: Secret<Value> = "http_auth" or Secret::new(Value::None),
        http_poll_interval: Seconds = "http_poll_interval" or Seconds(30.0),
        git_base_url: Value = "gitBaseURL",
        handled_events: Value = "handled_events" or Value::Tuple(vec!["patchset-created".into(), "ref-updated".into()]),
        debug: bool = "debug",
        get_files: bool = "get_files",
    }
}

arguments! {
    /// A Gerrit whose log of events is polled.
    pub struct GerritEventLogArguments {
        base_url: Value = "baseURL",
        auth: Secret<Value> = "auth" or Secret::new(Value::None),
        first_fetch_lookback: Seconds = "firstFetchLookback" or Seconds(30.0),
        git_base_url: Value = "gitBaseURL",
        handled_events: Value = "handled_events" or Value::Tuple(vec!["patchset-created".into(), "ref-updated".into()]),
        debug: bool = "debug",
        get_files: bool = "get_files",
    }
}
