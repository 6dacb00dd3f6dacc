//! What the web server is told: the configuration, and what else the master knows.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use buildbot_config::Www;
use buildbot_model::Secret;

use crate::control::Later;

/// Checks names and passwords by code of the user: `CustomAuth`, checkers of Twisted.
pub trait Credentials: Send + Sync {
    /// Whose password it is; nothing if it is wrong, an error if the code could not say.
    fn check<'a>(
        &'a self,
        name: &'a str,
        password: &'a Secret<String>,
    ) -> Later<'a, Result<Option<String>, CredentialsError>>;
}

/// The code of the user has failed, or has not answered in time. It is logged by whoever asked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password could not be checked")]
pub struct CredentialsError;

/// One generation of settings; another one replaces it whole.
#[derive(Clone)]
pub struct Settings {
    /// `c['www']`, with secrets in place of their placeholders.
    pub www: Www,
    /// `c['buildbotURL']`, which ends in a slash.
    pub buildbot_url: String,
    /// `c['title']`.
    pub title: String,
    /// `c['titleURL']`.
    pub title_url: String,
    /// `c['multiMaster']`.
    pub multi_master: bool,
    /// The base directory, in which relative names of files lie.
    pub base_directory: PathBuf,
    /// Who checks passwords by code of the user, if the configuration has it.
    pub credentials: Option<Arc<dyn Credentials>>,
    /// The key of sessions, the same for all masters: `session_secret` of the database.
    pub session_secret: Secret<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("buildbot_url", &self.buildbot_url)
            .field("base_directory", &self.base_directory)
            .finish_non_exhaustive()
    }
}
