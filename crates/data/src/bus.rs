//! Who hears of what: publish and subscribe, without anybody waiting for anybody.
//!
//! Publishing never blocks and never fails. A message is made once, and only if somebody wants it: one thread takes
//! events in their order, reads what they are about, and hands the text to everybody whose pattern fits. Who does not
//! take its messages away in time loses its subscriptions and is told so; it then reads again what it shows.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;

use serde_json::Value as Json;
use tokio::sync::mpsc;

use crate::event::{Body, Event};
use crate::reader::Data;
use crate::topic::{Pattern, Topic};

/// How many events wait to be made into messages: about what 500 builds make in a second, when the disk is slow.
const EVENTS_MAX: usize = 65_536;

/// How many messages wait for one subscriber, which is what a browser misses while it sleeps for some seconds.
pub const MESSAGES_MAX: usize = 4_096;

/// How many events are read in one snapshot of the database.
const BATCH_MAX: usize = 256;

/// What a subscriber gets.
#[derive(Debug, Clone)]
pub struct Message {
    /// What the event is called.
    pub topic: Topic,
    /// The message, as JSON.
    pub body: Arc<str>,
}

/// Why there is nothing more to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// Too many messages waited: some are lost, and so are the subscriptions.
    #[error("too slow: events were lost")]
    Lost,
    /// The bus has ended.
    #[error("the master ends")]
    Ended,
}

/// One connection's subscriptions. Dropping it ends them.
#[derive(Debug)]
pub struct Subscriber {
    subscriptions: Subscriptions,
    messages: mpsc::Receiver<Message>,
    lost: Arc<AtomicBool>,
}

/// What one subscriber wants to hear, to be changed from elsewhere while it listens.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    id: u64,
    hub: Weak<Hub>,
}

/// An event on its way. Who subscribes later reads what it has changed.
#[derive(Debug)]
struct Wanted {
    event: Event,
    /// For each of its topics, the patterns that matched it when it was published.
    patterns: Vec<Vec<Pattern>>,
}

/// Publishes events to subscribers.
#[derive(Debug)]
pub struct Bus {
    hub: Arc<Hub>,
    queue: Option<SyncSender<Wanted>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Hub {
    listeners: Mutex<Listeners>,
}

#[derive(Debug, Default)]
struct Listeners {
    next: u64,
    all: BTreeMap<u64, Listener>,
    /// How many subscriptions there are to each pattern, so that an event is looked up once per pattern.
    patterns: HashMap<Pattern, Vec<u64>>,
}

#[derive(Debug)]
struct Listener {
    messages: mpsc::Sender<Message>,
    lost: Arc<AtomicBool>,
    patterns: Vec<Pattern>,
}

impl Bus {
    /// Starts the thread that makes messages.
    pub fn start(data: Arc<Data>) -> std::io::Result<Self> {
        let hub = Arc::new(Hub::default());
        let (queue, events) = sync_channel(EVENTS_MAX);
        let thread = std::thread::Builder::new().name("events".to_owned());
        let thread = thread.spawn({
            let hub = hub.clone();
            move || hub.serve(&data, &events)
        })?;
        Ok(Self {
            hub,
            queue: Some(queue),
            thread: Some(thread),
        })
    }

    /// Announces what has been committed. Costs a look at the patterns if nobody wants it.
    pub fn publish(&self, event: Event) {
        let (Some(queue), Some(wanted)) = (&self.queue, self.hub.wanted(event)) else {
            return;
        };
        match queue.try_send(wanted) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(wanted)) => self.hub.lose(&wanted),
        }
    }

    /// A subscriber without subscriptions.
    pub fn subscriber(&self) -> Subscriber {
        let (sender, messages) = mpsc::channel(MESSAGES_MAX);
        let lost = Arc::new(AtomicBool::new(false));
        let mut listeners = self.hub.lock();
        let id = listeners.next;
        listeners.next += 1;
        let listener = Listener {
            messages: sender,
            lost: lost.clone(),
            patterns: Vec::new(),
        };
        listeners.all.insert(id, listener);
        Subscriber {
            subscriptions: Subscriptions {
                id,
                hub: Arc::downgrade(&self.hub),
            },
            messages,
            lost,
        }
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that makes messages of events panicked");
        }
        *self.hub.lock() = Listeners::default();
    }
}

impl Subscriptions {
    /// Wants what a pattern matches, too. Returns whether that is news.
    pub fn subscribe(&self, pattern: Pattern) -> bool {
        let Some(hub) = self.hub.upgrade() else {
            return false;
        };
        let mut listeners = hub.lock();
        let Some(listener) = listeners.all.get_mut(&self.id) else {
            return false;
        };
        if listener.patterns.contains(&pattern) {
            return false;
        }
        listener.patterns.push(pattern.clone());
        listeners.patterns.entry(pattern).or_default().push(self.id);
        true
    }

    /// How many patterns there are.
    pub fn count(&self) -> usize {
        let Some(hub) = self.hub.upgrade() else {
            return 0;
        };
        let listeners = hub.lock();
        let listener = listeners.all.get(&self.id);
        listener.map_or(0, |listener| listener.patterns.len())
    }

    /// Does not want it any more. Returns whether it was wanted.
    pub fn unsubscribe(&self, pattern: &Pattern) -> bool {
        let Some(hub) = self.hub.upgrade() else {
            return false;
        };
        let mut listeners = hub.lock();
        let Some(listener) = listeners.all.get_mut(&self.id) else {
            return false;
        };
        let before = listener.patterns.len();
        listener.patterns.retain(|known| known != pattern);
        let was_wanted = listener.patterns.len() < before;
        listeners.forget(self.id, pattern);
        was_wanted
    }
}

impl Subscriber {
    /// A way to change what it wants.
    pub fn subscriptions(&self) -> Subscriptions {
        self.subscriptions.clone()
    }

    /// Wants what a pattern matches, too. Returns whether that is news.
    pub fn subscribe(&self, pattern: Pattern) -> bool {
        self.subscriptions.subscribe(pattern)
    }

    /// Does not want it any more. Returns whether it was wanted.
    pub fn unsubscribe(&self, pattern: &Pattern) -> bool {
        self.subscriptions.unsubscribe(pattern)
    }

    /// The next message; one for each pattern that matches. Cancelling the wait loses none.
    pub async fn next(&mut self) -> Result<Message, Silence> {
        match self.messages.recv().await {
            Some(message) => Ok(message),
            None if self.lost.load(Ordering::Acquire) => Err(Silence::Lost),
            None => Err(Silence::Ended),
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let Subscriptions { id, hub } = &self.subscriptions;
        if let Some(hub) = hub.upgrade() {
            hub.lock().remove(*id);
        }
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, Listeners> {
        self.listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// An event with what matches it, if anything does.
    fn wanted(&self, event: Event) -> Option<Wanted> {
        let count = self.lock().patterns.len();
        if count == 0 {
            return None;
        }
        // Thousands of clients have thousands of patterns, most of them with the number of a build: what can match is
        // looked up, unless looking at all is less. It is made before the lock is taken, for which others wait.
        let ways: Vec<Option<Vec<Pattern>>> = event
            .topics
            .iter()
            .map(|topic| {
                Some(
                    topic
                        .patterns()
                        .filter(|ways| ways.len() < count)?
                        .collect(),
                )
            })
            .collect();
        let listeners = self.lock();
        let patterns: Vec<Vec<Pattern>> = event
            .topics
            .iter()
            .zip(ways)
            .map(|(topic, ways)| listeners.matching(topic, ways))
            .collect();
        drop(listeners);
        let is_wanted = patterns.iter().any(|matching| !matching.is_empty());
        is_wanted.then_some(Wanted { event, patterns })
    }

    fn is_wanted_still(&self, wanted: &Wanted) -> bool {
        let listeners = self.lock();
        let mut patterns = wanted.patterns.iter().flatten();
        patterns.any(|pattern| listeners.patterns.contains_key(pattern))
    }

    /// Those who want an event do not get it, and hear that.
    fn lose(&self, wanted: &Wanted) {
        let mut listeners = self.lock();
        for patterns in &wanted.patterns {
            for id in listeners.who_has(patterns) {
                listeners.lose(id);
            }
        }
    }

    fn serve(&self, data: &Data, events: &Receiver<Wanted>) {
        while let Ok(first) = events.recv() {
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX {
                let Ok(event) = events.try_recv() else { break };
                batch.push(event);
            }
            batch.retain(|wanted| self.is_wanted_still(wanted));
            let paths = batch
                .iter()
                .filter_map(|wanted| wanted.event.body.path().map(str::to_owned))
                .collect();
            let mut objects = data.objects(paths).into_iter();
            for wanted in batch {
                let message = match &wanted.event.body {
                    Body::Value(value) => Some(value.to_string()),
                    Body::Resource(_) => objects.next().flatten().map(|object| object.to_string()),
                    Body::Changed { with, without, .. } => objects
                        .next()
                        .flatten()
                        .map(|object| changed(object, with, without).to_string()),
                };
                // What is gone already, such as a change beyond the horizon, is no news.
                if let Some(message) = message {
                    self.deliver(&wanted, &message.into());
                }
            }
        }
    }

    fn deliver(&self, wanted: &Wanted, body: &Arc<str>) {
        let mut listeners = self.lock();
        for (topic, patterns) in wanted.event.topics.iter().zip(&wanted.patterns) {
            for id in listeners.who_has(patterns) {
                let Some(listener) = listeners.all.get(&id) else {
                    continue;
                };
                let message = Message {
                    topic: topic.clone(),
                    body: body.clone(),
                };
                if listener.messages.try_send(message).is_err() {
                    listeners.lose(id);
                }
            }
        }
    }
}

fn changed(
    mut object: Json,
    with: &serde_json::Map<String, Json>,
    without: &[&'static str],
) -> Json {
    if let Some(members) = object.as_object_mut() {
        members.retain(|name, _| !without.contains(&name.as_str()));
        members.extend(with.clone());
    }
    object
}

impl Listeners {
    /// The subscribers of patterns: one entry for each pattern, by subscriber.
    fn who_has(&self, patterns: &[Pattern]) -> Vec<u64> {
        let ids = patterns.iter().filter_map(|it| self.patterns.get(it));
        let mut who: Vec<u64> = ids.flatten().copied().collect();
        who.sort_unstable();
        who
    }

    /// The patterns of subscribers that match a topic: among `ways`, or all of them if there are none.
    fn matching(&self, topic: &Topic, ways: Option<Vec<Pattern>>) -> Vec<Pattern> {
        match ways {
            Some(mut ways) => {
                ways.retain(|pattern| self.patterns.contains_key(pattern));
                ways
            }
            None => {
                let all = self.patterns.keys();
                all.filter(|pattern| pattern.matches(topic))
                    .cloned()
                    .collect()
            }
        }
    }

    fn lose(&mut self, id: u64) {
        if let Some(listener) = self.all.get(&id) {
            listener.lost.store(true, Ordering::Release);
            tracing::info!("a subscriber of events was too slow, and has to begin again");
        }
        self.remove(id);
    }

    fn remove(&mut self, id: u64) {
        if let Some(listener) = self.all.remove(&id) {
            for pattern in &listener.patterns {
                self.forget(id, pattern);
            }
        }
    }

    fn forget(&mut self, id: u64, pattern: &Pattern) {
        if let Some(ids) = self.patterns.get_mut(pattern) {
            ids.retain(|known| *known != id);
            if ids.is_empty() {
                self.patterns.remove(pattern);
            }
        }
    }
}
