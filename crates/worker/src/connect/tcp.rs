//! TCP connections to names with several addresses.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{ConnectError, host_and_port};
use buildbot_endpoint::client::Tcp;

/// The next address is tried when one has not answered for so long, while the attempts before go on.
/// RFC 8305, section 5.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How long a connection is silent before the system asks whether the peer is there, and how often.
const PROBE_AFTER: Duration = Duration::from_secs(120);
const PROBE_INTERVAL: Duration = Duration::from_secs(30);

/// Connects to the first address that answers.
pub(super) async fn open(tcp: &Tcp) -> Result<TcpStream, ConnectError> {
    let attempt = tokio::time::timeout(tcp.timeout, open_any(tcp)).await;
    let stream = attempt.unwrap_or_else(|_| {
        Err(ConnectError::TimedOut {
            address: host_and_port(&tcp.host, tcp.port),
            seconds: tcp.timeout.as_secs(),
        })
    })?;
    let probes = TcpKeepalive::new()
        .with_time(PROBE_AFTER)
        .with_interval(PROBE_INTERVAL);
    if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&probes) {
        tracing::warn!("cannot turn on TCP keepalive: {error}");
    }
    // Answers are small and each is waited for.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("cannot turn off the delay of small packets: {error}");
    }
    Ok(stream)
}

async fn open_any(tcp: &Tcp) -> Result<TcpStream, ConnectError> {
    let name_error = |source| ConnectError::Name {
        host: tcp.host.clone(),
        source,
    };
    let found = lookup_host((tcp.host.as_str(), tcp.port)).await;
    let addresses = found.map_err(name_error)?.collect();
    let bind = match &tcp.bind_address {
        Some(address) => {
            Some(
                address
                    .parse::<IpAddr>()
                    .map_err(|error| ConnectError::Refused {
                        address: format!("{address} (bindAddress)"),
                        source: io::Error::new(io::ErrorKind::InvalidInput, error),
                    })?,
            )
        }
        None => None,
    };
    let nothing = || io::Error::new(io::ErrorKind::NotFound, "it has no address");
    let stream = open_first(addresses, bind).await;
    stream.map_err(|error| error.unwrap_or_else(|| name_error(nothing())))
}

/// Connects to the first of `addresses` that answers. The error is the last one, none without an address.
async fn open_first(
    addresses: Vec<SocketAddr>,
    bind: Option<IpAddr>,
) -> Result<TcpStream, Option<ConnectError>> {
    let mut addresses = interleaved(addresses).into_iter();
    let mut attempts = JoinSet::new();
    let mut last_error = None;
    loop {
        let next = addresses.next();
        let more = next.is_some();
        if let Some(address) = next {
            attempts.spawn(async move { (address, open_one(address, bind).await) });
        }
        tokio::select! {
            Some(Ok((address, outcome))) = attempts.join_next() => match outcome {
                Ok(stream) => return Ok(stream),
                Err(source) => {
                    let address = address.to_string();
                    last_error = Some(ConnectError::Refused { address, source });
                }
            },
            () = sleep(ATTEMPT_DELAY), if more => {}
            else => return Err(last_error),
        }
    }
}

async fn open_one(address: SocketAddr, bind: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(bind) = bind {
        socket.bind(SocketAddr::new(bind, 0))?;
    }
    socket.connect(address).await
}

/// The families in turn, beginning with the resolver's first choice.
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut preferred, mut other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    preferred.reverse();
    other.reverse();
    let mut ordered = Vec::with_capacity(preferred.len() + other.len());
    while !preferred.is_empty() || !other.is_empty() {
        ordered.extend(preferred.pop());
        ordered.extend(other.pop());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_take_turns() {
        let parse = |address: &str| address.parse::<SocketAddr>().unwrap();
        let given = ["[::1]:1", "[::2]:1", "127.0.0.1:1", "[::3]:1"].map(parse);
        let expected = ["[::1]:1", "127.0.0.1:1", "[::2]:1", "[::3]:1"].map(parse);
        assert_eq!(interleaved(given.to_vec()), expected);
    }

    #[tokio::test]
    async fn a_name_whose_first_address_refuses_is_reached_by_the_next() {
        // On every system the name has ::1, 127.0.0.1 or both.
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let tcp = Tcp {
            host: "localhost".to_owned(),
            port: listener.local_addr().unwrap().port(),
            timeout: Duration::from_secs(10),
            bind_address: None,
        };
        let stream = open(&tcp).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
    }

    #[tokio::test]
    async fn of_several_addresses_the_one_that_answers_is_taken() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let listening = listener.local_addr().unwrap();
        let port = listening.port();
        let closed = ["127.0.0.2", "::1", "127.0.0.3"]
            .map(|address| SocketAddr::new(address.parse().unwrap(), port));
        for place in 0..=closed.len() {
            let mut addresses = closed.to_vec();
            addresses.insert(place, listening);
            let stream = open_first(addresses, None).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), listening);
        }
        assert!(matches!(
            open_first(closed.to_vec(), None).await,
            Err(Some(ConnectError::Refused { .. }))
        ));
        assert!(matches!(open_first(Vec::new(), None).await, Err(None)));
    }

    #[tokio::test]
    async fn an_address_that_is_silent_does_not_hold_up_the_next() {
        // A full backlog drops what comes on top of it, as a host does that is not there.
        let full = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        rustix::net::listen(&full, 0).unwrap();
        let silent = full.local_addr().unwrap();
        let _waiting = std::net::TcpStream::connect(silent).unwrap();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let listening = listener.local_addr().unwrap();
        let stream = open_first(vec![silent, listening], None).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listening);
    }

    #[tokio::test]
    async fn a_refused_connection_names_the_address() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let tcp = Tcp {
            host: "127.0.0.1".to_owned(),
            port: address.port(),
            timeout: Duration::from_secs(10),
            bind_address: None,
        };
        let error = open(&tcp).await.unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("cannot connect to {address}: ")),
            "{error}"
        );
    }
}
