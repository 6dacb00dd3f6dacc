//! Expected values are what Twisted 26.10 makes of the same strings, where no comment says otherwise.

use proptest::prelude::*;
use std::path::PathBuf;
use std::time::Duration;

use super::{Endpoint, Identity, Ssl, Tcp, Tls, Unix, web_socket_address};

fn tcp(host: &str, port: u16) -> Tcp {
    Tcp {
        host: host.to_owned(),
        port,
        timeout: Duration::from_secs(30),
        bind_address: None,
    }
}

fn ssl(tcp: Tcp) -> Ssl {
    Ssl {
        tcp,
        identity: None,
        ca_certs_dir: None,
        hostname: None,
    }
}

fn tls(tcp: Tcp) -> Tls {
    Tls {
        tcp,
        identity: None,
        trust_roots: None,
        through: None,
    }
}

fn unix(path: &str) -> Unix {
    Unix {
        path: path.into(),
        timeout: Duration::from_secs(30),
        check_lock: false,
    }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
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
    let plain = |text: &str, host: &str, port| check(text, Endpoint::Tcp(tcp(host, port)));
    plain("tcp:h:5", "h", 5);
    plain("TCP:h:5", "h", 5);
    plain("tCp:host=h:port=5", "h", 5);
    plain("tcp:h:port=5", "h", 5);
    plain("tcp:port=5:h", "h", 5);
    plain("tcp:h: 5", "h", 5);
    plain("tcp:h:5_0", "h", 50);
    plain("tcp:h:+5", "h", 5);
    plain("tcp:h:5:port=6", "h", 5);
    plain("tcp:h:5:host=g", "h", 5);
    plain("tcp:host:5", "host", 5);
    plain("tcp:ü:5", "ü", 5);
    let seven = Tcp {
        timeout: seconds(7),
        ..tcp("h", 5)
    };
    check("tcp:h:5:timeout=7", Endpoint::Tcp(seven.clone()));
    check("tcp:port=5:host=h:timeout=7", Endpoint::Tcp(seven.clone()));
    check("tcp:h:5:timeout=1:timeout=7", Endpoint::Tcp(seven));
    let bound = |address: &str| {
        Endpoint::Tcp(Tcp {
            bind_address: Some(address.to_owned()),
            ..tcp("h", 5)
        })
    };
    check("tcp:h:5:bindAddress=1.2.3.4", bound("1.2.3.4"));
    check(r"tcp:h:5:bindAddress=\:\:1", bound("::1"));
}

#[test]
fn a_backslash_makes_the_next_character_ordinary() {
    let plain = |text: &str, host: &str| check(text, Endpoint::Tcp(tcp(host, 5)));
    plain(r"tcp:\:\:1:5", "::1");
    plain(r"tcp:host=\:\:1:port=5", "::1");
    plain(r"tcp:a\\b:5", r"a\b");
    plain(r"tcp:a\xb:5", "axb");
    plain(r"tcp:a\=b:5", "a=b");
    plain("tcp:host=a=b:port=5", "a=b");
    plain(r"tcp:host=a\=b:port=5", "a=b");
    plain(r"tcp:ho\st=h:port=5", "h");
    check_refused("tcp:h:5\\", "ends with a backslash");
    check_refused("tcp:h\\", "ends with a backslash");
}

#[test]
fn what_twisted_refuses_is_refused_by_name() {
    check_refused("h", r#"unknown endpoint type "h""#);
    check_refused(":h:5", r#"unknown endpoint type """#);
    check_refused("=:h:5", r#"unknown endpoint type "h""#);
    check_refused("", r#"unknown endpoint type """#);
    check_refused("frob:h:5", r#"unknown endpoint type "frob""#);
    check_refused("haproxy:tcp\\:h\\:5", r#"unknown endpoint type "haproxy""#);
    for kind in ["tcp", "ssl", "tls"] {
        check_refused(kind, "host is missing");
        check_refused(&format!("{kind}:h"), "port is missing");
        check_refused(&format!("{kind}:h:"), r#"port is """#);
        check_refused(&format!("{kind}:h:x"), r#"port is "x""#);
        check_refused(&format!("{kind}:h:5:timeout=x"), r#"timeout is "x""#);
        check_refused(&format!("{kind}:h:5:timeout="), r#"timeout is """#);
        check_refused(&format!("{kind}:h:5:timeout=1.5"), r#"timeout is "1.5""#);
        check_refused(&format!("{kind}:h:5:frob=1"), r#"unknown key "frob""#);
        check_refused(
            &format!("{kind}:h:5:bindaddress=1"),
            r#"unknown key "bindaddress""#,
        );
        check_refused(&format!("{kind}:h:5:="), r#"unknown key """#);
    }
    check_refused("tcp:h:5:7", r#"unexpected argument "7" after port"#);
    check_refused("ssl:h:5:6", r#"unexpected argument "6" after port"#);
    check_refused("tcp:[::1]:5", "unexpected argument");
    check_refused("tcp:::5", "unexpected argument");
    check_refused("unix", "path is missing");
    check_refused("unix:/a:1", r#"unexpected argument "1" after path"#);
    check_refused("unix:/a:frob=1", r#"unknown key "frob""#);
    check_refused("unix:/a:lockfile=x", r#"lockfile is "x""#);
    check_refused("unix:/a:timeout=x", r#"timeout is "x""#);
    check_refused("tls:h:5:hostname=h", r#"unknown key "hostname""#);
    check_refused("tls:h:5:port=6", "port is given twice");
    check_refused("tls:h:5:6:timeout=7", "timeout is given twice");
    check_refused("tls:h:endpoint=tcp\\:g\\:6", "port is missing");
    check_refused(
        "tls:h:5:endpoint=tcp\\:g",
        r#"in its key endpoint: endpoint "tcp:g": port is missing"#,
    );
    check_refused(
        "tls:h:port=5:endpoint=frob\\:1",
        r#"unknown endpoint type "frob""#,
    );
    check_refused("tls:h:5:endpoint=", "unknown endpoint type");
    check_refused("tls:h=:5", "port is missing");
}

/// Twisted takes these, and no connection can come of them.
#[test]
fn endpoints_that_cannot_work_are_refused_at_once() {
    check_refused("tcp:h:99999", r#"port is "99999""#);
    check_refused("tcp:h:-1", r#"port is "-1""#);
    check_refused("tcp:h:0", r#"port is "0""#);
    check_refused("tcp:h:5:timeout=-1", r#"timeout is "-1""#);
    check_refused("tcp::5", "host is missing");
    check_refused("unix:", "path is missing");
    check_refused("tls:h:5:privateKey=/k", "privateKey needs certificate");
    check_refused("ssl:h:5:privateKey=/k", "privateKey needs certKey");
}

/// Twisted takes the address for a name and refuses it.
#[test]
fn tls_goes_to_ipv6_addresses_too() {
    check(r"tls:\:\:1:5", Endpoint::Tls(tls(tcp("::1", 5))));
}

proptest! {
    #[test]
    fn an_escaped_host_comes_back_as_it_was(host in ".+") {
        let escaped: String = host.chars().flat_map(|character| ['\\', character]).collect();
        for text in [format!("tcp:{escaped}:5"), format!("tcp:port=5:host={escaped}")] {
            prop_assert_eq!(Endpoint::parse(&text), Ok(Endpoint::Tcp(tcp(&host, 5))));
        }
    }

    #[test]
    fn no_text_is_too_strange(text in "(tcp|tls|ssl|unix|)[:=\\\\a-z0-9é]*") {
        // Whatever comes of it, it comes without a panic, and an error names the text.
        if let Err(error) = Endpoint::parse(&text) {
            prop_assert_eq!(error.text, text);
        }
    }
}

#[test]
fn unix_endpoints_are_read_as_twisted_reads_them() {
    let plain = |text: &str, path: &str| check(text, Endpoint::Unix(unix(path)));
    plain("unix:/a/b", "/a/b");
    plain(r"unix:path=/a\:b", "/a:b");
    plain("unix:/a:path=/b", "/a");
    plain("unix:/a:lockfile=0", "/a");
    let locked = |timeout| {
        Endpoint::Unix(Unix {
            timeout,
            check_lock: true,
            ..unix("/a")
        })
    };
    check("unix:/a:timeout=3:lockfile=1", locked(seconds(3)));
    check("unix:/a:lockfile=2", locked(seconds(30)));
}

#[test]
fn ssl_endpoints_are_read_as_twisted_reads_them() {
    check("ssl:h:5", Endpoint::Ssl(ssl(tcp("h", 5))));
    check(
        "SSL:host=h:port=5:timeout=3",
        Endpoint::Ssl(ssl(Tcp {
            timeout: seconds(3),
            ..tcp("h", 5)
        })),
    );
    check(
        "ssl:h:5:privateKey=/k:certKey=/c:caCertsDir=/d:hostname=x",
        Endpoint::Ssl(Ssl {
            identity: Some(Identity {
                certificate: "/c".into(),
                private_key: Some("/k".into()),
            }),
            ca_certs_dir: Some("/d".into()),
            hostname: Some("x".to_owned()),
            ..ssl(tcp("h", 5))
        }),
    );
}

#[test]
fn tls_endpoints_are_read_as_twisted_reads_them() {
    check("tls:h:5", Endpoint::Tls(tls(tcp("h", 5))));
    check("TLS:host=h:port=5", Endpoint::Tls(tls(tcp("h", 5))));
    check(
        "tls:h:5:6",
        Endpoint::Tls(tls(Tcp {
            timeout: seconds(6),
            ..tcp("h", 5)
        })),
    );
    let bound = Tcp {
        timeout: seconds(6),
        bind_address: Some("7".to_owned()),
        ..tcp("h", 5)
    };
    check("tls:h:5:6:7", Endpoint::Tls(tls(bound.clone())));
    let certificate = |private_key: Option<&str>| {
        Some(Identity {
            certificate: "/c".into(),
            private_key: private_key.map(PathBuf::from),
        })
    };
    check(
        "tls:h:5:6:7:/c",
        Endpoint::Tls(Tls {
            identity: certificate(None),
            ..tls(bound)
        }),
    );
    check(
        "tls:h:5:certificate=/c:privateKey=/k:trustRoots=/r",
        Endpoint::Tls(Tls {
            identity: certificate(Some("/k")),
            trust_roots: Some("/r".into()),
            ..tls(tcp("h", 5))
        }),
    );
    let through = |inner| {
        Endpoint::Tls(Tls {
            through: Some(Box::new(inner)),
            ..tls(tcp("h", 5))
        })
    };
    check(
        r"tls:h:5:endpoint=tcp\:g\:6",
        through(Endpoint::Tcp(tcp("g", 6))),
    );
    check(
        r"tls:h:5:endpoint=unix\:/x\\\:y",
        through(Endpoint::Unix(unix("/x:y"))),
    );
}

#[test]
fn nesting_without_end_is_refused() {
    let mut text = "tcp:h:5".to_owned();
    for _ in 0..9 {
        let escaped = text.replace('\\', "\\\\").replace(':', "\\:");
        text = format!("tls:h:5:endpoint={escaped}");
    }
    let message = Endpoint::parse(&text).expect_err("nine levels").to_string();
    assert!(message.contains("nested more than 8 deep"));
}

#[test]
fn a_host_and_a_port_make_an_endpoint() {
    assert_eq!(
        Endpoint::from_host_and_port("::1", 5, false),
        Endpoint::Tcp(tcp("::1", 5))
    );
    assert_eq!(
        Endpoint::from_host_and_port("h", 5, true),
        Endpoint::Tls(tls(tcp("h", 5)))
    );
}

#[test]
fn the_web_socket_address_comes_from_the_connection_string() {
    let check = |text: &str, host: &str, port| {
        assert_eq!(
            web_socket_address(text),
            Ok((host.to_owned(), port)),
            "{text}"
        );
    };
    check("tcp:h:5", "h", 5);
    check("tcp:h", "h", 80);
    check("TCP:host=h", "h", 80);
    check("tcp:port=5:h", "h", 5);
    check(r"tcp:\:\:1:5", "::1", 5);
    check("tls:host=h:port=5", "h", 5);
    check("ssl:port=5:host=h:hostname=x", "h", 5);
    for text in ["tls:h:5", "tls:h:port=5", "tls:host=h:5", "unix:/a"] {
        let message = web_socket_address(text).expect_err(text).to_string();
        assert!(
            message.contains("Host and port must be specified in connection string"),
            "{message}"
        );
    }
}
