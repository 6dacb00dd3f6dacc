//! What is read and done through the REST API.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value as Json, json};
use ureq::http::Response;

use crate::Site;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(30);

/// What asks; answers that are no success are answers.
fn agent() -> &'static ureq::Agent {
    static AGENT: OnceLock<ureq::Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER))
            // A master that was stopped has closed what it had open.
            .max_idle_connections(0)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false);
        config.build().new_agent()
    })
}

fn success(response: Response<ureq::Body>, what: &str) -> Result<ureq::Body> {
    let status = response.status();
    ensure!(status.is_success(), "{what}: {status}");
    Ok(response.into_body())
}

impl Site {
    /// An object of the REST API.
    pub fn get(&self, path: &str) -> Result<Json> {
        let url = format!("{}api/v2/{path}", self.url());
        Ok(success(agent().get(&url).call()?, path)?.read_json()?)
    }

    /// How a path of the web server is answered, in numbers.
    pub fn status(&self, path: &str) -> Result<u16> {
        let url = format!("{}{path}", self.url());
        Ok(agent().get(&url).call()?.status().as_u16())
    }

    /// The text that is at a path of the web server.
    pub fn page(&self, path: &str) -> Result<String> {
        let url = format!("{}{path}", self.url());
        Ok(success(agent().get(&url).call()?, path)?.read_to_string()?)
    }

    /// Sends a name and a password, and returns the status of the answer.
    pub fn log_in(&self, name: &str, password: &str) -> Result<u16> {
        let pair = format!("{name}:{password}");
        let value = data_encoding::BASE64.encode(pair.as_bytes());
        let request = agent()
            .get(format!("{}auth/login", self.url()))
            .header("Authorization", format!("Basic {value}"));
        Ok(request.call()?.status().as_u16())
    }

    /// The text of a log.
    pub fn raw(&self, log: i64) -> Result<String> {
        let url = format!("{}api/v2/logs/{log}/raw", self.url());
        let response = agent().get(&url).call()?;
        Ok(success(response, "a log")?.read_to_string()?)
    }

    /// Calls a method of an object of the REST API.
    pub fn control(&self, path: &str, method: &str, params: Json) -> Result<Json> {
        let url = format!("{}api/v2/{path}", self.url());
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let mut response = agent().post(&url).send_json(body)?;
        let mut answer: Json = response.body_mut().read_json()?;
        ensure!(
            answer.get("error").is_none(),
            "{method} of {path}: {answer}"
        );
        Ok(answer["result"].take())
    }

    /// The id of a builder.
    pub fn builder_id(&self, name: &str) -> Result<i64> {
        self.id_of("builders", "builderid", name)
    }

    /// The id of a worker.
    pub fn worker_id(&self, name: &str) -> Result<i64> {
        self.id_of("workers", "workerid", name)
    }

    fn id_of(&self, noun: &str, id: &str, name: &str) -> Result<i64> {
        let all = self.get(noun)?;
        let all = all[noun].as_array().context("nothing is there")?;
        let known = all.iter().find(|known| known["name"] == name);
        let known = known.with_context(|| format!("none of the {noun} is {name}"))?;
        known[id].as_i64().context("no id")
    }

    /// Forces a build, and returns its request.
    pub fn force(&self, builder: &str) -> Result<i64> {
        self.force_with(builder, json!({}))
    }

    /// Forces a build with further fields of the form, and returns its request.
    pub fn force_with(&self, builder: &str, fields: Json) -> Result<i64> {
        let id = self.builder_id(builder)?;
        let mut params = json!({"builderid": id, "reason": "test", "owner": "tester"});
        for (name, value) in fields.as_object().into_iter().flatten() {
            params[name] = value.clone();
        }
        let result = self.control("forceschedulers/force", "force", params)?;
        let request = result[1][id.to_string()].as_i64();
        request.with_context(|| format!("no request: {result}"))
    }

    /// Forces a build, and returns it when it is complete.
    pub fn build(&self, builder: &str) -> Result<Json> {
        self.wait_for_build(self.force(builder)?)
    }

    /// Whether a worker is connected.
    pub fn is_connected(&self, name: &str) -> Result<bool> {
        let worker = self.get(&format!("workers/{name}"))?;
        let connected = &worker["workers"][0]["connected_to"];
        let connected = connected.as_array();
        Ok(connected.is_some_and(|masters| !masters.is_empty()))
    }

    /// Does something with a worker.
    pub fn control_worker(&self, name: &str, method: &str, reason: &str) -> Result<()> {
        let path = format!("workers/{}", self.worker_id(name)?);
        self.control(&path, method, json!({"reason": reason}))?;
        Ok(())
    }

    /// Why a request waits.
    pub fn why(&self, request: i64) -> Result<Json> {
        let answer = self.get(&format!("buildrequests/{request}/why"))?;
        Ok(answer["why"][0].clone())
    }

    /// Waits until a request waits for this reason, and returns all that is said about it. The command says the same.
    pub fn wait_for_why(&self, request: i64, reason: &str) -> Result<Json> {
        let mut why = Json::Null;
        self.wait_for(&format!("{reason} to hold the request"), |site| {
            why = site.why(request)?;
            Ok(why["reason"] == reason)
        })
        .with_context(|| format!("but: {why}"))?;
        let said = self.buildbot(&["why", &request.to_string()])?;
        let text = why["text"].as_str().context("no text")?;
        ensure!(said == format!("{text}\n"), "{said:?}, not {text:?}");
        Ok(why)
    }

    /// The properties of a build: name, value and source.
    pub fn properties(&self, build: &Json) -> Result<Json> {
        let answer = self.get(&format!("builds/{}/properties", build["buildid"]))?;
        Ok(answer["properties"][0].clone())
    }

    /// All rows of a kind, in the order of a field.
    pub fn list(&self, path: &str) -> Result<Vec<Json>> {
        let noun = path.split('?').next().unwrap_or_default();
        let noun = noun.rsplit('/').next().unwrap_or_default();
        let mut answer = self.get(path)?;
        match answer[noun].take() {
            Json::Array(rows) => Ok(rows),
            _ => anyhow::bail!("no {noun} in {answer}"),
        }
    }

    /// Waits until this many builds of a builder are complete, and returns them in their order.
    pub fn wait_for_builds(&self, builder: &str, count: usize) -> Result<Vec<Json>> {
        let path = format!("builders/{builder}/builds?complete=true&order=number");
        let mut builds = Vec::new();
        self.wait_for(&format!("{count} builds of {builder}"), |site| {
            builds = site.list(&path)?;
            Ok(builds.len() >= count)
        })?;
        // Nothing more is asked for.
        self.wait_for("all its requests to be complete", |site| {
            let id = site.builder_id(builder)?;
            let open = format!("buildrequests?builderid={id}&complete=false&limit=1");
            Ok(site.list(&open)?.is_empty())
        })?;
        let builds = self.list(&path)?;
        ensure!(builds.len() == count, "{builds:?}");
        Ok(builds)
    }

    /// The newest build of a request, if it has one.
    pub fn build_of(&self, request: i64) -> Result<Option<Json>> {
        let builds = self.get(&format!("builds?buildrequestid={request}&order=-buildid"))?;
        Ok(builds["builds"].get(0).cloned())
    }

    /// Waits until a request is complete, and returns its newest build.
    pub fn wait_for_build(&self, request: i64) -> Result<Json> {
        self.wait_for("a request to be complete", |site| {
            let request = site.get(&format!("buildrequests/{request}"))?;
            Ok(request["buildrequests"][0]["complete"] == true)
        })?;
        self.build_of(request)?.context("a request without a build")
    }

    /// Waits until a step of this name runs in the build of a request, and returns the build.
    pub fn wait_for_step(&self, request: i64, name: &str) -> Result<Json> {
        self.wait_for("a step to run", |site| {
            let Some(build) = site.build_of(request)? else {
                return Ok(false);
            };
            let steps = site.get(&format!("builds/{}/steps", build["buildid"]))?;
            let steps = steps["steps"].as_array().cloned().unwrap_or_default();
            Ok(steps
                .iter()
                .any(|step| step["name"] == name && step["complete"] == false))
        })?;
        self.build_of(request)?.context("no build")
    }

    /// The steps of a build: name, result, text.
    pub fn steps(&self, build: &Json) -> Result<Vec<(String, i64, String)>> {
        let steps = self.get(&format!("builds/{}/steps", build["buildid"]))?;
        let steps = steps["steps"].as_array().context("no steps")?;
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let shown = steps.iter().map(|step| {
            let results = step["results"].as_i64().unwrap_or(-1);
            (text(&step["name"]), results, text(&step["state_string"]))
        });
        Ok(shown.collect())
    }

    /// The text of the first log of a step.
    pub fn log_of(&self, build: &Json, step: usize) -> Result<String> {
        let logs = self.get(&format!("builds/{}/steps/{step}/logs", build["buildid"]))?;
        self.raw(logs["logs"][0]["logid"].as_i64().context("no log")?)
    }
}
