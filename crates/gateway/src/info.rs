//! What a worker says about itself.

use std::collections::BTreeMap;

use buildbot_wire::Value;

/// Bytes of what a worker says about itself, which the master keeps as long as it knows the worker. Environments are the
/// largest part of it, and systems allow them two megabytes.
pub(crate) const INFO_BYTES_MAX: usize = 8 << 20;

/// How paths are written on a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathStyle {
    /// `/`.
    Posix,
    /// `\`, drive letters.
    Windows,
}

/// What a worker says about itself when it attaches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WorkerInfo {
    /// `posix` or `nt`; empty if it does not say.
    pub system: String,
    /// Its base directory.
    pub basedir: String,
    /// Its version, such as `4.3.0`; `None` if it does not say.
    pub version: Option<String>,
    /// How many processors it has.
    pub numcpus: Option<u64>,
    /// Its environment variables.
    pub environ: BTreeMap<String, String>,
    /// Its commands and their versions.
    pub commands: BTreeMap<String, String>,
    /// Whether it wants directories removed that no builder uses.
    pub delete_leftover_dirs: bool,
    /// Everything else: its info files (`admin`, `host`, `access_uri`, …), `os_…`, and what is not known here. In the
    /// order in which it came.
    pub other: Vec<(String, Value)>,
}

impl WorkerInfo {
    /// Reads the answer to `getWorkerInfo`. What has another type than expected is kept among the others.
    pub fn from_value(value: &Value) -> Option<Self> {
        let mut info = Self::default();
        for (key, value) in value.as_dict()? {
            let Some(key) = key.as_text() else {
                continue;
            };
            let is_known = match key {
                "system" => value.as_text().map(|text| info.system = text.to_owned()),
                "basedir" => value.as_text().map(|text| info.basedir = text.to_owned()),
                "version" => value
                    .as_text()
                    .map(|text| info.version = Some(text.to_owned())),
                "numcpus" => value
                    .as_int()
                    .and_then(|number| u64::try_from(number).ok())
                    .map(|number| info.numcpus = Some(number)),
                "environ" => texts(value).map(|texts| info.environ = texts),
                // The old name is that of programs before 0.9.
                "worker_commands" | "slave_commands" => {
                    texts(value).map(|texts| info.commands = texts)
                }
                "delete_leftover_dirs" => {
                    info.delete_leftover_dirs = value.is_true();
                    Some(())
                }
                _ => None,
            };
            if is_known.is_none() {
                info.other.push((key.to_owned(), value.clone()));
            }
        }
        Some(info)
    }

    /// How its paths are written.
    pub fn path_style(&self) -> PathStyle {
        match self.system.as_str() {
            "nt" | "win32" => PathStyle::Windows,
            _ => PathStyle::Posix,
        }
    }

    /// The text of an info file or of another entry.
    pub fn text(&self, key: &str) -> Option<&str> {
        let mut others = self.other.iter();
        others
            .find(|(candidate, _)| candidate == key)
            .and_then(|(_, value)| value.as_text())
    }
}

/// A dictionary of texts; `None` if it is something else.
fn texts(value: &Value) -> Option<BTreeMap<String, String>> {
    let pairs = value.as_dict()?.iter();
    pairs
        .map(|(key, value)| Some((key.as_text()?.to_owned(), value.as_text()?.to_owned())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_gets_its_place_and_the_rest_is_kept() {
        let text = |text: &str| Value::Text(text.to_owned());
        let value = Value::Dict(vec![
            (text("admin"), text("A <a@b>\n")),
            (text("system"), text("nt")),
            (text("numcpus"), Value::Int(8)),
            (
                text("environ"),
                Value::Dict(vec![(text("PATH"), text("/bin"))]),
            ),
            (
                text("worker_commands"),
                Value::Dict(vec![(text("shell"), text("3.3"))]),
            ),
            (text("version"), Value::None),
        ]);
        let info = WorkerInfo::from_value(&value).unwrap();
        assert_eq!(info.path_style(), PathStyle::Windows);
        assert_eq!(info.numcpus, Some(8));
        assert_eq!(info.environ["PATH"], "/bin");
        assert_eq!(info.commands["shell"], "3.3");
        assert_eq!(info.version, None);
        assert_eq!(info.text("admin"), Some("A <a@b>\n"));
        assert_eq!(info.other.len(), 2);
    }
}
