//! Beside the real Buildbot 4.3: each reads the rows of `logchunks` that the other wrote.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use buildbot_db::{Database, Reader, create};
use buildbot_logs::{Compression, append_chunks};
use buildbot_model::LogId;

use crate::place::{place, wait};

const SCRIPT: &str = "tests/like_buildbot/logchunks.py";

/// The ways for which the environment of the real one has what it needs.
const WAYS: [&str; 3] = ["raw", "gz", "bz2"];

fn real(arguments: &[&str], directory: &Path) -> String {
    let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
        panic!(
            "BUILDBOT_VENV is not set: run `tests/prepare` and set it to the directory .venv of the repository"
        );
    };
    let output = Command::new(PathBuf::from(venv).join("bin/python"))
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT))
        .args(arguments)
        .arg(directory)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The same lines that the script makes.
fn lines(count: usize) -> String {
    (0..count)
        .map(|number| format!("o{number} ü {}\n", "x".repeat(number * 37 % 301)))
        .collect()
}

#[test]
fn what_the_real_buildbot_wrote_is_read() {
    for way in WAYS {
        for compresses in ["appended", "compressed"] {
            wait(async {
                let place = place();
                let path = place.directory.path().join("state.sqlite");
                create(&path).unwrap();
                real(&["write", way, compresses], place.directory.path());
                let database = Arc::new(Database::open(&path).unwrap());
                let reader = place
                    .store
                    .reader(&database, Reader::Client, LogId(1))
                    .await
                    .unwrap()
                    .unwrap();
                assert_eq!(reader.progress().await.unwrap().lines, 4000);
                let text = reader.read_lines(0, u64::MAX).await.unwrap();
                assert!(text == lines(4000), "{way} {compresses}");
                let some = reader.read_lines(1999, 2001).await.unwrap();
                let expected: String = lines(4000)
                    .split_inclusive('\n')
                    .skip(1999)
                    .take(3)
                    .collect();
                assert_eq!(some, expected);
            });
        }
    }
}

#[test]
fn the_real_buildbot_reads_what_is_written() {
    for way in WAYS {
        let place = place();
        let path = place.directory.path().join("state.sqlite");
        create(&path).unwrap();
        // Makes the rows of build, step and log.
        real(&["write", "raw", "nothing"], place.directory.path());
        {
            let database = Database::open(&path).unwrap();
            let compression = Compression::from_name(way).unwrap();
            let text = lines(4000);
            let written = database.write(move |connection| {
                let lines = append_chunks(connection, LogId(1), 0, &text, compression)?;
                buildbot_db::tables::logs::finish(connection, LogId(1), lines)?;
                Ok(lines)
            });
            assert_eq!(written.unwrap(), 4000);
        }
        let found = real(&["read", way, "nothing"], place.directory.path());
        assert!(found == lines(4000), "{way}");
    }
}
