//! Who asks.

use serde_json::{Map, Value as Json};

/// Who asks, as far as it is known: what the session keeps about a user.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    info: Map<String, Json>,
}

impl Identity {
    /// Somebody who has not logged in.
    pub fn anonymous() -> Self {
        let mut info = Map::new();
        info.insert("anonymous".to_owned(), Json::Bool(true));
        Self { info }
    }

    /// What is known of a user: `username`, `email`, `full_name`, `groups` …
    pub fn of(info: Map<String, Json>) -> Self {
        Self { info }
    }

    /// All that is known, for `user` in the front end's configuration.
    pub fn info(&self) -> &Map<String, Json> {
        &self.info
    }

    /// Whether nobody has logged in.
    pub fn is_anonymous(&self) -> bool {
        self.info.get("anonymous").and_then(Json::as_bool) == Some(true)
    }

    /// A text that is known and not empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.info
            .get(key)
            .and_then(Json::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The groups of the user.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let groups = self.info.get("groups").and_then(Json::as_array);
        groups.into_iter().flatten().filter_map(Json::as_str)
    }

    /// Who wants an action: address, name or full name.
    pub fn owner(&self) -> &str {
        if self.is_anonymous() {
            return "anonymous";
        }
        ["email", "username", "full_name"]
            .into_iter()
            .find_map(|key| self.text(key))
            .unwrap_or("anonymous")
    }
}
