//! Who gets in, and who has to go.

use std::time::Duration;

use buildbot_gateway::{CallError, DetachReason, GatewayEvent, Protocol, Refused};
use buildbot_wire::session::WorkerEvent;
use tokio::time::Instant;

use crate::peer::{BOTH, Peer};
use crate::support::{World, builder, text};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_worker_is_attached_in_the_order_of_the_reference() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        // It may have heard of the end of its login.
        peer.asked.retain(|asked| asked != "logged in");
        let expected: &[&str] = match protocol {
            Protocol::Pb => &["print attached", "info", "builders b", "print attached"],
            Protocol::Msgpack => &[
                "print attached",
                "info",
                "settings",
                "listdir /base",
                "mkdir /base/b-dir",
                "print attached",
            ],
        };
        assert_eq!(peer.asked, expected, "{protocol}");
        assert_eq!(session.worker(), "w");
        assert_eq!(session.info().text("admin"), Some("me"));
        assert_eq!(session.info().other[0], ("admin".to_owned(), text("me")));

        // Only new builders are greeted later.
        peer.asked.clear();
        peer.existing.push("b-dir".to_owned());
        let (set, _) = tokio::join!(
            async {
                let builders = [builder("b"), builder("c")];
                let set = session.set_builders(&builders).await;
                session.disconnect("enough");
                set
            },
            peer.serve()
        );
        set.unwrap();
        peer.asked.retain(|asked| asked != "logged in");
        let expected: &[&str] = match protocol {
            Protocol::Pb => &["builders b c", "print attached"],
            Protocol::Msgpack => &[
                "settings",
                "listdir /base",
                "mkdir /base/c-dir",
                "print attached",
            ],
        };
        assert_eq!(peer.asked, expected, "{protocol}");
        let reason = DetachReason::Disconnected("enough".to_owned());
        assert_eq!(world.detached().await, (session.id(), reason));
        assert!(world.gateway.session("w").is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn directories_that_nobody_needs_are_removed_if_the_worker_wants_that() {
    let mut world = World::new();
    let mut peer = Peer::connect(&world, Protocol::Msgpack, "w", "pw");
    peer.wants_clean = true;
    peer.existing = ["old", "b-dir", "info", "file"].map(str::to_owned).to_vec();
    tokio::select! {
        session = world.attached() => drop(session),
        event = peer.serve() => panic!("{event:?}"),
    }
    let expected = [
        "listdir /base",
        "stat /base/file",
        "stat /base/old",
        "rmdir /base/old",
        "print attached",
    ];
    assert_eq!(peer.asked[3..], expected);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_and_an_unknown_name_are_refused_alike() {
    for (name, password) in [("w", "wrong"), ("nobody", "pw"), ("nobody", "")] {
        let mut world = World::new();
        let mut peer = Peer::connect(&world, Protocol::Pb, name, password);
        match peer.event().await {
            Some(WorkerEvent::LoginRefused(failure)) => {
                assert_eq!(failure.class(), "twisted.cred.error.UnauthorizedLogin");
                assert_eq!(failure.value, "");
            }
            other => panic!("{other:?}"),
        }
        // The worker closes it when it is ready to try again; not so late.
        let before = Instant::now();
        assert_eq!(peer.event().await, None);
        assert_eq!(before.elapsed(), 10 * MINUTE);

        let mut peer = Peer::connect(&world, Protocol::Msgpack, name, password);
        assert!(matches!(
            peer.event().await,
            Some(WorkerEvent::LoginRefused(_) | WorkerEvent::LoginFailed(_)) | None
        ));
        assert!(world.is_quiet());
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_is_refused_while_the_first_one_lives() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut first, session) = Peer::attach(&mut world, protocol).await;
        let mut second = Peer::connect(&world, protocol, "w", "pw");
        let refused = async {
            match second.serve().await {
                Some(WorkerEvent::LoginFailed(failure)) => Some(failure),
                Some(WorkerEvent::Closed) | None => None,
                Some(other) => panic!("{other:?}"),
            }
        };
        let refused = tokio::select! {
            refused = refused => refused,
            event = first.serve() => panic!("{event:?}"),
        };
        if protocol == Protocol::Pb {
            let failure = refused.unwrap();
            assert_eq!(failure.class(), "builtins.RuntimeError");
            assert_eq!(failure.value, "rejecting duplicate worker");
        }
        let ping = "print master got a duplicate connection".to_owned();
        assert!(first.asked.contains(&ping), "{protocol}: {:?}", first.asked);
        assert_eq!(world.gateway.session("w").unwrap().id(), session.id());
        assert!(world.is_quiet());
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_connection_takes_the_place_of_one_that_does_not_answer() {
    for protocol in BOTH {
        let mut world = World::new();
        let (silent, session) = Peer::attach(&mut world, protocol).await;
        let before = Instant::now();
        let mut second = Peer::connect(&world, protocol, "w", "pw");
        let replaced = tokio::select! {
            detached = world.detached() => detached,
            event = second.serve() => panic!("{event:?}"),
        };
        assert_eq!(before.elapsed(), Duration::from_secs(10));
        assert_eq!(replaced, (session.id(), DetachReason::Replaced));
        let new = tokio::select! {
            session = world.attached() => session,
            event = second.serve() => panic!("{event:?}"),
        };
        assert_ne!(new.id(), session.id());
        let lost = CallError::Lost(DetachReason::Replaced);
        assert_eq!(session.ping().await, Err(lost));
        drop(silent);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_the_master_does_not_want_is_sent_away() {
    for protocol in BOTH {
        let mut world = World::new();
        let refused = Refused("not now".to_owned());
        *world.configured.refused.lock().unwrap() = Some(refused);
        let mut peer = Peer::connect(&world, protocol, "w", "pw");
        assert!(matches!(
            peer.serve().await,
            None | Some(WorkerEvent::Closed)
        ));
        assert!(world.is_quiet());
        // Its name is free.
        *world.configured.refused.lock().unwrap() = None;
        Peer::attach(&mut world, protocol).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_log_in_has_to_go() {
    for protocol in BOTH {
        let world = World::new();
        let (stream, far) = tokio::io::duplex(1 << 10);
        world.gateway.serve(far, protocol, "memory");
        let before = Instant::now();
        let mut stream = tokio::io::BufReader::new(stream);
        let mut bytes = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes)
            .await
            .unwrap();
        assert_eq!(before.elapsed(), MINUTE, "{protocol}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_oldest_stranger_goes_if_there_are_too_many() {
    let mut world = World::with(|settings| settings.strangers_max = 2);
    let (attached, _) = Peer::attach(&mut world, Protocol::Pb).await;
    let before = Instant::now();
    let mut strangers = Vec::new();
    for _ in 0..3 {
        let (stream, far) = tokio::io::duplex(1 << 10);
        world.gateway.serve(far, Protocol::Msgpack, "memory");
        strangers.push(stream);
    }
    let mut byte = [0];
    let first = tokio::io::AsyncReadExt::read(&mut strangers[0], &mut byte);
    assert_eq!(first.await.unwrap(), 0);
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert!(world.gateway.session("w").is_some());
    drop(attached);
}

#[tokio::test(start_paused = true)]
async fn who_sends_too_much_before_the_login_has_to_go() {
    let world = World::new();
    let (mut stream, far) = tokio::io::duplex(1 << 20);
    world.gateway.serve(far, Protocol::Pb, "memory");
    // The beginning of a string of 600 000 bytes.
    let mut bytes = vec![0x40, 0x4f, 0x24, 0x82];
    bytes.resize(100_000, b'x');
    let before = Instant::now();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &bytes)
        .await
        .unwrap();
    let mut rest = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest).await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_silent_worker_is_noticed_within_two_intervals() {
    for protocol in BOTH {
        let mut world = World::new();
        world.configure("w", Some(MINUTE));
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let attached = Instant::now();
        // It lives for a while.
        let _ = tokio::time::timeout(5 * MINUTE, peer.serve()).await;
        let keepalives = peer
            .asked
            .iter()
            .filter(|asked| asked.contains("keepalive"));
        assert!(keepalives.count() >= 4, "{protocol}: {:?}", peer.asked);
        assert_eq!(attached.elapsed(), 5 * MINUTE);
        // And then no more.
        let before = Instant::now();
        let (id, reason) = world.detached().await;
        assert_eq!(id, session.id());
        assert!(matches!(reason, DetachReason::Silent(_)), "{reason}");
        assert!(before.elapsed() <= 2 * MINUTE, "{:?}", before.elapsed());
        assert!(session.silence() >= MINUTE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_wants_to_leave_is_heard_once() {
    let mut world = World::new();
    let (mut peer, session) = Peer::attach(&mut world, Protocol::Pb).await;
    // The avatar comes with the end of the login.
    let _ = tokio::time::timeout(MINUTE, peer.serve()).await;
    for _ in 0..2 {
        assert!(peer.wire.request_shutdown().unwrap());
        assert_eq!(
            peer.serve().await,
            Some(WorkerEvent::ShutdownAnswered(Ok(())))
        );
    }
    match world.event().await {
        GatewayEvent::ShutdownRequested {
            session: id,
            worker,
        } => {
            assert_eq!((id, worker.as_str()), (session.id(), "w"));
        }
        other => panic!("{other:?}"),
    }
    assert!(world.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_stops_ends_everything() {
    let mut world = World::new();
    let (mut peer, session) = Peer::attach(&mut world, Protocol::Pb).await;
    let World { gateway, .. } = world;
    let (ended, _) = tokio::join!(session.ended(), async {
        tokio::join!(gateway.stop(), peer.serve())
    });
    let reason = DetachReason::Disconnected("the master stops".to_owned());
    assert_eq!(ended, reason);
}

/// Has the master ask so much that it waits to be sent, and nothing more is taken from the queue.
async fn fill(session: &buildbot_gateway::Session) {
    let text = "x".repeat(600 << 10);
    for _ in 0..100 {
        let print = session.print(&text);
        // It is never answered.
        let _ = tokio::time::timeout(Duration::from_millis(1), print).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_reads_nothing_makes_room_too() {
    for protocol in BOTH {
        let mut world = World::new();
        let (stuck, session) = Peer::attach(&mut world, protocol).await;
        fill(&session).await;
        let mut second = Peer::connect(&world, protocol, "w", "pw");
        let replaced = tokio::select! {
            detached = world.detached() => detached,
            event = second.serve() => panic!("{event:?}"),
        };
        assert_eq!(replaced, (session.id(), DetachReason::Replaced));
        tokio::select! {
            attached = world.attached() => assert_ne!(attached.id(), session.id()),
            event = second.serve() => panic!("{event:?}"),
        };
        drop(stuck);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_reads_nothing_ends_when_the_master_wants() {
    for protocol in BOTH {
        let mut world = World::new();
        let (stuck, session) = Peer::attach(&mut world, protocol).await;
        fill(&session).await;
        let before = Instant::now();
        session.disconnect("enough");
        let reason = DetachReason::Disconnected("enough".to_owned());
        assert_eq!(world.detached().await, (session.id(), reason));
        assert!(before.elapsed() < MINUTE, "{protocol}");
        drop(stuck);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_never_gets_ready_has_to_go() {
    for protocol in BOTH {
        let world = World::new();
        let mut peer = Peer::connect(&world, protocol, "w", "pw");
        let before = Instant::now();
        // It reads what it is asked, and answers nothing.
        while peer.event().await.is_some() {}
        assert_eq!(before.elapsed(), 60 * MINUTE, "{protocol}");
        assert!(world.gateway.session("w").is_none());
    }
}

/// Waits until a second connection of the worker is refused.
async fn refusal(first: &mut Peer, second: &mut Peer) {
    tokio::select! {
        event = second.serve() => assert!(matches!(event, Some(WorkerEvent::LoginFailed(_)))),
        event = first.serve() => panic!("{event:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_password_does_not_open_more_connections_than_strangers_have() {
    let mut world = World::with(|settings| settings.strangers_max = 5);
    let (mut first, session) = Peer::attach(&mut world, Protocol::Pb).await;
    let mut others = Vec::new();
    for _ in 0..20 {
        let mut other = Peer::connect(&world, Protocol::Pb, "w", "pw");
        refusal(&mut first, &mut other).await;
        others.push(other);
    }
    let mut open = 0;
    for other in &mut others {
        let event = tokio::time::timeout(Duration::from_secs(1), other.event()).await;
        open += usize::from(event.is_err());
    }
    assert!(open <= 5, "{open}");
    assert_eq!(world.gateway.session("w").unwrap().id(), session.id());
}

#[tokio::test(start_paused = true)]
async fn few_connections_of_a_name_wait_for_it_at_a_time() {
    let mut world = World::new();
    // It answers nothing.
    let (_silent, _session) = Peer::attach(&mut world, Protocol::Pb).await;
    let before = Instant::now();
    let mut refused = 0;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        let mut other = Peer::connect(&world, Protocol::Pb, "w", "pw");
        let event = tokio::time::timeout(Duration::from_millis(10), other.serve()).await;
        refused += usize::from(matches!(event, Ok(Some(WorkerEvent::LoginFailed(_)))));
        waiting.push(other);
    }
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!(refused, 6);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_says_too_much_about_itself_is_refused() {
    let mut world = World::new();
    let mut peer = Peer::connect(&world, Protocol::Msgpack, "w", "pw");
    peer.admin = "x".repeat(9 << 20);
    assert!(matches!(
        peer.serve().await,
        None | Some(WorkerEvent::Closed)
    ));
    assert!(world.is_quiet());
    assert!(world.gateway.session("w").is_none());
}
