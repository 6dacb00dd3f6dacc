//! Commands on the files of a master that does not run.

use std::fs;

use buildbot_daemon::directory_lock::DirectoryLock;

use crate::place::{Place, Side, compare, venv};

const GOOD: &str = "c = BuildmasterConfig = {'buildbotNetUsageData': None, 'builders': [], 'workers': [], \
                    'schedulers': [], 'multiMaster': True}\n";

fn with_master(place: &mut Place) {
    place.see("create-master -q m");
    place.write("m/master.cfg", GOOD);
}

#[test]
fn base_directories_are_upgraded() {
    compare(|place| {
        with_master(place);
        place.write("m/master.cfg.sample", "mine");
        place.see("upgrade-master m");
        place.see("upgrade-master m");
        place.see("upgrade-master -q -r -d m");
        fs::remove_file(place.path("m/master.cfg.sample")).unwrap();
        fs::remove_file(place.path("m/state.sqlite")).unwrap();
        place.see("upgrade-master m");
        place.see("upgrade-master m");
        place.see_rows("m/state.sqlite", "SELECT * FROM alembic_version");
    });
}

#[test]
fn no_master_runs_after_an_upgrade() {
    let mut place = Place::new(Side::Ours);
    with_master(&mut place);
    place.execute(
        "m/state.sqlite",
        "INSERT INTO masters (name, name_hash, active, last_active) VALUES ('a', 'b', 1, 77), ('c', 'd', 0, 78)",
    );
    assert!(place.run("upgrade-master -q m").status.success());
    assert_eq!(
        place.rows("m/state.sqlite", "SELECT active, last_active FROM masters"),
        ["Integer(1) Integer(0)"; 2]
    );
}

#[test]
fn commands_look_at_the_directory_first() {
    compare(|place| {
        for command in ["upgrade-master", "cleanupdb", "copy-db sqlite:///x.sqlite"] {
            place.see(&format!("{command} nosuch"));
        }
        with_master(place);
        place.write("m/twistd.pid", &std::process::id().to_string());
        place.see("upgrade-master m");
        place.see("cleanupdb -q m");
        place.see("copy-db sqlite:///x.sqlite m");
        place.write("m/twistd.pid", "x");
        place.see("upgrade-master m");
        // No process has such a number.
        place.write("m/twistd.pid", "99999999");
        place.see("upgrade-master m");
        assert!(!place.path("m/twistd.pid").exists());
        let tac = fs::read_to_string(place.path("m/buildbot.tac")).unwrap();
        let quoted = tac.replace("rotateLength = 10000000", "rotateLength = '10000000'");
        assert_ne!(quoted, tac);
        place.write("m/buildbot.tac", &quoted);
        place.see("upgrade-master m");
        place.write("m/buildbot.tac", "nothing");
        place.see("upgrade-master m");
    });
}

#[test]
fn files_of_a_master_that_runs_are_left_alone() {
    let mut place = Place::new(Side::Ours);
    with_master(&mut place);
    // It has no pid file: it has just begun, or somebody has removed that.
    let lock = DirectoryLock::take(&place.path("m/twistd.lock")).unwrap();
    assert!(lock.is_some());
    let commands = ["upgrade-master", "cleanupdb", "copy-db sqlite:///x.sqlite"];
    for command in commands {
        let said = place.run(&format!("{command} m"));
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        let text = String::from_utf8_lossy(&said.stderr);
        assert!(text.contains("the master of this directory runs"), "{text}");
    }
    drop(lock);
    for command in commands {
        let said = place.run(&format!("{command} m"));
        assert!(said.status.success(), "{said:?}");
    }
}

#[test]
fn commands_tell_errors_of_the_configuration() {
    compare(|place| {
        place.see("create-master -q m");
        place.write(
            "m/master.cfg",
            "c = BuildmasterConfig = {'titel': 1, 'workers': 5}\n",
        );
        // `copy-db` of the reference loads it twice.
        for command in ["upgrade-master", "cleanupdb"] {
            let said = place.run(&format!("{command} m"));
            // Places and help are ours alone.
            let text = String::from_utf8_lossy(&said.stdout).into_owned();
            let lines: Vec<&str> = text
                .lines()
                .filter(|line| !line.starts_with("   "))
                .collect();
            let messages: Vec<&str> = lines
                .iter()
                .map(|line| line.split("'titel'").next().unwrap_or_default())
                .filter(|line| line.starts_with("  Unknown") || !line.starts_with("  "))
                .collect();
            place.see_text(command, messages.join("\n"));
            place.see_text("exit code", format!("{:?}", said.status.code()));
        }
    });
}

#[test]
fn older_databases_are_left_alone() {
    let mut place = Place::new(Side::Ours);
    with_master(&mut place);
    place.execute(
        "m/state.sqlite",
        "UPDATE alembic_version SET version_num = '060'",
    );
    let said = place.run("upgrade-master m");
    assert_eq!(said.status.code(), Some(1));
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(
        errors.starts_with("problem while upgrading!:\n"),
        "{errors}"
    );
    assert!(
        errors.contains("upgraded with Buildbot 4.3 first"),
        "{errors}"
    );
    assert_eq!(
        place.rows("m/state.sqlite", "SELECT version_num FROM alembic_version"),
        ["Text(\"060\")"]
    );
    for command in ["cleanupdb m", "copy-db sqlite:///new.sqlite m"] {
        let said = place.run(command);
        assert_eq!(said.status.code(), Some(1), "{command}: {said:?}");
    }
    assert!(!place.path("m/new.sqlite").exists());
}

/// Logs with rows of different size, and what refers to them.
const LOGS: &str = "
INSERT INTO builders (id, name, name_hash) VALUES (1, 'b', 'h');
INSERT INTO masters (id, name, name_hash, active, last_active) VALUES (1, 'm', 'h', 0, 0);
INSERT INTO buildsets (id, submitted_at, complete, results) VALUES (1, 1, 0, -1), (2, 1, 0, -1);
INSERT INTO buildrequests (id, buildsetid, builderid, submitted_at) VALUES (1, 1, 1, 1);
INSERT INTO builds (id, number, builderid, buildrequestid, masterid, started_at, state_string,
    locks_duration_s) VALUES (1, 1, 1, 1, 1, 1, 'x', 0);
UPDATE buildsets SET parent_buildid = 1 WHERE id = 2;
UPDATE buildsets SET rebuilt_buildid = 1 WHERE id = 1;
INSERT INTO steps (id, number, name, buildid, urls_json, state_string) VALUES (1, 0, 's', 1, '[]', '');
INSERT INTO logs (id, name, slug, stepid, complete, num_lines, type) VALUES
    (1, 'a', 'a', 1, 1, 3, 's'), (2, 'b', 'b', 1, 1, 2, 's'), (3, 'c', 'c', 1, 1, 0, 's'), (7, 'd', 'd', 1, 1, 1, 't');
INSERT INTO logchunks (logid, first_line, last_line, content, compressed) VALUES
    (1, 0, 0, CAST('oone' AS BLOB), 0), (1, 1, 1, CAST('otwo' AS BLOB), 0), (1, 2, 2, CAST('ethree' AS BLOB), 0),
    (2, 0, 0, zeroblob(60000), 0), (2, 1, 1, zeroblob(6000), 0),
    (7, 0, 0, CAST('only' AS BLOB), 0);
";

/// Without this the reference waits for ever as soon as there is something to compress.
const THREADS: &str = "\
from buildbot.db.logs import LogsConnectorComponent as Logs
from twisted.internet import defer
Logs._defer_to_compression_pool = lambda self, work, *a, **k: defer.maybeDeferred(work, *a, **k)";

#[test]
fn logs_of_the_database_come_together() {
    fn see(place: &mut Place, line: &str) {
        let output = place.run_prepared(THREADS, line);
        place.note(line, &output);
    }
    compare(|place| {
        place.see("create-master -q m");
        place.write(
            "m/master.cfg",
            &format!("{GOOD}c['logCompressionMethod'] = 'raw'\n"),
        );
        place.execute("m/state.sqlite", LOGS);
        let rows = "SELECT logid, first_line, last_line, length(content), compressed FROM logchunks ORDER BY 1, 2";
        see(place, "cleanupdb m");
        place.see_rows("m/state.sqlite", rows);
        place.see_rows(
            "m/state.sqlite",
            "SELECT content FROM logchunks WHERE logid = 1",
        );
        see(place, "cleanupdb m");
        see(place, "cleanupdb -f m");
        see(place, "cleanupdb -q --force m");
        place.write(
            "m/master.cfg",
            &format!("{GOOD}c['logCompressionMethod'] = 'gz'\n"),
        );
        place.run_prepared(THREADS, "cleanupdb -f m");
        place.see_rows(
            "m/state.sqlite",
            "SELECT logid, first_line, last_line, compressed FROM logchunks ORDER BY 1, 2",
        );
    });
}

/// What both programs read has the same meaning: Python unpacks what we packed.
#[test]
fn what_is_compressed_anew_is_read_by_the_real_one() {
    let place = Place::new(Side::Ours);
    place.run("create-master -q m");
    place.write(
        "m/master.cfg",
        &format!("{GOOD}c['logCompressionMethod'] = 'gz'\n"),
    );
    place.execute("m/state.sqlite", LOGS);
    assert!(place.run("cleanupdb -f m").status.success());
    let program = "import sqlite3, zlib\n\
                   rows = sqlite3.connect('m/state.sqlite').execute('SELECT content FROM logchunks WHERE logid = 1')\n\
                   print([zlib.decompress(row[0]) for row in rows])";
    let said = std::process::Command::new(venv("python"))
        .args(["-c", program])
        .current_dir(&place.directory)
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(
        String::from_utf8_lossy(&said.stdout),
        "[b'oone\\notwo\\nethree']\n"
    );
}

/// All rows of all tables.
fn see_all(place: &mut Place, database: &str) {
    let tables = place.rows(
        database,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    );
    for table in tables {
        let table = table
            .trim_start_matches("Text(\"")
            .trim_end_matches("\")")
            .to_owned();
        let count = place.rows(database, &format!("SELECT count(*) FROM {table}"));
        if count != ["Integer(0)"] {
            // The reference loses columns of these: `parents_of_buildsets_are_copied`.
            let columns = if table == "buildsets" {
                "id, submitted_at, complete, results"
            } else {
                "*"
            };
            place.see_rows(
                database,
                &format!("SELECT {columns} FROM {table} ORDER BY rowid LIMIT 20"),
            );
            place.see_rows(database, &format!("SELECT count(*) FROM {table}"));
        }
    }
}

#[test]
fn databases_are_copied() {
    compare(|place| {
        with_master(place);
        place.execute("m/state.sqlite", LOGS);
        place.execute(
            "m/state.sqlite",
            "INSERT INTO sourcestamps (id, ss_hash, repository, codebase, project, created_at)
                 VALUES (1, 'h', '', '', '', 1);
             INSERT INTO changes (changeid, author, comments, when_timestamp, sourcestampid, repository, project)
                 VALUES (5, 'Ann', 'x', 1, 1, '', '');
             WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10005)
                 INSERT INTO change_files (changeid, filename) SELECT 5, 'f' || i FROM n;
             PRAGMA foreign_keys = OFF;
             INSERT INTO change_files (changeid, filename) VALUES (6, 'it''s \"gone\"');
             INSERT INTO steps (id, number, name, buildid, urls_json, state_string)
                 VALUES (2, 0, 'lost', 99, '[]', '');",
        );
        place.see("copy-db sqlite:///new.sqlite m");
        see_all(place, "m/new.sqlite");
        place.see("copy-db --ignore-fk-error-rows sqlite:///less.sqlite m");
        see_all(place, "m/less.sqlite");
        place.see("copy-db -q sqlite:///quiet.sqlite m");
        place.see("copy-db");
        place.see("copy-db a b c");
    });
}

#[test]
fn parents_of_buildsets_are_copied() {
    let mut place = Place::new(Side::Ours);
    with_master(&mut place);
    place.execute("m/state.sqlite", LOGS);
    assert!(
        place
            .run("copy-db -q sqlite:///new.sqlite m")
            .status
            .success()
    );
    let parents = "SELECT id, parent_buildid, rebuilt_buildid FROM buildsets";
    assert_eq!(
        place.rows("m/new.sqlite", parents),
        place.rows("m/state.sqlite", parents)
    );
}

#[test]
fn a_database_is_copied_only_where_nothing_is() {
    let mut place = Place::new(Side::Ours);
    with_master(&mut place);
    place.execute("m/state.sqlite", LOGS);
    let check = |arguments: &str, expected: &str| {
        let said = place.run(&format!("copy-db {arguments} m"));
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        let errors = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(errors.contains(expected), "{errors}");
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
    };
    assert!(place.run("copy-db sqlite:///new.sqlite m").status.success());
    check(
        "sqlite:///new.sqlite",
        "is not empty: its table buildsets has rows",
    );
    check("sqlite:///state.sqlite", "is not empty");
    check(
        "postgresql://u:hunter2@h/db",
        "the database of 'postgresql://…' is not supported yet",
    );
    check("sqlite:///nosuch/new.sqlite", "nosuch/new.sqlite");
}

#[test]
fn the_specification_of_the_data_is_that_of_the_reference() {
    compare(|place| {
        // With the Twisted of today the reference needs a module to be there before its own warnings are errors.
        let run = |place: &Place, line: &str| place.run_prepared("import buildbot.util.ssl", line);
        for line in [
            "dataspec",
            "dataspec -o deep/er/file.json",
            "dataspec --global=SPEC --out spec.js",
        ] {
            let said = run(place, line);
            place.see_text(line, format!("{:?}", said.status.code()));
        }
        for name in ["dataspec.json", "deep/er/file.json", "spec.js"] {
            let text = fs::read_to_string(place.path(name)).unwrap();
            place.seen.push(format!("{name}: {text}"));
        }
        let said = run(place, "dataspec --out=--");
        place
            .seen
            .push(String::from_utf8_lossy(&said.stdout).trim_end().to_owned());
        place.see("dataspec a b");
        place.see("dataspec --nosuch");
    });
}
