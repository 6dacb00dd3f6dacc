//! A master's REST API, as commands use it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

/// How often something is asked again.
const POLL: Duration = Duration::from_millis(50);

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// The API below the address of the web pages.
pub(crate) struct Api {
    agent: ureq::Agent,
    base: String,
}

impl Api {
    pub(crate) fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER))
            // What the master says about an error is in the body.
            .http_status_as_error(false)
            .build();
        Self {
            agent: config.into(),
            base: format!("{}/api/v2/", url.trim_end_matches('/')),
        }
    }

    /// What there is at a path below `/api/v2/`.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let mut answer = self
            .agent
            .get(&url)
            .call()
            .with_context(|| format!("while asking for {url}"))?;
        let status = answer.status();
        let body: Value = answer
            .body_mut()
            .read_json()
            .with_context(|| format!("{url} answers {status} without JSON"))?;
        match &body["error"] {
            Value::Null if status.is_success() => Ok(body),
            Value::Null => bail!("{url} answers {status}"),
            error => bail!("{}", texts(error)),
        }
    }

    /// Calls a method of what there is at a path.
    pub(crate) fn call(&self, path: &str, method: &str, params: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut answer = self
            .agent
            .post(&url)
            .send_json(request)
            .with_context(|| format!("while calling {method} of {url}"))?;
        let mut body: Value = answer
            .body_mut()
            .read_json()
            .with_context(|| format!("{url} answers {} without JSON", answer.status()))?;
        match &body["error"] {
            Value::Null => Ok(body["result"].take()),
            error => bail!("{method} of {url}: {}", texts(&error["message"])),
        }
    }

    /// Asks until there is an answer.
    pub(crate) fn wait<T>(
        &self,
        patience: Duration,
        what: &str,
        ask: impl Fn(&Self) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(answer) = ask(self)? {
                return Ok(answer);
            }
            if Instant::now() >= deadline {
                bail!("waited {} seconds for {what}", patience.as_secs());
            }
            std::thread::sleep(POLL);
        }
    }
}

/// A value as a person reads it.
pub(crate) fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
