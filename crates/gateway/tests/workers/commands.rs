//! Commands: what they say, how they end, and who waits for whom.

use std::time::Duration;

use buildbot_gateway::{
    Budget, CommandEnd, CommandError, DetachReason, Failure, Protocol, Stream, Update, Value,
};
use buildbot_wire::session::{MasterRequest, WorkerEvent};
use tokio::sync::mpsc;

use crate::peer::{BOTH, Peer};
use crate::support::{World, all, command, shell, text};

fn stdout(text: &str) -> Update {
    Update::Text {
        stream: Stream::Stdout,
        text: text.to_owned(),
        marks: None,
    }
}

#[tokio::test(start_paused = true)]
async fn updates_reach_the_sink_in_order_and_as_whole_lines() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let (sink, updates) = mpsc::channel(100);
        let handle = session.run_command(shell("x"), sink).await.unwrap();
        let started = peer.started().await;
        assert_eq!(started.name, "shell");
        assert_eq!(started.id, handle.id());
        let workdir = match protocol {
            Protocol::Pb => "build",
            Protocol::Msgpack => "/base/b-dir/build",
        };
        assert_eq!(started.args.get("workdir"), Some(&text(workdir)));
        let sent = match protocol {
            // Old workers send what they read.
            Protocol::Pb => vec!["a", "b\nc\r", "\nd"],
            Protocol::Msgpack => vec!["ab\nc\n", "d\n"],
        };
        for piece in sent {
            peer.wire
                .update(started.command, vec![stdout(piece)])
                .unwrap();
        }
        let last = vec![
            Update::Rc(3),
            Update::Elapsed(1.5),
            Update::Other {
                key: "colour".to_owned(),
                value: Value::Int(7),
            },
        ];
        peer.wire.update(started.command, last).unwrap();
        peer.wire.complete(started.command, Ok(())).unwrap();
        let (end, _) = tokio::join!(handle.wait(), async {
            // The answers to all of it.
            tokio::time::timeout(Duration::from_secs(1), peer.serve()).await
        });
        assert_eq!(peer.wire.backlog().requests, 0, "{protocol}");
        let end = end.unwrap();
        assert_eq!(
            end,
            CommandEnd {
                rc: Some(3),
                transfer: None
            }
        );
        let found = all(updates).await;
        let lines: String = found
            .iter()
            .filter_map(|update| match update {
                Update::Text { text, .. } => {
                    assert!(text.ends_with('\n'));
                    Some(text.as_str())
                }
                _ => None,
            })
            .collect();
        assert_eq!(lines, "ab\nc\nd\n", "{protocol}");
        assert!(found.contains(&Update::Elapsed(1.5)));
        assert!(
            found
                .iter()
                .any(|update| matches!(update, Update::Other { .. }))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_acknowledged_what_the_sink_has_taken() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let (sink, mut updates) = mpsc::channel(1);
        let handle = session.run_command(shell("x"), sink).await.unwrap();
        let started = peer.started().await;
        for _ in 0..3 {
            let update = vec![stdout("line\n")];
            peer.wire.update(started.command, update).unwrap();
        }
        let second = Duration::from_secs(1);
        let _ = tokio::time::timeout(second, peer.serve()).await;
        // One is taken, one is being taken.
        assert_eq!(peer.wire.backlog().requests, 2, "{protocol}");
        updates.recv().await.unwrap();
        let _ = tokio::time::timeout(second, peer.serve()).await;
        assert_eq!(peer.wire.backlog().requests, 1, "{protocol}");
        updates.close();
        peer.wire.complete(started.command, Ok(())).unwrap();
        let (end, _) = tokio::join!(handle.wait(), tokio::time::timeout(second, peer.serve()));
        end.unwrap();
        assert_eq!(peer.wire.backlog().requests, 0, "{protocol}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_not_read_while_too_much_of_it_waits() {
    const BUDGET: usize = 100_000;
    for protocol in BOTH {
        let mut world = World::with(|settings| settings.waiting_bytes_max = BUDGET);
        world.configure("w", Some(Duration::from_secs(60)));
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let (sink, mut updates) = mpsc::channel(1);
        let handle = session.run_command(shell("x"), sink).await.unwrap();
        let started = peer.started().await;
        peer.flush().await;
        let line = format!("{}\n", "x".repeat(9_999));
        let mut sent = 0;
        // Each is sent only if there is room for it on the way.
        loop {
            let update = vec![stdout(&line)];
            peer.wire.update(started.command, update).unwrap();
            sent += line.len();
            let flushed = tokio::time::timeout(Duration::from_secs(1), peer.flush()).await;
            if flushed.is_err() {
                break;
            }
            assert!(sent < 10 * BUDGET, "{protocol}: nothing stops it");
        }
        // What waits, one read more, and what is on its way.
        assert!(
            sent < BUDGET + (64 << 10) + (40 << 10),
            "{protocol}: {sent}"
        );
        // Nor is it taken for dead.
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(world.is_quiet(), "{protocol}");
        drop(peer);
        let mut taken = 0;
        while let Some(update) = updates.recv().await {
            if let Update::Text { text, .. } = update {
                taken += text.len();
            }
        }
        assert!(taken >= BUDGET, "{protocol}: {taken}");
        assert!(matches!(handle.wait().await, Err(CommandError::Lost(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_ends_its_commands() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let (sink, updates) = mpsc::channel(10);
        let handle = session.run_command(shell("x"), sink).await.unwrap();
        let started = peer.started().await;
        let update = vec![stdout("done\nhalf")];
        peer.wire.update(started.command, update).unwrap();
        peer.flush().await;
        drop(peer);
        let lost = handle.wait().await;
        assert_eq!(lost, Err(CommandError::Lost(DetachReason::Closed)));
        assert_eq!(all(updates).await, [stdout("done\n"), stdout("half\n")]);
        assert_eq!(world.detached().await.1, DetachReason::Closed);
        let (sink, _updates) = mpsc::channel(10);
        let later = session.run_command(shell("x"), sink).await;
        assert!(matches!(
            later,
            Err(CommandError::Lost(DetachReason::Closed))
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_started_or_breaks_says_why() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let (sink, _updates) = mpsc::channel(10);
        let odd = command("odd", &[]);
        let handle = session.run_command(odd, sink.clone()).await.unwrap();
        let started = peer.asked_to_start().await;
        let failure = Failure::new("builtins.KeyError", &[], "unrecognized");
        peer.wire.reply(started.reply, Err(failure));
        let (end, _) = tokio::join!(
            handle.wait(),
            tokio::time::timeout(Duration::from_secs(1), peer.serve())
        );
        match end {
            Err(CommandError::Refused(failure)) => assert_eq!(failure.value, "unrecognized"),
            other => panic!("{other:?}"),
        }

        let handle = session.run_command(shell("x"), sink.clone()).await.unwrap();
        let started = peer.started().await;
        let failure = Failure::new("builtins.OSError", &[], "it broke");
        peer.wire.complete(started.command, Err(failure)).unwrap();
        let (end, _) = tokio::join!(
            handle.wait(),
            tokio::time::timeout(Duration::from_secs(1), peer.serve())
        );
        match end {
            Err(CommandError::Broke(failure)) => assert!(failure.value.ends_with("it broke")),
            other => panic!("{other:?}"),
        }

        let mut elsewhere = shell("x");
        elsewhere.builder = "nobody's".to_owned();
        let unsendable = match session.run_command(elsewhere, sink).await {
            Ok(handle) => handle.wait().await.unwrap_err(),
            Err(error) => error,
        };
        let text = unsendable.to_string();
        assert!(text.contains("no builder \"nobody's\""), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_names_the_command_and_its_reason() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let (sink, _updates) = mpsc::channel(10);
        let handle = session.run_command(shell("x"), sink).await.unwrap();
        let started = peer.started().await;
        handle.interrupter().interrupt("because").await;
        match peer.serve().await {
            Some(WorkerEvent::Requested {
                reply,
                request: MasterRequest::InterruptCommand { id, builder, why },
            }) => {
                assert_eq!((id, why.as_str()), (started.id, "because"));
                assert_eq!(builder.as_deref(), Some("b"));
                peer.wire.reply(reply, Ok(Value::None));
            }
            other => panic!("{other:?}"),
        }
        let update = vec![Update::Rc(-1)];
        peer.wire.update(started.command, update).unwrap();
        peer.wire.complete(started.command, Ok(())).unwrap();
        let interrupter = handle.interrupter();
        let (end, _) = tokio::join!(
            handle.wait(),
            tokio::time::timeout(Duration::from_secs(1), peer.serve())
        );
        assert_eq!(end.unwrap().rc, Some(-1));
        // Nothing is left to stop.
        interrupter.interrupt("late").await;
        let later = tokio::time::timeout(Duration::from_secs(1), peer.serve()).await;
        assert!(later.is_err(), "{later:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_that_sends_more_than_is_kept_is_stopped_and_fails() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let (sink, mut updates) = mpsc::channel(10);
        let budget = Budget::new(10_000);
        let mut command = shell("x");
        command.budget = budget.clone();
        let handle = session.run_command(command, sink).await.unwrap();
        let started = peer.started().await;
        let value = |bytes: usize| Update::Other {
            key: "colour".to_owned(),
            value: text(&"x".repeat(bytes)),
        };
        peer.wire
            .update(started.command, vec![value(6000)])
            .unwrap();
        // Whoever keeps it takes from the budget.
        let kept = tokio::select! {
            update = updates.recv() => update.unwrap(),
            event = peer.serve() => panic!("{event:?}"),
        };
        assert!(budget.take(kept.memory_cost()));
        assert!(!budget.take(kept.memory_cost()));
        match peer.serve().await {
            Some(WorkerEvent::Requested {
                reply,
                request: MasterRequest::InterruptCommand { id, .. },
            }) => {
                assert_eq!(id, started.id, "{protocol}");
                peer.wire.reply(reply, Ok(Value::None));
            }
            other => panic!("{other:?}"),
        }
        // Nothing more of it goes anywhere, and it is acknowledged.
        let update = vec![value(6000), stdout("late\n"), Update::Rc(0)];
        peer.wire.update(started.command, update).unwrap();
        peer.wire.complete(started.command, Ok(())).unwrap();
        let second = Duration::from_secs(1);
        let (end, _) = tokio::join!(handle.wait(), tokio::time::timeout(second, peer.serve()));
        assert_eq!(end, Err(CommandError::TooMuch), "{protocol}");
        assert_eq!(peer.wire.backlog().requests, 0, "{protocol}");
        assert_eq!(updates.recv().await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_not_read_while_values_of_it_wait() {
    let mut world = World::with(|settings| settings.waiting_bytes_max = 100_000);
    let (mut peer, session) = Peer::attach(&mut world, Protocol::Pb).await;
    let (sink, _updates) = mpsc::channel(1);
    session.run_command(shell("x"), sink).await.unwrap();
    let started = peer.started().await;
    let mut sent = 0;
    loop {
        let update = Update::Other {
            key: "colour".to_owned(),
            value: text(&"x".repeat(10_000)),
        };
        peer.wire.update(started.command, vec![update]).unwrap();
        sent += 10_000;
        let flushed = tokio::time::timeout(Duration::from_secs(1), peer.flush()).await;
        if flushed.is_err() {
            break;
        }
        assert!(sent < 1_000_000, "nothing stops it");
    }
}
