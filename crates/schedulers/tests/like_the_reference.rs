//! What is made at random becomes what the real Buildbot makes of it.
//!
//! Scripts in `reference/` make the cases from a seed and run them with the Buildbot of `BUILDBOT_VENV`.

use std::path::{Path, PathBuf};
use std::process::Command;

use buildbot_config::Description;
use buildbot_model::Timestamp;
use buildbot_schedulers::{Input, Output, Schedulers, Settings, Stored};
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;

mod like_the_reference {
    pub(crate) mod cron;
    pub(crate) mod filters;
    pub(crate) mod forms;
    pub(crate) mod stories;
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
    assert!(
        wrong.is_empty(),
        "{} of {of} are wrong (SCHEDULERS_SEED={seed}):\n{}",
        wrong.len(),
        wrong[..wrong.len().min(15)].join("\n")
    );
}

/// The configuration that a `master.cfg` is, through our own package.
fn described(source: &str) -> Description {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let directory = std::env::temp_dir().join(format!("schedulers-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let file = directory.join("master.cfg");
    std::fs::write(&file, source).expect("a file");
    let output = Command::new("python3")
        .arg("-B")
        .arg(root.join("python/host.py"))
        .arg("--describe")
        .arg(&file)
        .env("PYTHONPATH", root.join("python"))
        .output()
        .expect("python3 starts");
    std::fs::remove_dir_all(&directory).expect("it was there");
    let description = Description::from_json(&output.stdout).expect("a description");
    assert!(description.fatal.is_none(), "{:?}", description.fatal);
    assert!(description.errors.is_empty(), "{:?}", description.errors);
    description
}

/// All schedulers of a configuration, claimed and active.
fn schedulers_of(description: &Description, now: Timestamp) -> Schedulers {
    let config = buildbot_config::read(description, buildbot_config::Sources::NONE).config;
    let mut schedulers = Schedulers::new(TimeZone::UTC);
    let settings = Settings::of(&config, 1);
    let configured = schedulers.configure(now, &config.schedulers, description, settings);
    for output in configured.expect("all can be run") {
        if let Output::Claim { scheduler, .. } = output {
            let stored = Stored {
                enabled: true,
                ..Stored::default()
            };
            schedulers.handle(now, Input::Claimed { scheduler, stored });
        }
    }
    schedulers
}
