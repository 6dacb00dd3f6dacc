//! Changes that others send: mails and clients.

use buildbot_model::Secret;

use crate::arguments::arguments;
use buildbot_render::Value;

arguments! {
    /// A directory of mails.
    pub struct MaildirArguments {
        maildir: Value = "maildir",
        prefix: Value = "prefix",
        category: Value = "category" or "".into(),
        repository: Value = "repository" or "".into(),
    }
}

arguments! {
    /// A directory of mails of CVS.
    pub struct CvsMaildirArguments {
        maildir: Value = "maildir",
        prefix: Value = "prefix",
        category: Value = "category" or "".into(),
        repository: Value = "repository" or "".into(),
        properties: Value = "properties",
    }
}

arguments! {
    /// A directory of mails of Launchpad.
    pub struct BzrMaildirArguments {
        maildir: Value = "maildir",
        prefix: Value = "prefix",
        branch_map: Value = "branchMap",
        default_branch: Value = "defaultBranch",
        category: Value = "category" or "".into(),
        repository: Value = "repository" or "".into(),
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
