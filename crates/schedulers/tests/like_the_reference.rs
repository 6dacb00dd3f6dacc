//! What is made at random becomes what the real Buildbot makes of it.
//!
//! Scripts in `reference/` make the cases from a seed and run them with the Buildbot of `BUILDBOT_VENV`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::de::DeserializeOwned;

mod like_the_reference {
    pub(crate) mod cron;
}

/// The Python that has the real Buildbot.
fn python() -> PathBuf {
    let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
        panic!(
            "BUILDBOT_VENV is not set: name a virtual environment with buildbot 4.3.0 in it \
             (`tests/run` makes one in .venv)"
        );
    };
    Path::new(&venv).join("bin/python")
}

/// How many cases, and from which seed: `SCHEDULERS_CASES`, `SCHEDULERS_SEED`.
fn wanted(count: u32) -> (String, String) {
    let seed = std::env::var("SCHEDULERS_SEED").unwrap_or_else(|_| "1".to_owned());
    let count = std::env::var("SCHEDULERS_CASES").unwrap_or_else(|_| count.to_string());
    (seed, count)
}

/// What a script writes.
fn made<T: DeserializeOwned>(script: &str, count: u32) -> T {
    let (seed, count) = wanted(count);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/reference")
        .join(script);
    let output = Command::new(python())
        .arg("-B")
        .arg(&path)
        .args([&seed, &count])
        .output()
        .expect("Python starts");
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Fails if something is wrong, and shows some of it.
fn assert_nothing_wrong(of: usize, wrong: &[String]) {
    let (seed, _) = wanted(0);
    println!("{of} compared");
    assert!(
        wrong.is_empty(),
        "{} of {of} are wrong (SCHEDULERS_SEED={seed}):\n{}",
        wrong.len(),
        wrong[..wrong.len().min(15)].join("\n")
    );
}
