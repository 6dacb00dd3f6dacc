//! Beside the real Buildbot 4.3: the same schema, and each reads what the other wrote.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use buildbot_db::tables::builders::Description;
use buildbot_db::tables::changes::NewChange;
use buildbot_db::tables::logs::LogKind;
use buildbot_db::tables::{
    build_requests, builders, builds, buildsets, change_sources, changes, logs, masters, objects,
    projects, schedulers, source_stamps, steps, users, workers,
};
use buildbot_db::{Connection, Database, StatementError, create};
use buildbot_model::{
    BuildId, BuildNumber, BuildRequestId, BuilderId, NewPatch, NewSourceStamp, Properties,
    Property, Results, StepNumber, WorkerId,
};

use crate::place::{NOW, file};

/// Runs a program of the real Buildbot's environment.
fn real(program: &str, arguments: &[&Path]) -> Output {
    let Some(venv) = std::env::var_os("BUILDBOT_VENV") else {
        panic!(
            "BUILDBOT_VENV is not set: run `tests/prepare` and set it to the directory .venv of the repository"
        );
    };
    let output = Command::new(PathBuf::from(venv).join("bin").join(program))
        .args(arguments)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// A base directory that the real one has made, with its database.
fn real_master() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    real("buildbot", &[Path::new("create-master"), directory.path()]);
    std::fs::copy(
        directory.path().join("master.cfg.sample"),
        directory.path().join("master.cfg"),
    )
    .unwrap();
    directory
}

/// The tables of a database with all that matters about them, a line for each thing.
fn describe(path: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(path).unwrap();
    let rows = |sql: &str| -> Vec<Vec<rusqlite::types::Value>> {
        let mut statement = connection.prepare(sql).unwrap();
        let count = statement.column_count();
        let rows = statement
            .query_map([], |row| (0..count).map(|column| row.get(column)).collect())
            .unwrap();
        rows.map(Result::unwrap).collect()
    };
    let mut lines = Vec::new();
    for table in rows("SELECT type, name, tbl_name FROM sqlite_master") {
        lines.push(format!("{table:?}"));
        let rusqlite::types::Value::Text(name) = &table[1] else {
            panic!("{table:?}");
        };
        for pragma in [
            "table_info",
            "foreign_key_list",
            "index_list",
            "index_xinfo",
        ] {
            for mut row in rows(&format!("PRAGMA {pragma}({name})")) {
                // The position in the list, which is the order of creation.
                if matches!(pragma, "foreign_key_list" | "index_list") {
                    row.remove(0);
                }
                lines.push(format!("{name} {pragma} {row:?}"));
            }
        }
    }
    // Names of constraints are in the text only.
    for row in rows("SELECT name, sql FROM sqlite_master WHERE sql LIKE '%CONSTRAINT%'") {
        let [
            rusqlite::types::Value::Text(table),
            rusqlite::types::Value::Text(sql),
        ] = row.as_slice()
        else {
            panic!("{row:?}");
        };
        let words: Vec<_> = sql
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .collect();
        for window in words.windows(5) {
            if window[0] == "CONSTRAINT" {
                lines.push(format!("{table} {window:?}"));
            }
        }
    }
    for revision in rows("SELECT * FROM alembic_version") {
        lines.push(format!("{revision:?}"));
    }
    for setting in ["encoding", "page_size", "auto_vacuum", "journal_mode"] {
        lines.push(format!(
            "{setting} {:?}",
            rows(&format!("PRAGMA {setting}"))
        ));
    }
    lines.sort();
    lines
}

fn assert_same_schema(ours: &Path, theirs: &Path) {
    let (ours, theirs) = (describe(ours), describe(theirs));
    assert!(theirs.len() > 400);
    let missing: Vec<_> = theirs.iter().filter(|line| !ours.contains(line)).collect();
    let added: Vec<_> = ours.iter().filter(|line| !theirs.contains(line)).collect();
    assert!(
        missing.is_empty() && added.is_empty(),
        "missing: {missing:#?}\nadded: {added:#?}"
    );
    assert_eq!(ours, theirs);
}

#[test]
fn the_schema_is_that_of_create_master() {
    let theirs = real_master();
    let directory = tempfile::tempdir().unwrap();
    let ours = file(directory.path());
    create(&ours).unwrap();
    assert_same_schema(&ours, &file(theirs.path()));
}

#[test]
fn upgrade_master_of_the_real_one_finds_nothing_to_do_in_ours() {
    let master = real_master();
    let path = file(master.path());
    let theirs = master.path().join("theirs.sqlite");
    std::fs::rename(&path, &theirs).unwrap();
    create(&path).unwrap();
    real("buildbot", &[Path::new("upgrade-master"), master.path()]);
    assert_same_schema(&path, &theirs);
    Database::open(&path).unwrap();
}

fn property(value: &str, source: &str) -> Property {
    Property {
        value: value.to_owned(),
        source: source.to_owned(),
    }
}

/// Something in each table.
fn fill(connection: &Connection) -> Result<(), StatementError> {
    let master = masters::find_or_add(connection, "host:/base", NOW)?;
    masters::set_active(connection, master, NOW)?;
    let project = projects::find_or_add(connection, "my project")?;
    let description = Description {
        text: Some("*d*".to_owned()),
        format: Some("markdown".to_owned()),
        html: Some("<p>d</p>".to_owned()),
    };
    projects::describe(connection, project, "my_project", &description)?;
    projects::find_or_add_codebase(connection, project, "lib")?;
    let builder = builders::find_or_add(connection, "linux ü")?;
    let tags = ["t2".to_owned(), "t1".to_owned()];
    builders::describe(connection, builder, &description, Some(project), &tags)?;
    builders::add_master(connection, builder, master)?;
    let worker = workers::find_or_add(connection, "w1")?;
    workers::configure(connection, worker, master, &[builder])?;
    workers::connect(connection, worker, master, "{\"host\": \"h\"}")?;
    workers::set_state(connection, worker, true, false)?;
    workers::set_pause_reason(connection, worker, Some("hot"))?;
    let scheduler = schedulers::find_or_add(connection, "nightly")?;
    schedulers::claim(connection, scheduler, master)?;
    let source = change_sources::find_or_add(connection, "poller")?;
    change_sources::claim(connection, source, master)?;
    let object = objects::find_or_add(connection, "www", "a.B")?;
    objects::set_state(connection, object, "k", "{\"a\": [1, \"ü\"]}")?;

    let properties = Properties::from([
        ("deep".to_owned(), property("{\"a\":[1,null]}", "Change")),
        ("text".to_owned(), property("\"ü\"", "say \"hi\"")),
    ]);
    let stamp = NewSourceStamp {
        revision: Some("r1".to_owned()),
        repository: "git://r".to_owned(),
        codebase: "lib".to_owned(),
        ..NewSourceStamp::default()
    };
    let user = users::find_or_add(connection, "git", "Ann <a@x>")?;
    let change = NewChange {
        author: "Ann".to_owned(),
        committer: None,
        comments: "text".to_owned(),
        source: stamp.clone(),
        revlink: None,
        when: NOW,
        category: Some("c".to_owned()),
        files: vec!["z".to_owned(), "a".to_owned()],
        properties: Properties::from([("deep".to_owned(), property("[1, null]", "Change"))]),
        user: Some(user),
    };
    let change = changes::add(connection, &change, NOW)?;
    schedulers::classify_change(connection, scheduler, change, true)?;
    let patched = NewSourceStamp {
        codebase: "app".to_owned(),
        patch: Some(NewPatch {
            level: 1,
            body: b"--- a".to_vec(),
            author: "bob".to_owned(),
            comment: "try".to_owned(),
            subdir: Some("src".to_owned()),
        }),
        ..stamp.clone()
    };
    let stamps = [
        source_stamps::find_or_add(connection, &stamp, NOW)?,
        source_stamps::find_or_add(connection, &patched, NOW)?,
    ];
    let (_, requests) = buildsets::add(
        connection,
        &buildsets::NewBuildset {
            external_id: Some("x1"),
            reason: "why",
            submitted_at: NOW,
            parent_build: None,
            parent_relationship: None,
            rebuilt_build: None,
            properties: &properties,
        },
        stamps,
        buildsets::NewRequests {
            priority: 2,
            waited_for: false,
        },
        [builder, builder],
    )?;
    build_requests::claim(connection, requests[0], master, NOW)?;
    let new = builds::NewBuild {
        builder,
        request: requests[0],
        worker: Some(worker),
        master,
        at: NOW,
    };
    let (build, _) = builds::add(connection, new)?;
    builds::add_properties(connection, build, &properties)?;
    let step = steps::add(connection, build, StepNumber(0), "shell")?;
    steps::start(connection, step, NOW)?;
    steps::set_locks_acquired(connection, step, NOW)?;
    let url = steps::Url {
        name: "page".to_owned(),
        url: "http://p/".to_owned(),
    };
    steps::set_urls(connection, step, &[url])?;
    let (log, _) = logs::add(connection, step, "many lines", LogKind::Stdio)?;
    logs::finish(connection, log, 12)?;
    steps::set_state_string(connection, step, "'make'")?;
    steps::finish(connection, step, Results::Warnings, NOW)?;
    builds::set_state_string(connection, build, "warnings 'make'")?;
    let wait = Duration::from_secs(3);
    builds::finish(connection, build, Results::Warnings, wait, NOW)?;
    build_requests::complete(connection, requests[0], Results::Warnings, NOW)?;
    Ok(())
}

#[test]
fn the_real_one_reads_what_we_write_and_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path());
    create(&path).unwrap();
    let database = Database::open(&path).unwrap();
    database.write(fill).unwrap();
    drop(database);

    let read = run_script("read.py", directory.path());
    let expected = include_str!("../like_buildbot/read.txt");
    assert_eq!(read, expected);

    let database = Database::open(&path).unwrap();
    let (builder, request) = (BuilderId(1), BuildRequestId(2));
    database
        .write(move |connection| {
            let theirs = builds::by_number(connection, builder, BuildNumber(2))?.unwrap();
            assert_eq!((theirs.id, theirs.request), (BuildId(2), request));
            assert_eq!(theirs.results, None);
            let step = steps::of_build(connection, theirs.id)?.remove(0);
            assert_eq!((step.name.as_str(), step.results), ("shell", None));
            let new = builds::NewBuild {
                builder,
                request,
                worker: Some(WorkerId(1)),
                master: theirs.master,
                at: NOW,
            };
            assert_eq!(builds::add(connection, new)?.1, BuildNumber(3));
            Ok(())
        })
        .unwrap();
}

/// Runs a script of ours with the real Buildbot on the database in a directory.
fn run_script(name: &str, directory: &Path) -> String {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/like_buildbot");
    let output = real("python", &[&scripts.join(name), directory]);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn we_read_what_the_real_one_wrote_and_clean_up_after_it() {
    let directory = real_master();
    run_script("write.py", directory.path());
    let database = Database::open(&file(directory.path())).unwrap();
    database.write(check_and_clean_up).unwrap();
}

/// Every name gives the id that is there, and every row is understood.
fn check_and_clean_up(connection: &Connection) -> Result<(), StatementError> {
    let master = masters::find_or_add(connection, "host:/base", NOW)?;
    assert!(masters::by_id(connection, master)?.unwrap().active);
    let builder = builders::find_or_add(connection, "linux ü")?;
    let stored = builders::all(connection)?.remove(0);
    assert_eq!(stored.id, builder);
    assert_eq!(stored.description.format.as_deref(), Some("markdown"));
    let project = projects::find_or_add(connection, "my project")?;
    assert_eq!(stored.project, Some(project));
    assert_eq!(projects::all(connection)?[0].slug, "my project");
    assert_eq!(builders::masters(connection, builder)?, [master]);
    assert_eq!(builders::tags(connection, builder)?.len(), 2);
    let worker = workers::find_or_add(connection, "w1")?;
    let stored = workers::by_id(connection, worker)?.unwrap();
    assert_eq!(stored.pause_reason.as_deref(), Some("hot"));
    assert_eq!(
        (stored.paused, stored.info.as_str()),
        (true, "{\"host\": \"h\"}")
    );
    assert_eq!(workers::connected(connection)?, [(worker, master)]);
    assert_eq!(
        workers::configured(connection)?,
        [(worker, builder, master)]
    );
    let scheduler = schedulers::find_or_add(connection, "nightly")?;
    assert_eq!(schedulers::all(connection)?[0].master, Some(master));
    let source = change_sources::find_or_add(connection, "poller")?;
    let stored = change_sources::by_id(connection, source)?.unwrap();
    assert_eq!(stored.master, Some(master));
    let object = objects::find_or_add(connection, "www", "a.B")?;
    let state = objects::state(connection, object, "k")?.unwrap();
    assert_eq!(state, "{\"b\": 1, \"a\": null}");

    let change = changes::newest(connection, 5)?.remove(0);
    assert_eq!(
        (change.author.as_str(), change.committer.as_deref()),
        ("Ann", Some("Bob"))
    );
    assert_eq!(changes::files(connection, change.id)?, ["z", "a"]);
    let user = users::find_or_add(connection, "git", "Ann <a@x>")?;
    assert_eq!(changes::users(connection, change.id)?, [user]);
    let deep = |source| property("{\"a\":[\"ü\"],\"b\":1}", source);
    let properties = changes::properties(connection, change.id)?;
    assert_eq!(properties["deep"], deep("Change"));
    assert_eq!(
        schedulers::classified_changes(connection, scheduler)?,
        [(change.id, true)]
    );
    let same = NewSourceStamp {
        revision: Some("r1".to_owned()),
        repository: "git://r".to_owned(),
        codebase: "lib".to_owned(),
        ..NewSourceStamp::default()
    };
    let stamp = source_stamps::find_or_add(connection, &same, NOW)?;
    assert_eq!(stamp, change.source_stamp);

    let build = builds::running(connection)?.remove(0);
    assert_eq!(
        (build.builder, build.worker, build.master, build.results),
        (builder, Some(worker), master, None)
    );
    assert_eq!(
        builds::properties(connection, build.id)?["deep"],
        deep("Build")
    );
    let step = steps::of_build(connection, build.id)?.remove(0);
    assert_eq!(step.started_at, Some(NOW));
    assert_eq!(step.urls[0].name, "page");
    let log = logs::by_slug(connection, step.id, "stdio")?.unwrap();
    assert_eq!(
        (log.line_count, log.complete, log.kind),
        (0, false, LogKind::Stdio)
    );

    assert_eq!(build_requests::waiting(connection)?, []);
    assert_eq!(masters::clean_up(connection, master, NOW)?, [build.id]);
    let request = build_requests::waiting(connection)?.remove(0);
    assert_eq!(request.id, build.request);
    assert_eq!((request.priority, request.waited_for), (4, true));
    assert_eq!(request.properties["deep"], deep("Scheduler"));
    assert_eq!(request.properties["text"], property("\"x\"", "Trigger"));
    assert_eq!(request.source_stamps.len(), 2);
    let [plain, patched] = [&request.source_stamps[0], &request.source_stamps[1]];
    assert_eq!(
        (plain.id, plain.has_patch, plain.has_changes),
        (stamp, false, true)
    );
    assert_eq!((patched.has_patch, patched.has_changes), (true, false));
    let stored = source_stamps::by_id(connection, patched.id)?.unwrap();
    let patch = source_stamps::patch(connection, stored.patch.unwrap())?.unwrap();
    assert_eq!(patch.body, b"--- a");
    Ok(())
}
