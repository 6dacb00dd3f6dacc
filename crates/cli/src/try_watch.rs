//! Waiting for the builds of a job that was tried: what a master tells of them, and what is printed.

use std::collections::BTreeMap;
use std::time::Duration;

use buildbot_model::Results;
use buildbot_wire::Value;
use buildbot_wire::pb::{PeerCall, PeerEvent, PeerRequest};
use tokio::time::{Instant, timeout_at};

use crate::client::{Client, ClientError};
use crate::output::line;

/// How often the state of all builders is printed.
const INTERVAL: Duration = Duration::from_secs(3);

/// How often the master tells of estimates, in seconds.
const ESTIMATES_S: i64 = 5;

/// What is known of one builder.
#[derive(Debug, Default)]
struct Watched {
    /// The build, once there is one.
    build: Option<u64>,
    step: Option<String>,
    eta: Option<f64>,
    result: Option<i128>,
    text: Option<Vec<String>>,
}

impl Watched {
    fn is_over(&self) -> bool {
        self.result.is_some() && self.text.is_some()
    }

    fn results(&self) -> Option<Results> {
        Results::from_code(self.result.and_then(|code| i64::try_from(code).ok())?)
    }

    fn outcome(&self) -> String {
        let name = self.results().map_or("unknown", Results::name);
        let text = self.text.clone().unwrap_or_default().join(" ");
        format!("{name} ({text})")
    }

    fn state(&self) -> String {
        if self.is_over() {
            return self.outcome();
        }
        if self.build.is_none() {
            return "no build".to_owned();
        }
        let step = self.step.as_deref().unwrap_or("building");
        match self.eta {
            Some(eta) => format!("{step} [ETA {}s]", eta.max(0.0).round()),
            None => step.to_owned(),
        }
    }
}

/// What an answer is to.
enum Asked {
    Finished,
    Results,
    Text,
}

struct Watch<'a> {
    client: &'a mut Client,
    /// Our object that the master calls.
    own: Value,
    builders: BTreeMap<String, Watched>,
    asked: BTreeMap<PeerCall, (String, Asked)>,
}

/// Waits for the builds of a buildset. Returns whether all of them succeeded.
pub(crate) async fn wait(
    client: &mut Client,
    buildset: u64,
    is_quiet: bool,
) -> Result<bool, ClientError> {
    let requests = client
        .call_object(buildset, "getBuildRequests", Vec::new())
        .await?;
    let own = Value::Local(client.new_object().0);
    let mut watch = Watch {
        client,
        own,
        builders: BTreeMap::new(),
        asked: BTreeMap::new(),
    };
    for request in requests.as_sequence().unwrap_or_default() {
        let Some([name, Value::Remote(request)]) = request.as_sequence() else {
            continue;
        };
        let name = name.as_text().unwrap_or_default().to_owned();
        watch.builders.insert(name, Watched::default());
        let args = vec![watch.own.clone()];
        watch.client.begin(*request, "subscribe", args)?;
    }
    let mut next = Instant::now() + INTERVAL;
    while !watch.builders.values().all(Watched::is_over) {
        match timeout_at(next, watch.client.next()).await {
            Ok(event) => watch.handle(event?)?,
            Err(_) => {
                next = Instant::now() + INTERVAL;
                if !is_quiet {
                    watch.print();
                }
            }
        }
    }
    line("All Builds Complete");
    let mut is_good = true;
    for (name, watched) in &watch.builders {
        line(format!("{name}: {}", watched.outcome()));
        is_good &= watched.results() == Some(Results::Success);
    }
    Ok(is_good)
}

impl Watch<'_> {
    fn print(&self) {
        for (name, watched) in &self.builders {
            line(format!("{name}: {}", watched.state()));
        }
        line("");
    }

    fn handle(&mut self, event: PeerEvent) -> Result<(), ClientError> {
        match event {
            PeerEvent::Called {
                request,
                method,
                args,
                ..
            } => self.handle_call(request, &method, &args),
            PeerEvent::Answered { call, result } => {
                let Some((name, asked)) = self.asked.remove(&call) else {
                    return Ok(());
                };
                self.handle_answer(name, &asked, result.map_err(ClientError::Failed)?)
            }
            PeerEvent::LoggedIn
            | PeerEvent::LoginFailed(_)
            | PeerEvent::Released(_)
            | PeerEvent::Noticed(_) => Ok(()),
        }
    }

    fn handle_call(
        &mut self,
        request: PeerRequest,
        method: &str,
        args: &[Value],
    ) -> Result<(), ClientError> {
        self.client.answer_none(request);
        let named = |name: &Value| name.as_text().map(str::to_owned);
        match (method, args) {
            ("newbuild", [Value::Remote(build), name]) => {
                let Some(name) = named(name) else {
                    return Ok(());
                };
                let watched = self.builders.entry(name.clone()).or_default();
                if watched.build.is_some() {
                    // A second one, if the first was lost, is not waited for.
                    return Ok(());
                }
                watched.build = Some(*build);
                let args = vec![self.own.clone(), Value::from(ESTIMATES_S)];
                self.client.begin(*build, "subscribe", args)?;
                self.ask(name, *build, "waitUntilFinished", Asked::Finished)
            }
            ("stepStarted", [name, _, step, ..]) => {
                if let Some(watched) = named(name).and_then(|name| self.builders.get_mut(&name)) {
                    watched.step = named(step);
                }
                Ok(())
            }
            ("stepFinished", [name, ..]) => {
                if let Some(watched) = named(name).and_then(|name| self.builders.get_mut(&name)) {
                    watched.step = None;
                }
                Ok(())
            }
            ("buildETAUpdate", [name, _, eta]) => {
                if let Some(watched) = named(name).and_then(|name| self.builders.get_mut(&name)) {
                    watched.eta = eta.as_float();
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn ask(
        &mut self,
        name: String,
        build: u64,
        method: &str,
        asked: Asked,
    ) -> Result<(), ClientError> {
        let call = self.client.begin(build, method, Vec::new())?;
        self.asked.insert(call, (name, asked));
        Ok(())
    }

    fn handle_answer(
        &mut self,
        name: String,
        asked: &Asked,
        value: Value,
    ) -> Result<(), ClientError> {
        let Some(watched) = self.builders.get_mut(&name) else {
            return Ok(());
        };
        match asked {
            Asked::Finished => {
                let Some(build) = watched.build else {
                    return Ok(());
                };
                self.ask(name.clone(), build, "getResults", Asked::Results)?;
                self.ask(name, build, "getText", Asked::Text)
            }
            Asked::Results => {
                watched.result = Some(value.as_int().unwrap_or(-1));
                Ok(())
            }
            Asked::Text => {
                let parts = value.as_sequence().unwrap_or_default().iter();
                let parts = parts.filter_map(|part| part.as_text().map(str::to_owned));
                watched.text = Some(parts.collect());
                Ok(())
            }
        }
    }
}
