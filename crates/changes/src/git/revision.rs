//! One commit, as git tells it.

use super::program::Git;
use crate::encoding::Codec;
use crate::port::PollError;

/// What a change says of a commit.
#[derive(Debug)]
pub(super) struct Revision {
    pub(super) author: String,
    pub(super) committer: String,
    pub(super) comments: String,
    pub(super) timestamp: i64,
    pub(super) files: Vec<String>,
}

const FORMAT: &str = "--format=%ct%x00%aN <%aE>%x00%cN <%cE>%x00%s%n%b";

/// Reads a commit. Its files are those that differ from its first parent; of a renamed one, the new name.
///
/// Differs: names of files that have other than ASCII characters, quotes or control characters are the names, not git's
/// quoted form of them (`gr\303\274n`), because nobody can compare them with anything then.
pub(super) async fn read(
    git: &Git<'_>,
    codec: Codec,
    revision: &str,
) -> Result<Revision, PollError> {
    let words = |format: &str, more: &[&str]| {
        let mut words = ["log", "--no-walk", format].map(str::to_owned).to_vec();
        words.extend(more.iter().map(|&word| word.to_owned()));
        words.extend([revision.to_owned(), "--".to_owned()]);
        words
    };
    let told = git.must(words(FORMAT, &[])).await?;
    let mut parts = told
        .splitn(4, |byte| *byte == 0)
        .map(|part| codec.decode(part));
    let mut next = || parts.next().unwrap_or_default();
    let timestamp = next().trim().parse();
    let timestamp =
        timestamp.map_err(|_| PollError::new(format!("git tells no time of commit {revision}")))?;
    let (author, committer) = (next(), next());
    let comments = next().trim().to_owned();
    let listed = ["-z", "--name-only", "-m", "--first-parent"];
    let listed = git.must(words("--format=", &listed)).await?;
    let files = listed
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| codec.decode(name));
    Ok(Revision {
        author: author.trim().to_owned(),
        committer: committer.trim().to_owned(),
        comments,
        timestamp,
        files: files.collect(),
    })
}
