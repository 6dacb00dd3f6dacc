//! What `buildbot try` finds in a working tree: the revision that it is based on, and what was changed since.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::output::line;

/// How many directories upwards the top of a tree is looked for.
const LEVELS_MAX: usize = 20;

/// What is to be built.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TrySource {
    pub(crate) branch: Option<String>,
    /// The revision that the patch is made against.
    pub(crate) revision: Option<String>,
    /// How many directories are taken off the names in the patch.
    pub(crate) patch_level: i64,
    pub(crate) patch: Option<Vec<u8>>,
    pub(crate) repository: Option<String>,
}

/// What a person said about the tree.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) branch: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) topdir: Option<String>,
    pub(crate) topfile: Option<String>,
}

/// A tree from which nothing can be tried; the text is shown.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TrySourceError(pub(crate) String);

fn fail<T>(text: impl Into<String>) -> Result<T, TrySourceError> {
    Err(TrySourceError(text.into()))
}

/// A tree of one version control system, with its commands.
struct Runner {
    program: &'static str,
    directory: PathBuf,
}

/// What a command printed, and whether it succeeded.
struct Printed {
    bytes: Vec<u8>,
    is_good: bool,
    errors: String,
}

impl Printed {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl Runner {
    fn run(&self, arguments: &[&str]) -> Result<Printed, TrySourceError> {
        let ended = Command::new(self.program)
            .args(arguments)
            .env("LC_ALL", "C")
            .current_dir(&self.directory)
            .output();
        match ended {
            Ok(ended) => Ok(Printed {
                bytes: ended.stdout,
                is_good: ended.status.success(),
                errors: String::from_utf8_lossy(&ended.stderr).trim().to_owned(),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fail(format!("Could not find executable '{}'.", self.program))
            }
            Err(error) => fail(format!("{}: {error}", self.program)),
        }
    }

    /// A command whose output is needed.
    fn need(&self, arguments: &[&str]) -> Result<Printed, TrySourceError> {
        let printed = self.run(arguments)?;
        match printed.is_good {
            true => Ok(printed),
            false => fail(format!(
                "'{} {}' failed: {}",
                self.program,
                arguments.join(" "),
                printed.errors
            )),
        }
    }

    /// A difference. Some programs end with 1 if there is one.
    fn diff(&self, arguments: &[&str]) -> Result<Option<Vec<u8>>, TrySourceError> {
        let printed = self.run(arguments)?;
        if printed.bytes.is_empty() {
            if !printed.is_good && !printed.errors.is_empty() {
                return fail(format!("{} diff failed: {}", self.program, printed.errors));
            }
            line("WARNING: There is no patch to try, diff is empty.");
            return Ok(None);
        }
        Ok(Some(printed.bytes))
    }
}

/// Reads the working tree of the current directory. `vc` may be missing or unknown, which is an error.
///
/// Differs: with `--vc=none` the branch and the repository that were given are told; the reference forgets them.
///
/// Differs: `buildbot try` works in trees of Bazaar and Perforce, where the client of the reference waits for ever, and tells
/// revisions of Subversion, Mercurial, Darcs and Monotone as they are, which the reference writes as `b'42'`.
pub(crate) fn gather(vc: Option<&str>, tree: &Tree) -> Result<TrySource, TrySourceError> {
    if vc == Some("none") {
        // Only a branch is built, without changes.
        return Ok(TrySource {
            branch: tree.branch.clone(),
            revision: None,
            patch_level: 1,
            patch: Some(Vec::new()),
            repository: Some(tree.repository.clone().unwrap_or_default()),
        });
    }
    let here = std::env::current_dir()
        .map_err(|error| TrySourceError(format!("the current directory is gone: {error}")))?;
    let (program, has_top) = match vc {
        Some("cvs") => ("cvs", true),
        Some("svn") => ("svn", true),
        Some("bzr") => ("bzr", false),
        Some("hg") => ("hg", false),
        Some("p4") => ("p4", false),
        Some("darcs") => ("darcs", false),
        Some("git") => ("git", false),
        Some("mtn") => ("mtn", false),
        other => return fail(format!("unknown vctype '{}'", other.unwrap_or("None"))),
    };
    let directory = match has_top {
        true => top(&here, tree)?,
        false => here,
    };
    let shown = directory.to_string_lossy().into_owned();
    let runner = Runner { program, directory };
    let mut source = match program {
        "cvs" => cvs(&runner, tree)?,
        "svn" => svn(&runner)?,
        "bzr" => bzr(&runner)?,
        "hg" => hg(&runner, tree)?,
        "p4" => p4(&runner, tree)?,
        "darcs" => darcs(&runner)?,
        "mtn" => mtn(&runner)?,
        _ => git(&runner, tree)?,
    };
    if source.branch.is_none() {
        source.branch.clone_from(&tree.branch);
    }
    source.repository = Some(tree.repository.clone().unwrap_or(shown));
    Ok(source)
}

/// The top of a tree of CVS or Subversion.
fn top(here: &Path, tree: &Tree) -> Result<PathBuf, TrySourceError> {
    if let Some(topdir) = &tree.topdir {
        return Ok(PathBuf::from(topdir));
    }
    let Some(topfile) = &tree.topfile else {
        return fail("Must specify topdir or topfile.");
    };
    let mut above = here.ancestors().take(LEVELS_MAX);
    match above.find(|directory| directory.join(topfile).exists()) {
        Some(directory) => Ok(directory.to_owned()),
        None => fail(format!(
            "Unable to find topfile '{topfile}' anywhere from {} upwards",
            here.display()
        )),
    }
}

fn source(revision: String, patch_level: i64, patch: Option<Vec<u8>>) -> TrySource {
    TrySource {
        revision: Some(revision),
        patch_level,
        patch,
        ..TrySource::default()
    }
}

fn cvs(runner: &Runner, tree: &Tree) -> Result<TrySource, TrySourceError> {
    if tree.branch.is_some() {
        return fail("Sorry, CVS 'try' builds don't work with branches");
    }
    let now = jiff::Timestamp::now();
    let revision = now.strftime("%Y-%m-%d %H:%M:%S +0000").to_string();
    let patch = runner.diff(&["-q", "diff", "-u", "-D", &revision])?;
    Ok(source(revision, 0, patch))
}

fn svn(runner: &Runner) -> Result<TrySource, TrySourceError> {
    let status = runner.need(&["status", "-u"])?.text();
    let revision = status
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("Status against revision:"))
        .map(|number| number.trim().to_owned());
    let Some(revision) = revision else {
        return fail(
            "Could not find 'Status against revision: NN' in the output of 'svn status -u'",
        );
    };
    let patch = runner.diff(&["diff", &format!("-r{revision}")])?;
    Ok(source(revision, 0, patch))
}

fn bzr(runner: &Runner) -> Result<TrySource, TrySourceError> {
    let printed = runner.need(&["revision-info", "-rsubmit:"])?.text();
    let Some(id) = printed.split_whitespace().nth(1) else {
        return fail(format!("unexpected bzr revision-info '{}'", printed.trim()));
    };
    let revision = format!("revid:{id}");
    let patch = runner.diff(&["diff", &format!("-r{revision}..")])?;
    Ok(source(revision, 0, patch))
}

fn hg(runner: &Runner, tree: &Tree) -> Result<TrySource, TrySourceError> {
    let upstream = match &tree.repository {
        Some(repository) => format!("r'{repository}'"),
        None => String::new(),
    };
    let newest = format!("max(::. - outgoing({upstream}))");
    let mut printed = runner.run(&["log", "--template", "{node}\\n", "-r", &newest])?;
    if !printed.is_good {
        // Without a repository to compare with everything is outgoing.
        printed = runner.run(&["log", "--template", "{node}\\n", "-r", "p1()"])?;
    }
    let text = printed.text();
    let revision = text.trim();
    let is_node = revision.len() == 40 && revision.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_node {
        return fail(format!("Revision '{revision}' is not in the right format"));
    }
    let patch = runner.diff(&["diff", "-r", revision])?;
    Ok(source(revision.to_owned(), 1, patch))
}

fn p4(runner: &Runner, tree: &Tree) -> Result<TrySource, TrySourceError> {
    let printed = runner.need(&["changes", "-m1", "..."])?.text();
    let mut words = printed.split_whitespace();
    let (Some("Change"), Some(revision)) = (words.next(), words.next()) else {
        return fail(format!("unexpected p4 changes '{}'", printed.trim()));
    };
    let Some(branch) = &tree.branch else {
        return fail("you must specify a branch");
    };
    let patch = runner.diff(&["diff"])?;
    let patch = patch.map(|patch| p4_patch(&patch, branch));
    Ok(source(revision.to_owned(), 0, patch))
}

/// A patch with the names of a tree in place of those of a depot.
fn p4_patch(patch: &[u8], branch: &str) -> Vec<u8> {
    let prefix = format!("//depot/{branch}/");
    let mut lines = Vec::new();
    for line in patch.split_inclusive(|byte| *byte == b'\n') {
        let text = std::str::from_utf8(line).ok();
        let named = text
            .and_then(|text| text.strip_prefix("==== "))
            .and_then(|text| text.split_once(" - "))
            .and_then(|(depot, _)| depot.strip_prefix(prefix.as_str()))
            .and_then(|path| Some((path, path.rsplit_once('#')?.0)));
        match named {
            Some((versioned, path)) => {
                lines.extend_from_slice(format!("--- {versioned}\n+++ {path}\n").as_bytes());
            }
            None => lines.extend_from_slice(line),
        }
    }
    lines
}

fn darcs(runner: &Runner) -> Result<TrySource, TrySourceError> {
    let context = runner.need(&["changes", "--context"])?.text();
    let patch = runner.diff(&["diff", "-u"])?;
    Ok(source(context, 1, patch))
}

fn mtn(runner: &Runner) -> Result<TrySource, TrySourceError> {
    let printed = runner.need(&["automate", "get_base_revision_id"])?.text();
    let patch = runner.diff(&["diff"])?;
    Ok(source(printed.trim().to_owned(), 0, patch))
}

fn git(runner: &Runner, tree: &Tree) -> Result<TrySource, TrySourceError> {
    let (branch, revision) = match &tree.branch {
        Some(branch) => git_of_branch(runner, branch)?,
        None => git_of_tracked(runner)?,
    };
    let patch = runner.diff(&[
        "diff",
        "--src-prefix=a/",
        "--dst-prefix=b/",
        "--no-textconv",
        "--no-ext-diff",
        &revision,
    ])?;
    let mut source = source(revision, 1, patch);
    source.branch = Some(branch);
    Ok(source)
}

/// The named branch, and where it is; the name of a remote before it is taken off.
fn git_of_branch(runner: &Runner, branch: &str) -> Result<(String, String), TrySourceError> {
    let printed = runner.run(&["rev-parse", branch])?;
    if !printed.is_good {
        return fail(format!(
            "git does not know the branch {branch}: {}",
            printed.errors
        ));
    }
    let revision = printed.text().trim().to_owned();
    let remotes = match branch.contains('/') {
        true => runner.run(&["remote"])?.text(),
        false => String::new(),
    };
    let short = remotes
        .lines()
        .find_map(|remote| branch.strip_prefix(remote.trim())?.strip_prefix('/'));
    Ok((short.unwrap_or(branch).to_owned(), revision))
}

/// The current branch, and the revision where the branch is that it follows; without one where `master` is.
///
/// Differs: where there is no `master` either, the patch is made against the last commit, and a branch may follow one of the
/// same repository; the reference takes those names for revisions.
fn git_of_tracked(runner: &Runner) -> Result<(String, String), TrySourceError> {
    let printed = runner.run(&["branch", "--no-color", "-v", "--no-abbrev"])?;
    let text = printed.text();
    let current = text.lines().find_map(|line| {
        let mut words = line.strip_prefix("* ")?.split_whitespace();
        let name = words.next()?;
        (!name.starts_with('(')).then(|| Some((name.to_owned(), words.next()?.to_owned())))?
    });
    let Some((name, here)) = current else {
        return fail(format!(
            "Could not find current GIT branch: {}",
            text.trim_end()
        ));
    };
    let config = |key: &str| -> Result<Option<String>, TrySourceError> {
        let printed = runner.run(&["config", &format!("branch.{name}.{key}")])?;
        Ok(Some(printed.text().trim().to_owned()).filter(|value| !value.is_empty()))
    };
    let (Some(remote), Some(merge)) = (config("remote")?, config("merge")?) else {
        let master = runner.run(&["rev-parse", "--verify", "master"])?;
        let revision = match master.is_good {
            true => master.text().trim().to_owned(),
            false => here,
        };
        return Ok((name, revision));
    };
    let branch = merge.strip_prefix("refs/heads/").unwrap_or(&merge);
    let tracked = match remote.as_str() {
        "." => branch.to_owned(),
        _ => format!("{remote}/{branch}"),
    };
    let parsed = runner.need(&["rev-parse", "--verify", &tracked])?;
    Ok((name, parsed.text().trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::p4_patch;

    #[test]
    fn names_of_a_depot_become_names_of_a_tree() {
        let given = b"==== //depot/br/dir/f.c#3 - /tree/dir/f.c ====\n@@ -1 +1 @@\n-a\n+b\n";
        let expected = b"--- dir/f.c#3\n+++ dir/f.c\n@@ -1 +1 @@\n-a\n+b\n";
        assert_eq!(p4_patch(given, "br"), expected);
    }
}
