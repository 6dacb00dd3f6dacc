//! `master.mq`: code of the configuration that hears of events, and tells some.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use buildbot_confighost::{Host, Target};
use buildbot_data::{Event as BusEvent, Message, Pattern, Silence, Subscriber, shaped_message};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use tokio_util::sync::CancellationToken;

use super::{Answer, NoAnswer};
use crate::shell::Shell;
use crate::site::Site;

/// As many may one process have at a time.
const CONSUMERS_MAX: usize = 1024;

/// All that consume, by the number of the process and their own.
#[derive(Debug, Default)]
pub(crate) struct Consumers(Mutex<BTreeMap<(u32, u64), CancellationToken>>);

impl Consumers {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<(u32, u64), CancellationToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
pub(super) struct Start {
    /// How the process calls the consumer.
    number: u64,
    /// The parts of topics; null stands for any.
    filter: Vec<Option<String>>,
}

/// From now on a consumer hears of events.
pub(super) async fn start(
    shell: &Arc<Shell>,
    site: &Arc<Site>,
    pid: u32,
    Start { number, filter }: Start,
) -> Answer {
    let host = site.host.host().await;
    let host = host.map_err(|error| NoAnswer::failed(&error))?;
    if host.hello().pid != pid {
        return Err(NoAnswer::refused("the process has been replaced"));
    }
    let parts: Vec<&str> = filter
        .iter()
        .map(|part| part.as_deref().unwrap_or("*"))
        .collect();
    let pattern = Pattern::new(parts.join("/"));
    let stopped = CancellationToken::new();
    {
        let mut consumers = shell.consumers.lock();
        if consumers.range((pid, 0)..=(pid, u64::MAX)).count() >= CONSUMERS_MAX {
            return Err(NoAnswer::refused("too many consumers"));
        }
        consumers.insert((pid, number), stopped.clone());
    }
    let subscriber = shell.bus.subscriber();
    subscriber.subscribe(pattern.clone());
    let consumer = Consumer {
        host,
        number,
        pattern,
    };
    let hearing = consumer.hear(shell.clone(), subscriber, stopped);
    let of = shell.clone();
    shell.tasks.spawn(async move {
        hearing.await;
        of.consumers.lock().remove(&(pid, number));
    });
    Ok(Json::Null)
}

#[derive(Deserialize)]
pub(super) struct Stop {
    number: u64,
}

pub(super) fn stop(shell: &Shell, pid: u32, stop: &Stop) -> Answer {
    if let Some(stopped) = shell.consumers.lock().remove(&(pid, stop.number)) {
        stopped.cancel();
    }
    Ok(Json::Null)
}

#[derive(Deserialize)]
pub(super) struct Produce {
    topic: Vec<String>,
    /// JSON.
    text: String,
}

/// Events of the configuration's own go the way of all others.
pub(super) fn produce(shell: &Shell, Produce { topic, text }: Produce) -> Answer {
    let message = serde_json::from_str(&text)
        .map_err(|error| NoAnswer::raised("builtins.ValueError", error.to_string()))?;
    let event = BusEvent::of_value(topic.join("/"), message);
    shell.bus.publish(event);
    Ok(Json::Null)
}

struct Consumer {
    host: Host,
    number: u64,
    pattern: Pattern,
}

impl Consumer {
    /// Hands events over, one after the other, until it is stopped or its process has ended.
    async fn hear(self, shell: Arc<Shell>, mut subscriber: Subscriber, stopped: CancellationToken) {
        loop {
            let next = tokio::select! {
                biased;
                () = stopped.cancelled() => return,
                _ = self.host.ended() => return,
                next = subscriber.next() => next,
            };
            match next {
                Ok(message) => self.hand_over(message).await,
                Err(Silence::Ended) => return,
                Err(Silence::Lost) => {
                    let topic = self.pattern.as_str();
                    tracing::error!(topic, "a consumer is too slow: events were lost");
                    subscriber = shell.bus.subscriber();
                    subscriber.subscribe(self.pattern.clone());
                }
            }
        }
    }

    async fn hand_over(&self, message: Message) {
        let topic: Vec<&str> = message.topic.parts().collect();
        let body = serde_json::from_str(&message.body).unwrap_or(Json::Null);
        let arguments = vec![json!(topic), shaped_message(&message.topic, body)];
        let target = Target::Value(json!({"$": "consumer", "key": self.number}));
        let told = self
            .host
            .method(target, "take".to_owned(), arguments, Map::new());
        if let Err(error) = told.await {
            let topic = message.topic.as_str();
            tracing::error!(topic, "while invoking a consumer: {error}");
        }
    }
}
