//! Where the refs of a repository are kept in the one that pollers share.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but letters, digits, `_`, `.` and `-`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-');

/// The ref that follows the ref `name` of the repository `url`.
pub(super) fn of(url: &str, name: &str) -> String {
    let repository = match parse(url) {
        Some(parts) => parts
            .iter()
            .map(|part| encoded(part))
            .collect::<Vec<_>>()
            .join("/"),
        None => encoded(url),
    };
    match name.strip_prefix("refs/") {
        Some(rest) => format!("refs/buildbot/{repository}/{rest}"),
        None => format!("refs/buildbot/raw/{repository}/{name}"),
    }
}

fn encoded(part: &str) -> String {
    utf8_percent_encode(part, ENCODED).to_string()
}

/// Protocol, host with port, owner if there is one, repository.
fn parse(url: &str) -> Option<Vec<String>> {
    let (protocol, rest) = ["https", "http", "ssh", "git"]
        .iter()
        .find_map(|protocol| Some((*protocol, url.strip_prefix(protocol)?.strip_prefix("://")?)))
        .unwrap_or(("ssh", url));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let at = rest.find(['/', ':']).filter(|at| *at > 0)?;
    let (mut host, mut path) = (rest[..at].to_owned(), &rest[at + 1..]);
    if rest[at..].starts_with(':')
        && let Some((port, rest)) = path.split_once('/')
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        host = format!("{host}:{port}");
        path = rest;
    }
    let (owner, repository) = match path.rsplit_once('/') {
        Some((owner, repository)) => (Some(owner), repository),
        None => (None, path),
    };
    let repository = repository.strip_suffix(".git").unwrap_or(repository);
    if repository.is_empty() || owner == Some("") {
        return None;
    }
    let parts = [Some(protocol), Some(&*host), owner, Some(repository)];
    Some(parts.into_iter().flatten().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn refs_of_each_repository_have_a_place_of_their_own() {
        for (url, place) in [
            ("https://github.com/o/r.git", "https/github.com/o/r"),
            (
                "https://user:pw@h.org:8443/a/b/c~d.git",
                "https/h.org%3A8443/a%2Fb/c%7Ed",
            ),
            ("git@github.com:o/r.git", "ssh/github.com/o/r"),
            ("ssh://git@h:29418/p", "ssh/h%3A29418/p"),
            ("ssh://h/p/", "ssh%3A%2F%2Fh%2Fp%2F"),
            ("git://x/y/z", "git/x/y/z"),
            ("file:///a/b.git", "ssh/file/%2F%2F%2Fa/b"),
            ("/a/~b", "%2Fa%2F%7Eb"),
            ("h:o/r", "ssh/h/o/r"),
        ] {
            let found = super::of(url, "refs/heads/ma~in");
            assert_eq!(found, format!("refs/buildbot/{place}/heads/ma~in"));
            assert_eq!(
                super::of(url, "HEAD"),
                format!("refs/buildbot/raw/{place}/HEAD")
            );
        }
    }
}
