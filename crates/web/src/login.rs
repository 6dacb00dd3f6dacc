//! Logging in and out.

mod digest;
mod passwords;
mod proxy;

use std::sync::Arc;

use buildbot_config::auth::{AuthKind, UserInfoKind};
use buildbot_config::{Part, Value};
use buildbot_model::Secret;
use data_encoding::BASE64;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, SET_COOKIE, WWW_AUTHENTICATE};
use serde_json::{Map, Value as Json};

use crate::identity::Identity;
use crate::request::Request;
use crate::response::{self, Response};
use crate::settings::{Credentials, Settings};
use crate::site::Site;
use digest::Digests;
use passwords::Passwords;
pub(crate) use proxy::Proxy;

/// What passwords are for; browsers show it.
const REALM: &str = "buildbot";

/// How people log in.
pub(crate) struct Login {
    way: Way,
    /// The name of the class, which the front end looks at.
    class: String,
}

enum Way {
    /// Nobody does.
    Nobody,
    Passwords(Passwords, Digests),
    /// Code of the user checks.
    Code(Arc<dyn Credentials>),
    /// A proxy in front says who it is.
    Proxy(Proxy),
}

impl Login {
    /// Understands the configuration; names what is not supported.
    pub(crate) fn new(settings: &Settings) -> Result<Self, String> {
        let Some(part) = &settings.www.auth else {
            return Ok(Self {
                way: Way::Nobody,
                class: "NoAuth".to_owned(),
            });
        };
        let code = || {
            let credentials = settings.credentials.clone();
            credentials.map(Way::Code).ok_or_else(|| {
                "c['www']['auth'] checks passwords by code, which cannot be asked here yet"
                    .to_owned()
            })
        };
        let no_provider = |provider: &Option<Part<UserInfoKind>>| match provider {
            None => Ok(()),
            Some(_) => Err("userInfoProvider of c['www']['auth'] is not supported yet".to_owned()),
        };
        let no_checkers = |factories: &Value, checkers: &Value| {
            if factories.is_none() && checkers.is_none() {
                return Ok(());
            }
            Err(
                "credentialFactories and checkers of c['www']['auth'] are not supported yet"
                    .to_owned(),
            )
        };
        let way = match &part.kind {
            AuthKind::NoAuth(_) => Way::Nobody,
            AuthKind::UserPassword(arguments) => {
                no_provider(&arguments.user_info_provider)?;
                no_checkers(&arguments.credential_factories, &arguments.checkers)?;
                let passwords = Passwords::of_value(arguments.users.expose())?;
                Way::Passwords(passwords, Digests::new()?)
            }
            AuthKind::HtPasswd(arguments) => {
                no_provider(&arguments.user_info_provider)?;
                no_checkers(&arguments.credential_factories, &arguments.checkers)?;
                let file = arguments.passwd_file.as_text().unwrap_or_default();
                let passwords = Passwords::of_file(settings.base_directory.join(file));
                Way::Passwords(passwords, Digests::new()?)
            }
            AuthKind::RemoteUser(arguments) => {
                no_provider(&arguments.user_info_provider)?;
                let proxy = Proxy::new(&arguments.header, &arguments.header_regex)?;
                Way::Proxy(proxy)
            }
            AuthKind::TwistedCred(arguments) => {
                no_provider(&arguments.user_info_provider)?;
                code()?
            }
            AuthKind::Custom => code()?,
            AuthKind::OAuth2(_) | AuthKind::GitHub(_) | AuthKind::GitLab(_) => {
                return Err(
                    "logging in through OAuth2 (c['www']['auth']) is not supported yet".to_owned(),
                );
            }
        };
        let object = part.object.as_ref();
        let class = object.map(|object| object.user_class.as_ref().unwrap_or(&object.class));
        let class = class.and_then(|class| class.rsplit('.').next());
        Ok(Self {
            way,
            class: class.unwrap_or("CustomAuth").to_owned(),
        })
    }

    /// What the front end is told of it.
    pub(crate) fn shown(&self) -> serde_json::Value {
        serde_json::json!({ "name": self.class })
    }

    /// The proxy that says who asks for `/`, if that is the way.
    pub(crate) fn proxy(&self) -> Option<&Proxy> {
        match &self.way {
            Way::Proxy(proxy) => Some(proxy),
            Way::Nobody | Way::Passwords(..) | Way::Code(_) => None,
        }
    }
}

/// `/auth/login`.
pub(crate) async fn log_in(site: &Site, request: &Request) -> Response {
    let name = match &site.login.way {
        Way::Nobody => {
            return response::page(StatusCode::NOT_FOUND, "Nobody logs in here.");
        }
        Way::Proxy(_) => {
            return response::page(
                StatusCode::FORBIDDEN,
                "The proxy in front of this server says who you are.",
            );
        }
        Way::Passwords(passwords, digests) => by_password(passwords, digests, request).await,
        Way::Code(credentials) => match basic(request) {
            Some((name, password)) => match credentials.check(&name, &password).await {
                Ok(name) => name,
                Err(error) => {
                    let text = error.to_string();
                    return response::page(StatusCode::INTERNAL_SERVER_ERROR, &text);
                }
            },
            None => None,
        },
    };
    match name {
        Some(name) => logged_in(site, request, &name),
        None => challenge(site),
    }
}

async fn by_password(
    passwords: &Passwords,
    digests: &Digests,
    request: &Request,
) -> Option<String> {
    if let Some((name, password)) = basic(request) {
        let known = passwords.all().await?;
        return known.is_right(&name, &password).then_some(name);
    }
    let header = request.header(AUTHORIZATION)?;
    let answer = header.strip_prefix("Digest ")?;
    let known = passwords.all().await?;
    digests.check(answer, request.method.as_str(), REALM, |name| {
        known.of(name)
    })
}

/// Name and password of HTTP Basic.
fn basic(request: &Request) -> Option<(String, Secret<String>)> {
    let header = request.header(AUTHORIZATION)?;
    let (scheme, text) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(text.trim().as_bytes()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Secret::new(password.to_owned())))
}

/// Seen: the default provider takes the name for an address, too.
fn logged_in(site: &Site, request: &Request, name: &str) -> Response {
    let mut info = Map::new();
    info.insert("username".to_owned(), Json::from(name));
    info.insert("email".to_owned(), Json::from(name));
    to_front_end(site, request, &Identity::of(info))
}

/// `/auth/logout`.
pub(crate) fn log_out(site: &Site, request: &Request) -> Response {
    to_front_end(site, request, &Identity::anonymous())
}

fn to_front_end(site: &Site, request: &Request, identity: &Identity) -> Response {
    let route = request.parameter("redirect").unwrap_or("/");
    let mut response = response::redirect(&site.url_of(route));
    response::add(&mut response, SET_COOKIE, &site.cookie(request, identity));
    response
}

fn challenge(site: &Site) -> Response {
    let mut response = response::with(StatusCode::UNAUTHORIZED, "text/html", "Unauthorized");
    if let Way::Passwords(_, digests) = &site.login.way {
        let text = digests.challenge(REALM);
        response::add(&mut response, WWW_AUTHENTICATE, &text);
    }
    let text = format!("basic realm=\"{REALM}\"");
    response::add(&mut response, WWW_AUTHENTICATE, &text);
    response
}
