//! Where the gateway listens, and what changes at a reconfiguration.

use std::net::SocketAddr;
use std::process::Stdio;

use buildbot_gateway::{Listener, Protocol};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpStream, UnixStream};

use crate::programs::certificate;
use crate::support::World;

fn listener(protocol: Protocol, port: &str) -> Listener {
    Listener::parse(protocol, port).unwrap()
}

fn address(world: &World, wanted: &Listener) -> SocketAddr {
    let addresses = world.gateway.addresses();
    let found = addresses.iter().find(|(listener, _)| listener == wanted);
    found.unwrap().1.unwrap()
}

/// A PB server speaks first.
async fn is_pb(mut stream: impl tokio::io::AsyncRead + Unpin) {
    let mut greeting = [0; 12];
    stream.read_exact(&mut greeting).await.unwrap();
    assert_eq!(&greeting, b"\x02\x80\x02\x82pb\x04\x82none");
}

#[tokio::test]
async fn listeners_that_stay_equal_stay_open() {
    let mut world = World::new();
    let kept = listener(Protocol::Pb, "tcp:0:interface=127.0.0.1");
    let left = listener(Protocol::Msgpack, "tcp:0:interface=127.0.0.1");
    let both = vec![kept.clone(), left.clone()];
    world.gateway.listen(both).await.unwrap();
    let (kept_at, left_at) = (address(&world, &kept), address(&world, &left));
    let connected = TcpStream::connect(kept_at).await.unwrap();

    // The port of one that goes is free for one that comes, and what cannot be opened changes nothing.
    let bad = listener(
        Protocol::Pb,
        &format!("tcp:{}:interface=127.0.0.1:backlog=7", kept_at.port()),
    );
    let wanted = vec![kept.clone(), bad.clone()];
    let error = world.gateway.listen(wanted).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("tcp:{}", kept_at.port())), "{text}");
    assert!(text.contains("in use"), "{text}");
    assert_eq!(address(&world, &kept), kept_at);

    let new = listener(
        Protocol::Pb,
        &format!("tcp:{}:interface=127.0.0.1", kept_at.port()),
    );
    world.gateway.listen(vec![new.clone()]).await.unwrap();
    assert_eq!(address(&world, &new), kept_at);
    is_pb(connected).await;
    is_pb(TcpStream::connect(kept_at).await.unwrap()).await;
    TcpStream::connect(left_at).await.unwrap_err();

    world.gateway.listen(Vec::new()).await.unwrap();
    TcpStream::connect(kept_at).await.unwrap_err();
}

#[tokio::test]
async fn a_socket_in_the_file_system_has_a_lock_and_is_removed() {
    let mut world = World::new();
    let unix = listener(Protocol::Pb, "unix:socket:mode=600");
    world.gateway.listen(vec![unix.clone()]).await.unwrap();
    let path = world.path("socket");
    is_pb(UnixStream::connect(&path).await.unwrap()).await;
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    // Ours is a living process.
    let mut other = World::new();
    let same = listener(Protocol::Pb, &format!("unix:{}", path.display()));
    let error = other.gateway.listen(vec![same.clone()]).await.unwrap_err();
    assert!(error.to_string().contains("listens there"), "{error}");

    world.gateway.listen(Vec::new()).await.unwrap();
    assert_eq!(
        std::fs::read_dir(world.directory.path()).unwrap().count(),
        0
    );

    // A dead one left its socket.
    std::fs::write(&path, "").unwrap();
    std::os::unix::fs::symlink("999999999", world.path("socket.lock")).unwrap();
    other.gateway.listen(vec![same]).await.unwrap();
    is_pb(UnixStream::connect(&path).await.unwrap()).await;
}

/// As a master that was killed, below a parent that has not noticed.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_has_ended_and_was_not_reaped_holds_no_lock() {
    let mut world = World::new();
    let path = world.path("socket");
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let stat = format!("/proc/{}/stat", child.id());
    while !std::fs::read_to_string(&stat).unwrap().contains(") Z ") {
        tokio::task::yield_now().await;
    }
    std::fs::write(&path, "").unwrap();
    std::os::unix::fs::symlink(child.id().to_string(), world.path("socket.lock")).unwrap();

    let unix = listener(Protocol::Pb, &format!("unix:{}", path.display()));
    world.gateway.listen(vec![unix]).await.unwrap();
    is_pb(UnixStream::connect(&path).await.unwrap()).await;
    child.wait().unwrap();
}

#[tokio::test]
async fn what_a_listener_needs_and_has_not_is_named() {
    let mut world = World::new();
    let check = async |world: &mut World, port: &str, expected: &str| {
        let wanted = vec![listener(Protocol::Pb, port)];
        let error = world.gateway.listen(wanted).await.expect_err(port);
        let text = error.to_string();
        assert!(text.contains(expected), "{port}: {text}");
    };
    check(
        &mut world,
        "ssl:0:privateKey=no.key:certKey=no.crt",
        "no.crt",
    )
    .await;
    check(
        &mut world,
        "tcp:0:interface=no.such.invalid",
        "no.such.invalid",
    )
    .await;
    std::fs::write(world.path("empty"), "").unwrap();
    check(&mut world, "ssl:0:empty", "empty").await;
}

/// Whom the certificate of a server names.
async fn subject(address: SocketAddr) -> String {
    let output = tokio::task::spawn_blocking(move || {
        std::process::Command::new("openssl")
            .args(["s_client", "-connect", &address.to_string()])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    });
    let output = output.await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find(|line| line.starts_with("subject="));
    line.unwrap_or(&text).replace(' ', "")
}

#[tokio::test]
async fn a_new_certificate_is_used_for_the_next_connection() {
    let mut world = World::new();
    certificate(world.directory.path(), "first");
    let ssl = listener(
        Protocol::Pb,
        "ssl:0:privateKey=key.pem:certKey=cert.pem:interface=127.0.0.1",
    );
    world.gateway.listen(vec![ssl.clone()]).await.unwrap();
    let address = address(&world, &ssl);
    assert_eq!(subject(address).await, "subject=CN=first");
    certificate(world.directory.path(), "second");
    assert_eq!(subject(address).await, "subject=CN=second");
    // Half of a change is no reason to turn workers away.
    std::fs::write(world.path("cert.pem"), "-----BEGIN").unwrap();
    world.gateway.reload_certificates().await.unwrap_err();
    assert_eq!(subject(address).await, "subject=CN=second");
    certificate(world.directory.path(), "third");
    world.gateway.reload_certificates().await.unwrap();
    assert_eq!(subject(address).await, "subject=CN=third");
}
