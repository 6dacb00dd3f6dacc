//! Messages to the system's log through its socket.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

/// The sockets on which system logs listen: Linux, BSD, macOS.
const SOCKETS: [&str; 3] = ["/dev/log", "/var/run/log", "/var/run/syslog"];

/// Facility `user`, severity `info`.
const PRIORITY: u8 = (1 << 3) | 6;

/// A connection to the system's log, made when it is needed.
#[derive(Debug)]
pub(super) struct Syslog {
    prefix: String,
    /// Where a system log may listen.
    paths: Vec<PathBuf>,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    pub(super) fn new(prefix: &str) -> Self {
        Self::listening_at(prefix, SOCKETS.map(PathBuf::from).into())
    }

    fn listening_at(prefix: &str, paths: Vec<PathBuf>) -> Self {
        Self {
            prefix: prefix.to_owned(),
            paths,
            socket: None,
        }
    }

    /// Sends each line of `text` as a message of its own. Without a system log they are lost.
    pub(super) fn send(&mut self, now: &str, system: &str, text: &str) {
        for (index, line) in text.trim_end_matches('\n').split('\n').enumerate() {
            let indent = if index == 0 { "" } else { "\t" };
            let message = format!(
                "<{PRIORITY}>{now} {}: [{system}] {indent}{line}",
                self.prefix
            );
            self.send_message(message.as_bytes());
        }
    }

    fn send_message(&mut self, message: &[u8]) {
        // Once more with a new connection, as the system log may have been restarted.
        for _ in 0..2 {
            if self.socket.is_none() {
                self.socket = self.connect();
            }
            let Some(socket) = &self.socket else { return };
            if socket.send(message).is_ok() {
                return;
            }
            self.socket = None;
        }
    }

    fn connect(&self) -> Option<UnixDatagram> {
        let socket = UnixDatagram::unbound().ok()?;
        // A system log that does not read must not stop the worker.
        socket.set_nonblocking(true).ok()?;
        self.paths
            .iter()
            .any(|path| socket.connect(path).is_ok())
            .then_some(socket)
    }
}

#[cfg(test)]
mod tests {
    use super::Syslog;
    use std::os::unix::net::UnixDatagram;

    fn receive(listener: &UnixDatagram) -> String {
        let mut message = [0; 200];
        let length = listener.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    }

    #[test]
    fn each_line_is_a_message_also_to_a_system_log_that_came_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut syslog = Syslog::listening_at("bb", vec!["/nowhere".into(), path.clone()]);
        syslog.send("Nov 22 15:38:01", "-", "lost");
        let listener = UnixDatagram::bind(&path).unwrap();
        syslog.send("Nov 22 15:38:01", "-", "a\nb");
        assert_eq!(receive(&listener), "<14>Nov 22 15:38:01 bb: [-] a");
        assert_eq!(receive(&listener), "<14>Nov 22 15:38:01 bb: [-] \tb");
        drop(listener);
        syslog.send("Nov 22 15:38:01", "-", "lost");
        std::fs::remove_file(&path).unwrap();
        let listener = UnixDatagram::bind(&path).unwrap();
        syslog.send("Nov 22 15:38:02", "pb", "c");
        assert_eq!(receive(&listener), "<14>Nov 22 15:38:02 bb: [pb] c");
    }
}
