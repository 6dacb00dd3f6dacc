//! Pages about revisions: `c['revlink']`.

use std::sync::LazyLock;

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
pub struct Matcher {
    repositories: Vec<Pattern>,
    /// Groups by number or name; `%s` is the revision.
    template: String,
    names: Vec<Vec<String>>,
}

/// The sites that are known without configuration: patterns of repositories, and the page.
const KNOWN: [(&[&str], &str); 4] = [
    (
        &[
            r"https://github.com/([^/]*)/([^/]*?)(?:\.git)?$",
            r"git://github.com/([^/]*)/([^/]*?)(?:\.git)?$",
            r"git@github.com:([^/]*)/([^/]*?)(?:\.git)?$",
            r"ssh://git@github.com/([^/]*)/([^/]*?)(?:\.git)?$",
        ],
        r"https://github.com/\1/\2/commit/%s",
    ),
    (
        &[
            r"https://[^@]*@bitbucket.org/([^/]*)/([^/]*?)(?:\.git)?$",
            r"git@bitbucket.org:([^/]*)/([^/]*?)(?:\.git)?$",
        ],
        r"https://bitbucket.org/\1/\2/commits/%s",
    ),
    (
        &[
            r"^git://([^.]*)\.git\.sourceforge\.net/gitroot/(.*)$",
            r"[^@]*@([^.]*)\.git\.sourceforge\.net:gitroot/(.*)$",
            r"ssh://(?:[^@]*@)?([^.]*)\.git\.sourceforge\.net/gitroot/(.*)$",
        ],
        r"http://\1.git.sourceforge.net/git/gitweb.cgi?p=\2;a=commit;h=%s",
    ),
    (
        &[
            r"git://git\.code\.sf\.net/p/(.*)$",
            r"http://git\.code\.sf\.net/p/(.*)$",
            r"ssh://(?:[^@]*@)?git\.code\.sf\.net/p/(.*)$",
        ],
        r"https://sourceforge.net/p/\1/ci/%s/",
    ),
];

static DEFAULT: LazyLock<Vec<Matcher>> = LazyLock::new(|| {
    KNOWN
        .iter()
        .filter_map(|(repositories, template)| {
            let patterns = repositories.iter().map(|text| (*text).to_owned());
            Matcher::new(patterns.collect(), (*template).to_owned()).ok()
        })
        .collect()
});

impl Matcher {
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

impl Revlink {
    /// What stands under the key `revlink`, or what is used without it.
    ///
    /// # Errors
    ///
    /// When it is nothing that can be used.
    pub fn read(value: Option<&Value>, description: &Description) -> Result<Self, String> {
        let Some(value) = value else {
            return Ok(Self::Matchers(DEFAULT.clone()));
        };
        if let Value::Callable(callable) = value {
            return Ok(Self::Ask((**callable).clone()));
        }
        if let Value::Ref(name) = value {
            let index = match name.rsplit('.').next() {
                Some("GithubRevlink") => 0,
                Some("BitbucketRevlink") => 1,
                Some("SourceforgeGitRevlink") => 2,
                Some("SourceforgeGitRevlink_AlluraPlatform") => 3,
                Some("default_revlink_matcher") => return Ok(Self::Matchers(DEFAULT.clone())),
                _ => return Err(format!("{name} finds no pages about revisions")),
            };
            return Ok(Self::Matchers(
                DEFAULT.get(index).cloned().into_iter().collect(),
            ));
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
    matchers.push(Matcher::new(
        urls.into_iter().flatten().collect(),
        template,
    )?);
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
