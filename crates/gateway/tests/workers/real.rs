//! Real workers: the reference and ours, over both protocols, with and without TLS.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use buildbot_gateway::{
    CommandError, Compression, DetachReason, Listener, Protocol, Session, Transfer, Transferred,
    Update, Value,
};
use rustix::process::Signal;
use tokio::sync::mpsc;

use crate::programs::{Kind, Program, certificate, resident_kib};
use crate::support::{World, all, command, shell, stdout, text};

/// Listens, and says by which endpoint a worker gets there.
async fn listen(world: &mut World, protocol: Protocol, tls: bool) -> String {
    let listener = match tls {
        false => "tcp:0:interface=127.0.0.1",
        true => {
            certificate(world.directory.path(), "localhost");
            "ssl:0:privateKey=key.pem:certKey=cert.pem:interface=127.0.0.1"
        }
    };
    let listener = Listener::parse(protocol, listener).unwrap();
    world.gateway.listen(vec![listener]).await.unwrap();
    let port = world.gateway.addresses()[0].1.unwrap().port();
    let kind = if tls { "ssl" } else { "tcp" };
    format!("{kind}:host=127.0.0.1:port={port}")
}

async fn start(kind: Kind, protocol: Protocol, tls: bool) -> (World, Program, Session) {
    let mut world = World::new();
    let connection = listen(&mut world, protocol, tls).await;
    let program = Program::start(kind, &world.path("worker"), protocol, &connection, "pw");
    let session = world.attached().await;
    (world, program, session)
}

/// Runs a command to its end.
async fn run(session: &Session, command: buildbot_gateway::Command) -> (Vec<Update>, Option<i64>) {
    let (sink, updates) = mpsc::channel(4);
    let handle = session.run_command(command, sink).await.unwrap();
    let (updates, end) = tokio::join!(all(updates), handle.wait());
    (updates, end.unwrap().rc)
}

async fn transfer(
    session: &Session,
    name: &str,
    args: &[(&str, Value)],
    transfer: Transfer,
) -> (Option<i64>, Transferred) {
    let mut command = command(name, args);
    command.args.push(("workdir".to_owned(), text("build")));
    command.transfer = Some(transfer);
    let (sink, updates) = mpsc::channel(4);
    let handle = session.run_command(command, sink).await.unwrap();
    let (_, end) = tokio::join!(all(updates), handle.wait());
    let end = end.unwrap();
    (end.rc, end.transfer.unwrap().unwrap())
}

async fn uses_everything(kind: Kind, protocol: Protocol, tls: bool) {
    let (mut world, mut program, session) = start(kind, protocol, tls).await;
    let case = format!("{kind:?} {protocol} tls: {tls}");
    let base = program.basedir.join("b-dir/build");
    assert_eq!(
        Path::new(&session.info().basedir),
        program.basedir,
        "{case}"
    );
    assert!(session.info().commands.contains_key("shell"), "{case}");
    session.ping().await.unwrap();
    session.start_build("b").await.unwrap();

    let script = "echo one; echo two >&2; head -c 3000000 /dev/urandom >random; \
                  mkdir -p tree/sub; echo x >tree/sub/x; ln -s sub/x tree/link; exit 7";
    let (updates, rc) = run(&session, shell(script)).await;
    assert_eq!(
        (stdout(&updates).as_str(), rc),
        ("one\n", Some(7)),
        "{case}"
    );
    let content = fs::read(base.join("random")).unwrap();

    // Up, down, and whole directories.
    let path = world.path("uploads/random");
    let arguments = [
        ("workersrc", text("random")),
        ("maxsize", Value::None),
        ("blocksize", Value::Int(262_144)),
        ("keepstamp", Value::Bool(true)),
    ];
    let to_file = Transfer::ToFile {
        path: path.clone(),
        maxsize: None,
        mode: Some(0o644),
    };
    let (rc, stored) = transfer(&session, "uploadFile", &arguments, to_file).await;
    let expected = Transferred::Stored {
        bytes: 3_000_000,
        truncated: false,
    };
    assert_eq!((rc, stored), (Some(0), expected), "{case}");
    assert!(fs::read(&path).unwrap() == content, "{case}");
    let modified = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let difference = modified(&path).duration_since(modified(&base.join("random")));
    let difference = difference.unwrap_or_else(|error| error.duration());
    assert!(
        difference < Duration::from_millis(1),
        "{case}: {difference:?}"
    );

    let arguments = [
        ("workerdest", text("back")),
        ("maxsize", Value::None),
        ("blocksize", Value::Int(16_384)),
        ("mode", Value::Int(0o600)),
    ];
    for from in [
        Transfer::FromFile { path: path.clone() },
        Transfer::FromBytes(Arc::new(content.clone())),
    ] {
        let (rc, sent) = transfer(&session, "downloadFile", &arguments, from).await;
        let expected = Transferred::Sent { bytes: 3_000_000 };
        assert_eq!((rc, sent), (Some(0), expected), "{case}");
        assert!(fs::read(base.join("back")).unwrap() == content, "{case}");
        fs::remove_file(base.join("back")).unwrap();
    }

    for (compress, compression) in [
        (Value::None, Compression::None),
        (text("gz"), Compression::Gzip),
        (text("bz2"), Compression::Bzip2),
    ] {
        let root = world.path(&format!("trees/{compression:?}"));
        let arguments = [
            ("workersrc", text("tree")),
            ("maxsize", Value::None),
            ("blocksize", Value::Int(16_384)),
            ("compress", compress),
        ];
        let to = Transfer::ToDirectory {
            root: root.clone(),
            maxsize: None,
            compression,
        };
        let (rc, _) = transfer(&session, "uploadDirectory", &arguments, to).await;
        assert_eq!(rc, Some(0), "{case}");
        assert_eq!(
            fs::read_to_string(root.join("link")).unwrap(),
            "x\n",
            "{case}"
        );
    }

    // A worker that keeps to the limit says so itself.
    let arguments = [
        ("workersrc", text("random")),
        ("maxsize", Value::Int(1000)),
        ("blocksize", Value::Int(300)),
        ("keepstamp", Value::Bool(false)),
    ];
    let to_memory = Transfer::ToMemory {
        maxsize: Some(1000),
    };
    let (rc, collected) = transfer(&session, "uploadFile", &arguments, to_memory).await;
    let expected = Transferred::Collected {
        content: content[..1000].to_vec(),
        truncated: false,
    };
    assert_eq!((rc, collected), (Some(1), expected), "{case}");

    // Other commands.
    let (updates, rc) = run(&session, command("glob", &[("path", text("build/t*"))])).await;
    let found = base.join("tree").to_str().unwrap().to_owned();
    assert_eq!(rc, Some(0), "{case}");
    assert!(
        updates.contains(&Update::Files(vec![found])),
        "{case}: {updates:?}"
    );
    let (_, rc) = run(
        &session,
        command("mkdir", &[("dir", text("build/new/dir"))]),
    )
    .await;
    assert_eq!(rc, Some(0), "{case}");
    assert!(base.join("new/dir").is_dir(), "{case}");
    let (sink, _updates) = mpsc::channel(4);
    let unknown = session.run_command(command("unheard", &[]), sink).await;
    match unknown.unwrap().wait().await {
        Err(CommandError::Refused(_)) => {}
        other => panic!("{case}: {other:?}"),
    }

    // A build is stopped.
    let (sink, mut updates) = mpsc::channel(4);
    let running = shell("touch begun; echo begun; exec sleep 1000");
    let handle = session.run_command(running, sink).await.unwrap();
    while !base.join("begun").exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    handle.interrupter().interrupt("enough").await;
    let (_, end) = tokio::join!(
        async { while updates.recv().await.is_some() {} },
        handle.wait()
    );
    assert_eq!(end.unwrap().rc, Some(-1), "{case}");

    // And the worker is.
    session.shutdown().await.unwrap();
    assert_eq!(world.detached().await.0, session.id(), "{case}");
    program.ended().await;
}

#[tokio::test]
async fn the_reference_is_used_over_pb() {
    uses_everything(Kind::Python, Protocol::Pb, false).await;
}

#[tokio::test]
async fn the_reference_is_used_over_pb_and_tls() {
    uses_everything(Kind::Python, Protocol::Pb, true).await;
}

#[tokio::test]
async fn the_reference_is_used_over_msgpack() {
    uses_everything(Kind::Python, Protocol::Msgpack, false).await;
}

#[tokio::test]
async fn the_reference_is_used_over_msgpack_and_tls() {
    uses_everything(Kind::Python, Protocol::Msgpack, true).await;
}

#[tokio::test]
async fn our_worker_is_used_over_pb() {
    uses_everything(Kind::Rust, Protocol::Pb, false).await;
}

#[tokio::test]
async fn our_worker_is_used_over_pb_and_tls() {
    uses_everything(Kind::Rust, Protocol::Pb, true).await;
}

#[tokio::test]
async fn our_worker_is_used_over_msgpack() {
    uses_everything(Kind::Rust, Protocol::Msgpack, false).await;
}

#[tokio::test]
async fn our_worker_is_used_over_msgpack_and_tls() {
    uses_everything(Kind::Rust, Protocol::Msgpack, true).await;
}

#[tokio::test]
#[ignore = "BUILDBOT_OLD_WORKER must name the program of an older worker"]
async fn an_old_worker_is_used() {
    uses_everything(Kind::Old, Protocol::Pb, false).await;
}

/// Ten megabytes are taken a little at a time.
async fn is_read_slowly(kind: Kind, protocol: Protocol) {
    let (_world, program, session) = start(kind, protocol, false).await;
    let before = (program.resident_kib(), resident_kib("self"));
    let (sink, mut updates) = mpsc::channel(1);
    let script = "seq 1000000 2299999 | head -c 10000000; touch done";
    let handle = session.run_command(shell(script), sink).await.unwrap();
    let mut most = before;
    let mut bytes = 0;
    while let Some(update) = updates.recv().await {
        if let Update::Text {
            stream: buildbot_gateway::Stream::Stdout,
            text,
            ..
        } = update
        {
            bytes += text.len();
        }
        most.0 = most.0.max(program.resident_kib());
        most.1 = most.1.max(resident_kib("self"));
        // That is what slow means.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(handle.wait().await.unwrap().rc, Some(0));
    // The last line is cut by `head` and ended by the worker.
    assert!((10_000_000..=10_000_001).contains(&bytes), "{bytes}");
    // Other tests run in this process.
    let grown = most.1 - before.1;
    assert!(grown < 32 << 10, "the gateway grows by {grown} KiB");
    if kind == Kind::Rust {
        assert!(
            most.0 - before.0 < 16 << 10,
            "the worker grows by {} KiB",
            most.0 - before.0
        );
    }
}

#[tokio::test]
async fn a_slow_reader_does_not_fill_the_memory() {
    for protocol in [Protocol::Pb, Protocol::Msgpack] {
        is_read_slowly(Kind::Rust, protocol).await;
        is_read_slowly(Kind::Python, protocol).await;
    }
}

#[tokio::test]
async fn a_worker_gets_in_once_its_password_is_right() {
    for (kind, protocol) in [
        (Kind::Python, Protocol::Pb),
        (Kind::Python, Protocol::Msgpack),
        (Kind::Rust, Protocol::Pb),
    ] {
        let mut world = World::new();
        world.configured.workers.lock().unwrap().clear();
        let connection = listen(&mut world, protocol, false).await;
        let _program = Program::start(kind, &world.path("worker"), protocol, &connection, "pw");
        let log = world.path("worker/console.log");
        // It has been refused at least once.
        let refused = |text: &str| {
            ["efuse", "nauthorized", "UnauthorizedLogin", "401"]
                .iter()
                .any(|word| text.contains(word))
        };
        loop {
            let mut seen = fs::read_to_string(&log).unwrap_or_default();
            seen += &fs::read_to_string(world.path("worker/twistd.log")).unwrap_or_default();
            if refused(&seen) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(world.is_quiet());
        world.configure("w", None);
        world.attached().await;
    }
}

#[tokio::test]
async fn a_second_worker_of_the_name_has_to_go() {
    for kind in [Kind::Python, Kind::Rust] {
        let mut world = World::new();
        let connection = listen(&mut world, Protocol::Pb, false).await;
        let begin = |directory: &str| {
            Program::start(
                kind,
                &world.path(directory),
                Protocol::Pb,
                &connection,
                "pw",
            )
        };
        let _first = begin("first");
        let session = world.attached().await;
        let mut second =
            Program::start(kind, &world.path("second"), Protocol::Pb, &connection, "pw");
        second.ended().await;
        assert!(world.is_quiet());
        session.ping().await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_worker_ends_its_commands_and_comes_back() {
    for (kind, protocol) in [
        (Kind::Python, Protocol::Pb),
        (Kind::Python, Protocol::Msgpack),
        (Kind::Rust, Protocol::Pb),
        (Kind::Rust, Protocol::Msgpack),
    ] {
        let (mut world, program, session) = start(kind, protocol, false).await;
        let (sink, updates) = mpsc::channel(4);
        let script = shell("touch begun; exec sleep 5");
        let handle = session.run_command(script, sink).await.unwrap();
        while !program.basedir.join("b-dir/build/begun").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        program.signal(Signal::KILL);
        let (_, end) = tokio::join!(all(updates), handle.wait());
        assert!(matches!(end, Err(CommandError::Lost(_))), "{end:?}");
        assert_eq!(world.detached().await.0, session.id());
        let basedir = program.basedir.clone();
        drop(program);
        let _ = fs::remove_file(basedir.join("twistd.pid"));
        let _again = Program::start_again(kind, &basedir);
        assert_ne!(world.attached().await.id(), session.id());
    }
}

#[tokio::test]
async fn a_stopped_worker_is_noticed_and_comes_back() {
    for (kind, protocol) in [
        (Kind::Python, Protocol::Pb),
        (Kind::Python, Protocol::Msgpack),
        (Kind::Rust, Protocol::Pb),
    ] {
        let (mut world, program, session) = start(kind, protocol, false).await;
        let second = Duration::from_secs(1);
        session.set_keepalive(Some(second)).await;
        program.signal(Signal::STOP);
        let before = tokio::time::Instant::now();
        let (id, reason) = world.detached().await;
        assert_eq!(id, session.id());
        assert!(matches!(reason, DetachReason::Silent(_)), "{reason}");
        assert!(before.elapsed() < 4 * second, "{:?}", before.elapsed());
        program.signal(Signal::CONT);
        world.attached().await;
    }
}
