//! Each typed function once: what is written is read.

use std::time::Duration;

use buildbot_db::tables::build_requests::Claim;
use buildbot_db::tables::builders::Description;
use buildbot_db::tables::changes::NewChange;
use buildbot_db::tables::logs::LogKind;
use buildbot_db::tables::{
    build_data, build_requests, builders, builds, buildsets, change_sources, changes, logs,
    masters, objects, projects, schedulers, source_stamps, steps, test_results, users, workers,
};
use buildbot_db::{Connection, StatementError};
use buildbot_model::{
    BuildId, BuildNumber, ChangeId, NewPatch, NewSourceStamp, Properties, Property, Results,
    StepNumber, Timestamp,
};

use crate::place::{NOW, Nouns, Place, add_nouns};

/// Runs a story on a fresh database.
fn story(tell: fn(&Connection, Nouns) -> Result<(), StatementError>) {
    let place = Place::new();
    place.write(move |connection| {
        let nouns = add_nouns(connection)?;
        tell(connection, nouns)
    });
}

fn property(value: &str, source: &str) -> Property {
    Property {
        value: value.to_owned(),
        source: source.to_owned(),
    }
}

fn properties() -> Properties {
    Properties::from([
        ("deep".to_owned(), property("{\"a\":[1,null]}", "Scheduler")),
        ("text".to_owned(), property("\"ü\"", "say \"hi\"")),
    ])
}

fn later(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

#[test]
fn names_are_found_again() {
    story(|connection, nouns| {
        let again = add_nouns(connection)?;
        assert_eq!(
            (
                again.master,
                again.builder,
                again.worker,
                again.source_stamp
            ),
            (
                nouns.master,
                nouns.builder,
                nouns.worker,
                nouns.source_stamp
            )
        );
        assert_ne!(builders::find_or_add(connection, "Linux")?, nouns.builder);
        Ok(())
    });
}

#[test]
fn masters_come_and_go() {
    story(|connection, Nouns { master, .. }| {
        assert!(!masters::by_id(connection, master)?.unwrap().active);
        assert!(masters::set_active(connection, master, later(60))?);
        assert!(!masters::set_active(connection, master, later(120))?);
        assert_eq!(masters::all(connection)?[0].last_active, later(120));
        assert_eq!(masters::stale(connection, later(120))?, []);
        assert_eq!(masters::stale(connection, later(121))?[0].id, master);
        assert!(masters::set_inactive(connection, master)?);
        assert!(!masters::set_inactive(connection, master)?);
        assert_eq!(masters::stale(connection, later(121))?, []);
        Ok(())
    });
}

#[test]
fn builders_have_descriptions_masters_and_tags() {
    story(|connection, nouns| {
        let Nouns {
            builder, master, ..
        } = nouns;
        let project = projects::find_or_add(connection, "p 1")?;
        let description = Description {
            text: Some("*fast*".to_owned()),
            format: Some("markdown".to_owned()),
            html: Some("<em>fast</em>".to_owned()),
        };
        let tags = ["b".to_owned(), "a".to_owned()];
        builders::describe(connection, builder, &description, Some(project), &tags)?;
        let stored = builders::by_id(connection, builder)?.unwrap();
        assert_eq!(
            (stored.name.as_str(), stored.project),
            ("linux", Some(project))
        );
        assert_eq!(stored.description, description);
        assert_eq!(builders::all(connection)?, [stored]);
        assert_eq!(builders::tags(connection, builder)?, tags);
        assert_eq!(builders::all_tags(connection)?.len(), 2);
        builders::describe(connection, builder, &description, None, &tags[1..])?;
        assert_eq!(builders::tags(connection, builder)?, tags[1..]);

        builders::add_master(connection, builder, master)?;
        builders::add_master(connection, builder, master)?;
        assert_eq!(builders::masters(connection, builder)?, [master]);
        assert_eq!(builders::all_masters(connection)?, [(builder, master)]);
        builders::remove_master(connection, builder, master)?;
        assert_eq!(builders::masters(connection, builder)?, []);
        Ok(())
    });
}

#[test]
fn workers_are_configured_and_connected() {
    story(|connection, nouns| {
        let Nouns {
            builder,
            master,
            worker,
            ..
        } = nouns;
        let other = builders::find_or_add(connection, "other")?;
        for builder in [builder, other] {
            builders::add_master(connection, builder, master)?;
        }
        workers::configure(connection, worker, master, &[builder])?;
        workers::configure(connection, worker, master, &[other])?;
        assert_eq!(workers::configured(connection)?, [(worker, other, master)]);
        workers::deconfigure_all(connection, master)?;
        assert_eq!(workers::configured(connection)?, []);

        workers::set_state(connection, worker, true, true)?;
        workers::set_pause_reason(connection, worker, Some("hot"))?;
        workers::connect(connection, worker, master, "{\"host\": \"h\"}")?;
        workers::connect(connection, worker, master, "{\"host\": \"h\"}")?;
        let stored = workers::by_id(connection, worker)?.unwrap();
        assert!(stored.paused, "pauses outlive connections");
        assert!(
            !stored.graceful,
            "a worker that is back is not to be shut down"
        );
        assert_eq!(stored.info, "{\"host\": \"h\"}");
        assert_eq!(stored.pause_reason.as_deref(), Some("hot"));
        assert_eq!(workers::all(connection)?, [stored]);
        assert_eq!(workers::connected(connection)?, [(worker, master)]);
        workers::disconnect(connection, worker, master)?;
        assert_eq!(workers::connected(connection)?, []);
        Ok(())
    });
}

#[test]
fn source_stamps_are_shared_unless_they_have_patches() {
    story(|connection, _| {
        let plain = NewSourceStamp {
            branch: Some("main".to_owned()),
            repository: "git://r".to_owned(),
            ..NewSourceStamp::default()
        };
        let first = source_stamps::find_or_add(connection, &plain, NOW)?;
        assert_eq!(
            source_stamps::find_or_add(connection, &plain, later(5))?,
            first
        );
        let stored = source_stamps::by_id(connection, first)?.unwrap();
        assert_eq!(
            (stored.branch.as_deref(), stored.created_at),
            (Some("main"), NOW)
        );
        let patched = NewSourceStamp {
            patch: Some(NewPatch {
                level: 1,
                body: b"--- a\n\xff".to_vec(),
                author: "ann".to_owned(),
                comment: String::new(),
                subdir: None,
            }),
            ..plain
        };
        let one = source_stamps::find_or_add(connection, &patched, NOW)?;
        let two = source_stamps::find_or_add(connection, &patched, NOW)?;
        assert_ne!(one, two);
        let stored = source_stamps::by_id(connection, one)?.unwrap();
        let patch = source_stamps::patch(connection, stored.patch.unwrap())?.unwrap();
        assert_eq!(
            (patch.body, patch.author.as_str()),
            (b"--- a\n\xff".to_vec(), "ann")
        );
        let stored = source_stamps::by_id(connection, two)?.unwrap();
        assert!(source_stamps::known(connection, stored)?.has_patch);
        Ok(())
    });
}

fn change(revision: &str) -> NewChange {
    NewChange {
        author: "Ann".to_owned(),
        committer: Some("Bob".to_owned()),
        comments: "text".to_owned(),
        source: NewSourceStamp {
            revision: Some(revision.to_owned()),
            ..NewSourceStamp::default()
        },
        revlink: Some("http://r".to_owned()),
        when: NOW,
        category: Some("c".to_owned()),
        files: vec!["z".to_owned(), "a".to_owned()],
        properties: properties(),
        user: None,
    }
}

#[test]
fn changes_follow_each_other_and_are_pruned() {
    story(|connection, _| {
        let user = users::find_or_add(connection, "git", "Ann <a@x>")?;
        assert_eq!(users::find_or_add(connection, "git", "Ann <a@x>")?, user);
        assert_ne!(users::find_or_add(connection, "svn", "Ann <a@x>")?, user);
        let first = NewChange {
            user: Some(user),
            ..change("1")
        };
        let first = changes::add(connection, &first, NOW)?;
        let second = changes::add(connection, &change("2"), NOW)?;
        let mut elsewhere = change("3");
        elsewhere.source.branch = Some("b".to_owned());
        let third = changes::add(connection, &elsewhere, NOW)?;

        let stored = changes::by_id(connection, second)?.unwrap();
        assert_eq!((stored.parent, stored.when), (Some(first), NOW));
        assert_eq!(changes::by_id(connection, third)?.unwrap().parent, None);
        let of_stamp = changes::of_source_stamp(connection, stored.source_stamp)?;
        assert_eq!(of_stamp.unwrap().id, second);
        assert!(source_stamps::has_changes(connection, stored.source_stamp)?);
        assert_eq!(changes::files(connection, first)?, ["z", "a"]);
        assert_eq!(changes::properties(connection, first)?, properties());
        assert_eq!(changes::users(connection, first)?, [user]);

        let scheduler = schedulers::find_or_add(connection, "s")?;
        schedulers::classify_change(connection, scheduler, first, true)?;
        assert_eq!(changes::prune(connection, 3)?, 0);
        assert_eq!(changes::prune(connection, 2)?, 1);
        let left: Vec<ChangeId> = changes::newest(connection, 9)?
            .iter()
            .map(|change| change.id)
            .collect();
        assert_eq!(left, [third, second]);
        assert_eq!(changes::files(connection, first)?, [""; 0]);
        assert_eq!(schedulers::classified_changes(connection, scheduler)?, []);
        Ok(())
    });
}

#[test]
fn schedulers_and_change_sources_have_one_master() {
    story(|connection, Nouns { master, .. }| {
        let other = masters::find_or_add(connection, "other", NOW)?;
        let id = schedulers::find_or_add(connection, "nightly")?;
        assert_eq!(schedulers::claim(connection, id, master)?, master);
        assert_eq!(schedulers::claim(connection, id, other)?, master);
        schedulers::unclaim(connection, id, other)?;
        let stored = schedulers::by_id(connection, id)?.unwrap();
        assert_eq!((stored.master, stored.enabled), (Some(master), true));
        schedulers::unclaim(connection, id, master)?;
        assert_eq!(schedulers::claim(connection, id, other)?, other);
        schedulers::set_enabled(connection, id, false)?;
        assert!(!schedulers::all(connection)?[0].enabled);
        for (change, important) in [(1, true), (2, false), (3, true), (1, false)] {
            schedulers::classify_change(connection, id, ChangeId(change), important)?;
        }
        schedulers::flush_changes(connection, id, Some(ChangeId(2)))?;
        assert_eq!(
            schedulers::classified_changes(connection, id)?,
            [(ChangeId(2), false), (ChangeId(3), true)]
        );
        schedulers::flush_changes(connection, id, None)?;
        assert_eq!(schedulers::classified_changes(connection, id)?, []);

        let id = change_sources::find_or_add(connection, "poller")?;
        assert_eq!(change_sources::claim(connection, id, master)?, master);
        assert_eq!(change_sources::claim(connection, id, other)?, master);
        let stored = change_sources::by_id(connection, id)?.unwrap();
        assert_eq!(stored.master, Some(master));
        change_sources::unclaim(connection, id, master)?;
        assert_eq!(change_sources::all(connection)?[0].master, None);
        Ok(())
    });
}

#[test]
fn projects_have_codebases() {
    story(|connection, _| {
        let id = projects::find_or_add(connection, "my project")?;
        let stored = projects::by_id(connection, id)?.unwrap();
        assert_eq!(stored.slug, "my project");
        projects::describe(connection, id, "mine", &Description::default())?;
        assert_eq!(projects::all(connection)?[0].slug, "mine");
        let codebase = projects::find_or_add_codebase(connection, id, "lib")?;
        assert_eq!(
            projects::find_or_add_codebase(connection, id, "lib")?,
            codebase
        );
        projects::set_codebase_slug(connection, codebase, "l")?;
        let stored = projects::codebase_by_id(connection, codebase)?.unwrap();
        assert_eq!((stored.name.as_str(), stored.slug.as_str()), ("lib", "l"));
        assert_eq!(projects::codebases(connection)?, [stored]);
        Ok(())
    });
}

#[test]
fn steps_keep_data_and_results_of_tests_with_their_build() {
    story(|connection, nouns| {
        let build = add_build(connection, nouns)?;
        build_data::set(connection, build, "d", b"\x00one", "me")?;
        build_data::set(connection, build, "d", b"two", "you")?;
        let found = build_data::get(connection, build, "d")?.unwrap();
        assert_eq!(found, (b"two".to_vec(), "you".to_owned()));
        assert_eq!(build_data::get(connection, build, "e")?, None);

        let new = test_results::NewSet {
            builder: nouns.builder,
            build,
            step: buildbot_model::StepId(1),
            description: "d",
            category: "pass_fail",
            value_unit: "boolean",
        };
        let set = test_results::add_set(connection, &new)?;
        let result = test_results::TestResult {
            name: Some("a".to_owned()),
            path: Some("a.py".to_owned()),
            line: Some(7),
            duration_ns: Some(8),
            value: "1".to_owned(),
        };
        let bare = test_results::TestResult {
            value: "0".to_owned(),
            ..test_results::TestResult::default()
        };
        let results = [result.clone(), bare, result];
        test_results::add(connection, nouns.builder, set, &results)?;
        assert_eq!(test_results::of_set(connection, set)?, results);
        test_results::complete(connection, set, Some(2), Some(1))?;
        let stored = test_results::set_by_id(connection, set)?.unwrap();
        assert_eq!(
            (stored.passed, stored.failed, stored.complete),
            (Some(2), Some(1), true)
        );
        Ok(())
    });
}

#[test]
fn buildsets_of_a_scheduler_are_found_until_they_are_complete() {
    story(|connection, nouns| {
        let mut properties = Properties::new();
        let property = Property {
            value: r#""up""#.to_owned(),
            source: "Scheduler".to_owned(),
        };
        properties.insert("scheduler".to_owned(), property);
        let (buildset, _) = buildsets::add(
            connection,
            &buildsets::NewBuildset {
                external_id: None,
                reason: "why",
                submitted_at: NOW,
                parent_build: None,
                parent_relationship: None,
                rebuilt_build: None,
                properties: &properties,
            },
            [nouns.source_stamp],
            buildsets::NewRequests {
                priority: 0,
                waited_for: false,
            },
            [],
        )?;
        assert_eq!(buildsets::incomplete_of(connection, "up")?, [buildset]);
        assert_eq!(buildsets::incomplete_of(connection, "down")?, []);
        Ok(())
    });
}

#[test]
fn state_outlives_masters() {
    story(|connection, _| {
        let id = objects::find_or_add(connection, "www", "a.B")?;
        assert_eq!(objects::find_or_add(connection, "www", "a.B")?, id);
        assert_eq!(objects::state(connection, id, "k")?, None);
        assert_eq!(objects::set_state_once(connection, id, "k", "1")?, "1");
        assert_eq!(objects::set_state_once(connection, id, "k", "2")?, "1");
        objects::set_state(connection, id, "k", "[3]")?;
        objects::set_state(connection, id, "k", "[4]")?;
        assert_eq!(objects::state(connection, id, "k")?.unwrap(), "[4]");
        Ok(())
    });
}

fn add_build(connection: &Connection, nouns: Nouns) -> Result<BuildId, StatementError> {
    let (buildset, requests) = buildsets::add(
        connection,
        &buildsets::NewBuildset {
            external_id: Some("x1"),
            reason: "why",
            submitted_at: NOW,
            parent_build: Some(BuildId(70)),
            parent_relationship: Some("Triggered from"),
            rebuilt_build: Some(BuildId(71)),
            properties: &properties(),
        },
        [nouns.source_stamp],
        buildsets::NewRequests {
            priority: 2,
            waited_for: true,
        },
        [nouns.builder],
    )?;
    let incomplete = buildsets::incomplete(connection)?;
    assert_eq!(incomplete.last().map(|stored| stored.id), Some(buildset));
    assert_eq!(buildsets::incomplete_of(connection, "nobody")?, []);
    let request = requests[0];
    let claim = build_requests::claim(connection, request, nouns.master, NOW)?;
    assert_eq!(claim, Claim::Made);
    let new = builds::NewBuild {
        builder: nouns.builder,
        request,
        worker: None,
        master: nouns.master,
        at: NOW,
    };
    Ok(builds::add(connection, new)?.0)
}

#[test]
fn buildsets_and_requests_are_read_as_written() {
    story(|connection, nouns| {
        let build = add_build(connection, nouns)?;
        let build = builds::by_id(connection, build)?.unwrap();
        let request = build_requests::by_id(connection, build.request)?.unwrap();
        assert_eq!((request.priority, request.waited_for), (2, true));
        let buildset = buildsets::by_id(connection, request.buildset)?.unwrap();
        assert_eq!(buildset.external_id.as_deref(), Some("x1"));
        assert_eq!(buildset.parent_build, Some(BuildId(70)));
        assert_eq!(
            buildset.parent_relationship.as_deref(),
            Some("Triggered from")
        );
        assert_eq!(buildset.rebuilt_build, Some(BuildId(71)));
        assert_eq!((buildset.complete, buildset.results), (false, None));
        assert_eq!(
            buildsets::properties(connection, buildset.id)?,
            properties()
        );
        let stamps = source_stamps::of_buildset(connection, buildset.id)?;
        assert_eq!(stamps[0].id, nouns.source_stamp);

        assert_eq!(build_requests::waiting(connection)?, []);
        assert!(build_requests::unclaim(
            connection,
            request.id,
            nouns.master
        )?);
        let waiting = build_requests::waiting(connection)?;
        assert_eq!(waiting[0].properties, properties());
        assert!(waiting[0].has_parent);
        assert!(build_requests::set_priority(connection, request.id, 5)?);
        let (id, end) = (request.id, Results::Skipped);
        assert!(build_requests::complete(connection, id, end, later(3))?);
        assert!(!build_requests::complete(connection, id, end, later(4))?);
        assert!(!build_requests::set_priority(connection, id, 6)?);
        let of_buildset = build_requests::of_buildset(connection, buildset.id)?;
        assert_eq!(of_buildset[0].complete_at, Some(later(3)));
        assert_eq!(of_buildset[0].priority, 5);
        // A collapsed request alone makes a success.
        let ended = buildsets::complete(connection, buildset.id, later(4))?;
        assert_eq!(ended, Some(Results::Success));
        Ok(())
    });
}

#[test]
fn builds_steps_and_logs_are_read_as_written() {
    story(|connection, nouns| {
        let id = add_build(connection, nouns)?;
        builds::set_worker(connection, id, nouns.worker)?;
        builds::set_state_string(connection, id, "building")?;
        builds::add_properties(connection, id, &properties())?;
        let changed = property("7", "Build");
        builds::set_property(connection, id, "deep", &changed)?;
        builds::set_property(connection, id, "new", &changed)?;
        let stored = builds::properties(connection, id)?;
        assert_eq!(stored["deep"], changed);
        assert_eq!(stored["text"], properties()["text"]);
        assert_eq!(stored.len(), 3);
        let build = builds::by_id(connection, id)?.unwrap();
        assert_eq!(build.worker, Some(nouns.worker));
        let only = std::slice::from_ref(&build);
        assert_eq!(builds::running(connection)?, only);
        let by_number = builds::by_number(connection, nouns.builder, BuildNumber(1))?;
        assert_eq!(by_number, Some(build.clone()));
        assert_eq!(builds::of_request(connection, build.request)?, only);
        assert_eq!(
            builds::newest_of_builder(connection, nouns.builder, 5)?,
            only
        );

        let step = steps::add(connection, id, StepNumber(0), "shell")?;
        assert!(steps::has_name(connection, id, "shell")?);
        assert_eq!(steps::by_id(connection, step)?.unwrap().started_at, None);
        steps::start(connection, step, later(1))?;
        steps::set_locks_acquired(connection, step, later(2))?;
        steps::set_state_string(connection, step, "'make'")?;
        let url = steps::Url {
            name: "page".to_owned(),
            url: "http://p/?a=1&b=\"".to_owned(),
        };
        steps::set_urls(connection, step, std::slice::from_ref(&url))?;
        steps::set_hidden(connection, step, true)?;

        let (stdio, slug) = logs::add(connection, step, "stdio", LogKind::Stdio)?;
        assert_eq!(slug, "stdio");
        assert_eq!(logs::add(connection, step, "a b", LogKind::Text)?.1, "a_b");
        assert_eq!(
            logs::add(connection, step, "a_b", LogKind::Html)?.1,
            "a_b_2"
        );
        logs::set_line_count(connection, stdio, 3)?;
        assert_eq!(logs::unfinished(connection, id)?.len(), 3);
        logs::finish(connection, stdio, 4)?;
        logs::set_kind(connection, stdio, LogKind::Deleted)?;
        let log = logs::by_id(connection, stdio)?.unwrap();
        assert_eq!(
            (log.complete, log.line_count, log.kind),
            (true, 4, LogKind::Deleted)
        );
        assert_eq!(logs::by_slug(connection, step, "stdio")?, Some(log));
        assert_eq!(logs::of_step(connection, step)?.len(), 3);

        steps::finish(connection, step, Results::Failure, later(9))?;
        steps::set_state_string(connection, step, "too late")?;
        assert_eq!(
            steps::by_id(connection, step)?.unwrap().state_string,
            "'make'"
        );
        assert_eq!(
            steps::id_by_number(connection, id, StepNumber(0))?,
            Some(step)
        );
        let stored = steps::of_build(connection, id)?.remove(0);
        assert_eq!(stored.results, Some(Results::Failure));
        assert_eq!(
            (stored.started_at, stored.locks_acquired_at),
            (Some(later(1)), Some(later(2)))
        );
        assert_eq!(stored.complete_at, Some(later(9)));
        assert_eq!((stored.urls, stored.hidden), (vec![url], true));

        let wait = Duration::from_secs(4);
        assert!(builds::finish(
            connection,
            id,
            Results::Failure,
            wait,
            later(10)
        )?);
        let stored = builds::by_id(connection, id)?.unwrap();
        assert_eq!(
            (stored.results, stored.waited_for_locks),
            (Some(Results::Failure), wait)
        );
        assert_eq!(stored.complete_at, Some(later(10)));
        assert_eq!(builds::running(connection)?, []);
        Ok(())
    });
}

#[test]
fn what_a_dead_master_left_is_ended_and_that_of_others_is_not() {
    story(|connection, nouns| {
        let other = masters::find_or_add(connection, "other", NOW)?;
        let theirs = add_build(
            connection,
            Nouns {
                master: other,
                ..nouns
            },
        )?;
        let ours = add_build(connection, nouns)?;
        builders::add_master(connection, nouns.builder, nouns.master)?;
        builders::add_master(connection, nouns.builder, other)?;
        workers::configure(connection, nouns.worker, nouns.master, &[nouns.builder])?;
        workers::connect(connection, nouns.worker, nouns.master, "{}")?;
        let scheduler = schedulers::find_or_add(connection, "s")?;
        schedulers::claim(connection, scheduler, nouns.master)?;
        let source = change_sources::find_or_add(connection, "c")?;
        change_sources::claim(connection, source, nouns.master)?;
        let step = steps::add(connection, ours, StepNumber(0), "shell")?;
        let (log, _) = logs::add(connection, step, "stdio", LogKind::Stdio)?;
        logs::set_line_count(connection, log, 12)?;

        assert_eq!(
            masters::clean_up(connection, nouns.master, later(99))?,
            [ours]
        );
        let build = builds::by_id(connection, ours)?.unwrap();
        assert_eq!(
            (build.results, build.complete_at),
            (Some(Results::Retry), Some(later(99)))
        );
        let step = steps::by_id(connection, step)?.unwrap();
        assert_eq!(step.results, Some(Results::Retry));
        let log = logs::by_id(connection, log)?.unwrap();
        assert_eq!((log.complete, log.line_count), (true, 12));
        assert_eq!(build_requests::waiting(connection)?[0].id, build.request);
        assert_eq!(builders::masters(connection, nouns.builder)?, [other]);
        assert_eq!(workers::configured(connection)?, []);
        assert_eq!(workers::connected(connection)?, []);
        assert_eq!(schedulers::all(connection)?[0].master, None);
        assert_eq!(change_sources::all(connection)?[0].master, None);

        assert_eq!(builds::by_id(connection, theirs)?.unwrap().results, None);
        assert_eq!(build_requests::waiting(connection)?.len(), 1);
        assert_eq!(masters::clean_up(connection, nouns.master, NOW)?, []);
        Ok(())
    });
}
