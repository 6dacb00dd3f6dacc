//! The files of the repository.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// A directory and the files in it that belong to the project.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    files: BTreeSet<String>,
}

impl Tree {
    /// The repository that this program was built from: all files that Git does not ignore.
    pub fn of_this_repository() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("the package xtask has no parent directory")?;
        let listed = Command::new("git")
            .current_dir(root)
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .output()
            .context("while running `git ls-files`; git must be installed")?;
        ensure!(
            listed.status.success(),
            "`git ls-files` failed in {}: {}",
            root.display(),
            String::from_utf8_lossy(&listed.stderr)
        );
        let names = String::from_utf8(listed.stdout).context("a file name is not UTF-8")?;
        Ok(Self::new(root, names.split('\0')))
    }

    /// `files` below `root`; those that do not exist (deleted, not yet committed) are left out.
    pub fn new<'a>(root: &Path, files: impl IntoIterator<Item = &'a str>) -> Self {
        let files = files
            .into_iter()
            .filter(|name| !name.is_empty() && root.join(name).is_file())
            .map(str::to_owned)
            .collect();
        Self {
            root: root.to_owned(),
            files,
        }
    }

    /// The root of the repository.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Paths relative to the root, with `/`, sorted.
    pub fn files(&self) -> &BTreeSet<String> {
        &self.files
    }

    /// The files whose names end with `.EXTENSION`.
    pub(crate) fn with_extension<'a>(
        &'a self,
        extension: &'a str,
    ) -> impl Iterator<Item = &'a String> {
        self.files.iter().filter(move |name| {
            Path::new(name)
                .extension()
                .is_some_and(|found| found == extension)
        })
    }

    /// Whether a file or a directory with files of the project has this path.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let below = format!("{path}/");
        path.is_empty()
            || self.files.contains(path)
            || self
                .files
                .range(below.clone()..)
                .next()
                .is_some_and(|next| next.starts_with(&below))
    }

    /// The text of a file; `None` if it is not text.
    pub(crate) fn text(&self, path: &str) -> Result<Option<String>> {
        let bytes =
            std::fs::read(self.root.join(path)).with_context(|| format!("while reading {path}"))?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// The text of a file that must be text.
    pub(crate) fn source(&self, path: &str) -> Result<String> {
        self.text(path)?
            .with_context(|| format!("{path} is not UTF-8"))
    }
}
