//! One generation of settings, understood: what every request is answered by.

use std::fmt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use buildbot_config::Value;
use buildbot_data::Data;

use crate::authz::{Authz, Denied, Wish};
use crate::avatar;
use crate::front_end::{self, FrontEnd};
use crate::identity::Identity;
use crate::listen;
use crate::login::Login;
use crate::pattern::fnmatch;
use crate::request::Request;
use crate::session::{COOKIE, SECURE_COOKIE, Session, Sessions};
use crate::settings::Settings;

/// How long a session lives, when the configuration does not say: a week.
const SESSION_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What settings mean.
pub(crate) struct Site {
    pub(crate) settings: Settings,
    pub(crate) login: Login,
    pub(crate) front_end: FrontEnd,
    authz: Authz,
    sessions: Sessions,
    origins: Vec<String>,
    /// How long clients may keep answers, in seconds.
    pub(crate) cache_seconds: i64,
    /// Versions of the API below this are not served.
    pub(crate) rest_minimum_version: i64,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").finish_non_exhaustive()
    }
}

/// Everything that a web server would refuse about settings. Nothing is opened.
pub fn refused(settings: &Settings) -> Vec<String> {
    let www = &settings.www;
    let found = [
        avatar::check(www),
        www.authz
            .as_ref()
            .map_or(Ok(()), |authz| Authz::new(authz).map(drop)),
        Login::new(settings).map(drop),
        listen::endpoints(&www.port)
            .map(drop)
            .map_err(|error| error.to_string()),
    ];
    let found = found.into_iter().filter_map(Result::err);
    found.chain(front_end::refused(www)).collect()
}

/// Who asks, and whether a new cookie is due.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) identity: Identity,
    pub(crate) cookie: Option<String>,
}

impl Site {
    /// Understands settings; names what is not supported.
    pub(crate) fn new(settings: Settings) -> Result<Self, String> {
        let option = |name: &str| {
            let options = settings.www.options.iter();
            options
                .rev()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        let integer = |name: &str| match option(name) {
            Some(Value::Int(value)) => *value,
            _ => 0,
        };
        avatar::check(&settings.www)?;
        let authz = settings.www.authz.as_ref().map(Authz::new).transpose()?;
        let life = match option("cookie_expiration_time") {
            Some(Value::Interval(seconds)) if seconds.is_finite() && *seconds >= 0.0 => {
                Duration::from_secs_f64(seconds.min(1e10))
            }
            _ => SESSION_LIFE,
        };
        let origins = match option("allowed_origins") {
            Some(value) if !value.is_none() => {
                let patterns = value.as_sequence().unwrap_or_default().iter();
                let patterns = patterns.filter_map(|pattern| pattern.as_text());
                patterns.map(str::to_lowercase).collect()
            }
            _ => vec![origin_of(&settings.buildbot_url).to_lowercase()],
        };
        Ok(Self {
            login: Login::new(&settings)?,
            front_end: FrontEnd::load(&settings.www)?,
            authz: authz.unwrap_or_default(),
            sessions: Sessions::new(settings.session_secret.clone(), life),
            origins,
            cache_seconds: integer("json_cache_seconds"),
            rest_minimum_version: integer("rest_minimum_version"),
            settings,
        })
    }

    /// Who asks. A session that is expired or not ours is replaced by an anonymous one.
    pub(crate) fn visitor(&self, request: &Request) -> Visitor {
        match self.session(request) {
            Session::Valid(identity) => Visitor {
                identity,
                cookie: None,
            },
            Session::None | Session::Bad => {
                let identity = Identity::anonymous();
                let cookie = Some(self.cookie(request, &identity));
                Visitor { identity, cookie }
            }
        }
    }

    /// Under which name the memory that somebody uses is counted: whoever has logged in, or else the address.
    pub(crate) fn visitor_name(&self, request: &Request) -> String {
        match self.session(request) {
            Session::Valid(identity) if identity.owner() != "anonymous" => {
                format!("user {}", identity.owner())
            }
            Session::Valid(_) | Session::None | Session::Bad => format!("peer {}", request.peer),
        }
    }

    /// What the cookie of a request says. The realtime interfaces refuse what is [`Session::Bad`].
    pub(crate) fn session(&self, request: &Request) -> Session {
        match request.cookie(cookie_name(request)) {
            Some(token) => self.sessions.read(token, now()),
            None => Session::None,
        }
    }

    /// The value of `Set-Cookie` that makes the next requests come from somebody.
    ///
    /// Differs: the cookie of a session has `SameSite=Lax`, because other sites have no use for it, and `HttpOnly`,
    /// because scripts have none.
    pub(crate) fn cookie(&self, request: &Request, identity: &Identity) -> String {
        let token = self.sessions.token(identity, now());
        let name = cookie_name(request);
        let secure = if request.is_tls { "; Secure" } else { "" };
        format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax{secure}")
    }

    /// Decides whether somebody may do something: the only place where that is decided.
    pub(crate) async fn authorise(
        &self,
        data: &Data,
        who: &Identity,
        wish: Wish<'_>,
    ) -> Result<(), Denied> {
        self.authz.authorise(data, who, wish).await
    }

    /// Whether scripts of another site may use the API. `origin` is in lower case.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|pattern| fnmatch(origin, pattern))
    }

    /// A page of the front end, `#/builders`, for redirects. What would begin another header is cut off.
    pub(crate) fn url_of(&self, route: &str) -> String {
        let route = route.split(['\r', '\n']).next().unwrap_or_default();
        format!("{}#{route}", self.settings.buildbot_url)
    }

    /// A key of `c['www']`, if it is there.
    pub(crate) fn option(&self, name: &str) -> Option<&Value> {
        let options = self.settings.www.options.iter();
        options
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// The base directory.
    pub(crate) fn base_directory(&self) -> &Path {
        &self.settings.base_directory
    }
}

fn cookie_name(request: &Request) -> &'static str {
    if request.is_tls {
        SECURE_COOKIE
    } else {
        COOKIE
    }
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split('/').next().unwrap_or_default();
            format!("{scheme}://{host}")
        }
        None => url.to_owned(),
    }
}

/// Seconds since the epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
