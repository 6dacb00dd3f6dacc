//! The log of a program: `tracing` events as lines of `twistd.log`.
//!
//! A line is `YYYY-MM-DD HH:MM:SS±ZZZZ [system] text` in local time; further lines of the text are
//! indented with a tab. The text is the message of the event and then its fields as `name=value`;
//! a field called `system` goes between the brackets, where `-` stands otherwise. Texts of peers may be among them:
//! what begins a line is never theirs, and control characters are escaped.
//!
//! Nothing that happens to the log (a full disk, a directory that was removed, a reader that went
//! away) ever stops the program: lines are lost, and the next one that can be written says how many.

mod rotation;
mod syslog;

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use buildbot_tac::LogTarget;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

pub use rotation::{RotatedFile, Rotation};

/// Where the lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file that is rotated by size.
    File {
        /// The file, created if needed.
        path: PathBuf,
        /// When it is rotated.
        rotation: Rotation,
    },
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// The system's log, under this name.
    Syslog {
        /// The name of the program in the system's log.
        prefix: String,
    },
}

/// The target that a `buildbot.tac` names, and what twistd would open where it names none: its lines differ in the date.
pub fn target_of(named: &LogTarget, twistd: Target) -> (Target, DateStyle) {
    match named {
        LogTarget::RotatedFile {
            path,
            rotate_length,
            max_rotated_files,
        } => {
            let rotation = Rotation {
                size: *rotate_length,
                keep: max_rotated_files.map(u64::from),
            };
            let path = path.clone();
            (Target::File { path, rotation }, DateStyle::Space)
        }
        LogTarget::StandardOutput => (Target::Stdout, DateStyle::Space),
        LogTarget::StandardError => (Target::Stderr, DateStyle::Space),
        LogTarget::TwistdDefault => (twistd, DateStyle::T),
    }
}

/// How date and time are joined.
///
/// A log that `buildbot.tac` opens has a space there, twistd's own log a `T`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateStyle {
    /// `2026-11-22 15:38:01+0000`
    Space,
    /// `2026-11-22T15:38:01+0000`
    T,
}

/// The `tracing` layer that writes the log.
pub struct LogLayer {
    date_style: DateStyle,
    time_zone: TimeZone,
    level_max: LevelFilter,
    sink: Mutex<Sink>,
}

enum Sink {
    File(RotatedFile),
    Stdout,
    Stderr,
    Syslog(syslog::Syslog),
}

impl LogLayer {
    /// Opens the log. Only a file that cannot be opened or created is an error.
    pub fn open(target: &Target, date_style: DateStyle) -> io::Result<Self> {
        let sink = match target {
            Target::File { path, rotation } => Sink::File(RotatedFile::open(path, *rotation)?),
            Target::Stdout => Sink::Stdout,
            Target::Stderr => Sink::Stderr,
            Target::Syslog { prefix } => Sink::Syslog(syslog::Syslog::new(prefix)),
        };
        Ok(Self {
            date_style,
            time_zone: TimeZone::system(),
            level_max: LevelFilter::INFO,
            sink: Mutex::new(sink),
        })
    }

    /// Writes one text, at this moment's time.
    pub fn write(&self, system: &str, text: &str) {
        let text = &visible(text);
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        if let Sink::Syslog(syslog) = &mut *sink {
            syslog.send(&self.now("%b %e %H:%M:%S"), system, text);
            return;
        }
        let now = match self.date_style {
            DateStyle::Space => self.now("%Y-%m-%d %H:%M:%S%z"),
            DateStyle::T => self.now("%Y-%m-%dT%H:%M:%S%z"),
        };
        let line = format_line(&now, system, text);
        match &mut *sink {
            Sink::File(file) => file.write(line.as_bytes()),
            // Nothing can be told to anybody when the terminal or the pipe is gone.
            Sink::Stdout => drop(io::stdout().lock().write_all(line.as_bytes())),
            Sink::Stderr => drop(io::stderr().lock().write_all(line.as_bytes())),
            Sink::Syslog(_) => {}
        }
    }

    fn now(&self, format: &str) -> String {
        let now = Timestamp::now().to_zoned(self.time_zone.clone());
        now.strftime(format).to_string()
    }
}

impl<S: tracing::Subscriber> Layer<S> for LogLayer {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.level_max
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level_max)
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = EventText::default();
        event.record(&mut text);
        text.message.push_str(&text.fields);
        self.write(text.system.as_deref().unwrap_or("-"), &text.message);
    }
}

/// Makes `layer` the log of this process, also for panics. The first call counts.
pub fn install(layer: LogLayer) {
    let subscriber = tracing_subscriber::registry().with(layer);
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let backtrace = std::backtrace::Backtrace::capture();
            tracing::error!("internal error, please report it: {panic}\n{backtrace}");
        }));
    }
}

/// `text` with its control characters escaped, except newlines and tabs: a terminal or an editor that shows the log must
/// not take them for lines of it, or obey them.
fn visible(text: &str) -> Cow<'_, str> {
    let is_hidden = |c: char| {
        (c.is_control() && !matches!(c, '\n' | '\t')) || matches!(c, '\u{2028}' | '\u{2029}')
    };
    if !text.contains(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_hidden(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    Cow::Owned(shown)
}

/// `text` as a line of the log, with its newline.
fn format_line(now: &str, system: &str, text: &str) -> String {
    let mut line = format!("{now} [{system}] ");
    for (index, part) in text.trim_end_matches('\n').split('\n').enumerate() {
        if index > 0 {
            line.push_str("\n\t");
        }
        line.push_str(part);
    }
    line.push('\n');
    line
}

/// Collects the parts of an event.
#[derive(Default)]
struct EventText {
    message: String,
    fields: String,
    system: Option<String>,
}

impl EventText {
    fn add(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = match field.name() {
            "message" => self.message.write_fmt(value),
            "system" => {
                self.system = Some(value.to_string());
                Ok(())
            }
            name => write!(self.fields, " {name}={value}"),
        };
    }
}

impl Visit for EventText {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::{DateStyle, LogLayer, Rotation, Target, format_line};
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn continuation_lines_are_indented_with_a_tab() {
        let check = |text: &str, expected: &str| {
            assert_eq!(format_line("2026-11-22 15:38:01+0000", "-", text), expected);
        };
        check("Log opened.", "2026-11-22 15:38:01+0000 [-] Log opened.\n");
        check(
            "a\nb\n\nc\n",
            "2026-11-22 15:38:01+0000 [-] a\n\tb\n\t\n\tc\n",
        );
        check("", "2026-11-22 15:38:01+0000 [-] \n");
    }

    #[test]
    fn events_become_lines_with_their_fields_and_their_system() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("twistd.log");
        let target = Target::File {
            path: path.clone(),
            rotation: Rotation::NEVER,
        };
        let layer = LogLayer::open(&target, DateStyle::Space).unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!(
                system = "pb",
                builder = "b1",
                count = 3,
                "starting {}",
                "it"
            );
            tracing::debug!("not shown");
            tracing::warn!("message from master: attached");
            tracing::warn!("{}", "a\rb\x1b[2J\u{2028}c\n2026-11-22 15:38:01+0000 [-] d");
        });
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(&lines[0][24..], " [pb] starting it builder=b1 count=3");
        assert_eq!(&lines[1][24..], " [-] message from master: attached");
        // Nobody forges a line.
        assert_eq!(&lines[2][24..], r" [-] a\rb\u{1b}[2J\u{2028}c");
        assert_eq!(lines[3], "\t2026-11-22 15:38:01+0000 [-] d");
        let date = jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S%z", &lines[0][..24]);
        let age = jiff::Timestamp::now().duration_since(date.unwrap().to_timestamp().unwrap());
        assert!(age.as_secs() < 60, "{text}");
    }
}
