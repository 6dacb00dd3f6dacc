//! A proxy in front of the server says in a header who somebody is.

use buildbot_config::Value;
use fancy_regex::Regex;
use hyper::header::{HeaderMap, HeaderName};
use serde_json::{Map, Value as Json};

use crate::identity::Identity;

/// The header that is looked at, when the configuration does not say.
const HEADER: &str = "REMOTE_USER";

/// What it looks like, when the configuration does not say.
const EXPRESSION: &str = "(?P<username>[^ @]+)@(?P<realm>[^ @]+)";

/// Reads the header of the proxy. It counts on each load of `/`, and nowhere else.
#[derive(Debug)]
pub(crate) struct Proxy {
    header: HeaderName,
    expression: Regex,
}

impl Proxy {
    pub(crate) fn new(header: &Value, expression: &Value) -> Result<Self, String> {
        let text = |value: &Value, default: &str| match value {
            Value::None => Ok(default.to_owned()),
            Value::Text(text) => Ok(text.clone()),
            Value::Bytes(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            Value::Regex(regex) => match &regex.pattern {
                Value::Text(text) => Ok(text.clone()),
                Value::Bytes(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
                _ => Err("headerRegex of RemoteUserAuth must be an expression".to_owned()),
            },
            _ => Err("header and headerRegex of RemoteUserAuth must be texts".to_owned()),
        };
        let header = text(header, HEADER)?;
        let expression = text(expression, EXPRESSION)?;
        let header = HeaderName::from_bytes(header.as_bytes());
        Ok(Self {
            header: header.map_err(|error| format!("the header of RemoteUserAuth: {error}"))?,
            expression: Regex::new(&format!("^(?:{expression})"))
                .map_err(|error| format!("headerRegex of RemoteUserAuth: {error}"))?,
        })
    }

    /// Who it says somebody is, or what the page warns about.
    pub(crate) fn identity(&self, headers: &HeaderMap) -> Result<Identity, String> {
        // A proxy that adds its own puts it behind what the client sent.
        let Some(value) = headers.get_all(&self.header).iter().next_back() else {
            return Err(format!(
                "missing http header {}. Check your reverse proxy config!",
                self.header
            ));
        };
        let value = String::from_utf8_lossy(value.as_bytes());
        let Ok(Some(found)) = self.expression.captures(value.as_ref()) else {
            return Err(format!(
                "http header does not match regex! \"{value}\" not matching {}",
                self.expression.as_str()
            ));
        };
        let names = self.expression.capture_names().flatten();
        let mut info: Map<String, Json> = names
            .map(|name| {
                let group = found.name(name).map(|group| group.as_str());
                (name.to_owned(), group.into())
            })
            .collect();
        if let Some(Json::String(name)) = info.get("username").cloned()
            && !info.contains_key("email")
        {
            info.insert("email".to_owned(), name.into());
        }
        Ok(Identity::of(info))
    }
}

#[cfg(test)]
mod tests {
    use super::Proxy;
    use buildbot_config::Value;
    use hyper::header::HeaderMap;

    #[test]
    fn the_groups_of_the_expression_are_who_somebody_is() {
        let proxy = Proxy::new(&Value::None, &Value::None).expect("defaults");
        let mut headers = HeaderMap::new();
        assert!(proxy.identity(&headers).is_err());
        headers.insert("REMOTE_USER", "bob@REALM".parse().expect("a value"));
        let bob = proxy.identity(&headers).expect("bob");
        assert_eq!(bob.text("username"), Some("bob"));
        assert_eq!(bob.text("realm"), Some("REALM"));
        headers.insert("REMOTE_USER", "bob".parse().expect("a value"));
        assert!(proxy.identity(&headers).is_err());
    }
}
