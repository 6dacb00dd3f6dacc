//! The access log: one line for each request, in the combined format, by default in `http.log`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use buildbot_config::Value;
use hyper::header::{REFERER, USER_AGENT};

use crate::request::Request;
use crate::settings::Settings;

/// How many lines wait for the disk; beyond that they are lost, since nobody waits for a log.
const LINES_MAX: usize = 4096;

/// How long a file becomes, when the configuration does not say.
const BYTES_MAX: u64 = 10_000_000;

/// How many old files are kept, when the configuration does not say.
const FILES_MAX: u32 = 10;

/// Where requests are noted.
pub(crate) enum AccessLog {
    File {
        lines: Option<SyncSender<String>>,
        thread: Option<JoinHandle<()>>,
    },
    /// The log of the master.
    Master,
}

impl AccessLog {
    /// Opens the log that the configuration names.
    pub(crate) fn open(settings: &Settings) -> io::Result<Self> {
        let option = |name: &str| {
            let options = settings.www.options.iter();
            options
                .rev()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        let name = match option("logfileName") {
            None => "http.log",
            Some(Value::Text(name)) if !name.is_empty() => name,
            Some(_) => return Ok(Self::Master),
        };
        let bytes_max = match option("logRotateLength") {
            Some(Value::Int(length)) => u64::try_from(*length).unwrap_or(BYTES_MAX),
            _ => BYTES_MAX,
        };
        let files_max = match option("maxRotatedFiles") {
            Some(Value::Int(count)) => u32::try_from(*count).unwrap_or(FILES_MAX),
            _ => FILES_MAX,
        };
        let log = LogFile::open(settings.base_directory.join(name), bytes_max, files_max)?;
        let (lines, receiver) = sync_channel(LINES_MAX);
        let thread = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || log.serve(&receiver))?;
        Ok(Self::File {
            lines: Some(lines),
            thread: Some(thread),
        })
    }

    /// Notes a request and the length of its answer, if that is known.
    pub(crate) fn note(&self, request: &Request, status: u16, length: Option<u64>) {
        let line = line(request, status, length, &time());
        match self {
            Self::File { lines, .. } => {
                if let Some(lines) = lines {
                    // A full queue means that the disk is slower than the clients.
                    drop(lines.try_send(line));
                }
            }
            Self::Master => tracing::info!(target: "http", "{line}"),
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        if let Self::File { lines, thread } = self {
            *lines = None;
            if let Some(thread) = thread.take()
                && thread.join().is_err()
            {
                tracing::error!("the thread of the access log panicked");
            }
        }
    }
}

fn time() -> String {
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    now.strftime("[%d/%b/%Y:%H:%M:%S +0000]").to_string()
}

/// Quotes and control characters of clients cannot begin another field or line.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            character if character.is_control() => {
                quoted.push_str(&format!("\\x{:02x}", u32::from(character)));
            }
            character => quoted.push(character),
        }
    }
    quoted
}

fn line(request: &Request, status: u16, length: Option<u64>, time: &str) -> String {
    let length = length.map_or("-".to_owned(), |length| length.to_string());
    format!(
        "\"{}\" - - {time} \"{} {} HTTP/1.1\" {status} {length} \"{}\" \"{}\"\n",
        request.peer,
        request.method,
        quoted(&request.target),
        quoted(request.header(REFERER).unwrap_or("-")),
        quoted(request.header(USER_AGENT).unwrap_or("-")),
    )
}

struct LogFile {
    path: PathBuf,
    file: File,
    length: u64,
    bytes_max: u64,
    files_max: u32,
}

impl LogFile {
    fn open(path: PathBuf, bytes_max: u64, files_max: u32) -> io::Result<Self> {
        let file = append_to(&path)?;
        Ok(Self {
            length: file.metadata()?.len(),
            path,
            file,
            bytes_max,
            files_max,
        })
    }

    fn serve(mut self, lines: &Receiver<String>) {
        while let Ok(line) = lines.recv() {
            if let Err(error) = self.write(&line) {
                tracing::warn!(path = %self.path.display(), %error, "a line of the access log is lost");
            }
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        if self.bytes_max > 0 && self.length >= self.bytes_max {
            // Whether it succeeds or not, the next attempt comes after as much again.
            self.length = 0;
            if let Err(error) = self.rotate() {
                tracing::warn!(path = %self.path.display(), %error, "the access log stays in one file");
            }
        }
        self.file.write_all(line.as_bytes())?;
        self.length += line.len() as u64;
        Ok(())
    }

    /// `http.log` becomes `http.log.1`, and so on; the oldest goes.
    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        // An attempt before may have come as far as this.
        if self.path.exists() {
            for number in (1..self.files_max).rev() {
                let from = numbered(number);
                if from.exists() {
                    std::fs::rename(from, numbered(number + 1))?;
                }
            }
            if self.files_max > 0 {
                std::fs::rename(&self.path, numbered(1))?;
            } else {
                std::fs::remove_file(&self.path)?;
            }
        }
        self.file = append_to(&self.path)?;
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::{LogFile, quoted};

    #[test]
    fn a_full_file_is_put_aside_and_the_oldest_goes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("http.log");
        let mut log = LogFile::open(path.clone(), 3, 2).expect("a file");
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            log.write(line).expect("a line");
        }
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).ok();
        assert_eq!(read("http.log").as_deref(), Some("four\n"));
        assert_eq!(read("http.log.1").as_deref(), Some("three\n"));
        assert_eq!(read("http.log.2").as_deref(), Some("two\n"));
        assert_eq!(read("http.log.3"), None);
    }

    #[test]
    fn what_clients_say_stays_in_its_field() {
        assert_eq!(quoted("a\"b\\c\nd"), "a\\\"b\\\\c\\x0ad");
    }
}
