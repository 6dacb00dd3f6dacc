//! What a worker tells of itself.
//!
//! Source: `docs/formats/pb.md`, "Worker info".

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use buildbot_wire::Value;

use super::settings::Settings;
use crate::cli::{BUILDBOT_VERSION, OUR_VERSION};
use crate::command::{COMMAND_NAMES, COMMAND_VERSION};

/// Largest file under `info/` that is sent; PB carries no longer text.
const INFO_FILE_BYTES_MAX: u64 = 640 << 10;

/// Collects everything; reads a few files.
pub(super) fn collect(settings: &Settings) -> Value {
    let mut pairs = Vec::new();
    let text = |text: &str| Value::Text(text.to_owned());
    info_files(&settings.basedir.join("info"), &mut pairs);
    os_release(Path::new("/etc/os-release"), &mut pairs);
    let environ = settings.environ.iter().map(|(name, value)| {
        (
            Value::Text(name.to_string_lossy().into_owned()),
            Value::Text(value.to_string_lossy().into_owned()),
        )
    });
    pairs.push((text("environ"), Value::Dict(environ.collect())));
    pairs.push((text("system"), text("posix")));
    let basedir = settings.basedir.to_string_lossy().into_owned();
    pairs.push((text("basedir"), Value::Text(basedir)));
    pairs.push((text("numcpus"), Value::Int(processors(settings).into())));
    pairs.push((text("version"), text(BUILDBOT_VERSION)));
    let implementation = format!("buildbot-rs {OUR_VERSION}");
    pairs.push((text("implementation"), Value::Text(implementation)));
    pairs.push((text("worker_commands"), command_versions()));
    let delete = Value::Bool(settings.delete_leftover_dirs);
    pairs.push((text("delete_leftover_dirs"), delete));
    Value::Dict(pairs)
}

/// Names and versions of the commands.
pub(super) fn command_versions() -> Value {
    let versions = COMMAND_NAMES
        .iter()
        .map(|name| (Value::from(*name), Value::from(COMMAND_VERSION)));
    Value::Dict(versions.collect())
}

/// Differs: the number that `numcpus` sets is reported, because its documentation says so; and
/// without it the number of processors that this process may use, which a container may limit.
fn processors(settings: &Settings) -> u32 {
    settings.numcpus.unwrap_or_else(|| {
        let found = std::thread::available_parallelism();
        found.map_or(1, |number| u32::try_from(number.get()).unwrap_or(u32::MAX))
    })
}

/// One entry for each regular file, also behind symbolic links.
fn info_files(directory: &Path, pairs: &mut Vec<(Value, Value)>) {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            tracing::warn!("cannot read {}: {error}", directory.display());
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if !fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) {
            continue;
        }
        match read_text(&path) {
            Ok(text) => {
                let name = entry.file_name().to_string_lossy().into_owned();
                pairs.push((Value::Text(name), Value::Text(text)));
            }
            Err(error) => tracing::warn!("{} is not sent: {error}", path.display()),
        }
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let read = fs::File::open(path)?
        .take(INFO_FILE_BYTES_MAX + 1)
        .read_to_string(&mut text)?;
    if read as u64 > INFO_FILE_BYTES_MAX {
        let text = format!("it is longer than {INFO_FILE_BYTES_MAX} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(text)
}

/// `os_<key>` for each line `KEY=value`, without quotes; empty values are left out.
fn os_release(path: &Path, pairs: &mut Vec<(Value, Value)>) {
    let Ok(text) = read_text(path) else {
        return;
    };
    for line in text.lines() {
        let Some((key, value)) = line.trim().split_once('=') else {
            continue;
        };
        let value = value.trim_matches('"');
        if key.starts_with('#') || value.is_empty() {
            continue;
        }
        let key = format!("os_{}", key.to_lowercase());
        pairs.push((Value::Text(key), Value::from(value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_sent_also_behind_links_but_directories_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        fs::write(path.join("real"), "behind a link\n").unwrap();
        let info = path.join("info");
        fs::create_dir_all(info.join("below")).unwrap();
        fs::write(info.join("admin"), "me\n").unwrap();
        fs::write(info.join("binary"), [0xff]).unwrap();
        std::os::unix::fs::symlink(path.join("real"), info.join("host")).unwrap();
        std::os::unix::fs::symlink(path.join("absent"), info.join("access_uri")).unwrap();
        let mut pairs = Vec::new();
        info_files(&info, &mut pairs);
        let info = Value::Dict(pairs);
        assert_eq!(info.as_dict().map(<[_]>::len), Some(2));
        assert_eq!(info.get("admin"), Some(&Value::from("me\n")));
        assert_eq!(info.get("host"), Some(&Value::from("behind a link\n")));
    }

    #[test]
    fn the_system_is_described_by_its_release_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(
            file.path(),
            "# c=d\nNAME=\"Test OS\"\nID=test\nEMPTY=\"\"\nodd\n",
        )
        .unwrap();
        let mut pairs = Vec::new();
        os_release(file.path(), &mut pairs);
        let info = Value::Dict(pairs);
        assert_eq!(info.get("os_name"), Some(&Value::from("Test OS")));
        assert_eq!(info.get("os_id"), Some(&Value::from("test")));
        assert_eq!(info.as_dict().map(<[_]>::len), Some(2));
    }
}
