//! Pages about revisions: `c['revlink']`.

use buildbot_config::{Description, Object};
use buildbot_python_regex::{Found, Pattern};
use buildbot_render::{Callable, Value};

/// What finds the page about a revision.
#[derive(Debug, Clone)]
pub enum Revlink {
    /// The first of these that knows the repository.
    Matchers(Vec<Matcher>),
    /// Code of the user's, called with the revision and the repository.
    Ask(Callable),
}

/// Repositories, and the page about one of their revisions.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// A site that everybody knows.
    Site(Site),
    /// Patterns of repositories.
    Patterns(Box<Patterns>),
}

/// A site that is known without configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// GitHub.
    GitHub,
    /// Bitbucket.
    Bitbucket,
    /// SourceForge, as it was.
    SourceForge,
    /// SourceForge on Allura.
    Allura,
}

/// Patterns of repositories.
#[derive(Debug, Clone)]
pub struct Patterns {
    repositories: Vec<Pattern>,
    /// Groups by number or name; `%s` is the revision.
    template: String,
    names: Vec<Vec<String>>,
}

/// All of them, in the order in which they are asked.
const SITES: [Site; 4] = [
    Site::GitHub,
    Site::Bitbucket,
    Site::SourceForge,
    Site::Allura,
];

impl Site {
    fn find(self, revision: &str, repository: &str) -> Option<String> {
        match self {
            Self::GitHub => {
                let (owner, name) = [
                    "https://github.com/",
                    "git://github.com/",
                    "git@github.com:",
                    "ssh://git@github.com/",
                ]
                .iter()
                .find_map(|prefix| owner_and_name(repository.strip_prefix(prefix)?))?;
                Some(format!(
                    "https://github.com/{owner}/{name}/commit/{revision}"
                ))
            }
            Self::Bitbucket => {
                let over_https = || {
                    let (_, rest) = repository.strip_prefix("https://")?.split_once('@')?;
                    rest.strip_prefix("bitbucket.org/")
                };
                let over_ssh = || repository.strip_prefix("git@bitbucket.org:");
                let (owner, name) = owner_and_name(over_https().or_else(over_ssh)?)?;
                Some(format!(
                    "https://bitbucket.org/{owner}/{name}/commits/{revision}"
                ))
            }
            Self::SourceForge => {
                let (project, path) = source_forge(repository)?;
                Some(format!(
                    "http://{project}.git.sourceforge.net/git/gitweb.cgi?p={path};a=commit;h={revision}"
                ))
            }
            Self::Allura => {
                let rest = ["git://", "http://"]
                    .iter()
                    .find_map(|scheme| repository.strip_prefix(scheme))
                    .or_else(|| Some(without_user(repository.strip_prefix("ssh://")?)))?;
                let path = rest.strip_prefix("git.code.sf.net/p/")?;
                Some(format!("https://sourceforge.net/p/{path}/ci/{revision}/"))
            }
        }
    }
}

/// `owner/name`, also with `.git` behind it.
fn owner_and_name(path: &str) -> Option<(&str, &str)> {
    let (owner, name) = path.split_once('/')?;
    let name = name.strip_suffix(".git").unwrap_or(name);
    (!name.contains('/')).then_some((owner, name))
}

fn without_user(host: &str) -> &str {
    host.split_once('@').map_or(host, |(_, host)| host)
}

/// The project and the path of a repository of the old kind.
fn source_forge(repository: &str) -> Option<(&str, &str)> {
    const HOST: &str = ".git.sourceforge.net";
    let (host, separator) = match repository.split_once("://") {
        Some(("git", host)) => (host, '/'),
        Some(("ssh", host)) => (without_user(host), '/'),
        Some(_) => return None,
        None => (repository.split_once('@')?.1, ':'),
    };
    let (project, rest) = host.split_once('.')?;
    let rest = rest.strip_prefix(&HOST[1..])?.strip_prefix(separator)?;
    Some((project, rest.strip_prefix("gitroot/")?))
}

impl Patterns {
    fn new(repositories: Vec<String>, template: String) -> Result<Self, String> {
        let patterns = repositories.iter().map(|text| Pattern::new(text, 0));
        let patterns: Result<Vec<Pattern>, _> = patterns.collect();
        Ok(Self {
            names: repositories.iter().map(|text| group_names(text)).collect(),
            repositories: patterns.map_err(|error| error.to_string())?,
            template,
        })
    }

    /// The page about a revision; `None` if the repository is none of these.
    fn find(&self, revision: &str, repository: &str) -> Option<String> {
        for (pattern, names) in self.repositories.iter().zip(&self.names) {
            if let Ok(Some(found)) = pattern.match_start(repository) {
                let filled = fill(&self.template, &found, names)?;
                return crate::percent::fill_one(&filled, revision);
            }
        }
        None
    }
}

impl Matcher {
    fn find(&self, revision: &str, repository: &str) -> Option<String> {
        match self {
            Self::Site(site) => site.find(revision, repository),
            Self::Patterns(patterns) => patterns.find(revision, repository),
        }
    }
}

impl Revlink {
    /// What stands under the key `revlink`, or what is used without it.
    ///
    /// # Errors
    ///
    /// When it is nothing that can be used.
    pub fn read(value: Option<&Value>, description: &Description) -> Result<Self, String> {
        let Some(value) = value else {
            return Ok(Self::Matchers(SITES.map(Matcher::Site).to_vec()));
        };
        if let Value::Callable(callable) = value {
            return Ok(Self::Ask((**callable).clone()));
        }
        if let Value::Ref(name) = value {
            let site = match name.rsplit('.').next() {
                Some("GithubRevlink") => Site::GitHub,
                Some("BitbucketRevlink") => Site::Bitbucket,
                Some("SourceforgeGitRevlink") => Site::SourceForge,
                Some("SourceforgeGitRevlink_AlluraPlatform") => Site::Allura,
                Some("default_revlink_matcher") => return Self::read(None, description),
                _ => return Err(format!("{name} finds no pages about revisions")),
            };
            return Ok(Self::Matchers(vec![Matcher::Site(site)]));
        }
        let object = description.object_of(value);
        let object = object.ok_or("revlink must be a callable")?;
        let mut matchers = Vec::new();
        add(object, description, &mut matchers)?;
        Ok(Self::Matchers(matchers))
    }

    /// The page about a revision, or the code that must be asked.
    ///
    /// # Errors
    ///
    /// The code that must be called with the revision and the repository.
    pub fn find(&self, revision: &str, repository: &str) -> Result<Option<String>, &Callable> {
        match self {
            Self::Matchers(matchers) => Ok(matchers
                .iter()
                .filter_map(|matcher| matcher.find(revision, repository))
                .find(|page| !page.is_empty())),
            Self::Ask(callable) => Err(callable),
        }
    }
}

/// A matcher, or several in a multiplexer.
fn add(
    object: &Object,
    description: &Description,
    matchers: &mut Vec<Matcher>,
) -> Result<(), String> {
    let arguments = &object.arguments;
    if object.class.ends_with(".RevlinkMultiplexer") {
        let all = arguments
            .iter()
            .filter_map(|(_, value)| value.as_sequence())
            .flatten();
        for value in all {
            match Revlink::read(Some(value), description)? {
                Revlink::Matchers(found) => matchers.extend(found),
                Revlink::Ask(_) => {
                    return Err("a function in a RevlinkMultiplexer is not supported yet".into());
                }
            }
        }
        return Ok(());
    }
    let urls = arguments.get("repo_urls");
    let urls = urls.and_then(crate::filter::texts).unwrap_or_default();
    let mut template = arguments.text("revlink").unwrap_or_default().to_owned();
    if object.class.ends_with(".GitwebMatch") {
        template.push_str(r"?p=\g<repo>;a=commit;h=%s");
    }
    let patterns = Patterns::new(urls.into_iter().flatten().collect(), template)?;
    matchers.push(Matcher::Patterns(Box::new(patterns)));
    Ok(())
}

/// The names of the groups of a pattern, by number from 1 on.
fn group_names(pattern: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut is_escaped, mut is_class) = (false, false);
    for (at, letter) in pattern.char_indices() {
        if std::mem::take(&mut is_escaped) {
            continue;
        }
        match letter {
            '\\' => is_escaped = true,
            '[' => is_class = true,
            ']' => is_class = false,
            '(' if !is_class => {
                let rest = &pattern[at + 1..];
                match rest.strip_prefix("?P<") {
                    Some(name) => {
                        let name = name.split('>').next().unwrap_or_default();
                        names.push(name.to_owned());
                    }
                    None if rest.starts_with('?') => {}
                    None => names.push(String::new()),
                }
            }
            _ => {}
        }
    }
    names
}

/// Fills groups into a template; `None` if it refers to one that is not there.
fn fill(template: &str, found: &Found<'_>, names: &[String]) -> Option<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('\\') {
        filled.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let named = rest
            .strip_prefix("g<")
            .and_then(|rest| rest.split_once('>'));
        let number = match named {
            Some((name, after)) => {
                rest = after;
                match name.parse() {
                    Ok(number) => number,
                    Err(_) => names.iter().position(|known| known == name)? + 1,
                }
            }
            None => {
                let digits = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
                if digits == 0 {
                    let letter = rest.chars().next()?;
                    match letter {
                        'n' => filled.push('\n'),
                        't' => filled.push('\t'),
                        '\\' => filled.push('\\'),
                        other => filled.extend(['\\', other]),
                    }
                    rest = &rest[letter.len_utf8()..];
                    continue;
                }
                let number = rest[..digits].parse().ok()?;
                rest = &rest[digits..];
                number
            }
        };
        if number >= found.groups.len() {
            return None;
        }
        filled.push_str(found.group(number).unwrap_or_default());
    }
    filled.push_str(rest);
    Some(filled)
}

#[cfg(test)]
mod tests {
    use super::{Description, Matcher, Patterns, Revlink};

    fn page(repository: &str) -> Option<String> {
        let revlink = Revlink::read(None, &Description::default()).expect("the default");
        revlink.find("rev", repository).expect("no code")
    }

    #[test]
    fn sites_are_known_by_their_repositories() {
        for repository in [
            "https://github.com/o/r",
            "https://github.com/o/r.git",
            "git://github.com/o/r.git",
            "git@github.com:o/r.git",
            "ssh://git@github.com/o/r",
        ] {
            let expected = "https://github.com/o/r/commit/rev";
            assert_eq!(page(repository).as_deref(), Some(expected), "{repository}");
        }
        for (repository, expected) in [
            (
                concat!("https://u", "@bitbucket.org/o/r.git"),
                "https://bitbucket.org/o/r/commits/rev",
            ),
            (
                "git@bitbucket.org:o/r",
                "https://bitbucket.org/o/r/commits/rev",
            ),
            (
                "u@g.git.sourceforge.net:gitroot/g",
                "http://g.git.sourceforge.net/git/gitweb.cgi?p=g;a=commit;h=rev",
            ),
            (
                "ssh://g.git.sourceforge.net/gitroot/g/h",
                "http://g.git.sourceforge.net/git/gitweb.cgi?p=g/h;a=commit;h=rev",
            ),
            (
                "ssh://u@git.code.sf.net/p/a/code",
                "https://sourceforge.net/p/a/code/ci/rev/",
            ),
            ("https://github.com/o/", "https://github.com/o//commit/rev"),
        ] {
            assert_eq!(page(repository).as_deref(), Some(expected), "{repository}");
        }
        for repository in [
            "http://github.com/o/r",
            "https://github.com/o/r/x",
            "https://bitbucket.org/o/r",
            "ssh://git@bitbucket.org/o/r",
            "https://git.code.sf.net/p/a/code",
            "g.git.sourceforge.net:gitroot/g",
        ] {
            assert_eq!(page(repository), None, "{repository}");
        }
    }

    #[test]
    fn patterns_fill_their_groups_in() {
        let find = |pattern: &str, template: &str| {
            let patterns = Patterns::new(vec![pattern.to_owned()], template.to_owned());
            Matcher::Patterns(Box::new(patterns.expect("patterns"))).find("r1", "a/bc")
        };
        assert_eq!(find("a/(?P<x>.*)", r"\g<x>-%s"), Some("bc-r1".to_owned()));
        assert_eq!(
            find("(.)/(.)", r"\2\1 100%% %s"),
            Some("ba 100% r1".to_owned())
        );
        assert_eq!(find("x", "%s"), None);
        assert_eq!(find("a", r"\3 %s"), None);
    }
}
