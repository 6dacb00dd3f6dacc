//! Steps of Git that fetch from a real repository with the git of this machine.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use buildbot_config::{Description, StepConfig, Value};
use buildbot_model::Results;
use buildbot_steps::{PatchFacts, RemoteCommand, SourceFacts, StepEnd, Transfer};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::port::{Reply, Worker, World};

/// A worker that does what it is told in a directory.
struct Local {
    builder: PathBuf,
    home: PathBuf,
    commands: Mutex<Vec<String>>,
}

fn argument<'a>(command: &'a RemoteCommand, name: &str) -> &'a Value {
    let mut args = command.args.iter();
    args.find(|(known, _)| known == name)
        .map_or(&Value::None, |(_, value)| value)
}

fn words(value: &Value) -> Vec<&str> {
    value
        .as_sequence()
        .unwrap()
        .iter()
        .map(|word| word.as_text().unwrap())
        .collect()
}

impl Local {
    fn path(&self, command: &RemoteCommand, name: &str) -> PathBuf {
        self.builder
            .join(argument(command, name).as_text().unwrap())
    }

    fn program(&self, program: &[&str], workdir: &Path, stdin: Option<&str>) -> Reply {
        fs::create_dir_all(workdir).unwrap();
        let mut child = git_environment(Command::new(program[0]), &self.home)
            .args(&program[1..])
            .current_dir(workdir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input
            .write_all(stdin.unwrap_or_default().as_bytes())
            .unwrap();
        drop(input);
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| Value::Text(String::from_utf8_lossy(bytes).into_owned());
        Reply {
            updates: vec![
                ("stdout".to_owned(), text(&output.stdout)),
                ("stderr".to_owned(), text(&output.stderr)),
            ],
            rc: output.status.code().map(i64::from),
            ..Reply::default()
        }
    }
}

/// Nothing of the user's configuration counts.
fn git_environment(mut command: Command, home: &Path) -> Command {
    command
        .env_remove("GIT_DIR")
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_NAME", "a")
        .env("GIT_AUTHOR_EMAIL", "a@b")
        .env("GIT_COMMITTER_NAME", "a")
        .env("GIT_COMMITTER_EMAIL", "a@b");
    command
}

impl Worker for Local {
    fn carry_out(&self, command: &RemoteCommand, _waited_s: f64) -> Reply {
        let reply = |rc| Reply {
            rc: Some(rc),
            ..Reply::default()
        };
        let rc = |result: std::io::Result<()>| {
            let code = result.map_or_else(|error| error.raw_os_error().unwrap_or(1), |()| 0);
            reply(i64::from(code))
        };
        let mut said = command.name.clone();
        let answer = match command.name.as_str() {
            "shell" => {
                let program = words(argument(command, "command"));
                said = program.join(" ");
                let stdin = argument(command, "initial_stdin").as_text();
                self.program(&program, &self.path(command, "workdir"), stdin)
            }
            "stat" => rc(fs::metadata(self.path(command, "file")).map(drop)),
            "mkdir" => rc(fs::create_dir_all(self.path(command, "dir"))),
            "rmdir" => {
                let path = self.path(command, "dir");
                rc(match fs::metadata(&path) {
                    Ok(known) if known.is_dir() => fs::remove_dir_all(path),
                    Ok(_) => fs::remove_file(path),
                    Err(_) => Ok(()),
                })
            }
            "listdir" => match fs::read_dir(self.path(command, "dir")) {
                Ok(entries) => {
                    let names = entries
                        .map(|entry| entry.unwrap().file_name().into_string().unwrap().into())
                        .collect();
                    Reply {
                        updates: vec![("files".to_owned(), Value::List(names))],
                        ..reply(0)
                    }
                }
                Err(error) => rc(Err(error)),
            },
            "cpdir" => {
                let (from, to) = (self.path(command, "fromdir"), self.path(command, "todir"));
                let program = ["cp", "-RPp", from.to_str().unwrap(), to.to_str().unwrap()];
                self.program(&program, &self.builder, None)
            }
            "downloadFile" => {
                let path = self
                    .path(command, "workdir")
                    .join(argument(command, "workerdest").as_text().unwrap());
                let Some(Transfer::FromMemory(bytes)) = &command.transfer else {
                    panic!("nothing to write: {command:?}");
                };
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                rc(fs::write(path, bytes))
            }
            other => panic!("{other} is not known"),
        };
        self.commands.lock().unwrap().push(said);
        answer
    }
}

/// A repository, and a worker that fetches it.
struct Place {
    directory: TempDir,
    source: SourceFacts,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            directory: TempDir::new().unwrap(),
            source: SourceFacts::default(),
        };
        place.make_repository("repository");
        place.commit("repository", "file", "first\n");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn make_repository(&self, name: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
        self.git(name, &["init", "-q", "-b", "main"]);
    }

    /// Calls git in a directory; what it prints.
    fn git(&self, directory: &str, arguments: &[&str]) -> String {
        let output = git_environment(Command::new("git"), self.directory.path())
            .args(["-c", "protocol.file.allow=always"])
            .args(arguments)
            .current_dir(self.path(directory))
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "git {arguments:?}: {text}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Commits a file; the name of the commit.
    fn commit(&self, repository: &str, file: &str, text: &str) -> String {
        fs::write(self.path(repository).join(file), text).unwrap();
        self.git(repository, &["add", "-A"]);
        self.git(repository, &["commit", "-q", "-m", file]);
        self.git(repository, &["rev-parse", "HEAD"])
    }

    /// Runs a step; its world afterwards.
    fn fetch(&self, arguments: Json) -> (World<Local>, StepEnd) {
        let mut all = json!({"repourl": self.path("repository")});
        all["config"] = json!({"$": "dict", "v": [["protocol.file.allow", "always"]]});
        for (name, value) in arguments.as_object().unwrap() {
            all[name.as_str()] = value.clone();
        }
        self.run("buildbot.steps.source.git.Git", all)
    }

    fn run(&self, class: &str, arguments: Json) -> (World<Local>, StepEnd) {
        let mut world = World::new(Local {
            builder: self.path("builder"),
            home: self.directory.path().to_owned(),
            commands: Mutex::default(),
        });
        world.build.workdir = "build".into();
        world.build.builder_dir = "builder".to_owned();
        world.build.sources = vec![self.source.clone()];
        world.facts.system = "posix".to_owned();
        world.facts.basedir = self.directory.path().to_str().unwrap().to_owned();
        world.facts.commands = ["shell", "listdir"]
            .map(|name| (name.to_owned(), "3.3".to_owned()))
            .to_vec();
        let (_, end) = world.run(&step(class, arguments));
        (world, end)
    }

    /// Runs a step that must succeed, and gives the commands.
    fn fetched(&self, arguments: Json) -> Vec<String> {
        let (world, end) = self.fetch(arguments);
        assert_eq!(end.results, Results::Success, "{:#?}", world.kept().logs);
        let expected = self.git("builder/build", &["rev-parse", "HEAD"]);
        let property = world.kept().properties.value("got_revision").cloned();
        assert_eq!(property, Some(expected.into()));
        world.worker.commands.lock().unwrap().clone()
    }

    fn read(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.path("builder").join(file)).ok()
    }

    fn write(&self, file: &str) {
        fs::write(self.path("builder").join(file), "x").unwrap();
    }
}

/// A step of this class.
fn step(class: &str, arguments: Json) -> Arc<StepConfig> {
    let description = json!({
        "version": 1,
        "config": {"builders": [{"$": "o", "n": 2}]},
        "objects": [
            {"c": class, "a": arguments},
            {"c": "buildbot.process.factory.BuildFactory", "a": {"steps": [{"$": "o", "n": 0}]}},
            {"c": "buildbot.config.builder.BuilderConfig", "a": {
                "name": "b", "workernames": ["w"], "builddir": "b", "workerbuilddir": "b",
                "factory": {"$": "o", "n": 1},
            }},
        ],
    });
    let description = Description::from_json(description.to_string().as_bytes()).unwrap();
    let config = buildbot_config::read(&description, buildbot_config::Sources::NONE).config;
    let factory = config.builders[0].factory.clone().unwrap();
    Arc::new(factory.steps[0].clone())
}

#[test]
fn sources_are_cloned_and_then_updated() {
    let mut place = Place::new();
    let first = place.git("repository", &["rev-parse", "HEAD"]);
    let commands = place.fetched(json!({}));
    assert!(commands.iter().any(|command| command.contains(" clone ")));
    assert_eq!(place.read("build/file").as_deref(), Some("first\n"));
    place.commit("repository", "file", "second\n");
    let commands = place.fetched(json!({}));
    assert!(!commands.iter().any(|command| command.contains(" clone ")));
    assert_eq!(place.read("build/file").as_deref(), Some("second\n"));
    // An old revision is there already.
    place.source.revision = Some(first);
    let commands = place.fetched(json!({}));
    assert!(!commands.iter().any(|command| command.contains(" fetch ")));
    assert_eq!(place.read("build/file").as_deref(), Some("first\n"));
}

#[test]
fn branches_change() {
    let mut place = Place::new();
    place.git("repository", &["checkout", "-q", "-b", "other"]);
    place.commit("repository", "file", "other\n");
    place.git("repository", &["checkout", "-q", "main"]);
    place.fetched(json!({"branch": "other"}));
    assert_eq!(place.read("build/file").as_deref(), Some("other\n"));
    place.source.branch = Some("main".to_owned());
    place.fetched(json!({"branch": "other"}));
    assert_eq!(place.read("build/file").as_deref(), Some("first\n"));
    assert_eq!(
        place.git("builder/build", &["rev-parse", "--abbrev-ref", "HEAD"]),
        "main"
    );
    place.source.branch = Some("refs/heads/other".to_owned());
    place.fetched(json!({"mode": "full", "method": "clobber"}));
    assert_eq!(place.read("build/file").as_deref(), Some("other\n"));
    let (_, end) = {
        place.source.branch = Some("missing".to_owned());
        place.fetch(json!({}))
    };
    assert_eq!(
        (end.results, end.summary.as_str()),
        (Results::Failure, "update (failure)")
    );
}

#[test]
fn each_method_leaves_what_it_should() {
    let place = Place::new();
    place.commit("repository", ".gitignore", "ignored\n");
    place.fetched(json!({}));
    let mess = || {
        place.write("build/ignored");
        place.write("build/new");
        place.write("build/file");
    };
    let left = || ["ignored", "new"].map(|name| place.read(&format!("build/{name}")).is_some());
    for (arguments, expected) in [
        (json!({"mode": "incremental"}), [true, true]),
        (json!({"mode": "full", "method": "clean"}), [true, false]),
        (json!({"mode": "full", "method": "fresh"}), [false, false]),
        (json!({"mode": "full"}), [false, false]),
        (json!({"mode": "full", "method": "clobber"}), [false, false]),
        (json!({"mode": "full", "method": "copy"}), [false, false]),
    ] {
        mess();
        place.fetched(arguments.clone());
        assert_eq!(left(), expected, "{arguments}");
        assert_eq!(place.read("build/file").as_deref(), Some("first\n"));
    }
    assert!(place.read("source/file").is_some());
}

#[test]
fn what_is_no_clone_is_removed_first() {
    let place = Place::new();
    fs::create_dir_all(place.path("builder/build")).unwrap();
    place.write("build/other");
    place.fetched(json!({}));
    assert_eq!(place.read("build/other"), None);
}

#[test]
fn submodules_are_fetched_and_cleaned() {
    let place = Place::new();
    place.make_repository("part");
    place.commit("part", "piece", "1\n");
    let part = place.path("part");
    let part = part.to_str().unwrap();
    place.git("repository", &["submodule", "--quiet", "add", part, "part"]);
    place.git("repository", &["commit", "-q", "-m", "part"]);
    place.fetched(json!({"submodules": true}));
    assert_eq!(place.read("build/part/piece").as_deref(), Some("1\n"));
    place.write("build/part/new");
    place.commit("part", "piece", "2\n");
    place.git("repository/part", &["pull", "-q"]);
    place.git("repository", &["commit", "-q", "-a", "-m", "newer"]);
    place.fetched(json!({"submodules": true, "mode": "full", "method": "fresh"}));
    assert_eq!(place.read("build/part/piece").as_deref(), Some("2\n"));
    assert_eq!(place.read("build/part/new"), None);
}

#[test]
fn a_patch_is_applied_and_removed_by_the_next_build() {
    let mut place = Place::new();
    place.source.patch = Some(PatchFacts {
        level: 1,
        body: b"--- a/file\n+++ b/file\n@@ -1 +1 @@\n-first\n+patched\n".to_vec(),
        ..PatchFacts::default()
    });
    place.fetched(json!({}));
    assert_eq!(place.read("build/file").as_deref(), Some("patched\n"));
    assert_eq!(place.read("build/.buildbot-diff"), None);
    assert!(place.read("build/.buildbot-patched").is_some());
    place.source.patch = None;
    place.fetched(json!({}));
    assert_eq!(place.read("build/file").as_deref(), Some("first\n"));
    assert_eq!(place.read("build/.buildbot-patched"), None);
    place.source.patch = Some(PatchFacts {
        level: 1,
        body: b"nonsense".to_vec(),
        ..PatchFacts::default()
    });
    assert_eq!(place.fetch(json!({})).1.results, Results::Failure);
}

#[test]
fn shallow_clones_have_one_commit_and_tags_describe() {
    let place = Place::new();
    place.git("repository", &["tag", "-a", "-m", "v", "v1"]);
    place.commit("repository", "file", "second\n");
    let url = format!("file://{}", place.path("repository").display());
    place.fetched(json!({"repourl": url, "mode": "full", "method": "clobber", "shallow": true}));
    let count = || place.git("builder/build", &["rev-list", "--count", "HEAD"]);
    assert_eq!(count(), "1");
    place.fetched(json!({"mode": "full", "method": "clobber"}));
    assert_eq!(count(), "2");
    let description = json!({"$": "dict", "v": [["tags", true], ["dirty", true]]});
    let (world, _) = place.fetch(json!({"tags": true, "getDescription": description}));
    let kept = world.kept();
    let described = kept.properties.value("commit-description").unwrap();
    let described = described.as_text().unwrap();
    assert!(described.starts_with("v1-1-g"), "{described}");
}

#[test]
fn what_is_committed_and_tagged_is_pushed() {
    let place = Place::new();
    place.fetched(json!({"branch": "main"}));
    place.write("build/new");
    place.git(
        "repository",
        &["config", "receive.denyCurrentBranch", "updateInstead"],
    );
    let run = |class: &str, arguments| {
        let (world, end) = place.run(&format!("buildbot.steps.source.git.{class}"), arguments);
        assert_eq!(end.results, Results::Success, "{:#?}", world.kept().logs);
    };
    run(
        "GitCommit",
        json!({"paths": ["new"], "messages": ["a", "b"]}),
    );
    run(
        "GitCommit",
        json!({"paths": ["new"], "messages": ["c"], "emptyCommits": "ignore"}),
    );
    run(
        "GitTag",
        json!({"tagName": "t", "annotated": true, "messages": ["m"]}),
    );
    run(
        "GitPush",
        json!({"repourl": place.path("repository"), "branch": "main"}),
    );
    let message = place.git("repository", &["log", "-1", "--format=%B"]);
    assert_eq!(message, "a\n\nb");
    assert!(place.path("repository/new").exists());
    let tag = place.git("builder/build", &["tag"]);
    assert_eq!(tag, "t");
    let (_, end) = place.run(
        "buildbot.steps.source.git.GitCommit",
        json!({"paths": ["new"], "messages": ["d"]}),
    );
    assert_eq!(end.results, Results::Failure);
}

#[test]
fn lines_that_differ_are_data_of_the_build() {
    let place = Place::new();
    place.fetched(json!({"branch": "main"}));
    place.git("builder/build", &["checkout", "-q", "-b", "topic"]);
    place.commit("builder/build", "file", "other\nlines\n");
    let (world, end) = place.run(
        "buildbot.steps.gitdiffinfo.GitDiffInfo",
        json!({"compareToRef": "main"}),
    );
    assert_eq!(end.results, Results::Success, "{:#?}", world.kept().logs);
    let kept = world.kept();
    let (name, data, source) = &kept.data[0];
    assert_eq!(
        (name.as_str(), source.as_str()),
        ("diffinfo-master", "GitDiffInfo")
    );
    let data: Json = serde_json::from_slice(data).unwrap();
    assert_eq!(
        data[0]["hunks"],
        json!([{"ss": 1, "sl": 1, "ts": 1, "tl": 2}])
    );
}

#[test]
fn credentials_are_on_the_worker_only_while_the_step_runs() {
    let place = Place::new();
    let lines = "url=https://host.example\nusername=me\npassword=secret\n";
    let options = json!({"$": "tuple", "v": [[lines], null]});
    let commands = place.fetched(json!({"git_credentials": options}));
    assert!(
        commands
            .iter()
            .any(|command| command.ends_with("credential approve"))
    );
    let hidden = fs::read_dir(place.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name.ends_with(".buildbot"));
    assert_eq!(hidden, None);
}
