//! Patches on top of the sources.

use buildbot_render::Value;

use super::words::words;
use super::work::{Run, Work};
use crate::error::StepError;
use crate::facts::PatchFacts;

/// The patch, while it is on the worker.
const DIFF: &str = ".buildbot-diff";
/// It stays behind; whoever finds it cleans up first.
pub(crate) const MARKER: &str = ".buildbot-patched";

/// Whether a patch was applied to what is on the worker.
pub(crate) async fn is_patched(work: &Work<'_>) -> Result<bool, StepError> {
    work.exists(&work.path(MARKER)).await
}

/// Brings a patch to the worker. From then on the step works in the patch's directory.
pub(crate) async fn bring(work: &mut Work<'_>, patch: &PatchFacts) -> Result<(), StepError> {
    let directory = work.path(&patch.subdir);
    if is_below(&directory, &work.workdir) {
        work.workdir = trimmed(directory, &work.workdir);
    }
    work.write(&work.workdir, DIFF, None, patch.body.clone())
        .await?;
    work.write(&work.workdir, MARKER, None, "patched\n").await
}

/// Applies a patch with the program of that name.
pub(crate) async fn apply(work: &mut Work<'_>, patch: &PatchFacts) -> Result<(), StepError> {
    bring(work, patch).await?;
    let level = format!("-p{}", patch.level);
    let command = words([
        "patch",
        &level,
        "--remove-empty-files",
        "--force",
        "--forward",
        "-i",
        DIFF,
    ]);
    work.program(command, Run::default()).await?;
    remove(work).await
}

/// Removes the patch after it was applied.
pub(crate) async fn remove(work: &Work<'_>) -> Result<(), StepError> {
    if work.remove(work.path(DIFF)).await? {
        Ok(())
    } else {
        Err(StepError::Failed)
    }
}

/// What a program reads as the patch.
pub(crate) fn as_input(patch: &PatchFacts) -> Value {
    match String::from_utf8(patch.body.clone()) {
        Ok(text) => Value::Text(text),
        Err(error) => Value::Bytes(error.into_bytes()),
    }
}

/// Without a directory of its own the patch is applied where the step works.
fn trimmed(directory: String, workdir: &str) -> String {
    match directory.strip_suffix(['/', '\\']) {
        Some(without) if without == workdir => workdir.to_owned(),
        _ => directory,
    }
}

/// Whether `path` is `directory` or something in it.
///
/// Differs: a patch for `../build2` is applied in `build`, because a name that only begins like that of the sources is
/// another directory.
fn is_below(path: &str, directory: &str) -> bool {
    let separators: &[char] = &['/', '\\'];
    let parts = |path: &str| -> Option<Vec<String>> {
        let mut parts = Vec::new();
        for part in path.split(separators) {
            match part {
                "." => {}
                ".." => {
                    parts.pop()?;
                }
                "" if !parts.is_empty() => {}
                part => parts.push(part.to_owned()),
            }
        }
        Some(parts)
    };
    match (parts(path), parts(directory)) {
        (Some(path), Some(directory)) => path.starts_with(&directory),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn a_patch_stays_in_its_directory() {
        for (path, below) in [
            ("build/", true),
            ("build/sub", true),
            ("build/./sub/../x", true),
            ("build/../up", false),
            ("build/../build2", false),
            ("build/a/../../..", false),
            ("/abs", false),
        ] {
            assert_eq!(is_below(path, "build"), below, "{path}");
        }
        assert!(is_below("/w/build/x", "/w/build"));
        assert!(!is_below("/w/x", "/w/build"));
    }
}
