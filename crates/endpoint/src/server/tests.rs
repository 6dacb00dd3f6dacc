//! Expected values are what Twisted 26.10 makes of the same strings, where no comment says otherwise.

use super::{BACKLOG_DEFAULT, Endpoint, Ssl, Tcp, Unix};

fn tcp(port: u16, interface: &str, backlog: u32) -> Tcp {
    Tcp {
        port,
        interface: interface.to_owned(),
        backlog,
    }
}

fn check(text: &str, expected: Endpoint) {
    assert_eq!(Endpoint::parse(text), Ok(expected), "{text}");
}

/// `expected` must be part of the message, which also names the whole string.
fn check_refused(text: &str, expected: &str) {
    let message = Endpoint::parse(text).expect_err(text).to_string();
    assert!(message.contains(expected), "{text}: {message}");
    assert!(message.contains(&format!("{text:?}")), "{text}: {message}");
}

#[test]
fn tcp_endpoints_are_read_as_twisted_reads_them() {
    let any = |port| Endpoint::Tcp(tcp(port, "0.0.0.0", BACKLOG_DEFAULT));
    check("9989", any(9989));
    check("tcp:9989", any(9989));
    check("tcp:0", any(0));
    check("tcp: 5", any(5));
    check(
        "tcp:port=9989:interface=127.0.0.1:backlog=7",
        Endpoint::Tcp(tcp(9989, "127.0.0.1", 7)),
    );
    check("tcp:1:127.0.0.1:5", Endpoint::Tcp(tcp(1, "127.0.0.1", 5)));
    check("tcp6:9989", Endpoint::Tcp(tcp(9989, "::", BACKLOG_DEFAULT)));
    check(
        r"tcp6:9989:5:interface=\:\:1",
        Endpoint::Tcp(tcp(9989, "::1", 5)),
    );
}

#[test]
fn ssl_endpoints_are_read_as_twisted_reads_them() {
    let ssl = |private_key: &str, certificate: &str| Ssl {
        tcp: tcp(443, "0.0.0.0", BACKLOG_DEFAULT),
        private_key: private_key.into(),
        certificate: certificate.into(),
        extra_chain: None,
        only_tls13: false,
    };
    check("ssl:443", Endpoint::Ssl(ssl("server.pem", "server.pem")));
    check("ssl:443:k", Endpoint::Ssl(ssl("k", "k")));
    check("ssl:443:k:c", Endpoint::Ssl(ssl("k", "c")));
    check(
        "ssl:port=443:certKey=c:privateKey=k:extraCertChain=e:interface=1.2.3.4:backlog=3:sslmethod=TLS_METHOD",
        Endpoint::Ssl(Ssl {
            tcp: tcp(443, "1.2.3.4", 3),
            extra_chain: Some("e".into()),
            ..ssl("k", "c")
        }),
    );
}

#[test]
fn unix_endpoints_are_read_as_twisted_reads_them() {
    let unix = Unix {
        path: "/tmp/x".into(),
        mode: 0o666,
        backlog: BACKLOG_DEFAULT,
        lock: true,
    };
    check("unix:/tmp/x", Endpoint::Unix(unix.clone()));
    check("unix:address=/tmp/x", Endpoint::Unix(unix.clone()));
    check(
        "unix:/tmp/x:mode=660:backlog=5:lockfile=0",
        Endpoint::Unix(Unix {
            mode: 0o660,
            backlog: 5,
            lock: false,
            ..unix
        }),
    );
}

#[test]
fn a_wrong_endpoint_is_refused_with_its_reason() {
    check_refused(
        "udp:1",
        "unknown endpoint type \"udp\"; expected tcp, tcp6, ssl or unix",
    );
    check_refused("port", "port is \"port\"");
    check_refused("tcp:abc", "port is \"abc\"");
    check_refused("tcp:70000", "from 0 to 65535");
    check_refused("tcp:1:2:3:4", "unexpected argument \"4\" after backlog");
    check_refused("tcp:1:colour=red", "unknown key \"colour\"");
    check_refused("tcp:interface=::1", "given twice");
    check_refused("ssl:interface=x", "port is missing");
    check_refused("unix:", "address is missing");
    check_refused("unix:/x:mode=rw", "octal digits");
    // Twisted knows these.
    check_refused("ssl:1:dhParameters=d", "dhParameters");
    check_refused("ssl:1:sslmethod=SSLv3_METHOD", "sslmethod");
    check_refused("systemd:domain=INET:index=0", "unknown endpoint type");
}
