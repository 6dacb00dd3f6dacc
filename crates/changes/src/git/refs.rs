//! Which refs of a repository are polled.

use buildbot_config::changes::repositories::GitArguments;
use buildbot_render::Value;

use super::HEADS;
use super::program::{Git, text};
use crate::port::PollError;

/// Since when git shows where `HEAD` points to.
const SYMREF: &[u64] = &[2, 8];

const TAGS: &str = "refs/tags/";

/// The full names of the refs to poll.
pub(super) async fn wanted(
    git: &Git<'_>,
    arguments: &GitArguments,
    repourl: &str,
) -> Result<Vec<String>, PollError> {
    if arguments.only_tags {
        return list(git, repourl, vec![format!("{TAGS}*")]).await;
    }
    if let Some(branch) = arguments.branch.as_deref().filter(|name| !name.is_empty()) {
        return list(git, repourl, vec![format!("{HEADS}{branch}")]).await;
    }
    match &arguments.branches {
        Value::Callable(_) => {
            let mut refs = Vec::new();
            for name in list(git, repourl, Vec::new()).await? {
                let callable = arguments.branches.clone();
                let answer = git.port.call(callable, vec![name.as_str().into()]).await?;
                if answer.is_true() {
                    refs.push(name);
                }
            }
            Ok(refs)
        }
        Value::Bool(true) => list(git, repourl, vec![format!("{HEADS}*")]).await,
        other => match other.as_sequence() {
            Some(names) if !names.is_empty() => {
                let patterns = names.iter().map(|name| format!("{HEADS}{}", text(name)));
                list(git, repourl, patterns.collect()).await
            }
            _ => default_branch(git, repourl).await.map(|name| vec![name]),
        },
    }
}

async fn list(
    git: &Git<'_>,
    repourl: &str,
    patterns: Vec<String>,
) -> Result<Vec<String>, PollError> {
    let mut words = ["ls-remote", "--refs", repourl].map(str::to_owned).to_vec();
    words.extend(patterns);
    let output = git.must(words).await?;
    Ok(pairs(&output).map(|(_, name)| name).collect())
}

/// What stands before and after the tab of each line.
fn pairs(output: &[u8]) -> impl Iterator<Item = (String, String)> {
    let output = String::from_utf8_lossy(output).into_owned();
    let lines: Vec<(String, String)> = output
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(first, second)| (first.trim().to_owned(), second.trim().to_owned()))
        .collect();
    lines.into_iter()
}

/// The branch that `HEAD` is, as far as that can be found out.
async fn default_branch(git: &Git<'_>, repourl: &str) -> Result<String, PollError> {
    const HEAD: &str = "HEAD";
    let words: &[&str] = if git.is_since(SYMREF) {
        &["ls-remote", "--symref", repourl, HEAD]
    } else {
        &["ls-remote", repourl, HEAD, "refs/heads/*"]
    };
    let words = words.iter().map(|&word| word.to_owned()).collect();
    let output = git.must(words).await?;
    let head = pairs(&output).find(|(first, name)| name == HEAD && !first.starts_with("ref:"));
    let named = pairs(&output).find_map(|(first, name)| {
        let target = first
            .strip_prefix("ref:")
            .map(|target| target.trim().to_owned());
        match (&head, target) {
            (_, Some(target)) if name == HEAD => Some(target),
            (Some((commit, _)), None) if name != HEAD && first == *commit => Some(name),
            _ => None,
        }
    });
    Ok(named.unwrap_or_else(|| HEAD.to_owned()))
}
