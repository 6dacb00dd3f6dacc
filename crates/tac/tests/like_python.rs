//! Every tac file in `tests/files` is read as what Python gets by executing it, and so is what
//! `write_worker` writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use buildbot_model::Secret;
use buildbot_tac::{
    AllowShutdown, Disk, LogTarget, MachineNames, Master, MasterOption, NumberOrNone, Protocol,
    Surroundings, WorkerOptions, WorkerTac, read_worker, write_worker,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::{Value, json};

/// A tac file and the environment it is read in.
struct Case {
    name: String,
    text: String,
    environ: BTreeMap<String, String>,
}

impl Case {
    fn new(name: &str, text: &str) -> Self {
        let mut environ = BTreeMap::from([
            ("HOME".to_owned(), "/home/bot".to_owned()),
            ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
        ]);
        // The first lines of a file may add to its environment.
        for line in text.lines().map_while(|line| line.strip_prefix("#: ")) {
            let (name, value) = line.split_once('=').unwrap();
            environ.insert(name.to_owned(), value.to_owned());
        }
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            environ,
        }
    }
}

/// A worker's directory, with the files that the tac files ask for.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(
        directory.path().join("password.txt"),
        "geheim \ntoken = abc\r\nlast\n",
    )
    .unwrap();
    std::fs::create_dir(directory.path().join("real")).unwrap();
    std::os::unix::fs::symlink("./real/../real", directory.path().join("link")).unwrap();
    directory
}

/// What Python gets, by the name of the file, and its number of processors.
fn python(directory: &Path, cases: &[Case]) -> (usize, BTreeMap<String, Value>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/execute.py");
    let mut child = Command::new("python3")
        .args(["-I", "-B"])
        .arg(script)
        .current_dir(directory)
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("these tests need python3");
    let input: Vec<Value> = cases
        .iter()
        .map(|case| json!({"name": case.name, "text": case.text, "environ": case.environ}))
        .collect();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(serde_json::to_string(&input).unwrap().as_bytes())
        .unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "execute.py failed");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cpus = answer["cpus"].as_u64().unwrap();
    let results = answer["results"].as_object().unwrap();
    let results = results.iter().map(|(k, v)| (k.clone(), v.clone()));
    (usize::try_from(cpus).unwrap(), results.collect())
}

fn read(directory: &Path, cpus: usize, case: &Case) -> Result<WorkerTac, String> {
    let surroundings = Surroundings {
        file: PathBuf::from("buildbot.tac"),
        directory: directory.canonicalize().unwrap(),
        environ: case.environ.clone(),
        home: None,
        machine: MachineNames::of_this_machine(),
        cpus,
        files: &Disk,
    };
    read_worker(&case.text, &surroundings).map_err(|errors| errors.to_string())
}

/// The worker in the form of `execute.py`.
fn worker(tac: &WorkerTac) -> Value {
    let worker = &tac.worker;
    let seconds = |time: Option<std::time::Duration>| time.map(|time| time.as_secs_f64());
    json!({
        "master": match &worker.master {
            Master::Address { host, port } => json!([host, port]),
            Master::Endpoint(endpoint) => json!(endpoint),
        },
        "name": worker.name,
        "passwd": worker.passwd.expose(),
        "basedir": worker.basedir.to_str().unwrap(),
        "keepalive": seconds(worker.keepalive),
        "keepalive_timeout": seconds(worker.keepalive_timeout),
        "umask": worker.umask,
        "maxdelay": seconds(worker.maxdelay),
        "numcpus": worker.numcpus,
        "unicode_encoding": worker.unicode_encoding,
        "protocol": worker.protocol.name(),
        "use_tls": worker.use_tls,
        "allow_shutdown": worker.allow_shutdown.map(AllowShutdown::name),
        "max_retries": worker.max_retries,
        "path": worker.path,
        "delete_leftover_dirs": worker.delete_leftover_dirs,
        "proxy_connection_string": worker.proxy_connection_string,
        "usepty": worker.usepty,
    })
}

/// The log target in the form of `execute.py`.
fn log(target: &LogTarget) -> Value {
    match target {
        LogTarget::RotatedFile {
            path,
            rotate_length,
            max_rotated_files,
        } => json!({
            "path": path.to_str().unwrap(),
            "rotate_length": rotate_length,
            "max_rotated_files": max_rotated_files,
        }),
        LogTarget::StandardOutput => json!("stdout"),
        LogTarget::StandardError => json!("stderr"),
        LogTarget::TwistdDefault => Value::Null,
    }
}

/// Describes the first difference between what we and Python make of a file.
fn difference(case: &Case, ours: Result<WorkerTac, String>, theirs: &Value) -> Option<String> {
    let name = &case.name;
    if let Some(error) = theirs.get("error") {
        return Some(format!("{name}: Python says {error}"));
    }
    let tac = match ours {
        Ok(tac) => tac,
        Err(error) => return Some(format!("{name}: {error}")),
    };
    let mut environ = case.environ.clone();
    environ.retain(|name, _| !tac.removed_environment.contains(name));
    environ.extend(tac.set_environment.clone());
    let printed: String = tac.printed.iter().map(|line| format!("{line}\n")).collect();
    for (what, ours, theirs) in [
        ("worker", worker(&tac), &theirs["worker"]),
        ("log", log(&tac.log), &theirs["log"]),
        ("environment", json!(environ), &theirs["environ"]),
        ("output", json!(printed), &theirs["printed"]),
    ] {
        if ours != *theirs {
            return Some(format!(
                "{name}: {what}\n  ours   {ours}\n  Python {theirs}"
            ));
        }
    }
    None
}

fn compare(cases: &[Case]) -> Vec<String> {
    let directory = directory();
    let (cpus, results) = python(directory.path(), cases);
    cases
        .iter()
        .filter_map(|case| {
            let ours = read(directory.path(), cpus, case);
            difference(case, ours, &results[&case.name])
        })
        .collect()
}

#[test]
fn every_file_is_read_as_what_python_gets_by_executing_it() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(files).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "tac") {
            let text = std::fs::read_to_string(&path).unwrap();
            cases.push(Case::new(
                path.file_stem().unwrap().to_str().unwrap(),
                &text,
            ));
        }
    }
    assert!(cases.len() >= 90, "only {} files", cases.len());
    let differences = compare(&cases);
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

fn options() -> WorkerOptions {
    WorkerOptions {
        basedir: "/srv/worker".into(),
        rotate_length: 10_000_000,
        max_rotated_files: NumberOrNone::parse("10").unwrap(),
        log_section: true,
        master: MasterOption {
            host: "master.example".into(),
            port: 9989,
            connection_string: None,
        },
        name: "bot1".into(),
        passwd: Secret::new("pass1".into()),
        keepalive: 600,
        umask: NumberOrNone::none(),
        maxdelay: 300,
        numcpus: NumberOrNone::none(),
        allow_shutdown: None,
        maxretries: NumberOrNone::none(),
        use_tls: false,
        delete_leftover_dirs: false,
        proxy_connection_string: None,
        protocol: Protocol::Pb.name().into(),
    }
}

#[test]
fn the_written_file_has_the_assignments_that_users_know() {
    let golden = |name: &str| {
        let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
        let text = std::fs::read_to_string(files.join(name)).unwrap();
        without_comments(&text)
    };
    fn without_comments(text: &str) -> String {
        let lines = text.lines().filter(|line| !line.starts_with("# "));
        lines.collect::<Vec<_>>().join("\n")
    }
    let written = write_worker(&options());
    assert_eq!(without_comments(&written), golden("generated-default.tac"));

    let mut options = options();
    options.log_section = false;
    options.basedir = ".".into();
    options.max_rotated_files = NumberOrNone::none();
    let written = write_worker(&options);
    assert_eq!(
        without_comments(&written),
        golden("generated-relocatable-no-logrotate.tac")
    );
    assert!(written.contains("Application('buildbot-worker')"));
}

#[test]
fn the_mask_stays_as_it_was_written_and_the_replaced_master_in_a_comment() {
    let mut options = options();
    options.umask = NumberOrNone::parse("0o22").unwrap();
    options.master.connection_string = Some("tls:m:9989".into());
    let written = write_worker(&options);
    for line in [
        "umask = 0o22\n",
        "buildmaster_host = None  # 'master.example'\n",
        "port = None  # 9989\n",
        "connection_string = 'tls:m:9989'\n",
    ] {
        assert!(written.contains(line), "{line}");
    }
    assert!(compare(&[Case::new("written", &written)]).is_empty());
}

#[test]
fn written_files_with_any_text_are_read_as_what_python_gets() {
    let text = || {
        prop_oneof![
            any::<String>().prop_map(|text| text.replace('\0', "")),
            "[ '\"\\\\{}%\n\r\ta]{0,12}",
        ]
    };
    let strategy = (text(), text(), text(), proptest::option::of(text()));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut cases = Vec::new();
    for index in 0..200 {
        let (name, passwd, host, proxy) = strategy.new_tree(&mut runner).unwrap().current();
        let mut options = options();
        options.name = name;
        options.passwd = Secret::new(passwd);
        options.master.host = format!("h{host}");
        options.proxy_connection_string = proxy;
        cases.push(Case::new(&index.to_string(), &write_worker(&options)));
    }
    let differences = compare(&cases);
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}
