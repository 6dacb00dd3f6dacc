//! Repositories change by scripts, and what GitPoller finds after each is what the one of the real Buildbot finds.
//!
//! `reference/gitpoller.py` runs the same scripts with the Buildbot of `BUILDBOT_VENV`. Commits have fixed dates, so that
//! they have the same names in both.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buildbot_changes::{Ended, Later, PollError, Port, Program, StateObject};
use buildbot_config::{ChangeSource, Description, Object, Sources};
use buildbot_render::Value;
use buildbot_schedulers::NewChange;
use serde_json::{Value as Json, json};

/// What every script begins with: `commit` gives each commit a time of its own.
const PRELUDE: &str = "
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME='Ann Author' GIT_AUTHOR_EMAIL=ann@example.org
export GIT_COMMITTER_NAME='Çem Committer' GIT_COMMITTER_EMAIL=cem@example.org
tick() { n=$(cat ../clock 2>/dev/null || echo 1700000000); n=$((n+7)); echo $n >../clock
  export GIT_AUTHOR_DATE=\"$n +0200\" GIT_COMMITTER_DATE=\"$((n+3)) +0000\"; }
commit() { tick; git add -A; git commit -q --allow-empty \"$@\"; }
merge() { tick; git merge -q --no-edit \"$@\"; }
test -d repository || { git init -q -b main repository; cd repository; echo 0 >zero; commit -m first; cd ..; }
cd repository
";

struct Story {
    name: String,
    arguments: Json,
    chapters: Vec<String>,
}

fn story(name: &str, arguments: Json, chapters: &[&str]) -> Story {
    Story {
        name: name.to_owned(),
        arguments,
        chapters: chapters.iter().map(|&text| text.to_owned()).collect(),
    }
}

/// What everything may happen to a repository.
const HISTORY: &[&str] = &[
    "true",
    "true",
    "echo 1 >one; mkdir -p deep/er; echo 2 >deep/er/two; commit -m 'second'; echo 3 >one; commit -m 'third'",
    "git mv one uno; commit -m 'rename'; rm zero; commit -m 'delete'",
    "echo x >'grün & blau.txt'; GIT_AUTHOR_NAME='Jürgen Müller' commit -m 'Übergröße: 日本語' -m 'body ü' -m '  end  '",
    "git checkout -q -b side; echo 4 >side; commit -m 'on side'; echo 5 >side; commit -m 'again on side'",
    "git checkout -q main; echo 6 >main; commit -m 'on main'; merge side",
    "git checkout -q -b topic; echo 7 >topic; commit -m 'topic'; git checkout -q main; git merge -q --ff-only topic",
    "git branch same; git tag v1; tick; git tag -a v2 -m 'two'",
    "commit -m 'empty'; commit -m 'empty too'",
    "echo 8 >eight; commit -m 'eight'; git checkout -q side; merge main; git checkout -q main",
    "git reset -q --hard HEAD~2; echo 9 >nine; commit -m 'instead'",
    "git branch -D side",
    "git checkout -q -b side; echo 10 >ten; commit -m 'another side'; git checkout -q main",
    "git checkout -q -b release/1.0; echo 11 >v; commit -m 'release'; git tag v3; git checkout -q main",
    "git branch -f same main; git tag -f v1 main >/dev/null",
    "git reset -q --hard HEAD~1",
    "git checkout -q --orphan lonely; commit -m 'no parent'; git checkout -q main",
    "git checkout -q side; echo 12 >a; commit -m a; git checkout -q main; echo 13 >b; commit -m b; \
     git checkout -q release/1.0; echo 14 >c; commit -m c; git checkout -q main",
    "git branch -q -m main trunk; git checkout -q trunk; echo 15 >t; commit -m 'renamed branch'",
];

/// Something that happens to a repository by chance.
fn chance(random: &mut u64) -> String {
    let mut next = |of: u64| {
        *random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*random >> 33) % of
    };
    let branches = ["main", "side", "release/1", "x"];
    let mut branch = || branches[usize::try_from(next(4)).unwrap_or(0)];
    let (one, other) = (branch(), branch());
    let go = |to: &str| format!("git checkout -q {to} 2>/dev/null || git checkout -q -b {to}");
    let text = next(1000);
    match next(9) {
        0..=2 => format!(
            "{}; echo {text} >file{}; commit -m 'change {text}'",
            go(one),
            text % 5
        ),
        3 => format!("{}; merge -s ours {other} 2>/dev/null || true", go(one)),
        4 => format!("{}; git branch -f {one}2 HEAD", go(one)),
        5 => format!(
            "{}; git reset -q --hard HEAD~1 2>/dev/null || true; commit -m 'moved {text}'",
            go(one)
        ),
        6 => format!("{}; git branch -q -D {other} 2>/dev/null || true", go(one)),
        7 => format!("{}; git tag -f t{} >/dev/null", go(one), text % 3),
        _ => format!("{}; commit -m 'empty {text}'", go(one)),
    }
}

fn stories() -> Vec<Story> {
    let kinds = [
        ("all", json!({"branches": true})),
        (
            "all-pushes",
            json!({"branches": true, "buildPushesWithNoCommits": true}),
        ),
        ("list", json!({"branches": ["main", "side", "nowhere"]})),
        (
            "list-pushes",
            json!({"branches": ["same", "main"], "buildPushesWithNoCommits": true}),
        ),
        (
            "one",
            json!({"branch": "main", "usetimestamps": false, "category": "cat", "project": "p"}),
        ),
        ("default", json!({})),
        ("tags", json!({"only_tags": true})),
        (
            "tags-pushes",
            json!({"only_tags": true, "buildPushesWithNoCommits": true}),
        ),
        (
            "some",
            json!({"branches": "<releases>", "category": "<branch>"}),
        ),
        ("latin", json!({"branches": true, "encoding": "latin-1"})),
        ("named", json!({"branches": true, "name": "other name"})),
    ];
    let mut stories: Vec<Story> = kinds
        .into_iter()
        .map(|(name, arguments)| story(name, arguments, HISTORY))
        .collect();
    let seed = std::env::var("CHANGES_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let count = std::env::var("CHANGES_CASES")
        .ok()
        .and_then(|count| count.parse().ok());
    let mut random: u64 = seed.unwrap_or(1);
    for number in 0..count.unwrap_or(6) {
        let pushes = number % 2 == 0;
        let branches = [json!(true), json!(["main", "side", "x"]), Json::Null][number % 3].clone();
        let chapters = (0..8).map(|_| {
            let happens: Vec<String> = (0..3).map(|_| chance(&mut random)).collect();
            happens.join("\n")
        });
        stories.push(Story {
            name: format!("random{number}"),
            arguments: json!({"branches": branches, "buildPushesWithNoCommits": pushes}),
            chapters: chapters.collect(),
        });
    }
    stories
}

fn python() -> PathBuf {
    let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
        panic!(
            "BUILDBOT_VENV is not set: name a virtual environment with buildbot 4.3.0 in it \
             (`tests/run` makes one in .venv)"
        );
    };
    Path::new(&venv).join("bin/python")
}

/// What the reference finds, by story and chapter.
fn reference(directory: &Path, stories: &[Story]) -> Vec<Vec<Json>> {
    let stories: Vec<Json> = stories
        .iter()
        .map(|story| {
            let chapters = story.chapters.iter().map(|text| vec![PRELUDE, text]);
            let chapters: Vec<Vec<&str>> = chapters.collect();
            json!({"name": story.name, "arguments": story.arguments, "chapters": chapters})
        })
        .collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/gitpoller.py");
    let mut child = Command::new(python())
        .arg("-B")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let given = json!({"directory": directory, "stories": stories}).to_string();
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(given.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A master that has only what a poll needs.
struct Fake {
    basedir: PathBuf,
    state: Mutex<BTreeMap<String, Json>>,
    changes: Mutex<Vec<Json>>,
    /// A comment that the database does not take.
    refused: Mutex<Option<String>>,
}

impl Port for Fake {
    fn now(&self) -> f64 {
        0.0
    }

    fn sleep(&self, _: Duration) -> Later<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn random(&self, min: i64, _: i64) -> i64 {
        min
    }

    fn basedir(&self) -> &Path {
        &self.basedir
    }

    fn run(&self, program: Program) -> Later<'_, Result<Ended, PollError>> {
        Box::pin(buildbot_changes::run_program(program))
    }

    fn render(&self, values: Vec<Value>) -> Later<'_, Result<Vec<Value>, PollError>> {
        Box::pin(async { Ok(values) })
    }

    fn object(&self, _: &Value) -> Option<Arc<Object>> {
        None
    }

    fn call(&self, _: Value, arguments: Vec<Value>) -> Later<'_, Result<Value, PollError>> {
        let name = arguments[0].as_text().unwrap_or_default();
        let yes = name.starts_with("refs/heads/release");
        Box::pin(async move { Ok(Value::Bool(yes)) })
    }

    fn state(
        &self,
        of: StateObject,
        key: &'static str,
    ) -> Later<'_, Result<Option<Json>, PollError>> {
        let key = format!("{}/{}/{key}", of.name, of.class);
        let state = self.state.lock().expect("no panic").get(&key).cloned();
        Box::pin(async { Ok(state) })
    }

    fn set_state(
        &self,
        of: StateObject,
        key: &'static str,
        value: Json,
    ) -> Later<'_, Result<(), PollError>> {
        let key = format!("{}/{}/{key}", of.name, of.class);
        self.state.lock().expect("no panic").insert(key, value);
        Box::pin(async { Ok(()) })
    }

    fn add_change(&self, change: NewChange) -> Later<'_, Result<(), PollError>> {
        let category = match &change.category {
            Value::None => Json::Null,
            Value::Text(text) => json!(text),
            _ => json!("<callable>"),
        };
        assert!(change.properties.is_empty());
        if *self.refused.lock().expect("no panic") == change.comments {
            return Box::pin(async { Err(PollError("the disk is full".to_owned())) });
        }
        let shown = json!({
            "files": change.files, "comments": change.comments, "author": change.author,
            "committer": change.committer, "revision": change.revision, "when_timestamp": change.when,
            "branch": change.branch, "category": category, "revlink": change.revlink, "properties": null,
            "repository": change.repository, "codebase": change.codebase, "project": change.project,
            "src": change.source,
        });
        self.changes.lock().expect("no panic").push(shown);
        Box::pin(async { Ok(()) })
    }

    fn claim(&self, _: &str) -> Later<'_, Result<bool, PollError>> {
        Box::pin(async { Ok(true) })
    }

    fn release(&self, _: &str) -> Later<'_, ()> {
        Box::pin(async {})
    }
}

fn source(repository: &Path, arguments: &Json) -> ChangeSource {
    let mut arguments = arguments.clone();
    arguments["repourl"] = json!(repository);
    for (name, handle) in [("branches", 1), ("category", 2)] {
        if arguments[name]
            .as_str()
            .is_some_and(|text| text.starts_with('<'))
        {
            arguments[name] = json!({"$": "fn", "h": handle, "name": "f", "params": 1});
        }
    }
    let arguments: serde_json::Map<String, Json> = arguments
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let description = json!({
        "version": 1,
        "config": {"change_source": {"$": "o", "n": 0}},
        "objects": [{"c": "buildbot.changes.gitpoller.GitPoller", "a": arguments}],
    });
    let description = Description::from_json(description.to_string().as_bytes());
    let description = description.expect("a description");
    let sources = Sources {
        file: "master.cfg",
        text_of: &|_| None,
    };
    let mut found = buildbot_config::read(&description, sources)
        .config
        .change_sources;
    assert_eq!(buildbot_changes::unsupported(&found[0]), None);
    found.remove(0)
}

fn told(directory: &Path, story: &Story) -> Vec<Json> {
    let directory = directory.join(&story.name);
    std::fs::create_dir_all(&directory).expect("a directory");
    let source = source(&directory.join("repository"), &story.arguments);
    let port = Fake {
        basedir: directory.clone(),
        state: Mutex::default(),
        changes: Mutex::default(),
        refused: Mutex::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let chapters = story.chapters.iter().map(|text| {
        let done = Command::new("sh")
            .args(["-e", "-c", &format!("{PRELUDE}\n{text}")])
            .current_dir(&directory)
            .stdout(Stdio::null())
            .status();
        assert!(done.expect("a shell").success(), "{text}");
        // As in a master, what ends a poll does not keep the next one from its turn; the state shows it.
        let _ = runtime.block_on(buildbot_changes::poll(&source, &port));
        let refs = Command::new("git")
            .args(["for-each-ref", "--format=%(refname) %(objectname)"])
            .current_dir(directory.join("gitpoller-work"))
            .output()
            .expect("git");
        let refs = String::from_utf8_lossy(&refs.stdout).into_owned();
        let key = format!("{}/GitPoller/lastRev", source.name());
        json!({
            "changes": std::mem::take(&mut *port.changes.lock().expect("no panic")),
            "state": port.state.lock().expect("no panic").get(&key),
            "refs": refs.lines().collect::<Vec<_>>(),
        })
    });
    chapters.collect()
}

/// The chapters as text, without the directory that they were told in.
fn shown(directory: &Path, chapters: &[Json]) -> String {
    let text = serde_json::to_string_pretty(&sorted(&json!(chapters))).expect("JSON");
    let directory = directory.to_string_lossy();
    text.replace(&*directory, "HERE")
        .replace(&directory.replace('/', "%2F"), "HERE")
}

/// With the keys in their order.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Object(pairs) => {
            let pairs: BTreeMap<&String, Json> = pairs
                .iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            json!(pairs)
        }
        Json::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[test]
fn a_commit_that_could_not_be_added_is_added_by_the_next_poll() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = source(
        &directory.path().join("repository"),
        &json!({"branches": true}),
    );
    let port = Fake {
        basedir: directory.path().to_owned(),
        state: Mutex::default(),
        changes: Mutex::default(),
        refused: Mutex::new(Some("b".to_owned())),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let poll = |script: &str| {
        let done = Command::new("sh")
            .args(["-e", "-c", &format!("{PRELUDE}\n{script}")])
            .current_dir(directory.path())
            .stdout(Stdio::null())
            .status();
        assert!(done.expect("a shell").success(), "{script}");
        let polled = runtime.block_on(buildbot_changes::poll(&source, &port));
        polled.expect("only a branch has failed");
        let changes = std::mem::take(&mut *port.changes.lock().expect("no panic"));
        let comments = changes
            .iter()
            .filter_map(|change| change["comments"].as_str());
        comments.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(poll("true"), [""; 0]);
    let commits = "for i in a b c; do echo $i >$i; commit -m $i; done";
    assert_eq!(poll(commits), ["a"]);
    assert_eq!(
        poll("git checkout -q -b new; echo d >d; commit -m d"),
        [""; 0]
    );
    *port.refused.lock().expect("no panic") = None;
    assert_eq!(poll("true"), ["b", "c", "d"]);
    assert_eq!(poll("true"), [""; 0]);
}

#[test]
fn git_pollers_find_what_the_real_ones_find() {
    let stories = stories();
    let (theirs, ours) = (
        tempfile::tempdir().expect("a directory"),
        tempfile::tempdir().expect("a directory"),
    );
    let expected = reference(theirs.path(), &stories);
    let mut wrong = Vec::new();
    let mut changes = 0;
    for (story, expected) in stories.iter().zip(&expected) {
        let found = told(ours.path(), story);
        changes += found
            .iter()
            .filter_map(|chapter| chapter["changes"].as_array())
            .map(Vec::len)
            .sum::<usize>();
        let (expected, found) = (shown(theirs.path(), expected), shown(ours.path(), &found));
        // The reference shows such names as git quotes them.
        let name = if story.name == "latin" {
            "grÃ¼n"
        } else {
            "grün"
        };
        let expected = expected.replace(r"gr\\303\\274n", name);
        if expected != found {
            let difference = similar::TextDiff::from_lines(&expected, &found);
            let difference = difference.unified_diff().context_radius(12).to_string();
            wrong.push(format!("{}:\n{difference}", story.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} stories\n{}",
        wrong.len(),
        stories.len(),
        wrong.join("\n")
    );
    assert!(changes > 100, "only {changes} changes");
}
