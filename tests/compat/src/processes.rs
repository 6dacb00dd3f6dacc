//! Finding the processes that a scenario has started, directly or not.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::Path;

/// A variable that every worker of these tests has in its environment, and that its programs inherit.
pub(crate) const MARK: &str = "COMPAT_STAGE";

/// The ids of all living processes whose environment has the mark with the value `stage`.
pub(crate) fn marked(stage: &Path) -> Result<Vec<Pid>> {
    let wanted = format!("{MARK}={}", stage.display());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").context("while listing /proc")? {
        let entry = entry?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // Unreadable means: not ours, or gone by now.
        let Ok(environment) = fs::read(entry.path().join("environ")) else {
            continue;
        };
        if environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == wanted.as_bytes())
        {
            found.extend(Pid::from_raw(pid));
        }
    }
    Ok(found)
}

/// Kills the marked processes.
pub(crate) fn kill_marked(stage: &Path) -> Result<()> {
    for pid in marked(stage)? {
        // It may have ended since it was listed.
        let _ = kill_process(pid, Signal::KILL);
    }
    Ok(())
}
