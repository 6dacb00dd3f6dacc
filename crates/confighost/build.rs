//! Embeds the Python package that configurations import: everything under `python/` but its tests.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

use data_encoding::HEXLOWER;
use md5::{Digest as _, Md5};

/// Directories that are no part of the package.
const LEFT_OUT: &[&str] = &["__pycache__", "tests"];

fn main() -> io::Result<()> {
    let crate_directory = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = crate_directory.join("../../python").canonicalize()?;
    let mut files = Vec::new();
    collect(&root, Path::new(""), &mut files)?;
    files.sort();

    let mut hash = Md5::new();
    let mut table = Vec::new();
    for path in &files {
        let (name, source) = (path.to_string_lossy(), root.join(path));
        let content = fs::read(&source)?;
        // Lengths keep the end of one thing apart from the beginning of the next.
        for part in [name.as_bytes(), &content] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        writeln!(table, "    ({name:?}, include_bytes!({source:?})),")?;
    }
    let target = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("embedded.rs");
    let mut out = fs::File::create(target)?;
    writeln!(
        out,
        "const HASH: &str = {:?};",
        HEXLOWER.encode(&hash.finalize())
    )?;
    writeln!(out, "static FILES: &[(&str, &[u8])] = &[")?;
    out.write_all(&table)?;
    writeln!(out, "];")?;
    // Scanned with everything in it.
    writeln!(io::stdout(), "cargo::rerun-if-changed={}", root.display())?;
    writeln!(io::stdout(), "cargo::rerun-if-changed=build.rs")
}

/// Appends the Python files of a directory, as paths below `root`.
fn collect(root: &Path, below: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = entry.file_name();
        let path = below.join(&name);
        if entry.file_type()?.is_dir() {
            if !LEFT_OUT.iter().any(|left_out| name == *left_out) {
                collect(root, &path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "py") {
            files.push(path);
        }
    }
    Ok(())
}
