//! Tunnels through HTTP proxies.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Stream, host_and_port};

/// Longest head of a proxy's response.
const HEAD_BYTES_MAX: usize = 16 << 10;

/// Asks a proxy for a tunnel. The error is a reason for a person.
///
/// Differs: the request to a proxy has a `Host` header, because HTTP/1.1 demands it.
pub(super) async fn open_tunnel(
    mut stream: Box<dyn Stream>,
    host: &str,
    port: u16,
) -> Result<Box<dyn Stream>, String> {
    let target = host_and_port(host, port);
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.map_err(|error| format!("the request cannot be sent: {error}"))?;
    let flushed = stream.flush().await;
    flushed.map_err(|error| format!("the request cannot be sent: {error}"))?;
    // Byte by byte: what follows the head belongs to the master.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_BYTES_MAX {
            return Err(format!("its answer is longer than {HEAD_BYTES_MAX} bytes"));
        }
        let byte = stream.read_u8().await;
        head.push(byte.map_err(|error| format!("it does not answer: {error}"))?);
    }
    match status_of(&head)? {
        (200, _) => Ok(stream),
        (status, reason) => Err(format!("it answers with {status} {reason}")),
    }
}

fn status_of(head: &[u8]) -> Result<(u16, String), String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(head);
    parsed.map_err(|error| format!("its answer is not HTTP: {error}"))?;
    let reason = response.reason.unwrap_or_default().to_owned();
    Ok((response.code.unwrap_or_default(), reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    async fn check(answer: &[u8]) -> (String, Result<Vec<u8>, String>) {
        let (near, mut far) = duplex(4096);
        far.write_all(answer).await.unwrap();
        let tunnel = open_tunnel(Box::new(near), "::1", 9989).await;
        let mut request = vec![0; 100];
        let length = far.read(&mut request).await.unwrap();
        request.truncate(length);
        drop(far);
        let rest = match tunnel {
            Ok(mut stream) => {
                let mut rest = Vec::new();
                stream.read_to_end(&mut rest).await.unwrap();
                Ok(rest)
            }
            Err(reason) => Err(reason),
        };
        (String::from_utf8(request).unwrap(), rest)
    }

    #[tokio::test]
    async fn what_follows_the_head_belongs_to_the_master() {
        let (request, rest) = check(b"HTTP/1.0 200 Yes\r\nVia: x\r\n\r\n\x02\x80").await;
        assert_eq!(
            request,
            "CONNECT [::1]:9989 HTTP/1.1\r\nHost: [::1]:9989\r\n\r\n"
        );
        assert_eq!(rest, Ok(b"\x02\x80".to_vec()));
    }

    #[tokio::test]
    async fn a_refusal_is_told() {
        let (_, rest) = check(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
        assert_eq!(rest, Err("it answers with 403 Forbidden".to_owned()));
    }
}
