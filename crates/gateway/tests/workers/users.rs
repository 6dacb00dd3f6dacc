//! Users that are no workers: what their calls may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use buildbot_endpoint::server::Endpoint;
use buildbot_gateway::{
    Admission, Admitted, Failure, Gateway, Later, Limits, Protocol, Referenceable, Refused,
    RemoteCall, Sent, SessionId, Settings, User, Value, Visitor, WorkerBuilder, WorkerInfo,
};
use buildbot_model::Secret;
use buildbot_wire::pb::{ClientSession, PeerEvent};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::support::PATIENCE;

/// An object that counts what it is asked.
#[derive(Default)]
struct Counting {
    begun: AtomicUsize,
    gone: AtomicUsize,
}

impl Referenceable for Counting {
    fn call(self: Arc<Self>, call: RemoteCall) -> Later<'static, Result<Sent, Failure>> {
        Box::pin(async move {
            match call.method.as_str() {
                "wait" => {
                    self.begun.fetch_add(1, Ordering::SeqCst);
                    call.client.gone().await;
                    self.gone.fetch_add(1, Ordering::SeqCst);
                    Ok(Value::None.into())
                }
                _ => Ok(Sent::Object(Arc::new(Self::default()))),
            }
        })
    }
}

struct Door(Arc<Counting>);

impl Admission for Door {
    fn visitor<'a>(&'a self, _: &'a str, _: Option<&'a Endpoint>) -> Later<'a, Visitor> {
        Box::pin(async {
            Visitor::User(User {
                password: Secret::new("pw".to_owned()),
                perspective: self.0.clone(),
            })
        })
    }

    fn worker<'a>(&'a self, _: &'a str, _: Protocol) -> Later<'a, Option<Admitted>> {
        Box::pin(async { None })
    }

    fn attach<'a>(
        &'a self,
        _: SessionId,
        _: &'a str,
        _: &'a WorkerInfo,
    ) -> Later<'a, Result<Vec<WorkerBuilder>, Refused>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

struct Client {
    stream: DuplexStream,
    wire: ClientSession,
    counting: Arc<Counting>,
    _gateway: Gateway,
}

impl Client {
    async fn log_in() -> Self {
        let counting = Arc::new(Counting::default());
        let (gateway, _) = Gateway::new(Settings::default(), Arc::new(Door(counting.clone())));
        let (stream, far) = tokio::io::duplex(16 << 10);
        gateway.serve(far, Protocol::Pb, "memory");
        let password = Secret::new("pw".to_owned());
        let limits = Limits {
            outstanding_calls: 100_000,
            ..Limits::default()
        };
        let mut client = Self {
            stream,
            wire: ClientSession::new("u", &password, limits),
            counting,
            _gateway: gateway,
        };
        assert_eq!(client.event().await, PeerEvent::LoggedIn);
        client
    }

    async fn flush(&mut self) {
        let bytes = self.wire.output().take();
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn event(&mut self) -> PeerEvent {
        loop {
            if let Some(event) = self.wire.next_event() {
                return event;
            }
            self.flush().await;
            let mut buffer = [0; 4096];
            let length = self.stream.read(&mut buffer).await.unwrap();
            assert_ne!(length, 0, "the connection has ended");
            self.wire.receive(&buffer[..length]).unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_calls_of_a_user_at_a_time_are_refused_and_end_with_it() {
    let mut client = Client::log_in().await;
    for _ in 0..3000 {
        client.wire.call("wait", Vec::new()).unwrap();
        client.flush().await;
    }
    match client.event().await {
        PeerEvent::Answered {
            result: Err(failure),
            ..
        } => assert!(failure.value.contains("too many calls"), "{failure:?}"),
        other => panic!("{other:?}"),
    }
    let counting = client.counting.clone();
    let begun = counting.begun.load(Ordering::SeqCst);
    assert_eq!(begun, 1024);

    // What waits for nobody else ends with the client.
    drop(client.stream);
    let ended = async {
        while counting.gone.load(Ordering::SeqCst) < begun {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_user_does_not_get_objects_without_end() {
    let mut client = Client::log_in().await;
    let mut refused = None;
    for count in 0..2000 {
        client.wire.call("new", Vec::new()).unwrap();
        match client.event().await {
            PeerEvent::Answered { result: Ok(_), .. } => {}
            PeerEvent::Answered {
                result: Err(failure),
                ..
            } => {
                assert!(failure.value.contains("too many objects"), "{failure:?}");
                refused = Some(count);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    // Its own first object is one of them.
    assert_eq!(refused, Some(Limits::default().exported_objects - 1));
}
