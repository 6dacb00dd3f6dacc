//! Who may do what: rules and roles, decided in one place for REST, realtime interfaces and raw logs.

use buildbot_config::authz::{Authz as AuthzConfig, MatcherKind, RoleKind};
use buildbot_config::{Part, Value};
use buildbot_data::{Data, ReadError, Target};
use fancy_regex::Regex;
use serde_json::{Map, Value as Json};

use crate::identity::Identity;
use crate::pattern::fnmatch;

/// Why somebody may not do something.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Denied {
    /// A role is missing.
    #[error("you need to have role '{0}'")]
    Role(String),
    /// What the rules depend on cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    /// The parts of the path below `/api/v2`.
    pub(crate) path: &'a [String],
    /// `GET`, `HEAD`, the name of a method of control, `get` of the realtime interfaces.
    pub(crate) action: &'a str,
    /// The parameters of control.
    pub(crate) parameters: Option<&'a Map<String, Json>>,
}

/// The rules of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Authz {
    rules: Vec<Rule>,
    roles: Vec<Roles>,
}

/// How texts and patterns are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Comparison {
    /// Shell patterns on the whole text.
    #[default]
    Shell,
    /// Regular expressions at the start of the text.
    Regex,
}

#[derive(Debug)]
struct Rule {
    matcher: Matcher,
    role: Pattern,
    denies: bool,
}

/// What a rule is about. A pattern, if there is one, is for the name of the builder.
#[derive(Debug)]
enum Matcher {
    Any,
    AnyControl,
    EnableScheduler,
    StopBuild(Option<Pattern>),
    ForceBuild(Option<Pattern>),
    RebuildBuild(Option<Pattern>),
    /// Exists, and matches nothing in the reference.
    Nothing,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    /// For [`Comparison::Regex`].
    regex: Option<Regex>,
}

#[derive(Debug)]
enum Roles {
    Groups {
        prefix: String,
    },
    Emails(Vec<(String, Vec<String>)>),
    Domain(Vec<(String, Vec<String>)>),
    Owner {
        role: String,
    },
    Username {
        roles: Vec<String>,
        names: Vec<String>,
    },
}

/// What a rule applies to.
enum Match {
    No,
    Yes,
    /// And it is a build that may have an owner.
    OfBuild(buildbot_model::BuildId),
}

impl Authz {
    /// Understands the rules of a configuration; names what is not supported.
    pub(crate) fn new(config: &AuthzConfig) -> Result<Self, String> {
        let comparison = comparison(&config.strings_matcher)?;
        let rules = config
            .allow_rules
            .iter()
            .map(|rule| Rule::new(rule, comparison));
        let roles = config.role_matchers.iter().map(Roles::new);
        Ok(Self {
            rules: rules.collect::<Result<_, _>>()?,
            roles: roles.collect::<Result<_, _>>()?,
        })
    }

    /// Decides whether somebody may do something.
    ///
    /// Buildbot: manual, "Authorization rules": the first rule about it for which there is a role allows it, the first
    /// other one denies it, unless it says `defaultDeny=False`.
    pub(crate) async fn authorise(
        &self,
        data: &Data,
        who: &Identity,
        wish: Wish<'_>,
    ) -> Result<(), Denied> {
        if self.rules.is_empty() {
            return Ok(());
        }
        let mut roles: Vec<String> = self.roles.iter().flat_map(|roles| roles.of(who)).collect();
        let target = match data.target(wish.path).await {
            Ok(target) => Some(target),
            Err(ReadError::NoPath(_) | ReadError::NotFound(_)) => None,
            Err(error) => return Err(error.into()),
        };
        for rule in &self.rules {
            let matched = rule.matches(data, target.as_ref(), wish).await?;
            match matched {
                Match::No => continue,
                Match::Yes => {}
                Match::OfBuild(build) => {
                    if self
                        .roles
                        .iter()
                        .any(|roles| matches!(roles, Roles::Owner { .. }))
                        && let Some(owner) = data.owner(build).await?
                    {
                        roles.extend(self.roles.iter().filter_map(|r| r.of_owner(who, &owner)));
                    }
                }
            }
            if roles.iter().any(|role| rule.role.matches(role)) {
                return Ok(());
            }
            if rule.denies {
                return Err(Denied::Role(rule.role.text.clone()));
            }
        }
        Ok(())
    }
}

fn comparison(value: &Value) -> Result<Comparison, String> {
    let name = match value {
        Value::None => return Ok(Comparison::Shell),
        Value::Ref(name) => name.as_str(),
        Value::Callable(callable) => callable.name.as_str(),
        other => other.type_name(),
    };
    match name.rsplit('.').next() {
        Some("fnmatchStrMatcher") => Ok(Comparison::Shell),
        Some("reStrMatcher") => Ok(Comparison::Regex),
        _ => Err(format!(
            "the stringsMatcher {name} is not supported yet; there are util.fnmatchStrMatcher and util.reStrMatcher"
        )),
    }
}

impl Pattern {
    fn new(value: &Value, comparison: Comparison) -> Result<Self, String> {
        let text = text(value)
            .ok_or_else(|| "roles and builders of authorization rules must be texts".to_owned())?;
        let regex = match comparison {
            Comparison::Shell => None,
            Comparison::Regex => {
                let regex = Regex::new(&format!("^(?:{text})"));
                Some(regex.map_err(|error| format!("the pattern {text:?} of a rule: {error}"))?)
            }
        };
        Ok(Self { text, regex })
    }

    fn matches(&self, text: &str) -> bool {
        match &self.regex {
            None => fnmatch(text, &self.text),
            // An expression that needs too much work matches nothing.
            Some(regex) => regex.is_match(text).unwrap_or(false),
        }
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_text().map(str::to_owned)
}

/// Texts of a list, or one text.
fn texts(value: &Value) -> Vec<String> {
    match value.as_sequence() {
        Some(values) => values.iter().filter_map(text).collect(),
        None => text(value).into_iter().collect(),
    }
}

/// Names a class of the user's whose code would have to be asked.
fn refuse_code<K>(part: &Part<K>, what: &str) -> Result<(), String> {
    let object = part.object.as_ref();
    let user_class = object.and_then(|object| object.user_class.as_deref());
    let is_known = object.is_some_and(|object| object.overridden.is_empty());
    if is_known {
        return Ok(());
    }
    let name = user_class.unwrap_or("of another class");
    Err(format!(
        "the {what} {name} is not supported yet: its code would have to be asked"
    ))
}

impl Rule {
    fn new(part: &Part<MatcherKind>, comparison: Comparison) -> Result<Self, String> {
        refuse_code(part, "rule")?;
        let pattern = |value: &Value| Pattern::new(value, comparison);
        let builder = |value: &Value| match value {
            Value::None => Ok(None),
            value => pattern(value).map(Some),
        };
        let (matcher, role, denies) = match &part.kind {
            MatcherKind::Any(rule) => (Matcher::Any, &rule.role, rule.default_deny),
            MatcherKind::AnyControl(rule) => (Matcher::AnyControl, &rule.role, rule.default_deny),
            MatcherKind::EnableScheduler(rule) => {
                (Matcher::EnableScheduler, &rule.role, rule.default_deny)
            }
            MatcherKind::StopBuild(rule) => {
                let matcher = Matcher::StopBuild(builder(&rule.builder)?);
                (matcher, &rule.role, rule.default_deny)
            }
            MatcherKind::ForceBuild(rule) => {
                let matcher = Matcher::ForceBuild(builder(&rule.builder)?);
                (matcher, &rule.role, rule.default_deny)
            }
            MatcherKind::RebuildBuild(rule) => {
                let matcher = Matcher::RebuildBuild(builder(&rule.builder)?);
                (matcher, &rule.role, rule.default_deny)
            }
            MatcherKind::ViewBuilds(rule) => (Matcher::Nothing, &rule.role, rule.default_deny),
            MatcherKind::Branch(rule) => (Matcher::Nothing, &rule.role, rule.default_deny),
            MatcherKind::Custom => {
                return Err("a rule of another class is not supported yet".to_owned());
            }
        };
        Ok(Self {
            matcher,
            role: pattern(role)?,
            denies,
        })
    }

    async fn matches(
        &self,
        data: &Data,
        target: Option<&Target>,
        wish: Wish<'_>,
    ) -> Result<Match, ReadError> {
        Ok(match (&self.matcher, target, wish.action) {
            (Matcher::Any, ..) => Match::Yes,
            // Seen: HEAD counts as control.
            (Matcher::AnyControl, _, action) if !action.eq_ignore_ascii_case("get") => Match::Yes,
            (Matcher::EnableScheduler, Some(Target::Scheduler(_)), "enable") => Match::Yes,
            (Matcher::StopBuild(pattern), Some(Target::Build(build)), "stop")
            | (Matcher::RebuildBuild(pattern), Some(Target::Build(build)), "rebuild") => {
                let fits = match pattern {
                    None => true,
                    Some(pattern) => {
                        let name = data.builder_name(*build).await?;
                        name.is_some_and(|name| pattern.matches(&name))
                    }
                };
                if fits {
                    Match::OfBuild(*build)
                } else {
                    Match::No
                }
            }
            (Matcher::ForceBuild(pattern), Some(Target::ForceScheduler(name)), "force") => {
                let builders = forced_builders(data, name, wish.parameters).await?;
                let fits = match (pattern, builders) {
                    (_, None) => false,
                    (None, Some(_)) => true,
                    (Some(pattern), Some(builders)) => {
                        builders.iter().any(|name| pattern.matches(name))
                    }
                };
                if fits { Match::Yes } else { Match::No }
            }
            _ => Match::No,
        })
    }
}

/// On which builders something would be forced; nothing for an unknown scheduler.
async fn forced_builders(
    data: &Data,
    scheduler: &str,
    parameters: Option<&Map<String, Json>>,
) -> Result<Option<Vec<String>>, ReadError> {
    let schedulers = data.live().force_schedulers();
    let name = Json::from(scheduler);
    let Some(found) = schedulers
        .iter()
        .find(|known| known.get("name") == Some(&name))
    else {
        return Ok(None);
    };
    let own = found.get("builder_names").and_then(Json::as_array);
    let own: Vec<String> = own
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let parameter = |name: &str| parameters.and_then(|parameters| parameters.get(name));
    if let Some(wanted) = parameter("builderNames").and_then(Json::as_array) {
        let wanted: Vec<&str> = wanted.iter().filter_map(Json::as_str).collect();
        return Ok(Some(
            own.into_iter()
                .filter(|name| wanted.contains(&name.as_str()))
                .collect(),
        ));
    }
    let id = parameter("builderid").and_then(|id| {
        id.as_i64()
            .or_else(|| id.as_str().and_then(|text| text.trim().parse().ok()))
    });
    match id {
        Some(id) => Ok(Some(data.name_of_builder(id).await?.into_iter().collect())),
        None => Ok(Some(own)),
    }
}

impl Roles {
    fn new(part: &Part<RoleKind>) -> Result<Self, String> {
        refuse_code(part, "role matcher")?;
        let named = |roles: &[(String, Value)]| {
            let roles = roles.iter();
            roles
                .map(|(role, who)| (role.clone(), texts(who)))
                .collect::<Vec<_>>()
        };
        Ok(match &part.kind {
            RoleKind::Groups(groups) => Self::Groups {
                prefix: text(&groups.group_prefix).unwrap_or_default(),
            },
            RoleKind::Emails(roles) => Self::Emails(named(&roles.roles)),
            RoleKind::Domain(roles) => Self::Domain(named(&roles.roles)),
            RoleKind::Owner(owner) => Self::Owner {
                role: text(&owner.role).unwrap_or_default(),
            },
            RoleKind::Username(users) => Self::Username {
                roles: texts(&users.roles),
                names: texts(&users.usernames),
            },
            RoleKind::Custom => {
                return Err("a role matcher of another class is not supported yet".to_owned());
            }
        })
    }

    /// The roles that somebody has whatever it is about.
    fn of(&self, who: &Identity) -> Vec<String> {
        let named = |roles: &[(String, Vec<String>)], wanted: Option<&str>| {
            let wanted = wanted.map(str::to_owned);
            let has = |who: &[String]| wanted.as_ref().is_some_and(|wanted| who.contains(wanted));
            let roles = roles.iter().filter(|(_, who)| has(who));
            roles.map(|(role, _)| role.clone()).collect()
        };
        match self {
            Self::Groups { prefix } => who
                .groups()
                .filter_map(|group| group.strip_prefix(prefix.as_str()))
                .map(str::to_owned)
                .collect(),
            Self::Emails(roles) => named(roles, who.text("email")),
            Self::Domain(roles) => {
                let domain = who.text("email").and_then(|email| email.rsplit('@').next());
                named(roles, domain)
            }
            Self::Owner { .. } => Vec::new(),
            Self::Username { roles, names } => {
                let is_listed = who
                    .text("username")
                    .is_some_and(|name| names.iter().any(|known| known == name));
                if is_listed { roles.clone() } else { Vec::new() }
            }
        }
    }

    fn of_owner(&self, who: &Identity, owner: &str) -> Option<String> {
        match self {
            Self::Owner { role } if who.text("email") == Some(owner) => Some(role.clone()),
            _ => None,
        }
    }
}
