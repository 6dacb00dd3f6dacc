//! Files that come and go.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use buildbot_gateway::{
    Budget, CommandEnd, CommandError, CommandHandle, Session, Transfer, TransferError, Transferred,
    Update, Value,
};
use buildbot_wire::session::{MasterRequest, TransferRequest, WorkerEvent};
use tokio::sync::mpsc;

use crate::peer::{BOTH, Peer, Started};
use crate::support::{World, command, text};

fn block(text: &[u8]) -> TransferRequest {
    TransferRequest::Write(Arc::new(text.to_vec()))
}

async fn start(
    peer: &mut Peer,
    session: &Session,
    name: &str,
    transfer: Transfer,
) -> (Started, CommandHandle) {
    let mut command = command(
        name,
        &[
            ("workdir", text("build")),
            ("workersrc", text("file")),
            ("workerdest", text("file")),
        ],
    );
    command.transfer = Some(transfer);
    let (sink, _) = mpsc::channel(1);
    let handle = session.run_command(command, sink).await.unwrap();
    (peer.started().await, handle)
}

async fn complete(
    peer: &mut Peer,
    started: &Started,
    handle: CommandHandle,
) -> Result<CommandEnd, CommandError> {
    complete_with(peer, started, handle, 0).await
}

async fn complete_with(
    peer: &mut Peer,
    started: &Started,
    handle: CommandHandle,
    rc: i64,
) -> Result<CommandEnd, CommandError> {
    peer.wire
        .update(started.command, vec![Update::Rc(rc)])
        .unwrap();
    peer.wire.complete(started.command, Ok(())).unwrap();
    let mut wait = std::pin::pin!(handle.wait());
    loop {
        tokio::select! {
            end = &mut wait => return end,
            event = peer.serve() => match event {
                // A transfer that has failed is told to stop.
                Some(WorkerEvent::Requested { reply, request: MasterRequest::InterruptCommand { .. } }) =>
                    peer.wire.reply(reply, Ok(Value::None)),
                other => panic!("{other:?}"),
            },
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_uploaded_file_gets_its_place_mode_and_times() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let path = world.path("new/dir/file");
        let transfer = Transfer::ToFile {
            path: path.clone(),
            maxsize: Some(8),
            mode: Some(0o640),
        };
        let (started, handle) = start(&mut peer, &session, "uploadFile", transfer).await;
        for part in ["abcde", "fghij"] {
            let answer = peer.transfer(started.command, block(part.as_bytes())).await;
            assert_eq!(answer, Ok(Value::None));
        }
        assert!(!path.exists());
        let answer = peer.transfer(started.command, TransferRequest::Close).await;
        assert_eq!(answer, Ok(Value::None));
        let times = TransferRequest::Utime {
            accessed: 1000.5,
            modified: 2000.25,
        };
        assert_eq!(peer.transfer(started.command, times).await, Ok(Value::None));
        let end = complete(&mut peer, &started, handle).await.unwrap();
        let stored = Transferred::Stored {
            bytes: 8,
            truncated: true,
        };
        assert_eq!(end.transfer, Some(Ok(stored)));
        assert_eq!(fs::read(&path).unwrap(), b"abcdefgh");
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o640);
        let modified = metadata.modified().unwrap();
        assert_eq!(modified, UNIX_EPOCH + Duration::from_secs_f64(2000.25));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_not_finished_leaves_the_former_file() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let path = world.path("file");
        fs::write(&path, "former").unwrap();
        let transfer = Transfer::ToFile {
            path: path.clone(),
            maxsize: None,
            mode: None,
        };
        let (started, handle) = start(&mut peer, &session, "uploadFile", transfer.clone()).await;
        peer.transfer(started.command, block(b"new")).await.unwrap();
        let end = complete(&mut peer, &started, handle).await.unwrap();
        assert_eq!(end.transfer, Some(Err(TransferError::Unfinished)));

        let (started, handle) = start(&mut peer, &session, "uploadFile", transfer).await;
        peer.transfer(started.command, block(b"new")).await.unwrap();
        drop(peer);
        handle.wait().await.unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"former");
        assert_eq!(fs::read_dir(world.directory.path()).unwrap().count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_fails_on_the_worker_leaves_the_former_file() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let path = world.path("file");
        fs::write(&path, "former").unwrap();
        let transfer = Transfer::ToFile {
            path: path.clone(),
            maxsize: None,
            mode: None,
        };
        let (started, handle) = start(&mut peer, &session, "uploadFile", transfer).await;
        peer.transfer(started.command, block(b"ne")).await.unwrap();
        peer.transfer(started.command, TransferRequest::Close)
            .await
            .unwrap();
        let end = complete_with(&mut peer, &started, handle, 1).await.unwrap();
        assert_eq!(end.rc, Some(1));
        assert_eq!(end.transfer, Some(Err(TransferError::Unfinished)));
        assert_eq!(fs::read(&path).unwrap(), b"former");
        assert_eq!(fs::read_dir(world.directory.path()).unwrap().count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_refuses_is_no_answer_to_the_worker() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let path = world.path("dir");
        fs::create_dir(&path).unwrap();
        let transfer = Transfer::ToFile {
            path: path.clone(),
            maxsize: None,
            mode: None,
        };
        let (started, handle) = start(&mut peer, &session, "uploadFile", transfer).await;
        // The place is a directory, which shows at the end.
        let answer = peer.transfer(started.command, TransferRequest::Close).await;
        assert_eq!(answer, Ok(Value::None));
        let answer = peer.transfer(started.command, block(b"more")).await;
        assert_eq!(answer, Ok(Value::None));
        let end = complete(&mut peer, &started, handle).await.unwrap();
        match end.transfer {
            Some(Err(TransferError::File { path: named, .. })) => assert_eq!(named, path),
            other => panic!("{other:?}"),
        }

        let mut missing = command("downloadFile", &[]);
        missing.args.push(("workdir".to_owned(), text("build")));
        missing.args.push(("workerdest".to_owned(), text("file")));
        missing.transfer = Some(Transfer::FromFile {
            path: world.path("missing"),
        });
        let (sink, _) = mpsc::channel(1);
        match session.run_command(missing, sink).await {
            Err(CommandError::Transfer(TransferError::File { is_missing, .. })) => {
                assert!(is_missing);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_into_memory_is_cut_off() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let transfer = Transfer::ToMemory { maxsize: Some(4) };
        let (started, handle) = start(&mut peer, &session, "uploadFile", transfer).await;
        for part in ["abc", "def"] {
            let part = block(part.as_bytes());
            peer.transfer(started.command, part).await.unwrap();
        }
        peer.transfer(started.command, TransferRequest::Close)
            .await
            .unwrap();
        let end = complete(&mut peer, &started, handle).await.unwrap();
        let collected = Transferred::Collected {
            content: b"abcd".to_vec(),
            truncated: true,
        };
        assert_eq!(end.transfer, Some(Ok(collected)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_into_memory_ends_with_the_budget_of_its_command() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let mut command = command("uploadFile", &[("workdir", text("build"))]);
        command.args.push(("workersrc".to_owned(), text("file")));
        command.transfer = Some(Transfer::ToMemory { maxsize: None });
        command.budget = Budget::new(10);
        let (sink, _) = mpsc::channel(1);
        let handle = session.run_command(command, sink).await.unwrap();
        let started = peer.started().await;
        for _ in 0..3 {
            let answer = peer.transfer(started.command, block(b"abcdef")).await;
            assert_eq!(answer, Ok(Value::None));
        }
        peer.transfer(started.command, TransferRequest::Close)
            .await
            .unwrap();
        let end = complete(&mut peer, &started, handle).await;
        assert_eq!(end, Err(CommandError::TooMuch), "{protocol}");
    }
}

#[tokio::test(start_paused = true)]
async fn downloads_come_in_blocks_and_end_with_an_empty_one() {
    for protocol in BOTH {
        let mut world = World::new();
        let (mut peer, session) = Peer::attach(&mut world, protocol).await;
        let content: Vec<u8> = (0..2_000_000_u32).map(|n| n as u8).collect();
        let path = world.path("file");
        fs::write(&path, &content).unwrap();
        for transfer in [
            Transfer::FromFile { path: path.clone() },
            Transfer::FromBytes(Arc::new(content.clone())),
        ] {
            let (started, handle) = start(&mut peer, &session, "downloadFile", transfer).await;
            let mut received = Vec::new();
            loop {
                let read = TransferRequest::Read { length: u64::MAX };
                match peer.transfer(started.command, read).await {
                    Ok(Value::Bytes(block)) if block.is_empty() => break,
                    Ok(Value::Bytes(block)) => {
                        // What PB can carry.
                        assert!(block.len() <= 640 << 10);
                        received.extend(block);
                    }
                    other => panic!("{other:?}"),
                }
            }
            peer.transfer(started.command, TransferRequest::CloseReader)
                .await
                .unwrap();
            let end = complete(&mut peer, &started, handle).await.unwrap();
            let sent = Transferred::Sent { bytes: 2_000_000 };
            assert_eq!(end.transfer, Some(Ok(sent)));
            assert!(received == content);
        }
    }
}
