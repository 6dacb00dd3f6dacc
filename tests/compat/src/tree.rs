//! Describing files so that two directories can be compared.

use anyhow::{Context, Result};
use md5::{Digest, Md5};
use serde_json::{Map, Value};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The MD5 checksum of a file in hexadecimal digits.
pub fn checksum(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("while reading {}", path.display()))?;
    Ok(Md5::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// An object with an entry per file, link and directory below `directory`: path → kind, mode, size and checksum.
pub fn tree(directory: &Path) -> Result<Value> {
    let mut entries = Map::new();
    describe(directory, "", &mut entries)?;
    entries.sort_keys();
    Ok(Value::Object(entries))
}

fn describe(directory: &Path, prefix: &str, entries: &mut Map<String, Value>) -> Result<()> {
    for entry in
        fs::read_dir(directory).with_context(|| format!("while listing {}", directory.display()))?
    {
        let entry = entry?;
        let (path, facts) = (entry.path(), entry.metadata()?);
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let mode = facts.permissions().mode() & 0o7777;
        let description = if facts.is_symlink() {
            format!("link to {}", fs::read_link(&path)?.display())
        } else if facts.is_dir() {
            describe(&path, &format!("{name}/"), entries)?;
            format!("directory {mode:o}")
        } else {
            format!(
                "file {mode:o}, {} bytes, md5 {}",
                facts.len(),
                checksum(&path)?
            )
        };
        entries.insert(name, Value::String(description));
    }
    Ok(())
}
