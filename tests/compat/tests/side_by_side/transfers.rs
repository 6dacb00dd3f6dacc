//! Files of all sizes, and a real project built from a Git repository.

use anyhow::{Context, Result, ensure};
use buildbot_compat::{
    Builder, MasterConfig, Outcome, Protocol, Stage, WorkerOptions, checksum, ours_alone,
    same_outcome, tree,
};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

over_both_protocols! {
    uploads_of_all_sizes_arrive with uploads;
    downloads_end_alike with downloads;
    a_git_repository_is_cloned_compiled_and_tested with git_build;
}

const SIZES: &[usize] = &[0, 1, 16_383, 16_384, 262_144, 262_145, 5_000_000];

/// Bytes without a pattern that a lost or repeated block would keep.
fn bytes(size: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(size as u64);
    std::iter::repeat_with(|| random.u8(..))
        .take(size)
        .collect()
}

fn uploads() -> MasterConfig {
    MasterConfig::new().builder(SIZES.iter().fold(Builder::new("b").shell("make the directory", "true"), |builder, size| {
        builder.step(json!({"class": "FileUpload", "name": format!("upload {size}"), "workersrc": format!("../../{size}"),
            "masterdest": format!("uploads/{size}"), "haltOnFailure": false}))
    }))
}

fn uploads_of_all_sizes_arrive(stage: &mut Stage) -> Result<Outcome> {
    let worker = stage.attach_worker(&WorkerOptions::default())?;
    for size in SIZES {
        fs::write(worker.basedir().join(size.to_string()), bytes(*size))?;
    }
    let outcome = stage.builds(&["b"])?;
    let uploads = stage.master.basedir().join("uploads");
    for size in SIZES {
        let name = size.to_string();
        ensure!(
            checksum(&uploads.join(&name))? == checksum(&worker.basedir().join(&name))?,
            "{name} bytes differ"
        );
    }
    fs::remove_dir_all(uploads)?;
    Ok(outcome)
}

fn downloads() -> MasterConfig {
    MasterConfig::new().builder(SIZES.iter().fold(Builder::new("b"), |builder, size| {
        builder.step(json!({"class": "FileDownload", "name": format!("download {size}"),
            "mastersrc": format!("downloads-{size}"), "workerdest": format!("deep/{size}"), "haltOnFailure": false}))
    }))
}

/// Over msgpack the 4.3.0 master sends no data, and the files are empty with either worker.
fn downloads_end_alike(stage: &mut Stage) -> Result<Outcome> {
    let worker = stage.attach_worker(&WorkerOptions::default())?;
    for size in SIZES {
        fs::write(
            stage.master.basedir().join(format!("downloads-{size}")),
            bytes(*size),
        )?;
    }
    let outcome = stage.builds(&["b"])?;
    let received = worker.basedir().join("b/build/deep");
    if stage.protocol == Protocol::Pb {
        for size in SIZES {
            let sent = checksum(&stage.master.basedir().join(format!("downloads-{size}")))?;
            ensure!(
                checksum(&received.join(size.to_string()))? == sent,
                "{size} bytes differ"
            );
        }
    }
    Ok(outcome.noting("received", tree(&received)?))
}

fn stamped() -> MasterConfig {
    MasterConfig::new().builder(
        Builder::new("b").shell("make", "echo text >up.txt; touch -d @1000000000 up.txt").step(json!({
            "class": "FileUpload", "name": "upload", "workersrc": "up.txt", "masterdest": "uploads/up.txt",
            "keepstamp": true})),
    )
}

/// Seconds since the epoch of the last change of a file.
fn modified(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path)?
        .modified()?
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs())
}

#[test]
fn an_upload_keeps_its_times_over_pb() -> Result<()> {
    same_outcome("keepstamp", Protocol::Pb, stamped(), |stage| {
        let _worker = stage.attach_worker(&WorkerOptions::default())?;
        let outcome = stage.builds(&["b"])?;
        let times = modified(&stage.master.basedir().join("uploads/up.txt"))?;
        Ok(outcome.noting("modified", times))
    })
}

/// The 4.3.0 master refuses the times, and the Python worker then fails the upload (`protocol-msgpack.md` 5.3).
#[test]
fn ours_uploads_although_the_master_refuses_the_times_over_msgpack() -> Result<()> {
    ours_alone("keepstamp", Protocol::Msgpack, stamped(), |stage| {
        let _worker = stage.attach_worker(&WorkerOptions::default())?;
        let build = stage.build("b")?;
        ensure!(build.results == Some(0), "the upload failed:\n{build}");
        let text = fs::read_to_string(stage.master.basedir().join("uploads/up.txt"))?;
        ensure!(text == "text\n", "the file holds {text:?}");
        Ok(())
    })
}

/// An obfuscated argument is an array over msgpack, which the Python worker does not recognise.
#[test]
fn ours_recognises_an_obfuscated_argument_over_msgpack() -> Result<()> {
    ours_alone("obfuscated", Protocol::Msgpack, obfuscated(), |stage| {
        obfuscated_argument(stage).map(drop)
    })
}

#[test]
fn an_obfuscated_argument_is_hidden_over_pb() -> Result<()> {
    same_outcome(
        "obfuscated",
        Protocol::Pb,
        obfuscated(),
        obfuscated_argument,
    )
}

fn obfuscated() -> MasterConfig {
    let secret = json!({"$tuple": ["obfuscated", "s3cret-real", "XXXX"]});
    MasterConfig::new().builder(
        Builder::new("b").step(json!({"class": "RemoteShell", "name": "hide",
        "command": ["sh", "-c", "printf %s $0 | md5sum; echo $1", secret, "a b"]})),
    )
}

fn obfuscated_argument(stage: &mut Stage) -> Result<Outcome> {
    let _worker = stage.attach_worker(&WorkerOptions::default())?;
    let build = stage.build("b")?;
    let step = build.step("hide")?;
    let log = step.log("stdio").context("the step has no log")?;
    ensure!(
        step.stdout() == "a3a20e16a54e85ea6c283cd64e63ebcd  -\na b\n",
        "the program did not get the real argument:\n{build}"
    );
    ensure!(
        !log.header.iter().any(|line| line.contains("s3cret")),
        "a header shows it: {:?}",
        log.header
    );
    Ok(Outcome::of_builds(vec![build]))
}

const MAKEFILE: &str = "all: greet\n\ngreet: greet.c\n\t$(CC) -Wall -o greet greet.c\n\ncheck: greet\n\ttest \"$$(./greet)\" = hello\n\techo all tests passed\n";
const SOURCE: &str =
    "#include <stdio.h>\n\nint main(void)\n{\n    return puts(\"hello\") < 0;\n}\n";

/// The place of the repository is known when the master runs: the property is set by the harness as a file.
fn git_build() -> MasterConfig {
    MasterConfig::new().builder(
        Builder::new("b")
            .step(json!({"class": "Git", "name": "clone", "repourl": "../../../project.git", "mode": "full",
                "method": "fresh", "haltOnFailure": true}))
            .step(json!({"class": "Compile", "name": "compile", "command": ["make", "all"]}))
            .step(json!({"class": "Test", "name": "test", "command": ["make", "check"]}))
            .shell("what is there", "git log --format='%an %s'; ls"),
    )
}

fn git(directory: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("git")
        .current_dir(directory)
        .args([
            "-c",
            "user.name=A Developer",
            "-c",
            "user.email=dev@example.invalid",
            "-c",
            "init.defaultBranch=master",
        ])
        .args(arguments)
        .envs([
            ("GIT_AUTHOR_DATE", "1700000000 +0000"),
            ("GIT_COMMITTER_DATE", "1700000000 +0000"),
        ])
        .output()
        .context("while running git; `tests/prepare` installs it")?;
    ensure!(
        output.status.success(),
        "git {arguments:?} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn a_git_repository_is_cloned_compiled_and_tested(stage: &mut Stage) -> Result<Outcome> {
    let repository = stage.directory().join("project.git");
    fs::create_dir(&repository)?;
    fs::write(repository.join("Makefile"), MAKEFILE)?;
    fs::write(repository.join("greet.c"), SOURCE)?;
    git(&repository, &["init", "--quiet"])?;
    git(&repository, &["add", "."])?;
    git(&repository, &["commit", "--quiet", "-m", "A greeting"])?;
    let worker = stage.attach_worker(&WorkerOptions::default())?;
    let first = stage.builds(&["b"])?;
    ensure!(
        first.builds.iter().all(|build| build.results == Some(0)),
        "the build failed:\n{first}"
    );
    fs::write(repository.join("new"), "a new file\n")?;
    git(&repository, &["add", "."])?;
    git(&repository, &["commit", "--quiet", "-m", "A file"])?;
    let mut outcome = stage.builds(&["b"])?;
    outcome.builds.splice(0..0, first.builds);
    ensure!(
        worker.basedir().join("b/build/new").exists(),
        "the second build did not get the new commit"
    );
    Ok(outcome)
}
