//! A client of the master's REST interface.

use crate::outcome::{BuildOutcome, LogOutcome, StepOutcome};
use crate::wait::{PATIENCE, wait_for, wait_until};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::time::Duration;

/// The master's id of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildId(i64);

/// The master's id of a build request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(i64);

/// The REST interface of one master.
#[derive(Clone)]
pub struct Rest {
    agent: ureq::Agent,
    base: String,
}

impl Rest {
    /// For the master whose REST interface is on `port` of 127.0.0.1.
    #[must_use]
    pub fn new(port: u16) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(5)))
            .http_status_as_error(false)
            .max_idle_connections(0);
        Self {
            agent: config.build().new_agent(),
            base: format!("http://127.0.0.1:{port}/api/v2"),
        }
    }

    /// The answer to `GET path`.
    ///
    /// Asks again, with growing patience, when no answer comes: the 4.3.0 master loses a few.
    pub fn get(&self, path: &str) -> Result<Value> {
        let mut limit = FIRST_LIMIT;
        loop {
            match self.get_once(path, limit) {
                Err(error) if timed_out(&error) && limit < PATIENCE => limit *= 3,
                result => return result,
            }
        }
    }

    fn get_once(&self, path: &str, limit: Duration) -> Result<Value> {
        let url = format!("{}/{path}", self.base);
        let request = self
            .agent
            .get(&url)
            .config()
            .timeout_global(Some(limit))
            .build();
        let mut answer = request.header("Accept", "application/json").call()?;
        let value: Value = answer.body_mut().with_config().limit(1 << 30).read_json()?;
        if !answer.status().is_success() {
            bail!("GET {url}: status {}, {value}", answer.status());
        }
        Ok(value)
    }

    /// The list `collection` in the answer to `GET path`.
    fn list(&self, path: &str, collection: &str) -> Result<Vec<Value>> {
        match self.get(path)?.get_mut(collection).map(Value::take) {
            Some(Value::Array(items)) => Ok(items),
            other => bail!("GET {path}: expected a list {collection:?}, got {other:?}"),
        }
    }

    /// The first item of the list `collection` in the answer to `GET path`.
    fn first(&self, path: &str, collection: &str) -> Result<Value> {
        self.list(path, collection)?
            .into_iter()
            .next()
            .with_context(|| format!("GET {path}: the list {collection:?} is empty"))
    }

    /// Calls the control method `method` of `path`.
    pub fn post(&self, path: &str, method: &str, params: Value) -> Result<Value> {
        let url = format!("{}/{path}", self.base);
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut answer = self.agent.post(&url).send_json(&call)?;
        let mut value: Value = answer.body_mut().read_json()?;
        if !answer.status().is_success() {
            bail!(
                "POST {url}, method {method:?}: status {}, {value}",
                answer.status()
            );
        }
        Ok(value.get_mut("result").map(Value::take).unwrap_or_default())
    }

    /// Asks for a build of `builder`.
    pub fn force(&self, builder: &str) -> Result<RequestId> {
        // By the reason the request is found if its answer is lost.
        let reason = format!("test {:016x}", fastrand::u64(..));
        let params = json!({"builderNames": [builder], "reason": reason});
        match self.post("forceschedulers/force", "force", params) {
            Err(error) if timed_out(&error) => {}
            result => {
                result?;
            }
        }
        wait_for("the forced build is requested", PATIENCE, || {
            for buildset in self.list("buildsets?order=-bsid&limit=5", "buildsets")? {
                if text(&buildset, "reason")?.contains(&reason) {
                    let set = integer(&buildset, "bsid")?;
                    let request =
                        self.first(&format!("buildrequests?buildsetid={set}"), "buildrequests")?;
                    return Ok(Some(RequestId(integer(&request, "buildrequestid")?)));
                }
            }
            Ok(None)
        })
    }

    /// The builds made for `request` so far, oldest first.
    pub fn builds_of(&self, request: RequestId) -> Result<Vec<BuildId>> {
        let builds = self.list(
            &format!("buildrequests/{}/builds?order=buildid", request.0),
            "builds",
        )?;
        builds
            .iter()
            .map(|build| Ok(BuildId(integer(build, "buildid")?)))
            .collect()
    }

    /// Waits until `request` is complete, and describes all builds that were made for it.
    pub fn finish(&self, request: RequestId, limit: Duration) -> Result<Vec<BuildOutcome>> {
        wait_until(
            &format!("build request {} is complete", request.0),
            limit,
            || {
                let request =
                    self.first(&format!("buildrequests/{}", request.0), "buildrequests")?;
                Ok(request["complete"] == json!(true))
            },
        )?;
        self.builds_of(request)?
            .into_iter()
            .map(|build| self.build(build))
            .collect()
    }

    /// Asks to stop `build`.
    pub fn stop_build(&self, build: BuildId, reason: &str) -> Result<()> {
        self.post(
            &format!("builds/{}", build.0),
            "stop",
            json!({"reason": reason}),
        )?;
        Ok(())
    }

    /// Waits until the first build of `request` exists.
    pub fn started(&self, request: RequestId) -> Result<BuildId> {
        wait_for(
            &format!("a build of request {} starts", request.0),
            PATIENCE,
            || Ok(self.builds_of(request)?.first().copied()),
        )
    }

    /// What the interface says about the worker called `name`.
    pub fn worker(&self, name: &str) -> Result<Value> {
        self.list("workers", "workers")?
            .into_iter()
            .find(|worker| worker["name"] == json!(name))
            .with_context(|| format!("the master has no worker {name:?}"))
    }

    /// Whether the worker called `name` is connected.
    pub fn is_attached(&self, name: &str) -> Result<bool> {
        Ok(self.worker(name)?["connected_to"]
            .as_array()
            .is_some_and(|masters| !masters.is_empty()))
    }

    /// Waits until the worker called `name` is connected.
    pub fn wait_attached(&self, name: &str) -> Result<()> {
        wait_until(&format!("worker {name:?} is attached"), PATIENCE, || {
            self.is_attached(name)
        })
    }

    /// Waits until the worker called `name` is not connected.
    pub fn wait_detached(&self, name: &str) -> Result<()> {
        wait_until(&format!("worker {name:?} is detached"), PATIENCE, || {
            Ok(!self.is_attached(name)?)
        })
    }

    /// Waits until no worker is connected.
    pub fn wait_nobody_attached(&self) -> Result<()> {
        wait_until("no worker is attached", PATIENCE, || {
            let workers = self.list("workers", "workers")?;
            Ok(workers
                .iter()
                .all(|worker| worker["connected_to"] == json!([])))
        })
    }

    /// Calls a control method (`stop`, `pause`, …) of the worker called `name`.
    pub fn control_worker(&self, name: &str, method: &str) -> Result<()> {
        let id = integer(&self.worker(name)?, "workerid")?;
        self.post(
            &format!("workers/{id}"),
            method,
            json!({"reason": "the test asks for it"}),
        )?;
        Ok(())
    }

    /// Describes `build` as it is now.
    pub fn build(&self, build: BuildId) -> Result<BuildOutcome> {
        let path = format!("builds/{}", build.0);
        let facts = self.first(&path, "builds")?;
        let builder = self.first(
            &format!("builders/{}", integer(&facts, "builderid")?),
            "builders",
        )?;
        let mut properties = match self.first(&format!("{path}/properties"), "properties")? {
            Value::Object(properties) => properties,
            other => bail!(
                "properties of build {}: expected an object, got {other}",
                build.0
            ),
        };
        for volatile in VOLATILE_PROPERTIES {
            properties.remove(*volatile);
        }
        let steps = self.list(&format!("{path}/steps"), "steps")?;
        Ok(BuildOutcome {
            builder: text(&builder, "name")?,
            results: facts["results"].as_i64(),
            state: text(&facts, "state_string")?,
            properties: properties
                .into_iter()
                .map(|(name, value)| (name, value[0].clone()))
                .collect(),
            steps: steps
                .iter()
                .map(|step| self.step(step))
                .collect::<Result<_>>()?,
        })
    }

    fn step(&self, step: &Value) -> Result<StepOutcome> {
        let logs = self.list(&format!("steps/{}/logs", integer(step, "stepid")?), "logs")?;
        Ok(StepOutcome {
            name: text(step, "name")?,
            results: step["results"].as_i64(),
            state: text(step, "state_string")?,
            urls: step["urls"].clone(),
            logs: logs
                .iter()
                .map(|log| self.log(log))
                .collect::<Result<_>>()?,
        })
    }

    fn log(&self, log: &Value) -> Result<LogOutcome> {
        let content = self.content(log)?;
        Ok(LogOutcome::new(
            &text(log, "name")?,
            &text(log, "type")?,
            &content,
        ))
    }

    /// In pieces: the 4.3.0 master loses long answers much more often than short ones.
    fn content(&self, log: &Value) -> Result<String> {
        let (id, lines) = (integer(log, "logid")?, integer(log, "num_lines")?);
        let mut content = String::new();
        let mut offset = 0;
        while offset < lines {
            let path = format!("logs/{id}/contents?offset={offset}&limit={LOG_PIECE_LINES}");
            content += &text(&self.get(&path)?["logchunks"][0], "content")?;
            offset += LOG_PIECE_LINES;
        }
        Ok(content)
    }
}

/// How many lines of a log are asked for at a time.
const LOG_PIECE_LINES: i64 = 4000;

/// How long the first attempt to get an answer waits for it.
const FIRST_LIMIT: Duration = Duration::from_secs(2);

/// Properties that differ between two builds of one builder.
const VOLATILE_PROPERTIES: &[&str] = &["buildnumber", "reason"];

fn timed_out(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ureq::Error::Timeout(_)))
}

fn integer(value: &Value, field: &str) -> Result<i64> {
    value[field]
        .as_i64()
        .with_context(|| format!("expected an integer {field:?} in {value}"))
}

fn text(value: &Value, field: &str) -> Result<String> {
    Ok(value[field]
        .as_str()
        .with_context(|| format!("expected a text {field:?} in {value}"))?
        .to_owned())
}
