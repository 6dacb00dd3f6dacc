//! TCP ports that nobody uses, for the programs that tests start.

use anyhow::{Result, bail};
use std::net::{Ipv4Addr, TcpListener};

/// Below the range that systems take for outgoing connections, so that no client gets the port in between.
const RANGE: std::ops::Range<u16> = 18_000..32_000;

/// Finds a port of 127.0.0.1 that is free now. Random, so that tests that run beside each other do not meet.
pub fn free_port() -> Result<u16> {
    Ok(free_ports::<1>()?[0])
}

/// Finds `N` different free ports.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    for _ in 0..1000 {
        if held.len() == N {
            break;
        }
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, fastrand::u16(RANGE))) {
            held.push(listener);
        }
    }
    let mut ports = [0; N];
    if held.len() < N {
        bail!(
            "no {N} free ports on 127.0.0.1 between {} and {}",
            RANGE.start,
            RANGE.end
        );
    }
    for (port, listener) in ports.iter_mut().zip(&held) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}
