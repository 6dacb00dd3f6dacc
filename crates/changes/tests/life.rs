//! The life of a source: claimed, polled when it is time, kept over a reconfiguration, given up.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buildbot_changes::{Ended, Later, PollError, Port, Program, Sources, StateObject};
use buildbot_config::{ChangeSource, Description, Object};
use buildbot_render::Value;
use buildbot_schedulers::NewChange;
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

/// A master without git: the first program of each poll waits until it may end, and says that there is no git.
struct Fake {
    is_free: AtomicBool,
    told: Mutex<Vec<&'static str>>,
    polls: AtomicUsize,
    running: AtomicUsize,
    /// Sleeps that may end.
    beats: Semaphore,
    /// Programs that may end.
    ends: Semaphore,
}

impl Fake {
    fn tell(&self, what: &'static str) {
        self.told.lock().expect("no panic").push(what);
    }
}

/// Counts a program down when it ends or is given up.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn nothing<T>() -> Result<T, PollError> {
    Err(PollError("there is nothing".to_owned()))
}

impl Port for Fake {
    fn now(&self) -> f64 {
        0.0
    }

    fn sleep(&self, _: Duration) -> Later<'_, ()> {
        Box::pin(async { self.beats.acquire().await.expect("it is open").forget() })
    }

    fn random(&self, min: i64, _: i64) -> i64 {
        min
    }

    fn basedir(&self) -> &Path {
        Path::new("/")
    }

    fn run(&self, _: Program) -> Later<'_, Result<Ended, PollError>> {
        Box::pin(async {
            self.polls.fetch_add(1, Ordering::SeqCst);
            assert_eq!(
                self.running.fetch_add(1, Ordering::SeqCst),
                0,
                "two polls at once"
            );
            let running = Running(&self.running);
            self.ends.acquire().await.expect("it is open").forget();
            drop(running);
            nothing().await
        })
    }

    fn render(&self, values: Vec<Value>) -> Later<'_, Result<Vec<Value>, PollError>> {
        Box::pin(async { Ok(values) })
    }

    fn object(&self, _: &Value) -> Option<Arc<Object>> {
        None
    }

    fn call(&self, _: Value, _: Vec<Value>) -> Later<'_, Result<Value, PollError>> {
        Box::pin(nothing())
    }

    fn state(&self, _: StateObject, _: &'static str) -> Later<'_, Result<Option<Json>, PollError>> {
        Box::pin(nothing())
    }

    fn set_state(
        &self,
        _: StateObject,
        _: &'static str,
        _: Json,
    ) -> Later<'_, Result<(), PollError>> {
        Box::pin(nothing())
    }

    fn add_change(&self, _: NewChange) -> Later<'_, Result<(), PollError>> {
        Box::pin(nothing())
    }

    fn claim(&self, _: &str) -> Later<'_, Result<bool, PollError>> {
        self.tell("claim");
        let is_free = self.is_free.load(Ordering::SeqCst);
        Box::pin(async move { Ok(is_free) })
    }

    fn release(&self, _: &str) -> Later<'_, ()> {
        self.tell("release");
        Box::pin(async {})
    }
}

fn sources(arguments: Json) -> Vec<ChangeSource> {
    let description = json!({
        "version": 1,
        "config": {"change_source": {"$": "o", "n": 0}},
        "objects": [{"c": "buildbot.changes.gitpoller.GitPoller", "a": arguments}],
    });
    let description = Description::from_json(description.to_string().as_bytes());
    let none = buildbot_config::Sources {
        file: "master.cfg",
        text_of: &|_| None,
    };
    buildbot_config::read(&description.expect("a description"), none)
        .config
        .change_sources
}

async fn until(is_true: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if is_true() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("in vain");
}

#[tokio::test]
async fn a_source_is_claimed_polled_when_it_is_time_and_given_up() {
    let fake = Arc::new(Fake {
        is_free: AtomicBool::new(false),
        told: Mutex::default(),
        polls: AtomicUsize::new(0),
        running: AtomicUsize::new(0),
        beats: Semaphore::new(0),
        ends: Semaphore::new(0),
    });
    let port: Arc<dyn Port> = fake.clone();
    let polls = || fake.polls.load(Ordering::SeqCst);
    let told = || fake.told.lock().expect("no panic").clone();
    let mut running = Sources::new();
    running
        .configure(&sources(json!({"repourl": "u"})), &port)
        .await;

    // Another master has it at first.
    until(|| told() == ["claim"]).await;
    fake.is_free.store(true, Ordering::SeqCst);
    fake.beats.add_permits(1);
    until(|| told().len() == 2).await;
    assert_eq!(polls(), 0);

    // A poll fails, and there is another one.
    fake.beats.add_permits(1);
    until(|| polls() == 1).await;
    fake.ends.add_permits(1);
    until(|| fake.running.load(Ordering::SeqCst) == 0).await;

    // Polls that are wanted while one runs follow it, as one.
    assert!(running.force("u") && !running.force("other"));
    until(|| polls() == 2).await;
    running.force("u");
    running.force("u");
    fake.ends.add_permits(1);
    until(|| polls() == 3).await;
    fake.ends.add_permits(1);
    until(|| fake.running.load(Ordering::SeqCst) == 0).await;

    // Other arguments do not change the rhythm; another interval begins anew.
    let other = sources(json!({"repourl": "u", "project": "p"}));
    running.configure(&other, &port).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(polls(), 3);
    fake.beats.add_permits(1);
    let other = sources(json!({"repourl": "u", "pollInterval": 5, "pollAtLaunch": true}));
    running.configure(&other, &port).await;
    until(|| polls() == 4).await;

    // What runs is given up with the source.
    running.configure(&[], &port).await;
    assert_eq!(fake.running.load(Ordering::SeqCst), 0);
    assert_eq!(told(), ["claim", "claim", "release"]);
    running.stop().await;
}
