//! The processes of a site: those that it has started, and all that came of them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::process::Pid;

/// A variable that programs of a site have in their environment, and what they start inherits.
pub(crate) const MARK: &str = "E2E_SITE";

/// The ids of all living processes of the site in a directory.
pub(crate) fn of_site(directory: &Path) -> Result<Vec<Pid>> {
    let wanted = format!("{MARK}={}", directory.display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("while listing /proc")? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Unreadable means: not ours, or gone by now.
        let Ok(environment) = fs::read(entry.path().join("environ")) else {
            continue;
        };
        let mut variables = environment.split(|byte| *byte == 0);
        if variables.any(|variable| variable == wanted.as_bytes()) {
            found.extend(Pid::from_raw(pid));
        }
    }
    Ok(found)
}
